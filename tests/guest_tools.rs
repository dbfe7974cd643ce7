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
        text.contains("100% tests passed, 0 tests failed out of 1"),
        "{text}"
    );
    cmake(&["--install", "build", "--prefix", "installed"]);
    let installed = folder.join("installed/lib");
    fs::copy(
        folder.join("installed/bin/main.wasm"),
        installed.join("main.wasm"),
    )
    .expect("the program");
    assert_eq!(run(&installed, "main.wasm"), "8 -1 5\nplug 42\n");
}
