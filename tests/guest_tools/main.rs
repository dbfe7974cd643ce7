//! What is installed for building guests: `wasmdyld-cc`, `wasmdyld-c++` and the CMake toolchain file, as they lie in the source tree.
#![cfg(feature = "cli")]

mod kit;
mod names;
#[path = "../support/skip.rs"]
mod skip;
mod users;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use kit::*;

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
