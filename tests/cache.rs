//! Kept code as processes share it: twenty at once, killed at any moment, from folders that they only read; and `wasmdyld cache`.

#[path = "support/command.rs"]
mod command;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use command::{ran, scratch, wasmdyld, wat};
use serde_json::Value;

const LIBRARIES: usize = 12;

/// The exit code of the program that [`program`] makes.
const RIGHT: i32 = 78;

/// A program with libraries enough that their code is kept in one file as well, each with code enough that compiling takes a while.
fn program(folder: &Path) {
    for n in 0..LIBRARIES {
        let functions: String = (0..60)
            .map(|i| {
                format!(
                    r#"(func (export "l{n}f{i}") (param i32) (result i32) (local $i i32)
                      (loop (local.set 0 (i32.add (i32.mul (local.get 0) (i32.const {i})) (i32.const {n})))
                        (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {i}))))
                      (local.get 0))"#
                )
            })
            .collect();
        let number = format!(
            r#"(func (export "number{n}") (result i32) (i32.const {}))"#,
            n + 1
        );
        let text = format!(
            "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))) {functions} {number})"
        );
        wat(folder, &format!("lib{n}.so"), &text);
    }
    let all = |each: &dyn Fn(usize) -> String| (0..LIBRARIES).map(each).collect::<String>();
    let needed = all(&|n| format!(r#"(needed "lib{n}.so")"#));
    let imports = all(&|n| format!(r#"(import "env" "number{n}" (func $n{n} (result i32)))"#));
    let calls = all(&|n| format!("(local.set $x (i32.add (local.get $x) (call $n{n})))"));
    let text = format!(
        r#"(module (@dylink.0 (mem-info (memory 64 4) (table 0 0)) {needed})
          (import "env" "memory" (memory 0)) (import "env" "__memory_base" (global i32))
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          {imports}
          (func (export "_start") (local $x i32) {calls} (call $exit (local.get $x))))"#
    );
    wat(folder, "main.wasm", &text);
}

/// A run of the program, with code kept in `kept`.
fn run(folder: &Path) -> Command {
    let mut command = wasmdyld();
    let options = ["--no-prelink", "--engine-cache", "kept", "-L", "."];
    command.arg("run").args(options).arg("main.wasm");
    command.current_dir(folder).stdout(Stdio::null());
    command
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = all.map(|entry| entry.path()).collect();
    all.sort();
    all
}

fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().starts_with(".new-")
}

fn cache(folder: &Path, args: &[&str]) -> command::Ran {
    ran(wasmdyld().arg("cache").args(args).current_dir(folder))
}

fn assert_sound(folder: &Path) {
    let verified = cache(folder, &["verify", "--dir", "kept"]);
    assert_eq!(
        verified.code,
        Some(0),
        "{}{}",
        verified.stdout,
        verified.stderr
    );
}

#[test]
fn twenty_at_once() {
    let folder = scratch("twenty");
    program(&folder);
    for round in 0..2 {
        let started: Vec<Child> = (0..20)
            .map(|_| run(&folder).spawn().expect("the command starts"))
            .collect();
        for mut child in started {
            let status = child.wait().expect("the end of the command");
            assert_eq!(status.code(), Some(RIGHT), "round {round}");
        }
        assert!(
            !files(&folder.join("kept"))
                .iter()
                .any(|file| is_unfinished(file))
        );
        assert_sound(&folder);
    }
    // One file for each module, one for all, and what the linker generated: no process has left one of its own.
    let kept = files(&folder.join("kept")).len();
    assert!(
        (LIBRARIES + 2..LIBRARIES + 16).contains(&kept),
        "{kept} files"
    );
}

#[test]
fn killed_at_any_moment() {
    let folder = scratch("killed");
    program(&folder);
    let start = Instant::now();
    let whole = ran(&mut run(&folder));
    assert_eq!(whole.code, Some(RIGHT), "{}", whole.stderr);
    let takes = start.elapsed();
    let (mut killed, mut left) = (0, 0);
    for n in 0..60u32 {
        if n % 6 == 0 {
            let _ = fs::remove_dir_all(folder.join("kept"));
        }
        let mut child = run(&folder).spawn().expect("the command starts");
        std::thread::sleep(takes * (n % 20) / 20 + Duration::from_micros(u64::from(n) * 37));
        // SIGKILL.
        child.kill().expect("it can be killed");
        killed += u32::from(child.wait().expect("its end").code().is_none());
        left += files(&folder.join("kept"))
            .iter()
            .filter(|file| is_unfinished(file))
            .count();
        assert_sound_or_missing(&folder);
        if n % 10 == 9 {
            assert_eq!(ran(&mut run(&folder)).code, Some(RIGHT), "after {n}");
        }
    }
    println!("{killed} killed, {left} half written files seen");
    assert!(killed > 10, "{killed} of 60 were killed before their end");
    assert_eq!(ran(&mut run(&folder)).code, Some(RIGHT));
    assert_sound(&folder);
}

/// A process that may write no file of that size is ended by a signal when it does.
#[test]
fn what_is_larger_than_files_may_be_is_not_kept() {
    let folder = scratch("ulimit");
    program(&folder);
    let run_with = |blocks: u32| {
        let run = run(&folder);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -f {blocks} && exec \"$@\""), "sh"]);
        shell.arg(run.get_program()).args(run.get_args());
        for (name, _) in run.get_envs() {
            shell.env_remove(name);
        }
        shell.current_dir(&folder);
        let ran = ran(&mut shell);
        assert_eq!(ran.code, Some(RIGHT), "{blocks} blocks: {}", ran.stderr);
        files(&folder.join("kept"))
    };
    let kept = run_with(0);
    assert!(
        kept.iter()
            .all(|file| fs::metadata(file).unwrap().len() == 0)
            && !kept.iter().any(|file| is_unfinished(file)),
        "{kept:?}"
    );
    // Of 512 or 1024 bytes, as the shell likes. What is small is kept.
    let kept = run_with(128);
    assert!(!kept.is_empty() && !kept.iter().any(|file| is_unfinished(file)));
    let largest = fs::metadata(largest(&folder.join("kept"))).unwrap().len();
    assert!(largest <= 128 * 1024, "{largest}");
    let kept = run_with(1 << 20).len();
    assert!(kept > LIBRARIES, "{kept}");
    assert_sound(&folder);
}

fn assert_sound_or_missing(folder: &Path) {
    if folder.join("kept").exists() {
        assert_sound(folder);
    }
}

/// What a loader opens when all is kept: one file with the code of all, not one for each.
#[test]
fn a_warm_start_opens_few_files() {
    let folder = scratch("opens");
    program(&folder);
    for _ in 0..2 {
        assert_eq!(ran(&mut run(&folder)).code, Some(RIGHT));
    }
    let all = largest(&folder.join("kept"));
    // Without those of their own the libraries' code is there all the same.
    for file in files(&folder.join("kept")) {
        if file != all
            && modules_in(&folder, &file) == 1
            && fs::metadata(&file).unwrap().len() > 30_000
        {
            fs::remove_file(file).unwrap();
        }
    }
    let before = files(&folder.join("kept"));
    assert_eq!(ran(&mut run(&folder)).code, Some(RIGHT));
    assert_eq!(
        files(&folder.join("kept")),
        before,
        "something was compiled"
    );
}

fn largest(folder: &Path) -> PathBuf {
    let size = |path: &PathBuf| fs::metadata(path).expect("a file").len();
    files(folder).into_iter().max_by_key(size).expect("a file")
}

fn modules_in(folder: &Path, file: &Path) -> usize {
    let listed = list(folder);
    let name = file.file_name().unwrap().to_str().unwrap();
    let found = listed["files"]
        .as_array()
        .unwrap()
        .iter()
        .find(|file| file["name"] == name);
    found.expect("it is listed")["modules"]
        .as_array()
        .unwrap()
        .len()
}

fn list(folder: &Path) -> Value {
    let listed = cache(folder, &["list", "--dir", "kept", "--format", "json"]);
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    serde_json::from_str(&listed.stdout).expect("JSON")
}

#[test]
fn list_verify_and_prune() {
    let folder = scratch("tend");
    let nothing = cache(&folder, &["list", "--dir", "kept"]);
    assert_eq!(
        (nothing.code, nothing.stdout.as_str()),
        (Some(0), "0 files in kept, 0 B\n")
    );
    assert_eq!(cache(&folder, &["prune", "--dir", "kept"]).code, Some(127));
    assert!(!folder.join("kept").exists(), "looking makes no folder");
    program(&folder);
    assert_eq!(ran(&mut run(&folder)).code, Some(RIGHT));
    let listed = list(&folder);
    let all = listed["files"].as_array().unwrap();
    assert_eq!(all.len(), files(&folder.join("kept")).len());
    assert!(
        all.iter()
            .all(|file| file["kind"] == "this" || file["kind"] == "record"),
        "{listed}"
    );
    assert!(
        all.iter()
            .any(|file| file["modules"].as_array().unwrap().len() > LIBRARIES)
    );
    let bytes: u64 = all.iter().map(|file| file["bytes"].as_u64().unwrap()).sum();
    assert_eq!(listed["bytes"], bytes);
    // A key is the BLAKE3 hash of a module's bytes.
    let library = fs::read(folder.join("lib3.so")).unwrap();
    let key = blake3::hash(&library).to_hex().to_string();
    let modules = all
        .iter()
        .flat_map(|file| file["modules"].as_array().unwrap());
    assert!(
        modules
            .clone()
            .filter(|module| module["blake3"] == key.as_str())
            .count()
            >= 2
    );

    // One bit.
    let damaged = files(&folder.join("kept")).pop().unwrap();
    let mut file = fs::read(&damaged).unwrap();
    let at = file.len() / 2;
    file[at] ^= 16;
    fs::write(&damaged, &file).unwrap();
    let name = damaged.file_name().unwrap().to_str().unwrap();
    let verified = cache(&folder, &["verify", "--dir", "kept"]);
    assert_eq!(verified.code, Some(1));
    assert!(
        verified.stdout.contains(&format!("{name} is damaged\n")),
        "{}",
        verified.stdout
    );
    let listed = list(&folder);
    let shown = listed["files"]
        .as_array()
        .unwrap()
        .iter()
        .find(|file| file["name"] == name);
    assert_eq!(shown.unwrap()["kind"], "damaged");
    let removed = cache(
        &folder,
        &["verify", "--dir", "kept", "--remove", "--format", "json"],
    );
    assert_eq!(removed.code, Some(1));
    let removed: Value = serde_json::from_str(&removed.stdout).unwrap();
    assert_eq!(removed["damaged"], Value::from(vec![name]));
    assert!(!damaged.exists());
    assert_sound(&folder);

    // Those used least recently go.
    let all = files(&folder.join("kept"));
    let day = Duration::from_secs(86_400);
    for (n, file) in all.iter().enumerate() {
        let file = fs::File::options().write(true).open(file).unwrap();
        file.set_modified(std::time::SystemTime::now() - day * n as u32)
            .unwrap();
    }
    let pruned = cache(&folder, &["prune", "--dir", "kept", "--max-files", "8"]);
    assert_eq!(pruned.code, Some(0), "{}", pruned.stderr);
    assert_eq!(files(&folder.join("kept")), all[..7]);
    assert_eq!(
        cache(&folder, &["prune", "--dir", "kept", "--all"]).code,
        Some(0)
    );
    assert!(files(&folder.join("kept")).is_empty());
    assert_eq!(
        cache(&folder, &["prune", "--dir", "kept", "--max-size", "1x"]).code,
        Some(2)
    );
}

/// What a build machine has compiled is all that a run needs: with a folder of its own it adds no code to that.
#[test]
fn added_on_a_build_machine() {
    let folder = scratch("added");
    program(&folder);
    let add = |args: &[&str]| {
        cache(
            &folder,
            &[&["add", "--dir", "built", "-L", "."], args].concat(),
        )
    };
    let added = add(&["--format", "json", "main.wasm"]);
    assert_eq!(added.code, Some(0), "{}", added.stderr);
    let answer: Value = serde_json::from_str(&added.stdout).expect("JSON");
    let built = files(&folder.join("built"));
    assert_eq!(answer["files"], built.len());
    assert!(built.len() > LIBRARIES, "{added}", added = added.stdout);
    let run = |prebuilt: &str| {
        let mut command = run(&folder);
        ran(command.env("WASMDYLD_PREBUILT_CACHE", prebuilt))
    };
    assert_eq!(run("nowhere:built").code, Some(RIGHT));
    let code = |own: &Value| {
        let files = own["files"].as_array().unwrap().iter();
        files.filter(|file| file["kind"] != "record").count()
    };
    assert_eq!(code(&list(&folder)), 0);
    assert_eq!(files(&folder.join("built")), built);
    // All is there.
    assert_eq!(add(&["main.wasm"]).stdout, "0 files added to built, 0 B\n");
    // Guests that can be stopped run other code.
    for (kind, value) in [("timeout", "1h"), ("budget", "1000000000")] {
        let dir = format!("for-{kind}");
        let added = ["add", "--dir", &dir, "--for", kind, "-L", ".", "main.wasm"];
        assert_eq!(cache(&folder, &added).code, Some(0));
        fs::remove_dir_all(folder.join("kept")).unwrap();
        let mut command = wasmdyld();
        command.args(["run", "--engine-cache", "kept", "--prebuilt-cache", &dir]);
        command.args([&format!("--{kind}"), value, "-L", ".", "main.wasm"]);
        let stoppable = ran(command.current_dir(&folder).stdout(Stdio::null()));
        assert_eq!(stoppable.code, Some(RIGHT), "{}", stoppable.stderr);
        assert_eq!(code(&list(&folder)), 0, "{kind}");
    }
    // Without the folder everything is compiled.
    fs::remove_dir_all(folder.join("kept")).unwrap();
    assert_eq!(run("nowhere").code, Some(RIGHT));
    assert!(files(&folder.join("kept")).len() > LIBRARIES);
    // What cannot be loaded is told, and nothing ran: the program would end with another code.
    let missing = add(&["main.wasm", "nowhere.wasm"]);
    assert_eq!(missing.code, Some(127));
    assert!(
        missing.stderr.contains("nowhere.wasm"),
        "{}",
        missing.stderr
    );
    wat(
        &folder,
        "start.wasm",
        r#"(module (func $f unreachable) (start $f) (func (export "_start")))"#,
    );
    let start = add(&["start.wasm"]);
    assert_eq!(start.code, Some(0), "{}", start.stderr);
    // Others could write to it.
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder.join("built"), fs::Permissions::from_mode(0o777)).unwrap();
    let refused = run("built");
    assert_eq!(refused.code, Some(127));
    assert!(
        refused.stderr.contains("can be written to by others"),
        "{}",
        refused.stderr
    );
}
