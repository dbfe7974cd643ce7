//! Modules with the section of before LLVM 13: their relocations and constructors have other names.

use super::world::World;
use crate::engine::{Api, Val};
use crate::error::Code;
use crate::link::{Flags, SearchIn, Symbol, calls};
use crate::plan::Plt;

/// A datum at offset 4 that is to hold its own address, and one at 8 that a constructor is to set; `code` does one or both.
fn library(code: &str) -> String {
    format!(
        r#"(module
  (@custom "dylink" (before first) "\10\02\00\00\00")
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (func $relocate (i32.store offset=4 (global.get $base) (i32.add (global.get $base) (i32.const 4))))
  (func $construct (i32.store offset=8 (global.get $base) (i32.const 7)))
  {code}
  (func (export "right") (result i32)
    (i32.and
      (i32.eq (i32.load offset=4 (global.get $base)) (i32.add (global.get $base) (i32.const 4)))
      (i32.eq (i32.load offset=8 (global.get $base)) (i32.const 7)))))"#
    )
}

fn right(code: &str) -> u32 {
    let world = World::new(Api::linked(), Plt::Auto);
    world.put("old.so", &library(code));
    let id = world.open("old.so", Flags::default()).unwrap();
    let symbol = world.ns.dlsym(SearchIn::Object(id), "right").unwrap();
    let Symbol::Func { callee, .. } = symbol else {
        panic!("{symbol:?}")
    };
    let definition = callee.export().unwrap();
    let mut results = [Val::u32(0)];
    calls::export(&world.ns, definition, &[], &mut results).unwrap();
    results[0].as_u32().unwrap()
}

#[test]
fn emscriptens_function_relocates_and_constructs() {
    let code = r#"(func (export "__post_instantiate") (call $relocate) (call $construct))
        (export "__wasm_apply_relocs" (func $relocate))
        (func (export "__wasm_call_ctors") unreachable)"#;
    assert_eq!(right(code), 1);
    let alone = r#"(func (export "__post_instantiate") (call $relocate) (call $construct))"#;
    assert_eq!(right(alone), 1);
}

#[test]
fn relocations_and_constructors_by_themselves() {
    let code = r#"(export "__wasm_apply_relocs" (func $relocate))
        (export "__wasm_call_ctors" (func $construct))"#;
    assert_eq!(right(code), 1);
}

#[test]
fn data_that_nobody_would_relocate_are_refused() {
    let world = World::new(Api::linked(), Plt::Auto);
    world.put("old.so", &library(""));
    let error = world.open("old.so", Flags::default()).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported);
    assert!(error.to_string().contains("LLVM 13"), "{error}");
}
