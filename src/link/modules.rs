//! Compiled modules by their bytes: a library that is opened again, and generated code that comes out the same, are not compiled
//! again. An engine's store keeps each compiled module until it is deleted, so this also keeps the store from growing.

use std::hash::BuildHasher;
use std::rc::Rc;

use foldhash::{HashMap, quality::FixedState};

use super::namespace::Namespace;
use crate::engine::Module;
use crate::error::{Code, Error, Result};
use crate::object::Object;

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
        if bytes.len() <= MAX_ONE {
            self.modules.borrow_mut().keep(hash, bytes, &module);
        }
        Some(module)
    }

    /// Takes a module that the host has compiled, to be used where these bytes are loaded. What it imports and exports has to be what
    /// the bytes say; the rest is the host's word.
    pub fn adopt(&self, bytes: &[u8], module: Module) -> Result<()> {
        let object = Object::parse(bytes, &self.config().parse)?;
        let mut imports: Vec<_> = module
            .imports()
            .iter()
            .map(|i| (i.module.to_vec(), i.name.to_vec()))
            .collect();
        let mut wanted: Vec<_> = object
            .imports
            .iter()
            .map(|i| (i.module.as_bytes().to_vec(), i.name.as_bytes().to_vec()))
            .collect();
        let mut exports: Vec<_> = module.exports().iter().map(|e| e.name.to_vec()).collect();
        let mut given: Vec<_> = object
            .exports
            .iter()
            .map(|e| e.name.as_bytes().to_vec())
            .collect();
        // Engines have their own order.
        imports.sort_unstable();
        wanted.sort_unstable();
        exports.sort_unstable();
        given.sort_unstable();
        if imports != wanted || exports != given {
            let why = "the compiled module is not that of these bytes: it imports or exports something else";
            return Err(Error::new(Code::InvalidArgument, why));
        }
        let hash = FixedState::default().hash_one(bytes);
        self.modules
            .borrow_mut()
            .keep(hash, bytes, &Rc::new(module));
        Ok(())
    }
}
