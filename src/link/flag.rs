//! The flag that guests look at where they are asked to stop by checks that do not count ([`Checks::Flag`](crate::control::Checks::Flag)).
//!
//! All namespaces of a store have the same one: functions of one may run where another was entered, and whatever runs in a store runs on
//! one thread at a time, whose entries tell what is to stop.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::control::Signal;
use crate::engine::{Memory, Module, Store};

/// A module with two memories that looks at the second as checks do:
/// `(module (memory 1 1) (memory 1 1) (func (drop (i32.atomic.load 1 (i32.const 0)))))`.
const PROBE: &[u8] = &[
    b'\0', b'a', b's', b'm', 1, 0, 0, 0, //
    1, 4, 1, 0x60, 0, 0, //
    3, 2, 1, 0, //
    5, 7, 2, 1, 1, 1, 1, 1, 1, //
    10, 12, 1, 10, 0, 0x41, 0, 0xfe, 0x10, 0x42, 1, 0, 0x1a, 0x0b,
];

/// A module with a tail call: `(module (func (return_call 0)))`.
const TAIL_CALL: &[u8] = &[
    b'\0', b'a', b's', b'm', 1, 0, 0, 0, //
    1, 4, 1, 0x60, 0, 0, //
    3, 2, 1, 0, //
    10, 6, 1, 4, 0, 0x12, 0, 0x0b,
];

/// The flag of a store that has namespaces.
struct Known {
    store: usize,
    memory: Weak<Memory>,
    tail_calls: bool,
}

// SAFETY: others than the thread that uses the store look at the number, and at how many hold the memory, which is counted by atomics.
unsafe impl Send for Known {}

/// Of all threads, since a store may move between them, and between two namespaces that are made in it.
static KNOWN: Mutex<Vec<Known>> = Mutex::new(Vec::new());

fn known() -> MutexGuard<'static, Vec<Known>> {
    // Nothing panics while it is locked, and no code of others runs; a poisoned lock is as good.
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The flag, as one namespace has it.
pub(super) struct Flag {
    memory: Arc<Memory>,
    signal: Arc<Signal>,
    tail_calls: bool,
}

impl Flag {
    /// `None`: the engine is none for that.
    pub fn new(store: Store, signal: &Arc<Signal>) -> Option<Flag> {
        if !store.shim().memory_stays() {
            return None;
        }
        let (memory, tail_calls) = of_store(store)?;
        let word = memory.first_word()?;
        // SAFETY: the memory does not move, by the shim's word, and lives longer than `Flag`, which takes the address away again. Guests
        // look at it by atomic loads.
        unsafe { signal.set_flag(word) };
        Some(Flag {
            memory,
            signal: signal.clone(),
            tail_calls,
        })
    }

    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Whether checked functions may ask in others beside them.
    pub fn asks_aside(&self) -> bool {
        self.tail_calls
    }
}

impl Drop for Flag {
    /// Whoever still calls functions of the namespace is to be told that it is gone.
    fn drop(&mut self) {
        self.signal.raise();
        self.signal.take_flag();
    }
}

/// Whether the engine, in its configuration, has what a module uses.
fn takes(store: Store, module: &[u8]) -> bool {
    match store.shim().validation_is_final() {
        true => Module::validate(store, module),
        // Q12: what validates may not compile.
        false => Module::compile(store, module).is_some(),
    }
}

/// The memory, and whether the engine has tail calls.
fn of_store(store: Store) -> Option<(Arc<Memory>, bool)> {
    let key = store.raw() as usize;
    let found = {
        let mut known = known();
        known.retain(|one| one.memory.strong_count() > 0);
        let one = known.iter().find(|one| one.store == key);
        one.and_then(|one| Some((one.memory.upgrade()?, one.tail_calls)))
    };
    found.or_else(|| make(store, key))
}

/// Nobody else makes one for this store meanwhile: it is this thread's.
fn make(store: Store, key: usize) -> Option<(Arc<Memory>, bool)> {
    if !takes(store, PROBE) {
        return None;
    }
    // Counted by atomics, though the memory is one thread's at a time: others look whether it is still there.
    #[expect(clippy::arc_with_non_send_sync)]
    let made = Arc::new(Memory::page(store).ok()?);
    let tail_calls = takes(store, TAIL_CALL);
    known().push(Known {
        store: key,
        memory: Arc::downgrade(&made),
        tail_calls,
    });
    Some((made, tail_calls))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{Metering, meter};

    #[test]
    fn the_probe_is_valid_and_looks_as_checks_do() {
        wasmparser::validate(PROBE).unwrap();
        let tail_call = wat::parse_str("(module (func (return_call 0)))").unwrap();
        assert_eq!(tail_call, TAIL_CALL);
        let module = wat::parse_str("(module (memory 1 1) (func (loop (br 0))))").unwrap();
        let checked = meter(&module, Metering::Flag { aside: false })
            .unwrap()
            .unwrap()
            .bytes;
        // i32.const 0 i32.atomic.load, of the first memory there and of the second here.
        let look = |memory: &[u8]| [&[0x41, 0, 0xfe, 0x10], memory].concat();
        let has = |bytes: &[u8], what: Vec<u8>| bytes.windows(what.len()).any(|w| w == what);
        assert!(has(&checked, look(&[2, 0])) && has(PROBE, look(&[0x42, 1, 0])));
    }
}
