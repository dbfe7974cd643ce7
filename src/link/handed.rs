//! The functions that hosts were given, with their types as the modules say.
//!
//! A host calls them back by the engine's handle alone, and an engine cannot always be asked what type is behind one: wasmtime, wasmi and
//! wasmer end the process where a part of it has no form in `wasm.h` (Q5).

use std::sync::Arc;

use crate::hash_map::HashMap;

use super::namespace::{Namespace, State};
use crate::engine::{Func, ValKind, number_of};
use crate::error::{Code, Error, Result};
use crate::object::FuncType;
use crate::plan::{Callee, FuncId, ObjectId};

/// A function, the object that it goes with, and its type.
type Known = (Callee, Option<ObjectId>, Arc<FuncType>);

#[derive(Default)]
pub(super) struct Handed {
    /// By the handle's address. A handle lives as long as the object that defines the function; the host's own have no object.
    known: HashMap<usize, Known>,
    /// As many objects had been unloaded when those that are gone were last taken out.
    swept: u64,
}

/// Notes that the host is about to get the handle at `address`.
pub(super) fn note(state: &State, handed: &mut Handed, address: usize, callee: Callee) {
    let (owner, sig) = match (callee.id(), callee.export()) {
        (FuncId::Host(id), _) => (None, state.model.host_func(id).cloned()),
        (_, Some(definition)) => (
            Some(definition.object),
            state.model.callee(definition).map(|(_, sig)| sig.clone()),
        ),
        _ => return,
    };
    let Some(sig) = sig else { return };
    if handed.swept != state.unloads {
        handed.swept = state.unloads;
        let live = &state.live;
        let there = |owner: &Option<ObjectId>| owner.is_none_or(|id| live.contains_key(&id));
        handed.known.retain(|_, (_, owner, _)| there(owner));
    }
    handed.known.insert(address, (callee, owner, sig));
}

impl Namespace {
    /// What is behind a handle that the host has from us.
    pub(super) fn handed(&self, func: &Func) -> Option<Known> {
        let handed = self.handed.borrow();
        let known = handed.known.get(&func.raw().addr())?;
        // The address of what is gone may be another's.
        let there = known.1.is_none_or(|id| self.state().live.contains_key(&id));
        there.then(|| known.clone())
    }

    /// A function's type: what its module says where the host has it from us, else what the engine says.
    pub fn type_of(&self, func: &Func) -> Result<Arc<FuncType>> {
        if let Some((_, _, sig)) = self.handed(func) {
            return Ok(sig);
        }
        let told = func.ty().ok_or_else(|| {
            let why = "the function's type cannot be expressed in wasm.h: call it from a module";
            Error::new(Code::Unsupported, why)
        })?;
        Ok(told.into())
    }

    /// A function's type for a host: numbers of `wasm.h`, `None` where it has none.
    pub fn kinds_of(&self, func: &Func) -> Result<(Vec<Option<ValKind>>, usize)> {
        let ty = self.type_of(func)?;
        let all = ty.params.iter().chain(&ty.results);
        Ok((all.map(|&ty| number_of(ty)).collect(), ty.params.len()))
    }
}
