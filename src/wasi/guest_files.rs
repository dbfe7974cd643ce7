//! Files that a guest names by a path, read by the linker on the guest's behalf.

use std::rc::Rc;

use super::FileIdentity;
use super::preview1::descriptor::{File, Folder, How, Opened};
use super::preview1::types::{Errno, Filetype};
use crate::error::{Code, Error, Result};
use crate::object::{LOOK, MAGIC};

/// More than any engine takes for one module.
const MAX_FILE: u64 = 1 << 30;

/// How often in a row a read is tried again that was interrupted. A host's own function may say so each time.
const MAX_INTERRUPTIONS: u32 = 100;

/// A preopened directory.
pub struct Preopened {
    pub guest: String,
    pub folder: Rc<dyn Folder>,
    /// The same, held apart from what the guest has: it stays when the guest closes its own, and what is opened in it does not count
    /// among the guest's files.
    pub own: Rc<dyn Folder>,
}

/// Reads the file that a guest in its initial directory knows as `path`, if it is no module or one of at most `room` bytes.
pub fn read(preopened: &[Preopened], path: &str, room: u64) -> Result<(Vec<u8>, FileIdentity)> {
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
    load(&*entry.own, &rest, room).map_err(|why| fail(why.describe()))
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
    Wasi(Errno),
    NotAFile,
    TooLarge,
    /// So large, where so much is left.
    NoRoom(u64, u64),
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Failure::Wasi(errno)
    }
}

impl Failure {
    fn describe(self) -> (Code, String) {
        match self {
            Failure::NotAFile => (Code::InvalidArgument, "it is not a regular file".into()),
            Failure::TooLarge => (Code::Limit, "it is larger than 1 GiB".into()),
            Failure::NoRoom(size, room) => (
                Code::Limit,
                format!("it takes {size} bytes of the host's memory; the limit leaves {room}"),
            ),
            Failure::Wasi(Errno::Noent | Errno::Notdir) => (Code::NotFound, "no such file".into()),
            Failure::Wasi(Errno::Perm) => (
                Code::Io,
                "not permitted, or it leads out of the preopened directory".into(),
            ),
            Failure::Wasi(errno) => (Code::Io, errno.to_string()),
        }
    }
}

type Loaded = std::result::Result<(Vec<u8>, FileIdentity), Failure>;

fn load(folder: &dyn Folder, path: &str, room: u64) -> Loaded {
    // Opening waits for nothing, and the type is that of the file that is open, whatever the path comes to mean.
    let Opened::File(file) = folder.open(path, How::READ)? else {
        return Err(Failure::NotAFile);
    };
    let stat = file.stat()?;
    if stat.filetype != Filetype::RegularFile {
        return Err(Failure::NotAFile);
    }
    let identity = FileIdentity {
        device: stat.device,
        inode: stat.inode,
        born: file.born(),
    };
    let mut bytes = Vec::new();
    // What is no module is told by its first bytes: of a file that has a size and nothing in it, no more is read.
    let mut expected = LOOK as u64;
    loop {
        if stat.size.max(expected) >= MAX_FILE {
            return Err(Failure::TooLarge);
        }
        let filled = bytes.len();
        // One byte more than expected, to see the end without another round.
        let length = expected as usize + 1;
        let more = bytes.try_reserve_exact(length.saturating_sub(filled));
        more.map_err(|_| Errno::Nomem)?;
        bytes.resize(length, 0);
        let read = fill(&*file, &mut bytes, filled)?;
        if read < length || !bytes.starts_with(MAGIC) {
            bytes.truncate(read);
            return Ok((bytes, identity));
        }
        let size = stat.size.max(read as u64);
        if size > room {
            return Err(Failure::NoRoom(size, room));
        }
        // At first what its size says, then more if it has grown meanwhile.
        expected = match stat.size > read as u64 {
            true => stat.size,
            false => room.min(read as u64 * 2),
        };
    }
}

/// Reads into `bytes` from `filled` on; gives how much is filled then, less than all only at the file's end.
fn fill(file: &dyn File, bytes: &mut [u8], mut filled: usize) -> std::result::Result<usize, Errno> {
    let mut interruptions = 0;
    while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(read) => (filled, interruptions) = (filled + read, 0),
            Err(Errno::Intr) if interruptions < MAX_INTERRUPTIONS => interruptions += 1,
            Err(errno) => return Err(errno),
        }
    }
    Ok(filled)
}
