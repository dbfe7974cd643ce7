//! A view of a folder by which nothing in it can be changed, as on a read-only file system.

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use super::preview1::descriptor::{Entry, File, Folder, How, Opened, Result};
use super::preview1::types::{Advice, Errno, Fdflags, Filestat, Filetype, NewTime, Oflags};
use crate::control::Pollable;

pub struct ReadOnly(pub Rc<dyn Folder>);

impl Folder for ReadOnly {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn open(&self, path: &str, how: How) -> Result<Opened> {
        let has = |flag| how.oflags.has(flag);
        if has(Oflags::CREAT.with(Oflags::EXCL)) {
            return Err(match self.0.stat_at(path, false) {
                Ok(_) => Errno::Exist,
                Err(_) => Errno::Rofs,
            });
        }
        if how.write || has(Oflags::TRUNC) {
            return Err(Errno::Rofs);
        }
        let for_reading = How {
            // What is not there is not made.
            oflags: how.oflags.without(Oflags::CREAT.with(Oflags::EXCL)),
            read: true,
            ..how
        };
        match self.0.open(path, for_reading) {
            Ok(Opened::File(file)) => Ok(Opened::File(Rc::new(ReadOnlyFile(file)))),
            Ok(Opened::Folder(folder)) => Ok(Opened::Folder(Rc::new(ReadOnly(folder)))),
            Err(Errno::Noent) if has(Oflags::CREAT) => Err(Errno::Rofs),
            Err(errno) => Err(errno),
        }
    }

    fn list(&self, looked_at: &mut dyn FnMut() -> Result<()>) -> Result<Arc<[Entry]>> {
        self.0.list(looked_at)
    }

    fn stat(&self) -> Result<Filestat> {
        self.0.stat()
    }

    fn stat_at(&self, path: &str, follow: bool) -> Result<Filestat> {
        self.0.stat_at(path, follow)
    }

    fn set_times(&self, _: &str, _: bool, _: NewTime, _: NewTime) -> Result<()> {
        Err(Errno::Rofs)
    }

    fn create_folder(&self, _: &str) -> Result<()> {
        Err(Errno::Rofs)
    }

    fn remove_folder(&self, _: &str) -> Result<()> {
        Err(Errno::Rofs)
    }

    fn remove_file(&self, _: &str) -> Result<()> {
        Err(Errno::Rofs)
    }

    fn read_link(&self, path: &str) -> Result<String> {
        self.0.read_link(path)
    }

    fn make_link(&self, _: &str, _: &str) -> Result<()> {
        Err(Errno::Rofs)
    }

    fn rename(&self, _: &str, _: &dyn Folder, _: &str) -> Result<()> {
        Err(Errno::Rofs)
    }

    fn hard_link(&self, _: &str, _: &dyn Folder, _: &str) -> Result<()> {
        Err(Errno::Rofs)
    }
}

/// What was opened in one.
struct ReadOnlyFile(Rc<dyn File>);

impl File for ReadOnlyFile {
    fn filetype(&self) -> Filetype {
        self.0.filetype()
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn flags(&self) -> Result<Fdflags> {
        self.0.flags()
    }

    fn set_flags(&self, flags: Fdflags) -> Result<()> {
        self.0.set_flags(flags)
    }

    fn stat(&self) -> Result<Filestat> {
        self.0.stat()
    }

    fn born(&self) -> Option<SystemTime> {
        self.0.born()
    }

    fn set_size(&self, _: u64) -> Result<()> {
        Err(Errno::Rofs)
    }

    fn set_times(&self, _: NewTime, _: NewTime) -> Result<()> {
        Err(Errno::Rofs)
    }

    fn advise(&self, offset: u64, length: u64, advice: Advice) -> Result<()> {
        self.0.advise(offset, length, advice)
    }

    fn sync(&self, data_only: bool) -> Result<()> {
        self.0.sync(data_only)
    }

    fn read(&self, to: &mut [u8]) -> Result<usize> {
        self.0.read(to)
    }

    fn read_at(&self, to: &mut [u8], offset: u64) -> Result<usize> {
        self.0.read_at(to, offset)
    }

    fn seek(&self, to: std::io::SeekFrom) -> Result<u64> {
        self.0.seek(to)
    }

    fn pollable(&self) -> Option<Pollable<'_>> {
        self.0.pollable()
    }

    fn ready_bytes(&self) -> u64 {
        self.0.ready_bytes()
    }

    fn moved(&self) -> u64 {
        self.0.moved()
    }
}
