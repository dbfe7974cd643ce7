//! What packagers ask of an installation: that it says what belongs to it and can be taken back, that nothing of the machine that built it is
//! in it, and that the licences of all that is inside are there.
//!
//! `cargo xtask test` installs, and says in `WASMDYLD_TEST_PREFIX` where.
#![cfg(all(feature = "cli", feature = "wasmtime", feature = "wasi"))]

#[path = "support/c.rs"]
mod c;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use c::skip::skip;
use c::{compiler, setup, source, succeed};
use memchr::memmem;
use object::{Object, ObjectSymbol};

/// Where it is listed what is installed.
const MANIFEST: &str = "share/wasmdyld/manifest.sha256";

/// What is installed of ours that runs.
const BINARIES: [&str; 3] = [
    "bin/wasmdyld",
    "lib/libwasmdyld.so.0.1.0",
    "lib/libwasmdyld-neutral.so.0.1.0",
];

fn prefix() -> Option<PathBuf> {
    let prefix = std::env::var_os("WASMDYLD_TEST_PREFIX").map(PathBuf::from);
    if prefix.is_none() {
        skip("an installation", "`cargo xtask test` makes it");
    }
    prefix
}

/// All files and links below a folder, by their paths from there.
fn files(folder: &Path) -> BTreeSet<String> {
    let (mut open, mut found) = (vec![folder.to_path_buf()], BTreeSet::new());
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.is_symlink() {
                open.push(path);
            } else {
                let below = path.strip_prefix(folder).expect("below it");
                found.insert(below.to_str().expect("a name of ours").to_string());
            }
        }
    }
    found
}

/// The files and links of a manifest.
fn listed(manifest: &str) -> BTreeSet<String> {
    let line = |line: &str| match line.strip_prefix("# link ") {
        Some(link) => Some(link.split_once(" -> ")?.0.to_string()),
        None if line.starts_with('#') => None,
        None => Some(line.split_once("  ")?.1.to_string()),
    };
    manifest.lines().filter_map(line).collect()
}

#[test]
fn all_that_is_installed_is_listed() {
    let Some(prefix) = prefix() else { return };
    let text = std::fs::read_to_string(prefix.join(MANIFEST)).expect("the manifest");
    let mut there = files(&prefix);
    assert!(there.remove(MANIFEST));
    assert_eq!(listed(&text), there);
    assert!(there.len() > 100, "only {} files", there.len());
    for file in BINARIES {
        assert!(there.contains(file), "{file}");
    }
    let mut check = Command::new("sha256sum");
    check.current_dir(&prefix);
    succeed(
        "sha256sum",
        check.args(["--check", "--strict", "--quiet", MANIFEST]),
    );
}

#[test]
fn uninstalling_leaves_what_is_not_ours() {
    let Some(prefix) = prefix() else { return };
    let place = setup().work.join("packaging/uninstall");
    let _ = std::fs::remove_dir_all(&place);
    c::copy_tree(&prefix, &place.join("usr"));
    let usr = place.join("usr");
    std::fs::write(usr.join("include/other.h"), "of another package").expect("writing");
    let header = usr.join("include/wasmdyld.h");
    std::fs::remove_file(&header).expect("removing");
    std::fs::write(&header, "edited").expect("writing");

    let uninstall = |prefix: &str| {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(source(""));
        command.env("CARGO_TARGET_DIR", setup().work.join("../.."));
        command.env("DESTDIR", &place);
        command
            .args(["xtask", "uninstall", "--prefix", prefix])
            .output()
            .expect("cargo")
    };
    let output = uninstall("/usr");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{error}");
    let changed = "include/wasmdyld.h: left, since it was changed";
    let other = "include: left, since something else is in it";
    assert!(said.contains(changed) && said.contains(other), "{said}");
    let left = ["include/other.h", "include/wasmdyld.h", MANIFEST];
    assert_eq!(files(&usr), left.map(String::from).into());
    assert!(!usr.join("lib").exists() && !usr.join("bin").exists());

    for (prefix, words) in [
        ("/nowhere", "nothing is installed in"),
        ("usr", "has to begin with /"),
    ] {
        let output = uninstall(prefix);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && error.contains(words),
            "{prefix}: {error}"
        );
    }
}

/// Folders of this build: of the sources, of what cargo builds, and of what it has fetched.
fn folders() -> Vec<String> {
    let cargo = std::env::var("CARGO_HOME").or_else(|_| {
        let home = std::env::var("HOME").expect("a home");
        Ok::<_, std::env::VarError>(format!("{home}/.cargo"))
    });
    let target = setup().work.join("../..").canonicalize().expect("a folder");
    vec![
        format!("{}/", env!("CARGO_MANIFEST_DIR")),
        format!("{}/", target.display()),
        format!("{}/registry/", cargo.expect("cargo's home")),
    ]
}

#[test]
fn nothing_tells_where_it_was_built() {
    let Some(prefix) = prefix() else { return };
    let mut told = Vec::new();
    let all = files(&prefix).into_iter();
    for file in all.filter(|file| !prefix.join(file).is_symlink()) {
        let data = std::fs::read(prefix.join(&file)).expect("a file");
        for folder in folders() {
            if let Some(at) = memmem::find(&data, folder.as_bytes()) {
                let end = data.len().min(at + folder.len() + 80);
                let text = String::from_utf8_lossy(&data[at..end]);
                told.push(format!("{file}: {}", text.escape_debug()));
            }
        }
    }
    assert!(
        told.is_empty(),
        "installed files name folders of the build. .cargo/rustc.sh keeps them out, unless RUSTC_WRAPPER is set, or the target folder was \
         filled before that was there (`cargo clean`):\n{}",
        told.join("\n")
    );
}

#[test]
fn nothing_is_there_for_debuggers_alone() {
    let Some(prefix) = prefix() else { return };
    for file in BINARIES {
        let data = std::fs::read(prefix.join(file)).expect("a file");
        let elf = object::File::parse(&*data).expect("an ELF file");
        let named = elf.symbols().filter_map(|symbol| symbol.name().ok()).next();
        assert_eq!(named, None, "{file}");
        assert!(elf.section_by_name(".debug_info").is_none(), "{file}");
    }
    // Archives are linked by their symbols.
    let listed = succeed(
        "nm",
        Command::new("nm").arg(prefix.join("lib/libwasmdyld-neutral.a")),
    );
    let listed = String::from_utf8_lossy(&listed.stdout);
    assert!(listed.contains(" T wasm_dyld_version"));
}

/// The crates that a file has inside, by the names of their sources in texts of panics: `/crates/NAME-VERSION/src/...`, as
/// .cargo/rustc.sh calls them, or where cargo has put them.
fn crates(data: &[u8]) -> BTreeSet<String> {
    let ours = memmem::find_iter(data, b"/crates/").map(|at| at + b"/crates/".len());
    let fetched = memmem::find_iter(data, b"/registry/src/").filter_map(|at| {
        let at = at + b"/registry/src/".len();
        Some(at + memchr::memchr(b'/', &data[at..])? + 1)
    });
    let names = ours.chain(fetched).filter_map(|at| {
        let rest = &data[at..];
        let name = &rest[..memchr::memchr(b'/', rest)?.min(100)];
        let name = std::str::from_utf8(name).ok()?;
        // A version begins with a digit, and may have a dash in it.
        let is_dash =
            |(at, _): &(usize, &str)| name.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit);
        let (at, _) = name.match_indices('-').find(is_dash)?;
        let (name, version) = (name.get(..at)?, name.get(at + 1..)?);
        Some(format!("{name} {version}"))
    });
    names
        .filter(|name| !name.starts_with("wasmdyld "))
        .collect()
}

#[test]
fn the_licences_of_all_that_is_inside_are_there() {
    let Some(prefix) = prefix() else { return };
    let file = prefix.join("share/doc/wasmdyld/LICENSES-THIRD-PARTY.txt");
    let text = std::fs::read_to_string(file).expect("the licences");
    let told: BTreeSet<&str> = text.lines().collect();
    for file in BINARIES {
        let data = std::fs::read(prefix.join(file)).expect("a file");
        let inside = crates(&data);
        assert!(inside.len() > 5, "{file}: only {inside:?} are seen");
        for name in inside {
            assert!(told.contains(&*name), "{file} has {name} inside");
        }
    }
    for words in [
        "Apache License",
        "LLVM Exceptions to the Apache 2.0 License",
        "Permission is hereby granted, free of charge",
        "Rust's standard library",
        "Copyright (c) Meta Platforms, Inc. and affiliates.",
    ] {
        assert!(text.contains(words), "{words}");
    }
}

/// The library exports the bundled engine's own functions, and their headers are beside ours.
#[test]
fn the_engines_own_headers_are_there() {
    let Some(prefix) = prefix() else { return };
    let work = setup().work.join("packaging");
    std::fs::create_dir_all(&work).expect("a folder");
    let (program, host) = (work.join("fuel.c"), work.join("fuel"));
    let text = r#"
        #include <stdio.h>
        #include <wasmdyld.h>
        #include <wasmtime.h>

        int main(void)
        {
            wasm_config_t *config = wasm_config_new();
            wasmtime_config_consume_fuel_set(config, true);
            wasm_engine_t *engine = wasm_engine_new_with_config(config);
            wasmtime_store_t *store = wasmtime_store_new(engine, NULL, NULL);
            wasmtime_context_t *context = wasmtime_store_context(store);
            uint64_t fuel = 0;
            wasmtime_error_t *error = wasmtime_context_set_fuel(context, 1234);
            if (error == NULL)
                error = wasmtime_context_get_fuel(context, &fuel);
            printf("%s %d\n", wasm_dyld_version(), error == NULL ? (int)fuel : -1);
            wasmtime_store_delete(store);
            wasm_engine_delete(engine);
            return 0;
        }
    "#;
    std::fs::write(&program, text).expect("writing");
    let (include, lib) = (prefix.join("include"), prefix.join("lib"));
    let mut compile = Command::new(compiler());
    compile.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-I"]);
    compile.arg(&include).arg("-I");
    compile.arg(include.join("wasmdyld/engine")).arg(&program);
    compile.arg("-o").arg(&host).arg("-L").arg(&lib);
    compile.arg("-lwasmdyld");
    succeed("the compiler", &mut compile);
    let output = succeed("fuel", Command::new(&host).env("LD_LIBRARY_PATH", &lib));
    let expected = format!("{} 1234\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

/// The files of `debian/` that end so, by what is before that, with their lines.
fn debian(end: &str) -> Vec<(String, Vec<String>)> {
    let folder = source("debian");
    let entries = std::fs::read_dir(&folder).expect("debian/");
    let mut found: Vec<(String, Vec<String>)> = entries
        .filter_map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name()?.to_str()?.strip_suffix(end)?.to_string();
            let text = std::fs::read_to_string(&path).expect("a list");
            // The second word is where it goes.
            let lines = text
                .lines()
                .filter_map(|line| line.split_whitespace().next());
            Some((name, lines.map(str::to_string).collect()))
        })
        .collect();
    found.sort();
    found
}

/// As dh_install reads patterns: `*` is a part of one name, and a folder stands for all that is in it.
fn matches(pattern: &str, path: &str) -> bool {
    let (patterns, parts) = (pattern.split('/'), path.split('/').collect::<Vec<_>>());
    let patterns: Vec<&str> = patterns.collect();
    patterns.len() <= parts.len()
        && patterns
            .iter()
            .zip(&parts)
            .all(|(pattern, part)| match pattern.split_once('*') {
                None => pattern == part,
                Some((begin, rest)) => {
                    let (middle, end) = rest.split_once('*').unwrap_or(("", rest));
                    let inner = part
                        .strip_prefix(begin)
                        .and_then(|part| part.strip_suffix(end));
                    inner.is_some_and(|inner| inner.contains(middle))
                }
            })
}

#[test]
fn debians_packages_divide_all_that_is_installed() {
    let lists = debian(".install");
    let control = std::fs::read_to_string(source("debian/control")).expect("debian/control");
    let mut packages: Vec<&str> = Vec::new();
    for paragraph in control.split("\n\n") {
        let field = |name: &str| {
            let mut lines = paragraph.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
        };
        let Some(package) = field("Package") else {
            assert_eq!(field("Source"), Some("wasmdyld"));
            continue;
        };
        packages.push(package);
        assert!(field("Architecture").is_some() && field("Depends").is_some());
        let short = field("Description").expect("a description");
        assert!(!short.is_empty() && short.len() < 80, "{package}: {short}");
    }
    packages.sort_unstable();
    let listed: Vec<&str> = lists.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(listed, packages);
    let changes = std::fs::read_to_string(source("debian/changelog")).expect("a changelog");
    let version = env!("CARGO_PKG_VERSION");
    assert!(changes.starts_with(&format!("wasmdyld ({version}-")));

    let Some(prefix) = prefix() else { return };
    let left = debian("not-installed").remove(0).1;
    let mut unused: BTreeSet<&String> = lists.iter().flat_map(|(_, lines)| lines).collect();
    for file in files(&prefix) {
        // As debian/rules has the folders.
        let (folder, rest) = file.split_once('/').expect("a folder");
        let path = match folder {
            "lib" => format!("usr/lib/triplet/{rest}"),
            "include" => format!("usr/include/wasmdyld-0/{rest}"),
            _ => format!("usr/{file}"),
        };
        let mut into = Vec::new();
        for (package, patterns) in &lists {
            for pattern in patterns.iter().filter(|pattern| matches(pattern, &path)) {
                unused.remove(pattern);
                into.push(package);
            }
        }
        into.dedup();
        match left.iter().any(|pattern| matches(pattern, &path)) {
            // A folder that is installed may have it in it: debian/rules leaves it out.
            true => assert!(into.len() <= 1, "{file}: {into:?}"),
            false => assert_eq!(into.len(), 1, "{file}: {into:?}"),
        }
    }
    assert!(unused.is_empty(), "nothing is installed as {unused:?}");
}
