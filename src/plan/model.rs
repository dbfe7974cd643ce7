//! The namespace as the planner sees it: metadata only, no engine.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use crate::hash_map::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use super::callee::Callee;
use super::host::{HostDef, HostDefs};
use super::keepers::Keepers;
use super::names::Names;
use super::places::Places;
use super::regions::Regions;
use super::resolve::Binding;
use super::scope::{Definition, Scope};
use super::slot_map::SlotMap;
use super::turns::Init;
use crate::object::{
    Base, ConstValue, ExportItem, ExternType, FuncType, Metadata, Name, Segment, Space,
};

/// Names an object of a namespace; never used again after the object is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectId(pub u32);

/// Tells whether two names lead to the same file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Identity {
    File {
        device: u64,
        inode: u64,
        /// When it was made, where the system knows: the number of a file that was deleted is given to another one.
        born: Option<SystemTime>,
    },
    /// Given by an open callback.
    Host(Vec<u8>),
    /// One of the objects that are one module with the program: its name.
    Part(Vec<u8>),
    /// Bytes that the host handed over: each hand-over is its own object.
    Bytes(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The main program, position-independent: placed like a library.
    Main,
    /// The main program with addresses of its own: data from address 0 and slots from slot 0 on.
    FixedMain,
    Library,
}

impl Role {
    pub fn is_main(self) -> bool {
        matches!(self, Role::Main | Role::FixedMain)
    }
}

/// An object that has been found and parsed, not yet placed.
#[derive(Clone, Debug)]
pub struct Found {
    /// For messages and for matching `needed` names.
    pub name: Arc<str>,
    /// Where it came from, if from a file.
    pub path: Option<Arc<Path>>,
    /// `path` is one of the guest's own, below a preopened directory.
    pub in_guest: bool,
    pub identity: Identity,
    pub object: Metadata,
    pub role: Role,
    /// The objects behind `dylink.needed`, in order, each once.
    pub needed: Vec<ObjectId>,
    /// Initial stack pointer of a fixed main that owns its stack.
    pub stack_pointer: Option<u64>,
    /// Where it lies in one module with others, if it does.
    pub within: Option<Arc<Within>>,
    /// The other objects of a program that is one module, until they are among those that are loaded.
    pub parts: Vec<Found>,
}

/// An object in one module with others: the program of a module that `wasmdyld link --dynamic` wrote, or one of its libraries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Within {
    pub place: Placement,
    /// The module's export behind each of the object's own; empty for an address.
    pub exports: Vec<String>,
    /// Functions of the object that have a slot.
    pub slots: Vec<(u32, u64)>,
    /// Slots that the program's module fills: ranges, for the program.
    pub filled: Vec<(u64, u64)>,
    /// It was preloaded when the module was linked.
    pub preloaded: bool,
    /// What the program's module has beside objects. `None`: the object is a library, whose functions are exports of the program's module.
    pub space: Option<Space>,
}

impl Found {
    /// The name that it has for itself. A program is nobody's library.
    pub fn soname(&self) -> Option<&Arc<str>> {
        let dylink = self.object.dylink.as_ref()?;
        dylink.soname.as_ref().filter(|_| !self.role.is_main())
    }

    /// Whether it has no module for itself: it is part of the program's.
    pub fn is_part(&self) -> bool {
        self.within
            .as_ref()
            .is_some_and(|within| within.space.is_none())
    }

    /// What the program's module has beside objects, where it has several.
    pub fn space(&self) -> Option<&Space> {
        self.within.as_ref()?.space.as_ref()
    }

    /// [`Found::soname`], where it is another name than the file's.
    pub fn other_name(&self) -> Option<&Arc<str>> {
        self.soname().filter(|soname| **soname != self.name)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    pub memory_base: u64,
    pub memory_size: u64,
    pub table_base: u64,
    pub table_size: u64,
}

impl Placement {
    /// The address behind a constant. A plain constant counts from `__memory_base`, as the ABI wants of data exports.
    pub fn address(&self, value: ConstValue) -> u64 {
        let base = match value.base {
            Base::None | Base::Memory => self.memory_base,
            Base::Table => self.table_base,
        };
        base.wrapping_add(value.offset) & 0xffff_ffff
    }

    /// The first slot of a segment. Here a plain constant is absolute.
    pub fn segment_start(&self, segment: &Segment) -> Option<u64> {
        let base = match segment.offset.base {
            Base::None => 0,
            Base::Table => self.table_base,
            Base::Memory => return None,
        };
        Some(base.wrapping_add(segment.offset.offset) & 0xffff_ffff)
    }
}

/// A function, named so that each has one name: the defining object and its function index there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FuncId {
    Object { object: ObjectId, index: u32 },
    Host(u32),
}

/// How often an object is open. Counted apart, so that a guest can never close what the host holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opens {
    pub host: u32,
    pub guest: u32,
}

/// An object in the namespace.
#[derive(Clone, Debug)]
pub struct Node {
    pub found: Found,
    pub place: Placement,
    /// What each import was bound to.
    pub bindings: Arc<Vec<Binding>>,
    /// Opened so that its symbols are in the global scope.
    pub global: bool,
    pub opens: Opens,
    /// Never unloaded: RTLD_NODELETE, a preload, or the holder of a slot that cannot be taken back.
    pub nodelete: bool,
    /// What must not go before this object, beside what it needs: what it is bound to ([`Model::bind`]).
    pub uses: HashSet<ObjectId>,
    /// One of [`Model::openings`].
    pub opened: bool,
    /// The local scope comes before the global one.
    pub deepbind: bool,
    pub init: Init,
}

/// Data symbols that the linker provides where no object does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Landmarks {
    /// Unknown in a fixed main that does not export them.
    pub stack_low: Option<u64>,
    pub stack_high: Option<u64>,
    pub heap_base: u64,
    pub heap_end: u64,
    /// What the shared `__stack_pointer` starts with; `None` where the main program keeps it to itself.
    pub stack_pointer: Option<u64>,
}

/// All that later loads must respect of earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub nodes: HashMap<ObjectId, Node>,
    /// Where the objects of `nodes` lie.
    pub places: Places,
    /// The objects of `nodes` by the files that they came from.
    pub(super) files: HashMap<Identity, ObjectId>,
    /// For each object of `nodes`, those that need it.
    pub(super) needed_by: HashMap<ObjectId, HashSet<ObjectId>>,
    /// What keeps each object of `nodes`.
    pub(super) keepers: Keepers,
    /// Bytes of memory that what is known of the objects takes, by an estimate.
    pub(super) footprint: u64,
    pub next: u32,
    pub main: Option<ObjectId>,
    pub global: Scope,
    pub host: HostDefs,
    /// Free memory that is ours, and free table slots that are ours.
    pub memory: Regions,
    pub table: Regions,
    /// `None` until the first load made memory and table.
    pub landmarks: Option<Landmarks>,
    /// Limits that the memory and the table were made with.
    pub memory_max: Option<u64>,
    pub table_max: Option<u64>,
    /// Names under which objects were asked for.
    pub names: Names,
    /// Canonical slots that a plan decided (slots in an object's own segment are found there).
    pub slots: SlotMap,
    /// Second slots, through which stubs call functions whose canonical slot lies in a segment that holds such a stub.
    pub calls: SlotMap,
    /// All objects, in the order in which they were loaded.
    pub loaded: Vec<ObjectId>,
    /// Objects that were opened themselves, rather than needed, in the order of the first time: the group of each is a scope
    /// of all objects in it.
    pub openings: Vec<ObjectId>,
    /// Rises when a local scope may have changed.
    pub generation: u64,
    /// Slots and addresses of names that the main program gives by a function each (`abi::PROVIDES`), as far as asked.
    pub provided: HashMap<Arc<str>, u64>,
    /// Type of each tag that the namespace made.
    pub tags: HashMap<Arc<str>, Arc<FuncType>>,
}

impl Model {
    /// Bytes of memory that what is known of the objects takes, by an estimate.
    pub fn footprint(&self) -> u64 {
        self.footprint
    }

    /// Takes an object in.
    pub(super) fn enter_node(&mut self, id: ObjectId, node: Node) {
        self.places.add(id, &node.place);
        self.files.insert(node.found.identity.clone(), id);
        self.names.enter(id, &node.found.name);
        for needed in &node.found.needed {
            self.needed_by.entry(*needed).or_default().insert(id);
        }
        let footprint = node.found.object.brief().footprint;
        self.footprint = self.footprint.saturating_add(footprint);
        self.nodes.insert(id, node);
    }

    /// Takes an object out.
    pub(super) fn leave_node(&mut self, id: ObjectId) -> Option<Node> {
        let node = self.nodes.remove(&id)?;
        self.places.remove(id, &node.place);
        for needed in &node.found.needed {
            if let Some(users) = self.needed_by.get_mut(needed) {
                users.remove(&id);
                if users.is_empty() {
                    self.needed_by.remove(needed);
                }
            }
        }
        if self.files.get(&node.found.identity) == Some(&id) {
            self.files.remove(&node.found.identity);
        }
        let footprint = node.found.object.brief().footprint;
        self.footprint = self.footprint.saturating_sub(footprint);
        Some(node)
    }

    /// A function that the host defines under a name, with its type.
    pub fn host_callee(
        &self,
        module: &str,
        name: Name<'_>,
    ) -> Option<(Callee, &Arc<FuncType>, &HostDef)> {
        let (id, def) = self.host.get(module, name)?;
        Some((Callee::host(id), self.host_func(id)?, def))
    }

    /// The type of a function that the host defines.
    pub fn host_func(&self, id: u32) -> Option<&Arc<FuncType>> {
        match &self.host.defs.get(id as usize)?.ty {
            ExternType::Func(sig) => Some(sig),
            _ => None,
        }
    }

    /// The function behind an export of a loaded object, and its type.
    pub fn callee(&self, definition: Definition) -> Option<(Callee, &Arc<FuncType>)> {
        let node = self.nodes.get(&definition.object)?;
        let object = &node.found.object;
        let ExportItem::Func { index, sig } = object.exports.get(definition.export as usize)?.item
        else {
            return None;
        };
        let callee = match object.import_of_func(*index) {
            // Bindings lead to definitions, so one step is enough.
            Some(position) => match node.bindings.get(position as usize)? {
                Binding::Func(callee) => *callee,
                _ => return None,
            },
            None => Callee::exported(definition, *index),
        };
        Some((callee, sig))
    }

    /// The object behind a file, if it is loaded.
    pub fn by_identity(&self, identity: &Identity) -> Option<ObjectId> {
        self.files.get(identity).copied()
    }
}
