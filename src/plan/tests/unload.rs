//! What closing leaves: nothing of what is gone, and all of what is not.

use crate::hash_map::HashSet;

use super::draft::{Draft, sig};
use super::world::{Flags, World};
use crate::object::Name;
use crate::plan::*;

/// As `wasm_dyld_load` counts.
pub fn open(world: &mut World, name: &str, flags: Flags) -> crate::error::Result<ObjectId> {
    let id = world.load(name, flags).map(|_| world.id(name))?;
    world.model.nodes.get_mut(&id).unwrap().opens.host += 1;
    Ok(id)
}

/// Closes once and removes what nothing keeps, without exit handlers. Gives what is gone, in order.
pub fn close(world: &mut World, id: ObjectId) -> Vec<ObjectId> {
    world.model.nodes.get_mut(&id).unwrap().opens.host -= 1;
    world.model.suspect(id);
    let gone = world.model.unkept(&HashSet::default());
    assert_eq!(gone, world.model.unreachable(|_| false));
    check_closed(world, &gone);
    world.model.remove(&gone);
    check(world);
    let mut gone: Vec<ObjectId> = gone.into_iter().collect();
    gone.sort_unstable();
    gone
}

/// What goes is nobody's, and nothing that is nobody's stays.
fn check_closed(world: &World, gone: &HashSet<ObjectId>) {
    let model = &world.model;
    for (id, node) in &model.nodes {
        let open = node.opens.host > 0 || node.nodelete || model.main == Some(*id);
        let kept_by: Vec<ObjectId> = model
            .nodes
            .iter()
            .filter(|(other, node)| {
                let bound = node.bindings.iter().filter_map(Binding::object);
                let mut all = bound.chain(node.found.needed.iter().copied());
                !gone.contains(other) && *other != id && all.any(|used| used == *id)
            })
            .map(|(other, _)| *other)
            .collect();
        if gone.contains(id) {
            assert!(!open && kept_by.is_empty(), "{id:?} kept by {kept_by:?}");
        } else {
            let held = model.slots.iter().any(|(function, slot)| {
                let live = |id: &ObjectId| !gone.contains(id) && model.nodes.contains_key(id);
                let other = matches!(function, FuncId::Object { object, .. } if object != id && live(object));
                other && within(&node.place, *slot)
            });
            // Whoever keeps it may do so in a circle that something else keeps.
            assert!(
                open || held || !kept_by.is_empty(),
                "{id:?} is kept by nothing"
            );
        }
    }
}

/// The namespace agrees with itself.
fn check(world: &World) {
    check_model(&world.model);
}

/// The books of a namespace agree with each other.
pub fn check_model(model: &Model) {
    let there = |id: &ObjectId| model.nodes.contains_key(id);
    for (id, node) in &model.nodes {
        assert!(node.found.needed.iter().all(there), "{id:?}");
        assert!(node.uses.iter().all(there), "{id:?}");
        assert!(
            node.bindings
                .iter()
                .filter_map(Binding::object)
                .all(|id| there(&id)),
            "{id:?}"
        );
        assert_eq!(node.global, model.global.order().contains(id));
    }
    assert!(model.global.order().iter().all(there));
    assert!(model.names.values().all(there));
    for name in model.nodes.values().flat_map(|n| &n.found.object.exports) {
        let mut known = model.global.lookup(name.name, Kind::Symbol);
        assert!(known.all(|d| there(&d.object)));
    }
    let mut ranges: Vec<(u64, u64)> = model.memory.iter().collect();
    let mut slots: Vec<(u64, u64)> = model.table.iter().collect();
    for node in model.nodes.values() {
        let place = node.place;
        if node.found.role != Role::FixedMain {
            ranges.push((place.memory_base, place.memory_size));
            slots.push((place.table_base, place.table_size));
        }
    }
    for (id, node) in &model.nodes {
        let mut needed = node.found.needed.iter();
        assert!(needed.all(|to| model.needed_by[to].contains(id)));
    }
    let needed_by = model.needed_by.iter();
    let mut needed_by = needed_by.flat_map(|(id, users)| users.iter().map(move |user| (id, user)));
    assert!(needed_by.all(|(id, user)| model.nodes[user].found.needed.contains(id)));
    assert_eq!(model.loaded.len(), model.nodes.len());
    assert!(model.loaded.iter().chain(&model.openings).all(there));
    assert!(model.loaded.is_sorted());
    for (function, slot) in model.slots.iter().chain(model.calls.iter()) {
        if let FuncId::Object { object, .. } = function {
            assert!(there(object), "{function:?}");
        }
        if !model.nodes.values().any(|node| within(&node.place, *slot)) {
            slots.push((*slot, 1));
        }
    }
    disjoint(ranges);
    disjoint(slots);
}

fn disjoint(mut ranges: Vec<(u64, u64)>) {
    ranges.retain(|&(_, len)| len > 0);
    ranges.sort_unstable();
    for pair in ranges.windows(2) {
        assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{pair:?} overlap");
    }
}

fn user(of: &[&str]) -> Draft {
    let mut draft = Draft::library();
    for name in of {
        draft.import_func(name, sig(0));
    }
    draft
}

fn definer(name: &str) -> Draft {
    let mut draft = Draft::library();
    draft.func(name, sig(0));
    draft
}

const GLOBAL: Flags = Flags {
    global: true,
    deepbind: false,
    bind: Bind::Now,
};

#[test]
fn what_is_needed_goes_with_the_last_that_needs_it() {
    let mut world = World::default();
    for (name, needed) in [
        ("a", &["c"][..]),
        ("b", &["c"]),
        ("c", &["d"]),
        ("d", &["c"]),
    ] {
        let mut draft = Draft::library();
        needed.iter().for_each(|n| draft.needs(n));
        world.put(name, draft);
    }
    let a = open(&mut world, "a", Flags::default()).unwrap();
    let b = open(&mut world, "b", Flags::default()).unwrap();
    assert_eq!(close(&mut world, a), [a]);
    let (c, d) = (world.id("c"), world.id("d"));
    let mut all = vec![b, c, d];
    all.sort_unstable();
    assert_eq!(close(&mut world, b), all);
    assert!(world.model.landmarks.is_none() && world.model.names.is_empty());
}

#[test]
fn what_others_are_bound_to_stays() {
    let mut world = World::default();
    world.put("f", definer("f"));
    world.put("user", user(&["f"]));
    let f = open(&mut world, "f", GLOBAL).unwrap();
    let user = open(&mut world, "user", Flags::default()).unwrap();
    assert!(close(&mut world, f).is_empty());
    assert_eq!(close(&mut world, user), [f, user]);
}

#[test]
fn each_opening_needs_its_closing() {
    let mut world = World::default();
    world.put("a", Draft::library());
    let a = open(&mut world, "a", Flags::default()).unwrap();
    let closure = world.closure("a").unwrap();
    assert!(closure.fresh.is_empty());
    world.model.reopen(closure, false);
    world.model.nodes.get_mut(&a).unwrap().opens.host += 1;
    assert!(close(&mut world, a).is_empty());
    assert_eq!(close(&mut world, a), [a]);
}

#[test]
fn an_object_whose_segment_holds_anothers_function_outlives_it() {
    let mut world = World::default();
    world.put("f", definer("f"));
    let mut holder = Draft::library();
    let held = holder.import_func("f", sig(0));
    holder.segment(vec![Some(held)]);
    world.put("holder", holder);
    let mut taker = Draft::library();
    taker.got_func("f");
    world.put("taker", taker);
    let f = open(&mut world, "f", GLOBAL).unwrap();
    let holder = open(&mut world, "holder", Flags::default()).unwrap();
    let taker = open(&mut world, "taker", Flags::default()).unwrap();
    // The number is in the taker's GOT: the slot must stay while `f` is there.
    assert!(close(&mut world, holder).is_empty());
    assert!(close(&mut world, f).is_empty());
    assert_eq!(close(&mut world, taker), [f, holder, taker]);
}

#[test]
fn promotion_and_names_are_taken_back() {
    let mut world = World::default();
    world.put("a", definer("f"));
    world.shelf.link("a", "other");
    let a = open(&mut world, "a", Flags::default()).unwrap();
    let closure = world.closure("other").unwrap();
    let changes = world.model.reopen(closure, true);
    assert_eq!(changes.promoted, [a]);
    assert_eq!(world.model.global.order(), [a]);
    assert!(world.model.names.contains_key("other"));
    world.model.revert(&changes);
    assert!(
        world.model.global.order().is_empty()
            && world
                .model
                .global
                .lookup(Name::new("f"), Kind::Symbol)
                .next()
                .is_none()
    );
    assert!(!world.model.names.contains_key("other") && !world.model.nodes[&a].global);
}

#[test]
fn of_a_failed_load_only_what_is_newer_depends() {
    let mut world = World::default();
    for (name, needed) in [
        ("old", &[][..]),
        ("failed", &[]),
        ("newer", &["failed"]),
        ("apart", &[]),
    ] {
        let mut draft = Draft::library();
        needed.iter().for_each(|n| draft.needs(n));
        world.put(name, draft);
    }
    let mut ids = Vec::new();
    for name in ["old", "failed", "newer", "apart"] {
        ids.push(open(&mut world, name, Flags::default()).unwrap());
    }
    // A lazy binding that the failed object's constructor led to.
    world.model.bind(&[(ids[0], ids[1])]);
    let gone = world.model.dependents(&ids[1..2]);
    assert_eq!(gone, ids[1..3].iter().copied().collect());
    world.model.remove(&gone);
    assert!(world.model.nodes[&ids[0]].uses.is_empty());
    check(&world);
}

#[test]
fn an_emptied_namespace_lays_out_what_it_has() {
    let mut world = World::default();
    let mut big = Draft::library();
    big.dylink().memory_size = 200_000;
    big.dylink().table_size = 20;
    world.put("big", big);
    world.put("small", Draft::library());
    let id = open(&mut world, "big", Flags::default()).unwrap();
    let now = world.now;
    close(&mut world, id);
    let id = open(&mut world, "small", Flags::default()).unwrap();
    assert_eq!(world.now, now, "what is there serves again");
    let landmarks = world.model.landmarks.unwrap();
    assert_eq!(
        landmarks.heap_end,
        now.unwrap().memory_pages * crate::abi::PAGE
    );
    close(&mut world, id);
}
