//! Kept code and shared modules.
//!
//! `cargo bench --features cli --bench kept`. A program with libc (`cargo xtask guests`) is loaded: compiled, taken up from a folder, and had from another
//! namespace of the same engine.

#[path = "loads.rs"]
mod loads;
mod measure;

use std::path::Path;
use std::time::Instant;

use loads::{Engine, Guest};
use measure::median;
use wasmdyld::engine::{EngineCache, ModuleKey};

const ROUNDS: usize = 21;

fn rounds(mut once: impl FnMut() -> f64) -> f64 {
    median((0..ROUNDS).map(|_| once()).collect())
}

fn main() {
    let target = Path::new(env!("CARGO_BIN_EXE_wasmdyld")).ancestors().nth(2);
    let guests = target.expect("a target folder").join("guests");
    let guest = Guest::hello(&guests);
    if !guest.program.exists() {
        println!(
            "{} is not built: cargo xtask guests",
            guest.program.display()
        );
        return;
    }
    let folder = std::env::temp_dir().join(format!("wasmdyld-bench-{}", std::process::id()));
    let compiled = Engine::new(EngineCache::Off).load(&guest).0;
    println!("load of hello with libc, ms, medians of {ROUNDS}");
    println!("compiled              {compiled:9.2}  (once)");
    let of_folder = || Engine::new(EngineCache::Dir(folder.clone()));
    of_folder().load(&guest);
    let kept = rounds(|| of_folder().load(&guest).0);
    println!("from a folder         {kept:9.2}");
    let shared = Engine::new(EngineCache::Off);
    let (_, _first, _store) = shared.load(&guest);
    let again = rounds(|| shared.load(&guest).0);
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
    let _ = std::fs::remove_dir_all(&folder);
}
