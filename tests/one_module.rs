//! Ring three as one module each: every program of `guests/cases` that opens no libraries, linked by `wasmdyld link`, does the same on engines, in
//! node and in a browser. What runs where is a table in `docs/ENGINES.md`, which must say neither more nor less than what happens here;
//! `WASMDYLD_BLESS=1` writes it anew.
//!
//! Engines are those of `tests/engines.rs`. `cargo xtask web` fetches node and browser_wasi_shim, and `cargo xtask test` says in
//! `WASMDYLD_TEST_WEB` where they are. The browser is the machine's chromium.
#![cfg(all(feature = "cli", feature = "wasmtime"))]

#[path = "support/c.rs"]
mod c;
#[path = "support/guests.rs"]
mod support;
#[path = "support/table.rs"]
mod table;
#[path = "support/web.rs"]
mod web;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use c::machine;
use support::{Case, Failure, Outcome, Program, Run};
use table::{Cells, put};

const BUNDLED: &str = "wasmtime";
/// What a trap is told by; its text is the host's own.
const TRAPPED: i32 = 134;
/// Cases with SQLite and Lua, which could open libraries, and are not asked to.
const OPEN_NOTHING: &[&str] = &["lua", "sqlite-demo"];
const BEGIN: &str = "\n### One module, host by host\n";

/// One run of a program that was linked.
struct Job<'a> {
    case: &'a Case,
    program: Program<'a>,
    /// As the case has it, but for what the linker was told and what is the host's own.
    run: Run,
    module: PathBuf,
}

/// The programs of all cases that open no libraries, each linked as the run wants it, by this command.
fn linked<'a>(cases: &'a [Case], place: &Path, wasmdyld: fn() -> Command) -> Vec<Job<'a>> {
    // A case about dlopen may find libc's own, which always fails, and so is no error to the linker.
    let cases = cases.iter().filter(|case| !case.name.starts_with("dl-"));
    let jobs = cases.flat_map(|case| {
        let runs = case.runs.iter();
        runs.flat_map(move |run| {
            let programs = case.programs_of(run).into_iter();
            programs.map(move |program| (case, run, program))
        })
    });
    let mut jobs: Vec<_> = jobs.collect();
    jobs.sort_by_key(|(case, _, program)| (&case.name, program.file()));
    let linked: Mutex<HashMap<usize, Linked>> = Mutex::default();
    let numbers: Vec<usize> = (0..jobs.len()).collect();
    support::two_at_a_time(&numbers, |&number| {
        let (case, run, program) = &jobs[number];
        let place = place.join(number.to_string());
        let came = link(case, run, program, &place, wasmdyld());
        linked.lock().expect("modules").insert(number, came);
    });
    let mut linked = linked.into_inner().expect("modules");
    // The others of the same case have such a dlopen inside.
    let opens = jobs.iter().enumerate().filter_map(|(number, (case, ..))| {
        let opens = matches!(linked.get(&number), Some(Linked::Opens));
        opens.then_some(case.name.as_str())
    });
    let opens: BTreeSet<&str> = opens.collect();
    let jobs = jobs.into_iter().enumerate().filter_map(|(number, job)| {
        let Some(Linked::Module(module)) = linked.remove(&number) else {
            return None;
        };
        if opens.contains(job.0.name.as_str()) {
            return None;
        }
        let (case, run, program) = job;
        let mut run = Run {
            preload: Vec::new(),
            stack_size: None,
            ..run.clone()
        };
        if run.exit == TRAPPED {
            run.stderr.clear();
        }
        Some(Job {
            case,
            program,
            run,
            module,
        })
    });
    jobs.collect()
}

/// What the linker comes to with a program.
enum Linked {
    Module(PathBuf),
    /// It is told that the program opens libraries.
    Opens,
    /// As a load is, which is what the case is about.
    Refused,
}

fn link(
    case: &Case,
    run: &Run,
    program: &Program<'_>,
    place: &Path,
    mut command: Command,
) -> Linked {
    let folder = support::folder(case, program);
    std::fs::create_dir_all(place).expect("a folder for modules");
    let module = place.join(program.file());
    command.arg("link").arg("-o").arg(&module);
    command.arg("-L").arg(&folder);
    command.arg("-L").arg(support::guests().join("lib"));
    for name in &run.preload {
        command.args(["--preload", name]);
    }
    if let Some(bytes) = run.stack_size {
        command.arg("--stack-size").arg(bytes.to_string());
    }
    if OPEN_NOTHING.contains(&case.name.as_str()) {
        command.arg("--no-dlopen");
    }
    let outcome = support::execute({
        command.arg(folder.join(program.file()));
        command
    });
    if outcome.status.is_some_and(|status| status.success()) {
        return Linked::Module(module);
    }
    let says = |text: &str| outcome.stderr.contains(text);
    if says("One module cannot open libraries: nobody is there to link them.") {
        return Linked::Opens;
    }
    let refused = run.exit != 0 && run.stderr.iter().all(|text| says(text));
    let name = program.file();
    assert!(refused, "{} {name}: {}", case.name, outcome.stderr);
    Linked::Refused
}

/// What a host of JavaScript is given, and in the same order gives back.
fn manifest(jobs: &[Job<'_>], scratch: &Path, name: &str) -> PathBuf {
    let runs = jobs.iter().enumerate().map(|(number, job)| {
        let built = support::folder(job.case, &job.program);
        let scratch = scratch.join(format!("{name}-{number}"));
        std::fs::create_dir_all(&scratch).expect("a folder for files");
        let dirs = support::dirs(job.case, &job.run, &built, &scratch).expect("folders");
        serde_json::json!({
            "module": job.module,
            "args": job.run.args,
            "env": job.run.env,
            "dirs": dirs,
        })
    });
    let file = scratch.join(format!("{name}.json"));
    let runs: Vec<_> = runs.collect();
    let text = serde_json::to_string(&runs).expect("JSON");
    std::fs::write(&file, text).expect("a manifest");
    file
}

/// Runs all of it in one process.
fn in_one_process(host: &str, jobs: &[Job<'_>], command: Command, cells: &Mutex<Cells>) {
    let outcome = support::execute_all(command);
    let results: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(
        results.len(),
        jobs.len(),
        "{host} has run some only: {}",
        outcome.stderr
    );
    for (job, line) in jobs.iter().zip(results) {
        let result: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        let judged = match result["refused"].as_str() {
            Some(refused) => Err(Failure::broken(refused)),
            None => support::judge(&job.run, &Outcome::of_script(line)),
        };
        note(host, job, judged, cells);
    }
}

/// Runs it by the command, on an engine that is opened or the one inside.
fn run_on(name: &str, engine: Option<&Path>, job: &Job<'_>, cells: &Mutex<Cells>) {
    let mut command = support::wasmdyld();
    command.args(["run", "--no-prelink"]);
    if let Some(engine) = engine {
        command.arg("--engine").arg(engine);
    }
    let built = support::folder(job.case, &job.program);
    let judged = support::run_file(job.case, &job.run, &built, &job.module, command);
    note(name, job, judged, cells);
}

fn note(host: &str, job: &Job<'_>, judged: Result<(), Failure>, cells: &Mutex<Cells>) {
    let judged = judged.map_err(|failure| {
        let (case, line) = (&job.case.name, job.run.line);
        println!("{host} {case}:{line} {}: {failure}", job.program.file());
        reason(&failure)
    });
    put(cells, &job.case.name, host, judged);
}

/// Why something does not run, without what differs from case to case.
fn reason(failure: &Failure) -> String {
    let text = format!("{}\n{}", failure.stderr, failure.wrong);
    if let Some((_, lacks)) = text.split_once("; the engine has no ") {
        let lacks = lacks.lines().next().unwrap_or_default();
        return format!("the engine has no {lacks}");
    }
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.unwrap_or("it ends early").replace('|', "/")
}

#[test]
fn every_case_as_one_module() {
    let engines = c::engines();
    let web = web::folder();
    let chromium = c::skip::has("chromium");
    let cases = support::cases();
    let scratch = support::scratch().expect("a scratch folder");
    let jobs = linked(&cases, &scratch.join("modules"), support::wasmdyld);
    let names: BTreeSet<&str> = jobs.iter().map(|job| job.case.name.as_str()).collect();
    assert!(names.len() > 40, "only {} cases were linked", names.len());
    let cells = Mutex::new(Cells::new());

    let mut hosts: Vec<(&str, Option<PathBuf>)> = vec![(BUNDLED, None)];
    let others = engines.iter().filter(|(name, _)| name != BUNDLED);
    hosts.extend(others.map(|(name, path)| (name.as_str(), Some(path.clone()))));
    let on_engines: Vec<_> = hosts
        .iter()
        .flat_map(|host| jobs.iter().map(move |job| (host, job)))
        .collect();
    std::thread::scope(|scope| {
        if let Some(web) = &web {
            scope.spawn(|| {
                let manifest = manifest(&jobs, &scratch, "node");
                in_one_process(web::NODE, &jobs, web.node("node.mjs", &[&manifest]), &cells);
                if chromium {
                    let manifest = self::manifest(&jobs, &scratch, "browser");
                    let arguments = ["chromium".as_ref(), web.shim.as_path(), &manifest];
                    let command = web.node("browser.mjs", &arguments);
                    in_one_process(web::CHROMIUM, &jobs, command, &cells);
                }
            });
        }
        support::two_at_a_time(&on_engines, |((name, engine), job)| {
            run_on(name, engine.as_deref(), job, &cells);
        });
    });
    let _ = std::fs::remove_dir_all(&scratch);
    let mut cells = cells.into_inner().expect("cells");
    let columns = [BUNDLED, "wasmer", "wasmi", web::NODE, web::CHROMIUM];
    // The table speaks of all hosts; a machine that lacks some takes the page's word for those.
    let known: BTreeSet<String> = cells.keys().map(|(_, column)| column.clone()).collect();
    let missing: Vec<&str> = columns
        .into_iter()
        .filter(|column| !known.contains(*column))
        .collect();
    table::take(BEGIN, &missing, &mut cells);
    table::compare(BEGIN, "every_case_as_one_module", &columns, &cells);
}

/// `cargo xtask aarch64`: modules come out the same to the byte whatever machine links them, and do there what they do here.
#[test]
fn linked_on_another_machine() {
    if !machine::is_another() {
        return;
    }
    let cases = support::cases();
    let scratch = support::scratch().expect("a scratch folder");
    let here = linked(&cases, &scratch.join("here"), support::own_wasmdyld);
    let there = linked(&cases, &scratch.join("there"), support::wasmdyld);
    assert_eq!(here.len(), there.len());
    assert!(here.len() > 40, "only {} were linked", here.len());
    for (one, other) in here.iter().zip(&there) {
        let [one_bytes, other_bytes] =
            [one, other].map(|job| std::fs::read(&job.module).expect("a module"));
        let name = &one.case.name;
        assert!(one_bytes == other_bytes, "{name} differs");
    }
    let cells = Mutex::new(Cells::new());
    let on_engines: Vec<_> = c::engines()
        .into_iter()
        .flat_map(|engine| there.iter().map(move |job| (engine.clone(), job)))
        .collect();
    support::two_at_a_time(&on_engines, |((name, engine), job)| {
        run_on(name, Some(engine), job, &cells);
    });
    let _ = std::fs::remove_dir_all(&scratch);
    let differ = table::differences(BEGIN, &cells.into_inner().expect("cells"));
    assert!(differ.is_empty(), "{differ:#?}");
}

/// SQLite, as examples/README.md has it linked.
fn sqlite(scratch: &Path) -> PathBuf {
    let lib = support::guests().join("lib");
    let module = scratch.join("sqlite3.wasm");
    let mut command = support::wasmdyld();
    command.args(["link", "--no-dlopen"]);
    command.args(["--export", "malloc", "--export", "free"]);
    command.arg("-L").arg(&lib).arg("-o").arg(&module);
    command.arg(lib.join("libsqlite3.so"));
    c::succeed("wasmdyld link", &mut command);
    module
}

#[test]
fn sqlite_answers_in_node() {
    let Some(web) = web::folder() else {
        return;
    };
    let scratch = support::scratch().expect("a scratch folder");
    let script = c::source("examples/web/sqlite-node.mjs");
    let run = |sql: &str| {
        let mut command = Command::new(&web.node);
        command.arg(&script).arg(sqlite(&scratch)).arg(sql);
        support::execute(command)
    };
    let answer = run(
        "CREATE TABLE t (a, b); INSERT INTO t VALUES (6, 'x'), (7, NULL); SELECT sum(a) AS s, max(b) FROM t",
    );
    assert_eq!(answer.stdout, "s | max(b)\n13 | x\n", "{}", answer.stderr);
    let wrong = run("SELECT a FROM nowhere");
    assert!(wrong.stderr.contains("no such table: nowhere"));
    assert!(wrong.status.is_some_and(|status| !status.success()));
    let _ = std::fs::remove_dir_all(&scratch);
}

/// Somebody types queries, at the width of a phone and of a desk.
#[test]
fn sqlite_answers_in_a_page() {
    let (web, chromium) = (web::folder(), c::skip::has("chromium"));
    let (Some(web), true) = (web, chromium) else {
        return;
    };
    let scratch = support::scratch().expect("a scratch folder");
    let example = c::source("examples/web");
    let arguments = ["chromium".as_ref(), example.as_path(), &sqlite(&scratch)];
    let mut command = web.node("example.mjs", &arguments);
    c::succeed("the page", &mut command);
    let _ = std::fs::remove_dir_all(&scratch);
}
