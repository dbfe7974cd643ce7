//! Snapshots from inside: modules that keep things to themselves, all ways of calling, and bytes that were made to do harm.

use super::world::World;
use crate::config::Config;
use crate::control::Mode;
use crate::engine::{Api, Val};
use crate::error::{Code, Result};
use crate::link::{Flags, Party, SearchIn, Source, Symbol, calls};
use crate::plan::{Bind, KeptNode, ObjectId, Plt};
use crate::state::{Snapshot, decode, encode, sealed};

fn world(plt: Plt, control: Mode) -> World {
    let config = Config {
        plt,
        control,
        snapshots: true,
        ..Config::default()
    };
    World::with(Api::linked(), config)
}

fn call(world: &World, name: &str, args: &[Val]) -> Result<u32> {
    let Symbol::Func { callee, .. } = world.ns.dlsym(SearchIn::Global, name)? else {
        panic!("{name} is no function");
    };
    let mut results = [Val::u32(0)];
    calls::export(&world.ns, callee.export().unwrap(), args, &mut results)?;
    Ok(results[0].as_u32().unwrap())
}

/// Counts in globals of all kinds that it keeps to itself, in its start function, in constructors, and in another library.
const OWN: &str = r#"(module
  (@dylink.0 (mem-info (memory 0 0) (table 1 0)) (needed "other.so"))
  (import "env" "__memory_base" (global i32))
  (import "env" "__table_base" (global $table i32))
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "memory" (memory 1))
  (import "env" "add" (func $add (param i32) (result i32)))
  (import "GOT.func" "add" (global $slot (mut i32)))
  (global $a (mut i32) (i32.const 1))
  (global $fixed i32 (i32.const 3))
  (global $b (mut i64) (i64.const -2))
  (global $c (mut f32) (f32.const 0.5))
  (global $d (mut f64) (f64.const 1e300))
  (type $t (func (param i32) (result i32)))
  (func $start (global.set $a (i32.add (global.get $a) (i32.const 100))))
  (func (export "__wasm_call_ctors") (global.set $a (i32.add (global.get $a) (i32.const 1000))))
  (func $own (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  (func (export "step") (result i32)
    (global.set $a (i32.add (global.get $a) (i32.const 1)))
    (global.set $b (i64.sub (global.get $b) (i64.const 5000000000)))
    (global.set $c (f32.mul (global.get $c) (f32.const 0.5)))
    (global.set $d (f64.div (global.get $d) (f64.const 3)))
    (drop (call $add (global.get $a)))
    (call $sum))
  (func $sum (export "sum") (result i32)
    (i32.xor (i32.xor (global.get $a) (i32.wrap_i64 (i64.rem_s (global.get $b) (i64.const 1000003))))
      (i32.xor (i32.reinterpret_f32 (global.get $c)) (i32.wrap_i64 (i64.reinterpret_f64 (global.get $d))))))
  (func (export "total") (result i32)
    (i32.add (call_indirect (type $t) (i32.const 0) (global.get $slot)) (call_indirect (type $t) (i32.const 4) (global.get $table))))
  (func (export "crash") (result i32) (global.set $a (i32.const 0)) unreachable)
  (elem (global.get $table) func $own)
  (start $start))"#;

/// Adds up in its memory.
const OTHER: &str = r#"(module
  (@dylink.0 (mem-info (memory 8 2) (table 0 0)))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "memory" (memory 1))
  (func (export "add") (param i32) (result i32)
    (i32.store (global.get $base) (i32.add (i32.load (global.get $base)) (local.get 0)))
    (i32.load (global.get $base)))
  (data (global.get $base) "\01\00\00\00"))"#;

fn loaded(plt: Plt, control: Mode) -> World {
    let world = world(plt, control);
    world.put("own.so", OWN);
    world.put("other.so", OTHER);
    let flags = Flags {
        global: true,
        ..Flags::default()
    };
    world.open("own.so", flags).unwrap();
    world
}

fn values(world: &World) -> (u32, u32) {
    (
        call(world, "sum", &[]).unwrap(),
        call(world, "total", &[]).unwrap(),
    )
}

#[test]
fn all_that_an_object_has_is_put_back() {
    for plt in [Plt::Auto, Plt::Wasm, Plt::Host] {
        for control in [Mode::Off, Mode::Budget] {
            let world = loaded(plt, control);
            for _ in 0..3 {
                call(&world, "step", &[]).unwrap();
            }
            let then = values(&world);
            let snapshot = world.ns.snapshot(false).unwrap();
            let next = call(&world, "step", &[]).unwrap();
            assert_ne!(values(&world), then);
            assert!(call(&world, "crash", &[]).is_err());
            world.ns.restore(&snapshot).unwrap();
            assert_eq!(values(&world), then);
            // Elsewhere, from bytes, and by another way of calling.
            let read = decode(&encode(&snapshot).unwrap()).unwrap();
            for other in [Plt::Auto, Plt::Wasm] {
                for snapshot in [&snapshot, &read] {
                    let fork = self::world(other, control);
                    fork.ns.restore(snapshot).unwrap();
                    assert_eq!(values(&fork), then, "{plt:?} {control:?} {other:?}");
                    assert_eq!(call(&fork, "step", &[]).unwrap(), next);
                    fork.ns.restore(snapshot).unwrap();
                    assert_eq!(values(&fork), then);
                    assert_eq!(fork.ns.snapshot(false).unwrap().books.objects.len(), 2);
                }
            }
        }
    }
}

/// Books that are taken again are the same, after whatever came between.
#[test]
fn a_restored_namespace_gives_the_same_snapshot() {
    let world = loaded(Plt::Auto, Mode::Off);
    let first = world.ns.snapshot(false).unwrap();
    let fork = self::world(Plt::Auto, Mode::Off);
    fork.ns.restore(&first).unwrap();
    let second = fork.ns.snapshot(false).unwrap();
    // The host's definitions have numbers of their own, and the linker's are the same in all namespaces.
    assert_eq!(first.books, second.books);
    assert_eq!(first.memory, second.memory);
}

#[test]
fn what_was_closed_leaves_its_number_and_its_place() {
    let world = loaded(Plt::Auto, Mode::Off);
    let pair = r#"(module (@dylink.0 (mem-info (memory 4 2) (table 0 0)) (needed "kept.so")))"#;
    let kept = r#"(module (@dylink.0 (mem-info (memory 4 2) (table 0 0))) (func (export "kept") (result i32) (i32.const 7)))"#;
    world.put("gone.so", pair);
    world.put("kept.so", kept);
    let global = Flags {
        global: true,
        ..Flags::default()
    };
    let gone = world.open("gone.so", global).unwrap();
    let kept = world.open("kept.so", global).unwrap();
    world.ns.close(gone, Party::Host).unwrap();
    let snapshot = world.ns.snapshot(false).unwrap();
    let fork = self::world(Plt::Auto, Mode::Off);
    fork.ns.restore(&snapshot).unwrap();
    assert!(fork.ns.contains(kept) && !fork.ns.contains(gone));
    assert_eq!(call(&fork, "kept", &[]).unwrap(), 7);
    assert_eq!(fork.ns.object_count(), 3);
    fork.put("more.so", OTHER);
    fork.open("more.so", Flags::default()).unwrap();
}

/// What a close looks at are an object's own notes, which the lists must agree with.
#[test]
fn lists_and_objects_agree() {
    let world = loaded(Plt::Auto, Mode::Off);
    world.put("more.so", OTHER);
    world
        .open(
            "more.so",
            Flags {
                global: true,
                ..Flags::default()
            },
        )
        .unwrap();
    let forged = |change: fn(&mut KeptNode)| {
        let mut snapshot = world.ns.snapshot(false).unwrap();
        let object = snapshot.books.objects.last_mut().unwrap();
        change(&mut object.node);
        let fork = self::world(Plt::Auto, Mode::Off);
        let error = fork.ns.restore(&snapshot).unwrap_err();
        assert_eq!(error.code(), Code::Malformed, "{error}");
    };
    forged(|node| node.global = !node.global);
    forged(|node| node.opened = !node.opened);
}

#[test]
fn lazy_bindings_are_made_again() {
    let world = world(Plt::Auto, Mode::Off);
    let user = r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
      (import "env" "late" (func $late (result i32)))
      (func (export "ask") (result i32) (call $late)))"#;
    let late = r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))) (func (export "late") (result i32) (i32.const 5)))"#;
    world.put("user.so", user);
    world.put("late.so", late);
    let lazy = Flags {
        bind: Some(Bind::Lazy),
        global: true,
        ..Flags::default()
    };
    world.open("user.so", lazy).unwrap();
    let before = world.ns.snapshot(false).unwrap();
    world.open("late.so", lazy).unwrap();
    assert_eq!(call(&world, "ask", &[]).unwrap(), 5);
    let after = world.ns.snapshot(false).unwrap();
    let fork = self::world(Plt::Auto, Mode::Off);
    fork.ns.restore(&after).unwrap();
    assert_eq!(call(&fork, "ask", &[]).unwrap(), 5);
    fork.ns.restore(&after).unwrap();
    assert_eq!(call(&fork, "ask", &[]).unwrap(), 5);
    world.ns.restore(&before).unwrap();
    assert_eq!(call(&world, "ask", &[]).unwrap_err().code(), Code::Trap);
}

#[test]
fn what_is_out_of_reach_is_refused() {
    let cases = [
        (r#"(memory 1)"#, "a memory of its own"),
        (
            r#"(global (mut externref) (ref.null extern))"#,
            "global (number 0)",
        ),
        (
            r#"(global (mut v128) (v128.const i64x2 0 0))"#,
            "global (number 0)",
        ),
        (
            r#"(table 1 funcref) (func (table.set 0 (i32.const 0) (ref.null func)))"#,
            "table.set",
        ),
        (
            r#"(func (export "wasmdyld:start") (param i32))"#,
            "exports wasmdyld:start",
        ),
    ];
    for (text, wanted) in cases {
        let world = world(Plt::Auto, Mode::Off);
        let text = format!("(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))) {text})");
        let source = Source::Bytes {
            name: "own.so".to_string(),
            bytes: wat::parse_str(text).unwrap(),
        };
        let error = world.ns.load(source, Flags::default()).unwrap_err();
        assert_eq!(error.code(), Code::Unsupported);
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

/// Restores changed bytes into a new namespace, and tells whether that worked. Whatever they say, errors are errors of theirs, and a namespace that could not be made is
/// good for a load.
/// Another byte in the place of one: each place has one of several changes.
pub(super) fn altered(byte: u8, at: usize) -> u8 {
    match at % 4 {
        0 => byte.wrapping_add(1),
        1 => 0xff,
        2 => 0,
        _ => byte ^ 0x41,
    }
}

fn survives(bytes: &[u8]) -> bool {
    let Ok(snapshot) = decode(bytes) else {
        return false;
    };
    let world = world(Plt::Auto, Mode::Off);
    match world.ns.restore(&snapshot) {
        Ok(()) => {
            // The guest may do anything.
            let _ = call(&world, "sum", &[]);
            let _ = call(&world, "total", &[]);
            world.put("more.so", OTHER);
            let _ = world.open("more.so", Flags::default());
            let _ = world.ns.snapshot(false);
            let _ = world.ns.finish();
            true
        }
        Err(error) => {
            assert_ne!(error.code(), Code::Internal, "{error}");
            world.put("own.so", OWN);
            world.put("other.so", OTHER);
            world.open("own.so", Flags::default()).unwrap();
            false
        }
    }
}

#[test]
fn bytes_that_were_changed_do_no_harm() {
    let snapshot = loaded(Plt::Auto, Mode::Off).ns.snapshot(false).unwrap();
    let bytes = encode(&snapshot).unwrap();
    let body = &bytes[..bytes.len() - 32];
    assert!(survives(&sealed(body.to_vec())));
    let head = u32::from_le_bytes(body[12..16].try_into().unwrap()) as usize;
    let mut worked = 0;
    for at in 12..16 + head {
        let mut changed = body.to_vec();
        changed[at] = altered(changed[at], at);
        worked += usize::from(survives(&sealed(changed)));
    }
    assert!(worked > 0);
    for end in (0..body.len()).step_by(body.len() / 60) {
        assert!(!survives(&sealed(body[..end].to_vec())));
    }
}

/// Fields that name something, each made to name what is not there.
#[test]
fn books_that_contradict_themselves_are_refused() {
    let snapshot = loaded(Plt::Auto, Mode::Off).ns.snapshot(false).unwrap();
    let changes: [fn(&mut crate::state::Books); 13] = [
        |b| b.model.next = 0,
        |b| b.model.main = Some(ObjectId(0)),
        |b| b.model.global.push(ObjectId(77)),
        |b| b.model.loaded.clear(),
        |b| b.model.memory.push((0, u64::MAX)),
        |b| b.model.landmarks.heap_end = u64::MAX,
        |b| b.memory_pages = 1 << 40,
        |b| b.table_slots = 0,
        |b| b.batches.clear(),
        |b| b.batches[0].order[0] = ObjectId(0),
        |b| b.objects[0].node.place.memory_base = u64::MAX,
        |b| b.objects[0].globals.clear(),
        |b| b.objects[0].bindings.reverse(),
    ];
    for (n, change) in changes.iter().enumerate() {
        let mut books = snapshot.books.clone();
        change(&mut books);
        let modules = snapshot.modules.clone();
        let changed = Snapshot::new(books, modules, snapshot.memory.clone());
        let world = world(Plt::Auto, Mode::Off);
        let error = world.ns.restore(&changed).expect_err(&n.to_string());
        assert_ne!(error.code(), Code::Internal, "{n}: {error}");
        assert_eq!(world.ns.object_count(), 0);
        world.ns.restore(&snapshot).unwrap();
    }
}
