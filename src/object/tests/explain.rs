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
