//! The memory and the table of a namespace: made, grown, cleared.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use super::namespace::{Namespace, Space};
use crate::engine::{EngineGlobalType, Global, Memory, Store, Table, Val, Words};
use crate::error::{Code, Error, Result};
use crate::object::{GlobalType, Limits, MemoryType, TableType, ValType};
use crate::plan::{Extent, Placement, Plan};

impl Space {
    /// What carriers use; `None`: the engine is none for that.
    pub fn words(&self, store: Store) -> Option<Rc<Words>> {
        let made = || Words::new(store).map(Rc::new);
        self.words.get_or_init(made).clone()
    }
}

/// Zeroes memory and nulls slots.
pub fn clear(space: &Space, address: u64, size: u64, slot: u64, slots: u64) {
    // Out of bounds means that a growth failed before these were ever there.
    let _ = space.memory.zero(address, size);
    for slot in slot..slot.saturating_add(slots) {
        if let Ok(slot) = u32::try_from(slot) {
            space.table.set_null(slot);
        }
    }
}

/// Clears what an object had.
pub fn clear_place(space: &Space, place: &Placement) {
    clear(
        space,
        place.memory_base,
        place.memory_size,
        place.table_base,
        place.table_size,
    );
}

/// Zeroes all of the memory and nulls the whole table.
pub fn wipe(space: &Space) {
    clear(space, 0, space.memory.size(), 0, space.table.size().into());
}

pub fn grow(
    what: &str,
    unit: &str,
    extent: &Extent,
    grow: impl Fn(u64) -> Option<u64>,
) -> Result<()> {
    let before = extent.before.unwrap_or(0);
    let by = extent.after.saturating_sub(before);
    if by == 0 {
        return Ok(());
    }
    match grow(by) {
        Some(at) if at == before => Ok(()),
        Some(at) => Err(Error::new(
            Code::Internal,
            format!("the {what} had {at} {unit} when it grew, {before} when that was planned"),
        )),
        None => Err(Error::new(
            Code::Limit,
            format!("the engine refuses to grow the {what} from {before} by {by} {unit}"),
        )),
    }
}

pub fn make_space(ns: &Namespace, plan: &Plan) -> Result<Space> {
    let layout = &plan.layout;
    let limits = |extent: &Extent| Limits {
        min: extent.after,
        max: extent.max,
    };
    let mut pages = limits(&layout.memory);
    let largest = ns.store.shim().largest_memory().max(pages.min);
    pages.max = pages.max.map(|max| max.min(largest));
    let memory = Memory::new(
        ns.store,
        MemoryType {
            limits: pages,
            shared: false,
            memory64: false,
            page_log2: None,
        },
    )?;
    let table = Table::new(
        ns.store,
        TableType {
            element: ValType::FUNCREF,
            limits: limits(&layout.table),
            table64: false,
        },
    )?;
    let stack_pointer = match layout.landmarks.stack_pointer {
        Some(value) => {
            let ty = GlobalType {
                content: ValType::I32,
                mutable: true,
            };
            let ty = EngineGlobalType::new(ns.store.api(), ty)?;
            Some(Global::new(ns.store, &ty, Val::u32(value as u32))?)
        }
        None => None,
    };
    Ok(Space {
        memory: Rc::new(memory),
        table: Rc::new(table),
        stack_pointer,
        first_stack: Cell::default(),
        calls: None,
        _calls: None,
        callers: Default::default(),
        words: OnceCell::new(),
    })
}
