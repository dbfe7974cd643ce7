//! A folder with files of kept code.
//!
//! A file is written under another name and then renamed: nobody reads what is half written, of two that write the same at once one wins,
//! and a process that is killed leaves nothing but that other file, which a later sweep removes. A file that has its name is never written
//! to, nor cut; it is unlinked, or another takes its name. So who has it mapped has it as it was when it was checked.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::blob::Blob;
use super::folder::PrivateFolder;
use super::form::Parts;
use super::place::{Name, Place};
use crate::platform;

/// How much is kept: beyond it those go that were not used for longest.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub bytes: u64,
    pub entries: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            bytes: 512 << 20,
            entries: 4096,
        }
    }
}

/// Use of a file is noted in its time, not more often than this.
const NOTED: Duration = Duration::from_secs(3600);

/// A file half written, of a process that ended meanwhile, is removed after this.
const ABANDONED: Duration = Duration::from_secs(3600);

const UNFINISHED: &str = ".new-";

/// A folder of kept code.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    /// This process may write to it.
    writable: bool,
    /// The files are on this machine, so that nobody else's change or loss reaches what is mapped.
    local: bool,
    bounds: Bounds,
    /// What is in the folder, counted when something was first written to it. Others write too: it is a guess.
    held: Mutex<Option<Held>>,
}

/// What a folder holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub bytes: u64,
    pub entries: usize,
}

/// A file of a folder.
#[derive(Clone, Debug)]
pub struct Listed {
    pub name: Name,
    pub size: u64,
    /// When it was last used, to the hour.
    pub used: SystemTime,
}

impl Disk {
    pub fn new(folder: PrivateFolder, bounds: Bounds) -> Disk {
        Disk {
            local: folder.is_local(),
            writable: folder.is_ours(),
            folder: folder.into_path(),
            bounds,
            held: Mutex::new(None),
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Neither a link nor a pipe that somebody has put there is followed or waited for.
    fn open(&self, name: &Name) -> io::Result<(File, usize)> {
        let file = platform::open_no_link(&self.folder.join(name.as_str()))?;
        let meta = file.metadata()?;
        let size = usize::try_from(meta.len()).unwrap_or(usize::MAX);
        if !meta.is_file()
            || size == 0
            || size > MAX_FILE
            || super::folder::changed_by_others(&meta)
        {
            return Err(io::ErrorKind::InvalidData.into());
        }
        note_use(&file, meta.modified(), self.writable);
        Ok((file, size))
    }

    fn write(&self, name: &Name, parts: &Parts<'_>) -> io::Result<()> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_nanos());
        let unfinished = format!("{UNFINISHED}{}-{now}-{count}", platform::process());
        let unfinished = self.folder.join(unfinished);
        let mut file = platform::create_private(&unfinished)?;
        let mut written = Ok(());
        for part in parts.iter() {
            written = written.and_then(|()| file.write_all(part));
        }
        let written =
            written.and_then(|()| fs::rename(&unfinished, self.folder.join(name.as_str())));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    /// Counts what was written, and makes room where that is too much.
    fn account(&self, size: u64) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let now = match *held {
            Some(held) => Held {
                bytes: held.bytes.saturating_add(size),
                entries: held.entries.saturating_add(1),
            },
            None => self.prune(self.bounds),
        };
        let over = now.bytes > self.bounds.bytes || now.entries > self.bounds.entries;
        *held = Some(if over { self.prune(self.bounds) } else { now });
    }

    /// The folder's files, those used least recently first.
    pub fn list(&self) -> io::Result<Vec<Listed>> {
        let mut found: Vec<Listed> = Vec::new();
        for item in fs::read_dir(&self.folder)? {
            let item = item?;
            let name = item.file_name();
            let name = name.to_str().and_then(Name::parse);
            // Another process may have removed it meanwhile.
            if let (Some(name), Ok(meta)) = (name, item.metadata())
                && meta.is_file()
            {
                let used = meta.modified().unwrap_or(UNIX_EPOCH);
                found.push(Listed {
                    name,
                    size: meta.len(),
                    used,
                });
            }
        }
        found.sort_by(|a, b| (a.used, a.name.as_str()).cmp(&(b.used, b.name.as_str())));
        Ok(found)
    }

    /// Removes what was used least recently until what is left is within `bounds`; a little more than has to go, so that this is rare. What
    /// killed processes have left goes as well. Says what is left.
    pub fn prune(&self, bounds: Bounds) -> Held {
        self.remove_abandoned();
        let found = self.list().unwrap_or_default();
        let mut held = Held {
            bytes: found.iter().map(|file| file.size).sum(),
            entries: found.len(),
        };
        if held.bytes <= bounds.bytes && held.entries <= bounds.entries {
            return held;
        }
        for file in &found {
            let bytes = bounds.bytes - bounds.bytes / 8;
            let entries = bounds.entries - bounds.entries / 8;
            if held.bytes <= bytes && held.entries <= entries {
                break;
            }
            self.remove(&file.name);
            held.bytes = held.bytes.saturating_sub(file.size);
            held.entries = held.entries.saturating_sub(1);
        }
        held
    }

    fn remove_abandoned(&self) {
        let now = SystemTime::now();
        for item in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name: OsString = item.file_name();
            let unfinished = name
                .to_str()
                .is_some_and(|name| name.starts_with(UNFINISHED));
            let old = || {
                let written = item.metadata().and_then(|meta| meta.modified());
                written.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > ABANDONED))
            };
            if unfinished && old() {
                let _ = fs::remove_file(item.path());
            }
        }
    }

    /// Another process may have removed it.
    pub fn remove(&self, name: &Name) {
        let _ = fs::remove_file(self.folder.join(name.as_str()));
    }
}

/// Larger files are nobody's.
const MAX_FILE: usize = 4 << 30;

impl Place for Disk {
    fn get(&self, name: &Name) -> Option<Blob> {
        let (file, size) = self.open(name).ok()?;
        let blob = match self.local {
            true => Blob::map(&file, size),
            false => Blob::read(&file, size),
        };
        blob.ok()
    }

    fn has(&self, name: &Name) -> bool {
        fs::symlink_metadata(self.folder.join(name.as_str())).is_ok_and(|meta| meta.is_file())
    }

    fn put(&self, name: &Name, file: &Parts<'_>) {
        let size = file.size();
        let fits = size <= self.bounds.bytes / 2 && size <= platform::largest_file();
        if self.writable && fits && self.write(name, file).is_ok() {
            self.account(size);
        }
    }

    fn discard(&self, name: &Name) {
        if self.writable {
            self.remove(name);
        }
    }
}

fn note_use(file: &File, used: io::Result<SystemTime>, writable: bool) {
    let now = SystemTime::now();
    if writable && used.is_ok_and(|used| now.duration_since(used).is_ok_and(|age| age > NOTED)) {
        // On a read-only disk the order of use is that of writing.
        let _ = file.set_modified(now);
    }
}
