//! What is indexed, against searches that look at everything.

use std::collections::BTreeMap;

use crate::hash_map::HashSet;

use super::draft::{Draft, sig};
use super::random::Random;
use crate::object::{Base, ConstValue, Datum, ExportItem, Metadata, Name};
use crate::plan::*;

const NAMES: u64 = 12;

fn object(random: &mut Random) -> Metadata {
    let mut draft = Draft::library();
    for n in 0..NAMES {
        match random.below(4) {
            0 => {
                draft.func(&format!("f{n}"), sig(0));
            }
            1 => draft.data(&format!("f{n}"), n),
            _ => {}
        }
    }
    draft.done().into()
}

/// Objects come and go, alone and together; a name is asked for after each step, so that the index is there from the beginning.
#[test]
fn a_scope_finds_what_a_plain_search_finds() {
    for seed in 1..20 {
        let mut random = Random::new(seed);
        let mut scope = Scope::default();
        let mut live: Vec<(ObjectId, Metadata)> = Vec::new();
        for step in 0..80 {
            if random.one_in(4) {
                let gone = live.iter().filter(|_| random.one_in(3));
                let gone: HashSet<ObjectId> = gone.map(|(id, _)| *id).collect();
                scope.remove(&gone);
                live.retain(|(id, _)| !gone.contains(id));
            } else {
                let object = object(&mut random);
                scope.push(ObjectId(step), &object);
                live.push((ObjectId(step), object));
            }
            for n in 0..NAMES {
                let name = format!("f{n}");
                let plain = live.iter().filter_map(|(id, object)| {
                    let export = object.position(&name)?;
                    let object = *id;
                    Some(Definition { object, export })
                });
                let plain: Vec<Definition> = plain.collect();
                let found: Vec<Definition> = scope.lookup(Name::new(&name), Kind::Symbol).collect();
                assert_eq!(found, plain, "seed {seed}, step {step}, {name}");
            }
            let order: Vec<ObjectId> = live.iter().map(|(id, _)| *id).collect();
            assert_eq!(scope.order(), order);
        }
    }
}

/// Names that are looked up together are found as each alone, however many scopes and names there are.
#[test]
fn names_that_are_looked_up_together_are_found_as_each_alone() {
    for seed in 1..12 {
        let mut random = Random::new(seed);
        let mut scopes: [Scope; 3] = Default::default();
        let mut next = 0;
        for scope in &mut scopes {
            for _ in 0..random.below(4) {
                scope.push(ObjectId(next), &object(&mut random));
                next += 1;
            }
            // With places that are empty, and lists of one.
            if random.one_in(2) {
                scope.len();
                let gone = scope.order().iter().copied();
                let gone: HashSet<ObjectId> = gone.filter(|_| random.one_in(2)).collect();
                scope.remove(&gone);
            }
        }
        let [a, b, c] = &scopes;
        let lookup = Lookup {
            scopes: [Some(a), random.one_in(4).then_some(b), Some(c)],
        };
        for count in [0, 1, 2, 63, 64, 65, 200] {
            let names: Vec<String> = (0..count)
                .map(|_| match random.below(NAMES + 2) {
                    n if n < NAMES => format!("f{n}"),
                    n if n == NAMES => "_initialize".to_string(),
                    _ => String::new(),
                })
                .collect();
            for kind in [Kind::Symbol, Kind::Global, Kind::Table] {
                let together = lookup.firsts(names.iter().map(|name| Name::new(name)), kind);
                for (n, found) in together.into_iter().enumerate() {
                    let alone = names.get(n);
                    let alone = alone.and_then(|name| lookup.first(Name::new(name), kind));
                    let found = found.map(|found| found.definition);
                    assert_eq!(
                        found,
                        alone.map(|alone| alone.definition),
                        "seed {seed}, {n}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_place_tells_its_object() {
    for seed in 1..6 {
        let mut random = Random::new(seed);
        let mut places = Places::default();
        let mut live: BTreeMap<u64, (ObjectId, Placement)> = BTreeMap::new();
        for step in 0..60 {
            let base = random.below(40) * 8;
            let place = Placement {
                memory_base: base,
                memory_size: random.below(9),
                table_base: base + 1,
                table_size: random.below(9),
            };
            let id = ObjectId(step);
            match live.remove(&base) {
                Some((id, place)) => places.remove(id, &place),
                None => {
                    places.add(id, &place);
                    live.insert(base, (id, place));
                }
            }
            for at in 0..330 {
                let lies = |start: u64, len: u64| at >= start && at < start + len;
                let memory = live.values();
                let mut memory = memory.filter(|(_, p)| lies(p.memory_base, p.memory_size));
                assert_eq!(places.at_address(at), memory.next().map(|(id, _)| *id));
                let table = live.values();
                let mut table = table.filter(|(_, p)| lies(p.table_base, p.table_size));
                assert_eq!(places.at_slot(at), table.next().map(|(id, _)| *id));
                let meets = |p: &Placement, len: u64| {
                    p.memory_size > 0
                        && p.memory_base < at + len
                        && at < p.memory_base + p.memory_size
                };
                for len in 1..12 {
                    let any = live.values().any(|(_, p)| meets(p, len));
                    assert_eq!(
                        places.memory().overlap(at, len).is_some(),
                        any,
                        "{at}+{len}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_slot_tells_its_function() {
    let function = |index| FuncId::Object {
        object: ObjectId(1),
        index,
    };
    let mut slots = SlotMap::default();
    slots.extend([(function(1), 10), (function(2), 20), (function(3), 30)].into_iter());
    assert_eq!(slots.at(20), Some(function(2)));
    // Another slot for a function that has one.
    slots.insert(function(2), 21);
    assert_eq!((slots.at(20), slots.at(21)), (None, Some(function(2))));
    // Objects leave their functions' slots, and those within their own ranges, whether these are small or large.
    let other = |index| FuncId::Object {
        object: ObjectId(2),
        index,
    };
    slots.insert(other(1), 40);
    slots.insert(other(2), 50);
    let place = |table_base, table_size| Placement {
        table_base,
        table_size,
        ..Placement::default()
    };
    let gone = |id| [ObjectId(id)].into_iter().collect();
    for (place, left) in [(place(40, 1), vec![40]), (place(45, 1_000), vec![50])] {
        assert_eq!(slots.leave(&gone(3), &[place]), left);
    }
    assert_eq!((slots.at(40), slots.at(50), slots.len()), (None, None, 3));
    slots.insert(other(1), 40);
    let mut left = slots.leave(&gone(1), &[place(21, 1)]);
    left.sort_unstable();
    assert_eq!(left, [10, 21, 30]);
    assert_eq!(slots.at(40), Some(other(1)));
    assert_eq!(slots.leave(&gone(2), &[]), [40]);
    assert!(slots.is_empty());
}

/// Of several names at one place the first, functions by their first export, and where the segments hold them.
#[test]
fn an_object_tells_names_by_numbers() {
    let mut draft = Draft::library();
    for (name, offset) in [("low", 8), ("b", 16), ("a", 16), ("c", 16), ("high", 32)] {
        draft.data(name, offset);
    }
    let value = ConstValue {
        base: Base::Table,
        offset: 3,
    };
    let ty = super::draft::I32;
    draft.export("slot", ExportItem::Data(Datum::new(value, ty).unwrap()));
    let f = draft.func("f", sig(0));
    let g = draft.func("g", sig(0));
    draft.export(
        "again",
        ExportItem::Func {
            index: f,
            sig: sig(0),
        },
    );
    draft.segment(vec![Some(g), None, Some(f), Some(g)]);
    let object: Metadata = draft.done().into();
    let by_value = object.by_value();
    let name = |export: u32| object.exports.get(export as usize).unwrap().name.text();
    let below = |address, counts: fn(u64) -> bool| -> Vec<(u64, &str)> {
        let found = by_value.data_below(address, (1000, 5), counts);
        found.map(|(at, export)| (at, name(export))).collect()
    };
    let all = |_| true;
    assert_eq!(below(1007, all), [(8, "slot")]);
    assert_eq!(below(1031, all), [(1016, "a"), (8, "slot")]);
    assert_eq!(below(1032, all), [(1032, "high"), (8, "slot")]);
    assert_eq!(
        below(1032, |at| (1000..1016).contains(&at)),
        [(1008, "low")]
    );
    assert_eq!(below(4, all), []);
    assert_eq!(by_value.export_of(f).map(name), Some("f"));
    assert_eq!(by_value.export_of(g + 1), None);
    assert_eq!(by_value.entries_of(g).collect::<Vec<_>>(), [(0, 0), (0, 3)]);
    assert_eq!(by_value.entries_of(g + 1).count(), 0);
}
