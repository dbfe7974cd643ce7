//! Whose a table slot is, for many slots.

use super::model::Placement;

/// The table slots of objects: disjoint ranges, each with what it belongs to.
pub struct Holders<T> {
    ranges: Vec<(u64, u64, T)>,
}

impl<T: Copy> Holders<T> {
    pub fn new(places: impl Iterator<Item = (Placement, T)>) -> Holders<T> {
        let ranges = places.map(|(place, whose)| (place.table_base, place.table_size, whose));
        let mut ranges: Vec<_> = ranges.filter(|(_, len, _)| *len > 0).collect();
        ranges.sort_unstable_by_key(|(start, ..)| *start);
        Holders { ranges }
    }

    /// Whose range a slot lies in.
    pub fn of(&self, slot: u64) -> Option<T> {
        let behind = self.ranges.partition_point(|(start, ..)| *start <= slot);
        let &(start, len, whose) = self.ranges.get(behind.checked_sub(1)?)?;
        (slot - start < len).then_some(whose)
    }
}
