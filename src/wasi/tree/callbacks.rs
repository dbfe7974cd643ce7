//! A tree that the host gives by functions, each of which gets a path.
//!
//! What they answer is not believed: sizes, names and kinds that cannot be are `EIO`. They get copies of the guest's bytes, never its memory.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use super::{Access, Contents, MAX_NAME, MAX_PATH, Named, Tree, new_device};
use crate::wasi::preview1::descriptor::{Entry, Result};
use crate::wasi::preview1::types::{Errno, Filestat, Filetype, NewTime};

/// What something is that a host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostedKind {
    File,
    Folder,
    Link,
}

/// What a host says of something that it has.
#[derive(Clone, Copy, Debug)]
pub struct HostedStat {
    pub kind: HostedKind,
    pub size: u64,
    /// Tells it from all others of this folder. 0: the path does.
    pub inode: u64,
    /// Nanoseconds since 1970.
    pub accessed: u64,
    pub modified: u64,
    pub changed: u64,
}

/// What a host has, by paths that begin in the folder, without a slash, and have at most [`MAX_PATH`] bytes; the folder itself is the empty one. No part of a path is `.` or `..`, and
/// none is a link but the last. They are called by the threads that run guests. What is not overridden fails with `EROFS`.
pub trait Hosted: Send + Sync {
    /// A link is told of itself.
    fn stat(&self, path: &str) -> io::Result<HostedStat>;

    /// Opens a file, which is made where `create` says so, and gives what names it in the other calls.
    fn open(&self, path: &str, access: Access, create: bool) -> io::Result<u64>;

    fn close(&self, _file: u64) {}

    /// Of a file that is open, whose path may be gone. `None`: what `stat` says.
    fn stat_open(&self, _file: u64) -> Option<io::Result<HostedStat>> {
        None
    }

    fn read(&self, file: u64, to: &mut [u8], offset: u64) -> io::Result<usize>;

    fn write(&self, _file: u64, _from: &[u8], _offset: u64) -> io::Result<usize> {
        Err(read_only())
    }

    fn set_size(&self, _file: u64, _size: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn sync(&self, _file: u64) -> io::Result<()> {
        Ok(())
    }

    /// The name of an entry of a folder, by its number from 0 on; nothing behind the last.
    fn entry(&self, folder: &str, number: u64) -> io::Result<Option<Vec<u8>>>;

    fn contents(&self, _link: &str) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::InvalidInput.into())
    }

    fn create_folder(&self, _path: &str) -> io::Result<()> {
        Err(read_only())
    }

    fn create_link(&self, _contents: &str, _path: &str) -> io::Result<()> {
        Err(read_only())
    }

    fn remove_folder(&self, _path: &str) -> io::Result<()> {
        Err(read_only())
    }

    fn remove_file(&self, _path: &str) -> io::Result<()> {
        Err(read_only())
    }

    fn rename(&self, _path: &str, _to: &str) -> io::Result<()> {
        Err(read_only())
    }

    /// Nanoseconds since 1970; nothing stays as it is.
    fn set_times(
        &self,
        _path: &str,
        _accessed: Option<u64>,
        _modified: Option<u64>,
    ) -> io::Result<()> {
        Err(read_only())
    }
}

fn read_only() -> io::Error {
    io::ErrorKind::ReadOnlyFilesystem.into()
}

/// A host's files as a tree.
#[derive(Clone)]
pub struct HostedTree(Arc<Inside>);

struct Inside {
    hosted: Box<dyn Hosted>,
    device: u64,
}

impl std::fmt::Debug for HostedTree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HostedTree({:#x})", self.0.device)
    }
}

/// Bytes that the host gets or gives at a time.
const AT_A_TIME: usize = 64 << 10;

impl HostedTree {
    pub fn new(hosted: Box<dyn Hosted>) -> Self {
        HostedTree(Arc::new(Inside {
            hosted,
            device: new_device(),
        }))
    }

    fn filestat(&self, path: &str, said: HostedStat) -> Result<Filestat> {
        // Offsets have a sign.
        if i64::try_from(said.size).is_err() {
            return Err(Errno::Io);
        }
        Ok(Filestat {
            device: self.0.device,
            inode: match said.inode {
                0 => number(path),
                inode => inode,
            },
            filetype: match said.kind {
                HostedKind::File => Filetype::RegularFile,
                HostedKind::Folder => Filetype::Directory,
                HostedKind::Link => Filetype::SymbolicLink,
            },
            links: 1,
            size: said.size,
            accessed: said.accessed,
            modified: said.modified,
            changed: said.changed,
        })
    }

    fn stat_of(&self, path: &str) -> Result<Filestat> {
        self.filestat(path, self.0.hosted.stat(path)?)
    }

    /// The name of an entry. `.` and `..`, and what no guest could name, are passed over by the caller.
    fn entry(&self, folder: &str, number: u64) -> Result<Option<Vec<u8>>> {
        let name = self.0.hosted.entry(folder, number)?;
        match &name {
            Some(name) if name.is_empty() || name.len() > MAX_NAME => Err(Errno::Io),
            Some(name) if name.iter().any(|byte| matches!(byte, 0 | b'/')) => Err(Errno::Io),
            _ => Ok(name),
        }
    }

    fn is_empty(&self, folder: &str) -> Result<()> {
        for number in 0..3 {
            match self.entry(folder, number)?.as_deref() {
                None => return Ok(()),
                Some(b"." | b"..") => {}
                Some(_) => return Err(Errno::Notempty),
            }
        }
        Ok(())
    }

    fn opened(&self, path: &Rc<str>, file: u64) -> Box<dyn Contents> {
        Box::new(OpenFile {
            tree: self.clone(),
            path: path.clone(),
            file,
        })
    }
}

/// A number for a path, the same each time and on each machine (FNV-1a). Two paths with one number are one in a billion billions.
fn number(path: &str) -> u64 {
    let mixed = path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    mixed.max(1)
}

/// The path of an entry. A guest goes down by folders that it opens, so only here is the whole path known: it has at most [`MAX_PATH`] bytes, as a
/// host that hands it to its system expects.
fn below(folder: &str, name: &str) -> Result<Rc<str>> {
    let path: Rc<str> = match folder {
        "" => name.into(),
        folder => format!("{folder}/{name}").into(),
    };
    match path.len() > MAX_PATH {
        true => Err(Errno::Nametoolong),
        false => Ok(path),
    }
}

/// The time that a host is to set.
fn time(new: NewTime, now: u64) -> Option<u64> {
    match new {
        NewTime::Keep => None,
        NewTime::Now => Some(now),
        NewTime::At(time) => Some(time),
    }
}

impl Tree for HostedTree {
    type Node = Rc<str>;
    type Kept = ();

    fn root(&self) -> Rc<str> {
        "".into()
    }

    fn keep(&self, _: &Rc<str>) {}

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn child(&self, folder: &Rc<str>, name: &str) -> Result<(Rc<str>, Filetype)> {
        let path = below(folder, name)?;
        let filetype = self.stat_of(&path)?.filetype;
        Ok((path, filetype))
    }

    fn is_below(&self, folder: &Rc<str>, node: &Rc<str>) -> Result<bool> {
        let rest = folder.strip_prefix(&**node);
        Ok(rest.is_some_and(|rest| node.is_empty() || rest.is_empty() || rest.starts_with('/')))
    }

    fn stat(&self, node: &Rc<str>) -> Result<Filestat> {
        self.stat_of(node)
    }

    fn contents(&self, link: &Rc<str>) -> Result<String> {
        let contents = self.0.hosted.contents(link)?;
        String::from_utf8(contents).map_err(|_| Errno::Ilseq)
    }

    fn list(
        &self,
        folder: &Rc<str>,
        looked_at: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut number = 0;
        while let Some(name) = self.entry(folder, number)? {
            // Before anything is kept: a listing without an end ends here.
            looked_at()?;
            number += 1;
            let Ok(name) = String::from_utf8(name) else {
                continue;
            };
            if matches!(name.as_str(), "." | "..") {
                continue;
            }
            match below(folder, &name).and_then(|path| self.stat_of(&path)) {
                Ok(stat) => entries.push(Entry {
                    name,
                    inode: stat.inode,
                    filetype: stat.filetype,
                }),
                // Gone between the listing and the look at it, or of a path that no guest gets to.
                Err(Errno::Noent | Errno::Nametoolong) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(entries)
    }

    fn open(&self, file: &Rc<str>, access: Access, _: u64) -> Result<Box<dyn Contents>> {
        let opened = self.0.hosted.open(file, access, false)?;
        Ok(self.opened(file, opened))
    }

    fn create_file(
        &self,
        folder: &Rc<str>,
        name: &str,
        access: Access,
        _: u64,
    ) -> Result<Box<dyn Contents>> {
        let path = below(folder, name)?;
        let opened = self.0.hosted.open(&path, access, true)?;
        Ok(self.opened(&path, opened))
    }

    fn create_folder(&self, folder: &Rc<str>, name: &str, _: u64) -> Result<()> {
        Ok(self.0.hosted.create_folder(&below(folder, name)?)?)
    }

    fn create_link(&self, folder: &Rc<str>, name: &str, contents: &str, _: u64) -> Result<()> {
        let path = below(folder, name)?;
        Ok(self.0.hosted.create_link(contents, &path)?)
    }

    fn remove_folder(&self, folder: &Rc<str>, name: &str, _: u64) -> Result<()> {
        let path = below(folder, name)?;
        self.is_empty(&path)?;
        Ok(self.0.hosted.remove_folder(&path)?)
    }

    fn remove_file(&self, folder: &Rc<str>, name: &str, _: u64) -> Result<()> {
        Ok(self.0.hosted.remove_file(&below(folder, name)?)?)
    }

    fn rename(&self, from: Named<'_, Self>, to: Named<'_, Self>, _: u64) -> Result<()> {
        let (from, to) = (below(from.0, from.1)?, below(to.0, to.1)?);
        if from == to {
            return Ok(());
        }
        match self.stat_of(&to) {
            Ok(there) if there.filetype == Filetype::Directory => self.is_empty(&to)?,
            Ok(_) | Err(Errno::Noent) => {}
            Err(errno) => return Err(errno),
        }
        Ok(self.0.hosted.rename(&from, &to)?)
    }

    fn set_times(
        &self,
        node: &Rc<str>,
        accessed: NewTime,
        modified: NewTime,
        now: u64,
    ) -> Result<()> {
        let (accessed, modified) = (time(accessed, now), time(modified, now));
        Ok(self.0.hosted.set_times(node, accessed, modified)?)
    }
}

struct OpenFile {
    tree: HostedTree,
    path: Rc<str>,
    file: u64,
}

impl OpenFile {
    fn hosted(&self) -> &dyn Hosted {
        &*self.tree.0.hosted
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.hosted().close(self.file);
    }
}

impl Contents for OpenFile {
    fn stat(&self) -> Result<Filestat> {
        let said = match self.hosted().stat_open(self.file) {
            Some(said) => said?,
            None => self.hosted().stat(&self.path)?,
        };
        match said.kind {
            HostedKind::File => self.tree.filestat(&self.path, said),
            HostedKind::Folder | HostedKind::Link => Err(Errno::Io),
        }
    }

    fn read_at(&self, to: &mut [u8], offset: u64) -> Result<usize> {
        let mut copy = vec![0; to.len().min(AT_A_TIME)];
        let read = self.hosted().read(self.file, &mut copy, offset)?;
        let came = copy.get(..read).ok_or(Errno::Io)?;
        to.get_mut(..read).ok_or(Errno::Io)?.copy_from_slice(came);
        Ok(read)
    }

    fn write_at(&self, from: &[u8], offset: u64, _: u64) -> Result<usize> {
        let copy = from.get(..AT_A_TIME).unwrap_or(from).to_vec();
        match self.hosted().write(self.file, &copy, offset)? {
            0 => Err(Errno::Io),
            written if written <= copy.len() => Ok(written),
            _ => Err(Errno::Io),
        }
    }

    fn set_size(&self, size: u64, _: u64) -> Result<()> {
        Ok(self.hosted().set_size(self.file, size)?)
    }

    fn set_times(&self, accessed: NewTime, modified: NewTime, now: u64) -> Result<()> {
        self.tree.set_times(&self.path, accessed, modified, now)
    }

    fn sync(&self) -> Result<()> {
        Ok(self.hosted().sync(self.file)?)
    }
}
