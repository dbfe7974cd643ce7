//! Which objects nothing keeps any more, and what goes with them (dlclose(3)).

use crate::hash_map::{HashMap, HashSet};

use super::holders::Holders;
use super::{Model, Node, ObjectId, Placement, Role};

/// What objects that are gone leave behind, to be cleared.
#[derive(Debug, Default)]
pub struct Vacated {
    pub places: Vec<Placement>,
    /// Slots elsewhere that held their functions.
    pub slots: Vec<u64>,
}

impl Model {
    /// [`Model::unkept`] by looking at all objects: what that is measured by.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn unreachable(&self, held: impl Fn(ObjectId) -> bool) -> HashSet<ObjectId> {
        let roots = self.nodes.iter().filter(|(id, node)| {
            let open = node.opens.host > 0 || node.opens.guest > 0;
            open || node.nodelete || self.main == Some(**id) || held(**id)
        });
        let mut open: Vec<ObjectId> = roots.map(|(id, _)| *id).collect();
        let mut kept: HashSet<ObjectId> = open.iter().copied().collect();
        while let Some(id) = open.pop() {
            open.extend(self.keeps(id).filter(|&used| kept.insert(used)));
        }
        let all = self.nodes.keys().copied();
        all.filter(|id| !kept.contains(id)).collect()
    }

    /// What an object keeps in the namespace: what it needs and what it is bound to.
    fn keeps(&self, id: ObjectId) -> impl Iterator<Item = ObjectId> + '_ {
        let node = self.nodes.get(&id);
        node.into_iter()
            .flat_map(|node| node.found.needed.iter().chain(&node.uses).copied())
    }

    /// `objects`, which were loaded together, and all that was loaded since and cannot do without one of them. What is older did
    /// without them before.
    pub fn dependents(&self, objects: &[ObjectId]) -> HashSet<ObjectId> {
        let mut gone: HashSet<ObjectId> = objects.iter().copied().collect();
        gone.retain(|id| self.nodes.contains_key(id));
        let Some(first) = gone.iter().min().copied() else {
            return gone;
        };
        let newer = self.nodes.keys().copied().filter(|&id| id > first);
        let mut users: HashMap<ObjectId, Vec<ObjectId>> = HashMap::default();
        for id in newer {
            for used in self.keeps(id) {
                users.entry(used).or_default().push(id);
            }
        }
        let mut open: Vec<ObjectId> = gone.iter().copied().collect();
        while let Some(id) = open.pop() {
            let users = users.remove(&id).unwrap_or_default().into_iter();
            open.extend(users.filter(|&user| gone.insert(user)));
        }
        gone
    }

    /// Takes objects out: their symbols, names, slots and memory are as if they had never been there.
    pub fn remove(&mut self, gone: &HashSet<ObjectId>) -> Vacated {
        let mut vacated = Vacated::default();
        let nodes = gone
            .iter()
            .filter_map(|&id| Some((id, self.leave_node(id)?)));
        let nodes: Vec<(ObjectId, Node)> = nodes.collect();
        self.uncount(&nodes, gone);
        self.global.remove(gone);
        leave(&mut self.loaded, gone);
        if nodes.iter().any(|(_, node)| node.opened) {
            leave(&mut self.openings, gone);
        }
        self.changed();
        self.main = self.main.filter(|id| !gone.contains(id));
        for (_, node) in &nodes {
            let place = node.place;
            vacated.places.push(place);
            if node.found.role != Role::FixedMain {
                // A range that was placed is not free; giving it back cannot fail.
                let _ = self.memory.give(place.memory_base, place.memory_size);
                let _ = self.table.give(place.table_base, place.table_size);
            }
        }
        self.names.leave(gone);
        // Slots of functions that are gone; and those of others that stood in a range that went back.
        let went = Holders::new(nodes.iter().map(|(_, node)| (node.place, ())));
        vacated.slots = self.slots.leave(gone, &vacated.places);
        vacated
            .slots
            .extend(self.calls.leave(gone, &vacated.places));
        for &slot in &vacated.slots {
            if went.of(slot).is_none() && self.places.at_slot(slot).is_none() {
                let _ = self.table.give(slot, 1);
            }
        }
        if self.nodes.is_empty() {
            // The next load is the first again and lays memory and table out anew.
            self.landmarks = None;
            self.memory = Default::default();
            self.table = Default::default();
            self.slots.clear();
            self.calls.clear();
            self.provided.clear();
        }
        vacated
    }
}

/// Takes objects out of a list. Few of them are found one by one, so that nothing is asked of all that stays.
pub(super) fn leave(list: &mut Vec<ObjectId>, gone: &HashSet<ObjectId>) {
    const FEW: usize = 8;
    if gone.len() > FEW {
        list.retain(|id| !gone.contains(id));
        return;
    }
    for id in gone {
        if let Some(position) = list.iter().position(|listed| listed == id) {
            list.remove(position);
        }
    }
}
