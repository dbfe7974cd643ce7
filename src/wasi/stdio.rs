//! Where a guest's standard streams go.

use std::fmt;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::preview1::descriptor::{File, Result};
use super::preview1::types::{Errno, Filetype};

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
fn lock_callback<T: ?Sized>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Ok(guard),
        Err(std::sync::TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
        Err(std::sync::TryLockError::WouldBlock) => Err(Errno::Deadlk),
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

/// Bytes that a callback of the host gets at a time. It gets a copy, not the guest's memory.
const AT_A_TIME: usize = 64 << 10;

impl Stream {
    fn take(&self, to: &mut [u8]) -> Result<usize> {
        match self {
            Stream::End => Ok(0),
            Stream::Bytes(bytes) => Ok(io::Read::read(&mut *lock(bytes), to)?),
            Stream::Read(read) => {
                let mut copy = vec![0; to.len().min(AT_A_TIME)];
                let read = lock_callback(read)?(&mut copy)?;
                // More, where the callback claims to have written past the buffer.
                let came = copy.get(..read).ok_or(Errno::Io)?;
                let to = to.get_mut(..read).ok_or(Errno::Io)?;
                to.copy_from_slice(came);
                Ok(read)
            }
            Stream::Sink | Stream::Buffer(_) | Stream::Write(_) => Err(Errno::Badf),
        }
    }

    /// Fewer than all where the rest does not fit.
    fn put(&self, data: &[u8]) -> Result<usize> {
        match self {
            Stream::Sink => Ok(data.len()),
            Stream::Buffer(buffer) => Ok(buffer.append(data)?),
            Stream::Write(write) => {
                let copy = data.get(..AT_A_TIME).unwrap_or(data).to_vec();
                lock_callback(write)?(&copy)?;
                Ok(copy.len())
            }
            Stream::End | Stream::Bytes(_) | Stream::Read(_) => Err(Errno::Badf),
        }
    }
}

impl File for Stream {
    fn filetype(&self) -> Filetype {
        Filetype::Unknown
    }

    fn read(&self, to: &mut [u8]) -> Result<usize> {
        self.take(to)
    }

    fn write(&self, from: &[IoSlice<'_>]) -> Result<usize> {
        let mut total = 0;
        for part in from {
            let mut left = &**part;
            while !left.is_empty() {
                match self.put(left) {
                    Ok(0) => return Ok(total),
                    Ok(written) => {
                        total += written;
                        left = left.get(written..).unwrap_or_default();
                    }
                    // What is out is out: the error comes again with the next write.
                    Err(_) if total > 0 => return Ok(total),
                    Err(errno) => return Err(errno),
                }
                if crate::control::wanted().is_some() {
                    return Ok(total);
                }
            }
        }
        Ok(total)
    }
}
