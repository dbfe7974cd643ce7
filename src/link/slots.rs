//! Table slots asked for at run time: by `dlsym` and by lazy binding.

use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;

use super::glue;
use super::namespace::{Namespace, State};
use super::order::{lost, raw};
use crate::engine::sys::wasm_extern_t;
use crate::engine::{EngineGlobalType, Global, Val};
use crate::error::{Code, Context, Error, Result};
use crate::object::{FuncType, GlobalType, ValType};
use crate::plan::{Callee, FuncId, slot_in_own_segment};

/// Slots to add when none is free.
const MORE_SLOTS: u32 = 16;

/// The canonical slot of a function; given one now if it has none.
pub fn slot_of(ns: &Rc<Namespace>, callee: Callee, sig: &Arc<FuncType>) -> Result<u32> {
    {
        let state = ns.state();
        if let Some(&slot) = state.model.slots.get(&callee.id()) {
            return Ok(slot as u32);
        }
    }
    if let FuncId::Host(id) = callee.id() {
        ns.make(id)?;
    }
    // A load in progress has planned with the slots that are free now.
    let _busy = ns.begin()?;
    let mut state = ns.state_mut();
    let slot = match in_own_segment(&state, callee.id()) {
        Some(slot) => slot,
        None => {
            let slot = take_slot(ns, &mut state)?;
            if let Err(error) = fill(ns, &mut state, callee, sig, slot) {
                // It was taken just now.
                let _ = state.model.table.give(slot.into(), 1);
                return Err(error);
            }
            slot
        }
    };
    state.model.slots.insert(callee.id(), slot.into());
    Ok(slot)
}

fn in_own_segment(state: &State, id: FuncId) -> Option<u32> {
    let FuncId::Object { object, index } = id else {
        return None;
    };
    let node = state.model.nodes.get(&object)?;
    let slot = slot_in_own_segment(node, index)?;
    u32::try_from(slot).ok()
}

fn take_slot(ns: &Namespace, state: &mut State) -> Result<u32> {
    if let Some(slot) = state.model.table.take(1, 1) {
        return Ok(slot as u32);
    }
    let limit = ns.config().limits.table_slots;
    let table = &state.space()?.table;
    let size = u64::from(table.size());
    let more = limit.saturating_sub(size).min(MORE_SLOTS.into()) as u32;
    // The guest may have grown the table since: what counts is what growing answers.
    let at = if more > 0 { table.grow(more) } else { None };
    let Some(at) = at else {
        return Err(Error::new(
            Code::Limit,
            format!("no room for another function in the table of {size} slots (limit {limit})"),
        ));
    };
    state
        .model
        .table
        .give(u64::from(at) + 1, u64::from(more) - 1)?;
    Ok(at)
}

/// Puts a function into a slot, through a module compiled once for each type.
fn fill(
    ns: &Namespace,
    state: &mut State,
    callee: Callee,
    sig: &Arc<FuncType>,
    slot: u32,
) -> Result<()> {
    let module = ns.compile_generated(&glue::fill_one(sig)?)?;
    let ty = GlobalType {
        content: ValType::I32,
        mutable: false,
    };
    let ty = EngineGlobalType::new(ns.store().api(), ty)?;
    let number = Global::new(ns.store(), &ty, Val::u32(slot))?;
    let imports = [
        raw(state.space()?.table.as_extern())?,
        raw(number.as_extern())?,
        state.callee(callee).ok_or_else(|| lost("a function"))?,
    ];
    // SAFETY: all three live until the end of this function; the module runs no code.
    let filled = unsafe { ns.instantiate_generated(&module, &imports) };
    filled.map(drop).context(|| "filling a table slot")
}

impl State {
    /// The engine's object behind a function.
    pub fn callee(&self, callee: Callee) -> Option<NonNull<wasm_extern_t>> {
        let raw = match (callee.id(), callee.export()) {
            (FuncId::Host(id), _) => self.hosts.get(id as usize)?.as_extern()?.raw(),
            (_, Some(definition)) => self.export(definition)?.as_extern().raw(),
            _ => return None,
        };
        NonNull::new(raw)
    }
}
