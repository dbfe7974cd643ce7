//! One canonical table slot for each function whose address is taken, so that `&f` is equal everywhere.
//!
//! In this order: a slot decided earlier; the one that the defining object's own element segment gives it; the one of
//! the first object in scope order whose segment holds it as an import (ELF's canonical PLT entry: a fixed main has
//! that number in its code); a new one.

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use super::model::{FuncId, ObjectId, Placement};
use super::place::{Layout, within_limits};
use super::resolve::{Binding, Callee};
use super::{Plt, Request};
use crate::abi;
use crate::error::{Code, Error, Result};
use crate::object::{ExternType, Object};

/// A slot and the function to put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    pub slot: u64,
    pub callee: Callee,
}

#[derive(Debug, Default)]
pub struct Slots {
    /// Every slot that this plan uses.
    pub of: HashMap<FuncId, u64>,
    /// Those that later loads must be told of.
    pub decided: Vec<(FuncId, u64)>,
    pub fills: Vec<Fill>,
}

/// How calls of a new object's import reach its callee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    Direct,
    Stub,
    Host,
}

/// `position` of each new object in the order of instantiation, by its number among them.
pub struct Routes {
    plt: Plt,
    first: u32,
    position: Vec<usize>,
}

impl Routes {
    pub fn new(request: &Request<'_>, order: &[ObjectId]) -> Self {
        let mut position = vec![0; request.fresh.len()];
        for (n, &id) in order.iter().enumerate() {
            let fresh = request.fresh_index(id);
            if let Some(place) = fresh.and_then(|fresh| position.get_mut(fresh)) {
                *place = n;
            }
        }
        Routes {
            plt: request.options.plt,
            first: request.first(),
            position,
        }
    }

    fn position(&self, id: ObjectId) -> Option<usize> {
        let fresh = id.0.checked_sub(self.first)?;
        self.position.get(fresh as usize).copied()
    }

    /// `ty` is the import's type: what `wasm.h` cannot express never goes through the host.
    pub fn route(&self, importer: ObjectId, callee: &Callee, ty: &ExternType) -> Route {
        let FuncId::Object { object, .. } = callee.id else {
            return Route::Direct;
        };
        let ready = match (self.position(object), self.position(importer)) {
            (Some(definer), Some(importer)) => definer < importer,
            // Loaded before this plan.
            _ => true,
        };
        match (self.plt, ready) {
            (Plt::Host, _) if matches!(ty, ExternType::Func(sig) if sig.has_c_form()) => {
                Route::Host
            }
            (Plt::Auto | Plt::Host, true) => Route::Direct,
            (Plt::Auto | Plt::Host, false) | (Plt::Wasm, _) => Route::Stub,
        }
    }
}

/// Index of the shared table in an object's own table index space.
pub fn shared_table(object: &Object) -> Option<u32> {
    let imported = object
        .imports
        .iter()
        .filter(|i| matches!(i.ty, ExternType::Table(_)))
        .position(|i| {
            i.module.as_ref() == abi::ENV && i.name.as_ref() == abi::INDIRECT_FUNCTION_TABLE
        });
    imported.map(|n| n as u32)
}

/// Calls `each(slot, function index)` for every function that the object's own segments put into the shared table.
fn each_entry(object: &Object, place: &Placement, mut each: impl FnMut(u64, u32)) {
    let Some(table) = shared_table(object) else {
        return;
    };
    for segment in object.segments.iter().filter(|s| s.table == table) {
        let Some(start) = place.segment_start(segment) else {
            continue;
        };
        for (n, func) in segment.funcs.iter().enumerate() {
            if let Some(index) = func {
                each(start.saturating_add(n as u64), *index);
            }
        }
    }
}

pub fn assign(
    request: &Request<'_>,
    bindings: &[Vec<Binding>],
    order: &[ObjectId],
    layout: &mut Layout,
) -> Result<Slots> {
    check_segments(request, layout)?;
    let routes = Routes::new(request, order);
    let mut slots = Slots::default();
    let wanted = wanted(request, bindings, &routes);
    let held = imports_in_segments(request, bindings, &routes, layout);
    let used = wanted.iter().chain(held.iter().map(|held| &held.callee));
    own_segments(request, layout, used, &mut slots);
    hold(request, held, &mut slots);
    let mut end = layout.table.after;
    for callee in wanted {
        if slots.of.contains_key(&callee.id) {
            continue;
        }
        let slot = match request.model.slots.get(&callee.id) {
            Some(&known) => known,
            None => {
                let slot = layout.table_free.take(1, 1).unwrap_or_else(|| {
                    end = end.saturating_add(1);
                    end - 1
                });
                slots.decided.push((callee.id, slot));
                slots.fills.push(Fill { slot, callee });
                slot
            }
        };
        slots.of.insert(callee.id, slot);
    }
    layout.table.after = end;
    *layout = within_limits(request, layout.clone())?;
    Ok(slots)
}

/// The functions that need a slot, each once, in order of first use.
fn wanted(request: &Request<'_>, bindings: &[Vec<Binding>], routes: &Routes) -> Vec<Callee> {
    let mut seen = HashSet::new();
    let mut wanted = Vec::new();
    for ((importer, found), bindings) in request.fresh_ids().zip(request.fresh).zip(bindings) {
        for (import, binding) in found.object.imports.iter().zip(bindings) {
            let callee = match binding {
                Binding::Slot(callee) => callee,
                Binding::Func(callee)
                    if routes.route(importer, callee, &import.ty) == Route::Stub =>
                {
                    callee
                }
                _ => continue,
            };
            if seen.insert(callee.id) {
                wanted.push(*callee);
            }
        }
    }
    wanted
}

/// Slots of wanted functions in the segments of the objects that define them.
fn own_segments<'a>(
    request: &Request<'_>,
    layout: &Layout,
    wanted: impl Iterator<Item = &'a Callee>,
    slots: &mut Slots,
) {
    let mut by_object: HashMap<ObjectId, Vec<u32>> = HashMap::new();
    for callee in wanted {
        if let FuncId::Object { object, index } = callee.id
            && !request.model.slots.contains_key(&callee.id)
        {
            by_object.entry(object).or_default().push(index);
        }
    }
    for (object, indices) in by_object {
        let Some(found) = request.found(object) else {
            continue;
        };
        let place = match request.fresh_index(object) {
            Some(n) => layout.placements.get(n),
            None => request.model.nodes.get(&object).map(|node| &node.place),
        };
        let Some(place) = place else { continue };
        let indices: HashSet<u32> = indices.into_iter().collect();
        each_entry(&found.object, place, |slot, index| {
            if indices.contains(&index) {
                slots
                    .of
                    .entry(FuncId::Object { object, index })
                    .or_insert(slot);
            }
        });
    }
}

/// An import that stands in a segment of the importer.
struct Held {
    slot: u64,
    callee: Callee,
    /// The import is the function itself.
    direct: bool,
}

/// All of them, in scope order.
fn imports_in_segments(
    request: &Request<'_>,
    bindings: &[Vec<Binding>],
    routes: &Routes,
    layout: &Layout,
) -> Vec<Held> {
    let mut held = Vec::new();
    for &id in request.group {
        let Some(n) = request.fresh_index(id) else {
            continue;
        };
        let (Some(found), Some(bindings), Some(place)) = (
            request.fresh.get(n),
            bindings.get(n),
            layout.placements.get(n),
        ) else {
            continue;
        };
        each_entry(&found.object, place, |slot, index| {
            let Some(position) = found.object.import_of_func(index) else {
                return;
            };
            let import = found.object.imports.get(position as usize);
            if let (Some(import), Some(&Binding::Func(callee))) =
                (import, bindings.get(position as usize))
            {
                held.push(Held {
                    slot,
                    callee,
                    direct: routes.route(id, &callee, &import.ty) == Route::Direct,
                });
            }
        });
    }
    held
}

/// A segment that holds an import fixes that function's slot, if nothing did before; wanted now or not, since the
/// object's own code knows the number. Where the import is a stub, the slot gets the function itself afterwards:
/// a stub that calls through its own slot would never arrive.
fn hold(request: &Request<'_>, held: Vec<Held>, slots: &mut Slots) {
    for Held {
        slot,
        callee,
        direct,
    } in held
    {
        if !request.model.slots.contains_key(&callee.id) && !slots.of.contains_key(&callee.id) {
            slots.of.insert(callee.id, slot);
            slots.decided.push((callee.id, slot));
        }
        if !direct {
            slots.fills.push(Fill { slot, callee });
        }
    }
}

/// The slot that an object's own segment gives one of its functions.
pub fn slot_in_own_segment(object: &Object, place: &Placement, wanted: u32) -> Option<u64> {
    let mut slot = None;
    each_entry(object, place, |at, index| {
        if index == wanted {
            slot.get_or_insert(at);
        }
    });
    slot
}

/// The function that an object's own segment puts into a slot.
pub fn function_in_own_segment(object: &Object, place: &Placement, wanted: u64) -> Option<u32> {
    let mut function = None;
    each_entry(object, place, |at, index| {
        if at == wanted {
            function.get_or_insert(index);
        }
    });
    function
}

/// A segment outside the slots that the object asked for would overwrite its neighbours, one on top of another itself.
fn check_segments(request: &Request<'_>, layout: &Layout) -> Result<()> {
    for (found, place) in request.fresh.iter().zip(&layout.placements) {
        let Some(table) = shared_table(&found.object) else {
            continue;
        };
        let mut filled = Vec::new();
        for segment in found.object.segments.iter().filter(|s| s.table == table) {
            let len = segment.funcs.len() as u64;
            let start = place.segment_start(segment);
            let end = start.and_then(|start| start.checked_add(len));
            let inside = start.is_some_and(|start| start >= place.table_base)
                && end.is_some_and(|end| end <= place.table_base.saturating_add(place.table_size));
            if !inside && len > 0 {
                return Err(Error::new(
                    Code::Malformed,
                    format!(
                        "{}: an element segment of {len} functions does not fit into the {} table slots that the object asks for",
                        found.name, place.table_size
                    ),
                ));
            }
            filled.push((start.unwrap_or(0), len));
        }
        filled.retain(|&(_, len)| len > 0);
        filled.sort_unstable();
        let overlap = |w: &[(u64, u64)]| matches!(w, [(at, len), (next, _)] if at + len > *next);
        if filled.windows(2).any(overlap) {
            return Err(Error::new(
                Code::Unsupported,
                format!(
                    "{}: its element segments overlap, so that a function's slot may hold another one",
                    found.name
                ),
            ));
        }
    }
    Ok(())
}
