//! Files of the host, with these differences from what the system does:
//! - a guest that may be stopped is stopped wherever a file lets it wait, and moves large amounts in pieces;
//! - times before 1970, which preview1 cannot express, become 1970;
//! - only a terminal calls itself a character device where guests look for one (`isatty`);
//! - flags of descriptors shared with the process stay as they are.

use std::cell::Cell;
use std::fs::File as OsFile;
use std::io::{self, IoSlice, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::SystemTime;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl, fstat};

use super::super::{left, wait};
use super::sigpipe::without_sigpipe;
use super::{available, filetype, set_times, stat};
use crate::control::{self, Pollable};
use crate::wasi::descriptors::Taken;
use crate::wasi::preview1::descriptor::{AT_A_TIME, File, Result, up_to};
use crate::wasi::preview1::types::{Advice, Errno, Fdflags, Filestat, Filetype, NewTime};

pub struct HostFile {
    file: OsFile,
    filetype: Filetype,
    /// The open file is also the process's own: its status flags are not the guest's to change.
    shared: bool,
    /// Of a file that never lets anyone wait, what the guest has asked for is kept here and not told the system.
    nonblock: Option<Cell<bool>>,
    /// Room among the guest's files, until this one is closed.
    _taken: Option<Taken>,
}

/// What a pipe that can be written to takes without waiting (PIPE_BUF of Linux).
const AT_ONCE: usize = 4096;

impl HostFile {
    /// A standard stream of the process, by a descriptor duplicated from its own.
    pub fn inherited(fd: OwnedFd) -> io::Result<Self> {
        let file = OsFile::from(fd);
        let filetype = told(&file, filetype(fstat(&file)?.st_mode));
        Ok(HostFile {
            filetype,
            file,
            shared: true,
            nonblock: None,
            _taken: None,
        })
    }

    /// A file of this type that was opened for the guest, without waiting, which it may do from now on unless it asked for `NONBLOCK`.
    pub fn opened(
        file: OsFile,
        filetype: Filetype,
        fdflags: Fdflags,
        taken: Taken,
    ) -> io::Result<Self> {
        let nonblock = fdflags.has(Fdflags::NONBLOCK);
        let is_regular = filetype == Filetype::RegularFile;
        let system = fcntl_getfl(&file)?;
        let mut wanted = system;
        wanted.set(OFlags::APPEND, fdflags.has(Fdflags::APPEND));
        if !is_regular && !nonblock {
            wanted.remove(OFlags::NONBLOCK);
        }
        if wanted != system {
            fcntl_setfl(&file, wanted)?;
        }
        Ok(HostFile {
            filetype: told(&file, filetype),
            file,
            shared: false,
            nonblock: is_regular.then(|| Cell::new(nonblock)),
            _taken: Some(taken),
        })
    }

    fn is_regular(&self) -> bool {
        self.filetype == Filetype::RegularFile
    }

    /// Waits until the file can be read or written, if that may take long and the guest may be stopped meanwhile.
    fn ready(&self, write: bool) -> Result<()> {
        if self.is_regular() || !control::is_watched() || self.is_nonblocking() {
            return Ok(());
        }
        wait(self.file.as_fd(), write)
    }

    /// Reading and writing fail rather than wait.
    fn is_nonblocking(&self) -> bool {
        fcntl_getfl(&self.file).is_ok_and(|flags| flags.contains(OFlags::NONBLOCK))
    }

    /// How much is read or written at a time, where waiting for more may be for long.
    fn most(&self, waits: usize) -> usize {
        match (control::is_watched(), self.is_regular()) {
            (false, _) => usize::MAX,
            (true, false) => waits,
            (true, true) => AT_A_TIME,
        }
    }
}

/// wasi-libc's isatty asks this and nothing else, so /dev/null must not say it.
fn told(file: &OsFile, filetype: Filetype) -> Filetype {
    match filetype {
        Filetype::CharacterDevice if !rustix::termios::isatty(file) => Filetype::Unknown,
        other => other,
    }
}

/// At most `most` bytes of what is to be written, if that is less than all: more might wait, half written. Guests write the rest
/// themselves.
fn first_of<'a>(from: &'a [IoSlice<'_>], most: usize) -> Option<&'a [u8]> {
    let all = from.iter().map(|part| part.len());
    if all.fold(0, usize::saturating_add) <= most {
        return None;
    }
    let first = from.first()?;
    first.get(..first.len().min(most))
}

impl File for HostFile {
    fn filetype(&self) -> Filetype {
        self.filetype
    }

    fn flags(&self) -> Result<Fdflags> {
        let system = fcntl_getfl(&self.file)?;
        let nonblock = match &self.nonblock {
            Some(asked) => asked.get(),
            None => system.contains(OFlags::NONBLOCK),
        };
        let mut flags = Fdflags::NONE;
        for (set, flag) in [
            (system.contains(OFlags::APPEND), Fdflags::APPEND),
            (nonblock, Fdflags::NONBLOCK),
        ] {
            if set {
                flags = flags.with(flag);
            }
        }
        Ok(flags)
    }

    fn set_flags(&self, flags: Fdflags) -> Result<()> {
        if self.shared {
            return match flags == self.flags()? {
                true => Ok(()),
                false => Err(Errno::Notsup),
            };
        }
        let mut system = fcntl_getfl(&self.file)?;
        system.set(OFlags::APPEND, flags.has(Fdflags::APPEND));
        match &self.nonblock {
            Some(asked) => asked.set(flags.has(Fdflags::NONBLOCK)),
            None => system.set(OFlags::NONBLOCK, flags.has(Fdflags::NONBLOCK)),
        }
        Ok(fcntl_setfl(&self.file, system)?)
    }

    fn stat(&self) -> Result<Filestat> {
        Ok(Filestat {
            filetype: self.filetype,
            ..stat(&self.file)?
        })
    }

    fn born(&self) -> Option<SystemTime> {
        self.file.metadata().ok()?.created().ok()
    }

    fn set_size(&self, size: u64) -> Result<()> {
        Ok(self.file.set_len(size)?)
    }

    fn set_times(&self, accessed: NewTime, modified: NewTime) -> Result<()> {
        set_times(&self.file, accessed, modified)
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    fn advise(&self, offset: u64, length: u64, advice: Advice) -> Result<()> {
        use rustix::fs::{Advice as Of, fadvise};
        if self.shared {
            return Err(Errno::Badf);
        }
        // The system's lengths have a sign.
        if i64::try_from(length).is_err() {
            return Err(Errno::Inval);
        }
        let advice = match advice {
            Advice::Normal => Of::Normal,
            Advice::Sequential => Of::Sequential,
            Advice::Random => Of::Random,
            Advice::WillNeed => Of::WillNeed,
            Advice::DontNeed => Of::DontNeed,
            Advice::NoReuse => Of::NoReuse,
        };
        Ok(fadvise(
            &self.file,
            offset,
            std::num::NonZeroU64::new(length),
            advice,
        )?)
    }

    /// It is advice.
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    fn advise(&self, _: u64, _: u64, _: Advice) -> Result<()> {
        match self.shared {
            true => Err(Errno::Badf),
            false => Ok(()),
        }
    }

    fn sync(&self, data_only: bool) -> Result<()> {
        let synced = match data_only {
            true => self.file.sync_data(),
            false => self.file.sync_all(),
        };
        match synced {
            // What has nothing to be synchronized, as pipes and terminals.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) && !self.is_regular() => {
                Ok(())
            }
            other => Ok(other?),
        }
    }

    fn read(&self, to: &mut [u8]) -> Result<usize> {
        self.ready(false)?;
        Ok((&self.file).read(up_to(to, self.most(AT_A_TIME)))?)
    }

    fn read_at(&self, to: &mut [u8], offset: u64) -> Result<usize> {
        Ok(self.file.read_at(up_to(to, self.most(AT_A_TIME)), offset)?)
    }

    fn write(&self, from: &[IoSlice<'_>]) -> Result<usize> {
        self.ready(true)?;
        let write = || match (first_of(from, self.most(AT_ONCE)), from) {
            (Some(piece), _) => (&self.file).write(piece),
            (None, [one]) => (&self.file).write(one),
            (None, several) => (&self.file).write_vectored(several),
        };
        // The process's own streams raise the signal as its own writes do.
        Ok(match self.shared || self.is_regular() {
            true => write()?,
            false => without_sigpipe(write)?,
        })
    }

    fn write_at(&self, from: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        if let Some(piece) = first_of(from, self.most(AT_ONCE)) {
            return Ok(self.file.write_at(piece, offset)?);
        }
        let mut done = 0;
        for part in from {
            let at = offset.checked_add(done as u64).ok_or(Errno::Inval)?;
            match self.file.write_at(part, at) {
                Ok(written) => {
                    done += written;
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

    fn seek(&self, to: SeekFrom) -> Result<u64> {
        Ok((&self.file).seek(to)?)
    }

    fn pollable(&self) -> Option<Pollable<'_>> {
        Some(self.file.as_fd())
    }

    fn ready_bytes(&self) -> u64 {
        match self.is_regular() {
            true => left(&self.file),
            false => available(&self.file).unwrap_or(1),
        }
    }
}
