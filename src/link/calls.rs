//! Calls of guest functions by slot or by export, on behalf of the linker.

use std::rc::Rc;

use super::define::callable;
use super::glue;
use super::namespace::Namespace;
use super::order::{lost, raw};
use crate::engine::{ExternVec, Val};
use crate::error::{Code, Error, Result};
use crate::plan::Definition;

/// Calls the function in a slot: `() -> ()`, `(i32) -> ()` or `(i32, i32, i32) -> i32`, by the number of arguments.
pub(super) fn slot(ns: &Namespace, slot: u32, args: &[u32]) -> Result<u32> {
    let n = glue::CALLS
        .iter()
        .position(|&(params, _)| params == args.len());
    call_shape(ns, n, slot, args)
}

/// Calls the function in a slot as `(i32) -> i32`.
pub(super) fn ask(ns: &Namespace, slot: u32, arg: u32) -> Result<u32> {
    let n = glue::CALLS.iter().position(|&shape| shape == (1, true));
    call_shape(ns, n, slot, &[arg])
}

fn call_shape(ns: &Namespace, n: Option<usize>, slot: u32, args: &[u32]) -> Result<u32> {
    let calls = calls(ns)?;
    let function = n.and_then(|n| calls.get(n));
    let function = function.as_ref().and_then(|f| f.as_func());
    let function =
        function.ok_or_else(|| Error::new(Code::Internal, "no way to call a slot like that"))?;
    let args: Vec<Val> = [slot]
        .iter()
        .chain(args)
        .map(|&value| Val::u32(value))
        .collect();
    let mut result = [Val::i32(0)];
    let wanted = function.result_arity();
    let results = result.get_mut(..wanted).unwrap_or_default();
    ns.call(&function, &args, results)?;
    Ok(result.first().and_then(|v| v.as_u32()).unwrap_or(0))
}

/// Calls an export.
pub(super) fn export(
    ns: &Namespace,
    definition: Definition,
    args: &[Val],
    results: &mut [Val],
) -> Result<()> {
    let sig = {
        let state = ns.state();
        let node = state.model.nodes.get(&definition.object);
        let sig = node.and_then(|node| node.found.object.func_type(definition.export));
        sig.ok_or_else(|| lost("a function's type"))?
    };
    callable(&sig)?;
    if sig.params.len() != args.len() || sig.results.len() != results.len() {
        let why = format!("the linker cannot call a function of type {sig} here");
        return Err(Error::new(Code::TypeMismatch, why));
    }
    call(ns, definition, args, results)
}

/// Calls an export whose type is known to be `() -> ()`.
pub(super) fn plain(ns: &Namespace, definition: Definition) -> Result<()> {
    call(ns, definition, &[], &mut [])
}

fn call(ns: &Namespace, definition: Definition, args: &[Val], results: &mut [Val]) -> Result<()> {
    let function = ns.state().export(definition).and_then(|e| e.duplicate());
    let function = function.ok_or_else(|| lost("a function"))?;
    let function = function.as_func().ok_or_else(|| lost("a function"))?;
    ns.call(&function, args, results)
}

fn calls(ns: &Namespace) -> Result<Rc<ExternVec>> {
    if let Some(calls) = &ns.state().space()?.calls {
        return Ok(calls.clone());
    }
    let module = ns.compile_generated(&glue::calls())?;
    let mut state = ns.state_mut();
    let table = raw(state.space()?.table.as_extern())?;
    // SAFETY: the table lives as long as its space, beyond this function.
    let instance = unsafe { ns.instantiate_generated(&module, &[table])? };
    let exports = Rc::new(instance.exports());
    if let Some(space) = &mut state.space {
        space.calls = Some(exports.clone());
        space._calls = Some(instance);
    }
    Ok(exports)
}

impl Namespace {
    /// Calls a function pointer of the guest's; its type goes by the number of arguments, as for [`slot`].
    pub(crate) fn call_slot(&self, number: u32, args: &[u32]) -> Result<u32> {
        slot(self, number, args)
    }
}
