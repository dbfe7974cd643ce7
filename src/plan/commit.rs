//! A load that has been carried out becomes part of the namespace's metadata.

use std::sync::Arc;

use crate::hash_map::HashSet;

use super::holders::Holders;
use super::model::Opens;
use super::needed::Closure;
use super::{Binding, FuncId, Init, Model, Node, ObjectId, Options, Placement, Plan};

/// What a load changes of objects that were there before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Now in the global scope.
    pub promoted: Vec<ObjectId>,
    /// Names by which they are known now.
    pub names: Vec<Arc<str>>,
    /// Opened itself for the first time.
    pub opened: Option<ObjectId>,
    /// Tags that the namespace has since.
    pub tags: Vec<Arc<str>>,
}

impl Model {
    /// What the load added and took, for later loads to respect. `options` are the plan's. The plan's scope may be taken. Cannot fail.
    pub fn commit(&mut self, closure: Closure, plan: &mut Plan, options: &Options) -> Changes {
        let first = ObjectId(self.next);
        let root = closure.roots.first().copied().unwrap_or(first);
        let preloads: HashSet<ObjectId> = closure.roots.iter().skip(1).copied().collect();
        let names = closure.names;
        for (found, planned) in closure.fresh.into_iter().zip(&plan.objects) {
            let id = ObjectId(self.next);
            self.next += 1;
            if found.role.is_main() {
                self.main = Some(id);
            }
            let uses = planned.bindings.iter().filter_map(Binding::object);
            let node = Node {
                nodelete: preloads.contains(&id) || found.is_part(),
                found,
                place: planned.place,
                uses: uses.filter(|&used| used != id).collect(),
                bindings: planned.bindings.clone(),
                global: false,
                opens: Opens::default(),
                opened: false,
                deepbind: options.deepbind,
                init: Init::New,
            };
            self.enter_node(id, node);
            self.loaded.push(id);
        }
        let fresh: Vec<ObjectId> = (first.0..self.next).map(ObjectId).collect();
        self.count_fresh(&fresh);
        let preloaded = preloaded(&closure.roots, |id| {
            self.nodes.get(&id).map_or(&[][..], |n| &n.found.needed)
        });
        let mut changes = Changes::default();
        self.changed();
        if self.opening(root) && root < first {
            changes.opened = Some(root);
        }
        // Where all of the group enters an empty global scope, that is what the plan made already.
        let whole = options.global && self.global.is_empty();
        for &id in &closure.group {
            let wanted = options.global || preloaded.contains(&id);
            if wanted && self.enter(id, !whole) && id < first {
                changes.promoted.push(id);
            }
        }
        if whole {
            self.global = std::mem::take(&mut plan.group);
        }
        let layout = &plan.layout;
        self.memory = layout.memory_free.clone();
        self.table = layout.table_free.clone();
        self.memory_max = layout.memory.max;
        self.table_max = layout.table.max;
        self.landmarks = Some(layout.landmarks);
        self.keep_holders(first, &plan.slots);
        self.slots.extend(plan.slots.iter().copied());
        self.calls.extend(plan.calls.iter().copied());
        self.tags.extend(plan.tags.iter().cloned());
        changes.tags = plan.tags.iter().map(|(name, _)| name.clone()).collect();
        changes.names = self.know(names, first);
        changes
    }

    /// A load that found everything loaded: new names, and perhaps promotion to the global scope.
    pub fn reopen(&mut self, closure: Closure, global: bool) -> Changes {
        let mut changes = Changes::default();
        if let Some(&root) = closure.roots.first() {
            changes.opened = self.opening(root).then_some(root);
        }
        for id in closure.group {
            if global && self.enter(id, true) {
                changes.promoted.push(id);
            }
        }
        changes.names = self.know(closure.names, ObjectId(self.next));
        changes
    }

    /// Takes back what a load changed of older objects.
    pub fn revert(&mut self, changes: &Changes) {
        self.demote(changes.promoted.iter().copied());
        for name in &changes.names {
            self.names.take_back(name);
        }
        if let Some(opened) = changes.opened {
            self.unopened(opened);
        }
    }

    /// Takes objects out of the global scope, as far as they are there.
    pub fn demote(&mut self, ids: impl Iterator<Item = ObjectId>) {
        let mut demoted = HashSet::default();
        for id in ids {
            if let Some(node) = self.nodes.get_mut(&id).filter(|node| node.global) {
                node.global = false;
                demoted.insert(id);
            }
        }
        self.global.remove(&demoted);
    }

    /// Lets an object into the global scope. False if it was there.
    fn enter(&mut self, id: ObjectId, index: bool) -> bool {
        let Some(node) = self.nodes.get_mut(&id).filter(|node| !node.global) else {
            return false;
        };
        node.global = true;
        if index {
            self.global.push(id, &node.found.object);
        }
        true
    }

    /// Whoever had a name first keeps it. Gives the new names of objects before `first`.
    fn know(&mut self, names: Vec<(Arc<str>, ObjectId)>, first: ObjectId) -> Vec<Arc<str>> {
        let mut new = Vec::new();
        for (name, id) in names {
            if self.names.give(name.clone(), id) && id < first {
                new.push(name);
            }
        }
        new
    }

    /// A function whose canonical slot lies in another object's segment must not outlive that object: its number is in
    /// the code and data of whoever took its address.
    fn keep_holders(&mut self, first: ObjectId, slots: &[(FuncId, u64)]) {
        let fresh = (first.0..self.next).map(ObjectId);
        let fresh = fresh.filter_map(|id| self.nodes.get(&id).map(|node| (node.place, id)));
        let holders = Holders::new(fresh);
        let mut bound = Vec::new();
        for (function, slot) in slots {
            let Some(holder) = holders.of(*slot) else {
                continue;
            };
            match function {
                FuncId::Object { object, .. } if *object != holder => bound.push((*object, holder)),
                FuncId::Object { .. } => {}
                // The host's functions never go.
                FuncId::Host(_) => {
                    if let Some(node) = self.nodes.get_mut(&holder) {
                        node.nodelete = true;
                    }
                }
            }
        }
        self.bind(&bound);
    }
}

/// Whether a slot lies in an object's own range.
pub fn within(place: &Placement, slot: u64) -> bool {
    slot.checked_sub(place.table_base)
        .is_some_and(|n| n < place.table_size)
}

/// The preloads among a load's roots, with all that they need: these are global even where the load is not.
pub fn preloaded<'a>(
    roots: &[ObjectId],
    needed: impl Fn(ObjectId) -> &'a [ObjectId],
) -> HashSet<ObjectId> {
    let mut all = HashSet::default();
    let mut open: Vec<ObjectId> = roots.iter().skip(1).copied().collect();
    while let Some(id) = open.pop() {
        if all.insert(id) {
            open.extend(needed(id));
        }
    }
    all
}
