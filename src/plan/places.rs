//! Which object lies where: asked by address and by slot, however many there are.

use std::collections::BTreeMap;

use super::model::{ObjectId, Placement};

/// The memory and the table slots of a namespace's objects: ranges that do not overlap.
#[derive(Clone, Debug, Default)]
pub struct Places {
    memory: Ranges,
    table: Ranges,
}

impl Places {
    pub fn add(&mut self, id: ObjectId, place: &Placement) {
        self.memory.add(place.memory_base, place.memory_size, id);
        self.table.add(place.table_base, place.table_size, id);
    }

    pub fn remove(&mut self, id: ObjectId, place: &Placement) {
        self.memory.remove(place.memory_base, id);
        self.table.remove(place.table_base, id);
    }

    /// The object whose memory an address is in.
    pub fn at_address(&self, address: u64) -> Option<ObjectId> {
        self.memory.at(address)
    }

    /// The object among whose slots a slot is.
    pub fn at_slot(&self, slot: u64) -> Option<ObjectId> {
        self.table.at(slot)
    }

    pub fn memory(&self) -> &Ranges {
        &self.memory
    }

    pub fn table(&self) -> &Ranges {
        &self.table
    }
}

/// Ranges by where they begin, each with its length and the object that it belongs to.
#[derive(Clone, Debug, Default)]
pub struct Ranges(BTreeMap<u64, (u64, ObjectId)>);

impl Ranges {
    fn add(&mut self, start: u64, len: u64, id: ObjectId) {
        if len > 0 {
            self.0.insert(start, (len, id));
        }
    }

    fn remove(&mut self, start: u64, id: ObjectId) {
        if self.0.get(&start).is_some_and(|(_, of)| *of == id) {
            self.0.remove(&start);
        }
    }

    fn at(&self, at: u64) -> Option<ObjectId> {
        let (start, (len, id)) = self.0.range(..=at).next_back()?;
        (at - start < *len).then_some(*id)
    }

    /// Where a range overlaps one of these first, looked at from its end.
    pub fn overlap(&self, start: u64, len: u64) -> Option<u64> {
        let end = start.saturating_add(len);
        let (first, (other, _)) = self.0.range(..end).next_back()?;
        (first.saturating_add(*other) > start && len > 0).then(|| start.max(*first))
    }

    /// Where the last one ends.
    pub fn end(&self) -> u64 {
        let last = self.0.last_key_value();
        last.map_or(0, |(start, (len, _))| start.saturating_add(*len))
    }
}
