//! Calls of guest functions by slot or by export, on behalf of the linker.

use std::ptr::NonNull;
use std::rc::Rc;

use super::glue;
use super::namespace::Namespace;
use crate::engine::{ExternPtr, ExternVec, Val};
use crate::error::{Code, Error, Result};
use crate::plan::Definition;

/// Calls the function in a slot: `() -> ()`, `(i32) -> ()` or `(i32, i32, i32) -> i32`, by the number of arguments.
pub(super) fn slot(ns: &Namespace, slot: u32, args: &[u32]) -> Result<u32> {
    let calls = calls(ns)?;
    let n = glue::CALLS
        .iter()
        .position(|&(params, _)| params == args.len());
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
    let lost = || Error::new(Code::Internal, "a function got lost");
    let function = ns.state().export(definition).and_then(|e| e.duplicate());
    let function = function.ok_or_else(lost)?;
    let function = function.as_func().ok_or_else(lost)?;
    ns.call(&function, args, results)
}

fn calls(ns: &Namespace) -> Result<Rc<ExternVec>> {
    if let Some(calls) = &ns.state().space()?.calls {
        return Ok(calls.clone());
    }
    let refused = || Error::new(Code::Engine, "the engine refused a generated module");
    let module = ns.compile(&glue::calls()).ok_or_else(refused)?;
    let mut state = ns.state_mut();
    let Some(space) = state.space.as_mut() else {
        return Err(refused());
    };
    let table = NonNull::new(space.table.as_extern().raw()).ok_or_else(refused)?;
    // SAFETY: the table lives as long as its space, beyond this function.
    let imports = [unsafe { ExternPtr::from_raw(table) }];
    let instance = ns.instantiate(&module, &imports);
    let instance = instance.map_err(|error| ns.used_up(&error).unwrap_or_else(refused))?;
    let exports = Rc::new(instance.exports());
    space.calls = Some(exports.clone());
    space._calls = Some(instance);
    Ok(exports)
}

impl Namespace {
    /// Calls a function pointer of the guest's; its type goes by the number of arguments, as for [`slot`].
    pub(crate) fn call_slot(&self, number: u32, args: &[u32]) -> Result<u32> {
        slot(self, number, args)
    }
}
