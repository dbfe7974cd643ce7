//! From start to end of whole processes: `wasmdyld run` with compiled code and launch closures kept, in turn with something to compare
//! with. Ratios travel, times do not.
//!
//! `cargo bench --features cli --bench startup`. Programs are those of `cargo xtask guests`, below the target folder, and a chain of
//! 1,000 libraries that is made here; one that is not there is passed over. `WASMDYLD_BENCH_PYTHON` is a python.wasm with its libraries
//! beside it. `WASMDYLD_BENCH_TOYWASM` is the path of toywasm, to compare with; without it that is `true`, which does nothing.

#[path = "generator.rs"]
mod generator;

use std::ffi::OsString;
use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use generator::{Shape, Spec};

const ROUNDS: usize = 15;
/// Files written a moment ago are not trusted by launch closures.
const SETTLED: std::time::Duration = std::time::Duration::from_millis(2_200);

struct Program {
    name: &'static str,
    path: PathBuf,
    libraries: PathBuf,
    args: &'static [&'static str],
}

/// What one run took: seconds of user and system time, and megabytes at the peak.
#[derive(Clone, Copy)]
struct Cost {
    time: f64,
    peak: f64,
}

fn main() -> Result<()> {
    let command = Path::new(env!("CARGO_BIN_EXE_wasmdyld"));
    let target = command.ancestors().nth(2).unwrap_or(command);
    let scratch = target.join("tmp/bench-startup");
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch)?;
    let programs = programs(&target.join("guests"), &scratch)?;
    std::thread::sleep(SETTLED);
    let toywasm = std::env::var_os("WASMDYLD_BENCH_TOYWASM");
    let other = match &toywasm {
        Some(_) => "toywasm",
        None => "true",
    };
    println!("user and system time in ms, medians of {ROUNDS} runs in turn; peak memory in MB");
    println!(
        "{:16} {:>8} {:>8} {:>10} {:>8} {:>8} {:>7}",
        "", "first", "kept", "no closure", other, "ratio", "peak"
    );
    for program in &programs {
        if !program.path.exists() {
            println!("{:16} is not there", program.name);
            continue;
        }
        let ours = |more: &[&str]| ours(command, program, &scratch, more);
        let theirs = || match &toywasm {
            Some(toywasm) => self::theirs(toywasm, program, &scratch),
            None => Command::new("true"),
        };
        // Each run has an empty folder.
        let run = |command| {
            let data = scratch.join("data");
            let _ = fs::remove_dir_all(&data);
            fs::create_dir(&data)?;
            run(command)
        };
        let first = run(ours(&[]))?;
        run(ours(&[]))?;
        let (mut kept, mut without, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            kept.push(run(ours(&[]))?);
            without.push(run(ours(&["--no-launch-closure"]))?);
            others.push(run(theirs())?);
        }
        let ratios = kept.iter().zip(&others).map(|(a, b)| a.time / b.time);
        let ratio = median(ratios.collect());
        let time = |costs: &[Cost]| 1e3 * median(costs.iter().map(|cost| cost.time).collect());
        println!(
            "{:16} {:>8.1} {:>8.2} {:>10.2} {:>8.2} {:>8.2} {:>7.1}",
            program.name,
            1e3 * first.time,
            time(&kept),
            time(&without),
            time(&others),
            ratio,
            median(kept.iter().map(|cost| cost.peak).collect())
        );
    }
    fs::remove_dir_all(&scratch)
}

fn programs(guests: &Path, scratch: &Path) -> Result<Vec<Program>> {
    let guest = |name, path: &str, args| Program {
        name,
        path: guests.join("cases").join(path),
        libraries: guests.join("lib"),
        args,
    };
    let chain = scratch.join("chain");
    write_chain(&chain)?;
    let mut programs = vec![
        guest("hello", "hello/main-pie.wasm", &[]),
        guest("hello, fixed", "hello/main-nonpie.wasm", &[]),
        guest("SQLite", "sqlite-demo/main-pie.wasm", &["/data/books.db"]),
        Program {
            name: "1,000 libraries",
            path: chain.join("main.wasm"),
            libraries: chain,
            args: &[],
        },
    ];
    if let Some(python) = std::env::var_os("WASMDYLD_BENCH_PYTHON").map(PathBuf::from) {
        programs.push(Program {
            name: "CPython",
            libraries: python.parent().map(Path::to_path_buf).unwrap_or_default(),
            path: python,
            args: &["-c", "pass"],
        });
    }
    Ok(programs)
}

/// A program that needs the first of 1,000 libraries, each of which needs the next and imports ten functions and data of it.
fn write_chain(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let spec = Spec {
        shape: Shape::Chain,
        libraries: 1_000,
        exports: 10,
        imports: 10,
        own_imports: 0,
        seed: 0,
    };
    for library in generator::generate(&spec) {
        fs::write(folder.join(library.name), library.bytes)?;
    }
    fs::write(folder.join("main.wasm"), generator::program(&spec))
}

fn ours(command: &Path, program: &Program, scratch: &Path, more: &[&str]) -> Command {
    let mut run = Command::new(command);
    run.arg("run")
        .arg("--engine-cache")
        .arg(scratch.join("kept"));
    run.args(more).arg("-L").arg(&program.libraries);
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

fn run(mut command: Command) -> Result<Cost> {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let pid = libc::pid_t::try_from(child.id()).map_err(Error::other)?;
    let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: the child is ours and nobody else waits for it; both places are good for the call, and zeros are a valid `rusage`.
    let usage = unsafe {
        if libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) != pid {
            return Err(Error::last_os_error());
        }
        usage.assume_init()
    };
    if status != 0 {
        return Err(Error::other(format!("{command:?} ended with {status}")));
    }
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    Ok(Cost {
        time: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        // In KiB, but for Apple's systems.
        peak: usage.ru_maxrss as f64
            / if cfg!(target_vendor = "apple") {
                1e6
            } else {
                1e3
            },
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
