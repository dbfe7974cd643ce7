//! Loads into a namespace from which objects were taken, and what stays equal from load to load.

use super::draft::{Draft, I32, shared_types, sig};
use super::world::{Flags, World};
use crate::abi;
use crate::error::Code;
use crate::object::*;
use crate::plan::*;

fn sized(memory: u64, p2align: u32, slots: u64) -> Draft {
    let mut draft = Draft::library();
    draft.dylink().memory_size = memory;
    draft.dylink().memory_p2align = p2align;
    draft.dylink().table_size = slots;
    draft
}

fn take_out(world: &mut World, name: &str) {
    let id = world.id(name);
    world.model.remove(&[id].into_iter().collect());
}

#[test]
fn a_freed_region_is_used_again() {
    let mut world = World::default();
    world.put("first", sized(8, 3, 0));
    world.put("a", sized(1000, 4, 3));
    world.put("b", sized(1000, 4, 3));
    world.put("c", sized(900, 4, 2));
    for name in ["first", "a", "b"] {
        world.load(name, Flags::default()).unwrap();
    }
    let (freed, now) = (world.place("a"), world.now);
    take_out(&mut world, "a");
    world.load("c", Flags::default()).unwrap();
    let place = world.place("c");
    assert_eq!(
        (place.memory_base, place.table_base),
        (freed.memory_base, freed.table_base)
    );
    assert_eq!(world.now, now);
}

#[test]
fn nothing_lies_at_null_behind_a_program_without_memory() {
    for size in [0, 4, 70_000] {
        let mut world = World::default();
        let mut lib = Draft::bare();
        lib.dylink().memory_size = size;
        world.put("main", Draft::bare());
        world.put("lib", lib);
        world.shelf.files.get_mut("main").unwrap().role = Role::FixedMain;
        world.load("main", Flags::default()).unwrap();
        assert_eq!(world.now.unwrap().memory_pages, 0);
        world.load("lib", Flags::default()).unwrap();
        let base = world.place("lib").memory_base;
        assert!(size == 0 || base >= abi::NULL_GUARD, "{base}");
        let end = if size == 0 { 0 } else { base + size };
        assert_eq!(world.now.unwrap().memory_pages, end.div_ceil(abi::PAGE));
    }
}

#[test]
fn the_page_that_a_library_asks_for_begins_behind_null() {
    let mut world = World::default();
    let mut main = Draft::bare();
    main.needs("lib");
    world.put("main", main);
    let mut lib = Draft::bare();
    lib.dylink();
    lib.import(
        abi::ENV,
        abi::MEMORY,
        ExternType::Memory(Box::new(MemoryType {
            limits: Limits { min: 1, max: None },
            ..shared_types().0
        })),
    );
    world.put("lib", lib);
    world.shelf.files.get_mut("main").unwrap().role = Role::FixedMain;
    world.load("main", Flags::default()).unwrap();
    assert_eq!(world.now.unwrap().memory_pages, 1);
    let mut later = Draft::bare();
    later.dylink().memory_size = 16;
    world.put("later", later);
    world.load("later", Flags::default()).unwrap();
    assert!(world.place("later").memory_base >= abi::NULL_GUARD);
}

#[test]
fn a_freed_region_that_is_too_small_is_left_alone() {
    let mut world = World::default();
    world.put("first", sized(8, 3, 0));
    world.put("a", sized(64, 4, 1));
    world.put("b", sized(64, 4, 1));
    world.put("c", sized(80, 4, 2));
    for name in ["first", "a", "b"] {
        world.load(name, Flags::default()).unwrap();
    }
    let (freed, b) = (world.place("a"), world.place("b"));
    take_out(&mut world, "a");
    world.load("c", Flags::default()).unwrap();
    assert!(world.place("c").memory_base >= b.memory_base + b.memory_size);
    assert!(world.place("c").table_base >= b.table_base + b.table_size);
    assert!(
        world
            .model
            .memory
            .iter()
            .any(|range| range == (freed.memory_base, 64))
    );
}

#[test]
fn an_assigned_slot_comes_from_freed_ones() {
    let mut world = World::default();
    let mut defines = sized(0, 0, 0);
    defines.func("f", sig(0));
    let mut uses = sized(0, 0, 0);
    uses.got_func("f");
    world.put("libf", defines);
    world.put("a", sized(0, 0, 2));
    world.put("uses", uses);
    let global = Flags {
        global: true,
        ..Flags::default()
    };
    world.load("libf", global).unwrap();
    world.load("a", global).unwrap();
    let freed = world.place("a").table_base;
    take_out(&mut world, "a");
    let (plan, _) = world.load("uses", global).unwrap();
    assert_eq!(plan.slots.iter().map(|s| s.1).collect::<Vec<_>>(), [freed]);
}

#[test]
fn a_definition_taken_out_is_not_found_again() {
    let mut world = World::default();
    for name in ["a", "b"] {
        let mut draft = Draft::library();
        draft.func("f", sig(0));
        world.put(name, draft);
    }
    let mut user = Draft::library();
    user.import_func("f", sig(0));
    world.put("user", user);
    let global = Flags {
        global: true,
        ..Flags::default()
    };
    world.load("a", global).unwrap();
    world.load("b", global).unwrap();
    take_out(&mut world, "a");
    let target = |world: &mut World| {
        world.plan("user", Flags::default(), |_, plan| {
            plan.objects[0].imports.last().cloned()
        })
    };
    let b = world.id("b");
    assert!(matches!(target(&mut world), Ok(Some(Supply::Export(d))) if d.object == b));
    take_out(&mut world, "b");
    let error = target(&mut world).map(|_| ()).unwrap_err();
    assert_eq!(error.code(), Code::UndefinedSymbol);
}

#[test]
fn the_same_function_has_one_address_in_all_loads() {
    let mut world = World::default();
    let mut defines = Draft::library();
    let held = defines.func("held", sig(0));
    defines.func("bare", sig(0));
    defines.segment(vec![None, Some(held)]);
    world.put("libf", defines);
    for name in ["a", "b"] {
        let mut user = Draft::library();
        user.got_func("held");
        user.got_func("bare");
        world.put(name, user);
    }
    let global = Flags {
        global: true,
        ..Flags::default()
    };
    world.load("libf", global).unwrap();
    let (first, _) = world.load("a", global).unwrap();
    let (second, _) = world.load("b", global).unwrap();
    let (a, b) = (
        world.numbers(&first, "a", 1),
        world.numbers(&second, "b", 2),
    );
    for name in ["held", "bare"] {
        let key = (abi::GOT_FUNC.to_string(), name.to_string());
        assert_eq!(a[&key], b[&key]);
        assert_ne!(a[&key], 0);
    }
    assert!(second.fills.is_empty() && second.slots.is_empty());
}

#[test]
fn a_load_that_is_refused_changes_nothing() {
    let mut world = World::default();
    world.put("good", sized(100, 4, 2));
    let mut bad = sized(100, 4, 2);
    bad.import_func("nowhere", sig(0));
    bad.got_mem("nowhere");
    world.put("bad", bad);
    world.put("after", sized(100, 4, 2));
    world.load("good", Flags::default()).unwrap();
    let before = format!("{:?}", world.model.global);
    let (memory, next) = (world.model.memory.clone(), world.model.next);
    world.load("bad", Flags::default()).map(|_| ()).unwrap_err();
    assert_eq!(format!("{:?}", world.model.global), before);
    assert_eq!((&world.model.memory, world.model.next), (&memory, next));
    assert!(!world.model.names.contains_key("bad"));
    world.load("after", Flags::default()).unwrap();
}

#[test]
fn a_global_of_a_loaded_object_is_there() {
    let mut world = World::default();
    let mut defines = Draft::library();
    defines.export(
        "g",
        ExportItem::Global {
            index: 0,
            ty: I32.into(),
        },
    );
    world.put("defines", defines);
    let mut user = Draft::library();
    user.import(abi::ENV, "g", ExternType::Global(I32));
    user.needs("defines");
    world.put("user", user);
    world.load("defines", Flags::default()).unwrap();
    let (plan, _) = world.load("user", Flags::default()).unwrap();
    assert!(matches!(
        plan.objects[0].imports.last(),
        Some(Supply::Export(_))
    ));
}
