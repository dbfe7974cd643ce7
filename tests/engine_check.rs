//! `wasmdyld engine-check`, as a user meets it.
#![cfg(all(feature = "cli", unix))]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use wasmdyld::engine::Api;

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn check(args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasmdyld"));
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .arg("engine-check")
        .args(args)
        .output()
        .expect("the command starts");
    Ran {
        code: status.code(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// A library whose functions of these names end the process.
fn library(name: &str, functions: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("engine-check-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).expect("a scratch folder");
    let (source, library) = (folder.join("engine.c"), folder.join("engine.so"));
    let mut text = "#include <stdio.h>\n#include <stdlib.h>\n".to_string();
    for function in functions {
        text += &format!(
            "void {function}(void) {{ fputs(\"{function} is not there yet\\n\", stderr); abort(); }}\n"
        );
    }
    fs::write(&source, text).expect("writing");
    let target = env!("WASMDYLD_TARGET");
    let mut build = cc::Build::new();
    build.cargo_metadata(false).opt_level(0);
    build.target(target).host(target);
    let mut compiler = Command::new(build.get_compiler().path());
    compiler.args(["-shared", "-fPIC", "-o"]);
    let built = compiler.arg(&library).arg(&source).status();
    assert!(built.expect("a C compiler").success());
    library
}

fn required() -> Vec<&'static str> {
    let names = Api::REQUIRED.iter();
    names.map(|name| name.to_str().expect("ASCII")).collect()
}

fn path(library: &Path) -> &str {
    library.to_str().expect("UTF-8")
}

#[test]
fn the_linked_engine_can() {
    let ran = check(&[]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.starts_with("engine  "), "{}", ran.stdout);
    assert!(
        ran.stdout.ends_with("\ncan host shared libraries\n"),
        "{}",
        ran.stdout
    );
    let row = |title: &str| ran.stdout.lines().find(|line| line.starts_with(title));
    for title in [
        "memory imported by two instances",
        "libraries that need each other",
    ] {
        let row = row(title).unwrap_or_else(|| panic!("no {title} in {}", ran.stdout));
        assert!(row.ends_with("yes"), "{row}");
    }
    #[cfg(feature = "wasmtime")]
    {
        let limit = row("12000 instances").expect("a row for the limit");
        assert!(limit.contains("10000 are the limit"), "{limit}");
        assert!(!ran.stdout.contains("crashed"), "{}", ran.stdout);
    }
}

#[test]
fn for_programs() {
    let ran = check(&["--format", "json"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    for text in [
        r#"{"engine":""#,
        r#"{"probe":"memory","title":"memory imported by two instances","required":true,"result":"yes","note":""}"#,
        r#""can_host":true,"verdict":"can host shared libraries"}"#,
    ] {
        assert!(ran.stdout.contains(text), "no {text} in {}", ran.stdout);
    }
}

#[test]
fn what_is_no_engine_is_said_so() {
    for (lib, expected) in [
        ("libc.so.6", "has none of the functions of wasm.h"),
        (
            "/nowhere/libengine.so",
            "opening the engine /nowhere/libengine.so",
        ),
    ] {
        let ran = check(&[lib]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{lib}");
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        let ran = check(&["--format", "json", lib]);
        assert_eq!(ran.code, Some(1), "{lib}");
        assert!(
            ran.stdout.starts_with(r#"{"can_host":false,"#),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn missing_functions_are_named() {
    let mut some = required();
    some.retain(|name| *name != "wasm_table_grow");
    let library = library("some", &some);
    let ran = check(&[path(&library)]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.ends_with("it lacks wasm_table_grow\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_crash_is_a_row() {
    let library = library("crash", &required());
    let ran = check(&[path(&library)]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains(path(&library)), "{}", ran.stdout);
    let (rows, verdict) = ran.stdout.split_once("\ncannot:").expect("a verdict");
    let crashed = rows.lines().filter(|row| {
        row.contains("crashed: SIGABRT") && row.contains("wasm_engine_new is not there yet")
    });
    assert!(crashed.count() > 30, "{rows}");
    assert!(
        verdict.contains("all libraries of a program share one memory"),
        "{verdict}"
    );

    let ran = check(&["--format", "json", path(&library)]);
    assert_eq!(ran.code, Some(1));
    let row = r#""result":"crashed","how":"SIGABRT","note":"wasm_engine_new is not there yet""#;
    assert!(ran.stdout.contains(row), "{}", ran.stdout);
}

#[test]
fn a_wrong_command_line_exits_2() {
    for args in [&["--format", "xml"][..], &["a", "b"]] {
        assert_eq!(check(args).code, Some(2), "{args:?}");
    }
}
