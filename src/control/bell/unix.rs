//! A descriptor that becomes readable.

use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::SeqCst};

use super::super::forked::generation;

pub struct Bell {
    /// -1: nobody has waited yet.
    descriptor: AtomicI32,
    /// The process that has made it. A child has the same one, and makes another: what it took from this one would be the parent's.
    process: AtomicU32,
}

impl Bell {
    pub const fn new() -> Bell {
        Bell {
            descriptor: AtomicI32::new(-1),
            process: AtomicU32::new(0),
        }
    }

    /// The descriptor that becomes readable when the guest is to look, made when first asked for; `None` if the system gives none.
    pub fn heard(&self) -> Option<i32> {
        let known = self.descriptor.load(SeqCst);
        let process = generation();
        if known >= 0 && self.process.load(SeqCst) == process {
            return Some(known);
        }
        let made = make()?;
        // Only the namespace's own thread makes one. Who rings the parent's meanwhile wakes that for nothing.
        self.descriptor.store(made, SeqCst);
        self.process.store(process, SeqCst);
        if known >= 0 {
            // SAFETY: ours: the child's own descriptor of it.
            unsafe { libc::close(known) };
        }
        Some(made)
    }

    /// Called by signal handlers as well.
    pub fn ring(&self) {
        let descriptor = self.descriptor.load(SeqCst);
        if descriptor < 0 {
            return;
        }
        let one = 1u64;
        // A signal handler must leave errno as it was.
        // SAFETY: errno is the thread's own; the buffer is as large as is said. That the count is full is as good as a ring.
        unsafe {
            let errno = errno_location();
            let before = *errno;
            libc::write(descriptor, (&raw const one).cast(), size_of::<u64>());
            *errno = before;
        }
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        let descriptor = *self.descriptor.get_mut();
        if descriptor >= 0 {
            // SAFETY: ours, and nobody else has this bell any more.
            unsafe { libc::close(descriptor) };
        }
    }
}

/// Takes what was rung, so that the bell is silent.
pub fn hush(descriptor: i32) {
    let mut count = 0u64;
    // SAFETY: the buffer is as large as is said; the descriptor does not block.
    unsafe { libc::read(descriptor, (&raw mut count).cast(), size_of::<u64>()) };
}

#[cfg(target_os = "linux")]
fn make() -> Option<i32> {
    // SAFETY: no pointer is passed.
    let made = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    (made >= 0).then_some(made)
}

#[cfg(not(target_os = "linux"))]
fn make() -> Option<i32> {
    None
}

#[cfg(target_os = "linux")]
fn errno_location() -> *mut libc::c_int {
    // SAFETY: no precondition.
    unsafe { libc::__errno_location() }
}

#[cfg(not(target_os = "linux"))]
fn errno_location() -> *mut libc::c_int {
    // SAFETY: no precondition.
    unsafe { libc::__error() }
}
