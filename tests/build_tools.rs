//! What is installed for other people's build systems: `config.site`, `wasmdyld-nm`, `wasmdyld-ar`, the Meson cross file, as they lie in the
//! source tree. `tests/ports.rs` builds whole projects by them.
#![cfg(feature = "cli")]

#[path = "support/command.rs"]
mod command;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use command::{Ran, guests, ran, scratch};

fn tool(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("guests/tools")
        .join(name)
}

fn command(name: &str, folder: &Path) -> Command {
    let guests = guests().canonicalize().expect("the guests are built");
    let mut command = Command::new(tool(name));
    command
        .current_dir(folder)
        .env("WASMDYLD_TOOLCHAIN", guests);
    command
}

fn succeed(command: &mut Command) -> String {
    let Ran {
        code,
        stdout,
        stderr,
    } = ran(command);
    assert_eq!(code, Some(0), "{command:?}\n{stderr}");
    stdout
}

/// Letter and name of each line that nm prints.
fn listed(text: &str) -> Vec<(String, String)> {
    let words = text.lines().map(|line| line.split_whitespace().rev());
    let pairs =
        words.filter_map(|mut words| Some((words.next()?.to_string(), words.next()?.to_string())));
    pairs.map(|(name, letter)| (letter, name)).collect()
}

#[test]
fn nm_lists_what_objects_define_and_use() {
    let folder = scratch("nm");
    let source = r#"
        int used(int); extern int elsewhere; __attribute__((weak)) int maybe(void);
        int number = 4; static int own = 5; __attribute__((weak)) int light = 6;
        static int inner(int x) { return x + own + elsewhere; }
        __attribute__((weak)) int soft(void) { return maybe ? maybe() : 0; }
        __attribute__((visibility("hidden"))) int unseen(void) { return own++; }
        int seen(int x) { return used(inner(x)) + number + light + soft(); }
    "#;
    fs::write(folder.join("one.c"), source).expect("writing");
    fs::write(
        folder.join("a-file-with-a-long-name.c"),
        "int two(void) { return 2; }\n",
    )
    .expect("writing");
    for file in ["one", "a-file-with-a-long-name"] {
        let (source, object) = (format!("{file}.c"), format!("{file}.o"));
        succeed(command("wasmdyld-cc", &folder).args(["-O0", "-c", &source, "-o", &object]));
    }
    let nm = |words: &[&str]| succeed(command("wasmdyld-nm", &folder).args(words));
    let has =
        |text: &str, letter: &str, name: &str| listed(text).contains(&(letter.into(), name.into()));
    let all = nm(&["-B", "one.o"]);
    for (letter, name) in [
        ("T", "seen"),
        ("T", "unseen"),
        ("t", "inner"),
        ("W", "soft"),
        ("D", "number"),
        ("d", "own"),
        ("V", "light"),
        ("U", "used"),
        ("U", "elsewhere"),
        ("w", "maybe"),
    ] {
        assert!(has(&all, letter, name), "{letter} {name}:\n{all}");
    }
    let seen = nm(&["-g", "--defined-only", "one.o"]);
    assert!(
        has(&seen, "T", "seen") && !seen.contains("inner") && !seen.contains("used"),
        "{seen}"
    );
    let undefined = nm(&["-u", "one.o"]);
    assert!(
        has(&undefined, "U", "used") && !undefined.contains(" seen"),
        "{undefined}"
    );

    let archived = ["crs", "lib.a", "one.o", "a-file-with-a-long-name.o"];
    succeed(command("wasmdyld-ar", &folder).args(archived));
    let all = nm(&["lib.a"]);
    assert!(has(&all, "T", "seen") && has(&all, "T", "two"), "{all}");
    assert!(all.contains("\na-file-with-a-long-name.o:\n"), "{all}");

    // Whatever the file: an error, and the others are shown.
    let whole = fs::read(folder.join("one.o")).expect("reading");
    for (name, bytes) in [
        ("cut.o", &whole[..whole.len() / 2]),
        ("text.o", b"no module"),
        ("empty.o", b""),
    ] {
        fs::write(folder.join(name), bytes).expect("writing");
        let done = ran(command("wasmdyld-nm", &folder).args([name, "one.o"]));
        assert_eq!(done.code, Some(1), "{name}");
        assert!(
            done.stderr
                .starts_with(&format!("wasmdyld-nm: {name}: it ")),
            "{}",
            done.stderr
        );
        assert!(has(&done.stdout, "T", "seen"), "{}", done.stdout);
    }
    let none = ran(command("wasmdyld-nm", &folder).arg("none.o"));
    assert!(
        none.code == Some(1) && none.stderr.contains("none.o"),
        "{}",
        none.stderr
    );
}

/// What `config.site` says in a configure script: those variables, one a line.
fn site(
    folder: &Path,
    script: &str,
    host: &str,
    variables: &str,
    given: &[(&str, &str)],
) -> String {
    let file = folder.join("configure");
    let text = format!(
        "host_alias={host}\n. '{}'\nfor name in {variables}; do eval \"echo \\$$name\"; done\n# {script}\n",
        tool("config.site").display()
    );
    fs::write(&file, text).expect("writing a script");
    let mut shell = Command::new("sh");
    for name in ["CC", "CXX", "AR", "NM", "RANLIB", "STRIP"] {
        shell.env_remove(name);
    }
    succeed(shell.arg("-eu").arg(&file).envs(given.iter().copied()))
}

#[test]
fn configure_is_told_of_guests_and_of_nothing_else() {
    let folder = scratch("site");
    let variables = "CC CXX AR NM RANLIB ac_cv_host";
    let ask = |script: &str, given: &[(&str, &str)]| {
        site(&folder, script, "wasm32-wasi", variables, given)
    };
    let plain = "wasmdyld-cc\nwasmdyld-c++\nwasmdyld-ar\nwasmdyld-nm\n:\n";
    assert_eq!(ask("", &[]), format!("{plain}wasm32-unknown-wasi\n"));
    assert_eq!(
        ask("library_names_spec=", &[]),
        format!("{plain}wasm32-wasi-gnu\n")
    );
    let own = ask(
        "",
        &[("CC", "mine -O2"), ("ac_cv_host", "wasm32-unknown-none")],
    );
    assert!(
        own.starts_with("mine -O2\n") && own.ends_with("\nwasm32-unknown-none\n"),
        "{own}"
    );
    let native = site(&folder, "library_names_spec=", "''", "{CC-}", &[]);
    assert_eq!(native, "\n");
    let other = site(
        &folder,
        "library_names_spec=",
        "aarch64-linux-gnu",
        "{ac_cv_host-}",
        &[],
    );
    assert_eq!(other, "\n");
}

/// That what configure is told is so.
#[test]
fn libc_is_as_configure_is_told() {
    let folder = scratch("facts");
    let source = r#"
        #include <alloca.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/stat.h>
        static int says(const char *name, int yes) { return printf("%s=%s\n", name, yes ? "yes" : "no"); }
        __attribute__((noinline)) static int deeper(volatile char *outer) { volatile char inner = 1; return &inner < outer ? -inner : inner; }
        int main(void)
        {
            struct stat status;
            volatile char outer = 1;
            char *end, c0 = '\100', c1 = '\200', c2 = '\201';
            int one = 1;
            char *block = alloca(40);
            memset(block, 1, 40);
            says("ac_cv_c_bigendian", *(char *)&one != 1);
            printf("ac_cv_c_stack_direction=%d\n", deeper(&outer));
            says("ac_cv_working_alloca_h", block[39] == 1);
            says("ac_cv_func_alloca_works", block[39] == 1);
            says("ac_cv_func_malloc_0_nonnull", malloc(0) != NULL);
            says("ac_cv_func_realloc_0_nonnull", realloc(NULL, 0) != NULL);
            says("ac_cv_func_calloc_0_nonnull", calloc(0, 0) != NULL);
            says("ac_cv_func_memcmp_working", memcmp(&c0, &c2, 1) < 0 && memcmp(&c1, &c2, 1) < 0);
            says("ac_cv_func_strnlen_working", strnlen("foobar", 3) == 3 && strnlen("a", 9) == 1);
            says("ac_cv_func_strtod", strtod(" 69", &end) == 69 && !*end && strtod("NaN(x)", &end) != 1);
            says("ac_cv_func_strcoll_works", strcoll("abc", "def") < 0 && strcoll("ABC", "DEF") < 0 && strcoll("123", "456") < 0);
            says("ac_cv_func_lstat_dereferences_slashed_symlink", lstat("to-file/", &status) != 0);
            return 0;
        }
    "#;
    fs::write(folder.join("facts.c"), source).expect("writing");
    std::os::unix::fs::symlink("facts.c", folder.join("to-file")).expect("a link");
    succeed(command("wasmdyld-cc", &folder).args([
        "-O1",
        "-fno-builtin",
        "-o",
        "facts",
        "facts.c",
    ]));
    let mut run = command::wasmdyld();
    run.current_dir(&folder).args(["run", "--native", "-L"]);
    let facts = succeed(run.arg(guests().join("lib")).arg("facts"));
    let names: Vec<&str> = facts
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    assert_eq!(names.len(), 12, "{facts}");
    let told = site(&folder, "", "wasm32-wasi", &names.join(" "), &[]);
    let told: Vec<String> = names
        .iter()
        .zip(told.lines())
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(told.join("\n"), facts.trim_end());

    // And what is answered beyond that is not there: nothing of it can be linked.
    let site = fs::read_to_string(tool("config.site")).expect("reading");
    for function in ["fork", "vfork", "setpgrp"] {
        assert!(site.contains(&format!("ac_cv_func_{function}")));
        let text = format!("int {function}(void); int main(void) {{ return {function}(); }}\n");
        fs::write(folder.join("none.c"), text).expect("writing");
        let done = ran(command("wasmdyld-cc", &folder).args(["-o", "none", "none.c"]));
        assert!(
            done.code == Some(1) && done.stderr.contains(function),
            "{}",
            done.stderr
        );
    }
}

/// What build systems link to see if something is there is told from what is not, whatever the language: else C++ and setjmp, whose tags
/// only the loader defines, would have all functions.
#[test]
fn checks_for_functions_find_what_is_there_and_no_more() {
    let folder = scratch("checks");
    fs::create_dir_all(folder.join("meson-private/tmpab12")).expect("a folder");
    let there = "char strdup(void); int main(void) { return strdup(); }\n";
    let jumps = "#include <setjmp.h>\nstatic jmp_buf place; int main(void) { if (!setjmp(place)) longjmp(place, 1); return 0; }\n";
    let throws = "#include <stdexcept>\nint main() { try { throw std::runtime_error(\"\"); } catch (std::exception &) { } }\n";
    let c = |text: &str| text.replace("char ", "extern \"C\" char ");
    let missing = there.replace("strdup", "no_such_function");
    for (file, text) in [
        ("there.c", there),
        ("missing.c", &missing),
        ("jumps.c", jumps),
        ("there.cc", &c(there)),
        ("missing.cc", &c(&missing)),
        ("throws.cc", throws),
    ] {
        fs::write(folder.join(file), text).expect("writing");
    }
    for output in ["conftest", "cmTC_0a1b2", "meson-private/tmpab12/output.exe"] {
        let linked = |tool: &str, words: &[&str]| {
            ran(command(tool, &folder)
                .args(["-w", "-o", output])
                .args(words))
        };
        for (tool, words, good) in [
            ("wasmdyld-cc", &["there.c"][..], true),
            ("wasmdyld-cc", &["missing.c"], false),
            ("wasmdyld-cc", &["--setjmp", "there.c"], true),
            ("wasmdyld-cc", &["--setjmp", "missing.c"], false),
            ("wasmdyld-cc", &["--setjmp", "jumps.c"], true),
            ("wasmdyld-c++", &["there.cc"], true),
            ("wasmdyld-c++", &["missing.cc"], false),
            ("wasmdyld-c++", &["throws.cc"], true),
        ] {
            let done = linked(tool, words);
            assert_eq!(
                done.code == Some(0),
                good,
                "{output} {tool} {words:?}: {}",
                done.stderr
            );
            assert!(
                good || done.stderr.contains("no_such_function"),
                "{}",
                done.stderr
            );
        }
    }
}

/// Of what is undefined, setjmp's tag alone is the loader's: a function that is nowhere is an error of the linker as elsewhere.
#[test]
fn setjmp_lets_no_other_symbol_be_undefined() {
    let folder = scratch("undefined");
    let text = "#include <setjmp.h>\njmp_buf place; int nowhere(void);\nint run(void) { if (!setjmp(place)) longjmp(place, 1); return nowhere(); }\n";
    fs::write(folder.join("run.c"), text).expect("writing");
    fs::write(
        folder.join("main.c"),
        "int run(void); int main(void) { return run(); }\n",
    )
    .expect("writing");
    fs::write(
        folder.join("nowhere.c"),
        "int nowhere(void) { return 42; }\n",
    )
    .expect("writing");
    let cc = |words: &str| {
        ran(command("wasmdyld-cc", &folder)
            .arg("--setjmp")
            .args(words.split(' ')))
    };
    for words in [
        "-o main run.c main.c",
        "-shared -o librun.so run.c",
        "-no-pie -o main run.c main.c",
    ] {
        let done = cc(words);
        assert!(
            done.code == Some(1) && done.stderr.contains("undefined symbol: nowhere"),
            "{words}: {}",
            done.stderr
        );
    }
    assert_eq!(
        cc("-shared --import-undefined -o librun.so run.c").code,
        Some(0)
    );
    for words in [
        "-o main run.c main.c nowhere.c",
        "-no-pie -o main run.c main.c nowhere.c",
    ] {
        let done = cc(words);
        assert_eq!(done.code, Some(0), "{words}: {}", done.stderr);
        let mut run = command::wasmdyld();
        run.current_dir(&folder)
            .args(["run", "-L"])
            .arg(guests().join("lib"));
        assert_eq!(ran(run.arg("main")).code, Some(42));
    }
}
