//! Memories and tables at the ends of what modules may declare.

use super::world::World;
use crate::engine::Api;
use crate::error::Code;
use crate::link::Flags;
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
