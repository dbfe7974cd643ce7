//! The engine of the JavaScript that this library runs in, a module itself. `bindings/js/src/engine` has the functions of `wasm.h` there.

use super::{Shim, Stage, page_text};
use crate::engine::api::Api;
use crate::engine::frame::EngineFrame;
use crate::engine::store::Store;
use crate::engine::sys::{wasm_byte_vec_t, wasm_trap_t};
use crate::engine::trap::Trap;
use crate::engine::vec::OwnedVec;

// What JavaScript tells beyond `wasm.h`. Vectors are filled as that has it.
unsafe extern "C" {
    fn wasmdyld_trap_stack(trap: *const wasm_trap_t, out: *mut wasm_byte_vec_t);
    fn wasmdyld_trap_is_link_error(trap: *const wasm_trap_t) -> bool;
    /// Whether it is an exception of a single i32, which is written.
    fn wasmdyld_trap_exception(trap: *const wasm_trap_t, number: *mut u32) -> bool;
    fn wasmdyld_last_error(out: *mut wasm_byte_vec_t);
}

pub(super) struct Page;

impl Shim for Page {
    fn name(&self) -> &'static str {
        "JavaScript"
    }

    /// The interface says so (WebAssembly JavaScript Interface, `Module.imports`).
    fn import_order_is_declared(&self) -> bool {
        true
    }

    fn validation_is_final(&self) -> bool {
        true
    }

    /// Whatever refers to it keeps it.
    fn instance_outlives_handle(&self) -> bool {
        true
    }

    fn last_error(&self, api: &'static Api) -> Option<String> {
        // SAFETY: the call fills a vector of ours.
        let text = text(api, |out| unsafe { wasmdyld_last_error(out) });
        (!text.is_empty()).then_some(text)
    }

    fn trap_cause(&self, text: &str) -> String {
        page_text::cause(text)
    }

    fn frames(&self, trap: &Trap) -> Vec<EngineFrame> {
        // SAFETY: the trap is alive; the call fills a vector of ours.
        page_text::frames(&text(trap.api(), |out| unsafe {
            wasmdyld_trap_stack(trap.raw(), out);
        }))
    }

    fn with_thrown(&self, _store: Store, trap: &Trap, tell: &mut dyn FnMut(u32)) {
        let mut number = 0;
        // SAFETY: the trap is alive; the number is ours.
        if unsafe { wasmdyld_trap_exception(trap.raw(), &raw mut number) } {
            tell(number);
        }
    }

    fn failed_stage(&self, trap: &Trap) -> Stage {
        // SAFETY: the trap is alive.
        match unsafe { wasmdyld_trap_is_link_error(trap.raw()) } {
            true => Stage::Link,
            false => Stage::Run,
        }
    }
}

fn text(api: &'static Api, fill: impl FnOnce(*mut wasm_byte_vec_t)) -> String {
    // SAFETY: `fill` leaves an owned vector behind.
    let bytes = unsafe { OwnedVec::filled(api, fill) };
    String::from_utf8_lossy(bytes.as_slice()).into_owned()
}
