//! Ring three in JavaScript's own engine: every guest program with its libraries in a namespace of the package for JavaScript, in node and in workers of
//! browsers. What runs is a table in `docs/ENGINES.md`, which must say neither more nor less than what happens here; `WASMDYLD_BLESS=1` writes it anew.
//! And the package's own tests, in `bindings/js/tests`.
//!
//! `cargo xtask test` makes the package where it finds a Rust for WebAssembly, and says in `WASMDYLD_TEST_JS` where it is installed. `cargo xtask js`
//! runs this as well, with what is left out otherwise: Firefox, and guests that others have built.
#![cfg(all(feature = "cli", feature = "wasmtime"))]

#[path = "support/c.rs"]
mod c;
#[path = "support/guests.rs"]
mod support;
#[path = "support/table.rs"]
mod table;
#[path = "support/web.rs"]
mod web;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use c::{machine, skip};
use support::{Case, Failure, Outcome, Program, Run};
use table::{Cells, put};
use web::Web;

const BEGIN: &str = "\n## In JavaScript's own engine\n";
const COLUMNS: [&str; 3] = [web::NODE, web::CHROMIUM, web::FIREFOX];
/// What tests of the package's mention: those with a browser, and those with guests that others have built, which are large.
const IN_BROWSERS: &str = "chromium.mjs";
const WITH_OTHERS: &str = "WASMDYLD_TEST_JS_OTHERS";

/// The package's folder and what runs it.
fn package() -> Option<(PathBuf, Web)> {
    let package = std::env::var_os("WASMDYLD_TEST_JS").map(PathBuf::from);
    if package.is_none() {
        skip::skip(
            "wasm32-unknown-unknown",
            "rustup target add wasm32-unknown-unknown (Debian: apt-get install rustc-web cargo-web rust-web-src lld)",
        );
    }
    package.zip(web::folder())
}

struct Job<'a> {
    case: &'a Case,
    run: &'a Run,
    program: Program<'a>,
}

fn jobs(cases: &[Case]) -> Vec<Job<'_>> {
    let jobs = cases.iter().flat_map(|case| {
        let runs = case.runs.iter();
        runs.flat_map(move |run| {
            let programs = case.programs_of(run).into_iter();
            programs.map(move |program| Job { case, run, program })
        })
    });
    jobs.collect()
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

/// Why something does not run: the first line of what was told, without what differs from run to run.
fn reason(failure: &Failure) -> String {
    let all = format!("{}\n{}", failure.stderr, failure.wrong);
    let line = all.lines().map(str::trim).find(|line| !line.is_empty());
    line.unwrap_or("it ends early").replace('|', "/")
}

/// Runs every case in one process, which is told by a manifest, and compares with the host's column.
fn every_case(host: &str, command: impl FnOnce(&Path) -> Command) {
    let cases = support::cases();
    let jobs = jobs(&cases);
    let scratch = support::scratch().expect("a scratch folder");
    let manifest = manifest(&jobs, &scratch);
    let outcome = support::execute_all(command(&manifest));
    let results: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(results.len(), jobs.len(), "{host}: {}", outcome.stderr);
    let cells = Mutex::new(Cells::new());
    for (job, line) in jobs.iter().zip(results) {
        let judged = support::judge(job.run, &Outcome::of_script(line)).map_err(|failure| {
            let (case, line) = (&job.case.name, job.run.line);
            println!("{case}:{line} {}: {failure}", job.program.file());
            reason(&failure)
        });
        put(&cells, &job.case.name, host, judged);
    }
    let _ = std::fs::remove_dir_all(&scratch);
    let mut cells = cells.into_inner().expect("cells");
    let yes = cells.values().filter(|cell| cell.is_ok()).count();
    assert!(yes * 10 > cells.len() * 9, "{yes} of {}", cells.len());
    // One of them writes the page at a time.
    static PAGE: Mutex<()> = Mutex::new(());
    let _page = PAGE.lock().expect("the page");
    let others: Vec<&str> = COLUMNS.into_iter().filter(|name| *name != host).collect();
    table::take(BEGIN, &others, &mut cells);
    table::compare(BEGIN, "every_case_in", &COLUMNS, &cells);
}

/// In a worker, where a guest's own dlopen can wait for what is fetched.
fn every_case_in(browser: &str, host: &str) {
    let package = package();
    let (Some((package, web)), true) = (package, skip::has(browser)) else {
        return;
    };
    every_case(host, |manifest| {
        let guests = support::guests();
        let arguments = [browser.as_ref(), package.as_path(), &guests, manifest];
        web.node("namespaces.mjs", &arguments)
    });
}

#[test]
fn every_case_in_node() {
    if let Some((package, web)) = package() {
        every_case(web::NODE, |manifest| {
            web.node("namespace.mjs", &[&package, manifest])
        });
    }
}

#[test]
fn every_case_in_chromium() {
    every_case_in("chromium", web::CHROMIUM);
}

#[test]
#[ignore = "cargo xtask js runs it, where firefox-esr is"]
fn every_case_in_firefox() {
    every_case_in("firefox-esr", web::FIREFOX);
}

/// Runs those of the package's tests whose text `wanted` takes.
fn own_tests(wanted: impl Fn(&str) -> bool) {
    let Some((package, web)) = package() else {
        return;
    };
    let folder = c::source("bindings/js/tests");
    let mut tests: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the tests")
        .map(|entry| entry.expect("a test").path())
        .filter(|file| {
            let is_test = file.to_string_lossy().ends_with(".test.mjs");
            is_test && wanted(&std::fs::read_to_string(file).expect("a test"))
        })
        .collect();
    tests.sort();
    assert!(!tests.is_empty(), "no test is in {}", folder.display());
    let mut command = Command::new(&web.node);
    command.args(["--no-warnings", "--test"]).args(&tests);
    command.env("WASMDYLD_TEST_JS", &package);
    command.env("WASMDYLD_GUESTS", support::guests());
    c::succeed("node --test", &mut command);
}

#[test]
fn the_packages_own_tests() {
    own_tests(|text| !text.contains(IN_BROWSERS) && !text.contains(WITH_OTHERS));
}

#[test]
fn the_packages_own_tests_in_chromium() {
    if skip::has("chromium") {
        own_tests(|text| text.contains(IN_BROWSERS));
    }
}

#[test]
#[ignore = "cargo xtask js runs it, and fetches the guests"]
fn guests_that_others_have_built() {
    own_tests(|text| text.contains(WITH_OTHERS));
}
