//! Taking a snapshot of a namespace. Nothing of the namespace changes, and no guest code runs.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use crate::hash_map::{HashMap, HashSet};

use super::namespace::{Linkage, LoadedObject, Namespace, State};
use super::order::lost;
use super::prepare::Prepared;
use crate::abi;
use crate::engine::{Borrowed, Extern};
use crate::error::{Code, Error, Result};
use crate::object::ExportItem;
use crate::plan::{Bind, Binding, FuncId, Node, ObjectId, function_in_own_segment};
use crate::state::{
    self, Books, Descriptors, Image, Module, ObjectBook, Parsed, ParsedObject, Snapshot,
};
use crate::text;

/// What a snapshot says of one load.
pub(super) struct Batch {
    pub first: ObjectId,
    /// All its objects, in the order in which they were instantiated. Some may be gone.
    pub order: Vec<ObjectId>,
    pub bind: Bind,
    /// The objects' modules as they came.
    pub modules: HashMap<ObjectId, Module>,
}

impl Batch {
    /// `None` where no snapshots are taken.
    pub fn of(prepared: &Prepared, first: ObjectId, order: &[ObjectId]) -> Option<Batch> {
        if prepared.modules.is_empty() {
            return None;
        }
        let fresh = prepared.closure.fresh.iter().zip(first.0..);
        let modules = fresh.filter_map(|(found, id)| {
            let module = prepared.modules.get(&found.identity)?;
            Some((ObjectId(id), module.clone()))
        });
        Some(Batch {
            first,
            order: order.to_vec(),
            bind: prepared.options.bind,
            modules: modules.collect(),
        })
    }
}

impl LoadedObject {
    /// The object's own mutable globals, which it exports where snapshots are taken, in the order of their indices.
    pub fn exposed<'a>(
        &'a self,
        node: &'a Node,
    ) -> impl Iterator<Item = (u8, Borrowed<'a, Extern>)> {
        let exports = node.found.object.exports.iter().zip(0..);
        exports.filter_map(|(export, position)| {
            let ExportItem::Global { ty, .. } = export.item else {
                return None;
            };
            let kind = crate::engine::number_of(ty.content)?;
            let exposed = ty.mutable && export.name.text().starts_with(abi::EXPOSED_GLOBAL);
            Some((kind, self.export(position)?)).filter(|_| exposed)
        })
    }
}

impl Namespace {
    /// The namespace's state. The guest is not running.
    ///
    /// # Errors
    /// `Unsupported`: the guest has files open, unless `open_files` says that the snapshot does without them.
    pub fn snapshot(&self, open_files: bool) -> Result<Snapshot> {
        self.may_be_taken()?;
        if !open_files {
            none_open(
                &self.opened(),
                "the guest has files open, which are in no snapshot: take it when they are closed, or say that they may be open (WASM_DYLD_SNAPSHOT_OPEN_FILES)",
            )?;
        }
        let state = self.state();
        let space = state.space()?;
        let model = state.model.kept();
        let model = model.ok_or_else(|| lost("where memory begins"))?;
        let linkages = linkages(&state);
        self.check_table(&state)?;
        let (mut objects, mut modules, mut parsed) = (Vec::new(), Vec::new(), Vec::new());
        let mut ids: Vec<ObjectId> = state.model.nodes.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let known = state.model.nodes.get(&id).zip(state.live.get(&id));
            let (node, live) = known.ok_or_else(|| lost("an object"))?;
            let batch = live.linkage.batch.as_ref();
            let module = batch.and_then(|batch| batch.modules.get(&id));
            let module = module.ok_or_else(|| not_asked(&node.found.name))?;
            objects.push(book(id, node, live));
            modules.push(Module {
                path: node.found.path.clone(),
                in_guest: node.found.in_guest,
                ..module.clone()
            });
            parsed.push(ParsedObject {
                found: node.found.clone(),
                key: live.key.ok_or_else(|| lost("a module's key"))?,
            });
        }
        let batches = linkages.iter().filter_map(|linkage| linkage.batch.as_ref());
        let batches = batches.map(|batch| state::Batch {
            first: batch.first,
            order: batch.order.clone(),
            lazy: batch.bind == Bind::Lazy,
        });
        let stack = space.stack_pointer.as_ref();
        let books = Books {
            objects,
            batches: batches.collect(),
            model,
            hosts: hosts(&state),
            memory_pages: space.memory.pages(),
            table_slots: space.table.size().into(),
            stack_pointer: stack.and_then(|global| global.get().as_u32()),
            exit: state.exit.book(),
            texts: state.texts.book(),
            dl_error: self.dl_error.borrow().clone(),
            descriptors: self.descriptors().map(|all| all.kept()).collect(),
            handed_over: self.handed_over.get(),
            loads_made: state.loads_made,
            unloads: state.unloads,
        };
        // SAFETY: no guest runs, since the namespace may be taken; nothing else happens while the slice is read.
        let memory = unsafe { space.memory.read_all(Image::of) };
        let mut snapshot = Snapshot::new(books, modules, memory);
        snapshot.parsed = Mutex::new(Some(Arc::new(Parsed {
            metering: self.metering(),
            bounds: self.config().bounds(),
            objects: parsed,
        })));
        Ok(snapshot)
    }

    /// Who has the guests' descriptors.
    pub(super) fn descriptors(
        &self,
    ) -> impl DoubleEndedIterator<Item = Rc<dyn Descriptors>> + use<> {
        let all = self.descriptors.borrow().clone();
        all.into_iter().filter_map(|known| known.upgrade())
    }

    /// What guests have opened and not closed, with the paths that they named.
    pub(super) fn opened(&self) -> Vec<(u32, String)> {
        self.descriptors().flat_map(|all| all.opened()).collect()
    }

    /// Whether the state is at rest, and the namespace one that snapshots are taken of.
    pub(super) fn may_be_taken(&self) -> Result<()> {
        drop(self.begin()?);
        let busy = |why: &str| Err(Error::new(Code::Busy, why));
        if !self.config().snapshots {
            let why = "the namespace was not made for snapshots: set them in its configuration (wasm_dyld_config_set_snapshots)";
            return Err(Error::new(Code::Unsupported, why));
        }
        let state = self.state();
        if self.side.is_running() || self.sweeping.get() || !state.exit.running.is_empty() {
            return busy(
                "the guest is running: what it has on its stack is in no snapshot; take and restore snapshots between calls, not in a callback",
            );
        }
        if !state.loads.is_empty() {
            return busy("an object is being loaded");
        }
        Ok(())
    }

    /// The table holds what the linker has put there, and nothing else.
    fn check_table(&self, state: &State) -> Result<()> {
        let table = &state.space()?.table;
        let of_segments: HashSet<u64> = (state.model.nodes.values())
            .flat_map(segment_slots)
            .collect();
        for slot in 0..table.size() {
            let number = u64::from(slot);
            let known = of_segments.contains(&number)
                || state.model.slots.at(number).is_some()
                || state.model.calls.at(number).is_some();
            if !known && table.get(slot).is_some() {
                let why = format!(
                    "table slot {slot} holds a function that is not from the linker: give functions slots by wasm_dyld_slot or a definition, which a snapshot knows"
                );
                return Err(Error::new(Code::Unsupported, why));
            }
        }
        Ok(())
    }
}

/// An error that names what is open.
pub(super) fn none_open(open: &[(u32, String)], why: &str) -> Result<()> {
    match open {
        [] => Ok(()),
        open => {
            let named = open.iter();
            let named = named.map(|(fd, path)| format!("{fd}: {}", text::name(path)));
            Err(Error::new(Code::Unsupported, why).list(named, open.len()))
        }
    }
}

fn not_asked(name: &str) -> Error {
    let why = format!(
        "{} was loaded without its bytes being kept",
        text::name(name)
    );
    Error::new(Code::Internal, why)
}

/// The slots that an object's own segments fill.
fn segment_slots(node: &Node) -> impl Iterator<Item = u64> {
    let place = node.place;
    let slots = place.table_base..place.table_base.saturating_add(place.table_size);
    let own = slots.filter(move |&slot| function_in_own_segment(node, slot).is_some());
    let of_module = node.found.within.iter().flat_map(|within| &within.filled);
    own.chain(of_module.flat_map(|&(start, len)| start..start.saturating_add(len)))
}

/// What was made for loads, each once, in the order of the loads.
fn linkages(state: &State) -> Vec<Rc<Linkage>> {
    let all = state.live.values().filter_map(|live| {
        let first = live.linkage.batch.as_ref()?.first;
        Some((first, live.linkage.clone()))
    });
    let all: BTreeMap<ObjectId, Rc<Linkage>> = all.collect();
    all.into_values().collect()
}

fn book(id: ObjectId, node: &Node, live: &LoadedObject) -> ObjectBook {
    let globals = live.exposed(node).map(|(_, export)| {
        let global = export.as_global();
        global.map_or(0, |global| global.get().bits())
    });
    let numbers = live.linkage.numbers_of(id).filter_map(|(value, global)| {
        let now = global.get().as_u32()?;
        (u64::from(now) != value).then_some((value, now))
    });
    ObjectBook {
        name: node.found.name.to_string(),
        main: node.found.role.is_main(),
        identity: node.found.identity.clone(),
        needed: node.found.needed.clone(),
        node: node.kept(id),
        bindings: node.bindings.to_vec(),
        globals: globals.collect(),
        numbers: numbers.collect(),
    }
}

/// The host's definitions that objects are bound to or that have a slot, by module and name.
fn hosts(state: &State) -> Vec<(u32, String, String)> {
    let of_func = |id: &FuncId| match id {
        FuncId::Host(id) => Some(*id),
        FuncId::Object { .. } => None,
    };
    let bindings = state
        .model
        .nodes
        .values()
        .flat_map(|node| node.bindings.iter());
    let bound = bindings.filter_map(|binding| match binding {
        Binding::Host(id) => Some(*id),
        Binding::Func(callee) | Binding::Slot(callee) => of_func(&callee.id()),
        _ => None,
    });
    let slots = state.model.slots.keys().chain(state.model.calls.keys());
    let used: BTreeSet<u32> = bound.chain(slots.filter_map(of_func)).collect();
    let mut hosts: Vec<(u32, String, String)> = (state.model.host.each())
        .filter(|(id, ..)| used.contains(id))
        .map(|(id, module, name)| (id, module.to_string(), name.to_string()))
        .collect();
    hosts.sort_unstable();
    hosts
}
