//! What a guest could keep its host from, by WASI: its thread, and its descriptors.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;

use crate::kit::Case;

/// A program whose `$errno` opens a file of the folder that it is given, and does `then`.
fn opens(name: &str, rights: u32, then: &str) -> String {
    format!(
        r#"(module (@dylink.0 (mem-info (memory 256 4) (table 0 0)))
          (import "env" "memory" (memory 0)) (import "env" "__memory_base" (global $base i32))
          (import "wasi_snapshot_preview1" "path_open"
            (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
          (data (global.get $base) "{name}\00")
          (global $opened (mut i32) (i32.const 0))
          (func $errno (result i32)
            (call $open (i32.const 3) (i32.const 1) (global.get $base) (i32.const {length}) (i32.const 0)
              (i64.const {rights}) (i64.const {rights}) (i32.const 0) (i32.add (global.get $base) (i32.const 128))))
          (func (export "_start") (local $errno i32) {then}))"#,
        length = name.len()
    )
}

const ONCE: &str = "(call $exit (call $errno))";

/// Exits with 255 if a library cannot be opened in the end, else with half the number of files that could be.
const ALL: &str = "
  (loop (local.set $errno (call $errno))
    (if (i32.eqz (local.get $errno))
      (then (global.set $opened (i32.add (global.get $opened) (i32.const 1))) (br 1))))
  (if (i32.eqz (call $dlopen (global.get $base) (i32.const 2))) (then (call $exit (i32.const 255))))
  (if (i32.ne (local.get $errno) (i32.const 33)) (then (call $exit (local.get $errno))))
  (call $exit (i32.shr_u (global.get $opened) (i32.const 1)))";

#[test]
fn a_pipe_without_another_end_is_not_waited_for() {
    let mut case = Case::new("pipe");
    let given = case.folder().join("given");
    std::fs::create_dir(&given).expect("a folder");
    let pipe = CString::new(given.join("pipe").as_os_str().as_bytes()).expect("a path");
    // SAFETY: a C string.
    assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
    for (rights, errno) in [(2, 0), (64, 60)] {
        case.wat("main.wasm", &opens("pipe", rights, ONCE));
        let ran = case.run(&["run", "--dir", "given::/given", "main.wasm"]);
        assert_eq!(ran.code, Some(errno), "{ran}");
    }
    // The linker opens files by the same way, for a guest and for the host.
    case.wat(
        "main.wasm",
        &opens(
            "/given/pipe",
            2,
            "(call $exit (i32.eqz (call $dlopen (global.get $base) (i32.const 2))))",
        ),
    );
    let ran = case.run(&["run", "--dir", "given::/given", "main.wasm"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    for tool in [
        &["run", "given/pipe"][..],
        &["ldd", "given/pipe"],
        &["inspect", "given/pipe"],
    ] {
        let ran = case.run(tool);
        assert!(ran.code != Some(0), "{ran}");
    }
}

#[test]
fn a_guest_leaves_descriptors_to_its_host() {
    let mut case = Case::new("descriptors");
    case.wat(
        "given/liba.so",
        "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))))",
    );
    case.wat("main.wasm", &opens("liba.so", 2, ALL));
    let base = ["run", "-L", "given", "--dir", "given::/given"];
    for (limit, opened) in [
        (None, 128),
        (Some("0"), 0),
        (Some("14"), 7),
        (Some("200"), 100),
    ] {
        let limit = limit.map(|limit| ["--max-files", limit]);
        let arguments: Vec<&str> = base
            .iter()
            .copied()
            .chain(limit.iter().flatten().copied())
            .chain(["main.wasm"])
            .collect();
        let ran = case.run(&arguments);
        // Half of them.
        assert_eq!(ran.code, Some(opened), "{ran}");
    }
}
