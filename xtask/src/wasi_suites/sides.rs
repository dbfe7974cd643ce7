//! The two that run the same programs: `wasmdyld run`, and wasmtime as its package for Python has it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::guests::{self, toolchain};
use crate::library;
use crate::util::{self, At, Result};

const SCRIPT: &str = include_str!("run_by_wasmtime.py");
/// What is read of what a program has written.
const MOST_OUTPUT: u64 = 1 << 20;
/// The status of a program that trapped, on both sides.
const TRAPPED: i32 = 134;
const STACK: &str = "8388608";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Ours,
    Wasmtimes,
}

pub const BOTH: [Side; 2] = [Side::Ours, Side::Wasmtimes];

impl Side {
    pub fn name(self) -> &'static str {
        match self {
            Side::Ours => "wasmdyld",
            Side::Wasmtimes => "wasmtime",
        }
    }
}

/// A module, and what it is given.
#[derive(Default)]
pub struct Program {
    pub module: PathBuf,
    pub arguments: Vec<String>,
    pub env: Vec<(String, String)>,
    /// The host's name and the guest's.
    pub folders: Vec<(PathBuf, String)>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    Code(i32),
    Trapped,
    /// By a signal of the host's, which no guest may bring about.
    Killed,
    TimedOut,
}

pub struct Outcome {
    pub ended: Ended,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// How it ended, with the last line that it wrote to standard error.
    pub fn brief(&self) -> String {
        let ended = match self.ended {
            Ended::Code(code) => format!("exit status {code}"),
            Ended::Trapped => "it trapped".into(),
            Ended::Killed => "it was killed by a signal".into(),
            Ended::TimedOut => "it did not come to its end".into(),
        };
        let mut said = self.stderr.lines().map(str::trim);
        match said.rfind(|line| !line.is_empty()) {
            Some(line) => format!("{ended}: {}", line.chars().take(160).collect::<String>()),
            None => ended,
        }
    }
}

pub struct Sides {
    /// Where programs are run, and what they write is kept.
    pub root: PathBuf,
    command: PathBuf,
    script: PathBuf,
    /// The unpacked package.
    wasmtime: PathBuf,
    pub version: String,
}

impl Sides {
    /// Builds the command, and fetches wasmtime where it is not there.
    pub fn new(root: PathBuf) -> Result<Sides> {
        let command = match std::env::var_os("WASMDYLD_TEST_PREFIX") {
            // As tests have it.
            Some(prefix) => PathBuf::from(prefix).join("bin"),
            None => library::stage()?.bin,
        }
        .join("wasmdyld");
        // The tests of the Python package compare with the same one.
        let needs = util::workspace().join("bindings/python/requirements-dev.txt");
        let text = util::read(&needs)?;
        let package = text
            .lines()
            .find(|line| line.starts_with("wasmtime=="))
            .ok_or_else(|| format!("{} names no wasmtime", needs.display()))?;
        let wasmtime = root.join(package);
        if !wasmtime.is_dir() {
            util::step(format!("{package} of PyPI's (once)"));
            let scratch = root.join("fetched");
            util::remove(&scratch)?;
            let unpacked = toolchain::pypi(&scratch, package)?;
            util::install_dir(&unpacked, &wasmtime)?;
            util::remove(&scratch)?;
        }
        let script = root.join("run_by_wasmtime.py");
        util::write(&script, SCRIPT)?;
        util::create_dir(&root.join("compiled"))?;
        Ok(Sides {
            version: package.trim_start_matches("wasmtime==").to_string(),
            root,
            command,
            script,
            wasmtime,
        })
    }

    fn command(&self, side: Side, program: &Program) -> Command {
        match side {
            Side::Ours => {
                let mut command = Command::new(&self.command);
                command.args(["run", "--bind", "lazy", "--stack-size", STACK]);
                for (name, value) in &program.env {
                    command.arg("--env").arg(format!("{name}={value}"));
                }
                for (host, guest) in &program.folders {
                    command
                        .arg("--dir")
                        .arg(format!("{}::{guest}", host.display()));
                }
                command.arg(&program.module).args(&program.arguments);
                command
            }
            Side::Wasmtimes => {
                let folders: Vec<_> = program
                    .folders
                    .iter()
                    .map(|(host, guest)| [host.display().to_string(), guest.clone()])
                    .collect();
                let options = serde_json::json!({ "env": program.env, "folders": folders });
                let name = program
                    .module
                    .display()
                    .to_string()
                    .replace(['/', '\\', ':'], "+");
                let mut command = Command::new("python3");
                command
                    .env("PYTHONPATH", &self.wasmtime)
                    .arg(&self.script)
                    .arg(self.root.join("compiled").join(name))
                    .arg(&program.module)
                    .arg(options.to_string())
                    .args(&program.arguments);
                command
            }
        }
    }

    /// Runs it to its end, or for as long as it may take.
    pub fn run(&self, side: Side, program: &Program, most: Duration) -> Result<Outcome> {
        let [out, err] =
            ["stdout", "stderr"].map(|stream| self.root.join(format!("{}.{stream}", side.name())));
        let create = |path: &Path| File::create(path).at("create", path);
        let mut command = self.command(side, program);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(create(&out)?)
            .stderr(create(&err)?)
            .spawn()
            .map_err(|error| format!("{}: {error}", util::show(&command)))?;
        let start = Instant::now();
        let status = loop {
            let status = child.try_wait().map_err(|error| error.to_string())?;
            if status.is_some() || start.elapsed() > most {
                break status;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        if status.is_none() {
            child.kill().map_err(|error| error.to_string())?;
            child.wait().map_err(|error| error.to_string())?;
        }
        let ended = match status.map(|status| status.code()) {
            None => Ended::TimedOut,
            Some(Some(TRAPPED)) => Ended::Trapped,
            Some(Some(code)) => Ended::Code(code),
            Some(None) => Ended::Killed,
        };
        Ok(Outcome {
            ended,
            stdout: start_of(&out)?,
            stderr: start_of(&err)?,
        })
    }
}

fn start_of(path: &Path) -> Result<String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let file = File::open(path).at("open", path)?;
    file.take(MOST_OUTPUT)
        .read_to_end(&mut bytes)
        .at("read", path)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A folder that is a copy of another one, or empty, whatever was there.
pub fn fresh(place: &Path, of: Option<&Path>) -> Result<()> {
    util::remove(place)?;
    match of {
        None => util::create_dir(place),
        Some(source) => {
            let mut copy = Command::new("cp");
            util::run_quiet(
                copy.args(["-R", "--preserve=mode,timestamps,links"])
                    .arg(source)
                    .arg(place),
            )
            .map(drop)
        }
    }
}

/// Compiles C programs, and makes one module of each with the libraries that it needs, which both sides run.
pub struct Compiler {
    layout: guests::Layout,
    command: PathBuf,
    place: PathBuf,
}

impl Compiler {
    pub fn new(sides: &Sides, libraries: &[&str]) -> Result<Compiler> {
        let mut names: Vec<String> = vec!["libc.so".into()];
        names.extend(libraries.iter().map(ToString::to_string));
        guests::main(&names)?;
        let place = sides.root.join("programs");
        util::create_dir(&place)?;
        Ok(Compiler {
            layout: guests::Layout::new(),
            command: sides.command.clone(),
            place,
        })
    }

    pub fn guests(&self) -> &guests::Layout {
        &self.layout
    }

    /// Gives the module. What stands in the way is the program's own fault, or that libc lacks what it wants.
    pub fn one_module(&self, name: &str, sources: &[PathBuf], flags: &[String]) -> Result<PathBuf> {
        let (dynamic, module) = (
            self.place.join(format!("{name}.dynamic")),
            self.place.join(format!("{name}.wasm")),
        );
        util::remove(&module)?;
        let libraries = self.layout.library("libc.so");
        let libraries = libraries.parent().ok_or("libc.so is in no folder")?;
        let mut compile = Command::new(util::workspace().join("guests/tools/wasmdyld-cc"));
        compile
            .env("WASMDYLD_TOOLCHAIN", &self.layout.root)
            .args(["-O1", "-w", "-o"])
            .arg(&dynamic)
            .args(sources)
            .args(flags)
            .arg("-L")
            .arg(libraries);
        util::run_quiet(&mut compile)?;
        let mut link = Command::new(&self.command);
        link.args([
            "link",
            "--no-dlopen",
            "--bind",
            "lazy",
            "--stack-size",
            STACK,
        ])
        .arg("-L")
        .arg(libraries)
        .arg("-o")
        .arg(&module)
        .arg(&dynamic);
        util::run_quiet(&mut link)?;
        fs::remove_file(&dynamic).at("remove", &dynamic)?;
        Ok(module)
    }
}
