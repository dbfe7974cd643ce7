//! Files and the commands that make them, run in parallel and only where needed.
//!
//! A job makes one file. It is up to date when the file is there and its stamp
//! equals a hash of the command line, the toolchain's identity and the contents of
//! all that went into it, headers included. A file is written in another
//! folder and moved, its stamp comes last: stopping a build at any point breaks nothing.

use super::{Layout, toolchain};
use crate::util::{self, At, Result};
use std::collections::{BinaryHeap, HashMap};
use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

pub enum Action {
    /// Runs a command to which `-o OUTPUT` is added.
    Run(Vec<OsString>),
    /// The same for a compiler, which also tells the headers that it read.
    Compile(Vec<OsString>),
    Copy,
}

pub struct Job {
    /// What the file is a part of, for the report: one line for each group.
    pub group: String,
    pub action: Action,
    pub inputs: Vec<PathBuf>,
    pub output: PathBuf,
}

pub struct Graph {
    root: PathBuf,
    stamps: PathBuf,
    unfinished: PathBuf,
    jobs: Vec<Job>,
    by_output: HashMap<PathBuf, usize>,
}

#[derive(Default)]
pub struct Summary {
    pub built: usize,
    pub up_to_date: usize,
}

/// What the workers share.
#[derive(Default)]
struct State {
    /// Jobs that can run now; the biggest input goes first, since it takes longest.
    ready: BinaryHeap<(u64, usize)>,
    /// For each job how many jobs it still waits for.
    waits: Vec<usize>,
    unfinished: usize,
    /// How many workers have a job in hand.
    working: usize,
    groups: HashMap<String, Group>,
    summary: Summary,
    failure: Option<String>,
}

#[derive(Default)]
struct Group {
    unfinished: usize,
    built: usize,
    time: Duration,
}

impl Graph {
    pub fn new(layout: &Layout) -> Graph {
        Graph {
            root: layout.root.clone(),
            stamps: layout.objects().join("stamps"),
            unfinished: layout.objects().join("unfinished"),
            jobs: Vec::new(),
            by_output: HashMap::new(),
        }
    }

    /// Whether some job makes this file.
    pub fn makes(&self, output: &Path) -> bool {
        self.by_output.contains_key(output)
    }

    /// Adds a job; one that makes the same file as an earlier job is that job.
    pub fn add(&mut self, job: Job) {
        if let Some(&same) = self.by_output.get(&job.output) {
            assert_eq!(
                self.jobs[same].inputs,
                job.inputs,
                "two ways to make {}",
                job.output.display()
            );
        } else {
            self.by_output.insert(job.output.clone(), self.jobs.len());
            self.jobs.push(job);
        }
    }

    /// Removes files in a folder that no job makes: a library that a case no longer has could
    /// still be found by a program, and hide that it is missing.
    pub fn sweep(&self, folder: &Path) -> Result<()> {
        if !folder.exists() {
            return Ok(());
        }
        for path in util::list(folder)? {
            if path.is_dir() {
                self.sweep(&path)?;
            } else if !self.makes(&path) {
                util::remove(&path)?;
            }
        }
        Ok(())
    }

    pub fn run(&self) -> Result<Summary> {
        util::remove(&self.unfinished)?;
        let mut state = State {
            waits: vec![0; self.jobs.len()],
            unfinished: self.jobs.len(),
            ..State::default()
        };
        let mut dependents = vec![Vec::new(); self.jobs.len()];
        for (index, job) in self.jobs.iter().enumerate() {
            for input in &job.inputs {
                if let Some(&maker) = self.by_output.get(input) {
                    dependents[maker].push(index);
                    state.waits[index] += 1;
                }
            }
            if state.waits[index] == 0 {
                state.ready.push((self.weight(index), index));
            }
            state
                .groups
                .entry(job.group.clone())
                .or_default()
                .unfinished += 1;
        }
        let hashes = Hashes {
            base: toolchain::identity()?,
            known: Mutex::default(),
        };
        let state = Mutex::new(state);
        let changed = Condvar::new();
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| self.work(&state, &changed, &hashes, &dependents));
            }
        });
        let state = state
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        match state.failure {
            Some(failure) => Err(failure),
            None if state.unfinished > 0 => Err("the jobs wait for each other in a circle".into()),
            None => Ok(state.summary),
        }
    }

    fn weight(&self, index: usize) -> u64 {
        self.jobs[index]
            .inputs
            .iter()
            .filter_map(|input| fs::metadata(input).ok())
            .map(|data| data.len())
            .sum()
    }

    fn work(
        &self,
        state: &Mutex<State>,
        changed: &Condvar,
        hashes: &Hashes,
        dependents: &[Vec<usize>],
    ) {
        let mut running = false;
        let mut guard = lock(state);
        loop {
            // With nothing ready and nobody at work, what is left waits in a circle.
            if guard.failure.is_some() || (guard.ready.is_empty() && guard.working == 0) {
                changed.notify_all();
                return;
            }
            let Some((_, index)) = guard.ready.pop() else {
                guard = changed
                    .wait(guard)
                    .unwrap_or_else(|poisoned| poisoned.into_inner());
                continue;
            };
            guard.working += 1;
            drop(guard);
            let job = &self.jobs[index];
            let start = Instant::now();
            let outcome = self.bring_up_to_date(index, hashes);
            running |= status_line(&job.group, &job.output);
            guard = lock(state);
            guard.working -= 1;
            let built = match outcome {
                Ok(built) => built,
                Err(error) => {
                    guard
                        .failure
                        .get_or_insert(format!("{}: {error}", job.group));
                    changed.notify_all();
                    return;
                }
            };
            guard.unfinished -= 1;
            for &dependent in &dependents[index] {
                guard.waits[dependent] -= 1;
                if guard.waits[dependent] == 0 {
                    guard.ready.push((self.weight(dependent), dependent));
                }
            }
            guard.report(job, built, start.elapsed(), running);
            changed.notify_all();
        }
    }

    /// Makes a job's file if it has to be made; tells whether it had to.
    fn bring_up_to_date(&self, index: usize, hashes: &Hashes) -> Result<bool> {
        let job = &self.jobs[index];
        let name = job.output.strip_prefix(&self.root).unwrap_or(&job.output);
        let stamp = util::beside(&self.stamps.join(name), "stamp");
        let headers = util::beside(&self.stamps.join(name), "d");
        let recorded = fs::read_to_string(&stamp).unwrap_or_default();
        if job.output.exists() && hashes.of(job, &headers).is_ok_and(|hash| hash == recorded) {
            return Ok(false);
        }
        util::remove(&stamp)?;
        for file in [&job.output, &stamp] {
            util::create_dir(file.parent().unwrap_or(&self.root))?;
        }
        // In another folder rather than under another name: the linker writes the name into the file.
        let folder = self.unfinished.join(index.to_string());
        util::create_dir(&folder)?;
        let unfinished = folder.join(job.output.file_name().unwrap_or_default());
        match &job.action {
            Action::Copy => {
                let from = job.inputs.first().ok_or("a copy of nothing")?;
                fs::copy(from, &unfinished).at("copy", from)?;
            }
            Action::Run(words) | Action::Compile(words) => {
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]).arg("-o").arg(&unfinished);
                if matches!(job.action, Action::Compile(_)) {
                    command.arg("-MMD").arg("-MF").arg(&headers);
                }
                util::run_quiet(&mut command)?;
            }
        }
        fs::rename(&unfinished, &job.output).at("rename", &unfinished)?;
        hashes.forget(&job.output);
        util::write(&stamp, hashes.of(job, &headers)?)?;
        Ok(true)
    }
}

impl State {
    fn report(&mut self, job: &Job, built: bool, took: Duration, status_shown: bool) {
        let Some(group) = self.groups.get_mut(&job.group) else {
            return;
        };
        group.unfinished -= 1;
        if built {
            self.summary.built += 1;
            group.built += 1;
            group.time += took;
        } else {
            self.summary.up_to_date += 1;
        }
        if group.unfinished == 0 && group.built > 0 {
            if status_shown {
                print!("\r\x1b[K");
            }
            let files = if group.built == 1 { "file" } else { "files" };
            util::done(
                format!("{:<40} {:>3} {files}", job.group, group.built),
                group.time,
            );
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// On a terminal, shows what was finished last; the longest files take half a minute.
fn status_line(group: &str, file: &Path) -> bool {
    let mut out = std::io::stdout();
    if !out.is_terminal() {
        return false;
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let _ = write!(out, "\r\x1b[K    {group}: {name}");
    let _ = out.flush();
    true
}

/// Hashes of file contents, each computed once. Contents and not times, since a
/// fresh clone and an unpacked cache give every file a new time.
struct Hashes {
    base: String,
    known: Mutex<HashMap<PathBuf, u64>>,
}

impl Hashes {
    /// The hash of all that goes into a job's file.
    fn of(&self, job: &Job, headers: &Path) -> Result<String> {
        let mut hasher = DefaultHasher::new();
        self.base.hash(&mut hasher);
        if let Action::Run(words) | Action::Compile(words) = &job.action {
            words.hash(&mut hasher);
        }
        for input in &job.inputs {
            self.file(input)?.hash(&mut hasher);
        }
        if matches!(job.action, Action::Compile(_)) {
            for header in dependencies(&util::read(headers)?) {
                self.file(&header)?.hash(&mut hasher);
            }
        }
        Ok(format!("{:016x}", hasher.finish()))
    }

    fn file(&self, path: &Path) -> Result<u64> {
        if let Some(&hash) = self.map().get(path) {
            return Ok(hash);
        }
        let mut hasher = DefaultHasher::new();
        fs::read(path).at("read", path)?.hash(&mut hasher);
        let hash = hasher.finish();
        self.map().insert(path.to_path_buf(), hash);
        Ok(hash)
    }

    fn forget(&self, path: &Path) {
        self.map().remove(path);
    }

    fn map(&self) -> MutexGuard<'_, HashMap<PathBuf, u64>> {
        self.known
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The files in a rule for make, `target: a.c a\ b.h \`, without the target.
fn dependencies(rule: &str) -> Vec<PathBuf> {
    let mut words = vec![String::new()];
    let mut characters = rule.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' if characters.next_if_eq(&'\n').is_some() => words.push(String::new()),
            '\\' if characters.peek().is_some_and(|&next| " #\\".contains(next)) => {
                words.last_mut().unwrap().extend(characters.next())
            }
            '$' => words
                .last_mut()
                .unwrap()
                .extend(characters.next_if_eq(&'$')),
            c if c.is_whitespace() => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
        .into_iter()
        .skip_while(|word| !word.ends_with(':'))
        .skip(1)
        .map(PathBuf::from)
        .collect()
}
