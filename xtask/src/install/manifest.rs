//! The list of what is installed below a prefix, which is installed too. `sha256sum --check` reads it: lines of files are as that writes them,
//! and what it does not know are comments to it.

use crate::util::{self, At, Result};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter, Write};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Where it is, below the prefix.
pub const FILE: &str = "share/wasmdyld/manifest.sha256";

const HEAD: &str =
    "# What `cargo xtask install` has put below this prefix; `cargo xtask uninstall` removes it.\n";
const LINK: &str = "# link ";
const FOLDER: &str = "# folder ";
/// Between a link and where it leads.
const TO: &str = " -> ";

/// What a path was when it was installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The file's SHA-256, in hexadecimal.
    File(String),
    /// Where the link leads.
    Link(String),
}

/// Paths are below the prefix; that of the prefix itself is empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    pub entries: BTreeMap<String, Entry>,
    /// Those that were not there before.
    pub folders: BTreeSet<String>,
}

impl Display for Manifest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(HEAD)?;
        for (path, entry) in &self.entries {
            match entry {
                Entry::File(hash) => writeln!(f, "{hash}  {path}")?,
                Entry::Link(target) => writeln!(f, "{LINK}{path}{TO}{target}")?,
            }
        }
        self.folders
            .iter()
            .try_for_each(|path| writeln!(f, "{FOLDER}{path}"))
    }
}

/// The manifest of an installation, if there is one.
pub fn read(prefix: &Path) -> Result<Option<Manifest>> {
    let file = prefix.join(FILE);
    let text = match fs::read_to_string(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.at("read", &file)?,
    };
    let manifest = parse(&text).map_err(|line| format!("{}: what is `{line}`?", file.display()))?;
    Ok(Some(manifest))
}

/// The first line that is none is the error.
pub fn parse(text: &str) -> std::result::Result<Manifest, String> {
    let mut manifest = Manifest::default();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let unknown = || line.to_string();
        if let Some(rest) = line.strip_prefix(LINK) {
            let (path, target) = rest.split_once(TO).ok_or_else(unknown)?;
            let path = checked(path).filter(|path| !path.is_empty());
            let path = path.ok_or_else(unknown)?;
            manifest.entries.insert(path, Entry::Link(target.into()));
        } else if let Some(path) = line.strip_prefix(FOLDER) {
            manifest.folders.insert(checked(path).ok_or_else(unknown)?);
        } else if !line.starts_with('#') {
            let (hash, path) = line.split_once("  ").ok_or_else(unknown)?;
            let is_hash = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
            let path = checked(path).filter(|path| is_hash && !path.is_empty());
            let path = path.ok_or_else(unknown)?;
            manifest.entries.insert(path, Entry::File(hash.into()));
        }
    }
    Ok(manifest)
}

/// A path that stays below the prefix: what is removed is named by this file, which somebody may have edited.
fn checked(path: &str) -> Option<String> {
    let good = path.is_empty()
        || path
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..");
    good.then(|| path.to_string())
}

/// What is at a path, if anything is. A folder, or whatever else is neither file nor link, is a file that no hash has.
pub fn look(path: &Path) -> Result<Option<Entry>> {
    let there = match fs::symlink_metadata(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        there => there.at("read", path)?,
    };
    if there.is_symlink() {
        let target = fs::read_link(path).at("read", path)?;
        return Ok(Some(Entry::Link(target.display().to_string())));
    }
    if !there.is_file() {
        return Ok(Some(Entry::File(String::new())));
    }
    let data = fs::read(path).at("read", path)?;
    let mut hash = String::new();
    for byte in Sha256::digest(&data) {
        // Writing to a text cannot fail.
        let _ = write!(hash, "{byte:02x}");
    }
    Ok(Some(Entry::File(hash)))
}

/// How `remove` went: paths below the prefix.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Removed {
    pub removed: usize,
    /// They are no longer what was installed, and still there.
    pub changed: Vec<String>,
    pub missing: Vec<String>,
    /// Something else is in them.
    pub folders: Vec<String>,
}

/// Removes what a manifest lists and nothing else, and then the manifest. Where something is left that was installed, the manifest goes on
/// listing that.
pub fn remove(prefix: &Path, mut manifest: Manifest) -> Result<Removed> {
    let mut outcome = Removed::default();
    for (path, entry) in std::mem::take(&mut manifest.entries) {
        let full = prefix.join(&path);
        match look(&full)? {
            None => outcome.missing.push(path),
            Some(there) if there != entry => {
                outcome.changed.push(path.clone());
                manifest.entries.insert(path, entry);
            }
            Some(_) => {
                fs::remove_file(&full).at("remove", &full)?;
                outcome.removed += 1;
            }
        }
    }
    let whole = manifest.entries.is_empty();
    if whole {
        util::remove(&prefix.join(FILE))?;
    }
    // From the innermost on.
    for path in std::mem::take(&mut manifest.folders).into_iter().rev() {
        let full = prefix.join(&path);
        match fs::remove_dir(&full) {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory
                ) =>
            {
                // That of the manifest has to stay as long as this does.
                if whole || !FILE.starts_with(&path) {
                    outcome.folders.push(path.clone());
                }
                manifest.folders.insert(path);
            }
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).at("remove", &full);
            }
            _ => {}
        }
    }
    if !whole {
        util::write(&prefix.join(FILE), manifest.to_string())?;
    }
    Ok(outcome)
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
