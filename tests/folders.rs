//! `--dir-memory`, `--dir-ro` and `--dir-zip`: what a program finds in such folders, on each engine, and what the command refuses.
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

const LIBRARY: &str = "int twice(int a) { return 2 * a; }";

/// Does what its arguments say, two at a time, and says what came of it.
const PROGRAM: &str = r#"
#include <dirent.h>
#include <wasmdyld/dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
static const char *contents(const char *path) {
    static char text[100];
    FILE *file = fopen(path, "r");
    if (!file) return strerror(errno);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}
static const char *written(const char *path) {
    FILE *file = fopen(path, "w");
    if (!file) return strerror(errno);
    fputs("new", file);
    return fclose(file) ? strerror(errno) : "written";
}
static const char *names(const char *path) {
    static char text[100];
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) return strerror(errno);
    text[0] = 0;
    for (int n = 0; n < count; n++) strcat(strcat(text, n ? " " : ""), entries[n]->d_name);
    return text;
}
static const char *called(const char *path) {
    static char text[100];
    void *library = dlopen(path, RTLD_NOW);
    int (*twice)(int) = library ? (int (*)(int))dlsym(library, "twice") : NULL;
    if (!twice) return "no library";
    sprintf(text, "%d", twice(21));
    return text;
}
/* To /tmp, by the same name. */
static const char *copied(const char *path) {
    char to[100], block[1000];
    sprintf(to, "/tmp%s", strrchr(path, '/'));
    FILE *in = fopen(path, "r"), *out = fopen(to, "w");
    if (!in || !out) return strerror(errno);
    for (size_t size; (size = fread(block, 1, sizeof block, in)) > 0;) fwrite(block, 1, size, out);
    fclose(in);
    return fclose(out) ? strerror(errno) : "copied";
}
int main(int argc, char **argv) {
    for (int n = 1; n + 1 < argc; n += 2) {
        const char *path = argv[n + 1];
        switch (argv[n][1]) {
        case 'e': puts(contents(path)); break;
        case 'r': puts(written(path)); break;
        case 'i': puts(names(path)); break;
        case 'a': puts(called(path)); break;
        case 'o': puts(copied(path)); break;
        }
    }
    return 0;
}
"#;

/// The program, and a folder with what it is given.
fn built(name: &str) -> PathBuf {
    let folder = scratch(name);
    let compile = |tool: &str, args: &[&str]| {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/tools");
        let mut command = Command::new(tools.join(format!("wasmdyld-{tool}")));
        command.env("WASMDYLD_TOOLCHAIN", guests());
        let done = ran(command.current_dir(&folder).args(args));
        assert_eq!(done.code, Some(0), "{}", done.stderr);
    };
    fs::write(folder.join("library.c"), LIBRARY).expect("a source");
    fs::write(folder.join("program.c"), PROGRAM).expect("a source");
    compile("cc", &["-shared", "-o", "libtwice.so", "library.c"]);
    compile("cc", &["-o", "program.wasm", "program.c"]);
    let library = fs::read(folder.join("libtwice.so")).expect("a library");
    let archive = zip::zip(&[
        Entry::deflated("libtwice.so", &library),
        Entry::stored("sub/stored", b"as it is"),
        Entry::deflated("sub/deflated", b"packed packed packed packed"),
    ]);
    fs::write(folder.join("lib.zip"), archive).expect("an archive");
    fs::create_dir(folder.join("here")).expect("a folder");
    fs::write(folder.join("here/file"), "of the host").expect("a file");
    fs::copy(folder.join("libtwice.so"), folder.join("here/libtwice.so")).expect("a copy");
    folder
}

fn run(folder: &Path, options: &[&str], args: &[&str]) -> Ran {
    let mut command = wasmdyld();
    command.current_dir(folder).args(["run", "-L"]);
    command.arg(guests().join("lib")).args(options);
    ran(command.arg("program.wasm").args(args))
}

#[test]
fn programs_find_what_they_are_given_and_change_what_they_may() {
    let folder = built("given");
    let given = [
        "--dir-memory",
        "/tmp",
        "--dir-ro",
        "here::/here",
        "--dir-zip",
        "lib.zip::/lib",
        "--dir-memory",
        "/other",
    ];
    let steps = [
        (["list", "/tmp"], ". .."),
        (["write", "/tmp/made"], "written"),
        (["read", "/tmp/made"], "new"),
        (["read", "/other/made"], "No such file or directory"),
        (["list", "/here"], ". .. file libtwice.so"),
        (["read", "/here/file"], "of the host"),
        (["write", "/here/file"], "Read-only file system"),
        (["write", "/here/new"], "Read-only file system"),
        (["call", "/here/libtwice.so"], "42"),
        (["list", "/lib"], ". .. libtwice.so sub"),
        (["read", "/lib/sub/stored"], "as it is"),
        (["read", "/lib/sub/deflated"], "packed packed packed packed"),
        (["write", "/lib/sub/stored"], "Read-only file system"),
        (["write", "/lib/new"], "Read-only file system"),
        (["call", "/lib/libtwice.so"], "42"),
        (["call", "/lib/none.so"], "no library"),
        (["copy", "/lib/libtwice.so"], "copied"),
        (["call", "/tmp/libtwice.so"], "42"),
        (["list", "/tmp"], ". .. libtwice.so made"),
    ];
    let args: Vec<&str> = steps.iter().flat_map(|(step, _)| *step).collect();
    let expected: Vec<&str> = steps.iter().map(|(_, line)| *line).collect();
    let says = |options: &[&str]| {
        let done = run(&folder, options, &args);
        let lines: Vec<&str> = done.stdout.lines().collect();
        assert_eq!(lines, expected, "{options:?}: {}", done.stderr);
        assert_eq!(done.code, Some(0), "{options:?}");
    };
    says(&given);
    for (_, engine) in c::engines() {
        let engine = engine.to_string_lossy();
        let mut options = vec!["--engine", &*engine];
        options.extend(given);
        says(&options);
    }
    let file = fs::read(folder.join("here/file")).expect("the host's file");
    assert_eq!(file, b"of the host");
    assert!(!folder.join("here/new").exists());
}

#[test]
fn a_folder_in_memory_goes_with_the_program() {
    let folder = built("gone");
    for _ in 0..2 {
        let done = run(
            &folder,
            &["--dir-memory", "/tmp"],
            &["read", "/tmp/made", "write", "/tmp/made"],
        );
        assert_eq!(
            done.stdout, "No such file or directory\nwritten\n",
            "{}",
            done.stderr
        );
    }
}

#[test]
fn folders_that_cannot_be_given_are_refused_before_the_program_runs() {
    let folder = built("refused");
    let whole = fs::read(folder.join("lib.zip")).expect("the archive");
    let cut = whole.get(..whole.len() - 30).expect("most of it");
    fs::write(folder.join("cut.zip"), cut).expect("a damaged archive");
    let astray = zip::zip(&[Entry::stored("../file", b"x")]);
    fs::write(folder.join("astray.zip"), astray).expect("an archive");
    let cases: &[(&[&str], i32, &str)] = &[
        (
            &["--dir-zip", "lib.zip"],
            2,
            "name for the folder is missing",
        ),
        (&["--dir-zip"], 2, "FILE::GUEST"),
        (&["--dir-memory"], 2, "GUEST"),
        (&["--dir-zip", "none.zip::/lib"], 127, "`none.zip`"),
        (&["--dir-zip", "::/lib"], 127, "archive"),
        (&["--dir-zip", "here::/lib"], 127, "no regular file"),
        (&["--dir-zip", "program.c::/lib"], 127, "`program.c`"),
        (&["--dir-zip", "cut.zip::/lib"], 127, "`cut.zip`"),
        (&["--dir-zip", "astray.zip::/lib"], 127, "../file"),
        (&["--dir-ro", "none::/here"], 127, "none"),
        (&["--dir-ro", "lib.zip::/here"], 127, "lib.zip"),
    ];
    for (options, code, why) in cases {
        let done = match options {
            // What follows would be its value.
            [option] => ran(wasmdyld().args(["run", option])),
            options => run(&folder, options, &["read", "/none"]),
        };
        assert!(done.stderr.contains(why), "{options:?}: {}", done.stderr);
        assert_eq!(done.code, Some(*code), "{options:?}: {}", done.stderr);
        assert_eq!(done.stdout, "", "{options:?}");
    }
}
