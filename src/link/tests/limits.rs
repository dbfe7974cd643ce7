//! Memories and tables at the ends of what modules may declare.

use super::world::World;
use crate::config::Config;
use crate::engine::Api;
use crate::error::Code;
use crate::link::{Flags, Namespace};
use crate::plan::Plt;

fn library(import: &str) -> String {
    format!("(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))) {import})")
}

/// The largest maximum that a memory may declare is one, for the first library as for a later one.
#[test]
fn a_memory_of_the_largest_maximum() {
    let with_maximum = library(r#"(import "env" "memory" (memory 1 65536))"#);
    let world = World::new(Api::linked(), Plt::Auto);
    world.put("first.so", &with_maximum);
    world.put(
        "without.so",
        &library(r#"(import "env" "memory" (memory 1))"#),
    );
    world.put("later.so", &with_maximum);
    for name in ["first.so", "without.so", "later.so"] {
        world.open(name, Flags::default()).unwrap();
    }
    let other = World::new(Api::linked(), Plt::Auto);
    other.put(
        "without.so",
        &library(r#"(import "env" "memory" (memory 1))"#),
    );
    other.put("later.so", &with_maximum);
    for name in ["without.so", "later.so"] {
        other.open(name, Flags::default()).unwrap();
    }
}

/// The engine is not asked to link what cannot fit: some end the process then.
#[test]
fn a_shared_table_of_another_type_is_refused_by_the_planner() {
    for element in ["externref", "(ref null 0)"] {
        let import = format!(
            "(type (func)) (import \"env\" \"__indirect_function_table\" (table 0 {element}))"
        );
        let world = World::new(Api::linked(), Plt::Auto);
        world.put("odd.so", &library(&import));
        let error = world.open("odd.so", Flags::default()).unwrap_err();
        assert_eq!(error.code(), Code::Unsupported, "{error}");
        assert!(error.to_string().contains("funcref"), "{error}");
    }
}

#[test]
fn what_a_guest_loads_is_taken_from_its_budget() {
    let opener = r#"(module (@dylink.0 (mem-info (memory 16 0) (table 0 0)))
      (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
      (import "env" "memory" (memory 1)) (import "env" "__memory_base" (global $base i32))
      (data (global.get $base) "large.so\00")
      (func (export "__wasm_call_ctors")
        (if (i32.eqz (call $dlopen (global.get $base) (i32.const 2))) (then unreachable))))"#;
    let padding = "x".repeat(100_000);
    let large = library(&format!(r#"(func) (@custom "padding" "{padding}")"#));
    let size = wat::parse_str(&large).unwrap().len() as u64;
    let used = |units: u64, opens: &str| {
        let config = Config {
            control: crate::control::Mode::Budget,
            ..Config::default()
        };
        let world = World::with(Api::linked(), config);
        world.put("large.so", &large);
        world.put("opener.so", opener);
        world.ns.set_budget(Some(units)).unwrap();
        let opened = world.open(opens, Flags::default());
        let left = world.ns.budget_left().unwrap().unwrap();
        opened.map(|_| units - left).map_err(|error| error.code())
    };
    let opening = used(1_000_000, "opener.so").unwrap();
    assert!((size + 100..size + 200).contains(&opening), "{opening}");
    assert_eq!(used(opening, "opener.so"), Ok(opening));
    assert_eq!(used(opening - 1, "opener.so"), Err(Code::OutOfBudget));
    assert_eq!(used(size, "opener.so"), Err(Code::OutOfBudget));
    assert_eq!(used(1_000_000, "large.so"), Ok(0));
}

/// What keeps this many objects of some hundred bytes: structures with arrays, and exceptions.
fn hoarder(exceptions: bool, count: u32) -> String {
    let one = match exceptions {
        true => {
            "(block $caught (result exnref)
               (try_table (catch_all_ref $caught)
                 (throw $tag (v128.const i64x2 1 2) (v128.const i64x2 1 2) (v128.const i64x2 1 2) (v128.const i64x2 1 2)))
               (unreachable))
             (local.set $exception)
             (table.set $kept (local.get $n) (local.get $exception))"
        }
        false => {
            "(local.set $list (struct.new $node (local.get $list) (array.new_default $bytes (i32.const 80))))"
        }
    };
    format!(
        r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
          (type $bytes (array (mut i8)))
          (type $node (struct (field (ref null $node)) (field (ref $bytes))))
          (tag $tag (param v128 v128 v128 v128))
          (table $kept 1000000 exnref)
          (func (export "__wasm_call_ctors") (local $n i32) (local $exception exnref) (local $list (ref null $node))
            (loop $again
              {one}
              (local.set $n (i32.add (local.get $n) (i32.const 1)))
              (br_if $again (i32.lt_u (local.get $n) (i32.const {count}))))))"#
    )
}

#[test]
fn objects_of_guests_take_no_more_than_a_memory_may() {
    for exceptions in [false, true] {
        let outcome = |pages: Option<u64>, count| {
            let mut config = Config::default();
            config.limits.memory_pages = pages.unwrap_or(config.limits.memory_pages);
            let world = World::with(Api::linked(), config);
            world.put("hoarder.so", &hoarder(exceptions, count));
            world
                .open("hoarder.so", Flags::default())
                .map_err(|error| error.code())
        };
        assert_eq!(outcome(Some(100), 200_000), Err(Code::Trap));
        outcome(Some(100), 5_000).unwrap();
        outcome(None, 200_000).unwrap();
    }
}

#[test]
fn the_bound_of_a_namespace_goes_with_it() {
    for exceptions in [false, true] {
        let world = World::new(Api::linked(), Plt::Auto);
        world.put("hoarder.so", &hoarder(exceptions, 200_000));
        let mut config = Config::default();
        config.limits.memory_pages = 100;
        // The engine does not tell whose objects they are.
        let bounded = Namespace::new(world.ns.store(), config);
        let refused = world.open("hoarder.so", Flags::default());
        assert_eq!(refused.unwrap_err().code(), Code::Trap);
        drop(bounded);
        world.open("hoarder.so", Flags::default()).unwrap();
    }
}
