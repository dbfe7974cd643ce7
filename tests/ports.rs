//! Two projects of other people's, whole and as they were published: built by their own build systems as shared libraries, their own tests run
//! (`cargo xtask ports`, which does it for more of them).

mod support {
    #[allow(dead_code, reason = "it also compares transcripts")]
    pub mod pages;
    pub mod skip;
}

use std::path::Path;
use std::process::Command;

use support::pages::{self, Kind};
use support::skip;

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

/// What the guide shows of projects that not every machine has the means to build is what the scripts do that `cargo xtask ports` runs.
#[test]
fn the_guide_shows_what_the_scripts_do() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let whole = |text: &str| {
        text.replace("\\\n", "")
            .split('\n')
            .map(words)
            .collect::<Vec<_>>()
    };
    fn words(line: &str) -> String {
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }
    let mut lines = Vec::new();
    let scripts = root.join("guests/ports");
    for entry in std::fs::read_dir(&scripts).expect("scripts") {
        let file = entry.expect("an entry").path();
        if file.extension().is_some_and(|extension| extension == "sh") {
            lines.extend(whole(&std::fs::read_to_string(&file).expect("a script")));
        }
    }
    let page = root.join("docs/guide/porting.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let blocks =
        pages::parse(&page).unwrap_or_else(|(line, error)| panic!("porting.md:{line}: {error}"));
    let mut shown = 0;
    // The other kinds of blocks are run by tests/docs.rs, and what stands for any project is no project's.
    let of_projects = blocks
        .iter()
        .filter(|block| block.kind == Kind::Text && !block.text.starts_with("unshare"));
    for block in of_projects {
        for line in whole(&block.text).iter().filter(|line| !line.is_empty()) {
            shown += 1;
            let there = lines
                .iter()
                .any(|of_script| of_script.starts_with(line.as_str()));
            assert!(
                there,
                "porting.md:{}: no script in guests/ports does `{line}`",
                block.line
            );
        }
    }
    assert!(shown > 8, "only {shown} lines were seen");
}
