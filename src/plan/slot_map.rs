//! Slots of functions, found from either side.

use std::ops::Deref;

use crate::hash_map::{HashMap, HashSet};

use super::model::{FuncId, ObjectId, Placement};

/// Each function has one slot, and each slot one function. It reads as a map from functions to slots.
#[derive(Clone, Debug, Default)]
pub struct SlotMap {
    slots: HashMap<FuncId, u64>,
    functions: HashMap<u64, FuncId>,
    /// The functions of each object that have one.
    of: HashMap<ObjectId, HashSet<FuncId>>,
}

impl SlotMap {
    /// The function in a slot.
    pub fn at(&self, slot: u64) -> Option<FuncId> {
        self.functions.get(&slot).copied()
    }

    pub fn insert(&mut self, function: FuncId, slot: u64) {
        match (self.slots.insert(function, slot), function) {
            (Some(before), _) => drop(self.functions.remove(&before)),
            (None, FuncId::Object { object, .. }) => {
                self.of.entry(object).or_default().insert(function);
            }
            (None, FuncId::Host(_)) => {}
        }
        self.functions.insert(slot, function);
    }

    pub fn extend(&mut self, slots: impl Iterator<Item = (FuncId, u64)>) {
        for (function, slot) in slots {
            self.insert(function, slot);
        }
    }

    /// Takes out the functions of objects that go, and what others have in these objects' own slots. Gives the slots.
    pub fn leave(&mut self, gone: &HashSet<ObjectId>, places: &[Placement]) -> Vec<u64> {
        let mut left = Vec::new();
        if self.slots.is_empty() {
            return left;
        }
        for function in gone.iter().filter_map(|id| self.of.remove(id)).flatten() {
            left.extend(self.slots.remove(&function));
        }
        for slot in &left {
            self.functions.remove(slot);
        }
        for place in places {
            let own = place.table_base..place.table_base + place.table_size;
            // A range may be larger than all that is known.
            let within: Vec<(u64, FuncId)> = if place.table_size as usize <= self.functions.len() {
                let known = own.filter_map(|slot| Some((slot, self.at(slot)?)));
                known.collect()
            } else {
                let known = self.functions.iter().map(|(slot, id)| (*slot, *id));
                known.filter(|(slot, _)| own.contains(slot)).collect()
            };
            for (slot, function) in within {
                self.functions.remove(&slot);
                self.slots.remove(&function);
                if let FuncId::Object { object, .. } = function
                    && let Some(of) = self.of.get_mut(&object)
                {
                    of.remove(&function);
                }
                left.push(slot);
            }
        }
        left
    }

    pub fn clear(&mut self) {
        self.slots.clear();
        self.functions.clear();
        self.of.clear();
    }
}

impl Deref for SlotMap {
    type Target = HashMap<FuncId, u64>;

    fn deref(&self) -> &HashMap<FuncId, u64> {
        &self.slots
    }
}
