//! What compiled code is kept under.

use std::fmt;

/// A module, told by its bytes: their BLAKE3 hash.
///
/// Modules are untrusted and choose their bytes, so the hash has to be one of which nobody can find two inputs alike: a module with the
/// key of another would run as that one. BLAKE3 is faster than SHA-256,
/// also where the processor has instructions for that.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleKey([u8; 32]);

impl ModuleKey {
    /// The key of these bytes.
    pub fn of(bytes: &[u8]) -> ModuleKey {
        ModuleKey(blake3::hash(bytes).into())
    }

    /// A key that was written down, as [`as_bytes`](ModuleKey::as_bytes) gave it.
    pub fn from_bytes(key: [u8; 32]) -> ModuleKey {
        ModuleKey(key)
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// In hexadecimal.
impl fmt::Display for ModuleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ModuleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
