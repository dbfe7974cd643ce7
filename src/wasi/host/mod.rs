//! Files, folders and sockets of the host.

mod file;
mod folder;
mod sigpipe;
mod socket;

pub use file::HostFile;
pub use folder::HostFolder;
pub use socket::{Listener, MAX_LISTENERS, listening};

use std::os::fd::AsFd;

use rustix::fs::{Stat, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};

use super::preview1::types::{Errno, Filestat, Filetype, NewTime};
use crate::control::{self, Waited};

/// Waits for `events` of a descriptor, until they come or the guest is to stop.
fn wait(fd: impl AsFd, events: libc::c_short) -> Result<(), Errno> {
    use std::os::fd::AsRawFd;
    let entry = libc::pollfd {
        fd: fd.as_fd().as_raw_fd(),
        events,
        revents: 0,
    };
    match control::wait(&mut vec![entry], None) {
        Ok(Waited::Stopped(_)) => Err(Errno::Intr),
        Ok(Waited::Ready(_) | Waited::TimedOut) => Ok(()),
        Err(error) => Err(Errno::of(&error)),
    }
}

fn filetype(mode: rustix::fs::RawMode) -> Filetype {
    use rustix::fs::FileType;
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile => Filetype::RegularFile,
        FileType::Directory => Filetype::Directory,
        FileType::Symlink => Filetype::SymbolicLink,
        FileType::CharacterDevice => Filetype::CharacterDevice,
        FileType::BlockDevice => Filetype::BlockDevice,
        FileType::Socket => Filetype::SocketStream,
        FileType::Fifo | FileType::Unknown => Filetype::Unknown,
    }
}

// The fields' types differ between systems.
#[allow(
    clippy::unnecessary_cast,
    clippy::useless_conversion,
    reason = "the system's types"
)]
fn filestat(stat: &Stat) -> Filestat {
    let time = |seconds: i64, nanoseconds: u64| {
        let seconds = u64::try_from(seconds).ok();
        let all = seconds.map(|seconds| seconds.saturating_mul(1_000_000_000));
        all.map_or(0, |all| all.saturating_add(nanoseconds))
    };
    Filestat {
        device: stat.st_dev as u64,
        inode: stat.st_ino as u64,
        filetype: filetype(stat.st_mode),
        links: stat.st_nlink as u64,
        size: stat.st_size as u64,
        accessed: time(stat.st_atime as i64, stat.st_atime_nsec as u64),
        modified: time(stat.st_mtime as i64, stat.st_mtime_nsec as u64),
        changed: time(stat.st_ctime as i64, stat.st_ctime_nsec as u64),
    }
}

fn timestamps(accessed: NewTime, modified: NewTime) -> Timestamps {
    let one = |time| match time {
        NewTime::Keep => Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        NewTime::Now => Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_NOW,
        },
        NewTime::At(nanoseconds) => Timespec {
            // Both quotient and rest fit.
            tv_sec: (nanoseconds / 1_000_000_000) as _,
            tv_nsec: (nanoseconds % 1_000_000_000) as _,
        },
    };
    Timestamps {
        last_access: one(accessed),
        last_modification: one(modified),
    }
}
