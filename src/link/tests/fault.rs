//! Fault injection: every call of the engine that can fail fails in turn, until the operation succeeds. After each failure the
//! namespace is compared with its state before, and a correct load is made and taken back.

use super::inject;
use super::world::World;
use crate::engine::{Api, Feature, Val};
use crate::error::{Code, Result};
use crate::link::{Flags, Party, SearchIn, Symbol};
use crate::plan::{Bind, ObjectId, Plt};

fn world(plt: Plt) -> World {
    let world = inject::world(plt);
    for (name, text) in SHELF {
        world.put(name, text);
    }
    world
}

const MAIN: &str = r#"(module
  (@dylink.0 (mem-info (memory 64 4) (table 2 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__stack_pointer" (global (mut i32)))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__table_base" (global $slots i32))
  (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
  (import "env" "dlclose" (func $dlclose (param i32) (result i32)))
  (func $helper (export "helper") (result i32) (i32.const 5))
  (func (export "other"))
  (elem (global.get $slots) $helper $helper)
  (data (global.get $base) "nested.so\00inner.so\00")
  (global (export "names") i32 (i32.const 0))
  (func (export "_start"))
  (func (export "open_nested") (result i32) (call $dlopen (global.get $base) (i32.const 2)))
  (func (export "close") (param i32) (result i32) (call $dlclose (local.get 0))))"#;

/// What a load can need: needed libraries in a circle (stubs), data, GOT entries of all kinds, own and assigned slots, weak
/// functions, a tag, a start function, relocations, constructors, exit handlers, and one of the linker's own functions.
const SHELF: &[(&str, &str)] = &[
    (
        "plugin.so",
        r#"(module
  (@dylink.0 (mem-info (memory 70000 4) (table 2 0)) (needed "dep.so" "old.so") (import-info "env" "perhaps" binding-weak))
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__stack_pointer" (global $sp (mut i32)))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__table_base" (global $slots i32))
  (import "GOT.mem" "counter" (global $counter (mut i32)))
  (import "GOT.func" "work" (global $work (mut i32)))
  (import "GOT.func" "old" (global $old (mut i32)))
  (import "env" "work" (func $call_work (result i32)))
  (import "env" "perhaps" (func $perhaps))
  (import "env" "__cpp_exception" (tag (param i32)))
  (import "env" "__cxa_atexit" (func $cxa_atexit (param i32 i32 i32) (result i32)))
  (func $back (export "back") (result i32) (i32.const 3))
  (func $handler (param i32))
  (elem (global.get $slots) $back $handler)
  (data (global.get $base) "plugin")
  (func $start (drop (call $back)))
  (start $start)
  (func (export "__wasm_apply_data_relocs") (i32.store offset=8 (global.get $base) (global.get $work)))
  (func (export "__wasm_call_ctors")
    (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
    (drop (call $cxa_atexit (i32.add (global.get $slots) (i32.const 1)) (i32.const 7) (global.get $base)))
    (i32.store (global.get $counter) (i32.add (i32.load (global.get $counter)) (call $call_work)))
    (global.set $sp (i32.add (global.get $sp) (i32.const 16))))
  (func (export "run") (result i32) (i32.add (call $call_work) (call_indirect (result i32) (global.get $old)))))"#,
    ),
    (
        "dep.so",
        r#"(module
  (@dylink.0 (mem-info (memory 32 3) (table 0 0)) (needed "plugin.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "back" (func $back (result i32)))
  (global (export "counter") i32 (i32.const 16))
  (data (global.get $base) "dep")
  (func (export "work") (result i32) (i32.add (call $back) (i32.const 1)))
  (func (export "__wasm_call_ctors") (i32.store offset=20 (global.get $base) (i32.const 9))))"#,
    ),
    (
        "old.so",
        r#"(module
  (@dylink.0 (mem-info (memory 16 2) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (data (global.get $base) "old")
  (func (export "old") (result i32) (i32.const 40)))"#,
    ),
    (
        "lazy.so",
        r#"(module
  (@dylink.0 (mem-info (memory 8 2) (table 0 0)))
  (import "env" "work" (func $work (result i32)))
  (import "env" "nowhere" (func $nowhere))
  (func (export "ask") (result i32) (call $work)))"#,
    ),
    (
        "nested.so",
        r#"(module
  (@dylink.0 (mem-info (memory 32 2) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
  (data (global.get $base) "old.so\00dep.so\00")
  (func (export "__wasm_call_ctors")
    ;; An older library is promoted, and one more opened, before this one fails.
    (if (i32.eqz (call $dlopen (global.get $base) (i32.const 258))) (then unreachable))
    (if (i32.eqz (call $dlopen (i32.add (global.get $base) (i32.const 7)) (i32.const 2))) (then unreachable))))"#,
    ),
    (
        "probe.so",
        r#"(module
  (@dylink.0 (mem-info (memory 16 2) (table 1 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__table_base" (global $slots i32))
  (func $probe (export "probe") (result i32) (i32.const 11))
  (elem (global.get $slots) $probe)
  (data (global.get $base) "probe"))"#,
    ),
];

/// Makes each engine call within `operation` fail in turn, checks after each failure that nothing has changed, and gives how many
/// there were.
fn each_call_fails<T>(world: &World, mut operation: impl FnMut() -> Result<T>) -> (T, u32) {
    // What is made once and kept is made before. An engine that fails a probe simply lacks the feature.
    world.ns.define_services().unwrap();
    let ns = &world.ns;
    assert!(ns.features.has(ns.store(), Feature::TailCalls));
    probe(world);
    let before = world.snapshot();
    for n in 0.. {
        inject::begin(n);
        let outcome = operation();
        let all_used = !inject::end();
        match outcome {
            Ok(value) => {
                assert!(all_used, "call {n}, {}, failed unnoticed", inject::failed());
                return (value, n);
            }
            Err(error) => {
                let what = format!("call {n}, {}: {error}", inject::failed());
                assert!(!all_used, "failed by itself: {error}");
                assert_same(&before, &world.snapshot(), &what);
                probe(world);
                assert_same(
                    &before,
                    &world.snapshot(),
                    &format!("{what}, and a load after it"),
                );
            }
        }
    }
    unreachable!("some time all calls succeed")
}

fn assert_same(before: &str, after: &str, what: &str) {
    let differ: Vec<_> = before
        .lines()
        .zip(after.lines())
        .filter(|(before, after)| before != after)
        .collect();
    assert!(
        differ.is_empty() && before.lines().count() == after.lines().count(),
        "{what}\nbefore:\n{before}\nafter:\n{after}"
    );
}

/// A load that works, in use, and closed again. In an empty namespace it would leave a memory.
fn probe(world: &World) {
    if world.ns.objects().is_empty() {
        return;
    }
    let id = world.open("probe.so", Flags::default()).unwrap();
    assert_eq!(call(world, SearchIn::Object(id), "probe"), 11);
    world.ns.close(id, Party::Host).unwrap();
}

fn call(world: &World, from: SearchIn, name: &str) -> u32 {
    call_with(world, from, name, &[]).unwrap()
}

fn call_with(world: &World, from: SearchIn, name: &str, args: &[Val]) -> Result<u32> {
    let ns = &world.ns;
    let Symbol::Func { callee, .. } = ns.dlsym(from, name)? else {
        panic!("{name} is no function");
    };
    let raw = ns.func_ptr(callee)?;
    // SAFETY: the object is loaded.
    let func = unsafe { crate::engine::Func::lend(ns.store().api(), raw) };
    let mut results = [Val::i32(0)];
    ns.call_checked(&func, args, &mut results)?;
    Ok(results[0].as_u32().unwrap())
}

/// A library that the plugin needs and promotes. A function of it that once got a slot keeps it, even if the load that wanted it fails
/// in a constructor, which may have passed the pointer on: so it gets it now.
fn old(world: &World) -> ObjectId {
    let id = world.open("old.so", Flags::default()).unwrap();
    match world.ns.dlsym(SearchIn::Object(id), "old").unwrap() {
        Symbol::Func { callee, sig } => world.ns.slot(callee, &sig).unwrap(),
        other => panic!("{other:?}"),
    };
    id
}

const GLOBAL: Flags = Flags {
    main: false,
    bind: Some(Bind::Now),
    global: true,
    deepbind: false,
    noload: false,
    nodelete: false,
    party: Party::Host,
};
const LAZY: Flags = Flags {
    bind: Some(Bind::Lazy),
    global: false,
    ..GLOBAL
};

#[test]
fn the_first_load() {
    for plt in [Plt::Auto, Plt::Wasm, Plt::Host] {
        let world = world(plt);
        let (id, calls) = each_call_fails(&world, || world.open("plugin.so", Flags::default()));
        assert!(calls > 20, "{plt:?}: {calls} calls");
        assert_eq!(call(&world, SearchIn::Object(id), "run"), 44);
    }
}

#[test]
fn a_later_load_and_its_closing() {
    for plt in [Plt::Auto, Plt::Wasm, Plt::Host] {
        let world = world(plt);
        world.program(MAIN);
        let old = old(&world);
        let empty = world.snapshot();
        let (id, calls) = each_call_fails(&world, || world.open("plugin.so", GLOBAL));
        assert!(calls > 20, "{plt:?}: {calls} calls");
        assert_eq!(call(&world, SearchIn::Object(id), "run"), 44);
        assert!(world.ns.object(old).unwrap().global);
        world.ns.close(id, Party::Host).unwrap();
        // What is left of it: `old` stays promoted.
        let left = world.snapshot();
        assert_eq!(world.ns.objects().len(), 2);
        for (before, after) in empty.lines().zip(left.lines()) {
            let promoted = ["scope", "ObjectId(1)"]
                .iter()
                .any(|s| before.starts_with(s));
            assert!(promoted || before == after, "{before}\n{after}");
        }
    }
}

#[test]
fn a_lazy_load_and_its_first_call() {
    let world = world(Plt::Auto);
    world.program(MAIN);
    let (lazy, _) = each_call_fails(&world, || world.open("lazy.so", LAZY));
    assert!(call_with(&world, SearchIn::Object(lazy), "ask", &[]).is_err());
    world.open("plugin.so", GLOBAL).unwrap();
    let mut outcome = Err(crate::error::Error::new(Code::Internal, ""));
    for n in 0..100 {
        inject::begin(n);
        outcome = call_with(&world, SearchIn::Object(lazy), "ask", &[]);
        if !inject::end() {
            break;
        }
        assert!(outcome.is_err(), "call {n}, {}", inject::failed());
    }
    assert_eq!(outcome.unwrap(), 4);
}

#[test]
fn loads_inside_of_a_load() {
    let world = world(Plt::Auto);
    world.program(MAIN);
    old(&world);
    // The guest's dlopen answers 0 where the host's load is an error.
    let open = || {
        let handle = call_with(&world, SearchIn::Global, "open_nested", &[])?;
        match world.ns.dl_error.take() {
            None => Ok(handle),
            Some(text) => Err(crate::error::Error::new(Code::Engine, text)),
        }
    };
    let (handle, calls) = each_call_fails(&world, open);
    assert!(calls > 30, "{calls} calls");
    assert_eq!(world.ns.objects().len(), 5);
    let closed = call_with(&world, SearchIn::Global, "close", &[Val::u32(handle)]).unwrap();
    assert_eq!(closed, 0);
    // What its constructor opened stays open.
    assert_eq!(world.ns.objects().len(), 4);
}

/// A library whose start function registers an exit handler, stores, and tries to open a library, before it does what is given.
fn starts(end: &str) -> String {
    let text = r#"(module
  (@dylink.0 (mem-info (memory 32 2) (table 1 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__table_base" (global $slots i32))
  (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
  (import "env" "__cxa_atexit" (func $cxa_atexit (param i32 i32 i32) (result i32)))
  (func $handler (param i32))
  (elem (global.get $slots) $handler)
  (data (global.get $base) "probe.so\00")
  (func $start
    (drop (call $cxa_atexit (global.get $slots) (i32.const 7) (global.get $base)))
    (i32.store offset=16 (global.get $base) (i32.const 9))
    (i32.store offset=20 (global.get $base) (call $dlopen (global.get $base) (i32.const 2)))
    END)
  (start $start)
  (func (export "opened") (result i32) (i32.load offset=20 (global.get $base))))"#;
    text.replace("END", end)
}

#[test]
fn what_a_start_function_did_goes_with_its_load() {
    let world = world(Plt::Auto);
    world.program(MAIN);
    world.put("start.so", &starts(""));
    world.put("trap.so", &starts("unreachable"));
    let grow = "(drop (memory.grow (i32.const 1))) (drop (table.grow (ref.null func) (i32.const 3))) unreachable";
    world.put("grow.so", &starts(grow));
    let before = world.snapshot();
    let error = world.open("trap.so", Flags::default()).unwrap_err();
    assert_same(&before, &world.snapshot(), &error.to_string());
    let (id, calls) = each_call_fails(&world, || world.open("start.so", Flags::default()));
    assert!(calls > 5, "{calls} calls");
    // Nothing can be opened while the namespace is being changed.
    assert_eq!(call(&world, SearchIn::Object(id), "opened"), 0);
    world.ns.close(id, Party::Host).unwrap();
    assert_same(&before, &world.snapshot(), "closed");
    // Memory and table that a guest has grown stay so; nothing else does.
    let sizes = |text: &str| {
        let all = text
            .lines()
            .filter(|line| !line.starts_with("memory") && !line.starts_with("table"));
        all.collect::<Vec<_>>().join("\n")
    };
    let error = world.open("grow.so", Flags::default()).unwrap_err();
    assert_same(
        &sizes(&before),
        &sizes(&world.snapshot()),
        &error.to_string(),
    );
    probe(&world);
}

#[test]
fn a_slot_for_dlsym() {
    let world = world(Plt::Auto);
    world.program(MAIN);
    let ask = || match world.ns.dlsym(SearchIn::Global, "other")? {
        Symbol::Func { callee, sig } => world.ns.slot(callee, &sig),
        other => panic!("{other:?}"),
    };
    let (slot, calls) = each_call_fails(&world, ask);
    assert!(calls > 2, "{calls} calls");
    assert_eq!(ask().unwrap(), slot);
}

#[test]
fn closing_cannot_fail_half_way() {
    // The calls of handlers fail; the object goes all the same.
    for n in 0..50 {
        let world = world(Plt::Auto);
        world.program(MAIN);
        let id = world.open("plugin.so", Flags::default()).unwrap();
        inject::begin(n);
        let outcome = world.ns.close(id, Party::Host);
        let all_used = !inject::end();
        assert_eq!(outcome.is_ok(), all_used, "call {n}, {}", inject::failed());
        assert!(
            world.ns.object(id).is_none(),
            "call {n}, {}",
            inject::failed()
        );
        assert_eq!(world.ns.objects().len(), 1);
        if all_used {
            assert!(n > 0, "a handler was called");
            return;
        }
    }
    panic!("closing makes too many calls");
}

/// The engine gives no name for what does not exist; a pointer that no wrapper sees is a hole in these tests.
#[test]
fn every_call_that_can_fail_is_wrapped() {
    let fallible = Api::REQUIRED.iter().filter(|name| {
        let name = name.to_str().unwrap();
        let makes = name.ends_with("_new") || name.ends_with("_grow") || name.ends_with("_call");
        makes && !name.starts_with("wasm_engine") && !name.starts_with("wasm_store")
    });
    let wrapped = [
        "wasm_module_new",
        "wasm_instance_new",
        "wasm_func_call",
        "wasm_global_new",
        "wasm_memory_new",
        "wasm_table_new",
        "wasm_memory_grow",
        "wasm_table_grow",
        "wasm_valtype_new",
        // These own what they are given, and an engine that runs out of memory for them aborts.
        "wasm_valtype_vec_new",
        "wasm_byte_vec_new",
        "wasm_functype_new",
        "wasm_globaltype_new",
        "wasm_tabletype_new",
        "wasm_memorytype_new",
        // Only made to report a failure.
        "wasm_trap_new",
    ];
    for name in fallible {
        assert!(wrapped.contains(&name.to_str().unwrap()), "{name:?}");
    }
}
