//! A place in the memory of this process, for engines that keep code nowhere else: namespaces that come one after the other compile
//! nothing twice.
//!
//! It goes with its engine. What it holds is code as the engine writes it, not modules: these would keep the engine.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::blob::Blob;
use super::form::Parts;
use super::place::{Name, Place};

/// Beyond it those go that were not used for longest.
const MAX_BYTES: u64 = 64 << 20;
const MAX_FILES: usize = 256;

/// Files by name.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Files>);

#[derive(Debug, Default)]
struct Files {
    /// Ordered, since a hash table of entries that come and go grows once, at a time that its seed decides.
    by_name: BTreeMap<String, Held>,
    /// Their names by when they were last used.
    by_use: BTreeMap<u64, String>,
    bytes: u64,
    /// Rises with every use.
    uses: u64,
}

#[derive(Debug)]
struct Held {
    blob: Blob,
    used: u64,
}

impl Memory {
    fn files(&self) -> MutexGuard<'_, Files> {
        // Whole between any two steps.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files {
    fn remove(&mut self, name: &str) {
        if let Some(held) = self.by_name.remove(name) {
            self.by_use.remove(&held.used);
            self.bytes = self.bytes.saturating_sub(held.blob.bytes().len() as u64);
        }
    }

    fn add(&mut self, name: &str, blob: Blob) {
        self.uses += 1;
        self.bytes = self.bytes.saturating_add(blob.bytes().len() as u64);
        self.by_use.insert(self.uses, name.to_string());
        let used = self.uses;
        self.by_name.insert(name.to_string(), Held { blob, used });
    }

    fn get(&mut self, name: &str) -> Option<Blob> {
        let held = self.by_name.get_mut(name)?;
        let name = self.by_use.remove(&held.used)?;
        self.uses += 1;
        held.used = self.uses;
        self.by_use.insert(self.uses, name);
        Some(held.blob.clone())
    }

    /// Makes room for one more file of `more` bytes, and no more room than that: what is held does not go up and down.
    fn make_room(&mut self, more: u64) {
        while self.bytes.saturating_add(more) > MAX_BYTES || self.by_name.len() >= MAX_FILES {
            let Some((_, name)) = self.by_use.pop_first() else {
                return;
            };
            self.remove(&name);
        }
    }
}

impl Place for Memory {
    fn get(&self, name: &Name) -> Option<Blob> {
        self.files().get(name.as_str())
    }

    fn has(&self, name: &Name) -> bool {
        self.files().by_name.contains_key(name.as_str())
    }

    fn put(&self, name: &Name, file: &Parts<'_>) {
        if file.size() > MAX_BYTES / 2 {
            return;
        }
        let mut bytes = Vec::with_capacity(file.size() as usize);
        file.iter().for_each(|part| bytes.extend_from_slice(part));
        let blob = Blob::owned(bytes);
        let mut files = self.files();
        files.remove(name.as_str());
        files.make_room(file.size());
        files.add(name.as_str(), blob);
    }

    fn discard(&self, name: &Name) {
        self.files().remove(name.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::kept::blob::page_size;
    use crate::engine::kept::key::ModuleKey;

    fn name(n: usize) -> Name {
        Name::new(blake3::hash(&n.to_le_bytes()).into())
    }

    fn put(memory: &Memory, n: usize, size: usize) {
        let bytes = vec![n as u8; size];
        let pieces = vec![(ModuleKey::of(&bytes), &bytes[..])];
        memory.put(
            &name(n),
            &Parts::new(&[0; 32], page_size(), pieces).unwrap(),
        );
    }

    #[test]
    fn what_was_put_is_there_until_it_is_discarded() {
        let memory = Memory::default();
        assert!(!memory.has(&name(1)) && memory.get(&name(1)).is_none());
        put(&memory, 1, 10_000);
        put(&memory, 1, 20_000);
        let blob = memory.get(&name(1)).unwrap();
        assert!(memory.has(&name(1)) && blob.bytes().len() > 20_000);
        assert_eq!(memory.files().bytes, blob.bytes().len() as u64);
        memory.discard(&name(1));
        assert!(!memory.has(&name(1)));
        assert_eq!(memory.files().bytes, 0);
        // Whoever has it keeps it.
        assert!(blob.bytes().windows(100).any(|bytes| bytes == [1; 100]));
    }

    #[test]
    fn what_was_not_used_for_longest_goes() {
        let memory = Memory::default();
        for n in 0..40 {
            put(&memory, n, 4 << 20);
            assert!(memory.get(&name(0)).is_some(), "{n}");
        }
        assert!(memory.has(&name(39)) && !memory.has(&name(1)));
        assert!(memory.files().bytes <= MAX_BYTES);
        put(&memory, 99, 40 << 20);
        assert!(!memory.has(&name(99)), "more than half of it all");
        for n in 100..MAX_FILES + 200 {
            put(&memory, n, 1);
        }
        assert!(memory.files().by_name.len() <= MAX_FILES);
    }

    /// A host that watches its memory would take what rises between two clearings for a leak.
    #[test]
    fn what_is_held_stays_the_same_once_it_is_full() {
        let memory = Memory::default();
        for n in 0..3 * MAX_FILES {
            put(&memory, n, 1000);
            assert!(memory.get(&name(n)).is_some());
            if n >= MAX_FILES {
                assert_eq!(memory.files().by_name.len(), MAX_FILES);
                assert!(memory.has(&name(n + 1 - MAX_FILES)) && !memory.has(&name(n - MAX_FILES)));
            }
            let files = memory.files();
            assert_eq!(files.by_use.len(), files.by_name.len());
        }
    }
}
