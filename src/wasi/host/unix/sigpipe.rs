//! Writes that raise no SIGPIPE. A guest that opens both ends of a pipe in its folder, and closes one, would end a process that does not ignore it.

use std::io;

/// Calls `write`. Where that says that nobody reads, the signal which the system sends to this thread is taken away.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub fn without_sigpipe<T>(write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    use std::mem::MaybeUninit;
    use std::ptr;
    let (mut sigpipe, mut pending, mut before) = (
        MaybeUninit::<libc::sigset_t>::uninit(),
        MaybeUninit::<libc::sigset_t>::uninit(),
        MaybeUninit::<libc::sigset_t>::uninit(),
    );
    // SAFETY: sets to fill, of which the first is made empty before anything is added. They are filled where the calls say 0.
    let blocked = unsafe {
        libc::sigemptyset(sigpipe.as_mut_ptr());
        libc::sigaddset(sigpipe.as_mut_ptr(), libc::SIGPIPE);
        libc::sigpending(pending.as_mut_ptr()) == 0
            && libc::pthread_sigmask(libc::SIG_BLOCK, sigpipe.as_ptr(), before.as_mut_ptr()) == 0
    };
    if !blocked {
        return Err(io::Error::last_os_error());
    }
    let written = write();
    let is_broken = matches!(&written, Err(error) if error.raw_os_error() == Some(libc::EPIPE));
    let at_once = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: all sets are filled; the mask is what this thread had.
    unsafe {
        // One that waited before is somebody else's.
        if is_broken && libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 0 {
            libc::sigtimedwait(sigpipe.as_ptr(), ptr::null_mut(), &raw const at_once);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut());
    }
    written
}

/// Here no call takes a signal away without waiting for it.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
pub fn without_sigpipe<T>(write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    write()
}
