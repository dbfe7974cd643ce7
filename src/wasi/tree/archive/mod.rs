//! A zip archive as a tree that cannot be changed.
//!
//! Its directory is read when it is opened (`index.rs`), and of the files what guests read, when they do (`inflate.rs`): nothing is unpacked as
//! a whole. Each file that a guest has open is unpacked apart, so that threads share nothing but the archive.

mod index;
mod inflate;

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::sync::Arc;

use rawzip::{Crc32, FileReader, ReaderAt, ZipArchive, ZipLocator};

use self::index::{Kind, Node, Packed, Packing, ROOT};
use self::inflate::{Inflating, Whole};
use super::{Access, Contents, MAX_PATH, Tree, new_device};
use crate::error::{self, Code, Error};
use crate::platform;
use crate::wasi::preview1::descriptor::{Entry, Result};
use crate::wasi::preview1::types::{Errno, Filestat, Filetype, NewTime};

/// Where an archive's bytes are.
enum Bytes {
    File(FileReader),
    Held(Vec<u8>),
}

impl ReaderAt for Bytes {
    fn read_at(&self, to: &mut [u8], offset: u64) -> std::io::Result<usize> {
        match self {
            Bytes::File(file) => file.read_at(to, offset),
            Bytes::Held(bytes) => {
                let from = usize::try_from(offset).ok().and_then(|at| bytes.get(at..));
                let from = from.unwrap_or_default();
                let read = from.len().min(to.len());
                if let (Some(to), Some(from)) = (to.get_mut(..read), from.get(..read)) {
                    to.copy_from_slice(from);
                }
                Ok(read)
            }
        }
    }
}

/// An archive as a tree. Guests of several namespaces, on several threads, may use one.
#[derive(Clone)]
pub struct ArchiveTree(Arc<Inside>);

struct Inside {
    archive: ZipArchive<Bytes>,
    nodes: Vec<Node>,
    device: u64,
}

impl std::fmt::Debug for ArchiveTree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ArchiveTree({:#x})", self.0.device)
    }
}

/// What can be done where the library opens no files.
const NO_FILES: &str = "there are no files on this system: give the bytes of the archive (wasm_dyld_folder_new_archive_bytes)";

/// Reads the end of an archive at a time.
const LOOKED_AT: usize = 64 << 10;

impl ArchiveTree {
    /// An archive in a file, which stays open as long as anything has the tree, and is to stay as it is.
    ///
    /// `max_nodes` are the files, folders and links that it may have. Fails with `NotFound` and `Io` as files do, with `InvalidArgument`
    /// for what is no regular file, with `Malformed` for what is no archive or one that leads readers astray, with `Limit`.
    pub fn open(path: &Path, max_nodes: u64) -> error::Result<Self> {
        let opened = Self::try_open(path, max_nodes);
        opened.map_err(|error| error.context(format!("archive `{}`", path.display())))
    }

    fn try_open(path: &Path, max_nodes: u64) -> error::Result<Self> {
        let failed = |error: std::io::Error| {
            let code = match error.kind() {
                std::io::ErrorKind::NotFound => Code::NotFound,
                std::io::ErrorKind::Unsupported => return Error::new(Code::Unsupported, NO_FILES),
                _ => Code::Io,
            };
            Error::new(code, error.to_string())
        };
        let regular = |metadata: std::fs::Metadata| match metadata.is_file() {
            true => Ok(metadata.len()),
            false => Err(Error::new(Code::InvalidArgument, "it is no regular file")),
        };
        // A device may do something when it is opened. What is open may be another file by then.
        regular(std::fs::metadata(path).map_err(failed)?)?;
        let file = platform::open(path).map_err(failed)?;
        let size = regular(file.metadata().map_err(failed)?)?;
        Self::of(Bytes::File(file.into()), size, max_nodes)
    }

    /// An archive in memory. Fails as [`open`](Self::open).
    pub fn from_bytes(bytes: Vec<u8>, max_nodes: u64) -> error::Result<Self> {
        let size = bytes.len() as u64;
        Self::of(Bytes::Held(bytes), size, max_nodes).map_err(|error| error.context("archive"))
    }

    fn of(bytes: Bytes, size: u64, max_nodes: u64) -> error::Result<Self> {
        let mut room = vec![0; LOOKED_AT];
        let located = ZipLocator::new().locate_in_reader(bytes, &mut room, size);
        let archive = located.map_err(|(_, error)| index::damaged(error))?;
        Ok(ArchiveTree(Arc::new(Inside {
            nodes: index::read(&archive, max_nodes)?,
            archive,
            device: new_device(),
        })))
    }

    fn node(&self, number: u32) -> Result<&Node> {
        self.0.nodes.get(number as usize).ok_or(Errno::Noent)
    }

    fn packed(&self, node: u32) -> Result<&Packed> {
        match &self.node(node)?.kind {
            Kind::File(packed) | Kind::Link(packed) => Ok(packed),
            Kind::Folder { .. } => Err(Errno::Isdir),
        }
    }

    /// Gets ready to read what is packed.
    fn unpack(&self, node: u32) -> Result<Unpacking> {
        let packed = self.packed(node)?;
        if let Some(errno) = index::unreadable(packed) {
            return Err(errno);
        }
        // The header in front of the bytes tells where they begin, and has to leave them where the directory says that they are.
        let entry = self.0.archive.get_entry(packed.place);
        let (from, to) = entry.map_err(|_| Errno::Io)?.compressed_data_range();
        if to > packed.end {
            return Err(Errno::Io);
        }
        let whole = Whole {
            from,
            to,
            size: packed.size(),
            crc: packed.crc,
        };
        Ok(match packed.packing {
            Packing::Deflated => Unpacking::Inflating(RefCell::new(Inflating::new(whole))),
            _ => Unpacking::Stored(whole, Cell::new((0, Crc32::new()))),
        })
    }
}

impl Tree for ArchiveTree {
    type Node = u32;
    type Kept = ();

    fn root(&self) -> u32 {
        ROOT
    }

    fn keep(&self, _: &u32) {}

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn child(&self, folder: &u32, name: &str) -> Result<(u32, Filetype)> {
        let Kind::Folder { entries, .. } = &self.node(*folder)?.kind else {
            return Err(Errno::Notdir);
        };
        let number = *entries.get(name).ok_or(Errno::Noent)?;
        Ok((number, self.node(number)?.kind.filetype()))
    }

    fn is_below(&self, folder: &u32, node: &u32) -> Result<bool> {
        let mut folder = *folder;
        while folder != *node {
            if folder == ROOT {
                return Ok(false);
            }
            folder = self.node(folder)?.parent;
        }
        Ok(true)
    }

    fn stat(&self, node: &u32) -> Result<Filestat> {
        let Node { modified, kind, .. } = self.node(*node)?;
        let (links, size) = match kind {
            // Its name, and its own `.`
            Kind::Folder { .. } => (2, 0),
            Kind::File(packed) | Kind::Link(packed) => (1, packed.size()),
        };
        Ok(Filestat {
            device: self.0.device,
            inode: u64::from(*node) + 1,
            filetype: kind.filetype(),
            links,
            size,
            accessed: *modified,
            modified: *modified,
            changed: *modified,
        })
    }

    fn contents(&self, link: &u32) -> Result<String> {
        if self.packed(*link)?.size() > MAX_PATH as u64 {
            return Err(Errno::Nametoolong);
        }
        let unpacking = self.unpack(*link)?;
        let mut contents = vec![0; MAX_PATH];
        let mut filled = 0;
        while let Some(room) = contents.get_mut(filled..).filter(|room| !room.is_empty()) {
            match unpacking.read_at(&self.0.archive, room, filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        contents.truncate(filled);
        String::from_utf8(contents).map_err(|_| Errno::Ilseq)
    }

    fn list(&self, folder: &u32, looked_at: &mut dyn FnMut() -> Result<()>) -> Result<Vec<Entry>> {
        let Kind::Folder { entries, .. } = &self.node(*folder)?.kind else {
            return Err(Errno::Notdir);
        };
        let mut listed = Vec::new();
        for (name, &number) in entries {
            looked_at()?;
            listed.push(Entry {
                name: name.to_string(),
                inode: u64::from(number) + 1,
                filetype: self.node(number)?.kind.filetype(),
            });
        }
        Ok(listed)
    }

    fn open(&self, file: &u32, access: Access, _: u64) -> Result<Box<dyn Contents>> {
        if access.write || access.truncate {
            return Err(Errno::Rofs);
        }
        Ok(Box::new(OpenFile {
            unpacking: self.unpack(*file)?,
            tree: self.clone(),
            node: *file,
        }))
    }
}

/// The bytes of a file that is open.
enum Unpacking {
    /// As they are; and up to where they were read in order, with the sum of these.
    Stored(Whole, Cell<(u64, Crc32)>),
    Inflating(RefCell<Inflating>),
}

impl Unpacking {
    fn read_at(&self, archive: &ZipArchive<Bytes>, to: &mut [u8], offset: u64) -> Result<usize> {
        match self {
            Unpacking::Stored(whole, summed) => {
                read_stored(archive.get_ref(), whole, summed, to, offset)
            }
            Unpacking::Inflating(inflating) => {
                inflating
                    .borrow_mut()
                    .read_at(archive.get_ref(), to, offset)
            }
        }
    }
}

fn read_stored(
    archive: &Bytes,
    whole: &Whole,
    summed: &Cell<(u64, Crc32)>,
    to: &mut [u8],
    offset: u64,
) -> Result<usize> {
    let left = whole.size.saturating_sub(offset);
    let most = usize::try_from(left).map_or(to.len(), |left| left.min(to.len()));
    let to = to.get_mut(..most).unwrap_or_default();
    if to.is_empty() {
        return Ok(0);
    }
    let read = match archive.read_at(to, whole.from.saturating_add(offset))? {
        // It has become shorter.
        0 => return Err(Errno::Io),
        read => read,
    };
    let (at, mut crc) = summed.replace((0, Crc32::new()));
    if at != offset && offset != 0 {
        summed.set((at, crc));
        return Ok(read);
    }
    if at != offset {
        crc = Crc32::new();
    }
    crc.update(to.get(..read).unwrap_or_default());
    let at = offset + read as u64;
    let is_wrong = at == whole.size && crc.checksum() != whole.crc;
    summed.set((at, crc));
    match is_wrong {
        true => Err(Errno::Io),
        false => Ok(read),
    }
}

struct OpenFile {
    tree: ArchiveTree,
    node: u32,
    unpacking: Unpacking,
}

impl Contents for OpenFile {
    fn stat(&self) -> Result<Filestat> {
        self.tree.stat(&self.node)
    }

    fn read_at(&self, to: &mut [u8], offset: u64) -> Result<usize> {
        self.unpacking.read_at(&self.tree.0.archive, to, offset)
    }

    fn write_at(&self, _: &[u8], _: u64, _: u64) -> Result<usize> {
        Err(Errno::Rofs)
    }

    fn set_size(&self, _: u64, _: u64) -> Result<()> {
        Err(Errno::Rofs)
    }

    fn set_times(&self, _: NewTime, _: NewTime, _: u64) -> Result<()> {
        Err(Errno::Rofs)
    }

    fn moved(&self) -> u64 {
        match &self.unpacking {
            Unpacking::Stored(..) => 0,
            Unpacking::Inflating(inflating) => inflating.borrow_mut().take_passed(),
        }
    }
}
