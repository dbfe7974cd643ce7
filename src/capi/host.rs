//! Functions of the host's that guests call, by a type in words and a callback.

#![allow(non_camel_case_types)]

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::config::wasm_dyld_finalizer_t;
use super::edge::{self, Environment, Handle, edge, set};
use super::error::wasm_dyld_error_t;
use super::namespace::{overriding, wasm_dyld_t};
use super::types::wasm_dyld_code_t;
use crate::engine::sys::wasm_val_t;
use crate::engine::{Val, number_of};
use crate::error::{Code, Error};
use crate::link::{Failure, GivenBody};
use crate::object;

/// A function of the host's that a guest calls. `caller` is the namespace whose guest calls, also where the definition was carried over to another by
/// wasm_dyld_renew. `args` are as many values as the type has parameters, the callee's for the call. `results` has room for as many as the
/// type has results; they are zeros of their kinds, so that only the field of the value has to be set (`results[0].of.i32 = 1`).
///
/// NULL says that all is well. An error ends the guest's call in a trap with the error's message; the error is taken. It is made by
/// wasm_dyld_error_new, or is what a function of this library has failed with: the guest's exit in a call that the callback made goes on as
/// its exit. What the guest gives (addresses above all) is to be checked: wasm_dyld_read, wasm_dyld_write and wasm_dyld_read_string do.
///
/// It is called on the thread that the guest runs on, and may call everything: see the top of this file.
pub type wasm_dyld_func_callback_t = Option<
    unsafe extern "C" fn(
        env: *mut c_void,
        caller: *mut wasm_dyld_t,
        args: *const wasm_val_t,
        results: *mut wasm_val_t,
    ) -> *mut wasm_dyld_error_t,
>;

/// Defines a function for objects loaded from now on, which import it as `module`.`name`: "env" is the module of C's undefined functions.
///
/// `signature` is the type, such as "(i32 i64) -> f32", "() -> ()" or "(i32) -> (i32, i32)", of i32, i64, f32, f64 and funcref; commas may stand between the
/// types. A pointer of the guest's is an i32. (What is behind a funcref is as in callbacks of wasm.h: lent as an argument, given up as a result.)
/// Where it is none, the error (WASM_DYLD_INVALID_ARGUMENT) tells at which character. `flags` are those of wasm_dyld_define.
///
/// `finalizer` (may be NULL) is called with `env` when the function is gone: with the namespace, or the last that wasm_dyld_renew has carried it over to. What is
/// passed by wasm.h itself, such as the trap of an inner wasm_func_call, needs a function of wasm.h: wasm_dyld_define.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_define_func(
    namespace: *mut wasm_dyld_t,
    module: *const c_char,
    name: *const c_char,
    signature: *const c_char,
    callback: wasm_dyld_func_callback_t,
    env: *mut c_void,
    finalizer: wasm_dyld_finalizer_t,
    flags: u32,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let ns = wasm_dyld_t::lend(namespace)?.ns.clone();
        let overriding = overriding(flags)?;
        let module = edge::text(module, "module name")?;
        let name = edge::text(name, "name")?;
        let ty = object::signature(edge::text(signature, "signature")?)?;
        let callback =
            callback.ok_or_else(|| Error::new(Code::InvalidArgument, "the callback is NULL"))?;
        // Whose environment it is is known when nothing can fail any more.
        let env = Arc::new(Environment::new(env, None));
        let own = env.clone();
        let body: Arc<GivenBody> =
            Arc::new(move |caller, args, results| call(callback, &own, caller, args, results));
        ns.define_func(module, name, ty, body, overriding)?;
        env.ends_with(finalizer);
        Ok(())
    })
}

type Callback = unsafe extern "C" fn(
    *mut c_void,
    *mut wasm_dyld_t,
    *const wasm_val_t,
    *mut wasm_val_t,
) -> *mut wasm_dyld_error_t;

fn call(
    callback: Callback,
    env: &Environment,
    caller: usize,
    args: &[Val],
    results: &mut [Val],
) -> Result<(), Failure> {
    // SAFETY: the host's own pair, on the namespace's thread; the values are good for the call, and a `Val` is a `wasm_val_t`.
    let failed = unsafe {
        callback(
            env.env,
            std::ptr::without_provenance_mut(caller),
            args.as_ptr().cast(),
            results.as_mut_ptr().cast(),
        )
    };
    match failed.is_null() {
        true => Ok(()),
        false => Err(wasm_dyld_error_t::take_failure(failed)),
    }
}

/// An error for a callback to give: `text` says why it fails, for people; what is no UTF-8 in it is replaced. Its code is WASM_DYLD_TRAP. It is the caller's, until a
/// callback returns it. It is never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_error_new(text: *const c_char) -> *mut wasm_dyld_error_t {
    // To a callback's caller whatever is not NULL is an error.
    let nowhere = std::ptr::without_provenance_mut(1);
    edge::quiet(nowhere, || {
        let text = match text.is_null() {
            true => "the host's function failed, and does not say why".into(),
            false => String::from_utf8_lossy(edge::c_bytes(text, "text").ok()?),
        };
        wasm_dyld_error_t::new(Error::quoting(Code::Trap, text))
            .give()
            .ok()
    })
}

/// Reads a type in words, such as "(i32 i64) -> f32", as wasm_dyld_define_func does, for hosts that make functions of wasm.h. Like wasm_dyld_function_type: `*params` and
/// `*results` are how many values there are, and `kinds` gets the numbers that wasm.h has for their types, those of the parameters first; it has
/// room for `room` numbers, and is not written beyond.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_parse_type(
    signature: *const c_char,
    kinds: *mut u8,
    room: usize,
    params: *mut usize,
    results: *mut usize,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let ty = object::signature(edge::text(signature, "signature")?)?;
        let all = ty.params.iter().chain(&ty.results);
        let room = edge::bytes_mut(kinds, room, "room for the kinds")?;
        for (place, kind) in room.iter_mut().zip(all.filter_map(|&ty| number_of(ty))) {
            *place = kind;
        }
        set(params, ty.params.len());
        set(results, ty.results.len());
        Ok(())
    })
}
