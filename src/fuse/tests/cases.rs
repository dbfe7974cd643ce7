//! Small programs and the modules that they become.

use super::shelf::{imports, linked, program};
use crate::error::Code;
use crate::fuse::Options;

/// The stack, then the data of `main` and its libraries: where the first object's data lie.
const DATA: u64 = 1024 + crate::config::DEFAULT_STACK;

fn same(bytes: &[u8], expected: &str) {
    let expected = wat::parse_str(expected).expect("what is expected");
    let differs = bytes.iter().zip(&expected).position(|(a, b)| a != b);
    assert!(
        bytes == expected,
        "another module came out: {} bytes, not {}, different from {differs:x?} on\n{bytes:02x?}\n{expected:02x?}",
        bytes.len(),
        expected.len()
    );
}

const MAIN: &str = r#"(module
  (@dylink.0 (needed "liba.so") (mem-info (memory 8 2) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__stack_pointer" (global $stack (mut i32)))
  (import "env" "twice" (func $twice (param i32) (result i32)))
  (import "GOT.mem" "number" (global $number (mut i32)))
  (import "GOT.func" "twice" (global $slot (mut i32)))
  (func (export "_start")
    global.get $number
    i32.load
    call $twice
    global.get $slot
    i32.add
    drop
    global.get $stack
    drop
    global.get $base
    drop)
  (data (global.get $base) "\01\02\03\04\05\06\07\08"))"#;

const LIBRARY: &str = r#"(module
  (@dylink.0 (mem-info (memory 8 2) (table 1 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__table_base" (global $table i32))
  (import "host" "told" (func $told (param i32)))
  (import "host" "unused" (func $unused))
  (global (export "number") i32 (i32.const 4))
  (func $hidden call $unused)
  (func (export "twice") (param i32) (result i32)
    local.get 0
    call $told
    local.get 0
    i32.const 1
    i32.shl)
  (func $relocate (export "__wasm_apply_data_relocs")
    global.get $base
    i32.const 4
    i32.add
    global.get $base
    i32.store)
  (func (export "never") call $hidden)
  (elem (global.get $table) func 3)
  (data (global.get $base) "abcdefgh"))"#;

const HOST: &str =
    r#"(module (import "host" "told" (func (param i32))) (import "host" "unused" (func)))"#;

#[test]
fn calls_are_direct_addresses_are_numbers_and_what_nobody_reaches_is_left_out() {
    let fused = linked(
        &[("main", MAIN), ("liba.so", LIBRARY), ("host", HOST)],
        &program(),
    )
    .unwrap();
    let (number, library) = (DATA + 8 + 4, DATA + 8);
    let address: Vec<String> = u32::try_from(library)
        .unwrap()
        .to_le_bytes()
        .map(|b| format!("\\{b:02x}"))
        .into();
    let (pages, top) = ((DATA + 16).div_ceil(65536), DATA);
    same(
        &fused.bytes,
        &format!(
            r#"(module
              (type (func (param i32) (result i32)))
              (type (func))
              (type (func (param i32)))
              (import "host" "told" (func (type 2)))
              (func (type 1)
                i32.const {number}
                i32.load
                call 2
                i32.const 1
                i32.add
                drop
                global.get 0
                drop
                i32.const {DATA}
                drop)
              (func (type 0) (param i32) (result i32)
                local.get 0
                call 0
                local.get 0
                i32.const 1
                i32.shl)
              (table 2 funcref)
              (memory {pages})
              (global (mut i32) (i32.const {top}))
              (export "memory" (memory 0))
              (export "_start" (func 1))
              (elem (i32.const 1) func 2)
              (data (i32.const {DATA}) "\01\02\03\04\05\06\07\08")
              (data (i32.const {library}) "abcd{}"))"#,
            address.concat()
        ),
    );
}

#[test]
fn everything_stays_on_request_but_relocations_that_are_done() {
    let options = Options {
        gc: false,
        ..program()
    };
    let fused = linked(
        &[("main", MAIN), ("liba.so", LIBRARY), ("host", HOST)],
        &options,
    )
    .unwrap();
    assert_eq!(imports(&fused.bytes), ["host.told", "host.unused"]);
    let functions: Vec<usize> = fused
        .map
        .objects
        .iter()
        .map(|object| object.functions.len())
        .collect();
    assert_eq!(functions, [1, 3]);
    assert_eq!(fused.map.objects[1].defined, 4);
}

#[test]
fn relocations_that_do_more_than_store_are_called_before_constructors() {
    let library = r#"(module
      (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
      (import "host" "told" (func $told (param i32)))
      (func (export "__wasm_apply_data_relocs") i32.const 1 call $told)
      (func (export "__wasm_call_ctors") i32.const 2 call $told))"#;
    let main = r#"(module
      (@dylink.0 (needed "liba.so") (mem-info (memory 0 0) (table 0 0)))
      (import "env" "__memory_base" (global i32))
      (func (export "_start")))"#;
    let fused = linked(
        &[("main", main), ("liba.so", library), ("host", HOST)],
        &program(),
    )
    .unwrap();
    let pages = DATA.div_ceil(65536);
    same(
        &fused.bytes,
        &format!(
            r#"(module
              (type (func))
              (type (func (param i32)))
              (import "host" "told" (func (type 1)))
              (func (type 0))
              (func (type 0) i32.const 1 call 0)
              (func (type 0) i32.const 2 call 0)
              (func (type 0) call 2 call 3 call 1)
              (table 1 funcref)
              (memory {pages})
              (export "memory" (memory 0))
              (export "_start" (func 4)))"#
        ),
    );
}

#[test]
fn an_address_that_its_importer_writes_to_is_a_global_of_that_importer() {
    let main = r#"(module
      (@dylink.0 (needed "liba.so") (mem-info (memory 0 0) (table 0 0)))
      (import "env" "__memory_base" (global i32))
      (import "GOT.mem" "number" (global $number (mut i32)))
      (func (export "_start")
        global.get $number
        i32.const 1
        i32.add
        global.set $number))"#;
    let fused = linked(
        &[("main", main), ("liba.so", LIBRARY), ("host", HOST)],
        &program(),
    )
    .unwrap();
    let text = fused.bytes;
    // global.get 0, i32.const 1, i32.add, global.set 0
    assert!(
        text.windows(7)
            .any(|code| code == [0x23, 0, 0x41, 1, 0x6a, 0x24, 0])
    );
}

#[test]
fn a_library_alone_is_a_reactor_that_exports_its_symbols() {
    let options = Options {
        library: true,
        ..program()
    };
    let fused = linked(&[("liba.so", LIBRARY), ("host", HOST)], &options).unwrap();
    let object =
        crate::object::Object::parse(&fused.bytes, &crate::object::ParseLimits::default()).unwrap();
    let names: Vec<&str> = object
        .exports
        .iter()
        .map(|export| export.name.text())
        .collect();
    assert_eq!(names, ["memory", "never", "number", "twice"]);
}

#[test]
fn a_weak_function_that_nobody_defines_traps() {
    let main = r#"(module
      (@dylink.0 (mem-info (memory 0 0) (table 0 0)) (import-info "env" "maybe" 1))
      (import "env" "__memory_base" (global i32))
      (import "env" "maybe" (func $maybe (result i64)))
      (func (export "_start") call $maybe drop))"#;
    let fused = linked(&[("main", main)], &program()).unwrap();
    assert!(imports(&fused.bytes).is_empty());
    assert!(
        fused
            .warnings
            .iter()
            .any(|warning| warning.contains("maybe")),
        "{:?}",
        fused.warnings
    );
}

#[test]
fn what_one_module_cannot_have_is_an_error_that_says_so() {
    let main = r#"(module
      (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
      (import "env" "__memory_base" (global i32))
      (import "host" "table" (table 1 funcref))
      (func (export "_start")))"#;
    let host = r#"(module (import "host" "table" (table 1 funcref)))"#;
    let error = linked(&[("main", main), ("host", host)], &program())
        .err()
        .unwrap();
    assert_eq!(error.code(), Code::Unsupported);
    assert!(
        error.message().contains("main imports host.table"),
        "{error}"
    );
}

#[test]
fn a_symbol_that_is_to_be_exported_and_is_not_there_is_an_error() {
    let options = Options {
        exports: vec!["nothing".to_string()],
        ..program()
    };
    let error = linked(
        &[("main", MAIN), ("liba.so", LIBRARY), ("host", HOST)],
        &options,
    )
    .err()
    .unwrap();
    assert_eq!(error.code(), Code::NotFound);
    assert!(error.message().contains("nothing"), "{error}");
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|part| part == wanted)
}

#[test]
fn a_program_at_fixed_addresses_keeps_its_data_and_slots() {
    let main = r#"(module
      (@dylink.0 (needed "liba.so") (mem-info (memory 0 0) (table 0 0)))
      (import "env" "twice" (func $twice (param i32) (result i32)))
      (memory (export "memory") 1)
      (table 2 2 funcref)
      (func $pointed (result i32) i32.const 1234567)
      (func (export "_start")
        i32.const 2048
        i32.load
        call $twice
        i32.const 1
        call_indirect (result i32)
        drop
        drop)
      (elem (i32.const 1) $pointed)
      (data (i32.const 2048) "at its place"))"#;
    let fused = linked(
        &[("main", main), ("liba.so", LIBRARY), ("host", HOST)],
        &program(),
    )
    .unwrap();
    assert!(holds(&fused.bytes, b"at its place"));
    assert!(holds(&fused.bytes, &[0x41, 0x87, 0xad, 0xcb, 0x00]));
}

#[test]
fn relocations_of_another_objects_data_are_left_to_the_start() {
    let main = r#"(module
      (@dylink.0 (needed "liba.so") (mem-info (memory 4 2) (table 0 0)))
      (import "env" "memory" (memory 1))
      (import "env" "__memory_base" (global $base i32))
      (import "GOT.mem" "number" (global $number (mut i32)))
      (func (export "__wasm_apply_data_relocs")
        global.get $number
        i32.const 77
        i32.store)
      (func (export "_start"))
      (data (global.get $base) "\00\00\00\00"))"#;
    let fused = linked(
        &[("main", main), ("liba.so", LIBRARY), ("host", HOST)],
        &program(),
    )
    .unwrap();
    // i32.const 77, i32.store
    assert!(holds(&fused.bytes, &[0x41, 0xcd, 0x00, 0x36, 2, 0]));
}

#[test]
fn what_runs_before_a_relocation_finds_what_it_does_not_change_yet() {
    let main = r#"(module
      (@dylink.0 (needed "liba.so") (mem-info (memory 4 2) (table 0 0)))
      (import "env" "memory" (memory 1))
      (import "env" "__memory_base" (global $base i32))
      (func (export "__wasm_apply_data_relocs")
        global.get $base
        i32.const 77
        i32.store)
      (func (export "_start"))
      (data (global.get $base) "\00\00\00\00"))"#;
    let library = r#"(module
      (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
      (import "host" "told" (func $told (param i32)))
      (func (export "__wasm_apply_data_relocs") i32.const 1 call $told))"#;
    let modules = [("main", main), ("liba.so", library), ("host", HOST)];
    let fused = linked(&modules, &program()).unwrap();
    // i32.const 77, i32.store
    assert!(holds(&fused.bytes, &[0x41, 0xcd, 0x00, 0x36, 2, 0]));
}

#[test]
fn globals_come_after_those_that_they_begin_with() {
    let library = r#"(module
      (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
      (global (export "pi") f64 (f64.const 3.5)))"#;
    let main = r#"(module
      (@dylink.0 (needed "liba.so") (mem-info (memory 0 0) (table 0 0)))
      (import "env" "memory" (memory 1))
      (import "env" "memory" (memory $again 1))
      (import "env" "__memory_base" (global i32))
      (import "env" "pi" (global $pi f64))
      (global $mine (mut f64) (global.get $pi))
      (func (export "_start")
        i32.const 2048
        global.get $mine
        f64.store $again))"#;
    let fused = linked(&[("main", main), ("liba.so", library)], &program()).unwrap();
    assert!(!fused.absent);
}

#[test]
fn functions_have_names_of_their_objects_whatever_they_say_themselves() {
    let options = Options {
        names: true,
        ..program()
    };
    let fused = linked(
        &[("main", MAIN), ("liba.so", LIBRARY), ("host", HOST)],
        &options,
    )
    .unwrap();
    assert!(holds(&fused.bytes, b"liba.so!twice") && holds(&fused.bytes, b"main!_start"));
}

#[test]
fn tables_and_memories_are_not_exported_on_request() {
    let options = Options {
        exports: vec!["memory".to_string()],
        ..program()
    };
    let modules = [("main", MAIN), ("liba.so", LIBRARY), ("host", HOST)];
    assert!(linked(&modules, &options).is_ok());
}
