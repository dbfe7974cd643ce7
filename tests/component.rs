//! `wasmdyld link --component`: components of WASI 0.2, run by wasmtime as its Python package has it.
#![cfg(feature = "cli")]

#[path = "support/command.rs"]
mod command;
#[path = "support/skip.rs"]
mod skip;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use command::{Ran, guests, hello, ran, scratch, wasmdyld, wat};

/// The package's version.
const WASMTIME: &str = "wasmtime==50.0.1";

/// A Python that has wasmtime. It is there from run to run; `None` where it is not to be had.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = PYTHON.get_or_init(|| {
        let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("component-venv");
        let python = venv.join("bin/python");
        let works = |command: &mut Command| {
            let output = command.output();
            output.is_ok_and(|output| output.status.success())
        };
        let has = || works(Command::new(&python).args(["-c", "import wasmtime.component"]));
        let make = || {
            works(Command::new("python3").args(["-m", "venv"]).arg(&venv))
                && works(Command::new(&python).args(["-m", "pip", "install", "-q", WASMTIME]))
        };
        (has() || make() && has()).then_some(python)
    });
    if found.is_none() {
        skip::skip("wasmtime for Python", &format!("pip install {WASMTIME}"));
    }
    found.as_deref()
}

fn link(output: &Path, file: &Path, more: &[&str]) -> Ran {
    let mut command = wasmdyld();
    command.arg("link").arg("-L").arg(guests().join("lib"));
    // Libraries of cases are beside them.
    command.arg("-L").arg(file.parent().expect("a folder"));
    command.args(["--component", "-o"]).arg(output);
    ran(command.args(more).arg(file))
}

fn run(python: &Path, component: &Path, function: &[&str]) -> Ran {
    let mut command = Command::new(python);
    command.arg("tests/component/run.py").arg(component);
    ran(command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(function))
}

#[test]
fn commands_do_the_same_as_programs() {
    let folder = scratch("command");
    let component = folder.join("component.wasm");
    let exits = command::program("(call $exit (i32.const 42))");
    // Preview 2 knows of success and failure alone.
    let exits = (wat(&folder, "exits.wasm", &exits), Some(1));
    let traps = wat(&folder, "traps.wasm", &command::program("unreachable"));
    let case = |name: &str| guests().join("cases").join(name).join("main-pie.wasm");
    let cases = ["constructor-order", "cxx-statics", "heap-intact", "qsort"].map(case);
    let cases = cases.into_iter().map(|file| (file, Some(0)));
    let all = [(hello(), Some(0)), exits, (traps, Some(134))];
    for (file, code) in all.into_iter().chain(cases) {
        let done = link(&component, &file, &[]);
        assert_eq!(done.code, Some(0), "{}: {}", file.display(), done.stderr);
        let bytes = fs::read(&component).expect("a component");
        // The version of modules is 1, of components 13 in layer 1.
        assert_eq!(bytes.get(..8), Some(&b"\0asm\x0d\0\x01\0"[..]));
        let Some(python) = python() else { return };
        let done = run(python, &component, &["run"]);
        assert_eq!(done.code, code, "{}: {}", file.display(), done.stderr);
        let mut command = wasmdyld();
        command.args(["run", "-L"]).arg(guests().join("lib"));
        command.arg("-L").arg(file.parent().expect("a folder"));
        let plain = ran(command.arg(&file));
        assert_eq!(done.stdout, plain.stdout, "{}", file.display());
    }
}

/// Two libraries: one that is called, with data and a constructor, and one that it needs.
const AREA: &str = r#"(module
  (@dylink.0 (needed "libmultiply.so") (mem-info (memory 4 2) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "multiply" (func $multiply (param i32 i32) (result i32)))
  (func (export "__wasm_call_ctors") (i32.store (global.get $base) (i32.const 1)))
  (func (export "area") (param i32 i32) (result i32)
    (i32.add (call $multiply (local.get 0) (local.get 1)) (i32.load (global.get $base)))))"#;
const MULTIPLY: &str = r#"(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (func (export "multiply") (param i32 i32) (result i32)
    (i32.mul (local.get 0) (local.get 1))))"#;
const WIT: &str = "package test:shapes;
world shapes { export area: func(a: s32, b: s32) -> s32; }
world others { export volume: func(a: s32) -> s32; }
";

#[test]
fn a_library_exports_what_a_world_says() {
    let folder = scratch("library");
    let library = wat(&folder, "libarea.so", AREA);
    wat(&folder, "libmultiply.so", MULTIPLY);
    let wit = folder.join("shapes.wit");
    fs::write(&wit, WIT).expect("writing");
    let component = folder.join("component.wasm");
    let wit = wit.to_str().expect("a path");
    for (more, said) in [
        (&[][..], "--wit and --world"),
        (&["--wit", "nowhere.wit"], "nowhere.wit"),
        (&["--wit", wit], "multiple worlds"),
        (&["--wit", wit, "--world", "nothing"], "nothing"),
        (&["--wit", wit, "--world", "others"], "volume"),
    ] {
        let done = link(&component, &library, more);
        assert!(
            matches!(done.code, Some(2 | 127)) && done.stderr.contains(said),
            "{more:?}: {:?} {}",
            done.code,
            done.stderr
        );
        assert!(!component.exists());
    }
    let done = link(&component, &library, &["--wit", wit, "--world", "shapes"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let Some(python) = python() else { return };
    let done = run(python, &component, &["area", "6", "7"]);
    assert_eq!(
        (done.code, &*done.stdout),
        (Some(0), "43\n"),
        "{}",
        done.stderr
    );
}

/// Bindings made by wit-bindgen bring their world in a section of their own.
#[test]
fn a_world_in_a_library_is_found() {
    let folder = scratch("bindings");
    let mut bytes = wat::parse_str(AREA).expect("valid text");
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("shapes.wit", WIT).expect("a package");
    let world = resolve
        .select_world(&[package], Some("shapes"))
        .expect("a world");
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut bytes, &resolve, world, encoding)
        .expect("a section");
    let library = folder.join("libarea.so");
    fs::write(&library, bytes).expect("writing");
    wat(&folder, "libmultiply.so", MULTIPLY);
    let component = folder.join("component.wasm");
    let done = link(&component, &library, &[]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let Some(python) = python() else { return };
    let done = run(python, &component, &["area", "2", "3"]);
    assert_eq!(
        (done.code, &*done.stdout),
        (Some(0), "7\n"),
        "{}",
        done.stderr
    );
}

/// A pipe or a device as a world ends nowhere.
#[test]
#[cfg(unix)]
fn worlds_are_regular_files() {
    let folder = scratch("endless");
    let library = wat(
        &folder,
        "libempty.so",
        "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))))",
    );
    let worlds = folder.join("worlds");
    fs::create_dir(&worlds).expect("a folder");
    std::os::unix::fs::symlink("/dev/zero", worlds.join("a.wit")).expect("a link");
    for wit in [Path::new("/dev/zero"), &worlds] {
        let wit = wit.to_str().expect("a path");
        let done = link(&folder.join("component.wasm"), &library, &["--wit", wit]);
        assert_eq!(done.code, Some(2), "{}", done.stderr);
        assert!(
            done.stderr.contains("not a regular file"),
            "{}",
            done.stderr
        );
    }
}

/// What reads worlds does it by recursion.
#[test]
fn types_that_are_nested_deep_end_nothing() {
    let folder = scratch("nested");
    let library = r#"(module
      (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
      (import "env" "memory" (memory 1))
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
      (func (export "measure") (param i32 i32) (result i32) (local.get 1)))"#;
    let library = wat(&folder, "libmeasure.so", library);
    let (wit, component) = (folder.join("world.wit"), folder.join("component.wasm"));
    let nested = |depth: usize| {
        let (begin, end) = ("list<".repeat(depth), ">".repeat(depth));
        let world = format!("export measure: func(a: {begin}u8{end}) -> s32;");
        let text = format!("package test:nested;\nworld nested {{ {world} }}\n");
        fs::write(&wit, text).expect("writing");
        link(
            &component,
            &library,
            &["--wit", wit.to_str().expect("a path")],
        )
    };
    for depth in [30_000, 170_000] {
        let done = nested(depth);
        assert_eq!(done.code, Some(0), "{depth}: {}", done.stderr);
        fs::remove_file(&component).expect("a component");
    }
    let done = nested(180_000);
    assert_eq!(done.code, Some(127), "{}", done.stderr);
    assert!(done.stderr.contains("at most 1048576"), "{}", done.stderr);
    assert!(!component.exists());
}
