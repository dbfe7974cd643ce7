//! An engine whose calls fail when they are told to.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::OnceLock;

use super::world::World;
use crate::config::Config;
use crate::engine::Api;
use crate::engine::sys::*;
use crate::plan::Plt;

thread_local! {
    /// Calls that are still to succeed; `None`: all do.
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
    /// The function that failed.
    static FAILED: Cell<&'static str> = const { Cell::new("") };
    static STORE: Cell<*mut wasm_store_t> = const { Cell::new(null_mut()) };
}

fn fails(name: &'static str) -> bool {
    match LEFT.get() {
        None => false,
        Some(0) => {
            // One failure at a time: what is undone after it goes well.
            LEFT.set(None);
            FAILED.set(name);
            true
        }
        Some(left) => {
            LEFT.set(Some(left - 1));
            false
        }
    }
}

/// A function that answers NULL or false when it is its turn. What it would have taken over is given to the real one first.
macro_rules! failing {
    ($($name:ident($($arg:ident: $ty:ty),*) -> $ret:ty, $undo:expr;)*) => {
        $(unsafe extern "C" fn $name($($arg: $ty),*) -> $ret {
            // SAFETY: the caller's own arguments.
            unsafe {
                if fails(stringify!($name)) {
                    let undo: fn($($ty),*) -> $ret = $undo;
                    return undo($($arg),*);
                }
                (Api::linked().$name)($($arg),*)
            }
        })*
    };
}

failing! {
    wasm_module_new(store: *mut wasm_store_t, bytes: *const wasm_byte_vec_t) -> *mut wasm_module_t, |_, _| null_mut();
    wasm_instance_new(
        store: *mut wasm_store_t,
        module: *const wasm_module_t,
        imports: *const wasm_extern_vec_t,
        trap: *mut *mut wasm_trap_t
    ) -> *mut wasm_instance_t, |_, _, _, _| null_mut();
    wasm_global_new(
        store: *mut wasm_store_t,
        ty: *const wasm_globaltype_t,
        value: *const wasm_val_t
    ) -> *mut wasm_global_t, |_, _, _| null_mut();
    wasm_memory_new(store: *mut wasm_store_t, ty: *const wasm_memorytype_t) -> *mut wasm_memory_t, |_, _| null_mut();
    wasm_table_new(
        store: *mut wasm_store_t,
        ty: *const wasm_tabletype_t,
        init: *mut wasm_ref_t
    ) -> *mut wasm_table_t, |_, _, _| null_mut();
    wasm_memory_grow(memory: *mut wasm_memory_t, delta: u32) -> bool, |_, _| false;
    wasm_table_grow(table: *mut wasm_table_t, delta: u32, init: *mut wasm_ref_t) -> bool, |_, _, _| false;
    wasm_extern_copy(item: *const wasm_extern_t) -> *mut wasm_extern_t, |_| null_mut();
    wasm_valtype_new(kind: wasm_valkind_t) -> *mut wasm_valtype_t, |_| null_mut();
    wasm_func_call(
        func: *const wasm_func_t,
        args: *const wasm_val_vec_t,
        results: *mut wasm_val_vec_t
    ) -> *mut wasm_trap_t, |_, _, _| trap();
}

fn trap() -> *mut wasm_trap_t {
    let text = b"injected\0";
    let text = wasm_byte_vec_t {
        size: text.len(),
        data: text.as_ptr().cast_mut().cast(),
    };
    // SAFETY: the store of the world under test; the text is read only.
    unsafe { (Api::linked().wasm_trap_new)(STORE.get(), &raw const text) }
}

unsafe extern "C" fn wasm_func_new_with_env(
    store: *mut wasm_store_t,
    ty: *const wasm_functype_t,
    callback: wasm_func_callback_with_env_t,
    env: *mut c_void,
    finalizer: Option<wasm_finalizer_t>,
) -> *mut wasm_func_t {
    if fails("wasm_func_new_with_env") {
        // An engine may do this, or keep what it was given for ever.
        if let Some(finalizer) = finalizer {
            // SAFETY: as the engine calls it, once.
            unsafe { finalizer(env) };
        }
        return null_mut();
    }
    // SAFETY: the caller's own arguments.
    unsafe { (Api::linked().wasm_func_new_with_env)(store, ty, callback, env, finalizer) }
}

unsafe extern "C" fn wasm_instance_exports(
    instance: *const wasm_instance_t,
    out: *mut wasm_extern_vec_t,
) {
    // SAFETY: the caller's own arguments; no exports is an empty vector.
    unsafe {
        if fails("wasm_instance_exports") {
            (*out).size = 0;
            (*out).data = null_mut();
            return;
        }
        (Api::linked().wasm_instance_exports)(instance, out);
    }
}

fn api() -> &'static Api {
    static API: OnceLock<Api> = OnceLock::new();
    API.get_or_init(|| Api {
        wasm_module_new,
        wasm_instance_new,
        wasm_instance_exports,
        wasm_func_new_with_env,
        wasm_func_call,
        wasm_global_new,
        wasm_memory_new,
        wasm_table_new,
        wasm_memory_grow,
        wasm_table_grow,
        wasm_extern_copy,
        wasm_valtype_new,
        ..Api::linked_but_unknown()
    })
}

/// A world on the linked engine, whose calls can be made to fail.
pub fn world(plt: Plt) -> World {
    let config = Config {
        plt,
        ..Config::default()
    };
    world_with(config)
}

/// As [`world`], with a configuration.
pub fn world_with(config: Config) -> World {
    let world = World::with(api(), config);
    STORE.set(world.ns.store().raw());
    world
}

/// From here on, after `n` calls that succeed one fails.
pub fn begin(n: u32) {
    LEFT.set(Some(n));
}

/// No call fails any more. `true`: one has failed.
pub fn end() -> bool {
    LEFT.replace(None).is_none()
}

/// The function that failed last.
pub fn failed() -> &'static str {
    FAILED.get()
}
