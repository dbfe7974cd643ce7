//! Errors as C sees them.

#![allow(non_camel_case_types)]

use std::ffi::{CString, c_char};

use super::edge::{Handle, quiet, set};
use super::types::wasm_dyld_code_t;
use crate::error::Error;

/// What went wrong. Made by a function that takes a wasm_dyld_error_t ** and failed; the caller deletes it. Immutable,
/// so several threads may read it.
pub struct wasm_dyld_error_t {
    code: wasm_dyld_code_t,
    message: CString,
    undefined: Vec<[CString; 3]>,
    exit_code: Option<i32>,
}

impl Handle for wasm_dyld_error_t {
    const NAME: &'static str = "error";
}

fn c_string(text: &str) -> CString {
    // Names in messages are escaped, but a module's text may still hold a NUL: it ends nothing.
    CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default()
}

impl wasm_dyld_error_t {
    pub fn new(error: &Error) -> Self {
        wasm_dyld_error_t {
            code: error.code().into(),
            message: c_string(&error.to_string()),
            undefined: error
                .undefined_symbols()
                .iter()
                .map(|u| [&u.symbol, &u.importer, &u.wanted].map(|text| c_string(text)))
                .collect(),
            exit_code: error.exit_code(),
        }
    }
}

/// The error's code; WASM_DYLD_INVALID_ARGUMENT if `error` is no live error.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_error_code(error: *const wasm_dyld_error_t) -> wasm_dyld_code_t {
    quiet(wasm_dyld_code_t::WASM_DYLD_INVALID_ARGUMENT, || {
        Some(wasm_dyld_error_t::lend(error).ok()?.code)
    })
}

/// The error as text for people, UTF-8, possibly of several lines: what was being done, and the cause, with every name
/// that matters. Lives as long as the error. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_error_message(error: *const wasm_dyld_error_t) -> *const c_char {
    quiet(c"no such error".as_ptr(), || {
        Some(wasm_dyld_error_t::lend(error).ok()?.message.as_ptr())
    })
}

/// How many undefined symbols the error reports; they are reported all at once.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_error_undefined_count(error: *const wasm_dyld_error_t) -> usize {
    quiet(0, || {
        Some(wasm_dyld_error_t::lend(error).ok()?.undefined.len())
    })
}

fn undefined(error: *const wasm_dyld_error_t, index: usize, part: usize) -> *const c_char {
    quiet(std::ptr::null(), || {
        let error = wasm_dyld_error_t::lend(error).ok()?;
        Some(error.undefined.get(index)?.get(part)?.as_ptr())
    })
}

/// The name of an undefined symbol. Lives as long as the error; NULL if there are not so many.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_error_undefined_symbol(
    error: *const wasm_dyld_error_t,
    index: usize,
) -> *const c_char {
    undefined(error, index, 0)
}

/// The object that needs it. Lives as long as the error; NULL if there are not so many.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_error_undefined_importer(
    error: *const wasm_dyld_error_t,
    index: usize,
) -> *const c_char {
    undefined(error, index, 1)
}

/// What it is needed as, such as "func (i32) -> i32" or "data". Lives as long as the error; NULL if there are not so many.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_error_undefined_wanted(
    error: *const wasm_dyld_error_t,
    index: usize,
) -> *const c_char {
    undefined(error, index, 2)
}

/// Whether the guest exited, and with which code, written to `exit_code` if that is not NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_error_exit_code(
    error: *const wasm_dyld_error_t,
    exit_code: *mut i32,
) -> bool {
    quiet(false, || {
        set(exit_code, wasm_dyld_error_t::lend(error).ok()?.exit_code?);
        Some(true)
    })
}

/// Deletes an error. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_error_delete(error: *mut wasm_dyld_error_t) {
    wasm_dyld_error_t::delete(error);
}
