//! What counts as a definition, whose is taken, and in which groups it is looked for later.

use super::draft::{Draft, shared_types, sig};
use super::world::{Flags, World};
use crate::abi;
use crate::error::Code;
use crate::object::*;
use crate::plan::*;

const GLOBAL: Flags = Flags {
    global: true,
    deepbind: false,
    bind: Bind::Now,
};

/// Exports under `name` something that no C program could mean.
fn odd(name: &str) -> Vec<Draft> {
    let (memory, table) = shared_types();
    let global = |content, mutable| ExportItem::Global {
        index: 0,
        ty: GlobalType { content, mutable }.into(),
    };
    let value = ConstValue {
        base: Base::None,
        offset: 5,
    };
    let wide = GlobalType {
        content: ValType::I64,
        mutable: false,
    };
    let items = [
        ExportItem::Memory {
            index: 0,
            ty: memory.into(),
        },
        ExportItem::Table {
            index: 0,
            ty: table.into(),
        },
        ExportItem::Tag {
            index: 0,
            sig: sig(1),
        },
        global(ValType::I32, true),
        global(ValType::F64, false),
        ExportItem::Data(Datum::new(value, wide).unwrap()),
    ];
    items
        .into_iter()
        .map(|item| {
            let mut draft = Draft::library();
            draft.export(name, item);
            draft
        })
        .collect()
}

#[test]
fn only_functions_and_data_are_symbols() {
    for (n, odd) in odd("s").into_iter().enumerate() {
        let mut world = World::default();
        world.put("odd", odd);
        let mut function = Draft::library();
        function.func("s", sig(0));
        world.put("function", function);
        let mut datum = Draft::library();
        datum.data("s", 4);
        world.put("datum", datum);
        let mut calls = Draft::library();
        calls.import_func("s", sig(0));
        calls.got_func("s");
        world.put("calls", calls);
        let mut reads = Draft::library();
        reads.got_mem("s");
        world.put("reads", reads);
        world.load("odd", GLOBAL).unwrap();
        let (odd, missing) = (world.id("odd"), world.plan("calls", GLOBAL, |_, _| ()));
        assert_eq!(missing.unwrap_err().code(), Code::UndefinedSymbol, "{n}");
        world.load("function", GLOBAL).unwrap();
        world.load("calls", GLOBAL).unwrap();
        let calls = world.id("calls");
        let bindings = world.model.nodes[&calls].bindings.clone();
        assert!(
            bindings.iter().all(|binding| binding.object() != Some(odd)),
            "{n}"
        );
        world.model.demote([world.id("function")].into_iter());
        world.load("datum", GLOBAL).unwrap();
        world.load("reads", GLOBAL).unwrap();
    }
}

#[test]
fn each_kind_finds_its_own_under_one_name() {
    let mut world = World::default();
    let mut function = Draft::library();
    function.func("s", sig(0));
    world.put("function", function);
    for (n, draft) in odd("s").into_iter().enumerate() {
        world.put(&format!("odd{n}"), draft);
    }
    world.load("function", GLOBAL).unwrap();
    for n in 0..6 {
        world.load(&format!("odd{n}"), GLOBAL).unwrap();
    }
    let kinds = [Kind::Memory, Kind::Table, Kind::Tag, Kind::Global];
    for (kind, name) in kinds.into_iter().zip(["odd0", "odd1", "odd2", "odd3"]) {
        let first = world
            .model
            .global
            .lookup(Name::new("s"), kind)
            .next()
            .unwrap();
        assert_eq!(first.object, world.id(name), "{kind:?}");
    }
    assert_eq!(
        world
            .model
            .global
            .lookup(Name::new("s"), Kind::Symbol)
            .count(),
        1
    );
}

/// Imports are looked up in batches: each leads to its own name, wherever in a batch it stands, of whatever kind its neighbours are, and also where it is defined again.
#[test]
fn an_import_leads_to_its_own_name_wherever_it_stands() {
    for (count, scopes) in [(58, 1), (59, 1), (60, 2), (123, 2), (124, 3), (200, 3)] {
        let mut world = World::default();
        for n in 0..scopes {
            let mut first = Draft::library();
            for f in (0..count).filter(|f| n == 0 || f % 3 == n) {
                first.func(&format!("f{f}"), sig(f % 3));
                first.data(&format!("d{f}"), f as u64);
            }
            world.put(&format!("first{n}"), first);
            world.load(&format!("first{n}"), GLOBAL).unwrap();
        }
        let mut user = Draft::library();
        for f in (0..count).rev() {
            match f % 5 {
                0 => user.got_func(&format!("f{f}")),
                1 => user.got_mem(&format!("d{f}")),
                _ => {
                    user.import_func(&format!("f{f}"), sig(f % 3));
                }
            }
        }
        world.put("user", user);
        let (plan, _) = world.load("user", GLOBAL).unwrap();
        let bindings = &plan.objects[0].bindings[5..];
        assert_eq!(bindings.len(), count);
        let first = world.id("first0");
        let object = &world.shelf.files["first0"].object;
        for (f, binding) in (0..count).rev().zip(bindings) {
            let of = |name: String| object.position(&name);
            let (export, name) = match binding {
                Binding::Func(callee) | Binding::Slot(callee) => {
                    (callee.export().unwrap(), format!("f{f}"))
                }
                Binding::Data(definition) => (*definition, format!("d{f}")),
                other => panic!("{f}: {other:?}"),
            };
            assert_eq!(
                (export.object, Some(export.export)),
                (first, of(name)),
                "{f} of {count}"
            );
        }
    }
}

/// Imports its own function `f(int)` and its address, as libc.so does.
fn libc() -> Draft {
    let mut draft = Draft::library();
    draft.import_func("f", sig(1));
    draft.got_func("f");
    draft.got_mem("d");
    draft.func("f", sig(1));
    draft.data("d", 8);
    draft
}

/// Loads libc behind what defines `f` and `d` first; gives where its three imports lead, and the warnings.
fn behind(first: Draft) -> (Vec<Option<ObjectId>>, Vec<String>, [ObjectId; 2]) {
    let mut world = World::default();
    world.put("first", first);
    world.put("libc", libc());
    world.load("first", GLOBAL).unwrap();
    let (plan, _) = world.load("libc", GLOBAL).unwrap();
    let bindings = &plan.objects[0].bindings;
    let led = bindings[5..].iter().map(Binding::object).collect();
    (led, plan.warnings, [world.id("first"), world.id("libc")])
}

#[test]
fn an_importers_own_definition_is_taken_where_the_first_is_of_another_type() {
    let mut other = Draft::library();
    other.func("f", sig(2));
    other.func("d", sig(0));
    let (led, warnings, [_, libc]) = behind(other);
    assert_eq!(led, [Some(libc); 3]);
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(
        warnings[0].contains('f') && warnings[0].contains("first"),
        "{warnings:?}"
    );
    // Data in the place of the function.
    let mut data = Draft::library();
    data.data("f", 0);
    let (led, warnings, [_, libc]) = behind(data);
    assert_eq!((led, warnings.len()), (vec![Some(libc); 3], 2));
    // One that fits interposes, and nothing is said.
    let mut same = Draft::library();
    same.func("f", sig(1));
    same.data("d", 0);
    let (led, warnings, [first, _]) = behind(same);
    assert_eq!((led, warnings.len()), (vec![Some(first); 3], 0));
}

#[test]
fn without_an_own_definition_that_fits_it_is_an_error() {
    let mut world = World::default();
    let mut other = Draft::library();
    other.func("f", sig(2));
    world.put("other", other);
    let mut user = Draft::library();
    user.import_func("f", sig(1));
    world.put("user", user);
    // Its own is of yet another type.
    let mut odd = Draft::library();
    odd.import_func("f", sig(1));
    odd.func("f", sig(0));
    world.put("odd", odd);
    world.load("other", GLOBAL).unwrap();
    for name in ["user", "odd"] {
        let error = world.load(name, GLOBAL).map(|_| ()).unwrap_err();
        assert_eq!(error.code(), Code::TypeMismatch, "{name}");
    }
}

#[test]
fn weak_functions_are_looked_up_when_called_where_binding_is_lazy() {
    for bind in [Bind::Now, Bind::Lazy] {
        let mut world = World::default();
        let mut user = Draft::library();
        user.import_func("w", sig(0));
        user.weak();
        user.got_func("w");
        user.weak();
        world.put("user", user);
        let flags = Flags {
            bind,
            ..Flags::default()
        };
        let (plan, _) = world.load("user", flags).unwrap();
        let [stub] = &plan.lazy_stubs[..] else {
            panic!("{:?}", plan.lazy_stubs)
        };
        assert_eq!((stub.weak, stub.lazy), (true, bind == Bind::Lazy));
        assert!(matches!(
            plan.objects[0].imports[6],
            Supply::Number { value: 0, .. }
        ));
    }
}

fn open(world: &mut World, name: &str) -> ObjectId {
    let closure = world.closure(name).unwrap();
    if closure.fresh.is_empty() {
        let id = closure.roots[0];
        world.model.reopen(closure, false);
        return id;
    }
    world.load(name, Flags::default()).unwrap();
    world.id(name)
}

#[test]
fn an_object_sees_the_groups_of_all_openings_that_hold_it() {
    let mut world = World::default();
    for (name, needs) in [
        ("c", &[][..]),
        ("a", &["c"]),
        ("b", &["x", "c"]),
        ("x", &[]),
        ("apart", &["x"]),
    ] {
        let mut draft = Draft::library();
        needs.iter().for_each(|n| draft.needs(n));
        world.put(name, draft);
    }
    let groups = Groups::default();
    let scope = |world: &World, id| groups.of_object(&world.model, id).order().to_vec();
    let a = open(&mut world, "a");
    let c = world.id("c");
    assert_eq!(scope(&world, c), [a, c]);
    open(&mut world, "apart");
    assert_eq!(scope(&world, c), [a, c], "a group without it");
    let b = open(&mut world, "b");
    let x = world.id("x");
    assert_eq!(scope(&world, c), [a, c, b, x]);
    assert_eq!(scope(&world, a), [a, c]);
    // Opened itself, later: its own group, which is known already.
    open(&mut world, "c");
    open(&mut world, "c");
    assert_eq!(world.model.openings.len(), 4);
    assert_eq!(scope(&world, c), [a, c, b, x]);
    // With the object its group goes.
    world.model.remove(&[b].into_iter().collect());
    assert_eq!(scope(&world, c), [a, c]);
    world.model.remove(&[a].into_iter().collect());
    assert_eq!(scope(&world, c), [c]);
}

#[test]
fn a_first_opening_is_taken_back() {
    let mut world = World::default();
    let mut a = Draft::library();
    a.needs("c");
    world.put("a", a);
    world.put("c", Draft::library());
    open(&mut world, "a");
    let closure = world.closure("c").unwrap();
    let changes = world.model.reopen(closure, false);
    let c = world.id("c");
    assert_eq!(changes.opened, Some(c));
    world.model.revert(&changes);
    assert!(!world.model.openings.contains(&c) && !world.model.nodes[&c].opened);
    let closure = world.closure("c").unwrap();
    assert_eq!(world.model.reopen(closure, false).opened, Some(c));
}

#[test]
fn a_large_group_finds_what_a_small_one_finds() {
    let mut world = World::default();
    let count = 100;
    let mut root = Draft::library();
    for n in 0..count {
        let mut draft = Draft::library();
        draft.func(&format!("f{}", n / 2), sig(0));
        draft.func(abi::CALL_CTORS, sig(0));
        world.put(&format!("l{n}"), draft);
        root.needs(&format!("l{n}"));
    }
    world.put("root", root);
    let root = open(&mut world, "root");
    let groups = Groups::default();
    let large = groups.of_handle(&world.model, root);
    assert_eq!(large.order().len(), count + 1);
    for n in 0..count / 2 {
        let name = format!("f{n}");
        let found: Vec<_> = large.lookup(&world.model, Name::new(&name)).collect();
        let objects: Vec<_> = found.iter().map(|d| d.object).collect();
        let names = [format!("l{}", 2 * n), format!("l{}", 2 * n + 1)];
        assert_eq!(objects, names.map(|name| world.id(&name)));
        let small = groups.of_handle(&world.model, objects[0]);
        assert_eq!(
            small.lookup(&world.model, Name::new(&name)).next(),
            Some(found[0])
        );
    }
    assert_eq!(
        large
            .lookup(&world.model, Name::new(abi::CALL_CTORS))
            .count(),
        0
    );
}
