//! The command, run by tests.

// Each of the test programs uses a part of this.
#![allow(dead_code, reason = "compiled into several programs")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub fn guests() -> PathBuf {
    if let Some(folder) = std::env::var_os("WASMDYLD_GUESTS") {
        return folder.into();
    }
    let command = Path::new(env!("CARGO_BIN_EXE_wasmdyld"));
    command
        .ancestors()
        .nth(2)
        .expect("a target folder")
        .join("guests")
}

pub fn hello() -> PathBuf {
    let file = guests().join("cases/hello/main-pie.wasm");
    assert!(
        file.exists(),
        "{} is not built: `cargo xtask guests`",
        file.display()
    );
    file
}

/// A folder of this test's own.
pub fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!(
        "{}-{}-{name}",
        env!("CARGO_CRATE_NAME"),
        std::process::id()
    ));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a scratch folder");
    folder
}

pub fn wat(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, wat::parse_str(text).expect("valid text")).expect("writing a module");
    path
}

pub fn wasmdyld() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasmdyld"));
    for (name, _) in
        std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("WASMDYLD_"))
    {
        command.env_remove(name);
    }
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    // Nor what the machine's user has set up.
    command.env("WASMDYLD_DEFAULT_PATH", "off");
    command.stdin(Stdio::null());
    command
}

pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

pub fn ran(command: &mut Command) -> Ran {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the command starts");
    Ran {
        code: status.code(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// `_start` that does `body`, with what it needs of WASI.
pub fn program(body: &str) -> String {
    format!(
        r#"(module
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "_start") {body}))"#
    )
}
