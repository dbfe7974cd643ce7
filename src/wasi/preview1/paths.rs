//! `path_*`.

#![allow(clippy::too_many_arguments, reason = "as the specification has them")]

use std::rc::Rc;

use super::descriptor::{Folder, How, Opened};
use super::memory::Memory;
use super::table::{Kind, Slot};
use super::types::{Errno, Fdflags, Lookupflags, NewTime, Oflags, Rights};
use super::{Outcome, Wasi};

impl Wasi {
    pub(super) fn path_create_directory(
        &self,
        memory: &mut Memory<'_>,
        fd: u32,
        path: u32,
        length: u32,
    ) -> Outcome {
        let folder = self.folder(fd, Rights::PATH_CREATE_DIRECTORY)?;
        Ok(folder.create_folder(&memory.path(path, length)?)?)
    }

    pub(super) fn path_filestat_get(
        &self,
        memory: &mut Memory<'_>,
        fd: u32,
        flags: u32,
        path: u32,
        length: u32,
        to: u32,
    ) -> Outcome {
        let follow = follows(flags)?;
        let folder = self.folder(fd, Rights::PATH_FILESTAT_GET)?;
        let stat = folder.stat_at(&memory.path(path, length)?, follow)?;
        Ok(stat.store(memory, to)?)
    }

    pub(super) fn path_filestat_set_times(
        &self,
        memory: &mut Memory<'_>,
        fd: u32,
        flags: u32,
        path: u32,
        length: u32,
        accessed: u64,
        modified: u64,
        times: u32,
    ) -> Outcome {
        let follow = follows(flags)?;
        let [accessed, modified] = NewTime::both(accessed, modified, times)?;
        let folder = self.folder(fd, Rights::PATH_FILESTAT_SET_TIMES)?;
        let path = memory.path(path, length)?;
        Ok(folder.set_times(&path, follow, accessed, modified)?)
    }

    /// No link is followed: to give a file another name by a link to it is not what POSIX's `link` does either.
    pub(super) fn path_link(
        &self,
        memory: &mut Memory<'_>,
        old_fd: u32,
        old_flags: u32,
        old: u32,
        old_length: u32,
        new_fd: u32,
        new: u32,
        new_length: u32,
    ) -> Outcome {
        if follows(old_flags)? {
            return Err(Errno::Inval.into());
        }
        let from = self.folder(old_fd, Rights::PATH_LINK_SOURCE)?;
        let to = self.folder(new_fd, Rights::PATH_LINK_TARGET)?;
        let old = memory.path(old, old_length)?;
        let new = memory.path(new, new_length)?;
        // The source has to be writable as well: by its new name a read-only file could be written to.
        writable(&[&from, &to])?;
        Ok(from.hard_link(&old, &*to, &new)?)
    }

    pub(super) fn path_open(
        &self,
        memory: &mut Memory<'_>,
        fd: u32,
        dirflags: u32,
        path: u32,
        length: u32,
        oflags: u32,
        base: u64,
        inheriting: u64,
        fdflags: u32,
        to: u32,
    ) -> Outcome {
        let follow = follows(dirflags)?;
        let oflags = Oflags::parse(oflags)?;
        let (base, _) = (Rights::parse(base)?, Rights::parse(inheriting)?);
        let fdflags = Fdflags::parse(fdflags)?;
        let slot = self.slot(fd, Rights::PATH_OPEN)?;
        let Kind::Folder { folder, .. } = &slot.kind else {
            return Err(Errno::Notdir.into());
        };
        let how = How {
            follow,
            oflags,
            read: base.has(Rights::FD_READ),
            write: base.has(Rights::FD_WRITE),
            fdflags,
        };
        permitted(&slot, how)?;
        check(how)?;
        let path = memory.path(path, length)?;
        let opened = folder.open(&path, how)?;
        if let Opened::File(file) = &opened {
            self.add_moved(file.moved());
        }
        let opened = Slot::opened(opened, how.read, how.write);
        // What the guest has given up for what is in the folder.
        let dropped = slot.dropped_inheriting.get();
        opened.dropped.set(dropped);
        opened.dropped_inheriting.set(dropped);
        let fd = self.table.borrow_mut().push(opened, path);
        Ok(memory.store_u32(to, fd)?)
    }

    pub(super) fn path_readlink(
        &self,
        memory: &mut Memory<'_>,
        fd: u32,
        path: u32,
        length: u32,
        buffer: u32,
        room: u32,
        to: u32,
    ) -> Outcome {
        let folder = self.folder(fd, Rights::PATH_READLINK)?;
        let contents = folder.read_link(&memory.path(path, length)?)?;
        // What does not fit is cut off, as by readlink(2).
        let used = u32::try_from(contents.len()).unwrap_or(u32::MAX).min(room);
        let bytes = contents.as_bytes().get(..used as usize);
        memory
            .bytes_mut(buffer, used)?
            .copy_from_slice(bytes.unwrap_or_default());
        self.add_moved(used.into());
        Ok(memory.store_u32(to, used)?)
    }

    pub(super) fn path_remove_directory(
        &self,
        memory: &mut Memory<'_>,
        fd: u32,
        path: u32,
        length: u32,
    ) -> Outcome {
        let folder = self.folder(fd, Rights::PATH_REMOVE_DIRECTORY)?;
        Ok(folder.remove_folder(&memory.path(path, length)?)?)
    }

    pub(super) fn path_rename(
        &self,
        memory: &mut Memory<'_>,
        old_fd: u32,
        old: u32,
        old_length: u32,
        new_fd: u32,
        new: u32,
        new_length: u32,
    ) -> Outcome {
        let from = self.folder(old_fd, Rights::PATH_RENAME_SOURCE)?;
        let to = self.folder(new_fd, Rights::PATH_RENAME_TARGET)?;
        let old = memory.path(old, old_length)?;
        let new = memory.path(new, new_length)?;
        writable(&[&from, &to])?;
        Ok(from.rename(&old, &*to, &new)?)
    }

    pub(super) fn path_symlink(
        &self,
        memory: &mut Memory<'_>,
        contents: u32,
        contents_length: u32,
        fd: u32,
        path: u32,
        length: u32,
    ) -> Outcome {
        let folder = self.folder(fd, Rights::PATH_SYMLINK)?;
        let contents = memory.path(contents, contents_length)?;
        Ok(folder.make_link(&contents, &memory.path(path, length)?)?)
    }

    pub(super) fn path_unlink_file(
        &self,
        memory: &mut Memory<'_>,
        fd: u32,
        path: u32,
        length: u32,
    ) -> Outcome {
        let folder = self.folder(fd, Rights::PATH_UNLINK_FILE)?;
        Ok(folder.remove_file(&memory.path(path, length)?)?)
    }
}

fn follows(flags: u32) -> Result<bool, Errno> {
    Ok(Lookupflags::parse(flags)?.has(Lookupflags::SYMLINK_FOLLOW))
}

fn writable(folders: &[&Rc<dyn Folder>]) -> Result<(), Errno> {
    match folders.iter().any(|folder| folder.is_read_only()) {
        true => Err(Errno::Rofs),
        false => Ok(()),
    }
}

/// Whether the rights that the guest has kept are enough to open something so.
fn permitted(slot: &Slot, how: How) -> Result<(), Errno> {
    let asked = [
        (how.read, slot.dropped_inheriting.get(), Rights::FD_READ),
        (
            // To empty a file is to write.
            how.write || how.oflags.has(Oflags::TRUNC),
            slot.dropped_inheriting.get(),
            Rights::FD_WRITE,
        ),
        (
            how.oflags.has(Oflags::CREAT),
            slot.dropped.get(),
            Rights::PATH_CREATE_FILE,
        ),
    ];
    match asked
        .iter()
        .any(|(wanted, dropped, right)| *wanted && dropped.meets(*right))
    {
        true => Err(Errno::Notcapable),
        false => Ok(()),
    }
}

/// What no kind of folder does.
fn check(how: How) -> Result<(), Errno> {
    // The system has these flags, and preview1's own implementations refuse them.
    let durable = Fdflags::DSYNC.with(Fdflags::SYNC).with(Fdflags::RSYNC);
    if how.fdflags.meets(durable) {
        return Err(Errno::Notsup);
    }
    let changes = Oflags::CREAT.with(Oflags::EXCL).with(Oflags::TRUNC);
    match how.oflags.has(Oflags::DIRECTORY) && how.oflags.meets(changes) {
        true => Err(Errno::Inval),
        false => Ok(()),
    }
}
