//! Going on in another store.

#![allow(non_camel_case_types)]

use std::ffi::c_void;

use super::edge::{Handle, edge, quiet, set};
use super::error::wasm_dyld_error_t;
use super::namespace::{give, store_of, wasm_dyld_delete, wasm_dyld_t};
use super::types::wasm_dyld_code_t;
use crate::engine::sys::wasm_store_t;
use crate::error::{Code, Context, Error, Result};

/// Prepares the namespace that wasm_dyld_renew makes, before anything is loaded in it: defines what is of its store, and loads what came from bytes.
/// NULL says that all is well; an error, of wasm_dyld_error_new or what a function of this library has failed with, ends the renewal
/// and is taken. It may call everything but delete `renewed`.
pub type wasm_dyld_prepare_callback_t = Option<
    unsafe extern "C" fn(env: *mut c_void, renewed: *mut wasm_dyld_t) -> *mut wasm_dyld_error_t,
>;

/// Makes a namespace like another one in a new store, for hosts that run for long: an engine keeps the instances of unloaded libraries until
/// their store is deleted, and some make only so many in a store (wasm_dyld_instances_left).
///
/// `store` is of the same engine as the old one's, and another store; it must outlive the new namespace. On success `*renewed` is the caller's. The old
/// namespace is as it was, for the host to take over what it wants of its memory; then the host calls wasm_dyld_finish for it and deletes it and its store. On failure `*renewed` is NULL,
/// the old one goes on being used, and the store is the caller's to delete.
///
/// Carried over are: the configuration with its callbacks, the control, the time-out, the watcher, what is left of the budget, WASI (its folders are opened
/// anew, input from bytes begins at its start), what was defined by wasm_dyld_define_func, globals of numbers that do not change, and what the host has open: it is loaded again by the same path or name with the same flags, in the same
/// order, and is open as often. Files that have changed are taken as they are now. `prepare` (may be NULL) is called with `env`
/// before that, for what cannot be carried over: functions of wasm.h, memories, tables and globals that change, which are of the old store (WASM_DYLD_UNSUPPORTED
/// names those that are missing), and objects that were loaded from bytes (WASM_DYLD_NOT_FOUND names one); if there
/// is a program, `prepare` loads it before these.
///
/// Not carried over is what guests have: memory, open files, libraries that they opened themselves, exit handlers. Constructors run, and a
/// program is loaded and not run. No handle of the old namespace names anything of the new one: look up objects (wasm_dyld_object_at, or wasm_dyld_load with
/// WASM_DYLD_NOLOAD), functions and addresses anew. Once the old one is deleted its handles are WASM_DYLD_INVALID_ARGUMENT.
///
/// A time-out of the old namespace is for all of it, and wasm_dyld_interrupt of the old one ends it. It can be called wherever wasm_dyld_load can, in a function that a guest of the
/// old namespace calls as well. Environments of callbacks belong to both namespaces as long as both are there: use both on one thread at a time.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_renew(
    namespace: *mut wasm_dyld_t,
    store: *mut wasm_store_t,
    prepare: wasm_dyld_prepare_callback_t,
    env: *mut c_void,
    renewed: *mut *mut wasm_dyld_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        set(renewed, std::ptr::null_mut());
        if renewed.is_null() {
            let why = "there is nowhere to put the namespace";
            return Err(Error::new(Code::InvalidArgument, why));
        }
        let old = wasm_dyld_t::lend(namespace)?;
        let store = store_of(old.ns.store().api(), store)?;
        let handle = give(old.ns.successor(store)?)?;
        match fill(&old, handle, prepare, env).context(|| "renewing the namespace") {
            Ok(()) => {
                set(renewed, handle);
                Ok(())
            }
            Err(why) => {
                wasm_dyld_delete(handle);
                Err(why)
            }
        }
    })
}

fn fill(
    old: &wasm_dyld_t,
    handle: *mut wasm_dyld_t,
    prepare: wasm_dyld_prepare_callback_t,
    env: *mut c_void,
) -> Result<()> {
    let next = wasm_dyld_t::lend(handle)?;
    next.ns.succeed(&old.ns, || {
        #[cfg(feature = "wasi")]
        super::wasi::take_over(old, &next)?;
        let Some(prepare) = prepare else {
            return Ok(());
        };
        // SAFETY: the host's own pair; the handle is alive.
        let failed = unsafe { prepare(env, handle) };
        match failed.is_null() {
            true => Ok(()),
            false => Err(wasm_dyld_error_t::take_error(failed)),
        }
    })
}

/// How many more instances the engine makes in the namespace's store, as far as the namespace knows: those that other namespaces or the host
/// itself have made there are not counted. UINT64_MAX where the engine has no bound, or where `namespace` is none. A load takes one for each object, and few for what the linker generates.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_instances_left(namespace: *const wasm_dyld_t) -> u64 {
    quiet(u64::MAX, || {
        Some(wasm_dyld_t::lend(namespace).ok()?.ns.instances_left())
    })
}
