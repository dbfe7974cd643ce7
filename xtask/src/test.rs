//! `cargo xtask test`: everything that can be tested, in one go.

use crate::builds;
use crate::guests;
use crate::install::{self, Installed, Options};
use crate::js;
use crate::library::{self, Build};
use crate::python::{self, Told};
use crate::skipped::{self, Skipped};
use crate::util::{self, Result};
use crate::web;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

/// Runs again what the last run left something out of, and nothing else.
const AGAIN: &str = "--skipped";

/// Other arguments go to the test programs.
pub fn main(arguments: &[String]) -> Result<()> {
    let start = Instant::now();
    let (again, arguments): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|argument| *argument == AGAIN);
    let again = match again.is_empty() {
        true => None,
        false => Some(skipped::read()?),
    };
    if again.as_ref().is_some_and(Skipped::is_empty) {
        println!("The last run skipped nothing.");
        return Ok(());
    }
    let made = Made::new()?;
    util::step("tests");
    let run = Run {
        made: &made,
        arguments,
        said: util::target_dir().join("python/said.txt"),
        before: match again {
            Some(_) => Some(skipped::set_aside()?),
            None => None,
        },
    };
    skipped::forget()?;
    util::remove(&run.said)?;
    // Python's tests keep one processor busy, and many of the others do as well.
    let outcomes = std::thread::scope(|scope| {
        let pytest = scope.spawn(|| match &again {
            None => run.pytest(&[]),
            Some(skipped) => run.pytest_again(skipped),
        });
        let cargo = match &again {
            None => run.cargo(&[], &[]),
            Some(skipped) => run.cargo_again(skipped),
        };
        [cargo, util::joined(pytest)]
    });
    // It may hold what a guest printed, in bytes that are no text.
    if let Ok(said) = std::fs::read(&run.said) {
        util::step("what pytest said");
        print!("{}", String::from_utf8_lossy(&said));
    }
    let left_out = skipped::read()?;
    let failed: Vec<String> = outcomes.into_iter().filter_map(Result::err).collect();
    if let (Some(before), false) = (again, failed.is_empty()) {
        // They are still to be run.
        skipped::keep(before)?;
    }
    if !left_out.is_empty() {
        util::step("skipped, for want of something on this machine");
        print!("{}", left_out.report());
        let (file, flag) = (skipped::file(), format!("cargo xtask test {AGAIN}"));
        println!(
            "    `{flag}` runs these tests again; {} lists them",
            file.display()
        );
    }
    if !failed.is_empty() {
        return Err(failed.join("\n"));
    }
    println!(
        "\nAll tests passed{}; it took {}.",
        match left_out.is_empty() {
            true => ", nothing was skipped",
            false => ", but for what was skipped",
        },
        util::seconds(start.elapsed())
    );
    Ok(())
}

/// What tests use.
struct Made {
    stage: Installed,
    engines: Vec<(&'static str, PathBuf)>,
    neutral: PathBuf,
    web: PathBuf,
    /// The package for JavaScript, where it can be made.
    js: Option<PathBuf>,
    prefix: PathBuf,
    /// The folder of a Python's programs.
    python: PathBuf,
}

impl Made {
    /// Builds all of it that is not up to date. Much of it waits for the network or keeps one processor busy, so that it is done side by side; what
    /// shares a folder of cargo's is done one after the other.
    fn new() -> Result<Made> {
        let stage = library::stage()?;
        let (rest, engines, linkers) = std::thread::scope(|scope| {
            let engines = scope.spawn(library::engines);
            let linkers = scope.spawn(|| -> Result<_> {
                Ok((library::neutral(&Build::default())?, js::for_tests()?))
            });
            let rest = || -> Result<_> {
                guests::main(&[])?;
                Ok((web::fetch()?, python::wheel(&stage)?))
            };
            (rest(), util::joined(engines), util::joined(linkers))
        });
        let ((engines, (neutral, js)), (web, python)) =
            util::both(util::both(engines, linkers), rest)?;
        let prefix = util::target_dir().join("prefix");
        util::remove(&prefix)?;
        install::install(&Options::new(prefix.clone()))?;
        Ok(Made {
            stage,
            engines,
            neutral,
            web,
            js,
            prefix,
            python,
        })
    }
}

struct Run<'a> {
    made: &'a Made,
    arguments: Vec<&'a String>,
    /// Where pytest, which runs beside the test programs, puts what it says.
    said: PathBuf,
    /// What the last run left out, if this one makes up for it.
    before: Option<PathBuf>,
}

impl Run<'_> {
    /// The test programs, all or some; `tests` are whole names, all if empty.
    fn cargo(&self, programs: &[&str], tests: &[&str]) -> Result<()> {
        let mut command = self.programs(programs)?;
        command.arg("--");
        if !tests.is_empty() {
            command.arg("--exact").args(tests);
        }
        command.args(&self.arguments);
        util::timed("cargo test", || util::run(&mut command))
    }

    fn programs(&self, programs: &[&str]) -> Result<Command> {
        let mut command = library::cargo()?;
        let engines = self.made.engines.iter();
        let engines: Vec<String> = engines
            .map(|(name, path)| format!("{name}={}", path.display()))
            .collect();
        command
            .env("WASMDYLD_TEST_ENGINES", engines.join(":"))
            .env("WASMDYLD_TEST_NEUTRAL", &self.made.neutral)
            .env("WASMDYLD_TEST_WEB", &self.made.web)
            .env("WASMDYLD_TEST_PREFIX", &self.made.prefix)
            .env("WASMDYLD_TEST_PYTHON", self.made.python.join("python"))
            .env("WASMDYLD_TEST_SKIPPED", skipped::file());
        if let Some(js) = &self.made.js {
            command.envs(js::variables(js));
        }
        match &self.before {
            Some(file) => command.env("WASMDYLD_TEST_AGAIN", file),
            None => command.env_remove("WASMDYLD_TEST_AGAIN"),
        };
        command.args(builds::TESTS);
        for program in programs {
            match *program {
                // Tests inside the library are in a program that is called after it.
                "wasmdyld" => command.arg("--lib"),
                program => command.args(["--test", program]),
            };
        }
        Ok(command)
    }

    fn pytest(&self, tests: &[&str]) -> Result<()> {
        let Made {
            stage,
            engines,
            python,
            ..
        } = self.made;
        let tests: Vec<String> = tests.iter().map(|test| test.to_string()).collect();
        let told = Told {
            skipped: Some(skipped::file()),
            said: Some(self.said.clone()),
        };
        python::test(stage, python, engines, &told, &tests)
    }

    fn cargo_again(&self, skipped: &Skipped) -> Result<()> {
        let (mut some, mut whole) = (BTreeSet::new(), Vec::new());
        let mut names = BTreeSet::new();
        for (program, tests) in skipped.of_cargo() {
            match tests.is_empty() {
                true => whole.push(program),
                false => {
                    some.insert(program);
                    names.extend(tests);
                }
            }
        }
        if !whole.is_empty() {
            self.cargo(&whole, &[])?;
        }
        if some.is_empty() {
            return Ok(());
        }
        let (some, names) = (Vec::from_iter(some), Vec::from_iter(names));
        self.all_are_there(&some, &names)?;
        self.cargo(&some, &names)
    }

    /// A name that no test has would be no test that passes.
    fn all_are_there(&self, programs: &[&str], tests: &[&str]) -> Result<()> {
        let mut command = self.programs(programs)?;
        command.args(["--", "--list", "--exact"]).args(tests);
        let listed = util::run_quiet(&mut command)?;
        let found: BTreeSet<&str> = listed
            .lines()
            .filter_map(|line| line.strip_suffix(": test"))
            .collect();
        match tests.iter().find(|test| !found.contains(*test)) {
            Some(test) => Err(format!(
                "{}: no test is called {test}",
                skipped::file().display()
            )),
            None => Ok(()),
        }
    }

    fn pytest_again(&self, skipped: &Skipped) -> Result<()> {
        let tests = Vec::from_iter(skipped.of_pytest());
        match tests.is_empty() {
            true => Ok(()),
            // pytest fails where a test is not there.
            false => self.pytest(&tests),
        }
    }
}
