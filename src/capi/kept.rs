//! Where an engine's compiled code is kept, besides a folder of the user's.

#![allow(non_camel_case_types)]

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

use super::config::{path, wasm_dyld_config_t, wasm_dyld_finalizer_t, with};
use super::edge::{self, Environment, Given};
use super::error::wasm_dyld_error_t;
use super::types::wasm_dyld_code_t;
use crate::engine::kept::{MIN_SECRET, Place, Put, Remote};
use crate::error::{Code, Error};

/// Takes the bytes that a wasm_dyld_kept_get_callback_t has found, and copies them; `to` is what that was called with.
pub type wasm_dyld_kept_give_t =
    Option<unsafe extern "C" fn(to: *mut c_void, bytes: *const u8, size: usize)>;

/// Looks for a file of compiled code. `name` is a C string of 64 hexadecimal digits, the callee's for the call. To give the file: call
/// `give(to, bytes, size)`, which copies the bytes, and return 0. Return 1 if there is none, anything else if that cannot be told now, which
/// comes to the same.
///
/// It is called by whichever thread loads something, and by several at once. It may not enter a namespace.
pub type wasm_dyld_kept_get_callback_t = Option<
    unsafe extern "C" fn(
        env: *mut c_void,
        name: *const c_char,
        give: wasm_dyld_kept_give_t,
        to: *mut c_void,
    ) -> i32,
>;

/// Keeps a file of compiled code, in the place of one of that name. The name and the bytes are the callee's for the call. It may lose them:
/// what is not found is compiled anew.
///
/// It is called by whichever thread loads something, and by several at once. It may not enter a namespace.
pub type wasm_dyld_kept_put_callback_t = Option<
    unsafe extern "C" fn(env: *mut c_void, name: *const c_char, bytes: *const u8, size: usize),
>;

type GetFn =
    unsafe extern "C" fn(*mut c_void, *const c_char, wasm_dyld_kept_give_t, *mut c_void) -> i32;
type PutFn = unsafe extern "C" fn(*mut c_void, *const c_char, *const u8, usize);

/// Lets wasm_dyld_engine_new make engines that look for compiled code in a folder that somebody has filled before (`wasmdyld cache add`),
/// after the one of wasm_dyld_config_set_engine_cache and those added before. Nothing is written to it. Without this call
/// `/usr/local/lib/wasmdyld/cache` and `/usr/lib/wasmdyld/cache` are such folders, for engines that keep compiled code.
///
/// What is in there is run as machine code: what wasm_dyld_config_set_engine_cache says of a folder's owners holds here. One that is missing
/// is passed over.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_add_prebuilt_cache(
    config: *mut wasm_dyld_config_t,
    folder: *const c_char,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(config, error, |c| {
        let folder = path(folder, "cache folder")?;
        c.engine.prebuilt.get_or_insert_default().push(folder);
        Ok(())
    })
}

/// Lets wasm_dyld_engine_new make engines that look for compiled code in a place of the host's, after all folders, and keep there what they
/// compile: an object store or a cache server that a fleet shares. What comes from there is put into the folder of
/// wasm_dyld_config_set_engine_cache as well, if there is one. `put` may be NULL: then nothing is kept there. A file of more than 1 GiB is not.
///
/// **Code from there is run as machine code.** Each file has hashes that tell damage, not forgery. So either nobody but the hosts that use
/// it can write there, or these share a `secret` of 16 random bytes or more (copied; NULL: none), by which each file is sealed (keyed
/// BLAKE3): a file without the right seal is as if it was not there. Whoever knows the secret can run what he likes in each host.
///
/// `finalizer` (may be NULL) is called with `env` when the configuration is gone and nothing is left of the engines that were made with it, on
/// whichever thread that is: at once on Linux on x86-64, elsewhere when another engine is made or used. WASM_DYLD_INVALID_ARGUMENT if `get` is NULL or the secret too short.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_set_code_store(
    config: *mut wasm_dyld_config_t,
    get: wasm_dyld_kept_get_callback_t,
    put: wasm_dyld_kept_put_callback_t,
    secret: *const u8,
    secret_size: usize,
    env: *mut c_void,
    finalizer: wasm_dyld_finalizer_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(config, error, |c| {
        let refused = |why| Err(Error::new(Code::InvalidArgument, why));
        let Some(get) = get else {
            return refused("the callback that looks for code is NULL");
        };
        let secret = match secret.is_null() && secret_size == 0 {
            true => None,
            false => Some(edge::bytes(secret, secret_size, "secret")?),
        };
        if secret.is_some_and(|secret| secret.len() < MIN_SECRET) {
            return refused("the secret has less than 16 bytes");
        }
        let env = Arc::new(Environment::new(env, finalizer));
        let put = put.map(|put| -> Put {
            let env = env.clone();
            Box::new(move |name, bytes| keep(put, &env, name, bytes))
        });
        let get = Box::new(move |name: &str| find(get, &env, name));
        let place: Arc<dyn Place> = Arc::new(Remote::new(get, put, secret));
        Ok(std::mem::replace(&mut c.engine.places, vec![place]))
    })
}

fn find(get: GetFn, env: &Environment, name: &str) -> Option<Vec<u8>> {
    let name = CString::new(name).ok()?;
    let mut given = Given::default();
    // SAFETY: the host's own pair; the name lives for the call, and so does what is given to.
    let answer = unsafe { get(env.env, name.as_ptr(), Some(Given::give), given.to()) };
    given.take().filter(|_| answer == 0)
}

fn keep(put: PutFn, env: &Environment, name: &str, bytes: &[u8]) {
    if let Ok(name) = CString::new(name) {
        // SAFETY: the host's own pair; name and bytes live for the call.
        unsafe { put(env.env, name.as_ptr(), bytes.as_ptr(), bytes.len()) };
    }
}
