//! Traps: what a call or an instantiation failed with.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::api::Api;
use super::frame::EngineFrame;
use super::shim;
use super::store::Store;
use super::sys::*;
use super::vec::{OwnedVec, VecBuf};

/// An owned trap. It can be read, dropped, or handed back to the engine from a host function.
pub struct Trap {
    api: &'static Api,
    raw: NonNull<wasm_trap_t>,
}

impl Trap {
    /// A trap with a text of ours.
    ///
    /// The text never carries data: engines decorate it, each in its own way. `None` only if the engine makes no trap.
    pub fn new(store: Store, message: &str) -> Option<Trap> {
        let api = store.api();
        let bytes = message_bytes(message);
        // SAFETY: the vector views `bytes`, which the call reads only.
        let raw = unsafe { (api.wasm_trap_new)(store.raw(), VecBuf::view(&bytes).as_ptr()) };
        NonNull::new(raw).map(|raw| Trap { api, raw })
    }

    /// # Safety
    /// `raw` is NULL or a trap of the engine behind `api`, and ours.
    pub unsafe fn from_raw(api: &'static Api, raw: *mut wasm_trap_t) -> Option<Trap> {
        NonNull::new(raw).map(|raw| Trap { api, raw })
    }

    #[cfg(feature = "wasmtime")]
    /// # Safety
    /// `raw` is a trap of the engine behind `api`, and ours.
    pub(super) unsafe fn from_raw_owned(api: &'static Api, raw: NonNull<wasm_trap_t>) -> Trap {
        Trap { api, raw }
    }

    pub fn raw(&self) -> *mut wasm_trap_t {
        self.raw.as_ptr()
    }

    /// Gives the trap to an engine.
    pub fn into_raw(self) -> *mut wasm_trap_t {
        ManuallyDrop::new(self).raw.as_ptr()
    }

    pub fn api(&self) -> &'static Api {
        self.api
    }

    /// All that the engine says of the trap, in words, a backtrace included where it has one.
    pub fn message(&self) -> String {
        shim::of(self.api).trap_text(self.raw_text())
    }

    /// What the engine says, as it says it.
    pub(super) fn raw_text(&self) -> String {
        // SAFETY: the trap is alive; the call fills an owned vector.
        let text = unsafe {
            OwnedVec::filled(self.api, |out| {
                (self.api.wasm_trap_message)(self.raw.as_ptr(), out);
            })
        };
        // The header says NUL-terminated; WAMR has two of them (Q13), and another engine may have none.
        let bytes = text.as_slice();
        let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |i| i + 1);
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    }

    /// The guest's functions that were running, the innermost first; none where the engine does not tell.
    pub fn frames(&self) -> Vec<EngineFrame> {
        shim::of(self.api).frames(self)
    }

    /// The reason alone, without backtrace and decoration, as far as the engine's shim can take them off.
    pub fn cause(&self) -> String {
        shim::of(self.api).trap_cause(&self.message())
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        // SAFETY: owned, and not used again.
        unsafe { (self.api.wasm_trap_delete)(self.raw.as_ptr()) }
    }
}

impl fmt::Debug for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trap").field(&self.cause()).finish()
    }
}

/// A text in the form in which every engine takes it: not empty, without a NUL inside, with one at the end.
fn message_bytes(message: &str) -> Vec<u8> {
    let message = if message.is_empty() {
        "host trap"
    } else {
        message
    };
    let mut bytes = message.replace('\0', "\u{fffd}").into_bytes();
    bytes.push(0);
    bytes
}
