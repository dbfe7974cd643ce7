//! `wasmdyld run --native`: guests in the place of programs of this machine, as the tests of builds are.
#![cfg(feature = "cli")]

#[path = "support/command.rs"]
mod command;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use command::{Ran, guests, ran, scratch, wasmdyld, wat};

const PROGRAM: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int twice(int);
int main(int count, char **words)
{
    char folder[4096], line[64] = "";
    FILE *file = count > 1 ? fopen(words[1], "r") : NULL;
    if (file)
        fgets(line, sizeof line, file);
    const char *variable = getenv("OF_THE_HOST");
    printf("%d|%s|%s|%s\n", twice(count), getcwd(folder, sizeof folder), line, variable ? variable : "none");
    return count;
}
"#;

fn compile(folder: &Path, words: &[&str]) {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/tools/wasmdyld-cc");
    let guests = guests().canonicalize().expect("the guests are built");
    let mut command = Command::new(tool);
    command.current_dir(folder).args(words);
    let done = ran(command.env("WASMDYLD_TOOLCHAIN", guests));
    assert_eq!(done.code, Some(0), "{}", done.stderr);
}

/// `main` with a library in a folder of its own, and `words.txt`.
fn build(name: &str, flags: &[&str]) -> std::path::PathBuf {
    let folder = scratch(name).canonicalize().expect("a folder");
    fs::create_dir_all(folder.join("lib")).expect("a folder");
    fs::create_dir_all(folder.join("place")).expect("a folder");
    for (file, text) in [
        ("twice.c", "int twice(int x) { return 2 * x; }\n"),
        ("main.c", PROGRAM),
        ("place/words.txt", "of the file"),
    ] {
        fs::write(folder.join(file), text).expect("writing");
    }
    compile(&folder, &["-shared", "-o", "lib/libtwice.so", "twice.c"]);
    let mut words = vec!["-o", "main", "main.c", "-Llib", "-ltwice"];
    words.extend(flags);
    compile(&folder, &words);
    folder
}

/// Runs the command in `place`, with libc where the environment says.
fn native(folder: &Path, words: &[&str], variables: &[(&str, &Path)]) -> Ran {
    let mut command = wasmdyld();
    command.current_dir(folder.join("place")).arg("run");
    command.env("WASMDYLD_LIBRARY_PATH", guests().join("lib"));
    command.env("OF_THE_HOST", "of the environment");
    command.env_remove("LD_LIBRARY_PATH");
    command.envs(variables.iter().copied());
    ran(command.args(words))
}

#[test]
fn a_native_program_has_the_files_the_folder_and_the_environment_of_its_host() {
    for (name, flags) in [("pie", &[][..]), ("fixed", &["-no-pie"])] {
        let folder = build(name, flags);
        let libraries = folder.join("lib");
        let paths = [("LD_LIBRARY_PATH", libraries.as_path())];
        let file = folder.join("place/words.txt").display().to_string();
        for file in ["words.txt", "../place/words.txt", &file] {
            let done = native(&folder, &["--native", "../main", file], &paths);
            let here = folder.join("place").display().to_string();
            let expected = format!("4|{here}|of the file|of the environment\n");
            assert_eq!(
                (done.code, done.stdout),
                (Some(2), expected),
                "{name} {file}: {}",
                done.stderr
            );
        }
        // And not unasked.
        let libraries = libraries.display().to_string();
        let done = native(&folder, &["-L", &libraries, "../main", "words.txt"], &paths);
        assert_eq!(
            (done.code, &*done.stdout),
            (Some(2), "4|/||none\n"),
            "{name}"
        );
        let done = native(&folder, &["../main"], &paths);
        assert_eq!(done.code, Some(127), "{name}: {}", done.stdout);
    }
}

#[test]
fn a_native_program_finds_libraries_where_it_says() {
    let folder = scratch("rpath").canonicalize().expect("a folder");
    let rpath = format!("-Wl,-rpath,{}", folder.join("lib").display());
    // The scratch folder is made anew: of the same name.
    let folder = build("rpath", &[&rpath]);
    let done = native(&folder, &["--native", "../main"], &[]);
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    assert!(done.stdout.starts_with("2|"), "{}", done.stdout);
    assert_eq!(native(&folder, &["../main"], &[]).code, Some(127));
}

#[test]
fn a_native_program_that_has_no_libc_of_its_libraries_runs() {
    let folder = scratch("alone");
    fs::create_dir_all(folder.join("place")).expect("a folder");
    wat(
        &folder,
        "main",
        &command::program("(call $exit (i32.const 7))"),
    );
    // Of these names, but of other types.
    let other = r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "chdir") (param i64) unreachable)
        (func (export "malloc") (result i32) unreachable)
        (func (export "free") unreachable)
        (func (export "_start") (call $exit (i32.const 8))))"#;
    wat(&folder, "other", other);
    for (name, code) in [("../main", 7), ("../other", 8)] {
        let done = native(&folder, &["--native", name], &[]);
        assert_eq!(done.code, Some(code), "{}", done.stderr);
    }
}

fn script(folder: &Path, name: &str, text: &str) {
    let file = folder.join("place").join(name);
    fs::write(&file, text).expect("writing a script");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a mode");
}

/// In the form in which libtool 2.4 writes them, without what only its other modes need.
const WRAPPER: &str = r#"#! /bin/sh

# main - temporary wrapper script for .libs/main
# Generated by libtool (GNU libtool) 2.4.7
if test "$libtool_install_magic" = "%%%MAGIC variable%%%"; then
  notinst_deplibs=' libtwice.la'
else
  if test "$libtool_execute_magic" != "%%%MAGIC variable%%%"; then
    file="$0"
  fi
  echo linking anew
  thisdir=`echo "$file" | sed 's%/[^/]*$%%'`
  program='main'
  progdir="$thisdir/.."
  if test -f "$progdir/$program"; then
    LD_LIBRARY_PATH="LIBRARIES:$LD_LIBRARY_PATH"
    export LD_LIBRARY_PATH
    if test "$libtool_execute_magic" != "%%%MAGIC variable%%%"; then
      exec "$progdir/$program" ${1+"$@"}
    fi
  else
    echo "$0: it is not there" 1>&2
    exit 1
  fi
fi
"#;

#[test]
fn of_libtools_scripts_the_program_is_run() {
    let folder = build("wrapper", &[]);
    let libraries = folder.join("lib").display().to_string();
    let wrapper = WRAPPER.replace("LIBRARIES", &libraries);
    script(&folder, "main", &wrapper);
    for name in ["main", "./main"] {
        let done = native(&folder, &["--native", name, "words.txt"], &[]);
        assert_eq!(done.code, Some(2), "{}", done.stderr);
        // What the script says is not the program's output.
        assert!(done.stdout.starts_with("4|"), "{}", done.stdout);
        assert!(done.stderr.contains("linking anew"), "{}", done.stderr);
    }
    script(&folder, "gone", &wrapper.replace("'main'", "'none'"));
    let done = native(&folder, &["--native", "./gone"], &[]);
    assert_eq!(done.code, Some(127));
    for text in ["./gone, a script of libtool's", "it is not there"] {
        assert!(done.stderr.contains(text), "{}", done.stderr);
    }
    // Without --native a script is none of ours.
    let done = native(&folder, &["./main"], &[]);
    assert_eq!(done.code, Some(127), "{}", done.stdout);
}

#[test]
fn what_is_no_module_is_executed() {
    let folder = scratch("other");
    fs::create_dir_all(folder.join("place")).expect("a folder");
    script(&folder, "say", "#!/bin/sh\necho \"$# $2\"\nexit 3\n");
    for name in ["say", "./say"] {
        let done = native(&folder, &["--native", name, "--one", "two words"], &[]);
        assert_eq!((done.code, &*done.stdout), (Some(3), "2 two words\n"));
    }
    fs::write(folder.join("place/text"), "no program\n").expect("writing");
    for (name, text) in [("./text", "ermission"), ("./none", "o such file")] {
        let done = native(&folder, &["--native", name], &[]);
        assert_eq!(done.code, Some(127));
        assert!(
            done.stderr.contains(name) && done.stderr.contains(text),
            "{}",
            done.stderr
        );
    }
}

/// Programs of this machine have eight megabytes of stack.
#[test]
fn a_native_program_may_nest_its_calls_deeply() {
    let folder = scratch("deep");
    fs::create_dir_all(folder.join("place")).expect("a folder");
    let source = "#include <stdio.h>\n#include <stdlib.h>\nint deep(int n) { volatile int own = 1; return n ? deep(n - 1) + own : 0; }\n\
        int main(int count, char **words) { (void)count; printf(\"%d\\n\", deep(atoi(words[1]))); }\n";
    fs::write(folder.join("deep.c"), source).expect("writing");
    compile(&folder, &["-O1", "-o", "deep", "deep.c"]);
    let done = native(&folder, &["--native", "../deep", "30000"], &[]);
    assert_eq!(
        (done.code, &*done.stdout),
        (Some(0), "30000\n"),
        "{}",
        done.stderr
    );
    // Not without end, and the engine's own bound without --native.
    for words in [
        &[
            "--native",
            "--stack-size",
            "100000000",
            "../deep",
            "4000000",
        ][..],
        &["../deep", "30000"],
    ] {
        let done = native(&folder, words, &[]);
        assert_eq!(done.code, Some(134), "{words:?} {}", done.stderr);
        assert!(done.stderr.contains("stack overflow"), "{}", done.stderr);
    }
}
