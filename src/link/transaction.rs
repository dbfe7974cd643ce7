//! Executing a plan.
//!
//! ```text
//! compile -> reserve memory and table -> globals, tags, stubs, host functions -> instantiate in order -> fill slots
//! ```
//! Nothing of the namespace's books changes here: the caller commits what [`execute`] has done. The engine-side objects made on
//! the way are kept in the transaction until then; what it takes of memory and table is noted in the [`Load`](super::load::Load),
//! which takes it back.

mod make;

use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;

use crate::hash_map::HashMap;

use super::ahead::Ahead;
use super::glue;
use super::launch::Keys;
use super::namespace::{Linkage, LoadedObject, Namespace, State};
use super::order::{export_order, in_engine_order, lost, named_exports, raw};
use super::prepare::{Given, Prepared};
use super::refused;
use super::snapshot::Batch;
use super::space::{grow, make_space};
use super::stats::Phase;
use crate::abi;
use crate::config::Progress;
use crate::engine::sys::wasm_extern_t;
use crate::engine::{
    Extern, ExternPtr, ExternVec, Feature, Forwarder, Global, HostFunc, Module, ModuleKey, Stage,
    Val,
};
use crate::error::{Code, Context, Error, Result};
use crate::object::{FuncType, GlobalType, Metering};
use crate::plan::needed::Closure;
use crate::plan::{Callee, Definition, Found, FuncId, Identity, ObjectId, Plan, Stub, Supply};

/// More functions than this go into several modules: wasmer's time to compile grows with the square (Q21).
const FILLS_A_MODULE: usize = 2_000;

struct Transaction<'a> {
    ns: &'a Rc<Namespace>,
    closure: &'a Closure,
    given: &'a Given,
    plan: &'a Plan,
    first: ObjectId,
    modules: Vec<Rc<Module>>,
    keys: Keys,
    /// Generated modules so far.
    generated: usize,
    /// As in [`State`], and those that one object has for itself.
    numbers: HashMap<(Option<ObjectId>, u64, GlobalType), Global>,
    tags: HashMap<Arc<str>, Extern>,
    stubs: HashMap<Stub, Extern>,
    nothing: Option<Extern>,
    lazy_stubs: Option<ExternVec>,
    linkage: Linkage,
    restoring: bool,
    /// Positions in `plan.trampolines`, by the object that is called.
    trampolines: HashMap<ObjectId, Vec<usize>>,
    /// Positions in `made.services`, by importer and number of the host's definition.
    services: HashMap<(ObjectId, u32), usize>,
    /// Stands in each object for `made`, which is complete at the end only.
    no_linkage: Rc<Linkage>,
    live: HashMap<ObjectId, LoadedObject>,
}

/// Carries the plan out, and gives it back to be committed, with the keys of what was compiled for it.
pub(super) fn execute(ns: &Rc<Namespace>, prepared: &Prepared, plan: Plan) -> Result<(Plan, Keys)> {
    let mut transaction = Transaction {
        ns,
        closure: &prepared.closure,
        given: &prepared.given,
        plan: &plan,
        first: ObjectId(ns.state().model.next),
        modules: Vec::new(),
        keys: Keys::default(),
        generated: 0,
        numbers: HashMap::new(),
        tags: HashMap::new(),
        stubs: HashMap::new(),
        nothing: None,
        lazy_stubs: None,
        linkage: Linkage::default(),
        restoring: prepared.restoring,
        trampolines: HashMap::new(),
        services: HashMap::new(),
        no_linkage: Rc::default(),
        live: HashMap::new(),
    };
    transaction.linkage.batch = Batch::of(prepared, transaction.first, &plan.order);
    transaction.run()?;
    let keys = std::mem::take(&mut transaction.keys);
    transaction.finish();
    Ok((plan, keys))
}

impl Transaction<'_> {
    fn run(&mut self) -> Result<()> {
        self.compile()?;
        self.reserve()?;
        self.make_numbers()?;
        self.make_tags()?;
        self.make_stubs()?;
        self.make_lazy_stubs()?;
        self.make_trampolines()?;
        self.make_host_functions()?;
        if self.ns.ahead.get() == Ahead::Asked {
            return self.stop_ahead();
        }
        for &id in &self.plan.order {
            self.instantiate(id)?;
        }
        self.fill()
    }

    fn compile(&mut self) -> Result<()> {
        let outcome = match self.given {
            Given::Bytes { bytes, ready } => self.compile_all(bytes, ready),
            Given::Compiled { objects, .. } => {
                self.modules.clone_from(objects);
                Ok(())
            }
            Given::Restored(objects) => {
                let (keys, modules) = objects.iter().cloned().unzip();
                self.keys.objects = keys;
                self.modules = modules;
                Ok(())
            }
        };
        self.ns.config.tell(Progress::Compiled);
        outcome
    }

    fn compile_all(
        &mut self,
        bytes: &HashMap<Identity, Vec<u8>>,
        ready: &HashMap<Identity, u32>,
    ) -> Result<()> {
        let program = self.closure.fresh.first();
        let bytes_of = |found: &Found| {
            let module = if found.is_part() {
                program
            } else {
                Some(found)
            };
            let bytes = module.and_then(|found| bytes.get(&found.identity));
            bytes.map_or(&[][..], Vec::as_slice)
        };
        let (keys, known) = self.ns.clock.time(Phase::Compile, || {
            let fresh = self.closure.fresh.iter();
            let ready = fresh.map(|found| self.ready(found, ready));
            let ready: Vec<_> = ready.collect();
            let keyed = self.closure.fresh.iter().zip(&ready);
            let keys: Vec<_> = keyed
                .map(|(found, ready)| match ready {
                    // Nobody asks for the key of what is not compiled here.
                    Some(_) => ModuleKey::from_bytes([0; 32]),
                    None => ModuleKey::of(bytes_of(found)),
                })
                .collect();
            let known = self.ns.known_modules(&keys);
            let known = ready.into_iter().zip(known);
            let known: Vec<_> = known.map(|(ready, known)| ready.or(known)).collect();
            (keys, known)
        });
        let fresh = self.closure.fresh.iter().zip(keys.iter().zip(known));
        for (n, (found, (&key, known))) in fresh.enumerate() {
            if found.is_part() {
                let program = self.modules.first().cloned();
                self.modules
                    .push(program.ok_or_else(|| lost("the program"))?);
                continue;
            }
            let bytes = bytes_of(found);
            self.ns.config.tell(Progress::Compiling {
                name: &found.name,
                size: bytes.len(),
                number: n + 1,
                of: self.closure.fresh.len(),
            });
            self.ns.side.control.check()?;
            let module = known.or_else(|| {
                let compile = || self.ns.compile_as(key, bytes);
                self.ns.clock.time(Phase::Compile, compile)
            });
            self.modules
                .push(module.ok_or_else(|| refused::refused(self.ns, found, bytes))?);
        }
        self.ns
            .clock
            .time(Phase::Compile, || self.ns.keep_together(&keys));
        self.keys.objects = keys;
        Ok(())
    }

    /// The module that the host has of an object. Snapshots tell modules by their bytes.
    fn ready(&self, found: &Found, ready: &HashMap<Identity, u32>) -> Option<Rc<Module>> {
        let number = ready.get(&found.identity)?;
        if self.ns.config.snapshots {
            return None;
        }
        Module::ready(self.ns.store, *number).map(Rc::new)
    }

    /// Memory and table: made, or grown to what the plan says. No guest code has run since the plan read their sizes.
    fn reserve(&mut self) -> Result<()> {
        let layout = &self.plan.layout;
        let mut state = self.ns.state_mut();
        if let Some(load) = state.loads.last_mut() {
            load.takes(self.plan);
        }
        let emptied = state.model.landmarks.is_none();
        match &state.space {
            Some(space) if layout.memory.before.is_some() => {
                grow("memory", "pages", &layout.memory, |by| {
                    space.memory.grow(by)
                })?;
                grow("table", "slots", &layout.table, |by| {
                    space.table.grow(u32::try_from(by).ok()?).map(u64::from)
                })?;
                let top = layout.landmarks.stack_pointer.filter(|_| emptied);
                if let (Some(stack_pointer), Some(top)) = (&space.stack_pointer, top) {
                    stack_pointer.set(Val::u32(top as u32));
                }
                Ok(())
            }
            _ => {
                // Stubs call through the table that they were made with.
                state.stubs.clear();
                let space = make_space(self.ns, self.plan)?;
                *self.ns.side.memory.borrow_mut() = Some(space.memory.clone());
                state.space = Some(space);
                Ok(())
            }
        }
    }

    fn instantiate(&mut self, id: ObjectId) -> Result<()> {
        let n =
            id.0.checked_sub(self.first.0)
                .map_or(usize::MAX, |n| n as usize);
        let (Some(found), Some(module), Some(planned)) = (
            self.closure.fresh.get(n),
            self.modules.get(n),
            self.plan.objects.get(n),
        ) else {
            return Err(lost("an object"));
        };
        if found.is_part() {
            return self.instantiate_part(id, found, module.clone());
        }
        let imports = {
            let state = self.ns.state();
            let mut in_module_order = planned
                .imports
                .iter()
                .enumerate()
                .map(|(position, supply)| {
                    self.supply(&state, self.caller(id, found, position), supply)
                })
                .collect::<Result<Vec<_>>>()?;
            if found.object.brief().metered != Metering::Off {
                in_module_order.extend(self.ns.meter_imports()?);
            }
            in_engine_order(module, &found.object, in_module_order)?
        };
        // SAFETY: the externs belong to the namespace or to this transaction. Neither gives any up while it loads.
        let imports: Vec<ExternPtr<'_>> = imports
            .into_iter()
            .map(|raw| unsafe { ExternPtr::from_raw(raw) })
            .collect();
        self.ns.side.control.check()?;
        let instance = self.instantiating(|| self.ns.instantiate(module, &imports));
        let instance = instance.map_err(|error| {
            if let Some(stop) = self.ns.side.control.stopped() {
                return stop
                    .error()
                    .context(format!("instantiating {}", found.name));
            }
            if let Some(code) = self.ns.side.exited(error.trap.as_ref()) {
                return Error::exit(code).context(format!("instantiating {}", found.name));
            }
            if let Some(used_up) = self.ns.used_up(&error) {
                return used_up.context(format!("instantiating {}", found.name));
            }
            let trapped = error.trap.map(|trap| {
                let fresh: Vec<_> = self.closure.fresh.iter().zip(&self.modules).collect();
                let fresh = fresh.iter().map(|(found, module)| (*found, &***module));
                self.ns.trap_error(&trap, &fresh.collect::<Vec<_>>())
            });
            let reason = trapped.as_ref().map(Error::message);
            let text = reason.unwrap_or("the engine gives no reason");
            let (code, what) = match error.stage {
                Stage::Run if found.object.start.is_none() => {
                    (Code::Malformed, "its data or element segments do not fit")
                }
                Stage::Run => (Code::Trap, "its start function trapped"),
                Stage::Link => (Code::Engine, "the engine refused to link it"),
                Stage::Unknown => (Code::Engine, "it could not be instantiated"),
            };
            let frames = trapped.as_ref().map_or(&[][..], Error::frames);
            let text = format!("{}: {what}: {text}", found.name);
            Error::new(code, text).with_frames(frames.to_vec())
        })?;
        // Of one module of several objects, the metadata are one object's.
        let of = found.within.is_none().then_some(&found.object);
        let exports = self.instantiating(|| instance.exports_on_demand(self.ns.store, of));
        let order = match &found.within {
            Some(within) => Some(named_exports(module, &within.exports)?),
            None => export_order(module, &found.object)?,
        };
        if found.within.is_none() && exports.len() != found.object.brief().exports as usize {
            return Err(lost("an export"));
        }
        let instance = Rc::new(instance);
        let live = LoadedObject {
            exports,
            order,
            _instance: instance,
            module: module.clone(),
            key: self.keys.objects.get(n).copied(),
            linkage: self.no_linkage.clone(),
            carriers: HashMap::default(),
        };
        let trampolines = self.trampolines.get(&id).map_or(&[][..], Vec::as_slice);
        for &n in trampolines {
            let trampoline = self.plan.trampolines.get(n);
            if let (Some(trampoline), Some(forwarder)) =
                (trampoline, self.linkage.forwarders.get(n))
            {
                aim(forwarder, &live, trampoline.target);
            }
        }
        // The metadata of others are not read for that.
        if self.ns.config.snapshots
            && !self.restoring
            && let Some(start) = found.object.position(abi::EXPOSED_START)
        {
            self.start(&found.name, &live, start)?;
        }
        self.live.insert(id, live);
        Ok(())
    }

    /// Calls a start function that was made an export, as the engine would have.
    fn start(&self, name: &str, live: &LoadedObject, export: u32) -> Result<()> {
        let function = live.export(export);
        let function = function.as_ref().and_then(|export| export.as_func());
        let function = function.ok_or_else(|| lost("a start function"))?;
        self.instantiating(|| self.ns.call(&function, &[], &mut []))
            .context(|| format!("{name}: its start function"))
    }

    /// An object whose code came with the program's module.
    fn instantiate_part(&mut self, id: ObjectId, found: &Found, module: Rc<Module>) -> Result<()> {
        let program = self
            .live
            .get(&self.first)
            .ok_or_else(|| lost("the program"))?;
        let instance = program._instance.clone();
        let within = found.within.as_ref().ok_or_else(|| lost("an object"))?;
        let live = LoadedObject {
            exports: self.instantiating(|| instance.exports_on_demand(self.ns.store, None)),
            order: Some(named_exports(&module, &within.exports)?),
            _instance: instance,
            module,
            key: program.key,
            linkage: self.no_linkage.clone(),
            carriers: HashMap::default(),
        };
        self.live.insert(id, live);
        Ok(())
    }

    /// The object that calls what a module imports: of one module of several objects, each import is one object's.
    fn caller(&self, id: ObjectId, found: &Found, position: usize) -> ObjectId {
        caller(self.first, id, found, position)
    }

    /// The engine's object for an import.
    fn supply(
        &self,
        state: &State,
        importer: ObjectId,
        supply: &Supply,
    ) -> Result<NonNull<wasm_extern_t>> {
        let space = state.space()?;
        let found = match supply {
            Supply::Memory => Some(space.memory.as_extern()),
            Supply::Table => Some(space.table.as_extern()),
            Supply::StackPointer => {
                let global = space.stack_pointer.as_ref();
                if space.first_stack.get().is_none() {
                    space.first_stack.set(global.map(Global::get));
                }
                global.map(Global::as_extern)
            }
            Supply::Number { value, ty } => {
                let own = self.numbers.get(&number_key(importer, *value, *ty));
                own.or_else(|| state.numbers.get(&(*value, *ty)))
                    .map(Global::as_extern)
            }
            Supply::Export(definition) => return self.exported(state, *definition),
            Supply::Host(id) => match self.services.get(&(importer, *id)) {
                Some(&n) => self.linkage.services.get(n).map(HostFunc::as_extern),
                None => state.hosts.get(*id as usize).and_then(|h| h.as_extern()),
            },
            Supply::Stub(n) => {
                let stub = self.plan.stubs.get(*n);
                let made = stub.and_then(|s| self.stubs.get(s).or_else(|| state.stubs.get(s)));
                made.map(Extern::as_extern)
            }
            Supply::Trampoline(n) => self.linkage.forwarders.get(*n).map(Forwarder::as_extern),
            Supply::LazyStub(n) => {
                let made = self.lazy_stubs.as_ref().and_then(|absent| absent.get(*n));
                return made
                    .ok_or_else(|| lost("a lazy stub"))
                    .and_then(|f| raw(f.as_extern()));
            }
            Supply::Nothing => self
                .nothing
                .as_ref()
                .or(state.nothing.as_ref())
                .map(Extern::as_extern),
            Supply::Tag(name) => {
                let tag = self.tags.get(name).or_else(|| state.tags.get(name));
                tag.map(Extern::as_extern)
            }
        };
        found
            .ok_or_else(|| lost(&format!("{supply:?}")))
            .and_then(raw)
    }

    fn exported(&self, state: &State, definition: Definition) -> Result<NonNull<wasm_extern_t>> {
        let live = self
            .live
            .get(&definition.object)
            .or_else(|| state.live.get(&definition.object));
        let export = live.and_then(|live| live.export(definition.export));
        export
            .ok_or_else(|| lost("an export"))
            .and_then(|e| raw(e.as_extern()))
    }

    /// Compiles what is left to compile, and ends the load as one that failed: nothing of the guest's has run.
    fn stop_ahead(&mut self) -> Result<()> {
        for fills in self.plan.fills.chunks(FILLS_A_MODULE) {
            let state = self.ns.state();
            let types = fills.iter().map(|fill| {
                let sig = self.callee_type(&state, &fill.callee);
                Some((fill.slot, sig?))
            });
            let slots = types.collect::<Option<Vec<_>>>();
            let slots = slots.ok_or_else(|| lost("a function's type"))?;
            self.ns.compile_generated(&glue::fills(&slots)?)?;
        }
        self.ns.ahead.set(Ahead::Done);
        Err(Error::new(Code::Internal, "it was only to be compiled"))
    }

    /// Puts functions into the slots that no element segment filled.
    fn fill(&mut self) -> Result<()> {
        for fills in self.plan.fills.chunks(FILLS_A_MODULE) {
            let mut imports = vec![self.table()?];
            let mut slots = Vec::with_capacity(fills.len());
            let known = matches!(self.given, Given::Compiled { .. });
            {
                let state = self.ns.state();
                for fill in fills {
                    imports.push(self.callee(&state, &fill.callee)?);
                    if !known {
                        let sig = self.callee_type(&state, &fill.callee);
                        slots.push((fill.slot, sig.ok_or_else(|| lost("a function's type"))?));
                    }
                }
            }
            self.generate(|_| glue::fills(&slots), &imports)
                .context(|| "filling table slots")?;
        }
        Ok(())
    }

    /// The engine's function.
    fn callee(&self, state: &State, callee: &Callee) -> Result<NonNull<wasm_extern_t>> {
        match (callee.id(), callee.export()) {
            (FuncId::Host(id), _) => {
                let host = state.hosts.get(id as usize);
                let host = host.and_then(|host| host.as_extern());
                raw(host.ok_or_else(|| lost("a host function"))?)
            }
            (_, Some(definition)) => self.exported(state, definition),
            _ => Err(lost("a function for a slot")),
        }
    }

    fn callee_type(&self, state: &State, callee: &Callee) -> Option<Arc<FuncType>> {
        match callee.id() {
            FuncId::Host(id) => state.model.host_func(id).cloned(),
            FuncId::Object { .. } => self.func_type(state, callee.export()?),
        }
    }

    fn func_type(&self, state: &State, definition: Definition) -> Option<Arc<FuncType>> {
        let object = match definition.object.0.checked_sub(self.first.0) {
            Some(n) => &self.closure.fresh.get(n as usize)?.object,
            None => &state.model.nodes.get(&definition.object)?.found.object,
        };
        object.func_type(definition.export)
    }

    fn symbol(&self, definition: Definition) -> String {
        let fresh = definition.object.0.checked_sub(self.first.0);
        let found = fresh.and_then(|n| self.closure.fresh.get(n as usize));
        let export = found.and_then(|f| f.object.exports.get(definition.export as usize));
        export.map_or("a function".to_string(), |e| e.name.to_string())
    }

    fn tail_calls(&self) -> bool {
        self.ns.features.has(self.ns.store, Feature::TailCalls)
    }

    fn table(&self) -> Result<NonNull<wasm_extern_t>> {
        raw(self.ns.state().space()?.table.as_extern())
    }

    fn instantiating<T>(&self, work: impl FnOnce() -> T) -> T {
        self.ns.clock.time(Phase::Instantiate, work)
    }

    /// Compiles and instantiates a generated module, unless it is known. It is kept, so that its functions live as long as the load's
    /// objects.
    fn generate(
        &mut self,
        bytes: impl FnOnce(&Self) -> Result<Vec<u8>>,
        imports: &[NonNull<wasm_extern_t>],
    ) -> Result<ExternVec> {
        let clock = &self.ns.clock;
        clock.count(|s| s.generated += 1);
        let module = match self.given {
            Given::Compiled { generated, .. } => {
                let module = generated.get(self.generated).cloned();
                module.ok_or_else(|| lost("a generated module"))?
            }
            Given::Bytes { .. } | Given::Restored(_) => {
                let bytes = bytes(self)?;
                let key = ModuleKey::of(&bytes);
                self.keys.generated.push(key);
                clock.time(Phase::Compile, || self.ns.compile_generated_as(key, &bytes))?
            }
        };
        self.generated += 1;
        // SAFETY: as for objects: nothing is given up while the namespace loads.
        let instance =
            self.instantiating(|| unsafe { self.ns.instantiate_generated(&module, imports) })?;
        let exports = self.instantiating(|| instance.exports_on_demand(self.ns.store, None));
        self.linkage.glue.push(instance);
        Ok(exports)
    }

    /// Hands over what was made. From here on nothing fails.
    fn finish(mut self) {
        let mut state = self.ns.state_mut();
        self.linkage.first = self.first.0;
        self.linkage.lazy_stubs = self.lazy_stubs.take();
        for ((importer, value, ty), number) in self.numbers.drain() {
            match importer {
                None => drop(state.numbers.insert((value, ty), number)),
                Some(importer) => drop(self.linkage.numbers.insert((importer, value), number)),
            }
        }
        let linkage = Rc::new(std::mem::take(&mut self.linkage));
        for (id, live) in self.live.drain() {
            let linkage = linkage.clone();
            state.enter_live(id, LoadedObject { linkage, ..live });
        }
        state.tags.extend(self.tags.drain());
        state.stubs.extend(self.stubs.drain());
        if let Some(nothing) = self.nothing.take() {
            state.nothing = Some(nothing);
        }
    }
}

/// The object that calls what `found` imports.
fn caller(first: ObjectId, id: ObjectId, found: &Found, position: usize) -> ObjectId {
    let callers = found.space().map(|space| &space.callers);
    // Functions come before all else that such a module imports.
    let part = callers.and_then(|callers| callers.get(position));
    let of = part.and_then(|part| first.0.checked_add(*part));
    of.map_or(id, ObjectId)
}

/// A number that its importer may change is that importer's alone: nothing of it reaches another object, nor a later one.
fn number_key(
    importer: ObjectId,
    value: u64,
    ty: GlobalType,
) -> (Option<ObjectId>, u64, GlobalType) {
    (ty.mutable.then_some(importer), value, ty)
}

fn aim(forwarder: &Forwarder, live: &LoadedObject, target: Definition) {
    let export = live.export(target.export);
    let func = export
        .as_ref()
        .and_then(|e| e.as_func().and_then(|f| NonNull::new(f.raw())));
    // SAFETY: the types were checked when the import was bound; forwarders are dropped before the objects they call.
    unsafe { forwarder.set_target(func) };
}
