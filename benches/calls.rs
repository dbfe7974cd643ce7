//! What a call from one object to another costs, by the way it is bound. `cargo bench --bench calls`.
//!
//! Each case runs the same loop of wasm, so that calls from the host vanish; the rounds of all cases are interleaved,
//! and what counts is the median over rounds of a case's time by another's in the same round. The callee's result is
//! the next call's argument. A case with an empty loop shows what the loop itself costs and that the engine did not
//! inline the callee: then a call inside a module would cost no more.

mod generator;
mod measure;

use std::ptr::NonNull;
use std::rc::Rc;
use std::time::Instant;

use measure::median;
use wasm_encoder::{
    BlockType, CodeSection, CustomSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, ImportSection, Instruction, Module as Encoder, TypeSection, ValType,
};
use wasmdyld::config::Config;
use wasmdyld::engine::sys::wasm_func_t;
use wasmdyld::engine::{
    EngineOptions, ExternVec, Func, Instance, Module, OwnedEngine, OwnedStore, Val, shim,
};
use wasmdyld::error::{Code, Error, Result};
use wasmdyld::link::{Flags, Namespace, SearchIn, Source, Symbol};
use wasmdyld::plan::{Bind, Plt};

const ROUNDS: usize = 31;
/// Calls a round; fewer for the host's trampolines, which take a hundred times as long.
const CALLS: u32 = 10_000_000;
const HOST_CALLS: u32 = 100_000;

/// Where a library's loop finds its callee.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Callee {
    None,
    /// In the same module.
    Defined,
    /// Imported as `env.callee`.
    Imported,
    /// Imported and defined by the same library.
    SelfImported,
}

const INSIDE: &str = "inside a module";
const BARE: &str = "bare import, no linker";
const DIRECT: &str = "direct";
const STUBS: [&str; 2] = ["stub (plt=wasm)", "stub (self-import)"];

/// A library that exports `run(n)`, a loop of n calls, and, where it defines it, the function `name` before that.
fn library(callee: Callee, name: &str) -> Vec<u8> {
    let imported = matches!(callee, Callee::Imported | Callee::SelfImported);
    let defined = matches!(callee, Callee::Defined | Callee::SelfImported);
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    let mut import_section = ImportSection::new();
    if imported {
        import_section.import("env", name, EntityType::Function(0));
    }
    let (mut functions, mut export_section) = (FunctionSection::new(), ExportSection::new());
    let mut code = CodeSection::new();
    let first = u32::from(imported);
    if defined {
        functions.function(0);
        export_section.export(name, ExportKind::Func, first);
        code.function(&callee_body());
    }
    functions.function(0);
    export_section.export("run", ExportKind::Func, first + u32::from(defined));
    // The import if there is one, else the function defined first.
    code.function(&loop_body((callee != Callee::None).then_some(0)));
    let mut module = Encoder::new();
    module
        .section(&CustomSection {
            name: "dylink.0".into(),
            data: generator::dylink(0, 0, &[]).into(),
        })
        .section(&types)
        .section(&import_section)
        .section(&functions)
        .section(&export_section)
        .section(&code);
    module.finish()
}

fn callee_body() -> Function {
    let mut body = Function::new([]);
    body.instructions()
        .local_get(0)
        .i32_const(3)
        .i32_add()
        .end();
    body
}

/// `for (; n != 0; n--) x = callee(x); return x`
fn loop_body(callee: Option<u32>) -> Function {
    let mut body = Function::new([(1, ValType::I32)]);
    body.instruction(&Instruction::Block(BlockType::Empty));
    body.instruction(&Instruction::Loop(BlockType::Empty));
    body.instructions().local_get(0).i32_eqz().br_if(1);
    if let Some(callee) = callee {
        body.instructions().local_get(1).call(callee).local_set(1);
    }
    body.instructions()
        .local_get(0)
        .i32_const(1)
        .i32_sub()
        .local_set(0)
        .br(0)
        .end()
        .end()
        .local_get(1)
        .end();
    body
}

/// A function to time, with what keeps it alive; handles first, their store last.
struct Case {
    name: &'static str,
    calls: u32,
    /// Belongs to what is held.
    run: NonNull<wasm_func_t>,
    _held: Held,
    store: OwnedStore,
}

#[allow(dead_code, reason = "held for its life alone")]
enum Held {
    Namespace(Rc<Namespace>),
    Instances(Vec<(Instance, ExternVec)>),
}

fn lost() -> Error {
    Error::new(Code::Internal, "no function run")
}

/// Through the engine alone.
fn bare(engine: &OwnedEngine, name: &'static str, libraries: &[Vec<u8>]) -> Result<Case> {
    let store = engine.new_store()?;
    let refused = || Error::new(Code::Engine, "the engine refused a module");
    let mut instances: Vec<(Instance, ExternVec)> = Vec::new();
    // Each gets the export of the one before.
    for bytes in libraries {
        let module = Module::new(store.store(), bytes).ok_or_else(refused)?;
        let import = instances.last().and_then(|(_, exports)| exports.get(0));
        let imports: Vec<_> = import.iter().map(|import| import.as_extern()).collect();
        let imports = &imports[..module.imports().len()];
        let instance = Instance::new(store.store(), &module, imports).map_err(|_| refused())?;
        let exports = instance.exports();
        instances.push((instance, exports));
    }
    let run = instances.last().and_then(|(_, exports)| {
        let run = exports.get(exports.len() - 1)?;
        NonNull::new(run.as_func()?.raw())
    });
    Ok(Case {
        name,
        calls: CALLS,
        run: run.ok_or_else(lost)?,
        _held: Held::Instances(instances),
        store,
    })
}

/// Through the linker: libraries in the order of loading; the `run` of one of them is timed.
fn linked(
    engine: &OwnedEngine,
    name: &'static str,
    (bind, plt): (Bind, Plt),
    libraries: &[(&str, Vec<u8>)],
    timed: usize,
) -> Result<Case> {
    let store = engine.new_store()?;
    let config = Config {
        bind,
        plt,
        ..Config::default()
    };
    let ns = Namespace::new(store.store(), config);
    let mut objects = Vec::new();
    for (name, bytes) in libraries {
        let flags = Flags {
            global: true,
            ..Flags::default()
        };
        let source = Source::Bytes {
            name: (*name).to_string(),
            bytes: bytes.clone(),
        };
        objects.push(ns.load(source, flags)?);
    }
    let object = objects.get(timed).copied();
    let from = object.map_or(SearchIn::Global, SearchIn::Object);
    let Symbol::Func { callee, .. } = ns.dlsym(from, "run")? else {
        return Err(lost());
    };
    Ok(Case {
        name,
        calls: if plt == Plt::Host { HOST_CALLS } else { CALLS },
        run: ns.func_ptr(callee)?,
        _held: Held::Namespace(ns),
        store,
    })
}

impl Case {
    /// Nanoseconds a call.
    fn time(&self, calls: u32) -> Result<f64> {
        // SAFETY: `_held` keeps the function, and the store goes last.
        let run = unsafe { Func::lend(self.store.store().api(), self.run) };
        let mut results = [Val::u32(0)];
        let start = Instant::now();
        run.call(&[Val::u32(calls)], &mut results)
            .map_err(|trap| Error::new(Code::Trap, trap.message()))?;
        let time = start.elapsed().as_secs_f64() * 1e9 / f64::from(calls);
        Ok(time)
    }
}

fn main() -> Result<()> {
    let api = generator::engine()?;
    let engine = shim::of(api).new_engine(api, &EngineOptions::default())?;
    let definer = || ("libcallee.so", library(Callee::Defined, "callee"));
    let caller = || ("libcaller.so", library(Callee::Imported, "callee"));
    let itself = || ("libself.so", library(Callee::SelfImported, "callee"));
    let linked = |name, bind, plt, libraries: &[_], timed| {
        linked(&engine, name, (bind, plt), libraries, timed)
    };
    let cases = [
        bare(&engine, "empty loop", &[library(Callee::None, "")])?,
        bare(&engine, INSIDE, &[definer().1])?,
        bare(&engine, BARE, &[definer().1, caller().1])?,
        linked(DIRECT, Bind::Now, Plt::Auto, &[definer(), caller()], 1)?,
        linked(STUBS[0], Bind::Now, Plt::Wasm, &[definer(), caller()], 1)?,
        linked(STUBS[1], Bind::Now, Plt::Auto, &[itself()], 0)?,
        // The caller is there first: its import is found when it is called.
        linked(
            "lazy, after the first call",
            Bind::Lazy,
            Plt::Auto,
            &[caller(), definer()],
            0,
        )?,
        linked(
            "host trampoline (plt=host)",
            Bind::Now,
            Plt::Host,
            &[definer(), caller()],
            1,
        )?,
    ];

    for case in &cases {
        case.time(1_000)?;
    }
    let mut times = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        for (case, times) in cases.iter().zip(&mut times) {
            times.push(case.time(case.calls)?);
        }
    }
    let row = |name: &str| cases.iter().position(|case| case.name == name).unwrap_or(0);
    let ratio = |case: usize, to: usize| {
        let rounds = times[case].iter().zip(&times[to]);
        median(rounds.map(|(case, to)| case / to).collect())
    };
    let (inside, import) = (row(INSIDE), row(BARE));

    println!("medians of {ROUNDS} interleaved rounds of {CALLS} calls\n");
    println!(
        "{:28} {:>8} {:>12} {:>12}",
        "", "ns", "x inside", "x import"
    );
    for (n, case) in cases.iter().enumerate() {
        println!(
            "{:28} {:8.2} {:12.3} {:12.3}",
            case.name,
            median(times[n].clone()),
            ratio(n, inside),
            ratio(n, import)
        );
    }
    println!();
    goal(
        "direct over a bare import",
        ratio(row(DIRECT), import),
        1.03,
    );
    for stub in STUBS {
        goal(
            &format!("{stub} over a call inside a module"),
            ratio(row(stub), inside),
            5.2,
        );
    }
    if ratio(row("empty loop"), inside) > 0.8 {
        println!(
            "note: the engine seems to inline the callee; a call inside a module then costs nothing"
        );
    }
    Ok(())
}

/// A report, not a verdict: other work on the machine can spoil any run.
fn goal(what: &str, is: f64, most: f64) {
    let verdict = if is <= most { "met" } else { "MISSED" };
    println!("{verdict}: {what}: {is:.3}, goal {most}");
}
