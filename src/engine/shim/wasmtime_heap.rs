//! Bounds what guests take for objects: exceptions that were caught by reference, structures and arrays. The engine keeps them in a heap of the
//! store's, which no maximum of a module's bounds.
//!
//! The engine asks a limiter before that heap grows as before a memory does, and tells the two apart by nothing but the maximum: the heap has
//! none. A memory of a namespace with a bound has one that is lower.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use wasmtime_c_api::wasmtime as w;

/// What a memory of 32 bits may grow to that has no maximum.
const NO_MAXIMUM: usize = 1 << 32;

/// The bounds of stores that have some, by the addresses of the stores. A bound goes with its store.
static BOUNDS: Mutex<Option<HashMap<usize, Weak<AtomicUsize>>>> = Mutex::new(None);

fn bounds() -> MutexGuard<'static, Option<HashMap<usize, Weak<AtomicUsize>>>> {
    BOUNDS.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Limiter {
    store: usize,
    most: Arc<AtomicUsize>,
}

impl w::ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> w::Result<bool> {
        let is_bounded = maximum.is_some_and(|maximum| maximum < NO_MAXIMUM);
        Ok(is_bounded || desired <= self.most.load(Relaxed))
    }

    fn table_growing(
        &mut self,
        _current: usize,
        _desired: usize,
        _maximum: Option<usize>,
    ) -> w::Result<bool> {
        Ok(true)
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        let mut bounds = bounds();
        let of_store = bounds.as_mut().and_then(|all| all.get(&self.store));
        if of_store.is_some_and(|bound| std::ptr::eq(bound.as_ptr(), Arc::as_ptr(&self.most)))
            && let Some(all) = bounds.as_mut()
        {
            all.remove(&self.store);
        }
    }
}

/// Objects in the store take no more than so many bytes. Of several namespaces in a store the smallest bound counts, since the engine does not
/// tell whose objects they are.
pub(super) fn bound(store: &mut w::Store<()>, bytes: u64) {
    let most = usize::try_from(bytes).unwrap_or(usize::MAX);
    let address = std::ptr::from_ref::<w::Store<()>>(store).addr();
    let mut bounds = bounds();
    let all = bounds.get_or_insert_default();
    if let Some(bound) = all.get(&address).and_then(Weak::upgrade) {
        bound.fetch_min(most, Relaxed);
        return;
    }
    let most = Arc::new(AtomicUsize::new(most));
    all.insert(address, Arc::downgrade(&most));
    let mut limiter = Limiter {
        store: address,
        most,
    };
    store.limiter(move |()| {
        let limiter = std::ptr::from_mut(&mut limiter);
        // SAFETY: it lives in this closure, which lives in the store. The engine asks for it while it has the store to itself, and is done
        // with it before it asks again.
        unsafe { &mut *limiter }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grows(store: &mut w::Store<()>, maximum: Option<u32>, pages: u64) -> bool {
        let memory = w::Memory::new(&mut *store, w::MemoryType::new(0, maximum)).unwrap();
        memory.grow(&mut *store, pages).is_ok()
    }

    #[test]
    fn only_what_has_no_maximum_is_bounded() {
        let engine = w::Engine::default();
        let mut store = w::Store::new(&engine, ());
        bound(&mut store, 10 << 16);
        assert!(grows(&mut store, Some(100), 100));
        assert!(grows(&mut store, None, 10));
        assert!(!grows(&mut store, None, 11));
        // The smallest counts.
        bound(&mut store, 20 << 16);
        assert!(!grows(&mut store, None, 11));
        bound(&mut store, 5 << 16);
        assert!(!grows(&mut store, None, 6) && grows(&mut store, None, 5));
        let mut other = w::Store::new(&engine, ());
        assert!(grows(&mut other, None, 100));
    }

    #[test]
    fn a_bound_goes_with_its_store() {
        let engine = w::Engine::default();
        for _ in 0..100 {
            // At the same address each time.
            let mut store = Box::new(w::Store::new(&engine, ()));
            let address = std::ptr::from_ref::<w::Store<()>>(&store).addr();
            bound(&mut store, 1 << 16);
            assert!(
                bounds()
                    .as_ref()
                    .is_some_and(|all| all.contains_key(&address))
            );
            drop(store);
            assert!(
                !bounds()
                    .as_ref()
                    .is_some_and(|all| all.contains_key(&address))
            );
        }
    }
}
