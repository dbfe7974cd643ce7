//! Systems that are not Unix. Compiled code is kept in memory only, and launch closures are not kept: it is not known here who can write to
//! a folder, nor when a file was changed.

use std::fs::{self, File, Metadata, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{FileFacts, User};

/// Where a distribution puts code that it has compiled, for all users.
pub const SYSTEM_CACHES: &[&str] = &[];

/// The path that these bytes name, if they can name one: paths are text here.
pub fn path(bytes: &[u8]) -> Option<&Path> {
    std::str::from_utf8(bytes).ok().map(Path::new)
}

/// Opens a file for reading, or a folder, as Unix does.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    super::maybe_folder(options.read(true)).open(path)
}

/// The same, unless the name is a link's.
pub fn open_no_link(path: &Path) -> io::Result<File> {
    match fs::symlink_metadata(path)?.is_symlink() {
        true => Err(io::ErrorKind::InvalidInput.into()),
        false => File::open(path),
    }
}

/// Makes a new file and opens it for writing. Who may read it is what the folder says.
pub fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Makes a folder, with those above it. Who may read it is what the one above says.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Of the file at `path`, which was opened, or looked at through links. Where the system tells no numbers, that of a hash of the path without links serves.
pub fn file_facts(path: &Path, metadata: &Metadata) -> FileFacts {
    let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
    let modified = since_epoch(modified);
    let (device, inode) = super::numbers(path).unwrap_or_else(|| {
        let mut hash = DefaultHasher::new();
        let whole = fs::canonicalize(path);
        whole.as_deref().unwrap_or(path).hash(&mut hash);
        (0, hash.finish())
    });
    FileFacts {
        device,
        inode,
        modified,
        changed: modified,
    }
}

fn since_epoch(time: SystemTime) -> (i64, i64) {
    let passed = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(passed.as_secs()).unwrap_or(i64::MAX);
    (seconds, passed.subsec_nanos().into())
}

/// Why somebody else can change a file or what is in a folder.
pub fn open_to_others(_metadata: &Metadata, _above: bool) -> Option<&'static str> {
    Some("may be written to by others: on this system that is not known")
}

/// How large a file this process may write.
pub fn largest_file() -> u64 {
    u64::MAX
}

/// Nobody is told apart, since nothing is kept for anybody.
pub fn user() -> User {
    (0, 0, Vec::new())
}

/// Nothing is mapped, so that this is a size like any other.
pub fn page_size() -> usize {
    4096
}

/// Files are not mapped here: there is no value of this.
#[derive(Debug)]
pub enum Mapping {}

impl Mapping {
    pub fn new(_file: &File, _size: usize) -> io::Result<Mapping> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn bytes(&self) -> &[u8] {
        match *self {}
    }
}
