//! The bundled engine: Wasmtime, through its own additions to `wasm.h`.

use std::any::Any;
use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::{Arc, OnceLock};

use wasmtime_c_api as c;
use wasmtime_c_api::wasmtime as w;

use super::wasmtime_cache as cache;
use super::wasmtime_epochs as epochs;
use super::wasmtime_exports as exports;
use super::wasmtime_forked as forked;
use super::wasmtime_heap as heap;
use super::wasmtime_mapped::MappedCode;
use super::wasmtime_quick as quick;
use super::wasmtime_text;
use super::wasmtime_thrown as thrown;
use super::{EngineOptions, QuickCall, Shim, Stage};
use crate::control::Control;
use crate::engine::api::{Api, origin};
use crate::engine::externs::Func;
use crate::engine::frame::{EngineFrame, ModuleName};
use crate::engine::kept::{self, Keeper, SharedModule, Sharing};
use crate::engine::module::{ExternVec, Instance, Module};
use crate::engine::store::{OwnedEngine, Store};
use crate::engine::sys::{wasm_engine_t, wasm_valtype_t};
use crate::engine::trap::Trap;
use crate::engine::vec::VecBuf;
use crate::error::{Code, Error, Result};
use crate::object::{FuncType, HeapType, Metadata, ValType};

pub(super) struct Wasmtime;

/// The release that Cargo.toml pins; the C interface has no function that tells. A test compares the two.
const VERSION: &str = "48.0.8";

/// What the engine takes at most: it aborts on more.
const MAX_STACK: usize = 2 << 20;

/// Whether the linked `wasm.h` is the bundled engine's.
///
/// A program that links another engine as well may have its symbols stand before ours, as is the way of shared libraries. All calls
/// through the table then go to that engine, and this shim must keep out of it.
pub(super) fn is_linked() -> bool {
    static IS_LINKED: OnceLock<bool> = OnceLock::new();
    *IS_LINKED.get_or_init(|| {
        origin(Api::linked().wasm_store_new as *const c_void)
            == origin(c::wasmtime_engine_clone as *const c_void)
    })
}

impl Shim for Wasmtime {
    fn name(&self) -> &'static str {
        "wasmtime"
    }

    fn may_count_nul(&self) -> bool {
        false
    }

    fn version(&self) -> Option<&'static str> {
        Some(VERSION)
    }

    /// The version is the one that is tested.
    fn known_to_link(&self) -> bool {
        true
    }

    fn import_order_is_declared(&self) -> bool {
        true
    }

    fn validation_is_final(&self) -> bool {
        true
    }

    fn keeper(&self, store: Store) -> Option<Arc<Keeper>> {
        cache::of(&engine_of(store)).keeper()
    }

    fn sharing(&self, store: Store) -> Option<Arc<Sharing>> {
        Some(cache::of(&engine_of(store)).sharing)
    }

    fn share(&self, module: &Module) -> Option<SharedModule> {
        let shared = c::wasm_module_share(module_type(module));
        let raw = NonNull::new(Box::into_raw(shared).cast())?;
        // SAFETY: a new one, ours; the engine's modules are for all threads.
        Some(unsafe { SharedModule::new(raw, delete_shared) })
    }

    fn obtain(&self, store: Store, shared: &SharedModule) -> Option<Module> {
        // SAFETY: our opaque types stand for these; both are alive.
        let module = unsafe {
            let store = &mut *store.raw().cast::<c::wasm_store_t>();
            c::wasm_module_obtain(store, shared.raw().cast().as_ref())?
        };
        own(store, module)
    }

    fn exports(
        &self,
        store: Store,
        instance: &Instance,
        _of: Option<&Metadata>,
    ) -> Option<ExternVec> {
        exports::of(store, instance)
    }

    fn serialize(&self, module: &Module) -> Option<Vec<u8>> {
        module_in(module).serialize().ok()
    }

    unsafe fn take_up(&self, store: Store, code: &kept::Code) -> Option<Module> {
        let engine = engine_of(store);
        if let Some(mapped) = cache::of(&engine).mapped() {
            // SAFETY: by the caller's promise, and this is the engine's own.
            if let Some(module) = unsafe { mapped.module(&engine, code) } {
                // SAFETY: our type is nothing but the engine's; both have its size and alignment.
                let module = unsafe { Box::from_raw(Box::into_raw(Box::new(module)).cast()) };
                return own(store, module);
            }
        }
        // SAFETY: by the caller's promise. Our opaque types stand for these; the vector views the code, which the call reads only.
        let module = unsafe {
            let store = &mut *store.raw().cast::<c::wasm_store_t>();
            let view = VecBuf::view(code.bytes());
            c::wasm_module_deserialize(store, &*view.as_ptr().cast::<c::wasm_byte_vec_t>())?
        };
        own(store, module)
    }

    unsafe fn explain_compile_failure(
        &self,
        engine: Option<NonNull<wasm_engine_t>>,
        bytes: &[u8],
    ) -> Option<String> {
        let own;
        // SAFETY: by the caller's promise it is one of this engine's, which our opaque type stands for.
        let engine: &c::wasm_engine_t = match engine {
            Some(engine) => unsafe { engine.cast().as_ref() },
            None => {
                own = c::wasm_engine_new_with_config(base_config());
                &own
            }
        };
        let (mut module, mut error) = (std::ptr::null_mut(), None);
        // Validation is quick and finds almost everything; only the rest (limits of the compiler) needs a second compilation.
        // SAFETY: pointer and length are those of a slice; the engine does both on any thread.
        unsafe {
            forked::compiling(&mut || {
                error = c::wasmtime_module_validate(engine, bytes.as_ptr(), bytes.len()).or_else(
                    || c::wasmtime_module_new(engine, bytes.as_ptr(), bytes.len(), &mut module),
                );
            });
        }
        if !module.is_null() {
            // SAFETY: made just now, ours.
            drop(unsafe { Box::from_raw(module) });
        }
        let error = error?;
        Some(error_text(&error))
    }

    fn trap_cause(&self, text: &str) -> String {
        wasmtime_text::cause(text)
    }

    fn guest_stack(&self) -> usize {
        wasmtime_text::GUEST_STACK
    }

    fn frames(&self, trap: &Trap) -> Vec<EngineFrame> {
        let Some(trace) = error_of(trap).downcast_ref::<w::WasmBacktrace>() else {
            return Vec::new();
        };
        trace.frames().iter().map(frame).collect()
    }

    fn with_thrown(&self, store: Store, trap: &Trap, tell: &mut dyn FnMut(u32)) {
        thrown::with(store, error_of(trap), tell);
    }

    fn module_identity(&self, module: &Module) -> Option<usize> {
        Some(identity(module_in(module)))
    }

    fn failed_stage(&self, trap: &Trap) -> Stage {
        // SAFETY: our opaque type stands for this one, and the trap is alive.
        let trap = unsafe { &*trap.raw().cast::<c::wasm_trap_t>() };
        let mut code = 0;
        if c::wasmtime_trap_code(trap, &mut code) {
            return Stage::Run;
        }
        // A host function that the start function called leaves a backtrace, an import that does not fit leaves none.
        let mut frames = c::wasm_frame_vec_t::default();
        c::wasm_trap_trace(trap, &mut frames);
        if frames.as_slice().is_empty() {
            Stage::Link
        } else {
            Stage::Run
        }
    }

    fn watch(&self, store: Store, control: &Control) -> bool {
        // SAFETY: our opaque type stands for this one, which is alive; nothing of the engine runs in it while a namespace is made, or
        // it waits for a host function, as where the C interface reaches the store.
        epochs::watch(unsafe { store_in(store) }, control)
    }

    fn memory_stays(&self) -> bool {
        true
    }

    unsafe fn compiling(&self, compile: &mut dyn FnMut()) {
        // SAFETY: by the caller's promise.
        unsafe { forked::compiling(compile) }
    }

    fn bound_objects(&self, store: Store, bytes: u64) -> Option<Box<dyn Any>> {
        // SAFETY: as in `watch`.
        Some(Box::new(heap::bound(unsafe { store_in(store) }, bytes)))
    }

    fn largest_memory(&self) -> u64 {
        heap::LARGEST_MEMORY
    }

    fn instance_outlives_handle(&self) -> bool {
        true
    }

    fn instance_limit(&self, text: &str) -> Option<u64> {
        wasmtime_text::instance_limit(text)
    }

    fn most_instances(&self) -> Option<u64> {
        Some(wasmtime_text::MOST_INSTANCES)
    }

    unsafe fn value_type(&self, _api: &'static Api, ty: *const wasm_valtype_t) -> Option<ValType> {
        // The header's own way aborts on types that the header does not have.
        // SAFETY: by the caller's promise; our opaque type stands for this one.
        Some(match unsafe { &*ty.cast::<c::wasm_valtype_t>() } {
            w::ValType::I32 => ValType::I32,
            w::ValType::I64 => ValType::I64,
            w::ValType::F32 => ValType::F32,
            w::ValType::F64 => ValType::F64,
            w::ValType::V128 => ValType::V128,
            w::ValType::Ref(reference) => ValType::Ref {
                nullable: reference.is_nullable(),
                heap: match reference.heap_type() {
                    w::HeapType::Func => HeapType::Func,
                    w::HeapType::Extern => HeapType::Extern,
                    w::HeapType::Exn => HeapType::Exn,
                    _ => return None,
                },
            },
        })
    }

    fn settings(&self, options: &EngineOptions) -> Option<[u8; 32]> {
        let engine = c::wasm_engine_new_with_config(config(options).ok()?);
        Some(cache::settings(engine_in(&engine), VERSION))
    }

    fn quick_call(&self, store: Store, func: &Func, ty: &FuncType) -> Option<Box<dyn QuickCall>> {
        quick::of(store, func, ty)
    }

    fn new_engine(&self, api: &'static Api, options: &EngineOptions) -> Result<OwnedEngine> {
        let mut config = config(options)?;
        let mut places = kept::places(options)?;
        if places.is_empty() {
            places.push(Arc::new(kept::Memory::default()));
        }
        let mapped = MappedCode::WORKS_HERE.then(|| Arc::new(MappedCode::default()));
        if let Some(mapped) = &mapped {
            config_in(&mut config).with_custom_code_memory(Some(mapped.clone()));
        }
        let engine = c::wasm_engine_new_with_config(config);
        epochs::known(engine_in(&engine), options.interruptible);
        cache::attach(engine_in(&engine), places, VERSION, mapped.as_ref());
        let raw = Box::into_raw(engine);
        // SAFETY: a new engine, ours; a box is never NULL.
        Ok(unsafe { OwnedEngine::from_raw(api, NonNull::new_unchecked(raw).cast()) })
    }
}

/// What these options come to.
fn config(options: &EngineOptions) -> Result<Box<c::wasm_config_t>> {
    let mut config = base_config();
    if let Some(bytes) = options.max_wasm_stack {
        if bytes == 0 || bytes > MAX_STACK {
            return Err(Error::new(
                Code::InvalidArgument,
                format!(
                    "a stack of {bytes} bytes for guest code: the engine takes 1 to {MAX_STACK}"
                ),
            ));
        }
        c::wasmtime_config_max_wasm_stack_set(&mut config, bytes);
    }
    c::wasmtime_config_epoch_interruption_set(&mut config, options.interruptible);
    Ok(config)
}

/// What dynamic linking wants of the engine, and what it has on by default in some releases only.
fn base_config() -> Box<c::wasm_config_t> {
    let mut config = c::wasm_config_new();
    c::wasmtime_config_wasm_tail_call_set(&mut config, true);
    c::wasmtime_config_wasm_exceptions_set(&mut config, true);
    // Checks in modules say which way their branches go.
    c::wasmtime_config_wasm_branch_hinting_set(&mut config, true);
    config
}

// The C interface names no frame's module, tells of no source line, and keeps both of these to itself. Each struct has one field;
// of the size of the struct, that field is all of it.
const _: () = {
    assert!(size_of::<c::wasm_trap_t>() == size_of::<w::Error>());
    assert!(size_of::<c::wasm_module_t>() == size_of::<w::Module>());
    assert!(align_of::<c::wasm_module_t>() == align_of::<w::Module>());
    assert!(size_of::<c::wasm_config_t>() == size_of::<w::Config>());
    assert!(size_of::<c::wasm_engine_t>() == size_of::<w::Engine>());
    assert!(size_of::<c::wasm_store_t>() == size_of::<c::WasmStoreRef>());
    assert!(size_of::<c::WasmStoreRef>() == size_of::<StoreInC>());
};

/// What the C interface's store is nothing but.
type StoreInC = Arc<UnsafeCell<w::Store<()>>>;

/// The engine's store, where the C interface has no function for what it can do.
///
/// # Safety
/// The store is alive, and nobody else uses it as long as the result is used.
unsafe fn store_in<'a>(store: Store) -> &'a mut w::Store<()> {
    // SAFETY: our opaque type stands for the engine's; by the caller's promise nobody else has it.
    unsafe { &mut *(*store.raw().cast::<StoreInC>()).get() }
}

fn config_in(config: &mut c::wasm_config_t) -> &mut w::Config {
    // SAFETY: laid out as in C, with this as its only field.
    unsafe { &mut *std::ptr::from_mut(config).cast::<w::Config>() }
}

fn engine_of(store: Store) -> w::Engine {
    // SAFETY: our opaque type stands for this one, whose first and only field the second is; the store is alive.
    unsafe {
        let store = &*store.raw().cast::<c::WasmStoreRef>();
        store.context().engine().clone()
    }
}

/// A module that the engine has just made.
fn own(store: Store, module: Box<c::wasm_module_t>) -> Option<Module> {
    let raw = NonNull::new(Box::into_raw(module).cast())?;
    // SAFETY: a new module, ours.
    Some(unsafe { Module::from_raw(store.api(), raw) })
}

unsafe extern "C" fn delete_shared(shared: NonNull<c_void>) {
    // SAFETY: by the caller's promise it is one that `share` gave, and not used again.
    drop(unsafe { Box::from_raw(shared.cast::<c::wasm_shared_module_t>().as_ptr()) });
}

fn module_type(module: &Module) -> &c::wasm_module_t {
    // SAFETY: our opaque type stands for the engine's; the module is alive.
    unsafe { &*module.raw().cast::<c::wasm_module_t>() }
}

fn module_in(module: &Module) -> &w::Module {
    // SAFETY: our opaque type stands for the engine's, which is nothing but what it holds; the module is alive.
    unsafe { &*module.raw().cast::<w::Module>() }
}

fn engine_in(engine: &c::wasm_engine_t) -> &w::Engine {
    // SAFETY: laid out as in C, with this as its first field.
    unsafe { &*std::ptr::from_ref(engine).cast::<w::Engine>() }
}

fn error_of(trap: &Trap) -> &w::Error {
    // SAFETY: our opaque type stands for the engine's, which is nothing but the error; the trap is alive.
    unsafe { &*trap.raw().cast::<w::Error>() }
}

/// Where the code lies: no other module's does as long as this one lives.
fn identity(module: &w::Module) -> usize {
    module.image_range().start.addr()
}

fn frame(info: &w::FrameInfo) -> EngineFrame {
    let line = |symbol: &w::FrameSymbol| {
        let file = symbol.file()?;
        Some(match symbol.line() {
            Some(line) => format!("{file}:{line}"),
            None => file.to_string(),
        })
    };
    let name = info.module().name();
    EngineFrame {
        func_index: info.func_index(),
        module_offset: info.module_offset().map(|n| n as u64),
        func_offset: info.func_offset().map(|n| n as u64),
        func_name: info.func_name().map(str::to_string),
        module_name: name.map_or(ModuleName::None, |name| ModuleName::Is(name.to_string())),
        source: info.symbols().iter().find_map(line),
        module: Some(identity(info.module())),
    }
}

pub(super) fn error_text(error: &c::wasmtime_error_t) -> String {
    let mut text = c::wasm_name_t::default();
    c::wasmtime_error_message(error, &mut text);
    String::from_utf8_lossy(text.as_slice()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_the_pinned_one() {
        let manifest = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        assert!(manifest.contains(&format!("version = \"={VERSION}\"")));
    }
}
