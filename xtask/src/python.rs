//! The Python package: its wheel, an environment in which that is installed, and its tests.

use crate::guests;
use crate::install::Installed;
use crate::library;
use crate::util::{self, At, Result};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the tests use of the guests.
const GUESTS: [&str; 8] = [
    "libsqlite3.so",
    "libz.so",
    "library-only",
    "types",
    "interposition",
    "preload",
    "arguments",
    "cxx-uncaught",
];

/// `cargo xtask python`; arguments go to pytest.
pub fn main(arguments: &[String]) -> Result<()> {
    let stage = library::stage()?;
    guests::main(&GUESTS.map(String::from))?;
    let bin = wheel(&stage)?;
    test(&stage, &bin, &[], &Told::default(), arguments)
}

/// Where tests tell of themselves.
#[derive(Default)]
pub struct Told {
    /// What was left out.
    pub skipped: Option<PathBuf>,
    /// All that pytest says, if not to the user as it comes.
    pub said: Option<PathBuf>,
}

fn package() -> PathBuf {
    util::workspace().join("bindings/python")
}

fn place(name: &str) -> PathBuf {
    util::target_dir().join("python").join(name)
}

/// Builds the wheel around the staged library and installs it in an environment with nothing else but what the tests need. Gives the
/// folder of that environment's programs.
pub fn wheel(stage: &Installed) -> Result<PathBuf> {
    util::step("Python: wheel, and an environment with it");
    let wheels = place("wheel");
    util::timed("pip wheel bindings/python", || {
        let build = place("build");
        if !util::works(python(&build), &["-m", "pip", "--version"]) {
            environment(&build)?;
        }
        util::remove(&wheels)?;
        // setuptools leaves it, and would put files that are gone from the sources into the next wheel.
        util::remove(&package().join("build"))?;
        let mut command = pip(&build);
        command.args(["wheel", "--no-deps", "--wheel-dir"]);
        command.arg(&wheels).arg(package());
        command.env("WASMDYLD_LIBRARY", stage.lib.join("libwasmdyld.so"));
        command.env("WASMDYLD_COMMAND", stage.bin.join("wasmdyld"));
        command.env(
            "WASMDYLD_LICENCES",
            stage
                .prefix
                .join("share/doc/wasmdyld/LICENSES-THIRD-PARTY.txt"),
        );
        command.env_remove("WASMDYLD_GUEST_LIB");
        command.env("PIP_CONSTRAINT", requirements());
        util::run_quiet(&mut command)?;
        util::remove(&package().join("build"))
    })?;
    let wheel = built()?;
    println!("    {}", wheel.display());
    let venv = place("venv");
    util::timed("a virtual environment with it and its tests' needs", || {
        let needs = util::read(&requirements())? + &util::run_quiet(&mut version("python3"))?;
        let stamp = venv.join("needs.txt");
        let same = std::fs::read_to_string(&stamp).is_ok_and(|found| found == needs);
        if same && util::works(python(&venv), &["--version"]) {
            let mut command = pip(&venv);
            util::run_quiet(command.args(["uninstall", "--yes", "wasmdyld"]))?;
        } else {
            environment(&venv)?;
            let mut command = pip(&venv);
            util::run_quiet(
                command
                    .arg("install")
                    .arg("--requirement")
                    .arg(requirements()),
            )?;
            util::write(&stamp, needs)?;
        }
        let mut command = pip(&venv);
        // What it needed would be missing.
        util::run_quiet(command.args(["install", "--no-deps"]).arg(&wheel)).map(drop)
    })?;
    Ok(venv.join("bin"))
}

/// The wheel that was built last.
fn built() -> Result<PathBuf> {
    let wheel = util::list(&place("wheel"))?.into_iter().next();
    wheel.ok_or("pip wheel left no wheel".into())
}

fn version(python: &str) -> Command {
    let mut command = Command::new(python);
    command.args(["-c", "import sys; print(sys.version, sys.prefix)"]);
    command
}

/// Type checks and tests, in the environment that `wheel` made; `engines` are libraries to test besides.
pub fn test(
    stage: &Installed,
    bin: &Path,
    engines: &[(&str, PathBuf)],
    told: &Told,
    arguments: &[String],
) -> Result<()> {
    util::step("Python: types and tests");
    let python = bin.join("python");
    // The sources, and then the tests with the package as a user has it.
    for what in [&["src", "ci"][..], &["tests"]] {
        let mut command = Command::new(&python);
        command.current_dir(package()).args(["-m", "mypy"]);
        command.arg("--cache-dir").arg(place("mypy")).args(what);
        util::timed(format!("mypy --strict {}", what.join(" ")), || {
            util::run_quiet(&mut command)
        })?;
    }
    let engines: Vec<String> = engines
        .iter()
        .map(|(name, path)| format!("{name}={}", path.display()))
        .collect();
    let mut command = Command::new(&python);
    command.current_dir(package()).args(["-m", "pytest"]);
    command.arg("-o");
    command.arg(format!("cache_dir={}", place("pytest").display()));
    command.args(arguments);
    for inherited in ["WASMDYLD_LIBRARY", "PYTHONPATH"] {
        command.env_remove(inherited);
    }
    command
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("WASMDYLD_GUESTS", util::target_dir().join("guests"))
        .env("WASMDYLD_INCLUDE", &stage.include)
        .env("WASMDYLD_TEST_WHEEL", built()?)
        .env("WASMDYLD_TEST_CACHE", place("cache"))
        .env("WASMDYLD_TEST_ENGINES", engines.join(":"));
    match &told.skipped {
        Some(file) => command.env("WASMDYLD_TEST_SKIPPED", file),
        None => command.env_remove("WASMDYLD_TEST_SKIPPED"),
    };
    if let Some(path) = &told.said {
        let said = File::create(path).at("create", path)?;
        println!("    what pytest says: {}", path.display());
        command.stderr(said.try_clone().at("share", path)?);
        command.stdout(said);
    }
    util::timed("pytest", || util::run(&mut command))
}

fn requirements() -> PathBuf {
    package().join("requirements-dev.txt")
}

fn python(venv: &Path) -> PathBuf {
    venv.join("bin/python")
}

fn pip(venv: &Path) -> Command {
    let mut command = Command::new(python(venv));
    command.args(["-m", "pip", "--disable-pip-version-check", "--quiet"]);
    command
}

/// Makes a virtual environment anew. Debian splits venv off python3, so any way to get one will do.
fn environment(venv: &Path) -> Result<()> {
    util::remove(venv)?;
    if let Some(folder) = venv.parent() {
        util::create_dir(folder)?;
    }
    let recent = ["-c", "import sys; assert sys.version_info >= (3, 9)"];
    if !util::works("python3", &recent) {
        return Err("the Python package needs python3, 3.9 at least".into());
    }
    let made = util::run_quiet(Command::new("python3").args(["-m", "venv"]).arg(venv));
    let Err(error) = made else { return Ok(()) };
    util::remove(venv)?;
    let other = util::run_quiet(Command::new("virtualenv").arg("--quiet").arg(venv));
    match other {
        Ok(_) => std::fs::metadata(python(venv)).at("find", venv).map(drop),
        Err(_) => Err(format!(
            "python3 -m venv does not work (Debian: apt-get install python3-venv): {error}"
        )),
    }
}
