//! Places in the file system as they were: a file by what tells it from others and from itself at another time, or nothing.
//!
//! A change of a file, of its links or of its permissions sets `ctime`, which no program can set, so that a file whose stamp is the
//! same has the same bytes. There are two exceptions, and [`Places::settled`] keeps both away. A file system counts time in steps, so
//! that two changes within one step look alike: what changed less than two seconds (the longest step known, FAT's) before the load
//! began is not trusted (git does the same with its index). And the times of a file system on another machine come from there, some
//! time after the change: only file systems of this machine are trusted.

use crate::hash_map::HashMap;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::platform::{self, FileFacts};

/// No file system counts time in longer steps.
const STEP: Duration = Duration::from_secs(2);

/// What tells a file from others, and from itself at another time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    pub device: u64,
    pub inode: u64,
    pub size: u64,
    /// Seconds and nanoseconds.
    pub modified: (i64, i64),
    /// Of the file or what belongs to it: links, owner, permissions.
    pub changed: (i64, i64),
    /// When it was made, where the system knows.
    pub born: Option<SystemTime>,
}

impl Stamp {
    /// Of the file at `path`.
    pub fn of(path: &Path, metadata: &Metadata) -> Stamp {
        let FileFacts {
            device,
            inode,
            modified,
            changed,
        } = platform::file_facts(path, metadata);
        Stamp {
            device,
            inode,
            size: metadata.len(),
            modified,
            changed,
            born: metadata.created().ok(),
        }
    }

    /// Whether nothing of it was written for a step of time before `now`, nor is dated later.
    fn is_older(&self, now: SystemTime) -> bool {
        let limit = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let limit = limit.saturating_sub(STEP);
        let limit = (limit.as_secs().cast_signed(), limit.subsec_nanos().into());
        self.modified < limit && self.changed < limit
    }
}

/// A place, and the file there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place<'a> {
    path: &'a [u8],
    /// `None`: there is no file.
    file: Option<Stamp>,
}

impl Place<'_> {
    /// Whether the place is as it was; otherwise what has changed.
    pub fn check(&self) -> Result<(), String> {
        let path = platform::path(self.path).ok_or("a place has no name of a path")?;
        let now = look(path)?;
        let what = match (&self.file, now) {
            (before, now) if *before == now => return Ok(()),
            (None, Some(_)) => "is there",
            (Some(_), None) => "is gone",
            _ => "has changed",
        };
        Err(format!("{} {what}", path.display()))
    }
}

/// The file in a place. An error where that cannot be told.
fn look(path: &Path) -> Result<Option<Stamp>, String> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(Stamp::of(path, &metadata))),
        Err(e) if is_absent(&e) => Ok(None),
        Err(e) => Err(format!("{}: {e}", path.display())),
    }
}

/// Whether an error tells that there is no such file.
pub fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The places that a load looks at.
#[derive(Debug)]
pub struct Places {
    began: SystemTime,
    seen: HashMap<PathBuf, Option<Stamp>>,
    /// In the order in which they were looked at.
    order: Vec<PathBuf>,
    /// Why the load cannot be kept.
    unfit: Option<String>,
}

impl Places {
    /// Before anything has been looked at.
    pub fn new() -> Places {
        Places {
            began: SystemTime::now(),
            seen: HashMap::new(),
            order: Vec::new(),
            unfit: None,
        }
    }

    /// Notes what was in a place: a file that was opened, or nothing.
    pub fn note(&mut self, path: &Path, file: Option<Stamp>) {
        match self.seen.get(path) {
            None => {
                self.order.push(path.to_path_buf());
                self.seen.insert(path.to_path_buf(), file);
            }
            Some(known) if *known == file => {}
            Some(_) => self.spoil(format!("{} changed meanwhile", path.display())),
        }
    }

    /// The load has come by something that cannot be told again.
    pub fn spoil(&mut self, why: String) {
        self.unfit.get_or_insert(why);
    }

    /// All places, if they can be trusted to tell of each change from now on, and nothing has changed since they were looked at.
    pub fn settled(&self) -> Result<Vec<Place<'_>>, String> {
        if let Some(why) = &self.unfit {
            return Err(why.clone());
        }
        let mut devices = HashMap::new();
        for path in &self.order {
            let file = self.seen.get(path).and_then(Option::as_ref);
            if file.is_some_and(|stamp| !stamp.is_older(self.began)) {
                return Err(format!(
                    "{} was written just now, or its times lie ahead",
                    path.display()
                ));
            }
            let local = match file {
                Some(stamp) => *devices
                    .entry(stamp.device)
                    .or_insert_with(|| is_local(path)),
                None => path
                    .ancestors()
                    .skip(1)
                    .find(|at| at.as_os_str().is_empty() || at.exists())
                    .is_none_or(is_local),
            };
            if !local {
                return Err(format!(
                    "{} is on a file system whose times cannot be relied on",
                    path.display()
                ));
            }
        }
        let places = self.order.iter().map(|path| Place {
            path: path.as_os_str().as_encoded_bytes(),
            file: self.seen.get(path).cloned().flatten(),
        });
        let places: Vec<Place<'_>> = places.collect();
        places.iter().try_for_each(Place::check)?;
        Ok(places)
    }
}

/// Whether a path leads to a file system of this machine, which knows of each change and when it was.
#[cfg(target_os = "linux")]
fn is_local(path: &Path) -> bool {
    /// ext2 to ext4, XFS, Btrfs, tmpfs, overlayfs, F2FS, ZFS, bcachefs, SquashFS, EROFS: statfs(2).
    const KNOWN: [u32; 10] = [
        0xef53,
        0x5846_5342,
        0x9123_683e,
        0x0102_1994,
        0x794c_7630,
        0xf2f5_2010,
        0x2fc1_2fc1,
        0xca45_1a4e,
        0x7371_7368,
        0xe0f5_e1e2,
    ];
    statfs(path).is_some_and(|found| KNOWN.contains(&(found.f_type as u32)))
}

#[cfg(target_vendor = "apple")]
fn is_local(path: &Path) -> bool {
    statfs(path).is_some_and(|found| {
        let name: Vec<u8> = found.f_fstypename.iter().map(|&c| c as u8).collect();
        [&b"apfs\0"[..], b"hfs\0"]
            .iter()
            .any(|known| name.starts_with(known))
    })
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn is_local(_path: &Path) -> bool {
    false
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn statfs(path: &Path) -> Option<libc::statfs> {
    // A name alone lies in the current folder.
    let path = match path.as_os_str().is_empty() {
        true => Path::new("."),
        false => path,
    };
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).ok()?;
    let mut found = std::mem::MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the path ends with NUL, and the call fills all of the structure where it succeeds.
    unsafe {
        match libc::statfs(path.as_ptr(), found.as_mut_ptr()) {
            0 => Some(found.assume_init()),
            _ => None,
        }
    }
}
