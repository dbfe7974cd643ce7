//! How long Python takes to have imported json, re and sqlite3: `examples/python-snapshot`, started ahead of time, in turn with the machine's own python3
//! (`-I -S`, the interpreter itself and no script that looks for one). `cargo bench --features cli --bench python`; `cargo xtask guests` fetches the
//! guests' CPython.
//!
//! User and system time of whole processes, with compiled code kept, medians over rounds; ratios are those of one round, so that other work on the
//! machine bears on both. Both end as Python ends: everything is finalized.

#[path = "python_example.rs"]
mod example;
mod measure;

use measure::{Cost, cost, median};
use std::fs;
use std::io::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROUNDS: usize = 60;
const NATIVE: &str = "import json, re, sqlite3";
/// With the extension in C.
const OURS: &str = "import json, re, sqlite3, spam";
/// Files written a moment ago are not trusted by launch closures.
const SETTLED: std::time::Duration = std::time::Duration::from_millis(2_200);

fn main() -> Result<()> {
    let command = Path::new(env!("CARGO_BIN_EXE_wasmdyld"));
    let target = command.ancestors().nth(2).unwrap_or(command);
    let guests = target.join("guests");
    let modules = example::modules(&guests);
    if !modules.exists() {
        println!("no CPython is there; run cargo xtask guests");
        return Ok(());
    }
    let scratch = target.join("tmp/bench-python");
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch)?;
    // As it is installed: a linker writes its output piece by piece, so that the system keeps it in memory in smaller pieces.
    let ours = scratch.join("wasmdyld");
    fs::copy(command, &ours)?;
    example::build(&ours, &guests, &scratch)?;
    std::thread::sleep(SETTLED);

    let python = native()?;
    let native = || cost(Command::new(&python).args(["-I", "-S", "-c", NATIVE]));
    let run = |module: &str, options: &[&str], code: &str| {
        let mut run = Command::new(&ours);
        run.arg("run")
            .arg("--engine-cache")
            .arg(scratch.join("kept"));
        run.args(["--bind", "lazy", "--stack-size", "8388608", "-L"]);
        run.arg(&scratch).arg("-L").arg(guests.join("lib"));
        cost(run.args(options).arg(scratch.join(module)).arg(code))
    };
    let files = format!("{}::/lib", modules.display());
    let files = [
        "--dir",
        &files,
        "--env",
        "PYTHONHOME=/",
        "--env",
        "PYTHONPATH=/lib",
    ];
    let started = || run("started.wasm", &[], OURS);
    let apart = || run("python.wasm", &files, OURS);
    // They are compiled, and the second time a launch closure is kept.
    for _ in 0..2 {
        started()?;
        apart()?;
        native()?;
    }
    let (mut theirs, mut early, mut late) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        theirs.push(native()?);
        early.push(started()?);
        late.push(apart()?);
    }
    println!(
        "medians of {ROUNDS} runs in turn, in ms; {}",
        python.display()
    );
    println!(
        "{:24} {:>6} {:>6} {:>6} {:>8}",
        "", "user", "system", "both", "by native"
    );
    for (name, costs) in [
        ("native python3", &theirs),
        ("started ahead of time", &early),
        ("objects apart", &late),
    ] {
        let of = |part: fn(&Cost) -> f64| 1e3 * median(costs.iter().map(part).collect());
        let ratios = costs.iter().zip(&theirs).map(|(a, b)| a.time() / b.time());
        println!(
            "{name:24} {:>6.1} {:>6.1} {:>6.1} {:>8.2}",
            of(|cost| cost.user),
            of(|cost| cost.system),
            of(Cost::time),
            median(ratios.collect())
        );
    }
    fs::remove_dir_all(&scratch)
}

/// The interpreter, which `python3` of the PATH may only lead to.
fn native() -> Result<PathBuf> {
    let mut ask = Command::new("python3");
    let told = ask
        .args(["-c", "import sys; print(sys.executable)"])
        .output()?;
    Ok(PathBuf::from(String::from_utf8_lossy(&told.stdout).trim()))
}
