//! Namespaces: made, loaded into, run, looked up in.

#![allow(non_camel_case_types)]

use crate::hash_map::HashMap;
use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::path::PathBuf;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::config::{linked, to_path, wasm_dyld_config_t};
use super::edge::{self, Handle, edge, quiet, set};
use super::error::wasm_dyld_error_t;
use super::object::{StringKey, wasm_dyld_object_t};
use super::types::{self, wasm_dyld_code_t, wasm_dyld_define_flag_t, wasm_dyld_load_flag_t};
use crate::config::Config;
use crate::control::Registered;
use crate::engine::sys::{
    wasm_extern_t, wasm_func_t, wasm_memory_t, wasm_module_t, wasm_store_t, wasm_table_t,
    wasm_val_vec_t,
};
use crate::engine::{Api, Extern, Memory, Module, Store, Table};
use crate::error::{Code, Error, Result};
use crate::link::{Flags, Namespace, Party, Source};
use crate::plan::Bind;
#[cfg(feature = "wasi")]
use crate::wasi::WasiConfig;

/// A namespace: a memory, a table and the objects linked in them, in one store.
///
/// It belongs to the thread that uses its store: use both from one thread at a time. While no function of either is running, both may move to another
/// thread, which may delete them as well; the host sees to it that the one thread has done before the other begins, by a lock for instance. A
/// callback that waits for another thread must not have that use the namespace. What callbacks may call stands at the top of this file. Delete
/// it before its store.
pub struct wasm_dyld_t {
    pub(super) ns: Rc<Namespace>,
    /// Tells its objects from those of other namespaces.
    pub(super) serial: u32,
    pub(super) strings: RefCell<HashMap<StringKey, CString>>,
    /// Memories and tables whose handles C has: they stay good, also when the namespace has got new ones.
    memories: RefCell<Vec<Rc<Memory>>>,
    tables: RefCell<Vec<Rc<Table>>>,
    /// What WASI it was given, for a namespace in its place.
    #[cfg(feature = "wasi")]
    pub(super) wasi: RefCell<Option<WasiConfig>>,
    /// Its handle can be interrupted.
    registered: RefCell<Option<Registered>>,
}

/// Keeps what C gets a pointer to.
fn keep<T>(kept: &RefCell<Vec<Rc<T>>>, one: &Rc<T>) {
    let mut kept = kept.borrow_mut();
    if kept.last().is_none_or(|last| !Rc::ptr_eq(last, one)) {
        kept.push(one.clone());
    }
}

edge::handle!(wasm_dyld_t, 4, "namespace");

/// Serial numbers do not come again, so neither do handles of objects.
fn next_serial() -> Result<u32> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let one_more = |serial: u32| serial.checked_add(1);
    let taken = NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
    taken.map_err(|_| {
        let why = "this process has made 4,294,967,294 namespaces: start another one";
        Error::new(Code::Limit, why)
    })
}

/// The library's version, such as "0.1.0".
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// Makes a namespace in `store`, which must outlive it and be of the engine that `config` names (wasm_dyld_config_set_engine), else
/// of the linked one. `config` is taken in any case, also on failure; NULL means the
/// defaults. On success `*namespace` is the caller's, to be deleted with wasm_dyld_delete.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_new(
    store: *mut wasm_store_t,
    config: *mut wasm_dyld_config_t,
    namespace: *mut *mut wasm_dyld_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let (config, api) = match config.is_null() {
            true => (Config::default(), linked()?),
            false => {
                let parts = wasm_dyld_config_t::take(config)?.parts.take();
                let api = parts.api()?;
                (parts.config, api)
            }
        };
        if namespace.is_null() {
            return Err(Error::new(
                Code::InvalidArgument,
                "there is nowhere to put the namespace",
            ));
        }
        set(namespace, std::ptr::null_mut());
        let store = store_of(api, store)?;
        set(namespace, give(Namespace::new(store, config))?);
        Ok(())
    })
}

/// A store that the host lends.
pub(super) fn store_of(api: &'static Api, store: *mut wasm_store_t) -> Result<Store> {
    let store = NonNull::new(store)
        .ok_or_else(|| Error::new(Code::InvalidArgument, "the store is NULL"))?;
    // SAFETY: the header says that it is a store of that engine, and outlives the namespace.
    Ok(unsafe { Store::from_raw(api, store) })
}

/// A handle of a new namespace.
pub(super) fn give(ns: Rc<Namespace>) -> Result<*mut wasm_dyld_t> {
    let made = wasm_dyld_t {
        ns,
        serial: next_serial()?,
        strings: RefCell::default(),
        memories: RefCell::default(),
        tables: RefCell::default(),
        registered: RefCell::default(),
        #[cfg(feature = "wasi")]
        wasi: RefCell::default(),
    };
    let handle = made.give()?;
    wasm_dyld_t::lend(handle)?.ns.known_as(handle.addr());
    if let Err(why) = register(handle) {
        wasm_dyld_t::delete(handle);
        return Err(why);
    }
    Ok(handle)
}

/// Deletes a namespace with all that it holds. Functions taken from it must not be called any more. NULL is allowed.
/// The engine keeps the objects' code and memory until the store is deleted. Exit handlers do not run: see wasm_dyld_finish.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_delete(namespace: *mut wasm_dyld_t) {
    quiet((), || {
        // Before the handle's position is free for another one.
        let registered = wasm_dyld_t::lend(namespace).ok()?.registered.take();
        drop(registered);
        wasm_dyld_t::delete(namespace);
        Some(())
    });
}

/// Makes a namespace known by its handle to who interrupts it.
fn register(handle: *mut wasm_dyld_t) -> Result<()> {
    let namespace = wasm_dyld_t::lend(handle)?;
    let position = wasm_dyld_t::position(handle).unwrap_or(usize::MAX);
    let signal = namespace.ns.control().signal().clone();
    let registered = Registered::new(handle.addr(), position, signal)?;
    *namespace.registered.borrow_mut() = Some(registered);
    Ok(())
}

/// Defines what objects loaded from now on get for the import `module`.`name`: a function, global, table or memory of
/// the namespace's store. (A callback is defined by wasm_dyld_define_func, without a function of wasm.h.) `value` stays the caller's, who may delete it. In the module "env", objects' own definitions
/// come first, unless `flags` has WASM_DYLD_OVERRIDE (wasm_dyld_define_flag_t).
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_define(
    namespace: *mut wasm_dyld_t,
    module: *const c_char,
    name: *const c_char,
    value: *const wasm_extern_t,
    flags: u32,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let namespace = wasm_dyld_t::lend(namespace)?;
        let ns = &namespace.ns;
        let overriding = overriding(flags)?;
        let (module, name) = (
            edge::text(module, "module name")?,
            edge::text(name, "name")?,
        );
        let value = NonNull::new(value.cast_mut());
        let value = value.ok_or_else(|| Error::new(Code::InvalidArgument, "the value is NULL"))?;
        // SAFETY: the header says that it is an extern of this store, alive during the call.
        let value = unsafe { Extern::lend(ns.store().api(), value) };
        ns.define_extern(module, name, &value, overriding)
    })
}

/// What the flags of a definition say.
pub(super) fn overriding(flags: u32) -> Result<bool> {
    const OVERRIDE: u32 = wasm_dyld_define_flag_t::WASM_DYLD_OVERRIDE as u32;
    Ok(types::flags(flags, &[OVERRIDE], "define")? & OVERRIDE != 0)
}

fn flags(number: u32) -> Result<Flags> {
    use wasm_dyld_load_flag_t::*;
    let known = [
        WASM_DYLD_LAZY as u32,
        WASM_DYLD_NOW as u32,
        WASM_DYLD_NOLOAD as u32,
        WASM_DYLD_LOCAL as u32,
        WASM_DYLD_GLOBAL as u32,
        WASM_DYLD_NODELETE as u32,
        WASM_DYLD_DEEPBIND as u32,
        WASM_DYLD_PROGRAM as u32,
    ];
    let has = |flag: wasm_dyld_load_flag_t| number & flag as u32 != 0;
    types::flags(number, &known, "load")?;
    let invalid = |why: String| Err(Error::new(Code::InvalidArgument, why));
    if has(WASM_DYLD_LAZY) && has(WASM_DYLD_NOW) || has(WASM_DYLD_LOCAL) && has(WASM_DYLD_GLOBAL) {
        return invalid(format!("load flags {number:#x} contradict each other"));
    }
    Ok(Flags {
        main: has(WASM_DYLD_PROGRAM),
        bind: Bind::asked(has(WASM_DYLD_NOW), has(WASM_DYLD_LAZY)),
        global: has(WASM_DYLD_GLOBAL),
        deepbind: has(WASM_DYLD_DEEPBIND),
        noload: has(WASM_DYLD_NOLOAD),
        nodelete: has(WASM_DYLD_NODELETE),
        party: Party::Host,
    })
}

fn load(
    namespace: *mut wasm_dyld_t,
    source: Source,
    flags: Flags,
    object: *mut *mut wasm_dyld_object_t,
) -> Result<()> {
    let namespace = wasm_dyld_t::lend(namespace)?;
    if let Some(id) = namespace.ns.open(source, flags)? {
        set(object, wasm_dyld_object_t::handle(namespace.serial, id));
    }
    Ok(())
}

/// Loads an object with all that it needs, links them and runs their constructors (dlopen(3)).
///
/// A `name` with a slash is a path; one without is searched: open callback, library paths. With WASM_DYLD_PROGRAM it is
/// always a path. `flags` are of wasm_dyld_load_flag_t. On success `*object` (if `object` is not NULL) names the object, which
/// is loaded once more: wasm_dyld_unload takes that back. It is NULL if WASM_DYLD_NOLOAD is given and the object is not loaded. An
/// object that is loaded already, under whatever name, is the same one; its constructors do not run again.
///
/// On failure nothing has changed, and one error tells all that is wrong. If it was a constructor that failed, what had been
/// constructed is destroyed again: its exit handlers run. (What cannot be taken back: memory and table stay grown, for the next
/// load to use; what the host itself loaded or closed meanwhile; and a function of an older library that got a table slot keeps
/// it.)
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_load(
    namespace: *mut wasm_dyld_t,
    name: *const c_char,
    flags: u32,
    object: *mut *mut wasm_dyld_object_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        set(object, std::ptr::null_mut());
        let flags = self::flags(flags)?;
        let name = edge::c_bytes(name, "name")?;
        let source = if flags.main || name.contains(&b'/') {
            Source::Path(to_path(name, "name")?)
        } else {
            let name = std::str::from_utf8(name);
            let name =
                name.map_err(|_| Error::new(Code::InvalidArgument, "the name is not UTF-8"))?;
            Source::Name(name.to_string())
        };
        load(namespace, source, flags, object)
    })
}

/// As wasm_dyld_load, from bytes, which are copied. `name` is a file name without a slash: the object is found under it when
/// others need it. Each call makes a new object.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_load_bytes(
    namespace: *mut wasm_dyld_t,
    name: *const c_char,
    bytes: *const u8,
    size: usize,
    flags: u32,
    object: *mut *mut wasm_dyld_object_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        set(object, std::ptr::null_mut());
        let flags = self::flags(flags)?;
        let source = Source::Bytes {
            name: edge::text(name, "name")?.to_string(),
            bytes: edge::module(bytes, size, "module")?.to_vec(),
        };
        load(namespace, source, flags, object)
    })
}

/// As wasm_dyld_load_bytes, for a module that the host has compiled already, or taken from a cache of its own: `module` is of the
/// namespace's engine and store, and is taken, also on failure, unless `namespace` is none. `bytes` are those that it was compiled from; the linker
/// reads in them what no engine tells (the dylink.0 section, addresses of data, table segments). That they belong together is the
/// host's word beyond the names of imports and exports.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_load_compiled(
    namespace: *mut wasm_dyld_t,
    name: *const c_char,
    module: *mut wasm_module_t,
    bytes: *const u8,
    size: usize,
    flags: u32,
    object: *mut *mut wasm_dyld_object_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        set(object, std::ptr::null_mut());
        let module = NonNull::new(module);
        let module =
            module.ok_or_else(|| Error::new(Code::InvalidArgument, "the module is NULL"))?;
        let ns = wasm_dyld_t::lend(namespace)?.ns.clone();
        // SAFETY: the header says that it is a module of this engine, given up by the host.
        let module = unsafe { Module::from_raw(ns.store().api(), module) };
        let bytes = edge::module(bytes, size, "module")?;
        let flags = self::flags(flags)?;
        let name = edge::text(name, "name")?.to_string();
        ns.adopt(bytes, module)?;
        let bytes = bytes.to_vec();
        load(namespace, Source::Bytes { name, bytes }, flags, object)
    })
}

/// Calls `_start` of the main program, or main of a library that was loaded as one. `*exit_code` (may be NULL) is what it passed to
/// exit or main returned, or 0 if `_start` returned. A trap is an error.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_run(
    namespace: *mut wasm_dyld_t,
    exit_code: *mut i32,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        set(exit_code, wasm_dyld_t::lend(namespace)?.ns.run()?);
        Ok(())
    })
}

/// Takes one loading of an object back (dlclose(3)): call it as often as the object was loaded.
///
/// At the last time, unless something loaded needs it or is bound to it, its exit handlers run (what it gave to atexit and
/// __cxa_atexit, destructors among them), the last registered first, and it is unloaded with what only it needed. Functions
/// taken from it must not be called any more; memory and table slots are used again; a pointer to one of its functions traps
/// until its slot is. The engine keeps code and instance until the store is deleted.
///
/// A main program, a preload and what was loaded with WASM_DYLD_NODELETE stay. If an exit handler traps, the error is
/// WASM_DYLD_TRAP, and all the rest is done nevertheless.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_unload(
    namespace: *mut wasm_dyld_t,
    object: *mut wasm_dyld_object_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let namespace = wasm_dyld_t::lend(namespace)?;
        let id = namespace.id(object)?;
        let closed = namespace.ns.close(id, Party::Host);
        let there = |id| namespace.ns.contains(id);
        let mut strings = namespace.strings.borrow_mut();
        strings.retain(|key, _| key.object().is_none_or(there));
        closed
    })
}

/// Ends the guest as its `exit` does, without a trap: runs all exit handlers, the last registered first, and flushes the
/// guest's stdio. For namespaces without a program. Objects stay loaded; handlers run once, here or when their object is
/// unloaded. If one traps, the error is WASM_DYLD_TRAP, and all the rest is done nevertheless.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_finish(
    namespace: *mut wasm_dyld_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || wasm_dyld_t::lend(namespace)?.ns.finish())
}

/// Calls a function of the namespace, as wasm_func_call does, and turns what goes wrong into an error: a trap
/// (WASM_DYLD_TRAP: the reason, and the functions that were running, see wasm_dyld_error_frame_count) or the guest's exit
/// (WASM_DYLD_EXIT). `args` and `results` must fit the function's
/// type; NULL stands for none. A function with values that wasm.h cannot carry on every engine (v128, externref and other references
/// than funcref) among its parameters or results is not called: WASM_DYLD_UNSUPPORTED. After a trap the guest's stack pointer is as it was before the call, which a plain
/// wasm_func_call cannot see to: the frames of a trap there stay on the guest's stack.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_call(
    namespace: *mut wasm_dyld_t,
    function: *const wasm_func_t,
    args: *const wasm_val_vec_t,
    results: *mut wasm_val_vec_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let namespace = wasm_dyld_t::lend(namespace)?;
        let ns = &namespace.ns;
        let function = edge::engine_function(ns.store().api(), function)?;
        // SAFETY: the header says that the vectors are the host's for the call.
        let (args, results) = unsafe {
            (
                crate::engine::host_args(args),
                crate::engine::host_results(results),
            )
        };
        ns.call_checked(&function, args, results)
    })
}

/// Whether the guest has called exit during a call that the host made with wasm_func_call, which ends in a trap, and with which
/// code. Asking forgets it.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_take_exit(namespace: *mut wasm_dyld_t, exit_code: *mut i32) -> bool {
    quiet(false, || {
        set(
            exit_code,
            wasm_dyld_t::lend(namespace).ok()?.ns.take_exit()?,
        );
        Some(true)
    })
}

/// The memory that all objects share. There is none before the first load (WASM_DYLD_BUSY).
///
/// The handle belongs to the namespace and lives as long. It is the same one until the namespace has no objects any more, or its first
/// load has failed: the next load may make another memory, so ask again then.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_memory(
    namespace: *mut wasm_dyld_t,
    memory: *mut *mut wasm_memory_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        set(memory, std::ptr::null_mut());
        let namespace = wasm_dyld_t::lend(namespace)?;
        let found = namespace.ns.memory()?;
        keep(&namespace.memories, &found);
        set(memory, found.raw());
        Ok(())
    })
}

/// The table that all objects share, where function pointers lead. As wasm_dyld_memory.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_table(
    namespace: *mut wasm_dyld_t,
    table: *mut *mut wasm_table_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        set(table, std::ptr::null_mut());
        let namespace = wasm_dyld_t::lend(namespace)?;
        let found = namespace.ns.table()?;
        keep(&namespace.tables, &found);
        set(table, found.raw());
        Ok(())
    })
}

/// How many instances the namespace has made in its store so far, generated ones included. The bundled engine makes
/// 10,000 in the life of a store and gives none back when libraries are closed. A host that opens and closes
/// libraries without end goes on with a new namespace in a new store before that; a load beyond the limit, and a look-up that has
/// to give a function its table slot, fails with WASM_DYLD_LIMIT and changes nothing.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_instance_count(namespace: *const wasm_dyld_t) -> u64 {
    quiet(0, || {
        Some(wasm_dyld_t::lend(namespace).ok()?.ns.instances())
    })
}

/// The link map, as text for people: what lies where in memory and table, the objects in the order of loading, what each needs, and
/// what keeps it. Its form may change with each version of the library. Belongs to the namespace and lives until the next call of
/// this function; NULL if `namespace` is none.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_link_map(namespace: *const wasm_dyld_t) -> *const c_char {
    quiet(std::ptr::null(), || {
        let namespace = wasm_dyld_t::lend(namespace).ok()?;
        let text = namespace.ns.link_map();
        namespace.strings.borrow_mut().remove(&StringKey::LinkMap);
        Some(namespace.string(StringKey::LinkMap, text.as_bytes()))
    })
}

/// How many folders are searched for libraries.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_library_path_count(namespace: *const wasm_dyld_t) -> usize {
    quiet(0, || {
        Some(wasm_dyld_t::lend(namespace).ok()?.library_paths().len())
    })
}

/// One of the folders that are searched for libraries, in order; NULL if there are not so many. Belongs to the namespace.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_library_path_at(
    namespace: *const wasm_dyld_t,
    index: usize,
) -> *const c_char {
    quiet(std::ptr::null(), || {
        let namespace = wasm_dyld_t::lend(namespace).ok()?;
        let path = namespace.library_paths().get(index)?;
        Some(namespace.string(
            StringKey::LibraryPath(index),
            path.as_os_str().as_encoded_bytes(),
        ))
    })
}

impl wasm_dyld_t {
    fn library_paths(&self) -> &[PathBuf] {
        &self.ns.config().search.library_paths
    }
}
