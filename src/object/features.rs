//! What a module uses beyond WebAssembly 1.0.

use wasmparser::BinaryReader;

use super::{Features, HeapType, MemoryType, TableType, ValType};

impl Features {
    /// Names for a message, in a fixed order.
    pub fn names(&self) -> Vec<&'static str> {
        [
            (self.simd, "SIMD"),
            (self.relaxed_simd, "relaxed SIMD"),
            (self.wide_arithmetic, "wide arithmetic"),
            (self.stack_switching, "stack switching"),
            (self.threads, "threads"),
            (self.tail_calls, "tail calls"),
            (self.memory64, "64-bit memory"),
            (
                self.tags && !self.exnref && !self.legacy_exceptions,
                "exceptions",
            ),
            (self.exnref, "exceptions (exnref)"),
            (self.legacy_exceptions, "legacy exceptions"),
            (self.reference_types, "reference types"),
            (self.multi_memory, "multiple memories"),
            (self.gc, "garbage collection"),
        ]
        .into_iter()
        .filter_map(|(used, name)| used.then_some(name))
        .collect()
    }

    /// What either of the two uses.
    #[must_use]
    pub fn union(self, other: Features) -> Features {
        Features {
            simd: self.simd || other.simd,
            relaxed_simd: self.relaxed_simd || other.relaxed_simd,
            wide_arithmetic: self.wide_arithmetic || other.wide_arithmetic,
            stack_switching: self.stack_switching || other.stack_switching,
            threads: self.threads || other.threads,
            tail_calls: self.tail_calls || other.tail_calls,
            memory64: self.memory64 || other.memory64,
            tags: self.tags || other.tags,
            exnref: self.exnref || other.exnref,
            legacy_exceptions: self.legacy_exceptions || other.legacy_exceptions,
            reference_types: self.reference_types || other.reference_types,
            multi_memory: self.multi_memory || other.multi_memory,
            gc: self.gc || other.gc,
        }
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
