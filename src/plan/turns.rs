//! In which order objects are constructed and destroyed, and how far each has come.

use std::collections::BTreeSet;

use crate::hash_map::HashSet;
use serde::{Deserialize, Serialize};

use super::order::{components, dependencies_first};
use super::{Model, ObjectId};

/// What has been run of an object's own code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
        // What they do not need has no part in it, however much is loaded.
        let mut seen: HashSet<ObjectId> = HashSet::default();
        let mut open = roots.to_vec();
        while let Some(id) = open.pop() {
            if self.nodes.contains_key(&id) && seen.insert(id) {
                open.extend(self.needed(id));
            }
        }
        if !seen.iter().any(waits) {
            return Vec::new();
        }
        let mut ids: Vec<ObjectId> = seen.into_iter().collect();
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
    /// last loaded first. Those of a circle come one after the other, the first loaded first.
    pub fn dependents_first(&self, gone: &HashSet<ObjectId>) -> Vec<ObjectId> {
        let mut ids: Vec<ObjectId> = gone.iter().copied().collect();
        ids.sort_unstable();
        let position = |id: &ObjectId| ids.binary_search(id).ok();
        let node = |id: &ObjectId| self.nodes.get(id);
        let needed = ids.iter().map(|id| {
            let needed = node(id).into_iter().flat_map(|node| &node.found.needed);
            needed.filter_map(position).collect()
        });
        let used = ids.iter().map(|id| {
            let used = node(id).into_iter().flat_map(|node| &node.uses);
            used.filter_map(position).collect()
        });
        users_first(&needed.collect::<Vec<_>>(), &used.collect::<Vec<_>>())
            .into_iter()
            .filter_map(|n| ids.get(n).copied())
            .collect()
    }
}

/// Nodes with users before what they need and, as far as that leaves it open, before what they use; the highest number first. Those
/// of a circle of needs come one after the other, the lowest first.
fn users_first(needed: &[Vec<usize>], used: &[Vec<usize>]) -> Vec<usize> {
    let circle_of = components(needed);
    let count = circle_of.iter().max().map_or(0, |last| last + 1);
    let mut circles: Vec<Circle> = (0..count).map(|_| Circle::default()).collect();
    for (n, &from) in circle_of.iter().enumerate() {
        circles[from].members.push(n);
        let all = needed[n].iter().map(|&to| (to, true));
        for (to, is_needed) in all.chain(used[n].iter().map(|&to| (to, false))) {
            let to = circle_of[to];
            if to != from {
                circles[from].edges.push((to, is_needed));
                *circles[to].users(is_needed) += 1;
            }
        }
    }
    // A circle comes with its highest member, so that the last loaded come first. It stands here for the circle.
    let (mut unneeded, mut unused) = (BTreeSet::new(), BTreeSet::new());
    for circle in circles.iter().filter(|circle| circle.needed_by == 0) {
        unneeded.extend(circle.highest());
        if circle.used_by == 0 {
            unused.extend(circle.highest());
        }
    }
    let mut order = Vec::with_capacity(needed.len());
    // What is needed makes no circle of circles, so that one that nothing needs is always there; it may be used by others.
    while let Some(&next) = unused.last().or_else(|| unneeded.last()) {
        unused.remove(&next);
        unneeded.remove(&next);
        let next = &mut circles[circle_of[next as usize]];
        let edges = std::mem::take(&mut next.edges);
        order.append(&mut next.members);
        for (to, is_needed) in edges {
            *circles[to].users(is_needed) -= 1;
            // What has come already has no members.
            if circles[to].needed_by == 0 && !circles[to].members.is_empty() {
                unneeded.extend(circles[to].highest());
                if circles[to].used_by == 0 {
                    unused.extend(circles[to].highest());
                }
            }
        }
    }
    order
}

/// Nodes that need each other in a circle, or one alone.
#[derive(Default)]
struct Circle {
    /// The lowest first.
    members: Vec<usize>,
    /// Others, and whether they are needed.
    edges: Vec<(usize, bool)>,
    needed_by: usize,
    used_by: usize,
}

impl Circle {
    /// As a number of the same width everywhere.
    fn highest(&self) -> Option<u64> {
        self.members.last().map(|&n| n as u64)
    }

    fn users(&mut self, is_needed: bool) -> &mut usize {
        match is_needed {
            true => &mut self.needed_by,
            false => &mut self.used_by,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Edges: from, to, whether it is needed.
    fn order(count: usize, edges: &[(usize, usize, bool)]) -> Vec<usize> {
        let of = |wanted: bool| {
            let mut graph = vec![Vec::new(); count];
            for &(from, to, needed) in edges {
                if needed == wanted {
                    graph[from].push(to);
                }
            }
            graph
        };
        users_first(&of(true), &of(false))
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
        // What needs the circle comes before it, and what the circle needs behind it.
        let edges = [(3, 1, true), (0, 1, true), (1, 0, true)];
        assert_eq!(order(4, &edges), [3, 2, 0, 1]);
        let edges = [(1, 2, true), (2, 1, true), (1, 0, true), (2, 3, true)];
        assert_eq!(order(4, &edges), [1, 2, 3, 0]);
        // Circles that are made by bindings alone, too.
        assert_eq!(
            order(3, &[(0, 1, false), (1, 2, false), (2, 0, false)]),
            [2, 0, 1]
        );
    }

    #[test]
    fn long_chains_and_many_users_are_no_trouble() {
        let chain: Vec<_> = (0..100_000).map(|n| (n, n + 1, true)).collect();
        assert_eq!(order(100_001, &chain)[100_000], 100_000);
        let star: Vec<_> = (1..100_000).map(|n| (n, 0, true)).collect();
        assert_eq!(order(100_000, &star)[99_999], 0);
    }
}
