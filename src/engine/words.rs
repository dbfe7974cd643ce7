//! A memory of one page that both sides of a call use: the host reads and writes it in place, as words of eight bytes.

use std::cell::Cell;
use std::ptr::NonNull;
use std::slice;

use super::memory::Memory;
use super::store::Store;

/// Words of a memory that stays where it is.
pub struct Words {
    memory: Memory,
    start: NonNull<Cell<u64>>,
    count: usize,
}

impl Words {
    /// A new memory, zero. `None`: the engine's memories may move, or have no address here, or it refuses to make one.
    pub fn new(store: Store) -> Option<Words> {
        if !store.shim().memory_is_still() {
            return None;
        }
        let memory = Memory::page(store).ok()?;
        let start = memory.first_word()?.cast::<Cell<u64>>();
        let count = memory.size() as usize / size_of::<u64>();
        start.is_aligned().then_some(Words {
            memory,
            start,
            count,
        })
    }

    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The words, each as it lies in the memory: little-endian. Guests that have the memory may change them when they run.
    #[inline]
    pub fn all(&self) -> &[Cell<u64>] {
        // SAFETY: the memory has so many bytes from there on, does not move, by the shim's word, and is this thread's as its store is; what
        // changes while guests run is in cells.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.count) }
    }
}
