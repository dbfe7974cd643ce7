//! The fuzzers of `fuzz/`: built with the flags of cargo-fuzz by the stable compiler, and run from the committed corpus.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::library;
use crate::util::{self, At, Result};

/// In the order in which faults are looked for: the first ones are what the later ones stand on.
const TARGETS: [&str; 8] = [
    "parse", "text", "plan", "files", "load", "fuse", "sandbox", "archive",
];

/// A minute each where nothing else is said.
const SECONDS: u64 = 60;

pub const USAGE: &str = "\
usage: cargo xtask fuzz [TARGET...] [--seconds N] [--seed N] [--keep]

Runs the fuzzers parse, text, plan, files, load, fuse, sandbox and archive, or those named, for N seconds each (60), from
fuzz/corpus and what earlier runs found (target/fuzz/corpus). An input that ends one is kept in
target/fuzz/artifacts; copy it to fuzz/corpus with the mend, where it stays a test.
--seed: where random choices start; the same inputs come again.
--keep: instead, the smallest set of inputs that reaches what all reach becomes fuzz/corpus.";

/// What one run is asked for.
struct Options {
    targets: Vec<String>,
    seconds: u64,
    /// 0: another one each time.
    seed: u32,
    keep: bool,
}

pub fn main(arguments: &[String]) -> Result<()> {
    let options = options(arguments)?;
    let host = sanitizer_host()?;
    let kinds: Vec<Kind> = options
        .targets
        .iter()
        .map(|target| Kind::of(target))
        .collect();
    // The first half of a compilation keeps one processor busy: the two go side by side.
    let wanted = [Kind::Pure, Kind::Engine].map(|kind| kinds.contains(&kind).then_some(kind));
    let folders = std::thread::scope(|scope| {
        let host = &host;
        let builds = wanted.into_iter().flatten();
        let builds = builds.map(|kind| scope.spawn(move || Ok((kind, build(host, kind)?))));
        let builds: Vec<_> = builds.collect();
        let built = builds.into_iter().map(util::joined);
        built.collect::<Result<Vec<(Kind, PathBuf)>>>()
    })?;
    let runs = options.targets.iter().zip(kinds).map(|(target, kind)| {
        let folder = folders.iter().find(|(of, _)| *of == kind);
        let fuzzer = folder.map(|(_, folder)| folder.join(target));
        (fuzzer.unwrap_or_default(), target.as_str())
    });
    // Each has a thread of its own and some memory: one for each processor at a time.
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let (runs, faults) = (Mutex::new(runs), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((fuzzer, target)) = next(&runs) {
                    let outcome = match options.keep {
                        true => keep(&fuzzer, target),
                        false => run(&fuzzer, target, &options),
                    };
                    // The others are run all the same: each may have found something.
                    lock(&faults).extend(outcome.err());
                }
            });
        }
    });
    let faults = lock(&faults);
    match faults.is_empty() {
        true => Ok(()),
        false => Err(faults.join("\n")),
    }
}

/// The lock is held for no longer than it takes to say what is next.
fn next<T>(runs: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    lock(runs).next()
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn options(arguments: &[String]) -> Result<Options> {
    let mut options = Options {
        targets: Vec::new(),
        seconds: SECONDS,
        seed: 0,
        keep: false,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--seconds" => {
                let number = rest.next().and_then(|text| text.parse().ok());
                options.seconds = number.ok_or("--seconds takes a number")?;
            }
            "--seed" => {
                let number = rest.next().and_then(|text| text.parse().ok());
                options.seed = number.ok_or("--seed takes a number")?;
            }
            "--keep" => options.keep = true,
            name if TARGETS.contains(&name) => options.targets.push(name.to_string()),
            other => return Err(format!("`{other}` is no fuzzer and no option\n\n{USAGE}")),
        }
    }
    if options.targets.is_empty() {
        options.targets = TARGETS.map(str::to_string).into();
    }
    Ok(options)
}

/// The compiler's own target, if AddressSanitizer's runtime comes with the compiler for it.
pub fn sanitizer_host() -> Result<String> {
    let version = util::run_quiet(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or("rustc -vV does not tell its host")?;
    let root = util::run_quiet(Command::new("rustc").args(["--print", "sysroot"]))?;
    let folder = Path::new(root.trim())
        .join("lib/rustlib")
        .join(host)
        .join("lib");
    let runtime = util::list(&folder)?.into_iter().any(|file| {
        let name = file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        name.is_some_and(|name| name.ends_with("_rt.asan.a"))
    });
    match runtime {
        true => Ok(host.to_string()),
        false => Err(format!(
            "this Rust has no AddressSanitizer for {host} ({} has no *_rt.asan.a): run it on x86_64 or aarch64 Linux",
            folder.display()
        )),
    }
}

/// How a fuzzer is built.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Safe code that needs no engine: the fastest way.
    Pure,
    /// With an engine inside, under AddressSanitizer.
    Engine,
}

impl Kind {
    fn of(target: &str) -> Kind {
        match target {
            "load" | "fuse" => Kind::Engine,
            _ => Kind::Pure,
        }
    }
}

/// What cargo-fuzz passes. Unstable options of the stable compiler: they are asked of tests alone.
fn flags(kind: Kind) -> String {
    let coverage = [
        "-Cpasses=sancov-module",
        "-Cllvm-args=-sanitizer-coverage-level=4",
        "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
        "-Cllvm-args=-sanitizer-coverage-pc-table",
        "-Cllvm-args=-sanitizer-coverage-trace-compares",
        "-Ccodegen-units=8",
        "-Cforce-frame-pointers",
    ];
    match kind {
        Kind::Pure => coverage.join(" "),
        // The engine is known by functions that only it has.
        Kind::Engine => format!(
            "-Zsanitizer=address {} -Clink-arg=-rdynamic",
            coverage.join(" ")
        ),
    }
}

/// Builds all fuzzers of a kind. The target is named, so that build scripts and macros are built without the flags. Gives the folder.
fn build(host: &str, kind: Kind) -> Result<PathBuf> {
    let (folder, features, what) = match kind {
        Kind::Pure => ("pure", "pure", "fuzzers that need no engine"),
        Kind::Engine => (
            "engine",
            "engine",
            "the fuzzers with an engine inside, under AddressSanitizer",
        ),
    };
    util::step(format!("{what} (the first build takes some minutes)"));
    let target = util::target_dir().join("fuzz").join(folder);
    util::timed("cargo build --release, in fuzz", || {
        let mut command = library::cargo()?;
        command
            .current_dir(util::workspace().join("fuzz"))
            .args(["build", "--release", "--locked", "--bins", "--target", host])
            .args(["--no-default-features", "--features", features])
            .env("CARGO_TARGET_DIR", &target)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", flags(kind));
        util::run(&mut command)
    })?;
    Ok(target.join(host).join("release"))
}

fn committed(target: &str) -> PathBuf {
    util::workspace().join("fuzz/corpus").join(target)
}

/// What earlier runs found.
fn found(target: &str) -> PathBuf {
    util::target_dir().join("fuzz/corpus").join(target)
}

fn command(fuzzer: &Path) -> Command {
    let mut command = Command::new(fuzzer);
    command
        .current_dir(util::target_dir().join("fuzz"))
        .env("ASAN_OPTIONS", "detect_odr_violation=0:detect_leaks=1")
        .args([
            "-max_len=65536",
            "-timeout=20",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
        ]);
    command
}

fn run(fuzzer: &Path, target: &str, options: &Options) -> Result<()> {
    let Options { seconds, seed, .. } = *options;
    util::step(format!(
        "fuzzing {target} for {}",
        util::seconds(Duration::from_secs(seconds))
    ));
    let artifacts = util::target_dir().join("fuzz/artifacts").join(target);
    util::create_dir(&artifacts)?;
    util::create_dir(&found(target))?;
    let mut command = command(fuzzer);
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-seed={seed}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(found(target))
        .arg(committed(target));
    let said = logged(&mut command, target).map_err(|why| {
        format!(
            "{target} found something, see {}: {why}",
            artifacts.display()
        )
    })?;
    let number = |name: &str| {
        let line = said.lines().rev().find_map(|line| line.strip_prefix(name));
        line.map_or("?", |line| line.trim_start_matches([':', ' ']))
    };
    println!(
        "    {target}: {} executions, {} new inputs, {} MB at most",
        number("stat::number_of_executed_units"),
        number("stat::new_units_added"),
        number("stat::peak_rss_mb")
    );
    Ok(())
}

/// Runs a fuzzer with what it says in a file, since it says much, and gives that. Where it fails, the end of it is the error.
fn logged(command: &mut Command, target: &str) -> Result<String> {
    let path = util::target_dir().join("fuzz/log").join(target);
    util::write(&path, "")?;
    let log = File::options().append(true).open(&path).at("open", &path)?;
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .status();
    let status = status.map_err(|error| format!("{}: {error}", util::show(command)))?;
    let bytes = fs::read(&path).at("read", &path)?;
    let said = String::from_utf8_lossy(&bytes).into_owned();
    if status.success() {
        return Ok(said);
    }
    let lines: Vec<&str> = said.lines().collect();
    let end = lines
        .get(lines.len().saturating_sub(60)..)
        .unwrap_or_default();
    Err(format!(
        "{status}\n  in: {}\n  | {}",
        util::show(command),
        end.join("\n  | ")
    ))
}

/// Merges what was found and what is committed into a new committed corpus.
fn keep(fuzzer: &Path, target: &str) -> Result<()> {
    util::step(format!("the corpus of {target}"));
    let merged = util::target_dir().join("fuzz/merged").join(target);
    util::remove(&merged)?;
    util::create_dir(&merged)?;
    let mut command = command(fuzzer);
    command.arg("-set_cover_merge=1").arg(&merged);
    logged(command.args([committed(target), found(target)]), target)?;
    util::install_dir(&merged, &committed(target))?;
    println!(
        "    {target}: {} inputs",
        util::list(&committed(target))?.len()
    );
    Ok(())
}
