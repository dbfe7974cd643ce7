//! `cargo xtask aarch64`: the library without an engine, the command and wasmi for another machine than x86-64, and on that machine, which qemu
//! plays, the guests' programs, the C tests and what `wasmdyld link` makes. All of it has to come out as it does here.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::elsewhere::Elsewhere;
use crate::portable::Standard;
use crate::util::{self, At, Result};
use crate::{guests, library};

const TRIPLE: &str = "aarch64-unknown-linux-gnu";
const COMPILER: &str = "aarch64-linux-gnu-gcc";
const EMULATORS: [&str; 2] = ["qemu-aarch64-static", "qemu-aarch64"];
/// The program that every other one there is started by.
const LOADER: &str = "ld-linux-aarch64.so.1";

/// The tests of this machine that run there, each with the test program that has it.
const TESTS: [(&str, &str); 2] = [
    ("engines", "on_another_machine"),
    ("one_module", "linked_on_another_machine"),
];

pub fn main(arguments: &[String]) -> Result<()> {
    if std::env::consts::ARCH == "aarch64" {
        return Err("this machine is an aarch64 itself: `cargo xtask test` runs everything".into());
    }
    let elsewhere = find()?;
    let engine = library::engine_by(elsewhere.cargo()?, "wasmi", Some(TRIPLE))?;
    let folder = engine.parent().unwrap_or(&engine);
    let flags = [
        format!("-Clink-arg={}", engine.display()),
        format!("-Clink-arg=-Wl,-rpath,{}", folder.display()),
    ];
    let built = elsewhere.build(elsewhere.cargo()?, &flags)?;
    guests::main(&[])?;
    for test in TESTS {
        elsewhere.test(&built.join("wasmdyld"), &built, &engine, test, arguments)?;
    }
    Ok(())
}

/// Says all that is missing at once, and how to get it.
fn find() -> Result<Elsewhere> {
    let compiler = std::env::var_os(Elsewhere::linker(TRIPLE)).unwrap_or_else(|| COMPILER.into());
    let loader = loader(Path::new(&compiler));
    let emulator = EMULATORS
        .into_iter()
        .find(|name| util::works(name, &["--version"]));
    let standard = Standard::of(TRIPLE);
    match (loader, emulator, standard) {
        (Ok(root), Some(emulator), Ok(standard)) => Ok(Elsewhere {
            triple: TRIPLE,
            name: "aarch64",
            compiler: compiler.into(),
            // With the folder of the target's C library.
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

/// The folder that is the root of the target's C library, as the compiler knows it.
fn loader(compiler: &Path) -> Result<PathBuf> {
    let install = format!(
        "`apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross`; another compiler is named by {}",
        Elsewhere::linker(TRIPLE)
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
