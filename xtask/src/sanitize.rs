//! Tests under tools that see what a program does wrong with its memory: AddressSanitizer, and Miri where it is installed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::util::{self, Result};
use crate::{fuzz, guests, library};

/// What no guest and no engine is needed for: the pure core, and the table of handles.
const PURE: [&str; 4] = [
    "capi::",
    "object::",
    "plan::tests::unload",
    "plan::tests::trace",
];

/// Of these, what takes minutes in an interpreter: many rounds, or many items.
const LONG: [&str; 12] = [
    "random",
    "scale",
    "golden",
    "corpus",
    "truncation",
    "many",
    "memory",
    "absurd",
    "deep",
    "damage",
    "limit",
    "comes_again",
];

/// C tests and guests on wasmi, with library and command under AddressSanitizer.
pub fn asan(arguments: &[String]) -> Result<()> {
    let host = fuzz::sanitizer_host()?;
    let engine = library::engine("wasmi")?;
    guests::main(&[])?;
    let built = build(&host, &engine)?;
    util::step("C tests and guests on wasmi, under AddressSanitizer");
    let mut engines = OsString::from("wasmi=");
    engines.push(&engine);
    util::timed("cargo test --test engines", || {
        let mut command = library::cargo()?;
        command
            .args([
                "test",
                "--release",
                "--features",
                "cli",
                "--test",
                "engines",
                "--",
            ])
            .arg("under_address_sanitizer")
            .args(arguments)
            .env("WASMDYLD_TEST_ASAN", "1")
            .env("WASMDYLD_TEST_COMMAND", built.join("wasmdyld"))
            .env("WASMDYLD_TEST_NEUTRAL", &built)
            .env("WASMDYLD_TEST_ENGINES", &engines)
            .env(
                "ASAN_OPTIONS",
                "abort_on_error=1:detect_leaks=0:detect_stack_use_after_return=1",
            );
        util::run(&mut command)
    })
}

/// The library without an engine, and the command, linked with the engine beside. The library leaves the sanitizer's runtime to the
/// program that loads it: a C program has its compiler's, the command Rust's.
fn build(host: &str, engine: &Path) -> Result<PathBuf> {
    util::step("library and command, under AddressSanitizer");
    let target = util::target_dir().join("asan");
    let folder = engine.parent().unwrap_or(engine);
    let flags = [
        "-Zsanitizer=address".to_string(),
        "-Cforce-frame-pointers".to_string(),
        format!("-Clink-arg={}", engine.display()),
        format!("-Clink-arg=-Wl,-rpath,{}", folder.display()),
    ];
    util::timed("cargo build --release --no-default-features", || {
        let mut command = library::cargo()?;
        command
            .args(["build", "--release", "--lib", "--bin", "wasmdyld"])
            .args([
                "--no-default-features",
                "--features",
                "wasi,cli",
                "--target",
                host,
            ])
            .env("CARGO_TARGET_DIR", &target)
            .env("RUSTC_BOOTSTRAP", "1")
            // A fifth of the time of compiling goes into speed that nothing here needs.
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            // Separated by what no path has.
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        util::run(&mut command)
    })?;
    Ok(target.join(host).join("release"))
}

/// The unit tests of the pure core and of the table of handles, interpreted by Miri.
pub fn miri(arguments: &[String]) -> Result<()> {
    let toolchain = std::env::var("WASMDYLD_MIRI").unwrap_or_else(|_| "nightly".to_string());
    let toolchain = format!("+{toolchain}");
    if !util::works("cargo", &[&toolchain, "miri", "--version"]) {
        return Err(format!(
            "`cargo {toolchain} miri` does not work here: Miri comes with nightly Rust only (rustup toolchain install nightly -c miri,rust-src; \
             another one is named by WASMDYLD_MIRI). `cargo xtask asan` runs here, and finds a part of what Miri does."
        ));
    }
    util::step("unit tests of the pure core and of the table of handles, interpreted");
    let mut command = Command::new("cargo");
    command
        .current_dir(util::workspace())
        .args([&toolchain, "miri", "test", "--lib", "--no-default-features"])
        .args(["--features", "no-engine", "--"])
        .args(PURE)
        .args(LONG.iter().flat_map(|name| ["--skip", name]))
        .args(arguments)
        .env("CARGO_TARGET_DIR", util::target_dir().join("miri"))
        .env(
            "MIRIFLAGS",
            "-Zmiri-disable-isolation -Zmiri-strict-provenance",
        );
    util::run(&mut command)
}
