//! A place for bytes: a folder, or what a host has.

use std::fmt;

use super::blob::Blob;
use super::form::Parts;

/// The name of a file of kept code: 64 hexadecimal digits, which a hash gave.
#[derive(Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    pub fn new(hash: [u8; 32]) -> Name {
        Name(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// A text that is such a name.
    pub fn parse(text: &str) -> Option<Name> {
        let is_name =
            text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_name.then(|| Name(text.to_string()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where files of kept code are. What is given out is checked by whoever asked: a place may lose things, and give what is damaged.
///
/// Several threads and processes use a place at once. Nothing here fails: what cannot be read is not there, and what cannot be written is
/// not kept.
pub trait Place: Send + Sync + fmt::Debug {
    /// The bytes under this name. The caller says by [`discard`](Place::discard) if they are not what was put.
    fn get(&self, name: &Name) -> Option<Blob>;

    /// Whether there is something under this name, as far as that is known without reading it.
    fn has(&self, name: &Name) -> bool;

    /// Keeps a file, in the place of what had its name.
    fn put(&self, name: &Name, file: &Parts<'_>);

    /// Whether it takes longer than a disk to answer, so that what it gave is worth keeping nearer.
    fn is_far(&self) -> bool {
        false
    }

    /// What is under this name is damaged.
    fn discard(&self, _name: &Name) {}
}
