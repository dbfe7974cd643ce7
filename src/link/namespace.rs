//! A namespace: one store, one memory, one table, and the objects in them.

use std::any::Any;
use std::cell::{Cell, OnceCell, Ref, RefCell, RefMut};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use crate::hash_map::{HashMap, HashSet};

use super::ahead::Ahead;
use super::carry::Carrier;
use super::demand::Demand;
use super::exit_list::ExitList;
use super::flag::Flag;
use super::function::Caller;
use super::handed::Handed;
use super::heap::Heap;
use super::host::HostValue;
use super::load::Load;
use super::meter::Meter;
use super::modules::{EngineCode, Modules};
use super::renew::{Definitions, Openings};
use super::snapshot::Batch;
use super::stats::{Clock, Statistics};
use super::texts::Texts;
use crate::config::Config;
use crate::control::{self, Control, Mode, Watcher};
use crate::engine::{
    Borrowed, EngineFeatures, Extern, ExternPtr, ExternVec, Forwarder, Global, HostFunc, HostTrap,
    Instance, InstantiateError, Memory, Module, ModuleKey, Stage, Store, Table, Trap, Val, Words,
    shim,
};
use crate::error::{Code, Error, Frame, Result};
use crate::object::{FuncType, GlobalType};
use crate::plan::{
    Definition, Groups, Identity, Model, Now, ObjectId, Opens, Placement, Sizes, Stub, map,
};
use crate::platform;
use crate::search::GuestFiles;
use crate::state::Descriptors;

/// Whether the guest is to stop, as the host says. Shared by a namespace and those that are made in its place.
pub type Ask = Arc<dyn Fn() -> bool>;

/// How often who is asked.
pub type Watch = Option<(Duration, Ask)>;

/// An instantiated object.
pub(super) struct LoadedObject {
    pub exports: ExternVec,
    /// Position in `exports` of each of the object's exports, where the engine has another order.
    pub order: Option<Vec<u32>>,
    /// Held for its life alone: WAMR frees what an instance has with it (Q23). Objects of one module share it.
    pub _instance: Rc<Instance>,
    /// Tells the object's frames in a backtrace from others'.
    pub module: Rc<Module>,
    /// Of the bytes that it was compiled from, where the load had them.
    pub key: Option<ModuleKey>,
    /// Shared by the objects of one load.
    pub linkage: Rc<Linkage>,
    /// Of its functions that the host calls often, by export.
    pub carriers: HashMap<u32, Rc<Carrier>>,
}

impl LoadedObject {
    pub fn export(&self, n: u32) -> Option<Borrowed<'_, Extern>> {
        let n = match &self.order {
            Some(order) => *order.get(n as usize)?,
            None => n,
        };
        self.exports.get(n as usize)
    }
}

/// Memory and table, made by the first load.
pub(super) struct Space {
    pub memory: Rc<Memory>,
    pub table: Rc<Table>,
    pub stack_pointer: Option<Global>,
    /// What the stack pointer was when the first object imported it; `None`: none has, so that no call changes it.
    pub first_stack: Cell<Option<Val>>,
    /// Calls through the table on behalf of the linker, made when first needed.
    pub calls: Option<Rc<ExternVec>>,
    pub _calls: Option<Instance>,
    /// Calls of functions by type, through the table.
    pub callers: HashMap<Arc<FuncType>, Rc<Caller>>,
    /// What carriers use, once one was asked for; `None`: the engine is none for that.
    pub words: OnceCell<Option<Rc<Words>>>,
}

/// Functions made for imports of one load. Dropping them makes the guest's calls trap.
#[derive(Default)]
pub(super) struct Linkage {
    /// The number of the load's first object, which no other load has.
    pub first: u32,
    /// How many of the load's objects are there.
    pub objects: Cell<usize>,
    pub forwarders: Vec<Forwarder>,
    /// The object that each forwarder calls.
    pub targets: Vec<ObjectId>,
    /// The linker's own functions, one for each importer.
    pub services: Vec<HostFunc>,
    pub resolvers: Vec<HostFunc>,
    /// Stubs of missing functions, and behind them the globals that keep what they were bound to.
    pub lazy_stubs: Option<ExternVec>,
    /// Lazy bindings made so far: the stub's number, and the object that it leads to.
    pub bound: RefCell<Vec<(usize, ObjectId)>>,
    /// Instances of generated modules whose functions are imported somewhere.
    pub glue: Vec<Instance>,
    /// GOT entries that their importer may change, by it and by what they were made with: each is one object's alone.
    pub numbers: BTreeMap<(ObjectId, u64), Global>,
    /// What a snapshot says of the load, where snapshots are taken.
    pub batch: Option<Batch>,
}

impl Linkage {
    /// An object's GOT entries that it may change, by what they were made with.
    pub fn numbers_of(&self, id: ObjectId) -> impl Iterator<Item = (u64, &Global)> {
        let all = self.numbers.range((id, 0)..=(id, u64::MAX));
        all.map(|(&(_, value), global)| (value, global))
    }
}

#[derive(Default)]
pub(super) struct State {
    pub model: Model,
    /// Scopes of the model's objects, as far as they were asked for.
    pub groups: Groups,
    pub space: Option<Space>,
    pub live: HashMap<ObjectId, LoadedObject>,
    /// By each object that forwarders and lazy bindings lead to: what holds these, by its `first`.
    pub aimed: HashMap<ObjectId, HashMap<u32, Weak<Linkage>>>,
    /// The values behind `model.host.defs`.
    pub hosts: Vec<HostValue>,
    /// Base addresses and such by value: objects share these globals, which none can change.
    pub numbers: HashMap<(u64, GlobalType), Global>,
    /// Stubs by slot and type: they serve whatever function is in the slot.
    pub stubs: HashMap<Stub, Extern>,
    pub tags: HashMap<Arc<str>, Extern>,
    pub nothing: Option<Extern>,
    /// Loads under way, the innermost last.
    pub loads: Vec<Load>,
    pub exit: ExitList,
    /// Unloaded while the guest's code may have been running in them.
    pub buried: Vec<LoadedObject>,
    /// What the linker keeps in the guest's memory.
    pub texts: Texts,
    /// The linker's own functions are defined.
    pub services: bool,
    /// Rises with whatever may change which objects are kept.
    pub epoch: u64,
    /// How often memory and table have been emptied, to be laid out anew.
    pub layouts: u64,
    /// How often objects have been added and removed (dl_iterate_phdr(3)).
    pub loads_made: u64,
    pub unloads: u64,
}

impl State {
    /// The engine's object behind an object's export.
    pub fn export(&self, definition: Definition) -> Option<Borrowed<'_, Extern>> {
        self.live.get(&definition.object)?.export(definition.export)
    }

    /// Takes an object in whose imports were linked by `linkage`.
    pub fn enter_live(&mut self, id: ObjectId, live: LoadedObject) {
        let linkage = live.linkage.clone();
        if linkage.objects.replace(linkage.objects.get() + 1) == 0 {
            for target in &linkage.targets {
                self.aim(*target, &linkage);
            }
        }
        self.live.insert(id, live);
    }

    /// Notes that a forwarder or a lazy binding leads to an object.
    pub fn aim(&mut self, target: ObjectId, linkage: &Rc<Linkage>) {
        let aimed = self.aimed.entry(target).or_default();
        let aimed = aimed.entry(linkage.first);
        aimed.or_insert_with(|| Rc::downgrade(linkage));
    }

    /// Takes an object out, and with the last of its load what that aimed at others.
    pub fn leave_live(&mut self, id: ObjectId) -> Option<LoadedObject> {
        let live = self.live.remove(&id)?;
        let linkage = &live.linkage;
        linkage.objects.set(linkage.objects.get() - 1);
        if linkage.objects.get() == 0 {
            let bound = linkage.bound.borrow();
            let bound = bound.iter().map(|(_, object)| object);
            for target in linkage.targets.iter().chain(bound) {
                if let Some(aimed) = self.aimed.get_mut(target) {
                    aimed.remove(&linkage.first);
                    if aimed.is_empty() {
                        self.aimed.remove(target);
                    }
                }
            }
        }
        Some(live)
    }

    /// What was made for imports, once for each load.
    pub fn linkages(&self) -> impl Iterator<Item = &Linkage> {
        let mut seen = HashSet::default();
        let all = self.live.values().map(|live| &live.linkage);
        all.filter(move |linkage| seen.insert(Rc::as_ptr(linkage)))
            .map(|linkage| &**linkage)
    }

    pub fn space(&self) -> Result<&Space> {
        self.space.as_ref().ok_or_else(|| {
            Error::new(
                Code::Busy,
                "the namespace has no memory and table yet: nothing has been loaded",
            )
        })
    }
}

/// Text and frames of an error.
type Inner = (String, Vec<Frame>);

/// What host functions share with the namespace without keeping it alive.
pub(super) struct Side {
    pub control: Control,
    pub memory: RefCell<Option<Rc<Memory>>>,
    /// What guests count their budget down in, where checks in their modules count.
    pub units: RefCell<Option<Rc<Global>>>,
    /// The exit code of a guest that called `proc_exit`, while its trap unwinds, and what marks that trap.
    exit: Cell<Option<(i32, u64)>>,
    exits: Cell<u64>,
    secret: RandomState,
    /// Text and frames of an error that travels as a trap's text.
    pub inner: Cell<Option<Box<Inner>>>,
    /// Calls from guest to host to guest.
    pub depth: Cell<u32>,
    /// An exception that nobody caught is being asked what it says.
    pub asking: Cell<bool>,
    /// A WASI function holds a slice of the guest's memory.
    pub away: Cell<bool>,
    /// Debug output is being taken by a callback of the host.
    telling: Cell<u32>,
    /// See [`Namespace::known_as`].
    pub known_as: Cell<usize>,
}

/// Not `Send`: a namespace belongs to the thread of its store. It may be entered again from host functions that the
/// guest calls; no borrow of `state` is held while guest code runs.
pub struct Namespace {
    pub(super) store: Store,
    pub(super) config: Config,
    /// As the host gave it.
    pub(super) given: Config,
    /// What the host has defined and opened, and who is asked meanwhile: for a namespace in the place of this one.
    pub(super) definitions: RefCell<Definitions>,
    pub(super) openings: RefCell<Openings>,
    pub(super) watch: RefCell<Watch>,
    /// It was made of a snapshot.
    pub(super) restored: Cell<bool>,
    pub(super) state: RefCell<State>,
    pub(super) side: Rc<Side>,
    /// A load or an unload is changing the namespace.
    busy: Cell<bool>,
    pub(super) handed_over: Cell<u64>,
    /// The process.
    pub(super) made_in: u32,
    /// Instances made so far, for engines that bound them.
    pub(super) instances: Cell<u64>,
    pub(super) modules: RefCell<Modules>,
    pub(super) engine_code: OnceCell<EngineCode>,
    /// What the engine says of itself, for each call: see [`shim::Shim::guest_stack`].
    pub(super) guest_stack: OnceCell<usize>,
    /// What is loaded is only to be compiled.
    pub(super) ahead: Cell<Ahead>,
    /// A sweep is under way.
    pub(super) sweeping: Cell<bool>,
    /// Types of the functions that the host was given. Apart from the books: a callback may look symbols up where these are in use.
    pub(super) handed: RefCell<Handed>,
    /// The guest's malloc and free, once they were looked up.
    pub(super) heap: RefCell<Option<Rc<Heap>>>,
    /// Measures the load under way.
    pub(super) clock: Clock,
    /// Of the last load that brought something.
    pub(super) statistics: RefCell<Statistics>,
    /// What went wrong last in the guest's dlfcn functions, until dlerror is called.
    pub(crate) dl_error: RefCell<Option<String>>,
    /// Opens a file that the guest names by a path.
    pub(super) guest_files: RefCell<Option<Rc<GuestFiles>>>,
    /// What the host defines when it is imported.
    pub(super) demand: RefCell<Option<Demand>>,
    /// Who has the guests' descriptors, as long as objects may use it.
    pub(super) descriptors: RefCell<Vec<Weak<dyn Descriptors>>>,
    pub(super) features: EngineFeatures,
    /// Where modules have checks.
    pub(super) meter: OnceCell<Meter>,
    /// Held for its life alone: see [`shim::Shim::bound_objects`].
    _objects_bound: Option<Box<dyn Any>>,
    /// What their checks look at, where these do not count.
    pub(super) flag: Option<Flag>,
}

/// Marks the namespace as changing; on drop it is open again.
pub(super) struct Busy<'a>(&'a Cell<bool>);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// An object, for introspection.
#[derive(Clone, Debug)]
pub struct ObjectInfo {
    pub id: ObjectId,
    pub name: Arc<str>,
    pub path: Option<Arc<std::path::Path>>,
    pub place: Placement,
    pub main: bool,
    pub global: bool,
    pub needed: Vec<ObjectId>,
    pub opens: Opens,
    /// Never unloaded on its own.
    pub nodelete: bool,
    /// `path` is one of the guest's.
    pub in_guest: bool,
}

impl Namespace {
    pub fn new(store: Store, given: Config) -> Rc<Namespace> {
        let mut config = given.clone();
        let side = Rc::new(Side::new(config.control));
        let control = &side.control;
        let by_engine = store.shim().watch(store, control);
        let may_have_flag = control.mode() == Mode::Interrupt && !by_engine;
        let flag = may_have_flag.then(|| Flag::new(store, control.signal()));
        let flag = flag.flatten();
        control.settle(by_engine, flag.is_some());
        let memory = config.bounds().memory;
        let objects_bound = memory.and_then(|bytes| store.shim().bound_objects(store, bytes));
        let told = side.clone();
        config.trace.wrap(|sink| {
            Arc::new(move |category, text| {
                let _telling = told.tell();
                sink(category, text);
            })
        });
        Rc::new(Namespace {
            store,
            config,
            given,
            definitions: RefCell::default(),
            openings: RefCell::default(),
            watch: RefCell::default(),
            restored: Cell::default(),
            state: RefCell::new(State::default()),
            side,
            busy: Cell::new(false),
            handed_over: Cell::new(0),
            made_in: platform::process(),
            instances: Cell::new(0),
            modules: RefCell::default(),
            guest_stack: OnceCell::default(),
            engine_code: OnceCell::new(),
            ahead: Cell::default(),
            sweeping: Cell::new(false),
            handed: RefCell::default(),
            heap: RefCell::default(),
            clock: Clock::default(),
            statistics: RefCell::default(),
            dl_error: RefCell::new(None),
            guest_files: RefCell::new(None),
            demand: RefCell::default(),
            descriptors: RefCell::default(),
            features: EngineFeatures::default(),
            meter: OnceCell::new(),
            _objects_bound: objects_bound,
            flag,
        })
    }

    /// By what the host knows it: told to functions of the host's that its guests call.
    pub fn known_as(&self, number: usize) {
        self.side.known_as.set(number);
    }

    /// What stops its guests.
    pub fn control(&self) -> &Control {
        &self.side.control
    }

    /// Who is asked, every so often while guests run or wait, whether they are to stop; `None`: nobody. Gives who was asked before.
    pub fn set_watcher(
        &self,
        every: Duration,
        ask: Option<Ask>,
    ) -> Result<(Option<Rc<Watcher>>, Watch)> {
        let side = Rc::downgrade(&self.side);
        let watch = ask.clone().map(|ask| (every, ask));
        let watcher = ask.map(|ask| {
            let ask = move || {
                let side = side.upgrade();
                let _telling = side.as_ref().map(|side| side.tell());
                ask()
            };
            Watcher::new(every, Box::new(ask))
        });
        let before = self.side.control.set_watcher(watcher)?;
        Ok((before, self.watch.replace(watch)))
    }

    pub fn store(&self) -> Store {
        self.store
    }

    /// What is at the paths that guests name.
    pub fn set_guest_files(
        &self,
        files: impl Fn(&str, u64) -> Result<(Vec<u8>, Identity)> + 'static,
    ) {
        *self.guest_files.borrow_mut() = Some(Rc::new(files));
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn state(&self) -> Ref<'_, State> {
        self.state.borrow()
    }

    pub(super) fn state_mut(&self) -> RefMut<'_, State> {
        self.state.borrow_mut()
    }

    /// The books, to be changed at the host's wish. A callback of the host runs where they are in use, and cannot.
    pub(super) fn change(&self) -> Result<RefMut<'_, State>> {
        self.side.is_here()?;
        self.state.try_borrow_mut().map_err(|_| in_use())
    }

    /// Until the result is dropped, nothing else begins to change the namespace.
    pub(super) fn begin(&self) -> Result<Busy<'_>> {
        drop(self.change()?);
        if self.busy.replace(true) {
            return Err(Error::new(
                Code::Busy,
                "the namespace is being changed: a start function cannot load or unload libraries",
            ));
        }
        Ok(Busy(&self.busy))
    }

    /// Gives memory and table up.
    pub(super) fn drop_space(&self, state: &mut State) {
        state.space = None;
        self.side.memory.take();
    }

    /// Instances made in the store so far, those of generated modules among them.
    pub fn instances(&self) -> u64 {
        self.instances.get()
    }

    /// How many more the engine makes in the store, as far as the namespace knows.
    pub fn instances_left(&self) -> u64 {
        match self.store.shim().most_instances() {
            Some(most) => most.saturating_sub(self.instances()),
            None => u64::MAX,
        }
    }

    /// All instances of the namespace are made here, so that they are counted.
    pub(super) fn instantiate(
        &self,
        module: &Module,
        imports: &[ExternPtr<'_>],
    ) -> Result<Instance, InstantiateError> {
        let made = Instance::new(self.store, module, imports)?;
        self.instances.set(self.instances.get() + 1);
        Ok(made)
    }

    /// The error for an engine that makes no more instances, if that is what the failure says: the engine's words count only where no code
    /// of a guest's has run, which could have had a trap say the same.
    pub(super) fn used_up(&self, error: &InstantiateError) -> Option<Error> {
        if error.stage != Stage::Link {
            return None;
        }
        let text = error.trap.as_ref()?.message();
        let limit = shim::of(self.store.api()).instance_limit(&text)?;
        let most = format!(
            "the engine makes at most {limit} instances in the life of a store and gives none back when libraries are closed"
        );
        let why = format!(
            "{most}; this namespace has made {}: go on in a new store (wasm_dyld_renew)",
            self.instances.get()
        );
        // A guest has no other store. What it is told names nothing of the host's.
        let to_guests = format!(
            "{most}, as this program has: keep open what is needed again, or run on an engine without this bound (wasmdyld run --engine)"
        );
        Some(Error::new(Code::Limit, why).told_guests(to_guests))
    }

    pub fn memory(&self) -> Result<Rc<Memory>> {
        Ok(self.state().space()?.memory.clone())
    }

    /// The memory, to read from it and write to it: not while WASI does.
    pub fn memory_to_use(&self) -> Result<Rc<Memory>> {
        if self.side.away.get() {
            let why = "a callback of WASI cannot use the guest's memory: WASI is using it";
            return Err(Error::new(Code::Busy, why));
        }
        self.memory()
    }

    pub fn table(&self) -> Result<Rc<Table>> {
        Ok(self.state().space()?.table.clone())
    }

    /// What lies where, as text for people.
    pub fn link_map(&self) -> crate::text::Lines {
        let state = self.state();
        let texts = state.texts.pieces();
        let now = state.space.as_ref().map(|space| Now {
            sizes: Sizes {
                memory_pages: space.memory.pages(),
                table_slots: space.table.size().into(),
            },
            texts: &texts,
        });
        map(&state.model, now.as_ref())
    }

    pub fn objects(&self) -> Vec<ObjectInfo> {
        let state = self.state();
        let ids = state.model.loaded.iter();
        ids.filter_map(|id| info(&state.model, *id)).collect()
    }

    /// In the order in which they were loaded.
    pub(super) fn object_ids(&self) -> Vec<ObjectId> {
        self.state().model.loaded.clone()
    }

    /// How many objects there are.
    pub fn object_count(&self) -> usize {
        self.state().model.loaded.len()
    }

    /// The n-th object, in the order in which they were loaded.
    pub fn object_at(&self, n: usize) -> Option<ObjectInfo> {
        let state = self.state();
        info(&state.model, *state.model.loaded.get(n)?)
    }

    pub fn object(&self, id: ObjectId) -> Option<ObjectInfo> {
        info(&self.state().model, id)
    }

    pub fn contains(&self, id: ObjectId) -> bool {
        self.state().model.nodes.contains_key(&id)
    }

    /// How often an object is open; not at all if there is none.
    pub fn opens(&self, id: ObjectId) -> Opens {
        let state = self.state();
        let node = state.model.nodes.get(&id);
        node.map(|node| node.opens).unwrap_or_default()
    }

    pub fn main(&self) -> Option<ObjectId> {
        self.state().model.main
    }

    /// Times and counts of the last load that brought something.
    pub fn statistics(&self) -> Statistics {
        self.statistics.borrow().clone()
    }

    /// The exit code of a guest that ended itself in a call that the host made without our help. Taken by reading.
    pub fn take_exit(&self) -> Option<i32> {
        self.side.exit.take().map(|(code, _)| code)
    }

    /// The host enters: what it begins here can be stopped as a whole, until the result is dropped.
    #[inline]
    pub(super) fn enter(&self) -> control::Entry<'_> {
        self.side.control.enter()
    }

    /// What a trap means: the guest was stopped, or ended itself, or something went wrong.
    pub(super) fn trapped(&self, trap: &Trap) -> Error {
        if let Some(stop) = self.side.control.stopped() {
            let frames = self.trap_error(trap, &[]).frames().to_vec();
            return stop.error().with_frames(frames);
        }
        match self.side.exited(Some(trap)) {
            Some(code) => Error::exit(code),
            None => {
                let error = self.trap_error(trap, &[]);
                // The guest may have been stopped while an exception of its was asked what it says.
                match self.side.control.stopped() {
                    Some(stop) => stop.error().with_frames(error.frames().to_vec()),
                    None => error,
                }
            }
        }
    }

    pub(super) fn next_identity(&self) -> Identity {
        let n = self.handed_over.get();
        self.handed_over.set(n + 1);
        Identity::Bytes(n)
    }
}

pub(super) fn in_use() -> Error {
    Error::new(
        Code::Busy,
        "the namespace is in use: a callback that it makes while it works cannot change it, nor call the guest",
    )
}

fn info(model: &Model, id: ObjectId) -> Option<ObjectInfo> {
    let node = model.nodes.get(&id)?;
    Some(ObjectInfo {
        id,
        name: node.found.name.clone(),
        path: node.found.path.clone(),
        place: node.place,
        main: model.main == Some(id),
        global: node.global,
        needed: node.found.needed.clone(),
        opens: node.opens,
        nodelete: node.nodelete,
        in_guest: node.found.in_guest,
    })
}

/// One more level of guest inside host inside guest, or of callbacks.
pub(super) struct Depth<'a>(&'a Cell<u32>);

impl Drop for Depth<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Side {
    fn new(control: control::Mode) -> Side {
        Side {
            control: Control::new(control),
            memory: RefCell::default(),
            units: RefCell::default(),
            exit: Cell::default(),
            exits: Cell::default(),
            secret: RandomState::default(),
            inner: Cell::default(),
            depth: Cell::default(),
            asking: Cell::default(),
            away: Cell::default(),
            telling: Cell::default(),
            known_as: Cell::default(),
        }
    }

    /// Whether a guest has called what runs.
    pub fn is_running(&self) -> bool {
        self.depth.get() > 0
    }

    /// Until the result is dropped, the linker runs no guest code.
    #[cfg(feature = "wasi")]
    pub fn leave(&self) -> Result<Busy<'_>> {
        if self.away.replace(true) {
            return Err(Error::new(Code::Busy, "WASI was called from inside WASI"));
        }
        Ok(Busy(&self.away))
    }

    /// Until the result is dropped, a callback of the host looks on: it takes debug output, or says whether the guest is to stop.
    fn tell(&self) -> Depth<'_> {
        self.telling.set(self.telling.get().saturating_add(1));
        Depth(&self.telling)
    }

    #[inline]
    fn is_here(&self) -> Result<()> {
        if self.telling.get() > 0 {
            return Err(Error::new(
                Code::Busy,
                "a callback that looks on (for debug output, or of wasm_dyld_set_watcher) cannot change the namespace, nor call the guest",
            ));
        }
        if self.away.get() {
            return Err(Error::new(
                Code::Busy,
                "a callback of WASI cannot change the namespace, nor call the guest: its memory is in use",
            ));
        }
        Ok(())
    }

    /// The guest ends itself: the trap that does it.
    pub fn exiting(&self, code: i32) -> HostTrap {
        let number = self.exits.get().wrapping_add(1);
        self.exits.set(number);
        // The guest must not be able to make a trap that looks like it.
        let mark = self.secret.hash_one(number);
        self.exit.set(Some((code, mark)));
        HostTrap::Message(format!("the guest exited with code {code} ({mark:016x})"))
    }

    /// The guest's exit code, if this trap is its exit. A host function may have kept that trap to itself, and the guest have
    /// gone on to trap in some other way.
    pub fn exited(&self, trap: Option<&Trap>) -> Option<i32> {
        let (code, mark) = self.exit.take()?;
        let text = trap.map(Trap::message).unwrap_or_default();
        let marked = text.is_empty() || text.contains(&format!("{mark:016x}"));
        marked.then_some(code)
    }

    /// What a call left that the host made without the linker's help is not the next call's.
    #[inline]
    pub fn forget_exit(&self) {
        self.exit.take();
        self.inner.take();
    }

    /// One level more, of `limit` at most.
    #[inline]
    pub fn enter(&self, limit: u32) -> Result<Depth<'_>> {
        self.is_here()?;
        let depth = self.depth.get();
        if depth >= limit {
            return Err(Error::new(
                Code::Limit,
                format!("guest and host call each other more than {limit} levels deep"),
            ));
        }
        self.depth.set(depth + 1);
        Ok(Depth(&self.depth))
    }
}

impl Drop for Namespace {
    /// Engines want handles gone before their store; the host deletes the store after the namespace.
    fn drop(&mut self) {
        self.side.memory.take();
        self.side.control.set_recall(None);
        self.side.units.take();
    }
}
