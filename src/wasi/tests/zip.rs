//! Archives, made by hand: sound ones, and those that no program would make.

use miniz_oxide::deflate::compress_to_vec;

/// An entry of an archive. What differs from a sound one is changed before it is laid out.
#[derive(Clone)]
pub struct Entry {
    pub name: Vec<u8>,
    pub method: u16,
    pub flags: u16,
    pub crc: u32,
    pub packed: Vec<u8>,
    /// Which the directory says to be the size of the packed bytes, and of the file.
    pub sizes: [u64; 2],
    /// The Unix mode, 0 if the archive comes from somewhere else.
    pub mode: u32,
    /// Of DOS: time, then date.
    pub time: [u16; 2],
    pub extra: Vec<u8>,
    /// Added to the place that the directory says.
    pub shift: i64,
    /// Bytes behind those that are packed.
    pub behind: Vec<u8>,
}

impl Entry {
    pub fn stored(name: &str, bytes: &[u8]) -> Entry {
        Entry {
            name: name.into(),
            method: 0,
            flags: 0,
            crc: rawzip::crc32(bytes),
            packed: bytes.to_vec(),
            sizes: [bytes.len() as u64; 2],
            mode: 0o100_644,
            time: [0, 0x21],
            extra: Vec::new(),
            shift: 0,
            behind: Vec::new(),
        }
    }

    pub fn deflated(name: &str, bytes: &[u8]) -> Entry {
        let packed = compress_to_vec(bytes, 6);
        Entry {
            method: 8,
            sizes: [packed.len() as u64, bytes.len() as u64],
            packed,
            ..Entry::stored(name, bytes)
        }
    }

    pub fn link(name: &str, contents: &str) -> Entry {
        Entry {
            mode: 0o120_777,
            ..Entry::stored(name, contents.as_bytes())
        }
    }

    fn header(&self, sizes: [u32; 2]) -> Vec<u8> {
        let mut out = Vec::new();
        for half in [self.flags, self.method, self.time[0], self.time[1]] {
            out.extend(half.to_le_bytes());
        }
        out.extend(self.crc.to_le_bytes());
        for size in sizes {
            out.extend(size.to_le_bytes());
        }
        out.extend((self.name.len() as u16).to_le_bytes());
        out
    }
}

/// An archive of these, in this order.
pub fn zip(entries: &[Entry]) -> Vec<u8> {
    behind(Vec::new(), entries)
}

/// One that lies behind something else, which its own places do not count.
pub fn behind(mut out: Vec<u8>, entries: &[Entry]) -> Vec<u8> {
    let start = out.len();
    let mut directory = Vec::new();
    for entry in entries {
        let place = (out.len() - start) as i64 + entry.shift;
        let sizes = entry
            .sizes
            .map(|size| u32::try_from(size).unwrap_or(u32::MAX));
        out.extend(b"PK\x03\x04\x14\0");
        // What comes behind a descriptor is not known in front of it.
        out.extend(entry.header(match entry.flags & 8 {
            0 => sizes,
            _ => [0; 2],
        }));
        out.extend([0; 2]);
        out.extend(&entry.name);
        out.extend(&entry.packed);
        out.extend(&entry.behind);
        directory.extend(b"PK\x01\x02\x14");
        directory.extend([if entry.mode == 0 { 0 } else { 3 }, 20, 0]);
        directory.extend(entry.header(sizes));
        directory.extend((entry.extra.len() as u16).to_le_bytes());
        directory.extend([0; 6]);
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend((place as u32).to_le_bytes());
        directory.extend(&entry.name);
        directory.extend(&entry.extra);
    }
    let at = out.len() - start;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    for count in [entries.len() as u16; 2] {
        out.extend(count.to_le_bytes());
    }
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend((at as u32).to_le_bytes());
    out.extend([0; 2]);
    out
}

/// What says sizes in 64 bits that the header has no room for.
pub fn zip64(sizes: &[u64]) -> Vec<u8> {
    let mut extra = vec![1, 0];
    extra.extend((sizes.len() as u16 * 8).to_le_bytes());
    for size in sizes {
        extra.extend(size.to_le_bytes());
    }
    extra
}

/// Bytes that can be packed to about a third.
pub fn text(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"abcdefgh"[(state >> 24) as usize % 8]
    };
    (0..length).map(|_| next()).collect()
}
