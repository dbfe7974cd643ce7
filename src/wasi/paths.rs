//! Files that a guest names by a path, read by the linker on the guest's behalf.

use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use wasi_common::dir::OpenResult;
use wasi_common::file::{FdFlags, FileType, OFlags};
use wasi_common::snapshots::preview_1::types::Errno;
use wasi_common::sync::Dir;
use wasi_common::{Error as WasiError, WasiDir};

use super::FileIdentity;
use super::common::once;
use super::descriptors::Descriptors;
use super::host::HostDir;
use crate::error::{Code, Error, Result};

/// More than any engine takes for one module.
const MAX_FILE: u64 = 1 << 30;

/// A preopened directory, held apart from the guest's descriptors: it stays when the guest closes its own.
pub struct Preopened {
    pub guest: String,
    pub read_only: bool,
    host: PathBuf,
    dir: Dir,
}

impl Preopened {
    pub fn new(guest: String, host: PathBuf, read_only: bool, dir: Dir) -> Self {
        Preopened {
            guest,
            read_only,
            host,
            dir,
        }
    }

    /// Another handle of the same directory.
    pub fn duplicate(&self) -> Result<Dir> {
        self.dir.try_clone().map_err(|error| {
            Error::new(
                Code::Io,
                format!("preopened directory `{}`: {error}", self.host.display()),
            )
        })
    }
}

/// Reads the file that a guest in its initial directory knows as `path`.
pub fn read(preopened: &[Preopened], path: &str) -> Result<(Vec<u8>, FileIdentity)> {
    let shown = || path.replace('\0', "\u{fffd}");
    let fail =
        |(code, why): (Code, String)| Error::new(code, format!("cannot open `{}`: {why}", shown()));
    if path.is_empty() || path.contains('\0') {
        let why = "the path is empty or holds a NUL byte".into();
        return Err(fail((Code::InvalidArgument, why)));
    }
    if matches!(path.rsplit('/').next(), Some("" | "." | "..")) {
        let why = "a path that ends so names a folder".into();
        return Err(fail((Code::InvalidArgument, why)));
    }
    let (entry, rest) = locate(preopened, path)
        .ok_or_else(|| fail((Code::NotFound, "it is in no preopened directory".into())))?;
    // Closed before this returns: not among those that the guest has.
    let dir = HostDir::new(entry.duplicate()?, true, Descriptors::new(1));
    match once(load(&dir, &rest)) {
        Some(Ok(read)) => Ok(read),
        Some(Err(why)) => Err(fail(why.describe())),
        None => Err(fail((Code::Internal, "reading it did not finish".into()))),
    }
}

/// The preopened directory that holds `path`, and the way from there: that with the longest name that leads it, as
/// wasi-libc chooses. Relative paths start at `/`, where every program starts.
///
/// Only empty and `.` components are dropped. `..` is left to the directory: it alone knows about links, and it does
/// not let a path out.
fn locate<'a>(preopened: &'a [Preopened], path: &str) -> Option<(&'a Preopened, String)> {
    let wanted: Vec<&str> = components(path).collect();
    let mut best: Option<(&Preopened, usize)> = None;
    for entry in preopened {
        let name: Vec<&str> = components(&entry.guest).collect();
        let longer = best.is_none_or(|(known, depth)| {
            // `/` and `.` are the same place for us; where both are given, the path's own form decides.
            let form = |p: &str| p.starts_with('/') == path.starts_with('/');
            name.len() > depth || (name.len() == depth && form(&entry.guest) && !form(&known.guest))
        });
        if longer && wanted.starts_with(&name) {
            best = Some((entry, name.len()));
        }
    }
    let (entry, depth) = best?;
    let rest = wanted.get(depth..)?.join("/");
    Some((entry, if rest.is_empty() { ".".into() } else { rest }))
}

fn components(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !matches!(*part, "" | "."))
}

enum Failure {
    Wasi(WasiError),
    NotAFile,
    TooLarge,
}

impl From<WasiError> for Failure {
    fn from(error: WasiError) -> Self {
        Failure::Wasi(error)
    }
}

impl Failure {
    fn describe(self) -> (Code, String) {
        match self {
            Failure::NotAFile => (Code::InvalidArgument, "it is not a regular file".into()),
            Failure::TooLarge => (Code::Limit, "it is larger than 1 GiB".into()),
            Failure::Wasi(error) => match error.downcast() {
                Ok(Errno::Noent | Errno::Notdir) => (Code::NotFound, "no such file".into()),
                Ok(Errno::Perm) => (
                    Code::Io,
                    "not permitted, or it leads out of the preopened directory".into(),
                ),
                Ok(errno) => (Code::Io, errno.to_string()),
                Err(error) => (Code::Io, error.root_cause().to_string()),
            },
        }
    }
}

async fn load(dir: &HostDir, path: &str) -> Result<(Vec<u8>, FileIdentity), Failure> {
    // Looked at before it is opened: opening a pipe would wait for someone to write to it.
    let stat = dir.get_path_filestat(path, true).await?;
    if stat.filetype != FileType::RegularFile {
        return Err(Failure::NotAFile);
    }
    let opened = dir
        .open_file(true, path, OFlags::empty(), true, false, FdFlags::empty())
        .await?;
    let OpenResult::File(file) = opened else {
        return Err(Failure::NotAFile);
    };
    // Of the file that is open now, whatever the path has come to mean in between.
    let stat = file.get_filestat().await?;
    if stat.filetype != FileType::RegularFile {
        return Err(Failure::NotAFile);
    }
    let identity = FileIdentity {
        device: stat.device_id,
        inode: stat.inode,
        born: born(&*file),
    };
    let mut bytes = Vec::new();
    let mut size = stat.size;
    loop {
        // One byte more than expected, to see the end without another round.
        if size >= MAX_FILE {
            return Err(Failure::TooLarge);
        }
        let filled = bytes.len();
        bytes.resize(size as usize + 1, 0);
        match fill(&*file, &mut bytes, filled).await? {
            read if read < bytes.len() => {
                bytes.truncate(read);
                return Ok((bytes, identity));
            }
            // It has grown.
            read => size = read as u64 * 2,
        }
    }
}

fn born(file: &dyn wasi_common::WasiFile) -> Option<SystemTime> {
    let descriptor = file.pollable()?.try_clone_to_owned().ok()?;
    let metadata = std::fs::File::from(descriptor).metadata().ok()?;
    metadata.created().ok()
}

/// Reads into `bytes` from `filled` on; gives how much is filled then, less than all only at the file's end.
async fn fill(
    file: &dyn wasi_common::WasiFile,
    bytes: &mut [u8],
    mut filled: usize,
) -> Result<usize, WasiError> {
    while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read_vectored(&mut [io::IoSliceMut::new(room)]).await {
            Ok(0) => break,
            Ok(read) => filled += read as usize,
            Err(error) if matches!(error.downcast_ref(), Some(Errno::Intr)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
