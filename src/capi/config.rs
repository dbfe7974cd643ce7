//! Configuration.

#![allow(non_camel_case_types)]

use std::ffi::{CString, c_char, c_void};
use std::path::PathBuf;
use std::sync::Arc;

use super::edge::{self, Environment, Handle, Settings, edge, set};
use super::error::wasm_dyld_error_t;
use super::types::{
    self, BindNumber, LimitNumber, PltNumber, RuntimePathNumber, wasm_dyld_code_t,
    wasm_dyld_guest_flag_t, wasm_dyld_launch_flag_t, wasm_dyld_limit_t,
};
use crate::config::{Config, MIN_STACK};
use crate::engine::sys::wasm_engine_t;
use crate::engine::{Api, EngineCache, EngineLibrary, EngineOptions, shim};
use crate::error::{Code, Error, Result};
use crate::platform;
use crate::search::Opened;
use crate::trace::{self, Sink, Trace};

/// What a namespace is made with. Made by wasm_dyld_config_new, given to wasm_dyld_new, which takes it. Not for use by
/// two threads at once.
pub struct wasm_dyld_config_t {
    pub(super) parts: Settings<Parts>,
}

/// What is configured.
#[derive(Default)]
pub(super) struct Parts {
    pub config: Config,
    pub engine: EngineOptions,
    /// The engine of stores that the configuration is used with, if it is not the one that is linked.
    pub library: Option<EngineLibrary>,
}

impl Parts {
    /// The engine's functions.
    pub fn api(&self) -> Result<&'static Api> {
        match &self.library {
            Some(library) => Ok(library.api()),
            None => linked(),
        }
    }
}

edge::handle!(wasm_dyld_config_t, 1, "configuration");

/// The engine that is linked, if it is one.
pub(super) fn linked() -> Result<&'static Api> {
    static CHECKED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let api = Api::linked();
    match CHECKED.get_or_init(|| {
        api.check_one_engine()
            .err()
            .map(|e| e.message().to_string())
    }) {
        None => Ok(api),
        Some(why) => Err(Error::new(Code::Unsupported, why)),
    }
}

/// Answers a search for a library.
///
/// `name` is what is searched, as it stands in a needed entry or as a guest gave it to dlopen; `needed_by` is the object that
/// needs it or calls dlopen, or NULL if the host asked. To give the library: set `*bytes` and `*size` to its bytes, which are copied as soon as the callback
/// returns, `*identity` and `*identity_size` to something that is the same for the same library under any name (copied
/// too; left alone, it is the name), and return 0. Return 1 to let the search go on in the library paths, anything else
/// to fail it. It may look at the namespace, and not change it: see the top of this file.
pub type wasm_dyld_open_callback_t = Option<
    unsafe extern "C" fn(
        env: *mut c_void,
        name: *const c_char,
        needed_by: *const c_char,
        bytes: *mut *const u8,
        size: *mut usize,
        identity: *mut *const u8,
        identity_size: *mut usize,
    ) -> i32,
>;

/// Gets debug output: the category's name, and a text of one or more lines. Both are the callee's for the call only. It
/// may look at the namespace, and not change it: see the top of this file.
pub type wasm_dyld_trace_callback_t =
    Option<unsafe extern "C" fn(env: *mut c_void, category: *const c_char, text: *const c_char)>;

/// Gives up a callback's environment, once, when nothing needs it any more: at once, where there is no callback. Where the function
/// that takes both fails, the environment stays the caller's. It may call everything: see the top of this file.
pub type wasm_dyld_finalizer_t = Option<unsafe extern "C" fn(env: *mut c_void)>;

/// Changes a configuration. `change` gives back what it has replaced and what it does not need, if that may have finalizers.
pub(super) fn with<R>(
    config: *mut wasm_dyld_config_t,
    error: *mut *mut wasm_dyld_error_t,
    change: impl FnOnce(&mut Parts) -> Result<R>,
) -> wasm_dyld_code_t {
    edge(error, || {
        let config = wasm_dyld_config_t::lend(config)?;
        config.parts.change(change).map(drop)
    })
}

pub(super) fn path(raw: *const c_char, what: &str) -> Result<PathBuf> {
    let bytes = edge::c_bytes(raw, what)?;
    if bytes.is_empty() {
        return Err(Error::new(
            Code::InvalidArgument,
            format!("the {what} is empty"),
        ));
    }
    to_path(bytes, what)
}

/// The path that a host has named.
pub(super) fn to_path(bytes: &[u8], what: &str) -> Result<PathBuf> {
    let path = platform::path(bytes).map(PathBuf::from);
    path.ok_or_else(|| {
        let why = format!("the {what} is not UTF-8, which paths are on this system");
        Error::new(Code::InvalidArgument, why)
    })
}

fn no_such(what: &str, number: u32) -> Error {
    Error::new(
        Code::InvalidArgument,
        format!("there is no {what} {number}"),
    )
}

/// A configuration with the defaults: no library paths, bind now, direct calls, 1 MiB of stack. The caller deletes it or
/// gives it to wasm_dyld_new.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_new() -> *mut wasm_dyld_config_t {
    edge::quiet(std::ptr::null_mut(), || {
        let parts = Settings::default();
        wasm_dyld_config_t { parts }.give().ok()
    })
}

/// Deletes a configuration that was not given away. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_delete(config: *mut wasm_dyld_config_t) {
    wasm_dyld_config_t::delete(config);
}

/// Adds a folder to search for libraries, after those added before.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_add_library_path(
    config: *mut wasm_dyld_config_t,
    folder: *const c_char,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(config, error, |c| {
        c.config
            .search
            .library_paths
            .push(path(folder, "library path")?);
        Ok(())
    })
}

/// Adds a folder that is searched last, after the library paths and what an object's own RUNTIME_PATH says: where the libraries are that guests
/// are compiled against, libc.so for instance (`wasmdyld-cc --print-lib-dir`). After those added before. By default there is none.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_add_default_path(
    config: *mut wasm_dyld_config_t,
    folder: *const c_char,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(config, error, |c| {
        c.config
            .search
            .default_paths
            .push(path(folder, "default path")?);
        Ok(())
    })
}

/// Adds a library that is loaded together with the first object and whose symbols come before those of other libraries
/// (LD_PRELOAD). A name without a slash is searched, one with a slash is a path.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_add_preload(
    config: *mut wasm_dyld_config_t,
    name: *const c_char,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(config, error, |c| {
        c.config
            .preloads
            .push(edge::text(name, "library name")?.to_string());
        Ok(())
    })
}

/// Sets the bytes of stack that a position-independent program, or libraries without a program, get: 1024 at least.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_set_stack_size(
    config: *mut wasm_dyld_config_t,
    bytes: u64,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(config, error, |c| {
        if bytes < MIN_STACK {
            let why = format!("a stack of {bytes} bytes is too small; {MIN_STACK} is the least");
            return Err(Error::new(Code::InvalidArgument, why));
        }
        c.config.stack_size = bytes;
        Ok(())
    })
}

/// Sets when undefined functions are an error, for loads whose flags do not say.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_set_bind(
    config: *mut wasm_dyld_config_t,
    bind: BindNumber,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(config, error, |c| {
        c.config.bind = types::bind(bind).ok_or_else(|| no_such("bind mode", bind))?;
        Ok(())
    })
}

/// Sets how calls reach functions of other objects.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_set_plt(
    config: *mut wasm_dyld_config_t,
    plt: PltNumber,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(config, error, |c| {
        c.config.plt = types::plt(plt).ok_or_else(|| no_such("PLT mode", plt))?;
        Ok(())
    })
}

/// Sets how far RUNTIME_PATH entries of modules are followed.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_set_runtime_path(
    config: *mut wasm_dyld_config_t,
    mode: RuntimePathNumber,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(config, error, |c| {
        c.config.search.runtime_path =
            types::runtime_path(mode).ok_or_else(|| no_such("RUNTIME_PATH mode", mode))?;
        Ok(())
    })
}

/// Sets one of the limits.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_set_limit(
    config: *mut wasm_dyld_config_t,
    limit: LimitNumber,
    value: u64,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(config, error, |c| {
        let limits = &mut c.config.limits;
        let too_large = |_| {
            Error::new(
                Code::InvalidArgument,
                format!("{value} is too large for this limit"),
            )
        };
        match limit {
            n if n == wasm_dyld_limit_t::WASM_DYLD_LIMIT_MEMORY_PAGES as u32 => {
                limits.memory_pages = value
            }
            n if n == wasm_dyld_limit_t::WASM_DYLD_LIMIT_TABLE_SLOTS as u32 => {
                limits.table_slots = value
            }
            n if n == wasm_dyld_limit_t::WASM_DYLD_LIMIT_OBJECTS as u32 => {
                limits.objects = usize::try_from(value).map_err(too_large)?;
            }
            n if n == wasm_dyld_limit_t::WASM_DYLD_LIMIT_NESTING as u32 => {
                c.config.nesting = u32::try_from(value).map_err(too_large)?;
            }
            n if n == wasm_dyld_limit_t::WASM_DYLD_LIMIT_HOST_MEMORY as u32 => {
                limits.host_memory = value
            }
            n => return Err(no_such("limit", n)),
        }
        Ok(())
    })
}

/// Sets what guests may do and see: flags of wasm_dyld_guest_flag_t, 0 for the default. They replace those set before.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_set_guest(
    config: *mut wasm_dyld_config_t,
    flags: u32,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    const NO_DLOPEN: u32 = wasm_dyld_guest_flag_t::WASM_DYLD_GUEST_NO_DLOPEN as u32;
    const SEES_PATHS: u32 = wasm_dyld_guest_flag_t::WASM_DYLD_GUEST_SEES_PATHS as u32;
    with(config, error, |c| {
        let flags = types::flags(flags, &[NO_DLOPEN, SEES_PATHS], "guest")?;
        c.config.guest_dlopen = flags & NO_DLOPEN == 0;
        c.config.guest_paths = flags & SEES_PATHS != 0;
        Ok(())
    })
}

/// Sets how the first load of the namespace is made: flags of wasm_dyld_launch_flag_t, 0 for the default. They replace those set before.
///
/// By default, where the engine keeps compiled code (wasm_dyld_config_set_engine_cache), the same folder keeps what the first load from
/// files comes to: which files it found and which places had none, the objects' metadata and the plan. A namespace whose first load is
/// asked for in the same way uses that while all of these places are as they were, and does not read the files. What a load asks an
/// open callback for is not kept, nor are loads from bytes. The debug category "statistics" tells what was used, or why not.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_set_launch(
    config: *mut wasm_dyld_config_t,
    flags: u32,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    const NO_CLOSURE: u32 = wasm_dyld_launch_flag_t::WASM_DYLD_LAUNCH_NO_CLOSURE as u32;
    with(config, error, |c| {
        let flags = types::flags(flags, &[NO_CLOSURE], "launch")?;
        c.config.launch_closures = flags & NO_CLOSURE == 0;
        Ok(())
    })
}

/// Sets a callback that is asked for every library before the library paths are searched, and for what guests open by a path,
/// with the path as the guest wrote it. `finalizer` (may be NULL) is
/// called with `env` when the namespace, or a configuration that never became one, is deleted.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_set_open(
    config: *mut wasm_dyld_config_t,
    callback: wasm_dyld_open_callback_t,
    env: *mut c_void,
    finalizer: wasm_dyld_finalizer_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(config, error, |c| {
        let callback =
            callback.ok_or_else(|| Error::new(Code::InvalidArgument, "the callback is NULL"))?;
        let env = Environment::new(env, finalizer);
        let asked = Arc::new(move |name: &str, by: Option<&str>| open(callback, &env, name, by));
        Ok(c.config.search.open.replace(asked))
    })
}

type OpenFn = unsafe extern "C" fn(
    *mut c_void,
    *const c_char,
    *const c_char,
    *mut *const u8,
    *mut usize,
    *mut *const u8,
    *mut usize,
) -> i32;

fn open(
    callback: OpenFn,
    env: &Environment,
    name: &str,
    by: Option<&str>,
) -> Result<Option<Opened>> {
    let bad = |_| Error::new(Code::InvalidArgument, "a name contains a NUL");
    let c_name = CString::new(name).map_err(bad)?;
    let c_by = by.map(CString::new).transpose().map_err(bad)?;
    let (mut data, mut size) = (std::ptr::null(), 0);
    let (mut identity, mut identity_size) = (std::ptr::null(), 0);
    // SAFETY: the host's own pair; every pointer is good for the call.
    let answer = unsafe {
        callback(
            env.env,
            c_name.as_ptr(),
            c_by.as_ref().map_or(std::ptr::null(), |by| by.as_ptr()),
            &raw mut data,
            &raw mut size,
            &raw mut identity,
            &raw mut identity_size,
        )
    };
    match answer {
        0 => Ok(Some(Opened {
            bytes: edge::module(data, size, "library given by the callback")?.to_vec(),
            identity: match identity.is_null() {
                true => name.as_bytes().to_vec(),
                false => edge::module(identity, identity_size, "identity")?.to_vec(),
            },
            ready: None,
        })),
        1 => Ok(None),
        n => Err(Error::new(Code::Io, format!("it failed with {n}"))),
    }
}

fn to_callback(
    callback: unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char),
    env: Environment,
) -> Sink {
    Arc::new(move |category, text| {
        let category = CString::new(category.name()).unwrap_or_default();
        let text = edge::c_string(text);
        let env = &env;
        // SAFETY: the host's own pair; both strings live for the call.
        unsafe { callback(env.env, category.as_ptr(), text.as_ptr()) };
    })
}

/// Sends debug output of some categories ("libs,bindings", "all") to a callback, or to standard error if that is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_set_trace(
    config: *mut wasm_dyld_config_t,
    categories: *const c_char,
    callback: wasm_dyld_trace_callback_t,
    env: *mut c_void,
    finalizer: wasm_dyld_finalizer_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(config, error, |c| {
        let mask = trace::parse(edge::text(categories, "list of categories")?)?;
        let env = Environment::new(env, finalizer);
        // Standard error needs no environment: it is given up at once.
        let (trace, unneeded) = match callback {
            None => (Trace::stderr(mask), Some(env)),
            Some(callback) => (Trace::new(mask, to_callback(callback, env)), None),
        };
        Ok((std::mem::replace(&mut c.config.trace, trace), unneeded))
    })
}

/// Takes over what the environment says: WASMDYLD_LIBRARY_PATH (folders, separated as in PATH), WASMDYLD_PRELOAD,
/// WASMDYLD_BIND_NOW, WASMDYLD_NO_LAUNCH_CLOSURE and WASMDYLD_DEBUG (to standard error). Nothing of it is read otherwise.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_read_env(
    config: *mut wasm_dyld_config_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(config, error, |c| {
        let mut other = std::mem::take(&mut c.config.trace);
        let read = c.config.read_env();
        if !c.config.trace.is_set() {
            std::mem::swap(&mut c.config.trace, &mut other);
        }
        read.map(|()| other)
    })
}

/// Lets wasm_dyld_engine_new make engines that keep compiled code between processes, where that is known how (docs/ENGINES.md
/// names them; a library that was opened, on Linux): in `folder`, which is made if it is missing, or if that is NULL in `wasmdyld` among this
/// user's caches (XDG_CACHE_HOME, ~/.cache). Only what is loaded into namespaces is kept. Without this call nothing is. The engines of a
/// library that was opened, and compile alike, keep code where the one that was made last does.
///
/// What is in there is run as machine code. So `folder` and every folder above it must belong to this user or to root, and none of
/// them may be writable for others (but for those above with the sticky bit, as /tmp), else wasm_dyld_engine_new fails with
/// WASM_DYLD_INVALID_ARGUMENT. What is damaged is compiled anew. A folder that cannot be made or written to keeps nothing, which is no error.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_set_engine_cache(
    config: *mut wasm_dyld_config_t,
    folder: *const c_char,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(config, error, |c| {
        c.engine.cache = match folder.is_null() {
            true => EngineCache::Default,
            false => EngineCache::Dir(path(folder, "cache folder")?),
        };
        Ok(())
    })
}

/// Makes an engine with all that dynamic linking can use switched on (tail calls, exceptions) and with the
/// configuration's engine cache: of the engine library that wasm_dyld_config_set_engine names, else of the linked one. `config`
/// may be NULL and stays the caller's. An engine made with wasm_engine_new does as
/// well. The caller deletes the engine with wasm_engine_delete.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_engine_new(
    config: *const wasm_dyld_config_t,
    engine: *mut *mut wasm_engine_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        if engine.is_null() {
            return Err(Error::new(
                Code::InvalidArgument,
                "there is nowhere to put the engine",
            ));
        }
        set(engine, std::ptr::null_mut());
        let (options, api) = match config.is_null() {
            true => (EngineOptions::default(), linked()?),
            false => {
                let config = wasm_dyld_config_t::lend(config)?;
                config
                    .parts
                    .change(|parts| Ok((parts.engine.clone(), parts.api()?)))?
            }
        };
        let made = shim::of(api).new_engine(api, &options)?;
        set(engine, made.into_raw().as_ptr());
        Ok(())
    })
}
