//! The command's polish: colours and progress on a terminal and nowhere else, completions, manual pages, backtraces, the link map.
#![cfg(feature = "cli")]

#[path = "support/command.rs"]
mod command;
#[path = "support/skip.rs"]
mod skip;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use command::{program, ran, scratch, wasmdyld, wat};

/// A terminal: what who types and sees has, and what programs have.
fn terminal() -> (File, OwnedFd) {
    let (mut ours, mut theirs) = (0, 0);
    let none = std::ptr::null_mut;
    let size = libc::winsize {
        ws_row: 25,
        ws_col: 70,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: two places for file descriptors, which are then ours alone.
    unsafe {
        let opened = libc::openpty(
            &raw mut ours,
            &raw mut theirs,
            none(),
            none().cast(),
            &raw const size as *mut _,
        );
        assert_eq!(opened, 0, "a terminal");
        (File::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs))
    }
}

/// What a terminal gets of standard output and standard error.
fn on_terminal(command: &mut Command) -> String {
    let (mut ours, theirs) = terminal();
    let copy = theirs.try_clone().expect("a second descriptor");
    command.env("TERM", "xterm").stdout(copy).stderr(theirs);
    let mut child = command.spawn().expect("the command starts");
    // The descriptors that it was given are closed here: reading ends where it does.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut text = Vec::new();
    let mut part = [0; 4096];
    // Linux tells the end as an error.
    while let Ok(size @ 1..) = ours.read(&mut part) {
        text.extend_from_slice(&part[..size]);
    }
    child.wait().expect("it ends");
    String::from_utf8(text).expect("text")
}

/// The guest ends with the number of bytes that it has read from standard input.
#[test]
fn a_guest_reads_a_terminal_and_is_stopped_while_it_waits_there() {
    let body = program(
        r"
        (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 1000))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $exit (i32.load (i32.const 8)))",
    );
    let file = wat(&scratch("reads-terminal"), "main.wasm", &body);
    let run = |typed: &str, timeout: &str| {
        let (mut ours, theirs) = terminal();
        ours.write_all(typed.as_bytes()).expect("typing");
        let mut command = wasmdyld();
        command.args(["run", "--timeout", timeout]).arg(&file);
        let ended = ran(command.stdin(theirs));
        // Until here there is somebody who may type.
        drop(ours);
        ended
    };
    let read = run("hello\n", "5m");
    assert_eq!(read.code, Some(6), "{}", read.stderr);
    // A line that is not at its end cannot be read.
    for typed in ["", "hello"] {
        let stopped = run(typed, "100ms");
        assert_eq!(stopped.code, Some(124), "{}", stopped.stderr);
        assert!(stopped.stderr.contains("longer than 100ms"));
    }
}

const ESCAPE: char = '\x1b';

#[test]
fn colours_are_for_terminals() {
    let help = || {
        let mut command = wasmdyld();
        command.args(["run", "--help"]);
        command
    };
    let error = || {
        let mut command = wasmdyld();
        command.args(["run", "/nowhere/program.wasm"]);
        command
    };
    for (what, command) in [
        ("help", &help as &dyn Fn() -> Command),
        ("an error", &error),
    ] {
        let shown = on_terminal(&mut command());
        assert!(shown.contains("\x1b["), "{what} without colours: {shown:?}");
        let plain = on_terminal(command().env("NO_COLOR", "1"));
        assert!(!plain.contains(ESCAPE), "{what}: {plain:?}");
        let piped = ran(&mut command());
        assert!(!(piped.stdout + &piped.stderr).contains(ESCAPE), "{what}");
        let forced = ran(command().env("CLICOLOR_FORCE", "1"));
        assert!((forced.stdout + &forced.stderr).contains(ESCAPE), "{what}");
    }
}

/// The commands that `wasmdyld` lists, or those of one of its commands.
fn commands(of: Option<&str>) -> Vec<String> {
    let help = ran(wasmdyld().args(of).arg("--help")).stdout;
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let list = list.take_while(|line| !line.is_empty());
    list.filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_string)
        .collect()
}

#[test]
fn completions_for_each_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = ran(wasmdyld().args(["completions", shell]));
        assert_eq!(script.code, Some(0), "{shell}: {}", script.stderr);
        for word in commands(None)
            .iter()
            .map(String::as_str)
            .chain(["preload", "runtime-path"])
        {
            assert!(script.stdout.contains(word), "{shell}: no {word}");
        }
    }
    assert_eq!(ran(wasmdyld().args(["completions", "csh"])).code, Some(2));
    if !skip::has("bash") {
        return;
    }
    let file = scratch("completions").join("wasmdyld.bash");
    fs::write(&file, ran(wasmdyld().args(["completions", "bash"])).stdout).expect("writing");
    let completed = |words: &[&str]| {
        let [.., before, last] = words else {
            panic!("two words at least");
        };
        let script = format!(
            ". '{}'; COMP_WORDS=({}); COMP_CWORD={}; _wasmdyld wasmdyld '{last}' '{before}'; echo \"${{COMPREPLY[*]}}\"",
            file.display(),
            words.join(" "),
            words.len() - 1
        );
        let output = Command::new("bash").args(["-c", &script]).output();
        let output = output.expect("bash");
        String::from_utf8(output.stdout)
            .expect("text")
            .trim()
            .to_string()
    };
    assert_eq!(completed(&["wasmdyld", "engine"]), "engine-check");
    assert_eq!(completed(&["wasmdyld", "run", "--prel"]), "--preload");
    assert_eq!(completed(&["wasmdyld", "run", "--bind", "l"]), "lazy");
}

#[test]
fn manual_pages_for_each_command() {
    let folder = scratch("man");
    let ran_all = ran(wasmdyld().args(["man", "--dir"]).arg(&folder));
    assert_eq!(ran_all.code, Some(0), "{}", ran_all.stderr);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let mut wanted = vec![folder.join("wasmdyld.1")];
    for name in commands(None) {
        wanted.push(folder.join(format!("wasmdyld-{name}.1")));
        let inner = commands(Some(&name)).into_iter();
        wanted.extend(inner.map(|inner| folder.join(format!("wasmdyld-{name}-{inner}.1"))));
    }
    for page in ["wasmdyld-run.1", "wasmdyld-cache-verify.1"] {
        assert!(wanted.contains(&folder.join(page)), "{wanted:?}");
    }
    wanted.sort();
    assert_eq!(files, wanted);
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect("a page");
    assert_eq!(
        ran(wasmdyld().args(["man", "run"])).stdout,
        read("wasmdyld-run.1")
    );
    assert_eq!(ran(wasmdyld().arg("man")).stdout, read("wasmdyld.1"));
    let page = read("wasmdyld-run.1");
    for part in [
        ".SH ENVIRONMENT",
        ".SH \"EXIT STATUS\"",
        ".SH OPTIONS",
        "WASMDYLD\\_DEBUG",
        "wasmdyld run",
    ] {
        assert!(
            page.replace("\\_", "_").contains(&part.replace("\\_", "_")),
            "no {part} in:\n{page}"
        );
    }
    assert_eq!(ran(wasmdyld().args(["man", "walk"])).code, Some(2));
    assert_eq!(
        ran(wasmdyld().args(["man", "--dir", "/dev/null/x"])).code,
        Some(1)
    );
    if !skip::has("mandoc") {
        return;
    }
    for file in files {
        let lint = Command::new("mandoc")
            .args(["-T", "lint"])
            .arg(&file)
            .output();
        let lint = lint.expect("mandoc");
        let said = String::from_utf8_lossy(&lint.stdout);
        assert!(lint.status.success() && said.is_empty(), "{said}");
    }
}

/// A program and two libraries, `top.so` and `bottom.so`; what `bottom` does is given.
fn chain(folder: &Path, bottom: &str) -> PathBuf {
    let main = r#"(module
        (@dylink.0 (mem-info (memory 0 0) (table 0 0)) (needed "top.so"))
        (import "env" "memory" (memory 1))
        (import "env" "__memory_base" (global i32))
        (import "env" "top" (func $top))
        (func $_start (export "_start") call $top))"#;
    let top = r#"(module
        (@dylink.0 (mem-info (memory 0 0) (table 0 0)) (needed "bottom.so"))
        (import "env" "bottom" (func $bottom))
        (func $top (export "top") call $bottom))"#;
    let bottom = format!(
        r#"(module
        (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
        (func $bottom (export "bottom") {bottom}))"#
    );
    wat(folder, "top.so", top);
    wat(folder, "bottom.so", &bottom);
    wat(folder, "main.wasm", main)
}

fn run(folder: &Path) -> Command {
    let mut command = wasmdyld();
    command
        .arg("run")
        .arg("-L")
        .arg(folder)
        .args(["--engine-cache", "off"]);
    command
}

#[test]
fn a_trap_shows_functions_with_their_libraries() {
    let folder = scratch("trap");
    let main = chain(&folder, "unreachable");
    let trapped = ran(run(&folder).arg(&main));
    assert_eq!(trapped.code, Some(134));
    let expected = "\
wasmdyld: running main.wasm: wasm `unreachable` instruction executed
   0: bottom.so: bottom+0x1
   1: top.so: top+0x1
   2: main.wasm: _start+0x1
";
    assert_eq!(trapped.stderr, expected);
}

#[test]
fn the_map_is_written_before_the_program_runs() {
    let folder = scratch("map");
    let main = chain(&folder, "unreachable");
    let file = folder.join("map.txt");
    let ran_file = ran(run(&folder).arg("--map").arg(&file).arg(&main));
    assert_eq!(ran_file.code, Some(134));
    let map = fs::read_to_string(&file).expect("the map");
    for part in [
        "memory: ",
        "table: ",
        "objects: 3",
        "    kept: needed by main.wasm",
        "global scope: main.wasm, top.so, bottom.so",
    ] {
        assert!(map.contains(part), "no {part:?} in:\n{map}");
    }
    let shown = ran(run(&folder).args(["--map", "-"]).arg(&main));
    assert!(shown.stderr.starts_with(&map), "{}", shown.stderr);
    let refused = ran(run(&folder).args(["--map", "/dev/null/x"]).arg(&main));
    assert_eq!(refused.code, Some(127));
    assert!(
        refused.stderr.contains("--map /dev/null/x"),
        "{}",
        refused.stderr
    );
}

#[test]
fn progress_leaves_nothing_on_the_terminal() {
    let folder = scratch("progress");
    let main = chain(&folder, "");
    let silent = ran(run(&folder).arg(&main));
    assert_eq!((silent.code, silent.stderr.as_str()), (Some(0), ""));
    let logged = ran(run(&folder).args(["--progress", "always"]).arg(&main));
    let expected = "\
wasmdyld: compiling main.wasm (0.0 MB), 1 of 3
wasmdyld: compiling top.so (0.0 MB), 2 of 3
wasmdyld: compiling bottom.so (0.0 MB), 3 of 3
";
    assert_eq!(logged.stderr, expected);

    let shown = on_terminal(run(&folder).args(["--progress", "always"]).arg(&main));
    assert!(
        shown.contains("compiling bottom.so (0.0 MB), 3 of 3"),
        "{shown:?}"
    );
    assert!(shown.ends_with("\r\x1b[K"), "{shown:?}");
    // One line of the terminal at most, whatever a library is called.
    let long = format!("{}.wasm", "long".repeat(50));
    let long = wat(&folder, &long, &program(""));
    let shown = on_terminal(run(&folder).args(["--progress", "always"]).arg(&long));
    let lines: Vec<&str> = shown.split("\r\x1b[K").collect();
    assert!(
        lines.iter().all(|line| line.chars().count() < 70) && !shown.contains('\n'),
        "{shown:?}"
    );
    for (when, main) in [("never", &main), ("auto", &main)] {
        let shown = on_terminal(run(&folder).args(["--progress", when]).arg(main));
        // How long it takes is not known; what was shown is gone.
        assert!(
            shown.is_empty() || when == "auto" && shown.ends_with("\r\x1b[K"),
            "{shown:?}"
        );
    }
}
