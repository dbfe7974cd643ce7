//! Which of the bundled engine's engines keep compiled code, and where.
//!
//! Wasmtime has a cache of its own, which does not notice damage (Q16): its entries have no hash, and a flipped bit is run as machine
//! code. So that one stays off, no settings of Wasmtime are read, and code is kept by [`crate::engine::kept`].

use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use wasmtime_c_api::wasmtime as w;

use super::EngineCache;
use crate::engine::kept::{self, Bounds, KeptCode, Key, Unusable};
use crate::error::{Code, Error, Result};

/// What one engine keeps.
pub(super) struct Keeping {
    code: KeptCode,
    /// Hash of the engine's version and of all in its configuration that code depends on.
    configuration: [u8; 32],
}

/// Engines that keep code, as long as they live.
static KEEPING: Mutex<Vec<(w::EngineWeak, Arc<Keeping>)>> = Mutex::new(Vec::new());

fn all() -> MutexGuard<'static, Vec<(w::EngineWeak, Arc<Keeping>)>> {
    KEEPING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where code is to be kept. Only a folder that was asked for by name is worth an error, and only if it is the wrong one: a disk that is
/// full or read-only keeps nothing.
pub(super) fn folder(cache: &EngineCache) -> Result<Option<PathBuf>> {
    let dir = match cache {
        EngineCache::Off => return Ok(None),
        EngineCache::Default => {
            return Ok(default_folder().and_then(|dir| kept::private(&dir).ok()));
        }
        EngineCache::Dir(dir) => dir,
    };
    let code = match kept::private(dir) {
        Ok(dir) => return Ok(Some(dir)),
        Err(Unusable::Missing(_)) => return Ok(None),
        Err(why @ Unusable::Unsafe(_)) => (Code::InvalidArgument, why),
        Err(why @ Unusable::Wrong(_)) => (Code::Io, why),
    };
    let (code, why) = code;
    let text = format!("cache folder {}: {why}", dir.display());
    Err(Error::new(code, text))
}

/// `wasmdyld` among the user's caches.
fn default_folder() -> Option<PathBuf> {
    let absolute = |name| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let base = match cfg!(target_vendor = "apple") {
        true => absolute("HOME")?.join("Library/Caches"),
        false => {
            let given = absolute("XDG_CACHE_HOME");
            given.or_else(|| Some(absolute("HOME")?.join(".cache")))?
        }
    };
    Some(base.join("wasmdyld"))
}

/// Has `engine` keep code in `folder`.
pub(super) fn attach(engine: &w::Engine, folder: PathBuf, version: &str) {
    let keeping = Keeping {
        code: KeptCode::new(folder, Bounds::default()),
        configuration: configuration(engine, version),
    };
    let mut all = all();
    all.retain(|(engine, _)| engine.upgrade().is_some());
    all.push((engine.weak(), Arc::new(keeping)));
}

/// What `engine` keeps, if it does.
pub(super) fn of(engine: &w::Engine) -> Option<Arc<Keeping>> {
    let all = all();
    let same = |known: &w::EngineWeak| {
        let known = known.upgrade();
        known.is_some_and(|known| w::Engine::same(&known, engine))
    };
    let found = all.iter().find(|(known, _)| same(known));
    found.map(|(_, keeping)| keeping.clone())
}

fn configuration(engine: &w::Engine, version: &str) -> [u8; 32] {
    /// Feeds what wants to be hashed to a hash that stays the same from process to process.
    struct Feed(Sha256);
    impl Hasher for Feed {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            0
        }
    }
    let mut feed = Feed(Sha256::new());
    "wasmtime".hash(&mut feed);
    version.hash(&mut feed);
    engine.precompile_compatibility_hash().hash(&mut feed);
    feed.0.finalize().into()
}

impl Keeping {
    /// The module of `bytes`: what `take_up` makes of the kept code, else what `compile` gives, whose code, by `serialize`, is kept.
    ///
    /// `take_up` gets code that this engine's kind and configuration gave, unchanged.
    pub(super) fn module<M>(
        &self,
        bytes: &[u8],
        take_up: impl FnOnce(&[u8]) -> Option<M>,
        compile: impl FnOnce() -> Option<M>,
        serialize: impl FnOnce(&M) -> Option<Vec<u8>>,
    ) -> Option<M> {
        let key = Key::new(&self.configuration, bytes);
        let kept = self.code.find(key);
        if let Some(module) = kept.and_then(|kept| take_up(kept.code())) {
            return Some(module);
        }
        let module = compile()?;
        if let Some(code) = serialize(&module) {
            self.code.keep(key, &code);
        }
        Some(module)
    }
}
