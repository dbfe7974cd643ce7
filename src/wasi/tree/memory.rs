//! A tree in memory, bounded in bytes and nodes.
//!
//! Nodes are numbers in one table, so that a tree of whatever depth goes without recursion. A node whose last name is removed stays as long
//! as it is open.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::hash_map::HashMap;

use super::walk::{Last, walk};
use super::{Access, Contents, MAX_PATH, Named, Tree, new_device, refused, time};
use crate::error;
use crate::wasi::preview1::descriptor::{Entry, Result};
use crate::wasi::preview1::types::{Errno, Filestat, Filetype, NewTime};

/// What a tree may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimits {
    /// Of all files, contents of links and names together.
    pub bytes: u64,
    /// Files, folders and links, and each name of one of them beyond its first.
    pub nodes: u64,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        MemoryLimits {
            bytes: 256 << 20,
            nodes: 1 << 16,
        }
    }
}

/// A tree in memory. Guests of several namespaces, on several threads, may use one.
#[derive(Clone, Debug)]
pub struct MemoryTree(Arc<Mutex<Table>>);

#[derive(Debug)]
struct Table {
    nodes: HashMap<u64, Node>,
    /// Numbers are never used again.
    next: u64,
    /// Bytes in use.
    bytes: u64,
    /// Names beyond the first of each node. An entry takes memory beside its bytes, so each counts as a node.
    further: u64,
    limits: MemoryLimits,
    device: u64,
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    /// Names that it has.
    names: u64,
    /// How often it is open.
    open: u64,
    accessed: u64,
    modified: u64,
    changed: u64,
}

#[derive(Debug)]
enum Kind {
    Folder {
        entries: BTreeMap<String, u64>,
        /// The folder that has this one; the root has itself.
        parent: u64,
    },
    File(Vec<u8>),
    Link(String),
}

const ROOT: u64 = 1;

impl Kind {
    fn folder(parent: u64) -> Kind {
        Kind::Folder {
            entries: BTreeMap::new(),
            parent,
        }
    }

    fn filetype(&self) -> Filetype {
        match self {
            Kind::Folder { .. } => Filetype::Directory,
            Kind::File(_) => Filetype::RegularFile,
            Kind::Link(_) => Filetype::SymbolicLink,
        }
    }

    fn size(&self) -> u64 {
        match self {
            Kind::Folder { .. } => 0,
            Kind::File(bytes) => bytes.len() as u64,
            Kind::Link(contents) => contents.len() as u64,
        }
    }
}

impl Table {
    fn node(&self, number: u64) -> Result<&Node> {
        self.nodes.get(&number).ok_or(Errno::Noent)
    }

    fn node_mut(&mut self, number: u64) -> Result<&mut Node> {
        self.nodes.get_mut(&number).ok_or(Errno::Noent)
    }

    fn entries(&self, folder: u64) -> Result<&BTreeMap<String, u64>> {
        match &self.node(folder)?.kind {
            Kind::Folder { entries, .. } => Ok(entries),
            _ => Err(Errno::Notdir),
        }
    }

    fn entries_mut(&mut self, folder: u64) -> Result<&mut BTreeMap<String, u64>> {
        match &mut self.node_mut(folder)?.kind {
            Kind::Folder { entries, .. } => Ok(entries),
            _ => Err(Errno::Notdir),
        }
    }

    fn parent(&self, folder: u64) -> Result<u64> {
        match &self.node(folder)?.kind {
            Kind::Folder { parent, .. } => Ok(*parent),
            _ => Err(Errno::Notdir),
        }
    }

    fn named(&self, folder: u64, name: &str) -> Result<u64> {
        self.entries(folder)?.get(name).copied().ok_or(Errno::Noent)
    }

    /// What counts against the limit of nodes.
    fn count(&self) -> u64 {
        (self.nodes.len() as u64).saturating_add(self.further)
    }

    /// Room for this much more, which is taken.
    fn take(&mut self, bytes: u64) -> Result<()> {
        let more = self.bytes.checked_add(bytes).ok_or(Errno::Nospc)?;
        if more > self.limits.bytes {
            return Err(Errno::Nospc);
        }
        self.bytes = more;
        Ok(())
    }

    fn release(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Puts something new at a free name.
    fn add(&mut self, folder: u64, name: &str, kind: Kind, now: u64) -> Result<u64> {
        if self.entries(folder)?.contains_key(name) {
            return Err(Errno::Exist);
        }
        // In a folder that is open though it has been removed nothing is made.
        if self.node(folder)?.names == 0 {
            return Err(Errno::Noent);
        }
        if self.count() >= self.limits.nodes {
            return Err(Errno::Nospc);
        }
        self.take(kind.size() + name.len() as u64)?;
        let number = self.next;
        self.next += 1;
        let node = Node {
            kind,
            names: 1,
            open: 0,
            accessed: now,
            modified: now,
            changed: now,
        };
        self.nodes.insert(number, node);
        self.entries_mut(folder)?.insert(name.into(), number);
        self.touch(folder, now)?;
        Ok(number)
    }

    /// Takes a name away, and what nothing else holds.
    fn remove(&mut self, folder: u64, name: &str, now: u64) -> Result<()> {
        let number = self.entries_mut(folder)?.remove(name);
        let number = number.ok_or(Errno::Noent)?;
        self.release(name.len() as u64);
        self.touch(folder, now)?;
        let node = self.node_mut(number)?;
        let had_more = node.names > 1;
        node.names = node.names.saturating_sub(1);
        node.changed = now;
        if had_more {
            self.further = self.further.saturating_sub(1);
        }
        self.sweep(number);
        Ok(())
    }

    /// Lets go of a node that has no name and is not open.
    fn sweep(&mut self, number: u64) {
        let gone = |node: &Node| node.names == 0 && node.open == 0;
        if self.nodes.get(&number).is_some_and(gone)
            && let Some(node) = self.nodes.remove(&number)
        {
            self.release(node.kind.size());
        }
    }

    /// A folder has changed.
    fn touch(&mut self, folder: u64, now: u64) -> Result<()> {
        let node = self.node_mut(folder)?;
        (node.modified, node.changed) = (now, now);
        Ok(())
    }

    /// `ENOTEMPTY` for a folder that has something in it.
    fn empty(&self, number: u64) -> Result<()> {
        match &self.node(number)?.kind {
            Kind::Folder { entries, .. } if !entries.is_empty() => Err(Errno::Notempty),
            _ => Ok(()),
        }
    }

    /// Whether `folder` is `number` or lies below it. Going up ends: every folder has another one, up to the root.
    fn is_below(&self, mut folder: u64, number: u64) -> Result<bool> {
        while folder != number {
            if folder == ROOT {
                return Ok(false);
            }
            folder = self.parent(folder)?;
        }
        Ok(true)
    }

    /// Removes all that is below a folder.
    fn empty_out(&mut self, number: u64) -> Result<()> {
        // Those below a folder come after it, and are emptied before it goes.
        let mut folders = vec![number];
        let mut at = 0;
        while let Some(&number) = folders.get(at) {
            if let Ok(entries) = self.entries(number) {
                folders.extend(entries.values().copied());
            }
            at += 1;
        }
        for number in folders.into_iter().rev() {
            let Ok(entries) = self.entries(number) else {
                continue;
            };
            let names: Vec<String> = entries.keys().cloned().collect();
            for name in names {
                self.remove(number, &name, 0)?;
            }
        }
        Ok(())
    }

    fn stat(&self, number: u64) -> Result<Filestat> {
        let node = self.node(number)?;
        let links = match &node.kind {
            // Its name, and its own `.`
            Kind::Folder { .. } if node.names > 0 => node.names + 1,
            _ => node.names,
        };
        Ok(Filestat {
            device: self.device,
            inode: number,
            filetype: node.kind.filetype(),
            links,
            size: node.kind.size(),
            accessed: node.accessed,
            modified: node.modified,
            changed: node.changed,
        })
    }

    fn bytes(&self, file: u64) -> Result<&Vec<u8>> {
        match &self.node(file)?.kind {
            Kind::File(bytes) => Ok(bytes),
            _ => Err(Errno::Isdir),
        }
    }

    /// Makes a file this long, by zeros or by leaving out its end.
    fn resize(&mut self, file: u64, size: u64) -> Result<()> {
        let old = self.bytes(file)?.len() as u64;
        if size > old {
            self.take(size - old)?;
        }
        let Kind::File(bytes) = &mut self.node_mut(file)?.kind else {
            return Err(Errno::Isdir);
        };
        let length = usize::try_from(size).map_err(|_| Errno::Fbig)?;
        if let Some(more) = length.checked_sub(bytes.len())
            && bytes.try_reserve(more).is_err()
        {
            self.release(size.saturating_sub(old));
            return Err(Errno::Nospc);
        }
        bytes.resize(length, 0);
        if length < bytes.capacity() / 4 {
            bytes.shrink_to(length);
        }
        self.release(old.saturating_sub(size));
        Ok(())
    }

    /// Gives a file these contents.
    fn fill(&mut self, file: u64, bytes: &[u8]) -> Result<()> {
        self.resize(file, bytes.len() as u64)?;
        if let Kind::File(contents) = &mut self.node_mut(file)?.kind {
            contents.copy_from_slice(bytes);
        }
        Ok(())
    }

    fn write(&mut self, file: u64, from: &[u8], offset: u64, now: u64) -> Result<usize> {
        let old = self.bytes(file)?.len() as u64;
        let end = offset.checked_add(from.len() as u64).ok_or(Errno::Fbig)?;
        let most = old.saturating_add(self.limits.bytes.saturating_sub(self.bytes));
        // As much as there is room for; the next write tells that there is none.
        let fits = end.min(most).saturating_sub(offset);
        let from = from.get(..fits as usize).unwrap_or(from);
        if from.is_empty() {
            return Err(Errno::Nospc);
        }
        let end = offset + from.len() as u64;
        if end > old {
            self.resize(file, end)?;
        }
        let node = self.node_mut(file)?;
        if let Kind::File(bytes) = &mut node.kind
            && let Some(to) = bytes.get_mut(offset as usize..end as usize)
        {
            to.copy_from_slice(from);
        }
        (node.modified, node.changed) = (now, now);
        Ok(from.len())
    }

    fn set_times(
        &mut self,
        number: u64,
        accessed: NewTime,
        modified: NewTime,
        now: u64,
    ) -> Result<()> {
        let node = self.node_mut(number)?;
        node.accessed = time(accessed, node.accessed, now);
        node.modified = time(modified, node.modified, now);
        node.changed = now;
        Ok(())
    }
}

impl MemoryTree {
    /// An empty folder.
    pub fn new(limits: MemoryLimits) -> Self {
        let root = Node {
            kind: Kind::folder(ROOT),
            names: 1,
            open: 0,
            accessed: 0,
            modified: 0,
            changed: 0,
        };
        let mut nodes = HashMap::new();
        nodes.insert(ROOT, root);
        MemoryTree(Arc::new(Mutex::new(Table {
            nodes,
            next: ROOT + 1,
            bytes: 0,
            further: 0,
            limits,
            device: new_device(),
        })))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a file there for the host, with the folders on the way; one that is there gets other contents. What the host makes bears no
    /// time (1970), so that it is the same in every run.
    ///
    /// Fails with `Limit` where there is no room, `InvalidArgument` for a path that cannot be that of a file.
    pub fn put(&self, path: &str, bytes: &[u8]) -> error::Result<()> {
        self.try_put(path, bytes)
            .map_err(|errno| refused(path, errno))
    }

    fn try_put(&self, path: &str, bytes: &[u8]) -> Result<()> {
        if let Some((folder, _)) = path.rsplit_once('/').filter(|_| !path.starts_with('/')) {
            self.try_put_folder(folder)?;
        }
        let place = walk(self, &ROOT, path, Last::Followed)?;
        match (place.found, place.name) {
            (None, Some(name)) if !place.as_folder => {
                let mut table = self.table();
                let file = Kind::File(Vec::new());
                let number = table.add(place.folder, &name, file, 0)?;
                // One that is not there whole is not there.
                let filled = table.fill(number, bytes);
                if filled.is_err() {
                    table.remove(place.folder, &name, 0)?;
                }
                filled
            }
            (Some((number, Filetype::RegularFile)), _) if !place.as_folder => {
                self.table().fill(number, bytes)
            }
            _ => Err(Errno::Isdir),
        }
    }

    /// Makes a folder for the host, with those on the way. One that is there is as good.
    pub fn put_folder(&self, path: &str) -> error::Result<()> {
        self.try_put_folder(path)
            .map_err(|errno| refused(path, errno))
    }

    fn try_put_folder(&self, path: &str) -> Result<()> {
        if path.starts_with('/') {
            return Err(Errno::Perm);
        }
        let mut done = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            done.push_str(part);
            let place = walk(self, &ROOT, &done, Last::Followed)?;
            match (&place.found, &place.name) {
                (None, Some(name)) => self.create_folder(&place.folder, name, 0)?,
                (Some((_, Filetype::Directory)), _) => {}
                _ => return Err(Errno::Notdir),
            }
            done.push('/');
        }
        Ok(())
    }

    /// A copy of a file, for the host. Fails with `NotFound` if there is none, `InvalidArgument` for what is a folder.
    pub fn get(&self, path: &str) -> error::Result<Vec<u8>> {
        self.try_get(path).map_err(|errno| refused(path, errno))
    }

    fn try_get(&self, path: &str) -> Result<Vec<u8>> {
        let place = walk(self, &ROOT, path, Last::Followed)?;
        let (number, _) = place.found.ok_or(Errno::Noent)?;
        let table = self.table();
        let bytes = table.bytes(number)?;
        if place.as_folder {
            return Err(Errno::Notdir);
        }
        let mut copy = Vec::new();
        copy.try_reserve_exact(bytes.len())
            .map_err(|_| Errno::Nomem)?;
        copy.extend_from_slice(bytes);
        Ok(copy)
    }

    /// Removes a file, a link, or a folder with all that is in it, for the host. Fails with `NotFound` if there is nothing, `InvalidArgument`
    /// for the folder itself.
    pub fn delete(&self, path: &str) -> error::Result<()> {
        self.try_delete(path).map_err(|errno| refused(path, errno))
    }

    fn try_delete(&self, path: &str) -> Result<()> {
        let place = walk(self, &ROOT, path, Last::Itself)?;
        let (_, filetype) = place.found.ok_or(Errno::Noent)?;
        if place.as_folder && filetype != Filetype::Directory {
            return Err(Errno::Notdir);
        }
        // What a path by `.` or `..` leads to is removed by its name alone.
        let name = place.name.ok_or(Errno::Inval)?;
        let mut table = self.table();
        // Another thread may have put something else there meanwhile.
        let number = table.named(place.folder, &name)?;
        table.empty_out(number)?;
        table.remove(place.folder, &name, 0)
    }

    /// Removes all that is in it, for the host.
    pub fn clear(&self) {
        // The root is there.
        let _ = self.table().empty_out(ROOT);
    }

    /// The paths of all files and links, in order; of folders those that are empty, with a slash at the end. What lies deeper than a path of
    /// [`MAX_PATH`] bytes is left out: guests make folders of whatever depth, and the sum of the paths grows with its square.
    pub fn paths(&self) -> Vec<String> {
        let table = self.table();
        let mut paths = Vec::new();
        let mut left = vec![(String::new(), ROOT)];
        while let Some((path, folder)) = left.pop() {
            for (name, &number) in table.entries(folder).into_iter().flatten() {
                if path.len() + name.len() > MAX_PATH {
                    continue;
                }
                let path = format!("{path}{name}");
                match table.entries(number) {
                    Ok(entries) if !entries.is_empty() => left.push((path + "/", number)),
                    Ok(_) => paths.push(path + "/"),
                    Err(_) => paths.push(path),
                }
            }
        }
        paths.sort();
        paths
    }

    /// Bytes and nodes in use.
    pub fn used(&self) -> MemoryLimits {
        let table = self.table();
        MemoryLimits {
            bytes: table.bytes,
            nodes: table.count(),
        }
    }
}

/// A node that is open.
pub struct Held {
    tree: MemoryTree,
    number: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut table = self.tree.table();
        if let Ok(node) = table.node_mut(self.number) {
            node.open = node.open.saturating_sub(1);
        }
        table.sweep(self.number);
    }
}

impl Tree for MemoryTree {
    type Node = u64;
    type Kept = Held;

    fn root(&self) -> u64 {
        ROOT
    }

    fn keep(&self, node: &u64) -> Held {
        if let Ok(node) = self.table().node_mut(*node) {
            node.open += 1;
        }
        Held {
            tree: self.clone(),
            number: *node,
        }
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn child(&self, folder: &u64, name: &str) -> Result<(u64, Filetype)> {
        let table = self.table();
        let number = table.named(*folder, name)?;
        Ok((number, table.node(number)?.kind.filetype()))
    }

    fn is_below(&self, folder: &u64, node: &u64) -> Result<bool> {
        self.table().is_below(*folder, *node)
    }

    fn stat(&self, node: &u64) -> Result<Filestat> {
        self.table().stat(*node)
    }

    fn contents(&self, link: &u64) -> Result<String> {
        match &self.table().node(*link)?.kind {
            Kind::Link(contents) => Ok(contents.clone()),
            _ => Err(Errno::Inval),
        }
    }

    fn list(&self, folder: &u64, looked_at: &mut dyn FnMut() -> Result<()>) -> Result<Vec<Entry>> {
        let table = self.table();
        let mut entries = Vec::new();
        for (name, &number) in table.entries(*folder)? {
            looked_at()?;
            entries.push(Entry {
                name: name.clone(),
                inode: number,
                filetype: table.node(number)?.kind.filetype(),
            });
        }
        Ok(entries)
    }

    fn open(&self, file: &u64, access: Access, now: u64) -> Result<Box<dyn Contents>> {
        let file = self.keep(file);
        if access.truncate {
            file.set_size(0, now)?;
        }
        Ok(Box::new(file))
    }

    fn create_file(
        &self,
        folder: &u64,
        name: &str,
        _: Access,
        now: u64,
    ) -> Result<Box<dyn Contents>> {
        let file = Kind::File(Vec::new());
        let number = self.table().add(*folder, name, file, now)?;
        Ok(Box::new(self.keep(&number)))
    }

    fn create_folder(&self, folder: &u64, name: &str, now: u64) -> Result<()> {
        let made = Kind::folder(*folder);
        self.table().add(*folder, name, made, now).map(drop)
    }

    fn create_link(&self, folder: &u64, name: &str, contents: &str, now: u64) -> Result<()> {
        let link = Kind::Link(contents.into());
        self.table().add(*folder, name, link, now).map(drop)
    }

    fn remove_folder(&self, folder: &u64, name: &str, now: u64) -> Result<()> {
        let mut table = self.table();
        let number = table.named(*folder, name)?;
        // Another thread may have put something else there since the caller looked.
        table.entries(number)?;
        table.empty(number)?;
        table.remove(*folder, name, now)
    }

    fn remove_file(&self, folder: &u64, name: &str, now: u64) -> Result<()> {
        let mut table = self.table();
        let number = table.named(*folder, name)?;
        // Another thread may have put a folder there since the caller looked, and what is in it would stay without a name.
        if table.entries(number).is_ok() {
            return Err(Errno::Isdir);
        }
        table.remove(*folder, name, now)
    }

    fn rename(&self, from: Named<'_, Self>, to: Named<'_, Self>, now: u64) -> Result<()> {
        let mut table = self.table();
        let number = table.named(*from.0, from.1)?;
        let is_folder = table.entries(number).is_ok();
        if is_folder && table.is_below(*to.0, number)? {
            return Err(Errno::Inval);
        }
        match table.named(*to.0, to.1) {
            // Two names of one file stay as they are, as POSIX says.
            Ok(there) if there == number => return Ok(()),
            // Its name leaves room for the same one.
            Ok(there) => {
                match (is_folder, table.entries(there).is_ok()) {
                    (false, true) => return Err(Errno::Isdir),
                    (true, false) => return Err(Errno::Notdir),
                    _ => table.empty(there)?,
                }
                table.remove(*to.0, to.1, now)?;
            }
            Err(_) if table.node(*to.0)?.names == 0 => return Err(Errno::Noent),
            Err(_) => {}
        }
        table.take(to.1.len() as u64)?;
        table.entries_mut(*from.0)?.remove(from.1);
        table.release(from.1.len() as u64);
        table.entries_mut(*to.0)?.insert(to.1.into(), number);
        table.touch(*from.0, now)?;
        table.touch(*to.0, now)?;
        let node = table.node_mut(number)?;
        node.changed = now;
        if let Kind::Folder { parent, .. } = &mut node.kind {
            *parent = *to.0;
        }
        Ok(())
    }

    fn hard_link(&self, node: &u64, to: Named<'_, Self>, now: u64) -> Result<()> {
        let mut table = self.table();
        if table.node(*node)?.names == 0 || table.node(*to.0)?.names == 0 {
            return Err(Errno::Noent);
        }
        // Another thread may have put something there since the caller looked.
        if table.entries(*to.0)?.contains_key(to.1) {
            return Err(Errno::Exist);
        }
        if table.count() >= table.limits.nodes {
            return Err(Errno::Nospc);
        }
        table.take(to.1.len() as u64)?;
        table.further += 1;
        table.entries_mut(*to.0)?.insert(to.1.into(), *node);
        table.touch(*to.0, now)?;
        let node = table.node_mut(*node)?;
        node.names += 1;
        node.changed = now;
        Ok(())
    }

    fn set_times(&self, node: &u64, accessed: NewTime, modified: NewTime, now: u64) -> Result<()> {
        self.table().set_times(*node, accessed, modified, now)
    }
}

impl Contents for Held {
    fn stat(&self) -> Result<Filestat> {
        self.tree.table().stat(self.number)
    }

    fn read_at(&self, to: &mut [u8], offset: u64) -> Result<usize> {
        let table = self.tree.table();
        let bytes = table.bytes(self.number)?;
        let from = usize::try_from(offset).ok().and_then(|at| bytes.get(at..));
        let from = from.unwrap_or_default();
        let read = from.len().min(to.len());
        if let (Some(to), Some(from)) = (to.get_mut(..read), from.get(..read)) {
            to.copy_from_slice(from);
        }
        Ok(read)
    }

    fn write_at(&self, from: &[u8], offset: u64, now: u64) -> Result<usize> {
        self.tree.table().write(self.number, from, offset, now)
    }

    fn set_size(&self, size: u64, now: u64) -> Result<()> {
        let mut table = self.tree.table();
        table.resize(self.number, size)?;
        table.touch(self.number, now)
    }

    fn set_times(&self, accessed: NewTime, modified: NewTime, now: u64) -> Result<()> {
        self.tree
            .table()
            .set_times(self.number, accessed, modified, now)
    }
}
