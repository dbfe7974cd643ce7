//! wasmi, an interpreter.

use std::ptr::NonNull;

use super::{EngineOptions, Shim, Stage, generic};
use crate::engine::api::Api;
use crate::engine::store::OwnedEngine;
use crate::engine::sys::{wasm_engine_t, wasm_valtype_t};
use crate::engine::trap::Trap;
use crate::engine::types::plain_value_type;
use crate::error::Result;
use crate::object::ValType;

pub(super) struct Wasmi;

impl Shim for Wasmi {
    fn name(&self) -> &'static str {
        "wasmi"
    }

    fn version(&self) -> Option<&'static str> {
        None
    }

    /// Both ways abort the process.
    fn serialization(&self) -> bool {
        false
    }

    /// Imports come grouped by kind, exports in alphabetical order.
    fn import_order_is_declared(&self) -> bool {
        false
    }

    fn validation_is_final(&self) -> bool {
        true
    }

    unsafe fn explain_compile_failure(
        &self,
        _engine: Option<NonNull<wasm_engine_t>>,
        _bytes: &[u8],
    ) -> Option<String> {
        None
    }

    /// The text is the debug form of an error: `Error { kind: Message("...") }`.
    fn trap_cause(&self, text: &str) -> String {
        let inner = text
            .strip_prefix("Error { kind: ")
            .and_then(|t| t.strip_suffix(" }"));
        let Some(inner) = inner else {
            return text.to_owned();
        };
        let message = inner
            .strip_prefix("Message(\"")
            .and_then(|t| t.strip_suffix("\")"));
        match message {
            Some(message) => unescape(message),
            None => inner.to_owned(),
        }
    }

    fn failed_stage(&self, _trap: &Trap) -> Stage {
        Stage::Unknown
    }

    fn instance_outlives_handle(&self) -> bool {
        true
    }

    fn instance_limit(&self, _text: &str) -> Option<u64> {
        None
    }

    unsafe fn value_type(&self, api: &'static Api, ty: *const wasm_valtype_t) -> Option<ValType> {
        // SAFETY: by the caller's promise.
        unsafe { plain_value_type(api, ty) }
    }

    fn new_engine(&self, api: &'static Api, options: &EngineOptions) -> Result<OwnedEngine> {
        generic::new_engine(api, options)
    }
}

/// What the debug form of a string has escaped.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some(other) => out.push(other),
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes() {
        let of = |text: &str| Wasmi.trap_cause(text);
        assert_eq!(
            of("Error { kind: Message(\"two\\nlines, \\\"quoted\\\"\") }"),
            "two\nlines, \"quoted\""
        );
        assert_eq!(
            of("Error { kind: TrapCode(UnreachableCodeReached) }"),
            "TrapCode(UnreachableCodeReached)"
        );
        assert_eq!(of("something else"), "something else");
    }
}
