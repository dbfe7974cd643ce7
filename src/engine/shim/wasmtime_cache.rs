//! Which of the bundled engine's engines keep compiled code, and where.
//!
//! Wasmtime has a cache of its own, which does not notice damage (Q16): its entries have no hash, and a flipped bit is run as machine
//! code. So that one stays off, no settings of Wasmtime are read, and code is kept by [`crate::engine::kept`].

use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime_c_api::wasmtime as w;

use super::EngineCache;
use crate::engine::kept::{self, Bounds, Keeper, KeptCode, Unusable};
use crate::error::{Code, Error, Result};

/// Engines that keep code, as long as they live.
static KEEPERS: Mutex<Vec<(w::EngineWeak, Arc<Keeper>)>> = Mutex::new(Vec::new());

fn all() -> MutexGuard<'static, Vec<(w::EngineWeak, Arc<Keeper>)>> {
    KEEPERS.lock().unwrap_or_else(PoisonError::into_inner)
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
    let code = KeptCode::new(folder, Bounds::default());
    let keeper = Keeper::new(configuration(engine, version), code);
    let mut all = all();
    all.retain(|(engine, _)| engine.upgrade().is_some());
    all.push((engine.weak(), Arc::new(keeper)));
}

/// What `engine` keeps, if it does.
pub(super) fn of(engine: &w::Engine) -> Option<Arc<Keeper>> {
    let all = all();
    let same = |known: &w::EngineWeak| {
        let known = known.upgrade();
        known.is_some_and(|known| w::Engine::same(&known, engine))
    };
    let found = all.iter().find(|(known, _)| same(known));
    found.map(|(_, keeper)| keeper.clone())
}

fn configuration(engine: &w::Engine, version: &str) -> [u8; 32] {
    /// Feeds what wants to be hashed to a hash that stays the same from process to process.
    struct Feed(blake3::Hasher);
    impl Hasher for Feed {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            0
        }
    }
    let mut feed = Feed(blake3::Hasher::new());
    "wasmtime".hash(&mut feed);
    version.hash(&mut feed);
    engine.precompile_compatibility_hash().hash(&mut feed);
    feed.0.finalize().into()
}
