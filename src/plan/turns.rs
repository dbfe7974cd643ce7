//! In which order objects are constructed and destroyed, and how far each has come.

use std::collections::BTreeSet;

use foldhash::{HashMap, HashSet};

use super::order::dependencies_first;
use super::{Model, ObjectId};

/// What has been run of an object's own code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Init {
    #[default]
    New,
    Relocated,
    /// Its constructors have been called. They may be running: in a circle of needed libraries, those are not waited for.
    Called,
    Failed,
}

impl Model {
    /// The objects that `roots` need, and these, whose constructors have not been called: dependencies first. `roots` are an
    /// object asked for, then preloads, which it needs as well.
    pub fn unconstructed(&self, roots: &[ObjectId]) -> Vec<ObjectId> {
        let waits = |id: &ObjectId| {
            let node = self.nodes.get(id);
            node.is_some_and(|node| node.init != Init::Called)
        };
        if !self.nodes.keys().any(waits) {
            return Vec::new();
        }
        let mut ids: Vec<ObjectId> = self.nodes.keys().copied().collect();
        ids.sort_unstable();
        let position = |id: ObjectId| ids.binary_search(&id).ok();
        let mut order = dependencies_first(&ids, position, roots, false, |id| self.needed(id));
        order.retain(waits);
        order
    }

    fn needed(&self, id: ObjectId) -> &[ObjectId] {
        self.nodes.get(&id).map_or(&[], |node| &node.found.needed)
    }

    /// Objects that go together in the order in which they are destroyed: dependents before what they need and, where that
    /// leaves it open, before what they are bound to (ELF: in reverse of the order of construction, sorted by dependencies); the
    /// last loaded first. A circle is cut at its first object.
    pub fn dependents_first(&self, gone: &HashSet<ObjectId>) -> Vec<ObjectId> {
        let mut waiting = Waiting::new(gone);
        for &id in gone {
            let Some(node) = self.nodes.get(&id) else {
                continue;
            };
            for needed in &node.found.needed {
                waiting.add(id, *needed, true);
            }
            for used in &node.uses {
                waiting.add(id, *used, false);
            }
        }
        waiting.in_order()
    }
}

/// Objects that wait for their dependents.
struct Waiting {
    /// For each object: those it needs and those it is only bound to.
    edges: HashMap<ObjectId, Vec<(ObjectId, bool)>>,
    /// For each object: by how many it is needed, and to how many bound besides.
    users: HashMap<ObjectId, (u32, u32)>,
    /// Used by none, needed by none, and all that are left.
    unused: BTreeSet<ObjectId>,
    unneeded: BTreeSet<ObjectId>,
    left: BTreeSet<ObjectId>,
}

impl Waiting {
    fn new(objects: &HashSet<ObjectId>) -> Waiting {
        Waiting {
            edges: HashMap::default(),
            users: objects.iter().map(|id| (*id, (0, 0))).collect(),
            unused: BTreeSet::new(),
            unneeded: BTreeSet::new(),
            left: objects.iter().copied().collect(),
        }
    }

    fn add(&mut self, from: ObjectId, to: ObjectId, needed: bool) {
        if from == to {
            return;
        }
        let Some(users) = self.users.get_mut(&to) else {
            return;
        };
        let count = if needed { &mut users.0 } else { &mut users.1 };
        *count = count.saturating_add(1);
        self.edges.entry(from).or_default().push((to, needed));
    }

    fn sort_in(&mut self, id: ObjectId) {
        match self.users.get(&id) {
            Some((0, 0)) => {
                self.unneeded.remove(&id);
                self.unused.insert(id);
            }
            Some((0, _)) => {
                self.unneeded.insert(id);
            }
            _ => {}
        }
    }

    fn in_order(mut self) -> Vec<ObjectId> {
        for id in self.left.clone() {
            self.sort_in(id);
        }
        let mut order = Vec::with_capacity(self.left.len());
        loop {
            let next = self.unused.last().or_else(|| self.unneeded.last());
            let Some(&id) = next.or_else(|| self.left.first()) else {
                return order;
            };
            self.unused.remove(&id);
            self.unneeded.remove(&id);
            self.left.remove(&id);
            order.push(id);
            for (to, needed) in self.edges.remove(&id).unwrap_or_default() {
                if let Some(users) = self.users.get_mut(&to) {
                    let count = if needed { &mut users.0 } else { &mut users.1 };
                    *count = count.saturating_sub(1);
                }
                if self.left.contains(&to) {
                    self.sort_in(to);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Edges: from, to, whether it is needed.
    fn order(count: u32, edges: &[(u32, u32, bool)]) -> Vec<u32> {
        let mut waiting = Waiting::new(&(0..count).map(ObjectId).collect());
        for &(from, to, needed) in edges {
            waiting.add(ObjectId(from), ObjectId(to), needed);
        }
        waiting.in_order().into_iter().map(|id| id.0).collect()
    }

    #[test]
    fn dependents_come_first() {
        assert_eq!(order(3, &[(0, 1, true), (1, 2, true)]), [0, 1, 2]);
        assert_eq!(order(3, &[(2, 1, true), (1, 0, true)]), [2, 1, 0]);
        assert_eq!(order(3, &[(1, 0, true)]), [2, 1, 0]);
    }

    #[test]
    fn what_is_needed_counts_more_than_what_is_bound() {
        // 0 was loaded first, by itself; 1 needs it, and a lazy call of 0 was bound to 1.
        assert_eq!(order(2, &[(1, 0, true), (0, 1, false)]), [1, 0]);
        assert_eq!(order(2, &[(0, 1, false)]), [0, 1]);
    }

    #[test]
    fn a_circle_is_cut_at_its_first() {
        assert_eq!(
            order(3, &[(0, 1, true), (1, 2, true), (2, 0, true)]),
            [0, 1, 2]
        );
        // What needs the circle comes before it.
        let edges = [(3, 1, true), (0, 1, true), (1, 0, true)];
        assert_eq!(order(4, &edges), [3, 2, 0, 1]);
    }

    #[test]
    fn long_chains_and_many_users_are_no_trouble() {
        let chain: Vec<_> = (0..100_000).map(|n| (n, n + 1, true)).collect();
        assert_eq!(order(100_001, &chain)[100_000], 100_000);
        let star: Vec<_> = (1..100_000).map(|n| (n, 0, true)).collect();
        assert_eq!(order(100_000, &star)[99_999], 0);
    }
}
