//! What tests leave out for want of something. Nothing is left out silently: `cargo xtask test` tells it at its end, from the file that
//! `WASMDYLD_TEST_SKIPPED` names, and `cargo xtask test --skipped` runs these tests again. Where `CI` is set the test fails instead.

// Each of the test programs uses a part of this.
#![allow(dead_code, reason = "compiled into several programs")]

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Stdio};

/// Programs that tests run, and Debian's packages that have them.
const TOOLS: [(&str, &str); 16] = [
    ("bash", "bash"),
    ("c++", "g++"),
    ("cc", "gcc"),
    ("chromium", "chromium"),
    ("clang", "clang"),
    ("clang++", "clang"),
    ("cmake", "cmake"),
    ("doxygen", "doxygen"),
    ("firefox-esr", "firefox-esr"),
    ("g++", "g++"),
    ("gcc", "gcc"),
    ("make", "make"),
    ("mandoc", "mandoc"),
    ("pkg-config", "pkg-config"),
    ("redis-server", "redis-server"),
    ("valgrind", "valgrind"),
];

const PROGRAM: &str = env!("CARGO_CRATE_NAME");

/// The test that runs. Without threads they run in the program's own, which is called after none of them.
fn test() -> String {
    let thread = std::thread::current();
    let name = thread.name().filter(|name| *name != "main");
    name.unwrap_or("").to_string()
}

/// What the last run of this test was in want of, if this run is to make up for it (`cargo xtask test --skipped`).
pub fn wanted_before() -> Vec<String> {
    let Some(file) = std::env::var_os("WASMDYLD_TEST_AGAIN") else {
        return Vec::new();
    };
    let text = std::fs::read_to_string(&file);
    let text = text.unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    wanted(&text, PROGRAM, &test())
}

pub fn wanted(text: &str, program: &str, test: &str) -> Vec<String> {
    let lines = text
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>());
    let of_test = lines.filter_map(|line| match line.as_slice() {
        [what, _, of, name] if *of == program && *name == test => Some(what.to_string()),
        _ => None,
    });
    of_test.collect()
}

/// Where `CI` is set nothing may be left out.
fn strict() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty())
}

/// The test that runs leaves something out for want of `what`, which one gets by `how`.
pub fn skip(what: &str, how: &str) {
    assert!(!strict(), "{what} is missing, and CI is set: {how}");
    println!("skipped for want of {what}: {how}");
    let Some(file) = std::env::var_os("WASMDYLD_TEST_SKIPPED") else {
        return;
    };
    let line = format!("{what}\t{how}\t{PROGRAM}\t{}\n", test());
    // One write: tests of several programs add to one file.
    let mut options = std::fs::OpenOptions::new();
    let written = options
        .append(true)
        .create(true)
        .open(&file)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    written.unwrap_or_else(|e| panic!("{}: {e}", file.display()));
}

/// The same for a program of [`TOOLS`].
pub fn skip_tool(tool: &str) {
    let package = TOOLS.iter().find(|(known, _)| *known == tool);
    let (_, package) = package.unwrap_or_else(|| panic!("{tool}: which package has it?"));
    skip(tool, &format!("apt-get install {package}"));
}

/// Whether a program can be run; it need not know the option. What a version manager has put in its place exits as a shell does that finds
/// no program.
pub fn is_there(tool: impl AsRef<OsStr>) -> bool {
    let mut command = Command::new(tool);
    command.arg("--version").stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
        .status()
        .is_ok_and(|status| status.code() != Some(127))
}

/// Whether a program is there; if not, the test that asks leaves something out.
pub fn has(tool: &str) -> bool {
    let there = is_there(tool);
    if !there {
        skip_tool(tool);
    }
    there
}
