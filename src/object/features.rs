//! What a module uses beyond WebAssembly 1.0.

use serde::{Deserialize, Serialize};
use wasmparser::BinaryReader;

use super::{HeapType, MemoryType, TableType, ValType};

/// Each feature with its name for messages, which [`Features::names`] gives in this order.
macro_rules! features {
    ($($(#[$doc:meta])* $feature:ident: $name:literal,)*) => {
        /// What a module uses beyond WebAssembly 1.0, for messages when an engine refuses it.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Features {
            $($(#[$doc])* pub $feature: bool,)*
        }

        impl Features {
            /// What either of the two uses.
            #[must_use]
            pub fn union(self, other: Features) -> Features {
                Features {
                    $($feature: self.$feature || other.$feature,)*
                }
            }

            fn all(&self) -> impl Iterator<Item = (bool, &'static str)> {
                [$((self.$feature, $name)),*].into_iter()
            }
        }
    };
}

features! {
    simd: "SIMD",
    relaxed_simd: "relaxed SIMD",
    wide_arithmetic: "wide arithmetic",
    stack_switching: "stack switching",
    threads: "threads",
    tail_calls: "tail calls",
    memory64: "64-bit memory",
    /// Tags, or `throw`: the same in both kinds of exceptions.
    tags: "exceptions",
    exnref: "exceptions (exnref)",
    legacy_exceptions: "legacy exceptions",
    reference_types: "reference types",
    multi_memory: "multiple memories",
    gc: "garbage collection",
    /// This one and the following are in nearly every module of today, and noted by [`super::explain`] alone.
    extended_const: "extended constant expressions",
    bulk_memory: "bulk memory operations",
    sign_extension: "sign extension",
    saturating_conversions: "saturating conversions",
    multi_value: "multiple values",
}

impl Features {
    /// Names for a message, in a fixed order.
    pub fn names(&self) -> Vec<&'static str> {
        // Where it is known which exceptions are meant, tags add nothing.
        let told = Features {
            tags: self.tags && !self.exnref && !self.legacy_exceptions,
            ..*self
        };
        told.all()
            .filter_map(|(used, name)| used.then_some(name))
            .collect()
    }

    pub(super) fn note_value(&mut self, ty: ValType) {
        match ty {
            ValType::V128 => self.simd = true,
            ValType::Ref { nullable, heap } => {
                match heap {
                    HeapType::Func => {}
                    HeapType::Extern => self.reference_types = true,
                    HeapType::Exn => self.exnref = true,
                    // Typed function references came with the types of the GC proposal.
                    HeapType::Other(_) | HeapType::Concrete(_) => self.gc = true,
                }
                if !nullable {
                    self.gc = true;
                }
            }
            ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 => {}
        }
    }

    /// As [`Features::note_value`], where even a plain funcref is news: it is a value type only
    /// since the reference types proposal, while tables have always held functions.
    pub(super) fn note_operand(&mut self, ty: ValType) {
        self.note_value(ty);
        if matches!(ty, ValType::Ref { .. }) {
            self.reference_types = true;
        }
    }

    pub(super) fn note_memory(&mut self, ty: &MemoryType) {
        self.threads |= ty.shared;
        self.memory64 |= ty.memory64;
    }

    pub(super) fn note_table(&mut self, ty: &TableType) {
        self.note_value(ty.element);
        self.memory64 |= ty.table64;
    }
}

/// Features that the toolchain states in the `target_features` custom section.
///
/// The section is a courtesy: where it is damaged, what could be read counts. It does not tell
/// exnref from legacy exceptions (`exception-handling` stands for both), so neither is taken from it.
pub(super) fn target_features(mut reader: BinaryReader<'_>) -> Features {
    let mut features = Features::default();
    let Ok(count) = reader.read_var_u32() else {
        return features;
    };
    // Each round reads two bytes or ends the loop, so that the count needs no limit.
    for _ in 0..count {
        let (Ok(prefix), Ok(name)) = (reader.read_u8(), reader.read_string()) else {
            break;
        };
        // `+` says used and `=` (old) required; `-` says that linking with it is not allowed.
        if !matches!(prefix, b'+' | b'=') {
            continue;
        }
        match name {
            "simd128" | "relaxed-simd" => features.simd = true,
            "atomics" => features.threads = true,
            "tail-call" => features.tail_calls = true,
            "memory64" => features.memory64 = true,
            "reference-types" => features.reference_types = true,
            "multimemory" => features.multi_memory = true,
            "gc" => features.gc = true,
            _ => {}
        }
    }
    features
}
