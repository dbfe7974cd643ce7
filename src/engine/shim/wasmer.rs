//! wasmer, through its own additions to `wasm.h`.

use std::ffi::{CStr, c_char, c_int};
use std::ptr::NonNull;
use std::sync::Arc;

use super::{EngineOptions, Shim, Stage, frames, library_code, plain_engine};
use crate::engine::api::Api;
use crate::engine::frame::{EngineFrame, ModuleName};
use crate::engine::kept::{self, Keeper, Sharing};
use crate::engine::module::Module;
use crate::engine::store::{OwnedEngine, Store};
use crate::engine::sys::wasm_frame_t;
use crate::engine::trap::Trap;
use crate::error::Result;

/// Its compiler refuses what its validation lets pass, tail calls for instance (Q12).
pub(super) struct Wasmer;

/// What a module without a name is called; one may well have it as its name.
const UNNAMED: &str = "<module>";

impl Shim for Wasmer {
    fn name(&self) -> &'static str {
        "wasmer"
    }

    fn may_count_nul(&self) -> bool {
        false
    }

    fn import_order_is_declared(&self) -> bool {
        true
    }

    fn memory_stays(&self) -> bool {
        true
    }

    /// The text is the message; a trap of the guest's has a backtrace behind it.
    fn trap_cause(&self, text: &str) -> String {
        let first = text.split("\n    at ").next().unwrap_or(text);
        let first = first.strip_prefix("RuntimeError: ").unwrap_or(first);
        first.trim_end().to_owned()
    }

    fn frames(&self, trap: &Trap) -> Vec<EngineFrame> {
        /// `wasm_name_t` of wasmer.h, which is not that of wasm.h.
        #[repr(C)]
        struct Name(*mut c_char);
        type NameOf = unsafe extern "C" fn(*const wasm_frame_t) -> Name;
        type Delete = unsafe extern "C" fn(*mut Name);

        let symbols = trap.api().symbols;
        let delete = symbols.find(c"wasm_name_delete");
        let name = |of: &CStr, frame| {
            let (of, delete) = (symbols.find(of)?, delete?);
            // SAFETY: functions of these names have these types (wasmer.h). The name is NULL or a C string, ours.
            unsafe {
                let mut name = std::mem::transmute::<NonNull<_>, NameOf>(of)(frame);
                if name.0.is_null() {
                    return None;
                }
                let text = CStr::from_ptr(name.0).to_string_lossy().into_owned();
                std::mem::transmute::<NonNull<_>, Delete>(delete)(&raw mut name);
                Some(text)
            }
        };
        frames::of_trap(trap, |frame| {
            let module = name(c"wasm_frame_module_name", frame);
            let module = module.filter(|name| name != UNNAMED);
            let module = module.map_or(ModuleName::Untold, ModuleName::Is);
            (name(c"wasm_frame_func_name", frame), module)
        })
    }

    /// What does not link gives no trap at all.
    fn failed_stage(&self, _trap: &Trap) -> Stage {
        Stage::Run
    }

    fn instance_outlives_handle(&self) -> bool {
        true
    }

    /// Stores share code and not modules: it lacks the functions for these (Q3), and takes a module of another engine for one of its own,
    /// with types and code that are not (Q27). Sharing sees to it that each is compiled once.
    fn sharing(&self, store: Store) -> Option<Arc<Sharing>> {
        Some(library_code::sharing(store))
    }

    fn keeper(&self, store: Store) -> Option<Arc<Keeper>> {
        library_code::keeper(store)
    }

    fn serialize(&self, module: &Module) -> Option<Vec<u8>> {
        library_code::serialize(module)
    }

    unsafe fn take_up(&self, store: Store, code: &kept::Code) -> Option<Module> {
        // SAFETY: by the caller's promise.
        unsafe { library_code::take_up(store, code) }
    }

    fn new_engine(&self, api: &'static Api, options: &EngineOptions) -> Result<OwnedEngine> {
        let engine = plain_engine(api)?;
        library_code::keep(api, &engine, options)?;
        Ok(engine)
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
