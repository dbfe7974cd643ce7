//! The pure part of a load at scale, without an engine: the time of parsing and of planning, what is allocated for a symbol, and
//! how both grow. Times are those of the processor, so that other work on the machine adds little to them.
//!
//! `cargo bench --bench plan`. An argument picks the parts whose name contains it.

mod generator;
mod measure;

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use generator::{Library, Shape, Spec};
use measure::processor_time;
use wasmdyld::error::{Code, Error, Result};
use wasmdyld::object::{Metadata, Object, ParseLimits};
use wasmdyld::plan::needed::{Closure, Provider, Root, closure};
use wasmdyld::plan::{
    Bind, Found, Identity, LoadLimits, Model, Options, Plt, Request, Sizes, plan, role_of,
};

/// Other work on the machine only ever adds to a time, since it takes caches away: the best one counts.
const ROUNDS: usize = 15;
/// Parse and plan together, for an import of 10 libraries with 10,000 each.
const GOAL: Duration = Duration::from_millis(25);
/// Bytes that the linker keeps for a symbol, of names as long as a short C++ name.
const GOAL_BYTES: f64 = 100.0;

/// The system's allocator, and what is allocated at the moment.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static CALLS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: it is the system's allocator; only numbers are added.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_add(size, Ordering::Relaxed);
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The libraries instead of a file system.
struct Shelf<'a> {
    libraries: HashMap<&'a str, &'a Library>,
    limits: ParseLimits,
    parse: Duration,
}

impl<'a> Shelf<'a> {
    fn of(libraries: &'a [Library]) -> Shelf<'a> {
        Shelf {
            libraries: libraries.iter().map(|l| (l.name.as_str(), l)).collect(),
            limits: ParseLimits::default(),
            parse: Duration::ZERO,
        }
    }
}

impl<'a> Provider for Shelf<'a> {
    type Located = &'a Library;

    fn locate(&mut self, name: &str, _by: Option<&Found>) -> Result<&'a Library> {
        let library = self.libraries.get(name).copied();
        library.ok_or_else(|| Error::new(Code::NotFound, name))
    }

    fn identity(&self, located: &&'a Library) -> Identity {
        Identity::Host(located.name.as_bytes().to_vec())
    }

    fn open(&mut self, library: &'a Library) -> Result<Found> {
        let start = processor_time();
        let object = Object::parse(&library.bytes, &self.limits)?;
        let role = role_of(&object, false)?;
        let object = Metadata::new(object);
        self.parse += processor_time() - start;
        Ok(Found {
            name: library.name.as_str().into(),
            path: None,
            in_guest: false,
            identity: self.identity(&library),
            object,
            role,
            needed: Vec::new(),
            stack_pointer: None,
            within: None,
            parts: Vec::new(),
        })
    }
}

fn options() -> Options {
    Options {
        bind: Bind::Now,
        plt: Plt::Auto,
        stack_size: 1 << 16,
        limits: LoadLimits {
            memory_pages: 1 << 16,
            table_slots: 10_000_000,
            objects: 100_000,
            host_memory: u64::MAX,
        },
        global: true,
        deepbind: false,
    }
}

/// What one load came to.
#[derive(Clone, Copy)]
struct Load {
    imports: usize,
    symbols: usize,
    parse: Duration,
    plan: Duration,
    commit: Duration,
    /// Calls of the allocator.
    calls: usize,
    /// Bytes that the namespace keeps.
    kept: usize,
}

impl Load {
    fn time(&self) -> Duration {
        self.parse + self.plan
    }
}

fn load(libraries: &[Library]) -> Result<Load> {
    let mut shelf = Shelf::of(libraries);
    let (live, calls) = (LIVE.load(Ordering::Relaxed), CALLS.load(Ordering::Relaxed));
    let mut model = Model::default();
    let root = generator::library_name(0);
    let roots = vec![Root::Name(&root, None)];
    let closure: Closure = closure(&model, roots, &mut shelf, libraries.len())?;
    let options = options();
    let request = Request {
        model: &model,
        fresh: &closure.fresh,
        group: &closure.group,
        roots: &closure.roots,
        options: &options,
        now: None,
    };
    let start = processor_time();
    let mut plan = plan(&request)?;
    let planned = processor_time() - start;
    let count = |of: fn(&Found) -> usize| closure.fresh.iter().map(of).sum::<usize>();
    let imports = count(|found| found.object.imports.len());
    let symbols = imports + count(|found| found.object.exports.len());
    let start = processor_time();
    model.commit(closure, &mut plan, &options);
    let commit = processor_time() - start;
    drop(plan);
    Ok(Load {
        imports,
        symbols,
        parse: shelf.parse,
        plan: planned,
        commit,
        calls: CALLS.load(Ordering::Relaxed) - calls,
        kept: LIVE.load(Ordering::Relaxed) - live,
    })
}

/// Opens libraries one by one, which all need the last one, and closes them again: the time of either.
fn one_by_one(count: usize) -> Result<(Duration, Duration)> {
    let libraries = generator::generate(&Spec::new(Shape::Star, count, 10, 10));
    let mut shelf = Shelf::of(&libraries);
    let mut model = Model::default();
    let mut now = None;
    let mut opened = Vec::new();
    let start = processor_time();
    // The first one would bring all the others.
    for library in libraries.iter().skip(1) {
        let roots = vec![Root::Name(&library.name, None)];
        let closure: Closure = closure(&model, roots, &mut shelf, count)?;
        let options = Options {
            global: false,
            ..options()
        };
        let root = closure.roots.first().copied();
        let request = Request {
            model: &model,
            fresh: &closure.fresh,
            group: &closure.group,
            roots: &closure.roots,
            options: &options,
            now,
        };
        if !closure.fresh.is_empty() {
            let mut plan = plan(&request)?;
            now = Some(Sizes {
                memory_pages: plan.layout.memory.after,
                table_slots: plan.layout.table.after,
            });
            model.commit(closure, &mut plan, &options);
        }
        if let Some(node) = root.and_then(|root| model.nodes.get_mut(&root)) {
            node.opens.host += 1;
        }
        opened.extend(root);
    }
    let opening = processor_time() - start;
    let start = processor_time();
    for id in opened {
        if let Some(node) = model.nodes.get_mut(&id) {
            node.opens.host -= 1;
        }
        model.suspect(id);
        let gone = model.unkept(&Default::default());
        model.remove(&gone);
    }
    if !model.nodes.is_empty() {
        return Err(Error::new(Code::Internal, "a library stays"));
    }
    Ok((opening, processor_time() - start))
}

/// The best of several loads.
fn measure(spec: &Spec) -> Result<Load> {
    let libraries = generator::generate(spec);
    let mut best = load(&libraries)?;
    for _ in 1..ROUNDS {
        let next = load(&libraries)?;
        if next.time() < best.time() {
            best = next;
        }
    }
    Ok(best)
}

const CASES: &[(&str, Spec, bool)] = &[
    (
        "10 x 10,000 star",
        Spec::new(Shape::Star, 11, 10_000, 10_000),
        true,
    ),
    (
        "10 x 10,000 cycle",
        Spec::new(Shape::Cycle, 10, 10_000, 10_000),
        false,
    ),
    (
        "1,000 x 100 chain",
        Spec::new(Shape::Chain, 1_000, 100, 100),
        false,
    ),
];

/// Each the double of the one before.
const STEPS: [usize; 4] = [1, 2, 4, 8];

/// How a size grows by a step.
type Grow = fn(usize) -> Spec;

const GROWTH: &[(&str, Grow)] = &[
    ("imports of 10 libraries", |step| {
        Spec::new(Shape::Star, 11, 1_000, 1_250 * step)
    }),
    ("exports of 10 libraries", |step| {
        Spec::new(Shape::Star, 11, 1_250 * step, 1_000)
    }),
    ("libraries in a chain", |step| {
        Spec::new(Shape::Chain, 250 * step, 50, 50)
    }),
    ("libraries in a circle", |step| {
        Spec::new(Shape::Cycle, 250 * step, 50, 50)
    }),
    ("libraries around one", |step| {
        Spec::new(Shape::Star, 250 * step, 50, 50)
    }),
];

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let runs = |name: &str| wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str()));
    println!("times in ms, best of {ROUNDS} loads\n");
    println!(
        "{:18} {:>8} {:>8} | {:>6} {:>6} {:>6} {:>6} | {:>9} | {:>11} | {:>12}",
        "libraries",
        "imports",
        "symbols",
        "parse",
        "plan",
        "both",
        "commit",
        "ns/import",
        "allocations",
        "bytes/symbol"
    );
    for (name, spec, goal) in CASES.iter().filter(|(name, ..)| runs(name)) {
        let load = measure(spec)?;
        let bytes = load.kept as f64 / load.symbols as f64;
        println!(
            "{name:18} {:8} {:8} | {:6.1} {:6.1} {:6.1} {:6.1} | {:9.0} | {:11.2} | {bytes:12.0}",
            load.imports,
            load.symbols,
            ms(load.parse),
            ms(load.plan),
            ms(load.time()),
            ms(load.commit),
            load.time().as_nanos() as f64 / load.imports as f64,
            load.calls as f64 / load.symbols as f64,
        );
        if *goal && load.time() > GOAL {
            println!("  MISSED: more than {} ms", GOAL.as_millis());
        }
        if *goal && bytes > GOAL_BYTES {
            println!("  MISSED: more than {GOAL_BYTES} bytes a symbol");
        }
    }
    for (name, grow) in GROWTH.iter().filter(|(name, _)| runs(name)) {
        println!("\nparse and plan by {name}, x1 x2 x4 x8:");
        let mut before: Option<f64> = None;
        for step in STEPS {
            let load = measure(&grow(step))?;
            let time = ms(load.time());
            let factor = before.map_or(String::new(), |before| format!("x{:.2}", time / before));
            println!(
                "  {:8} symbols {time:8.2} ms, {:4.0} ns a symbol {factor}",
                load.symbols,
                time * 1e6 / load.symbols as f64
            );
            before = Some(time);
        }
    }
    if runs("one by one") {
        println!("\nlibraries opened and closed one by one, x1 x2 x4 x8:");
        for step in STEPS {
            let count = 500 * step;
            let (open, close) = one_by_one(count)?;
            let each = |time: Duration| ms(time) * 1e3 / count as f64;
            println!(
                "  {count:8} libraries, us for each: {:6.1} to open, {:6.1} to close",
                each(open),
                each(close)
            );
        }
    }
    Ok(())
}
