//! A load that has been carried out becomes part of the namespace's metadata.

use std::collections::HashSet;

use super::needed::Closure;
use super::{Model, Node, ObjectId, Plan};

impl Model {
    /// What the load added and took, for later loads to respect. `global` as in the plan's options. Cannot fail.
    pub fn commit(&mut self, closure: Closure, plan: &Plan, global: bool) {
        let symbols = closure.fresh.iter().map(|f| f.object.exports.len()).sum();
        for (found, planned) in closure.fresh.into_iter().zip(&plan.objects) {
            let id = ObjectId(self.next);
            self.next += 1;
            if found.role.is_main() {
                self.main = Some(id);
            }
            let node = Node {
                found,
                place: planned.place,
                bindings: planned.bindings.clone(),
                global: false,
            };
            self.nodes.insert(id, node);
        }
        let preloaded = preloaded(&closure.roots, |id| {
            self.nodes.get(&id).map_or(&[][..], |n| &n.found.needed)
        });
        if global {
            self.global.reserve(symbols);
        }
        for &id in &closure.group {
            let node = self.nodes.get_mut(&id);
            if let Some(node) = node.filter(|n| !n.global && (global || preloaded.contains(&id))) {
                node.global = true;
                self.global.push(id, &node.found.object);
            }
        }
        let layout = &plan.layout;
        self.memory = layout.memory_free.clone();
        self.table = layout.table_free.clone();
        self.memory_max = layout.memory.max;
        self.table_max = layout.table.max;
        self.landmarks = Some(layout.landmarks);
        self.slots.extend(plan.slots.iter().copied());
        self.tags.extend(plan.tags.iter().cloned());
        for (name, id) in closure.names {
            // Whoever had the name first keeps it, also when this load is undone.
            self.names.entry(name).or_insert(id);
        }
    }
}

/// The preloads among a load's roots, with all that they need: these are global even where the load is not.
pub fn preloaded<'a>(
    roots: &[ObjectId],
    needed: impl Fn(ObjectId) -> &'a [ObjectId],
) -> HashSet<ObjectId> {
    let mut all = HashSet::new();
    let mut open: Vec<ObjectId> = roots.iter().skip(1).copied().collect();
    while let Some(id) = open.pop() {
        if all.insert(id) {
            open.extend(needed(id));
        }
    }
    all
}
