//! Unix: by rustix, which makes the system calls that Rust's own library has no function for.

mod file;
mod sigpipe;

pub use file::HostFile;

use std::fs::File as OsFile;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, FromRawFd};
use std::path::Path;
use std::rc::Rc;

use cap_fs_ext::{DirExt, OpenOptionsMaybeDirExt};
use cap_std::fs::{Dir, Metadata, MetadataExt, OpenOptions};
use rustix::fs::{
    Dir as Entries, DirEntry, Mode, OFlags, SeekFrom, Stat, Timespec, Timestamps, UTIME_NOW,
    UTIME_OMIT, fstat, futimens, openat, seek,
};

use super::Inherited;
use crate::control::Pollable;
use crate::wasi::preview1::descriptor::{File, Result};
use crate::wasi::preview1::types::{Clockid, Filestat, Filetype, NewTime};

/// How many descriptors the process may have.
pub fn most_descriptors() -> Option<u32> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: a structure to fill.
    match unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } {
        0 => u32::try_from(limit.rlim_cur).ok(),
        _ => None,
    }
}

/// Nanoseconds between two times of a clock that can be told apart.
pub fn resolution(clock: Clockid) -> u64 {
    use rustix::time::{ClockId, clock_getres};
    let time = clock_getres(match clock {
        Clockid::Realtime => ClockId::Realtime,
        Clockid::Monotonic | Clockid::Cpu => ClockId::Monotonic,
    });
    let nanoseconds = i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec);
    u64::try_from(nanoseconds).unwrap_or(1).max(1)
}

/// The process's variables.
pub use std::env::vars_os as variables;

/// The descriptor itself, without the buffers of Rust's standard library: input that the guest does not read is left
/// for others, a poll sees what a read would get, and a failed write is not kept for the next.
pub fn inherited(own: Inherited) -> io::Result<Rc<dyn File>> {
    let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let fd = match own {
        Inherited::Stdin => stdin.as_fd(),
        Inherited::Stdout => stdout.as_fd(),
        Inherited::Stderr => stderr.as_fd(),
    };
    Ok(Rc::new(HostFile::inherited(fd.try_clone_to_owned()?)?))
}

/// What is waited for of a socket.
pub fn pollable(socket: &impl AsFd) -> Pollable<'_> {
    socket.as_fd()
}

/// How many bytes there are to read at once, if that is known.
pub fn available(fd: impl AsFd) -> Option<u64> {
    rustix::io::ioctl_fionread(fd).ok()
}

/// A descriptor of our own for a TCP socket that listens, by the host's.
pub fn listening(descriptor: i32) -> io::Result<TcpListener> {
    // SAFETY: whatever the number is, the call makes a new descriptor or fails.
    let own = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 3) };
    if own < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just made, and nobody else's.
    let socket = unsafe { TcpListener::from_raw_fd(own) };
    socket.local_addr()?;
    let mut listens: libc::c_int = 0;
    let mut size = std::mem::size_of_val(&listens) as libc::socklen_t;
    // SAFETY: an open descriptor, and a place for an int of that size.
    let asked = unsafe {
        libc::getsockopt(
            own,
            libc::SOL_SOCKET,
            libc::SO_ACCEPTCONN,
            (&raw mut listens).cast(),
            &raw mut size,
        )
    };
    match (asked, listens) {
        (0, 0) => Err(io::Error::other("it does not listen")),
        (0, _) => Ok(socket),
        _ => Err(io::Error::last_os_error()),
    }
}

/// An entry of a folder as the system lists it.
pub struct Listed(DirEntry);

impl Listed {
    /// Whether it is the folder itself, or the one above.
    pub fn is_own(&self) -> bool {
        matches!(self.0.file_name().to_bytes(), b"." | b"..")
    }

    /// Its name, if that is text.
    pub fn name(&self) -> Option<String> {
        self.0.file_name().to_str().map(str::to_owned).ok()
    }

    /// Its number and what it is, as far as the listing says.
    pub fn listed(&self) -> (u64, Filetype) {
        (self.0.ino(), filetype(self.0.file_type().as_raw_mode()))
    }
}

/// The system's own listing of a folder.
pub fn entries(dir: &Dir) -> io::Result<impl Iterator<Item = io::Result<Listed>>> {
    let entries = open_entries(dir)?;
    Ok(entries.map(|entry| Ok(Listed(entry?))))
}

fn open_entries(dir: &Dir) -> io::Result<Entries> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match openat(dir, ".", flags, Mode::empty()) {
        Ok(own) => Ok(Entries::new(own)?),
        // It may be read and not searched, not even for itself. What is open can be read all the same.
        Err(rustix::io::Errno::ACCESS) => {
            let own = dir.try_clone()?;
            // From its start. A handle that was opened for paths alone refuses it.
            let start = seek(&own, SeekFrom::Start(0));
            start.map_err(|_| rustix::io::Errno::ACCESS)?;
            Ok(Entries::new(own)?)
        }
        Err(errno) => Err(errno.into()),
    }
}

/// Whatever is there: the system opens folders as it does files.
pub fn open(dir: &Dir, path: &str, mut options: OpenOptions) -> io::Result<OsFile> {
    let opened = dir.open_with(path, options.maybe_dir(true));
    Ok(opened?.into_std())
}

/// Whether a file that is opened for appending can do all that another one can.
pub const APPENDS: bool = true;

/// Whether times are set of what is open for reading.
pub const SETS_TIMES_BY_READING: bool = true;

/// What a link holds, as guests read it.
pub fn link_contents(contents: String) -> String {
    contents
}

pub fn make_link(dir: &Dir, contents: &Path, path: &Path) -> io::Result<()> {
    DirExt::symlink(dir, contents, path)
}

pub fn set_times(file: impl AsFd, accessed: NewTime, modified: NewTime) -> Result<()> {
    Ok(futimens(file, &timestamps(accessed, modified))?)
}

/// Of what is open.
pub fn stat(file: impl AsFd) -> Result<Filestat> {
    Ok(filestat(&fstat(file)?))
}

/// What cap-std has looked at.
pub fn told(metadata: &Metadata) -> Filestat {
    let time = |seconds: i64, nanoseconds: i64| {
        let since_1970 = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
        u64::try_from(since_1970.max(0)).unwrap_or(u64::MAX)
    };
    Filestat {
        device: metadata.dev(),
        inode: metadata.ino(),
        filetype: filetype(metadata.mode() as _),
        links: metadata.nlink(),
        size: metadata.size(),
        accessed: time(metadata.atime(), metadata.atime_nsec()),
        modified: time(metadata.mtime(), metadata.mtime_nsec()),
        changed: time(metadata.ctime(), metadata.ctime_nsec()),
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
