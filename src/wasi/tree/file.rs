//! An open file of a tree as a guest's descriptor: its position and its flags.

use std::cell::Cell;
use std::io::{IoSlice, SeekFrom};
use std::rc::Rc;

use super::Contents;
use crate::control;
use crate::wasi::descriptors::Taken;
use crate::wasi::preview1::Clocks;
use crate::wasi::preview1::descriptor::{File, Result};
use crate::wasi::preview1::types::{Advice, Errno, Fdflags, Filestat, Filetype, NewTime};

pub struct TreeFile {
    contents: Box<dyn Contents>,
    clocks: Rc<Clocks>,
    position: Cell<u64>,
    append: Cell<bool>,
    /// Kept for the guest, who asks for it: nothing here waits.
    nonblock: Cell<bool>,
    /// Room among the guest's files, until this one is closed.
    _taken: Taken,
}

/// What is read or written at a time where the guest may be stopped: some milliseconds' worth.
const AT_A_TIME: usize = 16 << 20;

impl TreeFile {
    pub fn new(
        contents: Box<dyn Contents>,
        clocks: Rc<Clocks>,
        append: bool,
        nonblock: bool,
        taken: Taken,
    ) -> Self {
        TreeFile {
            contents,
            clocks,
            position: Cell::new(0),
            append: Cell::new(append),
            nonblock: Cell::new(nonblock),
            _taken: taken,
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
        let mut flags = Fdflags::NONE;
        for (set, flag) in [
            (self.append.get(), Fdflags::APPEND),
            (self.nonblock.get(), Fdflags::NONBLOCK),
        ] {
            if set {
                flags = flags.with(flag);
            }
        }
        Ok(flags)
    }

    fn set_flags(&self, flags: Fdflags) -> Result<()> {
        self.append.set(flags.has(Fdflags::APPEND));
        self.nonblock.set(flags.has(Fdflags::NONBLOCK));
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
        let most = to.len().min(AT_A_TIME);
        let to = to.get_mut(..most).unwrap_or_default();
        let room = to.len();
        match self.contents.read_at(to, offset(at)?)? {
            read if read <= room => Ok(read),
            _ => Err(Errno::Io),
        }
    }

    fn write(&self, from: &[IoSlice<'_>]) -> Result<usize> {
        let at = match self.append.get() {
            true => self.contents.stat()?.size,
            false => self.position.get(),
        };
        let written = self.write_from(from, at)?;
        self.position.set(at.saturating_add(written as u64));
        Ok(written)
    }

    fn write_at(&self, from: &[IoSlice<'_>], at: u64) -> Result<usize> {
        // Linux appends here as well.
        let at = match self.append.get() {
            true => self.contents.stat()?.size,
            false => offset(at)?,
        };
        self.write_from(from, at)
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
