//! What the engine gets for each import, and what has to be generated for it.

use std::sync::Arc;

use crate::hash_map::HashMap;
use serde::{Deserialize, Serialize};

use super::callee::Callee;
use super::model::{FuncId, Landmarks, ObjectId};
use super::place::Layout;
use super::resolve::{Binding, Landmark, Resolved};
use super::scope::Definition;
use super::slots::{Route, Routes, Slots};
use super::{Bind, Plan, Planned, Request, shared};
use crate::error::{Code, Error, Result};
use crate::object::{ExportItem, ExternType, FuncType, GlobalType, Import};

/// What is handed to the engine for one import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Supply {
    Memory,
    Table,
    StackPointer,
    /// A global with a known value: a base address or a GOT entry.
    Number {
        value: u64,
        ty: GlobalType,
    },
    /// Another object's export itself.
    Export(Definition),
    Host(u32),
    /// Index into [`Plan::stubs`].
    Stub(usize),
    /// Index into [`Plan::trampolines`].
    Trampoline(usize),
    /// Index into [`Plan::lazy_stubs`].
    LazyStub(usize),
    /// A function that does nothing.
    Nothing,
    Tag(#[serde(with = "shared")] Arc<str>),
}

/// A generated function of type `sig` that calls the function in `slot`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stub {
    pub sig: Arc<FuncType>,
    pub slot: u64,
}

/// A host function of type `sig` that calls an object's function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Trampoline {
    pub sig: Arc<FuncType>,
    pub target: Definition,
}

/// A function that is missing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LazyStub {
    pub sig: Arc<FuncType>,
    pub symbol: Arc<str>,
    /// Module of the import; symbols outside `env` only ever come from the host.
    pub module: Arc<str>,
    pub importer: ObjectId,
    pub weak: bool,
    /// Looked up when called (RTLD_LAZY), rather than a trap.
    pub lazy: bool,
}

/// A list without duplicates that remembers where each item stands.
struct Unique<T> {
    items: Vec<T>,
    index: HashMap<T, usize>,
}

impl<T: Clone + Eq + std::hash::Hash> Unique<T> {
    fn new() -> Self {
        Unique {
            items: Vec::new(),
            index: HashMap::new(),
        }
    }

    fn add(&mut self, item: T) -> usize {
        let next = self.items.len();
        *self.index.entry(item).or_insert_with_key(|item| {
            self.items.push(item.clone());
            next
        })
    }
}

struct Supplier<'a> {
    request: &'a Request<'a>,
    layout: &'a Layout,
    slots: &'a Slots,
    calls: HashMap<FuncId, u64>,
    routes: Routes,
    stubs: Unique<Stub>,
    trampolines: Unique<Trampoline>,
    lazy_stubs: Unique<LazyStub>,
}

pub fn supply(
    request: &Request<'_>,
    resolved: Resolved,
    order: Vec<ObjectId>,
    init: Vec<ObjectId>,
    layout: Layout,
    slots: Slots,
) -> Result<Plan> {
    let mut supplier = Supplier {
        request,
        layout: &layout,
        slots: &slots,
        calls: slots.calls.iter().copied().collect(),
        routes: Routes::new(request, &order),
        stubs: Unique::new(),
        trampolines: Unique::new(),
        lazy_stubs: Unique::new(),
    };
    let mut objects = Vec::with_capacity(request.fresh.len());
    for (n, (id, bindings)) in request.fresh_ids().zip(resolved.bindings).enumerate() {
        let (Some(found), Some(place)) = (request.fresh.get(n), layout.placements.get(n)) else {
            return Err(inconsistent("an object was not placed"));
        };
        let mut imports = Vec::with_capacity(bindings.len());
        for (import, binding) in found.object.imports.iter().zip(&bindings) {
            imports.push(supplier.import(id, n, &import, binding)?);
        }
        objects.push(Planned {
            place: *place,
            bindings: Arc::new(bindings),
            imports,
        });
    }
    let (stubs, trampolines, lazy_stubs) = (
        supplier.stubs.items,
        supplier.trampolines.items,
        supplier.lazy_stubs.items,
    );
    Ok(Plan {
        objects,
        group: resolved.group,
        order,
        init,
        stubs,
        trampolines,
        lazy_stubs,
        fills: slots.fills,
        slots: slots.decided,
        calls: slots.calls,
        tags: resolved.new_tags,
        warnings: resolved.warnings,
        layout,
    })
}

pub fn inconsistent(what: &str) -> Error {
    Error::new(
        Code::Internal,
        format!("the plan contradicts itself: {what}"),
    )
}

impl Supplier<'_> {
    fn import(
        &mut self,
        importer: ObjectId,
        n: usize,
        import: &Import<'_>,
        binding: &Binding,
    ) -> Result<Supply> {
        let place = self.layout.placements.get(n).copied().unwrap_or_default();
        Ok(match binding {
            Binding::Memory => Supply::Memory,
            Binding::Table => Supply::Table,
            Binding::StackPointer => Supply::StackPointer,
            Binding::MemoryBase => number(import, place.memory_base)?,
            Binding::TableBase => number(import, place.table_base)?,
            Binding::Data(definition) => number(import, self.address(*definition)?)?,
            Binding::Address(landmark) => {
                number(import, landmark_address(&self.layout.landmarks, *landmark))?
            }
            Binding::Slot(callee) => number(import, self.slot(callee.id())?)?,
            Binding::Null => number(import, 0)?,
            Binding::Number(value) => number(import, *value)?,
            Binding::AtSlot(slot) => Supply::Stub(self.stubs.add(Stub {
                sig: func_type(import)?,
                slot: *slot,
            })),
            Binding::Func(callee) => self.func(importer, import, callee)?,
            Binding::Unresolved { weak } => Supply::LazyStub(self.lazy_stubs.add(LazyStub {
                sig: func_type(import)?,
                symbol: import.name.text().into(),
                module: import.module.clone(),
                importer,
                weak: *weak,
                lazy: self.request.options.bind == Bind::Lazy,
            })),
            Binding::Nothing => Supply::Nothing,
            Binding::Export(definition) => Supply::Export(*definition),
            Binding::Tag(name) => Supply::Tag(Arc::clone(name)),
            Binding::Host(id) => Supply::Host(*id),
        })
    }

    fn func(&mut self, importer: ObjectId, import: &Import<'_>, callee: &Callee) -> Result<Supply> {
        let definition = match (callee.id(), callee.export()) {
            (FuncId::Host(id), _) => return Ok(Supply::Host(id)),
            (_, Some(definition)) => definition,
            _ => return Err(inconsistent("a function without an export")),
        };
        Ok(match self.routes.route(importer, callee, import.ty) {
            Route::Direct => Supply::Export(definition),
            Route::Stub => {
                let slot = match self.calls.get(&callee.id()) {
                    Some(&slot) => slot,
                    None => self.slot(callee.id())?,
                };
                let sig = func_type(import)?;
                Supply::Stub(self.stubs.add(Stub { sig, slot }))
            }
            Route::Host => Supply::Trampoline(self.trampolines.add(Trampoline {
                sig: func_type(import)?,
                target: definition,
            })),
        })
    }

    fn slot(&self, id: FuncId) -> Result<u64> {
        let slot = self.slots.of.get(&id).copied();
        slot.ok_or_else(|| inconsistent("a function without a slot"))
    }

    fn address(&self, definition: Definition) -> Result<u64> {
        let found = self.request.found(definition.object);
        let place = match self.request.fresh_index(definition.object) {
            Some(n) => self.layout.placements.get(n),
            None => self
                .request
                .model
                .nodes
                .get(&definition.object)
                .map(|node| &node.place),
        };
        let export = found.and_then(|f| f.object.exports.get(definition.export as usize));
        match (export.map(|e| e.item), place) {
            (Some(ExportItem::Data(datum)), Some(place)) => Ok(place.address(datum.value())),
            _ => Err(inconsistent("a datum without an address")),
        }
    }
}

fn number(import: &Import<'_>, value: u64) -> Result<Supply> {
    match import.ty {
        ExternType::Global(ty) => Ok(Supply::Number { value, ty: *ty }),
        _ => Err(inconsistent("a number for something that is no global")),
    }
}

fn func_type(import: &Import<'_>) -> Result<Arc<FuncType>> {
    match import.ty {
        ExternType::Func(sig) => Ok(sig.clone()),
        _ => Err(inconsistent("a function for something that is none")),
    }
}

fn landmark_address(landmarks: &Landmarks, landmark: Landmark) -> u64 {
    match landmark {
        Landmark::StackLow => landmarks.stack_low.unwrap_or(0),
        Landmark::StackHigh => landmarks.stack_high.unwrap_or(0),
        Landmark::HeapBase => landmarks.heap_base,
        Landmark::HeapEnd => landmarks.heap_end,
    }
}
