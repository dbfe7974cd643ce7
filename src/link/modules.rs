//! Compiled modules by their bytes: a library that is opened again, and generated code that comes out the same, are not compiled
//! again. An engine's store keeps each compiled module until it is deleted, so this also keeps the store from growing.

use std::rc::Rc;
use std::sync::Arc;

use crate::hash_map::HashMap;

use super::namespace::Namespace;
use crate::aside::is_lean;
use crate::engine::{Keeper, Module, ModuleKey, Sharing};
use crate::error::{Code, Error, Result};
use crate::object::{Object, meter};

/// Bytes of modules that are kept, and of one: beyond that the least recently used go.
const MAX_TOTAL: usize = 64 << 20;
const MAX_ONE: usize = 16 << 20;

/// What a module counts for that came without its bytes.
const UNKNOWN_SIZE: usize = 16 << 10;

#[derive(Default)]
pub(super) struct Modules {
    kept: HashMap<ModuleKey, Kept>,
    total: usize,
    clock: u64,
}

/// What the namespace's engine has of compiled code, besides what the namespace has.
pub(super) struct EngineCode {
    keeper: Option<Arc<Keeper>>,
    sharing: Option<Arc<Sharing>>,
}

struct Kept {
    module: Rc<Module>,
    size: usize,
    used: u64,
}

impl Modules {
    fn find(&mut self, key: ModuleKey) -> Option<Rc<Module>> {
        self.clock += 1;
        let kept = self.kept.get_mut(&key)?;
        kept.used = self.clock;
        Some(kept.module.clone())
    }

    fn keep(&mut self, key: ModuleKey, size: usize, module: &Rc<Module>) {
        while self.total + size > MAX_TOTAL {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used);
            let Some((&oldest, _)) = oldest else { break };
            self.remove(oldest);
        }
        self.remove(key);
        self.total += size;
        let kept = Kept {
            size,
            module: module.clone(),
            used: self.clock,
        };
        self.kept.insert(key, kept);
    }

    fn remove(&mut self, key: ModuleKey) {
        if let Some(old) = self.kept.remove(&key) {
            self.total -= old.size;
        }
    }
}

impl Namespace {
    /// The compiled module of these bytes, whose key this is. `None` if the engine refuses them.
    pub(super) fn compile_as(&self, key: ModuleKey, bytes: &[u8]) -> Option<Rc<Module>> {
        let known = self.known_modules(&[key]).pop().flatten();
        known.or_else(|| self.compile_anew(key, bytes))
    }

    /// The compiled modules of these keys, without their bytes: each that this namespace has compiled or taken up, or whose code is kept.
    pub(super) fn known_modules(&self, keys: &[ModuleKey]) -> Vec<Option<Rc<Module>>> {
        let mut found: Vec<_> = {
            let mut modules = self.modules.borrow_mut();
            keys.iter().map(|&key| modules.find(key)).collect()
        };
        let (keeper, sharing) = (self.keeper(), self.sharing());
        if let Some(sharing) = &sharing {
            for (place, &key) in found.iter_mut().zip(keys) {
                if place.is_none() {
                    *place = sharing.find(self.store, key).map(|m| self.remember(key, m));
                }
            }
        }
        let Some(keeper) = keeper else {
            return found;
        };
        let missing: Vec<ModuleKey> = (keys.iter().zip(&found))
            .filter(|(_, found)| found.is_none())
            .map(|(key, _)| *key)
            .collect();
        let taken_up = keeper.find(self.store, &missing);
        let places = found.iter_mut().filter(|found| found.is_none());
        for ((place, key), module) in places.zip(missing).zip(taken_up) {
            let shared = module.and_then(|module| match &sharing {
                Some(sharing) => sharing.find_or_make(self.store, key, |_| Some(module)),
                None => Some(module),
            });
            *place = shared.map(|module| self.remember(key, module));
        }
        found
    }

    /// Remembers a module.
    fn remember(&self, key: ModuleKey, module: Module) -> Rc<Module> {
        let module = Rc::new(module);
        self.modules.borrow_mut().keep(key, UNKNOWN_SIZE, &module);
        module
    }

    fn compile_anew(&self, key: ModuleKey, bytes: &[u8]) -> Option<Rc<Module>> {
        let compile = |made_before| match self.keeper() {
            Some(keeper) => {
                let kept = || keeper.find(self.store, &[key]).pop().flatten();
                let kept = if made_before { kept() } else { None };
                kept.or_else(|| keeper.compile(self.store, key, bytes))
            }
            None => Module::compile(self.store, bytes),
        };
        let module = match self.sharing() {
            Some(sharing) => sharing.find_or_make(self.store, key, compile)?,
            None => compile(false)?,
        };
        let module = Rc::new(module);
        if bytes.len() <= MAX_ONE {
            self.modules.borrow_mut().keep(key, bytes.len(), &module);
        }
        Some(module)
    }

    /// Keeps the code of the modules of a load in one file, where they are many and have come from many.
    pub(super) fn keep_together(&self, keys: &[ModuleKey]) {
        if let Some(keeper) = self.keeper() {
            keeper.keep_together(keys);
        }
    }

    /// Where this namespace's engine keeps compiled code, if it does.
    pub(super) fn keeper(&self) -> Option<Arc<Keeper>> {
        if is_lean() {
            return None;
        }
        self.code().keeper.clone()
    }

    fn sharing(&self) -> Option<Arc<Sharing>> {
        if is_lean() {
            return None;
        }
        self.code().sharing.clone()
    }

    fn code(&self) -> &EngineCode {
        self.engine_code.get_or_init(|| {
            let shim = self.store.shim();
            EngineCode {
                keeper: shim.keeper(self.store),
                sharing: shim.sharing(self.store),
            }
        })
    }

    /// Takes a module that the host has compiled, to be used where these bytes are loaded. What it imports and exports has to be what
    /// the bytes say; the rest is the host's word.
    pub fn adopt(&self, bytes: &[u8], module: Module) -> Result<()> {
        if self.config().snapshots {
            let why = "the namespace lays open what this module keeps to itself, so that snapshots can be taken, and the compiled module does not: give the namespace the bytes alone";
            return Err(Error::new(Code::Unsupported, why));
        }
        let object = Object::parse(bytes, &self.config().parse)?;
        if meter(bytes, self.metering())?.is_some() {
            let why = "the namespace puts checks into this module's code, so that it can stop it, and the compiled module has none: give the namespace the bytes alone";
            return Err(Error::new(Code::Unsupported, why));
        }
        // Of a module that cannot be asked all is the host's word.
        let asked = self.store.shim().lists_tags() || !object.features.tags;
        if asked && !has_names_of(&module, &object) {
            let why = "the compiled module is not that of these bytes: it imports or exports something else";
            return Err(Error::new(Code::InvalidArgument, why));
        }
        let key = ModuleKey::of(bytes);
        self.modules
            .borrow_mut()
            .keep(key, bytes.len(), &Rc::new(module));
        Ok(())
    }
}

/// Whether a module imports and exports what an object does. Engines have their own order.
fn has_names_of(module: &Module, object: &Object) -> bool {
    let (imports, exports) = (module.imports(), module.exports());
    let (wanted, given): (Vec<_>, Vec<_>) = (
        object.imports.iter().collect(),
        object.exports.iter().collect(),
    );
    let imports = imports.iter().map(|i| (i.module, i.name));
    let wanted = wanted
        .iter()
        .map(|i| (i.module.as_bytes(), i.name.as_bytes()));
    let exports = exports.iter().map(|e| e.name);
    let given = given.iter().map(|e| e.name.as_bytes());
    sorted(imports) == sorted(wanted) && sorted(exports) == sorted(given)
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut sorted: Vec<T> = items.collect();
    sorted.sort_unstable();
    sorted
}
