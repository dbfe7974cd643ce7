//! What guests use of their budget is the same on every engine and however calls between their objects are bound; and what never ends is
//! stopped by its budget, its time or an interrupt, wherever it runs.
//!
//! The guests are libraries of `cargo xtask guests`, and two small ones.
#![cfg(all(feature = "cli", feature = "wasmtime", feature = "wasi"))]

#[path = "support/c.rs"]
mod c;
#[path = "meter/often.rs"]
mod often;

use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use wasmdyld::config::Config;
use wasmdyld::control::{Checks, Mode};
use wasmdyld::engine::{Api, EngineLibrary, EngineOptions, Extern, Func, OwnedEngine, Val, shim};
use wasmdyld::error::{Code, Error, Result};
use wasmdyld::link::{Column, Flags, Function, Namespace, SearchIn, Source, Symbol};
use wasmdyld::object::ValType;
use wasmdyld::plan::{Bind, Plt};
use wasmdyld::wasi::WasiConfig;

const SQL: &str = "
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price INTEGER);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
  INSERT INTO item (name, price) SELECT 'item ' || (i * 7919 % 200), i * 31 % 97 FROM n;
CREATE INDEX by_price ON item (price, name);
SELECT price % 10, count(*), sum(price) FROM item GROUP BY 1 ORDER BY 2;
DELETE FROM item WHERE id % 3 = 0;
";

/// Uses calls of every kind, loops and bulk operations; `ends` calls back.
const USER: &str = r#"(module
  (@dylink.0 (mem-info (memory 64 0) (table 1 0)) (needed "libused.so"))
  (type $step (func (param i32) (result i32)))
  (import "env" "memory" (memory 0))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__table_base" (global $slot i32))
  (import "env" "used" (func $used (param i32) (result i32)))
  (import "env" "step" (func $imported (type $step)))
  (elem (global.get $slot) $step)
  (func $step (export "step") (type $step)
    (i32.add (local.get 0) (i32.const 1)))
  (func $recurses (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (call $recurses (i32.sub (local.get 0) (i32.const 1))))
      (else (i32.const 7))))
  (func (export "work") (param $n i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $used (local.get $n))))
      (local.set $sum (call $imported (local.get $sum)))
      (local.set $sum (call_indirect (type $step) (local.get $sum) (global.get $slot)))
      (local.set $sum (i32.add (local.get $sum) (call $recurses (local.get $n))))
      (memory.fill (global.get $base) (i32.const 1) (i32.and (local.get $n) (i32.const 63)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))"#;

const USED: &str = r#"(module
  (@dylink.0 (mem-info (memory 4096 0)))
  (import "env" "memory" (memory 0))
  (import "env" "__memory_base" (global $base i32))
  (func (export "used") (param $n i32) (result i32)
    (memory.copy (global.get $base) (global.get $base) (i32.const 4096))
    (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $n)))"#;

/// What never ends, by the export `endless`.
const ENDLESS: [(&str, &str); 11] = [
    ("a loop", r#"(func (export "endless") (loop (br 0)))"#),
    (
        "a loop of bulk operations",
        r#"(memory $own 64) (func (export "endless")
             (loop (memory.fill $own (i32.const 0) (i32.const 1) (i32.const 0x400000)) (br 0)))"#,
    ),
    (
        "a small loop that turns in three places",
        r#"(func (export "endless") (local i32)
             (loop $l
               (local.set 0 (i32.add (local.get 0) (i32.const 1)))
               (block (br_if 0 (i32.and (local.get 0) (i32.const 1))) (br $l))
               (if (i32.and (local.get 0) (i32.const 2)) (then (br $l)))
               (br_if $l (i32.const 1))))"#,
    ),
    (
        "a small loop with a value",
        r#"(func (export "endless") (local i32)
             (drop (loop (result i32) (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (br 0))))"#,
    ),
    (
        "small loops that are left soon, in a large one",
        r#"(func (export "endless") (local i32)
             (loop $large
               (local.set 0 (i32.const 3))
               (loop $small (br_if $small (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
               (block $out (loop $small (br_if $out (i32.eqz (local.get 0))) (br $small)))
               (br $large)))"#,
    ),
    (
        "a small loop that turns the one around it",
        r#"(func (export "endless") (loop $large (loop $small (br_if $large (i32.const 1)) (br $small))))"#,
    ),
    (
        "a loop of fills of unknown length",
        r#"(memory $own 64) (func (export "endless") (local i32)
             (local.set 0 (i32.const 0x400000))
             (loop (memory.fill $own (i32.const 0) (i32.const 1) (local.get 0)) (br 0)))"#,
    ),
    (
        "tail calls",
        r#"(func $f (export "endless") (return_call $f))"#,
    ),
    (
        "tail calls of another function",
        r#"(func $f (export "endless") (return_call $g)) (func $g (return_call $f))"#,
    ),
    (
        "calls by pointer",
        r#"(type $v (func)) (table $own 1 funcref) (elem (table $own) (i32.const 0) func $f)
           (func $f (return_call_indirect $own (type $v) (i32.const 0)))
           (func (export "endless") (call $f))"#,
    ),
    (
        "calls between that double",
        r#"(func $a (call $b) (call $b)) (func $b (call $c) (call $c)) (func $c (call $d) (call $d))
           (func $d (call $e) (call $e)) (func $e (call $f) (call $f)) (func $f (call $g) (call $g)) (func $g (call $h) (call $h))
           (func $h (call $i) (call $i)) (func $i (call $j) (call $j)) (func $j (nop))
           (func (export "endless") (loop (call $a) (br 0)))"#,
    ),
];

fn assemble(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|e| panic!("{e}"))
}

/// The linked engine, and those that were built.
fn engines() -> Vec<(String, &'static Api)> {
    let mut engines = vec![("linked".to_string(), Api::linked())];
    for (name, path) in c::engines() {
        // SAFETY: engines that were built for the tests.
        let library = unsafe { EngineLibrary::open(&path) }.expect("an engine");
        let library: &'static EngineLibrary = Box::leak(Box::new(library));
        engines.push((name, library.api()));
    }
    engines
}

fn engine(api: &'static Api) -> OwnedEngine {
    let made = shim::of(api).new_engine(api, &EngineOptions::default());
    made.expect("an engine")
}

fn call(ns: &Rc<Namespace>, name: &str, args: &[u32]) -> Result<u32> {
    let Symbol::Func { callee, sig } = ns.dlsym(SearchIn::Global, name)? else {
        panic!("{name} is no function");
    };
    let args: Vec<Val> = args.iter().map(|arg| Val::u32(*arg)).collect();
    let zero = |ty: &ValType| match ty {
        ValType::I64 => Val::i64(0),
        _ => Val::u32(0),
    };
    let mut results: Vec<Val> = sig.results.iter().map(zero).collect();
    // SAFETY: the namespace keeps the function during the call.
    let func = unsafe { Func::lend(ns.store().api(), ns.func_ptr(callee)?) };
    ns.call_checked(&func, &args, &mut results)?;
    Ok(results.first().and_then(|v| v.as_u32()).unwrap_or(0))
}

fn load(ns: &Rc<Namespace>, name: &str, text: &str) -> Result<()> {
    let source = Source::Bytes {
        name: name.to_string(),
        bytes: assemble(text),
    };
    let flags = Flags {
        global: true,
        ..Flags::default()
    };
    ns.load(source, flags).map(drop)
}

/// Runs `work` in a namespace whose modules count.
fn within<T>(
    engine: &OwnedEngine,
    way: (Bind, Plt),
    work: impl FnOnce(&Rc<Namespace>) -> Result<T>,
) -> Result<T> {
    within_mode(engine, Mode::Budget, way, work)
}

fn within_mode<T>(
    engine: &OwnedEngine,
    control: Mode,
    (bind, plt): (Bind, Plt),
    work: impl FnOnce(&Rc<Namespace>) -> Result<T>,
) -> Result<T> {
    let store = engine.new_store()?;
    let mut config = Config {
        control,
        bind,
        plt,
        ..Config::default()
    };
    config.search.library_paths.push(c::guests().join("lib"));
    let ns = Namespace::new(store.store(), config);
    ns.define_wasi(WasiConfig::new().build()?)?;
    let outcome = work(&ns);
    drop(ns);
    drop(store);
    outcome
}

const MANY: u64 = 1 << 50;

/// What is used, from the first load on.
fn used(ns: &Rc<Namespace>, work: impl FnOnce(&Rc<Namespace>) -> Result<()>) -> Result<u64> {
    ns.set_budget(Some(MANY))?;
    work(ns)?;
    Ok(MANY - ns.budget_left()?.expect("a budget"))
}

fn sqlite(ns: &Rc<Namespace>) -> Result<()> {
    let flags = Flags {
        global: true,
        ..Flags::default()
    };
    ns.load(Source::Name("libsqlite3.so".to_string()), flags)?;
    let put = |text: &str| -> Result<u32> {
        let at = call(ns, "malloc", &[text.len() as u32 + 1])?;
        let bytes = [text.as_bytes(), b"\0"].concat();
        ns.memory()?.write(at.into(), &bytes).expect("memory");
        Ok(at)
    };
    let place = call(ns, "malloc", &[4])?;
    assert_eq!(call(ns, "sqlite3_open", &[put(":memory:")?, place])?, 0);
    let database = ns.memory()?.read_u32(place.into()).expect("memory");
    let done = call(ns, "sqlite3_exec", &[database, put(SQL)?, 0, 0, 0])?;
    assert_eq!(done, 0);
    call(ns, "sqlite3_close", &[database]).map(drop)
}

fn small(ns: &Rc<Namespace>) -> Result<()> {
    load(ns, "libused.so", USED)?;
    load(ns, "libuser.so", USER)?;
    call(ns, "work", &[100]).map(drop)
}

#[test]
fn the_same_is_used_on_every_engine_and_however_calls_are_bound() {
    let ways = [
        (Bind::Now, Plt::Auto),
        (Bind::Now, Plt::Wasm),
        (Bind::Now, Plt::Host),
        (Bind::Lazy, Plt::Auto),
    ];
    type Work = fn(&Rc<Namespace>) -> Result<()>;
    type Guest<'a> = (&'a str, Work, &'a [(Bind, Plt)]);
    let mut guests: Vec<Guest<'_>> = vec![("small", small, &ways)];
    if c::guests().join("lib/libsqlite3.so").exists() {
        // The engines take their time to compile it.
        guests.push(("SQLite", sqlite, &ways[..1]));
    } else {
        c::skip::skip("the guests", "cargo xtask guests");
    }
    for (guest, work, ways) in guests {
        let mut all = Vec::new();
        for (name, api) in engines() {
            let engine = engine(api);
            for &way in ways {
                let used = within(&engine, way, |ns| used(ns, work));
                let used = used.unwrap_or_else(|e| panic!("{guest} on {name}, {way:?}: {e}"));
                all.push((used, name.clone(), way));
            }
        }
        let (first, ..) = all[0];
        assert!(first > 1_000, "{guest}: {first}");
        assert!(
            all.iter().all(|(used, ..)| *used == first),
            "{guest}: {all:#?}"
        );
    }
}

#[test]
fn what_never_ends_is_stopped_by_its_budget() {
    for (name, api) in engines() {
        let engine = engine(api);
        for (what, text) in ENDLESS {
            let shown = format!("{what} on {name}");
            let text = format!(r#"(module (@dylink.0) {text})"#);
            let outcome = within(&engine, (Bind::Now, Plt::Auto), |ns| {
                if let Err(error) = load(ns, "libendless.so", &text) {
                    // Not every engine has tail calls and several memories.
                    return Ok(Err(error));
                }
                ns.set_budget(Some(100_000))?;
                let error = call(ns, "endless", &[]).expect_err(&shown);
                assert_eq!(ns.budget_left()?, Some(0), "{shown}");
                Ok(Ok(error))
            });
            match outcome.unwrap_or_else(|e| panic!("{shown}: {e}")) {
                Ok(error) => assert_eq!(error.code(), Code::OutOfBudget, "{shown}: {error}"),
                Err(error) => assert_eq!(error.code(), Code::Unsupported, "{shown}: {error}"),
            }
        }
    }
}

/// While it is loaded, and while it goes: in a start function, a relocation, a constructor, an exit handler.
#[test]
fn what_never_ends_is_stopped_where_the_linker_calls_it() {
    let places = [
        ("a start function", r#"(start $f) (func $f (loop (br 0)))"#),
        (
            "a relocation",
            r#"(func (export "__wasm_apply_data_relocs") (loop (br 0)))"#,
        ),
        (
            "a constructor",
            r#"(func (export "__wasm_call_ctors") (loop (br 0)))"#,
        ),
    ];
    for (name, api) in engines() {
        let engine = engine(api);
        for (what, text) in places {
            let outcome = within(&engine, (Bind::Now, Plt::Auto), |ns| {
                ns.set_budget(Some(1_000_000))?;
                let text = format!(r#"(module (@dylink.0) {text})"#);
                let error: Error = load(ns, "libendless.so", &text).expect_err(what);
                assert_eq!(error.code(), Code::OutOfBudget, "{what} on {name}: {error}");
                // The load is undone, and with a new budget the namespace is used on.
                assert_eq!(ns.object_count(), 0);
                ns.set_budget(None)?;
                small(ns)
            });
            outcome.unwrap_or_else(|e| panic!("{what} on {name}: {e}"));
        }
    }
}

/// A module with checks shows nothing of them: what it imports and exports is what its file says.
#[test]
fn the_imports_of_checks_are_no_symbols() {
    let engine = engine(Api::linked());
    let shown = within(&engine, (Bind::Now, Plt::Auto), |ns| {
        small(ns)?;
        Ok(ns.link_map().to_string())
    });
    let shown = shown.unwrap_or_else(|e| panic!("{e}"));
    assert!(!shown.contains("wasmdyld:control"), "{shown}");
}

/// A call for each of many rows is a loop of the linker's: a row costs a unit, also where the function itself costs none.
#[test]
fn rows_are_counted() {
    let add = r#"(module (@dylink.0 (mem-info (memory 64 2)))
      (import "env" "memory" (memory 0))
      (global (export "data") i32 (i32.const 0))
      (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))"#;
    for (name, api) in engines() {
        let outcome = within(&engine(api), (Bind::Now, Plt::Auto), |ns| {
            load(ns, "libadd.so", add)?;
            let Symbol::Func { callee, .. } = ns.dlsym(SearchIn::Global, "add")? else {
                panic!("no function");
            };
            let Symbol::Data { address, .. } = ns.dlsym(SearchIn::Global, "data")? else {
                panic!("no data");
            };
            // SAFETY: the namespace keeps the function during the call.
            let func = unsafe { Func::lend(api, ns.func_ptr(callee)?) };
            let add = ns.prepare_call(&func)?;
            let columns = [Column { address, stride: 0 }; 3];
            assert_eq!(
                used(ns, |_| add.call_rows(&columns, 1_000).1)?,
                1_000,
                "{name}"
            );
            ns.set_budget(Some(300_000))?;
            let (done, ran) = add.call_rows(&columns, 1 << 40);
            let error = ran.expect_err("a budget that is used up");
            assert_eq!(
                (error.code(), done),
                (Code::OutOfBudget, 300_000),
                "{name}: {error}"
            );
            ns.set_budget(None)?;
            let (done, ran) = add.call_rows(&columns, 5);
            assert_eq!(done, 5, "{name}");
            ran
        });
        outcome.unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

/// Soon, beside the time that it takes to run a test at all.
const SOON: Duration = Duration::from_millis(20);

/// Interrupts whatever runs in the namespace, until `work` is done.
fn interrupted<T>(ns: &Rc<Namespace>, work: impl FnOnce() -> T) -> T {
    let (done, signal) = (AtomicBool::new(false), ns.control().signal());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(SeqCst) {
                signal.interrupt();
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let outcome = work();
        done.store(true, SeqCst);
        outcome
    })
}

/// By checks in the modules, since the engines have none of their own; most look at a flag.
#[test]
fn what_never_ends_is_stopped_by_time_and_by_interrupts() {
    for (name, api) in engines() {
        let engine = engine(api);
        for (what, text) in ENDLESS {
            let shown = format!("{what} on {name}");
            let text = format!(r#"(module (@dylink.0) {text})"#);
            let outcome = within_mode(&engine, Mode::Interrupt, (Bind::Now, Plt::Auto), |ns| {
                let checks = ns.control().checks();
                let flagged = shim::of(api).name() != "wasmi";
                assert_eq!(checks == Checks::Flag, flagged, "{shown}: {checks:?}");
                if let Err(error) = load(ns, "libendless.so", &text) {
                    // Not every engine has tail calls and several memories.
                    assert_eq!(error.code(), Code::Unsupported, "{shown}: {error}");
                    return Ok(());
                }
                ns.control().set_timeout(Some(SOON))?;
                let error = call(ns, "endless", &[]).expect_err(&shown);
                assert_eq!(error.code(), Code::TimedOut, "{shown}: {error}");
                ns.control().set_timeout(None)?;
                let error = interrupted(ns, || call(ns, "endless", &[])).expect_err(&shown);
                assert_eq!(error.code(), Code::Interrupted, "{shown}: {error}");
                small(ns)
            });
            outcome.unwrap_or_else(|e| panic!("{shown}: {e}"));
        }
    }
}

/// What is asked for before something runs has no effect on it, and guests that ask in vain go on.
#[test]
fn guests_that_are_not_meant_go_on() {
    if !c::guests().join("lib/libsqlite3.so").exists() {
        return c::skip::skip("the guests", "cargo xtask guests");
    }
    let engine = engine(Api::linked());
    let outcome = within_mode(&engine, Mode::Interrupt, (Bind::Now, Plt::Auto), |ns| {
        assert_eq!(ns.control().checks(), Checks::Flag);
        let (done, signal) = (AtomicBool::new(false), ns.control().signal());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(SeqCst) {
                    signal.raise();
                    std::thread::yield_now();
                }
            });
            let ran = sqlite(ns).and_then(|()| small(ns));
            done.store(true, SeqCst);
            ran
        })
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
}

fn func(ns: &Rc<Namespace>, name: &str) -> Result<Extern> {
    let Symbol::Func { callee, .. } = ns.dlsym(SearchIn::Global, name)? else {
        panic!("{name} is no function");
    };
    // SAFETY: the namespace keeps the function while it is copied.
    let func = unsafe { Func::lend(ns.store().api(), ns.func_ptr(callee)?) };
    let raw = NonNull::new(func.as_extern().raw()).expect("a function");
    // SAFETY: as above.
    let func = unsafe { Extern::lend(ns.store().api(), raw) };
    Ok(func.duplicate().expect("a copy"))
}

/// Code of one namespace runs in an entry of another, without the host between them. And it outlives its namespace.
#[test]
fn functions_of_another_namespace_are_stopped() {
    let endless = r#"(module (@dylink.0) (func (export "endless") (loop (br 0))))"#;
    let user = r#"(module (@dylink.0) (import "env" "beyond" (func $f)) (func (export "calls") (call $f)))"#;
    for (name, api) in engines() {
        let engine = engine(api);
        let store = engine.new_store().expect("a store");
        let make = || {
            let config = Config {
                control: Mode::Interrupt,
                ..Config::default()
            };
            Namespace::new(store.store(), config)
        };
        let run = || -> Result<()> {
            let (owner, caller) = (make(), make());
            load(&owner, "libendless.so", endless)?;
            let beyond = func(&owner, "endless")?;
            caller.define_extern("env", "beyond", &beyond, false)?;
            load(&caller, "libuser.so", user)?;
            let error = interrupted(&caller, || call(&caller, "calls", &[])).expect_err(&name);
            assert_eq!(error.code(), Code::Interrupted, "{name}: {error}");
            drop(owner);
            // It asks a namespace that is gone, if it is not stopped before.
            caller.control().set_timeout(Some(SOON))?;
            call(&caller, "calls", &[]).expect_err(&name);
            let beyond = beyond.as_func().expect("a function");
            beyond.call(&[], &mut []).expect_err(&name);
            Ok(())
        };
        run().unwrap_or_else(|e| panic!("{name}: {e}"));
        drop(store);
    }
}

#[test]
fn rows_are_stopped() {
    let add = r#"(module (@dylink.0 (mem-info (memory 64 2)))
      (import "env" "memory" (memory 0))
      (global (export "data") i32 (i32.const 0))
      (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))"#;
    for (name, api) in engines() {
        let engine = engine(api);
        let outcome = within_mode(&engine, Mode::Interrupt, (Bind::Now, Plt::Auto), |ns| {
            load(ns, "libadd.so", add)?;
            let Symbol::Data { address, .. } = ns.dlsym(SearchIn::Global, "data")? else {
                panic!("no data");
            };
            let Symbol::Func { callee, .. } = ns.dlsym(SearchIn::Global, "add")? else {
                panic!("no function");
            };
            // SAFETY: the namespace keeps the function during the call.
            let func = unsafe { Func::lend(api, ns.func_ptr(callee)?) };
            let add = ns.prepare_call(&func)?;
            let columns = [Column { address, stride: 0 }; 3];
            let (done, ran) = interrupted(ns, || add.call_rows(&columns, 1 << 40));
            let error = ran.expect_err("rows without an end");
            assert_eq!(error.code(), Code::Interrupted, "{name}: {error}");
            assert!(done < 1 << 40, "{name}: {done}");
            let (done, ran) = add.call_rows(&columns, 5);
            assert_eq!(done, 5, "{name}");
            ran
        });
        outcome.unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

/// Loops whose code is there several times, and what they give for numbers of turns.
const LOOPS: &str = r#"(module (@dylink.0)
  (func (export "counts") (param $n i32) (result i32) (local $sum i32)
    (loop $l
      (local.set $sum (i32.add (local.get $sum) (local.get $n)))
      (br_if $l (i32.ge_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))
    (local.get $sum))
  (func (export "gives") (param $n i32) (result i32) (local $sum i32)
    (loop $l (result i32)
      (local.set $sum (i32.add (local.get $sum) (i32.const 3)))
      (br_if $l (i32.ge_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0)))
      (i32.add (local.get $sum) (local.get $n))))
  (func (export "leaves") (param $n i32) (result i32) (local $sum i32)
    (block $far (result i32)
      (block $near
        (loop $l
          (br_if $near (i32.gt_s (local.get $sum) (i32.const 90)))
          (if (i32.eq (local.get $n) (local.get $sum))
            (then (br $far (i32.const -1))))
          (block
            (br_if 0 (i32.and (local.get $sum) (i32.const 1)))
            (local.set $sum (i32.add (local.get $sum) (i32.const 3)))
            (br $l))
          (local.set $sum (i32.add (local.get $sum) (i32.const 5)))
          (br $l))
        unreachable)
      (i32.sub (local.get $n) (local.get $sum))))
  (func (export "returns") (param $n i32) (result i32)
    (loop $l
      (if (i32.lt_s (local.get $n) (i32.const 3)) (then (return (local.get $n))))
      (local.set $n (i32.sub (local.get $n) (i32.const 4)))
      (br $l))
    unreachable))"#;

#[test]
fn loops_do_what_they_do_without_checks() {
    for (name, api) in engines() {
        let engine = engine(api);
        let run = |mode| {
            let outcome = within_mode(&engine, mode, (Bind::Now, Plt::Auto), |ns| {
                load(ns, "libloops.so", LOOPS)?;
                let names = ["counts", "gives", "leaves", "returns"].into_iter();
                names
                    .flat_map(|name| (0..100).map(move |n| call(ns, name, &[n])))
                    .collect::<Result<Vec<u32>>>()
            });
            outcome.unwrap_or_else(|e| panic!("{name}: {e}"))
        };
        let without = run(Mode::Off);
        assert!(without == run(Mode::Interrupt), "{name}");
        assert!(without == run(Mode::Budget), "{name}");
    }
}

/// More than two pieces of what is filled and copied.
const LARGE: &str = r#"(module (@dylink.0 (mem-info (memory 64 0)))
  (import "env" "memory" (memory 0))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "mark") (param $at i32) (param $end i32)
    (loop $l
      (i32.store (local.get $at) (i32.mul (local.get $at) (i32.const 0x9e3779b1)))
      (br_if $l (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4099))) (local.get $end)))))
  (func (export "hash") (param $at i32) (param $end i32) (result i32) (local $hash i32)
    (loop $l
      (local.set $hash (i32.add (i32.mul (local.get $hash) (i32.const 31)) (i32.load (local.get $at))))
      (br_if $l (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (local.get $end))))
    (local.get $hash)))"#;

const MB: u32 = 1 << 20;

fn with_large<T>(
    engine: &OwnedEngine,
    mode: Mode,
    pages: u32,
    work: impl FnOnce(&Rc<Namespace>) -> Result<T>,
) -> Result<T> {
    within_mode(engine, mode, (Bind::Now, Plt::Auto), |ns| {
        load(ns, "liblarge.so", LARGE)?;
        let before = ns.memory()?.pages() as u32;
        assert_eq!(call(ns, "grow", &[pages - before])?, before);
        work(ns)
    })
}

/// However the ranges overlap, and where they end with the memory.
#[test]
fn large_fills_and_copies_do_what_they_do_without_checks() {
    let end = 100 * MB;
    let steps: [(&str, [u32; 3]); 9] = [
        ("fill", [5, 0xa5, 40 * MB + 3]),
        ("copy", [MB, 3 * MB + 1, 60 * MB]),
        ("copy", [3 * MB + 1, MB, 60 * MB]),
        ("copy", [20 * MB, 21 * MB, 16 * MB]),
        ("copy", [21 * MB, 20 * MB, 16 * MB + 1]),
        ("copy", [7 * MB, 7 * MB, 50 * MB]),
        ("copy", [end - 33 * MB, MB, 33 * MB]),
        ("fill", [end - 17 * MB, 0x77, 17 * MB]),
        ("copy", [0, end - 48 * MB, 48 * MB]),
    ];
    // A byte too far; lengths and places that would wrap.
    let outside: [(&str, [u32; 3]); 5] = [
        ("fill", [end - 40 * MB + 1, 1, 40 * MB]),
        ("copy", [0, end - 40 * MB + 1, 40 * MB]),
        ("copy", [end - 40 * MB + 1, 0, 40 * MB]),
        ("fill", [MB, 1, u32::MAX]),
        ("copy", [MB, u32::MAX, u32::MAX]),
    ];
    for (name, api) in engines() {
        let engine = engine(api);
        let run = |mode| {
            let outcome = with_large(&engine, mode, end >> 16, |ns| {
                call(ns, "mark", &[0, end - 4])?;
                let mut hashes = Vec::new();
                for (what, args) in &steps {
                    call(ns, what, args)?;
                    hashes.push(call(ns, "hash", &[0, end])?);
                }
                for (what, args) in &outside {
                    let error = call(ns, what, args).expect_err("a trap");
                    assert_eq!(error.code(), Code::Trap, "{error}");
                    let shown = error.to_string();
                    assert!(shown.matches("liblarge.so").count() <= 1, "{shown}");
                }
                let last = hashes.last().copied();
                assert_eq!(last, Some(call(ns, "hash", &[0, end])?), "{name}: written");
                Ok(hashes)
            });
            outcome.unwrap_or_else(|e| panic!("{name}: {e}"))
        };
        let without = run(Mode::Off);
        assert_eq!(without, run(Mode::Interrupt), "{name}");
        assert_eq!(without, run(Mode::Budget), "{name}");
    }
}

/// Of gigabytes that are to be filled or copied only the first are.
#[test]
fn large_fills_and_copies_are_broken_off() {
    const PAGES: u32 = 60_000;
    for (name, api) in engines() {
        let engine = engine(api);
        for mode in [Mode::Interrupt, Mode::Budget] {
            let outcome = with_large(&engine, mode, PAGES, |ns| {
                let last = (PAGES << 16) - 4;
                ns.control().set_timeout(Some(SOON))?;
                for (what, args) in [
                    ("fill", [0, 1, PAGES << 16]),
                    ("copy", [16, 0, last - 16]),
                    ("copy", [0, 16, last - 16]),
                ] {
                    let error = call(ns, what, &args).expect_err("it takes longer");
                    assert_eq!(error.code(), Code::TimedOut, "{what} on {name}: {error}");
                }
                let byte = ns.memory()?.read_u32((last - 4).into());
                assert_eq!(byte.ok(), Some(0), "{name}: all is filled");
                Ok(())
            });
            outcome.unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
}
