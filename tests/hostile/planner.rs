//! Modules that try to reach what is others': memory and table slots outside their own, the linker's own stubs, and time that
//! grows faster than they do.

use crate::command::program;
use crate::kit::Case;

/// Opens the libraries named in its data, one a line of `names`, and prints what of its data is `watched`.
fn opener(names: &[&str], watched: &str) -> String {
    let mut data = String::new();
    let mut calls = String::new();
    for name in names {
        calls += &format!(
            "(if (i32.eqz (call $dlopen (i32.add (global.get $mb) (i32.const {})) (i32.const 2))) (then (call $puts (call $dlerror))))\n",
            data.len() - 2 * data.matches('\\').count()
        );
        data += &format!("{name}\\00");
    }
    let at = data.len() - 2 * data.matches('\\').count();
    format!(
        r#"(module
  (@dylink.0 (mem-info (memory 256 4) (table 0 0)))
  (import "env" "memory" (memory 0))
  (import "env" "__memory_base" (global $mb i32))
  (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
  (import "env" "dlerror" (func $dlerror (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
  (global (export "number") i32 (i32.const 0))
  (data (global.get $mb) "{data}{watched}\00")
  (func $puts (param $s i32) (local $n i32)
    (block (loop
      (br_if 1 (i32.eqz (i32.load8_u (i32.add (local.get $s) (local.get $n)))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br 0)))
    (i32.store offset=240 (global.get $mb) (local.get $s))
    (i32.store offset=244 (global.get $mb) (local.get $n))
    (drop (call $w (i32.const 1) (i32.add (global.get $mb) (i32.const 240)) (i32.const 1) (i32.add (global.get $mb) (i32.const 248)))))
  (func (export "_start")
    {calls}
    (call $puts (i32.add (global.get $mb) (i32.const {at})))))"#
    )
}

/// A library whose data section is `data`, which asks for `size` bytes.
fn filler(size: u32, data: &str) -> String {
    let number = r#"(import "env" "number" (global $number i32))"#;
    let number = if data.contains("$number") { number } else { "" };
    format!(
        r#"(module
  (@dylink.0 (mem-info (memory {size} 0) (table 0 0)))
  (import "env" "memory" (memory 0))
  (import "env" "__memory_base" (global $mb i32))
  {number}
  {data})"#
    )
}

#[test]
fn data_segments_fill_nothing_but_the_objects_own_memory() {
    let mut case = Case::new("planner-data");
    // Where the program's data lie: behind the stack of 1 MiB.
    let watched = 0x10_0400 + 5;
    let fillers = [
        (0, format!(r#"(data (i32.const {watched}) "HACKED!")"#)),
        (16, r#"(data (global.get $mb) "seventeen bytes..")"#.into()),
        (
            16,
            r#"(data (i32.add (global.get $mb) (i32.const -16)) "x")"#.into(),
        ),
        (
            16,
            r#"(data (i32.add (global.get $mb) (i32.const 17)) "x")"#.into(),
        ),
        (16, r#"(data (global.get $number) "x")"#.into()),
        (
            16,
            r#"(data (i32.mul (global.get $mb) (i32.const 1)) "x")"#.into(),
        ),
    ];
    case.wat("main.wasm", &opener(&["a.so"], "SECRET"));
    for (size, data) in fillers {
        case.wat("a.so", &filler(size, &data));
        let ran = case.run(&["run", "-L", ".", "main.wasm"]);
        assert!(ran.stdout.contains("data segment"), "{data}: {ran}");
        assert!(ran.stdout.ends_with("SECRET"), "{data}: {ran}");
    }
    let good = [
        r#"(data (global.get $mb) "sixteen bytes...")"#,
        r#"(data (i32.add (global.get $mb) (i32.const 15)) "x")"#,
        r#"(data "passive and long, copied by code alone")"#,
        r#"(data (i32.const -1) "")"#,
    ];
    for data in good {
        case.wat("a.so", &filler(16, data));
        let ran = case.run(&["run", "-L", ".", "main.wasm"]);
        // The engine refuses the empty one that begins outside of the memory; it fills nothing.
        let whole = ran.stdout == "SECRET" || data.contains("const -1");
        assert!(whole && ran.stdout.ends_with("SECRET"), "{data}: {ran}");
    }
}

#[test]
fn a_memory_that_is_exported_again_is_still_the_namespaces() {
    let mut case = Case::new("planner-memory");
    case.wat(
        "again.so",
        r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
          (import "env" "memory" (memory $m 0)) (export "again" (memory $m)))"#,
    );
    case.wat(
        "a.so",
        r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)) (needed "again.so"))
          (import "env" "again" (memory 0))
          (data (i32.const 1049605) "HACKED"))"#,
    );
    case.wat("main.wasm", &opener(&["a.so"], "SECRET"));
    let ran = case.run(&["run", "-L", ".", "main.wasm"]);
    assert!(ran.stdout.contains("data segment"), "{ran}");
    assert!(ran.stdout.ends_with("SECRET"), "{ran}");
}

#[test]
fn a_program_fills_its_own_initial_memory_only() {
    let mut case = Case::new("planner-fixed");
    case.wat(
        "main.wasm",
        r#"(module (@dylink.0 (needed "a.so"))
          (memory (export "memory") 1)
          (data (i32.const 65530) "beyond")
          (func (export "_start")))"#,
    );
    case.wat("a.so", &filler(16, r#"(data (global.get $mb) "a")"#));
    assert_eq!(case.run(&["run", "-L", ".", "main.wasm"]).code, Some(0));
    case.wat(
        "main.wasm",
        r#"(module (@dylink.0 (needed "a.so"))
          (memory (export "memory") 1)
          (data (i32.const 65531) "beyond")
          (func (export "_start")))"#,
    );
    let ran = case.run(&["run", "-L", ".", "main.wasm"]);
    assert!(ran.says(&["main.wasm", "data segments"]), "{ran}");
    assert_ne!(ran.code, Some(0));
}

/// Exits with what the victim's function gives.
const CALLS_VICTIM: &str = r#"(module
  (@dylink.0 (mem-info (memory 64 4) (table 0 0)) (needed "victim.so" "a.so"))
  (import "env" "memory" (memory 0))
  (import "env" "__memory_base" (global i32))
  (import "GOT.func" "v" (global $v (mut i32)))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (type $t (func (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (func (export "_start") (call $exit (call_indirect (type $t) (global.get $v)))))"#;

#[test]
fn a_table_under_any_name_is_still_the_namespaces() {
    let mut case = Case::new("planner-table");
    case.wat("main.wasm", CALLS_VICTIM);
    case.wat(
        "victim.so",
        r#"(module (@dylink.0 (mem-info (memory 0 0) (table 1 0)))
          (import "env" "__table_base" (global $tb i32))
          (import "env" "__indirect_function_table" (table $t 0 funcref))
          (func $v (export "v") (result i32) (i32.const 7))
          (export "again" (table $t))
          (elem (table $t) (global.get $tb) func $v))"#,
    );
    let twice = r#"(import "env" "__indirect_function_table" (table $first 0 funcref))
          (import "env" "__indirect_function_table" (table $t 0 funcref))"#;
    let again = r#"(import "env" "again" (table $t 0 funcref))"#;
    for tables in [twice, again] {
        case.wat(
            "a.so",
            &format!(
                r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
          {tables}
          (func $evil (result i32) (i32.const 66))
          (elem (table $t) (i32.const 1) func $evil))"#
            ),
        );
        let ran = case.run(&["run", "-L", ".", "main.wasm"]);
        assert!(ran.says(&["a.so", "element segment"]), "{tables}: {ran}");
        // In its own slots it may, by whatever name.
        case.wat(
            "a.so",
            &format!(
                r#"(module (@dylink.0 (mem-info (memory 0 0) (table 1 0)))
          {tables}
          (import "env" "__table_base" (global $tb i32))
          (func $good (result i32) (i32.const 66))
          (elem (table $t) (global.get $tb) func $good))"#
            ),
        );
        let ran = case.run(&["run", "-L", ".", "main.wasm"]);
        assert_eq!(ran.code, Some(7), "{tables}: {ran}");
    }
}

#[test]
fn a_stub_never_calls_itself() {
    let mut case = Case::new("planner-stub");
    case.wat(
        "main.wasm",
        r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)) (needed "a.so" "b.so"))
          (import "env" "__memory_base" (global i32))
          (func (export "_start")))"#,
    );
    // `f` is the library's own, or one of a library that calls it back and so comes later.
    let holds = |own: &str, call: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info (memory 0 0) (table 1 0)) (needed "b.so"))
          (import "env" "__table_base" (global $tb i32))
          (import "env" "__indirect_function_table" (table $t 0 funcref))
          (import "env" "f" (func $imported))
          {own}
          (func (export "g"))
          (elem (table $t) (global.get $tb) func $imported)
          (func $s {call})
          (start $s))"#
        )
    };
    let later = |own: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
          (import "env" "g" (func $g))
          {own}
          (func (export "h") (call $g)))"#
        )
    };
    let f = r#"(func (export "f"))"#;
    let calls = "(call $imported)";
    let by_slot = "(call_indirect (global.get $tb))";
    for (own, others) in [(f, ""), ("", f)] {
        for call in [calls, by_slot] {
            case.wat("a.so", &holds(own, call));
            case.wat("b.so", &later(others));
            for plt in ["auto", "wasm", "host"] {
                let ran = case.run(&["run", "--plt", plt, "-L", ".", "main.wasm"]);
                let text = format!("{own} {others} {call} {plt}: {ran}");
                assert!(ran.code == Some(0) || ran.says(&["a.so"]), "{text}");
            }
        }
    }
}

#[test]
fn a_program_with_little_memory_or_none_has_libraries_with_data() {
    let mut case = Case::new("planner-little");
    case.wat("a.so", &filler(16, r#"(data (global.get $mb) "a")"#));
    for memory in [
        "",
        r#"(memory (export "memory") 0)"#,
        r#"(memory (export "memory") 0 1)"#,
        r#"(memory (export "memory") 1)"#,
        r#"(import "env" "memory" (memory 0))"#,
    ] {
        case.wat(
            "main.wasm",
            &format!(r#"(module (@dylink.0 (needed "a.so")) {memory} (func (export "_start")))"#),
        );
        let ran = case.run(&["run", "-L", ".", "main.wasm"]);
        assert_eq!(ran.code, Some(0), "{memory}: {ran}");
    }
    // What is too much for the program's own bound is said.
    case.wat(
        "main.wasm",
        r#"(module (@dylink.0 (needed "a.so")) (memory (export "memory") 0 0) (func (export "_start")))"#,
    );
    let ran = case.run(&["run", "-L", ".", "main.wasm"]);
    assert!(ran.says(&["a.so", "memory"]), "{ran}");
    case.wat(
        "main.wasm",
        r#"(module (memory (export "memory") 0 0) (func (export "_start")))"#,
    );
    let ran = case.run(&["run", "main.wasm"]);
    assert_eq!(ran.code, Some(0), "{ran}");
}

#[test]
fn the_end_of_the_largest_memory_is_an_address() {
    let mut case = Case::new("planner-largest");
    case.wat(
        "main.wasm",
        r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
          (import "env" "memory" (memory 65536))
          (import "env" "__memory_base" (global i32))
          (import "GOT.mem" "__heap_end" (global (mut i32)))
          (func (export "_start")))"#,
    );
    let ran = case.run(&["plan", "main.wasm"]);
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(ran.stdout.contains("-fffffff0"), "{ran}");
}

/// A program with many imports and a library with as many imports of the stack pointer, which the program keeps to itself.
#[test]
fn imports_of_the_stack_pointer_are_not_compared_with_all_of_the_programs() {
    let mut case = Case::new("planner-stack-pointer");
    let count = 60_000;
    let imports = r#"(import "env" "x" (func))"#.repeat(count);
    case.wat(
        "main.wasm",
        &format!(
            r#"(module (@dylink.0 (needed "a.so")) {imports} (func $x)
              (memory 1) (export "_start" (func $x)) (export "x" (func $x)))"#
        ),
    );
    let imports = r#"(import "env" "__stack_pointer" (global (mut i32)))"#.repeat(count);
    case.wat(
        "a.so",
        &format!("(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))) {imports})"),
    );
    // Compared each with each: 3,600 million, which takes ten times as long as a run may take.
    let ran = case.run(&["plan", "-L", ".", "main.wasm"]);
    assert_ne!(ran.code, None, "{ran}");
}

#[test]
fn a_program_is_opened_by_nobody() {
    let mut case = Case::new("planner-program");
    case.wat("main.wasm", &opener(&["main.wasm", "other.wasm"], "end"));
    case.wat(
        "other.wasm",
        r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
          (import "env" "__memory_base" (global i32)) (func (export "_start")))"#,
    );
    let ran = case.run(&["run", "-L", ".", "main.wasm"]);
    assert_eq!(ran.code, Some(0), "{ran}");
    assert_eq!(
        ran.stdout
            .matches("a program, not a shared library")
            .count(),
        2,
        "{ran}"
    );
    assert!(ran.stdout.ends_with("end"), "{ran}");
    case.wat("main.wasm", &program(""));
    assert_eq!(case.run(&["run", "main.wasm"]).code, Some(0));
}
