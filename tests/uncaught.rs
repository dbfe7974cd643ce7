//! What is told of a C++ exception that nobody caught: its type, and what it says of itself. `guests/cases/cxx-uncaught` throws them.
#![cfg(all(feature = "cli", feature = "wasmtime"))]

#[path = "support/command.rs"]
mod command;

use std::time::{Duration, Instant};

use command::{Ran, guests, ran, wasmdyld};

fn toss(what: &str, main: &str, options: &[&str]) -> Ran {
    let cases = guests().join("cases/cxx-uncaught");
    let main = cases.join(main);
    assert!(
        main.exists(),
        "{} is not built: `cargo xtask guests`",
        main.display()
    );
    let mut command = wasmdyld();
    command.arg("run").args(options).arg("-L").arg(&cases);
    command
        .arg("-L")
        .arg(guests().join("sysroot/lib/wasm32-wasip1"));
    ran(command.arg(&main).arg(what))
}

/// What stands behind "uncaught C++ exception" on the first line.
fn told(what: &str) -> String {
    let both = ["main-pie.wasm", "main-nonpie.wasm"].map(|main| {
        let ran = toss(what, main, &[]);
        assert_eq!(ran.code, Some(134), "{what}: {}", ran.stderr);
        let line = ran
            .stderr
            .lines()
            .find(|line| line.starts_with("wasmdyld: "));
        let (_, told) = line
            .and_then(|line| line.split_once("uncaught C++ exception "))
            .unwrap_or_else(|| panic!("{what}: {}", ran.stderr));
        told.to_owned()
    });
    assert_eq!(both[0], both[1]);
    let [told, _] = both;
    told
}

#[test]
fn each_tells_its_type_and_what_it_says() {
    for (what, expected) in [
        (
            "runtime",
            "std::runtime_error: no such file: \\u{1b}[2Jlevel.dat\\nwasmdyld: all is well",
        ),
        ("several-bases", "game::Error: the level has no exit"),
        ("virtual-base", "game::Shared: from a virtual base"),
        ("private-base", "game::Secret"),
        ("plain", "game::Plain"),
        ("int", "int"),
        ("text", "char const*: just a text"),
        ("memory", "std::bad_alloc: std::bad_alloc"),
        ("again", "std::logic_error: kept"),
    ] {
        assert_eq!(told(what), expected);
    }
    let long = told("long");
    assert!(long.starts_with("std::runtime_error: xxx") && long.ends_with("xxx..."));
    assert!(long.len() < 1_100, "{}", long.len());
}

#[test]
fn who_asks_is_not_drawn_into_what_goes_wrong_then() {
    for what in ["asks-for-trouble", "traps-when-asked", "bad-text"] {
        assert_eq!(told(what), "game::Trouble");
    }
    assert_eq!(
        told("catches-when-asked"),
        "game::Trouble: after one that was caught"
    );
}

#[test]
fn one_that_never_answers_is_bound_by_the_time_and_the_budget_of_the_guest() {
    for limit in [["--timeout", "1s"], ["--budget", "100000000"]] {
        let start = Instant::now();
        let ran = toss("loops-when-asked", "main-pie.wasm", &limit);
        assert!(start.elapsed() < Duration::from_secs(60));
        assert_eq!(ran.code, Some(124), "{}", ran.stderr);
    }
}

#[test]
fn one_that_a_constructor_throws_is_what_the_load_failed_with() {
    // Of one module nobody tells which object's constructor it was.
    let apart = ["--no-prelink", "--preload", "libconstructor.so"];
    let ran = toss("nothing", "main-pie.wasm", &apart);
    assert!(
        ran.stderr.contains(
            "libconstructor.so: uncaught C++ exception std::invalid_argument: no configuration\n"
        ),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.code, Some(134));
}
