//! What is counted as objects come and go says the same as a look at all of them.

use crate::hash_map::HashSet;

use super::draft::Draft;
use super::random::Random;
use super::unload::check_model;
use super::world::{Flags, World};
use crate::plan::*;

/// Opens, closes, late bindings, failed loads and the books written down, of libraries that need each other at random.
fn round(mut random: Random) -> usize {
    let count = 3 + random.below(12);
    let edges = 1 + random.below(4);
    let mut world = World::default();
    for n in 0..count {
        let mut draft = Draft::library();
        for _ in 0..random.below(edges) {
            draft.needs(&random.below(count).to_string());
        }
        world.put(&n.to_string(), draft);
    }
    let (mut gone_in_all, mut loads) = (0, Vec::new());
    for _ in 0..30 {
        let mut ids: Vec<ObjectId> = world.model.nodes.keys().copied().collect();
        ids.sort_unstable();
        let any = |random: &mut Random| {
            let there = !ids.is_empty();
            there.then(|| ids[random.below(ids.len() as u64) as usize])
        };
        let (one, other) = (any(&mut random), any(&mut random));
        match (random.below(8), one, other) {
            (0, Some(one), Some(other)) => world.model.bind(&[(one, other), (other, one)]),
            (1, Some(one), Some(other)) => world.model.bind(&[(one, other)]),
            (2, Some(_), _) => {
                let load: &Vec<ObjectId> = &loads[random.below(loads.len() as u64) as usize];
                let gone = world.model.dependents(load);
                world.model.remove(&gone);
            }
            (3, Some(_), _) => world.model.count_users(),
            (4 | 5, Some(one), _) => {
                let node = world.model.nodes.get_mut(&one).unwrap();
                node.opens.host = node.opens.host.saturating_sub(1);
                world.model.suspect(one);
            }
            _ => {
                let name = random.below(count).to_string();
                if world.model.names.contains_key(name.as_str()) {
                    let id = world.id(&name);
                    world.model.nodes.get_mut(&id).unwrap().opens.host += 1;
                } else {
                    let flags = Flags {
                        global: random.one_in(3),
                        ..Flags::default()
                    };
                    let (plan, _) = world.load_and(&name, flags, false).unwrap();
                    loads.push(plan.order);
                    let id = world.id(&name);
                    world.model.nodes.get_mut(&id).unwrap().opens.host += 1;
                }
            }
        }
        let held: HashSet<ObjectId> = match random.one_in(3) {
            true => one.into_iter().chain(other).collect(),
            false => HashSet::default(),
        };
        let gone = world.model.unkept(&held);
        assert_eq!(gone, world.model.unreachable(|id| held.contains(&id)));
        assert_eq!(gone, world.model.unkept(&held), "asked again");
        // A handler may run before they are removed, and what is dead is asked again.
        if random.one_in(2) {
            world.model.remove(&gone);
            gone_in_all += gone.len();
            check_model(&world.model);
        }
    }
    gone_in_all
}

#[test]
fn counts_tell_what_a_look_at_all_objects_tells() {
    let rounds = if cfg!(debug_assertions) { 500 } else { 5_000 };
    let gone: usize = (0..rounds)
        .map(|seed| {
            std::panic::catch_unwind(|| round(Random::new(seed)))
                .unwrap_or_else(|_| panic!("seed {seed}"))
        })
        .sum();
    println!("{gone} objects closed");
    assert!(gone > rounds as usize);
}

/// Closing one object of a circle looks at the one that keeps it, not at all of them.
#[test]
fn a_large_circle_is_closed_one_by_one() {
    let count = 8_000;
    let mut world = World::default();
    world.limits.objects = count;
    for n in 0..count {
        let mut draft = Draft::library();
        draft.needs(&((n + 1) % count).to_string());
        world.put(&n.to_string(), draft);
    }
    world.load_and("0", Flags::default(), false).unwrap();
    let ids = world.model.loaded.clone();
    for id in &ids {
        world.model.nodes.get_mut(id).unwrap().opens.host += 1;
    }
    for (n, id) in ids.iter().enumerate() {
        world.model.nodes.get_mut(id).unwrap().opens.host -= 1;
        world.model.suspect(*id);
        let gone = world.model.unkept(&HashSet::default());
        assert_eq!(gone.len(), if n + 1 == count { count } else { 0 });
    }
}
