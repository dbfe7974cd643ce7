//! A host that keeps compiled code in Redis: one process compiles, every other of the fleet starts.
//!
//! ```text
//! WASMDYLD_LIB=.../lib cargo build --release
//! wasmdyld-redis REDIS LIBRARIES PROGRAM        REDIS: redis://host/ or unix:/path
//! ```
//!
//! The code runs as machine code, so the hosts share a secret, of which Redis knows nothing: the variable REDIS_CODE_SECRET, 16 bytes or more.
//! How much was found in Redis and put there is told on standard error.

mod ffi;

use std::ffi::{CStr, CString, OsString, c_char, c_void};
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;
use std::ptr::{null, null_mut};
use std::sync::{Mutex, PoisonError};

use ffi::*;
use redis::Commands;

/// Code that nobody has asked for in so many seconds goes: Redis sees to it.
const EXPIRES: u64 = 30 * 86_400;

/// What the callbacks share. They are called by several threads at once; one connection serves them in turn.
struct Shelf {
    connection: Mutex<redis::Connection>,
    counts: Mutex<(u32, u32)>,
}

impl Shelf {
    fn find(&self, name: &CStr) -> Option<Vec<u8>> {
        let mut redis = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let expiry = redis::Expiry::EX(EXPIRES);
        // What cannot be had is compiled.
        let found: Option<Vec<u8>> = redis.get_ex(key(name), expiry).ok()?;
        found.inspect(|_| self.counts.lock().unwrap_or_else(PoisonError::into_inner).0 += 1)
    }

    fn keep(&self, name: &CStr, bytes: &[u8]) {
        let mut redis = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let kept: redis::RedisResult<()> = redis.set_ex(key(name), bytes, EXPIRES);
        if kept.is_ok() {
            self.counts.lock().unwrap_or_else(PoisonError::into_inner).1 += 1;
        }
    }
}

fn key(name: &CStr) -> String {
    format!("wasmdyld:{}", name.to_string_lossy())
}

unsafe extern "C" fn get(
    env: *mut c_void,
    name: *const c_char,
    give: Give,
    to: *mut c_void,
) -> i32 {
    // SAFETY: what `run` has given, and a C string for the call.
    let (shelf, name) = unsafe { (&*env.cast::<Shelf>(), CStr::from_ptr(name)) };
    match (shelf.find(name), give) {
        (Some(bytes), Some(give)) => {
            // SAFETY: it copies the bytes.
            unsafe { give(to, bytes.as_ptr(), bytes.len()) };
            0
        }
        _ => 1,
    }
}

unsafe extern "C" fn put(env: *mut c_void, name: *const c_char, bytes: *const u8, size: usize) {
    // SAFETY: as above; the bytes are there for the call.
    unsafe {
        let shelf = &*env.cast::<Shelf>();
        shelf.keep(
            CStr::from_ptr(name),
            std::slice::from_raw_parts(bytes, size),
        );
    }
}

/// Ends in the linker's own words.
fn checked(code: Code, error: *mut Opaque) -> Result<(), String> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: an error of the linker's; the process ends with it.
    let message = unsafe { CStr::from_ptr(wasm_dyld_error_message(error)) };
    Err(message.to_string_lossy().into_owned())
}

fn run(shelf: &Shelf, secret: &[u8], libraries: &CStr, program: &CStr) -> Result<i32, String> {
    let mut error = null_mut();
    let (mut engine, mut dyld) = (null_mut(), null_mut());
    let mut exit_code = 0;
    // SAFETY: as wasmdyld.h says; the shelf outlives the engine.
    unsafe {
        let config = wasm_dyld_config_new();
        let env = std::ptr::from_ref(shelf).cast_mut().cast();
        checked(
            wasm_dyld_config_add_library_path(config, libraries.as_ptr(), &mut error),
            error,
        )?;
        let (bytes, size) = match secret {
            [] => (null(), 0),
            secret => (secret.as_ptr(), secret.len()),
        };
        let set = wasm_dyld_config_set_code_store(
            config,
            Some(get),
            Some(put),
            bytes,
            size,
            env,
            None,
            &mut error,
        );
        checked(set, error)?;
        checked(wasm_dyld_engine_new(config, &mut engine, &mut error), error)?;
        let store = wasm_store_new(engine);
        checked(wasm_dyld_new(store, config, &mut dyld, &mut error), error)?;
        let wasi = wasm_dyld_wasi_new();
        checked(wasm_dyld_wasi_inherit_stdio(wasi, &mut error), error)?;
        checked(wasm_dyld_set_wasi(dyld, wasi, &mut error), error)?;
        checked(
            wasm_dyld_load(dyld, program.as_ptr(), PROGRAM, null_mut(), &mut error),
            error,
        )?;
        checked(wasm_dyld_run(dyld, &mut exit_code, &mut error), error)?;
        wasm_dyld_delete(dyld);
        wasm_store_delete(store);
        wasm_engine_delete(engine);
    }
    Ok(exit_code)
}

fn host(arguments: &[OsString]) -> Result<i32, String> {
    let [_, server, libraries, program] = arguments else {
        return Err("usage: wasmdyld-redis REDIS LIBRARIES PROGRAM".to_string());
    };
    let c = |text: &OsString| CString::new(text.clone().into_vec()).map_err(|e| e.to_string());
    let failed = |error: redis::RedisError| format!("Redis: {error}");
    let client = redis::Client::open(server.to_string_lossy().as_ref()).map_err(failed)?;
    let shelf = Shelf {
        connection: Mutex::new(client.get_connection().map_err(failed)?),
        counts: Mutex::default(),
    };
    let secret = std::env::var_os("REDIS_CODE_SECRET")
        .unwrap_or_default()
        .into_vec();
    let exit_code = run(&shelf, &secret, &c(libraries)?, &c(program)?)?;
    let (found, kept) = *shelf.counts.lock().unwrap_or_else(PoisonError::into_inner);
    eprintln!("{found} found in Redis, {kept} put there");
    Ok(exit_code)
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match host(&arguments) {
        Ok(code) => ExitCode::from(code as u8),
        Err(why) => {
            eprintln!("wasmdyld-redis: {why}");
            ExitCode::FAILURE
        }
    }
}
