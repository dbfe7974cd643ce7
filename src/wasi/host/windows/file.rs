//! Files of the host, with these differences from what the system does:
//! - a guest that may be stopped is stopped wherever a pipe lets it wait for input, and moves large amounts in pieces;
//! - reading and writing at an offset leave the position as it is;
//! - appending is done by what writes, so that it can be switched on and off;
//! - flags of handles shared with the process stay as they are.

use std::cell::Cell;
use std::fs::File as OsFile;
use std::io::{self, ErrorKind, IoSlice, Read, Seek, SeekFrom, Write};
use std::os::windows::fs::FileExt;
use std::os::windows::io::{AsHandle, AsRawHandle, FromRawHandle, OwnedHandle};
use std::time::SystemTime;

use windows_sys::Win32::Foundation::{ERROR_BROKEN_PIPE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_BACKUP_SEMANTICS, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE,
    FILE_TYPE_DISK, FILE_TYPE_PIPE, FILE_WRITE_ATTRIBUTES, GetFileType, ReOpenFile,
};

use super::super::{left, wait};
use super::{set_times, stat};
use crate::control::{self, Pollable, in_pipe};
use crate::wasi::descriptors::Taken;
use crate::wasi::preview1::descriptor::{AT_A_TIME, File, Result, up_to};
use crate::wasi::preview1::types::{Advice, Errno, Fdflags, Filestat, Filetype, NewTime};

pub struct HostFile {
    file: OsFile,
    kind: Kind,
    /// The open file is also the process's own.
    shared: bool,
    flags: Cell<Fdflags>,
    /// Room among the guest's files, until this one is closed.
    _taken: Option<Taken>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Pipe,
    /// Devices that are no console: `NUL`.
    Other,
}

/// The offset that means the end of a file, wherever that is when it is written to.
const END: u64 = u64::MAX;

impl HostFile {
    /// A standard stream of the process, by a handle duplicated from its own.
    pub fn inherited(handle: OwnedHandle) -> io::Result<Self> {
        // SAFETY: an open handle.
        let kind = match unsafe { GetFileType(handle.as_raw_handle()) } {
            FILE_TYPE_DISK => Kind::File,
            FILE_TYPE_PIPE => Kind::Pipe,
            _ => Kind::Other,
        };
        Ok(HostFile {
            file: OsFile::from(handle),
            kind,
            shared: true,
            flags: Cell::new(Fdflags::NONE),
            _taken: None,
        })
    }

    /// A file that was opened for the guest.
    pub fn opened(
        file: OsFile,
        _filetype: Filetype,
        fdflags: Fdflags,
        taken: Taken,
    ) -> io::Result<Self> {
        Ok(HostFile {
            file,
            kind: Kind::File,
            shared: false,
            flags: Cell::new(fdflags),
            _taken: Some(taken),
        })
    }

    /// Waits until there is something to read, if that may take long and the guest may be stopped meanwhile.
    fn ready(&self) -> Result<()> {
        match self.kind == Kind::Pipe && control::is_watched() {
            true => wait(Pollable::Pipe(self.file.as_handle()), false),
            false => Ok(()),
        }
    }

    /// Does what moves the position, and puts that back.
    fn at_position<T>(&self, what: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.kind != Kind::File {
            return Err(Errno::Spipe);
        }
        let before = (&self.file).stream_position()?;
        let done = what();
        (&self.file).seek(SeekFrom::Start(before))?;
        done
    }

    fn appends(&self) -> bool {
        self.flags.get().has(Fdflags::APPEND)
    }

    fn put(&self, from: &[u8]) -> io::Result<usize> {
        match self.appends() && self.kind == Kind::File {
            true => self.file.seek_write(from, END),
            false => (&self.file).write(from),
        }
    }
}

/// How much is moved at a time.
fn most() -> usize {
    match control::is_watched() {
        true => AT_A_TIME,
        false => usize::MAX,
    }
}

/// Writes one part after the other, as long as each is written whole.
fn each_part(
    from: &[IoSlice<'_>],
    mut write: impl FnMut(&[u8], usize) -> io::Result<usize>,
) -> Result<usize> {
    let mut done = 0usize;
    for part in from {
        let piece = part.get(..most()).unwrap_or(part);
        match write(piece, done) {
            Ok(written) => {
                done = done.saturating_add(written);
                if written < part.len() {
                    break;
                }
            }
            // What is written is written: the error comes again with the next write.
            Err(_) if done > 0 => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(done)
}

/// The same file, with the right to change its times, which whoever opened it need not have asked for.
fn for_times(file: &OsFile) -> io::Result<OsFile> {
    let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    // SAFETY: an open handle.
    let handle = unsafe {
        ReOpenFile(
            file.as_raw_handle(),
            FILE_WRITE_ATTRIBUTES,
            share,
            FILE_FLAG_BACKUP_SEMANTICS,
        )
    };
    match handle == INVALID_HANDLE_VALUE {
        true => Err(io::Error::last_os_error()),
        // SAFETY: just made, and nobody else's.
        false => Ok(unsafe { OsFile::from_raw_handle(handle) }),
    }
}

impl File for HostFile {
    fn filetype(&self) -> Filetype {
        match self.kind {
            Kind::File => Filetype::RegularFile,
            Kind::Pipe | Kind::Other => Filetype::Unknown,
        }
    }

    fn flags(&self) -> Result<Fdflags> {
        Ok(self.flags.get())
    }

    fn set_flags(&self, flags: Fdflags) -> Result<()> {
        if self.shared && flags != self.flags()? {
            return Err(Errno::Notsup);
        }
        self.flags.set(flags);
        Ok(())
    }

    fn stat(&self) -> Result<Filestat> {
        match self.kind {
            Kind::File => stat(&self.file),
            Kind::Pipe | Kind::Other => Ok(Filestat::of(self.filetype())),
        }
    }

    fn born(&self) -> Option<SystemTime> {
        self.file.metadata().ok()?.created().ok()
    }

    fn set_size(&self, size: u64) -> Result<()> {
        match self.kind {
            Kind::File => Ok(self.file.set_len(size)?),
            Kind::Pipe | Kind::Other => Err(Errno::Inval),
        }
    }

    fn set_times(&self, accessed: NewTime, modified: NewTime) -> Result<()> {
        match set_times(&self.file, accessed, modified) {
            Err(Errno::Acces) => set_times(&for_times(&self.file)?, accessed, modified),
            other => other,
        }
    }

    /// It is advice.
    fn advise(&self, _: u64, length: u64, _: Advice) -> Result<()> {
        match (self.shared, i64::try_from(length)) {
            (true, _) => Err(Errno::Badf),
            (false, Err(_)) => Err(Errno::Inval),
            (false, Ok(_)) => Ok(()),
        }
    }

    /// What was only read has nothing to be written out, for which the system wants a right to write.
    fn sync(&self, data_only: bool) -> Result<()> {
        let synced = match (self.kind, data_only) {
            (Kind::Pipe | Kind::Other, _) => return Ok(()),
            (Kind::File, true) => self.file.sync_data(),
            (Kind::File, false) => self.file.sync_all(),
        };
        match synced {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
            other => Ok(other?),
        }
    }

    fn read(&self, to: &mut [u8]) -> Result<usize> {
        self.ready()?;
        match (&self.file).read(up_to(to, most())) {
            // Whoever wrote is gone.
            Err(error) if error.raw_os_error() == i32::try_from(ERROR_BROKEN_PIPE).ok() => Ok(0),
            other => Ok(other?),
        }
    }

    fn read_at(&self, to: &mut [u8], offset: u64) -> Result<usize> {
        self.at_position(|| Ok(self.file.seek_read(up_to(to, most()), offset)?))
    }

    fn write(&self, from: &[IoSlice<'_>]) -> Result<usize> {
        each_part(from, |part, _| self.put(part))
    }

    fn write_at(&self, from: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        self.at_position(|| {
            each_part(from, |part, done| {
                if self.appends() {
                    // As Linux does.
                    return self.put(part);
                }
                let at = offset.checked_add(done as u64);
                let at = at.filter(|&at| i64::try_from(at).is_ok());
                let at = at.ok_or(ErrorKind::InvalidInput)?;
                self.file.seek_write(part, at)
            })
        })
    }

    fn seek(&self, to: SeekFrom) -> Result<u64> {
        match self.kind {
            Kind::File => Ok((&self.file).seek(to)?),
            Kind::Pipe | Kind::Other => Err(Errno::Spipe),
        }
    }

    fn pollable(&self) -> Option<Pollable<'_>> {
        match self.kind {
            Kind::Pipe => Some(Pollable::Pipe(self.file.as_handle())),
            Kind::File | Kind::Other => None,
        }
    }

    fn ready_bytes(&self) -> u64 {
        match self.kind {
            Kind::File => left(&self.file),
            Kind::Pipe => in_pipe(self.file.as_handle()).map_or(1, u64::from),
            Kind::Other => 1,
        }
    }
}
