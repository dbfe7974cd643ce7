//! `wasmdyld link`: what it takes, what it refuses, and that it writes all of it or nothing.
#![cfg(feature = "cli")]

#[path = "support/command.rs"]
mod command;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use command::{Ran, guests, hello, ran, scratch, wasmdyld, wat};

/// Links `file`, with the libraries of the guests.
fn link(output: &Path, file: &Path, more: &[&str]) -> Ran {
    link_with(&guests().join("lib"), output, file, more)
}

fn link_with(libraries: &Path, output: &Path, file: &Path, more: &[&str]) -> Ran {
    let mut command = wasmdyld();
    command.arg("link").arg("-L").arg(libraries);
    ran(command.arg("-o").arg(output).args(more).arg(file))
}

fn run(module: &Path) -> Ran {
    ran(wasmdyld().arg("run").arg(module))
}

/// What is in a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("the folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(&path).expect("a file")))
        .collect()
}

/// A program that calls functions of dlfcn.h, and exits with the number of the first answer that is not what it should be.
const OPENS: &str = r#"(module
  (@dylink.0 (mem-info (memory 64 3) (table 1 0)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
  (import "env" "dlsym" (func $dlsym (param i32 i32) (result i32)))
  (import "env" "dlclose" (func $dlclose (param i32) (result i32)))
  (import "env" "dlerror" (func $dlerror (result i32)))
  (import "env" "dladdr" (func $dladdr (param i32 i32) (result i32)))
  (import "env" "dlinfo" (func $dlinfo (param i32 i32 i32) (result i32)))
  (import "env" "dl_iterate_phdr" (func $iterate (param i32 i32) (result i32)))
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__table_base" (global $table i32))
  (global $seen (mut i32) (i32.const 0))
  (func $is (param $value i32) (param $wanted i32) (param $number i32)
    (if (i32.ne (local.get $value) (local.get $wanted))
      (then (call $exit (local.get $number)))))
  (func $object (param $info i32) (param $size i32) (param $data i32) (result i32)
    (global.set $seen (i32.add (global.get $seen) (i32.const 1)))
    (call $is (local.get $size) (i32.const 40) (i32.const 1))
    (call $is (local.get $data) (i32.const 77) (i32.const 2))
    (call $is (i32.load (local.get $info)) (i32.const 0) (i32.const 3))
    (call $is (i32.load8_u (i32.load offset=4 (local.get $info))) (i32.const 0) (i32.const 4))
    (call $is (i32.wrap_i64 (i64.load offset=16 (local.get $info))) (i32.const 1) (i32.const 5))
    (i32.store offset=4 (local.get $info) (i32.const 1))
    (i32.const 9))
  (func (export "_start") (local $text i32)
    (call $is (call $dlerror) (i32.const 0) (i32.const 10))
    (call $is (call $dlopen (global.get $base) (i32.const 2)) (i32.const 0) (i32.const 11))
    (local.set $text (call $dlerror))
    (call $is (call $dlerror) (i32.const 0) (i32.const 12))
    (call $is (call $dlsym (i32.const 0) (global.get $base)) (i32.const 0) (i32.const 13))
    (call $is (call $dlerror) (local.get $text) (i32.const 14))
    (call $is (call $dlclose (i32.const 24)) (i32.const -1) (i32.const 15))
    (call $is (call $dlinfo (i32.const 24) (i32.const 2) (global.get $base)) (i32.const -1) (i32.const 16))
    (call $is (call $dlerror) (local.get $text) (i32.const 17))
    (call $is (call $dladdr (i32.const 1) (global.get $base)) (i32.const 0) (i32.const 18))
    (call $is (call $dlerror) (i32.const 0) (i32.const 19))
    (call $is (call $iterate (global.get $table) (i32.const 77)) (i32.const 9) (i32.const 20))
    (call $is (call $iterate (global.get $table) (i32.const 77)) (i32.const 9) (i32.const 21))
    (call $is (global.get $seen) (i32.const 2) (i32.const 22))
    (i32.store offset=16 (global.get $base) (local.get $text))
    (i32.store offset=20 (global.get $base) (i32.const 38))
    (drop (call $write (i32.const 1) (i32.add (global.get $base) (i32.const 16)) (i32.const 1)
      (i32.add (global.get $base) (i32.const 24)))))
  (elem (global.get $table) func $object)
  (data (global.get $base) "libany.so\00"))"#;

#[test]
fn a_program_that_opens_libraries_is_an_error_or_is_told_that_it_cannot() {
    let folder = scratch("no-dlopen");
    let program = wat(&folder, "opens.wasm", OPENS);
    let whole = folder.join("whole.wasm");
    let done = link(&whole, &program, &[]);
    assert_eq!(done.code, Some(127), "{}", done.stderr);
    let says = |text: &str| done.stderr.contains(text);
    assert!(
        says("dlopen") && says("--no-dlopen") && says("wasmdyld run"),
        "{}",
        done.stderr
    );
    assert!(!whole.exists());
    let done = link(&whole, &program, &["--no-dlopen"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let done = run(&whole);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(done.stdout, "this program was linked without dlopen");
}

/// wasi-libc's libdl fails by itself: nobody gets such a program without having asked for it.
#[test]
fn stubs_of_the_toolchain_are_no_dlopen_either() {
    let folder = scratch("libdl");
    let stub = r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
      (func (export "dlopen") (param i32 i32) (result i32) i32.const 7))"#;
    let program = r#"(module (@dylink.0 (needed "NAME") (mem-info (memory 0 0) (table 0 0)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
      (import "env" "memory" (memory 1))
      (import "env" "__memory_base" (global i32))
      (func (export "_start") (call $exit (call $dlopen (i32.const 0) (i32.const 2)))))"#;
    let whole = folder.join("whole.wasm");
    for name in ["libdl.so", "libmydl.so"] {
        wat(&folder, name, stub);
        let program = wat(&folder, "main.wasm", &program.replace("NAME", name));
        let mine = name == "libmydl.so";
        let done = link_with(&folder, &whole, &program, &[]);
        assert_eq!(
            done.code,
            Some(if mine { 0 } else { 127 }),
            "{}",
            done.stderr
        );
        if mine {
            // Who defines it himself has his own.
            assert_eq!(run(&whole).code, Some(7));
        } else {
            let says = |text: &str| done.stderr.contains(text);
            assert!(says("libdl.so") && says("--no-dlopen"), "{}", done.stderr);
        }
        let done = link_with(&folder, &whole, &program, &["--no-dlopen"]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        assert_eq!(run(&whole).code, Some(0));
    }
}

/// In a load their destructors are the linker's to call.
#[test]
fn objects_that_are_thread_local_are_destroyed() {
    let folder = scratch("thread-local");
    let built = guests().join("cases/thread-local-objects");
    for name in ["few-pie.wasm", "few-nonpie.wasm"] {
        let program = built.join(name);
        let whole = folder.join(name);
        let at = built.to_str().expect("a path");
        let done = link(&whole, &program, &["-L", at]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let done = run(&whole);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let expected = "constructed shared\nshared: 2\ndestroyed shared 2\n";
        assert_eq!(done.stdout, expected, "{name}");
    }
}

/// A program with a function of the linker's that is called with so many numbers, and defines `more`.
fn calls(module: &str, name: &str, params: usize, more: &str) -> String {
    let (params, args) = (" i32".repeat(params), "(i32.const 3)".repeat(params));
    format!(
        r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (import "{module}" "{name}" (func $called (param{params}) (result i32)))
          (import "env" "memory" (memory 1))
          {more}
          (func (export "_start") (call $exit (call $called {args}))))"#
    )
}

#[test]
fn what_the_linker_does_in_a_load_is_told_with_what_helps() {
    let folder = scratch("services");
    let whole = folder.join("whole.wasm");
    for (module, name, params, says) in [
        ("env", "atexit", 1, "-Wl,--export=atexit"),
        ("env", "__cxa_atexit", 3, "-Wl,--export=__cxa_atexit"),
        ("env", "__cxa_thread_atexit", 3, "-Wl,--export=__cxa_atexit"),
        ("env", "dlclose", 1, "--no-dlopen"),
        ("dyld", "load_object", 4, "by --import"),
    ] {
        let program = wat(&folder, "calls.wasm", &calls(module, name, params, ""));
        let done = link(&whole, &program, &[]);
        assert_eq!(done.code, Some(127), "{name}: {}", done.stderr);
        assert!(done.stderr.contains(says), "{name}: {}", done.stderr);
        let other = done.stderr.contains("--no-dlopen");
        assert_eq!(other, says == "--no-dlopen", "{}", done.stderr);
        let done = link(&whole, &program, &["--import", &format!("{module}.{name}")]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let done = ran(wasmdyld().args(["inspect", "--imports"]).arg(&whole));
        assert!(done.stdout.contains(name), "{}", done.stdout);
    }
    // A definition of an object's own is taken; otherwise the C library gets what was given.
    let (own, libc) = ("__cxa_thread_atexit", "__cxa_atexit");
    for (defined, code) in [(own, 4), (libc, 5)] {
        let function = format!(
            r#"(func (export "{defined}") (param i32 i32 i32) (result i32) (i32.const {code}))"#
        );
        let program = wat(&folder, "defines.wasm", &calls("env", own, 3, &function));
        let done = link(&whole, &program, &[]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        assert_eq!(run(&whole).code, Some(code));
    }
}

#[test]
fn what_is_kept_is_there_and_is_not_exported() {
    let folder = scratch("keep");
    let whole = folder.join("whole.wasm");
    let has = |function: &str| {
        let bytes = fs::read(&whole).expect("a module");
        let name = format!("libc.so!{function}");
        let named = bytes.windows(name.len()).any(|at| at == name.as_bytes());
        let shown = ran(wasmdyld().args(["inspect", "--exports"]).arg(&whole));
        (named, shown.stdout.contains(&format!("  {function} func")))
    };
    for (more, expected) in [
        (&[][..], (false, false)),
        (&["--keep", "qsort"], (true, false)),
        (&["--export", "qsort"], (true, true)),
        (&["--no-gc"], (true, false)),
    ] {
        let done = link(&whole, &hello(), more);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        assert_eq!(has("qsort"), expected, "{more:?}");
        assert_eq!(run(&whole).code, Some(0));
    }
    let before = files(&folder);
    let done = link(&whole, &hello(), &["--keep", "no_such_symbol"]);
    assert_eq!(done.code, Some(127));
    let why = "no object defines no_such_symbol, which is to be kept";
    assert!(done.stderr.contains(why), "{}", done.stderr);
    assert_eq!(files(&folder), before);
}

#[test]
fn a_library_that_is_asked_for_is_one() {
    let folder = scratch("library");
    let whole = folder.join("whole.wasm");
    let library = guests().join("lib/libz.so");
    let done = link(&whole, &library, &["--library"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let asked = fs::read(&whole).expect("a module");
    assert_eq!(link(&whole, &library, &[]).code, Some(0));
    assert_eq!(fs::read(&whole).expect("a module"), asked);
    fs::remove_file(&whole).expect("removing");
    let done = link(&whole, &hello(), &["--library"]);
    assert_eq!(done.code, Some(2));
    assert!(
        done.stderr.contains("main-pie.wasm is a program"),
        "{}",
        done.stderr
    );
    assert!(files(&folder).is_empty());
}

/// A trap of the module tells the lines of both objects, of a program that is position-independent and of one at fixed addresses.
#[test]
fn debug_information_is_kept_on_request() {
    let folder = scratch("debug");
    let compile = |output: &str, source: &str, text: &str, words: &str| {
        fs::write(folder.join(source), text).expect("a source");
        let mut command = Command::new(guests().join("tools/bin/wasm-cc"));
        command.current_dir(&folder).args(["-g", "-O1", "-fPIC"]);
        command.args(words.split_whitespace());
        let done = ran(command.args(["-o", output, source]));
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        folder.join(output)
    };
    let library = "-shared -Wl,--experimental-pic";
    let text = "__attribute__((noinline)) int unused(int n) { return n * 3; }\nint check(int n) {\n  if (n > 0)\n    __builtin_trap();\n  return n;\n}\n";
    compile("libcheck.so", "check.c", text, library);
    let common = "-Wl,-Bdynamic -Wl,--export-if-defined=__main_argc_argv libcheck.so";
    let pie = format!("-Wl,-pie -Wl,--experimental-pic -Wl,--import-memory {common}");
    let fixed = format!(
        "-Wl,--export-table -Wl,--growable-table -Wl,--export=__stack_pointer -Wl,--export=__heap_base -Wl,--export=__heap_end {common}"
    );
    let text =
        "int check(int);\nint main(int argc, char **argv) {\n  return\n    check(argc) + 1;\n}\n";
    for (name, words) in [("pie.wasm", pie), ("fixed.wasm", fixed)] {
        let program = compile(name, "main.c", text, &words);
        let whole = folder.join("whole.wasm");
        let libraries = folder.to_str().expect("a path");
        let done = link(&whole, &program, &["-g", "-L", libraries]);
        assert_eq!((done.code, &*done.stderr), (Some(0), ""), "{name}");
        let mut command = wasmdyld();
        command.env("WASMTIME_BACKTRACE_DETAILS", "1");
        let done = ran(command.args(["run", "--engine-cache", "off"]).arg(&whole));
        assert_eq!(done.code, Some(134), "{name}");
        let tells = |function: &str, line: &str| {
            let mut lines = done.stderr.lines();
            lines.any(|text| text.contains(function) && text.contains(line))
        };
        assert!(tells("libcheck.so!check", "check.c:3"), "{}", done.stderr);
        assert!(tells("!main", "main.c:4"), "{}", done.stderr);
        let component = link(&whole, &program, &["-g", "--component", "-L", libraries]);
        assert_eq!(component.code, Some(0), "{}", component.stderr);
        let bytes = fs::read(&whole).expect("a component");
        assert!(bytes.windows(11).any(|at| at == b".debug_line"), "{name}");
        // Without it, it is told that it is lost.
        let done = link(&whole, &program, &["-L", libraries]);
        let lost = "the debug information of libcheck.so is left out";
        assert!(done.code == Some(0) && done.stderr.contains(lost));
    }
    let done = link(&folder.join("no.wasm"), &hello(), &["-g", "--snapshot"]);
    assert_eq!(done.code, Some(2), "{}", done.stderr);
}

/// A file that is there is whole or as it was, and nothing is left beside it.
#[test]
fn nothing_is_written_unless_all_of_it_is() {
    let folder = scratch("whole");
    let (whole, map) = (folder.join("whole.wasm"), folder.join("map.json"));
    fs::write(&whole, "before").expect("writing");
    fs::write(&map, "before").expect("writing");
    let before = files(&folder);
    let bytes = fs::read(hello()).expect("a module");
    let damaged = folder.join("sub").join("damaged.wasm");
    fs::create_dir(folder.join("sub")).expect("a folder");
    let map_path = map.to_str().expect("a path");
    for size in [0, 1, 7, 9, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&damaged, &bytes[..size]).expect("writing");
        let done = link(&whole, &damaged, &["--map", map_path]);
        assert!(!done.stderr.is_empty() && done.code == Some(127), "{size}");
        assert_eq!(files(&folder), before, "{size} bytes");
        // The same is said where it is run, but for what was being done.
        let loaded = run(&damaged);
        let cause = |said: &str| {
            let line = said.lines().next().expect("a message");
            line.rsplit("damaged.wasm: ")
                .next()
                .expect("a cause")
                .to_string()
        };
        assert_eq!(cause(&done.stderr), cause(&loaded.stderr), "{size} bytes");
    }
    // The module could be written, the map cannot.
    let nowhere = folder.join("nowhere/map.json");
    let done = link(
        &whole,
        &hello(),
        &["--map", nowhere.to_str().expect("a path")],
    );
    assert_eq!(done.code, Some(127));
    assert!(done.stderr.contains("cannot write"), "{}", done.stderr);
    assert_eq!(files(&folder), before);
    // Nor can it where it is no file, or the module's file.
    let sub = folder.join("sub");
    for (file, code, why) in [
        (sub.as_path(), 127, "cannot write"),
        (Path::new("/dev/full"), 127, "cannot write"),
        (&whole, 2, "is to be two files"),
        (&sub.join("../whole.wasm"), 2, "is to be two files"),
    ] {
        let done = link(&whole, &hello(), &["--map", file.to_str().expect("a path")]);
        assert_eq!(done.code, Some(code), "{}", file.display());
        assert!(done.stderr.contains(why), "{}", done.stderr);
        assert_eq!(files(&folder), before, "{}", file.display());
    }
    let done = link(
        &folder.join("nowhere/whole.wasm"),
        &hello(),
        &["--map", map_path],
    );
    assert_eq!(done.code, Some(127));
    assert_eq!(files(&folder), before);
    // And both can.
    let done = link(&whole, &hello(), &["--map", map_path]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let after = files(&folder);
    assert_eq!(after.len(), 2);
    assert!(after[&whole].starts_with(b"\0asm") && after[&map].starts_with(b"{"));
}

#[test]
fn a_file_that_is_replaced_keeps_its_permissions_and_a_new_one_has_the_programs() {
    let folder = scratch("permissions");
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    let permit = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
    };
    let (program, whole) = (folder.join("program.wasm"), folder.join("whole.wasm"));
    fs::copy(hello(), &program).expect("a program");
    for executable in [0, 0o111] {
        permit(&program, 0o644 | executable);
        let map = folder.join("map.json");
        let done = link(&whole, &program, &["--map", map.to_str().expect("a path")]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        // The map's are those of any new file.
        assert_eq!(mode(&map) & 0o111, 0);
        assert_eq!(mode(&whole), mode(&map) | (executable & (mode(&map) >> 2)));
        fs::remove_file(&whole).expect("removing");
    }
    permit(&program, 0o750);
    let done = link(&program, &program, &[]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(mode(&program), 0o750);
}
