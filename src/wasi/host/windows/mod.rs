//! Windows: by cap-std, Rust's own library and functions of the system beside it.
//!
//! What guests see is as on Unix as far as the system goes: paths are separated by `/` (the system takes `\` as well), contents of links too, and of a
//! folder no file has two names that differ in case alone. A file that is open can be removed and renamed, a folder cannot.

mod console;
mod file;

pub use file::HostFile;

use std::ffi::OsString;
use std::fs::{File as OsFile, FileTimes};
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::windows::io::{
    AsHandle, AsRawHandle, AsRawSocket, AsSocket, BorrowedHandle, BorrowedSocket, RawSocket,
};
use std::path::{MAIN_SEPARATOR_STR, Path};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cap_fs_ext::{MetadataExt, OpenOptionsMaybeDirExt};
use cap_std::fs::{Dir, DirEntry, Metadata, OpenOptions};
use windows_sys::Win32::Foundation::FILETIME;
use windows_sys::Win32::Networking::WinSock::{
    FIONREAD, SO_ACCEPTCONN, SOCKET, SOL_SOCKET, getsockopt, ioctlsocket,
};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_REPARSE_POINT,
    FILE_ATTRIBUTE_TAG_INFO, FileAttributeTagInfo, GetFileInformationByHandle,
    GetFileInformationByHandleEx,
};

use super::Inherited;
use crate::control::Pollable;
use crate::wasi::preview1::descriptor::{File, Result};
use crate::wasi::preview1::types::{Clockid, Filestat, Filetype, NewTime};

/// Handles have no limit that a guest would come to.
pub fn most_descriptors() -> Option<u32> {
    None
}

/// Nanoseconds between two times of a clock that can be told apart: what the system counts in.
pub fn resolution(_: Clockid) -> u64 {
    100
}

/// The process's variables, without those that the system keeps the current folders of drives in: `=C:`.
pub fn variables() -> impl Iterator<Item = (OsString, OsString)> {
    let own = |name: &OsString| !name.as_encoded_bytes().starts_with(b"=");
    std::env::vars_os().filter(move |(name, _)| own(name))
}

/// A console speaks UTF-16 and is one of Rust's own streams. Anything else is the handle itself, and bytes go through it as they are.
pub fn inherited(own: Inherited) -> io::Result<Rc<dyn File>> {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let handle = match own {
        Inherited::Stdin => stdin.as_handle(),
        Inherited::Stdout => stdout.as_handle(),
        Inherited::Stderr => stderr.as_handle(),
    };
    if handle.as_raw_handle().is_null() {
        return Err(ErrorKind::NotFound.into());
    }
    if console::is_one(handle) {
        return Ok(Rc::new(console::Console::new(own, handle)?));
    }
    Ok(Rc::new(HostFile::inherited(handle.try_clone_to_owned()?)?))
}

/// What is waited for of a socket.
pub fn pollable(socket: &impl AsSocket) -> Pollable<'_> {
    Pollable::Socket(socket.as_socket())
}

/// How many bytes there are to read at once, if that is known.
pub fn available(socket: impl AsSocket) -> Option<u64> {
    let mut count = 0u32;
    let socket = socket.as_socket().as_raw_socket() as SOCKET;
    // SAFETY: an open socket, and a place for the number.
    let asked = unsafe { ioctlsocket(socket, FIONREAD, &raw mut count) };
    (asked == 0).then_some(count.into())
}

/// A socket of our own for a TCP socket that listens, by the host's: the number of a `SOCKET`.
pub fn listening(descriptor: i32) -> io::Result<TcpListener> {
    let number = RawSocket::try_from(descriptor).map_err(|_| ErrorKind::InvalidInput)?;
    let mut listens = 0i32;
    let mut size = size_of_val(&listens) as i32;
    // SAFETY: whatever the number is, the call tells of a socket or fails. There is a place for an int of that size.
    let asked = unsafe {
        getsockopt(
            number as SOCKET,
            SOL_SOCKET,
            SO_ACCEPTCONN,
            (&raw mut listens).cast(),
            &raw mut size,
        )
    };
    match (asked, listens) {
        (0, 0) => return Err(io::Error::other("it does not listen")),
        (0, _) => {}
        _ => return Err(io::Error::last_os_error()),
    }
    // SAFETY: a socket that is open for the time of this call, as whoever gives it promises.
    let socket = unsafe { BorrowedSocket::borrow_raw(number) };
    let socket = TcpListener::from(socket.try_clone_to_owned()?);
    socket.local_addr()?;
    Ok(socket)
}

/// An entry of a folder as the system lists it.
pub struct Listed(DirEntry);

impl Listed {
    /// Whether it is the folder itself, or the one above: Rust's library leaves these out.
    pub fn is_own(&self) -> bool {
        false
    }

    /// Its name, if that is text.
    pub fn name(&self) -> Option<String> {
        self.0.file_name().into_string().ok()
    }

    /// Its number, which the listing does not say, and what it is.
    pub fn listed(&self) -> (u64, Filetype) {
        let told = self.0.file_type();
        (0, told.map_or(Filetype::Unknown, |told| filetype(&told)))
    }
}

/// The system's own listing of a folder.
pub fn entries(dir: &Dir) -> io::Result<impl Iterator<Item = io::Result<Listed>>> {
    Ok(dir.entries()?.map(|entry| Ok(Listed(entry?))))
}

/// A file is opened so that it can be removed and renamed meanwhile. cap-std lets nobody do that with what may be a folder: paths are looked
/// up in it.
pub fn open(dir: &Dir, path: &str, mut options: OpenOptions) -> io::Result<OsFile> {
    let is_folder = path.ends_with('/') || matches!(path.rsplit('/').next(), Some("." | ".."));
    if !is_folder {
        match dir.open_with(path, options.maybe_dir(false)) {
            // So the system says of a folder as well.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            other => return Ok(other?.into_std()),
        }
    }
    match dir.open_with(path, options.maybe_dir(true)) {
        // Which folders are not emptied by.
        Err(error)
            if error.kind() == ErrorKind::InvalidInput
                && dir.metadata(path).is_ok_and(|there| there.is_dir()) =>
        {
            Err(ErrorKind::IsADirectory.into())
        }
        other => Ok(other?.into_std()),
    }
}

/// Whether a file that is opened for appending can do all that another one can.
pub const APPENDS: bool = false;

/// Times are set of what may be written, by its path.
pub const SETS_TIMES_BY_READING: bool = false;

/// The system tells links to folders from others, and follows none whose parts are separated by `/`.
pub fn make_link(dir: &Dir, contents: &Path, path: &Path) -> io::Result<()> {
    let from = path.parent().unwrap_or(Path::new("")).join(contents);
    let is_folder = dir.metadata(from).is_ok_and(|there| there.is_dir());
    let contents = contents.to_string_lossy().replace('/', MAIN_SEPARATOR_STR);
    match is_folder {
        true => dir.symlink_dir(contents, path),
        false => dir.symlink_file(contents, path),
    }
}

/// What a link holds, as guests read it.
pub fn link_contents(contents: String) -> String {
    contents.replace('\\', "/")
}

pub fn set_times(file: &OsFile, accessed: NewTime, modified: NewTime) -> Result<()> {
    let mut times = FileTimes::new();
    if let Some(time) = new_time(accessed)? {
        times = times.set_accessed(time);
    }
    if let Some(time) = new_time(modified)? {
        times = times.set_modified(time);
    }
    Ok(file.set_times(times)?)
}

fn new_time(time: NewTime) -> io::Result<Option<SystemTime>> {
    Ok(match time {
        NewTime::Keep => None,
        NewTime::Now => Some(SystemTime::now()),
        NewTime::At(nanoseconds) => {
            let time = UNIX_EPOCH.checked_add(Duration::from_nanos(nanoseconds));
            Some(time.ok_or(ErrorKind::InvalidInput)?)
        }
    })
}

/// Of what is open, which is a file or a folder.
pub fn stat(file: impl AsHandle) -> Result<Filestat> {
    let handle = file.as_handle();
    let mut told = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: an open handle, and a structure to fill.
    if unsafe { GetFileInformationByHandle(handle.as_raw_handle(), &raw mut told) } == 0 {
        return Err(io::Error::last_os_error().into());
    }
    let wide = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
    let modified = time(told.ftLastWriteTime);
    Ok(Filestat {
        device: told.dwVolumeSerialNumber.into(),
        inode: wide(told.nFileIndexHigh, told.nFileIndexLow),
        filetype: match told.dwFileAttributes {
            attributes if attributes & FILE_ATTRIBUTE_REPARSE_POINT != 0 && is_link(handle) => {
                Filetype::SymbolicLink
            }
            attributes if attributes & FILE_ATTRIBUTE_DIRECTORY != 0 => Filetype::Directory,
            _ => Filetype::RegularFile,
        },
        links: told.nNumberOfLinks.into(),
        size: wide(told.nFileSizeHigh, told.nFileSizeLow),
        accessed: time(told.ftLastAccessTime),
        modified,
        // Rust's library and cap-std do not tell.
        changed: modified,
    })
}

/// Whether what is open is itself a link, and not what it leads to: there is a bit in the tags of these.
fn is_link(handle: BorrowedHandle<'_>) -> bool {
    const NAME_SURROGATE: u32 = 0x2000_0000;
    let mut told = FILE_ATTRIBUTE_TAG_INFO::default();
    let size = size_of_val(&told) as u32;
    // SAFETY: an open handle, and a structure to fill of the size that is said.
    let asked = unsafe {
        GetFileInformationByHandleEx(
            handle.as_raw_handle(),
            FileAttributeTagInfo,
            (&raw mut told).cast(),
            size,
        )
    };
    asked != 0 && told.ReparseTag & NAME_SURROGATE != 0
}

/// Nanoseconds since 1970, of what counts 100 nanoseconds since 1601. Before that it is 1970.
fn time(time: FILETIME) -> u64 {
    const UNTIL_1970: u64 = 116_444_736_000_000_000;
    let since_1601 = u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime);
    since_1601.saturating_sub(UNTIL_1970).saturating_mul(100)
}

/// What cap-std has looked at.
pub fn told(metadata: &Metadata) -> Filestat {
    let time = |time: io::Result<cap_std::time::SystemTime>| {
        let time = time.ok().map(cap_std::time::SystemTime::into_std);
        let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        u64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
    };
    let modified = time(metadata.modified());
    Filestat {
        device: metadata.dev(),
        inode: metadata.ino(),
        filetype: filetype(&metadata.file_type()),
        links: metadata.nlink(),
        size: metadata.len(),
        accessed: time(metadata.accessed()),
        modified,
        changed: modified,
    }
}

fn filetype(told: &cap_std::fs::FileType) -> Filetype {
    if told.is_symlink() {
        Filetype::SymbolicLink
    } else if told.is_dir() {
        Filetype::Directory
    } else if told.is_file() {
        Filetype::RegularFile
    } else {
        Filetype::Unknown
    }
}
