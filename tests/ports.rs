//! Two projects of other people's, whole and as they were published: built by their own build systems as shared libraries, their own tests run
//! (`cargo xtask ports`, which does it for more of them).

#[path = "support/skip.rs"]
mod skip;

use std::path::Path;
use std::process::Command;

/// Builds a port. It does so in the target folder that this test is in.
fn port(name: &str, tools: &[&str], tests: usize) {
    // All of them, so that all that are missing are told.
    if !tools.iter().all(|tool| skip::has(tool)) {
        return;
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("a target folder");
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["xtask", "ports", name])
        .env("CARGO_TARGET_DIR", target);
    let output = cargo.output().expect("cargo starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    let passed = format!("| {tests} of {tests} |");
    assert!(text.contains(&passed), "not {passed}:\n{text}\n{errors}");
}

/// A configure script of 2012, with the libtool and the config.sub of then.
#[test]
fn expat_by_an_old_configure_and_libtool() {
    port("expat-2.1", &["make"], 50);
}

#[test]
fn libyaml_by_cmake() {
    port("libyaml-cmake", &["make", "cmake"], 2);
}
