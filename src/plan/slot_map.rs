//! Slots of functions, found from either side.

use std::ops::Deref;

use foldhash::HashMap;

use super::model::FuncId;

/// Each function has one slot, and each slot one function. It reads as a map from functions to slots.
#[derive(Clone, Debug, Default)]
pub struct SlotMap {
    slots: HashMap<FuncId, u64>,
    functions: HashMap<u64, FuncId>,
}

impl SlotMap {
    /// The function in a slot.
    pub fn at(&self, slot: u64) -> Option<FuncId> {
        self.functions.get(&slot).copied()
    }

    pub fn insert(&mut self, function: FuncId, slot: u64) {
        if let Some(before) = self.slots.insert(function, slot) {
            self.functions.remove(&before);
        }
        self.functions.insert(slot, function);
    }

    pub fn extend(&mut self, slots: impl Iterator<Item = (FuncId, u64)>) {
        for (function, slot) in slots {
            self.insert(function, slot);
        }
    }

    /// Takes out what `goes`. Gives the slots.
    pub fn take(&mut self, mut goes: impl FnMut(&FuncId, u64) -> bool) -> Vec<u64> {
        let gone = self
            .slots
            .extract_if(|function, slot| goes(function, *slot));
        let gone: Vec<u64> = gone.map(|(_, slot)| slot).collect();
        for slot in &gone {
            self.functions.remove(slot);
        }
        gone
    }

    pub fn clear(&mut self) {
        self.slots.clear();
        self.functions.clear();
    }
}

impl Deref for SlotMap {
    type Target = HashMap<FuncId, u64>;

    fn deref(&self) -> &HashMap<FuncId, u64> {
        &self.slots
    }
}
