//! A load that has been carried out becomes part of the namespace's metadata.

use std::collections::HashSet;

use super::needed::Closure;
use super::{Model, Node, ObjectId, Plan};

impl Model {
    /// What the load added and took, for later loads to respect. `global` as in the plan's options. The plan's scope may be taken. Cannot fail.
    pub fn commit(&mut self, closure: Closure, plan: &mut Plan, global: bool) {
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
        // Where all of the group enters an empty global scope, that is what the plan made already.
        let whole = global && self.global.is_empty();
        for &id in &closure.group {
            let node = self.nodes.get_mut(&id);
            if let Some(node) = node.filter(|n| !n.global && (global || preloaded.contains(&id))) {
                node.global = true;
                if !whole {
                    self.global.push(id, &node.found.object);
                }
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
