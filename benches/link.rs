//! The linker's own time for each phase of a load, and the engine's apart from it, on synthetic libraries.
//!
//! `cargo bench --bench link`. An argument picks the configurations whose name contains it.

mod generator;

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use generator::{Shape, Spec};
use wasmdyld::config::Config;
use wasmdyld::engine::{EngineCache, EngineOptions, OwnedEngine, shim};
use wasmdyld::error::Result;
use wasmdyld::link::{Flags, Namespace, Source, Statistics};
use wasmdyld::search::Opened;

/// wasmtime makes this many instances in a store (Q14).
const FEWEST_INSTANCES: usize = 10_000;
/// The same load over and over, each in a new store; the one with the least of the linker's own time counts, since other
/// work on the machine only ever adds.
const ROUNDS: usize = 9;

struct Case {
    name: &'static str,
    spec: Spec,
    /// The most of the linker's own time that this may take.
    goal: Option<Duration>,
}

const fn case(
    name: &'static str,
    shape: Shape,
    libraries: usize,
    exports: usize,
    imports: usize,
    goal_ms: Option<u64>,
) -> Case {
    Case {
        name,
        spec: Spec::new(shape, libraries, exports, imports),
        goal: match goal_ms {
            Some(ms) => Some(Duration::from_millis(ms)),
            None => None,
        },
    }
}

const CASES: &[Case] = &[
    // Ten libraries with 10,000 imports each. The cycle makes every kind of binding, stubs included.
    case(
        "10 x 10,000 star",
        Shape::Star,
        11,
        10_000,
        10_000,
        Some(100),
    ),
    case(
        "10 x 10,000 cycle",
        Shape::Cycle,
        10,
        10_000,
        10_000,
        Some(100),
    ),
    case(
        "1,000 x 100 chain",
        Shape::Chain,
        1_000,
        100,
        100,
        Some(200),
    ),
    case("1,000 x 100 star", Shape::Star, 1_000, 100, 100, None),
    case("1,000 x 100 cycle", Shape::Cycle, 1_000, 100, 100, None),
    case("100 x 300 diamond", Shape::Diamond, 100, 300, 300, None),
    case("100 x 300 random", Shape::Random, 100, 300, 300, None),
    // The size of a program with its libraries.
    case("30 x 300 random", Shape::Random, 30, 300, 300, None),
];

/// Sizes for the fit: the same shape with more and more symbols, by more imports or by more libraries.
const GROWTH: &[(&str, &[Case])] = &[
    (
        "imports of 11 libraries, star",
        &[
            case("", Shape::Star, 11, 1_250, 1_250, None),
            case("", Shape::Star, 11, 2_500, 2_500, None),
            case("", Shape::Star, 11, 5_000, 5_000, None),
            case("", Shape::Star, 11, 10_000, 10_000, None),
        ],
    ),
    (
        "libraries of a chain, 100 exports each",
        &[
            case("", Shape::Chain, 125, 100, 100, None),
            case("", Shape::Chain, 250, 100, 100, None),
            case("", Shape::Chain, 500, 100, 100, None),
            case("", Shape::Chain, 1_000, 100, 100, None),
        ],
    ),
];

fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let runs = |name: &str| wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str()));
    let api = generator::engine()?;
    // Compiling 100,000 functions again and again would take minutes. Emptied, so that the first round compiles.
    let cache = std::path::PathBuf::from(concat!(env!("CARGO_TARGET_TMPDIR"), "/bench-link"));
    let _ = std::fs::remove_dir_all(&cache);
    let options = EngineOptions {
        cache: EngineCache::Dir(cache.clone()),
        ..EngineOptions::default()
    };
    let engine = shim::of(api).new_engine(api, &options)?;
    let mut missed = 0;

    println!(
        "times in ms, best of {ROUNDS} loads; own = parse + search + plan + link; compile: the first time, then from the engine's cache\n"
    );
    println!(
        "{:20} {:>8} {:>8} | {:>7} {:>7} {:>7} {:>7} {:>8} {:>5} | {:>8} {:>7} {:>7} | {:>9}",
        "libraries x imports",
        "imports",
        "exports",
        "parse",
        "search",
        "plan",
        "link",
        "own",
        "goal",
        "compile",
        "cached",
        "inst.",
        "instances"
    );
    for case in CASES.iter().filter(|case| runs(case.name)) {
        let (s, compile) = measure(&engine, &case.spec)?;
        let instances = s.objects + s.generated;
        let goal = case
            .goal
            .map_or(String::new(), |g| g.as_millis().to_string());
        println!(
            "{:20} {:8} {:8} | {:7.1} {:7.1} {:7.1} {:7.1} {:8.1} {:>5} | {:8.0} {:7.1} {:7.1} | {:9}",
            case.name,
            s.imports,
            s.exports,
            ms(s.parse),
            ms(s.search),
            ms(s.plan),
            ms(s.link),
            ms(s.own()),
            goal,
            ms(compile),
            ms(s.compile),
            ms(s.instantiate),
            instances,
        );
        if case.goal.is_some_and(|goal| s.own() > goal) {
            println!("  MISSED: more than {goal} ms of the linker's own time");
            missed += 1;
        }
        // Half is "room": a program opens more libraries later.
        if instances > FEWEST_INSTANCES / 2 {
            println!("  MISSED: {instances} of {FEWEST_INSTANCES} instances");
            missed += 1;
        }
    }
    println!();
    for (what, cases) in GROWTH.iter().filter(|(what, _)| runs(what)) {
        let mut points = Vec::new();
        for case in *cases {
            let (s, _) = measure(&engine, &case.spec)?;
            points.push(((s.imports + s.exports) as f64, ms(s.own())));
        }
        println!("own time by {what}:");
        for (symbols, time) in &points {
            println!(
                "  {symbols:8} symbols {time:8.2} ms, {:5.0} ns a symbol",
                time * 1e6 / symbols
            );
        }
        let line = fit(&points);
        let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
        let power = fit(&logs);
        println!(
            "  fit: {:.2} ms + {:.0} ns a symbol, R2 {:.4}; time ~ symbols^{:.2}",
            line.offset,
            line.slope * 1e6,
            line.r2,
            power.slope
        );
        // A quadratic part would show at the large end.
        if power.slope > 1.25 || line.r2 < 0.95 {
            println!("  MISSED: not linear");
            missed += 1;
        }
    }
    let _ = std::fs::remove_dir_all(&cache);
    println!(
        "{}",
        if missed == 0 {
            "all goals met"
        } else {
            "goals missed"
        }
    );
    // Other work on the machine can spoil any run: a report, not a verdict.
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Loads the libraries several times: the best load, and the time of the first one to compile.
fn measure(engine: &OwnedEngine, spec: &Spec) -> Result<(Statistics, Duration)> {
    let libraries = generator::generate(spec);
    let compile = load(engine, &libraries)?.compile;
    let mut best = load(engine, &libraries)?;
    for _ in 1..ROUNDS {
        let next = load(engine, &libraries)?;
        if next.own() < best.own() {
            best = next;
        }
    }
    Ok((best, compile))
}

fn load(engine: &OwnedEngine, libraries: &[generator::Library]) -> Result<Statistics> {
    // Each is asked for once, so the bytes are given away: copying them is no work of the linker.
    let files: HashMap<String, Vec<u8>> = libraries
        .iter()
        .map(|library| (library.name.clone(), library.bytes.clone()))
        .collect();
    let files = RefCell::new(files);
    let mut config = Config::default();
    config.search.open = Some(std::sync::Arc::new(move |name, _| {
        let bytes = files.borrow_mut().remove(name);
        Ok(bytes.map(|bytes| Opened {
            bytes,
            identity: name.as_bytes().to_vec(),
            ready: None,
        }))
    }));
    let store = engine.new_store()?;
    let ns = Namespace::new(store.store(), config);
    // As a program would be loaded: its symbols are for all.
    let flags = Flags {
        global: true,
        ..Flags::default()
    };
    ns.load(Source::Name(generator::library_name(0)), flags)?;
    Ok(ns.statistics())
}

struct Fit {
    offset: f64,
    slope: f64,
    r2: f64,
}

/// Least squares of y over x.
fn fit(points: &[(f64, f64)]) -> Fit {
    let n = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let sum =
        |of: &dyn Fn(f64, f64) -> f64| points.iter().map(|p| of(p.0 - x, p.1 - y)).sum::<f64>();
    let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
    let slope = xy / xx;
    Fit {
        offset: y - slope * x,
        slope,
        r2: xy * xy / (xx * yy),
    }
}
