//! Side modules that emscripten 3.1.6 made, with `libemscripten-compat.so`: setjmp, exceptions, files, clocks. Their sources lie beside them, in
//! `tests/emscripten`.
#![cfg(all(feature = "cli", feature = "wasmtime"))]

#[path = "support/command.rs"]
mod command;

use std::fs;
use std::path::{Path, PathBuf};

use command::{Ran, guests, ran, scratch, wasmdyld, wat};

fn modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emscripten")
}

/// A program that does `body`; `$check` ends it with an exit code of the first number where the other two differ.
fn main_module(folder: &Path, body: &str) -> PathBuf {
    let text = format!(
        r#"(module
          (@dylink.0 (mem-info (memory 256 4) (table 1 0)))
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (import "env" "memory" (memory 1))
          (import "env" "__indirect_function_table" (table 1 funcref))
          (import "env" "__memory_base" (global $base i32))
          (import "env" "__table_base" (global $slots i32))
          {body}
          (func $check (param $number i32) (param $got i32) (param $wanted i32)
            (if (i32.ne (local.get $got) (local.get $wanted)) (then (call $exit (local.get $number)))))
          (export "_start" (func $start)))"#
    );
    wat(folder, "main.wasm", &text)
}

/// Runs it with the modules and the library that goes with them, and without where `preload` says so.
fn run(main: &Path, preload: &[&str], options: &[&str]) -> Ran {
    let mut command = wasmdyld();
    command.arg("run").args(options).arg("-L").arg(modules());
    let library = guests().join("sysroot/lib/wasm32-wasip1");
    assert!(
        library.join("libemscripten-compat.so").exists(),
        "{} is not built: `cargo xtask guests`",
        library.display()
    );
    command.arg("-L").arg(library);
    command.arg("-L").arg(guests().join("cases/cxx-uncaught"));
    for name in preload {
        command.args(["--preload", name]);
    }
    ran(command.arg(main))
}

fn succeeds(ran: &Ran) {
    assert_eq!(
        ran.code,
        Some(0),
        "the exit code tells which check: {}",
        ran.stderr
    );
}

const COMPAT: &str = "libemscripten-compat.so";

#[test]
fn setjmp_and_longjmp() {
    let folder = scratch("jump");
    let main = main_module(
        &folder,
        r#"(import "env" "jump" (func $jump (param i32 i32) (result i32)))
          (import "env" "many" (func $many (result i32)))
          (import "env" "through" (func $through (param i32) (result i32)))
          (import "env" "by_pointer" (func $by_pointer (param i32 i32) (result i32)))
          (type $calls (func (param i32)))
          (elem (global.get $slots) $calls_back)
          (func $calls_back (param $back i32) (param $value i32)
            (call_indirect (type $calls) (local.get $value) (local.get $back)))
          (func $start (local $n i32)
            (call $check (i32.const 1) (call $jump (i32.const 5) (i32.const 42)) (i32.const 42))
            ;; setjmp never gives 0 where longjmp did.
            (call $check (i32.const 2) (call $jump (i32.const 0) (i32.const 7)) (i32.const 7))
            (call $check (i32.const 3) (call $many) (i32.const 45))
            (call $check (i32.const 4) (call $through (i32.const 0)) (i32.const 30))
            (call $check (i32.const 5) (call $through (i32.const 1)) (i32.const 400))
            (call $check (i32.const 6) (call $by_pointer (global.get $slots) (i32.const 9)) (i32.const 9))
            ;; The guest's stack is what it was, however often.
            (loop $again
              (call $check (i32.const 7) (call $jump (i32.const 50) (i32.const 1)) (i32.const 1))
              (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 20000)))))"#,
    );
    succeeds(&run(&main, &[COMPAT, "libjump.so"], &[]));
}

#[test]
fn exceptions() {
    let folder = scratch("throw");
    let mut checks = String::new();
    for (number, (function, kind, result)) in [
        ("caught", 0, 1),
        ("caught", 1, 108),
        ("caught", 2, 302),
        ("caught", 3, 202),
        ("caught", 4, 407),
        ("caught", 5, 507),
        ("caught", 6, 601),
        ("again", 2, 13),
        ("again", 3, 23),
        ("again", 1, 22),
        ("passes", 1, 1),
        ("passes", 0, 0),
    ]
    .into_iter()
    .enumerate()
    {
        checks.push_str(&format!(
            "(call $check (i32.const {}) (call ${function} (i32.const {kind})) (i32.const {result}))\n",
            number + 1
        ));
    }
    let body = format!(
        r#"(import "env" "caught" (func $caught (param i32) (result i32)))
          (import "env" "again" (func $again (param i32) (result i32)))
          (import "env" "passes" (func $passes (param i32) (result i32)))
          (import "env" "calls" (func $calls (param i32 i32) (result i32)))
          (import "GOT.func" "toss" (global $toss (mut i32)))
          (data (global.get $base) "runtime\00")
          (func $start (local $n i32)
            {checks}
            ;; Thrown by what wasmdyld-c++ compiled, in the form of wasm exceptions.
            (call $check (i32.const 30) (call $calls (global.get $toss) (global.get $base)) (i32.const 31))
            (loop $more
              (call $check (i32.const 31) (call $caught (i32.const 3)) (i32.const 202))
              (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 20000))))
            (drop (call $passes (i32.const 2))))"#
    );
    let main = main_module(&folder, &body);
    let preload = [COMPAT, "libc++.so", "libtoss.so", "libthrow.so"];
    let ran = run(&main, &preload, &[]);
    // The last one goes out of the program.
    assert!(
        ran.stderr
            .contains("uncaught C++ exception std::runtime_error: deep\n"),
        "{:?}: {}",
        ran.code,
        ran.stderr
    );
}

#[test]
fn files_clocks_and_texts() {
    let folder = scratch("system");
    let inside = folder.join("inside");
    fs::create_dir(&inside).expect("a folder");
    let main = main_module(
        &folder,
        r#"(import "env" "text" (func $text (param i32 i32) (result i32)))
          (import "env" "print" (func $print (param i32) (result i32)))
          (import "env" "files" (func $files (param i32) (result i32)))
          (import "env" "clocks" (func $clocks (result i32)))
          (data (global.get $base) "/in/file\00")
          (func $start
            (call $check (i32.const 1) (call $text (i32.add (global.get $base) (i32.const 64)) (i32.const 7)) (i32.const 3))
            ;; "7-x"
            (call $check (i32.const 2) (i32.load offset=64 (global.get $base)) (i32.const 0x782d37))
            (call $check (i32.const 3) (call $print (i32.const 12)) (i32.const 0))
            (call $check (i32.const 4) (call $clocks) (i32.const 0))
            (call $check (i32.const 5) (call $files (global.get $base)) (i32.const 0)))"#,
    );
    let granted = format!("{}::/in", inside.display());
    let options = ["--dir", granted.as_str()];
    let ran = run(&main, &[COMPAT, "libsystem.so"], &options);
    succeeds(&ran);
    assert_eq!(ran.stdout, "00012 of emscripten\nbeef\na line\n");
    let written = fs::read_to_string(inside.join("file")).expect("the file");
    assert_eq!(written, "cut");
    // As one more time: O_EXCL is seen by what means another flag elsewhere.
    assert_eq!(
        run(&main, &[COMPAT, "libsystem.so"], &options).code,
        Some(5)
    );
}

#[test]
fn inspect_tells_whose_they_are() {
    for (file, words) in [
        (
            "libjump.so",
            "it wants saveSetjmp, getTempRet0, invoke_vii, ... 8 in all",
        ),
        (
            "libsystem.so",
            "it wants siprintf, iprintf, fiprintf, ... 4 in all",
        ),
        ("libthrow.so", "made by emscripten"),
    ] {
        let ran = ran(wasmdyld().arg("inspect").arg(modules().join(file)));
        assert!(
            ran.stdout.contains(words) && ran.stdout.contains(COMPAT),
            "{}",
            ran.stdout
        );
    }
    let own = guests().join("sysroot/lib/wasm32-wasip1").join(COMPAT);
    for file in [own, guests().join("cases/hello/main-pie.wasm")] {
        let ran = ran(wasmdyld().arg("inspect").arg(file));
        assert!(!ran.stdout.contains("emscripten,"), "{}", ran.stdout);
    }
}
