//! `wasmdyld link --snapshot`: what the module begins with, on which engines, and what is refused.
#![cfg(all(feature = "cli", feature = "wasmtime"))]

#[path = "support/c.rs"]
mod c;
#[path = "support/command.rs"]
mod command;
#[path = "../src/wasi/tests/zip.rs"]
#[allow(dead_code, reason = "archives that are damaged are made elsewhere")]
mod zip;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use command::{Ran, guests, ran, scratch, wasmdyld};
use zip::Entry;

const LIBRARY: &str = r#"
int constructed_in_library;
__attribute__((constructor)) static void construct(void) { constructed_in_library++; }
int twice(int a) { return 2 * a; }
"#;

/// A program that says how often what has run, and what it sees of its run.
const PROGRAM: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasmdyld/snapshot.h>
extern char **environ;
extern int constructed_in_library;
int twice(int);
static int (*through)(int) = twice;
static int constructed, warmed;
static char *kept;
static void at_end(void) { printf("end\n"); }
/* Main has returned then. */
static void late(void) { wasmdyld_snapshot(); }
/* In a constructor it does nothing. */
__attribute__((constructor)) static void construct(void) { constructed++; wasmdyld_snapshot(); }
__attribute__((export_name("warm_up"))) int warm_up(void) {
    warmed++;
    kept = malloc(100000);
    snprintf(kept, 100000, "%s", getenv("NAME") ? getenv("NAME") : "nobody");
    if (fopen("/data/file", "r")) kept[0] = '+';
    printf("warming up\n");
    atexit(at_end);
    return getenv("FAIL") ? 7 : 0;
}
__attribute__((export_name("wrong"))) void wrong(int a) { (void)a; }
__attribute__((export_name("leave"))) void leave(void) { exit(4); }
__attribute__((export_name("trap"))) void trap(void) { __builtin_trap(); }
__attribute__((export_name("spin"))) void spin(void) { for (;;) __asm__ volatile(""); }
int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "nothing";
    if (!strcmp(what, "ready") && !warmed) {
        warm_up();
        if (wasmdyld_snapshot()) return 9;
    }
    if (!strcmp(what, "late")) atexit(late);
    char *more = malloc(100000);
    memset(more, 1, 100000);
    printf("constructed %d %d, warmed %d, kept %s, slot %d\n", constructed, constructed_in_library, warmed, kept ? kept : "nothing", through(4));
    printf("args %d %s, env %s %s\n", argc, what, getenv("NAME") ? getenv("NAME") : "nobody", environ && environ[0] ? environ[0] : "nobody");
    FILE *file = fopen("/run/file", "r");
    printf("%s\n", file ? "a file" : "no file");
    return 3;
}
"#;

struct Built {
    folder: PathBuf,
}

impl Built {
    /// Programs of one test's folder.
    fn new(name: &str, extension: &str, library: &str, program: &str) -> Built {
        let folder = scratch(name);
        let built = Built { folder };
        fs::write(built.at("library.c"), library).expect("a source");
        fs::write(built.at(&format!("program.{extension}")), program).expect("a source");
        fs::write(built.at("file"), "x").expect("a file");
        built.compile("cc", &["-shared", "-o", "libtwice.so", "library.c"]);
        let tool = if extension == "c" { "cc" } else { "c++" };
        let source = format!("program.{extension}");
        built.compile(tool, &["-o", "program.wasm", &source, "-L.", "-ltwice"]);
        built
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn compile(&self, tool: &str, args: &[&str]) {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/tools");
        let mut command = Command::new(tools.join(format!("wasmdyld-{tool}")));
        command.env("WASMDYLD_TOOLCHAIN", guests());
        let done = ran(command.current_dir(&self.folder).args(args));
        assert_eq!(done.code, Some(0), "{}", done.stderr);
    }

    fn link(&self, output: &str, options: &[&str], args: &[&str]) -> Ran {
        let mut command = wasmdyld();
        command.current_dir(&self.folder);
        command.args(["link", "-L", ".", "-L"]);
        command.arg(guests().join("lib"));
        command.args(["-o", output]).args(options);
        ran(command.arg("program.wasm").arg("--").args(args))
    }

    fn linked(&self, output: &str, options: &[&str], args: &[&str]) -> Ran {
        let done = self.link(output, options, args);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        done
    }

    /// Runs a module with its own arguments, environment and folder.
    fn run(&self, module: &str, more: &[&str], args: &[&str]) -> Ran {
        let mut command = wasmdyld();
        command.current_dir(&self.folder);
        command.args(["run", "--env", "NAME=run", "--dir", ".::/run", "-L", "."]);
        command.arg("-L").arg(guests().join("lib"));
        ran(command.args(more).arg(module).args(args))
    }
}

fn runs(built: &Built, module: &str, args: &[&str], expected: &str) {
    let done = built.run(module, &[], args);
    assert_eq!(done.stdout, expected, "{}", done.stderr);
    assert_eq!(done.code, Some(3));
    for (name, engine) in c::engines() {
        let engine = engine.to_string_lossy().into_owned();
        let done = built.run(module, &["--engine", &engine], args);
        if done.stderr.contains("the engine has no exceptions") {
            continue;
        }
        assert_eq!(done.stdout, expected, "{name}: {}", done.stderr);
        assert_eq!(done.code, Some(3), "{name}");
    }
}

#[test]
fn a_program_goes_on_with_its_own_arguments_environment_and_folders() {
    let built = Built::new("snapshot", "c", LIBRARY, PROGRAM);
    let seen = ["--env", "NAME=snap", "--dir", ".::/data"];
    let with = |first: &str, more: &[&str]| {
        let mut options = vec![first.to_string()];
        options.extend(seen.iter().chain(more).map(|option| option.to_string()));
        options
    };
    let of_run = "args 2 now, env run NAME=run\na file\n";
    let link = |output: &str, first: &str, more: &[&str], args: &[&str]| {
        let options = with(first, more);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        built.linked(output, &options, args)
    };
    // What is buffered is written before the snapshot, not at each start.
    let done = link("plain.wasm", "--snapshot", &[], &["before"]);
    assert_eq!(done.stdout, "");
    let expected = format!("constructed 1 1, warmed 0, kept nothing, slot 8\n{of_run}");
    runs(&built, "plain.wasm", &["now"], &expected);

    // What it has open would not be: that is refused below. `warm_up` opens a file of this folder alone.
    let options = ["--snapshot=warm_up", "--env", "NAME=snap"];
    let done = built.linked("warm.wasm", &options, &[]);
    assert_eq!(done.stdout, "warming up\n");
    let expected = format!("constructed 1 1, warmed 1, kept snap, slot 8\n{of_run}end\n");
    runs(&built, "warm.wasm", &["now"], &expected);
    // Once more the same bytes; without names and with all that nobody reaches, the same program.
    built.linked("again.wasm", &options, &[]);
    let read = |name: &str| fs::read(built.at(name)).expect("a module");
    assert!(read("warm.wasm") == read("again.wasm"));
    let more = [
        "--snapshot=warm_up",
        "--env",
        "NAME=snap",
        "--strip",
        "--no-gc",
    ];
    built.linked("strip.wasm", &more, &[]);
    assert_eq!(built.run("strip.wasm", &[], &["now"]).stdout, expected);
    // Bounds do not show in the module.
    let bounded = [
        "--snapshot=warm_up",
        "--env",
        "NAME=snap",
        "--timeout",
        "1m",
    ];
    built.linked("again.wasm", &bounded, &[]);
    assert!(read("warm.wasm") == read("again.wasm"));

    let options = ["--snapshot=ready", "--env", "NAME=snap"];
    built.linked("ready.wasm", &options, &["ready"]);
    let expected = "constructed 1 1, warmed 1, kept snap, slot 8\nargs 2 ready, env run NAME=run\na file\nend\n";
    runs(&built, "ready.wasm", &["ready"], expected);
    // Elsewhere the call does nothing.
    built.linked("whole.wasm", &[], &[]);
    let expected = "warming up\nconstructed 1 1, warmed 1, kept run, slot 8\nargs 2 ready, env run NAME=run\na file\nend\n";
    runs(&built, "whole.wasm", &["ready"], expected);
    runs(&built, "program.wasm", &["ready"], expected);
}

#[test]
fn what_no_snapshot_can_be_made_of_is_told_and_writes_nothing() {
    let built = Built::new("snapshot-refused", "c", LIBRARY, PROGRAM);
    let cases: &[(&[&str], &[&str], &str)] = &[
        (
            &["--snapshot=ready"],
            &["now"],
            "ended, with exit code 3, before it called wasmdyld_snapshot",
        ),
        (
            &["--snapshot=ready"],
            &["late"],
            "ended, with exit code 3, before it called wasmdyld_snapshot",
        ),
        (
            &["--snapshot=leave"],
            &[],
            "exit code 4, before leave had returned",
        ),
        (&["--snapshot=trap"], &[], "unreachable"),
        (
            &["--snapshot=spin", "--timeout", "500ms"],
            &[],
            "longer than 500ms",
        ),
        (
            &["--snapshot=spin", "--budget", "100000"],
            &[],
            "budget of 100000",
        ),
        (
            &["--snapshot=warm_up", "--env", "FAIL=1"],
            &[],
            "warm_up has returned 7",
        ),
        (&["--snapshot=warm_up", "--dir", ".::/data"], &[], ": file"),
        (&["--snapshot=wrong"], &[], "its type is another one"),
        (&["--snapshot=nobody"], &[], "nobody defines nobody"),
        (&["--timeout", "1s"], &[], "which is not asked for"),
    ];
    for (options, args, why) in cases {
        let done = built.link("out.wasm", options, args);
        assert!(done.stderr.contains(why), "{options:?}: {}", done.stderr);
        assert_ne!(done.code, Some(0), "{options:?}");
        assert!(!built.at("out.wasm").exists());
    }
}

/// Keeps what it finds in an archive, and makes a file in memory; it may leave one of them open.
const FINDING: &str = r#"
#include <stdio.h>
#include <stdlib.h>
int twice(int);
static char kept[100];
static void show(const char *path) {
    char text[100] = "nothing";
    FILE *file = fopen(path, "r");
    if (file) text[fread(text, 1, sizeof text - 1, file)] = 0;
    printf("%s: %s\n", path, text);
}
__attribute__((export_name("warm_up"))) void warm_up(void) {
    FILE *file = fopen("/lib/file", "r");
    if (!file || !fgets(kept, sizeof kept, file) || fclose(file)) abort();
    file = fopen("/tmp/made", "w");
    if (!file || fputs(kept, file) < 0 || fclose(file)) abort();
    if (getenv("LEFT") && !fopen(getenv("LEFT"), "r")) abort();
}
int main(void) {
    printf("kept %s\n", kept);
    show("/lib/file");
    show("/tmp/made");
    show("/run/file");
    return twice(2);
}
"#;

#[test]
fn folders_in_memory_and_in_archives_are_those_of_the_run() {
    let built = Built::new("snapshot-folders", "c", LIBRARY, FINDING);
    for text in ["linked", "run"] {
        let archive = zip::zip(&[Entry::deflated("file", text.as_bytes())]);
        fs::write(built.at(&format!("{text}.zip")), archive).expect("an archive");
    }
    let seen = [
        "--snapshot=warm_up",
        "--dir-zip",
        "linked.zip::/lib",
        "--dir-memory",
        "/tmp",
    ];
    for (left, why) in [("/lib/file", ": file"), ("/tmp/made", ": made")] {
        let variable = format!("LEFT={left}");
        let mut options = vec!["--env", &variable];
        options.extend(seen);
        let done = built.link("out.wasm", &options, &[]);
        assert!(done.stderr.contains(why), "{left}: {}", done.stderr);
        assert_ne!(done.code, Some(0), "{left}");
        assert!(!built.at("out.wasm").exists());
    }
    built.linked("out.wasm", &seen, &[]);
    let here = "/run/file: x\n";
    let cases: &[(&[&str], &str)] = &[
        (&[], "/lib/file: nothing\n/tmp/made: nothing\n"),
        (
            &["--dir-memory", "/tmp", "--dir-zip", "run.zip::/lib"],
            "/lib/file: run\n/tmp/made: nothing\n",
        ),
    ];
    for (options, finds) in cases {
        let expected = format!("kept linked\n{finds}{here}");
        let says = |more: &[&str]| {
            let options = [*options, more].concat();
            let done = built.run("out.wasm", &options, &[]);
            assert_eq!(done.stdout, expected, "{options:?}: {}", done.stderr);
            assert_eq!(done.code, Some(4), "{options:?}");
        };
        says(&[]);
        for (_, engine) in c::engines() {
            says(&["--engine", &engine.to_string_lossy()]);
        }
    }
}

#[test]
fn a_library_begins_with_what_its_function_has_made() {
    let library = "#include <stdlib.h>\nstatic int *made; static int constructed;\n\
        __attribute__((constructor)) static void construct(void) { constructed++; }\n\
        void make(void) { made = malloc(4); *made = 42; }\n\
        int answer(void) { return made && constructed == 1 ? *made : 0; }\n";
    let main = "int answer(void); int main(void) { return answer(); }";
    let built = Built::new("snapshot-library", "c", library, main);
    let mut command = wasmdyld();
    command.current_dir(&built.folder).args(["link", "-L"]);
    command.arg(guests().join("lib"));
    let done = ran(command.args(["--snapshot=make", "-o", "made.wasm", "libtwice.so"]));
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let done = ran(wasmdyld()
        .arg("inspect")
        .args(["--exports"])
        .arg(built.at("made.wasm")));
    for name in ["answer", "make"] {
        assert!(
            done.stdout.contains(&format!("  {name} func")),
            "{}",
            done.stdout
        );
    }
    assert!(
        !done.stdout.contains("fflush") && !done.stdout.contains("wasilibc"),
        "{}",
        done.stdout
    );
    let module = fs::read(built.at("made.wasm")).expect("a module");
    assert!(module.windows(4).any(|four| four == 42u32.to_le_bytes()));
}

#[test]
fn statics_of_cxx_are_constructed_once_and_destroyed_at_the_end_of_each_run() {
    let program = r#"
#include <cstdio>
#include <map>
#include <string>
extern "C" int twice(int);
struct Table {
    std::map<std::string, int> of;
    Table() { std::puts("constructed"); for (int n = 0; n < 100; n++) of["n" + std::to_string(n)] = twice(n); }
    ~Table() { std::puts("destroyed"); }
};
static Table table;
int main(int argc, char **argv) { std::printf("%d\n", table.of[argc > 1 ? argv[1] : ""]); return 3; }
"#;
    let built = Built::new("snapshot-cxx", "cc", LIBRARY, program);
    let done = built.linked("out.wasm", &["--snapshot"], &[]);
    assert_eq!(done.stdout, "constructed\n");
    runs(&built, "out.wasm", &["n21"], "42\ndestroyed\n");
}

#[test]
fn what_the_host_would_define_and_what_is_exported_already() {
    let folder = scratch("snapshot-host");
    let program = r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
      (import "host" "f" (func $f (result i32)))
      (import "env" "memory" (memory 1))
      (import "env" "__stack_pointer" (global $stack (mut i32)))
      (func $main (result i32) (i32.add (call $f) (i32.sub (global.get $stack) (global.get $stack))))
      (func (export "_start") call $main drop))"#;
    let program = command::wat(&folder, "program.wasm", program);
    let output = folder.join("out.wasm");
    let link = |more: &[&str]| {
        let mut command = wasmdyld();
        command
            .args(["link", "--import", "host", "-o"])
            .arg(&output);
        ran(command.args(more).arg("--snapshot").arg(&program))
    };
    let done = link(&[]);
    assert_eq!(done.code, Some(127), "{}", done.stderr);
    let says = |text: &str| done.stderr.contains(text);
    assert!(says("host.f") && says("--bind lazy"), "{}", done.stderr);
    let done = link(&["--bind", "lazy"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let shown = ran(wasmdyld().args(["inspect", "--imports"]).arg(&output)).stdout;
    assert!(shown.contains("host.f"), "{shown}");
    let done = link(&["--bind", "lazy", "--export", "__stack_pointer"]);
    assert_eq!(done.code, Some(127), "{}", done.stderr);
    // Fixed programs have a stack pointer of their own, which they may export.
    let program = r#"(module
      (memory (export "memory") 2)
      (global $stack (export "__stack_pointer") (mut i32) (i32.const 65536))
      (func $main (result i32) (i32.sub (global.get $stack) (global.get $stack)))
      (func (export "_start") call $main drop))"#;
    let program = command::wat(&folder, "fixed.wasm", program);
    for (more, stack) in [(&[][..], false), (&["--export", "__stack_pointer"], true)] {
        let mut command = wasmdyld();
        command.args(["link", "-o"]).arg(&output).args(more);
        let done = ran(command.arg("--snapshot").arg(&program));
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let shown = ran(wasmdyld().args(["inspect", "--exports"]).arg(&output)).stdout;
        assert_eq!(shown.contains("__stack_pointer"), stack, "{shown}");
    }
}
