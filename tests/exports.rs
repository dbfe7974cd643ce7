//! The shared libraries export what `tests/exports` lists, and nothing else: a symbol that is gone breaks programs that are built, one too
//! many becomes a promise. `WASMDYLD_BLESS=1` writes the lists anew.
//!
//! `cargo xtask test` says in `WASMDYLD_TEST_NEUTRAL` where the library without an engine is.
#![cfg(all(feature = "wasmtime", feature = "wasi"))]

#[path = "support/c.rs"]
mod c;
#[path = "support/elf.rs"]
mod elf;

use std::path::Path;

use elf::Elf;

/// Compares with `tests/exports/NAME.txt`.
fn check(name: &str, library: &Path) -> Elf {
    let elf = elf::read(library);
    let major = env!("CARGO_PKG_VERSION_MAJOR");
    assert_eq!(elf.soname, Some(format!("{name}.so.{major}")));

    let path = c::source(&format!("tests/exports/{name}.txt"));
    if std::env::var_os("WASMDYLD_BLESS").is_some() {
        std::fs::write(&path, elf.exports.join("\n") + "\n").expect("writing the list");
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let listed: Vec<&str> = text.lines().collect();
    let exported = |name: &&&str| elf.exports.iter().any(|export| export == **name);
    let gone: Vec<_> = listed.iter().filter(|name| !exported(name)).collect();
    let new = elf
        .exports
        .iter()
        .filter(|name| !listed.contains(&name.as_str()));
    let new: Vec<_> = new.collect();
    assert!(
        gone.is_empty() && new.is_empty(),
        "{}: not exported any more: {gone:?}; not in tests/exports/{name}.txt: {new:?}; \
         WASMDYLD_BLESS=1 cargo xtask test exports writes the list anew",
        library.display(),
    );
    elf
}

/// The functions that a header declares, by the beginning of their names.
fn declared(header: &Path, prefix: &str) -> Vec<String> {
    let text = std::fs::read_to_string(header).expect("the header");
    let mut names: Vec<String> = Vec::new();
    // Comments name functions too, and types and callbacks begin the same way.
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with(['*', '/']));
    for line in code {
        for (at, _) in line.match_indices(prefix) {
            let before = line.get(..at).and_then(|text| text.chars().last());
            let rest = line.get(at..).unwrap_or_default();
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
            let whole = before.is_none_or(|c| !c.is_alphanumeric() && c != '_');
            if whole && after.starts_with('(') && !after.starts_with("(*") {
                names.push(name.to_string());
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

fn of_linker(elf: &Elf) -> Vec<&str> {
    let names = elf.exports.iter().map(String::as_str);
    names
        .filter(|name| name.starts_with("wasm_dyld_"))
        .collect()
}

#[test]
fn the_library_exports_what_is_listed() {
    let elf = check("libwasmdyld", &c::library());
    let header = declared(&c::source("include/wasmdyld.h"), "wasm_dyld_");
    assert_eq!(of_linker(&elf), header, "exports and include/wasmdyld.h");
    // Nothing of Rust's, nothing of the engine's insides: the linker, wasm.h, and the C interface that the engine has beyond that.
    let known = |name: &&String| name.starts_with("wasm_") || name.starts_with("wasmtime_");
    let stray: Vec<_> = elf.exports.iter().filter(|name| !known(name)).collect();
    assert!(stray.is_empty(), "{stray:?}");
}

#[test]
fn the_library_without_an_engine_exports_what_is_listed() {
    let Some(folder) = c::neutral() else {
        return;
    };
    let elf = check("libwasmdyld-neutral", &folder.join("libwasmdyld.so"));
    assert_eq!(of_linker(&elf).len(), elf.exports.len(), "only the linker");
}
