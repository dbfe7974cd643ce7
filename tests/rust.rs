//! `tests/rust`: a program in Rust and a library in Rust, each with a standard library inside, as objects apart and as one module, on wasmtime and in
//! node. The modules lie there since few machines have Rust's standard library for WebAssembly; `build.sh` beside them made them.
#![cfg(all(feature = "cli", feature = "wasmtime"))]

#[path = "support/c.rs"]
mod c;
#[path = "support/command.rs"]
mod command;
#[path = "support/web.rs"]
mod web;

use std::fs;
use std::path::{Path, PathBuf};

use command::{Ran, guests, ran, scratch, wasmdyld};

/// A run: its arguments, exit code (134: a trap), output, and what standard error has.
const RUNS: [(&[&str], i32, &str, &str); 3] = [
    (
        &["/data/text", "42"],
        0,
        "[the][cat][and][dog] 5\n[Bird] 3\nhi: the=3 and=2 bird=1 cat=1 dog=1; 2 lines, the longest of 5, mean 4.00\n42\n",
        "",
    ),
    (&["/data/nothing"], 3, "", "/data/nothing: NotFound\n"),
    (
        &["/data/text", "many"],
        134,
        "[the][cat][and][dog] 5\n[Bird] 3\nhi: the=3 and=2 bird=1 cat=1 dog=1; 2 lines, the longest of 5, mean 4.00\n",
        "a number: ParseIntError { kind: InvalidDigit }",
    ),
];
const TEXT: &str = "the cat and the dog\nand The Bird\n";

fn run(module: &Path, data: &Path, args: &[&str]) -> Ran {
    let mut command = wasmdyld();
    command.args(["run", "--no-prelink", "--env", "GREETING=hi", "--dir"]);
    command.arg(format!("{}::/data", data.display()));
    command.arg("-L").arg(c::source("tests/rust"));
    command.arg("-L").arg(guests().join("lib"));
    ran(command.arg(module).args(args))
}

fn link(output: &Path) {
    let mut command = wasmdyld();
    command.arg("link").arg("-o").arg(output);
    command.arg("-L").arg(c::source("tests/rust"));
    command.arg("-L").arg(guests().join("lib"));
    c::succeed(
        "wasmdyld link",
        command.arg(c::source("tests/rust/program.wasm")),
    );
}

#[test]
fn rust_does_the_same_apart_and_as_one_module() {
    let folder = scratch("rust");
    fs::write(folder.join("text"), TEXT).expect("a text");
    let (apart, whole) = (
        c::source("tests/rust/program.wasm"),
        folder.join("whole.wasm"),
    );
    link(&whole);
    for module in [&apart, &whole] {
        for (args, code, stdout, stderr) in RUNS {
            let did = run(module, &folder, args);
            assert_eq!(did.stdout, stdout, "{}", did.stderr);
            assert!(did.stderr.contains(stderr), "{}", did.stderr);
            assert_eq!(did.code, Some(code), "{}", did.stderr);
        }
    }
    if let Some(web) = web::folder() {
        in_node(&web, &folder, &whole);
    }
    fs::remove_dir_all(&folder).expect("the test's own folder");
}

fn in_node(web: &web::Web, folder: &Path, module: &Path) {
    let runs = RUNS.map(|(args, ..)| {
        serde_json::json!({
            "module": module, "args": args, "env": [["GREETING", "hi"]], "dirs": [[folder, "/data"]],
        })
    });
    let manifest: PathBuf = folder.join("manifest.json");
    fs::write(&manifest, serde_json::json!(runs).to_string()).expect("a manifest");
    let told = ran(&mut web.node("node.mjs", &[&manifest]));
    let lines: Vec<&str> = told.stdout.lines().collect();
    assert_eq!(lines.len(), RUNS.len(), "{}", told.stderr);
    for ((_, code, stdout, stderr), line) in RUNS.into_iter().zip(lines) {
        let did: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        assert_eq!(did["stdout"], stdout, "{did}");
        assert!(
            did["stderr"]
                .as_str()
                .is_some_and(|text| text.contains(stderr))
        );
        assert_eq!(did["exit"], code, "{did}");
    }
}
