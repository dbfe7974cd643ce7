//! `verify` refuses a plan in which anything that execution relies on was changed.

use super::draft::{Draft, sig};
use super::world::{Flags, World};
use crate::plan::verify::verify;
use crate::plan::*;

/// main needs liba and libb, which call each other; libold was loaded before and is needed as well.
fn world() -> World {
    let mut world = World::default();
    let library = |defines: &str, calls: &str, needs: &str| {
        let mut draft = Draft::library();
        draft.import_func(calls, sig(0));
        draft.got_func(defines);
        let func = draft.func(defines, sig(0));
        draft.segment(vec![Some(func), None]);
        draft.needs(needs);
        draft.dylink().memory_size = 64;
        draft.dylink().memory_p2align = 4;
        draft
    };
    world.put("liba.so", library("a", "b", "libb.so"));
    world.put("libb.so", library("b", "a", "libold.so"));
    let mut old = library("old", "old", "libold.so");
    // A function without a slot of its own.
    old.func("bare", sig(0));
    world.put("libold.so", old);
    let mut main = library("start", "a", "liba.so");
    main.got_func("bare");
    world.put("libmain.so", main);
    world.load("libold.so", Flags::default()).unwrap();
    world
}

/// The message of `verify` for the plan as changed.
fn refused(change: impl Fn(&mut Plan)) -> String {
    let mut world = world();
    let error = world.plan("libmain.so", Flags::default(), |request, mut plan| {
        verify(request, &plan).expect("the plan as it was is good");
        change(&mut plan);
        verify(request, &plan)
            .expect_err("a damaged plan")
            .to_string()
    });
    error.unwrap()
}

#[track_caller]
fn assert_refused(what: &str, change: impl Fn(&mut Plan)) {
    let message = refused(change);
    assert!(message.contains(what), "{message}");
}

#[test]
fn an_object_instantiated_twice() {
    assert_refused("order of instantiation", |plan| {
        plan.order.push(plan.order[0])
    });
    assert_refused("order of instantiation", |plan| {
        plan.order[0] = plan.order[1]
    });
}

#[test]
fn an_object_never_instantiated() {
    assert_refused("order of instantiation", |plan| {
        plan.order.pop();
    });
}

#[test]
fn an_object_constructed_twice_or_never() {
    assert_refused("order of construction", |plan| plan.init[0] = plan.init[1]);
    assert_refused("order of construction", |plan| {
        plan.init.pop();
    });
}

#[test]
fn an_older_object_constructed_again() {
    assert_refused("order of construction", |plan| plan.init[0] = ObjectId(0));
}

#[test]
fn an_export_used_before_its_object_exists() {
    assert_refused("too early", |plan| plan.order.reverse());
}

#[test]
fn an_export_of_an_object_that_is_nowhere() {
    assert_refused("too early", |plan| {
        plan.objects[0].imports[5] = Supply::Export(Definition {
            object: ObjectId(99),
            export: 0,
        });
    });
}

#[test]
fn an_import_without_a_supply() {
    assert_refused("imports of libmain.so", |plan| {
        plan.objects[0].imports.pop();
    });
}

#[test]
fn a_stub_trampoline_host_function_or_tag_that_is_not_there() {
    for supply in [
        Supply::Stub(99),
        Supply::Trampoline(0),
        Supply::LazyStub(0),
        Supply::Host(0),
        Supply::Tag("__cpp_exception".into()),
    ] {
        assert_refused("too early", |plan| {
            plan.objects[0].imports[5] = supply.clone()
        });
    }
}

#[test]
fn an_address_beyond_32_bits() {
    assert_refused("too early", |plan| {
        if let Supply::Number { value, .. } = &mut plan.objects[0].imports[3] {
            *value = 1 << 32;
        }
    });
}

#[test]
fn two_objects_at_one_place_in_memory() {
    assert_refused("overlap in the memory", |plan| {
        plan.layout.placements[0].memory_base = plan.layout.placements[1].memory_base;
    });
}

#[test]
fn a_new_object_on_top_of_an_old_one() {
    let old = world().place("libold.so");
    assert_refused("overlap in the memory", |plan| {
        plan.layout.placements[0].memory_base = old.memory_base + 16;
    });
    assert_refused("overlap in the table", |plan| {
        plan.layout.placements[0].table_base = old.table_base;
    });
}

#[test]
fn data_below_1024_or_on_the_stack() {
    assert_refused("address of libmain.so", |plan| {
        plan.layout.placements[0].memory_base = 16
    });
    assert_refused("overlap in the memory", |plan| {
        plan.layout.placements[0].memory_base = crate::abi::NULL_GUARD + 16;
    });
}

#[test]
fn an_object_that_is_not_aligned() {
    assert_refused("address of libmain.so", |plan| {
        plan.layout.placements[0].memory_base += 8
    });
}

#[test]
fn a_free_range_that_is_in_use() {
    assert_refused("overlap in the memory", |plan| {
        let place = plan.layout.placements[0];
        plan.layout.memory_free.give(place.memory_base, 1).unwrap();
    });
    assert_refused("overlap in the table", |plan| {
        let place = plan.layout.placements[0];
        plan.layout.table_free.give(place.table_base, 1).unwrap();
    });
}

#[test]
fn a_memory_or_table_that_is_too_small() {
    assert_refused("memory is used up to", |plan| plan.layout.memory.after = 1);
    assert_refused("table is used up to", |plan| plan.layout.table.after = 3);
}

#[test]
fn the_null_slot_in_use() {
    assert_refused("slots of libmain.so", |plan| {
        plan.layout.placements[0].table_base = 0
    });
}

#[test]
fn a_function_in_a_free_slot_or_beyond_the_table() {
    assert_refused("free slot", |plan| {
        let slot = plan.fills[0].slot;
        plan.layout.table_free.give(slot, 1).unwrap();
    });
    assert_refused("free slot", |plan| {
        plan.fills[0].slot = plan.layout.table.after
    });
}

#[test]
fn two_functions_in_one_slot() {
    assert_refused("two functions", |plan| plan.fills.push(plan.fills[0]));
}

#[test]
fn a_function_in_a_slot_of_an_older_object() {
    let old = world().place("libold.so");
    assert_refused("two functions", |plan| {
        plan.fills[0].slot = old.table_base + 1
    });
}

#[test]
fn a_heap_on_top_of_data() {
    let mut world = World::default();
    let mut draft = Draft::library();
    draft.dylink().memory_size = 64;
    world.put("liba.so", draft);
    let message = world.plan("liba.so", Flags::default(), |request, mut plan| {
        verify(request, &plan).expect("the plan as it was is good");
        plan.layout.landmarks.heap_base -= 16;
        verify(request, &plan)
            .expect_err("a damaged plan")
            .to_string()
    });
    let message = message.unwrap();
    assert!(message.contains("overlap in the memory"), "{message}");
}
