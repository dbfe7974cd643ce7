//! Whether a folder is one that nobody else can put code into.

use std::fmt;
use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Why code is not kept in a folder.
#[derive(Debug)]
pub enum Unusable {
    /// Somebody else can change what is in it.
    Unsafe(String),
    /// It is no folder, or its name leads nowhere.
    Wrong(io::Error),
    /// It is not there, and this process cannot make it: the disk is full or read-only, or the folder above belongs to somebody else.
    Missing(io::Error),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unusable::Unsafe(why) => f.write_str(why),
            Unusable::Wrong(error) | Unusable::Missing(error) => error.fmt(f),
        }
    }
}

/// Makes `folder` if it is missing, for this user alone, and sees that nobody else can change what is in it.
///
/// The path is resolved first, and the result has no symbolic link in it. Then the folder and every folder above it have to belong to
/// this user or to root. None may be writable for the group or for others; above the folder itself one may be if it has the sticky bit,
/// as `/tmp` has, which keeps others from renaming and removing what is not theirs. Whoever can change none of these folders can put
/// nothing into the last one, also not later by another link.
pub fn private(folder: &Path) -> Result<PathBuf, Unusable> {
    make(folder)?;
    let resolved = fs::canonicalize(folder).map_err(Unusable::Wrong)?;
    // SAFETY: no precondition.
    let user = unsafe { libc::geteuid() };
    for (n, at) in resolved.ancestors().enumerate() {
        let meta = fs::symlink_metadata(at).map_err(Unusable::Wrong)?;
        if !meta.is_dir() {
            return Err(Unusable::Wrong(io::ErrorKind::NotADirectory.into()));
        }
        if let Some(why) = open_to_others(&meta, user, n > 0) {
            return Err(Unusable::Unsafe(format!("{} {why}", at.display())));
        }
    }
    Ok(resolved)
}

fn make(folder: &Path) -> Result<(), Unusable> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::StorageFull
        | io::ErrorKind::QuotaExceeded
        | io::ErrorKind::PermissionDenied => Unusable::Missing(error),
        _ => Unusable::Wrong(error),
    })
}

fn open_to_others(meta: &Metadata, user: u32, above: bool) -> Option<&'static str> {
    const WRITABLE: u32 = 0o022;
    const STICKY: u32 = 0o1000;
    if meta.uid() != user && meta.uid() != 0 {
        return Some("belongs to another user");
    }
    let sticky = above && meta.mode() & STICKY != 0;
    (meta.mode() & WRITABLE != 0 && !sticky).then_some("can be written to by others")
}
