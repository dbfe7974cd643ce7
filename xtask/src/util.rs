//! Helpers every task uses: where things are, what is printed, and how other
//! programs are run so that a failure says which command failed and why.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub type Result<T> = std::result::Result<T, String>;

/// The folder of the workspace's Cargo.toml.
pub fn workspace() -> PathBuf {
    // Cargo sets the variable for `cargo xtask`; the constant serves a binary that is run by hand.
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let mut folder = PathBuf::from(manifest);
    folder.pop();
    folder
}

/// Where cargo puts its output, and we put ours.
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) if !dir.is_empty() => std::path::absolute(&dir).unwrap_or_else(|_| dir.into()),
        _ => workspace().join("target"),
    }
}

/// Announces a part of the work.
pub fn step(text: impl AsRef<str>) {
    println!("==> {}", text.as_ref());
}

/// Reports something done below a [`step`], with the time that it took.
pub fn done(text: impl AsRef<str>, took: Duration) {
    println!("    {:<56} {:>7}", text.as_ref(), seconds(took));
}

pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Does `work` and reports it with [`done`].
pub fn timed<T>(text: impl AsRef<str>, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let value = work()?;
    done(text, start.elapsed());
    Ok(value)
}

/// What a thread gives back; where it panicked, this one does.
pub fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    let given = thread.join();
    given.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// What two things that were done side by side came to. Where both failed, both are told: whoever mends one wants to know of the other.
pub fn both<A, B>(first: Result<A>, second: Result<B>) -> Result<(A, B)> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(first), Err(second)) => Err(format!("{first}\n{second}")),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// Runs a command whose output is of interest only if it fails; gives back its standard output.
pub fn run_quiet(command: &mut Command) -> Result<String> {
    command.stdin(Stdio::null());
    let output = command
        .output()
        .map_err(|error| could_not_start(command, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let mut message = format!("{}\n  in: {}", output.status, show(command));
    for text in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(text);
        for line in tail(text.trim(), 40) {
            message.push_str("\n  | ");
            message.push_str(line);
        }
    }
    Err(message)
}

/// Runs a command that talks to the user on standard error as it goes; gives back its standard output.
pub fn run_piped(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| could_not_start(command, &error))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{}\n  in: {}", output.status, show(command))),
    }
}

/// Runs a command whose output the user sees as it comes.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .map_err(|error| could_not_start(command, &error))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{status}\n  in: {}", show(command)))
    }
}

/// Whether a program can be started at all (`PROGRAM --version` exits with 0).
pub fn works(program: impl AsRef<OsStr>, arguments: &[&str]) -> bool {
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

fn could_not_start(command: &Command, error: &std::io::Error) -> String {
    format!(
        "cannot start `{}`: {error}",
        command.get_program().to_string_lossy()
    )
}

fn tail(text: &str, lines: usize) -> impl Iterator<Item = &str> {
    let skip = text.lines().count().saturating_sub(lines);
    text.lines().skip(skip)
}

/// The command as one would type it, with the variables that were set for it.
pub fn show(command: &Command) -> String {
    let mut words = Vec::new();
    if let Some(folder) = command.get_current_dir() {
        words.push(format!("cd {} &&", quote(folder.as_os_str())));
    }
    for (key, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}={}", key.to_string_lossy(), quote(value)));
        }
    }
    words.push(quote(command.get_program()));
    words.extend(command.get_args().map(quote));
    words.join(" ")
}

fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "-_=+./,:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// File errors name the file: without it "No such file or directory" helps nobody.
pub trait At<T> {
    fn at(self, what: &str, path: &Path) -> Result<T>;
}

impl<T> At<T> for std::io::Result<T> {
    fn at(self, what: &str, path: &Path) -> Result<T> {
        self.map_err(|error| format!("cannot {what} {}: {error}", path.display()))
    }
}

pub fn create_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).at("create the folder", path)
}

pub fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).at("read", path)
}

/// Removes a file or a whole folder; it need not exist.
pub fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() && !path.is_symlink() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).at("remove", path),
        _ => Ok(()),
    }
}

/// Writes a file so that other programs see the old content or the new, never a part.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    if let Some(folder) = path.parent() {
        create_dir(folder)?;
    }
    let temporary = beside(path, "tmp");
    fs::write(&temporary, content).at("write", &temporary)?;
    fs::rename(&temporary, path).at("write", path)
}

/// Puts a finished folder in its place, replacing what was there.
pub fn install_dir(finished: &Path, place: &Path) -> Result<()> {
    let old = beside(place, "old");
    remove(&old)?;
    if place.exists() {
        fs::rename(place, &old).at("rename", place)?;
    }
    fs::rename(finished, place).at("rename to", place)?;
    remove(&old)
}

/// `folder/name` to `folder/name.extension`.
pub fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(".");
    name.push(extension);
    name.into()
}

/// The entries of a folder, sorted, so that every run does things in the same order.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).at("list", folder)? {
        entries.push(entry.at("list", folder)?.path());
    }
    entries.sort();
    Ok(entries)
}
