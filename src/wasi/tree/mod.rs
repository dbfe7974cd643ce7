//! Folders that are no folders of the host's system: in memory, by callbacks, in an archive.
//!
//! A [`Tree`] says what is in it, one name at a time. Paths, links, flags and the errors of a file system are the same for all of them:
//! `walk.rs` finds the place that a path names, `folder.rs` and `file.rs` do what a guest asks there. Nothing here asks the system for
//! anything, so it is the same on every system.

mod archive;
mod callbacks;
mod file;
mod folder;
mod memory;
mod walk;

use std::sync::atomic::{AtomicU64, Ordering};

pub use archive::ArchiveTree;
pub use callbacks::{Hosted, HostedKind, HostedStat, HostedTree};
pub use folder::TreeFolder;
pub use memory::{MemoryLimits, MemoryTree};

use super::preview1::descriptor::{Entry, Result};
use super::preview1::types::{Errno, Filestat, Filetype, NewTime};
use crate::error::{Code, Error};

/// The longest name of an entry, in bytes, as on most systems.
pub const MAX_NAME: usize = 255;

/// The longest path and the longest contents of a link, in bytes.
pub const MAX_PATH: usize = 4095;

/// What a guest wants to do with a file that it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    pub read: bool,
    pub write: bool,
    /// All that is in it goes.
    pub truncate: bool,
}

/// A tree of folders, files and links. Clones are the same tree.
///
/// `now` is the guest's time in nanoseconds since 1970, for what is made or changed. What is not overridden fails with `EROFS`.
pub trait Tree: Clone + 'static {
    /// A folder, a file or a link.
    type Node: Clone + 'static;

    /// Keeps a node that is open, though its last name may be removed.
    type Kept: 'static;

    fn root(&self) -> Self::Node;

    fn keep(&self, node: &Self::Node) -> Self::Kept;

    /// Whether `other` is the same tree.
    fn is(&self, other: &Self) -> bool;

    /// What a folder has by this name, which is neither `.` nor `..` and has no slash. `ENOENT` if there is nothing.
    fn child(&self, folder: &Self::Node, name: &str) -> Result<(Self::Node, Filetype)>;

    /// Whether `folder` is `node` or lies below it.
    fn is_below(&self, folder: &Self::Node, node: &Self::Node) -> Result<bool>;

    fn stat(&self, node: &Self::Node) -> Result<Filestat>;

    /// The contents of a link.
    fn contents(&self, link: &Self::Node) -> Result<String>;

    /// The entries of a folder, without `.` and `..`. `looked_at` is called for each, and may end the listing.
    fn list(
        &self,
        folder: &Self::Node,
        looked_at: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Vec<Entry>>;

    fn open(&self, file: &Self::Node, access: Access, now: u64) -> Result<Box<dyn Contents>>;

    /// Makes an empty file, which is not there, and opens it.
    fn create_file(
        &self,
        _folder: &Self::Node,
        _name: &str,
        _access: Access,
        _now: u64,
    ) -> Result<Box<dyn Contents>> {
        Err(Errno::Rofs)
    }

    fn create_folder(&self, _folder: &Self::Node, _name: &str, _now: u64) -> Result<()> {
        Err(Errno::Rofs)
    }

    fn create_link(
        &self,
        _folder: &Self::Node,
        _name: &str,
        _contents: &str,
        _now: u64,
    ) -> Result<()> {
        Err(Errno::Rofs)
    }

    /// Removes an empty folder.
    fn remove_folder(&self, _folder: &Self::Node, _name: &str, _now: u64) -> Result<()> {
        Err(Errno::Rofs)
    }

    /// Removes a file or a link.
    fn remove_file(&self, _folder: &Self::Node, _name: &str, _now: u64) -> Result<()> {
        Err(Errno::Rofs)
    }

    /// Gives what is there another place, in the stead of what is at that place, which is of the same kind. The tree itself refuses to put a
    /// folder below itself, and in the place of one that is not empty.
    fn rename(&self, _from: Named<'_, Self>, _to: Named<'_, Self>, _now: u64) -> Result<()> {
        Err(Errno::Rofs)
    }

    /// Gives a file or a link a further name.
    fn hard_link(&self, _node: &Self::Node, _to: Named<'_, Self>, _now: u64) -> Result<()> {
        Err(Errno::Perm)
    }

    fn set_times(
        &self,
        _node: &Self::Node,
        _accessed: NewTime,
        _modified: NewTime,
        _now: u64,
    ) -> Result<()> {
        Err(Errno::Rofs)
    }
}

/// A name in a folder.
pub type Named<'a, T> = (&'a <T as Tree>::Node, &'a str);

/// A file that is open, by places in it.
pub trait Contents {
    fn stat(&self) -> Result<Filestat>;

    fn read_at(&self, to: &mut [u8], offset: u64) -> Result<usize>;

    /// What is written behind the end leaves zeros between. Fewer than all only where the rest does not fit.
    fn write_at(&self, from: &[u8], offset: u64, now: u64) -> Result<usize>;

    fn set_size(&self, size: u64, now: u64) -> Result<()>;

    fn set_times(&self, accessed: NewTime, modified: NewTime, now: u64) -> Result<()>;

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    /// Bytes that were moved beside those that calls gave, since this was last asked.
    fn moved(&self) -> u64 {
        0
    }
}

/// What the host is told of an errno for `path`.
fn refused(path: &str, errno: Errno) -> Error {
    let (code, why) = match errno {
        Errno::Noent => (Code::NotFound, "there is nothing by this path"),
        Errno::Nospc => (
            Code::Limit,
            "the folder holds no more: it was made for fewer bytes or files",
        ),
        Errno::Perm => (
            Code::InvalidArgument,
            "the path leads out of the folder: paths begin in it, without a slash",
        ),
        Errno::Inval => (
            Code::InvalidArgument,
            "a path that ends in `.` or `..`, or holds a NUL byte, names no entry",
        ),
        Errno::Isdir => (Code::InvalidArgument, "it is a folder"),
        Errno::Loop => (
            Code::InvalidArgument,
            "more links lead to one another than are followed",
        ),
        Errno::Notdir => (Code::InvalidArgument, "what is on the way is no folder"),
        Errno::Nametoolong => (
            Code::InvalidArgument,
            "the path is too long: a name has 255 bytes at most, a path 4095",
        ),
        _ => {
            let text = format!("`{path}` in a folder for guests: {errno}");
            return Error::new(Code::Io, text);
        }
    };
    Error::new(code, format!("`{path}` in a folder for guests: {why}"))
}

/// A number for a tree, as that of a device: none of the host's has the highest bit.
fn new_device() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    (1 << 63) | NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A time that is to be set, where there was this one.
fn time(new: NewTime, old: u64, now: u64) -> u64 {
    match new {
        NewTime::Keep => old,
        NewTime::Now => now,
        NewTime::At(time) => time,
    }
}
