//! Snapshots of small modules: what is run, and what comes of a state.

use std::collections::BTreeSet;

use wasmparser::{ConstExpr, DataKind, Operator, Parser, Payload};

use super::{MAX_CONTENT, Point, Snapshot, State, fits};
use crate::error::{Code, Error};

/// A program as linking leaves it: an entry of two steps, and `_start` as crt1-command.o has it.
const PROGRAM: &str = r#"(module
  (import "wasi" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1 8)
  (table 1 funcref)
  (global $stack (export "__stack_pointer") (mut i32) (i32.const 1024))
  (global $count (mut i64) (i64.const 5))
  (global $ratio (mut f32) (f32.const 0.5))
  (global $wide (mut v128) (v128.const i64x2 1 2))
  (global $fixed i32 (i32.const 7))
  (func $library_constructs (i32.store (i32.const 2000) (i32.const 1)))
  (func $constructs (i32.store (i32.const 2004) (i32.const 1)))
  (func $main (result i32) (i32.load (i32.const 2000)))
  (func $ends)
  (func $start (local i32)
    block
      block
        i32.const 0
        i32.load
        br_if 0
        i32.const 0
        i32.const 1
        i32.store
        call $constructs
        call $main
        local.set 0
        call $ends
        local.get 0
        br_if 1
        return
      end
      unreachable
    end
    local.get 0
    call $exit
    unreachable)
  (func $entry (export "_start") call $library_constructs call $start)
  (func (export "warm"))
  (func (export "warm_int") (result i32) (i32.const 0))
  (func (export "warm_number") (param i32))
  (func (export "wasmdyld_snapshot") (result i32) (i32.const 0))
  (func (export "fflush") (param i32) (result i32) (i32.const 0))
  (func (export "__wasilibc_initialize_environ"))
  (func (export "drops") (data.drop 1))
  (elem (i32.const 0) func $main)
  (data (i32.const 64) "old")
  (data "passive")
  (data (i32.const 128) "old"))"#;

fn assembled(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("a module")
}

fn refused(text: &str, point: Point) -> Error {
    let bytes = assembled(text);
    let made = Snapshot::new(&bytes, point);
    made.err().expect("an error")
}

/// A state with two pieces of memory, beyond the module's first page.
fn resumed(bytes: &[u8], point: Point, answers: &[u64], hidden: &[&str]) -> Vec<u8> {
    let mut memory = vec![0; 2 * 65536];
    memory[2000] = 1;
    memory[70_000..70_003].copy_from_slice(b"new");
    let snapshot = Snapshot::new(bytes, point).unwrap();
    let state = State {
        memory: &memory,
        answers,
    };
    let hidden: BTreeSet<&str> = hidden.iter().copied().collect();
    snapshot.resumed(&state, &hidden).unwrap()
}

fn constant(expression: &ConstExpr<'_>) -> Operator<'static> {
    match expression.get_operators_reader().read().unwrap() {
        Operator::I32Const { value } => Operator::I32Const { value },
        Operator::I64Const { value } => Operator::I64Const { value },
        Operator::F32Const { value } => Operator::F32Const { value },
        Operator::V128Const { value } => Operator::V128Const { value },
        other => panic!("{other:?}"),
    }
}

/// The functions that are called in the body of a function, by its export.
fn calls(bytes: &[u8], name: &str) -> Vec<u32> {
    let (mut index, mut imported, mut bodies) = (None, 0, Vec::new());
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.unwrap() {
            Payload::ImportSection(imports) => imported = imports.count(),
            Payload::ExportSection(exports) => {
                let mut exports = exports.into_iter().map(Result::unwrap);
                index = exports.find(|export| export.name == name).map(|e| e.index);
            }
            Payload::CodeSectionEntry(body) => bodies.push(body),
            _ => {}
        }
    }
    let own = index.expect("an export") - imported;
    let operators = bodies[own as usize].get_operators_reader().unwrap();
    let calls = operators.into_iter().filter_map(|op| match op.unwrap() {
        Operator::Call { function_index } => Some(function_index),
        _ => None,
    });
    calls.collect()
}

fn exports(bytes: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::ExportSection(exports) = payload.unwrap() {
            names.extend(
                exports
                    .into_iter()
                    .map(|export| export.unwrap().name.to_string()),
            );
        }
    }
    names
}

#[test]
fn a_module_begins_with_the_state_and_goes_on_with_main() {
    let bytes = assembled(PROGRAM);
    let answers = [1, 0, u64::MAX, 0x3fc0_0000, 3, 4];
    let module = resumed(
        &bytes,
        Point::Constructed,
        &answers,
        &["__stack_pointer", "fflush"],
    );
    // environ, main, ends, exit: nothing that constructs.
    assert_eq!(calls(&module, "_start"), [12, 3, 4, 0]);
    let exports = exports(&module);
    assert!(
        !exports
            .iter()
            .any(|name| ["__stack_pointer", "fflush"].contains(&&**name))
    );
    assert!(exports.iter().any(|name| name == "warm"));
    let (mut globals, mut data) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(&module) {
        match payload.unwrap() {
            Payload::MemorySection(memories) => {
                let memory = memories.into_iter().next().unwrap().unwrap();
                assert_eq!((memory.initial, memory.maximum), (2, Some(8)));
            }
            Payload::GlobalSection(section) => {
                globals.extend(
                    section
                        .into_iter()
                        .map(|global| constant(&global.unwrap().init_expr)),
                );
            }
            Payload::DataSection(section) => {
                data.extend(section.into_iter().map(|segment| {
                    let segment = segment.unwrap();
                    let at = match &segment.kind {
                        DataKind::Passive => None,
                        DataKind::Active { offset_expr, .. } => Some(constant(offset_expr)),
                    };
                    (at, segment.data.to_vec())
                }));
            }
            _ => {}
        }
    }
    let [stack, count, ratio, wide, fixed] = &globals[..] else {
        panic!("{globals:?}");
    };
    assert!(matches!(stack, Operator::I32Const { value: 1024 }));
    assert!(matches!(count, Operator::I64Const { value: -1 }));
    assert!(matches!(ratio, Operator::F32Const { value } if value.bits() == 1.5f32.to_bits()));
    assert!(matches!(wide, Operator::V128Const { value } if value.i128() == (4 << 64) | 3));
    assert!(matches!(fixed, Operator::I32Const { value: 7 }));
    // Of the old segments those that code names keep their numbers.
    let at = |address| Some(Operator::I32Const { value: address });
    let expected = [
        (None, Vec::new()),
        (None, b"passive".to_vec()),
        (at(2000), vec![1]),
        (at(70_000), b"new".to_vec()),
    ];
    assert_eq!(format!("{data:?}"), format!("{expected:?}"));
}

#[test]
fn what_is_run_stops_where_main_would_be_called() {
    let bytes = assembled(PROGRAM);
    let run = |point| Snapshot::new(&bytes, point).unwrap().to_run().unwrap();
    // The entry is as it was; what it calls last is not.
    let module = run(Point::Constructed);
    assert_eq!(calls(&module, "_start"), [1, 5]);
    let exported = exports(&module);
    let questions = exported
        .iter()
        .filter(|name| name.starts_with("wasmdyld:snapshot."));
    assert_eq!(questions.count(), 2 + 4);
    run(Point::Called("warm".into()));
    run(Point::Called("warm_int".into()));
    // fflush.
    assert_eq!(calls(&run(Point::Ready), "wasmdyld_snapshot"), [11]);
}

#[test]
fn a_library_is_initialized_and_its_function_called() {
    let bytes = assembled(
        r#"(module
          (memory (export "memory") 1)
          (func (export "_initialize"))
          (func (export "fill"))
          (func (export "__wasilibc_initialize_environ")))"#,
    );
    let point = Point::Called("fill".into());
    let run = Snapshot::new(&bytes, point.clone())
        .unwrap()
        .to_run()
        .unwrap();
    assert_eq!(calls(&run, "_start"), [0, 1]);
    let module = resumed(&bytes, point.clone(), &[1, 0], &[]);
    assert_eq!(calls(&module, "_initialize"), [2]);
    let alone = assembled(
        r#"(module (memory (export "memory") 1) (func (export "_initialize")) (func (export "fill")))"#,
    );
    let module = resumed(&alone, point, &[1, 0], &["fill"]);
    assert_eq!(exports(&module), ["memory"]);
    let error = Snapshot::new(&alone, Point::Ready).err().expect("an error");
    assert!(error.message().contains("library"), "{error}");
}

#[test]
fn a_function_that_fails_is_told_apart_from_one_that_does_not_come_to_its_end() {
    let bytes = assembled(PROGRAM);
    let snapshot = Snapshot::new(&bytes, Point::Called("warm_int".into())).unwrap();
    assert!(snapshot.reached(&[1, 0]).unwrap());
    assert!(!snapshot.reached(&[0, 0]).unwrap());
    let error = snapshot.reached(&[1, u64::from(u32::MAX)]).unwrap_err();
    assert!(
        error.message().contains("warm_int has returned -1"),
        "{error}"
    );
}

#[test]
fn what_no_snapshot_can_be_made_of() {
    let called = |name: &str| Point::Called(name.into());
    assert_eq!(refused(PROGRAM, called("nobody")).code(), Code::NotFound);
    assert_eq!(
        refused(PROGRAM, called("warm_number")).code(),
        Code::TypeMismatch
    );
    let cases = [
        (
            r#"(memory 1) (table 1 funcref) (func (table.set (i32.const 0) (ref.null func)))"#,
            "changes a table",
        ),
        (r#"(import "a" "b" (memory 1))"#, "imports its memory"),
        (
            r#"(memory 1) (import "a" "b" (global (mut i32)))"#,
            "imports the global",
        ),
        (
            r#"(memory 1) (global (mut funcref) (ref.null func))"#,
            "holds references",
        ),
        (r#"(memory 1) (memory 1)"#, "one memory"),
        (r#"(memory 1 2 shared)"#, "one memory"),
        (
            r#"(memory 1) (func (export "_start"))"#,
            "calls no function",
        ),
        (
            r#"(memory 1) (func $a (result i32) (i32.const 0)) (func (export "_start") call $a drop call $a drop)"#,
            "calls several",
        ),
        (
            r#"(memory 1) (func $a (result i32) (i32.const 0)) (func (export "_start") (loop call $a drop))"#,
            "work in progress",
        ),
        (
            r#"(memory 1) (func $a (result i32) (i32.const 0)) (func (export "_start") (local i32)
              (local.set 0 (i32.const 1)) call $a drop (drop (local.get 0)))"#,
            "work in progress",
        ),
        (
            r#"(memory 1) (func $a (result i32) (i32.const 0)) (func (export "_start") (i32.store (i32.const 4) (call $a)))"#,
            "work in progress",
        ),
        (
            r#"(memory 1) (func (export "wasmdyld:snapshot.0"))"#,
            "exports wasmdyld:snapshot.0",
        ),
    ];
    for (text, why) in cases {
        // Imports come first in a module.
        let text = match text.strip_prefix("(memory 1) (import") {
            Some(rest) => format!("(module (import{rest} (memory 1))"),
            None => format!("(module {text})"),
        };
        let error = refused(&text, Point::Constructed);
        assert_eq!(error.code(), Code::Unsupported, "{error}");
        assert!(error.message().contains(why), "{error}");
    }
}

#[test]
fn memory_that_no_engine_would_take_is_told_with_its_size() {
    fits(MAX_CONTENT).unwrap();
    let error = fits(MAX_CONTENT + 1).unwrap_err();
    assert_eq!(error.code(), Code::Limit);
    for size in [MAX_CONTENT, MAX_CONTENT + 1] {
        assert!(error.message().contains(&size.to_string()), "{error}");
    }
}
