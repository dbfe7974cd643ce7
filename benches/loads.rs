//! Loads of a program with libc inside this process: what the benches of kept code and of starts share.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use wasmdyld::config::Config;
use wasmdyld::engine::{Api, EngineCache, EngineOptions, OwnedEngine, OwnedStore, shim};
use wasmdyld::link::{Flags, Namespace, Source};
use wasmdyld::wasi::WasiConfig;

pub struct Guest {
    pub program: PathBuf,
    pub libraries: PathBuf,
}

impl Guest {
    /// The hello of `cargo xtask guests`, below this folder.
    pub fn hello(guests: &Path) -> Guest {
        Guest {
            program: guests.join("cases/hello/main-pie.wasm"),
            libraries: guests.join("lib"),
        }
    }
}

/// Several threads may make stores of an engine.
pub struct Engine(OwnedEngine);

// SAFETY: as wasm.h says of engines.
unsafe impl Sync for Engine {}
// SAFETY: as above.
unsafe impl Send for Engine {}

impl Engine {
    pub fn new(cache: EngineCache) -> Engine {
        let api = Api::linked();
        let options = EngineOptions {
            cache,
            prebuilt: Some(Vec::new()),
            ..EngineOptions::default()
        };
        Engine(shim::of(api).new_engine(api, &options).expect("an engine"))
    }

    /// Milliseconds that a load takes in a store of its own, and what it came to.
    pub fn load(&self, guest: &Guest) -> (f64, Rc<Namespace>, OwnedStore) {
        let store = self.0.new_store().expect("a store");
        let mut config = Config::default();
        config.search.library_paths = vec![guest.libraries.clone()];
        config.launch_closures = false;
        let ns = Namespace::new(store.store(), config);
        let wasi = WasiConfig::new().build().expect("WASI");
        ns.define_wasi(wasi).expect("WASI");
        let flags = Flags {
            main: true,
            ..Flags::default()
        };
        let start = Instant::now();
        let source = Source::Path(guest.program.clone());
        ns.load(source, flags).expect("the program loads");
        (start.elapsed().as_secs_f64() * 1e3, ns, store)
    }
}
