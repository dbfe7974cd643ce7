//! From the system's errors to what the guest sees.

use std::io::{self, ErrorKind};

use super::preview1::types::Errno;

impl Errno {
    /// The errno of an error, `EIO` if preview1 has none for it.
    pub fn of(error: &io::Error) -> Errno {
        let raw = error.raw_os_error().and_then(of_system);
        let own = || error.get_ref()?.downcast_ref::<Errno>().copied();
        raw.or_else(own).unwrap_or_else(|| of_kind(error.kind()))
    }
}

impl std::error::Error for Errno {}

/// The error that a function of the host's means by this number: an errno of the host's C library. Where there is none, the numbers are those of
/// preview1.
pub fn host_error(number: i32) -> io::Error {
    #[cfg(unix)]
    return io::Error::from_raw_os_error(number);
    // The system itself has other numbers.
    #[cfg(windows)]
    return io::Error::other(of_c(number).unwrap_or(Errno::Io));
    #[cfg(not(any(unix, windows)))]
    return {
        let known = usize::try_from(number).ok();
        let errno = known.and_then(|number| Errno::ALL.get(number));
        io::Error::other(errno.copied().unwrap_or(Errno::Io))
    };
}

#[cfg(unix)]
fn of_system(raw: i32) -> Option<Errno> {
    of_c(raw)
}

/// Numbers of Windows itself and of its sockets.
#[cfg(windows)]
fn of_system(raw: i32) -> Option<Errno> {
    use windows_sys::Win32::Foundation as n;
    use windows_sys::Win32::Networking::WinSock as s;
    // Some kinds are the same for several numbers, of which guests know more.
    Some(match u32::try_from(raw).ok()? {
        n::ERROR_FILE_NOT_FOUND | n::ERROR_PATH_NOT_FOUND | n::ERROR_INVALID_NAME => Errno::Noent,
        n::ERROR_BAD_NETPATH | n::ERROR_INVALID_DRIVE => Errno::Noent,
        n::ERROR_TOO_MANY_OPEN_FILES => Errno::Mfile,
        n::ERROR_ACCESS_DENIED | n::ERROR_SHARING_VIOLATION => Errno::Acces,
        n::ERROR_PRIVILEGE_NOT_HELD => Errno::Perm,
        n::ERROR_LOCK_VIOLATION => Errno::Again,
        n::ERROR_INVALID_HANDLE => Errno::Badf,
        n::ERROR_NOT_ENOUGH_MEMORY | n::ERROR_OUTOFMEMORY => Errno::Nomem,
        n::ERROR_DIR_NOT_EMPTY => Errno::Notempty,
        n::ERROR_NOT_READY | n::ERROR_BUSY => Errno::Busy,
        n::ERROR_NOT_SUPPORTED | n::ERROR_CALL_NOT_IMPLEMENTED => Errno::Notsup,
        n::ERROR_INVALID_FUNCTION => Errno::Notsup,
        n::ERROR_FILE_EXISTS | n::ERROR_ALREADY_EXISTS => Errno::Exist,
        n::ERROR_BROKEN_PIPE | n::ERROR_NO_DATA => Errno::Pipe,
        n::ERROR_BUFFER_OVERFLOW | n::ERROR_FILENAME_EXCED_RANGE => Errno::Nametoolong,
        n::ERROR_NOT_A_REPARSE_POINT | n::ERROR_NEGATIVE_SEEK => Errno::Inval,
        n::ERROR_INVALID_PARAMETER => Errno::Inval,
        n::ERROR_DIRECTORY => Errno::Notdir,
        n::ERROR_DIRECTORY_NOT_SUPPORTED => Errno::Isdir,
        n::ERROR_STOPPED_ON_SYMLINK | n::ERROR_CANT_RESOLVE_FILENAME => Errno::Loop,
        // cap-std's, of links that follow each other.
        n::ERROR_TOO_MANY_LINKS => Errno::Loop,
        n::ERROR_DISK_FULL | n::ERROR_HANDLE_DISK_FULL => Errno::Nospc,
        n::ERROR_DISK_QUOTA_EXCEEDED => Errno::Dquot,
        n::ERROR_FILE_TOO_LARGE => Errno::Fbig,
        n::ERROR_NOT_SAME_DEVICE => Errno::Xdev,
        n::ERROR_WRITE_PROTECT => Errno::Rofs,
        n::ERROR_SEEK_ON_DEVICE => Errno::Spipe,
        n::ERROR_OPERATION_ABORTED => Errno::Intr,
        _ => match raw {
            s::WSAEWOULDBLOCK => Errno::Again,
            s::WSAENOTSOCK => Errno::Notsock,
            s::WSAEINVAL => Errno::Inval,
            s::WSAEMFILE => Errno::Mfile,
            s::WSAENOBUFS => Errno::Nobufs,
            s::WSAECONNABORTED => Errno::Connaborted,
            s::WSAECONNRESET => Errno::Connreset,
            s::WSAENOTCONN => Errno::Notconn,
            // Of a socket that was shut down for writing.
            s::WSAESHUTDOWN => Errno::Pipe,
            s::WSAETIMEDOUT => Errno::Timedout,
            s::WSAENETDOWN => Errno::Netdown,
            s::WSAENETRESET => Errno::Netreset,
            s::WSAENETUNREACH => Errno::Netunreach,
            s::WSAEHOSTUNREACH => Errno::Hostunreach,
            _ => return None,
        },
    })
}

#[cfg(not(any(unix, windows)))]
fn of_system(_: i32) -> Option<Errno> {
    None
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        Errno::of(&error)
    }
}

#[cfg(unix)]
impl From<rustix::io::Errno> for Errno {
    fn from(error: rustix::io::Errno) -> Self {
        Errno::of(&error.into())
    }
}

/// Of what has no number of the system's: Rust's own errors, those of callbacks, and paths that lead out of their folder.
fn of_kind(kind: ErrorKind) -> Errno {
    match kind {
        ErrorKind::NotFound => Errno::Noent,
        ErrorKind::PermissionDenied => Errno::Perm,
        ErrorKind::AlreadyExists => Errno::Exist,
        ErrorKind::InvalidInput => Errno::Inval,
        ErrorKind::WouldBlock => Errno::Again,
        ErrorKind::Interrupted => Errno::Intr,
        ErrorKind::BrokenPipe => Errno::Pipe,
        ErrorKind::NotADirectory => Errno::Notdir,
        ErrorKind::IsADirectory => Errno::Isdir,
        ErrorKind::DirectoryNotEmpty => Errno::Notempty,
        ErrorKind::ReadOnlyFilesystem => Errno::Rofs,
        ErrorKind::CrossesDevices => Errno::Xdev,
        ErrorKind::TooManyLinks => Errno::Mlink,
        ErrorKind::InvalidFilename => Errno::Nametoolong,
        ErrorKind::StorageFull => Errno::Nospc,
        ErrorKind::QuotaExceeded => Errno::Dquot,
        ErrorKind::FileTooLarge => Errno::Fbig,
        ErrorKind::ResourceBusy => Errno::Busy,
        ErrorKind::ExecutableFileBusy => Errno::Txtbsy,
        ErrorKind::Deadlock => Errno::Deadlk,
        ErrorKind::NotSeekable => Errno::Spipe,
        ErrorKind::TimedOut => Errno::Timedout,
        ErrorKind::OutOfMemory => Errno::Nomem,
        ErrorKind::Unsupported => Errno::Notsup,
        ErrorKind::ArgumentListTooLong => Errno::TooBig,
        ErrorKind::ConnectionRefused => Errno::Connrefused,
        ErrorKind::ConnectionReset => Errno::Connreset,
        ErrorKind::ConnectionAborted => Errno::Connaborted,
        ErrorKind::NotConnected => Errno::Notconn,
        _ => Errno::Io,
    }
}

/// Numbers of the C library.
#[cfg(any(unix, windows))]
fn of_c(raw: i32) -> Option<Errno> {
    Some(match raw {
        libc::E2BIG => Errno::TooBig,
        libc::EACCES => Errno::Acces,
        libc::EADDRINUSE => Errno::Addrinuse,
        libc::EADDRNOTAVAIL => Errno::Addrnotavail,
        libc::EAFNOSUPPORT => Errno::Afnosupport,
        libc::EAGAIN => Errno::Again,
        libc::EALREADY => Errno::Already,
        libc::EBADF => Errno::Badf,
        libc::EBADMSG => Errno::Badmsg,
        libc::EBUSY => Errno::Busy,
        libc::ECANCELED => Errno::Canceled,
        libc::ECONNABORTED => Errno::Connaborted,
        libc::ECONNREFUSED => Errno::Connrefused,
        libc::ECONNRESET => Errno::Connreset,
        libc::EDEADLK => Errno::Deadlk,
        libc::EDESTADDRREQ => Errno::Destaddrreq,
        #[cfg(unix)]
        libc::EDQUOT => Errno::Dquot,
        libc::EEXIST => Errno::Exist,
        libc::EFAULT => Errno::Fault,
        libc::EFBIG => Errno::Fbig,
        libc::EHOSTUNREACH => Errno::Hostunreach,
        libc::EILSEQ => Errno::Ilseq,
        libc::EINPROGRESS => Errno::Inprogress,
        libc::EINTR => Errno::Intr,
        libc::EINVAL => Errno::Inval,
        libc::EIO => Errno::Io,
        libc::EISCONN => Errno::Isconn,
        libc::EISDIR => Errno::Isdir,
        libc::ELOOP => Errno::Loop,
        libc::EMFILE => Errno::Mfile,
        libc::EMLINK => Errno::Mlink,
        libc::EMSGSIZE => Errno::Msgsize,
        libc::ENAMETOOLONG => Errno::Nametoolong,
        libc::ENETDOWN => Errno::Netdown,
        libc::ENETRESET => Errno::Netreset,
        libc::ENETUNREACH => Errno::Netunreach,
        libc::ENFILE => Errno::Nfile,
        libc::ENOBUFS => Errno::Nobufs,
        libc::ENODEV => Errno::Nodev,
        libc::ENOENT => Errno::Noent,
        libc::ENOLCK => Errno::Nolck,
        libc::ENOMEM => Errno::Nomem,
        libc::ENOPROTOOPT => Errno::Noprotoopt,
        libc::ENOSPC => Errno::Nospc,
        libc::ENOSYS => Errno::Nosys,
        libc::ENOTCONN => Errno::Notconn,
        libc::ENOTDIR => Errno::Notdir,
        libc::ENOTEMPTY => Errno::Notempty,
        libc::ENOTSOCK => Errno::Notsock,
        libc::ENOTSUP => Errno::Notsup,
        libc::ENOTTY => Errno::Notty,
        libc::ENXIO => Errno::Nxio,
        libc::EOVERFLOW => Errno::Overflow,
        libc::EPERM => Errno::Perm,
        libc::EPIPE => Errno::Pipe,
        libc::EPROTO => Errno::Proto,
        libc::EPROTONOSUPPORT => Errno::Protonosupport,
        libc::EPROTOTYPE => Errno::Prototype,
        libc::ERANGE => Errno::Range,
        libc::EROFS => Errno::Rofs,
        libc::ESPIPE => Errno::Spipe,
        #[cfg(unix)]
        libc::ESTALE => Errno::Stale,
        libc::ETIMEDOUT => Errno::Timedout,
        libc::ETXTBSY => Errno::Txtbsy,
        libc::EXDEV => Errno::Xdev,
        _ => return None,
    })
}
