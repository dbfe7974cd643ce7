//! `cargo xtask js`: the package for JavaScript, in `target/js/package`, and its tests.

use crate::guests;
use crate::js_guests;
use crate::library;
use crate::util::{self, At, Result};
use crate::web;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
/// The compiler of types, and what the sources take of others' types.
const PACKAGES: [&str; 2] = ["typescript@5.9.3", "@bjorn3/browser_wasi_shim@0.4.2"];
/// Where Debian puts another Rust beside rustup's: its `rustc-web`, `cargo-web` and `rust-web-src`.
const SYSTEM_RUSTC: &str = "/usr/bin/rustc";
/// The linker's own stack, the table that callbacks are in, and what JavaScript has to put in order after an exception.
const FLAGS: &str = "-C link-arg=--export-table -C link-arg=--export=__stack_pointer -C link-arg=--import-undefined -C link-arg=-zstack-size=1048576";

/// `--quick`: for tests, larger and slower, and built in a fraction of the time. Other arguments go to the tests.
pub fn main(arguments: &[String]) -> Result<()> {
    let (quick, rest): (Vec<&String>, Vec<&String>) = arguments
        .iter()
        .partition(|argument| *argument == "--quick");
    let rust = Rust::find()?;
    let module = build(&rust, !quick.is_empty())?;
    let package = package(&module)?;
    let installed = install(&package)?;
    test(&installed, &rest)
}

/// A Rust that has a standard library for the target, or its sources.
struct Rust {
    rustc: PathBuf,
    sources: bool,
    lld: PathBuf,
}

impl Rust {
    fn find() -> Result<Rust> {
        let own = PathBuf::from(library::rustc());
        let mut lld = None;
        let mut found = None;
        for rustc in [own, PathBuf::from(SYSTEM_RUSTC)] {
            let Ok(sysroot) = util::run_quiet(Command::new(&rustc).args(["--print", "sysroot"]))
            else {
                continue;
            };
            let folder = PathBuf::from(sysroot.trim()).join("lib/rustlib");
            // Any Rust's will do.
            lld = lld.or_else(|| linker(&folder));
            let is_built = folder.join(TARGET).join("lib").is_dir();
            let has_sources = folder.join("src/rust/library/std/Cargo.toml").is_file();
            if found.is_none() && (is_built || has_sources) {
                found = Some((rustc, !is_built));
            }
        }
        let (rustc, sources) = found.ok_or_else(|| {
            format!(
                "no Rust here has a standard library for {TARGET}: `rustup target add {TARGET}`; or its sources, \
                 `rustup component add rust-src` (Debian: apt-get install rustc-web cargo-web rust-web-src)"
            )
        })?;
        let lld = lld.ok_or(
            "no linker for WebAssembly is here: rustup's Rust has rust-lld (Debian: apt-get install lld)",
        )?;
        Ok(Rust {
            rustc,
            sources,
            lld,
        })
    }
}

/// A linker for modules: the Rust's own, or the machine's.
fn linker(rustlib: &Path) -> Option<PathBuf> {
    let hosts = util::list(rustlib).ok()?;
    let mut own = hosts.iter().map(|host| host.join("bin/rust-lld"));
    own.find(|file| file.is_file()).or_else(|| {
        let found = util::works("wasm-ld", &["--version"]);
        found.then(|| "wasm-ld".into())
    })
}

/// Builds the linker as a module, and gives its file.
fn build(rust: &Rust, quick: bool) -> Result<PathBuf> {
    util::step("the linker as a module");
    let profile = if quick { "js-quick" } else { "js" };
    let target = util::target_dir().join("js");
    // The cargo of that Rust.
    let cargo = rust.rustc.with_file_name("cargo");
    let mut command = match rust.rustc.is_absolute() && cargo.is_file() {
        true => Command::new(cargo),
        false => Command::new("cargo"),
    };
    command.current_dir(util::workspace());
    command.args([
        "rustc",
        "--lib",
        "--crate-type",
        "cdylib",
        "--profile",
        profile,
    ]);
    command.args(["--no-default-features", "--target", TARGET]);
    command.env("RUSTC", &rust.rustc).env("RUSTFLAGS", FLAGS);
    command.env("CARGO_TARGET_DIR", &target);
    command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &rust.lld);
    // Variables of the cargo that runs this, which may be another one.
    for name in ["CARGO_MANIFEST_DIR", "RUSTUP_TOOLCHAIN", "CARGO"] {
        command.env_remove(name);
    }
    if rust.sources {
        command.env("RUSTC_BOOTSTRAP", "1");
        command.arg("-Zbuild-std=std,panic_abort");
    }
    // The names of functions, which the profile's `strip` leaves in modules.
    command.args(["--", "-C", "link-arg=--strip-all"]);
    util::timed(format!("cargo rustc --profile {profile}"), || {
        util::run(&mut command)
    })?;
    Ok(target.join(TARGET).join(profile).join("wasmdyld.wasm"))
}

/// Compiles the sources beside the module, and packs them: the archive's file.
fn package(module: &Path) -> Result<PathBuf> {
    util::step("the package");
    let sources = util::workspace().join("bindings/js");
    let place = util::target_dir().join("js/package");
    let tools = util::target_dir().join("js/tools");
    let stamp = tools.join("packages");
    let identity = PACKAGES.join("\n");
    if !util::read(&stamp).is_ok_and(|known| known == identity) {
        util::timed(PACKAGES.join(" "), || {
            util::remove(&tools)?;
            npm_install(&tools, &PACKAGES)?;
            util::write(&stamp, &identity)
        })?;
    }
    util::remove(&place)?;
    util::create_dir(&place)?;
    for name in ["package.json", "tsconfig.json", "README.md"] {
        copy(&sources.join(name), &place.join(name))?;
    }
    copy(&util::workspace().join("LICENSE"), &place.join("LICENSE"))?;
    util::create_dir(&place.join("src"))?;
    for file in util::list(&sources.join("src"))? {
        let name = file.file_name().ok_or("a source without a name")?;
        copy(&file, &place.join("src").join(name))?;
    }
    let modules = place.join("node_modules");
    std::os::unix::fs::symlink(tools.join("node_modules"), &modules).at("link", &modules)?;
    util::timed("tsc", || {
        let mut tsc = Command::new("node");
        tsc.arg(tools.join("node_modules/typescript/bin/tsc"));
        util::run(tsc.arg("-p").arg(&place))
    })?;
    copy(module, &place.join("dist/wasmdyld.wasm"))?;
    let packed = util::run_quiet(
        Command::new("npm")
            .args(["pack", "--silent", "--pack-destination"])
            .arg(&place)
            .arg(&place)
            .current_dir(&place),
    )?;
    let archive = place.join(packed.trim());
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |data| data.len() / 1024);
    println!(
        "    {}: {} KB, of which the module has {} KB before it is compressed",
        archive.display(),
        size(&archive),
        size(module)
    );
    Ok(archive)
}

/// Installs the archive as users do, in a folder with nothing else: the installed package's folder.
fn install(archive: &Path) -> Result<PathBuf> {
    let place = util::target_dir().join("js/installed");
    util::timed("npm install, in a fresh folder", || {
        util::remove(&place)?;
        npm_install(&place, &[&archive.display().to_string()])
    })?;
    Ok(place.join("node_modules/wasmdyld"))
}

pub fn npm_install(prefix: &Path, packages: &[&str]) -> Result<()> {
    util::create_dir(prefix)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts"]);
    npm.arg("--prefix").arg(prefix).args(packages);
    util::run_quiet(&mut npm).map(drop)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).at("copy", from).map(drop)
}

/// The package's own tests, and every guest program in it.
fn test(installed: &Path, arguments: &[&String]) -> Result<()> {
    guests::main(&[])?;
    let web = web::fetch()?;
    let others = js_guests::fetch()?;
    util::step("tests");
    let tests = util::list(&util::workspace().join("bindings/js/tests"))?;
    let tests = tests
        .iter()
        .filter(|file| file.to_string_lossy().ends_with(".test.mjs"));
    let mut node = Command::new(web.join("node"));
    node.args(["--no-warnings", "--test"]).args(tests);
    node.env("WASMDYLD_TEST_JS", installed);
    node.env("WASMDYLD_GUESTS", util::target_dir().join("guests"));
    node.env("WASMDYLD_TEST_JS_OTHERS", others);
    util::timed("node --test", || util::run(&mut node))?;
    let mut cargo = library::cargo()?;
    cargo.args([
        "test",
        "--release",
        "--features",
        "cli",
        "--test",
        "javascript",
    ]);
    cargo.args(["--", "--ignored"]).args(arguments);
    cargo.env("WASMDYLD_TEST_JS", installed);
    cargo.env("WASMDYLD_TEST_WEB", &web);
    util::timed("guest programs in node", || util::run(&mut cargo))
}
