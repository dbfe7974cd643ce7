//! The licences of the crates that are inside the library and the command: one text, from the crates' own files.

use crate::library::{self, Build};
use crate::util::{self, At, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How names of files begin that hold licences and what has to go with them.
const NAMES: [&str; 7] = [
    "license",
    "licence",
    "copying",
    "copyright",
    "notice",
    "unlicense",
    "patents",
];

const HEAD: &str = "\
Third-party licences of wasmdyld

The library and the command have the crates below inside, each under its own licence; the texts follow, each once, with the names of
the crates whose files have it. wasmdyld itself is under Apache-2.0 WITH LLVM-exception (LICENSE).
";

/// One crate.
struct Crate {
    name: String,
    /// Its SPDX expression.
    licence: String,
    source: String,
    texts: Vec<String>,
}

/// Puts the text together, for the crates that a build has inside.
pub fn collect(build: &Build) -> Result<String> {
    let mut crates = Vec::new();
    let inside = inside(build)?;
    let known = metadata(build)?;
    for (name, version) in &inside {
        let package = known.get(&(name.clone(), version.clone()));
        let package = package.ok_or_else(|| format!("cargo metadata knows no {name} {version}"))?;
        crates.push(read(package)?);
    }
    crates.push(standard_library()?);
    write(&crates)
}

/// Name and version of each crate but our own whose code gets into the library or the command.
fn inside(build: &Build) -> Result<BTreeSet<(String, String)>> {
    let mut command = library::cargo()?;
    command.args(["tree", "--locked", "--package", "wasmdyld"]);
    command.args(["--edges", "normal,no-proc-macro", "--prefix", "none"]);
    command.args(["--format", "{p}"]).args(build.features());
    if let Some(target) = &build.target {
        command.args(["--target", target]);
    }
    let tree = util::run_quiet(&mut command)?;
    let mut inside = BTreeSet::new();
    for line in tree.lines() {
        let mut words = line.split(' ');
        let (Some(name), Some(version)) = (words.next(), words.next()) else {
            return Err(format!("cargo tree: what is `{line}`?"));
        };
        if name != "wasmdyld" {
            inside.insert((name.into(), version.trim_start_matches('v').into()));
        }
    }
    Ok(inside)
}

/// What cargo knows of all packages, by name and version.
fn metadata(build: &Build) -> Result<BTreeMap<(String, String), Value>> {
    let mut command = library::cargo()?;
    command.args(["metadata", "--locked", "--format-version", "1"]);
    command.args(["--filter-platform", &library::triple(build)?]);
    let text = util::run_quiet(command.args(build.features()))?;
    let mut value: Value =
        serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = match value.get_mut("packages").map(Value::take) {
        Some(Value::Array(packages)) => packages,
        _ => return Err("cargo metadata lists no packages".into()),
    };
    let key = |package: &Value| Some((text_of(package, "name")?, text_of(package, "version")?));
    let named = packages.into_iter().filter_map(|p| Some((key(&p)?, p)));
    Ok(named.collect())
}

fn text_of(package: &Value, key: &str) -> Option<String> {
    package.get(key)?.as_str().map(str::to_string)
}

fn read(package: &Value) -> Result<Crate> {
    let text = |key| text_of(package, key);
    let name = format!(
        "{} {}",
        text("name").unwrap_or_default(),
        text("version").unwrap_or_default()
    );
    let manifest = PathBuf::from(text("manifest_path").unwrap_or_default());
    let folder = manifest.parent().unwrap_or(&manifest);
    let mut files = named(folder)?;
    files.extend(text("license_file").map(|file| folder.join(file)));
    files.sort();
    files.dedup();
    let texts = files.iter().map(|file| read_text(file));
    let texts = texts.collect::<Result<_>>()?;
    let licence = text("license").or(text("license_file"));
    Ok(Crate {
        licence: licence.ok_or_else(|| format!("{name}: the crate names no licence"))?,
        source: text("repository").unwrap_or_default(),
        name,
        texts,
    })
}

/// The files of a folder, and of the folders in it, that hold licences: C code in a crate lies in a folder of its own.
fn named(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in util::list(folder)? {
        if is_named(&path) && path.is_file() {
            files.push(path);
        } else if path.is_dir() {
            let inner = util::list(&path)?.into_iter();
            files.extend(inner.filter(|path| is_named(path) && path.is_file()));
        }
    }
    Ok(files)
}

fn is_named(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_source = [".rs", ".c", ".h", ".py", ".toml"]
        .iter()
        .any(|end| name.ends_with(end));
    let name = name.to_lowercase();
    !is_source && NAMES.iter().any(|begin| name.starts_with(begin))
}

fn read_text(path: &Path) -> Result<String> {
    let data = std::fs::read(path).at("read", path)?;
    Ok(String::from_utf8_lossy(&data).replace('\r', ""))
}

/// Rust's own library, which is in every program of Rust's. What it has inside in turn is told by [`standard_notices`].
fn standard_library() -> Result<Crate> {
    let version = util::run_quiet(Command::new(library::rustc()).arg("--version"))?;
    let version = version.split(' ').nth(1).unwrap_or_default();
    Ok(Crate {
        name: format!("Rust's standard library {version}"),
        licence: "MIT OR Apache-2.0".into(),
        source: "https://github.com/rust-lang/rust".into(),
        texts: Vec::new(),
    })
}

/// The page of copyrights that a toolchain has for Rust's own library. Toolchains of distributions keep it elsewhere, or not at all.
pub fn standard_notices() -> Result<Option<PathBuf>> {
    let mut command = Command::new(library::rustc());
    let sysroot = util::run_quiet(command.args(["--print", "sysroot"]))?;
    let file = Path::new(sysroot.trim()).join("share/doc/rust/COPYRIGHT-library.html");
    Ok(file.is_file().then_some(file))
}

/// Texts that differ in nothing but breaks and spaces are one.
fn shape(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn write(crates: &[Crate]) -> Result<String> {
    let mut all = HEAD.to_string();
    let mut texts: BTreeMap<String, (&str, Vec<&str>)> = BTreeMap::new();
    for of in crates {
        let _ = writeln!(all, "\n{}\n  {}", of.name, of.licence);
        if !of.source.is_empty() {
            let _ = writeln!(all, "  {}", of.source);
        }
        if of.texts.is_empty() {
            // Parts of a larger project whose other parts have the text.
            let covered = |other: &&Crate| other.licence == of.licence && !other.texts.is_empty();
            let other = crates.iter().find(covered);
            let other = other.ok_or_else(|| {
                format!(
                    "{}: the crate has no text of its licence, and no other one has it",
                    of.name
                )
            })?;
            let _ = writeln!(
                all,
                "  (without a text of its own; that of {} is the same)",
                other.name
            );
        }
        for text in &of.texts {
            let (_, names) = texts.entry(shape(text)).or_insert((text, Vec::new()));
            names.push(&of.name);
        }
    }
    // In the order of the crates that have them.
    let mut texts: Vec<(&str, Vec<&str>)> = texts.into_values().collect();
    texts.sort_by(|a, b| a.1.cmp(&b.1).then(a.0.cmp(b.0)));
    for (text, mut names) in texts {
        names.dedup();
        let line = "-".repeat(80);
        let _ = writeln!(
            all,
            "\n{line}\n{}\n{line}\n\n{}",
            names.join(", "),
            text.trim_end()
        );
    }
    Ok(all)
}
