//! Errors as C sees them.

#![allow(non_camel_case_types)]

use std::ffi::{CString, c_char};

use super::edge::{self, Handle, c_string, quiet, set};
use super::types::wasm_dyld_code_t;
use crate::error::{Code, Error, Frame, Undefined, plain};
use crate::link::Failure;

/// What went wrong. Made by a function that takes a wasm_dyld_error_t ** and failed; the caller deletes it. Immutable,
/// so several threads may read it.
pub struct wasm_dyld_error_t {
    code: wasm_dyld_code_t,
    message: CString,
    undefined: UndefinedTexts,
    exit_code: Option<i32>,
    frames: Vec<FrameTexts>,
    /// As the library has it.
    kind: Code,
    /// What the message says before the frames, and these, for one that goes on through a callback; nothing if there are none.
    inside: Option<(String, Vec<Frame>)>,
}

struct FrameTexts {
    object: Option<CString>,
    function: Option<CString>,
    offset: Option<u64>,
}

edge::handle!(wasm_dyld_error_t, 3, "error");

/// The texts of undefined symbols, which may be very many, in one piece of memory: each ends with a NUL. What is the same as the
/// time before, as importers mostly are, is there once.
#[derive(Default)]
struct UndefinedTexts {
    bytes: Vec<u8>,
    starts: Vec<[u32; 3]>,
}

impl UndefinedTexts {
    fn new(undefined: &[Undefined]) -> Self {
        let mut texts = UndefinedTexts::default();
        let mut before = ["", "", ""];
        let mut at = [0; 3];
        for (n, u) in undefined.iter().enumerate() {
            let parts = [&*u.symbol, &*u.importer, &*u.wanted];
            for ((at, part), before) in at.iter_mut().zip(parts).zip(before) {
                if n > 0 && part == before {
                    continue;
                }
                match u32::try_from(texts.bytes.len()) {
                    Ok(start) => *at = start,
                    // 4 GiB of names are enough.
                    Err(_) => return texts,
                }
                texts
                    .bytes
                    .extend_from_slice(c_string(part).as_bytes_with_nul());
            }
            before = parts;
            texts.starts.push(at);
        }
        texts
    }

    /// A text of one of them, up to its NUL and beyond.
    fn get(&self, index: usize, part: usize) -> Option<&[u8]> {
        let start = *self.starts.get(index)?.get(part)?;
        self.bytes.get(start as usize..)
    }
}

impl wasm_dyld_error_t {
    pub fn new(error: Error) -> Self {
        wasm_dyld_error_t {
            code: error.code().into(),
            message: c_string(&error.to_string()),
            undefined: UndefinedTexts::new(error.undefined_symbols()),
            exit_code: error.exit_code(),
            frames: error.frames().iter().map(FrameTexts::new).collect(),
            kind: error.code(),
            inside: (!error.frames().is_empty())
                .then(|| (error.headline(), error.frames().to_vec())),
        }
    }

    /// What a callback has failed with, as an error of ours.
    pub fn take_error(raw: *mut wasm_dyld_error_t) -> Error {
        let kind = wasm_dyld_error_t::lend(raw).map_or(Code::InvalidArgument, |error| error.kind);
        let Failure { text, frames, exit } = wasm_dyld_error_t::take_failure(raw);
        match exit {
            Some(code) => Error::exit(code),
            None => Error::quoting(kind, text).with_frames(frames),
        }
    }

    /// What a callback has failed with. Whatever it gave, it has failed.
    pub fn take_failure(raw: *mut wasm_dyld_error_t) -> Failure {
        let none = |text: String| Failure {
            text,
            frames: Vec::new(),
            exit: None,
        };
        let Ok(error) = wasm_dyld_error_t::take(raw) else {
            return none(
                "a function of the host's failed with an error that is no live one".into(),
            );
        };
        let (text, frames) = match &error.inside {
            Some((text, frames)) => (text.clone(), frames.clone()),
            None => (error.message.to_string_lossy().into_owned(), Vec::new()),
        };
        Failure {
            text,
            frames,
            exit: error.exit_code,
        }
    }
}

impl FrameTexts {
    fn new(frame: &crate::error::Frame) -> Self {
        let name = |name: &Option<String>| name.as_deref().map(|name| c_string(&plain(name)));
        FrameTexts {
            object: name(&frame.object),
            function: name(&frame.function),
            offset: frame.offset,
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
    // The pointers that these functions give lead into the error, which lives as long as its handle.
    quiet(c"no such error".as_ptr(), || {
        Some(wasm_dyld_error_t::lend(error).ok()?.message.as_ptr())
    })
}

/// How many undefined symbols the error reports; they are reported all at once, of more than a thousand the first ones.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_error_undefined_count(error: *const wasm_dyld_error_t) -> usize {
    quiet(0, || {
        Some(wasm_dyld_error_t::lend(error).ok()?.undefined.starts.len())
    })
}

fn undefined(error: *const wasm_dyld_error_t, index: usize, part: usize) -> *const c_char {
    quiet(std::ptr::null(), || {
        let error = wasm_dyld_error_t::lend(error).ok()?;
        Some(error.undefined.get(index, part)?.as_ptr().cast())
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

/// How many functions of the guest were running when it trapped, as far as the engine tells: none on engines that tell nothing. Of
/// very many only the first and the last are given. The message has them as well, a line each.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_error_frame_count(error: *const wasm_dyld_error_t) -> usize {
    quiet(0, || {
        Some(wasm_dyld_error_t::lend(error).ok()?.frames.len())
    })
}

fn frame<T>(
    error: *const wasm_dyld_error_t,
    index: usize,
    of: impl FnOnce(&FrameTexts) -> Option<T>,
) -> Option<T> {
    let error = wasm_dyld_error_t::lend(error).ok()?;
    of(error.frames.get(index)?)
}

/// The object that a function belongs to; the innermost function is number 0. Several names, joined by " or ", where what the
/// engine tells is true of several objects, as of two that were loaded from the same bytes. Lives as long as the error; NULL if the
/// function belongs to no loaded object, or if there are not so many.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_error_frame_object(
    error: *const wasm_dyld_error_t,
    index: usize,
) -> *const c_char {
    let name = || frame(error, index, |f| Some(f.object.as_ref()?.as_ptr()));
    quiet(std::ptr::null(), name)
}

/// The function's name, from the object's name section or exports; names of C++ and Rust are demangled. Lives as long as the error;
/// NULL if it has none, or if there are not so many.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_error_frame_function(
    error: *const wasm_dyld_error_t,
    index: usize,
) -> *const c_char {
    let name = || frame(error, index, |f| Some(f.function.as_ref()?.as_ptr()));
    quiet(std::ptr::null(), name)
}

/// Where in the object's file the instruction stands that trapped or called, written to `offset` if that is not NULL. False if the
/// engine does not tell, or if there are not so many.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_error_frame_offset(
    error: *const wasm_dyld_error_t,
    index: usize,
    offset: *mut u64,
) -> bool {
    quiet(false, || {
        set(offset, frame(error, index, |f| f.offset)?);
        Some(true)
    })
}

/// Deletes an error. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_error_delete(error: *mut wasm_dyld_error_t) {
    wasm_dyld_error_t::delete(error);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use std::ffi::CStr;

    fn undefined(symbol: &str, importer: &str) -> Undefined {
        Undefined {
            symbol: symbol.into(),
            importer: importer.into(),
            wanted: "data".into(),
        }
    }

    #[test]
    fn texts_of_undefined_symbols() {
        let all = [
            undefined("a", "x.so"),
            undefined("b\0c", "x.so"),
            undefined("", "y.so"),
            undefined("a", "x.so"),
        ];
        let texts = UndefinedTexts::new(&all);
        let get = |index, part| CStr::from_bytes_until_nul(texts.get(index, part)?).ok();
        for (n, u) in all.iter().enumerate() {
            let symbol = u.symbol.replace('\0', "\u{fffd}");
            assert_eq!(get(n, 0).unwrap().to_bytes(), symbol.as_bytes());
            assert_eq!(get(n, 1).unwrap().to_bytes(), u.importer.as_bytes());
            assert_eq!(get(n, 2).unwrap(), c"data");
        }
        assert_eq!((get(4, 0), get(0, 3)), (None, None));
    }

    #[test]
    fn many_undefined_symbols_take_little_memory() {
        let all: Vec<_> = (0..100_000)
            .map(|n| undefined(&format!("s{n}"), "importer.so"))
            .collect();
        let texts = UndefinedTexts::new(&all);
        assert_eq!(texts.starts.len(), all.len());
        assert!(texts.bytes.len() < 100_000 * 8, "{}", texts.bytes.len());
    }

    #[test]
    fn messages_hold_no_nul_and_have_a_bound() {
        let long = "\u{e9}".repeat(1 << 20);
        let error = wasm_dyld_error_t::new(Error::new(Code::Io, format!("a\0b{long}")));
        let message = error.message.to_str().unwrap();
        assert!(message.starts_with("a\\u{0}b") && message.len() < 1 << 16);
    }
}
