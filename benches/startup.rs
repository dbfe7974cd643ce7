//! From start to end of `wasmdyld run` with real programs, once the engine's cache has their code.
//!
//! `cargo bench --features cli --bench startup`. The programs are those of `cargo xtask guests`, below the target folder; one
//! that is not there is passed over.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const ROUNDS: usize = 21;

/// Name, program, and the most milliseconds that a run may take.
const PROGRAMS: &[(&str, &str, f64)] = &[
    ("hello", "cases/hello/main-pie.wasm", 60.0),
    ("hello, fixed", "cases/hello/main-nonpie.wasm", 60.0),
    ("SQLite", "cases/sqlite-demo/main-pie.wasm", 120.0),
];

fn main() -> std::io::Result<()> {
    let command = Path::new(env!("CARGO_BIN_EXE_wasmdyld"));
    let target = command.ancestors().nth(2).unwrap_or(command);
    let guests = target.join("guests");
    let scratch = target.join("tmp/bench-startup");
    println!("medians of {ROUNDS} runs of the whole command, in ms");
    for (name, program, goal) in PROGRAMS {
        let program = guests.join(program);
        if !program.exists() {
            println!("{name:14} not built; run cargo xtask guests");
            continue;
        }
        // The first run fills the cache.
        let first = run(command, &guests, &program, &scratch)?;
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            times.push(run(command, &guests, &program, &scratch)?);
        }
        times.sort_by(f64::total_cmp);
        let median = times[times.len() / 2];
        let verdict = if median <= *goal { "met" } else { "MISSED" };
        println!(
            "{name:14} first {first:8.1}, then {median:6.1} (least {:.1}), goal {goal}: {verdict}",
            times[0]
        );
    }
    let _ = std::fs::remove_dir_all(&scratch);
    Ok(())
}

/// Milliseconds of one run, in an empty folder of its own.
fn run(command: &Path, guests: &Path, program: &Path, scratch: &PathBuf) -> std::io::Result<f64> {
    let _ = std::fs::remove_dir_all(scratch);
    std::fs::create_dir_all(scratch)?;
    let start = Instant::now();
    let status = Command::new(command)
        .arg("run")
        .arg("-L")
        .arg(guests.join("lib"))
        .arg("--dir")
        .arg(format!("{}::/data", scratch.display()))
        .arg("--")
        .arg(program)
        // Only the SQLite program has a use for it.
        .arg("/data/books.db")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    let time = start.elapsed().as_secs_f64() * 1e3;
    if !status.success() {
        println!("{}: {status}", program.display());
    }
    Ok(time)
}
