use super::*;
use wasmparser::{Validator, WasmFeatures};

/// Externalises; checks that the result is valid and parses, and that no index changed.
fn run(bytes: &[u8]) -> Option<(Object, Externalized)> {
    let before = parse_bytes(bytes).unwrap();
    let (rewritten, moved) = externalize(bytes, &before).unwrap()?;
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(&rewritten)
        .unwrap_or_else(|e| panic!("{e}"));
    let after = parse_bytes(&rewritten).unwrap();
    assert_eq!(after.imported_funcs, before.imported_funcs);
    assert_eq!(after.func_imports, before.func_imports);
    assert_eq!(after.tag_imports, before.tag_imports);
    assert_eq!(after.exports.len(), before.exports.len());
    for (after, before) in after.exports.iter().zip(&before.exports) {
        match (&after.item, &before.item) {
            // The maximum of the table goes.
            (ExportItem::Table { index: a, .. }, ExportItem::Table { index: b, .. }) => {
                assert_eq!((&after.name, a), (&before.name, b));
            }
            _ => assert_eq!(after, before),
        }
    }
    assert_eq!(after.segments, before.segments);
    assert_eq!(after.start, before.start);
    assert_eq!(after.dylink, before.dylink);
    assert!(
        after
            .imports
            .iter()
            .take(before.imports.len())
            .eq(&before.imports)
    );
    // Twice does nothing more.
    assert_eq!(externalize(&rewritten, &after).unwrap(), None);
    Some((after, moved))
}

fn imports(object: &Object) -> Vec<String> {
    object
        .imports
        .iter()
        .map(|import| format!("{}.{}: {}", import.module, import.name, import.ty))
        .collect()
}

/// What wasm-ld makes of a program without -pie.
const PROGRAM: &str = r#"
(module
  (type $v (func))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "env" "helper" (func $helper))
  (table 3 3 funcref)
  (memory 2 10)
  (global $sp (mut i32) (i32.const 66560))
  (global $end i32 (i32.const 70000))
  (export "memory" (memory 0))
  (export "__stack_pointer" (global $sp))
  (export "__heap_base" (global $end))
  (export "__indirect_function_table" (table 0))
  (export "_start" (func $start))
  (elem (i32.const 1) func $helper $start)
  (func $start
    global.get $sp i32.const 16 i32.sub global.set $sp
    (i32.store (i32.const 0) (global.get $end))
    (call_indirect (type $v) (i32.const 1)))
  (data (i32.const 1024) "hello"))
"#;

#[test]
fn a_program_without_pie() {
    let (object, moved) = run(&assemble(PROGRAM)).unwrap();
    assert_eq!(
        imports(&object),
        [
            "wasi_snapshot_preview1.proc_exit: func (i32) -> ()",
            "env.helper: func () -> ()",
            "env.memory: memory 2..=10",
            "env.__indirect_function_table: table of funcref 3..",
            "env.__stack_pointer: global mutable i32",
        ]
    );
    assert_eq!(moved.stack_pointer, Some(66560));
    assert_eq!(
        moved.table.unwrap().limits,
        Limits {
            min: 3,
            max: Some(3)
        }
    );
    assert_eq!(
        moved.memory.unwrap().limits,
        Limits {
            min: 2,
            max: Some(10)
        }
    );
    assert_eq!(object.defined_memories + object.defined_tables, 0);
    assert_eq!(object.imported_globals, 1);
}

#[test]
fn an_import_section_is_made_where_there_is_none() {
    for wat in [
        "(module (memory 1))",
        "(module (func) (table 1 funcref) (memory 1))",
        r#"(module (@custom "a" (before first) "x") (@custom "b" (before memory) "y") (memory 1))"#,
        r#"(module (type (func)) (@custom "b" (after type) "y") (func (type 0)) (memory 1))"#,
    ] {
        let (object, moved) = run(&assemble(wat)).unwrap();
        assert!(moved.memory.is_some());
        assert_eq!(imports(&object)[0], "env.memory: memory 1..");
    }
}

#[test]
fn other_tables_and_globals_keep_their_indices() {
    let wat = r#"(module
      (import "env" "other" (global $o i32))
      (table $fun 1 funcref) (table $ext 2 externref) (table $more 3 4 funcref)
      (global $sp (mut i32) (i32.const -16))
      (global $a (export "a") i32 (i32.const 5))
      (global $b (export "b") i64 (i64.const 6))
      (export "__stack_pointer" (global $sp))
      (export "more" (table $more))
      (func (export "f") (drop (table.get $ext (i32.const 0))) (global.set $sp (global.get $o))))"#;
    let (object, moved) = run(&assemble(wat)).unwrap();
    assert_eq!(object.defined_tables, 2);
    assert_eq!(object.table.map(|(index, _)| index), Some(2));
    assert_eq!(object.imported_globals, 2);
    assert_eq!(moved.memory, None);
    assert_eq!(moved.stack_pointer, Some(0xffff_fff0));
}

#[test]
fn custom_sections_code_and_data_are_copied() {
    let bytes = assemble(PROGRAM);
    let object = parse_bytes(&bytes).unwrap();
    let (rewritten, _) = externalize(&bytes, &object).unwrap().unwrap();
    let others = |bytes: &[u8]| -> Vec<Vec<u8>> {
        section::Sections::new(bytes)
            .map(|section| section.unwrap())
            .filter(|section| {
                !matches!(
                    section.id,
                    section::IMPORT | section::TABLE | section::MEMORY | section::GLOBAL
                )
            })
            .map(|section| section.whole.to_vec())
            .collect()
    };
    assert_eq!(others(&bytes), others(&rewritten));
}

#[test]
fn memory_attributes_survive() {
    for (wat, ty) in [
        ("(module (memory 1 4 shared))", "shared memory 1..=4"),
        ("(module (memory i64 1 5))", "64-bit memory 1..=5"),
    ] {
        let (object, _) = run(&assemble(wat)).unwrap();
        assert_eq!(object.imports.get(0).unwrap().ty.to_string(), ty);
    }
    let (object, _) = run(&assemble("(module (memory 1 (pagesize 1)))")).unwrap();
    assert!(matches!(
        object.imports.get(0).unwrap().ty,
        ExternType::Memory(ty) if ty.page_log2 == Some(0)
    ));
    let (object, _) = run(&assemble("(module (table i64 7 9 funcref))")).unwrap();
    assert!(matches!(
        object.imports.get(0).unwrap().ty,
        ExternType::Table(ty) if ty.table64 && ty.limits == Limits { min: 7, max: None }
    ));
}

#[test]
fn what_cannot_move_stays() {
    for wat in [
        "(module)",
        r#"(module (import "env" "memory" (memory 1)))"#,
        r#"(module (import "env" "memory" (memory 1)) (memory 1))"#,
        "(module (memory 1) (memory 1))",
        r#"(module (import "env" "t" (table 1 funcref)) (table 1 funcref))"#,
        "(module (table 1 externref) (table 1 funcref))",
        "(module (func $f) (table 1 funcref (ref.func $f)))",
        "(module (func $f) (table 1 (ref func) (ref.func $f)))",
        // Stack pointers that are immutable, not the first, computed, 64 bits, or not exported.
        r#"(module (global (export "__stack_pointer") i32 (i32.const 1)))"#,
        r#"(module (global i32 (i32.const 1)) (global (export "__stack_pointer") (mut i32) (i32.const 1)))"#,
        r#"(module (global (export "__stack_pointer") (mut i32) (i32.add (i32.const 1) (i32.const 1))))"#,
        r#"(module (import "env" "x" (global $x i32)) (global (export "__stack_pointer") (mut i32) (global.get $x)))"#,
        r#"(module (global (export "__stack_pointer") (mut i64) (i64.const 1)))"#,
        "(module (global (mut i32) (i32.const 1)))",
        r#"(module (import "env" "__stack_pointer" (global $sp (mut i32))) (export "__stack_pointer" (global $sp)))"#,
    ] {
        assert!(run(&assemble(wat)).is_none(), "{wat}");
    }
}

#[test]
fn an_object_of_other_bytes_does_no_harm() {
    let program = assemble(PROGRAM);
    let object = parse_bytes(&program).unwrap();
    // Whatever comes of it, it is no panic.
    for other in [
        &b""[..],
        b"\0asm",
        b"\0asm\x01\0\0\0\x05",
        b"\0asm\x01\0\0\0\x05\x01\x09",
    ] {
        let _ = externalize(other, &object);
    }
    for cut in 0..program.len() {
        let _ = externalize(&program[..cut], &object);
    }
}
