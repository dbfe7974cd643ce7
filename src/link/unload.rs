//! Taking objects out of a namespace again.

use std::collections::HashSet;

use super::namespace::Namespace;
use super::space::clear;
use crate::plan::{Binding, FuncId, ObjectId, Placement, Role};

/// Removes `objects` and whatever was bound to them since: symbols, slots and memory are as if they had never been there.
///
/// No destructors run: this undoes a load that failed.
pub fn remove(ns: &Namespace, objects: &[ObjectId]) {
    let mut state = ns.state_mut();
    let state = &mut *state;
    let mut gone: HashSet<ObjectId> = objects.iter().copied().collect();
    // Constructors may have loaded more, bound to what is going now.
    loop {
        let more: Vec<ObjectId> = state
            .model
            .nodes
            .iter()
            .filter(|(id, _)| !gone.contains(id))
            .filter(|(_, node)| {
                node.found.needed.iter().any(|n| gone.contains(n))
                    || node
                        .bindings
                        .iter()
                        .any(|b| bound_to(b).is_some_and(|id| gone.contains(&id)))
            })
            .map(|(id, _)| *id)
            .collect();
        if more.is_empty() {
            break;
        }
        gone.extend(more);
    }
    // Forwarders point at the objects' functions: they go first.
    for id in &gone {
        state.made.remove(id);
    }
    let mut ranges = Vec::new();
    for &id in &gone {
        state.live.remove(&id);
        let Some(node) = state.model.nodes.remove(&id) else {
            continue;
        };
        state.model.global.remove(id, &node.found.object);
        if state.model.main == Some(id) {
            state.model.main = None;
        }
        let place = node.place;
        ranges.push(place);
        if let Some(space) = &state.space {
            clear(
                space,
                place.memory_base,
                place.memory_size,
                place.table_base,
                place.table_size,
            );
        }
        if node.found.role != Role::FixedMain {
            // A range that was placed is not free; giving it back cannot fail.
            let _ = state
                .model
                .memory
                .give(place.memory_base, place.memory_size);
            let _ = state.model.table.give(place.table_base, place.table_size);
        }
    }
    state.model.names.retain(|_, id| !gone.contains(id));
    let within = |place: &Placement, slot: u64| {
        slot.checked_sub(place.table_base)
            .is_some_and(|n| n < place.table_size)
    };
    // Slots of functions that are gone; and those of others that stood in a range that went back.
    let dead: Vec<u64> = state
        .model
        .slots
        .extract_if(|id, slot| {
            matches!(id, FuncId::Object { object, .. } if gone.contains(object))
                || ranges.iter().any(|place| within(place, *slot))
        })
        .map(|(_, slot)| slot)
        .collect();
    for slot in dead {
        if let Some(space) = &state.space {
            clear(space, 0, 0, slot, 1);
        }
        let kept = state.model.nodes.values().any(|n| within(&n.place, slot));
        if !kept {
            // A slot inside a range that is gone went back with that range.
            let _ = state.model.table.give(slot, 1);
        }
    }
    if state.model.nodes.is_empty() {
        // The next load is the first again: it lays memory and table out anew.
        state.space = None;
        ns.side.memory.take();
        state.stubs.clear();
        state.tags.clear();
        state.model.tags.clear();
        state.model.slots.clear();
        state.model.landmarks = None;
        state.model.memory = Default::default();
        state.model.table = Default::default();
        state.model.memory_max = None;
        state.model.table_max = None;
    }
}

/// The object that a binding leads to.
fn bound_to(binding: &Binding) -> Option<ObjectId> {
    match binding {
        Binding::Func(callee) | Binding::Slot(callee) => match callee.id {
            FuncId::Object { object, .. } => Some(object),
            FuncId::Host(_) => None,
        },
        Binding::Data(definition) | Binding::Export(definition) => Some(definition.object),
        _ => None,
    }
}
