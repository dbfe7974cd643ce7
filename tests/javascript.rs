//! Ring three in JavaScript's own engine: every guest program with its libraries in a namespace of the package for JavaScript, in node. What runs is
//! a table in `docs/ENGINES.md`, which must say neither more nor less than what happens here; `WASMDYLD_BLESS=1` writes it anew.
//!
//! `cargo xtask js` makes the package, says in `WASMDYLD_TEST_JS` where it is installed, and runs this.
#![cfg(all(feature = "cli", feature = "wasmtime"))]

#[path = "support/c.rs"]
mod c;
#[path = "support/guests.rs"]
mod support;
#[path = "support/table.rs"]
mod table;
#[path = "support/web.rs"]
mod web;

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Mutex;

use c::machine;
use support::{Case, Failure, Outcome, Program, Run};
use table::{Cells, put};

const BEGIN: &str = "\n## In JavaScript's own engine\n";

struct Job<'a> {
    case: &'a Case,
    run: &'a Run,
    program: Program<'a>,
}

fn manifest(jobs: &[Job<'_>], scratch: &Path) -> PathBuf {
    let runs = jobs.iter().enumerate().map(|(number, job)| {
        let built = support::folder(job.case, &job.program);
        let scratch = scratch.join(number.to_string());
        std::fs::create_dir_all(&scratch).expect("a folder for files");
        let dirs = support::dirs(job.case, job.run, &built, &scratch).expect("folders");
        serde_json::json!({
            "program": built.join(job.program.file()),
            "libraryPath": [&built, &support::guests().join("lib")],
            "args": job.run.args,
            "env": job.run.env,
            "dirs": dirs,
            "preload": job.run.preload,
            "stackSize": job.run.stack_size,
        })
    });
    let file = scratch.join("manifest.json");
    let text = serde_json::to_string(&runs.collect::<Vec<_>>()).expect("JSON");
    std::fs::write(&file, text).expect("a manifest");
    file
}

/// A line of JSON that tells how a run ended.
fn judge(run: &Run, line: &str) -> Result<(), Failure> {
    let result: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
    let text = |key: &str| result[key].as_str().unwrap_or_default().to_string();
    let code = result["exit"].as_i64();
    let code = code.and_then(|code| i32::try_from(code).ok());
    let outcome = Outcome {
        stdout: text("stdout"),
        stderr: text("stderr") + &text("trap"),
        status: code.map(|code| ExitStatus::from_raw(code << 8)),
    };
    support::judge(run, &outcome)
}

/// Why something does not run: the first line of what was told, without what differs from run to run.
fn reason(failure: &Failure) -> String {
    let all = format!("{}\n{}", failure.stderr, failure.wrong);
    let line = all.lines().map(str::trim).find(|line| !line.is_empty());
    line.unwrap_or("it ends early").replace('|', "/")
}

#[test]
#[ignore = "cargo xtask js runs it"]
fn every_case_in_node() {
    let package = std::env::var_os("WASMDYLD_TEST_JS").expect("cargo xtask js runs this");
    let web = web::folder().expect("cargo xtask js fetches node");
    let cases = support::cases();
    let jobs = cases.iter().flat_map(|case| {
        let runs = case.runs.iter();
        runs.flat_map(move |run| {
            let programs = case.programs_of(run).into_iter();
            programs.map(move |program| Job { case, run, program })
        })
    });
    let jobs: Vec<Job<'_>> = jobs.collect();
    let scratch = support::scratch().expect("a scratch folder");
    let manifest = manifest(&jobs, &scratch);
    let outcome = support::execute(web.node("namespace.mjs", &[Path::new(&package), &manifest]));
    let results: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(results.len(), jobs.len(), "{}", outcome.stderr);
    let cells = Mutex::new(Cells::new());
    for (job, line) in jobs.iter().zip(results) {
        let judged = judge(job.run, line).map_err(|failure| {
            let (case, line) = (&job.case.name, job.run.line);
            println!("{case}:{line} {}: {failure}", job.program.file());
            reason(&failure)
        });
        put(&cells, &job.case.name, web::NODE, judged);
    }
    let cells = cells.into_inner().expect("cells");
    let yes = cells.values().filter(|cell| cell.is_ok()).count();
    assert!(yes * 10 > cells.len() * 9, "{yes} of {}", cells.len());
    table::compare(BEGIN, "every_case_in_node", &[web::NODE], &cells);
    let _ = std::fs::remove_dir_all(&scratch);
}
