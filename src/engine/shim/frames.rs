//! The frames of a trap by the functions that `wasm.h` has for them: for engines known to have these, since wasmi aborts in them (Q17).

use std::ffi::{CStr, c_void};
use std::ptr::NonNull;

use crate::engine::frame::{EngineFrame, ModuleName};
use crate::engine::sys::{wasm_frame_t, wasm_trap_t, wasm_vec_t};
use crate::engine::trap::Trap;
use crate::engine::vec::{VecBuf, borrowed};

/// What an engine's own functions tell of a frame: names of function and module.
pub(super) type Names = (Option<String>, ModuleName);

type Symbol = NonNull<c_void>;
type Trace = unsafe extern "C" fn(*const wasm_trap_t, *mut wasm_vec_t<*mut wasm_frame_t>);
type Delete = unsafe extern "C" fn(*mut wasm_vec_t<*mut wasm_frame_t>);
type Index = unsafe extern "C" fn(*const wasm_frame_t) -> u32;
type Offset = unsafe extern "C" fn(*const wasm_frame_t) -> usize;

/// Innermost first; none where a function is missing. `names` gets live frames.
pub(super) fn of_trap(
    trap: &Trap,
    names: impl Fn(*const wasm_frame_t) -> Names,
) -> Vec<EngineFrame> {
    read(trap, names).unwrap_or_default()
}

fn read(trap: &Trap, names: impl Fn(*const wasm_frame_t) -> Names) -> Option<Vec<EngineFrame>> {
    let find = |name: &CStr| trap.api().symbols.find(name);
    // SAFETY: functions of these names have these types (wasm.h).
    let (trace, delete, index, func_offset, module_offset) = unsafe {
        (
            std::mem::transmute::<Symbol, Trace>(find(c"wasm_trap_trace")?),
            std::mem::transmute::<Symbol, Delete>(find(c"wasm_frame_vec_delete")?),
            std::mem::transmute::<Symbol, Index>(find(c"wasm_frame_func_index")?),
            std::mem::transmute::<Symbol, Offset>(find(c"wasm_frame_func_offset")?),
            std::mem::transmute::<Symbol, Offset>(find(c"wasm_frame_module_offset")?),
        )
    };
    // Engines say "unknown" by the largest number, of 32 bits or of all.
    let known = |offset: usize| (offset < u32::MAX as usize).then_some(offset as u64);
    let mut frames = VecBuf::<*mut wasm_frame_t>::empty();
    // SAFETY: the trap is alive; the call fills a vector, ours until it is deleted.
    unsafe {
        trace(trap.raw(), frames.as_mut_ptr());
        let all = borrowed(frames.as_ptr()).iter();
        let told = all.filter(|frame| !frame.is_null()).map(|&frame| {
            let (func_name, module_name) = names(frame);
            let module_offset = known(module_offset(frame));
            EngineFrame {
                func_index: index(frame),
                module_offset,
                func_offset: module_offset.and_then(|_| known(func_offset(frame))),
                func_name,
                module_name,
                source: None,
                module: None,
            }
        });
        let told = told.collect();
        if !borrowed(frames.as_ptr()).is_empty() {
            delete(frames.as_mut_ptr());
        }
        Some(told)
    }
}
