use crate::error::Code;
use crate::object::clamp::{Bounds, clamp};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

const BOUNDS: Bounds = Bounds {
    memory: Some(4 << 16),
    table: Some(100),
};

/// Minimum and maximum of each memory and table that a module defines, after it was clamped; `None` if that changes nothing.
fn run(text: &str) -> Option<Vec<(u64, Option<u64>)>> {
    let bytes = wat::parse_str(text).unwrap();
    let clamped = clamp(&bytes, BOUNDS).unwrap()?;
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(&clamped)
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(clamp(&clamped, BOUNDS).unwrap(), None, "twice");
    let mut limits = Vec::new();
    for payload in Parser::new(0).parse_all(&clamped) {
        match payload.unwrap() {
            Payload::MemorySection(section) => {
                let all = section.into_iter().map(|memory| memory.unwrap());
                limits.extend(all.map(|memory| (memory.initial, memory.maximum)));
            }
            Payload::TableSection(section) => {
                let all = section.into_iter().map(|table| table.unwrap().ty);
                limits.extend(all.map(|table| (table.initial, table.maximum)));
            }
            _ => {}
        }
    }
    Some(limits)
}

#[test]
fn what_may_grow_too_far_may_grow_less_far() {
    let cases: [(&str, &[(u64, u64)]); 6] = [
        (
            "(module (memory 1) (memory 2 3) (memory 4 5))",
            &[(1, 4), (2, 3), (4, 4)],
        ),
        ("(module (memory i64 1))", &[(1, 4)]),
        ("(module (memory 1 (pagesize 1)))", &[(1, 4 << 16)]),
        (
            "(module (table 1 funcref) (table 2 1000 externref) (table 3 4 funcref))",
            &[(1, 100), (2, 100), (3, 4)],
        ),
        (
            "(module (func $f) (table 1 (ref func) (ref.func $f)) (memory 1 1) (elem declare func $f))",
            &[(1, 100), (1, 1)],
        ),
        ("(module (table i64 1 funcref) (func))", &[(1, 100)]),
    ];
    for (text, wanted) in cases {
        let wanted: Vec<_> = wanted.iter().map(|&(min, max)| (min, Some(max))).collect();
        assert_eq!(run(text).unwrap(), wanted, "{text}");
    }
}

#[test]
fn what_is_bounded_or_another_s_stays() {
    for text in [
        "(module)",
        "(module (memory 1 4) (table 1 100 funcref))",
        "(module (import \"env\" \"memory\" (memory 1)) (import \"env\" \"t\" (table 1 funcref)))",
    ] {
        assert_eq!(run(text), None, "{text}");
    }
}

#[test]
fn what_is_too_large_from_the_start_is_refused() {
    for text in ["(module (memory 5))", "(module (table 101 funcref))"] {
        let bytes = wat::parse_str(text).unwrap();
        assert_eq!(clamp(&bytes, BOUNDS).unwrap_err().code(), Code::Limit);
        assert_eq!(clamp(&bytes, Bounds::default()).unwrap(), None);
    }
}

#[test]
fn damage_is_an_error_or_copied() {
    let bytes = wat::parse_str("(module (memory 1) (table 1 funcref) (func))").unwrap();
    for cut in 8..bytes.len() {
        let _ = clamp(&bytes[..cut], BOUNDS);
    }
}
