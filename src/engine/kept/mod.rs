//! Compiled code that is kept between runs, in a folder that only this user can write to (`folder.rs`).
//!
//! The engine runs it as machine code, so what is read has to be what was written: each file has a hash (`entry.rs`), which is checked
//! over the very memory that the engine gets. A file that is damaged, cut short or another's is not there, as one that cannot be read;
//! the module is compiled anew and the file replaced. What cannot be written is not kept. Nothing here ends a run.

mod entry;
mod folder;
mod keeper;
mod key;

pub use entry::Key;
pub use folder::{Unusable, private};
pub use keeper::Keeper;
pub use key::ModuleKey;

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// Use of an entry is noted in the file's time, not more often than this.
const NOTED: Duration = Duration::from_secs(3600);

/// A file half written, of a process that ended meanwhile, is removed after this.
const ABANDONED: Duration = Duration::from_secs(3600);

const UNFINISHED: &str = ".new-";

/// The folder.
#[derive(Debug)]
pub struct KeptCode {
    folder: PathBuf,
    bounds: Bounds,
    /// What is in the folder, counted when something was first written to it. Others write too: it is a guess.
    held: Mutex<Option<Held>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Held {
    bytes: u64,
    entries: usize,
}

/// A file's bytes, checked.
#[derive(Debug)]
pub struct Entry(Vec<u8>);

impl Entry {
    pub fn code(&self) -> &[u8] {
        self.0.get(entry::HEADER..).unwrap_or_default()
    }
}

impl KeptCode {
    /// `folder` is one that [`private`] gave.
    pub fn new(folder: PathBuf, bounds: Bounds) -> KeptCode {
        KeptCode {
            folder,
            bounds,
            held: Mutex::new(None),
        }
    }

    /// The code that was kept under this key, whole and unchanged.
    pub fn find(&self, key: Key) -> Option<Entry> {
        let (bytes, file) = self.read(&self.folder.join(key.name())).ok()?;
        entry::code(key, &bytes)?;
        note_use(&file);
        Some(Entry(bytes))
    }

    /// Keeps code, if it can be written.
    pub fn keep(&self, key: Key, code: &[u8]) {
        let size = (code.len() as u64).saturating_add(entry::HEADER as u64);
        if size > self.bounds.bytes / 2 {
            return;
        }
        if self.write(key, code).is_ok() {
            self.account(size);
        }
    }

    fn read(&self, path: &Path) -> io::Result<(Vec<u8>, File)> {
        // Neither a link nor a pipe that somebody has put there is followed or waited for.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() || meta.len() > self.bounds.bytes {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = Vec::with_capacity(meta.len() as usize);
        (&file).take(meta.len()).read_to_end(&mut bytes)?;
        Ok((bytes, file))
    }

    /// Under another name first: nobody reads what is half written, and of two that write the same at once one wins.
    fn write(&self, key: Key, code: &[u8]) -> io::Result<()> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_nanos());
        let unfinished = format!("{UNFINISHED}{}-{now}-{count}", std::process::id());
        let unfinished = self.folder.join(unfinished);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)?;
        let written = file
            .write_all(&entry::header(key, code))
            .and_then(|()| file.write_all(code))
            .and_then(|()| fs::rename(&unfinished, self.folder.join(key.name())));
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
            None => self.sweep(),
        };
        let over = now.bytes > self.bounds.bytes || now.entries > self.bounds.entries;
        *held = Some(if over { self.sweep() } else { now });
    }

    /// Looks through the folder and removes what was used least recently, a little more than has to go, so that this is rare.
    fn sweep(&self) -> Held {
        let mut found = Vec::new();
        let now = SystemTime::now();
        for item in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let (name, Ok(meta)) = (item.file_name(), item.metadata()) else {
                continue;
            };
            let Some(text) = name.to_str().filter(|_| meta.is_file()) else {
                continue;
            };
            let used = meta.modified().unwrap_or(UNIX_EPOCH);
            if Key::is_name(text) {
                found.push((used, meta.size(), name));
            } else if text.starts_with(UNFINISHED)
                && now.duration_since(used).is_ok_and(|age| age > ABANDONED)
            {
                let _ = fs::remove_file(self.folder.join(name));
            }
        }
        let mut held = Held {
            bytes: found.iter().map(|(_, size, _)| size).sum(),
            entries: found.len(),
        };
        if held.bytes <= self.bounds.bytes && held.entries <= self.bounds.entries {
            return held;
        }
        found.sort_unstable();
        for (_, size, name) in &found {
            let bytes = self.bounds.bytes - self.bounds.bytes / 8;
            let entries = self.bounds.entries - self.bounds.entries / 8;
            if held.bytes <= bytes && held.entries <= entries {
                break;
            }
            self.remove(name);
            held.bytes = held.bytes.saturating_sub(*size);
            held.entries = held.entries.saturating_sub(1);
        }
        held
    }

    fn remove(&self, name: &OsString) {
        // Another process may have removed it.
        let _ = fs::remove_file(self.folder.join(name));
    }
}

fn note_use(file: &File) {
    let now = SystemTime::now();
    let used = file.metadata().and_then(|meta| meta.modified());
    if used.is_ok_and(|used| now.duration_since(used).is_ok_and(|age| age > NOTED)) {
        // On a read-only disk the order of use is that of writing.
        let _ = file.set_modified(now);
    }
}
