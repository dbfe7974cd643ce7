//! The bytes of a file of kept code: mapped, or in memory of our own.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::ptr::NonNull;
use std::sync::Arc;

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

/// A part of a file in memory, for reading. What the process writes there never reaches the file.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    size: usize,
    /// Device and inode of the file.
    file: (u64, u64),
}

// SAFETY: memory that is only read, and unmapped by whoever has it last.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(file: &File, size: usize) -> io::Result<Mapping> {
        let meta = file.metadata()?;
        // SAFETY: a new mapping at an address of the system's choice.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size,
                libc::PROT_READ,
                libc::MAP_PRIVATE,
                file.as_raw_fd(),
                0,
            )
        };
        match NonNull::new(start.cast::<u8>()) {
            Some(at) if start != libc::MAP_FAILED => Ok(Mapping {
                start: at,
                size,
                file: (meta.dev(), meta.ino()),
            }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// What tells its file from others that are there.
    pub fn file(&self) -> (u64, u64) {
        self.file
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for reading as long as this lives. Files of kept code are written under another name and never changed.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.size) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.size) };
    }
}

pub fn page_size() -> usize {
    // SAFETY: no precondition.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size)
        .ok()
        .filter(|size| size.is_power_of_two())
        .unwrap_or(4096)
}
