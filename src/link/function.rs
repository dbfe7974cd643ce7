//! Functions of the guest that the host calls often: what a call has to know is found out once.
//!
//! A [`Function`] keeps neither the namespace nor the engine's function alive, so that the host may give it up whenever it likes. Each call
//! asks whether the function is still there.

use std::cell::Cell;
use std::ptr::NonNull;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::caller;
use super::define::{callable, fits};
use super::namespace::{Namespace, in_use};
use super::order::{lost, raw};
use crate::engine::sys::wasm_func_t;
use crate::engine::{ExternVec, Feature, Func, Instance, QuickCall, Val, ValKind, number_of, shim};
use crate::error::{Code, Error, Result};
use crate::object::{FuncType, ValType};
use crate::plan::{Callee, ObjectId};

/// Values that need no allocation.
const FEW: usize = 8;

/// Calls functions of one type through the table: see [`caller`].
pub(super) struct Caller {
    exports: ExternVec,
    _instance: Instance,
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
        let call = caller.exports.get(caller::CALL);
        let call = call.as_ref().and_then(|call| call.as_func());
        let call = call.ok_or_else(|| lost("a generated function"))?;
        let whole = FuncType {
            params: [&sig.params[..], &[ValType::I32]].concat(),
            results: sig.results.clone(),
        };
        let quick = shim::of(self.store.api()).quick_call(self.store, &call, &whole);
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

    /// The namespace, if the function is still there.
    #[inline]
    pub(super) fn here(&self) -> Result<Rc<Namespace>> {
        let ns = self.ns.upgrade();
        let ns = ns.ok_or_else(|| gone("the namespace of the function is gone"))?;
        if let Some(owner) = self.owner {
            let state = ns.state.try_borrow().map_err(|_| in_use())?;
            if self.seen.get() != state.unloads {
                if !state.live.contains_key(&owner) {
                    return Err(gone("the object that defines the function was unloaded"));
                }
                self.seen.set(state.unloads);
            }
        }
        Ok(ns)
    }

    /// Calls it. The arguments are checked against its type.
    #[inline]
    pub fn call(&self, args: &[Val], results: &mut [Val]) -> Result<()> {
        let ns = self.here()?;
        let (takes, gives) = (self.kinds.len(), self.sig.results.len());
        let same = args
            .iter()
            .zip(&self.kinds)
            .all(|(arg, &kind)| arg.kind() == kind);
        if args.len() != takes || results.len() != gives || !same {
            fits(&self.sig, args, results)?;
        }
        if self.quick.is_none() {
            return match &self.target {
                Target::Own(func, _) => ns.run_guest(|| {
                    // SAFETY: `here` has seen that its owner is there; the engine keeps it while it runs.
                    let func = unsafe { Func::lend(ns.store.api(), *func) };
                    func.call(args, results)
                }),
                Target::Slot(caller, slot) => {
                    through(&ns, caller, &[args, &[Val::u32(*slot)]].concat(), results)
                }
            };
        }
        let mut few = [0; FEW];
        let mut many = Vec::new();
        let cells = room(&mut few, &mut many, self.room());
        for (cell, arg) in cells.iter_mut().zip(args) {
            *cell = arg.bits();
        }
        self.run(&ns, cells)?;
        for ((result, cell), &ty) in results.iter_mut().zip(cells).zip(&self.sig.results) {
            *result = number(ty, *cell);
        }
        Ok(())
    }

    /// Calls it with arguments as bits, in whose place the results come; numbers only. See [`Val::bits`].
    #[inline]
    pub fn call_cells(&self, cells: &mut [u64]) -> Result<()> {
        let ns = self.here()?;
        let wanted = self.sig.params.len().max(self.sig.results.len());
        if cells.len() < wanted {
            let why = format!(
                "the function takes or gives {wanted} values; there is room for {}",
                cells.len()
            );
            return Err(Error::new(Code::InvalidArgument, why));
        }
        match (&self.target, &self.quick) {
            (Target::Own(..), Some(_)) => self.run(&ns, cells),
            (Target::Slot(..), Some(_)) => {
                let mut few = [0; FEW];
                let mut many = Vec::new();
                let whole = room(&mut few, &mut many, self.room());
                for (to, from) in whole.iter_mut().zip(&*cells) {
                    *to = *from;
                }
                self.run(&ns, whole)?;
                for (to, from) in cells.iter_mut().zip(whole).take(self.sig.results.len()) {
                    *to = *from;
                }
                Ok(())
            }
            (_, None) => self.run_cells(&ns, cells),
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
}

fn upgraded(caller: &Weak<Caller>) -> Result<Rc<Caller>> {
    let caller = caller.upgrade();
    caller.ok_or_else(|| gone("the table in which the function was is gone"))
}

/// Calls a slot, which is the last of the arguments.
fn through(ns: &Namespace, caller: &Weak<Caller>, args: &[Val], results: &mut [Val]) -> Result<()> {
    let caller = upgraded(caller)?;
    let call = caller.exports.get(caller::CALL);
    let call = call.as_ref().and_then(|call| call.as_func());
    let call = call.ok_or_else(|| lost("a generated function"))?;
    ns.call(&call, args, results)
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
