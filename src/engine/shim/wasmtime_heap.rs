//! Bounds what guests take for objects: exceptions that were caught by reference, structures and arrays. The engine keeps them in a heap of the
//! store's, which no maximum of a module's bounds.
//!
//! The engine asks a limiter before that heap grows as before a memory does, and tells the two apart by nothing but the maximum: the heap has
//! none, which is the largest that there is. So the memories of namespaces have one that is lower.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use wasmtime_c_api::wasmtime as w;

use crate::abi;

/// What a memory of 32 bits may grow to that has no maximum.
const NO_MAXIMUM: usize = 1 << 32;

/// Pages of the largest memory that is told from the heap.
pub(super) const LARGEST_MEMORY: u64 = abi::MAX_PAGES - 1;

/// The bounds of stores that have had some, by the addresses of the stores. They go with their store.
static STORES: Mutex<Option<HashMap<usize, Weak<Bounds>>>> = Mutex::new(None);

fn stores() -> MutexGuard<'static, Option<HashMap<usize, Weak<Bounds>>>> {
    STORES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// In bytes, one for each namespace of the store that has one.
#[derive(Default)]
struct Bounds(Mutex<Vec<usize>>);

impl Bounds {
    fn all(&self) -> MutexGuard<'_, Vec<usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A namespace's bound, until this is dropped.
pub(super) struct Bound {
    of_store: Arc<Bounds>,
    most: usize,
}

impl Drop for Bound {
    fn drop(&mut self) {
        let mut all = self.of_store.all();
        if let Some(at) = all.iter().position(|&most| most == self.most) {
            all.swap_remove(at);
        }
    }
}

struct Limiter {
    store: usize,
    bounds: Arc<Bounds>,
}

impl w::ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> w::Result<bool> {
        let is_told = maximum.is_some_and(|maximum| maximum < NO_MAXIMUM);
        Ok(is_told || self.bounds.all().iter().all(|&most| desired <= most))
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
        let mut stores = stores();
        let of_store = stores.as_mut().and_then(|all| all.get(&self.store));
        if of_store.is_some_and(|bounds| std::ptr::eq(bounds.as_ptr(), Arc::as_ptr(&self.bounds)))
            && let Some(all) = stores.as_mut()
        {
            all.remove(&self.store);
        }
    }
}

/// Objects in the store take no more than so many bytes, as long as the result is there. Of several bounds the smallest counts, since the
/// engine does not tell whose objects they are.
pub(super) fn bound(store: &mut w::Store<()>, bytes: u64) -> Bound {
    let most = usize::try_from(bytes).unwrap_or(usize::MAX);
    let address = std::ptr::from_ref::<w::Store<()>>(store).addr();
    let mut stores = stores();
    let all = stores.get_or_insert_default();
    let of_store = match all.get(&address).and_then(Weak::upgrade) {
        Some(bounds) => bounds,
        None => {
            let bounds = Arc::new(Bounds::default());
            all.insert(address, Arc::downgrade(&bounds));
            limit(
                store,
                Limiter {
                    store: address,
                    bounds: bounds.clone(),
                },
            );
            bounds
        }
    };
    of_store.all().push(most);
    Bound { of_store, most }
}

fn limit(store: &mut w::Store<()>, mut limiter: Limiter) {
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
        let ten = bound(&mut store, 10 << 16);
        assert!(grows(&mut store, Some(100), 100));
        assert!(grows(&mut store, Some(LARGEST_MEMORY as u32), 100));
        assert!(grows(&mut store, None, 10));
        assert!(!grows(&mut store, None, 11));
        // The smallest counts of those that are there.
        let twenty = bound(&mut store, 20 << 16);
        assert!(!grows(&mut store, None, 11));
        let five = bound(&mut store, 5 << 16);
        assert!(!grows(&mut store, None, 6) && grows(&mut store, None, 5));
        drop(five);
        assert!(!grows(&mut store, None, 11) && grows(&mut store, None, 10));
        drop(ten);
        assert!(!grows(&mut store, None, 21) && grows(&mut store, None, 20));
        drop(twenty);
        assert!(grows(&mut store, None, 100));
        let _again = bound(&mut store, 5 << 16);
        assert!(!grows(&mut store, None, 6));
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
            let bound = bound(&mut store, 1 << 16);
            assert!(
                stores()
                    .as_ref()
                    .is_some_and(|all| all.contains_key(&address))
            );
            drop(store);
            // A namespace may go after its store.
            drop(bound);
            assert!(
                !stores()
                    .as_ref()
                    .is_some_and(|all| all.contains_key(&address))
            );
        }
    }
}
