//! `examples/python-snapshot`, built for benchmarks.

use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where `cargo xtask guests` has put Python's own modules.
pub fn modules(guests: &Path) -> PathBuf {
    guests.join("python/lib")
}

/// Builds the programs of the example into a folder, with `command`.
pub fn build(command: &Path, guests: &Path, folder: &Path) -> Result<()> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut build = Command::new(project.join("examples/python-snapshot/build.sh"));
    build
        .arg(guests.join("lib"))
        .arg(modules(guests))
        .arg(folder);
    build.env("WASMDYLD", command);
    build.env("WASMDYLD_CC", project.join("guests/tools/wasmdyld-cc"));
    build.env("WASMDYLD_TOOLCHAIN", guests);
    let built = build.output()?;
    match built.status.success() {
        true => Ok(()),
        false => Err(Error::other(String::from_utf8_lossy(&built.stderr))),
    }
}
