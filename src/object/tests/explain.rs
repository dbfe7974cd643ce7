use super::*;

fn features(wat: &str) -> Features {
    let explanation = explain(&assemble(wat));
    assert_eq!(explanation.invalid, None, "{wat}");
    explanation.features
}

#[test]
fn operators_show_what_declarations_hide() {
    let cases: &[(&str, &str)] = &[
        ("(func $f return_call $f)", "tail calls"),
        ("(func (drop (v128.const i64x2 0 0)))", "SIMD"),
        ("(func (local v128))", "SIMD"),
        (
            "(memory 1) (func (drop (i32.atomic.load (i32.const 0))))",
            "threads",
        ),
        (
            "(tag $e) (func (block (try_table (catch_all 0))))",
            "exceptions (exnref)",
        ),
        ("(tag $e) (func try catch $e end)", "legacy exceptions"),
        ("(func (drop (ref.null func)))", "reference types"),
        (
            "(func (drop (ref.i31 (i32.const 1))))",
            "garbage collection",
        ),
        (
            "(import \"env\" \"g\" (global i32)) (memory 1) (data (i32.add (global.get 0) (i32.const 1)) \"\")",
            "extended constant expressions",
        ),
        (
            "(global i64 (i64.mul (i64.const 1) (i64.const 1)))",
            "extended constant expressions",
        ),
        (
            "(table 2 funcref) (elem (i32.sub (i32.const 1) (i32.const 1)))",
            "extended constant expressions",
        ),
        (
            "(memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))",
            "bulk memory operations",
        ),
        ("(memory 1) (data \"passive\")", "bulk memory operations"),
        ("(elem func)", "bulk memory operations"),
        (
            "(func (drop (i32.extend8_s (i32.const 0))))",
            "sign extension",
        ),
        (
            "(func (drop (i32.trunc_sat_f64_u (f64.const 0))))",
            "saturating conversions",
        ),
        (
            "(func (param i32) (result i32 i32) local.get 0 local.get 0)",
            "multiple values",
        ),
        (
            "(func (param i32) local.get 0 (block (param i32) drop))",
            "multiple values",
        ),
    ];
    for (body, expected) in cases {
        let features = features(&format!("(module {body})"));
        assert_eq!(features.names(), [*expected], "{body}");
    }
}

#[test]
fn throw_alone_belongs_to_both_kinds() {
    let features = features("(module (tag $e) (func throw $e))");
    assert_eq!(features.names(), ["exceptions"]);
    let features = self::features("(module (import \"env\" \"e\" (tag)))");
    assert_eq!(features.names(), ["exceptions"]);
}

#[test]
fn declarations_count_too() {
    let features = features("(module (memory i64 1) (memory 1 1 shared) (func $f return_call $f))");
    assert_eq!(
        features.names(),
        [
            "threads",
            "tail calls",
            "64-bit memory",
            "multiple memories"
        ]
    );
}

#[test]
fn what_the_toolchain_may_use_is_not_what_is_used() {
    let bytes = with_custom("target_features", b"\x01+\x07simd128", "(module)");
    assert!(parse_bytes(&bytes).unwrap().features.simd);
    assert_eq!(explain(&bytes), Explanation::default());
}

#[test]
fn invalid_modules_are_explained() {
    let explanation = explain(&assemble("(module (func (result i32) i64.const 1))"));
    let message = explanation.invalid.unwrap();
    assert!(message.contains("type mismatch"), "{message}");
    assert!(message.contains(" at offset 0x"), "{message}");

    let explanation = explain(b"\x7fELF\x02\x01\x01\0");
    assert!(explanation.invalid.unwrap().contains("an ELF file"));

    // What comes before the damage still counts.
    let mut bytes = assemble("(module (func return_call 0) (func nop))");
    let last = bytes.len() - 2;
    bytes[last] = 0xff;
    let explanation = explain(&bytes);
    assert!(explanation.invalid.is_some());
    assert!(explanation.features.tail_calls);
}

#[test]
fn what_is_too_large_for_engines_is_not_invalid() {
    let body = |bytes: usize, locals: &[u8]| {
        let mut body = locals.to_vec();
        body.resize(bytes, 0x01);
        body.push(0x0b);
        let mut code = vec![1];
        body.as_slice().encode(&mut code);
        let mut module = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a".to_vec();
        code.as_slice().encode(&mut module);
        module
    };
    assert_eq!(explain(&body(100, &[0])), Explanation::default());
    for large in [
        body(8_000_000, &[0]),
        body(100, &[1, 0xd1, 0x86, 0x03, 0x7f]),
    ] {
        let Explanation { invalid, limit, .. } = explain(&large);
        assert_eq!(invalid, None);
        assert!(limit.is_some_and(|limit| limit.contains(" at offset 0x")));
    }
}

#[test]
fn newer_operators_are_told_apart_from_simd() {
    let wide = "(func (param i64) (result i64 i64) local.get 0 local.get 0 i64.mul_wide_u)";
    assert_eq!(
        features(&format!("(module {wide})")).names(),
        ["wide arithmetic", "multiple values"]
    );
}
