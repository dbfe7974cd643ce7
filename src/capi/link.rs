//! One module of a program and its libraries.

#![allow(non_camel_case_types)]

use std::ffi::{c_char, c_void};
use std::path::Path;
use std::time::Duration;

use super::config::{linked, path, wasm_dyld_config_t};
use super::edge::{self, Environment, Handle, edge};
use super::error::wasm_dyld_error_t;
use super::types::{self, wasm_dyld_code_t, wasm_dyld_link_flag_t};
#[cfg(feature = "wasi")]
use super::wasi::wasm_dyld_wasi_t;
use crate::component::{self, World};
use crate::config::Config;
use crate::engine::Api;
use crate::engine::sys::wasm_byte_vec_t;
use crate::error::{Code, Context, Error, Result};
use crate::fuse::snapshot::Point;
use crate::fuse::{self, Fused};
use crate::link::{Allowance, Start};
use crate::survey::{Linking, Program, Survey};

/// Nobody can make one where WASI is left out of the library.
#[cfg(not(feature = "wasi"))]
type wasm_dyld_wasi_t = c_void;

/// Gets what is lost or unwise in a module that wasm_dyld_link makes, as a line of text for people, which is the callee's for the call.
pub type wasm_dyld_warning_callback_t =
    Option<unsafe extern "C" fn(env: *mut c_void, text: *const c_char)>;

/// What wasm_dyld_link links, and how. All zeros but for `size` and `file` are the defaults. Strings and lists are the caller's, and are read
/// during the call.
#[repr(C)]
pub struct wasm_dyld_link_options_t {
    /// sizeof of this structure, for later versions of it.
    pub size: usize,
    /// The program or library: a name without a slash is searched, one with a slash is a path. With `bytes`: what to call it.
    pub file: *const c_char,
    /// The module itself, or NULL.
    pub bytes: *const u8,
    /// How many bytes it has.
    pub bytes_size: usize,
    /// Symbols that the module exports, beside `memory` and `_start`, or `_initialize` and its own symbols for a library.
    pub exports: *const *const c_char,
    /// How many there are.
    pub export_count: usize,
    /// Symbols that are kept whether anything reaches them or not, and are not exported.
    pub keep: *const *const c_char,
    /// How many there are.
    pub keep_count: usize,
    /// What stays imported, as "MODULE" or "MODULE.NAME", beside WASI: the module's host defines it.
    pub imports: *const *const c_char,
    /// How many there are.
    pub import_count: usize,
    /// Flags of wasm_dyld_link_flag_t.
    pub flags: u32,
    /// May be NULL.
    pub warning: wasm_dyld_warning_callback_t,
    /// Passed to `warning`.
    pub env: *mut c_void,
    /// NULL, or the program is run first, and the module begins with the memory that it has then, and goes on with main: "" until everything is constructed,
    /// "ready" until main calls wasmdyld_snapshot of <wasmdyld/snapshot.h>, else until this function, called after the constructors, has returned.
    pub snapshot: *const c_char,
    /// What the program sees until the snapshot, or NULL: nothing. It stays the caller's, and may be given again. Random numbers follow from the module, if they are
    /// not the host's and do not follow from a seed that it has given.
    pub wasi: *const wasm_dyld_wasi_t,
    /// How long that may take, in nanoseconds; 0: as long as it likes.
    pub timeout: u64,
    /// Its budget, in units of wasm_dyld_set_budget; 0: no bound.
    pub budget: u64,
    /// With WASM_DYLD_LINK_COMPONENT, what the component imports and exports beside WASI: the path of a WIT file, or of the folder of a package. NULL: what the
    /// worlds say that are in the objects.
    pub wit: *const c_char,
    /// One of its worlds, or NULL if there is only one.
    pub world: *const c_char,
}

/// Makes one module of a program and all libraries that it needs, in which nothing is left to link: any engine runs it, without this library. A
/// library becomes a reactor, whose `_initialize` its host calls first. `wasmdyld link` does the same.
///
/// Libraries are found, symbols bound and memory laid out as a namespace of this configuration would do it for its first load, with the same
/// errors. The same input gives the same bytes. `config` may be NULL and stays the caller's; its open callback and
/// trace are called. No store is needed. Guest code runs for a snapshot alone, on this thread, in an engine that is made for it, of the library that `config` names or of
/// the linked one.
///
/// `*module` and `*map` are the caller's, who deletes them by wasm_byte_vec_delete of the engine that `config` names, else of the linked one; on an
/// error they are empty. `map` may be NULL. It is JSON in UTF-8, without a NUL, and says where each object's data, slots and functions are.
///
/// WASM_DYLD_INVALID_ARGUMENT: `options` is of another version, flags or fields exclude each other, or a program is to be a library. WASM_DYLD_NOT_FOUND: a file, a library or a symbol to be exported or kept is missing,
/// or the function where the snapshot is to be made.
/// WASM_DYLD_UNDEFINED_SYMBOL: so does a program that opens libraries fail without WASM_DYLD_LINK_DYNAMIC or WASM_DYLD_LINK_NO_DLOPEN. WASM_DYLD_UNSUPPORTED: something
/// that one module or a component cannot have, a second memory for instance, or files that are open at the snapshot; this library makes no components. WASM_DYLD_TYPE_MISMATCH: the function of the snapshot takes something, or returns something other than an int.
/// WASM_DYLD_EXIT, WASM_DYLD_TRAP, WASM_DYLD_TIMED_OUT, WASM_DYLD_OUT_OF_BUDGET: the
/// program has ended before the snapshot.
///
/// Several threads may call it at the same time, each with a configuration of its own.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_link(
    config: *const wasm_dyld_config_t,
    options: *const wasm_dyld_link_options_t,
    module: *mut wasm_byte_vec_t,
    map: *mut wasm_byte_vec_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        edge::no_bytes(module);
        edge::no_bytes(map);
        let options = edge::plain(options, "options")?;
        if options.size != size_of::<wasm_dyld_link_options_t>() {
            let why = format!("options of {} bytes are of another version", options.size);
            return Err(Error::new(Code::InvalidArgument, why));
        }
        if module.is_null() {
            let why = "there is nowhere to put the module";
            return Err(Error::new(Code::InvalidArgument, why));
        }
        let (config, api) = match config.is_null() {
            true => (Config::default(), linked()?),
            false => {
                let config = wasm_dyld_config_t::lend(config)?;
                config
                    .parts
                    .change(|parts| Ok((parts.config.clone(), parts.api()?)))?
            }
        };
        let fused = link(&config, options, api)?;
        if let Some(warning) = options.warning {
            let env = Environment::new(options.env, None);
            for text in &fused.warnings {
                let text = edge::c_string(text);
                // SAFETY: the host's own pair; the text lives for the call.
                unsafe { warning(env.env, text.as_ptr()) };
            }
        }
        // Nothing is given unless all of it is.
        let json = match map.is_null() {
            true => Vec::new(),
            false => fused.map.to_json()?,
        };
        edge::give_bytes(api, module, &fused.bytes);
        edge::give_bytes(api, map, &json);
        Ok(())
    })
}

fn link(config: &Config, options: &wasm_dyld_link_options_t, api: &'static Api) -> Result<Fused> {
    const NO_GC: u32 = wasm_dyld_link_flag_t::WASM_DYLD_LINK_NO_GC as u32;
    const STRIP: u32 = wasm_dyld_link_flag_t::WASM_DYLD_LINK_STRIP as u32;
    const NO_DLOPEN: u32 = wasm_dyld_link_flag_t::WASM_DYLD_LINK_NO_DLOPEN as u32;
    const LIBRARY: u32 = wasm_dyld_link_flag_t::WASM_DYLD_LINK_LIBRARY as u32;
    const DYNAMIC: u32 = wasm_dyld_link_flag_t::WASM_DYLD_LINK_DYNAMIC as u32;
    const COMPONENT: u32 = wasm_dyld_link_flag_t::WASM_DYLD_LINK_COMPONENT as u32;
    const DEBUG: u32 = wasm_dyld_link_flag_t::WASM_DYLD_LINK_DEBUG as u32;
    let known = [NO_GC, STRIP, NO_DLOPEN, LIBRARY, DYNAMIC, COMPONENT, DEBUG];
    let flags = types::flags(options.flags, &known, "link")?;
    let dynamic = flags & DYNAMIC != 0;
    let snapshot = optional(options.snapshot, "snapshot")?;
    if dynamic && (flags & (NO_DLOPEN | LIBRARY | COMPONENT) != 0 || snapshot.is_some()) {
        let why = "WASM_DYLD_LINK_DYNAMIC is for programs that open libraries: it goes neither with NO_DLOPEN, LIBRARY and COMPONENT nor with a snapshot";
        return Err(Error::new(Code::InvalidArgument, why));
    }
    if flags & DEBUG != 0 && snapshot.is_some() {
        let why = "WASM_DYLD_LINK_DEBUG does not go with a snapshot, which puts code before the code that debug information tells of";
        return Err(Error::new(Code::InvalidArgument, why));
    }
    let world = world(options, flags & COMPONENT != 0)?;
    let file = edge::text(options.file, "file")?;
    let program = match options.bytes.is_null() {
        false => Program::Bytes {
            name: file,
            bytes: edge::module(options.bytes, options.bytes_size, "module")?,
        },
        true if file.contains('/') => Program::Path(Path::new(file)),
        true => Program::Name(file),
    };
    let start = match snapshot {
        Some(point) => Some(start(options, file, Point::named(point))?),
        None => no_start(options)?,
    };
    let imports = edge::texts(options.imports, options.import_count, "imports")?;
    let linking = Linking {
        imports: &imports,
        no_dlopen: flags & NO_DLOPEN != 0,
        dynamic,
        strict: true,
    };
    let survey = Survey::to_link(&program, config, &linking)?;
    let library = survey.is_library();
    if flags & LIBRARY != 0 && !library {
        return Err(survey.is_a_program());
    }
    let options = fuse::Options {
        exports: edge::texts(options.exports, options.export_count, "exports")?,
        keep: edge::texts(options.keep, options.keep_count, "symbols to keep")?,
        library,
        gc: flags & NO_GC == 0,
        hosted: false,
        fold: true,
        dynamic,
        names: flags & STRIP == 0,
        debug: flags & DEBUG != 0,
    };
    let fused = match start {
        Some(start) => start.fuse(&survey, &options, config, api),
        None => survey.fuse(&options),
    };
    let mut fused = fused.context(|| format!("linking {file}"))?;
    if let Some(world) = world {
        fused.bytes = component::component(fused.bytes, &survey, &world)?;
    }
    Ok(fused)
}

fn optional<'a>(raw: *const c_char, what: &str) -> Result<Option<&'a str>> {
    match raw.is_null() {
        true => Ok(None),
        false => edge::text(raw, what).map(Some),
    }
}

/// What is run for a snapshot.
fn start(options: &wasm_dyld_link_options_t, file: &str, point: Point) -> Result<Start> {
    Ok(Start {
        name: file.to_string(),
        point,
        #[cfg(feature = "wasi")]
        wasi: match options.wasi.is_null() {
            true => Default::default(),
            false => wasm_dyld_wasi_t::lend(options.wasi)?.config()?,
        },
        allowance: Allowance {
            timeout: (options.timeout > 0).then(|| Duration::from_nanos(options.timeout)),
            budget: (options.budget > 0).then_some(options.budget),
        },
    })
}

/// Where nothing is run, nothing may be said of it.
fn no_start(options: &wasm_dyld_link_options_t) -> Result<Option<Start>> {
    match options.wasi.is_null() && options.timeout == 0 && options.budget == 0 {
        true => Ok(None),
        false => {
            let why = "WASI, a time-out and a budget are for what is run for a snapshot, which is not asked for";
            Err(Error::new(Code::InvalidArgument, why))
        }
    }
}

/// What a component is to import and export, if one is asked for.
fn world(options: &wasm_dyld_link_options_t, asked: bool) -> Result<Option<World>> {
    let wit = match options.wit.is_null() {
        true => None,
        false => Some(path(options.wit, "WIT")?),
    };
    let name = optional(options.world, "world")?.map(str::to_string);
    let why = match (asked, &wit, &name) {
        (true, Some(_), _) | (true, None, None) => {
            component::can_be_made()?;
            return Ok(Some(World { wit, name }));
        }
        (true, None, Some(_)) => "a world is named, and no WIT that has it",
        (false, None, None) => return Ok(None),
        (false, ..) => {
            "WIT and a world are for a component, which WASM_DYLD_LINK_COMPONENT asks for"
        }
    };
    Err(Error::new(Code::InvalidArgument, why))
}
