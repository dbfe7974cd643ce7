//! Where a guest's standard streams go.

use std::any::Any;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasi_common::file::{FdFlags, FileType};
use wasi_common::snapshots::preview_1::types::Errno;
use wasi_common::{Error, WasiFile};

type ReadFn = dyn FnMut(&mut [u8]) -> io::Result<usize> + Send;
type WriteFn = dyn FnMut(&[u8]) -> io::Result<()> + Send;

/// Where standard input comes from.
#[derive(Clone, Default)]
pub enum Input {
    /// At its end from the start.
    #[default]
    Null,
    /// The process's own, the descriptor as it is: a file can be sought, a terminal is one.
    Inherit,
    /// These bytes. Every context built from the configuration reads them from the start.
    Bytes(Arc<[u8]>),
    /// A function that fills the start of the buffer and says how far; 0 is the end. See [`Input::callback`].
    Callback(Arc<Mutex<ReadFn>>),
}

/// Where standard output or standard error goes.
#[derive(Clone, Default)]
pub enum Output {
    /// Nowhere; every write succeeds.
    #[default]
    Null,
    /// To the process's own, unbuffered, the descriptor as it is.
    Inherit,
    /// Into memory, for the host to read.
    Buffer(OutputBuffer),
    /// To a function that takes all the bytes or fails. See [`Output::callback`].
    Callback(Arc<Mutex<WriteFn>>),
}

impl Input {
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Input::Bytes(bytes.into().into())
    }

    /// `read` may block. It must not call into the guest that is reading.
    pub fn callback(read: impl FnMut(&mut [u8]) -> io::Result<usize> + Send + 'static) -> Self {
        Input::Callback(Arc::new(Mutex::new(read)))
    }
}

impl Output {
    /// `write` gets the bytes in pieces that mean nothing: a line may come in several, or several lines in one.
    /// An error reaches the guest as an errno. It must not call into the guest that is writing.
    pub fn callback(write: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static) -> Self {
        Output::Callback(Arc::new(Mutex::new(write)))
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::Null => f.write_str("Null"),
            Input::Inherit => f.write_str("Inherit"),
            Input::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Input::Callback(_) => f.write_str("Callback"),
        }
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Null => f.write_str("Null"),
            Output::Inherit => f.write_str("Inherit"),
            Output::Buffer(buffer) => write!(f, "Buffer({} bytes)", lock(&buffer.bytes).len()),
            Output::Callback(_) => f.write_str("Callback"),
        }
    }
}

/// What a guest wrote, shared between the guest's stream and the host. Clones are the same buffer.
#[derive(Clone, Debug)]
pub struct OutputBuffer {
    bytes: Arc<Mutex<Vec<u8>>>,
    limit: usize,
}

impl Default for OutputBuffer {
    fn default() -> Self {
        OutputBuffer::limited(usize::MAX)
    }
}

impl OutputBuffer {
    /// A buffer without a limit: for guests that are trusted with the host's memory.
    pub fn new() -> Self {
        OutputBuffer::default()
    }

    /// A buffer of at most `limit` bytes. A write beyond fails with `ENOSPC`.
    pub fn limited(limit: usize) -> Self {
        OutputBuffer {
            bytes: Arc::default(),
            limit,
        }
    }

    /// A copy of what has been written and not taken yet.
    pub fn contents(&self) -> Vec<u8> {
        lock(&self.bytes).clone()
    }

    /// Takes what has been written, and makes room.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *lock(&self.bytes))
    }

    /// Appends as much of `data` as fits.
    pub(super) fn append(&self, data: &[u8]) -> io::Result<usize> {
        let mut bytes = lock(&self.bytes);
        let room = self.limit.saturating_sub(bytes.len());
        let fits = data.get(..room).unwrap_or(data);
        if fits.is_empty() && !data.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        bytes
            .try_reserve(fits.len())
            .map_err(|_| io::ErrorKind::OutOfMemory)?;
        bytes.extend_from_slice(fits);
        Ok(fits.len())
    }
}

/// A panic of a callback that the host has caught leaves the callback usable.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks a callback. It may be in use further up this very stack, where waiting for it would be for ever.
fn lock_callback<T: ?Sized>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>, Error> {
    match mutex.try_lock() {
        Ok(guard) => Ok(guard),
        Err(std::sync::TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
        Err(std::sync::TryLockError::WouldBlock) => Err(Errno::Deadlk.into()),
    }
}

/// A standard stream that is not a descriptor of the host.
pub enum Stream {
    End,
    Sink,
    Bytes(Mutex<io::Cursor<Arc<[u8]>>>),
    Read(Arc<Mutex<ReadFn>>),
    Buffer(OutputBuffer),
    Write(Arc<Mutex<WriteFn>>),
}

impl Stream {
    fn read(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        let outcome = match self {
            Stream::End => Ok(0),
            Stream::Bytes(bytes) => io::Read::read(&mut *lock(bytes), buffer),
            Stream::Read(read) => lock_callback(read)?(buffer),
            Stream::Sink | Stream::Buffer(_) | Stream::Write(_) => return Err(Errno::Badf.into()),
        };
        match outcome {
            Ok(read) if read <= buffer.len() => Ok(read),
            // The callback claims to have written past the buffer.
            Ok(_) => Err(Errno::Io.into()),
            Err(error) => Err(error.into()),
        }
    }

    fn write(&self, data: &[u8]) -> Result<usize, Error> {
        match self {
            Stream::Sink => Ok(data.len()),
            Stream::Buffer(buffer) => Ok(buffer.append(data)?),
            Stream::Write(write) => match lock_callback(write)?(data) {
                Ok(()) => Ok(data.len()),
                Err(error) => Err(error.into()),
            },
            Stream::End | Stream::Bytes(_) | Stream::Read(_) => Err(Errno::Badf.into()),
        }
    }
}

#[wiggle::async_trait]
impl WasiFile for Stream {
    fn as_any(&self) -> &dyn Any {
        self
    }

    async fn get_filetype(&self) -> Result<FileType, Error> {
        Ok(FileType::Pipe)
    }

    async fn get_fdflags(&self) -> Result<FdFlags, Error> {
        Ok(FdFlags::empty())
    }

    async fn set_fdflags(&mut self, flags: FdFlags) -> Result<(), Error> {
        if flags.is_empty() {
            Ok(())
        } else {
            Err(Errno::Notsup.into())
        }
    }

    async fn read_vectored<'a>(&self, bufs: &mut [io::IoSliceMut<'a>]) -> Result<u64, Error> {
        match bufs.iter_mut().find(|buf| !buf.is_empty()) {
            Some(buf) => Ok(self.read(buf)? as u64),
            None => Ok(0),
        }
    }

    async fn read_vectored_at<'a>(
        &self,
        _: &mut [io::IoSliceMut<'a>],
        _: u64,
    ) -> Result<u64, Error> {
        Err(Errno::Spipe.into())
    }

    async fn write_vectored<'a>(&self, bufs: &[io::IoSlice<'a>]) -> Result<u64, Error> {
        let mut total = 0;
        for buf in bufs.iter().filter(|buf| !buf.is_empty()) {
            match self.write(buf) {
                Ok(written) => {
                    total += written as u64;
                    if written < buf.len() {
                        break;
                    }
                }
                // What is out is out: the error comes again with the next write.
                Err(_) if total > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(total)
    }

    async fn write_vectored_at<'a>(&self, _: &[io::IoSlice<'a>], _: u64) -> Result<u64, Error> {
        Err(Errno::Spipe.into())
    }

    async fn seek(&self, _: io::SeekFrom) -> Result<u64, Error> {
        Err(Errno::Spipe.into())
    }

    async fn readable(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn writable(&self) -> Result<(), Error> {
        Ok(())
    }
}
