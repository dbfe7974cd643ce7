//! What is known of each of the bundled engine's engines: where it keeps compiled code, and what its stores share.
//!
//! Wasmtime has a cache of its own, which does not notice damage (Q16): its entries have no hash, and a flipped bit is run as machine
//! code. So that one stays off, no settings of Wasmtime are read, and code is kept by [`crate::engine::kept`].

use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use wasmtime_c_api::wasmtime as w;

use super::wasmtime_mapped::MappedCode;
use crate::engine::kept::{Keeper, Place, Sharing};

/// What is known of one engine. Nothing in it keeps the engine.
#[derive(Clone, Default)]
pub(super) struct Known {
    pub(super) sharing: Arc<Sharing>,
    /// The engine's own, as long as it or a module of it lives.
    mapped: Weak<MappedCode>,
    /// Where the engine has nothing of ours to hold it.
    keeper: Option<Arc<Keeper>>,
}

impl Known {
    /// Where the engine keeps code, if it does.
    pub(super) fn keeper(&self) -> Option<Arc<Keeper>> {
        let held = self
            .mapped()
            .and_then(|mapped| mapped.keeper.get().cloned());
        held.or_else(|| self.keeper.clone())
    }

    /// What makes modules of mapped code for this engine, if it was made so.
    pub(super) fn mapped(&self) -> Option<Arc<MappedCode>> {
        self.mapped.upgrade()
    }
}

static ENGINES: Mutex<Vec<(w::EngineWeak, Known)>> = Mutex::new(Vec::new());

/// Has `engine` keep code in these places. `mapped` is its own, if it has one.
pub(super) fn attach(
    engine: &w::Engine,
    places: Vec<Arc<dyn Place>>,
    version: &str,
    mapped: Option<&Arc<MappedCode>>,
) {
    let keeper = Arc::new(Keeper::new(settings(engine, version), places));
    let mut known = Known::default();
    match mapped {
        Some(mapped) => {
            mapped.keeper.get_or_init(|| keeper);
            known.mapped = Arc::downgrade(mapped);
        }
        None => known.keeper = Some(keeper),
    }
    let mut engines = ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
    engines.retain(|(engine, _)| engine.upgrade().is_some());
    engines.push((engine.weak(), known));
}

/// What is known of `engine`. One that the host has made keeps no code; its stores share what they compile.
pub(super) fn of(engine: &w::Engine) -> Known {
    let mut engines = ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |known: &w::EngineWeak| {
        let known = known.upgrade();
        known.is_some_and(|known| w::Engine::same(&known, engine))
    };
    engines.retain(|(engine, _)| engine.upgrade().is_some());
    if let Some((_, known)) = engines.iter().find(|(known, _)| same(known)) {
        return known.clone();
    }
    let known = Known::default();
    engines.push((engine.weak(), known.clone()));
    known
}

pub(super) fn settings(engine: &w::Engine, version: &str) -> [u8; 32] {
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
    // Also what runs beside the code: the same version built for another system or processor.
    std::env::consts::ARCH.hash(&mut feed);
    std::env::consts::OS.hash(&mut feed);
    engine.precompile_compatibility_hash().hash(&mut feed);
    feed.0.finalize().into()
}
