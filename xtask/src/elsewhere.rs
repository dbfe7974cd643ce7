//! What the tasks for other machines and systems have in common: the library without an engine and the command, linked with an engine beside, and the
//! tests of this machine that run them there.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::library;
use crate::portable::Standard;
use crate::util::{self, Result};

/// Another machine or system, and what it takes of this one.
pub struct Elsewhere {
    pub triple: &'static str,
    /// What it is called where it has a folder.
    pub name: &'static str,
    /// Compiles C for it, and links.
    pub compiler: PathBuf,
    /// Runs its programs: a command and its arguments, of which none has a space.
    pub runner: String,
    pub standard: Standard,
}

impl Elsewhere {
    /// The name of the variable by which cargo is told the program that links.
    pub fn linker(triple: &str) -> String {
        let triple = triple.to_uppercase().replace('-', "_");
        format!("CARGO_TARGET_{triple}_LINKER")
    }

    /// cargo, set up to link for it, and to be done soon: nobody measures what it builds.
    pub fn cargo(&self) -> Result<Command> {
        let mut command = library::cargo()?;
        command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
        command.env("CARGO_PROFILE_RELEASE_DEBUG", "0");
        self.standard.tell(&mut command, "std,panic_unwind");
        command.env(Self::linker(self.triple), &self.compiler);
        Ok(command)
    }

    /// The folder that is built in.
    pub fn target(&self) -> PathBuf {
        util::target_dir().join(self.name)
    }

    /// Builds the library without an engine, and the command, linked as `flags` say. Gives their folder.
    pub fn build(&self, mut cargo: Command, flags: &[String]) -> Result<PathBuf> {
        util::step(format!("library and command for {}", self.triple));
        util::timed("cargo build --release --no-default-features", || {
            cargo
                .args(["build", "--release", "--lib", "--bin", "wasmdyld"])
                .args(["--no-default-features", "--features", "wasi,cli"])
                .args(["--target", self.triple])
                .env("CARGO_TARGET_DIR", self.target())
                // Separated by what no path has.
                .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
            util::run(&mut cargo)
        })?;
        Ok(self.target().join(self.triple).join("release"))
    }

    /// Runs a test of this machine that tests what is there: the command at `command`, the library in `built`, and wasmi.
    pub fn test(
        &self,
        command: &Path,
        built: &Path,
        wasmi: &Path,
        (program, test): (&str, &str),
        more: &[String],
    ) -> Result<()> {
        util::step(format!("{program}: {test}"));
        let mut cargo = library::cargo()?;
        cargo
            .args(["test", "--release", "--features", "cli", "--test", program])
            .args(["--", "--exact", test])
            .args(more)
            .env("WASMDYLD_TEST_COMMAND", command)
            .env("WASMDYLD_TEST_NEUTRAL", built)
            .env(
                "WASMDYLD_TEST_ENGINES",
                format!("wasmi={}", wasmi.display()),
            )
            .env("WASMDYLD_TEST_RUNNER", &self.runner)
            .env("WASMDYLD_TEST_CC", &self.compiler);
        util::timed("cargo test", || util::run(&mut cargo))
    }
}
