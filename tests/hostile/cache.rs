//! Compiled code that is kept between runs, and was damaged meanwhile; and folders in which none can be kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::wasmdyld;
use crate::kit::Case;

/// A library with functions enough that damage meets code, and a program that calls all of them.
fn case(name: &str) -> Case {
    let mut case = Case::new(name);
    let functions: String = (0..40)
        .map(|n| {
            format!(
                r#"(func (export "f{n}") (param i32) (result i32)
                  (local $i i32)
                  (loop (local.set 0 (i32.add (i32.mul (local.get 0) (i32.const {})) (i32.const {n})))
                    (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {n}))))
                  (local.get 0))"#,
                2 * n + 3
            )
        })
        .collect();
    case.wat(
        "liba.so",
        &format!(r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))) {functions})"#),
    );
    let imports: String = (0..40)
        .map(|n| format!(r#"(import "env" "f{n}" (func $f{n} (param i32) (result i32)))"#))
        .collect();
    let calls: String = (0..40)
        .map(|n| format!("(local.set $x (call $f{n} (local.get $x)))"))
        .collect();
    case.wat(
        "main.wasm",
        &format!(
            r#"(module (@dylink.0 (mem-info (memory 64 4) (table 0 0)) (needed "liba.so"))
              (import "env" "memory" (memory 0)) (import "env" "__memory_base" (global $base i32))
              (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
              {imports}
              (func (export "_start") (local $x i32) (local.set $x (i32.const 1)) {calls}
                (call $exit (i32.and (local.get $x) (i32.const 127)))))"#
        ),
    );
    case
}

const RUN: &[&str] = &[
    "run",
    "--no-prelink",
    "--engine-cache",
    "kept",
    "-L",
    ".",
    "main.wasm",
];

fn entries(case: &Case) -> Vec<PathBuf> {
    let all = fs::read_dir(case.folder().join("kept")).expect("the folder");
    let mut all: Vec<PathBuf> = all.map(|e| e.expect("an entry").path()).collect();
    all.sort();
    all
}

#[test]
fn damaged_code_is_not_run() {
    let case = case("damaged");
    let right = case.run(RUN).code;
    let entries = entries(&case);
    assert!(entries.len() >= 2, "{entries:?}");
    // Bits spread over each entry, in all places of a byte.
    let flips = 120;
    for (n, entry) in entries.iter().cycle().take(flips).enumerate() {
        let whole = fs::read(entry).expect("an entry");
        let mut damaged = whole.clone();
        let at = (n * 7919 * 31) % whole.len();
        damaged[at] ^= 1 << (n % 8);
        fs::write(entry, &damaged).expect("an entry");
        let ran = case.run(RUN);
        assert_eq!(ran.code, right, "{}, byte {at}: {ran}", entry.display());
        assert_eq!(ran.stderr, "", "{ran}");
        assert!(
            fs::read(entry).expect("an entry") == whole,
            "byte {at} is not mended"
        );
    }
    // Cut short, too long, empty, another's.
    let [one, two, ..] = &entries[..] else {
        panic!("{entries:?}");
    };
    let (first, second) = (fs::read(one).expect("one"), fs::read(two).expect("two"));
    for damaged in [
        &first[..first.len() / 2],
        &[&first[..], b"x"].concat(),
        b"",
        &second,
    ] {
        fs::write(one, damaged).expect("an entry");
        let ran = case.run(RUN);
        assert_eq!(ran.code, right, "{} bytes: {ran}", damaged.len());
    }
}

/// Runs the case's program with code kept in `folder`, which the shell `script` has mounted in a name space of its own.
fn in_own_mounts(case: &Case, script: &str, folder: &Path) -> Option<(Option<i32>, String)> {
    let command = wasmdyld();
    let run = format!(
        "{script} && exec {} run --engine-cache {} -L . main.wasm",
        command.get_program().to_string_lossy(),
        folder.display()
    );
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--mount", "sh", "-c", &run]);
    let output = unshare.current_dir(case.folder()).output().ok()?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let refused = stderr.contains("unshare") || stderr.contains("mount:");
    (!refused).then(|| (output.status.code(), stderr))
}

#[test]
fn no_disk_is_worth_a_failed_run() {
    let case = case("no-disk");
    let right = case
        .run(&["run", "--engine-cache", "off", "-L", ".", "main.wasm"])
        .code;
    let folder = case.folder().join("disk");
    fs::create_dir(&folder).expect("a folder");
    let at = folder.display();
    let mounted = format!("mount -t tmpfs -o size=16k,mode=700 none {at}");
    for (what, script, kept) in [
        (
            "full",
            format!("{mounted} && head -c 16384 /dev/zero >{at}/all"),
            folder.clone(),
        ),
        (
            "full, with no room for a folder",
            format!("{mounted} && head -c 16384 /dev/zero >{at}/all"),
            folder.join("kept"),
        ),
        ("too small", mounted.clone(), folder.join("kept")),
        (
            "without inodes",
            format!("mount -t tmpfs -o nr_inodes=1,mode=700 none {at}"),
            folder.join("kept"),
        ),
        (
            "read-only",
            format!("{mounted} && mount -o remount,ro {at}"),
            folder.clone(),
        ),
        (
            "read-only, without the folder",
            format!("{mounted} && mount -o remount,ro {at}"),
            folder.join("kept"),
        ),
    ] {
        let Some((code, stderr)) = in_own_mounts(&case, &script, &kept) else {
            crate::skip::skip(
                "mounts in a name space of one's own",
                "let users make name spaces (unshare --user --mount)",
            );
            return;
        };
        assert_eq!(code, right, "{what}: {stderr}");
        assert_eq!(stderr, "", "{what}");
    }
}

/// Wasmtime's own settings may name any folder.
#[test]
fn settings_of_the_engine_are_not_read() {
    let case = case("settings");
    let (home, shared) = (case.folder().join("home"), case.folder().join("shared"));
    fs::create_dir_all(home.join(".config/wasmtime")).expect("a home");
    fs::create_dir(&shared).expect("a folder");
    let settings = format!(
        "[cache]\nenabled = true\ndirectory = {:?}\n",
        shared.display().to_string()
    );
    fs::write(home.join(".config/wasmtime/config.toml"), settings).expect("settings");
    let mut command = wasmdyld();
    command
        .args(["run", "-L", ".", "main.wasm"])
        .current_dir(case.folder())
        .env("HOME", &home)
        .env_remove("XDG_CACHE_HOME")
        .env_remove("XDG_CONFIG_HOME");
    assert!(command.status().expect("it runs").code().is_some());
    let files = |folder: &Path| fs::read_dir(folder).map_or(0, Iterator::count);
    assert_eq!(files(&shared), 0);
    assert!(files(&home.join(".cache/wasmdyld")) > 0);
}
