//! The bytes of a file of kept code: mapped, or in memory of our own.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

pub use crate::platform::{Mapping, page_size};

/// Bytes that stay as they are while this lives.
#[derive(Clone, Debug)]
pub struct Blob(Bytes);

#[derive(Clone, Debug)]
enum Bytes {
    Mapped(Arc<Mapping>),
    Owned(Arc<Vec<u8>>),
}

impl Blob {
    pub fn owned(bytes: Vec<u8>) -> Blob {
        Blob(Bytes::Owned(Arc::new(bytes)))
    }

    /// Maps the first `size` bytes of a file, which nobody is to write to any more.
    pub fn map(file: &File, size: usize) -> io::Result<Blob> {
        Ok(Blob(Bytes::Mapped(Arc::new(Mapping::new(file, size)?))))
    }

    /// Reads the first `size` bytes of a file.
    pub fn read(file: &File, size: usize) -> io::Result<Blob> {
        let mut bytes = Vec::with_capacity(size);
        file.take(size as u64).read_to_end(&mut bytes)?;
        Ok(Blob::owned(bytes))
    }

    pub fn bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Mapped(mapping) => mapping.bytes(),
            Bytes::Owned(bytes) => bytes,
        }
    }
}

/// A piece of a blob that has been checked.
#[derive(Clone, Debug)]
pub struct Code {
    blob: Blob,
    range: Range<usize>,
}

impl Code {
    /// `range` lies within the blob.
    pub(super) fn new(blob: &Blob, range: Range<usize>) -> Code {
        Code {
            blob: blob.clone(),
            range,
        }
    }

    pub fn bytes(&self) -> &[u8] {
        self.blob
            .bytes()
            .get(self.range.clone())
            .unwrap_or_default()
    }

    /// The mapping that the bytes lie in, if they do, and begin at a page of their own.
    pub fn mapping(&self) -> Option<&Arc<Mapping>> {
        match &self.blob.0 {
            Bytes::Mapped(mapping) if self.range.start.is_multiple_of(page_size()) => Some(mapping),
            _ => None,
        }
    }
}

impl AsRef<[u8]> for Code {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}
