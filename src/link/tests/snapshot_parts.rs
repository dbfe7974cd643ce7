//! Snapshots of a program that is one module of several objects (`link --dynamic`): what is put back, also where more has been loaded beside it, and
//! books that say other things of the objects than the module does.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;

use super::snapshot::altered;
use super::world::World;
use crate::config::Config;
use crate::control::Mode;
use crate::engine::{Api, HostFunc, Val};
use crate::error::{Code, Result};
use crate::fuse::tests::shelf::Shelf;
use crate::fuse::{Options, fuse};
use crate::link::{Flags, HostValue, SearchIn, Source, Symbol, calls};
use crate::object::{ExternType, FuncType, ValType};
use crate::plan::{FuncId, Identity, ObjectId, Precedence};
use crate::state::{Books, Snapshot, decode, encode, sealed};

/// Counts in a global of its own, in the library's memory, and in what it has changed a GOT entry to; calls the host through the table.
const MAIN: &str = r#"(module
  (@dylink.0 (mem-info (memory 8 2) (table 1 0)) (needed "libadd.so"))
  (type $told (func (param i32) (result i32)))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__table_base" (global $table i32))
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "memory" (memory 1))
  (import "env" "add" (func $add (param i32) (result i32)))
  (import "env" "twice" (func $twice (param i32) (result i32)))
  (import "GOT.func" "add" (global $slot (mut i32)))
  (import "GOT.func" "twice" (global $host (mut i32)))
  (import "GOT.mem" "datum" (global $datum (mut i32)))
  (global $own (mut i64) (i64.const 1))
  (func (export "_start"))
  (func (export "__wasm_call_ctors") (global.set $own (i64.const 100)))
  (func $third (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
  (func (export "step") (result i32)
    (global.set $own (i64.add (global.get $own) (i64.const 1)))
    (global.set $datum (i32.add (global.get $datum) (i32.const 4)))
    (i32.store (global.get $base) (i32.add (i32.load (global.get $base)) (i32.const 10)))
    (drop (call $add (i32.const 5)))
    (call $sum))
  (func $sum (export "sum") (result i32)
    (i32.add (i32.add (i32.wrap_i64 (global.get $own)) (i32.load (global.get $base))) (global.get $datum)))
  (func (export "total") (result i32)
    (i32.add
      (i32.add
        (call_indirect (type $told) (i32.const 0) (global.get $slot))
        (call_indirect (type $told) (i32.const 1000) (global.get $host)))
      (i32.add (call $twice (i32.const 10000)) (call_indirect (type $told) (i32.const 100000) (global.get $table)))))
  (func (export "crash") (result i32) (i32.store (global.get $base) (i32.const 0)) unreachable)
  (elem (global.get $table) func $third)
  (data (global.get $base) "\07\00\00\00"))"#;

/// Adds up in its memory, and in a global of its own.
const ADD: &str = r#"(module
  (@dylink.0 (mem-info (memory 16 2) (table 0 0)))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "memory" (memory 1))
  (global $times (mut i32) (i32.const 0))
  (global (export "datum") i32 (i32.const 8))
  (func (export "add") (param i32) (result i32)
    (global.set $times (i32.add (global.get $times) (i32.const 1)))
    (i32.store (global.get $base) (i32.add (i32.load (global.get $base)) (local.get 0)))
    (i32.add (i32.load (global.get $base)) (i32.shl (global.get $times) (i32.const 8))))
  (data (global.get $base) "\01\00\00\00"))"#;

/// Uses what the program's module has.
const MORE: &str = r#"(module
  (@dylink.0 (mem-info (memory 4 2) (table 0 0)) (needed "libadd.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "add" (func $add (param i32) (result i32)))
  (func (export "more") (result i32)
    (i32.store (global.get $base) (i32.add (i32.load (global.get $base)) (i32.const 1)))
    (i32.add (i32.load (global.get $base)) (call $add (i32.const 1)))))"#;

fn twice() -> Arc<FuncType> {
    Arc::new(FuncType {
        params: vec![ValType::I32],
        results: vec![ValType::I32],
    })
}

/// The program and its library as one module.
fn module() -> Vec<u8> {
    let mut shelf = Shelf::default();
    for (name, text) in [("main.wasm", MAIN), ("libadd.so", ADD)] {
        let bytes = wat::parse_str(text).expect("a module");
        shelf.put(name, &bytes, name == "main.wasm").unwrap();
    }
    let def = crate::plan::HostDef {
        ty: ExternType::Func(twice()),
        precedence: Precedence::Behind,
    };
    shelf.model.host.define("env", "twice", def);
    let options = Options {
        dynamic: true,
        ..Options::hosted()
    };
    let fused = shelf.plan_with(&Config::default(), "main.wasm", |world| {
        fuse(world, &options)
    });
    fused.unwrap().bytes
}

/// A namespace in which the host has its function, and how often that was called.
fn empty(control: Mode) -> (World, Rc<Cell<u32>>) {
    let config = Config {
        control,
        snapshots: true,
        ..Config::default()
    };
    let world = World::with(Api::linked(), config);
    world.put("more.so", MORE);
    let called = Rc::new(Cell::new(0));
    let (count, store) = (called.clone(), world.ns.store());
    let make = move || {
        let count = count.clone();
        let body = move |args: &[Val], results: &mut [Val]| {
            count.set(count.get() + 1);
            results[0] = Val::u32(2 * args[0].as_u32().unwrap());
            Ok(())
        };
        HostFunc::new(store, &twice(), Box::new(body))
    };
    let value = HostValue::Func(OnceCell::new(), Box::new(make));
    let ty = ExternType::Func(twice());
    let defined = world
        .ns
        .define("env", "twice", value, ty, Precedence::Behind);
    defined.unwrap();
    (world, called)
}

fn load(world: &World, bytes: &[u8]) -> Result<ObjectId> {
    let flags = Flags {
        main: true,
        ..Flags::default()
    };
    let program = Source::Bytes {
        name: "main.wasm".to_string(),
        bytes: bytes.to_vec(),
    };
    world.ns.load(program, flags)
}

fn more(world: &World) {
    let flags = Flags {
        global: true,
        ..Flags::default()
    };
    world.open("more.so", flags).unwrap();
}

/// With the program loaded and stepped, and a library beside it.
fn stepped(control: Mode) -> World {
    let (world, _) = empty(control);
    load(&world, &module()).unwrap();
    for _ in 0..3 {
        call(&world, "step").unwrap();
    }
    more(&world);
    call(&world, "more").unwrap();
    world
}

fn call(world: &World, name: &str) -> Result<u32> {
    let Symbol::Func { callee, .. } = world.ns.dlsym(SearchIn::Global, name)? else {
        panic!("{name} is no function");
    };
    let mut results = [Val::u32(0)];
    calls::export(&world.ns, callee.export().unwrap(), &[], &mut results)?;
    Ok(results[0].as_u32().unwrap())
}

/// All that the program tells of its state. Only what is called last changes it.
fn values(world: &World) -> [u32; 3] {
    ["sum", "total", "more"].map(|name| call(world, name).unwrap())
}

#[test]
fn a_program_of_several_objects_is_put_back() {
    for control in [Mode::Off, Mode::Budget] {
        let world = stepped(control);
        let snapshot = world.ns.snapshot(false).unwrap();
        let names = snapshot.books.objects.iter().map(|object| &*object.name);
        let names: Vec<&str> = names.collect();
        assert_eq!(names, ["main.wasm", "libadd.so", "more.so"]);
        let then = values(&world);
        call(&world, "step").unwrap();
        assert!(call(&world, "crash").is_err());
        assert_ne!(values(&world), then);
        world.ns.restore(&snapshot).unwrap();
        assert_eq!(values(&world), then);
        let read = decode(&encode(&snapshot).unwrap()).unwrap();
        for snapshot in [&snapshot, &read, &read] {
            let (fork, called) = empty(control);
            fork.ns.restore(snapshot).unwrap();
            assert_eq!(called.get(), 0);
            assert_eq!(values(&fork), then, "{control:?}");
            // By the program's own import and through the slot that its module has filled.
            assert_eq!(called.get(), 2);
            fork.ns.restore(snapshot).unwrap();
            assert_eq!(fork.ns.snapshot(false).unwrap().books, snapshot.books);
            assert_eq!(values(&fork), then);
            assert_eq!(fork.ns.object_count(), 3);
        }
    }
}

/// Two loads, and none of the second is there when the first is put back.
#[test]
fn what_came_beside_it_goes() {
    let (world, _) = empty(Mode::Off);
    load(&world, &module()).unwrap();
    call(&world, "step").unwrap();
    let snapshot = world.ns.snapshot(false).unwrap();
    let then = call(&world, "total").unwrap();
    more(&world);
    call(&world, "more").unwrap();
    world.ns.restore(&snapshot).unwrap();
    assert_eq!(world.ns.object_count(), 2);
    assert!(call(&world, "more").is_err());
    assert_eq!(call(&world, "total").unwrap(), then);
    let (fork, _) = empty(Mode::Off);
    fork.ns.restore(&snapshot).unwrap();
    assert_eq!(call(&fork, "total").unwrap(), then);
    more(&fork);
    assert_eq!(call(&fork, "more").unwrap() & 0xff, 8);
}

/// A namespace with another program in the place of this one has none of its objects.
#[test]
fn another_module_of_objects_with_the_same_names_is_another_program() {
    let snapshot = stepped(Mode::Off).ns.snapshot(false).unwrap();
    let (world, _) = empty(Mode::Off);
    let mut other = module();
    // A custom section without anything.
    other.extend([0, 2, 1, b'x']);
    load(&world, &other).unwrap();
    more(&world);
    let error = world.ns.restore(&snapshot).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    assert!(error.to_string().contains("main.wasm"), "{error}");
}

/// Books that say of the objects what the module does not.
#[test]
fn lists_of_objects_that_contradict_the_module_are_refused() {
    let snapshot = stepped(Mode::Off).ns.snapshot(false).unwrap();
    type Change = (&'static str, fn(&mut Books, &mut Vec<crate::state::Module>));
    let changes: [Change; 14] = [
        ("a part that is a file", |books, _| {
            books.objects[1].identity = Identity::Host(b"libadd.so".to_vec())
        }),
        ("a file that is a part", |books, _| {
            books.objects[2].identity = Identity::Part(b"more.so".to_vec())
        }),
        ("a program that is a part", |books, _| {
            books.objects[0].identity = Identity::Part(b"libadd.so".to_vec())
        }),
        ("a part of another name", |books, _| {
            books.objects[1].identity = Identity::Part(b"libsub.so".to_vec())
        }),
        ("an object of another name", |books, _| {
            books.objects[1].name = "libsub.so".to_string()
        }),
        ("a place that is another", |books, _| {
            books.objects[1].node.place.memory_base += 16
        }),
        ("another place of the program's", |books, _| {
            books.objects[0].node.place.memory_base += 16
        }),
        ("slots that are others", |books, _| {
            books.objects[0].node.place.table_base += 1
        }),
        ("a part that can go", |books, _| {
            books.objects[1].node.nodelete = false
        }),
        ("no part", |books, modules| {
            books.objects.remove(1);
            modules.remove(1);
            books.model.loaded.retain(|id| *id != ObjectId(1));
            books.model.global.retain(|id| *id != ObjectId(1));
            books.model.names.retain(|(_, id)| *id != ObjectId(1));
            for object in &mut books.objects {
                object.needed.retain(|id| *id != ObjectId(1));
                object.node.uses.retain(|id| *id != ObjectId(1));
            }
            let of = |id: &FuncId| {
                matches!(
                    id,
                    FuncId::Object {
                        object: ObjectId(1),
                        ..
                    }
                )
            };
            books.model.slots.retain(|(id, _)| !of(id));
        }),
        ("no program", |books, _| {
            books.objects[0].main = false;
            books.model.main = None;
        }),
        ("a part before its program", |books, _| {
            books.batches[0].order.reverse()
        }),
        ("a module that has no objects", |_, modules| {
            let bytes = wat::parse_str(MAIN).unwrap();
            modules[0].key = crate::engine::ModuleKey::of(&bytes);
            modules[0].bytes = bytes.into();
        }),
        ("no globals", |books, _| books.objects[0].globals.clear()),
    ];
    for (what, change) in changes {
        let mut books = snapshot.books.clone();
        let mut modules = snapshot.modules.clone();
        change(&mut books, &mut modules);
        let forged = Snapshot::new(books, modules, snapshot.memory.clone());
        let (world, _) = empty(Mode::Off);
        let error = world.ns.restore(&forged).expect_err(what);
        assert_eq!(error.code(), Code::Malformed, "{what}: {error}");
        assert_eq!(world.ns.object_count(), 0);
        world.ns.restore(&snapshot).unwrap();
    }
}

/// Restores changed bytes, and tells whether that worked.
fn survives(bytes: &[u8], program: &[u8]) -> bool {
    let Ok(snapshot) = decode(bytes) else {
        return false;
    };
    let (world, _) = empty(Mode::Off);
    match world.ns.restore(&snapshot) {
        Ok(()) => {
            // The guest may do anything.
            for name in ["sum", "total", "step", "more"] {
                let _ = call(&world, name);
            }
            let _ = world.ns.snapshot(false);
            let _ = world.ns.finish();
            true
        }
        Err(error) => {
            assert_ne!(error.code(), Code::Internal, "{error}");
            load(&world, program).unwrap();
            false
        }
    }
}

/// Every byte of the books, and of the section of the module that lists its objects.
#[test]
fn bytes_that_were_changed_do_no_harm() {
    let program = module();
    let bytes = encode(&stepped(Mode::Off).ns.snapshot(false).unwrap()).unwrap();
    let body = &bytes[..bytes.len() - 32];
    assert!(survives(&sealed(body.to_vec()), &program));
    let head = u32::from_le_bytes(body[12..16].try_into().unwrap()) as usize;
    let name = crate::abi::OBJECTS.as_bytes();
    let list = body.windows(name.len()).position(|at| at == name).unwrap();
    let mut worked = 0;
    for at in (12..16 + head).chain(list..list + 180) {
        let mut changed = body.to_vec();
        changed[at] = altered(changed[at], at);
        worked += usize::from(survives(&sealed(changed), &program));
    }
    assert!(worked > 0);
}
