//! Ring three: real programs, compiled by clang, run by the command as a user would. `guests/cases` holds them and what they
//! have to print; `cargo xtask guests` builds them.
#![cfg(feature = "cli")]

#[path = "support/machine.rs"]
mod machine;
#[path = "support/guests.rs"]
mod support;

use std::sync::Mutex;

use support::{Case, Program};

/// Runs every program of every case, two at a time.
fn all(options: &[&str], skip: impl Fn(&Case, &Program<'_>) -> bool) {
    let cases = support::cases();
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
    let failures = Mutex::new(Vec::new());
    support::two_at_a_time(&jobs, |(case, expected, program)| {
        let name = format!("{}:{} {}", case.name, expected.line, program.file());
        match support::run(case, expected, program, options) {
            Ok(()) => println!("ok     {name}"),
            Err(why) => {
                println!("FAILED {name}: {why}");
                failures.lock().expect("failures").push(name);
            }
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
    all(&["--no-prelink"], |_, _| false);
}

/// Programs that open no libraries become one module with all that they need.
#[test]
fn every_case_prelinked() {
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
