//! What an archive says that it has: its central directory as a tree of names.
//!
//! What is said here is not believed where it could do harm: names, their number, places and sizes are checked before anything is kept. What
//! only a reader of one file would notice is looked at when that file is read.

use std::collections::BTreeMap;

use rawzip::time::{UtcDateTime, ZipDateTimeKind};
use rawzip::{
    CompressionMethod, ReaderAt, ZipArchive, ZipArchiveEntryWayfinder, ZipFileHeaderRecord,
};

use crate::error::{Code, Error, Result};
use crate::text;
use crate::wasi::preview1::types::{Errno, Filetype};
use crate::wasi::tree::{MAX_NAME, MAX_PATH};

/// The folder that has all others.
pub const ROOT: u32 = 0;

/// A file, a folder or a link.
pub struct Node {
    /// The folder that has it; the root has itself.
    pub parent: u32,
    /// Nanoseconds since 1970; 0 where the archive does not say.
    pub modified: u64,
    pub kind: Kind,
}

pub enum Kind {
    Folder {
        entries: BTreeMap<Box<str>, u32>,
        /// An entry of its own says that it is there, which the paths of others do as well.
        said: bool,
    },
    File(Packed),
    /// Its contents are the packed bytes.
    Link(Packed),
}

impl Kind {
    pub fn filetype(&self) -> Filetype {
        match self {
            Kind::Folder { .. } => Filetype::Directory,
            Kind::File(_) => Filetype::RegularFile,
            Kind::Link(_) => Filetype::SymbolicLink,
        }
    }
}

/// Where the bytes of a file are, and how.
#[derive(Clone, Copy)]
pub struct Packed {
    pub place: ZipArchiveEntryWayfinder,
    pub packing: Packing,
    pub crc: u32,
    /// What lies from here on in the archive is of somebody else.
    pub end: u64,
}

impl Packed {
    pub fn size(&self) -> u64 {
        self.place.uncompressed_size_hint()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Stored,
    Deflated,
    /// In a way that this reader does not know: encrypted, or by another method.
    Unknown,
}

/// Bytes of a header in front of what is packed, beside name and extra fields.
const LOCAL_HEADER: u64 = 30;

/// Holds any entry of a directory: three texts of 64 KiB.
const ROOM: usize = 256 << 10;

/// The nodes of an archive, of which there may be `most`.
pub fn read<R: ReaderAt>(archive: &ZipArchive<R>, most: u64) -> Result<Vec<Node>> {
    let mut index = Index {
        nodes: vec![Node {
            parent: ROOT,
            modified: 0,
            kind: folder(),
        }],
        extents: Vec::new(),
        most,
    };
    let mut room = vec![0; ROOM];
    let mut entries = archive.entries(&mut room);
    let mut count = 0_u64;
    while let Some(entry) = entries.next_entry().map_err(damaged)? {
        count += 1;
        index.add(&entry)?;
    }
    let said = archive.entries_hint();
    // Where more than 65,535 are said in 16 bits, these are the lower ones.
    if said != count && said != count & 0xffff {
        return Err(malformed(format!(
            "it says that it has {said} entries, and has {count}"
        )));
    }
    index.lay_out(archive.directory_offset())?;
    Ok(index.nodes)
}

/// Of what the reader of the format says.
pub fn damaged(error: rawzip::Error) -> Error {
    malformed(match error.kind() {
        rawzip::ErrorKind::MissingEndOfCentralDirectory => {
            "it is no zip archive, or its end is missing; an archive of another kind has to be packed anew"
                .to_string()
        }
        _ => format!("it is damaged: {error}"),
    })
}

fn malformed(why: String) -> Error {
    Error::new(Code::Malformed, why)
}

fn folder() -> Kind {
    Kind::Folder {
        entries: BTreeMap::new(),
        said: false,
    }
}

struct Index {
    nodes: Vec<Node>,
    /// What each entry takes in the archive at least, from where to where, and whose it is.
    extents: Vec<(u64, u64, u32)>,
    most: u64,
}

impl Index {
    fn add(&mut self, entry: &ZipFileHeaderRecord<'_>) -> Result<()> {
        let raw = entry.file_path();
        let path = parts(raw.as_bytes()).map_err(|why| {
            let shown = String::from_utf8_lossy(raw.as_bytes());
            malformed(format!("its entry `{}` {why}", text::name(&shown)))
        })?;
        let added = self.place(entry, path);
        added.map_err(|error| error.context(format!("entry `{}`", text::name(path))))
    }

    fn place(&mut self, entry: &ZipFileHeaderRecord<'_>, path: &str) -> Result<()> {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut parent = ROOT;
        for part in above.split('/').filter(|part| !part.is_empty()) {
            parent = match self.entries(parent)?.get(part) {
                Some(&there) => there,
                None => self.insert(parent, part, folder())?,
            };
        }
        let kind = kind(entry)?;
        let is_folder = matches!(kind, Kind::Folder { .. });
        let there = self.entries(parent)?.get(name).copied();
        let number = match there {
            None => self.insert(parent, name, kind)?,
            Some(number) => number,
        };
        match self
            .nodes
            .get_mut(number as usize)
            .map(|node| &mut node.kind)
        {
            Some(Kind::Folder { said, .. }) if is_folder && !*said => *said = true,
            _ if there.is_none() => {}
            _ => return Err(malformed("another entry has the same name".into())),
        }
        if let Some(node) = self.nodes.get_mut(number as usize) {
            node.modified = modified(entry);
        }
        let from = entry.local_header_offset();
        let takes = LOCAL_HEADER + entry.file_path().len() as u64;
        let takes = takes.checked_add(entry.compressed_size_hint());
        let end = takes.and_then(|takes| from.checked_add(takes));
        let end = end.ok_or_else(|| malformed("it lies beyond all archives".into()))?;
        self.extents.push((from, end, number));
        Ok(())
    }

    fn entries(&self, number: u32) -> Result<&BTreeMap<Box<str>, u32>> {
        match self.nodes.get(number as usize).map(|node| &node.kind) {
            Some(Kind::Folder { entries, .. }) => Ok(entries),
            _ => Err(malformed("another entry is a file on the way to it".into())),
        }
    }

    fn insert(&mut self, parent: u32, name: &str, kind: Kind) -> Result<u32> {
        let number = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        if u64::from(number) >= self.most.min(u32::MAX.into()) {
            return Err(Error::new(
                Code::Limit,
                format!(
                    "it has more than {} files, folders and links: give it a higher limit",
                    self.most
                ),
            ));
        }
        self.nodes.push(Node {
            parent,
            modified: 0,
            kind,
        });
        if let Some(Kind::Folder { entries, .. }) = self
            .nodes
            .get_mut(parent as usize)
            .map(|node| &mut node.kind)
        {
            entries.insert(name.into(), number);
        }
        Ok(number)
    }

    /// Says of each entry where the next one begins. Entries that share bytes are refused: by such a few bytes are any number of large files.
    fn lay_out(&mut self, directory: u64) -> Result<()> {
        self.extents.sort_unstable();
        let mut behind = directory;
        for &(from, end, number) in self.extents.iter().rev() {
            if end > behind {
                return Err(malformed(format!(
                    "what lies at byte {from} of it is longer than its place, which ends at byte {behind}"
                )));
            }
            if let Some(Kind::File(packed) | Kind::Link(packed)) = self
                .nodes
                .get_mut(number as usize)
                .map(|node| &mut node.kind)
            {
                packed.end = behind;
            }
            behind = from;
        }
        Ok(())
    }
}

/// The path of an entry, without the slash at the end of a folder's, or what is wrong with it.
fn parts(raw: &[u8]) -> std::result::Result<&str, &'static str> {
    let path = std::str::from_utf8(raw).map_err(|_| "has a name that is not UTF-8")?;
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.len() > MAX_PATH {
        return Err("has a path of more than 4095 bytes");
    }
    for part in path.split('/') {
        match part {
            "" => return Err("has a path with an empty part, or an absolute one"),
            "." | ".." => return Err("has a path with a part that is `.` or `..`"),
            _ if part.len() > MAX_NAME => return Err("has a name of more than 255 bytes"),
            _ if part.contains('\0') => return Err("has a name with a NUL byte"),
            _ => {}
        }
    }
    Ok(path)
}

/// The bits of a Unix mode that tell what something is.
const TYPE: u32 = 0o170_000;

fn kind(entry: &ZipFileHeaderRecord<'_>) -> Result<Kind> {
    if entry.is_dir() {
        return Ok(folder());
    }
    let flags = entry.flags();
    let hidden = flags.is_encrypted() || flags.has_strong_encryption() || flags.is_masked();
    let packing = match entry.compression_method() {
        _ if hidden => Packing::Unknown,
        CompressionMethod::STORE => Packing::Stored,
        CompressionMethod::DEFLATE => Packing::Deflated,
        _ => Packing::Unknown,
    };
    let packed = Packed {
        place: entry.wayfinder(),
        packing,
        crc: entry.crc32(),
        end: 0,
    };
    if packing == Packing::Stored && packed.size() != entry.compressed_size_hint() {
        return Err(malformed("it is stored, and has two sizes".into()));
    }
    // Offsets have a sign.
    if i64::try_from(packed.size()).is_err() {
        return Err(malformed("it is larger than files can be".into()));
    }
    match entry.mode().value() & TYPE {
        0o100_000 | 0 => Ok(Kind::File(packed)),
        0o120_000 => Ok(Kind::Link(packed)),
        0o040_000 => Ok(folder()),
        _ => Err(malformed("it is no file, folder or link".into())),
    }
}

/// A time without a zone counts as UTC, so that it is the same on every machine.
fn modified(entry: &ZipFileHeaderRecord<'_>) -> u64 {
    let utc = match entry.last_modified() {
        ZipDateTimeKind::Utc(time) => Some(time),
        ZipDateTimeKind::Local(time) => UtcDateTime::from_components(
            time.year(),
            time.month(),
            time.day(),
            time.hour(),
            time.minute(),
            time.second(),
            0,
        ),
    };
    let nanoseconds = utc.and_then(|time| {
        let seconds = u64::try_from(time.to_unix()).ok()?;
        let nanoseconds = seconds.checked_mul(1_000_000_000)?;
        nanoseconds.checked_add(time.nanosecond().into())
    });
    nanoseconds.unwrap_or(0)
}

/// What keeps a file from being read though its entry is in order; nothing if nothing does.
pub fn unreadable(packed: &Packed) -> Option<Errno> {
    let (size, takes) = (packed.size(), packed.place.compressed_size_hint());
    match packed.packing {
        Packing::Unknown => Some(Errno::Notsup),
        Packing::Deflated if size > BOMB && size / MAX_RATIO > takes => Some(Errno::Fbig),
        Packing::Stored | Packing::Deflated => None,
    }
}

/// Files beyond this size may not be packed by more than [`MAX_RATIO`]: a linker that reads one whole takes memory for it.
const BOMB: u64 = 64 << 20;

const MAX_RATIO: u64 = 100;
