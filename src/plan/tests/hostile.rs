//! Objects that no linker makes: numbers at the edge, loops, huge counts. An error or a plan, never a panic.

use super::draft::{Draft, FUNCREF, sig};
use super::random::Random;
use super::world::{Flags, World};
use crate::abi;
use crate::error::Code;
use crate::object::*;

fn code(world: &mut World, name: &str) -> Code {
    world
        .load(name, Flags::default())
        .map_or_else(|e| e.code(), |_| Code::Ok)
}

fn alone(draft: Draft) -> (World, Code) {
    let mut world = World::default();
    world.put("a", draft);
    let code = code(&mut world, "a");
    (world, code)
}

#[test]
fn sizes_at_the_edge_are_refused_by_the_limits() {
    for (memory, slots) in [(u32::MAX, 0), (0, u32::MAX), (u32::MAX, u32::MAX)] {
        let mut draft = Draft::library();
        draft.dylink().memory_size = memory.into();
        draft.dylink().table_size = slots.into();
        assert_eq!(alone(draft).1, Code::Limit, "{memory:#x} {slots:#x}");
    }
}

#[test]
fn sizes_beyond_32_bits_do_not_overflow() {
    for p2align in [0, 30] {
        let mut draft = Draft::library();
        draft.dylink().memory_size = u64::MAX;
        draft.dylink().memory_p2align = p2align;
        assert_eq!(alone(draft).1, Code::Limit);
        let mut draft = Draft::library();
        draft.dylink().table_size = u64::MAX;
        draft.dylink().table_p2align = p2align;
        assert_eq!(alone(draft).1, Code::Limit);
    }
}

#[test]
fn every_alignment_up_to_1_gib_is_kept_and_no_other_is_taken() {
    for p2align in 0..70 {
        let mut draft = Draft::library();
        draft.dylink().memory_size = 1;
        draft.dylink().memory_p2align = p2align;
        let (world, code) = alone(draft);
        if p2align > 30 {
            assert_eq!(code, Code::Malformed, "2^{p2align}");
        } else {
            assert_eq!(code, Code::Ok, "2^{p2align}");
            assert_eq!(world.place("a").memory_base % (1 << p2align), 0);
        }
    }
}

#[test]
fn segments_at_the_edge_do_not_overflow() {
    for (base, offset) in [
        (Base::Table, u64::MAX),
        (Base::Table, u64::from(u32::MAX)),
        (Base::None, u64::MAX),
        (Base::Memory, 0),
    ] {
        let mut draft = Draft::library();
        let f = draft.func("f", sig(0));
        draft.dylink().table_size = 4;
        draft.segment_at(base, offset, vec![Some(f); 3]);
        assert_eq!(alone(draft).1, Code::Malformed, "{base:?} {offset:#x}");
    }
}

#[test]
fn segments_of_other_tables_take_no_slots() {
    let mut draft = Draft::bare();
    let table = TableType {
        element: FUNCREF,
        limits: Limits { min: 0, max: None },
        table64: false,
    };
    draft.import(
        "other",
        "__indirect_function_table",
        ExternType::Table(table.into()),
    );
    let f = draft.func("f", sig(0));
    draft.segment_at(Base::None, 1 << 20, vec![Some(f)]);
    let mut world = World::default();
    world.put("a", draft);
    let def = crate::plan::HostDef {
        ty: ExternType::Table(table.into()),
        precedence: crate::plan::Precedence::Behind,
    };
    world
        .model
        .host
        .define("other", abi::INDIRECT_FUNCTION_TABLE, def);
    assert_eq!(code(&mut world, "a"), Code::Ok);
}

#[test]
fn minimums_at_the_edge_are_refused_by_the_limits() {
    let mut draft = Draft::library();
    let table = TableType {
        element: FUNCREF,
        limits: Limits {
            min: u64::from(u32::MAX),
            max: None,
        },
        table64: false,
    };
    // The one that counts is the first import of the table.
    draft = {
        let mut object = draft.done();
        *object.imports.types_mut().nth(1).unwrap() = ExternType::Table(table.into());
        Draft::go_on(object)
    };
    assert_eq!(alone(draft).1, Code::Limit);
}

/// `n` aliases in a chain, the last of a function.
fn chain(n: usize) -> Draft {
    let mut draft = Draft::library();
    let indices: Vec<u32> = (0..n)
        .map(|k| draft.import_func(&format!("f{}", k + 1), sig(0)))
        .collect();
    for (k, index) in indices.into_iter().enumerate() {
        let sig = sig(0);
        draft.export(&format!("f{k}"), ExportItem::Func { index, sig });
    }
    draft.func(&format!("f{n}"), sig(0));
    draft
}

#[test]
fn a_chain_of_aliases_ends_at_its_definition() {
    assert_eq!(alone(chain(60)).1, Code::Ok);
}

#[test]
fn a_chain_of_aliases_without_end_is_undefined() {
    let mut world = World::default();
    world.put("a", chain(10_000));
    let error = world.plan("a", Flags::default(), |_, _| ()).unwrap_err();
    assert_eq!(error.code(), Code::UndefinedSymbol);
}

#[test]
fn an_alias_of_itself_is_undefined() {
    let mut draft = Draft::library();
    let index = draft.import_func("f", sig(0));
    draft.export("f", ExportItem::Func { index, sig: sig(0) });
    assert_eq!(alone(draft).1, Code::UndefinedSymbol);
}

#[test]
fn a_name_that_everybody_needs_of_everybody_is_one_object() {
    let mut world = World::default();
    for n in 0..100 {
        let mut draft = Draft::library();
        for m in 0..100 {
            draft.needs(&format!("{m}"));
        }
        world.put(&n.to_string(), draft);
    }
    let (plan, _) = world.load("7", Flags::default()).unwrap();
    assert_eq!(plan.order.len(), 100);
}

#[test]
fn random_numbers_at_the_edge_never_panic() {
    const EDGES: [u64; 12] = [
        0,
        1,
        15,
        16,
        0xffff,
        0x1_0000,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        0x1_0000_0000,
        u64::MAX - 1,
        u64::MAX,
    ];
    let mut codes = std::collections::BTreeMap::new();
    for seed in 0..5_000 {
        let mut random = Random::new(seed);
        let mut edge = || EDGES[random.below(12) as usize];
        let mut world = World {
            stack_size: edge(),
            ..World::default()
        };
        if edge() < 16 {
            world.stack_size = 4096;
        }
        for name in ["a", "b", "c"] {
            let mut draft = Draft::library();
            draft.got_mem("d");
            draft.data("d", edge());
            let f = draft.func("f", sig(0));
            let size = edge();
            let dylink = draft.dylink();
            (dylink.memory_size, dylink.table_size) = (edge() % (1 << 20), edge() % (1 << 20));
            if size > 1 << 33 {
                dylink.memory_size = size;
            }
            (dylink.memory_p2align, dylink.table_p2align) = (edge() as u32 % 33, edge() as u32 % 8);
            draft.segment_at(Base::Table, edge() % 3, vec![Some(f)]);
            draft.needs("b");
            world.put(name, draft);
        }
        world.limits.memory_pages = edge();
        world.limits.table_slots = edge();
        let loads = || ["a", "c"].map(|name| code(&mut world, name));
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(loads));
        for code in result.unwrap_or_else(|_| panic!("seed {seed}")) {
            *codes.entry(code as u32).or_insert(0) += 1;
        }
    }
    println!("{codes:?}");
    let good = codes.get(&(Code::Ok as u32)).copied();
    assert!(good.is_some_and(|n| n > 100), "{codes:?}");
}
