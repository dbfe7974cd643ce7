//! `cargo xtask reproducible`: two builds of the same sources, in folders of different names and with homes of cargo of their own, are equal
//! byte by byte.

use crate::library;
use crate::util::{self, At, Result};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Of different lengths: what names them moves what lies behind.
const FOLDERS: [&str; 2] = ["a", "another-folder"];

const NEUTRAL: [&str; 6] = [
    "build",
    "--release",
    "--lib",
    "--no-default-features",
    "--features",
    "wasi",
];
const BUNDLED: [&str; 6] = ["build", "--release", "-p", "wasmdyld", "--features", "cli"];

pub fn main(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (build, files) = match words.as_slice() {
        [] | ["neutral"] => (NEUTRAL, &["libwasmdyld.so", "libwasmdyld.a"][..]),
        ["bundled"] => (
            BUNDLED,
            &["libwasmdyld.so", "libwasmdyld.a", "wasmdyld"][..],
        ),
        _ => return Err("reproducible [neutral | bundled]".into()),
    };
    let place = util::target_dir().join("reproducible");
    util::remove(&place)?;
    let mut built = Vec::new();
    for name in FOLDERS {
        util::step(name);
        built.push(util::timed("cargo build", || {
            one(&place.join(name), &build)
        })?);
    }
    let mut different = Vec::new();
    for file in files {
        let mut contents = Vec::new();
        for folder in &built {
            let path = folder.join(file);
            contents.push(fs::read(&path).at("read", &path)?);
        }
        let size = contents.first().map_or(0, Vec::len);
        match contents.windows(2).all(|pair| pair.first() == pair.last()) {
            true => println!("    {file}: equal, {size} bytes"),
            false => different.push(*file),
        }
    }
    if !different.is_empty() {
        return Err(format!(
            "not equal: {}; both are below {}",
            different.join(", "),
            place.display()
        ));
    }
    util::remove(&place)
}

/// Builds in a folder of its own: gives where the result is.
fn one(folder: &Path, build: &[&str]) -> Result<PathBuf> {
    let (source, home, target) = (
        folder.join("source"),
        folder.join("home"),
        folder.join("target"),
    );
    copy_sources(&util::workspace(), &source)?;
    copy_home(&home)?;
    let mut command = library::cargo()?;
    command.current_dir(&source).args(build);
    command.env("CARGO_HOME", &home);
    command.env("CARGO_TARGET_DIR", &target);
    command.env_remove("RUSTC_WRAPPER");
    util::run(&mut command)?;
    Ok(target.join("release"))
}

/// The source tree without what is built in it.
pub fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    util::create_dir(to)?;
    for entry in util::list(from)? {
        let name = entry.file_name().unwrap_or_default();
        let skipped = ["target", ".git", "__pycache__"]
            .iter()
            .any(|skipped| name == *skipped);
        // A target folder of another name would be copied into itself.
        if skipped || entry == util::target_dir() {
            continue;
        }
        let target = to.join(name);
        if entry.is_symlink() {
            let link = fs::read_link(&entry).at("read", &entry)?;
            symlink(link, &target).at("link", &target)?;
        } else if entry.is_dir() {
            copy_sources(&entry, &target)?;
        } else {
            fs::copy(&entry, &target).at("copy", &entry)?;
        }
    }
    Ok(())
}

/// A home of cargo with the settings and the downloads of the user's, in which crates are unpacked anew.
fn copy_home(home: &Path) -> Result<()> {
    let user = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty());
    let user = user.map(PathBuf::from).or_else(|| {
        let home = std::env::var_os("HOME")?;
        Some(PathBuf::from(home).join(".cargo"))
    });
    let user = user.ok_or("neither CARGO_HOME nor HOME is set")?;
    util::create_dir(&home.join("registry"))?;
    for name in ["config", "config.toml", "credentials.toml"] {
        let file = user.join(name);
        if file.is_file() {
            fs::copy(&file, home.join(name)).at("copy", &file)?;
        }
    }
    for name in ["registry/cache", "registry/index"] {
        let folder = user.join(name);
        if folder.is_dir() {
            symlink(&folder, home.join(name)).at("link", &folder)?;
        }
    }
    Ok(())
}
