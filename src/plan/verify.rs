//! The plan checks itself: what execution relies on is established here, in one place.

use crate::hash_map::HashSet;
use std::collections::BTreeMap;

use super::model::{ObjectId, Placement, Role};
use super::places::Ranges;
use super::regions::align_up;
use super::supply::inconsistent;
use super::{Plan, Request, Supply};
use crate::abi;
use crate::error::Result;

pub fn verify(request: &Request<'_>, plan: &Plan) -> Result<()> {
    each_once(request, &plan.order, "instantiation")?;
    each_once(request, &plan.init, "construction")?;
    imports(request, plan)?;
    memory(request, plan)?;
    table(request, plan)
}

fn each_once(request: &Request<'_>, order: &[ObjectId], what: &str) -> Result<()> {
    let all: HashSet<ObjectId> = order.iter().copied().collect();
    let complete = request.fresh_ids().all(|id| all.contains(&id));
    if complete && all.len() == order.len() && order.len() == request.fresh.len() {
        Ok(())
    } else {
        Err(inconsistent(&format!("order of {what}")))
    }
}

/// Every import is supplied exactly once, and by something that exists by then.
fn imports(request: &Request<'_>, plan: &Plan) -> Result<()> {
    let mut done = vec![false; request.fresh.len()];
    let exists = |done: &[bool], id| match request.fresh_index(id) {
        Some(n) => done.get(n) == Some(&true),
        None => request.model.nodes.contains_key(&id),
    };
    for &id in &plan.order {
        let n = request.fresh_index(id);
        let planned = n.and_then(|n| plan.objects.get(n));
        let found = request.found(id);
        let (Some(planned), Some(found)) = (planned, found) else {
            return Err(inconsistent("an object without a plan"));
        };
        if planned.imports.len() != found.object.brief().imports as usize {
            return Err(inconsistent(&format!("imports of {}", found.name)));
        }
        for supply in &planned.imports {
            let there = match supply {
                Supply::Export(d) => exists(&done, d.object),
                Supply::Host(host) => request.model.host.defs.len() > *host as usize,
                Supply::Stub(n) => plan.stubs.len() > *n,
                Supply::Trampoline(n) => plan.trampolines.len() > *n,
                Supply::LazyStub(n) => plan.lazy_stubs.len() > *n,
                Supply::Tag(name) => {
                    request.model.tags.contains_key(name)
                        || plan.tags.iter().any(|(tag, _)| tag == name)
                }
                Supply::Number { value, .. } => *value <= u64::from(u32::MAX),
                Supply::Memory | Supply::Table | Supply::StackPointer | Supply::Nothing => true,
            };
            if !there {
                return Err(inconsistent(&format!(
                    "{} is given {supply:?} too early",
                    found.name
                )));
            }
        }
        if let Some(done) = n.and_then(|n| done.get_mut(n)) {
            *done = true;
        }
    }
    Ok(())
}

/// The new placements. Those of older objects are a matter of their own plans.
fn placements<'a>(
    request: &'a Request<'_>,
    plan: &'a Plan,
) -> impl Iterator<Item = (&'a super::Found, &'a Placement)> {
    request.fresh.iter().zip(&plan.layout.placements)
}

fn memory(request: &Request<'_>, plan: &Plan) -> Result<()> {
    let layout = &plan.layout;
    let mut used: Vec<(u64, u64)> = layout.memory_free.iter().collect();
    if let (Some(low), Some(high)) = (layout.landmarks.stack_low, layout.landmarks.stack_high) {
        used.push((low, high.saturating_sub(low)));
    }
    if request.model.landmarks.is_none() {
        let (base, end) = (layout.landmarks.heap_base, layout.landmarks.heap_end);
        used.push((base, end.saturating_sub(base)));
    }
    for (found, place) in placements(request, plan) {
        used.push((place.memory_base, place.memory_size));
        let p2align = found.object.brief().memory_p2align;
        if found.role == Role::FixedMain {
            continue;
        }
        let aligned = align_up(place.memory_base, 1u64.checked_shl(p2align).unwrap_or(0));
        if aligned != Some(place.memory_base)
            || (place.memory_size > 0 && place.memory_base < abi::NULL_GUARD)
        {
            return Err(inconsistent(&format!("address of {}", found.name)));
        }
    }
    let end = layout.memory.after.saturating_mul(abi::PAGE);
    disjoint(used, request.model.places.memory(), end, "memory")
}

fn table(request: &Request<'_>, plan: &Plan) -> Result<()> {
    let layout = &plan.layout;
    let mut used: Vec<(u64, u64)> = layout.table_free.iter().collect();
    for (found, place) in placements(request, plan) {
        used.push((place.table_base, place.table_size));
        if found.role != Role::FixedMain
            && place.table_size > 0
            && place.table_base < abi::FIRST_SLOT
        {
            return Err(inconsistent(&format!("slots of {}", found.name)));
        }
    }
    let free: BTreeMap<u64, u64> = layout.table_free.iter().collect();
    let new: BTreeMap<u64, u64> = (plan.layout.placements.iter())
        .filter(|place| place.table_size > 0)
        .map(|place| (place.table_base, place.table_size))
        .collect();
    let within = |ranges: &BTreeMap<u64, u64>, slot: u64| {
        let before = ranges.range(..=slot).next_back();
        before.is_some_and(|(start, len)| slot - start < *len)
    };
    let model = request.model;
    disjoint(used, model.places.table(), layout.table.after, "table")?;
    // A new slot is its own range; one inside a segment belongs to a new object, whose stub is replaced.
    let known = |slot| model.slots.at(slot).is_some() || model.calls.at(slot).is_some();
    let mut singles: HashSet<u64> = HashSet::new();
    for fill in &plan.fills {
        if within(&free, fill.slot) || fill.slot >= layout.table.after {
            return Err(inconsistent("a function in a free slot"));
        }
        let mut single = || !known(fill.slot) && singles.insert(fill.slot);
        if model.places.at_slot(fill.slot).is_some() || !(within(&new, fill.slot) || single()) {
            return Err(inconsistent("two functions in one slot"));
        }
    }
    Ok(())
}

/// Whether ranges overlap neither one another nor those of older objects, and all end by `end`.
fn disjoint(mut ranges: Vec<(u64, u64)>, old: &Ranges, end: u64, what: &str) -> Result<()> {
    ranges.retain(|(_, len)| *len > 0);
    ranges.sort_unstable();
    let mut cursor = 0;
    for (start, len) in ranges {
        let own = (start < cursor).then_some(start);
        if let Some(at) = own.or_else(|| old.overlap(start, len)) {
            return Err(inconsistent(&format!("overlap in the {what} at {at:#x}")));
        }
        cursor = start.saturating_add(len);
    }
    let cursor = cursor.max(old.end());
    if cursor > end {
        return Err(inconsistent(&format!(
            "the {what} is used up to {cursor:#x} of {end:#x}"
        )));
    }
    Ok(())
}
