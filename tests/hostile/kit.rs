//! Lays out modules from text, runs the command on them within limits, and asserts what must hold of every run.
//!
//! ```ignore
//! let mut case = Case::new("what-it-is");
//! case.wat("liba.so", r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))) ...)"#);
//! case.wat("main.wasm", &command::program("..."));
//! let ran = case.run(&["run", "-L", ".", "main.wasm"]);
//! assert_eq!(ran.code, Some(0), "{ran}");
//! ```

// Each of the subjects uses a part of this.
#![allow(dead_code, reason = "a kit")]

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use crate::command;

const MB: u64 = 1 << 20;

/// What a run may use. [`Law::of`] has what the project promises; a case that needs another value says why.
#[derive(Clone, Copy, Debug)]
pub struct Law {
    /// Resident memory beyond that of the same command on an empty module.
    pub memory: u64,
    /// Processor time, on a slow machine that does other work as well.
    pub seconds: u64,
    /// Bytes of standard output.
    pub stdout: u64,
    /// Bytes of standard error: an error is read by people.
    pub stderr: u64,
}

impl Law {
    pub fn of(input: u64) -> Law {
        Law {
            memory: 4 * input + 64 * MB,
            seconds: 20,
            stdout: 4 * input + MB,
            stderr: 64 << 10,
        }
    }
}

/// A folder with what the command is given.
pub struct Case {
    folder: PathBuf,
    input: u64,
    prepare: Vec<(String, String)>,
}

impl Case {
    pub fn new(name: &str) -> Case {
        Case {
            folder: command::scratch(name),
            input: 0,
            prepare: Vec::new(),
        }
    }

    /// Where the files are; the command runs in it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file of bytes, in folders that are made for it.
    pub fn bytes(&mut self, name: &str, bytes: &[u8]) -> &mut Case {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder of the case");
        fs::write(&path, bytes).expect("writing a file of the case");
        self.input += bytes.len() as u64;
        self
    }

    /// A module from text, with `(@dylink.0 ...)` where it is a library.
    pub fn wat(&mut self, name: &str, text: &str) -> &mut Case {
        let bytes = wat::parse_str(text).unwrap_or_else(|why| panic!("{name}: {why}"));
        self.bytes(name, &bytes)
    }

    /// A variable of the environment for all runs.
    pub fn env(&mut self, name: &str, value: &str) -> &mut Case {
        self.prepare.push((name.into(), value.into()));
        self
    }

    /// What the project promises for this case's input.
    pub fn law(&self) -> Law {
        Law::of(self.input)
    }

    /// Runs the command and asserts the general laws.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_by(self.law(), arguments)
    }

    /// As [`run`](Case::run), with limits of the case's own.
    pub fn run_by(&self, law: Law, arguments: &[&str]) -> Ran {
        let base = base(arguments[0]);
        let ran = self.measured(law, arguments);
        if let Some(fault) = ran.fault(law, base) {
            panic!("{fault}: {ran}");
        }
        ran
    }

    /// All tools that run no guest, on one file.
    pub fn tools(&self, file: &str) -> Vec<Ran> {
        TOOLS.map(|tool| self.run(&[tool, file])).into()
    }

    fn measured(&self, law: Law, arguments: &[&str]) -> Ran {
        let mut command = command::wasmdyld();
        command
            .args(arguments)
            .current_dir(&self.folder)
            .envs(self.prepare.iter().map(|(name, value)| (name, value)));
        let line = arguments.join(" ");
        measure(&mut command, &line, law, !TOOLS.contains(&arguments[0]))
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        // What a failed case was given is worth looking at.
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Commands that read modules and run none.
pub const TOOLS: [&str; 4] = ["inspect", "ldd", "plan", "symbols"];

/// What the command takes for an empty module, by its first argument.
fn base(subcommand: &str) -> u64 {
    static BASES: LazyLock<Mutex<HashMap<String, u64>>> = LazyLock::new(Mutex::default);
    let mut bases = BASES.lock().unwrap_or_else(|broken| broken.into_inner());
    if let Some(base) = bases.get(subcommand) {
        return *base;
    }
    let mut case = Case::new(&format!("base-{subcommand}"));
    case.wat("main.wasm", &command::program(""));
    let ran = case.measured(case.law(), &[subcommand, "main.wasm"]);
    assert!(!ran.timed_out && ran.signal.is_none(), "{ran}");
    bases.insert(subcommand.to_string(), ran.peak);
    ran.peak
}

/// How a run went.
#[derive(Debug)]
pub struct Ran {
    pub line: String,
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// The most memory that was resident, in bytes.
    pub peak: u64,
    /// Processor time.
    pub time: Duration,
    pub timed_out: bool,
    /// Whether more came than is kept.
    cut: bool,
}

impl Ran {
    /// Whether an error says all of `texts`.
    pub fn says(&self, texts: &[&str]) -> bool {
        texts.iter().all(|text| self.stderr.contains(text))
    }

    /// What the run has broken.
    fn fault(&self, law: Law, base: u64) -> Option<String> {
        // What Rust and the engines print for their own faults, and the linker for its own.
        let own = [
            "panicked at",
            "RUST_BACKTRACE",
            "the plan contradicts itself",
            "has overflowed its stack",
            "memory allocation of",
        ];
        let most = base + law.memory;
        if self.timed_out {
            return Some("it does not end".to_string());
        }
        if let Some(signal) = self.signal {
            return Some(format!("killed by signal {signal}"));
        }
        if let Some(text) = own.iter().find(|text| self.says(&[text])) {
            return Some(format!("it says {text}"));
        }
        if self.cut {
            return Some("more output than is allowed".to_string());
        }
        let mut said = self.stdout.chars().chain(self.stderr.chars());
        if let Some(c) = said.find(|c| obeyed(*c)) {
            return Some(format!("{c:?} in the output"));
        }
        (self.peak > most).then(|| format!("more than {} MB of memory", most / MB))
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = |text: &str| {
            let head: String = text.chars().take(2_000).collect();
            head.escape_debug().to_string().replace("\\n", "\n")
        };
        write!(
            f,
            "wasmdyld {}: code {:?}, signal {:?}, {:?}, {} MB\n{}\n{}",
            self.line,
            self.code,
            self.signal,
            self.time,
            self.peak / MB,
            head(&self.stdout),
            head(&self.stderr)
        )
    }
}

/// What a terminal or a viewer of logs obeys instead of showing it.
pub fn obeyed(c: char) -> bool {
    let moves = matches!(
        c,
        '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}'
    );
    c != '\n' && (c.is_control() || moves)
}

/// Sets a limit in the child, before the command is there. A little beyond that of processor time, the signal cannot be caught.
fn limit(resource: libc::__rlimit_resource_t, most: u64) {
    let both = libc::rlimit {
        rlim_cur: most,
        rlim_max: most + 5,
    };
    // SAFETY: reads one struct. If it fails, the run is measured all the same.
    unsafe { libc::setrlimit(resource, &raw const both) };
}

/// Runs a command with limits on memory and time. Where an engine runs, the limit is on data alone, since engines reserve address space.
fn measure(command: &mut Command, line: &str, law: Law, engine: bool) -> Ran {
    let (data, seconds) = (512 * MB + 2 * law.memory, law.seconds);
    // SAFETY: the closure calls setrlimit only, which a child may between fork and exec.
    unsafe {
        command.pre_exec(move || {
            limit(libc::RLIMIT_CORE, 0);
            limit(libc::RLIMIT_DATA, data);
            limit(libc::RLIMIT_CPU, seconds);
            if !engine {
                limit(libc::RLIMIT_AS, data + 256 * MB);
            }
            Ok(())
        });
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    // One byte more than is allowed shows that it was too much.
    let stdout = reader(child.stdout.take().expect("a pipe"), law.stdout + 1);
    let stderr = reader(child.stderr.take().expect("a pipe"), law.stderr + 1);
    let ended = wait(&mut child, Duration::from_secs(4 * law.seconds));
    let (stdout, out_cut) = stdout.join().expect("standard output");
    let (stderr, err_cut) = stderr.join().expect("standard error");
    Ran {
        line: line.to_string(),
        code: ended.status.code(),
        signal: ended.status.signal(),
        stdout,
        stderr,
        peak: ended.peak,
        time: ended.time,
        timed_out: ended.timed_out || ended.status.signal() == Some(libc::SIGXCPU),
        cut: out_cut || err_cut,
    }
}

/// Reads to the end, keeps the beginning.
fn reader(
    mut from: impl Read + Send + 'static,
    most: u64,
) -> std::thread::JoinHandle<(String, bool)> {
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        let _ = from.by_ref().take(most).read_to_end(&mut kept);
        let more = std::io::copy(&mut from, &mut std::io::sink());
        let text = String::from_utf8_lossy(&kept).into_owned();
        (text, more.is_ok_and(|more| more > 0))
    })
}

struct Ended {
    status: ExitStatus,
    peak: u64,
    time: Duration,
    timed_out: bool,
}

/// Waits by `wait4`, which tells what was used. Linux counts the memory of this process, from which the child was forked, to it as
/// well; where the total is not more than that, the last look at the child itself is taken.
fn wait(child: &mut Child, most: Duration) -> Ended {
    let pid = child.id();
    let (start, mut timed_out, mut seen) = (Instant::now(), false, 0);
    loop {
        seen = kilobytes(format!("/proc/{pid}/status"), "VmHWM:").unwrap_or(seen);
        let mut status = 0;
        // SAFETY: plain numbers; zero is a value of each.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: a child of this process that nobody else waits for; both are written to.
        let ended = unsafe {
            libc::wait4(
                pid as libc::pid_t,
                &raw mut status,
                libc::WNOHANG,
                &raw mut usage,
            )
        };
        assert!(ended >= 0, "wait4: {}", std::io::Error::last_os_error());
        if ended > 0 {
            let own = kilobytes("/proc/self/status", "VmHWM:").unwrap_or(0);
            let total = usage.ru_maxrss as u64 * 1024;
            let spent =
                |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
            return Ended {
                status: ExitStatus::from_raw(status),
                peak: if total > own { total } else { seen },
                time: spent(usage.ru_utime) + spent(usage.ru_stime),
                timed_out,
            };
        }
        if start.elapsed() > most && !timed_out {
            timed_out = true;
            let _ = child.kill();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A line of a file of /proc, in bytes.
fn kilobytes(file: impl AsRef<OsStr>, name: &str) -> Option<u64> {
    let text = fs::read_to_string(Path::new(file.as_ref())).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number = line.split_whitespace().next()?.parse::<u64>().ok()?;
    Some(number * 1024)
}

#[test]
fn the_kit_sees_what_it_is_to_see() {
    let sh = |script: &str, law| {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let ran = measure(&mut command, script, law, true);
        ran.fault(law, 0)
    };
    let law = Law::of(0);
    assert_eq!(sh("echo all is well; exit 3", law), None);
    let brief = Law { seconds: 1, ..law };
    for (script, law, why) in [
        ("kill -ABRT $$", law, "killed by signal 6"),
        (
            "echo thread main panicked at x.rs >&2",
            law,
            "it says panicked at",
        ),
        ("printf '\\033[2J'", law, "in the output"),
        ("printf '\\342\\200\\256'", law, "in the output"),
        ("while :; do :; done", brief, "it does not end"),
        ("sleep 5", brief, "it does not end"),
        (
            "head -c 100000 /dev/zero | tr '\\0' x >&2",
            law,
            "more output",
        ),
        // The shell keeps what it reads.
        (
            "x=$(head -c 90000000 /dev/zero | tr '\\0' x); exit",
            law,
            "MB of memory",
        ),
    ] {
        let fault = sh(script, law).unwrap_or_default();
        assert!(fault.contains(why), "{script}: {fault:?}");
    }
}
