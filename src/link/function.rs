//! Functions of the guest that the host calls often: what a call has to know is found out once.
//!
//! A [`Function`] keeps neither the namespace nor the engine's function alive, so that the host may give it up whenever it likes. Each call
//! asks whether the function is still there.

use std::cell::{Cell, OnceCell};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use crate::hash_map::HashMap;

use super::caller;
use super::carry::Carrier;
use super::define::{callable, fits};
use super::namespace::{Namespace, State, in_use};
use super::order::{lost, raw};
use crate::engine::sys::wasm_func_t;
use crate::engine::{
    ExternVec, Feature, Func, Instance, QuickCall, Val, ValKind, number_of, shim, zeroed,
};
use crate::error::{Code, Error, Result};
use crate::object::{FuncType, ValType};
use crate::plan::{Callee, Definition, ObjectId};

/// Values that need no allocation.
const FEW: usize = 8;

/// Calls before a function gets a carrier: what these save of each call that follows has paid for its making after about as many.
const OFTEN: u32 = 1_000;

/// Calls functions of one type through the table: see [`caller`].
pub(super) struct Caller {
    exports: ExternVec,
    _instance: Instance,
    /// Of the function that calls a slot, once it was called often.
    carrier: OnceCell<Rc<Carrier>>,
}

/// A function that was prepared to be called.
pub struct Function {
    ns: Weak<Namespace>,
    sig: Arc<FuncType>,
    /// The kinds of its parameters, as `wasm.h` numbers them.
    kinds: Box<[ValKind]>,
    /// Those of its results, if all values are numbers.
    numbers: Option<Box<[ValKind]>>,
    target: Target,
    quick: Option<Box<dyn QuickCall>>,
    /// How often it was called; from [`OFTEN`] on this is not counted.
    calls: Cell<u32>,
    /// What it is called through then, where the engine has no quicker way.
    carrier: OnceCell<Weak<Carrier>>,
    /// The object that it goes with; none for functions of the host, and for slots that are no object's.
    owner: Option<ObjectId>,
    /// As many objects had been unloaded when the owner was there last.
    seen: Cell<u64>,
}

enum Target {
    /// The engine's function, which lives as long as its owner.
    Own(NonNull<wasm_func_t>, Callee),
    /// What is in a slot, called through a function that is given the slot last.
    Slot(Weak<Caller>, u32),
}

impl Namespace {
    /// Prepares a function that [`func_ptr`](Self::func_ptr) gave.
    pub fn prepare_call(self: &Rc<Self>, func: &Func) -> Result<Function> {
        let unknown = || {
            let why = "the function is none that a look-up in this namespace gave, or its object was unloaded";
            Error::new(Code::InvalidArgument, why)
        };
        let (callee, owner, sig) = self.handed(func).ok_or_else(unknown)?;
        callable(&sig)?;
        let func_ptr = NonNull::new(func.raw()).ok_or_else(unknown)?;
        let quick = shim::of(self.store.api()).quick_call(self.store, func, &sig);
        let target = Target::Own(func_ptr, callee);
        Ok(self.function(sig, target, quick, owner))
    }

    /// Prepares what is in a slot, as a function of type `sig`.
    pub fn prepare_slot(self: &Rc<Self>, slot: u64, sig: FuncType) -> Result<Function> {
        callable(&sig)?;
        let sig = Arc::new(sig);
        let empty = || {
            let why = format!("there is no function in slot {slot}");
            Error::new(Code::InvalidArgument, why)
        };
        let number = u32::try_from(slot).ok().filter(|&slot| slot > 0);
        let number = number.ok_or_else(empty)?;
        self.table()?.get(number).ok_or_else(empty)?;
        let owner = self.at_slot(slot).ok();
        if let Some((name, real)) = owner.as_ref().and_then(|owner| self.exported(owner))
            && real != sig
        {
            let why = format!("{name} in slot {slot} is {real}, the host asks for {sig}");
            return Err(Error::new(Code::TypeMismatch, why));
        }
        let caller = self.caller(&sig)?;
        let quick = caller.with_call(|call| {
            shim::of(self.store.api()).quick_call(self.store, call, &with_slot(&sig))
        })?;
        let target = Target::Slot(Rc::downgrade(&caller), number);
        Ok(self.function(sig, target, quick, owner.map(|owner| owner.object)))
    }

    fn function(
        self: &Rc<Self>,
        sig: Arc<FuncType>,
        target: Target,
        quick: Option<Box<dyn QuickCall>>,
        owner: Option<ObjectId>,
    ) -> Function {
        let kinds = |types: &[ValType]| types.iter().filter_map(|&ty| number_of(ty)).collect();
        Function {
            ns: Rc::downgrade(self),
            kinds: kinds(&sig.params),
            numbers: caller::has_rows(&sig).then(|| kinds(&sig.results)),
            sig,
            target,
            quick,
            calls: Cell::new(0),
            carrier: OnceCell::new(),
            owner,
            seen: Cell::new(self.state().unloads),
        }
    }

    /// What calls functions of a type through the table; made once.
    fn caller(&self, sig: &Arc<FuncType>) -> Result<Rc<Caller>> {
        if let Some(known) = self.state().space()?.callers.get(sig) {
            return Ok(known.clone());
        }
        let tail_calls = self.features.has(self.store, Feature::TailCalls);
        let checks = self.metering();
        let module = self.compile_generated(&caller::caller(sig, tail_calls, checks)?)?;
        let mut state = self.change()?;
        let space = state.space()?;
        let mut imports = vec![raw(space.table.as_extern())?];
        if caller::has_rows(sig) {
            imports.push(raw(space.memory.as_extern())?);
            if checks.imports().is_some() {
                imports.extend(self.meter_imports()?);
            }
        }
        // SAFETY: memory and table live as long as their space, beyond this function; what the checks use as long as the namespace.
        let instance = unsafe { self.instantiate_generated(&module, &imports)? };
        let made = Rc::new(Caller {
            exports: instance.exports(),
            _instance: instance,
            carrier: OnceCell::new(),
        });
        if let Some(space) = &mut state.space {
            space.callers.insert(sig.clone(), made.clone());
        }
        Ok(made)
    }
}

#[cold]
fn gone(what: &str) -> Error {
    Error::new(Code::InvalidArgument, what)
}

impl Function {
    /// The object that it goes with.
    pub(super) fn owner(&self) -> Option<ObjectId> {
        self.owner
    }

    pub(super) fn sig(&self) -> &FuncType {
        &self.sig
    }

    #[inline(always)]
    fn namespace(&self) -> Result<Rc<Namespace>> {
        let ns = self.ns.upgrade();
        ns.ok_or_else(|| gone("the namespace of the function is gone"))
    }

    /// The namespace, if the function is still there.
    #[inline(always)]
    pub(super) fn here(&self) -> Result<Rc<Namespace>> {
        let ns = self.namespace()?;
        if let Some(owner) = self.owner {
            let state = ns.state.try_borrow().map_err(|_| in_use())?;
            if self.seen.get() != state.unloads {
                self.look_for(owner, &state)?;
            }
        }
        Ok(ns)
    }

    /// As [`here`](Self::here), and the books are nobody's: a guest may run.
    #[inline(always)]
    fn ready(&self) -> Result<Rc<Namespace>> {
        let ns = self.namespace()?;
        {
            let state = ns.state.try_borrow_mut().map_err(|_| in_use())?;
            if let Some(owner) = self.owner
                && self.seen.get() != state.unloads
            {
                self.look_for(owner, &state)?;
            }
        }
        Ok(ns)
    }

    #[cold]
    fn look_for(&self, owner: ObjectId, state: &State) -> Result<()> {
        if !state.live.contains_key(&owner) {
            return Err(gone("the object that defines the function was unloaded"));
        }
        self.seen.set(state.unloads);
        Ok(())
    }

    /// Calls it. The arguments are checked against its type.
    #[inline]
    pub fn call(&self, args: &[Val], results: &mut [Val]) -> Result<()> {
        let room: *mut [Val] = results;
        // SAFETY: of the same layout; what is written there are values.
        self.call_into(args, unsafe { &mut *(room as *mut [MaybeUninit<Val>]) })
    }

    /// As [`call`](Self::call), with room for the results. If it fails, there need not be any.
    #[inline]
    pub fn call_into(&self, args: &[Val], results: &mut [MaybeUninit<Val>]) -> Result<()> {
        let ns = self.ready()?;
        let (takes, gives) = (self.kinds.len(), self.sig.results.len());
        let same = args
            .iter()
            .zip(&self.kinds)
            .all(|(arg, &kind)| arg.kind() == kind);
        if args.len() != takes || results.len() != gives || !same {
            fits(&self.sig, args, zeroed(results))?;
        }
        let Some(carrier) = self.carrier() else {
            return self.call_otherwise(&ns, args, zeroed(results));
        };
        self.carried(&ns, &carrier, args.iter().map(|arg| arg.bits()))?;
        let given = carrier.cells().iter().zip(self.gives());
        for (result, (cell, &kind)) in results.iter_mut().zip(given) {
            result.write(Val::of_bits(kind, u64::from_le(cell.get())));
        }
        Ok(())
    }

    /// Without a carrier.
    #[inline(never)]
    fn call_otherwise(&self, ns: &Rc<Namespace>, args: &[Val], results: &mut [Val]) -> Result<()> {
        if self.quick.is_none() {
            self.count(ns);
            return self.call_plainly(ns, args, results);
        }
        let mut few = [0; FEW];
        let mut many = Vec::new();
        let cells = room(&mut few, &mut many, self.room());
        for (cell, arg) in cells.iter_mut().zip(args) {
            *cell = arg.bits();
        }
        self.run(ns, cells)?;
        for ((result, cell), &ty) in results.iter_mut().zip(cells).zip(&self.sig.results) {
            *result = number(ty, *cell);
        }
        Ok(())
    }

    /// Calls it with arguments as bits, in whose place the results come; numbers only. See [`Val::bits`].
    #[inline]
    pub fn call_cells(&self, cells: &mut [u64]) -> Result<()> {
        let ns = self.ready()?;
        let wanted = self.sig.params.len().max(self.sig.results.len());
        if cells.len() < wanted {
            let why = format!(
                "the function takes or gives {wanted} values; there is room for {}",
                cells.len()
            );
            return Err(Error::new(Code::InvalidArgument, why));
        }
        let Some(carrier) = self.carrier() else {
            return self.call_cells_otherwise(&ns, cells);
        };
        let args = cells.iter().copied().take(self.kinds.len());
        self.carried(&ns, &carrier, args)?;
        let given = carrier.cells().iter().zip(self.gives());
        for (result, (cell, &kind)) in cells.iter_mut().zip(given) {
            *result = Val::of_bits(kind, u64::from_le(cell.get())).bits();
        }
        Ok(())
    }

    /// Without a carrier.
    #[inline(never)]
    fn call_cells_otherwise(&self, ns: &Rc<Namespace>, cells: &mut [u64]) -> Result<()> {
        match (&self.target, &self.quick) {
            (Target::Own(..), Some(_)) => self.run(ns, cells),
            (Target::Slot(..), Some(_)) => {
                let mut few = [0; FEW];
                let mut many = Vec::new();
                let whole = room(&mut few, &mut many, self.room());
                for (to, from) in whole.iter_mut().zip(&*cells) {
                    *to = *from;
                }
                self.run(ns, whole)?;
                for (to, from) in cells.iter_mut().zip(whole).take(self.sig.results.len()) {
                    *to = *from;
                }
                Ok(())
            }
            (_, None) => {
                self.count(ns);
                self.run_cells(ns, cells)
            }
        }
    }

    /// The kinds of the results, where all values are numbers.
    #[inline]
    fn gives(&self) -> &[ValKind] {
        self.numbers.as_deref().unwrap_or_default()
    }

    /// What it is called through, once it has been called often.
    #[inline]
    fn carrier(&self) -> Option<Rc<Carrier>> {
        self.carrier.get()?.upgrade()
    }

    /// Counts a call that goes without a carrier, and makes one for those that follow when it is time.
    fn count(&self, ns: &Rc<Namespace>) {
        let calls = self.calls.get();
        if calls == OFTEN {
            return;
        }
        self.calls.set(calls + 1);
        if calls + 1 < OFTEN {
            return;
        }
        match self.make_carrier(ns) {
            Ok(Some(made)) => {
                let _ = self.carrier.set(Rc::downgrade(&made));
            }
            // Others have the books in use: later calls may find them free.
            Err(error) if error.code() == Code::Busy => self.calls.set(0),
            // Calls work without.
            Ok(None) | Err(_) => {}
        }
    }

    /// Functions of the host's have none.
    fn make_carrier(&self, ns: &Rc<Namespace>) -> Result<Option<Rc<Carrier>>> {
        match &self.target {
            Target::Own(func, callee) => {
                let Some(Definition { object, export }) = callee.export() else {
                    return Ok(None);
                };
                let known = |carriers: &HashMap<u32, Rc<Carrier>>| carriers.get(&export).cloned();
                let live =
                    |state: &State| state.live.get(&object).map(|live| known(&live.carriers));
                let Some(known) = live(&ns.state()) else {
                    return Ok(None);
                };
                if known.is_some() {
                    return Ok(known);
                }
                // SAFETY: `here` has seen that its owner is there.
                let made = unsafe { ns.carrier(*func, &self.sig)? };
                if let (Some(made), Some(live)) = (&made, ns.change()?.live.get_mut(&object)) {
                    live.carriers.insert(export, made.clone());
                }
                Ok(made)
            }
            Target::Slot(caller, _) => {
                let caller = upgraded(caller)?;
                if let Some(known) = caller.carrier.get() {
                    return Ok(Some(known.clone()));
                }
                let call = caller.with_call(|call| NonNull::new(call.raw()))?;
                let call = call.ok_or_else(|| lost("a generated function"))?;
                // SAFETY: the caller's, of this type.
                let made = unsafe { ns.carrier(call, &Arc::new(with_slot(&self.sig)))? };
                if let Some(made) = &made {
                    let _ = caller.carrier.set(made.clone());
                }
                Ok(made)
            }
        }
    }

    /// Calls it through a carrier, in whose cells the results are then. [`ready`](Self::ready) has seen that a guest may run.
    #[inline(always)]
    fn carried(
        &self,
        ns: &Namespace,
        carrier: &Carrier,
        args: impl Iterator<Item = u64>,
    ) -> Result<()> {
        let (_kept, slot) = match &self.target {
            Target::Own(..) => (None, None),
            Target::Slot(caller, slot) => (Some(upgraded(caller)?), Some(u64::from(*slot))),
        };
        carrier.run(ns, |cells| {
            for (cell, arg) in cells.iter().zip(args.chain(slot)) {
                cell.set(arg.to_le());
            }
        })
    }

    /// Calls it by `wasm_func_call`.
    fn call_plainly(&self, ns: &Namespace, args: &[Val], results: &mut [Val]) -> Result<()> {
        match &self.target {
            Target::Own(func, _) => ns.run_guest(|| {
                // SAFETY: `here` has seen that its owner is there; the engine keeps it while it runs.
                let func = unsafe { Func::lend(ns.store.api(), *func) };
                func.call(args, results)
            }),
            Target::Slot(caller, slot) => {
                through(ns, caller, &[args, &[Val::u32(*slot)]].concat(), results)
            }
        }
    }

    /// Cells that a call needs, the slot's among them.
    fn room(&self) -> usize {
        let slot = usize::from(matches!(self.target, Target::Slot(..)));
        (self.sig.params.len() + slot).max(self.sig.results.len())
    }

    /// The engine's quick way, with room for all.
    #[inline]
    fn run(&self, ns: &Rc<Namespace>, cells: &mut [u64]) -> Result<()> {
        let quick = self.quick.as_ref().ok_or_else(|| lost("a way to call"))?;
        let _kept = match &self.target {
            Target::Own(..) => None,
            Target::Slot(caller, slot) => {
                if let Some(cell) = cells.get_mut(self.sig.params.len()) {
                    *cell = (*slot).into();
                }
                Some(upgraded(caller)?)
            }
        };
        // SAFETY: made for this store, which is alive as its namespace is; `room` has room for all.
        ns.run_guest(|| unsafe { quick.call(ns.store, cells) })
    }

    /// Where the engine has no quicker way.
    #[inline]
    fn run_cells(&self, ns: &Rc<Namespace>, cells: &mut [u64]) -> Result<()> {
        let Some(gives) = &self.numbers else {
            let why = format!(
                "a function of type {} takes or gives what is no number",
                self.sig
            );
            return Err(Error::new(Code::Unsupported, why));
        };
        let mut few = [Val::i32(0); FEW];
        let mut many = Vec::new();
        let (params, results) = (self.kinds.len(), gives.len());
        // The slot's place is between arguments and results.
        let values = room(&mut few, &mut many, params + 1 + results);
        let (args, results) = values.split_at_mut(params + 1);
        for ((arg, cell), &kind) in args.iter_mut().zip(&*cells).zip(&self.kinds) {
            *arg = Val::of_bits(kind, *cell);
        }
        match &self.target {
            Target::Own(func, _) => ns.run_guest(|| {
                // SAFETY: as in `call`.
                let func = unsafe { Func::lend(ns.store.api(), *func) };
                func.call(args.get(..params).unwrap_or_default(), results)
            })?,
            Target::Slot(caller, slot) => {
                if let Some(last) = args.last_mut() {
                    *last = Val::u32(*slot);
                }
                through(ns, caller, args, results)?;
            }
        }
        for (cell, result) in cells.iter_mut().zip(results) {
            *cell = result.bits();
        }
        Ok(())
    }

    /// The slot of the function, and what calls it by that.
    pub(super) fn by_slot(&self, ns: &Rc<Namespace>) -> Result<(Rc<Caller>, u32)> {
        match &self.target {
            Target::Own(_, callee) => {
                let slot = ns.slot(*callee, &self.sig)?;
                Ok((ns.caller(&self.sig)?, slot))
            }
            Target::Slot(caller, slot) => Ok((upgraded(caller)?, *slot)),
        }
    }
}

impl Caller {
    pub fn exports(&self) -> &ExternVec {
        &self.exports
    }

    /// The function that calls a slot.
    fn with_call<R>(&self, with: impl FnOnce(&Func) -> R) -> Result<R> {
        let call = self.exports.get(caller::CALL);
        let call = call.as_ref().and_then(|call| call.as_func());
        call.map(|call| with(&call))
            .ok_or_else(|| lost("a generated function"))
    }
}

/// The type of the function that calls a slot, which is its last argument.
fn with_slot(sig: &FuncType) -> FuncType {
    FuncType {
        params: [&sig.params[..], &[ValType::I32]].concat(),
        results: sig.results.clone(),
    }
}

fn upgraded(caller: &Weak<Caller>) -> Result<Rc<Caller>> {
    let caller = caller.upgrade();
    caller.ok_or_else(|| gone("the table in which the function was is gone"))
}

/// Calls a slot, which is the last of the arguments.
fn through(ns: &Namespace, caller: &Weak<Caller>, args: &[Val], results: &mut [Val]) -> Result<()> {
    upgraded(caller)?.with_call(|call| ns.call(call, args, results))?
}

fn number(ty: ValType, bits: u64) -> Val {
    // `quick` and `run_cells` are for numbers alone, each of which has a kind.
    Val::of_bits(number_of(ty).unwrap_or_default(), bits)
}

/// As many places as are wanted, of few or many.
#[inline]
fn room<'a, T: Copy, const N: usize>(
    few: &'a mut [T; N],
    many: &'a mut Vec<T>,
    wanted: usize,
) -> &'a mut [T] {
    if wanted > N {
        // N is not 0 where it is used.
        few.iter()
            .cycle()
            .take(wanted)
            .for_each(|&zero| many.push(zero));
        return many;
    }
    few.get_mut(..wanted).unwrap_or_default()
}
