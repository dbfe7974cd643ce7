//! Compiled modules that the namespaces of an engine share in memory, whichever thread they are on.
//!
//! Each is known here as long as somebody has it: a module goes when the last namespace has let go of it. Of several that want the same
//! module at once, one compiles it and the others wait for that.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::key::ModuleKey;
use crate::engine::module::Module;
use crate::engine::shim;
use crate::engine::store::Store;

/// A module as an engine shares it between stores (`wasm_shared_module_t`).
#[derive(Debug)]
pub struct SharedModule {
    raw: NonNull<c_void>,
    delete: unsafe extern "C" fn(NonNull<c_void>),
}

impl SharedModule {
    /// # Safety
    /// `raw` is the engine's, ours to give to `delete`, and both may be used and deleted on any thread.
    pub unsafe fn new(
        raw: NonNull<c_void>,
        delete: unsafe extern "C" fn(NonNull<c_void>),
    ) -> SharedModule {
        SharedModule { raw, delete }
    }

    pub fn raw(&self) -> NonNull<c_void> {
        self.raw
    }
}

// SAFETY: by the promise of `new`.
unsafe impl Send for SharedModule {}
// SAFETY: as above.
unsafe impl Sync for SharedModule {}

impl Drop for SharedModule {
    fn drop(&mut self) {
        // SAFETY: owned, and not used again.
        unsafe { (self.delete)(self.raw) }
    }
}

/// What is shared. There is one for each engine, or one for several engines whose shim tells the modules of one from those of another.
#[derive(Debug, Default)]
pub struct Sharing {
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    /// Ordered, since a hash table of entries that come and go grows once, at a time that its seed decides.
    by_key: BTreeMap<ModuleKey, Arc<Slot>>,
    /// When there are so many, those of modules that are gone are looked for.
    sweep_at: usize,
}

/// One module.
#[derive(Debug, Default)]
struct Slot(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// As each engine has it.
    modules: Vec<Weak<SharedModule>>,
    /// Somebody has made it before, whether or not it could be shared.
    made: bool,
}

/// At least so many slots stay before any is looked at.
const FEW: usize = 64;

impl Sharing {
    /// The module of this key, if a store of the same engine has it.
    pub fn find(&self, store: Store, key: ModuleKey) -> Option<Module> {
        let slot = lock(&self.slots).by_key.get(&key).cloned()?;
        // Whoever compiles it holds the lock: worth waiting for.
        let known = lock(&slot.0);
        obtain(store, &known.modules)
    }

    /// The module of this key: that which a store of the same engine has, else what `make` gives, which is then shared. `make` is told
    /// whether the module has been made before: where modules cannot be shared, its code may have been kept in the meantime.
    pub fn find_or_make(
        &self,
        store: Store,
        key: ModuleKey,
        make: impl FnOnce(bool) -> Option<Module>,
    ) -> Option<Module> {
        let slot = self.slot(key);
        let mut known = lock(&slot.0);
        if let Some(module) = obtain(store, &known.modules) {
            return Some(module);
        }
        let mut module = make(known.made)?;
        known.made = true;
        if let Some(shared) = shim::of(store.api()).share(&module) {
            let shared = Arc::new(shared);
            known.modules.retain(|other| other.strong_count() > 0);
            known.modules.push(Arc::downgrade(&shared));
            module.hold(shared);
        }
        Some(module)
    }

    fn slot(&self, key: ModuleKey) -> Arc<Slot> {
        let mut slots = lock(&self.slots);
        if slots.by_key.len() >= slots.sweep_at.max(FEW) {
            // A slot that somebody is at has its lock taken, or is about to: its count tells.
            slots.by_key.retain(|_, slot| {
                let known = slot.0.try_lock();
                let is_gone = |one: &Weak<SharedModule>| one.strong_count() == 0;
                let gone = known.is_ok_and(|known| known.modules.iter().all(is_gone));
                Arc::strong_count(slot) > 1 || !gone
            });
            slots.sweep_at = slots.by_key.len() * 2;
        }
        slots.by_key.entry(key).or_default().clone()
    }

    /// Modules that are known, those that are gone and not swept out among them.
    #[cfg(test)]
    pub fn slots(&self) -> usize {
        lock(&self.slots).by_key.len()
    }
}

fn obtain(store: Store, known: &[Weak<SharedModule>]) -> Option<Module> {
    known.iter().filter_map(Weak::upgrade).find_map(|shared| {
        let mut module = shim::of(store.api()).obtain(store, &shared)?;
        module.hold(shared);
        Some(module)
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
