//! Reading and writing the numbers of DWARF: 32 bits, little-endian.

/// Why the debug information of an object is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken(pub &'static str);

pub(super) type Read<T> = Result<T, Broken>;

const CUT: Broken = Broken("it ends too early");

/// Reads a section from a place on.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8], at: usize) -> Cursor<'a> {
        Cursor { bytes, at }
    }

    pub fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub fn take(&mut self, size: usize) -> Read<&'a [u8]> {
        let end = self.at.checked_add(size).ok_or(CUT)?;
        let taken = self.bytes.get(self.at..end).ok_or(CUT)?;
        self.at = end;
        Ok(taken)
    }

    /// As many bytes as an LEB128 says.
    pub fn take_counted(&mut self) -> Read<&'a [u8]> {
        let size = usize::try_from(self.leb()?).map_err(|_| CUT)?;
        self.take(size)
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| CUT)
    }

    pub fn byte(&mut self) -> Read<u8> {
        self.array().map(|[byte]| byte)
    }

    pub fn half(&mut self) -> Read<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn word(&mut self) -> Read<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// An LEB128, whose bits beyond the 64th are ignored: so also one with a sign can be passed over.
    pub fn leb(&mut self) -> Read<u64> {
        let (mut value, mut shift) = (0, 0u32);
        loop {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            value |= bits.checked_shl(shift).unwrap_or(0);
            shift = shift.saturating_add(7);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
    }

    pub fn leb32(&mut self) -> Read<u32> {
        u32::try_from(self.leb()?).map_err(|_| Broken("a number is too large"))
    }

    /// Passes over a text that ends with a NUL.
    pub fn text(&mut self) -> Read<()> {
        let rest = self.bytes.get(self.at..).ok_or(CUT)?;
        let end = memchr::memchr(0, rest).ok_or(CUT)?;
        self.take(end.saturating_add(1)).map(|_| ())
    }

    /// The content of what begins with its length.
    pub fn unit(&mut self) -> Read<Cursor<'a>> {
        let length = self.word()?;
        if length >= 0xffff_fff0 {
            return Err(Broken("it is 64-bit DWARF"));
        }
        let at = self.at;
        self.take(length as usize)?;
        let bytes = self.bytes.get(..self.at).ok_or(CUT)?;
        Ok(Cursor { bytes, at })
    }
}

/// Puts bytes over others.
pub(super) fn put(bytes: &mut [u8], at: usize, new: &[u8]) -> Read<()> {
    let end = at.checked_add(new.len()).ok_or(CUT)?;
    bytes.get_mut(at..end).ok_or(CUT)?.copy_from_slice(new);
    Ok(())
}

pub(super) fn put_word(bytes: &mut [u8], at: usize, word: u32) -> Read<()> {
    put(bytes, at, &word.to_le_bytes())
}

/// Puts an offset into a section there, which begins at `base` of the section that is written.
pub(super) fn put_offset(bytes: &mut [u8], at: usize, offset: usize, base: usize) -> Read<()> {
    let sum = offset.checked_add(base).map(u32::try_from);
    match sum {
        Some(Ok(sum)) => put_word(bytes, at, sum),
        _ => Err(TOO_LARGE),
    }
}

pub(super) const TOO_LARGE: Broken =
    Broken("its sections are too large beside those of the others");

/// Puts a number over an LEB128 of `size` bytes.
pub(super) fn put_leb(bytes: &mut [u8], at: usize, size: usize, value: u64) -> Read<()> {
    let mut rest = value;
    for n in 0..size {
        let more = if n.saturating_add(1) < size { 0x80 } else { 0 };
        let low = rest.to_le_bytes()[0] & 0x7f;
        put(bytes, at.saturating_add(n), &[low | more])?;
        rest >>= 7;
    }
    match rest {
        0 => Ok(()),
        _ => Err(Broken("a size has no room to grow")),
    }
}

pub(super) fn push_leb(bytes: &mut Vec<u8>, value: u32) {
    let mut rest = value;
    while rest >= 0x80 {
        bytes.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    bytes.push(rest.to_le_bytes()[0]);
}

/// How many bytes an LEB128 takes.
pub(super) fn leb_size(value: u32) -> u32 {
    value.max(1).ilog2() / 7 + 1
}
