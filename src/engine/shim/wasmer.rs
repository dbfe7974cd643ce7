//! wasmer, through its own additions to `wasm.h`.

use std::ffi::{c_char, c_int};
use std::ptr::NonNull;

use super::{Shim, Stage};
use crate::engine::api::Api;
use crate::engine::trap::Trap;

/// Its compiler refuses what its validation lets pass, tail calls for instance.
pub(super) struct Wasmer;

impl Shim for Wasmer {
    fn name(&self) -> &'static str {
        "wasmer"
    }

    fn serialization(&self) -> bool {
        true
    }

    fn import_order_is_declared(&self) -> bool {
        true
    }

    /// The text is the message; a trap of the guest's has a backtrace behind it.
    fn trap_cause(&self, text: &str) -> String {
        let first = text.split("\n    at ").next().unwrap_or(text);
        let first = first.strip_prefix("RuntimeError: ").unwrap_or(first);
        first.trim_end().to_owned()
    }

    /// What does not link gives no trap at all.
    fn failed_stage(&self, _trap: &Trap) -> Stage {
        Stage::Run
    }

    fn instance_outlives_handle(&self) -> bool {
        true
    }

    fn last_error(&self, api: &'static Api) -> Option<String> {
        let length = api.symbols.find(c"wasmer_last_error_length")?;
        let message = api.symbols.find(c"wasmer_last_error_message")?;
        // SAFETY: the engine's functions of these names have these types (wasmer.h).
        let (length, message) = unsafe {
            (
                std::mem::transmute::<NonNull<_>, unsafe extern "C" fn() -> c_int>(length),
                std::mem::transmute::<NonNull<_>, unsafe extern "C" fn(*mut c_char, c_int) -> c_int>(
                    message,
                ),
            )
        };
        // SAFETY: the buffer has as many bytes as it says; the text ends in NUL within it.
        unsafe {
            let size = usize::try_from(length()).ok().filter(|&size| size > 0)?;
            let mut text = vec![0u8; size + 1];
            if message(text.as_mut_ptr().cast(), c_int::try_from(text.len()).ok()?) <= 0 {
                return None;
            }
            let end = text.iter().position(|&b| b == 0).unwrap_or(text.len());
            text.truncate(end);
            Some(String::from_utf8_lossy(&text).into_owned())
        }
    }
}
