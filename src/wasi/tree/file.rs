//! An open file of a tree as a guest's descriptor: its position and its flags.

use std::cell::Cell;
use std::io::{IoSlice, SeekFrom};
use std::rc::Rc;

use super::Contents;
use crate::control;
use crate::wasi::descriptors::Taken;
use crate::wasi::preview1::Clocks;
use crate::wasi::preview1::descriptor::{AT_A_TIME, File, Result, up_to};
use crate::wasi::preview1::types::{Advice, Errno, Fdflags, Filestat, Filetype, NewTime};

pub struct TreeFile {
    contents: Box<dyn Contents>,
    clocks: Rc<Clocks>,
    position: Cell<u64>,
    /// `NONBLOCK` is kept for the guest, who asks for it: nothing here waits.
    flags: Cell<Fdflags>,
    /// Room among the guest's files, until this one is closed.
    _taken: Taken,
}

impl TreeFile {
    pub fn new(
        contents: Box<dyn Contents>,
        clocks: Rc<Clocks>,
        flags: Fdflags,
        taken: Taken,
    ) -> Self {
        TreeFile {
            contents,
            clocks,
            position: Cell::new(0),
            flags: Cell::new(flags),
            _taken: taken,
        }
    }

    /// Where a write begins that is to begin at `at`: one that appends does so in any case, as on Linux.
    fn start(&self, at: u64) -> Result<u64> {
        match self.flags.get().has(Fdflags::APPEND) {
            true => Ok(self.contents.stat()?.size),
            false => offset(at),
        }
    }

    fn write_from(&self, from: &[IoSlice<'_>], offset: u64) -> Result<usize> {
        let now = self.clocks.file_time();
        let mut done = 0usize;
        for part in from {
            let mut left = &**part;
            while !left.is_empty() {
                let piece = left.get(..AT_A_TIME).unwrap_or(left);
                let at = offset.checked_add(done as u64).ok_or(Errno::Fbig)?;
                match self.contents.write_at(piece, at, now) {
                    Ok(0) => return Ok(done),
                    Ok(written) => {
                        done = done.saturating_add(written);
                        left = left.get(written..).unwrap_or_default();
                    }
                    // What is written is written: the error comes again with the next write.
                    Err(_) if done > 0 => return Ok(done),
                    Err(errno) => return Err(errno),
                }
                if control::wanted().is_some() {
                    return Ok(done);
                }
            }
        }
        Ok(done)
    }
}

/// Offsets of a POSIX system have a sign.
fn offset(at: u64) -> Result<u64> {
    match i64::try_from(at) {
        Ok(_) => Ok(at),
        Err(_) => Err(Errno::Inval),
    }
}

impl File for TreeFile {
    fn filetype(&self) -> Filetype {
        Filetype::RegularFile
    }

    fn flags(&self) -> Result<Fdflags> {
        Ok(self.flags.get())
    }

    fn set_flags(&self, flags: Fdflags) -> Result<()> {
        self.flags.set(flags);
        Ok(())
    }

    fn stat(&self) -> Result<Filestat> {
        self.contents.stat()
    }

    fn set_size(&self, size: u64) -> Result<()> {
        self.contents
            .set_size(offset(size)?, self.clocks.file_time())
    }

    fn set_times(&self, accessed: NewTime, modified: NewTime) -> Result<()> {
        let now = self.clocks.file_time();
        self.contents.set_times(accessed, modified, now)
    }

    fn advise(&self, _: u64, length: u64, _: Advice) -> Result<()> {
        offset(length).map(drop)
    }

    fn sync(&self, _: bool) -> Result<()> {
        self.contents.sync()
    }

    fn read(&self, to: &mut [u8]) -> Result<usize> {
        let at = self.position.get();
        let read = self.read_at(to, at)?;
        self.position.set(at.saturating_add(read as u64));
        Ok(read)
    }

    fn read_at(&self, to: &mut [u8], at: u64) -> Result<usize> {
        let to = up_to(to, AT_A_TIME);
        let room = to.len();
        match self.contents.read_at(to, offset(at)?)? {
            read if read <= room => Ok(read),
            _ => Err(Errno::Io),
        }
    }

    fn write(&self, from: &[IoSlice<'_>]) -> Result<usize> {
        let at = self.start(self.position.get())?;
        let written = self.write_from(from, at)?;
        self.position.set(at.saturating_add(written as u64));
        Ok(written)
    }

    fn write_at(&self, from: &[IoSlice<'_>], at: u64) -> Result<usize> {
        self.write_from(from, self.start(at)?)
    }

    fn seek(&self, to: SeekFrom) -> Result<u64> {
        let (from, distance) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::Current(distance) => (self.position.get(), distance),
            SeekFrom::End(distance) => (self.contents.stat()?.size, distance),
        };
        let at = from.checked_add_signed(distance).ok_or(Errno::Inval)?;
        self.position.set(offset(at)?);
        Ok(at)
    }

    fn ready_bytes(&self) -> u64 {
        let end = self.contents.stat().map_or(0, |stat| stat.size);
        end.saturating_sub(self.position.get())
    }

    fn moved(&self) -> u64 {
        self.contents.moved()
    }
}
