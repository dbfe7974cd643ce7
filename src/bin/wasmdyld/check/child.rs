//! Probes in processes of their own: the parent's side and the child's.

use std::fmt;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use wasmdyld::engine::{Api, EngineLibrary, shim};

use super::kit::{Answer, Kit};
use super::probes::PROBES;

/// The question that comes before all probes: which engine it is.
pub const ABOUT: &str = "about";

/// Far more than any probe takes on the slowest engine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Before the answer, so that it is told from what an engine itself prints.
const MARK: &str = "\u{1}wasmdyld-probe ";

/// As much of what a process said before it ended badly.
const LAST_WORDS: usize = 200;

/// How a probe ended.
pub enum Outcome {
    /// It went well; there may be a note.
    Yes(String),
    /// It did not, and why.
    No(String),
    /// It ended the process: the signal or exit code, and what was said last.
    Crashed { how: String, said: String },
    /// It did not end.
    Hung,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Yes(_) => f.write_str("yes"),
            Outcome::No(_) => f.write_str("no"),
            Outcome::Crashed { how, .. } => write!(f, "crashed: {how}"),
            Outcome::Hung => f.write_str("hung"),
        }
    }
}

/// What the child tells of the engine.
pub struct About {
    pub name: String,
    pub version: String,
    /// The file that has the functions.
    pub path: String,
}

impl About {
    pub fn read(line: &str) -> About {
        let mut parts = line.split('\t').map(str::to_string);
        let mut part = || parts.next().unwrap_or_default();
        About {
            name: part(),
            version: part(),
            path: part(),
        }
    }
}

/// Asks a child process.
pub fn ask(probe: &str, lib: Option<&Path>) -> Outcome {
    let asked = std::env::current_exe().and_then(|exe| {
        let mut command = Command::new(exe);
        command.args(["engine-check", "--probe", probe]);
        if let Some(lib) = lib {
            command.arg("--").arg(lib);
        }
        watch(command.env("RUST_BACKTRACE", "0"), PATIENCE)
    });
    asked.unwrap_or_else(|error| Outcome::Crashed {
        how: "no process".to_string(),
        said: error.to_string(),
    })
}

fn watch(command: &mut Command, patience: Duration) -> std::io::Result<Outcome> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // Read meanwhile: a full pipe would stop the child.
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let end = Instant::now() + patience;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            return Ok(Outcome::Hung);
        }
        thread::sleep(Duration::from_millis(2));
    };
    let text = |reader: thread::JoinHandle<String>| reader.join().unwrap_or_default();
    let (stdout, stderr) = (text(stdout), text(stderr));
    Ok(outcome(status, &stdout, &stderr))
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before a failure is what there is.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn outcome(status: ExitStatus, stdout: &str, stderr: &str) -> Outcome {
    let answer = stdout.lines().rev().find_map(|line| {
        let (_, answer) = line.split_once(MARK)?;
        answer.split_once(' ')
    });
    match answer {
        Some(("yes", note)) if status.success() => Outcome::Yes(note.to_string()),
        Some(("no", why)) if status.success() => Outcome::No(why.to_string()),
        _ => Outcome::Crashed {
            how: end(status),
            said: last_words(stderr),
        },
    }
}

/// What a process said on its way out, without the advice that Rust's panics give.
fn last_words(stderr: &str) -> String {
    let lines = stderr.lines().map(str::trim);
    let lines: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !line.starts_with("note:"))
        .take(4)
        .collect();
    let text = lines.join(" ");
    wasmdyld::link::cut(&text, LAST_WORDS).to_string()
}

fn end(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return signal_name(signal);
    }
    match status.code().unwrap_or_default() {
        // What the system itself ends a program with: 0xc0000005.
        code @ ..-1 => format!("exception {code:#010x}"),
        code => format!("exit code {code}"),
    }
}

#[cfg(unix)]
fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGILL => "SIGILL",
        libc::SIGKILL => "SIGKILL",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGTRAP => "SIGTRAP",
        other => return format!("signal {other}"),
    };
    name.to_string()
}

/// The child's side: runs one probe, takes everything down, and tells how it went.
pub fn run(probe: &str, lib: Option<&Path>) {
    no_core_file();
    // The answer comes last: an engine may crash when what a probe made is deleted.
    let answer = answer(probe, lib);
    let (word, text) = match &answer {
        Ok(note) => ("yes", note.as_str()),
        Err(why) => ("no", why.as_str()),
    };
    let line = text.split(['\n', '\r']).map(str::trim);
    let line: Vec<&str> = line.filter(|part| !part.is_empty()).collect();
    // Where the parent is gone there is nobody to tell.
    let _ = writeln!(std::io::stdout(), "\n{MARK}{word} {}", line.join(" "));
}

fn answer(probe: &str, lib: Option<&Path>) -> Answer {
    let api = match lib {
        None => Api::linked(),
        // SAFETY: the user names a library whose code is to run.
        Some(path) => unsafe { EngineLibrary::open(path)? }.api(),
    };
    if probe == ABOUT {
        let shim = shim::of(api);
        let (name, version) = (shim.name(), shim.version().unwrap_or_default());
        let file = api.file().unwrap_or_default();
        return Ok(format!("{name}\t{version}\t{}", file.display()));
    }
    let known = PROBES.iter().find(|p| p.name == probe);
    let known = known.ok_or("there is no such probe")?;
    (known.run)(&Kit::new(api)?)
}

/// A crash here is an answer, and none that anyone wants to look into later.
#[cfg(unix)]
fn no_core_file() {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the limit is read during the call; a failure changes nothing.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
}

/// Nor one that anybody is to be asked about.
#[cfg(windows)]
fn no_core_file() {
    use windows_sys::Win32::System::Diagnostics::Debug::{
        SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SetErrorMode,
    };
    // SAFETY: no precondition.
    unsafe { SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX) };
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str, patience: Duration) -> Outcome {
        watch(Command::new("sh").args(["-c", script]), patience).expect("a shell")
    }

    #[test]
    fn ends_of_all_kinds() {
        let shell = |script: &str| shell(script, PATIENCE);
        let yes = shell("printf 'noise\\n\\001wasmdyld-probe yes all \"well\"\\n'");
        assert!(matches!(yes, Outcome::Yes(note) if note == "all \"well\""));
        let no = shell("printf '\\001wasmdyld-probe no because\\n'; echo more");
        assert!(matches!(no, Outcome::No(why) if why == "because"));
        for (script, how) in [
            ("kill -SEGV $$", "SIGSEGV"),
            // An answer counts only if the process ends well after it.
            (
                "printf '\\001wasmdyld-probe yes \\n'; kill -ABRT $$",
                "SIGABRT",
            ),
            ("exit 101", "exit code 101"),
            ("true", "exit code 0"),
        ] {
            let outcome = shell(script).to_string();
            assert_eq!(outcome, format!("crashed: {how}"), "{script}");
        }
    }

    #[test]
    fn what_was_said_last() {
        let outcome = shell(
            "echo one >&2; echo note: advice >&2; echo two >&2; exit 1",
            PATIENCE,
        );
        assert!(matches!(outcome, Outcome::Crashed { said, .. } if said == "one two"));
    }

    #[test]
    fn what_does_not_end() {
        let outcome = shell("exec sleep 60", Duration::from_millis(50));
        assert!(matches!(outcome, Outcome::Hung));
    }
}
