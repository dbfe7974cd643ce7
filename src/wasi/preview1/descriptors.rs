//! `fd_*`.

use std::io::{IoSlice, SeekFrom};
use std::rc::Rc;
use std::sync::Arc;

use super::descriptor::{Entry, File};
use super::memory::Memory;
use super::table::{Kind, Slot};
use super::types::{Advice, Dirent, Errno, Fdflags, Fdstat, Filetype, NewTime, Rights};
use super::{Fail, Outcome, Wasi};
use crate::wasi::price;

type Result<T> = std::result::Result<T, Fail>;

impl Wasi {
    pub(super) fn fd_advise(
        &self,
        _: &mut Memory<'_>,
        fd: u32,
        offset: u64,
        length: u64,
        advice: u32,
    ) -> Outcome {
        let advice = Advice::parse(advice)?;
        Ok(self
            .file(fd, Rights::FD_ADVISE)?
            .advise(offset, length, advice)?)
    }

    /// Not everywhere can space be set aside, and programs that ask for it get on without. As the bundled engine's own WASI says.
    pub(super) fn fd_allocate(&self, _: &mut Memory<'_>, fd: u32, _: u64, _: u64) -> Outcome {
        self.file(fd, Rights::FD_ALLOCATE)?;
        Err(Errno::Notsup.into())
    }

    pub(super) fn fd_close(&self, _: &mut Memory<'_>, fd: u32) -> Outcome {
        // What it was goes when the table is free again.
        let slot = self.table.borrow_mut().take(fd);
        slot.map(drop).ok_or(Fail::Errno(Errno::Badf))
    }

    pub(super) fn fd_datasync(&self, _: &mut Memory<'_>, fd: u32) -> Outcome {
        Ok(self.file(fd, Rights::FD_DATASYNC)?.sync(true)?)
    }

    pub(super) fn fd_sync(&self, _: &mut Memory<'_>, fd: u32) -> Outcome {
        Ok(self.file(fd, Rights::FD_SYNC)?.sync(false)?)
    }

    pub(super) fn fd_fdstat_get(&self, memory: &mut Memory<'_>, fd: u32, to: u32) -> Outcome {
        let slot = self.slot(fd, Rights::NONE)?;
        let (filetype, flags) = match &slot.kind {
            Kind::File(file) => (file.filetype(), file.flags()?),
            Kind::Folder { .. } => (Filetype::Directory, Fdflags::NONE),
        };
        let stat = Fdstat {
            filetype,
            flags,
            base: slot.rights.without(slot.dropped.get()),
            inheriting: slot.inheriting.without(slot.dropped_inheriting.get()),
        };
        Ok(stat.store(memory, to)?)
    }

    pub(super) fn fd_fdstat_set_flags(&self, _: &mut Memory<'_>, fd: u32, flags: u32) -> Outcome {
        let flags = Fdflags::parse(flags)?;
        let file = self.file(fd, Rights::FD_FDSTAT_SET_FLAGS)?;
        let durable = Fdflags::DSYNC.with(Fdflags::RSYNC).with(Fdflags::SYNC);
        match flags.meets(durable) {
            true => Err(Errno::Inval.into()),
            false => Ok(file.set_flags(flags)?),
        }
    }

    /// Rights can be given up, and never come back.
    pub(super) fn fd_fdstat_set_rights(
        &self,
        _: &mut Memory<'_>,
        fd: u32,
        base: u64,
        inheriting: u64,
    ) -> Outcome {
        let (base, inheriting) = (Rights::parse(base)?, Rights::parse(inheriting)?);
        let slot = self.slot(fd, Rights::NONE)?;
        let has = slot.rights.without(slot.dropped.get());
        let passes_on = slot.inheriting.without(slot.dropped_inheriting.get());
        if !has.has(base) || !passes_on.has(inheriting) {
            return Err(Errno::Notcapable.into());
        }
        let given_up = slot.dropped.get().with(has.without(base));
        slot.dropped.set(given_up);
        let given_up = slot
            .dropped_inheriting
            .get()
            .with(passes_on.without(inheriting));
        slot.dropped_inheriting.set(given_up);
        Ok(())
    }

    pub(super) fn fd_filestat_get(&self, memory: &mut Memory<'_>, fd: u32, to: u32) -> Outcome {
        let slot = self.slot(fd, Rights::FD_FILESTAT_GET)?;
        let stat = match &slot.kind {
            Kind::File(file) => file.stat()?,
            Kind::Folder { folder, .. } => folder.stat()?,
        };
        Ok(stat.store(memory, to)?)
    }

    pub(super) fn fd_filestat_set_size(&self, _: &mut Memory<'_>, fd: u32, size: u64) -> Outcome {
        // To change a file's size is to write, and it is no file for writing because the system had to open it so to make it.
        let right = Rights::FD_FILESTAT_SET_SIZE.with(Rights::FD_WRITE);
        let slot = self.slot(fd, right)?;
        match &slot.kind {
            Kind::File(file) if file.is_read_only() => Err(Errno::Rofs.into()),
            Kind::File(file) if slot.rights.has(Rights::FD_WRITE) => Ok(file.set_size(size)?),
            Kind::File(_) => Err(Errno::Inval.into()),
            Kind::Folder { .. } => Err(Errno::Badf.into()),
        }
    }

    pub(super) fn fd_filestat_set_times(
        &self,
        _: &mut Memory<'_>,
        fd: u32,
        accessed: u64,
        modified: u64,
        flags: u32,
    ) -> Outcome {
        let [accessed, modified] = NewTime::both(accessed, modified, flags)?;
        let slot = self.slot(fd, Rights::FD_FILESTAT_SET_TIMES)?;
        let set = match &slot.kind {
            Kind::File(file) => file.set_times(accessed, modified),
            Kind::Folder { folder, .. } => folder.set_times(".", false, accessed, modified),
        };
        Ok(set?)
    }

    pub(super) fn fd_read(
        &self,
        memory: &mut Memory<'_>,
        fd: u32,
        vectors: u32,
        count: u32,
        to: u32,
    ) -> Outcome {
        let file = self.for_reading(fd)?;
        let read = self.read_into(memory, vectors, count, to, |room| file.read(room));
        self.add_moved(file.moved());
        read
    }

    pub(super) fn fd_pread(
        &self,
        memory: &mut Memory<'_>,
        fd: u32,
        vectors: u32,
        count: u32,
        offset: u64,
        to: u32,
    ) -> Outcome {
        let file = self.for_reading(fd)?;
        let read = self.read_into(memory, vectors, count, to, |room| {
            file.read_at(room, offset)
        });
        self.add_moved(file.moved());
        read
    }

    pub(super) fn fd_write(
        &self,
        memory: &mut Memory<'_>,
        fd: u32,
        vectors: u32,
        count: u32,
        to: u32,
    ) -> Outcome {
        let file = self.for_writing(fd)?;
        self.write_from(memory, vectors, count, to, |parts| file.write(parts))
    }

    pub(super) fn fd_pwrite(
        &self,
        memory: &mut Memory<'_>,
        fd: u32,
        vectors: u32,
        count: u32,
        offset: u64,
        to: u32,
    ) -> Outcome {
        let file = self.for_writing(fd)?;
        self.write_from(memory, vectors, count, to, |parts| {
            file.write_at(parts, offset)
        })
    }

    /// `EBADF` from what was not opened for reading, as POSIX says.
    fn for_reading(&self, fd: u32) -> Result<Rc<dyn File>> {
        self.opened_for(fd, Rights::FD_READ)
    }

    fn for_writing(&self, fd: u32) -> Result<Rc<dyn File>> {
        self.opened_for(fd, Rights::FD_WRITE)
    }

    fn opened_for(&self, fd: u32, right: Rights) -> Result<Rc<dyn File>> {
        let slot = self.slot(fd, right)?;
        match &slot.kind {
            Kind::File(file) if slot.rights.has(right) => Ok(file.clone()),
            _ => Err(Errno::Badf.into()),
        }
    }

    pub(super) fn fd_seek(
        &self,
        memory: &mut Memory<'_>,
        fd: u32,
        offset: u64,
        whence: u32,
        to: u32,
    ) -> Outcome {
        let file = self.file(fd, Rights::FD_SEEK)?;
        let distance = offset.cast_signed();
        let place = match whence {
            0 if distance < 0 => return Err(Errno::Inval.into()),
            0 => SeekFrom::Start(offset),
            1 => SeekFrom::Current(distance),
            2 => SeekFrom::End(distance),
            _ => return Err(Errno::Inval.into()),
        };
        let reached = file.seek(place)?;
        Ok(memory.store_u64(to, reached)?)
    }

    pub(super) fn fd_tell(&self, memory: &mut Memory<'_>, fd: u32, to: u32) -> Outcome {
        let reached = self.file(fd, Rights::FD_TELL)?.seek(SeekFrom::Current(0))?;
        Ok(memory.store_u64(to, reached)?)
    }

    /// `EBADF` ends a C library's search for what it was given.
    pub(super) fn fd_prestat_get(&self, memory: &mut Memory<'_>, fd: u32, to: u32) -> Outcome {
        let slot = self.slot(fd, Rights::NONE)?;
        let length = match &slot.kind {
            Kind::File(_) => return Err(Errno::Badf.into()),
            Kind::Folder { preopened, .. } => preopened.as_ref().ok_or(Errno::Notsup)?.len(),
        };
        let length = u32::try_from(length).map_err(|_| Errno::Overflow)?;
        memory.store_u32(to, 0)?;
        Ok(memory.store_u32(to.wrapping_add(4), length)?)
    }

    pub(super) fn fd_prestat_dir_name(
        &self,
        memory: &mut Memory<'_>,
        fd: u32,
        to: u32,
        room: u32,
    ) -> Outcome {
        let slot = self.table.borrow().get(fd);
        let name = match slot.as_ref().map(|slot| &slot.kind) {
            Some(Kind::Folder { preopened, .. }) => preopened.as_ref().ok_or(Errno::Notsup)?,
            _ => return Err(Errno::Notdir.into()),
        };
        let length = u32::try_from(name.len()).map_err(|_| Errno::Overflow)?;
        if length > room {
            return Err(Errno::Nametoolong.into());
        }
        memory
            .bytes_mut(to, length)?
            .copy_from_slice(name.as_bytes());
        Ok(())
    }

    pub(super) fn fd_renumber(&self, _: &mut Memory<'_>, from: u32, to: u32) -> Outcome {
        // What it was goes when the table is free again.
        let renumbered = self.table.borrow_mut().renumber(from, to);
        renumbered.map(drop).ok_or(Fail::Errno(Errno::Badf))
    }

    pub(super) fn fd_readdir(
        &self,
        memory: &mut Memory<'_>,
        fd: u32,
        buffer: u32,
        room: u32,
        cookie: u64,
        to: u32,
    ) -> Outcome {
        let slot = self.slot(fd, Rights::FD_READDIR)?;
        let entries = self.listing(&slot, cookie)?;
        let left = usize::try_from(cookie)
            .ok()
            .and_then(|from| entries.get(from..));
        let mut used = 0u32;
        // Whatever does not fit is cut off, which tells the guest that there is more.
        let mut append = |bytes: &[u8]| -> Result<bool> {
            let length = u32::try_from(bytes.len()).map_err(|_| Errno::Overflow)?;
            let piece = length.min(room - used);
            let at = buffer.checked_add(used).ok_or(Errno::Fault)?;
            let bytes = bytes.get(..piece as usize).unwrap_or_default();
            memory.bytes_mut(at, piece)?.copy_from_slice(bytes);
            used += piece;
            Ok(piece == length)
        };
        for (entry, next) in left
            .unwrap_or_default()
            .iter()
            .zip(cookie.saturating_add(1)..)
        {
            let head = Dirent {
                next,
                inode: entry.inode,
                name_length: u32::try_from(entry.name.len()).map_err(|_| Errno::Overflow)?,
                filetype: entry.filetype,
            };
            if !append(&head.bytes())? || !append(entry.name.as_bytes())? {
                break;
            }
        }
        self.add_moved(used.into());
        Ok(memory.store_u32(to, used)?)
    }

    /// Of a folder, as it was when it was last listed from the start.
    fn listing(&self, slot: &Slot, cookie: u64) -> Result<Arc<[Entry]>> {
        let Kind::Folder {
            folder, listing, ..
        } = &slot.kind
        else {
            return Err(Errno::Badf.into());
        };
        let kept = match cookie {
            0 => None,
            _ => listing.borrow().clone(),
        };
        if let Some(kept) = kept {
            return Ok(kept);
        }
        // Only one of the two is kept.
        drop(listing.take());
        let mut most = MAX_ENTRIES.saturating_sub(self.table.borrow().listed());
        let entries = folder.list(&mut || {
            self.add_moved(price::ENTRY);
            most = most.checked_sub(1).ok_or(Errno::Nomem)?;
            match crate::control::wanted() {
                Some(_) => Err(Errno::Intr),
                None => Ok(()),
            }
        })?;
        *listing.borrow_mut() = Some(entries.clone());
        Ok(entries)
    }
}

/// Entries that the listings of all open folders keep together: some hundred MB of names.
const MAX_ENTRIES: usize = 1 << 20;

impl Wasi {
    pub(super) fn read_into(
        &self,
        memory: &mut Memory<'_>,
        vectors: u32,
        count: u32,
        to: u32,
        read: impl FnOnce(&mut [u8]) -> std::result::Result<usize, Errno>,
    ) -> Outcome {
        let read = match memory.first_vector(vectors, count)? {
            None => 0,
            Some(vector) => read(memory.bytes_mut(vector.at, vector.length)?)?,
        };
        self.add_moved(read as u64);
        // No longer than a vector.
        Ok(memory.store_u32(to, read as u32)?)
    }

    pub(super) fn write_from(
        &self,
        memory: &mut Memory<'_>,
        vectors: u32,
        count: u32,
        to: u32,
        write: impl FnOnce(&[IoSlice<'_>]) -> std::result::Result<usize, Errno>,
    ) -> Outcome {
        let written = match count {
            // As nearly all writes are.
            1 => {
                let vector = memory.vector(vectors, 0)?;
                let bytes = memory.bytes(vector.at, vector.length)?;
                match bytes {
                    [] => 0,
                    bytes => write(&[IoSlice::new(bytes)])?,
                }
            }
            _ => {
                let parts = memory.gather(vectors, count)?;
                let parts: Vec<IoSlice<'_>> = parts.into_iter().map(IoSlice::new).collect();
                match parts.is_empty() {
                    true => 0,
                    false => write(&parts)?,
                }
            }
        };
        self.add_moved(written as u64);
        let written = u32::try_from(written).map_err(|_| Errno::Overflow)?;
        Ok(memory.store_u32(to, written)?)
    }
}
