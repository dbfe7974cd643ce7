//! The `wasmdyld` command, as a user meets it: options, environment, exit codes, messages.
#![cfg(feature = "cli")]

#[path = "support/command.rs"]
mod command;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use command::{guests, hello, program, ran, scratch, wasmdyld, wat};

#[test]
fn the_exit_code_is_the_programs() {
    let folder = scratch("exit");
    for (body, code) in [
        ("", 0),
        ("(call $exit (i32.const 42))", 42),
        ("(call $exit (i32.const 255))", 255),
    ] {
        let file = wat(&folder, "main.wasm", &program(body));
        assert_eq!(
            ran(wasmdyld().arg("run").arg(&file)).code,
            Some(code),
            "{body}"
        );
    }
}

#[test]
fn a_trap_prints_the_engines_text_and_exits_134() {
    let file = wat(&scratch("trap"), "main.wasm", &program("unreachable"));
    let ran = ran(wasmdyld().arg("run").arg(&file));
    assert_eq!(ran.code, Some(134));
    assert!(
        ran.stderr.contains("unreachable") && ran.stderr.contains("main.wasm"),
        "{}",
        ran.stderr
    );
}

/// As timeout(1) does.
#[test]
fn a_program_that_is_stopped_exits_124() {
    let folder = scratch("stopped");
    let endless = wat(&folder, "endless.wasm", &program("(loop (br 0))"));
    let text = program("").replace(
        "(func (export",
        "(start $loops) (func $loops (loop (br 0))) (func (export",
    );
    let starting = wat(&folder, "starting.wasm", &text);
    for file in [&endless, &starting] {
        for (option, value, said) in [
            (
                "--timeout",
                "50ms",
                "longer than 50ms: give it more with --timeout",
            ),
            ("--timeout", "0s", "--timeout"),
            ("--budget", "100000", "budget of 100000 units"),
        ] {
            let ran = ran(wasmdyld().args(["run", option, value]).arg(file));
            assert_eq!(ran.code, Some(124), "{option}: {}", ran.stderr);
            assert!(ran.stderr.contains(said), "{option}: {}", ran.stderr);
        }
    }
    let rounds = |n: u32| {
        let body = format!(
            "(local $n i32) (local.set $n (i32.const {n})) (loop (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
        );
        wat(&folder, "rounds.wasm", &program(&body))
    };
    // The same each time: what is enough is enough.
    let bounded = |n| ran(wasmdyld().args(["run", "--budget", "5000"]).arg(rounds(n))).code;
    assert_eq!((bounded(4900), bounded(5100)), (Some(0), Some(124)));
    let file = rounds(10);
    let both = ["run", "--timeout", "1h", "--budget", "1000000"];
    assert_eq!(ran(wasmdyld().args(both).arg(&file)).code, Some(0));
    for bad in ["5", "soon", "-1s"] {
        let ran = ran(wasmdyld()
            .args(["run", &format!("--timeout={bad}")])
            .arg(&file));
        assert_eq!(ran.code, Some(2), "{bad}: {}", ran.stderr);
        assert!(ran.stderr.contains("--timeout"), "{}", ran.stderr);
    }
}

#[test]
fn standard_input_passes_through() {
    // Reads into 16.., writes back as many bytes as came.
    let body = r"
        (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 1000))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (i32.store (i32.const 4) (i32.load (i32.const 8)))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))";
    let file = wat(&scratch("stdin"), "main.wasm", &program(body));
    let mut child = wasmdyld()
        .arg("run")
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(b"one\ntwo\n")
        .expect("writing");
    assert_eq!(
        child.wait_with_output().expect("output").stdout,
        b"one\ntwo\n"
    );
}

#[test]
fn a_missing_library_names_every_place_and_who_needs_it() {
    let empty = scratch("missing");
    let ran = ran(wasmdyld().args(["run", "-L"]).arg(&empty).arg(hello()));
    assert_eq!(ran.code, Some(127));
    for text in [
        "libc.so",
        "needed by main-pie.wasm",
        "library path",
        &empty.display().to_string(),
    ] {
        assert!(ran.stderr.contains(text), "no {text:?} in: {}", ran.stderr);
    }
}

#[test]
fn what_is_no_program_is_named() {
    let folder = scratch("kinds");
    let library = guests().join("lib/libc.so");
    let elf = std::env::current_exe().expect("this test");
    let text = folder.join("text.wat");
    fs::write(&text, "(module)").expect("writing");
    for (file, expected) in [
        (&library, "_start"),
        (&elf, "ELF"),
        (&text, "text"),
        (&folder.join("nothing.wasm"), "no such file"),
        (&folder, "not a regular file"),
    ] {
        let ran = ran(wasmdyld()
            .arg("run")
            .arg("-L")
            .arg(guests().join("lib"))
            .arg(file));
        assert_eq!(ran.code, Some(127), "{}", file.display());
        assert!(
            ran.stderr.contains(expected),
            "no {expected:?} in: {}",
            ran.stderr
        );
    }
}

#[test]
fn a_wrong_command_line_exits_2() {
    for args in [
        &["run"][..],
        &["walk"],
        &["run", "--bind", "sometimes", "x"],
        &["run", "--stack-size", "-1", "x"],
    ] {
        assert_eq!(ran(wasmdyld().args(args)).code, Some(2), "{args:?}");
    }
}

#[test]
fn options_end_at_the_program_or_at_two_dashes() {
    let args = guests().join("cases/arguments/main-pie.wasm");
    assert!(args.exists(), "{} is not built", args.display());
    let lib = guests().join("lib");
    let plain = ran(wasmdyld()
        .arg("run")
        .arg("-L")
        .arg(&lib)
        .arg(&args)
        .args(["-L", "x", "--env"]));
    let dashes = ran(wasmdyld()
        .arg("run")
        .arg("-L")
        .arg(&lib)
        .arg("--")
        .arg(&args)
        .args(["-L", "x", "--env"]));
    assert!(
        plain.stdout.contains("--env"),
        "{} {}",
        plain.stdout,
        plain.stderr
    );
    assert_eq!(plain.stdout, dashes.stdout);
}

#[test]
fn the_environment_finds_preloads_and_debugs() {
    let lib = guests().join("lib");
    let found = ran(wasmdyld()
        .arg("run")
        .arg(hello())
        .env("WASMDYLD_LIBRARY_PATH", &lib));
    assert_eq!((found.code, found.stderr.as_str()), (Some(0), ""));

    let preload = guests().join("cases/preload");
    let paths = std::env::join_paths([&preload, &lib]).expect("no colon in the paths");
    let main = preload.join("main-pie.wasm");
    let preloaded = ran(wasmdyld()
        .arg("run")
        .arg(&main)
        .env("WASMDYLD_LIBRARY_PATH", &paths)
        .env("WASMDYLD_PRELOAD", "libpolite.so"));
    assert!(
        preloaded.stdout.contains("supplied by preload"),
        "{}",
        preloaded.stderr
    );

    let lazy = |now: &str| {
        let mut command = wasmdyld();
        command
            .args(["run", "--bind", "lazy"])
            .arg(&main)
            .env("WASMDYLD_LIBRARY_PATH", &paths);
        ran(command.env("WASMDYLD_BIND_NOW", now))
    };
    assert_eq!(
        lazy("").code,
        Some(134),
        "an undefined function traps when it is called"
    );
    assert!(lazy("").stderr.contains("undefined symbol"));
    assert_eq!(lazy("1").code, Some(127), "WASMDYLD_BIND_NOW overrides");

    for (category, expected) in [
        ("libs", "libc.so found (library path)"),
        ("symbols", " in libc.so"),
        ("bindings", "-> libc.so:"),
        ("plan", "object libc.so"),
        ("init", "libc.so: _initialize"),
        ("statistics", "linker"),
        ("map", "libc.so: data"),
        ("all", "wasmdyld: plan: "),
    ] {
        let ran = ran(wasmdyld()
            .arg("run")
            .arg(hello())
            .env("WASMDYLD_LIBRARY_PATH", &lib)
            .env("WASMDYLD_DEBUG", category));
        assert_eq!(ran.code, Some(0), "{category}");
        assert!(ran.stderr.contains(expected), "{category}: {}", ran.stderr);
    }
    let help = ran(wasmdyld()
        .arg("run")
        .arg(hello())
        .env("WASMDYLD_DEBUG", "help"));
    assert_eq!(help.code, Some(0));
    assert!(help.stdout.contains("bindings"), "{}", help.stdout);
    let wrong = ran(wasmdyld()
        .arg("run")
        .arg(hello())
        .env("WASMDYLD_DEBUG", "nonsense"));
    assert_eq!(wrong.code, Some(127));
    assert!(wrong.stderr.contains("statistics"), "{}", wrong.stderr);
}

#[test]
fn compiled_code_is_kept_where_asked_and_nowhere_when_off() {
    let folder = scratch("cache");
    let (cache, home) = (folder.join("kept"), folder.join("home"));
    let lib = guests().join("lib");
    let files = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut all = Vec::new();
        let mut folders: Vec<PathBuf> = entries.map(|e| e.path()).collect();
        while let Some(path) = folders.pop() {
            match fs::read_dir(&path) {
                Ok(entries) => folders.extend(entries.flatten().map(|e| e.path())),
                // Code has no extension; the engine's notes on its use do, and are written whenever it finds the time.
                Err(_) if path.extension().is_some() => {}
                Err(_) => all.push(path),
            }
        }
        all.len()
    };
    let run = |engine_cache: Option<&Path>| {
        let mut command = wasmdyld();
        command
            .arg("run")
            .arg("-L")
            .arg(&lib)
            .env("HOME", &home)
            .env_remove("XDG_CACHE_HOME");
        match engine_cache {
            Some(cache) => command.arg("--engine-cache").arg(cache),
            None => command.args(["--engine-cache", "off"]),
        };
        assert_eq!(ran(command.arg(hello())).code, Some(0));
    };
    run(None);
    assert_eq!(files(&home), 0);
    run(Some(&cache));
    let kept = files(&cache);
    assert!(kept > 0);
    run(Some(&cache));
    assert_eq!(
        files(&cache),
        kept,
        "the second run adds nothing: generated modules are the same bytes"
    );
}

#[test]
fn launch_closures_are_used_and_can_be_switched_off() {
    let folder = scratch("launch");
    let (lib, empty) = (guests().join("lib"), folder.join("empty"));
    fs::create_dir_all(&empty).expect("a folder");
    let says = |more: &[&str], variable: &str, value: &Path| {
        let mut command = wasmdyld();
        command
            .arg("run")
            .arg("--engine-cache")
            .arg(folder.join("kept"));
        command.arg("-L").arg(&empty).arg("-L").arg(&lib).args(more);
        command
            .env("WASMDYLD_DEBUG", "statistics")
            .env(variable, value);
        let done = ran(command.arg(hello()));
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        assert_eq!(done.stdout, "Hello from a program with a shared libc.\n");
        let mut lines = done.stderr.lines();
        let line = lines.find_map(|line| line.split_once("launch closure: "));
        line.expect("what a closure did").1.to_string()
    };
    let usual = || says(&[], "UNUSED", Path::new(""));
    assert_eq!(usual(), "miss: none is kept");
    assert_eq!(usual(), "hit");
    let on = Path::new("1");
    assert_eq!(
        says(&["--no-launch-closure"], "UNUSED", on),
        "none: they are switched off"
    );
    let off = says(&[], "WASMDYLD_NO_LAUNCH_CLOSURE", on);
    assert_eq!(off, "none: they are switched off");
    // What the environment says of the search is part of it.
    let other = says(&[], "WASMDYLD_LIBRARY_PATH", &folder);
    assert_eq!(other, "miss: none is kept");
    assert_eq!(usual(), "hit");
    // An earlier folder has the library since.
    fs::copy(lib.join("libc.so"), empty.join("libc.so")).expect("a copy");
    assert!(usual().ends_with("empty/libc.so is there"));
}

#[test]
fn a_program_and_its_libraries_start_as_one_module_if_it_opens_none() {
    let folder = scratch("prelink");
    let lib = guests().join("lib");
    let objects = |more: &[&str], program: &Path| {
        let mut command = wasmdyld();
        command
            .arg("run")
            .arg("--engine-cache")
            .arg(folder.join("kept"));
        command.arg("-L").arg(&lib).args(more);
        command.env("WASMDYLD_DEBUG", "statistics");
        let done = ran(command.arg(program));
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let mut lines = done.stderr.lines();
        let count = lines.find_map(|line| line.split_once(" objects, "));
        let count = count.expect("how many objects").0;
        count.rsplit(' ').next().expect("a number").to_string()
    };
    assert_eq!(objects(&["--no-prelink"], &hello()), "2");
    // All has been compiled.
    assert_eq!(objects(&[], &hello()), "2");
    fs::remove_dir_all(folder.join("kept")).expect("kept code");
    assert_eq!(objects(&[], &hello()), "1");
    assert_eq!(objects(&[], &hello()), "1");
    // It is to be stopped, or shown.
    assert_eq!(objects(&["--timeout", "1m"], &hello()), "2");
    assert_eq!(objects(&["--budget", "1000000000"], &hello()), "2");
    assert_eq!(objects(&["--map", "/dev/null"], &hello()), "2");
    assert_eq!(objects(&["--plt", "wasm"], &hello()), "2");
    // It opens libraries, wherever they are.
    let mut command = wasmdyld();
    command.env("WASMDYLD_DEBUG", "statistics");
    command
        .arg("run")
        .arg("--engine-cache")
        .arg(folder.join("kept"));
    command.arg("-L").arg(&lib);
    let done = ran(command.arg(guests().join("cases/dl-main/main-pie.wasm")));
    let why = "not prelinked: it opens libraries";
    assert!(done.stderr.contains(why), "{}", done.stderr);
}

#[test]
fn linking_makes_one_module_that_runs_alone_or_leaves_no_file() {
    let folder = scratch("link");
    let lib = guests().join("lib");
    let (whole, map) = (folder.join("whole.wasm"), folder.join("map.json"));
    let link = |output: &Path, program: &Path, more: &[&str]| {
        let mut command = wasmdyld();
        command
            .args(["link", "--default-path", "off", "-o"])
            .arg(output);
        ran(command.args(more).arg(program))
    };
    let libs = lib.to_str().expect("a path");
    // What is missing.
    let done = link(&whole, &hello(), &[]);
    assert_eq!(done.code, Some(1));
    assert!(
        done.stderr.contains("libc.so is not found"),
        "{}",
        done.stderr
    );
    assert!(!whole.exists());
    // What it cannot be.
    let opens = guests().join("cases/dl-main/main-pie.wasm");
    let done = link(&whole, &opens, &["-L", libs]);
    assert_eq!(done.code, Some(127));
    let says = |text: &str| done.stderr.contains(text);
    assert!(says("dlopen") && says("wasmdyld run"), "{}", done.stderr);
    assert_eq!(fs::read_dir(&folder).expect("the folder").count(), 0);

    let map_file = map.to_str().expect("a path");
    let done = link(&whole, &hello(), &["-L", libs, "--map", map_file]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let mut alone = wasmdyld();
    let done = ran(alone.args(["run", "--default-path", "off"]).arg(&whole));
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(done.stdout, "Hello from a program with a shared libc.\n");
    let map = fs::read(&map).expect("a map");
    let map: serde_json::Value = serde_json::from_slice(&map).expect("JSON");
    let libc = &map["objects"][1];
    assert_eq!(libc["name"], "libc.so");
    let used = libc["functions"].as_array().expect("a list").len() as u64;
    let defined = libc["defined"].as_u64().expect("a number");
    assert!(used < defined / 4, "{used} functions of libc are used");
    // The same once more.
    let again = folder.join("again.wasm");
    assert_eq!(link(&again, &hello(), &["-L", libs]).code, Some(0));
    let read = |file: &Path| fs::read(file).expect("a module");
    assert_eq!(read(&again), read(&whole));
    // A library is a reactor.
    let zlib = folder.join("z.wasm");
    let done = link(&zlib, &lib.join("libz.so"), &["-L", libs]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let done = ran(wasmdyld().arg("inspect").arg(&zlib));
    assert!(
        done.stdout.contains("at start   _initialize"),
        "{}",
        done.stdout
    );
    let module = String::from_utf8_lossy(&read(&zlib)).into_owned();
    assert!(module.contains("crc32_combine"));
}

/// Reads its monotonic clock, sleeps for an hour, and exits with 0 if the clock says so much has passed; then writes 8 random bytes.
const SLEEPER: &str = r#"(module
    (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\80\00\00\00\08\00\00\00")
    (func (export "_start")
        (drop (call $time (i32.const 1) (i64.const 0) (i32.const 16)))
        (i32.store (i32.const 272) (i32.const 1))
        (i64.store (i32.const 280) (i64.const 3600000000000))
        (if (call $poll (i32.const 256) (i32.const 512) (i32.const 1) (i32.const 32)) (then (call $exit (i32.const 1))))
        (drop (call $time (i32.const 1) (i64.const 0) (i32.const 24)))
        (if (i64.lt_u (i64.sub (i64.load (i32.const 24)) (i64.load (i32.const 16))) (i64.const 3600000000000))
            (then (call $exit (i32.const 2))))
        (drop (call $random (i32.const 128) (i32.const 8)))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))))"#;

#[test]
fn time_passes_faster_and_random_numbers_follow_from_a_seed() {
    let file = wat(&scratch("clocks"), "sleeper.wasm", SLEEPER);
    let sleeper = |options: &[&str]| {
        let mut command = wasmdyld();
        ran(command.arg("run").args(options).arg(&file))
    };
    let drawn = |options: &[&str]| {
        let output = wasmdyld()
            .arg("run")
            .args(options)
            .arg(&file)
            .output()
            .expect("the command");
        assert_eq!(output.status.code(), Some(0), "{options:?}");
        assert_eq!(output.stdout.len(), 8, "{options:?}");
        output.stdout
    };
    for scale in ["1000000", "100000.5", "1000000/3"] {
        assert_eq!(sleeper(&["--clock-scale", scale]).code, Some(0), "{scale}");
    }
    let fast = ["--clock-scale", "1000000", "--random-seed"];
    let by = |seed| drawn(&[&fast[..], &[seed]].concat());
    assert_eq!(by("7"), by("7"));
    assert_ne!(by("7"), by("8"));
    assert_eq!(by("7"), drawn(&["--deterministic=7"]));
    // What ends a wait of real time ends this.
    let slow = sleeper(&["--clock-scale", "1/1000000", "--timeout", "50ms"]);
    assert_eq!(slow.code, Some(124), "{}", slow.stderr);
    for (options, why) in [
        (&["--clock-scale", "0"][..], "from 1/1000000 to 1000000"),
        (&["--clock-scale", "1000001"], "from 1/1000000 to 1000000"),
        (&["--clock-scale", "fast"], "such as 2 or 0.25"),
        (
            &["--clock-scale", "2", "--deterministic"],
            "cannot be used with",
        ),
        (
            &["--random-seed", "2", "--deterministic"],
            "cannot be used with",
        ),
        (&["--random-seed", "-1"], "--random-seed"),
    ] {
        let refused = sleeper(options);
        assert_eq!(refused.code, Some(2), "{options:?}");
        assert!(
            refused.stderr.contains(why),
            "{options:?}: {}",
            refused.stderr
        );
    }
}

/// Clocks and random numbers are a run's own, and nothing of what is kept of its load, which serves a run with any.
#[test]
fn a_kept_load_takes_no_clocks_and_no_random_numbers_along() {
    let folder = scratch("launch-clocks");
    let file = wat(&folder, "sleeper.wasm", SLEEPER);
    // A file that was just written is not trusted.
    std::thread::sleep(std::time::Duration::from_millis(2_100));
    let run = |options: &[&str], kept: &str| {
        let mut command = wasmdyld();
        command
            .args(["run", "--engine-cache"])
            .arg(folder.join("kept"))
            .args(options)
            .env("WASMDYLD_DEBUG", "statistics");
        let output = command.arg(&file).output().expect("the command");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = format!("launch closure: {kept}");
        assert!(told.contains(&line), "{options:?}: not {line}: {told}");
        (output.status.code(), output.stdout)
    };
    let fast = ["--clock-scale", "1000000"];
    let by = |more: &[&str], kept| run(&[&fast[..], more].concat(), kept);
    let drawn = |more: &[&str], kept| {
        let (code, bytes) = by(more, kept);
        assert_eq!((code, bytes.len()), (Some(0), 8), "{more:?}");
        bytes
    };
    let seven = drawn(&["--random-seed", "7"], "miss");
    assert_ne!(drawn(&["--random-seed", "8"], "hit"), seven);
    assert_ne!(drawn(&[], "hit"), drawn(&[], "hit"));
    assert_eq!(drawn(&["--random-seed", "7"], "hit"), seven);
    assert_eq!(run(&["--deterministic=7"], "hit"), (Some(0), seven));

    // An hour of a clock that hardly goes is stopped, whatever the one before it was.
    let limit = ["--timeout", "2s"];
    assert_eq!(by(&limit, "miss").0, Some(0));
    let slow = ["--clock-scale", "1/1000000", "--timeout", "50ms"];
    assert_eq!(run(&slow, "hit").0, Some(124));
    assert_eq!(by(&limit, "hit").0, Some(0));
}
