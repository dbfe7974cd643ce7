//! What a file of kept code holds: whose code it is, what each piece hashes to, and the pieces. A pure function of bytes.
//!
//! ```text
//! magic (16)   alignment (4)   number of pieces (4)   size of the file (8)   settings (32)
//! for each piece:   key (32)   offset (8)   length (8)   XXH3-128 of the piece (16)
//! XXH3-128 of all above (16)   zeros
//! the pieces, each at a multiple of the alignment, with zeros between them
//! ```
//!
//! Numbers are little endian. Pieces stand in the order of their keys and cover the file up to the zeros between them, so that there is no
//! byte in it that is not checked.

use twox_hash::XxHash3_128;

use super::key::ModuleKey;

/// The form of the file; another form gets another number.
const MAGIC: &[u8; 16] = b"wasmdyld code 3\n";

const HEAD: usize = 16 + 4 + 4 + 8 + 32;
const ITEM: usize = 32 + 8 + 8 + 16;
const CHECK: usize = 16;

/// Pieces of one file: what no program comes near to.
pub const MAX_PIECES: usize = 1 << 16;

/// Zeros between pieces; no larger alignment is written or read.
static ZEROS: [u8; MAX_ALIGNMENT] = [0; MAX_ALIGNMENT];
const MAX_ALIGNMENT: usize = 1 << 16;

/// What a file is about: an engine's build and configuration, or something of the linker's own.
pub type Settings = [u8; 32];

/// A file's parts, to be written one after the other.
pub struct Parts<'a> {
    header: Vec<u8>,
    pieces: Vec<&'a [u8]>,
    alignment: usize,
}

impl<'a> Parts<'a> {
    /// `alignment` is a power of two up to 64 KiB. `None` where there are too many pieces, or two of one key.
    pub fn new(
        settings: &Settings,
        alignment: usize,
        mut pieces: Vec<(ModuleKey, &'a [u8])>,
    ) -> Option<Parts<'a>> {
        if !alignment.is_power_of_two() || alignment > MAX_ALIGNMENT || pieces.len() > MAX_PIECES {
            return None;
        }
        pieces.sort_unstable_by_key(|(key, _)| *key);
        if pieces
            .windows(2)
            .any(|pair| matches!(pair, [(a, _), (b, _)] if a == b))
        {
            return None;
        }
        let mut at = header_size(pieces.len()).next_multiple_of(alignment);
        let mut items = Vec::with_capacity(header_size(pieces.len()));
        for (key, piece) in &pieces {
            items.extend_from_slice(key.as_bytes());
            items.extend_from_slice(&(at as u64).to_le_bytes());
            items.extend_from_slice(&(piece.len() as u64).to_le_bytes());
            items.extend_from_slice(&XxHash3_128::oneshot(piece).to_le_bytes());
            at = at
                .checked_add(piece.len())?
                .checked_next_multiple_of(alignment)?;
        }
        let mut header = Vec::with_capacity(header_size(pieces.len()));
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&(alignment as u32).to_le_bytes());
        header.extend_from_slice(&(pieces.len() as u32).to_le_bytes());
        header.extend_from_slice(&(at as u64).to_le_bytes());
        header.extend_from_slice(settings);
        header.extend_from_slice(&items);
        let check = XxHash3_128::oneshot(&header);
        header.extend_from_slice(&check.to_le_bytes());
        Some(Parts {
            header,
            pieces: pieces.into_iter().map(|(_, piece)| piece).collect(),
            alignment,
        })
    }

    /// The file's bytes, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let parts = std::iter::once(&self.header[..]).chain(self.pieces.iter().copied());
        parts.flat_map(|part| {
            let gap = part.len().next_multiple_of(self.alignment) - part.len();
            [part, ZEROS.get(..gap).unwrap_or_default()]
        })
    }

    pub fn size(&self) -> u64 {
        self.iter().map(|part| part.len() as u64).sum()
    }
}

fn header_size(pieces: usize) -> usize {
    HEAD + ITEM * pieces + CHECK
}

/// A file's header, checked. It says where the pieces are, not that they are whole.
#[derive(Debug)]
pub struct Contents {
    pub settings: Settings,
    alignment: usize,
    pieces: Vec<Piece>,
}

/// Where a piece lies in its file.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    pub key: ModuleKey,
    pub offset: usize,
    pub length: usize,
    hash: u128,
}

/// Reads a file's header. `None` if it is not as it was written, or not that of a file of this size.
pub fn read(file: &[u8]) -> Option<Contents> {
    let mut bytes = Reader(file);
    let magic: [u8; 16] = bytes.take()?;
    let alignment = u32::from_le_bytes(bytes.take()?) as usize;
    let count = u32::from_le_bytes(bytes.take()?) as usize;
    let size = usize::try_from(u64::from_le_bytes(bytes.take()?)).ok()?;
    let settings = bytes.take()?;
    let sound = magic == *MAGIC
        && alignment.is_power_of_two()
        && alignment <= MAX_ALIGNMENT
        && count <= MAX_PIECES
        && size == file.len();
    if !sound || file.len() < header_size(count) {
        return None;
    }
    let mut pieces = Vec::with_capacity(count);
    let mut next = header_size(count).next_multiple_of(alignment);
    for _ in 0..count {
        let key = ModuleKey::from_bytes(bytes.take()?);
        let offset = usize::try_from(u64::from_le_bytes(bytes.take()?)).ok()?;
        let length = usize::try_from(u64::from_le_bytes(bytes.take()?)).ok()?;
        let hash = u128::from_le_bytes(bytes.take()?);
        if offset != next {
            return None;
        }
        next = offset
            .checked_add(length)?
            .checked_next_multiple_of(alignment)?;
        pieces.push(Piece {
            key,
            offset,
            length,
            hash,
        });
    }
    let check = u128::from_le_bytes(bytes.take()?);
    let header = file.get(..header_size(count) - CHECK)?;
    let ordered = pieces
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a.key < b.key));
    let gap = bytes.0.get(..gap_after(header_size(count), alignment))?;
    let whole = next == file.len()
        && ordered
        && check == XxHash3_128::oneshot(header)
        && gap.iter().all(|byte| *byte == 0);
    whole.then_some(Contents {
        settings,
        alignment,
        pieces,
    })
}

fn gap_after(at: usize, alignment: usize) -> usize {
    at.next_multiple_of(alignment) - at
}

impl Contents {
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    pub fn piece(&self, key: ModuleKey) -> Option<Piece> {
        let at = self
            .pieces
            .binary_search_by_key(&key, |piece| piece.key)
            .ok()?;
        self.pieces.get(at).copied()
    }

    /// A piece of `file`, whose header this is, if it is as it was written: checked over these very bytes.
    pub fn bytes<'a>(&self, file: &'a [u8], piece: Piece) -> Option<&'a [u8]> {
        let (bytes, rest) = file.get(piece.offset..)?.split_at_checked(piece.length)?;
        let gap = rest.get(..gap_after(piece.length, self.alignment))?;
        let whole = gap.iter().all(|byte| *byte == 0) && XxHash3_128::oneshot(bytes) == piece.hash;
        whole.then_some(bytes)
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = [7; 32];

    fn key(n: u8) -> ModuleKey {
        ModuleKey::of(&[n])
    }

    fn file(alignment: usize, pieces: &[(u8, &[u8])]) -> Vec<u8> {
        let pieces = pieces.iter().map(|(n, piece)| (key(*n), *piece)).collect();
        let parts = Parts::new(&SETTINGS, alignment, pieces).unwrap();
        let file = parts.iter().collect::<Vec<_>>().concat();
        assert_eq!(parts.size(), file.len() as u64);
        file
    }

    fn found(file: &[u8], n: u8) -> Option<&[u8]> {
        let contents = read(file)?;
        assert_eq!(contents.settings, SETTINGS);
        contents.bytes(file, contents.piece(key(n))?)
    }

    #[test]
    fn what_was_written_is_read() {
        let file = file(512, &[(1, b"one"), (2, &[9; 5000]), (3, b"")]);
        assert_eq!(found(&file, 1), Some(&b"one"[..]));
        assert_eq!(found(&file, 2), Some(&[9; 5000][..]));
        assert_eq!(found(&file, 3), Some(&b""[..]));
        assert_eq!(found(&file, 4), None);
        for piece in read(&file).unwrap().pieces() {
            assert_eq!(piece.offset % 512, 0);
        }
        assert!(Parts::new(&SETTINGS, 4096, vec![(key(1), b"a"), (key(1), b"b")]).is_none());
        assert!(Parts::new(&SETTINGS, 4095, Vec::new()).is_none());
    }

    /// Each bit of a file belongs to what is checked: to the header, to a piece, or to the zeros after one.
    #[test]
    fn no_bit_can_be_changed() {
        let whole = file(256, &[(1, b"one"), (2, b"another")]);
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << bit;
                let both = (found(&flipped, 1), found(&flipped, 2));
                assert!(both.0.is_none() || both.1.is_none(), "byte {at}, bit {bit}");
                assert!(both.0.is_none_or(|one| one == b"one"));
                assert!(both.1.is_none_or(|two| two == b"another"));
            }
            assert!(read(&whole[..at]).is_none(), "cut at {at}");
        }
        assert!(read(&[&whole[..], b"more"].concat()).is_none());
    }

    /// Whoever forges the hash as well gets a refusal, not a panic or a read elsewhere.
    #[test]
    fn forged_headers_are_refused() {
        let whole = file(256, &[(1, b"one"), (2, b"another")]);
        let end = header_size(2) - CHECK;
        let forge = |at: usize, bytes: &[u8]| {
            let mut forged = whole.clone();
            forged[at..at + bytes.len()].copy_from_slice(bytes);
            let check = XxHash3_128::oneshot(&forged[..end]);
            forged[end..end + CHECK].copy_from_slice(&check.to_le_bytes());
            forged
        };
        assert!(read(&forge(0, MAGIC)).is_some());
        let numbers = [
            0,
            1,
            255,
            256,
            1 << 31,
            u64::MAX,
            u64::MAX - 255,
            i64::MAX as u64,
        ];
        for at in (16..64).step_by(4).chain((HEAD..end).step_by(8)) {
            for number in numbers {
                let forged = forge(at, &number.to_le_bytes());
                if let Some(contents) = read(&forged) {
                    for piece in contents.pieces() {
                        contents.bytes(&forged, *piece);
                    }
                }
            }
        }
    }
}
