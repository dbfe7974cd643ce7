//! Which memory and which table slots the segments of objects fill, by whatever import they reach them.

use super::draft::{Draft, FUNCREF, sig};
use super::world::{Flags, World};
use crate::abi;
use crate::error::{Code, Error};
use crate::object::Limits;
use crate::object::*;
use crate::plan::*;

fn refused(world: &mut World, name: &str) -> Error {
    world.load(name, Flags::default()).map(|_| ()).unwrap_err()
}

fn filling(size: u64, base: Option<Base>, start: u64, len: u64) -> Result<(), Code> {
    let mut world = World::default();
    let mut draft = Draft::library();
    draft.dylink().memory_size = size;
    draft.fills(base, start, len);
    world.put("a", draft);
    world
        .load("a", Flags::default())
        .map(|_| ())
        .map_err(|e| e.code())
}

#[test]
fn data_lie_in_what_the_object_asks_for() {
    let own = Some(Base::Memory);
    assert_eq!(filling(16, own, 0, 16), Ok(()));
    assert_eq!(filling(16, own, 15, 1), Ok(()));
    for (start, len) in [
        (0, 17),
        (16, 1),
        (0xffff_fff0, 1),
        (0xffff_ffff, 2),
        (0, 1 << 32),
    ] {
        assert_eq!(
            filling(16, own, start, len),
            Err(Code::Malformed),
            "{start:#x}+{len:#x}"
        );
    }
    assert_eq!(filling(16, Some(Base::None), 0, 1), Err(Code::Malformed));
    for unknown in [None, Some(Base::Table)] {
        assert_eq!(
            filling(16, unknown, 0, 1),
            Err(Code::Unsupported),
            "{unknown:?}"
        );
    }
}

fn memory() -> ExternType {
    let ty = MemoryType {
        limits: Limits { min: 0, max: None },
        shared: false,
        memory64: false,
        page_log2: None,
    };
    ExternType::Memory(ty.into())
}

fn table() -> TableType {
    TableType {
        element: FUNCREF,
        limits: Limits { min: 0, max: None },
        table64: false,
    }
}

/// Exports the namespace's memory and table under names of its own; and both once more, by way of another object.
fn again(of: Option<&str>) -> Draft {
    let mut draft = Draft::bare();
    let (memory_name, table_name) = match of {
        None => (
            abi::MEMORY.to_string(),
            abi::INDIRECT_FUNCTION_TABLE.to_string(),
        ),
        Some(of) => (format!("memory of {of}"), format!("table of {of}")),
    };
    draft.import(abi::ENV, &memory_name, memory());
    draft.import(abi::ENV, &table_name, ExternType::Table(table().into()));
    let name = of.map_or("first", |_| "second");
    let ExternType::Memory(ty) = memory() else {
        unreachable!()
    };
    draft.export(
        &format!("memory of {name}"),
        ExportItem::Memory { index: 0, ty },
    );
    draft.export(
        &format!("table of {name}"),
        ExportItem::Table {
            index: 0,
            ty: table().into(),
        },
    );
    draft.needs("first");
    draft
}

#[test]
fn memory_and_table_are_the_namespaces_under_any_name() {
    // Loaded before, or with it.
    for before in [false, true] {
        let mut world = World::default();
        world.put("first", again(None));
        world.put("second", again(Some("first")));
        let mut draft = Draft::bare();
        draft.import(abi::ENV, "memory of second", memory());
        draft.import(
            abi::ENV,
            "table of second",
            ExternType::Table(table().into()),
        );
        draft.import(
            abi::ENV,
            "table of first",
            ExternType::Table(table().into()),
        );
        let f = draft.func("f", sig(0));
        draft.needs("second");
        let object = draft.done();
        let mut data = Draft::go_on(object.clone());
        data.fills(Some(Base::None), 0x2000, 1);
        world.put("data", data);
        for (name, table) in [("slots", 0), ("other slots", 1)] {
            let mut slots = Draft::go_on(object.clone());
            slots.segment_at(Base::None, 1, vec![Some(f)]);
            let mut object = slots.done();
            object.segments[0].table = table;
            world.shelf.put(name, object);
        }
        world.shelf.put("good", object);
        if before {
            world.load("second", Flags::default()).unwrap();
        }
        assert!(
            refused(&mut world, "data")
                .message()
                .contains("data segments")
        );
        for name in ["slots", "other slots"] {
            assert!(
                refused(&mut world, name)
                    .message()
                    .contains("element segment")
            );
        }
        let (plan, _) = world.load("good", Flags::default()).unwrap();
        let imports = &plan.objects.first().unwrap().imports;
        assert_eq!(imports[..], [Supply::Memory, Supply::Table, Supply::Table]);
    }
}

#[test]
fn the_table_imported_twice_is_filled_in_the_objects_own_slots_only() {
    let mut draft = Draft::library();
    draft.import(
        abi::ENV,
        abi::INDIRECT_FUNCTION_TABLE,
        ExternType::Table(table().into()),
    );
    let f = draft.func("f", sig(0));
    draft.dylink().table_size = 2;
    draft.segment_at(Base::Table, 0, vec![Some(f)]);
    let segment = |offset: u64| {
        let offset = ConstValue {
            base: Base::Table,
            offset,
        };
        Segment {
            table: 1,
            offset,
            funcs: vec![Some(f)],
        }
    };
    let mut object = draft.done();
    for (offset, code) in [
        (1, None),
        (0, Some(Code::Unsupported)),
        (2, Some(Code::Malformed)),
    ] {
        object.segments.truncate(1);
        object.segments.push(segment(offset));
        let mut world = World::default();
        world.shelf.put("a", object.clone());
        let loaded = world.load("a", Flags::default());
        assert_eq!(loaded.err().map(|e| e.code()), code, "{offset}");
    }
}

#[test]
fn what_is_exported_again_for_ever_is_an_error() {
    let mut world = World::default();
    for (name, from, to) in [("a", "x", "y"), ("b", "y", "x")] {
        let mut draft = Draft::bare();
        draft.import(abi::ENV, from, ExternType::Table(table().into()));
        draft.export(
            to,
            ExportItem::Table {
                index: 0,
                ty: table().into(),
            },
        );
        draft.needs("a");
        draft.needs("b");
        world.put(name, draft);
    }
    // The naive linker would follow it for ever.
    let error = world.load_and("a", Flags::default(), false).map(|_| ());
    assert_eq!(error.unwrap_err().code(), Code::TypeMismatch);
}

#[test]
fn limits_hold_for_every_import_of_the_memory() {
    let mut world = World::default();
    let mut draft = Draft::library();
    let two = MemoryType {
        limits: Limits {
            min: 3,
            max: Some(5),
        },
        shared: false,
        memory64: false,
        page_log2: None,
    };
    draft.import(abi::ENV, abi::MEMORY, ExternType::Memory(two.into()));
    world.put("a", draft);
    let (plan, _) = world.load("a", Flags::default()).unwrap();
    assert_eq!(
        (plan.layout.memory.after, plan.layout.memory.max),
        (3, Some(5))
    );
}

/// A library that holds an import of its own function in its segment, and calls it.
fn holder() -> Draft {
    let mut draft = Draft::library();
    let f = draft.import_func("f", sig(0));
    draft.func("f", sig(0));
    draft.segment(vec![Some(f)]);
    draft
}

#[test]
fn a_slot_that_holds_a_stub_is_not_what_the_stub_calls() {
    let mut world = World::default();
    world.put("a", holder());
    let mut user = Draft::library();
    user.got_func("f");
    user.needs("a");
    world.put("user", user);
    let (plan, _) = world.load("user", Flags::default()).unwrap();
    let [stub] = &plan.stubs[..] else {
        panic!("{:?}", plan.stubs)
    };
    let [(_, call)] = plan.calls[..] else {
        panic!("{:?}", plan.calls)
    };
    let slot = world.place("a").table_base;
    assert!(stub.slot == call && call != slot);
    // The address is still that of the segment, which the library's code knows.
    let numbers = world.numbers(&plan, "user", 0);
    assert_eq!(numbers[&(abi::GOT_FUNC.to_string(), "f".to_string())], slot);
    let filled: Vec<u64> = plan.fills.iter().map(|fill| fill.slot).collect();
    assert!(
        filled.contains(&slot) && filled.contains(&call),
        "{filled:?}"
    );
    // Both go with the object.
    let ids = world.model.nodes.keys().copied().collect();
    world.model.remove(&ids);
    assert!(world.model.slots.is_empty() && world.model.calls.is_empty());
}

#[test]
fn the_second_slot_is_free_again_when_the_library_has_gone() {
    let mut world = World::default();
    world.put("other", Draft::library());
    world.put("a", holder());
    world.load("other", Flags::default()).unwrap();
    world.load("a", Flags::default()).unwrap();
    let size = world.now.unwrap().table_slots;
    let id = world.id("a");
    world.model.remove(&[id].into_iter().collect());
    world.load("a", Flags::default()).unwrap();
    assert_eq!(world.now.unwrap().table_slots, size);
}

#[test]
fn the_largest_memory_and_the_largest_stack_end_at_addresses() {
    for pages in [0, 1, 65_535, 65_536] {
        let mut world = World::default();
        let mut draft = Draft::library();
        draft.got_mem(abi::HEAP_END);
        draft.got_mem(abi::HEAP_BASE);
        let mut object = draft.done();
        if let Some(ExternType::Memory(ty)) = object.imports.types_mut().next() {
            ty.limits.min = pages;
        }
        world.shelf.put("a", object);
        world.load("a", Flags::default()).unwrap();
    }
    let mut world = World {
        stack_size: (1 << 32) - abi::NULL_GUARD,
        ..World::default()
    };
    world.put("a", Draft::library());
    assert_eq!(refused(&mut world, "a").code(), Code::Limit);
}

#[test]
fn a_program_of_any_size_has_libraries() {
    for (min, max) in [(0, None), (0, Some(1)), (1, None), (1, Some(2))] {
        for memory_size in [0, 16] {
            let mut world = World::default();
            let mut program = Draft::bare();
            program.needs("a");
            let mut program = program.done();
            program.dylink = None;
            program.memory = Some(MemoryType {
                limits: Limits { min, max },
                shared: false,
                memory64: false,
                page_log2: None,
            });
            program.dylink = Some(Dylink {
                needed: vec!["a".into()],
                ..Dylink::default()
            });
            world.shelf.put("main", program);
            let file = world.shelf.files.get_mut("main").unwrap();
            (file.role, file.stack_pointer) = (Role::FixedMain, Some(0));
            let mut library = Draft::library();
            library.dylink().memory_size = memory_size;
            world.put("a", library);
            world
                .load("main", Flags::default())
                .unwrap_or_else(|e| panic!("{min} {max:?}: {e}"));
            let base = world.place("a").memory_base;
            assert!(memory_size == 0 || base >= abi::NULL_GUARD.max(min * abi::PAGE));
        }
    }
}
