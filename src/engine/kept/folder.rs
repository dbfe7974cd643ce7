//! Whether a folder is one that nobody else can put code into.

use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::platform::{self, open_to_others};

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

/// A folder that nobody else can put code into. Its path has no symbolic link in it.
#[derive(Debug)]
pub struct PrivateFolder {
    path: PathBuf,
    ours: bool,
}

impl PrivateFolder {
    pub fn into_path(self) -> PathBuf {
        self.path
    }

    /// Whether it is this user's to write to, or one that others have filled.
    pub fn is_ours(&self) -> bool {
        self.ours
    }

    /// Whether its files are on this machine. On a network's file system another machine can replace a file that is mapped here, and reading
    /// on then ends the process.
    #[cfg(target_os = "linux")]
    pub fn is_local(&self) -> bool {
        // NFS, SMB, SMB2, CIFS, AFS, Coda, Ceph, 9p, FUSE, as <linux/magic.h> has them.
        const REMOTE: [u32; 9] = [
            0x6969,
            0x517b,
            0xfe53_4d42,
            0xff53_4d42,
            0x5346_414f,
            0x7375_7245,
            0x00c3_6400,
            0x0102_1997,
            0x6573_5546,
        ];
        let Ok(path) = std::ffi::CString::new(self.path.as_os_str().as_encoded_bytes()) else {
            return false;
        };
        let mut info = std::mem::MaybeUninit::<libc::statfs>::zeroed();
        // SAFETY: all zeros are valid for the struct, which the call fills if it returns zero; the path is NUL-terminated.
        let kind = unsafe {
            match libc::statfs(path.as_ptr(), info.as_mut_ptr()) {
                0 => info.assume_init().f_type as u32,
                _ => return false,
            }
        };
        !REMOTE.contains(&kind)
    }

    /// Whether its files are on this machine: not known here.
    #[cfg(not(target_os = "linux"))]
    pub fn is_local(&self) -> bool {
        false
    }
}

/// Makes `folder` if it is missing, for this user alone, and sees that nobody else can change what is in it.
///
/// The path is resolved first, and the result has no symbolic link in it. Then the folder and every folder above it have to belong to
/// this user or to root. None may be writable for the group or for others; above the folder itself one may be if it has the sticky bit,
/// as `/tmp` has, which keeps others from renaming and removing what is not theirs. Whoever can change none of these folders can put
/// nothing into the last one, also not later by another link.
pub fn private(folder: &Path) -> Result<PrivateFolder, Unusable> {
    make(folder)?;
    let path = unchanged_by_others(folder)?;
    Ok(PrivateFolder { path, ours: true })
}

/// A folder that somebody has filled before, to be read only: root, for all users of a machine, or this user. It is not made, and the same
/// holds of it and of the folders above it as for [`private`].
pub fn prebuilt(folder: &Path) -> Result<PrivateFolder, Unusable> {
    if let Err(error) = fs::metadata(folder) {
        return Err(match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Unusable::Missing(error),
            _ => Unusable::Wrong(error),
        });
    }
    let path = unchanged_by_others(folder)?;
    Ok(PrivateFolder { path, ours: false })
}

fn unchanged_by_others(folder: &Path) -> Result<PathBuf, Unusable> {
    let resolved = fs::canonicalize(folder).map_err(Unusable::Wrong)?;
    for (n, at) in resolved.ancestors().enumerate() {
        let meta = fs::symlink_metadata(at).map_err(Unusable::Wrong)?;
        if !meta.is_dir() {
            return Err(Unusable::Wrong(io::ErrorKind::NotADirectory.into()));
        }
        if let Some(why) = open_to_others(&meta, n > 0) {
            return Err(Unusable::Unsafe(format!("{} {why}", at.display())));
        }
    }
    Ok(resolved)
}

/// Whether a file can be changed by somebody who is neither this user nor root.
pub fn changed_by_others(file: &Metadata) -> bool {
    open_to_others(file, false).is_some()
}

fn make(folder: &Path) -> Result<(), Unusable> {
    platform::create_private_folder(folder).map_err(|error| match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::StorageFull
        | io::ErrorKind::QuotaExceeded
        | io::ErrorKind::PermissionDenied => Unusable::Missing(error),
        _ => Unusable::Wrong(error),
    })
}
