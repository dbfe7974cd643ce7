//! Ring three: real programs, compiled by clang, run by the command as a user would. `guests/cases` holds them and what they
//! have to print; `cargo xtask guests` builds them.
#![cfg(feature = "cli")]

#[path = "../xtask/src/case.rs"]
mod case;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use case::{Case, Program, Run};

/// Longer than any case takes by far; a hang is a failure, not the end of the suite.
const TIMEOUT: Duration = Duration::from_secs(120);

fn guests() -> PathBuf {
    if let Some(folder) = std::env::var_os("WASMDYLD_GUESTS") {
        return folder.into();
    }
    // <target>/release/wasmdyld
    let command = Path::new(env!("CARGO_BIN_EXE_wasmdyld"));
    let target = command
        .ancestors()
        .nth(2)
        .expect("the command lies in a target folder");
    target.join("guests")
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/cases");
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder).expect("guests/cases") {
        let path = entry.expect("an entry of guests/cases").path();
        if let Ok(text) = fs::read_to_string(path.join("case.txt")) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            cases.push(Case::parse(&name, &text).expect("case.txt"));
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(cases.len() > 30, "only {} cases were found", cases.len());
    cases
}

struct Outcome {
    stdout: String,
    stderr: String,
    exit: Option<i32>,
}

fn execute(mut command: Command) -> Outcome {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let pipe = |stream: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut stream) = stream {
                let _ = stream.read_to_end(&mut bytes);
            }
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let stdout = pipe(child.stdout.take().map(|s| Box::new(s) as _));
    let stderr = pipe(child.stderr.take().map(|s| Box::new(s) as _));
    let start = std::time::Instant::now();
    let status = loop {
        match child.try_wait().expect("waiting for the command") {
            Some(status) => break Some(status),
            None if start.elapsed() > TIMEOUT => {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    Outcome {
        stdout: stdout.join().expect("reading standard output"),
        stderr: stderr.join().expect("reading standard error"),
        exit: status.and_then(|s| s.code()),
    }
}

/// Runs one program of a case and says what is wrong.
fn run(case: &Case, run: &Run, program: &Program<'_>, options: &[&str]) -> Result<(), String> {
    let guests = guests();
    let folder = guests
        .join("cases")
        .join(&case.name)
        .join(program.variant.folder());
    let file = folder.join(program.file());
    if !file.exists() {
        return Err(format!(
            "{} is not built: `cargo xtask guests`",
            file.display()
        ));
    }
    static SCRATCH: AtomicUsize = AtomicUsize::new(0);
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!(
        "guests-{}-{}",
        std::process::id(),
        SCRATCH.fetch_add(1, Ordering::Relaxed)
    ));
    fs::create_dir_all(&scratch).map_err(|e| e.to_string())?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasmdyld"));
    // Of the machine's environment only what the engine's cache needs.
    for (name, _) in
        std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("WASMDYLD_"))
    {
        command.env_remove(name);
    }
    command
        .arg("run")
        .args(options)
        .arg("-L")
        .arg(&folder)
        .arg("-L")
        .arg(guests.join("lib"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("guests/cases")
        .join(&case.name);
    for (host, guest) in &run.dirs {
        let below = |place| Some(host.strip_prefix(place)?.trim_start_matches('/'));
        let host = if let Some(below) = below("{tmp}") {
            let made = scratch.join(below);
            fs::create_dir_all(&made).map_err(|e| e.to_string())?;
            made
        } else if let Some(below) = below("{built}") {
            folder.join(below)
        } else {
            source.join(host)
        };
        command
            .arg("--dir")
            .arg(format!("{}::{guest}", host.display()));
    }
    for (name, value) in &run.env {
        command.arg("--env").arg(format!("{name}={value}"));
    }
    for name in &run.preload {
        command.args(["--preload", name]);
    }
    if let Some(bytes) = run.stack_size {
        command.arg("--stack-size").arg(bytes.to_string());
    }
    command.arg(&file).args(&run.args);
    let outcome = execute(command);
    let _ = fs::remove_dir_all(&scratch);

    let mut wrong = String::new();
    if outcome.exit != Some(run.exit) {
        let _ = write!(wrong, "\n  exit code {:?}, not {}", outcome.exit, run.exit);
    }
    if outcome.stdout != run.stdout {
        let _ = write!(
            wrong,
            "\n  standard output:\n{}  expected:\n{}",
            outcome.stdout, run.stdout
        );
    }
    for text in run
        .stderr
        .iter()
        .filter(|text| !outcome.stderr.contains(text.as_str()))
    {
        let _ = write!(wrong, "\n  no {text:?} in standard error");
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(format!("{wrong}\n  standard error:\n{}", outcome.stderr)),
    }
}

/// Runs every program of every case, two at a time.
fn all(options: &[&str], skip: impl Fn(&Case, &Program<'_>) -> bool) {
    let cases = cases();
    let mut jobs = Vec::new();
    for case in &cases {
        for expected in &case.runs {
            for program in case.programs_of(expected) {
                if !skip(case, &program) {
                    jobs.push((case, expected, program));
                }
            }
        }
    }
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((case, expected, program)) =
                    jobs.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let name = format!("{}:{} {}", case.name, expected.line, program.file());
                    match run(case, expected, program, options) {
                        Ok(()) => println!("ok     {name}"),
                        Err(why) => {
                            println!("FAILED {name}: {why}");
                            failures.lock().expect("failures").push(name);
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("failures");
    assert!(
        failures.is_empty(),
        "{} of {} runs failed: {failures:#?}",
        failures.len(),
        jobs.len()
    );
}

#[test]
fn every_case() {
    all(&[], |_, _| false);
}

#[test]
fn every_case_with_all_calls_through_stubs() {
    all(&["--plt", "wasm"], |_, _| false);
}

#[test]
fn every_case_bound_lazily() {
    all(&["--bind", "lazy"], |_, _| false);
}

/// A host function between two objects takes native stack and stops exceptions and tail calls: cases that throw across
/// libraries, and the one that fills the stack, do not apply.
#[test]
fn every_case_with_all_calls_through_the_host() {
    all(&["--plt", "host"], |case, _| {
        case.exceptions || case.name == "stack-overflow"
    });
}
