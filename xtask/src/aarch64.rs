//! `cargo xtask aarch64`: the library without an engine, the command and wasmi for another machine than x86-64, and on that machine, which qemu
//! plays, the guests' programs, the C tests and what `wasmdyld link` makes. All of it has to come out as it does here.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::portable::Standard;
use crate::util::{self, At, Result};
use crate::{guests, library};

const TRIPLE: &str = "aarch64-unknown-linux-gnu";
/// What cargo reads for the target: the program that links.
const LINKER: &str = "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER";
const COMPILER: &str = "aarch64-linux-gnu-gcc";
const EMULATORS: [&str; 2] = ["qemu-aarch64-static", "qemu-aarch64"];
/// The program that every other one there is started by.
const LOADER: &str = "ld-linux-aarch64.so.1";

/// The tests of this machine that run there, each with the test program that has it.
const TESTS: [(&str, &str); 2] = [
    ("engines", "on_another_machine"),
    ("one_module", "linked_on_another_machine"),
];

/// What it takes of the machine.
struct Tools {
    /// Compiles C for the target, and links.
    compiler: PathBuf,
    /// Runs programs, with the folder of the target's C library: a command and its arguments.
    runner: String,
    standard: Standard,
}

pub fn main(arguments: &[String]) -> Result<()> {
    if std::env::consts::ARCH == "aarch64" {
        return Err("this machine is an aarch64 itself: `cargo xtask test` runs everything".into());
    }
    let tools = Tools::find()?;
    let engine = library::engine_by(tools.cargo()?, "wasmi", Some(TRIPLE))?;
    let built = build(&tools, &engine)?;
    guests::main(&[])?;
    for (program, test) in TESTS {
        util::step(format!("{program}: {test}"));
        let mut command = test_command(&tools, &built, &engine, program, test)?;
        command.args(arguments);
        util::timed("cargo test", || util::run(&mut command))?;
    }
    Ok(())
}

impl Tools {
    /// Says all that is missing at once, and how to get it.
    fn find() -> Result<Tools> {
        let compiler = std::env::var_os(LINKER).unwrap_or_else(|| COMPILER.into());
        let loader = loader(Path::new(&compiler));
        let emulator = EMULATORS
            .into_iter()
            .find(|name| util::works(name, &["--version"]));
        let standard = Standard::of(TRIPLE);
        match (loader, emulator, standard) {
            (Ok(root), Some(emulator), Ok(standard)) => Ok(Tools {
                compiler: compiler.into(),
                runner: format!("{emulator} -L {}", root.display()),
                standard,
            }),
            (root, emulator, standard) => {
                let qemu = format!(
                    "{} is missing: `apt-get install qemu-user-static`",
                    EMULATORS.join(" or ")
                );
                let why = [
                    root.err(),
                    emulator.is_none().then_some(qemu),
                    standard.err(),
                ];
                Err(why.into_iter().flatten().collect::<Vec<_>>().join("\n"))
            }
        }
    }

    /// cargo, set up to link for the target.
    fn cargo(&self) -> Result<Command> {
        let mut command = library::cargo()?;
        self.standard.tell(&mut command, "std,panic_unwind");
        command.env(LINKER, &self.compiler);
        Ok(command)
    }
}

/// The folder that is the root of the target's C library, as the compiler knows it.
fn loader(compiler: &Path) -> Result<PathBuf> {
    let install = format!(
        "`apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross`; another compiler is named by {LINKER}"
    );
    let mut command = Command::new(compiler);
    let found = util::run_quiet(command.arg(format!("-print-file-name={LOADER}")))
        .map_err(|why| format!("{why}\n  {install}"))?;
    // It gives the bare name back where there is none.
    let found = Path::new(found.trim());
    if !found.is_absolute() {
        return Err(format!("{} has no {LOADER}: {install}", compiler.display()));
    }
    let found = found.canonicalize().at("find", found)?;
    let root = found.parent().and_then(Path::parent);
    root.map(Path::to_path_buf)
        .ok_or_else(|| format!("{}: which folder is it in?", found.display()))
}

/// The library without an engine, and the command, linked with the engine beside. Gives their folder.
fn build(tools: &Tools, engine: &Path) -> Result<PathBuf> {
    util::step(format!("library and command for {TRIPLE}"));
    let target = util::target_dir().join("aarch64");
    let folder = engine.parent().unwrap_or(engine);
    let flags = [
        format!("-Clink-arg={}", engine.display()),
        format!("-Clink-arg=-Wl,-rpath,{}", folder.display()),
    ];
    util::timed("cargo build --release --no-default-features", || {
        let mut command = tools.cargo()?;
        command
            .args(["build", "--release", "--lib", "--bin", "wasmdyld"])
            .args(["--no-default-features", "--features", "wasi,cli"])
            .args(["--target", TRIPLE])
            .env("CARGO_TARGET_DIR", &target)
            // Separated by what no path has.
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        util::run(&mut command)
    })?;
    Ok(target.join(TRIPLE).join("release"))
}

/// The test runs here, and what it tests there.
fn test_command(
    tools: &Tools,
    built: &Path,
    engine: &Path,
    program: &str,
    test: &str,
) -> Result<Command> {
    let mut command = library::cargo()?;
    command
        .args(["test", "--release", "--features", "cli", "--test", program])
        .args(["--", "--exact", test])
        .env("WASMDYLD_TEST_COMMAND", built.join("wasmdyld"))
        .env("WASMDYLD_TEST_NEUTRAL", built)
        .env(
            "WASMDYLD_TEST_ENGINES",
            format!("wasmi={}", engine.display()),
        )
        .env("WASMDYLD_TEST_RUNNER", &tools.runner)
        .env("WASMDYLD_TEST_CC", &tools.compiler);
    Ok(command)
}
