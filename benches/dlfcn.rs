//! What linking at run time costs: dlsym of guest and host, opening and closing a library, functions bound when they are called.
//! `cargo bench --bench dlfcn`.
//!
//! Times of the same kind are measured in interleaved rounds; what counts is the median over rounds of one case's time by another's.

mod generator;
mod measure;

use std::ffi::{CString, c_char, c_void};
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::time::{Duration, Instant};

use generator::{Random, Shape, Spec};
use measure::median;
use wasmdyld::config::Config;
use wasmdyld::engine::sys::{
    WASM_I32, wasm_func_t, wasm_store_t, wasm_trap_t, wasm_val_t, wasm_val_union, wasm_val_vec_t,
};
use wasmdyld::engine::{
    Api, EngineFuncType, EngineOptions, Extern, Func, OwnedEngine, OwnedStore, Val, shim,
};
use wasmdyld::error::{Code, Error, Result};
use wasmdyld::link::{Flags, Namespace, Party, SearchIn, Source, Symbol};
use wasmdyld::object::{FuncType, ValType};
use wasmdyld::plan::{Bind, ObjectId};
use wasmdyld::search::Opened;

const ROUNDS: usize = 31;
const GUEST_CALLS: u32 = 200_000;
const LAZY_CALLS: u32 = 5_000_000;
const SYMBOLS: usize = 10_000;
/// Functions whose slots are asked for: each takes an instance of the 10,000 that wasmtime makes (Q14).
const VALUES: usize = 1_000;
const LOADS: usize = 500;
/// Functions that are called for the first time.
const FIRST_CALLS: usize = 60;

fn main() -> Result<()> {
    let api = Api::linked();
    let engine = shim::of(api).new_engine(api, &EngineOptions::default())?;
    guest_lookups(&engine)?;
    host_lookups(&engine)?;
    opening(&engine)?;
    lazy_calls(&engine)
}

fn failed(what: &str) -> Error {
    Error::new(Code::Internal, what)
}

/// A report, not a verdict: other work on the machine can spoil any run.
fn goal(what: &str, is: f64, most: f64) {
    let verdict = if is <= most { "met" } else { "MISSED" };
    println!("{verdict}: {what}: {is:.2}, goal {most}");
}

fn global() -> Flags {
    Flags {
        global: true,
        ..Flags::default()
    }
}

fn load(ns: &Rc<Namespace>, name: &str, bytes: Vec<u8>, flags: Flags) -> Result<ObjectId> {
    let name = name.to_string();
    ns.load(Source::Bytes { name, bytes }, flags)
}

fn assemble(text: &str) -> Result<Vec<u8>> {
    wat::parse_str(text).map_err(|e| failed(&e.to_string()))
}

/// A library of so many symbols that needs nothing.
fn library(exports: usize) -> Vec<u8> {
    let spec = Spec::new(Shape::Chain, 1, exports, 0);
    generator::generate(&spec).remove(0).bytes
}

/// The engine's function behind an object's; the namespace owns it.
fn function(ns: &Rc<Namespace>, id: ObjectId, name: &str) -> Result<NonNull<wasm_func_t>> {
    match ns.dlsym(SearchIn::Object(id), name)? {
        Symbol::Func { callee, .. } => ns.func_ptr(callee),
        _ => Err(failed("no function")),
    }
}

fn call(func: NonNull<wasm_func_t>, args: &[Val]) -> Result<u32> {
    // SAFETY: its namespace is alive wherever this is called.
    let func = unsafe { Func::lend(Api::linked(), func) };
    let mut results = [Val::u32(0)];
    let outcome = func.call(args, &mut results);
    outcome.map_err(|trap| Error::new(Code::Trap, trap.message()))?;
    results[0]
        .as_u32()
        .ok_or_else(|| failed("a result that is no i32"))
}

/// Loops of `n` calls from the guest: to the linker's dlsym, and to a function of the host that does nothing.
const GUEST: &str = r#"(module
  (@dylink.0 (mem-info (memory 128 0)))
  (import "env" "memory" (memory 0))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
  (import "env" "dlsym" (func $dlsym (param i32 i32) (result i32)))
  (import "test" "empty" (func $empty (param i32 i32) (result i32)))
  (func (export "open") (result i32) (call $dlopen (global.get $base) (i32.const 2)))
  (func (export "run_dlsym") (param $n i32) (param $handle i32) (param $name i32) (result i32) (local $last i32)
    (loop $next
      (local.set $last (call $dlsym (local.get $handle) (i32.add (global.get $base) (local.get $name))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $last))
  (func (export "run_empty") (param $n i32) (param $handle i32) (param $name i32) (result i32) (local $last i32)
    (loop $next
      (local.set $last (call $empty (local.get $handle) (i32.add (global.get $base) (local.get $name))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $last))
  (data (global.get $base) "libmany.so\00")
)"#;

/// Where in the guest's data the names of a function and of a datum stand.
const NAMES: [(&str, u32); 2] = [("a function", 32), ("a datum", 80)];

unsafe extern "C" fn empty(
    _env: *mut c_void,
    _args: *const wasm_val_vec_t,
    results: *mut wasm_val_vec_t,
) -> *mut wasm_trap_t {
    // SAFETY: the engine gives a vector of one result.
    unsafe {
        *(*results).data = wasm_val_t {
            kind: WASM_I32,
            of: wasm_val_union { i32: 1 },
        };
    }
    ptr::null_mut()
}

/// Defines the function that does nothing, through the engine alone.
fn define_empty(store: &OwnedStore, ns: &Namespace) -> Result<()> {
    let api = Api::linked();
    let ty = FuncType {
        params: vec![ValType::I32; 2],
        results: vec![ValType::I32],
    };
    let ty = EngineFuncType::new(api, &ty)?;
    let env = NonNull::<c_void>::dangling().as_ptr();
    // SAFETY: the callback fits the type and does not look at its environment.
    let func =
        unsafe { (api.wasm_func_new_with_env)(store.store().raw(), ty.raw(), empty, env, None) };
    let func = NonNull::new(func).ok_or_else(|| failed("no function made"))?;
    // SAFETY: just made, and ours.
    let func = unsafe { Func::from_raw(api, func) };
    let raw = NonNull::new(func.as_extern().raw()).ok_or_else(|| failed("no extern"))?;
    // SAFETY: a view of `func`, which lives until the end of this function.
    let value = unsafe { Extern::lend(api, raw) };
    ns.define_extern("test", "empty", &value, false)
}

fn guest_lookups(engine: &OwnedEngine) -> Result<()> {
    println!("dlsym called by the guest, {GUEST_CALLS} calls a round, ns a call");
    for symbols in [100, SYMBOLS] {
        let store = engine.new_store()?;
        let ns = Namespace::new(store.store(), Config::default());
        define_empty(&store, &ns)?;
        load(&ns, "libmany.so", library(symbols), Flags::default())?;
        let guest = load(&ns, "guest.so", assemble(GUEST)?, Flags::default())?;
        let place = ns.object(guest).ok_or_else(|| failed("no guest"))?.place;
        // Symbols in the midst: a function, and, the ninth of ten, a datum.
        for ((_, offset), symbol) in NAMES.into_iter().zip([symbols / 2, symbols / 2 + 9]) {
            let name = format!("{}\0", generator::symbol_name(0, symbol));
            let at = place.memory_base + u64::from(offset);
            let written = ns.memory()?.write(at, name.as_bytes());
            written.map_err(|_| failed("no room for a name"))?;
        }
        let handle = call(function(&ns, guest, "open")?, &[])?;
        let (dlsym, empty) = (
            function(&ns, guest, "run_dlsym")?,
            function(&ns, guest, "run_empty")?,
        );
        for (what, offset) in NAMES {
            let time = |run, calls: u32| -> Result<f64> {
                let args = [Val::u32(calls), Val::u32(handle), Val::u32(offset)];
                let start = Instant::now();
                if call(run, &args)? == 0 {
                    return Err(failed("dlsym found nothing"));
                }
                Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(calls))
            };
            // The first lookup of a function gives it a slot.
            time(dlsym, 1)?;
            let (mut nothing, mut lookups, mut ratios) = (vec![], vec![], vec![]);
            for _ in 0..ROUNDS {
                let (one, other) = (time(empty, GUEST_CALLS)?, time(dlsym, GUEST_CALLS)?);
                nothing.push(one);
                lookups.push(other);
                ratios.push(other / one);
            }
            let what = format!("{what} among {symbols}");
            println!(
                "  {what:24} {:7.1}, an empty callback {:7.1}",
                median(lookups),
                median(nothing)
            );
            goal(
                &format!("dlsym over an empty callback, {what}"),
                median(ratios),
                2.0,
            );
        }
    }
    println!();
    Ok(())
}

/// What the C interface is called with.
mod c {
    #![allow(non_camel_case_types, reason = "the names are those of the C header")]
    use super::*;

    pub enum wasm_dyld_t {}
    pub enum wasm_dyld_object_t {}

    unsafe extern "C" {
        pub fn wasm_dyld_new(
            store: *mut wasm_store_t,
            config: *mut c_void,
            namespace: *mut *mut wasm_dyld_t,
            error: *mut *mut c_void,
        ) -> u32;
        pub fn wasm_dyld_delete(namespace: *mut wasm_dyld_t);
        pub fn wasm_dyld_load_bytes(
            namespace: *mut wasm_dyld_t,
            name: *const c_char,
            bytes: *const u8,
            size: usize,
            flags: u32,
            object: *mut *mut wasm_dyld_object_t,
            error: *mut *mut c_void,
        ) -> u32;
        pub fn wasm_dyld_dlsym(
            namespace: *mut wasm_dyld_t,
            object: *const wasm_dyld_object_t,
            name: *const c_char,
            kind: *mut u32,
            function: *mut *mut wasm_func_t,
            value: *mut u64,
            error: *mut *mut c_void,
        ) -> u32;
    }
}

/// A namespace of the C interface.
struct Host(*mut c::wasm_dyld_t);

impl Host {
    fn new(store: &OwnedStore) -> Result<Host> {
        let mut ns = ptr::null_mut();
        let raw = store.store().raw();
        // SAFETY: a live store; NULL stands for the defaults and for no error.
        match unsafe { c::wasm_dyld_new(raw, ptr::null_mut(), &mut ns, ptr::null_mut()) } {
            0 => Ok(Host(ns)),
            code => Err(failed(&format!("wasm_dyld_new gives {code}"))),
        }
    }

    fn load(&self, name: &str, bytes: &[u8], flags: u32) -> Result<*mut c::wasm_dyld_object_t> {
        let name = CString::new(name).unwrap_or_default();
        let mut object = ptr::null_mut();
        // SAFETY: all pointers are valid for the call.
        let code = unsafe {
            let (bytes, size) = (bytes.as_ptr(), bytes.len());
            c::wasm_dyld_load_bytes(
                self.0,
                name.as_ptr(),
                bytes,
                size,
                flags,
                &mut object,
                ptr::null_mut(),
            )
        };
        match code {
            0 => Ok(object),
            code => Err(failed(&format!("wasm_dyld_load_bytes gives {code}"))),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and not used again.
        unsafe { c::wasm_dyld_delete(self.0) }
    }
}

fn host_lookups(engine: &OwnedEngine) -> Result<()> {
    const GLOBAL: u32 = 256;
    println!("wasm_dyld_dlsym among {SYMBOLS} symbols, ns a call");
    let store = engine.new_store()?;
    let host = Host::new(&store)?;
    let object = host.load("libmany.so", &library(SYMBOLS), GLOBAL)?;
    let (functions, data): (Vec<usize>, Vec<usize>) = (0..SYMBOLS).partition(|n| n % 10 != 9);
    let shuffled = |mut symbols: Vec<usize>, count: usize| -> Vec<CString> {
        let mut random = Random::new(7);
        for n in (1..symbols.len()).rev() {
            symbols.swap(n, random.below(n + 1));
        }
        let names = symbols.into_iter().take(count);
        names
            .map(|n| CString::new(generator::symbol_name(0, n)).unwrap_or_default())
            .collect()
    };
    let functions = shuffled(functions, SYMBOLS);
    let data = shuffled(data, SYMBOLS);
    let scopes = [
        ("in an object", object.cast_const()),
        ("in the global scope", ptr::null()),
    ];
    for (scope, object) in scopes {
        let cases = [
            ("function out", &functions[..], true),
            ("function's value out", &functions[..VALUES], false),
            ("datum's value out", &data[..], false),
        ];
        for (what, names, function_out) in cases {
            let round = || -> Result<f64> {
                let (mut function, mut value) = (ptr::null_mut(), 0);
                let (function, value): (*mut *mut wasm_func_t, *mut u64) = match function_out {
                    true => (&mut function, ptr::null_mut()),
                    false => (ptr::null_mut(), &mut value),
                };
                let start = Instant::now();
                for name in names {
                    // SAFETY: all pointers are valid for the call.
                    let code = unsafe {
                        c::wasm_dyld_dlsym(
                            host.0,
                            object,
                            name.as_ptr(),
                            ptr::null_mut(),
                            function,
                            value,
                            ptr::null_mut(),
                        )
                    };
                    if code != 0 {
                        return Err(failed(&format!("wasm_dyld_dlsym gives {code}")));
                    }
                }
                Ok(start.elapsed().as_secs_f64() * 1e9 / names.len() as f64)
            };
            // The first one gives functions their slots.
            round()?;
            let times = (0..ROUNDS).map(|_| round()).collect::<Result<_>>()?;
            goal(&format!("{what}, {scope}"), median(times), 150.0);
        }
    }
    println!();
    Ok(())
}

/// A small library that needs another one: data, a slot, a constructor.
const TOP: &str = r#"(module
  (@dylink.0 (mem-info (memory 256 4) (table 1 0)) (needed "libbase.so"))
  (import "env" "memory" (memory 0))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__table_base" (global $slots i32))
  (import "env" "base" (func $callee (param i32) (result i32)))
  (func $top (export "top") (param i32) (result i32) (call $callee (local.get 0)))
  (func (export "__wasm_call_ctors") (i32.store (global.get $base) (call $top (i32.const 1))))
  (elem (global.get $slots) func $top)
  (data (global.get $base) "some data")
)"#;
const BASE: &str = r#"(module
  (@dylink.0 (mem-info (memory 0 0)))
  (func (export "base") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
)"#;

fn opening(engine: &OwnedEngine) -> Result<()> {
    println!("opening and closing a small library with one that it needs, medians of {LOADS}, us");
    let (top, base) = (assemble(TOP)?, assemble(BASE)?);
    let store = engine.new_store()?;
    let mut config = Config::default();
    config.search.open = Some(std::sync::Arc::new(move |name, _| {
        let bytes = match name {
            "libtop.so" => top.clone(),
            "libbase.so" => base.clone(),
            _ => return Ok(None),
        };
        let identity = name.as_bytes().to_vec();
        Ok(Some(Opened {
            bytes,
            identity,
            ready: None,
        }))
    }));
    let ns = Namespace::new(store.store(), config);
    // As in a program that runs: something is loaded already.
    load(&ns, "libmany.so", library(100), global())?;
    let mut times = vec![Vec::new(); 7];
    let mut first = Duration::ZERO;
    for round in 0..LOADS + 10 {
        let start = Instant::now();
        let id = ns.load(Source::Name("libtop.so".into()), Flags::default())?;
        let opened = start.elapsed();
        let again = Instant::now();
        ns.load(Source::Name("libtop.so".into()), Flags::default())?;
        let reopened = again.elapsed();
        ns.close(id, Party::Host)?;
        let start = Instant::now();
        ns.close(id, Party::Host)?;
        let closed = start.elapsed();
        if round == 0 {
            first = ns.statistics().compile;
        }
        if round < 10 {
            continue;
        }
        // A load of what is there leaves the statistics of the one before.
        let s = ns.statistics();
        let all = [
            opened.saturating_sub(s.compile),
            s.own(),
            s.instantiate,
            s.init,
            s.compile,
            reopened,
            closed,
        ];
        for (times, time) in times.iter_mut().zip(all) {
            times.push(us(time));
        }
    }
    let names = [
        "opening, without compiling",
        "  of that: the linker",
        "  of that: instantiating",
        "  of that: constructors",
        "looking up compiled modules",
        "opening what is open",
        "closing",
    ];
    for (name, times) in names.into_iter().zip(times) {
        println!("  {name:28} {:9.1}", median(times));
    }
    println!("  compiling, the first time    {:9.1}", us(first));
    println!();
    Ok(())
}

fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Imports `f0` to `f59` and calls them: each once, and the first one in a loop.
fn caller() -> Result<Vec<u8>> {
    let mut text = String::from("(module (@dylink.0 (mem-info (memory 0 0)))\n");
    for n in 0..FIRST_CALLS {
        text += &format!("(import \"env\" \"f{n}\" (func $f{n} (param i32) (result i32)))\n");
    }
    for n in 0..FIRST_CALLS {
        text += &format!(
            "(func (export \"call{n}\") (param i32) (result i32) (call $f{n} (local.get 0)))\n"
        );
    }
    text += r#"(func (export "run") (param $n i32) (result i32) (local $last i32)
      (loop $next
        (local.set $last (call $f0 (local.get $last)))
        (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $last)))"#;
    assemble(&text)
}

fn definer() -> Result<Vec<u8>> {
    let mut text = String::from("(module (@dylink.0 (mem-info (memory 0 0)))\n");
    for n in 0..FIRST_CALLS {
        text += &format!(
            "(func (export \"f{n}\") (param i32) (result i32) (i32.add (local.get 0) (i32.const 3)))\n"
        );
    }
    text.push(')');
    assemble(&text)
}

fn lazy_calls(engine: &OwnedEngine) -> Result<()> {
    println!("functions bound when they are called");
    let stores = [engine.new_store()?, engine.new_store()?];
    let direct = Namespace::new(stores[0].store(), Config::default());
    load(&direct, "libdefiner.so", definer()?, global())?;
    let direct_caller = load(&direct, "libcaller.so", caller()?, Flags::default())?;
    let lazy = Namespace::new(stores[1].store(), Config::default());
    let flags = Flags {
        bind: Some(Bind::Lazy),
        ..Flags::default()
    };
    let lazy_caller = load(&lazy, "libcaller.so", caller()?, flags)?;
    load(&lazy, "libdefiner.so", definer()?, global())?;

    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    let mut very_first = 0.0;
    let timed = |func| -> Result<f64> {
        let start = Instant::now();
        call(func, &[Val::u32(1)])?;
        Ok(us(start.elapsed()))
    };
    for n in 0..FIRST_CALLS {
        let name = format!("call{n}");
        let (bound, unbound) = (
            function(&direct, direct_caller, &name)?,
            function(&lazy, lazy_caller, &name)?,
        );
        let first = timed(unbound)?;
        if n == 0 {
            very_first = first;
            continue;
        }
        times[0].push(first);
        times[1].push(timed(unbound)?);
        timed(bound)?;
        times[2].push(timed(bound)?);
    }
    let [first, second, bound] = times;
    println!("  from the host, in us:");
    println!("  the first call of a type     {very_first:9.1}");
    println!("  the first call of a function {:9.1}", median(first));
    println!("  its second call              {:9.1}", median(second));
    println!("  a direct call                {:9.1}", median(bound));

    let runs = [
        function(&direct, direct_caller, "run")?,
        function(&lazy, lazy_caller, "run")?,
    ];
    let time = |run, calls: u32| -> Result<f64> {
        let start = Instant::now();
        call(run, &[Val::u32(calls)])?;
        Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(calls))
    };
    let (mut direct, mut lazy, mut ratios) = (vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let (one, other) = (time(runs[0], LAZY_CALLS)?, time(runs[1], LAZY_CALLS)?);
        direct.push(one);
        lazy.push(other);
        ratios.push(other / one);
    }
    println!("  from the guest, in ns:");
    println!("  later calls                  {:9.2}", median(lazy));
    println!("  direct calls                 {:9.2}", median(direct));
    println!("  later calls over direct ones {:9.2}", median(ratios));
    Ok(())
}
