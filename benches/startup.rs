//! From start to end of whole processes: `wasmdyld run` with compiled code and launch closures kept, in turn with something to compare
//! with. Ratios travel, times do not.
//!
//! `cargo bench --features cli --bench startup`. Programs are those of `cargo xtask guests`, below the target folder, and a chain of
//! 1,000 libraries that is made here; one that is not there is passed over. `WASMDYLD_BENCH_PYTHON` is a python.wasm with its libraries
//! beside it, and Python's own in `lib` there. `WASMDYLD_BENCH_TOYWASM` is the path of toywasm, to compare with; without it that is `true`,
//! which does nothing. `WASMDYLD_BENCH_OLDER` is another build of the command, to compare with as well.
//!
//! Then 8 threads load hello in 5 stores each, inside this process and with nothing kept: of one engine, and of one each.

#[path = "generator.rs"]
mod generator;
#[path = "loads.rs"]
mod loads;
mod measure;

use std::ffi::OsString;
use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use generator::{Shape, Spec};
use loads::{Engine, Guest};
use measure::{Cost, cost, median};
use wasmdyld::engine::EngineCache;

const ROUNDS: usize = 15;
const THREADS: usize = 8;
const STORES: usize = 5;
/// Where this program is to write the chain of libraries, and nothing else.
const CHAIN: &str = "WASMDYLD_BENCH_CHAIN";
/// Files written a moment ago are not trusted by launch closures.
const SETTLED: std::time::Duration = std::time::Duration::from_millis(2_200);

struct Program {
    name: &'static str,
    path: PathBuf,
    libraries: PathBuf,
    /// Of our command, beside what all programs have.
    options: Vec<String>,
    args: &'static [&'static str],
}

/// What runs of one program in turn took.
#[derive(Default)]
struct Runs {
    kept: Vec<Cost>,
    without: Vec<Cost>,
    older: Vec<Cost>,
    others: Vec<Cost>,
}

fn main() -> Result<()> {
    if let Some(folder) = std::env::var_os(CHAIN) {
        return write_chain(Path::new(&folder));
    }
    let built = Path::new(env!("CARGO_BIN_EXE_wasmdyld"));
    let target = built.ancestors().nth(2).unwrap_or(built);
    let guests = target.join("guests");
    let scratch = target.join("tmp/bench-startup");
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch)?;
    // As it is installed: a linker writes its output piece by piece, so that the system keeps it in memory in smaller pieces.
    let command = &scratch.join("wasmdyld");
    fs::copy(built, command)?;
    let programs = programs(&guests, &scratch)?;
    std::thread::sleep(SETTLED);
    let toywasm = std::env::var_os("WASMDYLD_BENCH_TOYWASM");
    let older = std::env::var_os("WASMDYLD_BENCH_OLDER").map(PathBuf::from);
    let other = match &toywasm {
        Some(_) => "toywasm",
        None => "true",
    };
    println!("user and system time in ms, medians of {ROUNDS} runs in turn; peak memory in MB");
    println!(
        "{:16} {:>8} {:>8} {:>10} {:>8} {:>8} {:>8} {:>8} {:>7}",
        "", "first", "kept", "no closure", "older", "ratio", other, "ratio", "peak"
    );
    for program in &programs {
        if !program.path.exists() {
            println!("{:16} is not there", program.name);
            continue;
        }
        let ours = |more: &[&str]| ours(command, program, &scratch, "kept", more);
        let before = |older| self::ours(older, program, &scratch, "kept-older", &[]);
        let theirs = || match &toywasm {
            Some(toywasm) if program.options.is_empty() => theirs(toywasm, program, &scratch),
            _ => Command::new("true"),
        };
        // Each run has an empty folder.
        let run = |mut command: Command| {
            let data = scratch.join("data");
            let _ = fs::remove_dir_all(&data);
            fs::create_dir(&data)?;
            cost(command.stderr(Stdio::null()))
        };
        let first = run(ours(&[]))?;
        run(ours(&[]))?;
        if let Some(older) = &older {
            run(before(older))?;
        }
        let mut runs = Runs::default();
        for _ in 0..ROUNDS {
            runs.kept.push(run(ours(&[]))?);
            runs.without.push(run(ours(&["--no-launch-closure"]))?);
            if let Some(older) = &older {
                runs.older.push(run(before(older))?);
            }
            runs.others.push(run(theirs())?);
        }
        println!(
            "{:16} {:>8.1} {:>8.2} {:>10.2} {:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>7.1}",
            program.name,
            1e3 * first.time(),
            time(&runs.kept),
            time(&runs.without),
            time(&runs.older),
            ratio(&runs.kept, &runs.older),
            time(&runs.others),
            ratio(&runs.kept, &runs.others),
            median(runs.kept.iter().map(|cost| cost.peak).collect())
        );
    }
    fs::remove_dir_all(&scratch)?;
    threads(&Guest::hello(&guests));
    Ok(())
}

fn time(costs: &[Cost]) -> f64 {
    1e3 * median(costs.iter().map(|cost| cost.time()).collect())
}

fn ratio(costs: &[Cost], others: &[Cost]) -> f64 {
    let ratios = costs.iter().zip(others).map(|(a, b)| a.time() / b.time());
    median(ratios.collect())
}

/// Loads on several threads at once, with no code kept beyond the process.
fn threads(guest: &Guest) {
    if !guest.program.exists() {
        return;
    }
    println!(
        "{THREADS} threads load hello in {STORES} stores each, nothing kept: seconds until all have"
    );
    for (what, engines) in [("of one engine", 1), ("of one each", THREADS)] {
        let engines: Vec<Engine> = (0..engines)
            .map(|_| Engine::new(EngineCache::Off))
            .collect();
        let start = Instant::now();
        std::thread::scope(|scope| {
            for engine in engines.iter().cycle().take(THREADS) {
                let work = move || (0..STORES).for_each(|_| drop(engine.load(guest)));
                let thread = std::thread::Builder::new().stack_size(8 << 20);
                thread.spawn_scoped(scope, work).expect("a thread");
            }
        });
        println!("{what:16} {:>8.2}", start.elapsed().as_secs_f64());
    }
}

fn programs(guests: &Path, scratch: &Path) -> Result<Vec<Program>> {
    let guest = |name, path: &str, args| Program {
        name,
        path: guests.join("cases").join(path),
        libraries: guests.join("lib"),
        options: Vec::new(),
        args,
    };
    let chain = scratch.join("chain");
    // By a process of its own: what a process has had in memory counts for its children's peak.
    let mut write = Command::new(std::env::current_exe()?);
    if !write.env(CHAIN, &chain).status()?.success() {
        return Err(Error::other("the chain of libraries was not written"));
    }
    let mut programs = vec![
        guest("hello", "hello/main-pie.wasm", &[]),
        guest("hello, fixed", "hello/main-nonpie.wasm", &[]),
        guest("SQLite", "sqlite-demo/main-pie.wasm", &["/data/books.db"]),
        Program {
            name: "1,000 libraries",
            path: chain.join("main.wasm"),
            libraries: chain,
            options: Vec::new(),
            args: &[],
        },
    ];
    if let Some(python) = std::env::var_os("WASMDYLD_BENCH_PYTHON").map(PathBuf::from) {
        let folder = python.parent().map(Path::to_path_buf).unwrap_or_default();
        let library = format!("{}::/lib", folder.join("lib").display());
        let options = [
            "--stack-size",
            "8388608",
            "--bind",
            "lazy",
            "--dir",
            &library,
        ];
        let variables = ["--env", "PYTHONHOME=/", "--env", "PYTHONPATH=/lib"];
        programs.push(Program {
            name: "CPython",
            options: options
                .iter()
                .chain(&variables)
                .map(|o| o.to_string())
                .collect(),
            libraries: folder,
            path: python,
            args: &["-c", "pass"],
        });
    }
    Ok(programs)
}

/// A program that needs the first of 1,000 libraries, each of which needs the next and imports ten functions and data of it.
fn write_chain(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let spec = Spec::new(Shape::Chain, 1_000, 10, 10);
    for library in generator::generate(&spec) {
        fs::write(folder.join(library.name), library.bytes)?;
    }
    fs::write(folder.join("main.wasm"), generator::program(&spec))
}

fn ours(command: &Path, program: &Program, scratch: &Path, kept: &str, more: &[&str]) -> Command {
    let mut run = Command::new(command);
    run.arg("run").arg("--engine-cache").arg(scratch.join(kept));
    run.args(more).args(&program.options);
    run.arg("-L").arg(&program.libraries);
    run.arg("--dir").arg(guest_folder(scratch));
    run.arg("--").arg(&program.path).args(program.args);
    run
}

fn theirs(toywasm: &OsString, program: &Program, scratch: &Path) -> Command {
    let mut run = Command::new(toywasm);
    run.args(["--wasi", "--dyld", "--dyld-path"])
        .arg(&program.libraries);
    run.arg("--wasi-dir").arg(guest_folder(scratch));
    run.arg("--").arg(&program.path).args(program.args);
    run
}

fn guest_folder(scratch: &Path) -> String {
    format!("{}::/data", scratch.join("data").display())
}
