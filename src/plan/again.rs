//! The plan of a load that has been made before: its decisions are known, and what follows from them is found anew.
//!
//! The decisions may come from bytes that nobody vouches for. So each binding is measured by its import as if it had just been found, and the
//! plan passes [`verify`](super::verify()): what it says can be wrong for the guest, and is nothing that an engine must not be told.

use std::sync::Arc;

use crate::hash_map::{HashMap, HashSet};

use super::callee::Callee;
use super::kept::{contradicts, regions};
use super::model::{FuncId, Node, ObjectId, Role};
use super::place::{Extent, Layout, within_limits};
use super::resolve::{Binding, Resolved};
use super::scope::Definition;
use super::slots::{Fill, Slots, known_within, slot_in_own_segment};
use super::supply::supply;
use super::verify::verify;
use super::{KeptModel, Plan, Request, Scope, Sizes, data};
use crate::abi;
use crate::error::Result;
use crate::object::{ExportItem, ExternType, FuncType, GlobalType, Import, ValType};

/// One load of several that a namespace is made again of.
pub struct Again<'a> {
    /// The objects with their places and bindings, in the order of the request's.
    pub nodes: &'a [Node],
    pub order: Vec<ObjectId>,
    pub kept: &'a KeptModel,
    /// Memory and table when all is done: they are made so at once.
    pub sizes: Sizes,
    /// It is the first, which makes them; and the last, behind which nothing takes of what is free.
    pub first: bool,
    pub last: bool,
}

/// Makes the plan.
pub fn again(request: &Request<'_>, load: &Again<'_>) -> Result<Plan> {
    for ((id, found), node) in request.fresh_ids().zip(request.fresh).zip(load.nodes) {
        let fits = Fits { request, load };
        let name = |what: &str| contradicts(&format!("{what} of {}", found.name));
        if node.bindings.len() != found.object.imports.len() {
            return Err(name("imports"));
        }
        for (import, binding) in found.object.imports.iter().zip(node.bindings.iter()) {
            if !fits.fits(&import, binding) {
                return Err(name(&format!(
                    "the import {}.{}",
                    import.module, import.name
                )));
            }
        }
        let size = found.object.dylink.as_ref();
        let size = size.map_or((0, 0), |dylink| (dylink.memory_size, dylink.table_size));
        let has = (node.place.memory_size, node.place.table_size);
        let placed = match &found.within {
            // Its code has its addresses.
            Some(within) => within.place == node.place,
            None => found.role == Role::FixedMain || size == has,
        };
        if !placed {
            return Err(name("the place"));
        }
        if found
            .needed
            .iter()
            .any(|needed| request.found(*needed).is_none())
        {
            return Err(contradicts(&format!("what object {} needs", id.0)));
        }
    }
    let bindings: Vec<Vec<Binding>> = load.nodes.iter().map(|n| n.bindings.to_vec()).collect();
    let layout = within_limits(request, layout(request, load)?)?;
    data::check(request, &bindings, &layout)?;
    let slots = slots(request, load)?;
    let tags = tags(request, load);
    let resolved = Resolved {
        group: Scope::default(),
        bindings,
        new_tags: tags,
        warnings: Vec::new(),
    };
    let order = load.order.clone();
    let plan = supply(request, resolved, order.clone(), order, layout, slots)?;
    verify(request, &plan)?;
    Ok(plan)
}

fn layout(request: &Request<'_>, load: &Again<'_>) -> Result<Layout> {
    let Again { kept, sizes, .. } = load;
    let limits = &request.options.limits;
    // The host's limits are those of now.
    let extent = |after: u64, max: Option<u64>, limit: u64, most: u64| Extent {
        before: (!load.first).then_some(after),
        after,
        max: (max.into_iter())
            .chain(Some(limit).filter(|&limit| limit < most))
            .min(),
    };
    let free = |ranges: &[(u64, u64)]| match load.last {
        true => regions(ranges),
        false => Ok(Default::default()),
    };
    Ok(Layout {
        placements: load.nodes.iter().map(|node| node.place).collect(),
        memory: extent(
            sizes.memory_pages,
            kept.memory_max,
            limits.memory_pages,
            abi::MAX_PAGES,
        ),
        table: extent(
            sizes.table_slots,
            kept.table_max,
            limits.table_slots,
            u32::MAX.into(),
        ),
        landmarks: kept.landmarks,
        memory_free: free(&kept.memory)?,
        table_free: free(&kept.table)?,
    })
}

/// The slots that the load's imports tell of, and those that it fills: of its own functions, and within its objects' ranges.
fn slots(request: &Request<'_>, load: &Again<'_>) -> Result<Slots> {
    let node = |id: ObjectId| match request.fresh_index(id) {
        Some(n) => load.nodes.get(n),
        None => request.model.nodes.get(&id),
    };
    let mut slots = Slots {
        of: load.kept.slots.iter().copied().collect(),
        calls: load.kept.calls.clone(),
        ..Slots::default()
    };
    for binding in load.nodes.iter().flat_map(|node| node.bindings.iter()) {
        let (Binding::Slot(callee) | Binding::Func(callee)) = binding else {
            continue;
        };
        let FuncId::Object { object, index } = callee.id() else {
            continue;
        };
        let own = || slot_in_own_segment(node(object)?, index);
        if !slots.of.contains_key(&callee.id())
            && let Some(slot) = own()
        {
            slots.of.insert(callee.id(), slot);
        }
    }
    let loaded = request
        .model
        .nodes
        .iter()
        .map(|(id, node)| (*id, &node.found));
    let objects = loaded.chain(request.fresh_ids().zip(request.fresh));
    let of_module: HashSet<(FuncId, u64)> = known_within(request, objects).into_iter().collect();
    let within = |slot: u64| {
        let holds = |node: &&Node| super::commit::within(&node.place, slot);
        load.nodes.iter().find(holds)
    };
    for &(id, slot) in load.kept.slots.iter().chain(&load.kept.calls) {
        if of_module.contains(&(id, slot)) {
            continue;
        }
        let mine = match id {
            FuncId::Object { object, .. } => request.fresh_index(object).is_some(),
            FuncId::Host(_) => load.last,
        };
        let held = within(slot).is_some();
        let elsewhere = request.model.places.at_slot(slot).is_some();
        if !(held || mine && !elsewhere) {
            continue;
        }
        let callee = match id {
            FuncId::Host(id) => Callee::host(id),
            FuncId::Object { object, index } => {
                let Some(node) = node(object) else {
                    return Err(contradicts("a slot of a function that is not there"));
                };
                if slot_in_own_segment(node, index) == Some(slot) {
                    continue;
                }
                let export = node.found.object.by_value().export_of(index);
                let export = export.ok_or_else(|| contradicts("a slot of no export"))?;
                Callee::exported(Definition { object, export }, index)
            }
        };
        if !(Fits { request, load }.callee(&callee)) {
            return Err(contradicts("a slot of no function"));
        }
        slots.fills.push(Fill { slot, callee });
    }
    Ok(slots)
}

/// Tags that the load is the first to use.
fn tags(request: &Request<'_>, load: &Again<'_>) -> Vec<(Arc<str>, Arc<FuncType>)> {
    let known: HashMap<&str, &FuncType> = (load.kept.tags.iter())
        .map(|(name, sig)| (name.as_str(), sig))
        .collect();
    let mut new: Vec<(Arc<str>, Arc<FuncType>)> = Vec::new();
    for binding in load.nodes.iter().flat_map(|node| node.bindings.iter()) {
        let Binding::Tag(name) = binding else {
            continue;
        };
        let made =
            request.model.tags.contains_key(&**name) || new.iter().any(|(n, _)| *n == **name);
        if let (false, Some(sig)) = (made, known.get(&***name)) {
            new.push((Arc::clone(name), Arc::new((*sig).clone())));
        }
    }
    new
}

/// Whether what imports are bound to fits them.
struct Fits<'a> {
    request: &'a Request<'a>,
    load: &'a Again<'a>,
}

impl Fits<'_> {
    fn fits(&self, import: &Import<'_>, binding: &Binding) -> bool {
        let number = matches!(
            import.ty,
            ExternType::Global(GlobalType {
                content: ValType::I32,
                ..
            })
        );
        match binding {
            Binding::Memory => matches!(import.ty, ExternType::Memory(_)),
            Binding::Table => matches!(import.ty, ExternType::Table(_)),
            Binding::StackPointer
            | Binding::MemoryBase
            | Binding::TableBase
            | Binding::Address(_)
            | Binding::Number(_)
            | Binding::Null => number,
            Binding::Data(definition) => {
                number && matches!(self.item(*definition), Some(ExportItem::Data(_)))
            }
            Binding::Slot(callee) => number && self.callee(callee),
            Binding::Func(callee) => match import.ty {
                ExternType::Func(sig) => {
                    self.callee(callee) && self.sig(callee).is_some_and(|of| *of == **sig)
                }
                _ => false,
            },
            Binding::Unresolved { .. } | Binding::AtSlot(_) => {
                matches!(import.ty, ExternType::Func(_))
            }
            Binding::Nothing => match import.ty {
                ExternType::Func(sig) => sig.params.is_empty() && sig.results.is_empty(),
                _ => false,
            },
            // What it is in full, the engine compares.
            Binding::Export(definition) => matches!(
                (import.ty, self.item(*definition)),
                (
                    ExternType::Global(_),
                    Some(ExportItem::Global { .. } | ExportItem::Data(_))
                ) | (ExternType::Table(_), Some(ExportItem::Table { .. }))
                    | (ExternType::Memory(_), Some(ExportItem::Memory { .. }))
                    | (ExternType::Tag(_), Some(ExportItem::Tag { .. }))
            ),
            Binding::Tag(name) => match import.ty {
                ExternType::Tag(sig) => {
                    let mut tags = self.load.kept.tags.iter();
                    tags.any(|(tag, of)| **tag == ***name && *of == **sig)
                }
                _ => false,
            },
            Binding::Host(id) => {
                let def = self.request.model.host.defs.get(*id as usize);
                def.is_some_and(|def| {
                    std::mem::discriminant(&def.ty) == std::mem::discriminant(import.ty)
                })
            }
        }
    }

    fn item(&self, definition: Definition) -> Option<&ExportItem> {
        let found = self.request.found(definition.object)?;
        let export = found.object.exports.get(definition.export as usize)?;
        Some(export.item)
    }

    /// A function of the host's, or one that the object of the export defines itself.
    fn callee(&self, callee: &Callee) -> bool {
        match (callee.id(), callee.export()) {
            (FuncId::Host(id), None) => self.request.model.host_func(id).is_some(),
            (FuncId::Object { object, index }, Some(definition)) => {
                let found = self.request.found(object);
                let defined = found.and_then(|f| f.object.defined_func(definition.export));
                definition.object == object && defined == Some(index)
            }
            _ => false,
        }
    }

    fn sig(&self, callee: &Callee) -> Option<&FuncType> {
        match (callee.id(), callee.export()) {
            (FuncId::Host(id), _) => self.request.model.host_func(id).map(|sig| &**sig),
            (_, Some(definition)) => match self.item(definition)? {
                ExportItem::Func { sig, .. } => Some(sig),
                _ => None,
            },
            _ => None,
        }
    }
}
