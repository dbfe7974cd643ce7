//! What one object does must not reach others by the linker's own books: numbers, handlers, exits and notes of loads.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;

use super::world::World;
use crate::engine::{Api, HostFunc, HostTrap, Val};
use crate::error::{Code, Error, Result};
use crate::link::host::HostValue;
use crate::link::{Flags, Namespace, Party, SearchIn, Source, Symbol, calls};
use crate::object::{ExternType, FuncType, ValType};
use crate::plan::{ObjectId, Plt, Precedence};

fn world() -> World {
    World::new(Api::linked(), Plt::Auto)
}

fn call(world: &World, id: ObjectId, name: &str) -> Result<u32> {
    let Symbol::Func { callee, .. } = world.ns.dlsym(SearchIn::Object(id), name)? else {
        panic!("{name} is no function");
    };
    let mut results = [Val::u32(0)];
    calls::export(&world.ns, callee.export().unwrap(), &[], &mut results)?;
    Ok(results[0].as_u32().unwrap())
}

/// Defines `env.NAME`, `() -> ()`.
fn define(
    world: &World,
    name: &str,
    body: impl Fn(&Rc<Namespace>) -> Result<(), HostTrap> + 'static,
) {
    let ty = FuncType {
        params: Vec::new(),
        results: Vec::new(),
    };
    let weak = Rc::downgrade(&world.ns);
    let body = Rc::new(body);
    let (store, sig) = (world.ns.store(), ty.clone());
    let make = move || {
        let (weak, body) = (weak.clone(), body.clone());
        let run = move |_: &[Val], _: &mut [Val]| body(&weak.upgrade().unwrap());
        HostFunc::new(store, &sig, Box::new(run))
    };
    let value = HostValue::Func(OnceCell::new(), Box::new(make));
    let ty = ExternType::Func(Arc::new(ty));
    let defined = world.ns.define("env", name, value, ty, Precedence::Behind);
    defined.unwrap();
}

#[test]
fn what_is_defined_on_demand_is_there_for_the_first_that_imports_it_and_for_all_after_it() {
    let user = |module: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info)) (import "{module}" "now" (func $f (result i32))) (func (export "run") (result i32) (call $f)))"#
        )
    };
    let world = world();
    world.put("plain.so", "(module (@dylink.0 (mem-info)))");
    for name in ["first.so", "second.so"] {
        world.put(name, &user("clock"));
    }
    let asked = Rc::new(Cell::new(0));
    let (weak, count) = (Rc::downgrade(&world.ns), asked.clone());
    world.ns.define_on_demand("clock", move || {
        count.set(count.get() + 1);
        if count.get() == 1 {
            return Err(Error::new(Code::Io, "not yet"));
        }
        let ns = weak.upgrade().unwrap();
        let ty = Arc::new(FuncType {
            params: Vec::new(),
            results: vec![ValType::I32],
        });
        let (store, sig) = (ns.store(), ty.clone());
        let make = move || {
            let run = |_: &[Val], results: &mut [Val]| {
                results[0] = Val::u32(7);
                Ok(())
            };
            HostFunc::new(store, &sig, Box::new(run))
        };
        let value = HostValue::Func(OnceCell::new(), Box::new(make));
        let defined = ns.define(
            "clock",
            "now",
            value,
            ExternType::Func(ty),
            Precedence::Behind,
        );
        defined.map(drop)
    });
    world.open("plain.so", Flags::default()).unwrap();
    assert_eq!(asked.get(), 0, "nobody has imported it");
    let error = world.open("first.so", Flags::default()).unwrap_err();
    assert_eq!(error.code(), Code::Io, "{error}");
    for name in ["first.so", "second.so"] {
        let user = world.open(name, Flags::default()).unwrap();
        assert_eq!(call(&world, user, "run").unwrap(), 7, "{name}");
    }
    assert_eq!(asked.get(), 2, "once more after it had failed");
}

#[test]
fn what_an_object_writes_into_its_got_stays_its_own() {
    let user = |code: &str| {
        format!(
            r#"(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)) (import-info "env" "nowhere" binding-weak))
  (import "GOT.mem" "nowhere" (global $entry (mut i32)))
  (func (export "run") (result i32) {code} (global.get $entry)))"#
        )
    };
    let world = world();
    world.put("writer.so", &user("(global.set $entry (i32.const 99))"));
    world.put("reader.so", &user(""));
    world.put("other.so", &user(""));
    let other = world.open("other.so", Flags::default()).unwrap();
    let writer = world.open("writer.so", Flags::default()).unwrap();
    assert_eq!(call(&world, writer, "run").unwrap(), 99);
    assert_eq!(call(&world, other, "run").unwrap(), 0, "of an older object");
    world.ns.close(writer, Party::Host).unwrap();
    let reader = world.open("reader.so", Flags::default()).unwrap();
    assert_eq!(call(&world, reader, "run").unwrap(), 0, "of a later object");
}

const REGISTERS: &str = r#"
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__table_base" (global $slots i32))
  (import "env" "__cxa_atexit" (func $atexit (param i32 i32 i32) (result i32)))
  (import "env" "told" (func $told))
  (func $handler (param i32) (call $told))
  (elem (global.get $slots) $handler)
  (func $register (drop (call $atexit (global.get $slots) (i32.const 0) (i32.const 0))))"#;

/// A library that registers a handler in its start function, for an object that is not there yet as for one that is, and then fails.
#[test]
fn handlers_of_a_start_function_go_with_the_load_that_fails() {
    let world = world();
    let told = Rc::new(std::cell::Cell::new(0));
    let count = told.clone();
    define(&world, "told", move |_| {
        count.set(count.get() + 1);
        Ok(())
    });
    let library = |rest: &str| {
        format!("(module (@dylink.0 (mem-info (memory 0 0) (table 1 0))) {REGISTERS} {rest})")
    };
    world.put("fine.so", &library("(start $register)"));
    world.put(
        "bad.so",
        &library("(func $s (call $register) unreachable) (start $s)"),
    );
    world.open("fine.so", Flags::default()).unwrap();
    let before = world.snapshot();
    for _ in 0..3 {
        let error = world.open("bad.so", Flags::default()).unwrap_err();
        assert_eq!(error.code(), Code::Trap);
        assert_eq!(before, world.snapshot());
    }
    // The number of an object that failed is not the next one's.
    world.put(
        "plain.so",
        "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))))",
    );
    let next = world.open("plain.so", Flags::default()).unwrap();
    assert_eq!(next, ObjectId(4));
    world.ns.finish().unwrap();
    assert_eq!(told.get(), 1);
}

/// A host function that keeps the trap of a guest's exit to itself, after which the guest traps in another way.
#[test]
fn an_exit_that_the_host_swallowed_is_not_the_next_trap() {
    let world = world();
    define(&world, "leave", |ns| Err(ns.side.exiting(0)));
    define(&world, "swallow", |ns| {
        let id = ns.objects()[0].id;
        let Ok(Symbol::Func { callee, .. }) = ns.dlsym(SearchIn::Object(id), "inner") else {
            panic!("no symbol");
        };
        let func = ns.func_ptr(callee).unwrap();
        // SAFETY: the object is loaded.
        let func = unsafe { crate::engine::Func::lend(ns.store().api(), func) };
        assert!(func.call(&[], &mut []).is_err());
        Ok(())
    });
    world.put(
        "a.so",
        r#"(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "leave" (func $leave))
  (import "env" "swallow" (func $swallow))
  (func (export "inner") (call $leave))
  (func (export "exits") (result i32) (call $leave) (i32.const 1))
  (func (export "traps") (result i32) (call $swallow) unreachable))"#,
    );
    let id = world.open("a.so", Flags::default()).unwrap();
    assert_eq!(call(&world, id, "exits").unwrap_err().exit_code(), Some(0));
    let error = call(&world, id, "traps").unwrap_err();
    assert_eq!((error.exit_code(), error.code()), (None, Code::Trap));
}

const OPENS: &str = r#"
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
  (import "env" "dlclose" (func $dlclose (param i32) (result i32)))
  (data (global.get $base) "old.so\00new.so\00")"#;

/// A constructor that opens and closes without end makes the linker keep no more than it has objects.
#[test]
fn notes_of_a_load_are_bounded_by_the_objects() {
    let world = world();
    let most = Rc::new(std::cell::Cell::new(0));
    let seen = most.clone();
    define(&world, "look", move |ns| {
        let state = ns.state();
        seen.set(seen.get().max(state.loads[0].notes()));
        Ok(())
    });
    world.put(
        "old.so",
        "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))))",
    );
    world.put(
        "new.so",
        "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))))",
    );
    let loop_with = |end: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info (memory 16 0) (table 0 0))) {OPENS}
  (import "env" "look" (func $look))
  (func (export "_initialize") (local $n i32)
    (loop
      (drop (call $dlopen (global.get $base) (i32.const 258)))
      (drop (call $dlclose (call $dlopen (i32.add (global.get $base) (i32.const 7)) (i32.const 2))))
      (call $look)
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if 0 (i32.lt_u (local.get $n) (i32.const 200))))
    {end}))"#
        )
    };
    world.put("good.so", &loop_with(""));
    world.put("bad.so", &loop_with("unreachable"));
    world.open("old.so", Flags::default()).unwrap();
    let before = world.snapshot();
    world.open("bad.so", Flags::default()).unwrap_err();
    assert!(most.get() <= 2, "{}", most.get());
    assert_eq!(before, world.snapshot());
    world.open("good.so", Flags::default()).unwrap();
    let old = world.ns.objects()[0].clone();
    assert_eq!((old.opens.host, old.opens.guest), (1, 200));
    assert!(old.global);
}

/// A handler that closes what the failing constructor opened, of what was open before: it is open as often as before.
#[test]
fn what_a_handler_closes_while_a_load_is_undone_is_not_closed_twice() {
    let world = world();
    world.put(
        "old.so",
        "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))))",
    );
    let source = |end: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info (memory 64 2) (table 1 0))) {OPENS}
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__table_base" (global $slots i32))
  (import "env" "__cxa_atexit" (func $atexit (param i32 i32 i32) (result i32)))
  (func $handler (param i32) (drop (call $dlclose (i32.load offset=32 (global.get $base)))))
  (elem (global.get $slots) $handler)
  (func (export "_initialize")
    (i32.store offset=32 (global.get $base) (call $dlopen (global.get $base) (i32.const 2)))
    (drop (call $atexit (global.get $slots) (i32.const 0) (global.get $base)))
    {end}))"#
        )
    };
    world.put("keeps.so", &source(""));
    world.put("fails.so", &source("unreachable"));
    world.open("keeps.so", Flags::default()).unwrap();
    let before = world.snapshot();
    world.open("fails.so", Flags::default()).unwrap_err();
    assert_eq!(before, world.snapshot());
}

/// What an outer load's constructor opened, and the constructor of a load inside of that closes: nothing keeps it.
#[test]
fn what_an_inner_load_closes_is_gone() {
    let world = world();
    let empty = "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))))";
    let calls = |code: &str, import: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "{import}" (func ${import})) (func (export "_initialize") {code}))"#
        )
    };
    world.put("held.so", empty);
    world.put("outer.so", &calls("(call $open)", "open"));
    world.put("inner.so", &calls("(call $close)", "close"));
    let opens = |ns: &Rc<Namespace>, name: &str| {
        let opened = ns.load(Source::Name(name.to_string()), Flags::default());
        opened.map_err(|error| HostTrap::Message(error.to_string()))
    };
    let held: Rc<OnceCell<ObjectId>> = Rc::default();
    let known = held.clone();
    define(&world, "open", move |ns| {
        known.set(opens(ns, "held.so")?).unwrap();
        opens(ns, "inner.so").map(drop)
    });
    let known = held.clone();
    define(&world, "close", move |ns| {
        ns.close(*known.get().unwrap(), Party::Host).unwrap();
        Ok(())
    });
    world.open("outer.so", Flags::default()).unwrap();
    assert!(!world.ns.contains(*held.get().unwrap()));
}

/// An exit handler that dlclose runs opens a library and ends the program: what it opened is not taken away.
#[test]
fn what_an_exiting_handler_opened_stays() {
    let world = world();
    define(&world, "leave", |ns| Err(ns.side.exiting(7)));
    world.put(
        "new.so",
        "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))))",
    );
    world.put(
        "old.so",
        "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)) (needed \"new.so\")))",
    );
    world.put(
        "leaves.so",
        &format!(
            r#"(module (@dylink.0 (mem-info (memory 64 2) (table 1 0)) (needed "old.so")) {OPENS}
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__table_base" (global $slots i32))
  (import "env" "__cxa_atexit" (func $atexit (param i32 i32 i32) (result i32)))
  (import "env" "leave" (func $leave))
  (func $handler (param i32) (drop (call $dlopen (global.get $base) (i32.const 2))) (call $leave))
  (elem (global.get $slots) $handler)
  (func (export "_initialize") (drop (call $atexit (global.get $slots) (i32.const 0) (global.get $base)))))"#
        ),
    );
    let id = world.open("leaves.so", Flags::default()).unwrap();
    let error = world.ns.close(id, Party::Host).unwrap_err();
    assert_eq!(error.exit_code(), Some(7));
    let left: Vec<_> = world.ns.objects().into_iter().map(|o| o.name).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

/// While the open callback runs, the namespace can be asked, and is not changed.
#[test]
fn callbacks_of_a_search_find_the_namespace_in_use() {
    let mut world = world();
    world.put(
        "first.so",
        "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))) (func (export \"f\")))",
    );
    let first = world.open("first.so", Flags::default()).unwrap();
    let weak = Rc::downgrade(&world.ns);
    let answers = Rc::new(std::cell::RefCell::new(Vec::<(&str, Option<Code>)>::new()));
    let noted = answers.clone();
    world.on_open(move || {
        let ns = weak.upgrade().unwrap();
        let code = |result: Result<()>| result.err().map(|error| error.code());
        let flags = Flags::default();
        let source = crate::link::Source::Name("first.so".into());
        let asked = ns.dlsym(SearchIn::Object(first), "f").map(drop);
        let ty = ExternType::Func(Arc::new(FuncType {
            params: vec![ValType::I32],
            results: Vec::new(),
        }));
        let make = || unreachable!();
        let value = HostValue::Func(OnceCell::new(), Box::new(make));
        noted.borrow_mut().extend([
            ("asking", code(asked)),
            ("opening", code(ns.open(source, flags).map(drop))),
            ("closing", code(ns.close(first, Party::Host))),
            ("finishing", code(ns.finish())),
            (
                "defining",
                code(
                    ns.define("env", "x", value, ty, Precedence::Behind)
                        .map(drop),
                ),
            ),
            ("running", code(ns.run().map(drop))),
        ]);
    });
    world.put(
        "second.so",
        "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))))",
    );
    world.open("second.so", Flags::default()).unwrap();
    let answers = answers.borrow();
    assert_eq!(answers.len(), 6);
    for (what, code) in answers.iter() {
        let wanted = (*what != "asking").then_some(Code::Busy);
        assert_eq!(*code, wanted, "{what}");
    }
    assert_eq!(world.ns.objects().len(), 2);
}

/// A first load whose constructor opens something that does not depend on it, and then fails: memory and table go as well.
#[test]
fn a_first_load_that_fails_leaves_no_memory() {
    let world = world();
    world.put(
        "new.so",
        "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))))",
    );
    world.put(
        "bad.so",
        &format!(
            r#"(module (@dylink.0 (mem-info (memory 16 0) (table 0 0))) {OPENS}
  (func (export "_initialize")
    (if (i32.eqz (call $dlopen (i32.add (global.get $base) (i32.const 7)) (i32.const 2))) (then (return)))
    unreachable))"#
        ),
    );
    world.ns.define_services().unwrap();
    let before = world.snapshot();
    let error = world.open("bad.so", Flags::default()).unwrap_err();
    assert_eq!(error.code(), Code::Trap);
    assert!(world.ns.memory().is_err());
    assert_eq!(before, world.snapshot());
}

/// What a load that fails takes a tag for does not bind those that come after it.
#[test]
fn tags_of_a_load_that_fails_are_forgotten() {
    let user = |ty: &str, rest: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "__cpp_exception" (tag (param {ty}))) {rest})"#
        )
    };
    let world = world();
    world.put(
        "bad.so",
        &user("i64", r#"(func (export "_initialize") unreachable)"#),
    );
    world.put("good.so", &user("i32", ""));
    world.put("other.so", &user("i64", ""));
    world.open("bad.so", Flags::default()).unwrap_err();
    world.open("good.so", Flags::default()).unwrap();
    let error = world.open("other.so", Flags::default()).unwrap_err();
    assert_eq!(error.code(), Code::TypeMismatch);
}
