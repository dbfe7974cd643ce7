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
}

impl Feature {
    pub const ALL: [Feature; 7] = [
        Feature::TailCalls,
        Feature::Exceptions,
        Feature::LegacyExceptions,
        Feature::Simd,
        Feature::Memory64,
        Feature::MultiMemory,
        Feature::ReferenceTypes,
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
