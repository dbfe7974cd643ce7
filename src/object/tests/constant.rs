use super::*;

/// The value of an exported global whose initialiser is `expr`.
fn constant(ty: &str, expr: &str) -> Option<ConstValue> {
    let object = parse(&format!(
        r#"(module
          (import "env" "__memory_base" (global $mb i32))
          (import "env" "__table_base" (global $tb i64))
          (import "env" "__table_base32" (global $tb32 i32))
          (import "env" "other" (global $other i32))
          (import "env" "__memory_base" (global $mb64 i64))
          (global $four i32 (i32.const 4))
          (global $big i64 (i64.const -1))
          (global $sum i32 (i32.add (global.get $mb) (global.get $four)))
          (global (export "x") {ty} {expr}))"#
    ));
    match object.export("x").unwrap().item {
        ExportItem::Data(datum) => Some(datum.value()),
        _ => None,
    }
}

#[test]
fn extended_constants() {
    let some = |base, offset| Some(ConstValue { base, offset });
    let i32_cases = [
        ("(i32.const 7)", some(Base::None, 7)),
        ("(i32.const -1)", some(Base::None, 0xffff_ffff)),
        ("(global.get $mb)", some(Base::Memory, 0)),
        ("(global.get $tb32)", some(Base::Table, 0)),
        ("(global.get $four)", some(Base::None, 4)),
        ("(global.get $sum)", some(Base::Memory, 4)),
        ("(global.get $other)", None),
        (
            "(i32.add (i32.const 5) (global.get $sum))",
            some(Base::Memory, 9),
        ),
        (
            "(i32.sub (global.get $sum) (i32.const 5))",
            some(Base::Memory, 0xffff_ffff),
        ),
        (
            "(i32.sub (global.get $sum) (global.get $mb))",
            some(Base::None, 4),
        ),
        (
            "(i32.add (i32.const -1) (i32.const 2))",
            some(Base::None, 1),
        ),
        (
            "(i32.mul (i32.const 0x10001) (i32.const 0x10001))",
            some(Base::None, 0x0002_0001),
        ),
        (
            "(i32.add (global.get $mb) (i32.mul (global.get $four) (i32.const 3)))",
            some(Base::Memory, 12),
        ),
        ("(i32.mul (global.get $mb) (i32.const 2))", None),
        ("(i32.add (global.get $mb) (global.get $mb))", None),
        ("(i32.add (global.get $mb) (global.get $tb32))", None),
        ("(i32.sub (i32.const 5) (global.get $mb))", None),
    ];
    for (expr, expected) in i32_cases {
        assert_eq!(constant("i32", expr), expected, "{expr}");
    }
    let i64_cases = [
        ("(i64.const -2)", some(Base::None, u64::MAX - 1)),
        ("(global.get $tb)", some(Base::Table, 0)),
        (
            "(i64.add (global.get $mb64) (global.get $big))",
            some(Base::Memory, u64::MAX),
        ),
        (
            "(i64.mul (global.get $big) (global.get $big))",
            some(Base::None, 1),
        ),
        (
            "(i64.sub (i64.const 0) (i64.const 0x100000000))",
            some(Base::None, 0xffff_ffff_0000_0000),
        ),
    ];
    for (expr, expected) in i64_cases {
        assert_eq!(constant("i64", expr), expected, "{expr}");
    }
}

#[test]
fn constants_of_other_kinds_are_no_data() {
    assert_eq!(constant("f64", "(f64.const 1)"), None);
    assert_eq!(constant("(mut i32)", "(i32.const 1)"), None);
    assert_eq!(constant("funcref", "(ref.null func)"), None);
    assert_eq!(constant("v128", "(v128.const i64x2 1 2)"), None);
}

#[test]
fn deep_constants_have_no_value() {
    let deep = |n: usize| {
        format!(
            "(i32.const 0) {} {}",
            "(i32.const 1)".repeat(n),
            "i32.add ".repeat(n)
        )
    };
    assert!(constant("i32", &deep(15)).is_some());
    assert_eq!(constant("i32", &deep(16)), None);
    assert_eq!(constant("i32", &deep(100_000)), None);
}
