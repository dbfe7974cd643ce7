//! `cargo xtask windows`: the library without an engine, the command and wasmi for Windows, and there, which Wine plays, the guests' programs and the C
//! tests. What differs from this machine is in `tests/windows.txt`, with the reason.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::elsewhere::Elsewhere;
use crate::guests;
use crate::portable::Standard;
use crate::util::{self, At, Result};

const TRIPLE: &str = "x86_64-pc-windows-gnu";
const COMPILER: &str = "x86_64-w64-mingw32-gcc";
/// Debian's has no name in the path unless 32-bit programs are run as well.
const WINES: [&str; 3] = ["wine64", "wine", "/usr/lib/wine/wine64"];

/// What Rust's library takes random numbers from, which Wine lacks before 9.0. Where the system has it, that is found first.
const RANDOM: &str = "bcryptprimitives";
const RANDOM_SOURCE: &str = "\
int __stdcall SystemFunction036(void *bytes, unsigned long count);
int __stdcall ProcessPrng(unsigned char *bytes, unsigned long long count)
{
    return SystemFunction036(bytes, (unsigned long)count);
}
";

const TEST: (&str, &str) = ("engines", "on_windows");

/// The tests inside the library that are of what a system gives.
const UNIT_TESTS: [&str; 7] = [
    "wasi::tests::calls",
    "wasi::tests::files",
    "wasi::tests::given",
    "wasi::tests::open",
    "wasi::tests::stdio",
    "wasi::tests::waiting",
    "wasi::tests::windows",
];

/// Of these, what does not come out as on Unix: symbolic links, which Wine 8 does not make, a file that is open and removed, whose name stays there until it is
/// closed, a folder that is open, which is not removed, and a path that is too long, which is taken for one that is not there.
const NOT_THERE: [&str; 5] = [
    "a_folder_takes_the_place_of_one_that_was_given",
    "every_function_works",
    "a_file_from_its_making_to_its_end",
    "files::directories",
    "what_is_no_file_is_refused",
];

pub fn main(arguments: &[String]) -> Result<()> {
    let elsewhere = find()?;
    let engine = engine(&elsewhere)?;
    let flags = [format!(
        "-Clink-arg={}",
        engine.join("libwasmi.dll.a").display()
    )];
    let built = elsewhere.build(elsewhere.cargo()?, &flags)?;
    let together = together(&elsewhere, &engine, &built)?;
    prefix(&elsewhere)?;
    unit_tests(&elsewhere, &flags)?;
    guests::main(&[])?;
    let (command, wasmi) = (together.join("wasmdyld.exe"), together.join("wasmi.dll"));
    elsewhere.test(&command, &together, &wasmi, TEST, arguments)
}

/// Says all that is missing at once, and how to get it.
fn find() -> Result<Elsewhere> {
    let linker = Elsewhere::linker(TRIPLE);
    let compiler = std::env::var_os(&linker).unwrap_or_else(|| COMPILER.into());
    let compiles = util::works(&compiler, &["--version"]);
    let wine = WINES
        .into_iter()
        .find(|name| util::works(name, &["--version"]));
    match (compiles, wine, Standard::of(TRIPLE)) {
        (true, Some(wine), Ok(standard)) => Ok(Elsewhere {
            triple: TRIPLE,
            name: "windows",
            compiler: compiler.into(),
            runner: format!(
                "env WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml= WINEPREFIX={} WINEPATH={} {wine}",
                wine_prefix().display(),
                // As Wine calls what is below `/`.
                format!("Z:{}", beside().display()).replace('/', "\\"),
            ),
            standard,
        }),
        (compiles, wine, standard) => {
            let gcc = format!(
                "{} is missing: `apt-get install gcc-mingw-w64-x86-64-win32`; another compiler is named by {linker}",
                Path::new(&compiler).display()
            );
            let none = "wine is missing: `apt-get install wine64`".to_string();
            let why = [
                (!compiles).then_some(gcc),
                wine.is_none().then_some(none),
                standard.err(),
            ];
            Err(why.into_iter().flatten().collect::<Vec<_>>().join("\n"))
        }
    }
}

/// The command, and all that programs are started with.
fn beside() -> PathBuf {
    util::target_dir().join("windows/together")
}

fn wine_prefix() -> PathBuf {
    util::target_dir().join("windows/wine")
}

/// wasmi as a library, and what is linked with it. Gives the folder of both.
fn engine(elsewhere: &Elsewhere) -> Result<PathBuf> {
    util::step(format!("wasmi as a library for {TRIPLE}"));
    let target = elsewhere.target();
    util::timed("cargo build --release -p engine-wasmi", || {
        let mut cargo = elsewhere.cargo()?;
        cargo
            .current_dir(util::workspace().join("engines"))
            .args(["build", "--release", "--locked", "-p", "engine-wasmi"])
            .args(["--target", TRIPLE])
            .env("CARGO_TARGET_DIR", &target);
        util::run(&mut cargo)
    })?;
    Ok(target.join(TRIPLE).join("release"))
}

/// The command and all that it is started with, in one folder: programs find libraries beside themselves.
fn together(elsewhere: &Elsewhere, engine: &Path, built: &Path) -> Result<PathBuf> {
    let folder = beside();
    util::create_dir(&folder)?;
    for (from, name) in [
        (built, "wasmdyld.exe"),
        (built, "wasmdyld.dll"),
        (built, "libwasmdyld.dll.a"),
        (engine, "wasmi.dll"),
        (engine, "libwasmi.dll.a"),
    ] {
        let from = from.join(name);
        std::fs::copy(&from, folder.join(name)).at("copy", &from)?;
    }
    let source = folder.join("random.c");
    util::write(&source, RANDOM_SOURCE)?;
    let mut command = Command::new(&elsewhere.compiler);
    command
        .args(["-shared", "-O1", "-o"])
        .arg(folder.join(format!("{RANDOM}.dll")))
        .arg(&source)
        .arg("-ladvapi32");
    util::run_quiet(&mut command)?;
    Ok(folder)
}

/// The tests of WASI and of waiting in it that are inside the library.
fn unit_tests(elsewhere: &Elsewhere, flags: &[String]) -> Result<()> {
    util::step("tests inside the library");
    util::timed("cargo test --lib", || {
        let mut cargo = elsewhere.cargo()?;
        cargo
            .args(["test", "--release", "--lib", "--target", TRIPLE])
            .args(["--no-default-features", "--features", "wasi,cli"])
            .arg("--")
            .args(UNIT_TESTS)
            .args(NOT_THERE.iter().flat_map(|test| ["--skip", test]))
            .env("CARGO_TARGET_DIR", elsewhere.target())
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
            .env(
                Elsewhere::linker(TRIPLE).replace("LINKER", "RUNNER"),
                &elsewhere.runner,
            );
        util::run(&mut cargo)
    })
}

/// What Wine keeps of a machine, made once, before two programs would make it at a time.
fn prefix(elsewhere: &Elsewhere) -> Result<()> {
    if wine_prefix().join("system.reg").is_file() {
        return Ok(());
    }
    util::step("a machine for Wine (once)");
    util::create_dir(&wine_prefix())?;
    let mut words = elsewhere.runner.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).args(["wineboot", "--init"]);
    util::timed("wineboot --init", || {
        util::run_quiet(&mut command).map(drop)
    })
}
