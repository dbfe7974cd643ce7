//! The guest's stack pointer is after a trap what it was before the call.

use super::world::World;
use crate::engine::{Api, Func, Val};
use crate::error::{Code, Error};
use crate::link::{Flags, SearchIn, Symbol};
use crate::plan::{ObjectId, Plt};

/// Takes of the stack when it is loaded, and gives nothing back.
const TAKES: &str = r#"(module (@dylink.0 (mem-info))
  (import "env" "__stack_pointer" (global $sp (mut i32)))
  (func $take (export "take")
    (global.set $sp (i32.sub (global.get $sp) (i32.const 64))))
  (func (export "__wasm_call_ctors") (call $take))
  (func (export "take_and_trap") (call $take) unreachable))"#;

/// Has no stack, and opens what has.
const OPENS: &str = r#"(module (@dylink.0 (mem-info (memory 16 0)))
  (import "env" "memory" (memory 0))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
  (data (global.get $base) "takes.so\00")
  (func (export "trap") unreachable)
  (func (export "open_and_trap")
    (if (i32.eqz (call $dlopen (global.get $base) (i32.const 2))) (then (return)))
    unreachable))"#;

fn call(world: &World, id: ObjectId, name: &str) -> Result<(), Code> {
    try_call(world, id, name).map_err(|error| error.code())
}

/// What a call that traps says, on its first line.
fn told(world: &World, id: ObjectId, name: &str) -> String {
    try_call(world, id, name).unwrap_err().message().to_owned()
}

fn try_call(world: &World, id: ObjectId, name: &str) -> Result<(), Error> {
    let Symbol::Func { callee, .. } = world.ns.dlsym(SearchIn::Object(id), name).unwrap() else {
        panic!("{name} is no function");
    };
    let func = world.ns.func_ptr(callee).unwrap();
    // SAFETY: its namespace is alive.
    let func = unsafe { Func::lend(world.ns.store().api(), func) };
    let prepared = world.ns.prepare_call(&func).unwrap();
    prepared.call(&[], &mut [])
}

fn stack(world: &World) -> u32 {
    world.ns.stack_pointer().and_then(Val::as_u32).unwrap()
}

#[test]
fn also_where_no_object_had_it_when_the_call_began() {
    let world = World::new(Api::linked(), Plt::default());
    world.put("opens.so", OPENS);
    world.put("takes.so", TAKES);
    let opens = world.open("opens.so", Flags::default()).unwrap();
    let first = stack(&world);
    assert_eq!(call(&world, opens, "trap"), Err(Code::Trap));
    assert_eq!(stack(&world), first);
    assert_eq!(call(&world, opens, "open_and_trap"), Err(Code::Trap));
    assert_eq!(world.ns.object_count(), 2, "it was opened");
    assert_eq!(stack(&world), first);
    // From here on it is what it was before each call.
    let takes = world.open("takes.so", Flags::default()).unwrap();
    assert_eq!(call(&world, takes, "take"), Ok(()));
    assert_eq!(stack(&world), first - 64);
    assert_eq!(call(&world, takes, "take_and_trap"), Err(Code::Trap));
    assert_eq!(call(&world, opens, "trap"), Err(Code::Trap));
    assert_eq!(stack(&world), first - 64);
}

/// `deep` goes down the stack in steps of 4 KiB and writes there; `calls` only calls itself; `wild` writes where no memory is.
const RECURSES: &str = r#"(module (@dylink.0 (mem-info (memory 16 0)))
  (import "env" "memory" (memory 0))
  (import "env" "__stack_pointer" (global $sp (mut i32)))
  (func $deep (export "deep")
    (global.set $sp (i32.sub (global.get $sp) (i32.const 4096)))
    (i32.store (global.get $sp) (i32.const 1))
    (call $deep))
  (func $calls (export "calls") (call $calls) (call $calls))
  (func (export "wild") (i32.store (i32.const -16) (i32.const 1))))"#;

#[test]
fn overflows_of_both_stacks_are_called_so() {
    let world = World::new(Api::linked(), Plt::default());
    world.put("recurses.so", RECURSES);
    let id = world.open("recurses.so", Flags::default()).unwrap();
    let first = stack(&world);
    let told = |name: &str| told(&world, id, name);
    let deep = told("deep");
    assert!(
        deep.starts_with("stack overflow: the guest has used all 1,048,576 bytes of its stack, "),
        "{deep}"
    );
    assert_eq!(stack(&world), first);
    assert_eq!(
        told("calls"),
        "stack overflow: the guest's calls are nested deeper than the engine's stack allows (call stack exhausted)"
    );
    let wild = told("wild");
    assert!(
        wild.ends_with("out of bounds memory access") && !wild.contains("overflow"),
        "{wild}"
    );
}
