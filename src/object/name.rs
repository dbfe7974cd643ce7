//! Names of symbols: hashed once, when they are read, and kept one behind the other.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::mem;
use std::ops::{Deref, Range};
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
        Name {
            text,
            hash: hash(text.as_bytes()),
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

fn hash(name: &[u8]) -> u32 {
    let mut hasher = SEED.build_hasher();
    hasher.write(name);
    let hash = hasher.finish();
    (hash ^ (hash >> 32)) as u32
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
pub(super) struct Names {
    text: String,
    /// All of them, while some have not been checked: nothing is in `text` then.
    unchecked: Vec<u8>,
}

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

    fn range(self) -> Range<usize> {
        let start = self.start as usize;
        start..start.saturating_add(self.len as usize)
    }
}

/// Some of the names are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotText;

impl Names {
    pub fn reserve(&mut self, bytes: usize) {
        self.text.reserve(bytes);
    }

    /// `None`: there are more bytes of names than a module has room for.
    pub fn add(&mut self, name: &str) -> Option<Span> {
        let span = span(self.text.len(), name.as_bytes())?;
        self.text.push_str(name);
        Some(span)
    }

    /// As [`add`](Self::add), of a name that [`settle`](Self::settle) checks. Until then there are only bytes to look at.
    #[inline]
    pub fn add_unchecked(&mut self, name: &[u8]) -> Option<Span> {
        if self.unchecked.is_empty() && self.text.capacity() > 0 {
            self.unchecked = mem::take(&mut self.text).into_bytes();
        }
        let span = span(self.unchecked.len(), name)?;
        self.unchecked.extend_from_slice(name);
        Some(span)
    }

    /// Checks that names are UTF-8 which were added unchecked: all at once, as one by one takes many times as long.
    pub fn settle(&mut self, mut names: impl Iterator<Item = Span>) -> Result<(), NotText> {
        if self.unchecked.is_empty() {
            return Ok(());
        }
        let all = String::from_utf8(mem::take(&mut self.unchecked));
        self.text = all.map_err(|_| NotText)?;
        // Two that are none may be one together.
        let whole = |span: Span| self.text.is_char_boundary(span.start as usize);
        names.all(whole).then_some(()).ok_or(NotText)
    }

    /// A name that was added unchecked, before all are settled.
    pub fn unchecked(&self, span: Span) -> &[u8] {
        self.unchecked.get(span.range()).unwrap_or_default()
    }

    pub fn get(&self, span: Span) -> Name<'_> {
        Name {
            text: self.text.get(span.range()).unwrap_or_default(),
            hash: span.hash,
        }
    }

    pub fn shrink_to_fit(&mut self) {
        self.text.shrink_to_fit();
    }
}

fn span(start: usize, name: &[u8]) -> Option<Span> {
    let start = u32::try_from(start).ok()?;
    let len = u32::try_from(name.len()).ok()?;
    start.checked_add(len)?;
    Some(Span {
        start,
        len,
        hash: hash(name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(names: &[&[u8]]) -> Result<Vec<String>, NotText> {
        let mut all = Names::default();
        let spans = names.iter().map(|name| all.add_unchecked(name).unwrap());
        let spans: Vec<Span> = spans.collect();
        for (span, name) in spans.iter().zip(names) {
            assert_eq!(all.unchecked(*span), *name);
        }
        all.settle(spans.iter().copied())?;
        Ok((spans.iter().map(|&span| all.get(span)))
            .inspect(|name| assert_eq!(*name, Name::new(name.text())))
            .map(|name| name.text().to_string())
            .collect())
    }

    #[test]
    fn each_name_is_text_by_itself() {
        let umlaut = "\u{fc}".as_bytes();
        assert_eq!(
            settled(&[b"a", umlaut, b""]),
            Ok(vec!["a".into(), "\u{fc}".into(), "".into()])
        );
        assert_eq!(settled(&[]), Ok(vec![]));
        assert_eq!(settled(&[b"a", b"\xff", b"c"]), Err(NotText));
        assert_eq!(settled(&[&umlaut[..1], &umlaut[1..]]), Err(NotText));
        assert_eq!(settled(&[&umlaut[..1]]), Err(NotText));
    }
}
