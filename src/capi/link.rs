//! One module of a program and its libraries.

#![allow(non_camel_case_types)]

use std::ffi::{c_char, c_void};
use std::path::Path;

use super::config::{linked, wasm_dyld_config_t};
use super::edge::{self, Environment, Handle, edge};
use super::error::wasm_dyld_error_t;
use super::types::{self, wasm_dyld_code_t, wasm_dyld_link_flag_t};
use crate::config::Config;
use crate::engine::sys::wasm_byte_vec_t;
use crate::error::{Code, Context, Error, Result};
use crate::fuse::{self, Fused};
use crate::survey::{Linking, Program, Survey};

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
}

/// Makes one module of a program and all libraries that it needs, in which nothing is left to link: any engine runs it, without this library. A
/// library becomes a reactor, whose `_initialize` its host calls first. `wasmdyld link` does the same.
///
/// Libraries are found, symbols bound and memory laid out as a namespace of this configuration would do it for its first load, with the same
/// errors. The same input gives the same bytes. No store is needed and no guest code runs. `config` may be NULL and stays the caller's; its open callback and
/// trace are called.
///
/// `*module` and `*map` are the caller's, who deletes them by wasm_byte_vec_delete of the engine that `config` names, else of the linked one; on an
/// error they are empty. `map` may be NULL. It is JSON in UTF-8, without a NUL, and says where each object's data, slots and functions are.
///
/// WASM_DYLD_INVALID_ARGUMENT: `options` is of another version, flags exclude each other, or a program is to be a library. WASM_DYLD_NOT_FOUND: a file, a library or a symbol to be exported or kept is missing.
/// WASM_DYLD_UNDEFINED_SYMBOL: so does a program that opens libraries fail without WASM_DYLD_LINK_DYNAMIC or WASM_DYLD_LINK_NO_DLOPEN. WASM_DYLD_UNSUPPORTED: something
/// that one module cannot have, a second memory for instance.
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
        let fused = link(&config, options)?;
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

fn link(config: &Config, options: &wasm_dyld_link_options_t) -> Result<Fused> {
    const NO_GC: u32 = wasm_dyld_link_flag_t::WASM_DYLD_LINK_NO_GC as u32;
    const STRIP: u32 = wasm_dyld_link_flag_t::WASM_DYLD_LINK_STRIP as u32;
    const NO_DLOPEN: u32 = wasm_dyld_link_flag_t::WASM_DYLD_LINK_NO_DLOPEN as u32;
    const LIBRARY: u32 = wasm_dyld_link_flag_t::WASM_DYLD_LINK_LIBRARY as u32;
    const DYNAMIC: u32 = wasm_dyld_link_flag_t::WASM_DYLD_LINK_DYNAMIC as u32;
    let known = [NO_GC, STRIP, NO_DLOPEN, LIBRARY, DYNAMIC];
    let flags = types::flags(options.flags, &known, "link")?;
    let dynamic = flags & DYNAMIC != 0;
    if dynamic && flags & (NO_DLOPEN | LIBRARY) != 0 {
        let why = "WASM_DYLD_LINK_DYNAMIC is for programs that open libraries: it goes neither with NO_DLOPEN nor with LIBRARY";
        return Err(Error::new(Code::InvalidArgument, why));
    }
    let file = edge::text(options.file, "file")?;
    let program = match options.bytes.is_null() {
        false => Program::Bytes {
            name: file,
            bytes: edge::module(options.bytes, options.bytes_size, "module")?,
        },
        true if file.contains('/') => Program::Path(Path::new(file)),
        true => Program::Name(file),
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
        dynamic,
        names: flags & STRIP == 0,
    };
    survey.fuse(&options).context(|| format!("linking {file}"))
}
