//! What is put below a prefix, and the record of it. Everything that is installed passes here: files are replaced whole, what is up to date is
//! left alone, and what is not ours is not written over.

use super::manifest::{self, Entry, Manifest};
use crate::util::{self, At, Result};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// An installation under way.
pub struct Record {
    prefix: PathBuf,
    /// Of what was installed before, and of what is now.
    manifest: Manifest,
    /// Writes over files of others.
    force: bool,
}

impl Record {
    /// Reads what was installed there before.
    pub fn new(prefix: &Path, force: bool) -> Result<Record> {
        let manifest = manifest::read(prefix)?;
        Ok(Record {
            prefix: prefix.to_path_buf(),
            manifest: manifest.unwrap_or_default(),
            force,
        })
    }

    /// Nothing has been done.
    pub fn is_empty(&self) -> bool {
        self.manifest.entries.is_empty() && self.manifest.folders.is_empty()
    }

    /// Writes the manifest, which lists itself among the folders only.
    pub fn save(mut self) -> Result<()> {
        let file = self.prefix.join(manifest::FILE);
        if let Some(folder) = file.parent() {
            self.create_dir(folder)?;
        }
        let text = self.manifest.to_string();
        if fs::read_to_string(&file).is_ok_and(|old| old == text) {
            return Ok(());
        }
        util::write(&file, text)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).at("set the mode of", &file)
    }

    /// Copies a file, unless it is there already: then its size and its time, which is copied too, are the same.
    pub fn put(&mut self, from: &Path, to: &Path, mode: u32) -> Result<()> {
        let source = fs::metadata(from).at("read", from)?;
        let modified = source.modified().at("read", from)?;
        let there = fs::symlink_metadata(to).is_ok_and(|there| {
            there.is_file()
                && there.len() == source.len()
                && there.modified().is_ok_and(|time| time == modified)
                && there.permissions().mode() & 0o7777 == mode
        });
        if there && self.is_ours(to) {
            return Ok(());
        }
        self.replace(to, |new| {
            fs::copy(from, new).at("copy", from)?;
            // First: the source may be read-only, and so its copy.
            fs::set_permissions(new, fs::Permissions::from_mode(mode))
                .at("set the mode of", new)?;
            let file = fs::File::options().append(true).open(new).at("open", new)?;
            file.set_modified(modified).at("set the time of", new)
        })
    }

    pub fn put_tree(&mut self, from: &Path, to: &Path) -> Result<()> {
        for entry in util::list(from)? {
            let target = to.join(entry.file_name().unwrap_or_default());
            if entry.is_dir() {
                self.put_tree(&entry, &target)?;
            } else {
                self.put(&entry, &target, 0o644)?;
            }
        }
        Ok(())
    }

    pub fn text(&mut self, to: &Path, content: &str) -> Result<()> {
        let there = || fs::read(to).is_ok_and(|old| old == content.as_bytes());
        if self.is_ours(to) && there() {
            return Ok(());
        }
        self.replace(to, |new| {
            fs::write(new, content).at("write", new)?;
            fs::set_permissions(new, fs::Permissions::from_mode(0o644)).at("set the mode of", new)
        })
    }

    pub fn link(&mut self, target: &str, to: &Path) -> Result<()> {
        match fs::read_link(to) {
            Ok(old) if old == Path::new(target) && self.is_ours(to) => Ok(()),
            _ => self.replace(to, |new| symlink(target, new).at("link", new)),
        }
    }

    fn below(&self, path: &Path) -> Result<String> {
        let outside = || format!("{}: not below {}", path.display(), self.prefix.display());
        let below = path.strip_prefix(&self.prefix).map_err(|_| outside())?;
        // A name with a line break would be two lines of the manifest.
        let name = below.to_str().filter(|name| !name.contains('\n'));
        name.map(str::to_string).ok_or_else(outside)
    }

    fn is_ours(&self, path: &Path) -> bool {
        self.below(path)
            .is_ok_and(|name| self.manifest.entries.contains_key(&name))
    }

    /// Makes a file beside its place, then moves it there: what runs keeps the old file, and nobody sees half of the new one.
    fn replace(&mut self, to: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        if let Some(folder) = to.parent() {
            self.create_dir(folder)?;
        }
        let new = util::beside(to, "new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).at("remove", &new);
            }
            _ => {}
        }
        make(&new)?;
        let entry = manifest::look(&new)?.ok_or_else(|| format!("{} is gone", new.display()))?;
        if !self.force && !self.is_ours(to) && is_foreign(to, &entry)? {
            util::remove(&new)?;
            return Err(format!(
                "{} is there, is not the same file, and was not put there by `cargo xtask install`: --includedir and --libdir name \
                 other folders, --force replaces it",
                to.display()
            ));
        }
        if !self.force && !self.is_ours(to) && manifest::look(to)?.is_some() {
            // The same file, of somebody else: it stays theirs.
            return util::remove(&new);
        }
        fs::rename(&new, to).at("rename", &new)?;
        let name = self.below(to)?;
        self.manifest.entries.insert(name, entry);
        Ok(())
    }

    /// Folders that are new are removed with what was installed.
    fn create_dir(&mut self, folder: &Path) -> Result<()> {
        let mut missing = Vec::new();
        for above in folder.ancestors().take_while(|above| !above.exists()) {
            missing.push(above.to_path_buf());
        }
        util::create_dir(folder)?;
        for folder in missing {
            // Those above the prefix are not ours to remove.
            if let Ok(name) = self.below(&folder) {
                self.manifest.folders.insert(name);
            }
        }
        Ok(())
    }
}

/// Whether there is something else than what is to be there.
fn is_foreign(path: &Path, wanted: &Entry) -> Result<bool> {
    Ok(manifest::look(path)?.is_some_and(|there| there != *wanted))
}
