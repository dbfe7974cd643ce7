//! Backtraces on the bundled engine, which tells all that can be told.

use std::sync::Arc;

use super::world::World;
use crate::config::Config;
use crate::control::Mode;
use crate::engine::{Api, HostTrap, Trap, Val};
use crate::error::{Code, Error, Frame};
use crate::link::Flags;
use crate::object::FuncType;
use crate::plan::{ObjectId, Plt};

fn world(plt: Plt) -> World {
    World::new(Api::linked(), plt)
}

/// Calls an exported function of no parameters, which traps.
fn trap(world: &World, object: ObjectId, name: &str) -> Error {
    let export = world.ns.state().model.nodes[&object]
        .found
        .object
        .position(name);
    let export = export.unwrap();
    let definition = crate::plan::Definition { object, export };
    super::super::calls::export(&world.ns, definition, &[], &mut []).unwrap_err()
}

fn lines(error: &Error) -> Vec<String> {
    let names = |frame: &Frame| {
        format!(
            "{}: {}",
            frame.object.as_deref().unwrap_or("?"),
            frame.function.as_deref().unwrap_or("?")
        )
    };
    error.frames().iter().map(names).collect()
}

#[test]
fn names_are_those_of_the_name_section_or_exports_and_demangled() {
    let world = world(Plt::Auto);
    world.put(
        "lib.so",
        r#"(module $other_name
            (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
            (func $_ZN5shape6Circle4areaEv unreachable)
            (func (export "f") call $_ZN5shape6Circle4areaEv))"#,
    );
    let lib = world.open("lib.so", Flags::default()).unwrap();
    let error = trap(&world, lib, "f");
    assert_eq!(error.code(), Code::Trap);
    assert_eq!(error.message(), "wasm `unreachable` instruction executed");
    assert_eq!(
        lines(&error),
        ["lib.so: shape::Circle::area()", "lib.so: f"]
    );
    assert_eq!(
        error.to_string(),
        "wasm `unreachable` instruction executed\n   0: lib.so: shape::Circle::area()+0x1\n   1: lib.so: f+0x1"
    );
}

#[test]
fn calls_by_bad_pointers_are_told_in_the_words_of_c() {
    let world = world(Plt::Auto);
    world.put(
        "lib.so",
        r#"(module
            (@dylink.0 (mem-info (memory 0 0) (table 1 0)))
            (import "env" "__indirect_function_table" (table 1 funcref))
            (import "env" "__table_base" (global $slots i32))
            (func $number (param i32))
            (elem (global.get $slots) $number)
            (type $plain (func))
            (func (export "null") (call_indirect (type $plain) (i32.const 0)))
            (func (export "mistyped") (call_indirect (type $plain) (global.get $slots)))
            (func (export "none") (call_indirect (type $plain) (i32.const -1))))"#,
    );
    let lib = world.open("lib.so", Flags::default()).unwrap();
    let told = |name| trap(&world, lib, name).message().to_owned();
    assert_eq!(
        told("null"),
        "call of a null function pointer, or of one whose library is gone (uninitialized element)"
    );
    assert_eq!(
        told("mistyped"),
        "call of a function pointer whose function has another type (indirect call type mismatch)"
    );
    assert!(told("none").starts_with("call of a function pointer that is none (undefined element"));
}

/// Calls that go wrong, by pointers from everywhere.
const CALLS: &str = r#"(module
  (@dylink.0 (mem-info (memory 16 2) (table 1 0)) (needed "libmath.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__table_base" (global $slots i32))
  (import "env" "__stack_pointer" (global $sp (mut i32)))
  (import "GOT.func" "_Z6squareii" (global $square (mut i32)))
  (import "GOT.func" "one" (global $itself (mut i32)))
  (type $wanted (func (param i32) (result i32)))
  (func $secret (param f64))
  (elem (global.get $slots) $secret)
  (func (export "__wasm_call_ctors") (i32.store (global.get $base) (global.get $square)))
  (func (export "variable")
    (drop (call_indirect (type $wanted) (i32.const 1) (i32.load (global.get $base)))))
  (func (export "hidden") (drop (call_indirect (type $wanted) (i32.const 1) (global.get $slots))))
  (func (export "null") (drop (call_indirect (type $wanted) (i32.const 1) (i32.load offset=4 (global.get $base)))))
  (func (export "wild") (drop (call_indirect (type $wanted) (i32.const 1) (i32.const -1))))
  (func (export "on_the_stack") (local $frame i32)
    (local.set $frame (i32.sub (global.get $sp) (i32.const 32)))
    (global.set $sp (local.get $frame))
    (i32.store offset=8 (local.get $frame) (global.get $square))
    (drop (call_indirect (type $wanted) (i32.const 1) (i32.load offset=8 (local.get $frame))))
    (global.set $sp (i32.add (local.get $frame) (i32.const 32))))
  (func $pass (param $pointer i32) (drop (call_indirect (type $wanted) (i32.const 1) (local.get $pointer))))
  (func (export "parameter") (call $pass (global.get $square)))
  ;; The variable holds something else by then, of the right type.
  (func $one (export "one") (param i32) (result i32) (i32.const 1))
  (func $overwritten (param $pointer i32) (local $was i32)
    (local.set $was (i32.load (global.get $base)))
    (i32.store (global.get $base) (global.get $itself))
    (drop (call_indirect (type $wanted) (i32.const 1) (local.get $was))))
  (func (export "changed") (call $overwritten (i32.const 0))))"#;

const MATH: &str = r#"(module (@dylink.0 (mem-info))
  (func (export "_Z6squareii") (param i32 i32) (result i32) (i32.const 0)))"#;

#[test]
fn both_types_of_a_bad_pointer_are_told_where_they_can_be() {
    let folder = std::env::temp_dir().join(format!("wasmdyld-pointers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in [("libcalls.so", CALLS), ("libmath.so", MATH)] {
        std::fs::write(folder.join(name), wat::parse_str(text).unwrap()).unwrap();
    }
    let mut config = crate::config::Config::default();
    config.search.library_paths.push(folder.clone());
    let world = World::of_files(&crate::engine::EngineOptions::default(), config);
    let lib = world.open("libcalls.so", Flags::default()).unwrap();
    let told = |name| trap(&world, lib, name).message().to_owned();
    let caller = "the caller takes it for a function of type (i32) -> i32";
    let mistyped = "call of a function pointer whose function has another type: ";
    let square =
        format!("is square(int, int) of libmath.so, of type (i32, i32) -> i32; {caller} (indirect");
    for name in ["variable", "on_the_stack"] {
        let told = told(name);
        assert!(told.starts_with(&format!("{mistyped}in slot ")), "{told}");
        assert!(told.contains(&square), "{told}");
    }
    let hidden = told("hidden");
    assert!(
        hidden.contains("is function 0 of libcalls.so, of type (f64) -> ()"),
        "{hidden}"
    );
    for name in ["parameter", "changed"] {
        assert!(
            told(name).starts_with(&format!("{mistyped}{caller} (")),
            "{}",
            told(name)
        );
    }
    assert!(
        told("null").contains(&format!("is gone: its value is 0; {caller} (")),
        "{}",
        told("null")
    );
    let wild = told("wild");
    assert!(
        wild.starts_with(
            "call of a function pointer that is none: its value is 4294967295, and there are "
        ),
        "{wild}"
    );
    // A file that is another one by now says nothing.
    let text = CALLS.replacen(
        "(func $secret (param f64))",
        "(func $secret (param f64) nop nop)",
        1,
    );
    std::fs::write(folder.join("libcalls.so"), wat::parse_str(text).unwrap()).unwrap();
    assert_eq!(
        told("null"),
        "call of a null function pointer, or of one whose library is gone (uninitialized element)"
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

/// `first` is a function that is checked where it is entered as well, and what fills in pieces stands between both and what asks for them.
const STOPPED: &str = r#"(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "stop" (func $stop))
  (func (export "first") (param i32) (call 1 (local.get 0)))
  (func NAME (param i32)
    (memory.fill (local.get 0) (local.get 0) (local.get 0))
    (call 2 (local.get 0)))
  (func (export "outer") (call $stop) (call 2 (i32.const 0))))"#;

#[test]
fn a_guest_that_is_stopped_as_it_enters_a_function_is_in_that_function() {
    for (name, shown) in [("$inner", "lib.so: inner"), ("", "lib.so: ?")] {
        let config = Config {
            control: Mode::Interrupt,
            ..Config::default()
        };
        let world = World::with(Api::linked(), config);
        let signal = world.ns.control().signal().clone();
        let stop = move |_: usize, _: &[Val], _: &mut [Val]| {
            signal.interrupt();
            Ok(())
        };
        let defined =
            (world.ns).define_func("env", "stop", FuncType::default(), Arc::new(stop), false);
        defined.unwrap();
        world.put("lib.so", &STOPPED.replace("NAME", name));
        let lib = world.open("lib.so", Flags::default()).unwrap();
        let error = trap(&world, lib, "outer");
        assert_eq!(error.code(), Code::Interrupted);
        assert_eq!(lines(&error), [shown, "lib.so: outer"]);
        assert_eq!(error.frames()[0].index, 2);
    }
}

#[test]
fn a_stub_is_shown_where_it_is_what_trapped_and_nowhere_else() {
    let world = world(Plt::Wasm);
    world.put(
        "a.so",
        r#"(module
            (@dylink.0 (mem-info (memory 0 0) (table 0 0)) (needed "b.so"))
            (import "env" "b" (func $b))
            (func (export "a") call $b))"#,
    );
    world.put(
        "b.so",
        r#"(module
            (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
            (func (export "b") unreachable))"#,
    );
    let a = world.open("a.so", Flags::default()).unwrap();
    assert_eq!(lines(&trap(&world, a, "a")), ["b.so: b", "a.so: a"]);
    // Whoever empties the slot breaks the call.
    {
        let state = world.ns.state();
        let slot = *state.model.slots.values().next().unwrap();
        let table = &state.space().unwrap().table;
        table.set_null(slot as u32);
    }
    assert_eq!(lines(&trap(&world, a, "a")), ["wasmdyld: stub", "a.so: a"]);
}

#[test]
fn offsets_of_a_fixed_main_are_those_of_its_file() {
    let world = world(Plt::Auto);
    let text = r#"(module
        (memory (export "memory") 1)
        (table (export "__indirect_function_table") 1 funcref)
        (global (export "__stack_pointer") (mut i32) (i32.const 4096))
        (func (export "_start") nop unreachable))"#;
    let main = world.program(text);
    let moved = world.ns.state().model.nodes[&main].found.object.code_moved;
    assert_ne!(moved, 0);
    let error = trap(&world, main, "_start");
    let [frame] = error.frames() else {
        panic!("{error}");
    };
    let bytes = wat::parse_str(text).unwrap();
    assert_eq!(bytes[frame.offset.unwrap() as usize], 0x00);
    assert_eq!(bytes[frame.offset.unwrap() as usize - 1], 0x01);
}

#[test]
fn an_error_that_becomes_a_trap_keeps_its_frames() {
    let world = world(Plt::Auto);
    world.put(
        "lib.so",
        r#"(module
            (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
            (func (export "f") unreachable))"#,
    );
    let lib = world.open("lib.so", Flags::default()).unwrap();
    let inner = trap(&world, lib, "f").context("doing something");
    let text = "doing something: wasm `unreachable` instruction executed";
    let HostTrap::Message(said) = world.ns.as_trap(&inner) else {
        panic!("a trap of another kind");
    };
    assert_eq!(said, text);
    let outer = |why: &str| {
        let trap = Trap::new(world.ns.store(), why).unwrap();
        world.ns.trap_error(&trap, &[])
    };
    assert_eq!(lines(&outer(text)), ["lib.so: f"]);
    // What a host function has kept to itself is not for the next trap.
    let _ = world.ns.as_trap(&inner);
    assert_eq!(lines(&outer("something else")), [""; 0]);
    assert_eq!(lines(&outer(text)), [""; 0]);
}

#[test]
fn of_many_frames_the_middle_is_left_out() {
    let frame = |index| Frame {
        object: Some("a.so".to_string()),
        function: None,
        index,
        offset: None,
        in_function: None,
        source: Some("a.c:1".to_string()),
    };
    let error = Error::trap("why", (0..100).map(frame).collect());
    assert_eq!(error.frames().len(), 64);
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1 + 64 + 1);
    assert_eq!(lines[48], "  47: a.so: function 47 (at a.c:1)");
    assert_eq!(lines[49], "     ... 36 more");
    assert_eq!(lines[50], "  84: a.so: function 84 (at a.c:1)");
    assert_eq!(lines[65], "  99: a.so: function 99 (at a.c:1)");
}
