//! The tasks that there are, and what their help says.

use std::fmt::Write;

use crate::util::Result;
use crate::{
    aarch64, debian, demo, fuzz, guests, install, js, library, portable, ports, python, reference,
    reproducible, sanitize, start_order, test, wasi_suites, wasm32, web, windows,
};

/// What runs a task.
enum Run {
    /// It takes no arguments.
    Alone(fn() -> Result<()>),
    With(fn(&[String]) -> Result<()>),
}

use Run::{Alone, With};

struct Task {
    name: &'static str,
    /// As its usage has them.
    arguments: &'static str,
    /// A line each of the help of all.
    about: &'static [&'static str],
    /// Its own help, if there is more to say.
    usage: Option<&'static str>,
    run: Run,
}

impl Task {
    /// One of which there is no more to say.
    const fn of(
        name: &'static str,
        arguments: &'static str,
        about: &'static [&'static str],
        run: Run,
    ) -> Task {
        Task {
            name,
            arguments,
            about,
            usage: None,
            run,
        }
    }

    const fn with_usage(mut self, usage: &'static str) -> Task {
        self.usage = Some(usage);
        self
    }

    /// The name and what follows it.
    fn head(&self) -> String {
        format!("{} {}", self.name, self.arguments)
            .trim_end()
            .to_string()
    }

    fn help(&self) -> String {
        match self.usage {
            Some(usage) => format!("{}\n", usage.trim_end()),
            None => format!(
                "usage: cargo xtask {}\n\n{}\n",
                self.head(),
                self.about.join("\n")
            ),
        }
    }
}

const TASKS: &[Task] = &[
    Task::of(
        "demo",
        "",
        &[
            "build the library, the command and the guests, and show SQLite",
            "as a shared library: in a program, and under a C host",
        ],
        Alone(demo::main),
    ),
    Task::of(
        "test",
        "[ARG...]",
        &[
            "build everything and run all tests; arguments go to the test programs.",
            "--skipped: only the tests that the last run left something out of",
        ],
        With(test::main),
    ),
    Task::of(
        "stage",
        "",
        &["build and lay out target/wasmdyld: bin, lib, include"],
        Alone(|| library::stage().map(drop)),
    ),
    Task::of(
        "install",
        "",
        &["build and install below a prefix (install --help)"],
        With(install::main),
    )
    .with_usage(install::USAGE),
    Task::of(
        "uninstall",
        "",
        &["remove what was installed there, and nothing else"],
        With(install::uninstall),
    )
    .with_usage(install::UNINSTALL_USAGE),
    Task::of(
        "header",
        "",
        &["write include/wasmdyld.h anew"],
        Alone(library::header),
    ),
    Task::of(
        "docs",
        "",
        &["write the pages of the C API: target/doc-api (needs doxygen)"],
        Alone(reference::main),
    ),
    Task::of(
        "guests",
        "[NAME...]",
        &[
            "set up the guest toolchain and build the guest programs:",
            "all, or the named cases (hello) and libraries (libz.so)",
        ],
        With(guests::main),
    ),
    Task::of(
        "ports",
        "[NAME...]",
        &[
            "build other people's C projects by their own build systems for wasmdyld,",
            "and run their tests (guests/ports)",
        ],
        With(ports::main),
    ),
    Task::of(
        "engines",
        "",
        &["build the engines that tests open at run time"],
        Alone(|| library::engines().map(drop)),
    ),
    Task::of(
        "web",
        "",
        &["fetch node, and WASI for browsers, which tests of one module run in"],
        Alone(|| web::fetch().map(drop)),
    ),
    Task::of(
        "python",
        "[ARG...]",
        &[
            "build the Python package's wheel around the library, and test it",
            "in an environment of its own; arguments go to pytest",
        ],
        With(python::main),
    ),
    Task::of(
        "js",
        "[--quick] [--bench] [ARG...]",
        &[
            "build the package for JavaScript (needs Rust for wasm32-unknown-unknown), install",
            "it in a fresh folder and test it, or measure what calls cost",
        ],
        With(js::main),
    ),
    Task::of(
        "fuzz",
        "[TARGET...]",
        &["run the fuzzers, a minute each (--seconds N), from fuzz/corpus"],
        With(fuzz::main),
    )
    .with_usage(fuzz::USAGE),
    Task::of(
        "asan",
        "[ARG...]",
        &["run C tests and guests on wasmi under AddressSanitizer"],
        With(sanitize::asan),
    ),
    Task::of(
        "miri",
        "[ARG...]",
        &["run the tests of the pure core under Miri (needs nightly Rust)"],
        With(sanitize::miri),
    ),
    Task::of(
        "aarch64",
        "[ARG...]",
        &["run C tests and guests on wasmi for aarch64 Linux, under qemu"],
        With(aarch64::main),
    ),
    Task::of(
        "windows",
        "[ARG...]",
        &["run C tests and guests on wasmi for Windows, under Wine"],
        With(windows::main),
    ),
    Task::of(
        "wasm32",
        "[NAME...]",
        &[
            "run C tests, or those that are named, where library and program are a module that node",
            "runs: WASI with nothing of a system below it (needs Rust for wasm32-unknown-unknown)",
        ],
        With(wasm32::main),
    ),
    Task::of(
        "portable",
        "[TARGET...]",
        &["check that the library compiles for other machines"],
        With(portable::main),
    ),
    Task::of(
        "reproducible",
        "[neutral | bundled]",
        &[
            "build twice in different folders and compare (bundled:",
            "with the engine)",
        ],
        With(reproducible::main),
    ),
    Task::of(
        "debian",
        "",
        &["build and try packages of Debian (needs dpkg-dev, debhelper, lintian)"],
        Alone(debian::main),
    ),
    Task::of(
        "start-order",
        "",
        &[
            "write anew which functions starts of programs run, for the linker to lay",
            "side by side (needs valgrind)",
        ],
        Alone(start_order::main),
    ),
    Task::of(
        "wasi-suites",
        "OPTIONS",
        &[
            "run others' tests of WASI on ours and on wasmtime's: each is a folder that",
            "you name (wasi-suites --help)",
        ],
        With(wasi_suites::main),
    )
    .with_usage(wasi_suites::USAGE),
];

/// Where what a task does begins in the help of all.
const COLUMN: usize = 21;

/// The help of all.
fn help() -> String {
    let mut text = String::from("usage: cargo xtask TASK [ARGUMENTS]\n\ntasks:\n");
    let whole = "this text; TASK --help: that of a task";
    let lines = TASKS.iter().map(|task| (task.head(), task.about));
    for (head, about) in lines.chain([("help".to_string(), &[whole][..])]) {
        let mut head = format!("  {head}");
        if head.len() >= COLUMN {
            text.extend([head.as_str(), "\n"]);
            head.clear();
        }
        for line in about {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{head:COLUMN$}{line}");
            head.clear();
        }
    }
    text
}

/// Runs a task, or tells what it does.
pub fn run(name: &str, arguments: &[String]) -> Result<()> {
    if matches!(name, "help" | "--help" | "-h") {
        print!("{}", help());
        return Ok(());
    }
    let found = TASKS.iter().find(|task| task.name == name);
    let task = found.ok_or_else(|| format!("no task is called `{name}`\n\n{}", help()))?;
    let asks = |argument: &String| matches!(argument.as_str(), "--help" | "-h");
    match (&task.run, arguments) {
        _ if arguments.iter().any(asks) => {
            print!("{}", task.help());
            Ok(())
        }
        (With(main), _) => main(arguments),
        (Alone(main), []) => main(),
        (Alone(_), [first, ..]) => Err(format!("{name} takes no `{first}`\n\n{}", task.help())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(all: &[&str]) -> Vec<String> {
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_task_has_help_that_is_no_error() {
        for task in TASKS {
            for asked in [&["--help"][..], &["-h"], &["x", "--help"]] {
                assert_eq!(run(task.name, &words(asked)), Ok(()), "{}", task.name);
            }
            let begins = format!("usage: cargo xtask {}", task.name);
            assert!(task.help().starts_with(&begins), "{}", task.help());
            assert!(help().contains(&format!("\n  {}", task.name)));
        }
        for asked in ["help", "--help", "-h"] {
            assert_eq!(run(asked, &[]), Ok(()));
        }
    }

    #[test]
    fn what_is_no_task_and_what_takes_nothing_say_so() {
        let error = run("tests", &[]).unwrap_err();
        assert!(error.contains("no task is called `tests`") && error.contains("usage: cargo"));
        let error = run("header", &words(&["--quick"])).unwrap_err();
        assert!(error.contains("header takes no `--quick`"), "{error}");
    }
}
