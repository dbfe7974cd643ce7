//! `wasmdyld ldd`, `plan`, `symbols` and `inspect`: what they say of programs, for people and for programs.
#![cfg(feature = "cli")]

#[path = "support/command.rs"]
mod command;

use std::fs;
use std::path::{Path, PathBuf};

use command::{Ran, guests, hello, ran, scratch, wasmdyld, wat};
use serde_json::Value;

const COMMON: &str =
    r#"(import "env" "memory" (memory 1)) (import "env" "__memory_base" (global $base i32))"#;

/// A program that needs liba.so and libb.so; liba.so needs libc.so, found beside it alone, and libmissing.so.
fn example(name: &str) -> PathBuf {
    let folder = scratch(name);
    for sub in ["lib", "plugins", "plugins/deps"] {
        fs::create_dir_all(folder.join(sub)).expect("a folder");
    }
    let module = |path: &str, dylink: &str, body: &str| {
        let text = format!(
            "(module (@dylink.0 (mem-info (memory 16 4) (table 0 0)) {dylink}) {COMMON} {body})"
        );
        wat(&folder, path, &text)
    };
    module(
        "main.wasm",
        r#"(needed "liba.so" "libb.so")"#,
        r#"(import "env" "f" (func $f (param i32) (result i32)))
           (import "env" "g" (func $g))
           (import "GOT.mem" "datum" (global $datum (mut i32)))
           (func (export "_start") (drop (call $f (i32.const 1))) (call $g))"#,
    );
    module(
        "plugins/liba.so",
        r#"(needed "libc.so" "libmissing.so") (runtime-path "$ORIGIN/deps:/etc")"#,
        r#"(import "env" "g" (func $g))
           (func (export "f") (param i32) (result i32) (i32.const 1))
           (global (export "datum") i32 (i32.const 4))"#,
    );
    module(
        "plugins/deps/libc.so",
        "",
        r#"(func (export "g")) (func (export "nobody"))"#,
    );
    module(
        "lib/libb.so",
        r#"(needed "libc.so") (export-info "g" binding-weak)"#,
        r#"(func (export "g")) (func (export "f") (result i64) (i64.const 1))"#,
    );
    folder
}

/// Runs a subcommand inside the folder, so that no output depends on where that is.
fn look(folder: &Path, arguments: &[&str]) -> Ran {
    let ran = ran(wasmdyld().current_dir(folder).args(arguments));
    let escapes = [&ran.stdout, &ran.stderr].map(|text| text.contains('\x1b'));
    assert_eq!(escapes, [false; 2], "colours in a pipe: {arguments:?}");
    ran
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let ran = look(folder, arguments);
    serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}{}", ran.stdout, ran.stderr))
}

const PATHS: [&str; 4] = ["-L", "plugins", "-L", "lib"];

fn with_paths<'a>(before: &[&'a str], after: &[&'a str]) -> Vec<&'a str> {
    [before, &PATHS, after].concat()
}

#[test]
fn ldd_says_why_or_every_place_tried() {
    let folder = example("ldd-tree");
    let ran = look(&folder, &with_paths(&["ldd"], &["main.wasm"]));
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(
        ran.stdout,
        "\
main.wasm
├─ liba.so => plugins/liba.so (library path)
│  ├─ libc.so => plugins/deps/libc.so (RUNTIME_PATH $ORIGIN/deps of liba.so)
│  └─ libmissing.so not found
│        RUNTIME_PATH /etc of liba.so: not followed, it lies outside of $ORIGIN
│        plugins/libmissing.so (library path): no such file
│        lib/libmissing.so (library path): no such file
│        plugins/deps/libmissing.so (RUNTIME_PATH $ORIGIN/deps of liba.so): no such file
└─ libb.so => lib/libb.so (library path)
   └─ libc.so (above)
"
    );
    assert_eq!(
        ran.stderr,
        "wasmdyld: libmissing.so is missing or unusable\n"
    );
}

#[test]
fn ldd_goes_no_deeper_than_asked() {
    let folder = example("ldd-depth");
    let arguments = with_paths(&["ldd", "--max-depth", "1"], &["main.wasm"]);
    assert_eq!(
        look(&folder, &arguments).stdout,
        "\
main.wasm
├─ liba.so => plugins/liba.so (library path)
│  └─ ...
└─ libb.so => lib/libb.so (library path)
   └─ ...
"
    );
    let arguments = [arguments.as_slice(), &["--format", "json"]].concat();
    let answer = json(&folder, &arguments);
    assert_eq!(
        answer["programs"][0]["objects"].as_array().unwrap().len(),
        3
    );
}

#[test]
fn ldd_for_programs() {
    let folder = example("ldd-json");
    let answer = json(
        &folder,
        &with_paths(&["ldd", "--format", "json"], &["main.wasm", "lib/libb.so"]),
    );
    let program = &answer["programs"][0];
    assert_eq!(program["complete"], false);
    let names = |value: &Value, key: &str| -> Vec<String> {
        let rows = value.as_array().unwrap().iter();
        rows.map(|row| row[key].as_str().unwrap().to_string())
            .collect()
    };
    let objects = &program["objects"];
    assert_eq!(
        names(objects, "name"),
        [
            "main.wasm",
            "liba.so",
            "libb.so",
            "libc.so",
            "libmissing.so"
        ]
    );
    assert_eq!(objects[0]["role"], "program");
    assert_eq!(
        names(&objects[1]["needed"], "name"),
        ["libc.so", "libmissing.so"]
    );
    assert_eq!(objects[1]["needed"][1]["object"], 4);
    assert_eq!(objects[3]["why"], "RUNTIME_PATH $ORIGIN/deps of liba.so");
    let bytes = fs::metadata(folder.join("plugins/liba.so")).unwrap().len();
    assert_eq!(objects[1]["bytes"], bytes);
    let problem = &objects[4]["problem"];
    assert_eq!(problem["kind"], "missing");
    assert_eq!(problem["searched"].as_array().unwrap().len(), 4);
    // The second one lacks RUNTIME_PATH, and finds libc.so nowhere.
    assert_eq!(answer["programs"][1]["objects"][0]["role"], "library");
    assert_eq!(answer["programs"][1]["complete"], false);
}

#[test]
fn ldd_draws_graphs() {
    let folder = example("ldd-graph");
    let dot = look(
        &folder,
        &with_paths(&["ldd", "--format", "dot"], &["main.wasm"]),
    );
    assert_eq!(dot.code, Some(1));
    for line in [
        "n0 -> n1;",
        "n1 -> n4;",
        "label=\"libmissing.so\\nnot found\"",
    ] {
        assert!(dot.stdout.contains(line), "no {line} in {}", dot.stdout);
    }
    let svg = look(
        &folder,
        &with_paths(&["ldd", "--format", "svg"], &["main.wasm"]),
    );
    let picture = roxmltree::Document::parse(&svg.stdout).expect("XML");
    let count = |tag: &str, class: Option<&str>| {
        let nodes = picture.descendants().filter(|node| node.has_tag_name(tag));
        nodes
            .filter(|node| class.is_none() || node.attribute("class") == class)
            .count()
    };
    assert_eq!(count("g", Some("root")), 1);
    assert_eq!(count("g", Some("library")), 3);
    assert_eq!(count("g", Some("problem")), 1);
    // One line for each need.
    let drawn = picture.descendants().filter(|n| n.has_tag_name("path"));
    let drawn = drawn.filter(|n| n.parent().is_some_and(|p| p.has_tag_name("g")));
    assert_eq!(drawn.count(), 5);
    let two = look(
        &folder,
        &["ldd", "--format", "svg", "main.wasm", "lib/libb.so"],
    );
    assert_eq!(two.code, Some(2));
}

#[test]
fn circles_end() {
    let folder = scratch("ldd-circle");
    for (name, needed) in [("liba.so", "libb.so"), ("libb.so", "liba.so")] {
        let text = format!(
            "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)) (needed \"{needed}\" \"{name}\")))"
        );
        wat(&folder, name, &text);
    }
    for format in ["tree", "json", "dot", "svg"] {
        let ran = look(&folder, &["ldd", "-L", ".", "--format", format, "liba.so"]);
        assert_eq!(ran.code, Some(0), "{format}: {}", ran.stderr);
    }
    let tree = look(&folder, &["ldd", "-L", ".", "liba.so"]).stdout;
    assert_eq!(
        tree,
        "liba.so\n├─ libb.so => ./libb.so (library path)\n│  ├─ liba.so (above)\n│  └─ libb.so (above)\n└─ liba.so (above)\n"
    );
}

#[test]
fn names_steer_neither_terminal_nor_picture() {
    let folder = scratch("ldd-hostile");
    let text = r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)) (needed "../up.so" "a\1b[31m\0ared" "<svg>&\"x"))
        (import "env" "\1b[2J" (func)) (func (export "\0d\1b]0;title\07")))"#;
    wat(&folder, "liba.so", text);
    for format in ["tree", "json", "dot", "svg"] {
        let ran = look(&folder, &["ldd", "-L", ".", "--format", format, "liba.so"]);
        assert_eq!(ran.code, Some(1), "{format}: {}", ran.stderr);
        assert!(
            !ran.stdout.contains("<svg>&\"x") || format != "svg",
            "{}",
            ran.stdout
        );
        if format == "svg" {
            roxmltree::Document::parse(&ran.stdout).expect("XML");
        }
    }
    let tree = look(&folder, &["ldd", "-L", ".", "liba.so"]).stdout;
    assert!(tree.contains("../up.so unusable"), "{tree}");
    assert!(tree.contains("path separator"), "{tree}");
    for command in ["symbols", "plan"] {
        look(&folder, &[command, "-L", ".", "liba.so"]);
    }
    look(
        &folder,
        &["inspect", "--imports", "--exports", "--sections", "liba.so"],
    );
}

#[test]
fn what_is_unusable_is_said_and_the_rest_is_shown() {
    let folder = example("ldd-unusable");
    fs::write(folder.join("plugins/libmissing.so"), b"\x7fELF and so on").unwrap();
    let ran = look(&folder, &with_paths(&["ldd"], &["main.wasm"]));
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stdout
            .contains("libmissing.so => plugins/libmissing.so unusable"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("an ELF file"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("libb.so => lib/libb.so"),
        "{}",
        ran.stdout
    );
    let nothing = look(&folder, &["ldd", "nothing.wasm"]);
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(127), ""));
}

#[test]
fn a_program_is_collected_and_runs_from_there() {
    let folder = scratch("ldd-copy");
    let lib = guests().join("lib");
    let lib = lib.to_str().expect("UTF-8");
    let main = hello();
    let main = main.to_str().expect("UTF-8");
    let copy = ["ldd", "-L", lib, "--copy", "all", main];
    for _ in 0..2 {
        let ran = look(&folder, &copy);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    let hello = look(&folder, &["run", "-L", "all", "all/main-pie.wasm"]);
    assert_eq!(hello.code, Some(0), "{}", hello.stderr);
    assert!(!hello.stdout.is_empty());
    // What is there already is not overwritten.
    fs::write(folder.join("all/libc.so"), "mine").unwrap();
    let ran = look(&folder, &copy);
    assert_eq!(ran.code, Some(127));
    assert!(ran.stderr.contains("is there already"), "{}", ran.stderr);
    assert_eq!(fs::read(folder.join("all/libc.so")).unwrap(), b"mine");
    // What is incomplete is not collected.
    let ran = look(&folder, &["ldd", "--copy", "none", main]);
    assert_eq!(ran.code, Some(1));
    assert!(!folder.join("none").exists() && ran.stderr.contains("nothing was copied"));
}

#[test]
fn two_names_of_one_file_stay_one_object_when_collected() {
    let folder = scratch("ldd-links");
    fs::create_dir(folder.join("lib")).unwrap();
    wat(
        &folder,
        "lib/liba.so.1",
        "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))))",
    );
    std::os::unix::fs::symlink("liba.so.1", folder.join("lib/liba.so")).unwrap();
    let needed = r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)) (needed "liba.so" "liba.so.1")))"#;
    wat(&folder, "libuser.so", needed);
    let copied = look(
        &folder,
        &["ldd", "-L", "lib", "--copy", "all", "libuser.so"],
    );
    assert_eq!(copied.code, Some(0), "{}", copied.stderr);
    let answer = json(
        &folder,
        &["ldd", "-L", "all", "--format", "json", "all/libuser.so"],
    );
    assert_eq!(
        answer["programs"][0]["objects"].as_array().unwrap().len(),
        2
    );
    assert_eq!(answer["programs"][0]["complete"], true);
}

#[test]
fn symbols_tell_who_defines_and_who_uses() {
    let folder = example("symbols");
    fs::remove_file(folder.join("lib/libb.so")).unwrap();
    wat(
        &folder,
        "plugins/libmissing.so",
        "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))))",
    );
    let weak = r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)) (needed "libc.so") (export-info "g" binding-weak) (import-info "env" "maybe" binding-weak))
        (import "env" "maybe" (func)) (import "env" "absent" (func (param i64)))
        (import "wasi_snapshot_preview1" "fd_close" (func (param i32) (result i32)))
        (func (export "g")) (func (export "f") (result i64) (i64.const 1)))"#;
    wat(&folder, "lib/libb.so", weak);
    let ran = look(&folder, &with_paths(&["symbols"], &["main.wasm"]));
    assert_eq!(ran.code, Some(1));
    assert_eq!(
        ran.stdout,
        "\
absent undefined
  for libb.so func (i64) -> ()
datum
  in  liba.so data
  for main.wasm data
f
  in  liba.so func (i32) -> i32
  not libb.so func () -> i64
  for main.wasm func (i32) -> i32
g
  in  libb.so func () -> (), weak
  not libc.so func () -> ()
  for main.wasm func () -> ()
  for liba.so func () -> ()
maybe weak undefined
  for libb.so func () -> (), weak
wasi_snapshot_preview1.fd_close
  in  the host func (i32) -> i32
  for libb.so func (i32) -> i32
"
    );
    assert!(
        ran.stderr.contains("1 symbol is undefined"),
        "{}",
        ran.stderr
    );
    let names = |arguments: &[&str]| -> Vec<String> {
        let after = [&["--format", "json", "main.wasm"], arguments].concat();
        let answer = json(&folder, &with_paths(&["symbols"], &after));
        let rows = answer["symbols"].as_array().unwrap().iter();
        rows.map(|row| row["name"].as_str().unwrap().to_string())
            .collect()
    };
    assert_eq!(names(&["--undefined"]), ["absent", "maybe"]);
    assert_eq!(names(&["--shadowed"]), ["f", "g"]);
    assert_eq!(names(&["--weak"]), ["g", "maybe"]);
    assert_eq!(names(&["--defined-by", "libc.so"]), ["g", "nobody"]);
    assert_eq!(names(&["--used-by", "liba.so"]), ["g"]);
    assert_eq!(
        names(&["--", "*a*"]),
        [
            "absent",
            "datum",
            "maybe",
            "wasi_snapshot_preview1.fd_close"
        ]
    );
    let host = with_paths(&["symbols", "--host-defines", "env.absent"], &["main.wasm"]);
    assert_eq!(look(&folder, &host).code, Some(0));
}

#[test]
fn clashes_name_both_types() {
    let folder = scratch("clash");
    wat(
        &folder,
        "liba.so",
        r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))) (func (export "f") (param i64)))"#,
    );
    wat(
        &folder,
        "libb.so",
        r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)) (needed "liba.so")) (import "env" "f" (func (param i32))))"#,
    );
    let ran = look(&folder, &["symbols", "-L", ".", "--clashes", "libb.so"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(
        ran.stdout,
        "\
f wrong type
  in  liba.so func (i64) -> ()
  for libb.so func (i32) -> ()
      f: libb.so imports it as func (i32) -> (), liba.so defines it as func (i64) -> ()
"
    );
    let plan = look(&folder, &["plan", "-L", ".", "libb.so"]);
    assert_eq!(plan.code, Some(127));
    assert!(
        plan.stderr.contains("symbols of the wrong type"),
        "{}",
        plan.stderr
    );
}

#[test]
fn a_plan_is_what_a_load_does() {
    let lib = guests().join("lib");
    let main = guests().join("cases/sqlite-demo/main-pie.wasm");
    let folder = scratch("plan");
    let (lib, main) = (lib.to_str().unwrap(), main.to_str().unwrap());
    let plan = json(&folder, &["plan", "-L", lib, "--format", "json", main]);
    let traced = ran(wasmdyld()
        .current_dir(&folder)
        .env("WASMDYLD_DEBUG", "plan")
        .args(["run", "-L", lib, main]));
    let traced: Vec<&str> = traced
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("wasmdyld: plan: "))
        .collect();
    for (word, key) in [
        ("instantiate", "instantiate"),
        ("construct", "construct"),
        ("scope", "scope"),
    ] {
        let names = plan[key].as_array().unwrap().iter();
        let names: Vec<&str> = names.map(|name| name.as_str().unwrap()).collect();
        let line = format!("{word} {}", names.join(" "));
        assert!(traced.contains(&line.as_str()), "no {line:?}");
    }
    for object in plan["objects"].as_array().unwrap() {
        let number = |key: &str| object[key].as_u64().unwrap();
        let place = format!(
            "memory {:#x}+{:#x} table {}+{}",
            number("memory_base"),
            number("memory_size"),
            number("table_base"),
            number("table_size")
        );
        let name = object["name"].as_str().unwrap();
        let found = traced
            .iter()
            .any(|line| line.starts_with(&format!("object {name}")) && line.ends_with(&place));
        assert!(found, "no object {name} at {place}");
        assert!(!object["imports"].as_array().unwrap().is_empty());
    }
    let text = look(&folder, &["plan", "-L", lib, "--bindings", main]).stdout;
    for part in ["libsqlite3.so", "env.sqlite3_open", "stack", "heap"] {
        assert!(text.contains(part), "no {part} in {text}");
    }
}

#[test]
fn a_plan_for_people() {
    let folder = example("plan-text");
    wat(
        &folder,
        "plugins/libmissing.so",
        "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))))",
    );
    let ran = look(
        &folder,
        &with_paths(&["plan", "--bindings"], &["main.wasm"]),
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let expected = include_str!("look/plan.txt");
    if std::env::var_os("WASMDYLD_BLESS").is_some() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/look/plan.txt");
        fs::write(golden, &ran.stdout).expect("writing");
        return;
    }
    assert_eq!(ran.stdout, expected);
}

#[test]
fn a_plan_needs_all_libraries() {
    let folder = example("plan-missing");
    let ran = look(&folder, &with_paths(&["plan"], &["main.wasm"]));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(
        ran.stderr.contains("libmissing.so is not found"),
        "{}",
        ran.stderr
    );
}

#[test]
fn modules_are_described_in_words() {
    let folder = example("inspect");
    let library = look(&folder, &["inspect", "plugins/liba.so"]);
    assert_eq!(library.code, Some(0), "{}", library.stderr);
    for part in [
        "liba.so is a shared library",
        "16 bytes of data, aligned to 16",
        "libmissing.so",
        "$ORIGIN/deps:/etc",
        "1 function of env",
        "of the linker: memory, __memory_base",
    ] {
        assert!(
            library.stdout.contains(part),
            "no {part:?} in {}",
            library.stdout
        );
    }
    let program = look(&folder, &["inspect", "main.wasm"]).stdout;
    assert!(
        program.contains("main.wasm is a position-independent program"),
        "{program}"
    );
    let fixed = guests().join("cases/hello/main-nonpie.wasm");
    let fixed = look(&folder, &["inspect", fixed.to_str().unwrap()]).stdout;
    assert!(
        fixed.contains("is a program at fixed addresses, with needed libraries"),
        "{fixed}"
    );
    assert!(fixed.contains("clang"), "who made it: {fixed}");
    let answer = json(&folder, &["inspect", "--format", "json", "plugins/liba.so"]);
    assert_eq!(answer["role"], "library");
    assert_eq!(answer["dylink"]["needed"][1], "libmissing.so");
    assert_eq!(answer["exports"][1]["offset"], 4);
}

#[test]
fn what_cannot_be_loaded_is_told_with_the_reason() {
    let folder = scratch("inspect-not");
    wat(
        &folder,
        "plain.wasm",
        r#"(module (memory (export "memory") 1))"#,
    );
    let plain = look(&folder, &["inspect", "plain.wasm"]);
    assert_eq!(plain.code, Some(1));
    assert!(
        plain
            .stdout
            .contains("it cannot be loaded: not a shared library"),
        "{}",
        plain.stdout
    );
    fs::write(folder.join("component.wasm"), b"\0asm\x0d\0\x01\0").unwrap();
    let component = look(&folder, &["inspect", "component.wasm"]);
    assert_eq!(component.code, Some(127));
    assert!(
        component.stderr.contains("component"),
        "{}",
        component.stderr
    );
}

#[test]
fn what_is_often_not_meant_is_noted() {
    let folder = scratch("inspect-notes");
    wat(
        &folder,
        "silent.so",
        "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))))",
    );
    let silent = look(&folder, &["inspect", "silent.so"]).stdout;
    assert!(silent.contains("-fvisibility=default"), "{silent}");
    wat(
        &folder,
        "nostart.so",
        r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))) (import "env" "_initialize" (func)) (func (export "f")))"#,
    );
    let nostart = look(&folder, &["inspect", "nostart.so"]).stdout;
    assert!(nostart.contains("-nostartfiles"), "{nostart}");
}

#[test]
fn colours_are_for_terminals_unless_forced() {
    let folder = example("look-colours");
    let forced = ran(wasmdyld()
        .current_dir(&folder)
        .env("CLICOLOR_FORCE", "1")
        .args(["ldd", "main.wasm"]));
    assert!(forced.stdout.contains('\x1b') && forced.stderr.contains('\x1b'));
    let plain = ran(wasmdyld()
        .current_dir(&folder)
        .env("CLICOLOR_FORCE", "1")
        .env("NO_COLOR", "1")
        .args(["ldd", "main.wasm"]));
    assert!(!plain.stdout.contains('\x1b') && !plain.stderr.contains('\x1b'));
}

#[test]
fn a_reader_may_leave_early() {
    use std::process::Stdio;
    let lib = guests().join("lib");
    let mut child = wasmdyld()
        .args(["symbols", "--all", "-L"])
        .arg(&lib)
        .arg(hello())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("output");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn the_legacy_section_is_called_by_its_name() {
    let folder = scratch("inspect-legacy");
    // No memory, no table, nothing needed.
    wat(
        &folder,
        "old.so",
        r#"(module (@custom "dylink" (before first) "\00\00\00\00\00") (func (export "f")))"#,
    );
    let old = look(&folder, &["inspect", "old.so"]);
    assert!(old.stdout.contains("legacy `dylink`"), "{}", old.stdout);
    let answer = json(&folder, &["inspect", "--format", "json", "old.so"]);
    assert_eq!(answer["dylink"]["section"], "dylink");
}
