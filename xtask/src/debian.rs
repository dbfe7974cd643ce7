//! `cargo xtask debian`: the packages that `debian/` describes, built, looked at by lintian, unpacked and used.

use crate::library;
use crate::reproducible::copy_sources;
use crate::util::{self, At, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = r#"
#include <stdio.h>
#include <wasm.h>
#include <wasmdyld.h>

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    printf("%s %s\n", wasm_dyld_version(), engine != NULL ? "with an engine" : "without");
    wasm_engine_delete(engine);
    return 0;
}
"#;

const UNSET: &str =
    "bogus-mail-host,bogus-mail-host-in-debian-changelog,initial-upload-closes-no-bugs";

pub fn main() -> Result<()> {
    for package in ["dpkg-dev", "debhelper", "lintian"] {
        if !util::works("dpkg-query", &["--show", package]) {
            return Err(format!("{package} is not here: apt-get install {package}"));
        }
    }
    let place = util::target_dir().join("debian");
    util::remove(&place)?;
    let version = library::version()?;
    build(&place.join(format!("wasmdyld-{version}")))?;
    let files = util::list(&place)?;
    let of_kind = |kind: &str| {
        let files = files.iter().cloned();
        files
            .filter(|file| file.extension().is_some_and(|end| end == kind))
            .collect::<Vec<PathBuf>>()
    };
    util::step("lintian");
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "error,warning", "--allow-root"]);
    // Who makes packages for others puts an address there, and the number of a bug.
    lintian.args(["--suppress-tags", UNSET]);
    util::run(lintian.args(of_kind("changes")))?;

    util::step("unpacked, and used");
    let root = place.join("root");
    for package in of_kind("deb") {
        let mut unpack = Command::new("dpkg-deb");
        util::run_quiet(unpack.arg("-x").arg(&package).arg(&root))?;
        println!("    {}", package.display());
    }
    use_it(&root, &version)
}

/// The source tree's copy is built in it, since dpkg leaves the packages beside it.
fn build(source: &Path) -> Result<()> {
    util::step("packages");
    copy_sources(&util::workspace(), source)?;
    // dh gives programs an empty home. What cargo and rustup have in the user's is needed.
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let home = home.ok_or("HOME is not set")?;
    let kept = |name: &str, folder: &str| {
        let set = std::env::var_os(name).filter(|value| !value.is_empty());
        set.map_or_else(|| home.join(folder), PathBuf::from)
    };
    let mut command = Command::new("dpkg-buildpackage");
    // Rust need not come from a package.
    command.args(["--build=binary", "--no-check-builddeps", "--no-sign"]);
    command.current_dir(source);
    command.env("CARGO_TARGET_DIR", util::target_dir());
    command.env("CARGO_HOME", kept("CARGO_HOME", ".cargo"));
    command.env("RUSTUP_HOME", kept("RUSTUP_HOME", ".rustup"));
    util::timed("dpkg-buildpackage", || util::run(&mut command))
}

fn use_it(root: &Path, version: &str) -> Result<()> {
    let said = util::run_quiet(Command::new(root.join("usr/bin/wasmdyld")).arg("--version"))?;
    expect(
        "wasmdyld --version",
        said.trim(),
        &format!("wasmdyld {version}"),
    )?;

    let mut architecture = Command::new("dpkg-architecture");
    let triplet = util::run_quiet(architecture.args(["--query", "DEB_HOST_MULTIARCH"]))?;
    let lib = root.join("usr/lib").join(triplet.trim());
    let mut flags = Command::new("pkg-config");
    flags.env("PKG_CONFIG_PATH", lib.join("pkgconfig"));
    let flags = util::run_quiet(flags.args(["--cflags", "--libs", "wasmdyld"]))?;
    let (source, program) = (root.join("host.c"), root.join("host"));
    std::fs::write(&source, PROGRAM).at("write", &source)?;
    let mut compile = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    compile.arg("-o").arg(&program).arg(&source);
    util::run_quiet(compile.args(flags.split_whitespace()))?;
    let mut host = Command::new(&program);
    let said = util::run_quiet(host.env("LD_LIBRARY_PATH", &lib))?;
    expect(
        "a C host",
        said.trim(),
        &format!("{version} with an engine"),
    )
}

fn expect(what: &str, said: &str, expected: &str) -> Result<()> {
    match said.starts_with(expected) {
        true => {
            println!("    {what}: {said}");
            Ok(())
        }
        false => Err(format!("{what} says `{said}`, not `{expected}`")),
    }
}
