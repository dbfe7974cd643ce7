//! Manifests read back, and removals that leave what is not ours.

use super::super::record::Record;
use super::*;
use std::path::PathBuf;

fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn installed(prefix: &Path, force: bool) -> Result<()> {
    let mut record = Record::new(prefix, force)?;
    let outcome = record
        .text(&prefix.join("include/own.h"), "ours\n")
        .and_then(|()| record.text(&prefix.join("lib/libx.so.1"), "code"))
        .and_then(|()| record.link("libx.so.1", &prefix.join("lib/libx.so")));
    record.save()?;
    outcome
}

fn names(paths: &[String]) -> Vec<&str> {
    paths.iter().map(String::as_str).collect()
}

#[test]
fn a_manifest_is_read_as_it_was_written() {
    let prefix = scratch("manifest");
    installed(&prefix, false).expect("an installation");
    let text = fs::read_to_string(prefix.join(FILE)).expect("the manifest");
    let manifest = parse(&text).expect("a manifest");
    assert_eq!(manifest.to_string(), text);
    let paths: Vec<&str> = manifest.entries.keys().map(String::as_str).collect();
    assert_eq!(paths, ["include/own.h", "lib/libx.so", "lib/libx.so.1"]);
    // That of "ours\n", as sha256sum has it.
    let hash = "13102ad5e68a577a21dbe1aa6b16189e93e979278d6b9917d7f279a9a3dabd16";
    assert!(text.contains(&format!("{hash}  include/own.h\n")), "{text}");
    let folders: Vec<&str> = manifest.folders.iter().map(String::as_str).collect();
    assert_eq!(folders, ["include", "lib", "share", "share/wasmdyld"]);
    fs::remove_dir_all(prefix).expect("removing");
}

#[test]
fn a_manifest_names_nothing_outside() {
    let hash = "0".repeat(64);
    for line in [
        format!("{hash}  ../etc/passwd"),
        format!("{hash}  /etc/passwd"),
        format!("{hash}  a//b"),
        format!("{hash}  "),
        "# link ../x -> y".to_string(),
        "# folder ..".to_string(),
        "0123  short".to_string(),
        "what".to_string(),
    ] {
        assert_eq!(parse(&line), Err(line.clone()));
    }
    assert!(parse("# anything\n\n").is_ok_and(|none| none == Manifest::default()));
}

#[test]
fn what_was_installed_goes_and_nothing_else() {
    let prefix = scratch("uninstall");
    // Of somebody else, in a folder that was there and in one that is ours.
    fs::create_dir(prefix.join("lib")).expect("a folder");
    fs::write(prefix.join("lib/other.so"), "other").expect("writing");
    installed(&prefix, false).expect("an installation");
    fs::write(prefix.join("include/other.h"), "other").expect("writing");
    fs::write(prefix.join("lib/libx.so.1"), "edited").expect("writing");
    fs::remove_file(prefix.join("include/own.h")).expect("removing");

    let manifest = read(&prefix).expect("reading").expect("a manifest");
    let outcome = remove(&prefix, manifest).expect("removing");
    assert_eq!(outcome.removed, 1, "the link");
    assert_eq!(names(&outcome.changed), ["lib/libx.so.1"]);
    assert_eq!(names(&outcome.missing), ["include/own.h"]);
    assert_eq!(names(&outcome.folders), ["include"]);
    for kept in ["lib/other.so", "include/other.h", "lib/libx.so.1"] {
        assert!(prefix.join(kept).exists(), "{kept}");
    }
    // What was changed is still listed; as it was, it goes, and so do the manifest and its folders.
    fs::write(prefix.join("lib/libx.so.1"), "code").expect("writing");
    fs::remove_file(prefix.join("include/other.h")).expect("removing");
    let manifest = read(&prefix).expect("reading").expect("a manifest");
    let outcome = remove(&prefix, manifest).expect("removing");
    assert_eq!((outcome.removed, outcome.changed.len()), (1, 0));
    let left: Vec<PathBuf> = util::list(&prefix).expect("listing");
    assert_eq!(left, [prefix.join("lib")], "the folder that was there");
    assert!(read(&prefix).expect("reading").is_none());
    fs::remove_dir_all(prefix).expect("removing");
}

#[test]
fn files_of_others_are_not_written_over() {
    let prefix = scratch("foreign");
    fs::create_dir(prefix.join("include")).expect("a folder");
    let header = prefix.join("include/own.h");
    fs::write(&header, "theirs\n").expect("writing");
    let error = installed(&prefix, false).expect_err("a file of others");
    assert!(
        error.contains("--force") && error.contains("own.h"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&header).expect("theirs"), "theirs\n");
    let left = util::list(&prefix.join("include")).expect("a folder");
    assert_eq!(left, [header.as_path()], "no rest");
    // The same file is no other, and stays theirs.
    fs::write(&header, "ours\n").expect("writing");
    installed(&prefix, false).expect("the same file");
    let hashes = read(&prefix).expect("reading").expect("a manifest");
    assert_eq!(hashes.entries.len(), 2);
    // What is forced is ours from then on.
    installed(&prefix, true).expect("forced");
    fs::write(&header, "theirs\n").expect("writing");
    installed(&prefix, false).expect("an installation made anew");
    assert_eq!(fs::read_to_string(&header).expect("ours"), "ours\n");
    fs::write(prefix.join("lib/libx.so.1"), "x").expect("writing");
    fs::remove_file(prefix.join(FILE)).expect("removing");
    assert!(installed(&prefix, false).is_err());
    installed(&prefix, true).expect("forced");
    let hashes = read(&prefix).expect("reading").expect("a manifest");
    assert_eq!(hashes.entries.len(), 3);
    fs::remove_dir_all(prefix).expect("removing");
}
