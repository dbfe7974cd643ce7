//! wasmi, an interpreter.

use std::sync::Arc;

use super::{Shim, Stage, library_code};
use crate::engine::kept::{SharedModule, Sharing};
use crate::engine::module::Module;
use crate::engine::store::Store;
use crate::engine::trap::Trap;

/// Imports come grouped by kind, exports in alphabetical order (Q1), as the trait has it.
pub(super) struct Wasmi;

impl Shim for Wasmi {
    fn name(&self) -> &'static str {
        "wasmi"
    }

    fn may_count_nul(&self) -> bool {
        false
    }

    fn validation_is_final(&self) -> bool {
        true
    }

    /// Memories are on the heap, and move when they grow. wasmi has no atomic loads.
    fn memory_is_still(&self) -> bool {
        true
    }

    /// The text is the debug form of an error: `Error { kind: Message("...") }` (Q25).
    fn trap_text(&self, raw: String) -> String {
        let Some(inner) = kind(&raw) else {
            return raw;
        };
        let message = inner
            .strip_prefix("Message(\"")
            .and_then(|t| t.strip_suffix("\")"));
        if let Some(message) = message {
            return unescape(message);
        }
        let words = WORDS.iter().find(|(name, _)| *name == inner);
        words.map_or(inner, |(_, words)| words).to_owned()
    }

    fn trap_cause(&self, text: &str) -> String {
        self.trap_text(text.to_owned())
    }

    fn failed_stage(&self, trap: &Trap) -> Stage {
        let text = trap.raw_text();
        let kind = kind(&text).unwrap_or_default();
        let is_any = |starts: &[&str]| starts.iter().any(|start| kind.starts_with(start));
        if is_any(SEGMENTS) || is_any(&["TrapCode("]) {
            Stage::Run
        } else if is_any(&["Instantiation("]) {
            Stage::Link
        } else {
            Stage::Unknown
        }
    }

    fn instance_outlives_handle(&self) -> bool {
        true
    }

    /// Modules are shared and their code is not kept: the functions that would write and read it end the process (Q26).
    fn sharing(&self, store: Store) -> Option<Arc<Sharing>> {
        Some(library_code::sharing(store))
    }

    fn share(&self, module: &Module) -> Option<SharedModule> {
        library_code::share(module)
    }

    fn obtain(&self, store: Store, shared: &SharedModule) -> Option<Module> {
        library_code::obtain(store, shared)
    }
}

/// What is inside `Error { kind: ... }`.
fn kind(text: &str) -> Option<&str> {
    text.strip_prefix("Error { kind: ")?.strip_suffix(" }")
}

/// A segment that does not fit.
const SEGMENTS: &[&str] = &[
    "Memory(OutOfBoundsAccess)",
    "Table(InitOutOfBounds)",
    "Table(CopyOutOfBounds)",
    "Instantiation(ElementSegmentDoesNotFit",
];

/// The engine's own words for its traps, which it does not give through `wasm.h`.
const WORDS: &[(&str, &str)] = &[
    (
        "TrapCode(UnreachableCodeReached)",
        "wasm `unreachable` instruction executed",
    ),
    ("TrapCode(MemoryOutOfBounds)", "out of bounds memory access"),
    ("Memory(OutOfBoundsAccess)", "out of bounds memory access"),
    (
        "TrapCode(TableOutOfBounds)",
        "undefined element: out of bounds table access",
    ),
    ("Table(InitOutOfBounds)", "out of bounds table access"),
    (
        "TrapCode(IndirectCallToNull)",
        "uninitialized element: indirect call to null",
    ),
    ("TrapCode(IntegerDivisionByZero)", "integer divide by zero"),
    ("TrapCode(IntegerOverflow)", "integer overflow"),
    (
        "TrapCode(BadConversionToInteger)",
        "invalid conversion to integer",
    ),
    ("TrapCode(StackOverflow)", "call stack exhausted"),
    ("TrapCode(BadSignature)", "indirect call type mismatch"),
];

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
            "wasm `unreachable` instruction executed"
        );
        assert_eq!(of("something else"), "something else");
    }
}
