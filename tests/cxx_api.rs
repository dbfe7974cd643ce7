//! The C++ interface: each program of `c-tests/*.cc` is compiled as C++17 and, without exceptions and RTTI, as C++20, with more
//! warnings than the C ones, by each compiler that is there, and run: on the linked engine, on others that are opened at run time, and
//! under valgrind. Each header is compiled alone as every standard.

#[path = "support/c.rs"]
mod c;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use c::{
    CXX_WARNINGS, WARNINGS, compile_cxx, cxx_compilers, guests, program, setup, show, source,
    succeed,
};

/// The engine that the tests are run on besides, if `WASMDYLD_TEST_ENGINES` has it.
const OTHER: &str = "wasmi";

fn test_file(name: &str) -> PathBuf {
    source(&format!("c-tests/{name}.cc"))
}

fn run(name: &str, options: &[&str], mode: &str) {
    let engines = c::engines();
    for compiler in &cxx_compilers() {
        let label = format!("{mode}-{compiler}");
        let built = compile_cxx(compiler, &test_file(name), options, &label);
        let other = engines.iter().find(|(engine, _)| engine == OTHER);
        let on = std::iter::once(None).chain(other.map(Some));
        for (number, engine) in on.enumerate() {
            let what = format!("{name} {mode} of {compiler} on {engine:?}");
            let folder = format!("run-{name}-{label}-{number}");
            let mut command = program(&[built.as_os_str()], &folder);
            if let Some((_, path)) = engine {
                command.env("WASMDYLD_TEST_ENGINE", path);
            }
            let output = succeed(&what, &mut command);
            assert!(
                output.stdout.starts_with(b"ok 1 "),
                "{}",
                show(&what, &output)
            );
        }
    }
}

/// Those that make and give up everything that owns something.
#[test]
fn nothing_leaks() {
    let Some(compiler) = c::cxx_compiler() else {
        return;
    };
    for name in ["cxx_lifetimes", "cxx_host", "cxx_memory", "cxx_config"] {
        c::run_under_valgrind(name, || {
            compile_cxx(&compiler, &test_file(name), &["c++17"], "valgrind")
        });
    }
}

macro_rules! cxx_tests {
    ($($name:ident)*) => {
        $(mod $name {
            #[test]
            fn with_exceptions() { super::run(stringify!($name), &["c++17"], "throws"); }
            #[test]
            fn without_exceptions() {
                super::run(stringify!($name), &["c++20", "-fno-exceptions", "-fno-rtti"], "results");
            }
        })*

        #[test]
        fn every_test_is_listed() {
            let listed = BTreeSet::from([$(stringify!($name).to_string()),*]);
            assert_eq!(names_in("c-tests", "cc"), listed);
        }
    };
}

cxx_tests! {
    cxx_calls cxx_config cxx_control cxx_engines cxx_errors cxx_folders cxx_host cxx_lifetimes cxx_link cxx_memory cxx_snapshot cxx_wasi
}

/// The files of a folder with this extension, without it.
fn names_in(folder: &str, extension: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(source(folder)).expect("a folder");
    let files = files.map(|file| file.expect("an entry").path());
    let files = files.filter(|file| file.extension().is_some_and(|e| e == extension));
    files
        .map(|file| {
            file.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

fn headers() -> Vec<PathBuf> {
    let parts = names_in("include/wasmdyld", "hh");
    assert!(!parts.is_empty());
    let parts = parts
        .iter()
        .map(|name| source(&format!("include/wasmdyld/{name}.hh")));
    parts.chain([source("include/wasmdyld.hh")]).collect()
}

/// Each header alone, and all together by each standard that the compiler knows, in all ways that change what they say.
#[test]
fn the_headers_compile_everywhere() {
    for compiler in &cxx_compilers() {
        let check = |options: &[&str], text: &str| {
            let file = setup().work.join("headers.cc");
            std::fs::write(&file, text).expect("a file");
            let mut command = Command::new(compiler);
            command.arg("-fsyntax-only").args(options);
            c::include(command.args(WARNINGS).args(CXX_WARNINGS)).arg(&file);
            command
        };
        // Twice, by a file: a header as the main file is warned of.
        let include = |header: &PathBuf| format!("#include \"{}\"\n", header.display()).repeat(2);
        for header in headers() {
            let what = format!("{} of {compiler}", header.display());
            succeed(&what, &mut check(&["-std=c++17"], &include(&header)));
        }
        let all = include(&source("include/wasmdyld.hh"));
        let mut known = 0;
        for standard in ["c++17", "c++20", "c++2b"].map(|name| format!("-std={name}")) {
            let there = check(&[&standard], "").output().expect("a compiler");
            if !there.status.success() {
                let newer = format!("a newer {compiler} is needed");
                c::skip::skip(&format!("{compiler} {standard}"), &newer);
                continue;
            }
            known += 1;
            for options in [
                &["-fno-rtti"][..],
                &["-fno-exceptions", "-fno-rtti", "-DNDEBUG"],
            ] {
                let options = [&[standard.as_str()], options].concat();
                let what = format!("wasmdyld.hh with {options:?} of {compiler}");
                succeed(&what, &mut check(&options, &all));
            }
        }
        assert!(known >= 2, "{compiler} knows no C++17 and C++20");
    }
}

/// What is a mistake does not compile, and says what to do.
#[test]
fn mistakes_are_explained() {
    let mistakes = [
        (
            "Function<int(const char *)>{}.try_call(\"text\");",
            "use wasmdyld::Ptr<T>",
        ),
        (
            "static_cast<void>(in.try_function<int(std::string)>(\"f\"));",
            "specialize wasmdyld::ValueTraits",
        ),
        (
            "in.try_define(\"env\", \"f\", [](auto n) { return n; });",
            "say its type, define<int(int)>",
        ),
        ("in.try_load(\"lib.so\");", "nodiscard"),
        ("Namespace copy = in;", "delete"),
    ];
    for compiler in &cxx_compilers() {
        for (mistake, explanation) in mistakes {
            let file = setup().work.join("mistake.cc");
            let text = format!(
                "#include <wasmdyld.hh>\nusing namespace wasmdyld;\nvoid f(Namespace &in) {{ (void)in; {mistake} }}\n"
            );
            std::fs::write(&file, text).expect("a file");
            let mut command = Command::new(compiler);
            command
                .args(["-std=c++17", "-fsyntax-only"])
                .args(WARNINGS)
                .arg(&file);
            let output = c::include(&mut command).output().expect("a compiler");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                !output.status.success() && said.contains(explanation),
                "{compiler}: {mistake}: {}",
                show("not as expected", &output)
            );
        }
    }
}

/// Without comments, the words of a C or C++ text.
fn words(text: &str) -> BTreeSet<String> {
    let mut code = String::new();
    for (n, part) in text.split("/*").enumerate() {
        let rest = match n {
            0 => part,
            _ => part.split_once("*/").expect("the end of a comment").1,
        };
        code.push_str(rest);
    }
    let lines = code
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    lines
        .flat_map(|line| line.split(|c: char| c != '_' && !c.is_alphanumeric()))
        .map(str::to_string)
        .collect()
}

/// Functions and constants of the C interface that C++ programs reach through the C++ interface: all of them.
#[test]
fn all_of_the_c_interface_is_there() {
    /// The rest, each with its reason.
    const LEFT_OUT: &[(&str, &str)] = &[
        ("WASM_DYLD_VERSION_", "macros for the preprocessor"),
        ("_t", "types, which the C++ ones hold"),
    ];
    let read = |file: &PathBuf| std::fs::read_to_string(file).expect("a header");
    let c = words(&read(&source("include/wasmdyld.h")));
    let cxx: BTreeSet<String> = headers()
        .iter()
        .flat_map(|file| words(&read(file)))
        .collect();
    let mut checked = 0;
    for name in c {
        let ours = name.starts_with("wasm_dyld_") || name.starts_with("WASM_DYLD_");
        let left_out = |(part, _): &(&str, &str)| name.starts_with(part) || name.ends_with(part);
        if ours && !LEFT_OUT.iter().any(left_out) {
            assert!(
                cxx.contains(&name),
                "{name} is not used in the C++ interface"
            );
            checked += 1;
        }
    }
    assert!(checked > 100, "only {checked} names were seen");
}

const HOST_OUTPUT: &str = "\
\x20 Amazon, 6400
  Lethe, NULL
  Nile, 6650
  Yangtze, 6300
SQL: no such column: mouth
the lambda: enough of this
sqlite3_close is func (i32) -> i32, the host asks for func (f64) -> f64
";

#[test]
fn the_host_example() {
    let lib = guests().join("lib");
    for compiler in &cxx_compilers() {
        let file = source("examples/host.cc");
        let built = compile_cxx(compiler, &file, &["c++17"], &format!("example-{compiler}"));
        let mut command = program(&[built.as_os_str(), lib.as_os_str()], "run-host");
        let output = succeed("host", &mut command);
        let out = String::from_utf8_lossy(&output.stdout);
        let (version, rest) = out.split_once('\n').expect("several lines");
        assert!(version.starts_with("SQLite 3."), "{version}");
        assert_eq!(rest, HOST_OUTPUT);
        let output = program(&[built.as_os_str(), "/nowhere".as_ref()], "run-host-fails")
            .output()
            .expect("host");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{}", show("host", &output));
        assert!(said.contains("/nowhere/libsqlite3.so"), "{said}");
    }
}
