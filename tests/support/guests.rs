//! Running the guest programs of `guests/cases` and judging what they did.

// Each of the test programs uses a part of this.
#![allow(dead_code, reason = "compiled into two programs")]

#[path = "../../xtask/src/case.rs"]
mod case;

use std::fmt::Write;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::machine;
pub use case::{Case, Program, Run};

/// Longer than any case takes by far; a hang is a failure, not the end of the suite.
const TIMEOUT: Duration = Duration::from_secs(120);

pub fn guests() -> PathBuf {
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

pub fn cases() -> Vec<Case> {
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

pub struct Outcome {
    pub stdout: String,
    pub stderr: String,
    /// `None` if it did not end in time.
    pub status: Option<ExitStatus>,
}

impl Outcome {
    /// Of a line of JSON that a script of `tests/web` writes. A trap is told behind standard error.
    pub fn of_script(line: &str) -> Outcome {
        let result: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        let text = |key: &str| result[key].as_str().unwrap_or_default().to_string();
        let code = result["exit"].as_i64();
        let code = code.and_then(|code| i32::try_from(code).ok());
        Outcome {
            stdout: text("stdout"),
            stderr: text("stderr") + &text("trap"),
            status: code.map(|code| ExitStatus::from_raw(code << 8)),
        }
    }
}

/// A run that was not as it has to be.
pub struct Failure {
    /// What was expected and what came.
    pub wrong: String,
    pub stderr: String,
    /// It did not end by itself: a signal, or the time was up.
    pub crashed: bool,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n  standard error:\n{}", self.wrong, self.stderr)
    }
}

pub fn execute(command: Command) -> Outcome {
    execute_within(command, TIMEOUT)
}

/// For a process that runs all cases, one after the other.
pub fn execute_all(command: Command) -> Outcome {
    execute_within(command, TIMEOUT * 5)
}

fn execute_within(mut command: Command, timeout: Duration) -> Outcome {
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
            None if start.elapsed() > timeout => {
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
        status,
    }
}

impl Failure {
    /// Nothing was run.
    pub fn broken(wrong: impl ToString) -> Failure {
        Failure {
            wrong: wrong.to_string(),
            stderr: String::new(),
            crashed: true,
        }
    }
}

/// Where a program of a case was built, with its libraries.
pub fn folder(case: &Case, program: &Program<'_>) -> PathBuf {
    let cases = guests().join("cases");
    cases.join(&case.name).join(program.variant.folder())
}

/// The command, with nothing of the machine's environment but what the engine's cache needs.
pub fn wasmdyld() -> Command {
    // One that was built in another way, if there is one.
    clean(match std::env::var_os("WASMDYLD_TEST_COMMAND") {
        Some(built) => machine::command(built),
        None => Command::new(env!("CARGO_BIN_EXE_wasmdyld")),
    })
}

/// The command of this build, whatever else is tested.
pub fn own_wasmdyld() -> Command {
    clean(Command::new(env!("CARGO_BIN_EXE_wasmdyld")))
}

fn clean(mut command: Command) -> Command {
    for (name, _) in
        std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("WASMDYLD_"))
    {
        command.env_remove(name);
    }
    command
}

/// A new folder for files of the test's.
pub fn scratch() -> std::io::Result<PathBuf> {
    static SCRATCH: AtomicUsize = AtomicUsize::new(0);
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!(
        "guests-{}-{}",
        std::process::id(),
        SCRATCH.fetch_add(1, Ordering::Relaxed)
    ));
    fs::create_dir_all(&scratch)?;
    Ok(scratch)
}

/// The folders that a run sees, of the machine and of the guest. `scratch` is where new ones are made, `built` where the program lies.
pub fn dirs(
    case: &Case,
    run: &Run,
    built: &Path,
    scratch: &Path,
) -> std::io::Result<Vec<(PathBuf, String)>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("guests/cases")
        .join(&case.name);
    let found = run.dirs.iter().map(|(host, guest)| {
        let below = |place| Some(host.strip_prefix(place)?.trim_start_matches('/'));
        let host = if let Some(below) = below("{tmp}") {
            let made = scratch.join(below);
            fs::create_dir_all(&made)?;
            made
        } else if let Some(below) = below("{built}") {
            built.join(below)
        } else {
            source.join(host)
        };
        Ok((host, guest.clone()))
    });
    found.collect()
}

/// Runs one program of a case and says what is wrong.
pub fn run(case: &Case, run: &Run, program: &Program<'_>, options: &[&str]) -> Result<(), Failure> {
    let folder = folder(case, program);
    let file = folder.join(program.file());
    if !file.exists() {
        return Err(Failure::broken(format!(
            "{} is not built: `cargo xtask guests`",
            file.display()
        )));
    }
    let mut command = wasmdyld();
    command
        .arg("run")
        .args(options)
        .arg("-L")
        .arg(&folder)
        .arg("-L")
        .arg(guests().join("lib"));
    for name in &run.preload {
        command.args(["--preload", name]);
    }
    if let Some(bytes) = run.stack_size {
        command.arg("--stack-size").arg(bytes.to_string());
    }
    run_file(case, run, &folder, &file, command)
}

/// Goes on with a command that is complete but for what the program is to see, the program, and its arguments.
pub fn run_file(
    case: &Case,
    run: &Run,
    built: &Path,
    file: &Path,
    mut command: Command,
) -> Result<(), Failure> {
    let scratch = scratch().map_err(Failure::broken)?;
    for (host, guest) in dirs(case, run, built, &scratch).map_err(Failure::broken)? {
        command
            .arg("--dir")
            .arg(format!("{}::{guest}", host.display()));
    }
    for (name, value) in &run.env {
        command.arg("--env").arg(format!("{name}={value}"));
    }
    command.arg(file).args(&run.args);
    let outcome = execute(command);
    let _ = fs::remove_dir_all(&scratch);
    judge(run, &outcome)
}

/// What is wrong with how a run ended.
pub fn judge(run: &Run, outcome: &Outcome) -> Result<(), Failure> {
    let mut wrong = String::new();
    let exit = outcome.status.and_then(|status| status.code());
    if exit != Some(run.exit) {
        let _ = match outcome.status {
            Some(status) => write!(wrong, "\n  {status}, not {}", run.exit),
            None => write!(wrong, "\n  still running after {TIMEOUT:?}"),
        };
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
        false => Err(Failure {
            wrong,
            stderr: outcome.stderr.clone(),
            crashed: exit.is_none(),
        }),
    }
}

/// Does all of `jobs`, two at a time: the machine may not have more, and the guests want memory.
pub fn two_at_a_time<T: Sync>(jobs: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(job);
                }
            });
        }
    });
}
