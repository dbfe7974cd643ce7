//! Names of symbols: hashed once, when they are read, and kept one behind the other.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::ops::Deref;
use std::sync::LazyLock;

use foldhash::fast::RandomState;

/// A name with its hash, which is the same everywhere in the process: all tables of symbols are looked up by it. It is not `Hash`: what is told
/// apart by a hash alone needs more bits than these.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    text: &'a str,
    hash: u32,
}

/// Differs from process to process, so that no module can be made whose names have equal hashes.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::default);

impl<'a> Name<'a> {
    pub fn new(text: &'a str) -> Name<'a> {
        let mut hasher = SEED.build_hasher();
        hasher.write(text.as_bytes());
        let hash = hasher.finish();
        Name {
            text,
            hash: (hash ^ (hash >> 32)) as u32,
        }
    }

    pub fn text(self) -> &'a str {
        self.text
    }

    /// For tables, which look at the upper bits as well as at the lower ones.
    pub fn hash(self) -> u64 {
        spread(self.hash)
    }
}

fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Deref for Name<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.text
    }
}

impl AsRef<str> for Name<'_> {
    fn as_ref(&self) -> &str {
        self.text
    }
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Name<'_>) -> bool {
        self.hash == other.hash && self.text == other.text
    }
}

impl Eq for Name<'_> {}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// Names, one behind the other.
#[derive(Clone, Default)]
pub(super) struct Names(String);

/// Where one of them stands.
#[derive(Clone, Copy)]
pub(super) struct Span {
    start: u32,
    len: u32,
    hash: u32,
}

impl Span {
    pub fn hash(self) -> u64 {
        spread(self.hash)
    }
}

impl Names {
    pub fn reserve(&mut self, bytes: usize) {
        self.0.reserve(bytes);
    }

    /// `None`: there are more bytes of names than a module has room for.
    pub fn add(&mut self, name: &str) -> Option<Span> {
        let start = u32::try_from(self.0.len()).ok()?;
        let len = u32::try_from(name.len()).ok()?;
        start.checked_add(len)?;
        self.0.push_str(name);
        Some(Span {
            start,
            len,
            hash: Name::new(name).hash,
        })
    }

    pub fn get(&self, span: Span) -> Name<'_> {
        let start = span.start as usize;
        let text = self.0.get(start..start.saturating_add(span.len as usize));
        Name {
            text: text.unwrap_or_default(),
            hash: span.hash,
        }
    }

    pub fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }
}
