//! What holds for every plan, checked anew: nothing of `verify` is used here.

mod order;
mod table;

use std::collections::{HashMap, HashSet};

use super::naive::{Naive, Want};
use crate::abi;
use crate::error::{Code, Error, MAX_UNDEFINED};
use crate::object::*;
use crate::plan::*;

/// A refused load has a reason that the naive linker sees too.
pub fn refusal(request: &Request<'_>, error: &Error) {
    let naive = Naive::new(request);
    match error.code() {
        Code::UndefinedSymbol => {
            let (said, naive) = (error.undefined_symbols(), naive.undefined());
            assert_eq!(said, &naive[..naive.len().min(MAX_UNDEFINED)]);
        }
        Code::Internal => panic!("the planner contradicts itself: {error}"),
        _ => assert_eq!(
            naive.undefined(),
            [],
            "undefined symbols hidden by: {error}"
        ),
    }
    assert!(!error.message().is_empty());
}

pub fn plan(request: &Request<'_>, plan: &Plan) {
    assert_eq!(plan.objects.len(), request.fresh.len());
    assert_eq!(plan.layout.placements.len(), request.fresh.len());
    memory(request, plan);
    table_ranges(request, plan);
    bound(request, plan);
    table::slots(request, plan);
    order::orders(request, plan);
}

/// Ranges of the old and new objects: start, length, and the alignment asked for.
fn ranges(
    request: &Request<'_>,
    plan: &Plan,
    of: impl Fn(&Found, &Placement) -> (u64, u64, u32),
) -> Vec<(u64, u64, u32)> {
    let old = request.model.nodes.values().map(|n| of(&n.found, &n.place));
    let fresh = request.fresh.iter().zip(&plan.objects);
    old.chain(fresh.map(|(found, planned)| of(found, &planned.place)))
        .collect()
}

fn assert_disjoint(mut ranges: Vec<(u64, u64)>, end: u64, what: &str) {
    ranges.retain(|(_, len)| *len > 0);
    ranges.sort_unstable();
    for pair in ranges.windows(2) {
        assert!(
            pair[0].0 + pair[0].1 <= pair[1].0,
            "{what}: {pair:x?} overlap"
        );
    }
    if let Some((start, len)) = ranges.last() {
        assert!(
            start + len <= end,
            "{what}: {start:#x}+{len:#x} lies beyond {end:#x}"
        );
    }
}

fn fixed(request: &Request<'_>) -> bool {
    let main = request.main().and_then(|id| request.found(id));
    main.is_some_and(|found| found.role == Role::FixedMain)
}

fn memory(request: &Request<'_>, plan: &Plan) {
    let layout = &plan.layout;
    let objects = ranges(request, plan, |found, place| {
        let dylink = found
            .object
            .dylink
            .as_ref()
            .filter(|_| found.role != Role::FixedMain);
        (
            place.memory_base,
            place.memory_size,
            dylink.map_or(0, |d| d.memory_p2align),
        )
    });
    for &(base, size, p2align) in &objects {
        assert!(
            base % (1 << p2align) == 0,
            "{base:#x} is not aligned to 2^{p2align}"
        );
        assert!(
            size == 0 || base >= abi::NULL_GUARD || fixed(request),
            "data below 1024"
        );
    }
    let free: Vec<(u64, u64)> = layout.memory_free.iter().collect();
    let mut used: Vec<(u64, u64)> = objects
        .iter()
        .map(|&(base, size, _)| (base, size))
        .collect();
    used.extend(&free);
    let mut stack = 0;
    if let (Some(low), Some(high)) = (layout.landmarks.stack_low, layout.landmarks.stack_high) {
        stack = high - low;
        used.push((low, stack));
        assert!(stack >= request.options.stack_size || later(request).is_some());
        assert_eq!(layout.landmarks.stack_pointer, Some(high));
    }
    let heap = layout.landmarks.heap_end - layout.landmarks.heap_base;
    if later(request).is_none() {
        used.push((layout.landmarks.heap_base, heap));
        let end = layout.memory.after * abi::PAGE;
        assert_eq!(layout.landmarks.heap_end, end.min((1 << 32) - 16));
        assert_eq!(layout.landmarks.heap_base % 16, 0);
    }
    assert_disjoint(used, layout.memory.after * abi::PAGE, "memory");
    // Nothing is lost, but for the padding before the heap.
    let new: u64 = plan.objects.iter().map(|o| o.place.memory_size).sum();
    let free_after: u64 = free.iter().map(|(_, len)| len).sum();
    match later(request) {
        None => {
            let own = fixed(request)
                && objects
                    .iter()
                    .any(|(base, size, _)| *base == 0 && *size > 0);
            let guard = if own { 0 } else { abi::NULL_GUARD };
            let unnamed = (layout.memory.after * abi::PAGE) - layout.landmarks.heap_end;
            let sum = guard + stack + new + free_after + heap;
            let lost = layout.memory.after * abi::PAGE
                - unnamed
                - sum.min(layout.memory.after * abi::PAGE);
            assert!(lost < 16, "{lost} bytes are lost");
        }
        Some(now) => {
            let free_before: u64 = request.model.memory.iter().map(|(_, len)| len).sum();
            let grown = (layout.memory.after - now.memory_pages) * abi::PAGE;
            let first = now.memory_pages == 0 && grown > 0;
            let guard = if first { abi::NULL_GUARD } else { 0 };
            assert_eq!(
                free_before + grown,
                guard + new + free_after,
                "bytes are lost"
            );
        }
    }
    assert!(layout.memory.after <= request.options.limits.memory_pages);
    assert!(
        layout
            .memory
            .max
            .is_none_or(|max| layout.memory.after <= max)
    );
}

/// Sizes before a load that is not the first; one into an emptied namespace lays all of it out anew.
fn later(request: &Request<'_>) -> Option<Sizes> {
    request.now.filter(|_| request.model.landmarks.is_some())
}

fn table_ranges(request: &Request<'_>, plan: &Plan) {
    let layout = &plan.layout;
    let objects = ranges(request, plan, |found, place| {
        let dylink = found
            .object
            .dylink
            .as_ref()
            .filter(|_| found.role != Role::FixedMain);
        (
            place.table_base,
            place.table_size,
            dylink.map_or(0, |d| d.table_p2align),
        )
    });
    for &(base, size, p2align) in &objects {
        assert!(
            base % (1 << p2align) == 0,
            "slot {base} is not aligned to 2^{p2align}"
        );
        assert!(
            size == 0 || base >= abi::FIRST_SLOT || fixed(request),
            "slot 0 is used"
        );
    }
    let ranges: Vec<(u64, u64)> = objects
        .iter()
        .map(|&(base, size, _)| (base, size))
        .collect();
    let inside = |slot: u64| {
        ranges
            .iter()
            .any(|(start, len)| slot >= *start && slot - start < *len)
    };
    let single = |slots: Vec<u64>| -> Vec<(u64, u64)> {
        let slots: HashSet<u64> = slots.into_iter().filter(|&slot| !inside(slot)).collect();
        slots.into_iter().map(|slot| (slot, 1)).collect()
    };
    let new = plan.slots.iter().chain(&plan.calls);
    let new = single(new.map(|(_, slot)| *slot).collect());
    let old = request.model.slots.values();
    let old = single(old.chain(request.model.calls.values()).copied().collect());
    let free: Vec<(u64, u64)> = layout.table_free.iter().collect();
    let used = [ranges.clone(), new.clone(), old, free.clone()].concat();
    assert_disjoint(used, layout.table.after, "table");
    if let Some(now) = later(request) {
        let sum = |ranges: &[(u64, u64)]| -> u64 { ranges.iter().map(|(_, len)| len).sum() };
        let free_before: u64 = request.model.table.iter().map(|(_, len)| len).sum();
        let sizes: u64 = plan.objects.iter().map(|o| o.place.table_size).sum();
        let grown = layout.table.after - now.table_slots;
        assert_eq!(
            free_before + grown,
            sizes + sum(&new) + sum(&free),
            "slots are lost"
        );
    }
    assert!(layout.table.after <= request.options.limits.table_slots);
    assert!(layout.table.max.is_none_or(|max| layout.table.after <= max));
}

/// Each import gets one thing, of its own type, and what scope order says.
fn bound(request: &Request<'_>, plan: &Plan) {
    let naive = Naive::new(request);
    let turn: HashMap<ObjectId, usize> = plan
        .order
        .iter()
        .enumerate()
        .map(|(n, &id)| (id, n))
        .collect();
    for ((id, found), planned) in request.fresh_ids().zip(request.fresh).zip(&plan.objects) {
        assert_eq!(planned.imports.len(), found.object.imports.len());
        assert_eq!(planned.bindings.len(), found.object.imports.len());
        for (import, supply) in found.object.imports.iter().zip(&planned.imports) {
            let text = format!("{} of {}: {supply:?}", import.name, found.name);
            if let Supply::Export(d) = supply {
                let there = turn
                    .get(&d.object)
                    .is_none_or(|definer| definer < &turn[&id]);
                assert!(
                    there && request.found(d.object).is_some(),
                    "too early: {text}"
                );
            }
            let want = naive.import(id, import);
            assert_ne!(want, Want::Clash, "{text}");
            match (import.ty, supply) {
                (ExternType::Func(_), Supply::LazyStub(n)) => {
                    assert_eq!(want, Want::Undefined, "{text}");
                    let lazy = request.options.bind == Bind::Lazy;
                    assert_eq!(plan.lazy_stubs[*n].lazy, lazy, "{text}");
                    assert_eq!(plan.lazy_stubs[*n].weak, import.weak, "{text}");
                }
                (ExternType::Func(_), Supply::Nothing) => assert_eq!(want, Want::Linker, "{text}"),
                (ExternType::Func(sig), supply) => {
                    let (given, target) = function(request, plan, supply).expect(&text);
                    assert_eq!(*sig, given, "{text}");
                    if let Some(target) = target {
                        assert_eq!(want, Want::Func(target), "{text}");
                    }
                }
                (ExternType::Global(wanted), Supply::Number { value, ty }) => {
                    assert_eq!(wanted, ty, "{text}");
                    assert!(*value <= u64::from(u32::MAX), "{text}");
                    number(request, plan, &planned.place, &import, &want, *value, &text);
                }
                (ExternType::Global(_), Supply::StackPointer)
                | (ExternType::Memory(_), Supply::Memory)
                | (ExternType::Table(_), Supply::Table)
                | (ExternType::Tag(_), Supply::Tag(_)) => assert_eq!(want, Want::Linker, "{text}"),
                (ty, Supply::Export(d)) => {
                    let definer = &request.found(d.object).unwrap().object;
                    let item = definer.exports.get(d.export as usize).unwrap().item.clone();
                    assert!(same_kind(ty, &item), "{text}");
                    if import.name.as_ref() != abi::STACK_POINTER {
                        assert_eq!(want, Want::Other(d.object, item), "{text}");
                    }
                }
                (_, Supply::Host(host)) => assert_eq!(want, Want::Host(*host), "{text}"),
                _ => panic!("the wrong kind: {text}"),
            }
        }
    }
}

fn number(
    request: &Request<'_>,
    plan: &Plan,
    own: &Placement,
    import: &Import<'_>,
    want: &Want,
    value: u64,
    text: &str,
) {
    match (import.name.as_ref(), want) {
        (abi::MEMORY_BASE, Want::Linker) => assert_eq!(value, own.memory_base, "{text}"),
        (abi::TABLE_BASE | abi::TABLE_BASE_32, Want::Linker) => {
            assert_eq!(value, own.table_base, "{text}")
        }
        (_, Want::Data(object, datum)) => {
            let place = place(request, plan, *object);
            let base = match datum.base {
                Base::Table => place.table_base,
                Base::None | Base::Memory => place.memory_base,
            };
            assert_eq!(
                value,
                base.wrapping_add(datum.offset) & 0xffff_ffff,
                "{text}"
            );
        }
        (_, Want::Undefined) => assert_eq!(value, 0, "{text}"),
        // The slots of functions are followed through the table.
        (_, Want::Func(_)) => assert_ne!(value, 0, "{text}"),
        (_, Want::Linker) => {}
        _ => panic!("{text}: {want:?}"),
    }
}

fn same_kind(ty: &ExternType, item: &ExportItem) -> bool {
    match (ty, item) {
        (ExternType::Global(w), ExportItem::Global { .. } | ExportItem::Data(_)) => {
            item.global_type() == Some(*w)
        }
        (ExternType::Tag(w), ExportItem::Tag { sig, .. }) => w == sig,
        (ExternType::Table(_), ExportItem::Table { .. }) => true,
        (ExternType::Memory(_), ExportItem::Memory { .. }) => true,
        _ => false,
    }
}

fn place(request: &Request<'_>, plan: &Plan, id: ObjectId) -> Placement {
    match request.fresh_index(id) {
        Some(n) => plan.objects[n].place,
        None => request.model.nodes[&id].place,
    }
}

fn defined(request: &Request<'_>, d: Definition) -> Option<FuncId> {
    let object = &request.found(d.object)?.object;
    let index = object.defined_func(d.export)?;
    Some(FuncId::Object {
        object: d.object,
        index,
    })
}

/// Type and, unless it goes through the table, identity of a function that is supplied.
fn function(
    request: &Request<'_>,
    plan: &Plan,
    supply: &Supply,
) -> Option<(std::sync::Arc<FuncType>, Option<FuncId>)> {
    match supply {
        Supply::Export(d) => {
            let sig = request.found(d.object)?.object.func_type(d.export)?;
            Some((sig, Some(defined(request, *d)?)))
        }
        Supply::Host(id) => Some((
            request.model.host_func(*id)?.clone(),
            Some(FuncId::Host(*id)),
        )),
        Supply::Stub(n) => Some((plan.stubs[*n].sig.clone(), None)),
        Supply::Trampoline(n) => {
            let trampoline = &plan.trampolines[*n];
            Some((
                trampoline.sig.clone(),
                Some(defined(request, trampoline.target)?),
            ))
        }
        _ => None,
    }
}
