//! Engines opened at run time.

#![allow(non_camel_case_types)]

use std::ffi::{CString, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::config::wasm_dyld_config_t;
use super::edge::{self, Handle, edge, quiet, set};
use super::error::wasm_dyld_error_t;
use super::types::wasm_dyld_code_t;
use crate::engine::{EngineLibrary, shim};

/// A shared library with an engine in it, opened by wasm_dyld_engine_open. May be used by several threads.
pub struct wasm_dyld_engine_t {
    library: EngineLibrary,
    name: CString,
}

impl Handle for wasm_dyld_engine_t {
    const NAME: &'static str = "engine library";
}

/// A function of an engine, to be cast to the type that wasm.h gives it.
pub type wasm_dyld_engine_function_t = Option<unsafe extern "C" fn()>;

/// Opens a shared library that has the functions of wasm.h ("libwasmer.so", or a path): an engine chosen at run time.
///
/// Its symbols are its own: another engine in the process, the bundled one for instance, is not disturbed. Use what
/// wasm_dyld_engine_function gives for all that the host does with it; objects of two engines do not mix. The library is never
/// closed again. A function that it lacks and that cannot be done without is named in the error.
///
/// The library's code runs in this process: open only what you trust.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_engine_open(
    library: *const c_char,
    engine: *mut *mut wasm_dyld_engine_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        set(engine, std::ptr::null_mut());
        let path = Path::new(OsStr::from_bytes(edge::c_bytes(library, "engine library")?));
        // SAFETY: the header says what the caller answers for.
        let library = unsafe { EngineLibrary::open(path)? };
        let name = CString::new(shim::of(library.api()).name()).unwrap_or_default();
        if !engine.is_null() {
            set(engine, wasm_dyld_engine_t { library, name }.give());
        }
        Ok(())
    })
}

/// Gives up a handle. What was made with the engine stays as it is. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_engine_close(engine: *mut wasm_dyld_engine_t) {
    wasm_dyld_engine_t::delete(engine);
}

/// What engine it is: "wasmtime", "wasmer", "wasmi", or "wasm.h" for one that is not known by name. Belongs to the handle.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_engine_name(engine: *const wasm_dyld_engine_t) -> *const c_char {
    quiet(std::ptr::null(), || {
        Some(wasm_dyld_engine_t::lend(engine).ok()?.name.as_ptr())
    })
}

/// A function of the engine by its name, "wasm_store_new" for instance; NULL if it has none. It stays good.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_engine_function(
    engine: *const wasm_dyld_engine_t,
    name: *const c_char,
) -> wasm_dyld_engine_function_t {
    quiet(None, || {
        let library = &wasm_dyld_engine_t::lend(engine).ok()?.library;
        let name = CString::new(edge::c_bytes(name, "name").ok()?).ok()?;
        Some(Some(edge::function(library.function(&name)?)))
    })
}

/// Lets wasm_dyld_engine_new make engines of an opened library, and wasm_dyld_new namespaces in stores of such. `engine` stays
/// the caller's.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_set_engine(
    config: *mut wasm_dyld_config_t,
    engine: *const wasm_dyld_engine_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let library = wasm_dyld_engine_t::lend(engine)?.library.clone();
        wasm_dyld_config_t::lend_mut(config)?.use_engine(library);
        Ok(())
    })
}
