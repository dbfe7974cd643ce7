//! Compiled modules in the memory of each engine: however many namespaces and threads want one, it is compiled once. What an engine is asked
//! to compile is counted on the way to it.
#![cfg(all(feature = "cli", feature = "wasmtime"))]

#[path = "support/c.rs"]
mod c;

use std::ffi::{CStr, c_void};
use std::fmt::Write;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, RwLock};

use wasmdyld::config::Config;
use wasmdyld::engine::sys::{
    wasm_byte_vec_t, wasm_config_t, wasm_engine_t, wasm_module_t, wasm_store_t,
};
use wasmdyld::engine::{Api, EngineLibrary, EngineOptions, Func, OwnedEngine, Val, shim};
use wasmdyld::link::{Flags, Namespace, SearchIn, Source, Symbol};

const THREADS: usize = 8;
const STORES: usize = 5;

type Compile =
    unsafe extern "C" fn(*mut wasm_store_t, *const wasm_byte_vec_t) -> *mut wasm_module_t;

/// What the engine under test compiles with, and how often it had to compile the library.
static COMPILE: RwLock<Option<Compile>> = RwLock::new(None);
static COMPILED: AtomicUsize = AtomicUsize::new(0);

/// What the linker generates is smaller, and so is what it asks engines about.
const LARGE: usize = 4000;

/// Libraries with different numbers are different modules.
fn library(number: usize) -> Vec<u8> {
    let mut text = "(module (@dylink.0 (mem-info))".to_string();
    for n in 0..300 {
        write!(
            text,
            "(func (export \"f{n}\") (param i32) (result i32)
               (i32.mul (i32.add (local.get 0) (i32.const {n})) (i32.const {number})))"
        )
        .expect("text");
    }
    text.push(')');
    let bytes = wat::parse_str(text).expect("a module");
    assert!(bytes.len() >= LARGE);
    bytes
}

unsafe extern "C" fn counted(
    store: *mut wasm_store_t,
    bytes: *const wasm_byte_vec_t,
) -> *mut wasm_module_t {
    // SAFETY: the linker's own vector, and the engine's own function.
    unsafe {
        if (*bytes).size >= LARGE {
            COMPILED.fetch_add(1, Ordering::Relaxed);
        }
        let compile = COMPILE
            .read()
            .expect("an engine")
            .expect("an engine is there");
        compile(store, bytes)
    }
}

/// Several threads may make stores of an engine.
struct Engine(&'static Api, OwnedEngine);

// SAFETY: as wasm.h says of engines.
unsafe impl Sync for Engine {}

impl Engine {
    fn new(api: &'static Api) -> Engine {
        let options = EngineOptions::default();
        Engine(
            api,
            shim::of(api)
                .new_engine(api, &options)
                .expect("a new engine"),
        )
    }

    /// Loads a library into a namespace of its own, has it add and multiply, and lets go of all when `then` is done.
    fn load(&self, number: usize, then: impl FnOnce()) {
        let store = self.1.new_store().expect("a store");
        let ns = Namespace::new(store.store(), Config::default());
        let source = Source::Bytes {
            name: "large.so".into(),
            bytes: library(number),
        };
        let object = ns.load(source, Flags::default()).expect("it loads");
        let found = ns.dlsym(SearchIn::Object(object), "f7");
        let Ok(Symbol::Func { callee, .. }) = found else {
            panic!("no function");
        };
        let func = ns.func_ptr(callee).expect("a function");
        // SAFETY: its namespace is alive.
        let func = unsafe { Func::lend(self.0, func) };
        let mut results = [Val::u32(0)];
        func.call(&[Val::u32(5)], &mut results).expect("it returns");
        assert_eq!(results[0].as_u32(), Some((5 + 7) * number as u32));
        then();
    }
}

/// How often a library is compiled meanwhile.
fn compiled(work: impl FnOnce()) -> usize {
    COMPILED.store(0, Ordering::Relaxed);
    work();
    COMPILED.load(Ordering::Relaxed)
}

fn at_once(engine: &Engine, number: usize) {
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                barrier.wait();
                // All are there until the last has come.
                fn nested(engine: &Engine, number: usize, more: usize, barrier: &Barrier) {
                    engine.load(number, || match more {
                        0 => drop(barrier.wait()),
                        _ => nested(engine, number, more - 1, barrier),
                    });
                }
                nested(engine, number, STORES - 1, &barrier);
            });
        }
    });
}

#[test]
fn an_engine_compiles_a_library_once() {
    for (name, path) in c::engines() {
        // SAFETY: an engine that was built for these tests.
        let opened = unsafe { EngineLibrary::open(&path) }.expect("an engine");
        let mut api = opened.api().clone();
        *COMPILE.write().expect("nobody compiles") = Some(api.wasm_module_new);
        api.wasm_module_new = counted;
        let api: &'static Api = Box::leak(Box::new(api));
        let engine = Engine::new(api);

        let times = compiled(|| at_once(&engine, 3));
        assert_eq!(times, 1, "{name}: {THREADS} threads with {STORES} stores");

        // One after the other, with nothing in between that has it: there an engine has to be able to write code.
        let writes = name != "wasmi";
        let times = compiled(|| (0..3).for_each(|_| engine.load(4, || ())));
        assert_eq!(
            times,
            if writes { 1 } else { 3 },
            "{name}: one after the other"
        );

        // Another engine of the library has its own.
        let other = Engine::new(api);
        let times = compiled(|| engine.load(5, || other.load(5, || other.load(5, || ()))));
        assert_eq!(times, if writes { 1 } else { 2 }, "{name}: two engines");
        drop(engine);
        other.load(5, || ());
    }
}

/// Code of one engine is not taken for that of another which compiles differently.
#[test]
fn engines_of_a_library_are_told_by_what_they_compile() {
    type NewConfig = unsafe extern "C" fn() -> *mut wasm_config_t;
    type Set = unsafe extern "C" fn(*mut wasm_config_t, bool);
    type NewEngine = unsafe extern "C" fn(*mut wasm_config_t) -> *mut wasm_engine_t;

    let engines = c::engines();
    let Some((_, path)) = engines.iter().find(|(name, _)| name == "wasmtime") else {
        return;
    };
    // SAFETY: as above.
    let opened = unsafe { EngineLibrary::open(path) }.expect("an engine");
    let api = opened.api();
    let find = |name: &CStr| opened.function(name).expect("a function");
    let settings = |name: Option<&CStr>, on: bool| {
        // SAFETY: functions of these names have these types (wasm.h, wasmtime/config.h); the configuration is given up to the engine.
        let engine = unsafe {
            let new = std::mem::transmute::<NonNull<c_void>, NewConfig>(find(c"wasm_config_new"));
            let config = new();
            if let Some(name) = name {
                std::mem::transmute::<NonNull<c_void>, Set>(find(name))(config, on);
            }
            let new = find(c"wasm_engine_new_with_config");
            let engine = std::mem::transmute::<NonNull<c_void>, NewEngine>(new)(config);
            OwnedEngine::from_raw(api, NonNull::new(engine).expect("an engine"))
        };
        let store = engine.new_store().expect("a store");
        let keeper = shim::of(api).keeper(store.store());
        *keeper.expect("it writes code").settings()
    };
    let usual = settings(None, false);
    assert_eq!(settings(None, false), usual);
    for (name, on) in [
        (c"wasmtime_config_epoch_interruption_set", true),
        (c"wasmtime_config_consume_fuel_set", true),
        (c"wasmtime_config_wasm_tail_call_set", false),
    ] {
        assert_ne!(settings(Some(name), on), usual, "{name:?}");
    }
}
