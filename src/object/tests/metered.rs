//! What must be the same of a module and of what [`meter`](crate::object::meter) makes of it.

use super::super::{Export, ExportItem, Metered, Metering, meter};
use super::*;

/// In place, and in functions beside.
const FLAG: Metering = Metering::Flag { aside: false };
const ASIDE: Metering = Metering::Flag { aside: true };

/// Metadata agree: functions of the module's own have moved by one, and so have its globals or, where checks look at a flag, its memories.
pub(crate) fn check_agreement(before: &[u8], after: &Metered, mode: Metering) {
    let before = parse_bytes(before).expect("a module");
    let parsed = parse_bytes(&after.bytes).expect("a module with checks");
    let after = parsed
        .metered(mode, before.bodies.len(), after.asides.clone())
        .expect("its two imports");
    let flag = matches!(mode, Metering::Flag { .. });
    let (funcs, globals) = (before.imported_funcs, before.imported_globals);
    let stays = u32::MAX;
    let (first_global, first_memory) = match flag {
        true => (stays, before.memory_imports.len() as u32),
        false => (globals, stays),
    };
    let moved = |index: u32, first: u32| index + u32::from(index >= first);
    assert_eq!(after.imported_funcs, funcs + 1);
    assert_eq!(after.imported_globals, globals + u32::from(!flag));
    assert_eq!(after.memory_imports, before.memory_imports);
    assert_eq!(after.imports, before.imports);
    assert_eq!(after.func_imports, before.func_imports);
    assert_eq!(after.global_imports, before.global_imports);
    assert_eq!(after.tag_imports, before.tag_imports);
    assert_eq!(after.start, before.start.map(|index| moved(index, funcs)));
    assert_eq!(after.dylink, before.dylink);
    let mut data = before.data.clone();
    for filled in &mut data {
        filled.memory = moved(filled.memory, first_memory);
    }
    assert_eq!(after.data, data);
    assert_eq!((after.memory, after.table), (before.memory, before.table));
    assert_eq!(after.features, before.features);
    assert_eq!(after.bodies.len(), before.bodies.len());
    assert_eq!(after.module_name, before.module_name);
    assert_eq!(after.exports.len(), before.exports.len());
    for (after, before) in after.exports.iter().zip(&before.exports) {
        let item = match before.item.clone() {
            ExportItem::Func { index, sig } => ExportItem::Func {
                index: moved(index, funcs),
                sig,
            },
            ExportItem::Global { index, ty } => ExportItem::Global {
                index: moved(index, first_global),
                ty,
            },
            ExportItem::Memory { index, ty } => ExportItem::Memory {
                index: moved(index, first_memory),
                ty,
            },
            item => item,
        };
        let item = &item;
        assert_eq!(after, Export { item, ..before });
    }
    assert_eq!(after.segments.len(), before.segments.len());
    for (after, before) in after.segments.iter().zip(&before.segments) {
        assert_eq!((after.table, &after.offset), (before.table, &before.offset));
        let entries = before.funcs.iter();
        let entries = entries.map(|entry| entry.map(|index| moved(index, funcs)));
        assert_eq!(after.funcs, entries.collect::<Vec<_>>());
    }
}

/// Rewrites `bytes`, which are a module that parses, in every mode: nothing but a refusal with a reason may come of damaged code, and of
/// a valid module a valid one.
pub(crate) fn try_metering(bytes: &[u8], is_valid: impl Fn(&[u8]) -> bool) {
    for mode in [Metering::Light, Metering::Counted, FLAG, ASIDE] {
        match meter(bytes, mode) {
            Ok(Some(rewritten)) => {
                let rewritten_bytes = &rewritten.bytes;
                assert!(rewritten_bytes.len() <= bytes.len() + bytes.len() / 2 + (16 << 20));
                if is_valid(bytes) {
                    assert!(is_valid(rewritten_bytes), "a rewritten module is invalid");
                }
                if mode.imports().is_some() {
                    check_agreement(bytes, &rewritten, mode);
                    let again =
                        meter(rewritten_bytes, mode).expect_err("it has the reserved imports");
                    assert_eq!(again.code(), Code::Unsupported);
                }
            }
            Ok(None) => {}
            Err(error) => assert!(
                matches!(
                    error.code(),
                    Code::Malformed | Code::Unsupported | Code::Limit
                ),
                "{error}"
            ),
        }
    }
}
