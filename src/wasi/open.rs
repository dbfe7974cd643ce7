//! Opening a path below a folder of the host.
//!
//! wasi-common waits in open(2) for as long as the system does: for the other end of a pipe, or for a device. Here opening never waits,
//! and only what is open may: the flag that sees to it is taken off again unless the guest has set it.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd};

use cap_fs_ext::{
    FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt, OpenOptionsSyncExt,
};
use cap_std::fs;
use wasi_common::Error;
use wasi_common::file::{FdFlags, OFlags};
use wasi_common::snapshots::preview_1::types::Errno;

/// How a guest opens something.
#[derive(Clone, Copy, Debug)]
pub struct How {
    pub follow: bool,
    pub oflags: OFlags,
    pub read: bool,
    pub write: bool,
    pub fdflags: FdFlags,
}

/// What was opened.
#[derive(Debug)]
pub enum OpenedFile {
    File(fs::File),
    Folder(fs::Dir),
}

/// Opens `path` below `folder`, and nothing outside of it.
pub fn open(folder: BorrowedFd<'_>, path: &str, how: How) -> Result<OpenedFile, Error> {
    let has = |flag| how.oflags.contains(flag);
    // Flags that the system has and preview1's own implementations refuse.
    if how
        .fdflags
        .intersects(FdFlags::DSYNC | FdFlags::SYNC | FdFlags::RSYNC)
    {
        return Err(Errno::Notsup.into());
    }
    let changes = OFlags::CREATE | OFlags::EXCLUSIVE | OFlags::TRUNCATE;
    if has(OFlags::DIRECTORY) && how.oflags.intersects(changes) {
        return Err(Errno::Inval.into());
    }
    let mut options = fs::OpenOptions::new();
    options.maybe_dir(true).nonblock(true);
    options.follow(match how.follow {
        true => FollowSymlinks::Yes,
        false => FollowSymlinks::No,
    });
    options
        .create_new(has(OFlags::CREATE | OFlags::EXCLUSIVE))
        .create(has(OFlags::CREATE))
        .truncate(has(OFlags::TRUNCATE))
        .append(how.fdflags.contains(FdFlags::APPEND))
        // The system makes files only for writing. What the guest may do with it is for its rights to say.
        .write(how.write || has(OFlags::CREATE))
        // One of the two has to be.
        .read(how.read || !how.write);

    // SAFETY: the descriptor is open for the call, and not closed by it.
    let folder = ManuallyDrop::new(unsafe { fs::Dir::from_raw_fd(folder.as_raw_fd()) });
    let opened = folder.open_with(path, &options)?;
    if opened.metadata()?.is_dir() {
        return Ok(OpenedFile::Folder(fs::Dir::from_std_file(
            opened.into_std(),
        )));
    }
    if has(OFlags::DIRECTORY) {
        return Err(Errno::Notdir.into());
    }
    if !how.fdflags.contains(FdFlags::NONBLOCK) {
        wait_from_now_on(&opened)?;
    }
    Ok(OpenedFile::File(opened))
}

fn wait_from_now_on(file: &fs::File) -> io::Result<()> {
    let fd = file.as_raw_fd();
    // SAFETY: an open descriptor; the calls take and give flags only.
    let set = unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        flags >= 0 && libc::fcntl(fd, libc::F_SETFL, flags & !libc::O_NONBLOCK) >= 0
    };
    match set {
        true => Ok(()),
        false => Err(io::Error::last_os_error()),
    }
}
