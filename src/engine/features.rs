//! What an engine can do, found by asking it: each feature has a module of a few bytes that uses it.

use std::cell::Cell;

use super::module::Module;
use super::store::Store;

/// A module of these sections, each written with its id and size.
macro_rules! module {
    ($([$($byte:expr),*])*) => {
        &[b'\0', b'a', b's', b'm', 1, 0, 0, 0, $($($byte),*),*]
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Feature {
    /// `return_call_indirect`, which lets a stub leave no frame behind.
    TailCalls,
    /// `try_table` and exnref: what compilers emit since LLVM 19 on request.
    Exceptions,
    /// `try`, `catch`: what they emitted before.
    LegacyExceptions,
    Simd,
    Memory64,
    MultiMemory,
    /// Tables other than table 0, `table.grow`, `ref.func`.
    ReferenceTypes,
    /// `i32.add` and its like in the offsets of segments and the values of globals.
    ExtendedConst,
    /// `memory.copy`, `memory.fill`, passive segments.
    BulkMemory,
    /// `i32.extend8_s` and its like.
    SignExtension,
    /// `i32.trunc_sat_f64_s` and its like.
    SaturatingConversions,
    /// Several results of functions and blocks.
    MultiValue,
}

impl Feature {
    pub const ALL: [Feature; 12] = [
        Feature::TailCalls,
        Feature::Exceptions,
        Feature::LegacyExceptions,
        Feature::Simd,
        Feature::Memory64,
        Feature::MultiMemory,
        Feature::ReferenceTypes,
        Feature::ExtendedConst,
        Feature::BulkMemory,
        Feature::SignExtension,
        Feature::SaturatingConversions,
        Feature::MultiValue,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Feature::TailCalls => "tail calls",
            Feature::Exceptions => "exceptions (try_table, exnref)",
            Feature::LegacyExceptions => "legacy exceptions (try, catch)",
            Feature::Simd => "SIMD",
            Feature::Memory64 => "64-bit memories",
            Feature::MultiMemory => "several memories",
            Feature::ReferenceTypes => "reference types",
            Feature::ExtendedConst => "extended constant expressions",
            Feature::BulkMemory => "bulk memory operations",
            Feature::SignExtension => "sign extension",
            Feature::SaturatingConversions => "saturating conversions",
            Feature::MultiValue => "multiple values",
        }
    }

    /// A valid module that is refused without the feature.
    pub(crate) fn probe(self) -> &'static [u8] {
        match self {
            // (table 1 funcref) (func i32.const 0 return_call_indirect (type 0))
            Feature::TailCalls => module!(
                [1, 4, 1, 0x60, 0, 0]
                [3, 2, 1, 0]
                [4, 4, 1, 0x70, 0, 1]
                [10, 9, 1, 7, 0, 0x41, 0, 0x13, 0, 0, 0x0b]
            ),
            // (tag) (func (block (try_table (catch_all 0) (throw 0))))
            Feature::Exceptions => module!(
                [1, 4, 1, 0x60, 0, 0]
                [3, 2, 1, 0]
                [13, 3, 1, 0, 0]
                [10, 15, 1, 13, 0, 0x02, 0x40, 0x1f, 0x40, 1, 2, 0, 0x08, 0, 0x0b, 0x0b, 0x0b]
            ),
            // (tag) (func (try (do (throw 0)) (catch_all)))
            Feature::LegacyExceptions => module!(
                [1, 4, 1, 0x60, 0, 0]
                [3, 2, 1, 0]
                [13, 3, 1, 0, 0]
                [10, 10, 1, 8, 0, 0x06, 0x40, 0x08, 0, 0x19, 0x0b, 0x0b]
            ),
            // (func i32.const 0 i32x4.splat drop)
            Feature::Simd => module!(
                [1, 4, 1, 0x60, 0, 0]
                [3, 2, 1, 0]
                [10, 9, 1, 7, 0, 0x41, 0, 0xfd, 0x11, 0x1a, 0x0b]
            ),
            // (memory i64 0)
            Feature::Memory64 => module!([5, 3, 1, 4, 0]),
            // (memory 0) (memory 0)
            Feature::MultiMemory => module!([5, 5, 2, 0, 0, 0, 0]),
            // (table 0 funcref) (table 0 externref)
            Feature::ReferenceTypes => module!([4, 7, 2, 0x70, 0, 0, 0x6f, 0, 0]),
            // (global i32 (i32.add (i32.const 0) (i32.const 0)))
            Feature::ExtendedConst => {
                module!([6, 9, 1, 0x7f, 0, 0x41, 0, 0x41, 0, 0x6a, 0x0b])
            }
            // (memory 0) (func i32.const 0 i32.const 0 i32.const 0 memory.copy)
            Feature::BulkMemory => module!(
                [1, 4, 1, 0x60, 0, 0]
                [3, 2, 1, 0]
                [5, 3, 1, 0, 0]
                [10, 14, 1, 12, 0, 0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 0x0a, 0, 0, 0x0b]
            ),
            // (func i32.const 0 i32.extend8_s drop)
            Feature::SignExtension => module!(
                [1, 4, 1, 0x60, 0, 0]
                [3, 2, 1, 0]
                [10, 8, 1, 6, 0, 0x41, 0, 0xc0, 0x1a, 0x0b]
            ),
            // (func f32.const 0 i32.trunc_sat_f32_s drop)
            Feature::SaturatingConversions => module!(
                [1, 4, 1, 0x60, 0, 0]
                [3, 2, 1, 0]
                [10, 12, 1, 10, 0, 0x43, 0, 0, 0, 0, 0xfc, 0, 0x1a, 0x0b]
            ),
            // (func (result i32 i32) i32.const 0 i32.const 0)
            Feature::MultiValue => module!(
                [1, 6, 1, 0x60, 0, 2, 0x7f, 0x7f]
                [3, 2, 1, 0]
                [10, 8, 1, 6, 0, 0x41, 0, 0x41, 0, 0x0b]
            ),
        }
    }
}

/// The answers so far of one engine. Each is asked for once, when first wanted.
#[derive(Debug, Default)]
pub struct EngineFeatures {
    known: [Cell<Option<bool>>; Feature::ALL.len()],
}

impl EngineFeatures {
    /// Whether the engine behind `store` has `feature`. Use with stores of one engine and configuration only.
    pub fn has(&self, store: Store, feature: Feature) -> bool {
        let Some(known) = self.known.get(feature as usize) else {
            return false;
        };
        if let Some(known) = known.get() {
            return known;
        }
        let bytes = feature.probe();
        // wasmer validates what its compiler then refuses (Q12).
        let has = if store.shim().validation_is_final() {
            Module::validate(store, bytes)
        } else {
            Module::compile(store, bytes).is_some()
        };
        known.set(Some(has));
        has
    }
}
