//! The handles that C holds: numbers that name objects, in a table for each type.
//!
//! A handle is no address. It holds the position of its object in the table and a generation, which rises whenever the position is
//! used again, so a handle that was given up names nothing for ever, whatever the host makes afterwards. Who looks a handle up owns
//! what it finds as long as it likes: a callback may delete the handle meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One table's objects by their handles.
pub struct Handles<T> {
    layout: Layout,
    entries: Mutex<Entries<T>>,
}

struct Entries<T> {
    all: Vec<Entry<T>>,
    /// Positions to be used again.
    free: Vec<usize>,
}

struct Entry<T> {
    generation: usize,
    object: Option<Arc<T>>,
}

/// Layout of a handle, from its lowest bit on: 1, so that it is no address of anything that is aligned; the kind; the position; the
/// generation; and, where there is room, a mark that makes it an address which no process has.
const KIND_AT: u32 = 1;
const POSITION_AT: u32 = 5;
const POSITION_BITS: u32 = if usize::BITS >= 64 { 24 } else { 12 };
const GENERATION_AT: u32 = POSITION_AT + POSITION_BITS;
const HAS_MARK: bool = usize::BITS >= 64;
const MARK_BITS: u32 = if HAS_MARK { 8 } else { 0 };
const GENERATION_BITS: u32 = usize::BITS - MARK_BITS - GENERATION_AT;
/// Addresses of user space begin with zeros, those of the kernel with ones.
const MARK: usize = if HAS_MARK {
    0x57 << (usize::BITS - 8)
} else {
    0
};

const fn mask(bits: u32) -> usize {
    (1 << bits) - 1
}

/// Handles of one type that are alive at a time, at most.
pub const MOST: usize = mask(POSITION_BITS) + 1;

/// The last generation of a position.
pub const GENERATIONS: usize = mask(GENERATION_BITS);

/// How the handles of a table are laid out.
#[derive(Clone, Copy)]
pub struct Layout {
    /// Tells handles of this table from those of others. Less than 16.
    kind: usize,
}

impl Layout {
    pub const fn new(kind: usize) -> Self {
        assert!(kind < 16);
        Layout { kind }
    }

    pub const fn handle(self, position: usize, generation: usize) -> usize {
        MARK | generation << GENERATION_AT | position << POSITION_AT | self.kind << KIND_AT | 1
    }

    /// The position in what may be a handle of this table.
    pub const fn position(self, handle: usize) -> usize {
        (handle >> POSITION_AT) & mask(POSITION_BITS)
    }

    /// The position and the generation in what may be a handle of this table: it is one if [`handle`](Self::handle) gives it back.
    pub const fn parts(self, handle: usize) -> (usize, usize) {
        let generation = (handle >> GENERATION_AT) & mask(GENERATION_BITS);
        (self.position(handle), generation)
    }
}

impl<T> Handles<T> {
    pub const fn new(kind: usize) -> Self {
        Handles {
            layout: Layout::new(kind),
            entries: Mutex::new(Entries {
                all: Vec::new(),
                free: Vec::new(),
            }),
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries<T>> {
        // Nothing panics while it is locked, and no code of others runs; a poisoned lock is as good.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, position: usize, generation: usize) -> usize {
        self.layout.handle(position, generation)
    }

    /// The position and the generation in a handle of this table.
    fn parts(&self, handle: usize) -> Option<(usize, usize)> {
        let (position, generation) = self.layout.parts(handle);
        (self.handle(position, generation) == handle).then_some((position, generation))
    }

    /// Where a handle's object is in the table: no other live handle's is there.
    pub fn position(&self, handle: usize) -> Option<usize> {
        self.parts(handle).map(|(position, _)| position)
    }

    /// A new handle; `None` if there are too many.
    pub fn insert(&self, object: T) -> Option<usize> {
        let object = Some(Arc::new(object));
        let mut entries = self.entries();
        if let Some(position) = entries.free.pop()
            && let Some(entry) = entries.all.get_mut(position)
        {
            entry.object = object;
            let generation = entry.generation;
            return Some(self.handle(position, generation));
        }
        let position = entries.all.len();
        if position < MOST {
            let generation = 0;
            entries.all.push(Entry { generation, object });
            return Some(self.handle(position, generation));
        }
        // Before the object goes: see `remove`.
        drop(entries);
        None
    }

    /// What a handle names.
    pub fn get(&self, handle: usize) -> Option<Arc<T>> {
        let (position, generation) = self.parts(handle)?;
        let entries = self.entries();
        let entry = entries.all.get(position)?;
        let object = entry.object.as_ref();
        object.filter(|_| entry.generation == generation).cloned()
    }

    /// What a handle named until now. The caller drops it, when nothing is locked: a destructor may call the host.
    pub fn remove(&self, handle: usize) -> Option<Arc<T>> {
        let (position, generation) = self.parts(handle)?;
        let mut entries = self.entries();
        let entry = entries.all.get_mut(position)?;
        if entry.generation != generation {
            return None;
        }
        let object = entry.object.take()?;
        // A position whose generations are spent is not used any more.
        if generation < GENERATIONS {
            entry.generation += 1;
            entries.free.push(position);
        }
        Some(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn handles_name_objects_until_they_are_given_up() {
        let table = Handles::new(3);
        let one = table.insert("one").unwrap();
        let two = table.insert("two").unwrap();
        assert_eq!(table.get(one).as_deref(), Some(&"one"));
        assert_eq!(table.get(two).as_deref(), Some(&"two"));
        assert_eq!(table.remove(one).as_deref(), Some(&"one"));
        assert_eq!(table.get(one), None);
        assert_eq!(table.remove(one), None);
        assert_eq!(table.get(two).as_deref(), Some(&"two"));
    }

    #[test]
    fn no_handle_comes_again() {
        let table = Handles::new(1);
        let mut seen = HashSet::new();
        let mut held = Vec::new();
        for round in 0..2_000 {
            let handle = table.insert(round).unwrap();
            assert!(seen.insert(handle));
            held.push(handle);
            if round % 3 > 0 {
                let gone = held.swap_remove(round * 7 % held.len());
                assert!(table.remove(gone).is_some());
            }
        }
        for &handle in &seen {
            assert_eq!(table.get(handle).is_some(), held.contains(&handle));
        }
        // The positions, on the other hand, do.
        assert!(table.entries().all.len() < 1_000);
    }

    #[test]
    fn what_is_no_handle_names_nothing() {
        let (table, other) = (Handles::new(1), Handles::new(2));
        let handle = table.insert(1).unwrap();
        let foreign = other.insert(2).unwrap();
        let on_the_heap = Box::new(0u64);
        let address = std::ptr::from_ref(&*on_the_heap).addr();
        for number in [0, 1, usize::MAX, address, address | 1, foreign, handle ^ 1] {
            assert_eq!(table.get(number), None, "{number:#x}");
            assert_eq!(table.remove(number), None, "{number:#x}");
        }
        for bit in 0..usize::BITS {
            assert_eq!(table.get(handle ^ (1 << bit)), None, "bit {bit}");
        }
        assert_eq!(table.get(handle).as_deref(), Some(&1));
    }

    #[test]
    fn a_position_whose_generations_are_spent_is_left() {
        let table = Handles::new(1);
        let first = table.insert(1).unwrap();
        assert!(table.remove(first).is_some());
        table.entries().all[0].generation = mask(GENERATION_BITS);
        let last = table.insert(2).unwrap();
        assert_eq!(table.get(first), None);
        assert!(table.remove(last).is_some());
        let next = table.insert(3).unwrap();
        assert_ne!(table.parts(next).unwrap().0, table.parts(last).unwrap().0);
        assert_eq!(table.get(last), None);
    }

    #[test]
    fn what_was_found_outlives_its_handle() {
        struct Tells<'a>(&'a Handles<u8>, usize);
        impl Drop for Tells<'_> {
            // As a finalizer of the host's does: it uses the table.
            fn drop(&mut self) {
                assert!(self.0.remove(self.1).is_some());
            }
        }
        let others = Handles::new(2);
        let table = Handles::new(1);
        let handle = table
            .insert(Tells(&others, others.insert(5).unwrap()))
            .unwrap();
        let held = table.get(handle).unwrap();
        drop(table.remove(handle));
        assert!(table.get(handle).is_none() && others.get(held.1).is_some());
        let inner = held.1;
        drop(held);
        assert!(others.get(inner).is_none());
    }

    #[test]
    fn threads_have_their_own_handles() {
        let table = Handles::new(1);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let table = &table;
                scope.spawn(move || {
                    for n in 0..200 {
                        let handle = table.insert((thread, n)).unwrap();
                        assert_eq!(table.get(handle).as_deref(), Some(&(thread, n)));
                        assert_eq!(table.remove(handle).as_deref(), Some(&(thread, n)));
                        assert_eq!(table.get(handle), None);
                    }
                });
            }
        });
        assert!(table.entries().all.len() <= 4);
    }
}
