//! `cargo xtask test`: everything that can be tested, in one go.

use crate::builds;
use crate::guests;
use crate::install::{self, Installed, Options};
use crate::js;
use crate::library::{self, Build};
use crate::python;
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
        before: match again {
            Some(_) => Some(skipped::set_aside()?),
            None => None,
        },
    };
    skipped::forget()?;
    let outcomes = match &again {
        None => [run.cargo(&[], &[]), run.pytest(&[])],
        Some(skipped) => [run.cargo_again(skipped), run.pytest_again(skipped)],
    };
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
    /// Builds all of it that is not up to date.
    fn new() -> Result<Made> {
        let stage = library::stage()?;
        guests::main(&[])?;
        let engines = library::engines()?;
        let neutral = library::neutral(&Build::default())?;
        let web = web::fetch()?;
        let js = js::for_tests()?;
        let prefix = util::target_dir().join("prefix");
        util::remove(&prefix)?;
        install::install(&Options::new(prefix.clone()))?;
        let python = python::wheel(&stage)?;
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
        let skipped = skipped::file();
        python::test(stage, python, engines, Some(&skipped), &tests)
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
