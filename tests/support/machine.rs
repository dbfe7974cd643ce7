//! Programs that were built for another machine (`cargo xtask aarch64`) or system (`cargo xtask windows`): what compiles them and what runs them.

// Each of the test programs uses a part of this.
#![allow(dead_code, reason = "compiled into several programs")]

use std::ffi::OsStr;
use std::process::Command;

/// A program and its first arguments, of which none has a space.
const RUNNER: &str = "WASMDYLD_TEST_RUNNER";

/// Whether programs are of another machine.
pub fn is_another() -> bool {
    std::env::var_os(RUNNER).is_some()
}

/// Whether they are programs of Windows, as the command is.
pub fn is_windows() -> bool {
    let command = std::env::var_os("WASMDYLD_TEST_COMMAND");
    let command = command.map(std::path::PathBuf::from);
    command.is_some_and(|command| command.extension().is_some_and(|end| end == "exe"))
}

/// Runs a program: by itself, if it is of this machine.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let runner = std::env::var(RUNNER).unwrap_or_default();
    let mut words = runner.split_whitespace();
    let Some(first) = words.next() else {
        return Command::new(program);
    };
    let mut command = Command::new(first);
    command.args(words).arg(program);
    command
}

/// The C compiler for another machine.
pub fn compiler() -> Option<String> {
    std::env::var("WASMDYLD_TEST_CC").ok()
}
