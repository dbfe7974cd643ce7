//! Putting a namespace into the state of a snapshot.
//!
//! ```text
//! the namespace that it was taken of, or one like it: what came later goes -> memory, globals and books
//! an empty namespace: each load again, planned from its decisions, without any code of its own -> memory, globals and books
//! ```
//! No guest code runs, and the host is called by nothing but debug output. What a snapshot says is compared with the modules before
//! anything is changed: it may have come from bytes.

use std::rc::Rc;
use std::sync::{Arc, PoisonError};

use crate::hash_map::{HashMap, HashSet};

use super::exit_list::ExitList;
use super::files::Files;
use super::namespace::{Namespace, State};
use super::order::lost;
use super::prepare::{Given, Prepared};
use super::texts::Texts;
use super::{lazy, transaction, unload};
use crate::abi;
use crate::engine::{Module as Code, ModuleKey, Val, can_link};
use crate::error::{Code as ErrorCode, Context, Error, Result};
use crate::object::{ExternType, Metadata, Object};
use crate::plan::needed::Closure;
use crate::plan::{
    Again, Bind, Binding, Callee, Found, FuncId, Identity, Model, Node, ObjectId, Opens, Options,
    Placement, Role, Sizes, again, contradicts,
};
use crate::search::{self, View};
use crate::state::{Batch, Module, ObjectBook, Parsed, ParsedObject, Snapshot, check};
use crate::text;
use crate::trace::Category;

/// A module without anything, in the place of an object that is gone.
const NOTHING: &[u8] = b"\0asm\x01\0\0\0";

/// What is made of a snapshot's books before anything changes.
struct Ready {
    exit: ExitList,
    texts: Texts,
}

impl Namespace {
    /// Puts the namespace into the state of a snapshot. Where it cannot, nothing has changed.
    pub fn restore(self: &Rc<Self>, snapshot: &Snapshot) -> Result<()> {
        self.may_be_taken()?;
        unload::bury(self);
        let books = &snapshot.books;
        check(books)?;
        let memory = books.memory_pages.saturating_mul(abi::PAGE);
        let ready = Ready {
            exit: ExitList::from_book(&books.exit).ok_or_else(|| contradicts("exit handlers"))?,
            texts: Texts::from_book(&books.texts, memory).ok_or_else(|| contradicts("texts"))?,
        };
        let (empty, new) = {
            let model = &self.state().model;
            (model.nodes.is_empty(), model.next == 0)
        };
        match empty && new {
            true => self.make_again(snapshot, ready)?,
            false => self.turn_back(snapshot, ready)?,
        }
        // Those of the WASI that was set last are those of the guests.
        for (all, book) in self.descriptors().rev().zip(books.descriptors.iter().rev()) {
            all.put_back(book);
        }
        self.side.forget_exit();
        self.config
            .trace
            .say_lines(Category::Map, || self.link_map());
        Ok(())
    }

    /// What came since the snapshot goes, and what was there is what it was.
    fn turn_back(self: &Rc<Self>, snapshot: &Snapshot, ready: Ready) -> Result<()> {
        let books = &snapshot.books;
        let gone: HashSet<ObjectId> = {
            let state = self.state();
            let (hosts, _) = host_numbers(&state, snapshot);
            for (object, module) in books.objects.iter().zip(&snapshot.modules) {
                is_same(&state, object, module, &hosts)?;
            }
            fitting_values(&state, &books.objects)?;
            let space = state.space()?;
            let sizes = (space.memory.pages(), u64::from(space.table.size()));
            if sizes.0 < books.memory_pages || sizes.1 < books.table_slots {
                return Err(other("its memory or its table is smaller"));
            }
            if space.stack_pointer.is_some() != books.stack_pointer.is_some() {
                return Err(other("its stack pointer is another one"));
            }
            let kept: HashSet<ObjectId> = books.objects.iter().map(|o| o.node.id).collect();
            let all = state.model.nodes.keys().copied();
            all.filter(|id| !kept.contains(id)).collect()
        };
        // The free memory of then is checked by making it.
        let mut model = Model::default();
        model.put_back(&books.model)?;
        drop(model);
        if !gone.is_empty() {
            unload::remove(self, &gone);
        }
        let mut state = self.state_mut();
        let state = &mut *state;
        lazy::unbind_all(state);
        state.model.put_back(&books.model)?;
        let nodes = books.objects.iter().map(|object| &object.node);
        state.model.put_nodes_back(nodes);
        let memory = state.space()?.memory.clone();
        // SAFETY: no guest runs, since the namespace may be taken, and nobody else has the memory meanwhile.
        unsafe { memory.change_all(|bytes| snapshot.memory.put_back(bytes)) };
        self.put_values(state, snapshot, ready);
        Ok(())
    }

    /// All that the snapshot has, in a namespace without anything.
    fn make_again(self: &Rc<Self>, snapshot: &Snapshot, ready: Ready) -> Result<()> {
        self.define_services()?;
        can_link(self.store)?;
        let _busy = self.begin()?;
        let made = self.load_all(snapshot);
        let made = made.and_then(|()| fitting_values(&self.state(), &snapshot.books.objects));
        if let Err(error) = made {
            self.give_up();
            // What books that were written by the linker never lead to.
            let error = match error.code() {
                ErrorCode::Internal => contradicts(error.message()),
                _ => error,
            };
            return Err(error.context("restoring a snapshot"));
        }
        let mut state = self.state_mut();
        let state = &mut *state;
        let memory = state.space()?.memory.clone();
        let nodes = state.model.nodes.values();
        let touched = nodes.flat_map(touched);
        // SAFETY: as in `turn_back`.
        unsafe { memory.change_all(|bytes| snapshot.memory.put_into_new(bytes, touched)) };
        self.put_values(state, snapshot, ready);
        self.handed_over.set(snapshot.books.handed_over);
        self.restored.set(true);
        Ok(())
    }

    /// Globals and books, which fit.
    fn put_values(&self, state: &mut State, snapshot: &Snapshot, ready: Ready) {
        let books = &snapshot.books;
        let space = state.space.as_ref();
        let stack = space.and_then(|space| space.stack_pointer.as_ref());
        if let (Some(stack), Some(value)) = (stack, books.stack_pointer) {
            stack.set(Val::u32(value));
        }
        for object in &books.objects {
            let id = object.node.id;
            let known = state.model.nodes.get(&id).zip(state.live.get(&id));
            let Some((node, live)) = known else { continue };
            for ((kind, export), bits) in live.exposed(node).zip(&object.globals) {
                if let Some(global) = export.as_global() {
                    global.set(Val::of_bits(kind, *bits));
                }
            }
            let changed: HashMap<u64, u32> = object.numbers.iter().copied().collect();
            for (value, global) in live.linkage.numbers_of(id) {
                let now = changed.get(&value).copied();
                global.set(Val::u32(now.unwrap_or(value as u32)));
            }
        }
        state.exit = ready.exit;
        state.texts = ready.texts;
        state.loads_made = state.loads_made.max(books.loads_made);
        state.unloads = state.unloads.max(books.unloads);
        state.epoch += 1;
        self.dl_error.replace(books.dl_error.clone());
        self.heap.replace(None);
    }

    /// An object from its bytes, and what the engine gets for it.
    fn parse_again(&self, object: &ObjectBook, module: &Module) -> Result<(Found, Vec<u8>)> {
        search::check_name(&object.name)?;
        let mut files = Files::new(&self.config, View::default(), &self.clock, self.metering());
        let (identity, bytes) = (object.identity.clone(), module.bytes.to_vec());
        let path = module.path.as_deref();
        let found = files.parse(&object.name, path, identity, bytes, object.main);
        let (found, _) = found.context(|| text::name(&object.name).into_owned())?;
        let bytes = files.bytes.remove(&object.identity);
        let found = Found {
            in_guest: module.in_guest,
            needed: object.needed.clone(),
            ..found
        };
        Ok((found, bytes.ok_or_else(|| lost("a module"))?))
    }

    /// The snapshot's objects as this namespace's settings have them, and their code. Both are taken over from earlier namespaces where
    /// they can be: bytes are parsed for what is not known.
    fn modules(&self, snapshot: &Snapshot) -> Result<(Arc<Parsed>, Vec<Rc<Code>>)> {
        let (metering, bounds) = (self.metering(), self.config().bounds());
        let place = || {
            snapshot
                .parsed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let known = place().clone();
        let known = known.filter(|p| p.metering == metering && p.bounds == bounds);
        let keys = known.iter().flat_map(|known| &known.objects);
        let keys: Vec<ModuleKey> = keys.map(|object| object.key).collect();
        let mut compiled = self.known_modules(&keys).into_iter();
        let (mut objects, mut codes) = (Vec::new(), Vec::new());
        // Code of the program, and the objects of its module whose turn is to come.
        let mut program = None;
        let mut parts = Vec::new().into_iter();
        for (object, module) in snapshot.books.objects.iter().zip(&snapshot.modules) {
            let code = compiled.next().flatten();
            if let Identity::Part(_) = object.identity {
                let code = program.clone();
                codes.push(code.ok_or_else(|| contradicts("the program's objects"))?);
                if known.is_none() {
                    objects.push(part_again(object, parts.next(), objects.last())?);
                }
                continue;
            }
            let code = match code {
                Some(code) => code,
                None => {
                    let (mut found, bytes) = self.parse_again(object, module)?;
                    let key = ModuleKey::of(&bytes);
                    let code = self.compile_as(key, &bytes);
                    let code = code.ok_or_else(|| super::refused::refused(self, &found, &bytes))?;
                    if known.is_none() {
                        let more = std::mem::take(&mut found.parts);
                        if object.main {
                            parts = more.into_iter();
                        }
                        objects.push(ParsedObject { found, key });
                    }
                    code
                }
            };
            if object.main {
                program = Some(code.clone());
            }
            codes.push(code);
        }
        if parts.next().is_some() {
            return Err(contradicts("the program's objects"));
        }
        let parsed = known.unwrap_or_else(|| {
            let new = Parsed {
                metering,
                bounds,
                objects,
            };
            place().insert(Arc::new(new)).clone()
        });
        Ok((parsed, codes))
    }

    fn load_all(self: &Rc<Self>, snapshot: &Snapshot) -> Result<()> {
        let books = &snapshot.books;
        let gone: usize = books.batches.iter().map(|batch| batch.order.len()).sum();
        if gone > self.config().limits.objects {
            let why = "the snapshot has more objects than the namespace may have";
            return Err(Error::new(ErrorCode::Limit, why));
        }
        let (parsed, modules) = self.modules(snapshot)?;
        let nothing = self.compile_generated(NOTHING)?;
        let (hosts, missing) = host_numbers(&self.state(), snapshot);
        if !missing.is_empty() {
            let why = "the snapshot's objects use what the host had defined, and the namespace has no such definitions: define them as before, then restore";
            let count = missing.len();
            return Err(Error::new(ErrorCode::UndefinedSymbol, why).list(missing, count));
        }
        let mut kept = books.model.clone();
        for (id, _) in kept.slots.iter_mut().chain(&mut kept.calls) {
            renumber(&hosts, id)?;
        }
        let mut objects = HashMap::default();
        let all = books.objects.iter().zip(&parsed.objects);
        for ((object, parsed), (module, code)) in all.zip(snapshot.modules.iter().zip(modules)) {
            let node = node(object, &parsed.found, &hosts)?;
            objects.insert(object.node.id, (node, module.clone(), parsed.key, code));
        }
        let last = books.batches.len().saturating_sub(1);
        for (n, batch) in books.batches.iter().enumerate() {
            let count = batch.order.len() as u32;
            let ids: Vec<ObjectId> = (batch.first.0..)
                .take(count as usize)
                .map(ObjectId)
                .collect();
            let mut known = HashMap::default();
            let (mut nodes, mut codes) = (Vec::new(), Vec::new());
            for &id in &ids {
                match objects.remove(&id) {
                    Some((node, module, key, code)) => {
                        known.insert(node.found.identity.clone(), module);
                        nodes.push(node);
                        codes.push((key, code));
                    }
                    None => {
                        nodes.push(absent(id)?);
                        codes.push((ModuleKey::of(NOTHING), nothing.clone()));
                    }
                }
            }
            let sizes = Sizes {
                memory_pages: books.memory_pages,
                table_slots: books.table_slots,
            };
            let load = Again {
                nodes: &nodes,
                order: batch.order.clone(),
                kept: &kept,
                sizes,
                first: n == 0,
                last: n == last,
            };
            self.load_batch(batch, &load, known, codes)?;
        }
        let mut state = self.state_mut();
        let maxima = (state.model.memory_max, state.model.table_max);
        state.model.put_into_new(&kept)?;
        (state.model.memory_max, state.model.table_max) = maxima;
        Ok(())
    }

    /// One load again: planned, carried out and committed, without its constructors.
    fn load_batch(
        self: &Rc<Self>,
        batch: &Batch,
        load: &Again<'_>,
        modules: HashMap<Identity, Module>,
        codes: Vec<(ModuleKey, Rc<Code>)>,
    ) -> Result<()> {
        let options = Options {
            bind: match batch.lazy {
                true => Bind::Lazy,
                false => Bind::Now,
            },
            ..self.config().options()
        };
        self.state_mut().model.next = batch.first.0;
        let fresh: Vec<Found> = load.nodes.iter().map(|node| node.found.clone()).collect();
        let prepared = Prepared {
            closure: Closure {
                fresh,
                group: Vec::new(),
                roots: vec![batch.first],
                names: Vec::new(),
            },
            root: batch.first,
            given: Given::Restored(codes),
            options,
            party: Default::default(),
            plan: None,
            record: None,
            modules,
            restoring: true,
        };
        let now = (!load.first).then_some(load.sizes);
        let plan = again(&prepared.request(&self.state().model, now), load)?;
        let (plan, _) = transaction::execute(self, &prepared, plan)?;
        let mut state = self.state_mut();
        let state = &mut *state;
        state.model.tags.extend(plan.tags);
        state.model.memory_max = plan.layout.memory.max;
        state.model.table_max = plan.layout.table.max;
        state.model.landmarks = Some(load.kept.landmarks);
        for (node, id) in load.nodes.iter().zip(batch.first.0..) {
            let id = ObjectId(id);
            if prepared.modules.contains_key(&node.found.identity) {
                state.model.take_in(id, node.clone());
            } else {
                state.leave_live(id);
            }
        }
        Ok(())
    }

    /// A namespace that could not be made again is empty as before.
    fn give_up(&self) {
        let live = {
            let mut state = self.state_mut();
            let state = &mut *state;
            let host = std::mem::take(&mut state.model.host);
            state.model = Model::default();
            state.model.host = host;
            state.numbers.clear();
            state.stubs.clear();
            state.tags.clear();
            state.nothing = None;
            self.drop_space(state);
            state.aimed.clear();
            std::mem::take(&mut state.live)
        };
        // Outside of the borrow: engines run finalizers.
        drop(live);
    }
}

/// An object of the program's module, which comes behind the program or another of them.
fn part_again(
    object: &ObjectBook,
    part: Option<Found>,
    before: Option<&ParsedObject>,
) -> Result<ParsedObject> {
    let part = part.filter(|part| part.identity == object.identity && *part.name == *object.name);
    let (part, before) = part
        .zip(before)
        .ok_or_else(|| contradicts("the program's objects"))?;
    let found = Found {
        needed: object.needed.clone(),
        ..part
    };
    let key = before.key;
    Ok(ParsedObject { found, key })
}

/// The numbers that the host's definitions have here, by those that they have in the snapshot; and the names of those that are missing.
fn host_numbers(state: &State, snapshot: &Snapshot) -> (HashMap<u32, u32>, Vec<String>) {
    let here = state.model.host.each();
    let here: HashMap<(&str, &str), u32> = here
        .map(|(id, module, name)| ((module, name), id))
        .collect();
    let (mut numbers, mut missing) = (HashMap::default(), Vec::new());
    for (id, module, name) in &snapshot.books.hosts {
        match here.get(&(module.as_str(), name.as_str())) {
            Some(&number) => drop(numbers.insert(*id, number)),
            None => missing.push(format!("{}.{}", text::name(module), text::name(name))),
        }
    }
    (numbers, missing)
}

fn other(what: &str) -> Error {
    let why = format!(
        "the namespace is not one that the snapshot can be put into: {what}; restore it into a new one with the same configuration and definitions"
    );
    Error::new(ErrorCode::InvalidArgument, why)
}

/// Whether an object is the one of the snapshot, where it was, and bound as it was.
fn is_same(
    state: &State,
    object: &ObjectBook,
    module: &Module,
    hosts: &HashMap<u32, u32>,
) -> Result<()> {
    let id = object.node.id;
    let name = text::name(&object.name);
    let known = state.model.nodes.get(&id).zip(state.live.get(&id));
    let Some((node, live)) = known else {
        return Err(other(&format!(
            "{name} has been unloaded since, or was never loaded"
        )));
    };
    let batch = live.linkage.batch.as_ref();
    let key = batch.and_then(|batch| Some(batch.modules.get(&id)?.key));
    let same = key == Some(module.key)
        && node.place == object.node.place
        && *node.found.name == *object.name
        && bound_alike(&node.bindings, &object.bindings, hosts);
    match same {
        true => Ok(()),
        false => Err(other(&format!(
            "it has another object in the place of {name}"
        ))),
    }
}

/// A definition of the host's that has been defined again is one of this namespace alone, by its number.
fn bound_alike(here: &[Binding], then: &[Binding], hosts: &HashMap<u32, u32>) -> bool {
    let number = |id: &u32| hosts.get(id).copied().unwrap_or(*id);
    let same = |here: &FuncId, then: &FuncId| match (here, then) {
        (FuncId::Host(here), FuncId::Host(then)) => *here == number(then),
        _ => here == then,
    };
    here.len() == then.len()
        && here.iter().zip(then).all(|pair| match pair {
            (Binding::Host(here), Binding::Host(then)) => *here == number(then),
            (Binding::Func(here), Binding::Func(then))
            | (Binding::Slot(here), Binding::Slot(then)) => {
                same(&here.id(), &then.id()) && here.export() == then.export()
            }
            (here, then) => here == then,
        })
}

/// Whether there are values for all globals, and no others.
fn fitting_values(state: &State, objects: &[ObjectBook]) -> Result<()> {
    for object in objects {
        let id = object.node.id;
        let known = state.model.nodes.get(&id).zip(state.live.get(&id));
        let fits = known.is_some_and(|(node, live)| {
            let numbers = &live.linkage.numbers;
            let known = |(value, _): &(u64, u32)| numbers.contains_key(&(id, *value));
            live.exposed(node).count() == object.globals.len() && object.numbers.iter().all(known)
        });
        if !fits {
            return Err(contradicts("the values of globals"));
        }
    }
    Ok(())
}

/// Ranges of memory that instantiating an object fills.
fn touched(node: &Node) -> Vec<(u64, u64)> {
    let place = node.place;
    let mut ranges = vec![(place.memory_base, place.memory_size)];
    if node.found.space().is_some() {
        // Data of a module of several objects lie anywhere in its memory: books that nobody vouches for need not name them all.
        let object = &node.found.object;
        let imports = object.memory_imports.iter();
        let imports = imports.filter_map(|&position| object.imports.get(position as usize));
        ranges.extend(imports.filter_map(|import| match import.ty {
            ExternType::Memory(ty) => Some((0, ty.limits.min.saturating_mul(abi::PAGE))),
            _ => None,
        }));
    }
    ranges
}

/// An object as it was, with the host's definitions by the numbers that they have here.
fn node(object: &ObjectBook, found: &Found, hosts: &HashMap<u32, u32>) -> Result<Node> {
    let mut bindings = object.bindings.clone();
    for binding in &mut bindings {
        match binding {
            Binding::Host(id) => *id = number(hosts, *id)?,
            Binding::Func(callee) | Binding::Slot(callee) => {
                if let FuncId::Host(id) = callee.id() {
                    *callee = Callee::host(number(hosts, id)?);
                }
            }
            _ => {}
        }
    }
    let mut node = blank(found.clone(), object.node.place);
    node.bindings = bindings.into();
    node.put_back(&object.node);
    Ok(node)
}

fn blank(found: Found, place: Placement) -> Node {
    Node {
        found,
        place,
        bindings: Arc::default(),
        global: false,
        opens: Opens::default(),
        nodelete: false,
        uses: HashSet::default(),
        opened: false,
        deepbind: false,
        init: Default::default(),
    }
}

/// In the place of an object that is gone.
fn absent(id: ObjectId) -> Result<Node> {
    let object = Object::parse(NOTHING, &Default::default())?;
    let found = Found {
        name: "(gone)".into(),
        path: None,
        in_guest: false,
        identity: Identity::Bytes(u64::MAX - u64::from(id.0)),
        object: Metadata::new(object),
        role: Role::Library,
        needed: Vec::new(),
        stack_pointer: None,
        within: None,
        parts: Vec::new(),
    };
    Ok(blank(found, Placement::default()))
}

fn renumber(hosts: &HashMap<u32, u32>, id: &mut FuncId) -> Result<()> {
    if let FuncId::Host(host) = id {
        *host = number(hosts, *host)?;
    }
    Ok(())
}

fn number(hosts: &HashMap<u32, u32>, id: u32) -> Result<u32> {
    let number = hosts.get(&id).copied();
    number.ok_or_else(|| {
        let why = "the host has defined a name again that objects of the snapshot have from its first definition, which a new namespace does not know: define each name once";
        Error::new(ErrorCode::Unsupported, why)
    })
}
