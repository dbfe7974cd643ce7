//! `cargo xtask portable`: whether the library without an engine compiles for machines that are not at hand to run it.
//!
//! A target's own standard library is used if the compiler has it. If not, the compiler's sources of that library serve, if it has these
//! (`rustup component add rust-src`, or a distribution's package): cargo then checks the standard library first, which no stable cargo
//! would do without being told to.

use crate::library;
use crate::util::{self, Result};
use std::path::PathBuf;
use std::process::Command;

/// A target, and what is checked for it.
struct Target {
    triple: &'static str,
    arguments: &'static [&'static str],
    /// The crates of the standard library: how it panics differs.
    standard: &'static str,
}

/// With WASI and the command.
const WHOLE: &[&str] = &["--lib", "--bins", "--features", "wasi,cli"];
/// In a page guests have folders in memory and behind callbacks, and there is no command.
const LIBRARY: &[&str] = &["--lib", "--features", "wasi"];

/// As docs/POLICY.md lists them.
const TARGETS: [Target; 4] = [
    Target {
        triple: "aarch64-unknown-linux-gnu",
        arguments: WHOLE,
        standard: "std,panic_unwind",
    },
    Target {
        triple: "aarch64-apple-darwin",
        arguments: WHOLE,
        standard: "std,panic_unwind",
    },
    Target {
        triple: "x86_64-pc-windows-gnu",
        arguments: WHOLE,
        standard: "std,panic_unwind",
    },
    Target {
        triple: "wasm32-unknown-unknown",
        arguments: LIBRARY,
        standard: "std,panic_abort",
    },
];

/// What cargo is to use for a target.
pub enum Standard {
    Built,
    Sources,
}

impl Standard {
    /// What the compiler has for the target. An error says how to get it.
    pub fn of(triple: &str) -> Result<Standard> {
        let sysroot = util::run_quiet(Command::new(library::rustc()).args(["--print", "sysroot"]))?;
        let sysroot = PathBuf::from(sysroot.trim());
        let folder = sysroot.join("lib/rustlib");
        let built = util::list(&folder.join(triple).join("lib")).unwrap_or_default();
        let is_std = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("libstd-") && name.ends_with(".rlib")
        };
        if built.iter().any(is_std) {
            Ok(Standard::Built)
        } else if folder.join("src/rust/library/std/Cargo.toml").is_file() {
            Ok(Standard::Sources)
        } else {
            Err(format!(
                "{} has no standard library for {triple}: `rustup target add {triple}`, or the sources of that library \
                 (`rustup component add rust-src`)",
                sysroot.display(),
            ))
        }
    }

    /// Tells cargo; `crates` are those of the standard library that it builds where there are sources alone.
    pub fn tell(&self, cargo: &mut Command, crates: &str) {
        if matches!(self, Standard::Sources) {
            cargo.env("RUSTC_BOOTSTRAP", "1");
            cargo.arg(format!("-Zbuild-std={crates}"));
        }
    }
}

/// All targets, or those that are named.
pub fn main(arguments: &[String]) -> Result<()> {
    let known = |name: &String| TARGETS.iter().any(|target| target.triple == name);
    if let Some(unknown) = arguments.iter().find(|name| !known(name)) {
        let all: Vec<&str> = TARGETS.iter().map(|target| target.triple).collect();
        return Err(format!("portable checks {}, not {unknown}", all.join(", ")));
    }
    let (mut failed, mut missing) = (Vec::new(), Vec::new());
    for target in TARGETS {
        if !arguments.is_empty() && !arguments.iter().any(|name| name == target.triple) {
            continue;
        }
        util::step(target.triple);
        let standard = match Standard::of(target.triple) {
            Ok(standard) => standard,
            Err(why) => {
                missing.push(target.triple);
                println!("    not checked: {why}");
                continue;
            }
        };
        if let Err(error) = util::timed("cargo check", || check(&target, &standard)) {
            println!("{error}");
            failed.push(target.triple);
        }
    }
    match (failed.as_slice(), missing.as_slice()) {
        ([], []) => Ok(()),
        ([], _) => Err(format!("not checked: {}", missing.join(", "))),
        _ => Err(format!("does not compile for {}", failed.join(", "))),
    }
}

fn check(target: &Target, standard: &Standard) -> Result<()> {
    let mut command = library::cargo()?;
    command.args(["check", "--no-default-features", "--target", target.triple]);
    command.args(target.arguments);
    command.env("CARGO_TARGET_DIR", util::target_dir().join("portable"));
    standard.tell(&mut command, target.standard);
    util::run(&mut command)
}
