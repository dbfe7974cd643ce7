//! Files and directories of the host, as wasi-common opens them, with these differences:
//! - a preopened directory may be read-only, and so is then everything opened through it;
//! - a directory is listed from a snapshot, so that a guest may remove entries as it goes, and listing is linear;
//! - times before 1970, which preview1 cannot express (and wasi-common panics on), become 1970;
//! - only a terminal calls itself a character device where guests look for one (`isatty`);
//! - flags of descriptors shared with the process stay as they are;
//! - opening never waits (`open.rs`), and has a limit (`descriptors.rs`).

use std::any::Any;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use cap_std::fs;
use wasi_common::dir::{OpenResult, ReaddirCursor, ReaddirEntity};
use wasi_common::file::{Advice, FdFlags, FileType, Filestat, OFlags};
use wasi_common::snapshots::preview_1::types::Errno;
use wasi_common::sync::dir::Dir;
use wasi_common::sync::file::File;
use wasi_common::{Error, SystemTimeSpec, WasiDir, WasiFile};

use crate::control::{self, Waited};

use super::descriptors::{Descriptors, Taken};
use super::open::{How, OpenedFile, open};

pub struct HostFile {
    file: File,
    read_only: bool,
    /// The open file is also the process's own: its status flags are not the guest's to change.
    shared: bool,
    /// Reading and writing may have to wait for others, as with pipes, terminals and sockets.
    waits: bool,
    _taken: Option<Taken>,
}

/// What a pipe that can be written to takes without waiting (PIPE_BUF of Linux).
const AT_ONCE: usize = 4096;

/// What is read from a file or written to it at a time where the guest may be stopped: some milliseconds' worth.
const AT_A_TIME: usize = 16 << 20;

impl HostFile {
    /// A standard stream of the process, by a descriptor duplicated from its own.
    #[cfg(unix)]
    pub fn inherited(fd: std::os::fd::OwnedFd) -> Self {
        HostFile::wrap(fd.into(), false, true, None)
    }

    fn wrap(file: fs::File, read_only: bool, shared: bool, taken: Option<Taken>) -> Self {
        let kind = file.metadata().map(|meta| meta.file_type());
        HostFile {
            waits: kind.is_ok_and(|kind| !kind.is_file() && !kind.is_dir()),
            file: File::from_cap_std(file),
            read_only,
            shared,
            _taken: taken,
        }
    }

    /// Waits until the file can be read or written, if that may take long and the guest may be stopped meanwhile.
    #[cfg(unix)]
    fn ready(&self, events: libc::c_short) -> Result<(), Error> {
        if !self.may_be_stopped() {
            return Ok(());
        }
        let Some(fd) = self.file.pollable() else {
            return Ok(());
        };
        let entry = libc::pollfd {
            fd: fd.as_raw_fd(),
            events,
            revents: 0,
        };
        match control::wait(&mut vec![entry], None)? {
            Waited::Stopped(_) => Err(Errno::Intr.into()),
            Waited::Ready(_) | Waited::TimedOut => Ok(()),
        }
    }

    fn may_be_stopped(&self) -> bool {
        self.waits && control::is_watched()
    }

    /// How much is read or written at a time.
    fn most(&self, waits: usize) -> usize {
        match (control::is_watched(), self.waits) {
            (false, _) => usize::MAX,
            (true, true) => waits,
            (true, false) => AT_A_TIME,
        }
    }

    fn writable(&self) -> Result<&File, Error> {
        writable(&self.file, self.read_only)
    }
}

/// The first `most` bytes of the first buffer that has any, if there are more in all.
fn first_of<'a>(bufs: &'a mut [io::IoSliceMut<'_>], most: usize) -> Option<&'a mut [u8]> {
    let all = bufs.iter().map(|buf| buf.len());
    if all.fold(0, usize::saturating_add) <= most {
        return None;
    }
    let first = bufs.iter_mut().find(|buf| !buf.is_empty())?;
    let length = first.len().min(most);
    first.get_mut(..length)
}

/// The same of what is to be written.
fn first_to_write<'a>(bufs: &'a [io::IoSlice<'_>], most: usize) -> Option<&'a [u8]> {
    let all = bufs.iter().map(|buf| buf.len());
    if all.fold(0, usize::saturating_add) <= most {
        return None;
    }
    let first = bufs.iter().find(|buf| !buf.is_empty())?;
    first.get(..first.len().min(most))
}

fn writable<T>(inner: &T, read_only: bool) -> Result<&T, Error> {
    if read_only {
        Err(Errno::Rofs.into())
    } else {
        Ok(inner)
    }
}

fn expressible(mut stat: Filestat) -> Filestat {
    for time in [&mut stat.atim, &mut stat.mtim, &mut stat.ctim] {
        *time = time.map(|t| t.max(UNIX_EPOCH));
    }
    stat
}

#[wiggle::async_trait]
impl WasiFile for HostFile {
    fn as_any(&self) -> &dyn Any {
        self
    }

    async fn get_filetype(&self) -> Result<FileType, Error> {
        // wasi-libc's isatty asks this and nothing else, so /dev/null must not say it.
        match self.file.get_filetype().await? {
            FileType::CharacterDevice if !self.file.isatty() => Ok(FileType::Unknown),
            other => Ok(other),
        }
    }

    #[cfg(unix)]
    fn pollable(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.file.pollable()
    }

    fn isatty(&self) -> bool {
        self.file.isatty()
    }

    async fn datasync(&self) -> Result<(), Error> {
        self.file.datasync().await
    }

    async fn sync(&self) -> Result<(), Error> {
        self.file.sync().await
    }

    async fn get_fdflags(&self) -> Result<FdFlags, Error> {
        self.file.get_fdflags().await
    }

    async fn set_fdflags(&mut self, flags: FdFlags) -> Result<(), Error> {
        if !self.shared {
            self.file.set_fdflags(flags).await
        } else if flags == self.file.get_fdflags().await? {
            Ok(())
        } else {
            Err(Errno::Notsup.into())
        }
    }

    async fn get_filestat(&self) -> Result<Filestat, Error> {
        Ok(expressible(self.file.get_filestat().await?))
    }

    async fn set_filestat_size(&self, size: u64) -> Result<(), Error> {
        self.writable()?.set_filestat_size(size).await
    }

    async fn advise(&self, offset: u64, len: u64, advice: Advice) -> Result<(), Error> {
        self.file.advise(offset, len, advice).await
    }

    async fn set_times(
        &self,
        atime: Option<SystemTimeSpec>,
        mtime: Option<SystemTimeSpec>,
    ) -> Result<(), Error> {
        self.writable()?.set_times(atime, mtime).await
    }

    async fn read_vectored<'a>(&self, bufs: &mut [io::IoSliceMut<'a>]) -> Result<u64, Error> {
        self.ready(libc::POLLIN)?;
        match first_of(bufs, self.most(AT_A_TIME)) {
            None => self.file.read_vectored(bufs).await,
            Some(piece) => {
                self.file
                    .read_vectored(&mut [io::IoSliceMut::new(piece)])
                    .await
            }
        }
    }

    async fn read_vectored_at<'a>(
        &self,
        bufs: &mut [io::IoSliceMut<'a>],
        offset: u64,
    ) -> Result<u64, Error> {
        match first_of(bufs, self.most(AT_A_TIME)) {
            None => self.file.read_vectored_at(bufs, offset).await,
            Some(piece) => {
                let piece = &mut [io::IoSliceMut::new(piece)];
                self.file.read_vectored_at(piece, offset).await
            }
        }
    }

    async fn write_vectored<'a>(&self, bufs: &[io::IoSlice<'a>]) -> Result<u64, Error> {
        let file = self.writable()?;
        self.ready(libc::POLLOUT)?;
        // More might wait, half written. Guests write the rest themselves.
        match first_to_write(bufs, self.most(AT_ONCE)) {
            None => file.write_vectored(bufs).await,
            Some(piece) => file.write_vectored(&[io::IoSlice::new(piece)]).await,
        }
    }

    async fn write_vectored_at<'a>(
        &self,
        bufs: &[io::IoSlice<'a>],
        offset: u64,
    ) -> Result<u64, Error> {
        let file = self.writable()?;
        match first_to_write(bufs, self.most(AT_ONCE)) {
            None => file.write_vectored_at(bufs, offset).await,
            Some(piece) => {
                let piece = &[io::IoSlice::new(piece)];
                file.write_vectored_at(piece, offset).await
            }
        }
    }

    async fn seek(&self, pos: io::SeekFrom) -> Result<u64, Error> {
        self.file.seek(pos).await
    }

    async fn peek(&self, buf: &mut [u8]) -> Result<u64, Error> {
        self.file.peek(buf).await
    }

    fn num_ready_bytes(&self) -> Result<u64, Error> {
        self.file.num_ready_bytes()
    }
}

pub struct HostDir {
    dir: Dir,
    /// The folder's descriptor, which is open as long as `dir`.
    fd: RawFd,
    read_only: bool,
    /// For what is opened through it.
    descriptors: Descriptors,
    _taken: Option<Taken>,
    /// The listing that cursors other than 0 refer to.
    listing: Mutex<Option<Arc<[ReaddirEntity]>>>,
}

impl HostDir {
    /// A folder that the guest is given.
    pub fn new(dir: fs::Dir, read_only: bool, descriptors: Descriptors) -> Self {
        HostDir::wrap(dir, read_only, descriptors, None)
    }

    fn wrap(dir: fs::Dir, read_only: bool, descriptors: Descriptors, taken: Option<Taken>) -> Self {
        HostDir {
            fd: dir.as_raw_fd(),
            dir: Dir::from_cap_std(dir),
            read_only,
            descriptors,
            listing: Mutex::new(None),
            _taken: taken,
        }
    }

    fn open(&self, path: &str, how: How) -> Result<OpenedFile, Error> {
        // SAFETY: open as long as `dir` is, which this borrows.
        open(unsafe { BorrowedFd::borrow_raw(self.fd) }, path, how)
    }

    fn writable(&self) -> Result<&Dir, Error> {
        writable(&self.dir, self.read_only)
    }

    /// Opens below a read-only directory as a read-only file system would.
    fn open_read_only(&self, path: &str, how: How) -> Result<OpenedFile, Error> {
        if how.write || how.oflags.contains(OFlags::TRUNCATE) {
            return Err(Errno::Rofs.into());
        }
        // Both of these would ask the system for write access.
        let create = how.oflags.contains(OFlags::CREATE);
        let how = How {
            oflags: how.oflags - (OFlags::CREATE | OFlags::EXCLUSIVE),
            fdflags: how.fdflags - FdFlags::APPEND,
            read: true,
            ..how
        };
        match self.open(path, how) {
            Err(error) if create && matches!(error.downcast_ref(), Some(Errno::Noent)) => {
                Err(Errno::Rofs.into())
            }
            other => other,
        }
    }

    async fn list(&self) -> Result<Arc<[ReaddirEntity]>, Error> {
        let mut entries = Vec::new();
        for entry in self.dir.readdir(ReaddirCursor::from(0)).await? {
            self.descriptors.listed.add(1);
            if control::wanted().is_some() {
                return Err(Errno::Intr.into());
            }
            match entry {
                Ok(mut entry) => {
                    entry.next = ReaddirCursor::from(entries.len() as u64 + 1);
                    entries.push(entry);
                }
                // Gone between the listing and the look at it, or named in a way that no guest could open it by:
                // the others are still there.
                Err(error) if matches!(error.downcast_ref(), Some(Errno::Noent | Errno::Ilseq)) => {
                }
                Err(error) => return Err(error),
            }
        }
        Ok(entries.into())
    }
}

/// The other directory of a rename or a link: as everything in the table of this module's making.
fn host_dir(dir: &dyn WasiDir) -> Result<&HostDir, Error> {
    dir.as_any()
        .downcast_ref()
        .ok_or_else(|| Errno::Badf.into())
}

#[wiggle::async_trait]
impl WasiDir for HostDir {
    fn as_any(&self) -> &dyn Any {
        self
    }

    async fn open_file(
        &self,
        follow: bool,
        path: &str,
        oflags: OFlags,
        read: bool,
        write: bool,
        fdflags: FdFlags,
    ) -> Result<OpenResult, Error> {
        let read_only = self.read_only;
        let taken = self.descriptors.take()?;
        let how = How {
            follow,
            oflags,
            read,
            write,
            fdflags,
        };
        let exclusive = oflags.contains(OFlags::CREATE | OFlags::EXCLUSIVE);
        let opened = if read_only && exclusive {
            self.dir.get_path_filestat(path, false).await.map_or_else(
                |_| Err(Errno::Rofs.into()),
                |_| Err(Error::from(Errno::Exist)),
            )
        } else if read_only {
            self.open_read_only(path, how)
        } else {
            self.open(path, how)
        };
        Ok(match opened? {
            OpenedFile::File(file) => {
                let file = HostFile::wrap(file, read_only, false, Some(taken));
                OpenResult::File(Box::new(file))
            }
            OpenedFile::Folder(dir) => {
                let descriptors = self.descriptors.clone();
                let dir = HostDir::wrap(dir, read_only, descriptors, Some(taken));
                OpenResult::Dir(Box::new(dir))
            }
        })
    }

    async fn create_dir(&self, path: &str) -> Result<(), Error> {
        self.writable()?.create_dir(path).await
    }

    async fn readdir(
        &self,
        cursor: ReaddirCursor,
    ) -> Result<Box<dyn Iterator<Item = Result<ReaddirEntity, Error>> + Send>, Error> {
        let cursor = usize::try_from(u64::from(cursor)).unwrap_or(usize::MAX);
        let kept = match cursor {
            0 => None,
            _ => self
                .listing
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        };
        let entries = match kept {
            Some(entries) => entries,
            None => {
                let entries = self.list().await?;
                *self.listing.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(Arc::clone(&entries));
                entries
            }
        };
        Ok(Box::new(
            (cursor..entries.len()).map_while(move |i| entries.get(i).cloned().map(Ok)),
        ))
    }

    async fn symlink(&self, old_path: &str, new_path: &str) -> Result<(), Error> {
        self.writable()?.symlink(old_path, new_path).await
    }

    async fn remove_dir(&self, path: &str) -> Result<(), Error> {
        self.writable()?.remove_dir(path).await
    }

    async fn unlink_file(&self, path: &str) -> Result<(), Error> {
        self.writable()?.unlink_file(path).await
    }

    async fn read_link(&self, path: &str) -> Result<PathBuf, Error> {
        self.dir.read_link(path).await
    }

    async fn get_filestat(&self) -> Result<Filestat, Error> {
        Ok(expressible(self.dir.get_filestat().await?))
    }

    async fn get_path_filestat(&self, path: &str, follow: bool) -> Result<Filestat, Error> {
        Ok(expressible(self.dir.get_path_filestat(path, follow).await?))
    }

    async fn rename(
        &self,
        path: &str,
        dest_dir: &dyn WasiDir,
        dest_path: &str,
    ) -> Result<(), Error> {
        let dest = host_dir(dest_dir)?.writable()?;
        self.writable()?.rename(path, dest, dest_path).await
    }

    async fn hard_link(
        &self,
        path: &str,
        target_dir: &dyn WasiDir,
        target_path: &str,
    ) -> Result<(), Error> {
        // The source has to be writable as well: by its new name a read-only file could be written to.
        let target = host_dir(target_dir)?.writable()?;
        self.writable()?.hard_link(path, target, target_path).await
    }

    async fn set_times(
        &self,
        path: &str,
        atime: Option<SystemTimeSpec>,
        mtime: Option<SystemTimeSpec>,
        follow: bool,
    ) -> Result<(), Error> {
        self.writable()?.set_times(path, atime, mtime, follow).await
    }
}
