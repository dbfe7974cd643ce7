//! Compiled modules by their bytes: a library that is opened again, and generated code that comes out the same, are not compiled
//! again. An engine's store keeps each compiled module until it is deleted, so this also keeps the store from growing.

use std::rc::Rc;

use foldhash::{HashMap, quality::FixedState};

use super::namespace::Namespace;
use crate::engine::Module;
use std::hash::BuildHasher;

/// Bytes of modules that are kept, and of one: beyond that the least recently used go. The bytes are kept to be compared.
const MAX_TOTAL: usize = 64 << 20;
const MAX_ONE: usize = 16 << 20;

#[derive(Default)]
pub(super) struct Modules {
    /// By hash; what has the same hash and is not the same is compiled each time.
    kept: HashMap<u64, Kept>,
    total: usize,
    clock: u64,
}

struct Kept {
    bytes: Box<[u8]>,
    module: Rc<Module>,
    used: u64,
}

impl Modules {
    fn find(&mut self, hash: u64, bytes: &[u8]) -> Option<Rc<Module>> {
        self.clock += 1;
        let kept = self
            .kept
            .get_mut(&hash)
            .filter(|kept| *kept.bytes == *bytes)?;
        kept.used = self.clock;
        Some(kept.module.clone())
    }

    fn keep(&mut self, hash: u64, bytes: &[u8], module: &Rc<Module>) {
        if bytes.len() > MAX_ONE {
            return;
        }
        while self.total + bytes.len() > MAX_TOTAL {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used);
            let Some((&oldest, _)) = oldest else { break };
            self.remove(oldest);
        }
        self.remove(hash);
        self.total += bytes.len();
        let kept = Kept {
            bytes: bytes.into(),
            module: module.clone(),
            used: self.clock,
        };
        self.kept.insert(hash, kept);
    }

    fn remove(&mut self, hash: u64) {
        if let Some(old) = self.kept.remove(&hash) {
            self.total -= old.bytes.len();
        }
    }
}

impl Namespace {
    /// The compiled module of these bytes. `None` if the engine refuses them.
    pub(super) fn compile(&self, bytes: &[u8]) -> Option<Rc<Module>> {
        // Without a secret: what hashes alike is told apart by its bytes.
        let hash = FixedState::default().hash_one(bytes);
        if let Some(known) = self.modules.borrow_mut().find(hash, bytes) {
            return Some(known);
        }
        let module = Rc::new(Module::new(self.store, bytes)?);
        self.modules.borrow_mut().keep(hash, bytes, &module);
        Some(module)
    }
}
