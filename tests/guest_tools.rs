//! What is installed for building guests: `wasmdyld-cc`, `wasmdyld-c++` and the CMake toolchain file, as they lie in the source tree.
#![cfg(feature = "cli")]

#[path = "support/skip.rs"]
mod skip;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const LIBRARY: &str = "int twice(int x) { return 2 * x; }\n";
const PROGRAM: &str = "#include <stdio.h>\nint twice(int);\nint main(int n, char **a) { (void)a; printf(\"%d\\n\", twice(n)); }\n";

fn guests() -> PathBuf {
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("guests");
    let folder = std::env::var_os("WASMDYLD_GUESTS").map_or(built, PathBuf::from);
    folder.canonicalize().unwrap_or_else(|e| {
        panic!(
            "{}: {e}; build the guests first, or set WASMDYLD_GUESTS",
            folder.display()
        )
    })
}

fn tool(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("guests/tools")
        .join(name)
}

fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("guest-tools")
        .join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a scratch folder");
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("writing a source");
}

/// A command that finds no toolchain but the one that is given.
fn command(program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WASMDYLD_") {
            command.env_remove(name);
        }
    }
    let data = folder.join("no-data");
    command.current_dir(folder).stdin(Stdio::null());
    command
        .env_remove("WASI_SDK_PATH")
        .env("XDG_DATA_HOME", data);
    command
}

/// The driver with the toolchain of the tests' guests.
fn driver(name: &str, folder: &Path) -> Command {
    let mut command = command(tool(name), folder);
    command.env("WASMDYLD_TOOLCHAIN", guests());
    command
}

/// Whether it ended well, and all that it printed.
fn ran(command: &mut Command) -> (bool, String) {
    let output = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

fn succeed(command: &mut Command) -> String {
    let (good, text) = ran(command);
    assert!(good, "{command:?}\n{text}");
    text
}

fn fail(command: &mut Command) -> String {
    let (good, text) = ran(command);
    assert!(!good, "{command:?} succeeded\n{text}");
    text
}

fn run(folder: &Path, program: &str) -> String {
    let mut wasmdyld = command(env!("CARGO_BIN_EXE_wasmdyld"), folder);
    wasmdyld
        .args(["run", "-L", ".", "-L"])
        .arg(guests().join("lib"));
    succeed(wasmdyld.arg(program))
}

/// What a module says of itself.
fn inspect(folder: &Path, file: &str) -> serde_json::Value {
    let mut wasmdyld = command(env!("CARGO_BIN_EXE_wasmdyld"), folder);
    let text = succeed(wasmdyld.args(["inspect", "--format", "json", file]));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// The library's name for itself, and those that it needs.
fn names(folder: &Path, file: &str) -> (Option<String>, Vec<String>) {
    let dylink = &inspect(folder, file)["dylink"];
    let text = |value: &serde_json::Value| value.as_str().map(str::to_string);
    let needed = dylink["needed"].as_array().expect("needed");
    (
        text(&dylink["soname"]),
        needed.iter().filter_map(text).collect(),
    )
}

fn put_linker(sdk: &Path) {
    let linker = format!(
        "#!/bin/sh\nexec '{}' \"$@\"\n",
        guests().join("tools/bin/wasm-ld").display()
    );
    write(sdk, "bin/wasm-ld", &linker);
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(sdk.join("bin/wasm-ld"), mode).expect("a mode");
}

#[test]
fn the_version_is_the_librarys() {
    for name in ["wasmdyld-cc", "wasmdyld-c++"] {
        let text = succeed(driver(name, Path::new("/")).arg("--version"));
        let first = format!("{name} {}, with\nclang version ", env!("CARGO_PKG_VERSION"));
        assert!(text.starts_with(&first), "{text}");
    }
}

#[test]
fn libraries_and_programs_of_each_form() {
    let folder = scratch("forms");
    write(&folder, "twice.c", LIBRARY);
    write(&folder, "main.c", PROGRAM);
    let cc = |words: &str| succeed(driver("wasmdyld-cc", &folder).args(words.split_whitespace()));
    // Warnings would be a sign of flags that do not belong where they are.
    let quiet = |words: &str| assert_eq!(cc(words), "", "{words}");
    quiet("-Wall -O2 -g -shared -o libtwice.so twice.c");
    quiet("-Wall -O2 -o pie.wasm main.c -L. -ltwice");
    quiet("-Wall -O2 -no-pie -o fixed.wasm main.c -L. -ltwice");
    quiet("-Wall -static -o static.wasm main.c twice.c");
    quiet("-Wall -O2 -c main.c -o main.o");
    write(&folder, "words", "-o response.wasm 'main.o'\n-L. -ltwice");
    quiet("@words");
    write(
        &folder,
        "words",
        "-no-pie -o fixed2.wasm main.o -L.\n-ltwice -Wl,-z,defs,-z,stack-size=131072",
    );
    quiet("@words");
    // What ELF linkers take and wasm-ld does not.
    quiet(
        "-shared -o libelf.so twice.c -Wl,--as-needed,-L. -Wl,--version-script=none -Wl,-z,defs -Wl,-h,x",
    );
    for program in ["pie", "fixed", "static", "response", "fixed2"] {
        assert_eq!(run(&folder, &format!("{program}.wasm")), "2\n", "{program}");
    }
    let needs = |file: &str, text: &[u8]| {
        let bytes = fs::read(folder.join(file)).expect("a module");
        bytes.windows(text.len()).any(|window| window == text)
    };
    assert!(needs("pie.wasm", b"libtwice.so") && needs("libtwice.so", b"libc.so"));
    assert!(!needs("static.wasm", b"dylink.0"));
    // Nothing is linked, and nothing is said of a linker, where only questions are asked.
    assert_eq!(cc("-dumpmachine"), "wasm32-unknown-wasip1\n");
    assert!(cc("-E main.c").contains("int twice(int);"));
}

#[test]
fn undefined_symbols_setjmp_and_cxx() {
    let folder = scratch("features");
    write(
        &folder,
        "plugin.c",
        "int theirs(void);\nint ours(void) { return theirs(); }\n",
    );
    let plugin = ["-shared", "-o", "libplugin.so", "plugin.c"];
    let text = fail(driver("wasmdyld-cc", &folder).args(plugin));
    assert!(text.contains("undefined symbol: theirs"), "{text}");
    succeed(
        driver("wasmdyld-cc", &folder)
            .args(plugin)
            .arg("--import-undefined"),
    );

    write(
        &folder,
        "host.c",
        "#include <stdio.h>\nint ours(void);\nint theirs(void) { return 7; }\nint main(void) { printf(\"%d\\n\", ours()); }\n",
    );
    let host = ["-rdynamic", "-o", "host.wasm", "host.c", "-L.", "-lplugin"];
    succeed(driver("wasmdyld-cc", &folder).args(host));
    assert_eq!(run(&folder, "host.wasm"), "7\n");

    write(
        &folder,
        "jump.c",
        "#include <setjmp.h>\n#include <stdio.h>\njmp_buf b;\nint main(void) { if (!setjmp(b)) longjmp(b, 1); puts(\"back\"); }\n",
    );
    succeed(driver("wasmdyld-cc", &folder).args(["--setjmp", "-o", "jump.wasm", "jump.c"]));
    assert_eq!(run(&folder, "jump.wasm"), "back\n");

    write(
        &folder,
        "throw.cc",
        "#include <stdexcept>\nvoid fall() { throw std::runtime_error(\"fell\"); }\n",
    );
    write(
        &folder,
        "catch.cc",
        "#include <cstdio>\n#include <exception>\nvoid fall();\nint main() { try { fall(); } catch (std::exception &e) { std::puts(e.what()); } }\n",
    );
    succeed(driver("wasmdyld-c++", &folder).args(["-shared", "-o", "libthrow.so", "throw.cc"]));
    succeed(driver("wasmdyld-c++", &folder).args([
        "-o",
        "catch.wasm",
        "catch.cc",
        "-L.",
        "-lthrow",
    ]));
    assert_eq!(run(&folder, "catch.wasm"), "fell\n");

    let text = fail(driver("wasmdyld-cc", &folder).args(["-pthread", "-c", "jump.c"]));
    assert!(text.contains("no threads"), "{text}");
}

#[test]
fn a_missing_toolchain_is_explained() {
    let folder = scratch("missing");
    write(&folder, "main.c", PROGRAM);
    let with = |name: &str, variable: &str, value: &Path| {
        let mut command = command(tool(name), &folder);
        command.env(variable, value).args(["-c", "main.c"]);
        fail(&mut command)
    };
    let text = fail(command(tool("wasmdyld-cc"), &folder).args(["-c", "main.c"]));
    assert!(
        text.contains("wasmdyld-cc --setup") && text.contains("no-data/wasmdyld/toolchain"),
        "{text}"
    );
    let text = with("wasmdyld-cc", "WASMDYLD_TOOLCHAIN", &folder);
    assert!(
        text.contains("WASMDYLD_TOOLCHAIN") && text.contains("is no toolchain"),
        "{text}"
    );

    // A wasi-sdk, from nothing to one that is recent enough.
    let sdk = folder.join("sdk");
    let text = with("wasmdyld-cc", "WASI_SDK_PATH", &sdk);
    assert!(text.contains("is no wasi-sdk"), "{text}");
    fs::create_dir_all(sdk.join("bin")).expect("a folder");
    fs::create_dir_all(sdk.join("lib/clang/19")).expect("a folder");
    let clang = format!(
        "#!/bin/sh\nexec '{}' \"$@\"\n",
        guests().join("tools/bin/wasm-cc").display()
    );
    write(&sdk, "bin/clang", &clang);
    fs::set_permissions(sdk.join("bin/clang"), fs::Permissions::from_mode(0o755)).expect("a mode");
    put_linker(&sdk);
    let text = with("wasmdyld-cc", "WASI_SDK_PATH", &sdk);
    assert!(text.contains("LLVM 19, and 20 or later"), "{text}");
    fs::rename(sdk.join("lib/clang/19"), sdk.join("lib/clang/22")).expect("a new name");
    let text = with("wasmdyld-cc", "WASI_SDK_PATH", &sdk);
    assert!(text.contains("no shared libc.so"), "{text}");
    fs::create_dir(sdk.join("share")).expect("a folder");
    let lib = sdk.join("share/wasi-sysroot/lib/wasm32-wasip1");
    fs::create_dir_all(&lib).expect("a folder");
    for entry in fs::read_dir(guests().join("sysroot/lib/wasm32-wasip1")).expect("libraries") {
        let from = entry.expect("an entry").path();
        let name = from.file_name().expect("a name").to_owned();
        if !name.to_string_lossy().starts_with("libc++") {
            symlink(&from, lib.join(name)).expect("a link");
        }
    }
    symlink(
        guests().join("sysroot/include"),
        sdk.join("share/wasi-sysroot/include"),
    )
    .expect("a link");
    let text = with("wasmdyld-c++", "WASI_SDK_PATH", &sdk);
    assert!(text.contains("C++ needs a shared libc++.so"), "{text}");
    write(&folder, "twice.c", LIBRARY);
    let mut cc = command(tool("wasmdyld-cc"), &folder);
    cc.env("WASI_SDK_PATH", &sdk)
        .args(["-o", "main.wasm", "main.c", "twice.c"]);
    succeed(&mut cc);
    assert_eq!(run(&folder, "main.wasm"), "2\n");
}

#[test]
fn cmake_builds_tests_and_installs() {
    if !skip::has("cmake") {
        return;
    }
    let folder = scratch("cmake");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guest-project");
    let cmake = |words: &[&str]| {
        let mut command = command("cmake", &folder);
        command.env("WASMDYLD_TOOLCHAIN", guests()).args(words);
        succeed(&mut command)
    };
    let toolchain = format!(
        "-DCMAKE_TOOLCHAIN_FILE={}",
        tool("wasmdyld-guest.cmake").display()
    );
    let emulator = format!("-DWASMDYLD_RUN={}", env!("CARGO_BIN_EXE_wasmdyld"));
    let source = source.display().to_string();
    cmake(&[
        "-S",
        &source,
        "-B",
        "build",
        &toolchain,
        &emulator,
        "-DCMAKE_BUILD_TYPE=Release",
    ]);
    cmake(&["--build", "build"]);
    let mut ctest = command("ctest", &folder);
    let text = succeed(ctest.args(["--test-dir", "build", "--output-on-failure"]));
    assert!(
        text.contains("100% tests passed, 0 tests failed out of 3"),
        "{text}"
    );
    // A file that is not ours stays, also where a program is linked anew.
    write(&folder, "build/main", "mine");
    fs::remove_file(folder.join("build/main.wasm")).expect("the program");
    cmake(&["--build", "build"]);
    let kept = fs::read_to_string(folder.join("build/main")).expect("the file");
    assert!(folder.join("build/main.wasm").exists() && kept == "mine");
    cmake(&["--install", "build", "--prefix", "installed"]);
    let installed = folder.join("installed/lib");
    let soname = Some("libbase.so.1".to_string());
    assert_eq!(names(&installed, "libbase.so.1.2.3").0, soname);
    let needed = names(&installed, "libtext.so").1;
    assert!(needed.contains(&"libbase.so.1".into()), "{needed:?}");
    fs::copy(
        folder.join("installed/bin/main.wasm"),
        installed.join("main.wasm"),
    )
    .expect("the program");
    assert_eq!(run(&installed, "main.wasm"), "8 -1 5\nplug 42\n");
}

#[test]
fn sonames_are_what_others_need() {
    let folder = scratch("sonames");
    write(&folder, "twice.c", LIBRARY);
    write(&folder, "main.c", PROGRAM);
    let cc = |words: &[&str]| succeed(driver("wasmdyld-cc", &folder).args(words));
    let library = ["-shared", "-o", "libtwice-0.so.2.0.9", "twice.c"];
    let soname = Some("libtwice-0.so.2".to_string());
    // As people, libtool, Solaris' users and CMake write it.
    for form in [
        &["-Wl,-soname,libtwice-0.so.2"][..],
        &["-Wl,-soname=libtwice-0.so.2"],
        &["-Wl,-soname", "-Wl,libtwice-0.so.2"],
        &["-Xlinker", "--soname", "-Xlinker", "libtwice-0.so.2"],
        &["-Wl,-h,libtwice-0.so.2"],
        &["-Wl,-hlibtwice-0.so.2"],
        &["-s", "-O2", "-g", "-Wl,-soname,libtwice-0.so.2"],
    ] {
        assert_eq!(cc(&[&library, form].concat()), "");
        let found = names(&folder, "libtwice-0.so.2.0.9");
        assert_eq!(found, (soname.clone(), vec!["libc.so".into()]), "{form:?}");
    }
    for link in ["libtwice-0.so.2", "libtwice.so"] {
        symlink("libtwice-0.so.2.0.9", folder.join(link)).expect("a link");
    }
    // By -l and by the file.
    for file in [&["-L.", "-ltwice"][..], &["libtwice.so"]] {
        cc(&[&["-o", "main.wasm", "main.c"], file].concat());
        let needed = names(&folder, "main.wasm").1;
        assert_eq!(needed, ["libtwice-0.so.2", "libc.so"], "{file:?}");
        assert_eq!(run(&folder, "main.wasm"), "2\n");
    }
    // What users have installed: no link for linkers.
    fs::remove_file(folder.join("libtwice.so")).expect("the link");
    assert_eq!(run(&folder, "main.wasm"), "2\n");

    // Loaded under another file's name, it is known by its own.
    fs::rename(
        folder.join("libtwice-0.so.2.0.9"),
        folder.join("libother.so"),
    )
    .expect("a new name");
    fs::remove_file(folder.join("libtwice-0.so.2")).expect("the link");
    let mut wasmdyld = command(env!("CARGO_BIN_EXE_wasmdyld"), &folder);
    let with = |wasmdyld: &mut Command, words: &[&str]| {
        let all = ["-L", ".", "-L"];
        wasmdyld
            .args(words)
            .args(all)
            .arg(guests().join("lib"))
            .arg("main.wasm");
    };
    with(&mut wasmdyld, &["run"]);
    let text = fail(&mut wasmdyld);
    assert!(
        text.contains("libtwice-0.so.2, needed by main.wasm"),
        "{text}"
    );
    let mut wasmdyld = command(env!("CARGO_BIN_EXE_wasmdyld"), &folder);
    with(&mut wasmdyld, &["run", "--preload", "libother.so"]);
    assert_eq!(succeed(&mut wasmdyld), "2\n");
    let mut ldd = command(env!("CARGO_BIN_EXE_wasmdyld"), &folder);
    with(&mut ldd, &["ldd", "--preload", "libother.so"]);
    let text = succeed(&mut ldd);
    let shown = "├─ libother.so (soname libtwice-0.so.2) => ./libother.so (library path)";
    assert!(text.contains(shown), "{text}");
    assert!(text.contains("├─ libtwice-0.so.2 (above)"), "{text}");
    let mut plan = command(env!("CARGO_BIN_EXE_wasmdyld"), &folder);
    with(&mut plan, &["plan", "--preload", "libother.so"]);
    let text = succeed(&mut plan);
    assert!(
        text.contains("libother.so (soname libtwice-0.so.2) "),
        "{text}"
    );
    let mut run = command(env!("CARGO_BIN_EXE_wasmdyld"), &folder);
    with(&mut run, &["run", "--map", "-", "--preload", "libother.so"]);
    let text = succeed(&mut run);
    assert!(text.contains(", soname libtwice-0.so.2, global"), "{text}");

    for bad in ["lib/x.so", "..", "a\u{1b}b", ""] {
        let text = fail(
            driver("wasmdyld-cc", &folder)
                .args(library)
                .args(["-Xlinker", "-soname", "-Xlinker", bad]),
        );
        assert!(text.contains("-soname"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
    // A program has none, as nobody needs it.
    cc(&["-o", "none.wasm", "twice.c", "main.c", "-Wl,-soname,x.so"]);
    assert_eq!(names(&folder, "none.wasm"), (None, vec!["libc.so".into()]));
}

#[test]
fn guests_open_a_library_by_either_name() {
    let folder = scratch("soname-dlopen");
    write(&folder, "twice.c", LIBRARY);
    write(
        &folder,
        "open.c",
        r#"#include <stdio.h>
#include <wasmdyld/dlfcn.h>
int main(void) {
    void *none = dlopen("libtwice.so.1", RTLD_NOW);
    void *one = dlopen("libtwice-file.so", RTLD_NOW), *two = dlopen("libtwice.so.1", RTLD_NOW | RTLD_NOLOAD);
    printf("%d %d\n", none == 0, one && one == two);
    dlclose(one), dlclose(two);
    printf("%d\n", dlopen("libtwice.so.1", RTLD_NOW | RTLD_NOLOAD) == 0);
}
"#,
    );
    let cc = |words: &str| succeed(driver("wasmdyld-cc", &folder).args(words.split_whitespace()));
    cc("-shared -o libtwice-file.so twice.c -Wl,-soname,libtwice.so.1");
    cc("-o open.wasm open.c");
    assert_eq!(run(&folder, "open.wasm"), "1 1\n1\n");
}

#[test]
fn what_is_not_used_is_not_needed_if_that_is_asked() {
    let folder = scratch("as-needed");
    write(&folder, "twice.c", LIBRARY);
    write(&folder, "other.c", "int other(void) { return 1; }\n");
    write(&folder, "main.c", PROGRAM);
    let cc = |words: &str| succeed(driver("wasmdyld-cc", &folder).args(words.split_whitespace()));
    cc("-shared -o libtwice.so twice.c");
    cc("-shared -o libother.so other.c");
    for (words, needed) in [
        (
            "-ltwice -lother",
            &["libtwice.so", "libother.so", "libc.so"][..],
        ),
        (
            "-Wl,--as-needed -ltwice -lother",
            &["libtwice.so", "libc.so"],
        ),
        (
            "-Wl,--as-needed -ltwice -Wl,--no-as-needed -lother",
            &["libtwice.so", "libother.so", "libc.so"],
        ),
        (
            "-ltwice -Wl,--push-state,--as-needed -Wl,-lother,--pop-state -lother",
            &["libtwice.so", "libother.so", "libc.so"],
        ),
        // setjmp is not used either.
        ("--setjmp -ltwice", &["libtwice.so", "libc.so"]),
    ] {
        cc(&format!("-o main.wasm main.c -L. {words}"));
        assert_eq!(names(&folder, "main.wasm").1, needed, "{words}");
        assert_eq!(run(&folder, "main.wasm"), "2\n", "{words}");
    }
    write(
        &folder,
        "jump.c",
        "#include <setjmp.h>\nint main(void) { jmp_buf b; if (!setjmp(b)) longjmp(b, 1); }\n",
    );
    cc("--setjmp -o jump.wasm jump.c");
    assert_eq!(names(&folder, "jump.wasm").1, ["libsetjmp.so", "libc.so"]);
}

#[test]
fn errors_say_which_option_helps() {
    let folder = scratch("advice");
    let build = |name: &str, source: &str, words: &str| {
        write(&folder, name, source);
        let words = words.split_whitespace();
        fail(driver("wasmdyld-cc", &folder).args(words).arg(name))
    };
    let text = build(
        "undefined.c",
        "int g(void); int f(void) { return g(); }\n",
        "-shared",
    );
    assert!(
        text.contains("undefined symbol: g") && text.contains("--import-undefined"),
        "{text}"
    );
    assert!(
        !text.contains("-ldl") && !text.contains("--setjmp"),
        "{text}"
    );
    let text = build(
        "open.c",
        "#include <dlfcn.h>\nint main(void) { return !dlopen(\"x.so\", RTLD_NOW); }\n",
        "-o open.wasm",
    );
    assert!(
        text.contains("add -ldl") && !text.contains("--import-undefined"),
        "{text}"
    );
    let text = build("jump.c", "#include <setjmp.h>\njmp_buf b;\n", "-c");
    assert!(text.contains("--setjmp"), "{text}");
    // Compiled with it, linked without.
    succeed(driver("wasmdyld-cc", &folder).args(["-c", "--setjmp", "-o", "jump.o", "jump.c"]));
    write(
        &folder,
        "use.c",
        "#include <setjmp.h>\nextern jmp_buf b;\nint main(void) { if (!setjmp(b)) longjmp(b, 1); }\n",
    );
    succeed(driver("wasmdyld-cc", &folder).args(["-c", "--setjmp", "use.c"]));
    let text = fail(driver("wasmdyld-cc", &folder).args(["-o", "x.wasm", "use.o", "jump.o"]));
    assert!(text.contains("setjmp and longjmp want --setjmp"), "{text}");
    let text = build(
        "cxx.c",
        "void *new(unsigned long) __asm__(\"_Znwm\"); void *f(void) { return new(1); }\n",
        "-shared",
    );
    assert!(text.contains("wasmdyld-c++"), "{text}");
}

/// A program may get it from there, and a library that has it can be run.
#[test]
fn a_library_may_have_the_main_function() {
    let folder = scratch("main-in-library");
    for (name, parameters, prints, said) in [
        ("void", "void", "\"none\"", "none"),
        ("two", "int n, char **a", "a[n - 1]", "last"),
    ] {
        let text = format!(
            "#include <stdio.h>\n#include <stdlib.h>\nstatic int made; static void bye(void) {{ printf(\"bye\"); }}\n\
             __attribute__((constructor)) static void make(void) {{ made = 1; }}\n\
             int main({parameters}) {{ atexit(bye); printf(\"%s %d\\n\", {prints}, made); return 3; }}\n"
        );
        write(&folder, "main.c", &text);
        let cc =
            |words: &str| succeed(driver("wasmdyld-cc", &folder).args(words.split_whitespace()));
        cc(&format!(
            "-shared -fvisibility=hidden -o lib{name}.so main.c"
        ));
        cc(&format!("-o program.wasm -L. -l{name}"));
        for file in ["program.wasm", &format!("lib{name}.so")] {
            let mut run = command(env!("CARGO_BIN_EXE_wasmdyld"), &folder);
            let run = run
                .env("WASMDYLD_TOOLCHAIN", guests())
                .args(["run", "-L", ".", file, "last"]);
            let output = run.output().expect("it starts");
            let text = String::from_utf8_lossy(&output.stdout);
            assert_eq!(text, format!("{said} 1\nbye"), "{file}: {output:?}");
            assert_eq!(output.status.code(), Some(3), "{file}");
        }
    }
    write(&folder, "none.c", LIBRARY);
    succeed(driver("wasmdyld-cc", &folder).args(["-shared", "-o", "libnone.so", "none.c"]));
    let mut run = command(env!("CARGO_BIN_EXE_wasmdyld"), &folder);
    let run = run.env("WASMDYLD_TOOLCHAIN", guests());
    let text = fail(run.args(["run", "libnone.so"]));
    assert!(text.contains("has no main function"), "{text}");
}

/// What libtool, Meson and autoconf ask compilers and linkers before they build shared libraries.
#[test]
fn build_tools_get_answers_as_from_gnu_tools() {
    let folder = scratch("questions");
    let asked = |words: &[&str]| succeed(driver("wasmdyld-cc", &folder).args(words));
    let linker = asked(&["-print-prog-name=ld"]);
    assert_eq!(linker, asked(&["--print-ld"]));
    let linker = linker.trim_end();
    let ask = |word: &str| {
        let mut command = command(linker, &folder);
        succeed(command.env("WASMDYLD_TOOLCHAIN", guests()).arg(word))
    };
    let version = ask("--version");
    assert!(
        version.starts_with("LLD ") && version.contains("(compatible with GNU linkers)"),
        "{version}"
    );
    assert_eq!(ask("-v"), version);
    assert_eq!(asked(&["-Wl,--version"]), version);
    let elf = |line: &str| {
        let targets = line.split_once(": supported targets:");
        targets.is_some_and(|(_, targets)| targets.contains(" elf"))
    };
    assert!(ask("--help").lines().any(elf));
    assert!(ask("--help-wasm-ld").contains("--export-dynamic"));
    let archiver = asked(&["-print-prog-name=ar"]);
    assert_eq!(archiver, asked(&["--print-ar"]));

    // A function of libc's, as AC_CHECK_FUNC declares it.
    let probe = "char strdup(void);\nint main(void) { return strdup(); }\n";
    let options = ["-Wno-incompatible-library-redeclaration", "-o"];
    write(&folder, "conftest.c", probe);
    asked(&[&options[..], &["conftest", "conftest.c"]].concat());
    write(
        &folder,
        "conftest.c",
        &probe.replace("strdup", "no_such_function"),
    );
    let none = [&options[..], &["conftest", "conftest.c"]].concat();
    fail(driver("wasmdyld-cc", &folder).args(none));
    write(&folder, "mistake.c", probe);
    let mistake = [&options[..], &["mistake.wasm", "mistake.c"]].concat();
    let text = fail(driver("wasmdyld-cc", &folder).args(mistake));
    assert!(text.contains("signature mismatch"), "{text}");
}

/// As users type it: nothing says where libc.so is.
#[test]
fn the_toolchains_libraries_are_found_without_being_told() {
    let folder = scratch("default-path");
    write(&folder, "twice.c", LIBRARY);
    write(&folder, "main.c", PROGRAM);
    let cc = |words: &str| succeed(driver("wasmdyld-cc", &folder).args(words.split_whitespace()));
    cc("-shared -o libtwice.so twice.c");
    cc("-o main.wasm main.c -L. -ltwice -Wl,-rpath,$ORIGIN");
    let wasmdyld = |words: &[&str]| {
        let mut command = command(env!("CARGO_BIN_EXE_wasmdyld"), &folder);
        command.env("WASMDYLD_TOOLCHAIN", guests()).args(words);
        command
    };
    assert_eq!(succeed(&mut wasmdyld(&["run", "main.wasm"])), "2\n");
    succeed(&mut wasmdyld(&["plan", "main.wasm"]));
    succeed(&mut wasmdyld(&["symbols", "main.wasm"]));
    let libc = guests().join("lib/libc.so").display().to_string();
    let text = succeed(&mut wasmdyld(&["ldd", "main.wasm"]));
    assert!(
        text.contains(&format!("libc.so => {libc} (default folder)")),
        "{text}"
    );

    // Last: a library of the program's own comes first, and so does -L.
    fs::create_dir(folder.join("own")).expect("a folder");
    fs::copy(&libc, folder.join("own/libc.so")).expect("a copy");
    let text = succeed(&mut wasmdyld(&["ldd", "-L", "own", "main.wasm"]));
    assert!(
        text.contains("libc.so => own/libc.so (library path)"),
        "{text}"
    );
    let own = &["ldd", "--default-path", "own", "main.wasm"];
    let text = succeed(&mut wasmdyld(own));
    assert!(
        text.contains("libc.so => own/libc.so (default folder)"),
        "{text}"
    );
    let mut ldd = wasmdyld(&["ldd", "main.wasm"]);
    let text = succeed(ldd.env("WASMDYLD_DEFAULT_PATH", "none:own"));
    assert!(
        text.contains("libc.so => own/libc.so (default folder)"),
        "{text}"
    );

    let mut off = [
        wasmdyld(&["run", "--default-path", "off", "main.wasm"]),
        wasmdyld(&["run", "main.wasm"]),
        wasmdyld(&["run", "main.wasm"]),
    ];
    off[1].env("WASMDYLD_DEFAULT_PATH", "off");
    off[2].env("WASMDYLD_DEFAULT_PATH", "");
    for run in &mut off {
        let text = fail(run);
        assert!(text.contains("wasmdyld-cc --print-lib-dir"), "{text}");
        assert!(!text.contains("default folder"), "{text}");
    }
    // Nothing is set up, and nothing said.
    let mut bare = command(env!("CARGO_BIN_EXE_wasmdyld"), &folder);
    let bare = bare.env("HOME", &folder).args(["ldd", "main.wasm"]);
    let text = fail(bare);
    assert!(text.contains("wasmdyld-cc --setup"), "{text}");
}

/// As the kernel reads it (Documentation/admin-guide/binfmt-misc.rst); systemd passes lines through.
#[test]
fn the_rule_for_binfmt_misc_is_one_and_means_core_modules() {
    let text = fs::read_to_string(tool("wasmdyld-binfmt.conf")).expect("the file");
    let is_comment = |line: &&str| line.starts_with(['#', ';']) || line.trim().is_empty();
    let rules: Vec<&str> = text.lines().filter(|line| !is_comment(line)).collect();
    let [rule] = rules[..] else {
        panic!("not one rule: {rules:?}")
    };
    assert!(rule.len() <= 1920, "the kernel takes no more");
    let delimiter = rule.chars().next().expect("a delimiter");
    let fields: Vec<&str> = rule.split(delimiter).collect();
    let ["", name, "M", offset, magic, mask, interpreter, flags] = fields[..] else {
        panic!("not the fields of a rule: {fields:?}")
    };
    assert!(!name.is_empty() && !name.contains('/') && !["register", "status"].contains(&name));
    assert_eq!((offset, mask), ("", ""), "all bytes, from the first on");
    assert!(flags.chars().all(|flag| "POCF".contains(flag)), "{flags}");
    let mut bytes = Vec::new();
    let mut rest = magic;
    while !rest.is_empty() {
        match rest.strip_prefix("\\x") {
            Some(hex) => {
                bytes.push(u8::from_str_radix(&hex[..2], 16).expect("two digits"));
                rest = &hex[2..];
            }
            None => {
                bytes.push(rest.as_bytes()[0]);
                rest = &rest[1..];
            }
        }
    }
    assert_eq!(bytes, b"\0asm\x01\0\0\0");
    let program = Path::new(interpreter);
    assert!(program.is_absolute() && interpreter.len() < 127);
    // What is to be there, started as the kernel starts it: the file's path, then the arguments.
    let name = program.file_name().expect("a name");
    let folder = scratch("binfmt");
    write(
        &folder,
        "echo.c",
        "#include <stdio.h>\nint main(int n, char **a) { while (*++a) puts(*a); return n; }\n",
    );
    succeed(driver("wasmdyld-cc", &folder).args(["-o", "echo", "echo.c"]));
    fs::copy(
        tool(name.to_str().expect("a name")),
        folder.join("wasmdyld-exec"),
    )
    .expect("a copy");
    symlink(env!("CARGO_BIN_EXE_wasmdyld"), folder.join("wasmdyld")).expect("a link");
    let mut command = command(folder.join("wasmdyld-exec"), &folder);
    let command = command
        .env("WASMDYLD_TOOLCHAIN", guests())
        .arg(folder.join("echo"))
        .args(["--one", "two words"]);
    let output = command.output().expect("it starts");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "--one\ntwo words\n",
        "{output:?}"
    );
    assert_eq!(output.status.code(), Some(3));
}

/// The options that `--help` lists, those of clang's among them that it says something about.
fn listed_options() -> Vec<String> {
    let help = succeed(driver("wasmdyld-cc", Path::new("/")).arg("--help"));
    let (_, options) = help.split_once("\noptions, ").expect("options");
    let (options, _) = options.split_once("\n\n").expect("an end");
    let lines = options.lines().filter_map(|line| line.strip_prefix("  -"));
    let names = lines.flat_map(|line| {
        let words = line.split("  ").next().unwrap_or_default().split(", ");
        words.map(|word| format!("-{}", word.trim_start_matches('-')))
    });
    let mut names: Vec<String> = names
        .map(|name| {
            name.split_whitespace()
                .next()
                .unwrap_or_default()
                .to_string()
        })
        .filter(|name| !name.starts_with("-Wl"))
        .collect();
    names.push("-shared".to_string());
    names
}

#[test]
fn manual_page_and_completions_know_each_option() {
    let options = listed_options();
    assert!(
        options.len() > 12 && options.contains(&"-print-meson-cross-file".to_string()),
        "{options:?}"
    );
    let read =
        |file: &str| fs::read_to_string(tool(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
    let page = read("man/wasmdyld-cc.1").replace("Fl -", "Fl ");
    let bash = read("completions/wasmdyld-cc.bash");
    let zsh = read("completions/wasmdyld-cc.zsh");
    let fish = read("completions/wasmdyld-cc.fish");
    for option in &options {
        let plain = option.trim_start_matches('-');
        assert!(
            page.contains(&format!("Fl {plain}")),
            "the page lacks {option}"
        );
        let in_words = |text: &str| {
            text.split(|c: char| c.is_whitespace() || "\"'[".contains(c))
                .any(|word| word.trim_start_matches('-') == plain)
        };
        assert!(in_words(&bash), "bash lacks {option}");
        assert!(in_words(&zsh), "zsh lacks {option}");
        let one = [format!("-o {plain} "), format!("-l {plain} ")];
        assert!(
            one.iter().any(|word| fish.contains(word)),
            "fish lacks {option}"
        );
    }

    if skip::has("mandoc") {
        for entry in fs::read_dir(tool("man")).expect("pages") {
            let page = entry.expect("a page").path();
            let lint = Command::new("mandoc")
                .args(["-T", "lint"])
                .arg(&page)
                .output();
            let lint = lint.expect("mandoc");
            let said = String::from_utf8_lossy(&lint.stdout).into_owned();
            // Whether other pages are installed is not this page's affair.
            let own = said
                .lines()
                .filter(|line| !line.contains("referenced manual not found"));
            assert_eq!(own.collect::<Vec<_>>(), Vec::<&str>::new());
        }
    }
    if skip::has("bash") {
        let folder = scratch("completions");
        fs::create_dir_all(folder.join("inner/deep")).expect("folders");
        let completed = |words: &[&str]| {
            let script = format!(
                ". '{}'; COMP_WORDS=({}); COMP_CWORD={}; _wasmdyld_cc; echo \"${{COMPREPLY[*]}}\"",
                tool("completions/wasmdyld-cc.bash").display(),
                words.join(" "),
                words.len() - 1
            );
            let mut bash = command("bash", &folder);
            succeed(bash.args(["-c", &script])).trim().to_string()
        };
        assert_eq!(
            completed(&["wasmdyld-cc", "--print-l"]),
            "--print-lib-dir --print-ld"
        );
        assert_eq!(completed(&["wasmdyld-c++", "--setj"]), "--setjmp");
        assert_eq!(completed(&["wasmdyld-cc", "-L", "inn"]), "inner");
        assert_eq!(completed(&["wasmdyld-cc", "-Linn"]), "-Linner");
        assert_eq!(completed(&["wasmdyld-cc", "inner/d"]), "inner/deep");
    }
}
