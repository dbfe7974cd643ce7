//! WASI preview1 set-up.

#![allow(non_camel_case_types)]

use std::ffi::{c_char, c_void};
use std::io;

use super::config::{to_path, wasm_dyld_finalizer_t};
use super::edge::{self, Environment, Handle, Settings, edge};
use super::error::wasm_dyld_error_t;
use super::namespace::wasm_dyld_t;
use super::types::{self, wasm_dyld_code_t};
use crate::error::{Code, Error, Result};
use crate::wasi::{Input, Output, OutputBuffer, WasiConfig, host_error};

/// What guests get of WASI preview1. By default nothing: no arguments, an empty environment, no folders, empty input, output
/// to nowhere. Given to wasm_dyld_set_wasi, which takes it. Not for use by two threads at once.
pub struct wasm_dyld_wasi_t {
    config: Settings<WasiConfig>,
}

edge::handle!(wasm_dyld_wasi_t, 5, "WASI configuration");

/// A buffer that collects what guests write. The caller deletes it; guests may go on writing to it after that.
pub struct wasm_dyld_output_t {
    buffer: OutputBuffer,
    taken: Settings<Vec<u8>>,
}

edge::handle!(wasm_dyld_output_t, 6, "output buffer");

/// Takes what a guest writes: all `size` bytes, returning 0, or none, returning an errno of the host system (on
/// WebAssembly: of WASI preview1). It may look at the namespace, though not at its memory, and not change it: see the top of this file.
pub type wasm_dyld_write_callback_t =
    Option<unsafe extern "C" fn(env: *mut c_void, bytes: *const u8, size: usize) -> i32>;

/// Gives a guest input: fills `buffer` with up to `size` bytes and returns how many; 0 is the end of input, a negative number
/// is an errno of the host system (on WebAssembly: of WASI preview1), negated. It may look at the namespace, though not at its memory, and not change it: see the top
/// of this file.
pub type wasm_dyld_read_callback_t =
    Option<unsafe extern "C" fn(env: *mut c_void, buffer: *mut u8, size: usize) -> i64>;

impl wasm_dyld_wasi_t {
    /// What it says as it is.
    pub(super) fn config(&self) -> Result<WasiConfig> {
        self.config.change(|config| Ok(config.clone()))
    }
}

/// Changes a WASI configuration. `change` gives back what may have finalizers and was replaced.
pub(super) fn with<R>(
    wasi: *mut wasm_dyld_wasi_t,
    error: *mut *mut wasm_dyld_error_t,
    change: impl FnOnce(&mut WasiConfig) -> Result<R>,
) -> wasm_dyld_code_t {
    edge(error, || {
        let wasi = wasm_dyld_wasi_t::lend(wasi)?;
        wasi.config.change(change).map(drop)
    })
}

/// As [`with`], where callbacks may be replaced.
pub(super) fn with_replaced(
    wasi: *mut wasm_dyld_wasi_t,
    error: *mut *mut wasm_dyld_error_t,
    change: impl FnOnce(&mut WasiConfig) -> Result<()>,
) -> wasm_dyld_code_t {
    with(wasi, error, |config| {
        // Its callbacks live as long as one of the two has them.
        let before = config.clone();
        change(config)?;
        Ok(before)
    })
}

/// An empty WASI configuration. The caller deletes it or gives it to wasm_dyld_set_wasi.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_new() -> *mut wasm_dyld_wasi_t {
    edge::quiet(std::ptr::null_mut(), || {
        let config = Settings::default();
        wasm_dyld_wasi_t { config }.give().ok()
    })
}

/// Deletes a WASI configuration that was not given away. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_delete(wasi: *mut wasm_dyld_wasi_t) {
    wasm_dyld_wasi_t::delete(wasi);
}

/// Adds an argument. The first one is the program's name.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_add_arg(
    wasi: *mut wasm_dyld_wasi_t,
    arg: *const c_char,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(wasi, error, |config| {
        config.arg(edge::c_bytes(arg, "argument")?);
        Ok(())
    })
}

/// Adds an environment variable.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_add_env(
    wasi: *mut wasm_dyld_wasi_t,
    name: *const c_char,
    value: *const c_char,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(wasi, error, |config| {
        config.env(edge::c_bytes(name, "name")?, edge::c_bytes(value, "value")?);
        Ok(())
    })
}

/// Gives the guest the process's own environment; variables added win.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_inherit_env(
    wasi: *mut wasm_dyld_wasi_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(wasi, error, |config| {
        config.inherit_env(true);
        Ok(())
    })
}

/// Gives the guest the process's own standard input, output and error. A write to a closed pipe raises SIGPIPE in the
/// process, as its own writes do.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_inherit_stdio(
    wasi: *mut wasm_dyld_wasi_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with_replaced(wasi, error, |config| {
        config
            .stdin(Input::Inherit)
            .stdout(Output::Inherit)
            .stderr(Output::Inherit);
        Ok(())
    })
}

/// Makes standard input these bytes, which are copied.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_set_stdin_bytes(
    wasi: *mut wasm_dyld_wasi_t,
    bytes: *const u8,
    size: usize,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with_replaced(wasi, error, |config| {
        config.stdin(Input::bytes(edge::bytes(bytes, size, "input")?));
        Ok(())
    })
}

/// Takes standard input from a callback. `finalizer` (may be NULL) is called with `env` when it is no longer needed.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_set_stdin(
    wasi: *mut wasm_dyld_wasi_t,
    callback: wasm_dyld_read_callback_t,
    env: *mut c_void,
    finalizer: wasm_dyld_finalizer_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with_replaced(wasi, error, |config| {
        let (callback, env) = pair(callback, env, finalizer)?;
        config.stdin(Input::callback(move |buffer| {
            let env = &env;
            // SAFETY: the host's own pair; the buffer is good for the call.
            let got = unsafe { callback(env.env, buffer.as_mut_ptr(), buffer.len()) };
            match usize::try_from(got) {
                Ok(got) if got <= buffer.len() => Ok(got),
                Ok(_) => Err(io::Error::other(
                    "the callback gave more than there was room for",
                )),
                Err(_) => {
                    let errno = got.checked_neg().and_then(|raw| i32::try_from(raw).ok());
                    // A number that no errno has is EIO.
                    Err(host_error(errno.unwrap_or(-1)))
                }
            }
        }));
        Ok(())
    })
}

/// A callback and what it is called with, which is given up with it.
pub(super) fn pair<F>(
    callback: Option<F>,
    env: *mut c_void,
    finalizer: wasm_dyld_finalizer_t,
) -> Result<(F, Environment)> {
    let null = || Error::new(Code::InvalidArgument, "the callback is NULL");
    // Where there is none, the environment stays the caller's.
    let callback = callback.ok_or_else(null)?;
    Ok((callback, Environment::new(env, finalizer)))
}

fn writer(
    callback: wasm_dyld_write_callback_t,
    env: *mut c_void,
    finalizer: wasm_dyld_finalizer_t,
) -> Result<Output> {
    let (callback, env) = pair(callback, env, finalizer)?;
    Ok(Output::callback(move |bytes| {
        let env = &env;
        // SAFETY: the host's own pair; the bytes are good for the call.
        match unsafe { callback(env.env, bytes.as_ptr(), bytes.len()) } {
            0 => Ok(()),
            errno => Err(host_error(errno)),
        }
    }))
}

/// Sends standard output to a callback. `finalizer` (may be NULL) is called with `env` when it is no longer needed.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_set_stdout(
    wasi: *mut wasm_dyld_wasi_t,
    callback: wasm_dyld_write_callback_t,
    env: *mut c_void,
    finalizer: wasm_dyld_finalizer_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with_replaced(wasi, error, |config| {
        config.stdout(writer(callback, env, finalizer)?);
        Ok(())
    })
}

/// Sends standard error to a callback. As wasm_dyld_wasi_set_stdout.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_set_stderr(
    wasi: *mut wasm_dyld_wasi_t,
    callback: wasm_dyld_write_callback_t,
    env: *mut c_void,
    finalizer: wasm_dyld_finalizer_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with_replaced(wasi, error, |config| {
        config.stderr(writer(callback, env, finalizer)?);
        Ok(())
    })
}

/// A buffer for output. It keeps at most `limit` bytes at a time; a guest that writes more gets an error. 0: no limit.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_output_new(limit: usize) -> *mut wasm_dyld_output_t {
    edge::quiet(std::ptr::null_mut(), || {
        let output = wasm_dyld_output_t {
            buffer: match limit {
                0 => OutputBuffer::new(),
                limit => OutputBuffer::limited(limit),
            },
            taken: Settings::default(),
        };
        output.give().ok()
    })
}

/// Deletes a buffer. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_output_delete(output: *mut wasm_dyld_output_t) {
    wasm_dyld_output_t::delete(output);
}

/// Takes what has been written since the last call out of the buffer. `*bytes` is not NUL-terminated and lives until the next
/// call or until the buffer is deleted.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_output_take(
    output: *mut wasm_dyld_output_t,
    bytes: *mut *const u8,
    size: *mut usize,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let output = wasm_dyld_output_t::lend(output)?;
        edge::give_kept(&output.taken, output.buffer.take(), bytes, size)
    })
}

/// Collects standard output in a buffer, which stays the caller's. One buffer may serve both.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_set_stdout_buffer(
    wasi: *mut wasm_dyld_wasi_t,
    output: *const wasm_dyld_output_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with_replaced(wasi, error, |config| {
        config.stdout(Output::Buffer(
            wasm_dyld_output_t::lend(output)?.buffer.clone(),
        ));
        Ok(())
    })
}

/// Collects standard error in a buffer. As wasm_dyld_wasi_set_stdout_buffer.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_set_stderr_buffer(
    wasi: *mut wasm_dyld_wasi_t,
    output: *const wasm_dyld_output_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with_replaced(wasi, error, |config| {
        config.stderr(Output::Buffer(
            wasm_dyld_output_t::lend(output)?.buffer.clone(),
        ));
        Ok(())
    })
}

/// Lets guests use a folder of the host, as `guest` (NULL: under the same name). `flags` says what they may do there, see
/// wasm_dyld_folder_flag_t. They reach nothing outside of it, by symbolic links neither. It is opened by wasm_dyld_set_wasi.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_add_folder(
    wasi: *mut wasm_dyld_wasi_t,
    host: *const c_char,
    guest: *const c_char,
    flags: u32,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(wasi, error, |config| {
        let read_only = types::read_only(flags)?;
        let path = to_path(edge::c_bytes(host, "folder")?, "folder")?;
        let guest = if guest.is_null() { host } else { guest };
        let guest = edge::text(guest, "name of the folder for guests")?;
        if read_only {
            config.preopen_read_only(path, guest);
        } else {
            config.preopen(path, guest);
        }
        Ok(())
    })
}

/// Sets how many files and folders guests may have open at a time, beside those that they are given: each is a descriptor of the process.
/// Opening more fails with the guest's EMFILE. Without this call 256, or half of what the process may open if that is less.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_set_max_files(
    wasi: *mut wasm_dyld_wasi_t,
    limit: u32,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(wasi, error, |config| {
        config.max_files(limit);
        Ok(())
    })
}

/// Lets guests accept connections on a TCP socket of the host's that listens. `descriptor` stays the caller's, who may close it at once.
/// Guests find their sockets by number, in this order, after the folders that they are given: the first is 3 where there is no folder.
/// Connections count as files (wasm_dyld_wasi_set_max_files). The socket does not block from now on, for the host either.
/// Fails with WASM_DYLD_INVALID_ARGUMENT for what is no such socket.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_add_listener(
    wasi: *mut wasm_dyld_wasi_t,
    descriptor: i32,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(wasi, error, |config| {
        config.listener_of(descriptor).map(drop)
    })
}

/// Makes what guests see the same in every run: random numbers come from `seed`, and clocks stand still, the real-time clock at
/// 2001-09-09T01:46:40Z and the monotonic one at 0. Time passes only where guests sleep, and then at once. Random numbers are no secret
/// then. Of clocks and random numbers, guests get those that were asked for last: see wasm_dyld_wasi_set_clocks, wasm_dyld_wasi_set_clock_scale,
/// wasm_dyld_wasi_set_random and wasm_dyld_wasi_set_random_seed.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_set_deterministic(
    wasi: *mut wasm_dyld_wasi_t,
    seed: u64,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with_replaced(wasi, error, |config| {
        config.deterministic(seed);
        Ok(())
    })
}

/// Defines all functions of wasi_snapshot_preview1 for objects loaded from now on. `wasi` is taken in any case, also on
/// failure; NULL grants nothing.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_set_wasi(
    namespace: *mut wasm_dyld_t,
    wasi: *mut wasm_dyld_wasi_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let config = match wasi.is_null() {
            true => WasiConfig::new(),
            false => wasm_dyld_wasi_t::take(wasi)?.config.take(),
        };
        let namespace = wasm_dyld_t::lend(namespace)?;
        let before = give(&namespace, config)?;
        // Its callbacks may call anything when they go.
        drop(before);
        Ok(())
    })
}

/// Gives what was granted before.
fn give(namespace: &wasm_dyld_t, config: WasiConfig) -> Result<Option<WasiConfig>> {
    namespace.ns.define_wasi(config.build()?)?;
    Ok(namespace.wasi.replace(Some(config)))
}

/// Grants what another namespace was granted.
pub(super) fn take_over(old: &wasm_dyld_t, next: &wasm_dyld_t) -> Result<()> {
    let config = old.wasi.borrow().clone();
    match config {
        Some(config) => give(next, config).map(drop),
        None => Ok(()),
    }
}
