//! Handles of what is used by one thread at a time and looked up with every call: without a lock, in a few nanoseconds.
//!
//! A handle is as those of [`super::handles`]: a position, a generation and a mark. Each position keeps the handle that names what is there
//! now, so that one comparison finds what was given up, what never was a handle, and what is another table's. The comparison reads an
//! atomic number, so that it is right on whatever thread; what it leads to is an [`Rc`], which the header leaves to one thread at a time. Who
//! looks a handle up owns what it finds: a callback may delete the handle meanwhile.

use std::cell::UnsafeCell;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::handles::{GENERATIONS, Layout, MOST};

/// Entries in the first chunk; each further chunk has twice as many. Chunks stay where they are, and are never freed.
const FIRST: usize = 64;
const CHUNKS: usize = (MOST / FIRST).ilog2() as usize + 1;

/// One table's objects by their handles.
pub struct QuickHandles<T> {
    layout: Layout,
    chunks: [AtomicPtr<Entry<T>>; CHUNKS],
    /// What changes the table is done by one thread at a time.
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    /// Positions that have been used.
    used: usize,
    /// Positions to be used again, with their next generations.
    free: Vec<(usize, usize)>,
}

struct Entry<T> {
    /// The handle of what is here, 0 if nothing is.
    handle: AtomicUsize,
    object: UnsafeCell<Option<Rc<T>>>,
}

// SAFETY: positions and handles are atomic or behind the mutex. An object is touched by who holds its handle, and the header says that these
// are of one thread at a time.
unsafe impl<T> Sync for QuickHandles<T> {}

/// The chunk of a position, and its place in there.
const fn place(position: usize) -> (usize, usize) {
    let chunk = (position / FIRST + 1).ilog2() as usize;
    (chunk, position - FIRST * ((1 << chunk) - 1))
}

impl<T> QuickHandles<T> {
    pub const fn new(kind: usize) -> Self {
        QuickHandles {
            layout: Layout::new(kind),
            chunks: [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS],
            books: Mutex::new(Books {
                used: 0,
                free: Vec::new(),
            }),
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // Nothing panics while it is locked, and no code of others runs; a poisoned lock is as good.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    fn entry(&self, position: usize) -> Option<&Entry<T>> {
        let (chunk, at) = place(position);
        let start = self.chunks.get(chunk)?.load(Ordering::Acquire);
        if start.is_null() {
            return None;
        }
        // SAFETY: the chunk has `FIRST << chunk` entries, which `place` keeps to, and is never freed.
        Some(unsafe { &*start.add(at) })
    }

    /// The entry of a position that has not been used, in a new chunk if need be.
    fn make_entry(&self, position: usize) -> Option<&Entry<T>> {
        let (chunk, _) = place(position);
        let start = self.chunks.get(chunk)?;
        if start.load(Ordering::Relaxed).is_null() {
            let entries = (0..FIRST << chunk).map(|_| Entry {
                handle: AtomicUsize::new(0),
                object: UnsafeCell::new(None),
            });
            let entries: Box<[Entry<T>]> = entries.collect();
            start.store(Box::leak(entries).as_mut_ptr(), Ordering::Release);
        }
        self.entry(position)
    }

    /// A new handle; the object comes back if there are too many.
    pub fn insert(&self, object: Rc<T>) -> Result<usize, Rc<T>> {
        let mut books = self.books();
        let (position, generation) = match books.free.pop() {
            Some(free) => free,
            None if books.used < MOST => (books.used, 0),
            None => return Err(object),
        };
        let Some(entry) = self.make_entry(position) else {
            return Err(object);
        };
        books.used = books.used.max(position + 1);
        let handle = self.layout.handle(position, generation);
        // SAFETY: no handle names the position, and the books are locked.
        unsafe { *entry.object.get() = Some(object) };
        entry.handle.store(handle, Ordering::Release);
        Ok(handle)
    }

    /// The entry that a handle names, if it names one.
    #[inline]
    fn named(&self, handle: usize) -> Option<&Entry<T>> {
        let entry = self.entry(self.layout.position(handle))?;
        // No handle is 0.
        (entry.handle.load(Ordering::Acquire) == handle && handle != 0).then_some(entry)
    }

    /// What a handle names. Only where the handle may be used: see the table's promise.
    #[inline]
    pub fn get(&self, handle: usize) -> Option<Rc<T>> {
        let entry = self.named(handle)?;
        // SAFETY: the handle names it, so that nobody but this thread touches it.
        unsafe { (*entry.object.get()).clone() }
    }

    /// What a handle named until now. The caller drops it, when nothing is locked.
    pub fn remove(&self, handle: usize) -> Option<Rc<T>> {
        let mut books = self.books();
        let entry = self.named(handle)?;
        entry.handle.store(0, Ordering::Release);
        // SAFETY: as in `get`; the position is given to no other before the books are open again.
        let object = unsafe { (*entry.object.get()).take() };
        // A position whose generations are spent is not used any more.
        let (position, generation) = self.layout.parts(handle);
        if generation < GENERATIONS {
            books.free.push((position, generation + 1));
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn places_are_in_chunks_without_gaps() {
        let mut expected = (0, 0);
        for position in 0..100_000 {
            assert_eq!(place(position), expected);
            expected.1 += 1;
            if expected.1 == FIRST << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
        let (chunk, at) = place(MOST - 1);
        assert!(chunk < CHUNKS && at < FIRST << chunk);
    }

    #[test]
    fn no_handle_comes_again() {
        let table = QuickHandles::new(1);
        let mut seen = HashSet::new();
        let mut held = Vec::new();
        for round in 0..2_000 {
            let handle = table.insert(Rc::new(round)).unwrap();
            assert!(seen.insert(handle));
            held.push((handle, round));
            if round % 3 > 0 {
                let (gone, was) = held.swap_remove(round * 7 % held.len());
                assert_eq!(table.remove(gone).as_deref(), Some(&was));
                assert_eq!(table.remove(gone), None);
            }
        }
        for &(handle, round) in &held {
            assert_eq!(table.get(handle).as_deref(), Some(&round));
            seen.remove(&handle);
        }
        assert!(seen.iter().all(|&gone| table.get(gone).is_none()));
        // The positions, on the other hand, do.
        assert!(table.books().used < 1_000);
    }

    #[test]
    fn what_is_no_handle_names_nothing() {
        let (table, other) = (QuickHandles::new(1), QuickHandles::new(2));
        let handle = table.insert(Rc::new(1)).unwrap();
        let foreign = other.insert(Rc::new(2)).unwrap();
        let on_the_heap = Box::new(0u64);
        let address = ptr::from_ref(&*on_the_heap).addr();
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
        let table = QuickHandles::new(1);
        let first = table.insert(Rc::new(1)).unwrap();
        assert!(table.remove(first).is_some());
        table.books().free[0].1 = GENERATIONS;
        let last = table.insert(Rc::new(2)).unwrap();
        assert_eq!(table.get(first), None);
        assert!(table.remove(last).is_some());
        let next = table.insert(Rc::new(3)).unwrap();
        assert_ne!(table.layout.position(next), table.layout.position(last));
        assert_eq!(table.get(last), None);
    }

    #[test]
    fn what_was_found_outlives_its_handle() {
        let table = QuickHandles::new(1);
        let handle = table.insert(Rc::new(7)).unwrap();
        let held = table.get(handle).unwrap();
        assert_eq!(Rc::strong_count(&table.remove(handle).unwrap()), 2);
        assert_eq!((*held, table.get(handle)), (7, None));
    }

    /// Threads have their own handles, and ask for those that others gave up long ago, at positions that are in use again.
    #[test]
    fn what_was_given_up_is_told_on_every_thread() {
        let table = QuickHandles::new(1);
        let gone: Vec<usize> = (0..8).map(|n| table.insert(Rc::new(n)).unwrap()).collect();
        for &handle in &gone {
            assert!(table.remove(handle).is_some());
        }
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (table, gone) = (&table, &gone);
                scope.spawn(move || {
                    for n in 0..200 {
                        let handle = table.insert(Rc::new(thread * 1_000 + n)).unwrap();
                        assert_eq!(table.get(handle).as_deref(), Some(&(thread * 1_000 + n)));
                        assert!(gone.iter().all(|&gone| table.get(gone).is_none()));
                        assert!(table.remove(handle).is_some());
                        assert_eq!(table.get(handle), None);
                    }
                });
            }
        });
        assert!(table.books().used <= 8);
    }
}
