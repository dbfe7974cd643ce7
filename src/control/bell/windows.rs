//! An event of the system's, which is silent again once somebody was woken by it.

use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering::SeqCst};

use windows_sys::Win32::Foundation::{CloseHandle, HANDLE};
use windows_sys::Win32::System::Threading::{CreateEventW, SetEvent};

pub struct Bell {
    /// Null: nobody has waited yet.
    event: AtomicPtr<std::ffi::c_void>,
}

impl Bell {
    pub const fn new() -> Bell {
        Bell {
            event: AtomicPtr::new(null_mut()),
        }
    }

    /// The event that is set when the guest is to look, made when first asked for; `None` if the system gives none.
    pub fn heard(&self) -> Option<HANDLE> {
        let known = self.event.load(SeqCst);
        if !known.is_null() {
            return Some(known);
        }
        // SAFETY: no name and no attributes. It is reset by itself, and not set.
        let made = unsafe { CreateEventW(null(), 0, 0, null()) };
        // Only the namespace's own thread makes one.
        self.event.store(made, SeqCst);
        (!made.is_null()).then_some(made)
    }

    pub fn ring(&self) {
        let event = self.event.load(SeqCst);
        if !event.is_null() {
            // SAFETY: ours, which is closed with the bell alone.
            unsafe { SetEvent(event) };
        }
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        let event = *self.event.get_mut();
        if !event.is_null() {
            // SAFETY: ours, and nobody else has this bell any more.
            unsafe { CloseHandle(event) };
        }
    }
}
