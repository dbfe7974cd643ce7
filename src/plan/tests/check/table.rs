//! The table as it will be once the plan is carried out.

use std::collections::HashMap;

use super::super::naive::{Naive, Want};
use super::function;
use crate::abi;
use crate::object::*;
use crate::plan::*;

/// Carries the plan's table out and looks: every slot that is handed out holds the function itself.
pub fn slots(request: &Request<'_>, plan: &Plan) {
    let naive = Naive::new(request);
    let mut table: HashMap<u64, Option<FuncId>> = HashMap::new();
    for (&id, &slot) in request.model.slots.iter().chain(request.model.calls.iter()) {
        table.insert(slot, Some(id));
    }
    for (&id, node) in &request.model.nodes {
        segments(id, &node.found.object, &node.place, |slot, index| {
            let own = node.found.object.import_of_func(index).is_none();
            if own {
                table.insert(slot, Some(FuncId::Object { object: id, index }));
            }
        });
    }
    let (mut stubs, mut late) = (Vec::new(), std::collections::HashSet::new());
    for &id in &plan.order {
        let n = request.fresh_index(id).unwrap();
        let (object, planned) = (&request.fresh[n].object, &plan.objects[n]);
        segments(id, object, &planned.place, |slot, index| {
            let entry = match object.import_of_func(index) {
                None => Some(FuncId::Object { object: id, index }),
                Some(position) => {
                    let supply = &planned.imports[position as usize];
                    if let Supply::Stub(_) = supply {
                        late.insert(slot);
                    }
                    function(request, plan, supply).and_then(|f| f.1)
                }
            };
            assert!(
                table.insert(slot, entry).is_none(),
                "slot {slot} is filled twice"
            );
        });
    }
    let mut filled = HashMap::new();
    for fill in &plan.fills {
        assert_eq!(
            *filled.entry(fill.slot).or_insert(fill.callee.id()),
            fill.callee.id(),
            "slot {}",
            fill.slot
        );
        table.insert(fill.slot, Some(fill.callee.id()));
    }
    let mut address: HashMap<FuncId, u64> = request
        .model
        .slots
        .iter()
        .map(|(id, slot)| (*id, *slot))
        .collect();
    for ((id, found), planned) in request.fresh_ids().zip(request.fresh).zip(&plan.objects) {
        for (import, supply) in found.object.imports.iter().zip(&planned.imports) {
            let Want::Func(want) = naive.import(id, import) else {
                continue;
            };
            let slot = match supply {
                Supply::Number { value, .. } => *value,
                Supply::Stub(n) => plan.stubs[*n].slot,
                _ => continue,
            };
            let text = format!("{} of {}: slot {slot}", import.name, found.name);
            assert_eq!(table.get(&slot), Some(&Some(want)), "{text}");
            if let Supply::Stub(_) = supply {
                stubs.push((slot, want));
                continue;
            }
            assert_eq!(
                *address.entry(want).or_insert(slot),
                slot,
                "two addresses: {text}"
            );
        }
    }
    // A stub calls through a slot of the function's that never holds a stub: it could be itself.
    for (slot, want) in stubs {
        assert!(
            !late.contains(&slot),
            "slot {slot} holds a stub that calls {want:?} by it"
        );
    }
}

/// The table is the namespace's under its own name only: these objects export none.
fn segments(id: ObjectId, object: &Object, place: &Placement, mut each: impl FnMut(u64, u32)) {
    let tables = object
        .imports
        .iter()
        .filter(|i| matches!(i.ty, ExternType::Table(_)));
    let shared = tables
        .enumerate()
        .find(|(_, i)| (&**i.module, i.name.text()) == (abi::ENV, abi::INDIRECT_FUNCTION_TABLE));
    for segment in &object.segments {
        if shared.is_none_or(|(n, _)| n as u32 != segment.table) {
            continue;
        }
        let base = if segment.offset.base == Base::Table {
            place.table_base
        } else {
            0
        };
        for (n, index) in segment.funcs.iter().enumerate() {
            let slot = base + segment.offset.offset + n as u64;
            let own = slot >= place.table_base && slot - place.table_base < place.table_size;
            assert!(own, "object {id:?} writes to slot {slot} of another");
            if let Some(index) = index {
                each(slot, *index);
            }
        }
    }
}
