//! The library as its users meet it: installed, moved to another place, and found there by CMake and by pkg-config; or as a source tree
//! inside another project.
//!
//! `cargo xtask test` installs, and says in `WASMDYLD_TEST_PREFIX` where; and in `WASMDYLD_TEST_ENGINES` which engines there are.
#![cfg(all(feature = "cli", feature = "wasmtime", feature = "wasi"))]

#[path = "support/c.rs"]
mod c;
#[path = "support/elf.rs"]
mod elf;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use c::skip::{has, is_there, skip, skip_tool};
use c::{compilers, guests, program, setup, show, source, succeed};

const CRC: &str = "engine: the linked one\ncrc32(\"any engine\") = 6cc65507\n";

/// A copy of the installation in another place: nothing in it may depend on where it was.
fn moved(to: &str) -> Option<PathBuf> {
    let Some(prefix) = std::env::var_os("WASMDYLD_TEST_PREFIX").map(PathBuf::from) else {
        skip("an installation", "`cargo xtask test` makes it");
        return None;
    };
    let place = fresh(to);
    c::copy_tree(&prefix, &place);
    Some(place)
}

/// An empty folder of this test.
fn fresh(name: &str) -> PathBuf {
    let folder = setup().work.join("install").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// The target folder, which holds tools of our own.
fn target() -> PathBuf {
    let target = setup().work.join("../..");
    target.canonicalize().expect("the target folder")
}

/// cmake and what comes with it.
fn cmake(name: &str) -> Option<Command> {
    let own = target().join("tools/cmake/cmake/data/bin").join(name);
    let found = [PathBuf::from(name), own]
        .into_iter()
        .find(|path| is_there(path));
    if found.is_none() {
        skip_tool("cmake");
    }
    found.map(Command::new)
}

/// The bundled engine as a library of its own, to link beside the linker that has none.
fn engine() -> PathBuf {
    let engines = std::env::var("WASMDYLD_TEST_ENGINES").unwrap_or_default();
    let listed = engines
        .split(':')
        .find_map(|entry| entry.strip_prefix("wasmtime="));
    let built = target().join("release/libwasmtime_engine.so");
    listed.map_or(built, PathBuf::from)
}

fn define(name: &str, value: impl AsRef<OsStr>) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(format!("-D{name}="));
    option.push(value);
    option
}

/// Configures a project and gives its folder and what was said.
fn configure(
    source: &Path,
    build: &str,
    options: &[std::ffi::OsString],
) -> Option<(PathBuf, String)> {
    let folder = fresh(build);
    let mut command = cmake("cmake")?;
    command
        .arg("-S")
        .arg(source)
        .arg("-B")
        .arg(&folder)
        .args(options);
    // An installation that a user has in the environment is not the one to be found.
    command
        .env_remove("CMAKE_PREFIX_PATH")
        .env_remove("CARGO_TARGET_DIR");
    let output = succeed(build, &mut command);
    Some((folder, String::from_utf8_lossy(&output.stdout).into_owned()))
}

fn build(folder: &Path) -> String {
    let mut command = cmake("cmake").expect("it was there");
    let output = succeed("cmake --build", command.arg("--build").arg(folder));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs examples/engine.c, which was built to need exactly this library of the linker's.
fn crc(host: &Path, needed: Option<&str>, library_path: Option<&Path>) {
    let elf = elf::read(host);
    let ours: Vec<&String> = elf
        .needed
        .iter()
        .filter(|name| name.starts_with("libwasmdyld"))
        .collect();
    assert_eq!(ours, Vec::from_iter(needed), "{}", host.display());
    let lib = guests().join("lib");
    let folder = host.with_extension("run");
    let mut command = program(
        &[host.as_os_str(), lib.as_os_str()],
        &folder.to_string_lossy(),
    );
    if let Some(path) = library_path {
        command.env("LD_LIBRARY_PATH", path);
    }
    let what = host.display().to_string();
    let output = succeed(&what, &mut command);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        CRC,
        "{}",
        show(&what, &output)
    );
}

#[test]
fn cmake_finds_it_where_it_was_moved() {
    for compiler in &compilers() {
        // Folders may have spaces in their names.
        let Some(prefix) = moved(&format!("moved for {compiler}")) else {
            return;
        };
        let options = [
            define("CMAKE_C_COMPILER", compiler),
            define("CMAKE_PREFIX_PATH", &prefix),
            define("EXAMPLES", source("examples")),
            define("ENGINE", engine()),
            define(
                "CMAKE_INSTALL_PREFIX",
                setup().work.join("install/taken along"),
            ),
        ];
        let hosts = source("tests/install/hosts");
        let Some((folder, _)) = configure(&hosts, &format!("cmake-{compiler}"), &options) else {
            return;
        };
        build(&folder);
        crc(
            &folder.join("engine-default"),
            Some("libwasmdyld.so.0"),
            None,
        );
        crc(
            &folder.join("engine-shared"),
            Some("libwasmdyld.so.0"),
            None,
        );
        crc(&folder.join("engine-static"), None, None);
        crc(
            &folder.join("engine-neutral"),
            Some("libwasmdyld-neutral.so.0"),
            None,
        );
        crc(&folder.join("engine-neutral-static"), None, None);

        let (host, lib) = (folder.join("sqlite"), guests().join("lib"));
        let mut sqlite = program(
            &[host.as_os_str(), lib.as_os_str()],
            &format!("install-{compiler}"),
        );
        let output = succeed("sqlite", &mut sqlite);
        let table = String::from_utf8_lossy(&output.stdout);
        assert!(
            table.contains("Africa                     3          15530"),
            "{table}"
        );

        // Installed with the project, the host has the library beside it and does not need the prefix any more.
        let taken = fresh("taken along");
        let mut install = cmake("cmake").expect("it was there");
        succeed("cmake --install", install.arg("--install").arg(&folder));
        if taken.join("lib").exists() {
            std::fs::remove_dir_all(&prefix).expect("removing the prefix");
            crc(
                &taken.join("bin/engine-shared"),
                Some("libwasmdyld.so.0"),
                None,
            );
        }
    }
}

#[test]
fn cmake_is_told_which_version_and_components_there_are() {
    let Some(prefix) = moved("versions") else {
        return;
    };
    let versions = source("tests/install/versions");
    let run = |build: &str, more: &[(&str, &str)]| {
        let mut options = vec![define("CMAKE_PREFIX_PATH", &prefix)];
        options.extend(more.iter().map(|(name, value)| define(name, value)));
        configure(&versions, build, &options).map(|(_, said)| said)
    };
    let lists = [
        ("ACCEPTED", "0.1;0.1.0;0.1...<0.2;0.0...0.1;0.1...1"),
        ("REFUSED", "0;0.0;0.2;0.1.1;1.0;1;0.2...1;0.0...<0.1"),
    ];
    let Some(said) = run("versions-lists", &lists) else {
        return;
    };
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        said.contains(&format!("WasmDyld {version}: WasmDyld::shared")),
        "{said}"
    );
    for (build, name, value) in [
        ("versions-static", "COMPONENTS", "COMPONENTS;static"),
        ("versions-static-off", "BUILD_SHARED_LIBS", "OFF"),
    ] {
        let said = run(build, &[(name, value)]).expect("cmake");
        assert!(said.contains("WasmDyld::static"), "{name}={value}: {said}");
    }

    // What cannot be is told.
    std::fs::remove_file(prefix.join("lib/libwasmdyld.a")).expect("the archive");
    for (components, words) in [
        (
            "COMPONENTS;dynamic",
            "No component is called `dynamic`; there are shared, static, neutral",
        ),
        (
            "COMPONENTS;static",
            "The component `static` is not installed in",
        ),
    ] {
        let mut command = cmake("cmake").expect("it was there");
        command
            .arg("-S")
            .arg(&versions)
            .arg("-B")
            .arg(fresh("versions-fail"));
        command
            .arg(define("CMAKE_PREFIX_PATH", &prefix))
            .arg(define("COMPONENTS", components));
        let output = command.output().expect("cmake");
        // CMake breaks lines where it likes.
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!output.status.success() && said.contains(words), "{said}");
    }
}

/// Answers of pkg-config as arguments.
fn pkg_config(prefix: &Path, arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command
        .env("PKG_CONFIG_PATH", prefix.join("pkgconfig"))
        .args(arguments);
    let output = succeed("pkg-config", &mut command);
    let text = String::from_utf8_lossy(&output.stdout);
    text.split_whitespace().map(str::to_string).collect()
}

fn compile(compiler: &str, host: &Path, flags: &[&[String]]) {
    let mut command = Command::new(compiler);
    command
        .arg("-std=c11")
        .arg(source("examples/engine.c"))
        .arg("-o")
        .arg(host);
    succeed(compiler, command.args(flags.concat()));
}

#[test]
fn pkg_config_finds_it_where_it_was_moved() {
    if !has("pkg-config") {
        return;
    }
    let Some(prefix) = moved("pkg-config") else {
        return;
    };
    let Some(only_static) = moved("pkg-config-static") else {
        return;
    };
    let lib = prefix.join("lib");
    for entry in std::fs::read_dir(only_static.join("lib")).expect("the libraries") {
        let path = entry.expect("an entry").path();
        if path.to_string_lossy().contains(".so") {
            std::fs::remove_file(path).expect("a shared library");
        }
    }
    let only_static = only_static.join("lib");

    assert_eq!(
        pkg_config(&lib, &["--modversion", "wasmdyld"]),
        [env!("CARGO_PKG_VERSION")]
    );
    let engine = engine().display().to_string();
    let folder = fresh("pkg-config-hosts");
    for compiler in &compilers() {
        let host = |kind: &str| folder.join(format!("{kind}-{compiler}"));
        for (package, beside) in [
            ("wasmdyld", vec![]),
            ("wasmdyld-neutral", vec![engine.clone()]),
        ] {
            let so = format!("lib{package}.so.0");
            let cflags = pkg_config(&lib, &["--cflags", package]);

            let shared = host(package);
            let libs = pkg_config(&lib, &["--libs", package]);
            compile(compiler, &shared, &[&cflags, &libs, &beside]);
            crc(&shared, Some(&so), Some(&lib));

            // With the shared library beside the archive.
            let archive = host(&format!("{package}-archive"));
            let libs = pkg_config(&lib, &["--variable=static_libs", package]);
            compile(compiler, &archive, &[&cflags, &libs, &beside]);
            crc(&archive, None, None);

            // And without it.
            let alone = host(&format!("{package}-alone"));
            let libs = pkg_config(&only_static, &["--static", "--libs", package]);
            compile(compiler, &alone, &[&cflags, &libs, &beside]);
            crc(&alone, None, None);
        }
    }
}

/// cargo finds the caller's programs, its rustc among them, whatever else lies beside cmake; and cmake where the caller has none.
#[test]
fn cargo_is_run_with_the_callers_programs() {
    let Some(found) = cmake("cmake") else {
        return;
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let real = std::env::split_paths(&path)
        .map(|folder| folder.join(found.get_program()))
        .find(|file| file.is_file())
        .expect("cmake, which is there");
    let folder = fresh("programs");
    let script = |name: &str, text: &str| {
        let file = folder.join(name);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(&file, text).expect("a script");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&file, mode).expect("a script");
        file
    };
    let cargo = script("cargo", "#!/bin/sh\ncommand -v cmake\n");
    let own = script("own/cmake", "#!/bin/sh\n");
    let nothing = fresh("no-programs");
    for (path, expected) in [(folder.join("own"), own), (nothing, real.clone())] {
        let mut command = Command::new(&real);
        command
            .arg(define("CARGO", &cargo))
            .arg(define("TARGET_DIR", &folder))
            .arg(define("SOURCE", &folder))
            .arg(define("PREFIX", &folder))
            .arg("-P")
            .arg(source("cmake/CargoInstall.cmake"))
            .env("PATH", path);
        let output = succeed("CargoInstall.cmake", &mut command);
        let said = String::from_utf8_lossy(&output.stdout);
        let said = Path::new(said.trim()).canonicalize().expect("a program");
        assert_eq!(said, expected.canonicalize().expect("a program"));
    }
}

/// Options for projects that hold the source tree: cargo finds everything built.
fn in_source_tree() -> Vec<std::ffi::OsString> {
    vec![
        define("WASMDYLD_CARGO_TARGET_DIR", target()),
        define("WASMDYLD_CARGO", env!("CARGO")),
        define("WASMDYLD_GUESTS", guests()),
    ]
}

#[test]
fn a_project_holds_the_source_tree() {
    let Some(prefix) = moved("embedded-libraries") else {
        return;
    };
    let mut options = in_source_tree();
    options.push(define("SOURCE", source("")));
    let Some((folder, said)) = configure(&source("tests/install/embedded"), "embedded", &options)
    else {
        return;
    };
    build(&folder);
    crc(
        &folder.join("engine-WasmDyld"),
        Some("libwasmdyld.so.0"),
        None,
    );
    crc(
        &folder.join("engine-shared"),
        Some("libwasmdyld.so.0"),
        None,
    );
    crc(&folder.join("engine-static"), None, None);
    // Nothing asked for the other variant, so nothing was built for it.
    let lib = folder.join("_deps/wasmdyld-build/prefix/lib");
    assert!(lib.join("libwasmdyld.a").exists() && !lib.join("libwasmdyld-neutral.a").exists());

    let installed =
        std::fs::read_to_string(prefix.join("lib/cmake/WasmDyld/WasmDyld-bundled.cmake"));
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("-- static: "));
    let libraries = line.expect("the libraries");
    assert!(
        installed.expect("the file").contains(libraries),
        "{libraries}"
    );

    // What is up to date stays as it is.
    let host = folder.join("engine-static");
    let before = std::fs::metadata(&host)
        .and_then(|m| m.modified())
        .expect("a time");
    build(&folder);
    let after = std::fs::metadata(&host)
        .and_then(|m| m.modified())
        .expect("a time");
    assert_eq!(before, after, "linked anew");
}

#[test]
fn the_source_tree_is_a_project() {
    let mut options = in_source_tree();
    options.extend([
        define("WASMDYLD_BUILD_TESTS", "ON"),
        define("CMAKE_INSTALL_PREFIX", "/usr"),
        define("CMAKE_INSTALL_LIBDIR", "lib/deep"),
        define("CMAKE_INSTALL_INCLUDEDIR", "/usr/include/wasmdyld-0"),
    ]);
    if std::env::var_os("WASMDYLD_TEST_PREFIX").is_none() {
        return skip(
            "an installation",
            "`cargo xtask test` makes it, and all that this needs",
        );
    }
    let (Some((folder, _)), Some(mut ctest)) =
        (configure(&source(""), "project", &options), cmake("ctest"))
    else {
        return;
    };
    build(&folder);
    ctest
        .arg("--test-dir")
        .arg(&folder)
        .arg("--output-on-failure");
    ctest.args(["-R", r"^wasmdyld\.(header|config|errors|library)$"]);
    let output = succeed("ctest", &mut ctest);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("100% tests passed, 0 tests failed out of 4"),
        "{said}"
    );

    // A package: folders where the system has them, below one that only the package knows.
    let destination = fresh("package");
    let mut install = cmake("cmake").expect("it was there");
    install
        .arg("--install")
        .arg(&folder)
        .env("DESTDIR", &destination);
    succeed("cmake --install", &mut install);
    let usr = destination.join("usr");
    for file in [
        "bin/wasmdyld",
        "include/wasmdyld-0/wasmdyld.h",
        "share/doc/wasmdyld/LICENSE",
    ] {
        assert!(usr.join(file).is_file(), "{file}");
    }
    let lib = usr.join("lib/deep");
    if has("pkg-config") {
        let host = destination.join("host");
        let flags = pkg_config(&lib, &["--cflags", "--libs", "wasmdyld"]);
        compile(&c::compiler(), &host, &[&flags]);
        crc(&host, Some("libwasmdyld.so.0"), Some(&lib));
    }
    let options = [
        define("WasmDyld_DIR", lib.join("cmake/WasmDyld")),
        define("EXAMPLES", source("examples")),
        define("ENGINE", engine()),
    ];
    let hosts = configure(&source("tests/install/hosts"), "package-hosts", &options);
    let (folder, _) = hosts.expect("it was there");
    build(&folder);
    crc(
        &folder.join("engine-neutral"),
        Some("libwasmdyld-neutral.so.0"),
        None,
    );
}
