//! From wasi-common's errors to what the guest sees.

use std::io::{self, ErrorKind};

use wasi_common::snapshots::preview_1::types::Errno;
use wiggle::GuestError;

use super::Stop;

/// The result of a wiggle function.
pub type Raw = Result<i32, wiggle::anyhow::Error>;

/// Gives `function`'s errno, or the reason why the guest may not go on.
pub fn finish(function: &str, raw: Raw) -> Result<i32, Stop> {
    let error = match raw {
        Ok(errno) => return Ok(errno),
        Err(error) => error,
    };
    // wasi-common traps on every system error that it has no errno for, `EROFS` and `EXDEV` among them, although
    // preview1 has both: a program may well live with a failed rename.
    if let Some(io) = error.chain().find_map(|e| e.downcast_ref()) {
        return Ok(errno_of(io) as i32);
    }
    // And on a number that no enum or set of flags has, where it is an argument and not in memory.
    if error.downcast_ref().is_some_and(is_invalid_value) {
        return Ok(Errno::Inval as i32);
    }
    Err(trap(format!("{function}: {}", error.root_cause())))
}

fn is_invalid_value(error: &GuestError) -> bool {
    match error {
        GuestError::InvalidFlagValue(_) | GuestError::InvalidEnumValue(_) => true,
        GuestError::InFunc { err, .. } => is_invalid_value(err),
        _ => false,
    }
}

/// A trap whose text any engine takes: not empty, no NUL.
pub fn trap(text: String) -> Stop {
    Stop::Trap(text.replace('\0', "\u{fffd}"))
}

/// The errno of a system error, `EIO` if preview1 has none for it.
fn errno_of(error: &io::Error) -> Errno {
    #[cfg(unix)]
    match error.raw_os_error() {
        Some(libc::ENOTTY) => return Errno::Notty,
        Some(libc::ENXIO) => return Errno::Nxio,
        Some(libc::ENODEV) => return Errno::Nodev,
        Some(libc::ENOLCK) => return Errno::Nolck,
        Some(libc::ENOSYS) => return Errno::Nosys,
        Some(libc::EPROTO) => return Errno::Proto,
        _ => {}
    }
    match error.kind() {
        ErrorKind::NotFound => Errno::Noent,
        ErrorKind::PermissionDenied => Errno::Acces,
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
        _ => Errno::Io,
    }
}
