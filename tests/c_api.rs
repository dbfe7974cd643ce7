//! The C interface, from C: each program of `c-tests/` is compiled as C99 and C11 with all warnings as errors, by each compiler that is
//! there, and run, also under valgrind. So are the examples, and the header alone as every standard of C and C++.
//!
//! The programs load the built guests: `WASMDYLD_GUESTS`, or `guests` in the target folder.

#[path = "support/c.rs"]
mod c;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use c::{WARNINGS, compile, compiler, compilers, guests, program, setup, show, source, succeed};

/// Where a test is run again for want of a compiler, it is run with that one alone; where of something else, with all.
#[test]
fn compilers_that_were_left_out_make_up_for_it() {
    let left = |wanted: &[&str]| {
        let wanted: Vec<String> = wanted.iter().map(|what| what.to_string()).collect();
        c::left(&["gcc", "clang"], &wanted)
    };
    assert_eq!(left(&[]), ["gcc", "clang"]);
    assert_eq!(left(&["clang"]), ["clang"]);
    assert_eq!(left(&["clang", "gcc"]), ["gcc", "clang"]);
    assert_eq!(left(&["clang", "pkg-config"]), ["gcc", "clang"]);
    assert_eq!(left(&["an installation"]), ["gcc", "clang"]);

    let lines = "clang\thow\tc_api\topen::as_c99\nvalgrind\thow\tc_api\topen::as_c99\nclang\thow\tc_api\topen::as_c11\n";
    let wanted = |program, test| c::skip::wanted(lines, program, test);
    assert_eq!(wanted("c_api", "open::as_c99"), ["clang", "valgrind"]);
    assert_eq!(wanted("c_api", "open::as_c11"), ["clang"]);
    assert!(wanted("c_api", "open").is_empty() && wanted("cxx_api", "open::as_c11").is_empty());
}

fn c_test(name: &str, standard: &str) {
    for compiler in &compilers() {
        let label = format!("{standard}-{compiler}");
        let built = compile(
            compiler,
            &source(&format!("c-tests/{name}.c")),
            standard,
            &label,
        );
        let what = format!("{name} as {standard} of {compiler}");
        let output = succeed(
            &what,
            &mut program(&[built.as_os_str()], &format!("run-{name}-{label}")),
        );
        assert!(
            output.stdout.starts_with(b"ok 1 "),
            "{}",
            show(&what, &output)
        );
    }
}

fn under_valgrind(name: &str) {
    c::run_under_valgrind(name, || {
        let file = source(&format!("c-tests/{name}.c"));
        compile(&compiler(), &file, "c11", "valgrind")
    });
}

macro_rules! c_tests {
    ($($name:ident)*) => {
        $(mod $name {
            #[test]
            fn as_c99() { super::c_test(stringify!($name), "c99"); }
            #[test]
            fn as_c11() { super::c_test(stringify!($name), "c11"); }
            #[test]
            fn under_valgrind() { super::under_valgrind(stringify!($name)); }
        })*

        #[test]
        fn every_c_test_is_listed() {
            let listed = [$(stringify!($name)),*];
            for file in std::fs::read_dir(source("c-tests")).expect("c-tests") {
                let file = file.expect("an entry").path();
                if file.extension().is_some_and(|e| e == "c") {
                    let name = file.file_stem().and_then(|n| n.to_str()).expect("a name");
                    assert!(listed.contains(&name), "{name}.c is in no list");
                }
            }
        }
    };
}

c_tests! {
    callbacks calls churn clocks compiled config control define dlclose dlopen engine errors folders frames given guest_dl handlers header kept library link namespaces objects open plt program reentry renew rollback snapshot soak uncaught values wasi world
}

/// The header alone, twice, as each standard.
#[test]
fn the_header_compiles_everywhere() {
    let languages = [
        ("c", compilers(), ["c99", "c11", "c17"]),
        ("c++", c::cxx_compilers(), ["c++11", "c++17", "c++20"]),
    ];
    for (language, compilers, standards) in languages {
        for compiler in &compilers {
            for standard in standards {
                let what = format!("the header as {standard} of {compiler}");
                let mut command = Command::new(compiler);
                command
                    .args(["-x", language, "-fsyntax-only"])
                    .arg(format!("-std={standard}"))
                    .args(WARNINGS);
                c::include(&mut command);
                succeed(&what, command.arg(source("c-tests/header.c")));
            }
        }
    }
}

fn example(name: &str) -> PathBuf {
    compile(
        &compiler(),
        &source(&format!("examples/{name}.c")),
        "c11",
        "example",
    )
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n")
}

#[test]
fn the_sqlite_example() {
    let (built, lib) = (example("sqlite"), guests().join("lib"));
    let arguments = [built.as_os_str(), lib.as_os_str()];
    let output = succeed("sqlite", &mut program(&arguments, "run-sqlite"));
    assert!(
        text(&output).contains("Africa                     3          15530"),
        "{}",
        show("sqlite", &output)
    );

    // A database that lasts.
    let arguments = |more: &[&'static str]| {
        let more = more.iter().map(|&a| std::ffi::OsStr::new(a));
        [built.as_os_str(), lib.as_os_str()]
            .into_iter()
            .chain(more)
            .collect::<Vec<_>>()
    };
    let folder = setup().work.join("run-sqlite-file");
    succeed(
        "sqlite with a file",
        &mut program(&arguments(&["rivers.db"]), "run-sqlite-file"),
    );
    let query = "SELECT name FROM river WHERE km > 6600";
    let mut again = program(
        &arguments(&["run-sqlite-file/rivers.db", query]),
        "run-sqlite-again",
    );
    let output = succeed(
        "sqlite again",
        again.current_dir(folder.parent().expect("its parent")),
    );
    assert!(
        text(&output).contains("Nile") && text(&output).contains("(1 row)"),
        "{}",
        show("sqlite", &output)
    );

    let output = program(&arguments(&["absent/rivers.db"]), "run-sqlite-fails")
        .output()
        .expect("sqlite");
    assert_eq!(output.status.code(), Some(1), "{}", show("sqlite", &output));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("absent"),
        "{}",
        show("sqlite", &output)
    );
}

#[test]
fn the_plugins_example() {
    let (built, lib) = (example("plugins"), guests().join("lib"));
    let plugins = guests().join("cases/plugins");
    let arguments = [built.as_os_str(), lib.as_os_str(), plugins.as_os_str()];
    let output = succeed("plugins", &mut program(&arguments, "run-plugins"));
    let wanted = "\
three plugins:
  red: PLUGINS COME AND GO (call 1)
  green: og dna emoc snigulp (call 1)
  blue: * plugins come and go * (call 1)
  red: PLUGINS COME AND GO (call 2)
  green: og dna emoc snigulp (call 2)
  blue: * plugins come and go * (call 2)
blue was replaced; it starts anew, the others go on:
  red: PLUGINS COME AND GO (call 3)
  green: og dna emoc snigulp (call 3)
  blue, changed: << plugins come and go >> (call 1)
1 library left: libc.so
";
    assert_eq!(text(&output), wanted);
}

/// Every kind of harm on every engine, as often as would show what is not given back; 1,000 plugins on the linked one.
#[test]
fn the_hostile_example() {
    let (built, lib) = (example("hostile"), guests().join("lib"));
    let plugins = guests().join("cases/hostile-plugins");
    let run = |count: &str, engine: Option<&Path>| {
        let arguments = [built.as_os_str(), lib.as_os_str(), plugins.as_os_str()];
        let mut command = program(&arguments, "run-hostile");
        command
            .arg(count)
            .envs(engine.map(|path| ("WASMDYLD_ENGINE", path)));
        text(&succeed("hostile", &mut command))
    };
    let wanted = "\
1000 plugins were run, and the host goes on:
  none                                 fine while unloading
  a loop in its constructor            out of budget while loading
  a loop in its destructor             out of budget while unloading
  a loop                               out of budget while working
  a loop in a callback of libc's       out of budget while working
  a loop in a callback of the host's   out of budget while working
  recursion without end                trapped while working
  takes all memory, and asks for more  out of budget while working
  registers exit handlers without end  out of budget while working
  exits                                exited while working
  traps                                trapped while working
  sleeps                               out of time while working
";
    assert_eq!(run("1000", None), wanted);
    for (name, path) in &c::engines() {
        let few = wanted.replacen("1000", "60", 1);
        assert_eq!(run("60", Some(path)), few, "{name}");
    }
}

/// Built once: on the linked engine, and on others by the environment alone.
#[test]
fn the_engine_example() {
    let (built, lib) = (example("engine"), guests().join("lib"));
    let arguments = [built.as_os_str(), lib.as_os_str()];
    let crc = "crc32(\"any engine\") = 6cc65507";
    let linked = succeed("engine", &mut program(&arguments, "run-engine"));
    let linked = text(&linked);
    assert!(linked.starts_with("engine: the linked one\n") && linked.contains(crc));
    let neutral = c::neutral();
    for (name, path) in &c::engines() {
        let mut other = program(&arguments, "run-engine");
        let output = text(&succeed(name, other.env("WASMDYLD_ENGINE", path)));
        assert_eq!(output, linked.replace("the linked one", name));
        // And by the linker line alone, with the library that has no engine.
        if let Some(neutral) = &neutral {
            let lib = c::beside(neutral, name, path);
            let (file, engine) = (source("examples/engine.c"), format!("-l{name}"));
            let libraries = ["-lwasmdyld", &engine];
            let other = c::compile_with(&compiler(), &file, "c11", name, &lib, &libraries);
            let other = other.expect("it links");
            let folder = guests().join("lib");
            let arguments = [other.as_os_str(), folder.as_os_str()];
            let output = text(&succeed(name, &mut program(&arguments, "run-engine")));
            assert_eq!(output, linked);
        }
    }
}

/// A program whose `wasm.h` comes half from one engine and half from another is told so.
#[test]
fn two_linked_engines_are_noticed() {
    let (built, lib) = (example("engine"), guests().join("lib"));
    let folder = setup().work.join("half");
    std::fs::create_dir_all(&folder).expect("a folder");
    let (file, half) = (folder.join("half.c"), folder.join("libhalf.so"));
    std::fs::write(&file, "void *wasm_engine_new(void) { return 0; }\n").expect("half an engine");
    let mut compile = Command::new(compiler());
    compile
        .args(["-shared", "-fPIC", "-o"])
        .arg(&half)
        .arg(&file);
    succeed("half an engine", &mut compile);
    let mut command = program(&[built.as_os_str(), lib.as_os_str()], "run-half");
    let output = command.env("LD_PRELOAD", &half).output().expect("engine");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{}", show("half", &output));
    let parts = ["come from two engines", "libhalf.so", "libwasmdyld.so"];
    assert!(parts.iter().all(|part| said.contains(part)), "{said}");
}

#[test]
fn the_run_example() {
    let (built, lib) = (example("run"), guests().join("lib"));
    let hello = guests().join("cases/hello/main-pie.wasm");
    let output = succeed(
        "run",
        &mut program(
            &[built.as_os_str(), lib.as_os_str(), hello.as_os_str()],
            "run-run",
        ),
    );
    assert_eq!(text(&output), "Hello from a program with a shared libc.\n");

    let ends = guests().join("cases/arguments/main-nonpie.wasm");
    for (arguments, code, message) in [
        (["exit", "42"], 42, ""),
        (["abort", "0"], 134, "unreachable"),
    ] {
        let arguments = arguments.map(std::ffi::OsStr::new);
        let all = [built.as_os_str(), lib.as_os_str(), ends.as_os_str()]
            .into_iter()
            .chain(arguments)
            .collect::<Vec<_>>();
        let output = program(&all, "run-ends").output().expect("run");
        assert_eq!(output.status.code(), Some(code), "{}", show("run", &output));
        assert!(
            String::from_utf8_lossy(&output.stderr).contains(message),
            "{}",
            show("run", &output)
        );
    }

    let output = program(
        &[built.as_os_str(), "/nowhere".as_ref(), hello.as_os_str()],
        "run-fails",
    )
    .output()
    .expect("run");
    assert_eq!(output.status.code(), Some(1), "{}", show("run", &output));
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .contains("/nowhere/libc.so (library path): no such file")
    );
}
