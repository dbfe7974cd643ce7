//! Building the library and the command, and what is to be known of a build.

use crate::builds;
use crate::guests::toolchain;
use crate::install::{self, Installed, Options};
use crate::util::{self, At, Result};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

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
    // Builds go side by side, and each begins here.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
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

/// What to build the library and the command for.
pub struct Build {
    /// Another machine than this one.
    pub target: Option<String>,
    /// With WASI inside.
    pub wasi: bool,
}

impl Default for Build {
    fn default() -> Build {
        Build {
            target: None,
            wasi: true,
        }
    }
}

impl Build {
    /// What the library and the command are built with, in cargo's options.
    pub fn features(&self) -> &'static [&'static str] {
        match self.wasi {
            true => &["--features", "wasmdyld/cli"],
            false => &["--no-default-features", "--features", "wasmdyld/wasmtime"],
        }
    }

    /// The folder that cargo builds in: `name` is ours if it is not the ordinary one. Cargo gives libraries with other features the same name,
    /// so these need folders of their own.
    fn target_dir(&self, name: &str) -> PathBuf {
        match (name, self.wasi) {
            ("", true) => util::target_dir(),
            (name, true) => util::target_dir().join(name),
            (name, false) => util::target_dir().join("no-wasi").join(name),
        }
    }

    fn release(&self, target: &Path) -> PathBuf {
        match &self.target {
            Some(triple) => target.join(triple).join("release"),
            None => target.join("release"),
        }
    }

    /// Has cargo build it there, with its messages to the user; what it tells programs is given back.
    fn run(&self, arguments: &[&str], target: &Path) -> Result<String> {
        let mut command = cargo()?;
        command.args(arguments).env("CARGO_TARGET_DIR", target);
        if let Some(triple) = &self.target {
            command.args(["--target", triple]);
        }
        util::run_piped(command.arg("--message-format=json-render-diagnostics"))
    }
}

/// A build of the library and the command.
pub struct Built {
    pub folder: PathBuf,
    /// The headers of the bundled engine; wasm.h is one of them.
    pub headers: PathBuf,
}

/// Builds the library and the command, and the engine inside as a library of its own, for tests: in one go, so that all three share one
/// build of it. cargo shows its own progress. Without WASI there is the library alone.
pub fn build(build: &Build) -> Result<Built> {
    util::step(
        "library and command (the first build takes some minutes, nearly all of it for the engine)",
    );
    let arguments = match build.wasi {
        true => builds::LIBRARY,
        false => builds::WITHOUT_WASI,
    };
    let target = build.target_dir("");
    let messages = util::timed("cargo build --release", || build.run(arguments, &target))?;
    Ok(Built {
        folder: build.release(&target),
        headers: include(&messages)?,
    })
}

/// The crate that brings them.
const ENGINE_C_API: &str = "wasmtime-c-api-impl";

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

/// The same folder, where nothing has been built with an engine.
pub fn wasm_h() -> Result<PathBuf> {
    let mut command = cargo()?;
    let text = util::run_quiet(command.args(["metadata", "--locked", "--format-version", "1"]))?;
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = value.get("packages").and_then(|all| all.as_array());
    let mut packages = packages.into_iter().flatten();
    let engine = packages.find(|one| one.get("name").is_some_and(|name| name == ENGINE_C_API));
    let manifest = engine.and_then(|one| one.get("manifest_path")?.as_str());
    let folder = manifest.and_then(|manifest| Path::new(manifest).parent());
    let folder = folder.map(|folder| folder.join("include"));
    folder
        .filter(|folder| folder.join("wasm.h").is_file())
        .ok_or(format!(
            "cargo metadata names no {ENGINE_C_API} with a wasm.h"
        ))
}

/// The compiler that cargo uses.
pub fn rustc() -> OsString {
    std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

/// The machine that a build is for.
pub fn triple(build: &Build) -> Result<String> {
    if let Some(triple) = &build.target {
        return Ok(triple.clone());
    }
    let version = util::run_quiet(Command::new(rustc()).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc -vV names no host")?.to_string())
}

/// The bytes of a pointer there. What is installed is laid out for Linux and systems like it: others have other names for libraries.
pub fn pointer_size(build: &Build) -> Result<usize> {
    let triple = triple(build)?;
    let mut command = Command::new(rustc());
    let facts = util::run_quiet(command.args(["--print", "cfg", "--target", &triple]))?;
    // Before cargo begins on hundreds of crates.
    let mut command = Command::new(rustc());
    let own = util::run_quiet(command.args(["--print", "target-libdir", "--target", &triple]))?;
    if !Path::new(own.trim()).is_dir() {
        return Err(format!(
            "Rust's standard library for {triple} is not installed: `rustup target add {triple}` installs it; a linker for it is named by CARGO_TARGET_{}_LINKER",
            triple.to_uppercase().replace('-', "_")
        ));
    }
    let fact = |name: &str| {
        let mut found = facts.lines().filter_map(|line| line.split_once('='));
        let value = found.find(|(key, _)| *key == name)?.1;
        Some(value.trim_matches('"'))
    };
    if fact("target_os") != Some("linux") {
        return Err(format!(
            "{triple}: only for Linux is it known how to install"
        ));
    }
    let bits = fact("target_pointer_width").and_then(|bits| bits.parse::<usize>().ok());
    bits.map(|bits| bits / 8)
        .ok_or_else(|| format!("rustc does not know the pointers of {triple}"))
}

/// Builds, then lays out `<target>/wasmdyld`: an installation of what the demonstration and a first host need.
pub fn stage() -> Result<Installed> {
    let mut options = Options::new(util::target_dir().join("wasmdyld"));
    options.neutral = false;
    // The folder is nobody else's.
    options.force = true;
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
    let wasmtime = build(&Build::default())?
        .folder
        .join("libwasmtime_engine.so");
    Ok(vec![
        built("wasmer", "libwasmer_engine.so"),
        built("wasmi", "libwasmi.so"),
        ("wasmtime", wasmtime),
    ])
}

/// Builds one of the other engines alone: its file.
pub fn engine(name: &str) -> Result<PathBuf> {
    engine_by(cargo()?, name, None)
}

/// The same by a cargo that is set up for another machine.
pub fn engine_by(mut cargo: Command, name: &str, triple: Option<&str>) -> Result<PathBuf> {
    util::step(format!("{name} as a library"));
    let target = util::target_dir().join("engines/target");
    util::timed(format!("cargo build --release -p engine-{name}"), || {
        cargo
            .current_dir(util::workspace().join("engines"))
            .args([
                "build",
                "--release",
                "--locked",
                "-p",
                &format!("engine-{name}"),
            ])
            .env("CARGO_TARGET_DIR", &target);
        if let Some(triple) = triple {
            cargo.args(["--target", triple]);
        }
        util::run(&mut cargo)
    })?;
    let folder = triple.map_or(target.clone(), |triple| target.join(triple));
    Ok(folder.join("release").join(format!("lib{name}.so")))
}

/// Builds the library without an engine of its own: what a host that links another engine uses. Gives the folder.
pub fn neutral(build: &Build) -> Result<PathBuf> {
    util::step("library without an engine");
    let target = build.target_dir("neutral");
    util::timed("cargo build --release --no-default-features", || {
        let mut arguments = vec!["build", "--release", "--lib", "--no-default-features"];
        if build.wasi {
            arguments.extend(["--features", "wasi"]);
        }
        build.run(&arguments, &target)
    })?;
    Ok(build.release(&target))
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
pub fn native_libraries(built: &Path, build: &Build) -> Result<String> {
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
    let mut rustc = Command::new(rustc());
    if let Some(target) = &build.target {
        rustc.args(["--target", target]);
    }
    rustc.args(["--crate-type", "staticlib", "--print"]);
    rustc.arg(format!("native-static-libs={}", answer.display()));
    rustc
        .arg("--extern")
        .arg(format!("wasmdyld={}", rlib.display()));
    rustc
        .arg("-L")
        .arg(format!("dependency={}", built.join("deps").display()));
    if build.target.is_some() {
        // What runs while it is compiled is for this machine.
        let host = built.join("../../release/deps");
        rustc
            .arg("-L")
            .arg(format!("dependency={}", host.display()));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_whose_library_is_missing_is_told_before_anything_is_built() {
        let for_target = |triple: &str| {
            let target = Some(triple.to_string());
            let build = Build {
                target,
                ..Build::default()
            };
            pointer_size(&build)
        };
        let host = triple(&Build::default()).expect("a host");
        assert_eq!(for_target(&host), Ok(size_of::<usize>()));
        let why = for_target("sparc64-unknown-linux-gnu").expect_err("it is nobody's");
        assert!(
            why.contains("`rustup target add sparc64-unknown-linux-gnu`"),
            "{why}"
        );
        assert!(
            why.contains("CARGO_TARGET_SPARC64_UNKNOWN_LINUX_GNU_LINKER"),
            "{why}"
        );
        assert!(for_target("nonsense").is_err());
    }
}
