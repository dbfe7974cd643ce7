//! What a descriptor may be: the traits behind which files, folders and sockets stand, wherever they are.

use std::any::Any;
use std::io::IoSlice;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use super::types::{Advice, Errno, Fdflags, Filestat, Filetype, NewTime, Oflags, Riflags, Sdflags};
use crate::control::Pollable;

pub type Result<T> = std::result::Result<T, Errno>;

/// What is read from a file or written to it at a time where the guest may be stopped: some milliseconds' worth.
pub const AT_A_TIME: usize = 16 << 20;

/// As much of the room as `most` bytes take.
pub fn up_to(to: &mut [u8], most: usize) -> &mut [u8] {
    let length = to.len().min(most);
    to.get_mut(..length).unwrap_or_default()
}

/// Anything that is not a folder. What is not overridden fails as on what has no such thing.
///
/// Calls come from one thread. One may come while another is under way, if a callback of the host leads to it.
pub trait File {
    fn filetype(&self) -> Filetype;

    /// Whatever would change it fails with `EROFS`.
    fn is_read_only(&self) -> bool {
        false
    }

    fn flags(&self) -> Result<Fdflags> {
        Ok(Fdflags::NONE)
    }

    /// `APPEND` and `NONBLOCK` at most.
    fn set_flags(&self, flags: Fdflags) -> Result<()> {
        match flags == Fdflags::NONE {
            true => Ok(()),
            false => Err(Errno::Notsup),
        }
    }

    fn stat(&self) -> Result<Filestat> {
        Ok(Filestat::of(self.filetype()))
    }

    /// When the file was made, where that is known.
    fn born(&self) -> Option<SystemTime> {
        None
    }

    fn set_size(&self, _size: u64) -> Result<()> {
        Err(Errno::Inval)
    }

    fn set_times(&self, _accessed: NewTime, _modified: NewTime) -> Result<()> {
        Err(Errno::Badf)
    }

    fn advise(&self, _offset: u64, _length: u64, _advice: Advice) -> Result<()> {
        Err(Errno::Badf)
    }

    fn sync(&self, _data_only: bool) -> Result<()> {
        Ok(())
    }

    fn read(&self, _to: &mut [u8]) -> Result<usize> {
        Err(Errno::Badf)
    }

    fn read_at(&self, _to: &mut [u8], _offset: u64) -> Result<usize> {
        Err(Errno::Spipe)
    }

    /// None of `from` is empty.
    fn write(&self, _from: &[IoSlice<'_>]) -> Result<usize> {
        Err(Errno::Badf)
    }

    fn write_at(&self, _from: &[IoSlice<'_>], _offset: u64) -> Result<usize> {
        Err(Errno::Spipe)
    }

    fn seek(&self, _to: std::io::SeekFrom) -> Result<u64> {
        Err(Errno::Spipe)
    }

    /// What can be waited for. What has none is always ready.
    fn pollable(&self) -> Option<Pollable<'_>> {
        None
    }

    /// How much can be read at once, if that is known.
    fn ready_bytes(&self) -> u64 {
        1
    }

    /// Bytes that were moved beside those that calls gave, to open it or to get to a place in it, since this was last asked.
    fn moved(&self) -> u64 {
        0
    }

    /// The next connection.
    fn accept(&self, _flags: Fdflags) -> Result<Rc<dyn File>> {
        Err(Errno::Notsock)
    }

    fn receive(&self, _to: &mut [u8], _flags: Riflags) -> Result<usize> {
        Err(Errno::Notsock)
    }

    fn send(&self, _from: &[IoSlice<'_>]) -> Result<usize> {
        Err(Errno::Notsock)
    }

    fn shutdown(&self, _how: Sdflags) -> Result<()> {
        Err(Errno::Notsock)
    }
}

/// How a guest opens something.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// The last part of the path, if it is a link.
    pub follow: bool,
    pub oflags: Oflags,
    pub read: bool,
    pub write: bool,
    pub fdflags: Fdflags,
}

impl How {
    /// For reading only, whatever is there.
    pub const READ: How = How {
        follow: true,
        oflags: Oflags::NONE,
        read: true,
        write: false,
        fdflags: Fdflags::NONE,
    };
}

/// What was opened.
#[derive(Clone)]
pub enum Opened {
    File(Rc<dyn File>),
    Folder(Rc<dyn Folder>),
}

/// An entry of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub inode: u64,
    pub filetype: Filetype,
}

/// The entries with which the listing of a folder begins: itself by both names, since where the guest came from is not told.
pub fn own_entries(inode: u64, looked_at: &mut dyn FnMut() -> Result<()>) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for name in [".", ".."] {
        looked_at()?;
        entries.push(Entry {
            name: name.into(),
            inode,
            filetype: Filetype::Directory,
        });
    }
    Ok(entries)
}

/// A folder, and by paths all below it. No path leads out of it: one that would is `EPERM`.
pub trait Folder {
    fn as_any(&self) -> &dyn Any;

    /// Whatever would change something fails with `EROFS`.
    fn is_read_only(&self) -> bool {
        false
    }

    fn open(&self, path: &str, how: How) -> Result<Opened>;

    /// All entries, `.` and `..` first. `looked_at` is called for each entry that is looked at, and may end the listing.
    fn list(&self, looked_at: &mut dyn FnMut() -> Result<()>) -> Result<Arc<[Entry]>>;

    fn stat(&self) -> Result<Filestat>;

    fn stat_at(&self, path: &str, follow: bool) -> Result<Filestat>;

    fn set_times(
        &self,
        path: &str,
        follow: bool,
        accessed: NewTime,
        modified: NewTime,
    ) -> Result<()>;

    fn create_folder(&self, path: &str) -> Result<()>;

    fn remove_folder(&self, path: &str) -> Result<()>;

    fn remove_file(&self, path: &str) -> Result<()>;

    fn read_link(&self, path: &str) -> Result<String>;

    fn make_link(&self, contents: &str, path: &str) -> Result<()>;

    /// `EXDEV` where `to` is a folder of another kind.
    fn rename(&self, path: &str, to: &dyn Folder, new_path: &str) -> Result<()>;

    /// `EXDEV` where `to` is a folder of another kind.
    fn hard_link(&self, path: &str, to: &dyn Folder, new_path: &str) -> Result<()>;
}
