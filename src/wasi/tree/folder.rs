//! A folder of a tree as a guest's descriptor: what a file system checks and refuses, in the order in which Linux does.

use std::any::Any;
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use super::file::TreeFile;
use super::walk::{Last, Place, walk};
use super::{Access, MAX_PATH, Tree};
use crate::wasi::descriptors::{Descriptors, Taken};
use crate::wasi::preview1::Clocks;
use crate::wasi::preview1::descriptor::{Entry, Folder, How, Opened, Result, own_entries};
use crate::wasi::preview1::types::{Errno, Filestat, Filetype, NewTime, Oflags};

pub struct TreeFolder<T: Tree> {
    tree: T,
    node: T::Node,
    _kept: T::Kept,
    clocks: Rc<Clocks>,
    /// For what is opened through it.
    descriptors: Descriptors,
    /// Room among the guest's folders, until this one is closed.
    _taken: Option<Taken>,
}

impl<T: Tree> TreeFolder<T> {
    /// The root of a tree, for a guest with these clocks.
    pub fn root(tree: T, clocks: Rc<Clocks>, descriptors: Descriptors) -> Self {
        let root = tree.root();
        TreeFolder {
            _kept: tree.keep(&root),
            node: root,
            tree,
            clocks,
            descriptors,
            _taken: None,
        }
    }

    fn now(&self) -> u64 {
        self.clocks.file_time()
    }

    /// What a path names, whatever its last part is.
    fn at(&self, path: &str) -> Result<Place<T>> {
        walk(&self.tree, &self.node, path, Last::Itself)
    }

    /// What a path names, through a link where a slash is written behind it.
    fn through(&self, path: &str, follow: bool) -> Result<Place<T>> {
        let last = match follow || path.ends_with('/') {
            true => Last::Followed,
            false => Last::Itself,
        };
        walk(&self.tree, &self.node, path, last)
    }

    /// A place for a link, of either kind: a slash behind its name says of what is there that it is a folder.
    fn for_link(&self, path: &str) -> Result<Place<T>> {
        let place = self.through(path, false)?;
        match &place.found {
            Some((_, filetype)) if place.as_folder && *filetype != Filetype::Directory => {
                Err(Errno::Notdir)
            }
            _ => Ok(place),
        }
    }

    /// A place for something new.
    fn free(&self, path: &str) -> Result<Place<T>> {
        let place = self.at(path)?;
        match place.found {
            Some(_) => Err(Errno::Exist),
            None => Ok(place),
        }
    }

    /// What is at a path, by `follow` behind a link.
    fn there(&self, path: &str, follow: bool) -> Result<T::Node> {
        let place = self.through(path, follow)?;
        let as_folder = place.as_folder;
        match place.found {
            Some((_, filetype)) if as_folder && filetype != Filetype::Directory => {
                Err(Errno::Notdir)
            }
            Some((node, _)) => Ok(node),
            None => Err(Errno::Noent),
        }
    }

    fn open_as(&self, path: &str, how: How) -> Result<Opened> {
        let taken = self.descriptors.take()?;
        let has = |flag| how.oflags.has(flag);
        let exclusive = has(Oflags::CREAT.with(Oflags::EXCL));
        let follow = how.follow && !exclusive;
        let place = match has(Oflags::CREAT) {
            true if follow => walk(&self.tree, &self.node, path, Last::ToMake)?,
            true => self.at(path)?,
            false => self.through(path, follow)?,
        };
        let access = Access {
            read: how.read,
            write: how.write,
            truncate: has(Oflags::TRUNC),
        };
        let file = |contents, taken| {
            let file = TreeFile::new(contents, self.clocks.clone(), how.fdflags, taken);
            Opened::File(Rc::new(file))
        };
        let as_folder = place.as_folder || has(Oflags::DIRECTORY);
        if has(Oflags::CREAT) && place.as_folder {
            return Err(Errno::Isdir);
        }
        match &place.found {
            None if !has(Oflags::CREAT) => Err(Errno::Noent),
            None if as_folder => Err(Errno::Isdir),
            None => {
                let name = name(&place, Errno::Isdir)?;
                let made = self
                    .tree
                    .create_file(&place.folder, name, access, self.now());
                made.map(|contents| file(contents, taken))
            }
            Some(_) if exclusive => Err(Errno::Exist),
            Some((_, Filetype::Directory)) if has(Oflags::CREAT) => Err(Errno::Isdir),
            Some((_, Filetype::Directory)) if how.write || access.truncate => Err(Errno::Isdir),
            Some((node, Filetype::Directory)) => Ok(self.folder(node.clone(), taken)),
            Some((_, Filetype::SymbolicLink)) => Err(Errno::Loop),
            Some(_) if as_folder => Err(Errno::Notdir),
            Some((node, _)) => {
                let opened = self.tree.open(node, access, self.now());
                opened.map(|contents| file(contents, taken))
            }
        }
    }

    fn folder(&self, node: T::Node, taken: Taken) -> Opened {
        Opened::Folder(Rc::new(TreeFolder {
            tree: self.tree.clone(),
            _kept: self.tree.keep(&node),
            node,
            clocks: self.clocks.clone(),
            descriptors: self.descriptors.clone(),
            _taken: Some(taken),
        }))
    }

    /// The folder of a rename or of a link.
    fn same_tree<'a>(&self, other: &'a dyn Folder) -> Result<&'a Self> {
        let other = other.as_any().downcast_ref::<Self>().ok_or(Errno::Xdev)?;
        match self.tree.is(&other.tree) {
            true => Ok(other),
            false => Err(Errno::Xdev),
        }
    }
}

/// A single name without what is written behind it: cap-std looks so at a link itself.
fn bare(path: &str) -> &str {
    let mut parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    match (parts.next(), parts.next()) {
        (Some(name), None) if path.starts_with(name) && name != ".." => name,
        _ => path,
    }
}

/// A path that ends in a slash names what its folder has by the name of `.`: that cannot be removed, and is no link.
fn dotted(path: &str) -> Cow<'_, str> {
    match path.ends_with('/') {
        true => format!("{path}.").into(),
        false => path.into(),
    }
}

/// The name of a place that can be made, renamed or removed.
fn name<T: Tree>(place: &Place<T>, otherwise: Errno) -> Result<&str> {
    place.name.as_deref().ok_or(otherwise)
}

impl<T: Tree> Folder for TreeFolder<T> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    /// What is there is opened as it is; only what is not is made.
    fn open(&self, path: &str, how: How) -> Result<Opened> {
        let changes = how.write || how.oflags.meets(Oflags::EXCL.with(Oflags::TRUNC));
        // To make what a slash says is a folder is an error of its own, whatever is there.
        if changes || path.ends_with('/') || !how.oflags.has(Oflags::CREAT) {
            return self.open_as(path, how);
        }
        let there = How {
            oflags: how.oflags.without(Oflags::CREAT),
            ..how
        };
        match self.open_as(path, there) {
            Err(Errno::Noent) => self.open_as(path, how),
            Ok(Opened::Folder(_)) => Err(Errno::Isdir),
            other => other,
        }
    }

    fn list(&self, looked_at: &mut dyn FnMut() -> Result<()>) -> Result<Arc<[Entry]>> {
        let own = self.tree.stat(&self.node)?.inode;
        let mut entries = own_entries(own, looked_at)?;
        entries.extend(self.tree.list(&self.node, looked_at)?);
        Ok(entries.into())
    }

    fn stat(&self) -> Result<Filestat> {
        self.tree.stat(&self.node)
    }

    fn stat_at(&self, path: &str, follow: bool) -> Result<Filestat> {
        let path = if follow { path } else { bare(path) };
        self.tree.stat(&self.there(path, follow)?)
    }

    fn set_times(
        &self,
        path: &str,
        follow: bool,
        accessed: NewTime,
        modified: NewTime,
    ) -> Result<()> {
        let node = self.there(path, follow)?;
        self.tree.set_times(&node, accessed, modified, self.now())
    }

    fn create_folder(&self, path: &str) -> Result<()> {
        let place = self.free(path)?;
        let name = name(&place, Errno::Exist)?;
        self.tree.create_folder(&place.folder, name, self.now())
    }

    fn remove_folder(&self, path: &str) -> Result<()> {
        let place = self.at(&dotted(path))?;
        // As rmdir(2) has it of a path that ends in a dot.
        let name = name(&place, Errno::Inval)?;
        match &place.found {
            None => Err(Errno::Noent),
            Some((_, Filetype::Directory)) => {
                self.tree.remove_folder(&place.folder, name, self.now())
            }
            Some(_) => Err(Errno::Notdir),
        }
    }

    fn remove_file(&self, path: &str) -> Result<()> {
        let place = self.at(&dotted(path))?;
        let name = name(&place, Errno::Isdir)?;
        match &place.found {
            None => Err(Errno::Noent),
            Some((_, Filetype::Directory)) => Err(Errno::Isdir),
            Some(_) => self.tree.remove_file(&place.folder, name, self.now()),
        }
    }

    fn read_link(&self, path: &str) -> Result<String> {
        let place = self.at(&dotted(path))?;
        match &place.found {
            None => Err(Errno::Noent),
            Some((node, Filetype::SymbolicLink)) => self.tree.contents(node),
            Some(_) => Err(Errno::Inval),
        }
    }

    fn make_link(&self, contents: &str, path: &str) -> Result<()> {
        if contents.contains('\0') {
            return Err(Errno::Inval);
        }
        // One that leads out of every folder.
        if contents.starts_with('/') {
            return Err(Errno::Perm);
        }
        if contents.len() > MAX_PATH {
            return Err(Errno::Nametoolong);
        }
        let place = self.for_link(path)?;
        if contents.is_empty() {
            return Err(Errno::Noent);
        }
        if place.found.is_some() {
            return Err(Errno::Exist);
        }
        if place.as_folder {
            return Err(Errno::Noent);
        }
        let name = name(&place, Errno::Exist)?;
        self.tree
            .create_link(&place.folder, name, contents, self.now())
    }

    fn rename(&self, path: &str, to: &dyn Folder, new_path: &str) -> Result<()> {
        let to = self.same_tree(to)?;
        let (from, into) = (self.at(path)?, to.at(new_path)?);
        let (name, new_name) = (name(&from, Errno::Busy)?, name(&into, Errno::Busy)?);
        let Some((node, filetype)) = &from.found else {
            return Err(Errno::Noent);
        };
        if self.tree.is_below(&into.folder, node)? {
            return Err(Errno::Inval);
        }
        if let Some((there, _)) = &into.found
            && self.tree.is_below(&from.folder, there)?
        {
            return Err(Errno::Notempty);
        }
        let is_folder = *filetype == Filetype::Directory;
        if !is_folder && from.as_folder {
            return Err(Errno::Notdir);
        }
        match &into.found {
            Some((_, Filetype::Directory)) if !is_folder => return Err(Errno::Isdir),
            Some((_, other)) if is_folder && *other != Filetype::Directory => {
                return Err(Errno::Notdir);
            }
            _ => {}
        }
        let now = self.now();
        self.tree
            .rename((&from.folder, name), (&into.folder, new_name), now)
    }

    fn hard_link(&self, path: &str, to: &dyn Folder, new_path: &str) -> Result<()> {
        let to = self.same_tree(to)?;
        let from = self.for_link(path)?;
        if from.as_folder && from.found.is_none() {
            return Err(Errno::Noent);
        }
        let into = to.for_link(new_path)?;
        let Some((node, filetype)) = &from.found else {
            return Err(Errno::Noent);
        };
        if into.found.is_some() {
            return Err(Errno::Exist);
        }
        if into.as_folder {
            return Err(Errno::Noent);
        }
        if *filetype == Filetype::Directory {
            return Err(Errno::Perm);
        }
        let new_name = name(&into, Errno::Exist)?;
        self.tree
            .hard_link(node, (&into.folder, new_name), self.now())
    }
}
