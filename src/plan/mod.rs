//! Objects -> [`Plan`]: every decision of a load, made before the engine is touched. Pure functions over metadata.
//!
//! ```text
//! Request -> resolve -> Vec<Vec<Binding>>   each import to its definition; beyond here no symbol is looked up
//!         -> order                          instantiation and constructors
//!         -> place                          memory and table; beyond here every address is known
//!         -> data                           data segments lie in their objects' own memory
//!         -> slots                          one canonical table slot for each function whose address is taken
//!         -> supply                         GOT values and stubs: what to hand the engine for each import
//!         -> verify                         the plan checks itself
//! ```

mod again;
mod alias;
mod callee;
mod commit;
mod data;
mod dump;
mod fault;
mod function;
mod groups;
mod holders;
mod host;
mod index;
mod keepers;
mod kept;
mod lifecycle;
mod map;
mod model;
mod names;
pub mod needed;
mod order;
mod place;
mod places;
mod regions;
mod resolve;
mod role;
mod scope;
mod shared;
mod slot_map;
mod slots;
mod supply;
mod turns;
mod unload;
mod verify;

#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(
    not(test),
    allow(dead_code, unused_imports, reason = "fuzzers use a part of it")
)]
pub(crate) mod tests;

use std::sync::Arc;

pub use again::{Again, again};
pub use callee::Callee;
pub use commit::{Changes, within};
pub use dump::{bindings, dump, symbols};
pub use fault::{Fault, Use, Wrong};
pub use groups::{Group, Groups};
pub use host::{HostDef, HostDefs, Precedence};
pub use kept::{KeptModel, KeptNode, contradicts};
pub use lifecycle::{Lifecycle, lifecycle};
pub use map::{Now, Range, Spaces, map, spaces};
pub use model::{
    Found, FuncId, Identity, Landmarks, Model, Node, ObjectId, Opens, Placement, Role, Within,
};
pub use place::{Extent, Layout, Sizes, bound};
pub use places::Places;
pub use regions::Regions;
pub use resolve::{Attempt, Binding, Landmark, Scopes, attempt, describe, extern_type};
pub use role::{program_refused, role_of};
pub use scope::{Definition, Kind, Lookup, Scope};
pub use slot_map::SlotMap;
pub use slots::{Fill, Slots, function_in_own_segment, slot_in_own_segment};
pub use supply::{LazyStub, Stub, Supply, Trampoline};
pub use turns::Init;
pub use unload::Vacated;
pub use verify::verify;

use crate::error::Result;
use crate::object::FuncType;

/// Whether undefined functions may wait until they are called (RTLD_LAZY, RTLD_NOW).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bind {
    #[default]
    Now,
    Lazy,
}

impl Bind {
    /// What two flags of dlopen(3) ask for; both together are NOW, as in other libcs.
    pub fn asked(now: bool, lazy: bool) -> Option<Bind> {
        match (now, lazy) {
            (true, _) => Some(Bind::Now),
            (_, true) => Some(Bind::Lazy),
            _ => None,
        }
    }
}

/// How a call reaches a function of another object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plt {
    /// Directly where the definition is instantiated first, through a stub elsewhere.
    #[default]
    Auto,
    /// Always through a generated stub.
    Wasm,
    /// Always through a host function.
    Host,
}

/// Bounds that the host sets.
#[derive(Clone, Debug)]
pub struct LoadLimits {
    pub memory_pages: u64,
    pub table_slots: u64,
    pub objects: usize,
    /// Bytes of the host's memory for the files of the objects that are being loaded, and for what is known of those that are.
    pub host_memory: u64,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub bind: Bind,
    pub plt: Plt,
    pub stack_size: u64,
    pub limits: LoadLimits,
    /// The new objects' symbols enter the global scope.
    pub global: bool,
    /// The group's own symbols come before the global scope.
    pub deepbind: bool,
}

/// A load, as far as it is known once all files are found.
pub struct Request<'a> {
    pub model: &'a Model,
    /// The new objects; the n-th has the id `first + n`.
    pub fresh: &'a [Found],
    /// The group in scope order: roots (preloads before a library, but after the main program), then needed breadth
    /// first; loaded objects among them.
    pub group: &'a [ObjectId],
    /// What the group starts from: the object asked for, then preloads.
    pub roots: &'a [ObjectId],
    pub options: &'a Options,
    /// Memory and table as they are now; `None` before the first load.
    pub now: Option<Sizes>,
}

impl<'a> Request<'a> {
    pub fn first(&self) -> u32 {
        self.model.next
    }

    pub fn fresh_ids(&self) -> impl DoubleEndedIterator<Item = ObjectId> + use<> {
        let first = self.first();
        (0..self.fresh.len() as u32).map(move |n| ObjectId(first + n))
    }

    /// Position among the new objects.
    pub fn fresh_index(&self, id: ObjectId) -> Option<usize> {
        let n = id.0.checked_sub(self.first())? as usize;
        (n < self.fresh.len()).then_some(n)
    }

    pub fn found(&self, id: ObjectId) -> Option<&'a Found> {
        match self.fresh_index(id) {
            Some(n) => self.fresh.get(n),
            None => self.model.nodes.get(&id).map(|node| &node.found),
        }
    }

    pub fn name(&self, id: ObjectId) -> &'a str {
        self.found(id).map_or("?", |f| &f.name)
    }

    /// The main program, new or loaded.
    pub fn main(&self) -> Option<ObjectId> {
        self.model.main.or_else(|| {
            self.fresh_ids()
                .find(|&id| self.found(id).is_some_and(|f| f.role.is_main()))
        })
    }
}

/// What to do for one new object.
#[derive(Clone, Debug)]
pub struct Planned {
    pub place: Placement,
    pub bindings: Arc<Vec<Binding>>,
    /// What the engine gets for each import, in the module's order.
    pub imports: Vec<Supply>,
}

/// All of a load's decisions.
#[derive(Clone, Debug)]
pub struct Plan {
    pub objects: Vec<Planned>,
    /// The symbols of the group, less those that are global already or by preloading.
    pub group: Scope,
    /// Instantiation, dependencies first.
    pub order: Vec<ObjectId>,
    /// Constructors, dependencies first; only new objects.
    pub init: Vec<ObjectId>,
    pub layout: Layout,
    pub stubs: Vec<Stub>,
    pub trampolines: Vec<Trampoline>,
    /// Functions that are not there: weak ones trap with their name, lazy ones are looked up when called.
    pub lazy_stubs: Vec<LazyStub>,
    /// Slots that no element segment fills (or fills with a stub).
    pub fills: Vec<Fill>,
    /// Canonical slots decided by this plan.
    pub slots: Vec<(FuncId, u64)>,
    /// As in [`Model::calls`].
    pub calls: Vec<(FuncId, u64)>,
    pub tags: Vec<(Arc<str>, Arc<FuncType>)>,
    /// For the trace: things that are legal but unwise.
    pub warnings: Vec<String>,
}

/// Makes the plan of a load, or an error that lists all that is wrong with it.
pub fn plan(request: &Request<'_>) -> Result<Plan> {
    let resolved = resolve::resolve(request)?;
    let order = order::instantiation(request, &resolved.bindings)?;
    let init = order::constructors(request);
    let mut layout = place::place(request, &resolved.bindings)?;
    data::check(request, &resolved.bindings, &layout)?;
    let slots = slots::assign(request, &resolved.bindings, &order, &mut layout)?;
    let plan = supply::supply(request, resolved, order, init, layout, slots)?;
    verify::verify(request, &plan)?;
    Ok(plan)
}
