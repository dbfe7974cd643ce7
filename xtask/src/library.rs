//! Building the library and the command, and what is to be known of a build.

use crate::builds;
use crate::guests::toolchain;
use crate::install::{self, Installed, Options};
use crate::util::{self, At, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The build script of the engine's C API copies its headers with it.
const CMAKE_PACKAGE: &str = "cmake==4.1.2";

/// cargo, in this workspace, with everything its build scripts need on the path.
pub fn cargo() -> Result<Command> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(util::workspace());
    // `cargo xtask` sets variables of its own package, which must not reach the packages built now.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            command.env_remove(name);
        }
    }
    command.env_remove("CARGO_MANIFEST_DIR");
    if let Some(folder) = cmake()? {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(folder).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders).map_err(|error| error.to_string())?;
        command.env("PATH", path);
    }
    Ok(command)
}

/// The folder of a cmake of our own, if the machine has none.
fn cmake() -> Result<Option<PathBuf>> {
    if util::works("cmake", &["--version"]) {
        return Ok(None);
    }
    let place = util::target_dir().join("tools/cmake");
    let bin = place.join("cmake/data/bin");
    if !util::works(bin.join("cmake"), &["--version"]) {
        util::step("cmake, which the engine's build needs (once)");
        let scratch = util::beside(&place, "tmp");
        util::remove(&scratch)?;
        util::timed("PyPI cmake", || {
            let unpacked = toolchain::pypi(&scratch, CMAKE_PACKAGE)?;
            for program in ["cmake", "ctest", "cpack"] {
                toolchain::make_executable(&unpacked.join("cmake/data/bin").join(program))?;
            }
            util::install_dir(&unpacked, &place)
        })?;
        util::remove(&scratch)?;
    }
    Ok(Some(bin))
}

/// A build of the library and the command.
pub struct Built {
    pub folder: PathBuf,
    /// The standard header, as the bundled engine has it.
    pub wasm_h: PathBuf,
}

/// Builds the library and the command, and the engine inside as a library of its own, for tests: in one go, so that all three share one
/// build of it. cargo shows its own progress.
pub fn build() -> Result<Built> {
    util::step(
        "library and command (the first build takes some minutes, nearly all of it for the engine)",
    );
    let messages = util::timed("cargo build --release --features cli", || {
        let mut command = cargo()?;
        command.args(builds::LIBRARY);
        util::run_piped(command.arg("--message-format=json-render-diagnostics"))
    })?;
    Ok(Built {
        folder: util::target_dir().join("release"),
        wasm_h: include(&messages)?.join("wasm.h"),
    })
}

/// The folder of the engine's headers, which our build script was told and hands on, from what cargo says of it: `["WASMDYLD_WASM_H","/..."]`.
fn include(messages: &str) -> Result<PathBuf> {
    let value = messages
        .split("[\"WASMDYLD_WASM_H\",\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    value
        .map(PathBuf::from)
        .ok_or("cargo build does not say where the engine's wasm.h is".into())
}

/// Builds, then lays out `<target>/wasmdyld`: an installation of what the demonstration and a first host need.
pub fn stage() -> Result<Installed> {
    let mut options = Options::new(util::target_dir().join("wasmdyld"));
    options.neutral = false;
    install::install(&options)
}

/// Builds the engines that tests open, from a workspace of their own: their names and files.
pub fn engines() -> Result<Vec<(&'static str, PathBuf)>> {
    util::step("other engines (the first build takes some minutes)");
    // The build script of one wants to see a folder of this name above its output.
    let target = util::target_dir().join("engines/target");
    util::timed("cargo build --release, in engines", || {
        let mut command = cargo()?;
        command
            .current_dir(util::workspace().join("engines"))
            .args(["build", "--release", "--locked"])
            .env("CARGO_TARGET_DIR", &target);
        util::run(&mut command)
    })?;
    let built = |name, file: &str| {
        let path = target.join("release").join(file);
        println!("    {name}: {}", path.display());
        (name, path)
    };
    let wasmtime = build()?.folder.join("libwasmtime_engine.so");
    Ok(vec![
        built("wasmer", "libwasmer_engine.so"),
        built("wasmi", "libwasmi.so"),
        ("wasmtime", wasmtime),
    ])
}

/// Builds one of the other engines alone: its file.
pub fn engine(name: &str) -> Result<PathBuf> {
    util::step(format!("{name} as a library"));
    let target = util::target_dir().join("engines/target");
    util::timed(format!("cargo build --release -p engine-{name}"), || {
        let mut command = cargo()?;
        command
            .current_dir(util::workspace().join("engines"))
            .args([
                "build",
                "--release",
                "--locked",
                "-p",
                &format!("engine-{name}"),
            ])
            .env("CARGO_TARGET_DIR", &target);
        util::run(&mut command)
    })?;
    Ok(target.join("release").join(format!("lib{name}.so")))
}

/// Builds the library without an engine of its own: what a host that links another engine uses. Gives the folder.
pub fn neutral() -> Result<PathBuf> {
    util::step("library without an engine");
    let target = util::target_dir().join("neutral");
    util::timed("cargo build --release --no-default-features", || {
        let mut command = cargo()?;
        command
            .args(["build", "--release", "--lib"])
            .args(["--no-default-features", "--features", "wasi"])
            .env("CARGO_TARGET_DIR", &target);
        util::run(&mut command)
    })?;
    Ok(target.join("release"))
}

/// The version in Cargo.toml.
pub fn version() -> Result<String> {
    let manifest = util::read(&util::workspace().join("Cargo.toml"))?;
    let version = manifest.lines().find_map(|line| {
        line.strip_prefix("version = \"")
            .and_then(|rest| rest.strip_suffix('"'))
    });
    Ok(version.ok_or("Cargo.toml has no version")?.to_string())
}

/// What a program has to be linked with beside the static library. Only rustc can tell, and only when it makes such a library of all crates;
/// so it makes another one, of nothing but ours, and cargo need not build anything anew.
pub fn native_libraries(built: &Path) -> Result<String> {
    let kept = built.join("native-libraries.txt");
    let rlib = built.join("libwasmdyld.rlib");
    let changed = |path: &Path| fs::metadata(path).and_then(|data| data.modified());
    let made = changed(&rlib).at("read", &rlib)?;
    if changed(&kept).is_ok_and(|asked| asked > made) {
        return util::read(&kept);
    }
    let scratch = util::beside(&kept, "tmp");
    util::remove(&scratch)?;
    util::create_dir(&scratch)?;
    let (source, answer) = (scratch.join("all.rs"), scratch.join("answer"));
    util::write(&source, "extern crate wasmdyld;\n")?;
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--crate-type", "staticlib", "--print"]);
    rustc.arg(format!("native-static-libs={}", answer.display()));
    rustc
        .arg("--extern")
        .arg(format!("wasmdyld={}", rlib.display()));
    rustc
        .arg("-L")
        .arg(format!("dependency={}", built.join("deps").display()));
    util::run_quiet(rustc.arg("-o").arg(scratch.join("all.a")).arg(&source))?;
    let libraries = util::read(&answer)?;
    util::remove(&scratch)?;
    let libraries = libraries.split_whitespace().collect::<Vec<_>>().join(" ");
    util::write(&kept, &libraries)?;
    Ok(libraries)
}

pub fn header() -> Result<()> {
    let mut command = cargo()?;
    util::run(command.args(builds::HEADER).env("WASMDYLD_BLESS", "1"))
}
