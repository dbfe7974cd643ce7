//! Programs that give slots and addresses by functions (cowasm's convention): `__WASM_EXPORT__NAME() -> i32` stands for NAME.

use std::sync::Arc;

use crate::hash_map::HashSet;

use super::calls;
use super::namespace::{Namespace, State};
use crate::abi;
use crate::engine::Val;
use crate::error::{Context, Result};
use crate::object::ValType;
use crate::plan::Definition;
use crate::plan::needed::Closure;

/// The function of the main program that stands for `name`.
fn provider(state: &State, name: &str) -> Option<Definition> {
    let main = state.model.main?;
    let object = &state.model.nodes.get(&main)?.found.object;
    let export = object.position(&format!("{}{name}", abi::PROVIDES))?;
    let sig = object.func_type(export)?;
    let fits = sig.params.is_empty() && sig.results == [ValType::I32];
    fits.then_some(Definition {
        object: main,
        export,
    })
}

pub fn provides(state: &State, name: &str) -> bool {
    provider(state, name).is_some()
}

/// The slot or address of `name`. Calls the guest; the answer is kept.
pub fn ask(ns: &Namespace, name: &str) -> Result<u64> {
    let definition = {
        let state = ns.state();
        if let Some(&known) = state.model.provided.get(name) {
            return Ok(known);
        }
        provider(&state, name)
    };
    let Some(definition) = definition else {
        return Ok(0);
    };
    let mut results = [Val::i32(0)];
    calls::export(ns, definition, &[], &mut results)
        .context(|| format!("{}{name}", abi::PROVIDES))?;
    let value = results.first().and_then(|v| v.as_u32()).unwrap_or(0);
    ns.state_mut()
        .model
        .provided
        .insert(name.into(), value.into());
    Ok(value.into())
}

/// Asks the main program for all that the new objects import and it provides, so that the planner knows.
pub fn provide(ns: &Namespace, closure: &Closure) -> Result<()> {
    let wanted: HashSet<Arc<str>> = {
        let state = ns.state();
        let main = state.model.main.and_then(|id| state.model.nodes.get(&id));
        let any = main.is_some_and(|node| {
            let mut exports = node.found.object.exports.iter();
            exports.any(|export| export.name.starts_with(abi::PROVIDES))
        });
        if !any {
            return Ok(());
        }
        let imports = closure.fresh.iter().flat_map(|found| &found.object.imports);
        imports
            .filter(|import| {
                [abi::ENV, abi::GOT_FUNC, abi::GOT_MEM].contains(&import.module.as_ref())
            })
            .map(|import| Arc::from(import.name.text()))
            .filter(|name: &Arc<str>| provides(&state, name))
            .collect()
    };
    for name in wanted {
        ask(ns, &name)?;
    }
    Ok(())
}
