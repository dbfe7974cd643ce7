//! Kept code and shared modules.
//!
//! `cargo bench --features cli --bench kept`. A program with libc (`cargo xtask guests`) is loaded: compiled, taken up from a folder, and had from another
//! namespace of the same engine; then by 8 threads with 5 stores each, which have one engine or one each.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use wasmdyld::config::Config;
use wasmdyld::engine::{Api, EngineCache, EngineOptions, ModuleKey, OwnedEngine, shim};
use wasmdyld::link::{Flags, Namespace, Source};
use wasmdyld::wasi::WasiConfig;

const THREADS: usize = 8;
const STORES: usize = 5;
const ROUNDS: usize = 21;

struct Guest {
    program: PathBuf,
    libraries: PathBuf,
}

/// Several threads may make stores of an engine.
struct Engine(OwnedEngine);

// SAFETY: as wasm.h says of engines.
unsafe impl Sync for Engine {}
// SAFETY: as above.
unsafe impl Send for Engine {}

fn engine(cache: EngineCache) -> Engine {
    let api = Api::linked();
    let options = EngineOptions {
        cache,
        prebuilt: Some(Vec::new()),
        ..EngineOptions::default()
    };
    Engine(shim::of(api).new_engine(api, &options).expect("an engine"))
}

/// Milliseconds that a load takes, and what it came to.
fn load(engine: &Engine, guest: &Guest) -> (f64, Rc<Namespace>, wasmdyld::engine::OwnedStore) {
    let store = engine.0.new_store().expect("a store");
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

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn rounds(mut once: impl FnMut() -> f64) -> f64 {
    median((0..ROUNDS).map(|_| once()).collect())
}

fn main() {
    let target = Path::new(env!("CARGO_BIN_EXE_wasmdyld")).ancestors().nth(2);
    let guests = target.expect("a target folder").join("guests");
    let guest = Guest {
        program: guests.join("cases/hello/main-pie.wasm"),
        libraries: guests.join("lib"),
    };
    if !guest.program.exists() {
        println!(
            "{} is not built: cargo xtask guests",
            guest.program.display()
        );
        return;
    }
    let folder = std::env::temp_dir().join(format!("wasmdyld-bench-{}", std::process::id()));
    let compiled = load(&engine(EngineCache::Off), &guest).0;
    println!("load of hello with libc, ms, medians of {ROUNDS}");
    println!("compiled              {compiled:9.2}  (once)");
    load(&engine(EngineCache::Dir(folder.clone())), &guest);
    let kept = rounds(|| load(&engine(EngineCache::Dir(folder.clone())), &guest).0);
    println!("from a folder         {kept:9.2}");
    let shared = engine(EngineCache::Off);
    let (_, _first, _store) = load(&shared, &guest);
    let again = rounds(|| load(&shared, &guest).0);
    println!("from another namespace{again:9.2}");
    let bytes = std::fs::read(guest.libraries.join("libc.so")).expect("libc.so");
    let hash = rounds(|| {
        let start = Instant::now();
        std::hint::black_box(ModuleKey::of(&bytes));
        start.elapsed().as_secs_f64() * 1e3
    });
    println!(
        "key of libc.so        {hash:9.2}  ({} kB)",
        bytes.len() / 1000
    );
    println!("{THREADS} threads, {STORES} stores each, one after the other; s");
    for (what, engines) in [("one engine", 1), ("an engine each", THREADS)] {
        let engines: Vec<Engine> = (0..engines).map(|_| engine(EngineCache::Off)).collect();
        let start = Instant::now();
        std::thread::scope(|scope| {
            for n in 0..THREADS {
                let engine = &engines[n % engines.len()];
                let guest = &guest;
                let work = move || (0..STORES).for_each(|_| drop(load(engine, guest)));
                let thread = std::thread::Builder::new().stack_size(8 << 20);
                thread.spawn_scoped(scope, work).expect("a thread");
            }
        });
        println!("{what:22}{:9.2}", start.elapsed().as_secs_f64());
    }
    let _ = std::fs::remove_dir_all(&folder);
}
