//! Large sets of objects. Nothing here is timed by an assertion: the times are printed (`--release -- --nocapture`), and
//! each set is large enough for time that grows with the square to be felt.

use std::time::Instant;

use super::draft::{Draft, sig};
use super::world::{Flags, World};
use crate::object::{ExportItem, ExternType, GlobalType, Name, ValType};
use crate::plan::*;

const POINTER: GlobalType = GlobalType {
    content: ValType::I32,
    mutable: true,
};

fn timed(what: &str, world: &mut World, root: &str) -> Plan {
    let closure_start = Instant::now();
    world.closure(root).unwrap();
    let plan_start = Instant::now();
    let plan = world.plan(root, Flags::default(), |_, plan| plan).unwrap();
    println!(
        "{what}: closure {:?}, closure and plan {:?}",
        plan_start - closure_start,
        plan_start.elapsed()
    );
    plan
}

fn count(plan: &Plan, what: impl Fn(&Supply) -> bool) -> usize {
    let supplies = plan.objects.iter().flat_map(|o| &o.imports);
    supplies.filter(|s| what(s)).count()
}

/// Each library needs the next one and calls half of its exports.
fn chain(objects: usize, exports: usize) -> World {
    let mut world = World::default();
    world.limits.objects = objects;
    for n in 0..objects {
        let mut draft = Draft::library();
        if n + 1 < objects {
            draft.needs(&format!("lib{}", n + 1));
            for e in 0..exports / 2 {
                draft.import_func(&format!("f{}_{e}", n + 1), sig(e % 4));
            }
        }
        for e in 0..exports {
            draft.func(&format!("f{n}_{e}"), sig(e % 4));
        }
        draft.dylink().memory_size = 100;
        draft.dylink().memory_p2align = (n % 17) as u32;
        world.put(&format!("lib{n}"), draft);
    }
    world
}

#[test]
fn a_chain_of_1000_libraries_binds_directly() {
    let plan = timed(
        "chain of 1,000 with 100 exports",
        &mut chain(1000, 100),
        "lib0",
    );
    assert_eq!(count(&plan, |s| matches!(s, Supply::Export(_))), 999 * 50);
    assert_eq!(plan.order, plan.init);
    assert_eq!(plan.order.first(), Some(&ObjectId(999)));
    assert!(plan.stubs.is_empty() && plan.fills.is_empty());
}

#[test]
fn a_chain_as_long_as_the_limit_allows_needs_no_stack() {
    let plan = timed("chain of 8,000", &mut chain(8000, 2), "lib0");
    assert_eq!(plan.order.len(), 8000);
}

#[test]
fn ten_libraries_with_10_000_imports_each_bind_directly_or_by_stub() {
    let mut world = World::default();
    let (libraries, imports) = (10, 10_000);
    for n in 0..libraries {
        let mut draft = Draft::library();
        for m in 0..libraries {
            draft.needs(&format!("lib{m}"));
        }
        for k in 0..imports {
            let (of, f) = ((n + 1 + k) % libraries, k / 10);
            if k % 4 == 0 {
                draft.got_func(&format!("f{of}_{f}"));
            } else {
                draft.import_func(&format!("f{of}_{f}"), sig(0));
            }
        }
        let funcs: Vec<u32> = (0..imports / 10)
            .map(|f| draft.func(&format!("f{n}_{f}"), sig(0)))
            .collect();
        draft.segment(funcs.into_iter().step_by(2).map(Some).collect());
        world.put(&format!("lib{n}"), draft);
    }
    let plan = timed("10 libraries with 10,000 imports", &mut world, "lib0");
    let bound = count(&plan, |s| matches!(s, Supply::Export(_) | Supply::Stub(_)));
    assert_eq!(bound, 10 * 7_500);
    assert_eq!(
        count(&plan, |s| matches!(s, Supply::Number { .. })),
        10 * (2_500 + 2)
    );
}

#[test]
fn many_slots_assigned_beside_many_objects() {
    let mut world = chain(2_000, 20);
    let mut draft = Draft::library();
    for n in 0..2_000 {
        for e in 0..20 {
            draft.got_func(&format!("f{n}_{e}"));
        }
    }
    draft.needs("lib0");
    world.limits.objects = 3_000;
    world.put("libgot", draft);
    let plan = timed("40,000 slots beside 2,000 objects", &mut world, "libgot");
    assert_eq!(plan.fills.len(), 40_000);
}

#[test]
fn a_large_segment_of_imports_beside_a_large_segment_of_their_definitions() {
    let mut world = World::default();
    let count = 50_000;
    let mut holds = Draft::library();
    let held = (0..count)
        .map(|n| Some(holds.import_func(&format!("f{n}"), sig(0))))
        .collect();
    holds.segment(held);
    holds.needs("defines");
    world.put("holds", holds);
    let mut defines = Draft::library();
    let own = (0..count)
        .map(|n| Some(defines.func(&format!("f{n}"), sig(0))))
        .collect();
    defines.segment(own);
    world.put("defines", defines);
    let plan = timed("50,000 imports in a segment", &mut world, "holds");
    assert!(plan.fills.is_empty() && plan.slots.is_empty());
}

#[test]
fn many_names_of_one_file() {
    let mut world = World::default();
    world.put("lib0", Draft::library());
    let mut draft = Draft::library();
    for n in 0..10_000 {
        let name = format!("name{n}");
        world.shelf.link("lib0", &name);
        draft.needs(&name);
    }
    world.put("user", draft);
    let plan = timed("10,000 names of one file", &mut world, "user");
    assert_eq!(plan.order.len(), 2);
}

#[test]
fn one_name_defined_everywhere() {
    let mut world = chain(1_000, 2);
    for file in world.shelf.files.values_mut() {
        let mut draft = Draft::go_on((*file.object).clone());
        draft.func("same", sig(0));
        file.object = draft.done().into();
    }
    let plan = timed("one name in 1,000 libraries", &mut world, "lib0");
    assert_eq!(plan.order.len(), 1_000);
}

/// Each import of the stack pointer asks what the program imports.
#[test]
fn many_imports_of_the_stack_pointer_beside_many_of_the_program() {
    let mut world = World::default();
    let count = 300_000;
    let mut main = Draft::bare();
    for _ in 0..count {
        main.import_func("x", sig(0));
    }
    main.export(
        crate::abi::STACK_POINTER,
        ExportItem::Global {
            index: 0,
            ty: POINTER.into(),
        },
    );
    main.needs("user");
    main.func("x", sig(0));
    world.put("main", main);
    world.shelf.files.get_mut("main").unwrap().role = Role::FixedMain;
    let mut user = Draft::bare();
    for _ in 0..count {
        let name = crate::abi::STACK_POINTER;
        user.import(crate::abi::ENV, name, ExternType::Global(POINTER));
    }
    world.put("user", user);
    let plan = timed("300,000 imports of the stack pointer", &mut world, "main");
    let own = |s: &Supply| matches!(s, Supply::Export(d) if d.object == ObjectId(0));
    assert_eq!(count_of(&plan.objects[1], own), count);
}

fn count_of(planned: &Planned, what: impl Fn(&Supply) -> bool) -> usize {
    planned.imports.iter().filter(|s| what(s)).count()
}

/// All of them define one name, are global, and go at once; each depends on the one before.
#[test]
fn a_chain_that_goes_at_once() {
    let objects = 8_000;
    let mut world = chain(objects, 2);
    for file in world.shelf.files.values_mut() {
        let mut draft = Draft::go_on((*file.object).clone());
        draft.func("same", sig(0));
        file.object = draft.done().into();
    }
    let flags = Flags {
        global: true,
        ..Flags::default()
    };
    world.load_and("lib0", flags, false).unwrap();
    let first = world.model.loaded.clone();
    let start = Instant::now();
    // Those loaded later do not need earlier ones, so that nothing but the first load's own goes.
    let gone = world.model.dependents(&first);
    assert_eq!(gone.len(), objects);
    world.model.remove(&gone);
    println!("8,000 removed at once: {:?}", start.elapsed());
    assert!(world.model.loaded.is_empty() && world.model.global.is_empty());
}

/// Each needs the one before, and the number of the first is the lowest: taking that back takes all of them, in as many steps.
#[test]
fn a_chain_of_dependents() {
    let count = 20_000;
    let mut world = World::default();
    world.limits.objects = count;
    let mut root = Draft::library();
    for n in 0..count - 1 {
        root.needs(&n.to_string());
        let mut draft = Draft::library();
        if n > 0 {
            draft.needs(&(n - 1).to_string());
        }
        world.put(&n.to_string(), draft);
    }
    world.put("root", root);
    world.load_and("root", Flags::default(), false).unwrap();
    let start = Instant::now();
    let first = world.id("0");
    let gone = world.model.dependents(&[first]);
    println!("20,000 dependents in a chain: {:?}", start.elapsed());
    // All but the root, which is older.
    assert_eq!(gone.len(), count - 1);
}

/// As a program asks by `dlsym` for all that a group defines, or calls what it binds lazily.
#[test]
fn many_names_looked_up_in_a_large_group() {
    let (objects, exports) = (2_000, 50);
    let mut world = chain(objects, exports);
    world.load_and("lib0", Flags::default(), false).unwrap();
    let groups = Groups::default();
    let start = Instant::now();
    let mut found = 0;
    for n in 0..objects {
        for e in 0..exports {
            let id = ObjectId((n % 7) as u32);
            let scope = groups.of_object(&world.model, id);
            let name = format!("f{n}_{e}");
            found += scope.lookup(&world.model, Name::new(&name)).count();
        }
    }
    println!("100,000 names in a group of 2,000: {:?}", start.elapsed());
    assert_eq!(found, objects * exports);
}
