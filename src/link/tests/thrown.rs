//! Exceptions that nobody catches, in a memory where anything may stand. What a real runtime leaves there is in tests/uncaught.rs.

use std::fmt::Write;

use super::super::calls;
use super::world::World;
use crate::engine::Api;
use crate::error::{Code, Error};
use crate::link::Flags;
use crate::plan::{Definition, Plt};

/// Where the header is, behind the library's own data, and what else is there.
const HEADER: u32 = 64;
const TYPE: u32 = 128;
const TABLE: u32 = 256;
const KIND: u32 = 320;
const KIND_NAME: u32 = 400;
const NAME: u32 = 480;

/// Puts words, relative to the library's data where they are addresses, and throws the address of the header.
fn throws(words: &[(u32, u32, bool)], kind: &str, header: &str) -> Error {
    let mut stores = String::new();
    for &(at, value, address) in words {
        let value = match address {
            true => format!("(i32.add (global.get $base) (i32.const {value}))"),
            false => format!("(i32.const {})", value.cast_signed()),
        };
        writeln!(stores, "(i32.store offset={at} (global.get $base) {value})").unwrap();
    }
    let world = World::new(Api::linked(), Plt::default());
    world.put(
        "lib.so",
        &format!(
            r#"(module (@dylink.0 (mem-info (memory 8192 4)))
              (import "env" "memory" (memory 1))
              (import "env" "__memory_base" (global $base i32))
              (import "env" "__cpp_exception" (tag $cpp (param i32)))
              (data (i32.add (global.get $base) (i32.const {KIND_NAME})) "{kind}\00")
              (data (i32.add (global.get $base) (i32.const {NAME})) "4Loop\00")
              (func (export "f") {stores} (throw $cpp {header})))"#
        ),
    );
    let lib = world.open("lib.so", Flags::default()).unwrap();
    let export = world.ns.state().model.nodes[&lib]
        .found
        .object
        .position("f");
    let definition = Definition {
        object: lib,
        export: export.unwrap(),
    };
    let error = calls::export(&world.ns, definition, &[], &mut []).unwrap_err();
    assert_eq!(error.code(), Code::Trap);
    // A second one is told in the same way: nothing is left of the first.
    let again = calls::export(&world.ns, definition, &[], &mut []).unwrap_err();
    assert_eq!(error.to_string(), again.to_string());
    error
}

const OURS: &str = "(i32.add (global.get $base) (i32.const 64))";

/// The class of LLVM's C++ exceptions, and the type.
const CLASS: [(u32, u32, bool); 3] = [
    (HEADER, 0x432b_2b00, false),
    (HEADER + 4, 0x434c_4e47, false),
    (HEADER - 48, TYPE, true),
];

/// A type with a name, of the kind that has one.
const NAMED: [(u32, u32, bool); 4] = [
    (TYPE, TABLE, true),
    (TYPE + 4, NAME, true),
    (TABLE - 4, KIND, true),
    (KIND + 4, KIND_NAME, true),
];

#[test]
fn what_is_not_of_c_plus_plus_is_an_exception_and_no_more() {
    for header in [OURS, "(i32.const -8)", "(i32.const -1)", "(i32.const 0)"] {
        let error = throws(&[], "", header);
        assert_eq!(
            error.message(),
            "uncaught exception (thrown Wasm exception)"
        );
    }
    // A type that is nowhere.
    let mut words = CLASS.to_vec();
    words[2] = (HEADER - 48, 0xffff_fff0, false);
    let error = throws(&words, "", OURS);
    assert_eq!(
        error.message(),
        "uncaught exception (thrown Wasm exception)"
    );
}

#[test]
fn a_type_that_is_its_own_base_has_an_end() {
    let one = [&CLASS[..], &NAMED, &[(TYPE + 8, TYPE, true)]].concat();
    let error = throws(&one, crate::abi::CXX_ONE_BASE, OURS);
    assert_eq!(error.message(), "uncaught C++ exception Loop");
    // As many as it says, all virtual, and all itself.
    let mut many = [&CLASS[..], &NAMED, &[(TYPE + 12, u32::MAX, false)]].concat();
    for n in 0..64 {
        many.push((1024 + 8 * n, TYPE, true));
    }
    let error = throws(&many, crate::abi::CXX_BASES, OURS);
    assert_eq!(error.message(), "uncaught C++ exception Loop");
}
