//! Engines opened at run time.

#![allow(non_camel_case_types)]

use std::ffi::{CString, c_char, c_void};
use std::sync::OnceLock;

use super::config::{linked, to_path, wasm_dyld_config_t, with};
use super::edge::{self, Environment, Handle, edge, quiet, set};
use super::error::wasm_dyld_error_t;
use super::types::{self, wasm_dyld_code_t, wasm_dyld_engine_flag_t};
use crate::engine::EngineLibrary;
use crate::engine::shim::{self, Description, TextOf};
use crate::error::{Code, Error};

/// A shared library with an engine in it, opened by wasm_dyld_engine_open. May be used by several threads.
pub struct wasm_dyld_engine_t {
    library: EngineLibrary,
    /// The engine's name, once it is known.
    name: OnceLock<CString>,
}

edge::handle!(wasm_dyld_engine_t, 2, "engine library");

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
        let path = to_path(edge::c_bytes(library, "engine library")?, "engine library")?;
        // SAFETY: the header says what the caller answers for.
        let library = unsafe { EngineLibrary::open(&path)? };
        if !engine.is_null() {
            let name = OnceLock::new();
            set(engine, wasm_dyld_engine_t { library, name }.give()?);
        }
        Ok(())
    })
}

/// Gives up a handle. What was made with the engine stays as it is. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_engine_close(engine: *mut wasm_dyld_engine_t) {
    wasm_dyld_engine_t::delete(engine);
}

/// What engine it is: "wasmtime", "wasmer", "wasmi", what wasm_dyld_engine_describe said, or "wasm.h" for one that is not known by name.
/// Belongs to the handle.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_engine_name(engine: *const wasm_dyld_engine_t) -> *const c_char {
    quiet(std::ptr::null(), || {
        let engine = wasm_dyld_engine_t::lend(engine).ok()?;
        // Asking does not settle what the engine is: it may yet be described.
        let Some(known) = shim::known(engine.library.api()) else {
            return Some(c"wasm.h".as_ptr());
        };
        let name = engine.name.get_or_init(|| {
            let name = known.name().replace('\0', "\u{fffd}");
            CString::new(name).unwrap_or_default()
        });
        Some(name.as_ptr())
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

/// Writes a text of at most `size` bytes, without NUL, to `buffer` and returns how many; 0: nothing to say. `text` is what it is about.
/// May be called by any thread; it must call nothing of this library.
pub type wasm_dyld_text_callback_t = Option<
    unsafe extern "C" fn(
        env: *mut c_void,
        text: *const c_char,
        buffer: *mut c_char,
        size: usize,
    ) -> usize,
>;

/// What a host says of an engine that this library does not know. All zeros say what is true of every engine: it works, but the
/// linker goes longer ways round.
#[repr(C)]
pub struct wasm_dyld_engine_description_t {
    /// sizeof of this structure, for later versions of it.
    pub size: usize,
    /// The engine's name, for messages.
    pub name: *const c_char,
    /// What is true of it: flags of wasm_dyld_engine_flag_t.
    pub flags: u32,
    /// Takes the reason out of a trap's text. May be NULL.
    pub trap_cause: wasm_dyld_text_callback_t,
    /// What the engine refused last on this thread; `text` is empty. May be NULL.
    pub last_error: wasm_dyld_text_callback_t,
    /// Passed to both; it must stay good for the rest of the process.
    pub env: *mut c_void,
}

/// Describes an engine: one that was opened, or the linked one if `engine` is NULL. Once, before the engine is used, and only for
/// engines that are not known by name: otherwise WASM_DYLD_BUSY.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_engine_describe(
    engine: *const wasm_dyld_engine_t,
    description: *const wasm_dyld_engine_description_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    const ORDER: u32 = wasm_dyld_engine_flag_t::WASM_DYLD_ENGINE_DECLARED_ORDER as u32;
    const VALIDATION: u32 = wasm_dyld_engine_flag_t::WASM_DYLD_ENGINE_FINAL_VALIDATION as u32;
    const INSTANCES: u32 = wasm_dyld_engine_flag_t::WASM_DYLD_ENGINE_LASTING_INSTANCES as u32;
    edge(error, || {
        let api = match engine.is_null() {
            true => linked()?,
            false => wasm_dyld_engine_t::lend(engine)?.library.api(),
        };
        let says = edge::plain(description, "description")?;
        if says.size != size_of::<wasm_dyld_engine_description_t>() {
            let why = format!("a description of {} bytes is of another version", says.size);
            return Err(Error::new(Code::InvalidArgument, why));
        }
        let flags = types::flags(says.flags, &[ORDER, VALIDATION, INSTANCES], "engine")?;
        let description = Description {
            name: edge::text(says.name, "name")?.to_string(),
            import_order_is_declared: flags & ORDER != 0,
            validation_is_final: flags & VALIDATION != 0,
            instance_outlives_handle: flags & INSTANCES != 0,
            trap_cause: text_of(says.trap_cause, says.env),
            last_error: text_of(says.last_error, says.env),
        };
        shim::describe(api, description)
    })
}

fn text_of(callback: wasm_dyld_text_callback_t, env: *mut c_void) -> Option<TextOf> {
    const ROOM: usize = 4096;
    let callback = callback?;
    let env = Environment::new(env, None);
    Some(Box::new(move |text| {
        let env = &env;
        let text = edge::c_string(text);
        let mut room = vec![0u8; ROOM];
        // SAFETY: the host's own pair; the text and the room are good for the call.
        let size = unsafe { callback(env.env, text.as_ptr(), room.as_mut_ptr().cast(), ROOM) };
        let said = room.get(..size).filter(|said| !said.is_empty())?;
        Some(String::from_utf8_lossy(said).into_owned())
    }))
}

/// Lets wasm_dyld_engine_new make engines of an opened library, and wasm_dyld_new namespaces in stores of such. `engine` stays
/// the caller's.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_set_engine(
    config: *mut wasm_dyld_config_t,
    engine: *const wasm_dyld_engine_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(config, error, |parts| {
        parts.library = Some(wasm_dyld_engine_t::lend(engine)?.library.clone());
        Ok(())
    })
}
