//! The bundled engine: Wasmtime, through its own additions to `wasm.h`.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::OnceLock;

use wasmtime_c_api as c;

use super::wasmtime_cache as cache;
use super::{EngineOptions, Shim, Stage};
use crate::engine::api::Api;
use crate::engine::store::OwnedEngine;
use crate::engine::sys::{wasm_engine_t, wasm_valtype_t};
use crate::engine::trap::Trap;
use crate::error::{Code, Error, Result};
use crate::object::{HeapType, ValType};

pub(super) struct Wasmtime;

/// The release that Cargo.toml pins; the C interface has no function that tells. A test compares the two.
const VERSION: &str = "48.0.8";

/// What the engine takes at most: it aborts on more.
const MAX_STACK: usize = 2 << 20;

/// `wasmtime::DEFAULT_INSTANCE_LIMIT`, which `wasm.h` cannot change, and what a refusal says.
const MAX_INSTANCES: u64 = 10_000;
const TOO_MANY_INSTANCES: &str = "instance count too high";

/// Whether the linked `wasm.h` is the bundled engine's.
///
/// A program that links another engine as well may have its symbols stand before ours, as is the way of shared libraries. All calls
/// through the table then go to that engine, and this shim must keep out of it.
pub(super) fn is_linked() -> bool {
    static IS_LINKED: OnceLock<bool> = OnceLock::new();
    *IS_LINKED.get_or_init(|| {
        object_of(Api::linked().wasm_store_new as *const c_void)
            == object_of(c::wasmtime_engine_clone as *const c_void)
    })
}

/// Where the program or shared library that holds `function` is loaded.
fn object_of(function: *const c_void) -> Option<usize> {
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: all zeros are valid for the struct, which the call fills if it returns non-zero.
    unsafe {
        (libc::dladdr(function, info.as_mut_ptr()) != 0)
            .then(|| info.assume_init().dli_fbase.addr())
    }
}

impl Shim for Wasmtime {
    fn name(&self) -> &'static str {
        "wasmtime"
    }

    fn version(&self) -> Option<&'static str> {
        Some(VERSION)
    }

    fn serialization(&self) -> bool {
        true
    }

    fn import_order_is_declared(&self) -> bool {
        true
    }

    fn validation_is_final(&self) -> bool {
        true
    }

    unsafe fn explain_compile_failure(
        &self,
        engine: Option<NonNull<wasm_engine_t>>,
        bytes: &[u8],
    ) -> Option<String> {
        let own;
        // SAFETY: by the caller's promise it is one of this engine's, which our opaque type stands for.
        let engine: &c::wasm_engine_t = match engine {
            Some(engine) => unsafe { engine.cast().as_ref() },
            None => {
                own = c::wasm_engine_new_with_config(base_config());
                &own
            }
        };
        // SAFETY: pointer and length are those of a slice. Validation is quick and finds almost everything; only the rest (limits of
        // the compiler) needs a second compilation.
        let error = unsafe { c::wasmtime_module_validate(engine, bytes.as_ptr(), bytes.len()) }
            .or_else(|| {
                let mut module = std::ptr::null_mut();
                let error = unsafe {
                    c::wasmtime_module_new(engine, bytes.as_ptr(), bytes.len(), &mut module)
                };
                if !module.is_null() {
                    // SAFETY: made just now, ours.
                    drop(unsafe { Box::from_raw(module) });
                }
                error
            })?;
        Some(error_text(&error))
    }

    fn trap_cause(&self, text: &str) -> String {
        cause(text)
    }

    fn failed_stage(&self, trap: &Trap) -> Stage {
        // SAFETY: our opaque type stands for this one, and the trap is alive.
        let trap = unsafe { &*trap.raw().cast::<c::wasm_trap_t>() };
        let mut code = 0;
        if c::wasmtime_trap_code(trap, &mut code) {
            return Stage::Run;
        }
        // A host function that the start function called leaves a backtrace, an import that does not fit leaves none.
        let mut frames = c::wasm_frame_vec_t::default();
        c::wasm_trap_trace(trap, &mut frames);
        if frames.as_slice().is_empty() {
            Stage::Link
        } else {
            Stage::Run
        }
    }

    fn instance_outlives_handle(&self) -> bool {
        true
    }

    fn instance_limit(&self, text: &str) -> Option<u64> {
        text.contains(TOO_MANY_INSTANCES).then_some(MAX_INSTANCES)
    }

    unsafe fn value_type(&self, _api: &'static Api, ty: *const wasm_valtype_t) -> Option<ValType> {
        use c::wasmtime as w;
        // The header's own way aborts on types that the header does not have.
        // SAFETY: by the caller's promise; our opaque type stands for this one.
        Some(match unsafe { &*ty.cast::<c::wasm_valtype_t>() } {
            w::ValType::I32 => ValType::I32,
            w::ValType::I64 => ValType::I64,
            w::ValType::F32 => ValType::F32,
            w::ValType::F64 => ValType::F64,
            w::ValType::V128 => ValType::V128,
            w::ValType::Ref(reference) => ValType::Ref {
                nullable: reference.is_nullable(),
                heap: match reference.heap_type() {
                    w::HeapType::Func => HeapType::Func,
                    w::HeapType::Extern => HeapType::Extern,
                    w::HeapType::Exn => HeapType::Exn,
                    _ => return None,
                },
            },
        })
    }

    fn new_engine(&self, api: &'static Api, options: &EngineOptions) -> Result<OwnedEngine> {
        let mut config = base_config();
        if let Some(bytes) = options.max_wasm_stack {
            if bytes == 0 || bytes > MAX_STACK {
                return Err(Error::new(
                    Code::InvalidArgument,
                    format!(
                        "a stack of {bytes} bytes for guest code: the engine takes 1 to {MAX_STACK}"
                    ),
                ));
            }
            c::wasmtime_config_max_wasm_stack_set(&mut config, bytes);
        }
        cache::configure(&mut config, &options.cache)?;
        let raw = Box::into_raw(c::wasm_engine_new_with_config(config));
        // SAFETY: a new engine, ours; a box is never NULL.
        Ok(unsafe { OwnedEngine::from_raw(api, NonNull::new_unchecked(raw).cast()) })
    }
}

/// What dynamic linking wants of the engine, and what it has on by default in some releases only.
fn base_config() -> Box<c::wasm_config_t> {
    let mut config = c::wasm_config_new();
    c::wasmtime_config_wasm_tail_call_set(&mut config, true);
    c::wasmtime_config_wasm_exceptions_set(&mut config, true);
    config
}

pub(super) fn error_text(error: &c::wasmtime_error_t) -> String {
    let mut text = c::wasm_name_t::default();
    c::wasmtime_error_message(error, &mut text);
    String::from_utf8_lossy(text.as_slice()).into_owned()
}

/// Takes the reason out of a trap's text.
///
/// The text is a backtrace of the guest and then `Caused by:`, with one cause, or with several, numbered. A trap that passed through
/// host functions has further backtraces among the causes. A trap that no guest code was in is its own reason.
fn cause(text: &str) -> String {
    const BACKTRACE: &str = "error while executing at wasm backtrace:";
    if !text.starts_with(BACKTRACE) {
        return text.trim_end().to_owned();
    }
    let Some((_, causes)) = text.split_once("\n\nCaused by:\n") else {
        return text.trim_end().to_owned();
    };
    let mut chain: Vec<String> = Vec::new();
    for line in causes.lines() {
        match (numbered(line, chain.len()), chain.last_mut()) {
            (Some(next), _) => chain.push(next.to_owned()),
            (None, Some(last)) => {
                last.push('\n');
                last.push_str(line);
            }
            (None, None) => chain.push(line.trim_start().to_owned()),
        }
    }
    let reasons: Vec<&str> = chain
        .iter()
        .filter(|cause| !cause.starts_with(BACKTRACE))
        .map(|cause| cause.trim_end())
        .map(|cause| cause.strip_prefix("wasm trap: ").unwrap_or(cause))
        .collect();
    reasons.join(": ")
}

/// The text of the cause with this number, if `line` begins it. Frames of a backtrace are numbered alike, but go on with an address.
fn numbered(line: &str, number: usize) -> Option<&str> {
    let rest = line
        .trim_start()
        .strip_prefix(&number.to_string())?
        .strip_prefix(": ")?;
    (!rest.trim_start().starts_with("0x")).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_the_pinned_one() {
        let manifest = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        assert!(manifest.contains(&format!("version = \"={VERSION}\"")));
    }

    #[test]
    fn causes() {
        let backtrace = "error while executing at wasm backtrace:\n    0:     0x30 - m!f\n    1:     0x9f - <unknown>!g";
        let of = |causes: &str| cause(&format!("{backtrace}\n\nCaused by:\n{causes}"));
        assert_eq!(of("    no such thing\n"), "no such thing");
        assert_eq!(of("    two\nlines\n"), "two\nlines");
        assert_eq!(of("    wasm trap: out of fuel\n"), "out of fuel");
        assert_eq!(of("    0: outer\n    1: inner\n"), "outer: inner");
        assert_eq!(of(&format!("    0: {backtrace}\n    1: inner\n")), "inner");
        assert_eq!(
            cause("unknown import: `env::f`\n"),
            "unknown import: `env::f`"
        );
        assert_eq!(cause(""), "");
        assert_eq!(cause(backtrace), backtrace);
    }
}
