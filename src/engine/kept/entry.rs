//! What a file of kept code holds: a header that says whose code it is and what it hashes to, and the code.
//!
//! ```text
//! magic (16)   key (32)   bytes of code, little endian (8)   BLAKE3 of the code (32)   code
//! ```

use super::ModuleKey;

/// The form of the file; another form gets another number.
const MAGIC: &[u8; 16] = b"wasmdyld code 2\n";

pub const HEADER: usize = 16 + 32 + 8 + 32;

/// What code is kept under: the hash of the engine's configuration and the module's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// `configuration` is of one length, so that no two pairs run into the same bytes.
    pub fn new(configuration: &[u8; 32], module: ModuleKey) -> Key {
        let mut hash = blake3::Hasher::new();
        hash.update(configuration).update(module.as_bytes());
        Key(hash.finalize().into())
    }

    /// The file's name.
    pub fn name(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether a file's name is one that [`name`](Key::name) gives.
    pub fn is_name(name: &str) -> bool {
        name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }
}

/// What stands before the code.
pub fn header(key: Key, code: &[u8]) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&key.0);
    header.extend_from_slice(&(code.len() as u64).to_le_bytes());
    header.extend_from_slice(blake3::hash(code).as_bytes());
    header
}

/// The code in a file's bytes, if all of it is as it was written, and written for this key.
pub fn code(key: Key, entry: &[u8]) -> Option<&[u8]> {
    let (found, code) = entry.split_at_checked(HEADER)?;
    (found == header(key, code)).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_is_read() {
        let key = Key::new(&[1; 32], ModuleKey::of(b"module"));
        let whole = [header(key, b"code"), b"code".to_vec()].concat();
        assert_eq!(code(key, &whole), Some(&b"code"[..]));
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << bit;
                assert_eq!(code(key, &flipped), None, "byte {at}, bit {bit}");
            }
            assert_eq!(code(key, &whole[..at]), None, "cut at {at}");
        }
        assert_eq!(code(key, &[&whole[..], b"more"].concat()), None);
        assert_eq!(
            code(Key::new(&[2; 32], ModuleKey::of(b"module")), &whole),
            None
        );
        assert_eq!(
            code(Key::new(&[1; 32], ModuleKey::of(b"Module")), &whole),
            None
        );
    }

    #[test]
    fn names() {
        let name = Key::new(&[0; 32], ModuleKey::of(b"")).name();
        assert!(Key::is_name(&name), "{name}");
        for other in [
            "",
            "..",
            &name[1..],
            &name.replace(|c: char| c.is_ascii_digit(), "Z"),
        ] {
            assert!(!Key::is_name(other), "{other}");
        }
    }
}
