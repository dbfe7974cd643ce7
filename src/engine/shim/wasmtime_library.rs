//! Wasmtime as a library of its own, through the C functions that it has beyond `wasm.h`.

use std::ffi::{CStr, c_void};
use std::ptr::NonNull;
use std::sync::Arc;

use super::{EngineOptions, Shim, Stage, frames, library_code, wasmtime_text};
use crate::engine::api::Api;
use crate::engine::frame::{EngineFrame, ModuleName};
use crate::engine::kept::{self, Keeper, SharedModule, Sharing};
use crate::engine::module::Module;
use crate::engine::store::{OwnedEngine, Store};
use crate::engine::sys::{
    WASM_EXTERNREF, WASM_F32, WASM_F64, WASM_FUNCREF, WASM_I32, WASM_I64, wasm_byte_vec_t,
    wasm_config_t, wasm_engine_t, wasm_frame_t, wasm_trap_t, wasm_valtype_t,
};
use crate::engine::trap::Trap;
use crate::engine::types::plain_value_type;
use crate::engine::val::type_of;
use crate::engine::vec::borrowed;
use crate::error::{Code, Error, Result};
use crate::object::ValType;

pub(super) struct WasmtimeLibrary;

impl Shim for WasmtimeLibrary {
    fn name(&self) -> &'static str {
        "wasmtime"
    }

    fn may_count_nul(&self) -> bool {
        false
    }

    fn import_order_is_declared(&self) -> bool {
        true
    }

    /// A library of wasmtime tells its version in no function.
    fn lists_tags(&self) -> bool {
        false
    }

    fn validation_is_final(&self) -> bool {
        true
    }

    fn memory_stays(&self) -> bool {
        true
    }

    fn trap_cause(&self, text: &str) -> String {
        wasmtime_text::cause(text)
    }

    fn guest_stack(&self) -> usize {
        wasmtime_text::GUEST_STACK
    }

    fn frames(&self, trap: &Trap) -> Vec<EngineFrame> {
        type Name = unsafe extern "C" fn(*const wasm_frame_t) -> *const wasm_byte_vec_t;
        let find = |name: &CStr| {
            let found = trap.api().symbols.find(name);
            // SAFETY: functions of these names have this type (wasmtime/trap.h).
            found.map(|found| unsafe { std::mem::transmute::<NonNull<c_void>, Name>(found) })
        };
        let (func_name, module_name) = (
            find(c"wasmtime_frame_func_name"),
            find(c"wasmtime_frame_module_name"),
        );
        frames::of_trap(trap, |frame| {
            // SAFETY: the frame is alive, and so are its names.
            let name = |of: Name| unsafe {
                let name = of(frame);
                let text = || String::from_utf8_lossy(borrowed(name)).into_owned();
                (!name.is_null()).then(text)
            };
            let module_name = module_name.map_or(ModuleName::Untold, |of| {
                name(of).map_or(ModuleName::None, ModuleName::Is)
            });
            (func_name.and_then(name), module_name)
        })
    }

    fn failed_stage(&self, trap: &Trap) -> Stage {
        let Some(code_of) = trap.api().symbols.find(c"wasmtime_trap_code") else {
            return Stage::Unknown;
        };
        let mut code = 0u8;
        // SAFETY: the engine's function of this name has this type (wasmtime/trap.h), and the trap is alive.
        let has_code = unsafe {
            let code_of = std::mem::transmute::<
                NonNull<c_void>,
                unsafe extern "C" fn(*const wasm_trap_t, *mut u8) -> bool,
            >(code_of);
            code_of(trap.raw(), &raw mut code)
        };
        // A host function that the start function called leaves a backtrace, an import that does not fit leaves none.
        if has_code || wasmtime_text::has_backtrace(&trap.message()) {
            Stage::Run
        } else {
            Stage::Link
        }
    }

    /// The header's own way aborts on types that the header does not have (Q5): the type is compared with those that it has.
    unsafe fn value_type(&self, api: &'static Api, ty: *const wasm_valtype_t) -> Option<ValType> {
        type Equal = unsafe extern "C" fn(*const wasm_valtype_t, *const wasm_valtype_t) -> bool;
        let Some(equal) = api.symbols.find(c"wasmtime_wasm_valtype_equal") else {
            // SAFETY: by the caller's promise.
            return unsafe { plain_value_type(api, ty) };
        };
        let kinds = [
            WASM_I32,
            WASM_I64,
            WASM_F32,
            WASM_F64,
            WASM_FUNCREF,
            WASM_EXTERNREF,
        ];
        // SAFETY: the engine's function of this name has this type (wasmtime/val.h); each type is ours until it is deleted.
        let is = |kind| unsafe {
            let equal = std::mem::transmute::<NonNull<c_void>, Equal>(equal);
            let known = (api.wasm_valtype_new)(kind);
            let same = !known.is_null() && equal(ty, known);
            if !known.is_null() {
                (api.wasm_valtype_delete)(known);
            }
            same
        };
        kinds.into_iter().find(|&kind| is(kind)).and_then(type_of)
    }

    fn instance_outlives_handle(&self) -> bool {
        true
    }

    fn sharing(&self, store: Store) -> Option<Arc<Sharing>> {
        Some(library_code::sharing(store))
    }

    fn share(&self, module: &Module) -> Option<SharedModule> {
        library_code::share(module)
    }

    fn obtain(&self, store: Store, shared: &SharedModule) -> Option<Module> {
        library_code::obtain(store, shared)
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

    fn instance_limit(&self, text: &str) -> Option<u64> {
        wasmtime_text::instance_limit(text)
    }

    fn most_instances(&self) -> Option<u64> {
        Some(wasmtime_text::MOST_INSTANCES)
    }

    fn new_engine(&self, api: &'static Api, options: &EngineOptions) -> Result<OwnedEngine> {
        type New = unsafe extern "C" fn() -> *mut wasm_config_t;
        type NewEngine = unsafe extern "C" fn(*mut wasm_config_t) -> *mut wasm_engine_t;
        type SetBool = unsafe extern "C" fn(*mut wasm_config_t, bool);
        type SetSize = unsafe extern "C" fn(*mut wasm_config_t, usize);
        let refused = || Error::new(Code::Engine, "the engine made no engine");
        let find = |name: &CStr| {
            api.symbols.find(name).ok_or_else(|| {
                let why = format!("the engine has no {}", name.to_string_lossy());
                Error::new(Code::Unsupported, why)
            })
        };
        let (new, new_engine) = (
            find(c"wasm_config_new")?,
            find(c"wasm_engine_new_with_config")?,
        );
        let switches = [
            c"wasmtime_config_wasm_tail_call_set",
            c"wasmtime_config_wasm_exceptions_set",
            c"wasmtime_config_wasm_branch_hinting_set",
        ];
        // SAFETY: functions of these names have these types (wasm.h, wasmtime/config.h); the configuration is given up to the engine.
        unsafe {
            let config = std::mem::transmute::<NonNull<c_void>, New>(new)();
            for name in switches {
                if let Ok(set) = find(name) {
                    std::mem::transmute::<NonNull<c_void>, SetBool>(set)(config, true);
                }
            }
            if let Some(bytes) = options.max_wasm_stack {
                let set = find(c"wasmtime_config_max_wasm_stack_set")?;
                std::mem::transmute::<NonNull<c_void>, SetSize>(set)(config, bytes);
            }
            let engine = std::mem::transmute::<NonNull<c_void>, NewEngine>(new_engine)(config);
            let engine = NonNull::new(engine).ok_or_else(refused)?;
            let engine = OwnedEngine::from_raw(api, engine);
            library_code::keep(api, &engine, options)?;
            Ok(engine)
        }
    }
}
