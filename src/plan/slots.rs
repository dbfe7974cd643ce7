//! One canonical table slot for each function whose address is taken, so that `&f` is equal everywhere.
//!
//! In this order: a slot decided earlier; the one that the defining object's own element segment gives it; the one of
//! the first object in scope order whose segment holds it as an import (ELF's canonical PLT entry: a fixed main has
//! that number in its code); a new one.

use crate::hash_map::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use super::callee::Callee;
use super::model::{Found, FuncId, Node, ObjectId, Placement};
use super::place::{Layout, within_limits};
use super::resolve::Binding;
use super::{Plt, Request};
use crate::error::{Code, Error, Result};
use crate::object::{ExternType, Name, Object, Segment};

/// A slot and the function to put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Second slots, which stubs call through.
    pub calls: Vec<(FuncId, u64)>,
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
        let FuncId::Object { object, .. } = callee.id() else {
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

/// Which of the tables that an object imports are the namespace's, by index: it may import that one several times.
fn shared_tables(object: &Object, bindings: &[Binding]) -> Vec<bool> {
    let tables = object.table_imports.iter();
    tables
        .map(|position| matches!(bindings.get(*position as usize), Some(Binding::Table)))
        .collect()
}

/// Calls `each(slot, function index)` for every function that the object's own segments put into the shared table.
fn each_entry(
    object: &Object,
    bindings: &[Binding],
    place: &Placement,
    mut each: impl FnMut(u64, u32),
) {
    let shared = shared_tables(object, bindings);
    for segment in &object.segments {
        let Some(start) = start(segment, &shared, place) else {
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
    check_segments(request, bindings, layout)?;
    let routes = Routes::new(request, order);
    let mut slots = Slots::default();
    let known = known_within(request, request.fresh_ids().zip(request.fresh));
    slots.of.extend(known.iter().copied());
    slots.decided.extend(known);
    let (wanted, called) = wanted(request, bindings, &routes);
    let held = imports_in_segments(request, bindings, &routes, layout);
    let used = wanted.iter().chain(held.iter().map(|held| &held.callee));
    own_segments(request, bindings, layout, used, &mut slots);
    let late = hold(request, held, &mut slots);
    let mut end = layout.table.after;
    let mut new_slot = || {
        layout.table_free.take(1, 1).unwrap_or_else(|| {
            end = end.saturating_add(1);
            end - 1
        })
    };
    for callee in wanted {
        if late.contains(&callee.id()) && called.contains(&callee.id()) {
            let slot = new_slot();
            slots.calls.push((callee.id(), slot));
            slots.fills.push(Fill { slot, callee });
        }
        if slots.of.contains_key(&callee.id()) {
            continue;
        }
        let slot = match request.model.slots.get(&callee.id()) {
            Some(&known) => known,
            None => {
                let slot = new_slot();
                slots.decided.push((callee.id(), slot));
                slots.fills.push(Fill { slot, callee });
                slot
            }
        };
        slots.of.insert(callee.id(), slot);
    }
    layout.table.after = end;
    *layout = within_limits(request, layout.clone())?;
    Ok(slots)
}

/// Objects that are one module have their slots, and so have the host's functions that these took the address of.
pub(super) fn known_within<'a>(
    request: &Request<'_>,
    objects: impl Iterator<Item = (ObjectId, &'a Found)>,
) -> Vec<(FuncId, u64)> {
    let mut known = Vec::new();
    for (object, found) in objects {
        let own = found.within.iter().flat_map(|within| &within.slots);
        known.extend(own.map(|&(index, slot)| (FuncId::Object { object, index }, slot)));
        for (module, name, slot) in found.space().iter().flat_map(|space| &space.host_slots) {
            let host = request.model.host.get(module, Name::new(name));
            known.extend(host.map(|(id, _)| (FuncId::Host(id), *slot)));
        }
    }
    known
}

/// The functions that need a slot, each once, in order of first use; and those that stubs call.
fn wanted(
    request: &Request<'_>,
    bindings: &[Vec<Binding>],
    routes: &Routes,
) -> (Vec<Callee>, HashSet<FuncId>) {
    let (mut seen, mut called) = (HashSet::new(), HashSet::new());
    let mut wanted = Vec::new();
    for ((importer, found), bindings) in request.fresh_ids().zip(request.fresh).zip(bindings) {
        for (import, binding) in found.object.imports.iter().zip(bindings) {
            let callee = match binding {
                Binding::Slot(callee) => callee,
                Binding::Func(callee)
                    if routes.route(importer, callee, import.ty) == Route::Stub =>
                {
                    called.insert(callee.id());
                    callee
                }
                _ => continue,
            };
            if seen.insert(callee.id()) {
                wanted.push(*callee);
            }
        }
    }
    (wanted, called)
}

/// Slots of wanted functions in the segments of the objects that define them.
fn own_segments<'a>(
    request: &Request<'_>,
    bindings: &[Vec<Binding>],
    layout: &Layout,
    wanted: impl Iterator<Item = &'a Callee>,
    slots: &mut Slots,
) {
    let mut by_object: HashMap<ObjectId, Vec<u32>> = HashMap::new();
    for callee in wanted {
        if let FuncId::Object { object, index } = callee.id()
            && !request.model.slots.contains_key(&callee.id())
        {
            by_object.entry(object).or_default().push(index);
        }
    }
    for (object, indices) in by_object {
        let Some(found) = request.found(object) else {
            continue;
        };
        let placed = match request.fresh_index(object) {
            Some(n) => (layout.placements.get(n), bindings.get(n).map(Vec::as_slice)),
            None => {
                let node = request.model.nodes.get(&object);
                (node.map(|n| &n.place), node.map(|n| n.bindings.as_slice()))
            }
        };
        let (Some(place), Some(bindings)) = placed else {
            continue;
        };
        let indices: HashSet<u32> = indices.into_iter().collect();
        each_entry(&found.object, bindings, place, |slot, index| {
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
        each_entry(&found.object, bindings, place, |slot, index| {
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
                    direct: routes.route(id, &callee, import.ty) == Route::Direct,
                });
            }
        });
    }
    held
}

/// A segment that holds an import fixes that function's slot, if nothing did before; wanted now or not, since the
/// object's own code knows the number. Where the import is a stub, the slot gets the function itself afterwards.
///
/// Gives the functions whose slot holds a stub until then. A stub that called through that slot would call itself for ever in
/// a start function, so these are called through a second slot, which is null until the function is there.
fn hold(request: &Request<'_>, held: Vec<Held>, slots: &mut Slots) -> HashSet<FuncId> {
    let mut late = HashSet::new();
    for Held {
        slot,
        callee,
        direct,
    } in held
    {
        if !request.model.slots.contains_key(&callee.id()) && !slots.of.contains_key(&callee.id()) {
            slots.of.insert(callee.id(), slot);
            slots.decided.push((callee.id(), slot));
            if !direct {
                late.insert(callee.id());
            }
        }
        if !direct {
            slots.fills.push(Fill { slot, callee });
        }
    }
    late
}

/// The slot that an object's own segment gives one of its functions.
pub fn slot_in_own_segment(node: &Node, wanted: u32) -> Option<u64> {
    let object = &node.found.object;
    let shared = shared_tables(object, &node.bindings);
    let mut entries = object.by_value().entries_of(wanted);
    entries.find_map(|(segment, place)| {
        let segment = object.segments.get(segment)?;
        let start = start(segment, &shared, &node.place)?;
        Some(start.saturating_add(place))
    })
}

/// The function that an object's own segment puts into a slot.
pub fn function_in_own_segment(node: &Node, wanted: u64) -> Option<u32> {
    let object = &node.found.object;
    let shared = shared_tables(object, &node.bindings);
    object.segments.iter().find_map(|segment| {
        let start = start(segment, &shared, &node.place)?;
        let place = usize::try_from(wanted.checked_sub(start)?).ok()?;
        *segment.funcs.get(place)?
    })
}

/// The first slot of a segment, if it is one of the shared table.
fn start(segment: &Segment, shared: &[bool], place: &Placement) -> Option<u64> {
    let is_shared = shared.get(segment.table as usize) == Some(&true);
    is_shared.then(|| place.segment_start(segment)).flatten()
}

/// A segment outside the slots that the object asked for would overwrite its neighbours, one on top of another itself.
fn check_segments(request: &Request<'_>, bindings: &[Vec<Binding>], layout: &Layout) -> Result<()> {
    let objects = request.fresh.iter().zip(bindings).zip(&layout.placements);
    for ((found, bindings), place) in objects {
        let shared = shared_tables(&found.object, bindings);
        let mut filled = Vec::new();
        for segment in found.object.segments.iter().filter(|s| !s.funcs.is_empty()) {
            match shared.get(segment.table as usize) {
                Some(true) => filled.push(in_own_slots(found, segment, place)?),
                Some(false) => not_of_another(request, found, bindings, segment)?,
                // The object's own table.
                None => {}
            }
        }
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

/// First slot and length of a segment in the shared table.
fn in_own_slots(found: &Found, segment: &Segment, place: &Placement) -> Result<(u64, u64)> {
    let len = segment.funcs.len() as u64;
    let start = place.segment_start(segment);
    let inside = start.is_some_and(|start| {
        let end = place.table_base.saturating_add(place.table_size);
        start >= place.table_base && start.checked_add(len).is_some_and(|last| last <= end)
    });
    match start.filter(|_| inside) {
        Some(start) => Ok((start, len)),
        None => Err(Error::new(
            Code::Malformed,
            format!(
                "{}: an element segment of {len} functions does not fit into the {} table slots that the object asks for",
                found.name, place.table_size
            ),
        )),
    }
}

/// A table that the host lends may be filled; one of another object's would stay filled after a load that fails.
fn not_of_another(
    request: &Request<'_>,
    found: &Found,
    bindings: &[Binding],
    segment: &Segment,
) -> Result<()> {
    let import = found.object.table_imports.get(segment.table as usize);
    match import.and_then(|position| bindings.get(*position as usize)) {
        Some(Binding::Export(definition)) => Err(Error::new(
            Code::Unsupported,
            format!(
                "{}: an element segment lies in a table of {}, which a load that fails could not restore",
                found.name,
                request.name(definition.object),
            ),
        )),
        _ => Ok(()),
    }
}
