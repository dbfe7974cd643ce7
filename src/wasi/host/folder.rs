//! Folders of the host, by `cap-std`, which lets no path lead out of them. Opening one never waits, and is counted (`descriptors.rs`).

use std::any::Any;
use std::fs::File as OsFile;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use cap_fs_ext::{
    DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt, SystemTimeSpec,
};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

use super::system::{self, HostFile};
use crate::wasi::descriptors::{Descriptors, Taken};
use crate::wasi::preview1::descriptor::{Entry, Folder, How, Opened, Result, own_entries};
use crate::wasi::preview1::types::{Errno, Fdflags, Filestat, Filetype, NewTime, Oflags};

pub struct HostFolder {
    dir: Dir,
    /// For what is opened through it.
    descriptors: Descriptors,
    /// Room among the guest's folders, until this one is closed.
    _taken: Option<Taken>,
}

/// A folder of the host as each of two gets it, who count their own descriptors.
pub fn folders(host: &Path, descriptors: [&Descriptors; 2]) -> io::Result<[Rc<dyn Folder>; 2]> {
    let dir = Dir::open_ambient_dir(host, ambient_authority())?;
    let another = dir.try_clone()?;
    let [first, second] = descriptors;
    let folder = |dir, descriptors: &Descriptors| {
        Rc::new(HostFolder {
            dir,
            descriptors: descriptors.clone(),
            _taken: None,
        })
    };
    Ok([folder(dir, first), folder(another, second)])
}

impl HostFolder {
    /// A file is only made by opening it for writing. What is there may be for reading only, and is opened as that.
    fn open_or_make(&self, path: &str, how: How) -> io::Result<OsFile> {
        let changes = how.oflags.meets(Oflags::EXCL.with(Oflags::TRUNC)) || how.write;
        // To make what a slash says is a folder is an error of its own, whatever is there.
        if how.oflags.has(Oflags::CREAT) && !changes && !path.ends_with('/') {
            let there = How {
                oflags: how.oflags.without(Oflags::CREAT),
                ..how
            };
            match system::open(&self.dir, path, options(there)) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                other => return other,
            }
        }
        system::open(&self.dir, path, options(how))
    }

    /// What is at `path`, opened for a moment by whatever way there is. It waits for nothing.
    fn open_somehow(&self, path: &str) -> Result<OsFile> {
        let by_reading = system::open(&self.dir, path, options(How::READ));
        let opened = match &by_reading {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let for_writing = How {
                    read: false,
                    write: true,
                    ..How::READ
                };
                match system::open(&self.dir, path, options(for_writing)) {
                    // The first error says more of a folder.
                    Err(error) if error.kind() == ErrorKind::IsADirectory => by_reading,
                    other => other,
                }
            }
            _ => by_reading,
        };
        Ok(opened?)
    }
}

fn options(how: How) -> OpenOptions {
    let has = |flag| how.oflags.has(flag);
    let mut options = OpenOptions::new();
    // Only what is open may wait: not for the other end of a pipe, or for a device.
    options.nonblock(true);
    options.follow(match how.follow {
        true => FollowSymlinks::Yes,
        false => FollowSymlinks::No,
    });
    options
        .create_new(has(Oflags::CREAT.with(Oflags::EXCL)))
        .create(has(Oflags::CREAT))
        .truncate(has(Oflags::TRUNC))
        // Where cap-std takes it, for files that the system lets nobody open otherwise; what is open gets the flag in any case.
        .append(
            system::APPENDS && how.fdflags.has(Fdflags::APPEND) && how.write && !has(Oflags::TRUNC),
        )
        // cap-std makes and empties files only for writing. What the guest may do with it is for its rights to say.
        .write(how.write || has(Oflags::CREAT) || has(Oflags::TRUNC))
        // One of the two has to be.
        .read(how.read || !how.write);
    options
}

/// The folder of a rename or of a link.
fn of_host(folder: &dyn Folder) -> Result<&HostFolder> {
    folder.as_any().downcast_ref().ok_or(Errno::Xdev)
}

impl Folder for HostFolder {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn open(&self, path: &str, how: How) -> Result<Opened> {
        let taken = self.descriptors.take()?;
        let opened = self.open_or_make(path, how)?;
        Ok(match system::stat(&opened)?.filetype {
            // A system may open it so.
            Filetype::Directory if how.oflags.has(Oflags::CREAT) || how.write => {
                return Err(Errno::Isdir);
            }
            Filetype::Directory => Opened::Folder(Rc::new(HostFolder {
                dir: Dir::from_std_file(opened),
                descriptors: self.descriptors.clone(),
                _taken: Some(taken),
            })),
            _ if how.oflags.has(Oflags::DIRECTORY) => return Err(Errno::Notdir),
            other => {
                let file = HostFile::opened(opened, other, how.fdflags, taken)?;
                Opened::File(Rc::new(file))
            }
        })
    }

    fn list(&self, looked_at: &mut dyn FnMut() -> Result<()>) -> Result<Arc<[Entry]>> {
        let own = self.stat()?.inode;
        let mut entries = own_entries(own, looked_at)?;
        for entry in system::entries(&self.dir)? {
            let entry = entry?;
            if entry.is_own() {
                continue;
            }
            looked_at()?;
            // Guests could not open it by another name: the others are still there.
            let Some(name) = entry.name() else {
                continue;
            };
            let (inode, filetype) = match self.dir.symlink_metadata(&name) {
                Ok(metadata) => {
                    let stat = system::told(&metadata);
                    (stat.inode, stat.filetype)
                }
                // Gone between the listing and the look at it.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                // In a folder that may be read and not searched, all that there is to know.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => entry.listed(),
                Err(error) => return Err(error.into()),
            };
            entries.push(Entry {
                name,
                inode,
                filetype,
            });
        }
        Ok(entries.into())
    }

    fn stat(&self) -> Result<Filestat> {
        system::stat(&self.dir)
    }

    fn stat_at(&self, path: &str, follow: bool) -> Result<Filestat> {
        let metadata = match follow {
            true => self.dir.metadata(path)?,
            false => self.dir.symlink_metadata(path)?,
        };
        Ok(system::told(&metadata))
    }

    fn set_times(
        &self,
        path: &str,
        follow: bool,
        accessed: NewTime,
        modified: NewTime,
    ) -> Result<()> {
        if follow && system::SETS_TIMES_BY_READING {
            // Not by cap-std, which opens the file for writing and waits for the other end of a pipe.
            match self.open_somehow(path) {
                Ok(file) => return system::set_times(&file, accessed, modified),
                // What may be neither read nor written it cannot open so either, and has another way.
                Err(Errno::Acces) => {}
                Err(errno) => return Err(errno),
            }
        }
        let (accessed, modified) = (specified(accessed), specified(modified));
        let set = match follow {
            true => self.dir.set_times(path, accessed, modified),
            false => self.dir.set_symlink_times(path, accessed, modified),
        };
        Ok(set?)
    }

    fn create_folder(&self, path: &str) -> Result<()> {
        Ok(self.dir.create_dir(path)?)
    }

    fn remove_folder(&self, path: &str) -> Result<()> {
        Ok(self.dir.remove_dir(path)?)
    }

    fn remove_file(&self, path: &str) -> Result<()> {
        Ok(self.dir.remove_file_or_symlink(path)?)
    }

    fn read_link(&self, path: &str) -> Result<String> {
        let contents = self.dir.read_link(path)?.into_os_string();
        let contents = contents.into_string().map_err(|_| Errno::Ilseq)?;
        Ok(system::link_contents(contents))
    }

    fn make_link(&self, contents: &str, path: &str) -> Result<()> {
        Ok(system::make_link(
            &self.dir,
            Path::new(contents),
            Path::new(path),
        )?)
    }

    fn rename(&self, path: &str, to: &dyn Folder, new_path: &str) -> Result<()> {
        Ok(self.dir.rename(path, &of_host(to)?.dir, new_path)?)
    }

    fn hard_link(&self, path: &str, to: &dyn Folder, new_path: &str) -> Result<()> {
        Ok(self.dir.hard_link(path, &of_host(to)?.dir, new_path)?)
    }
}

fn specified(time: NewTime) -> Option<SystemTimeSpec> {
    match time {
        NewTime::Keep => None,
        NewTime::Now => Some(SystemTimeSpec::SymbolicNow),
        NewTime::At(nanoseconds) => {
            let since_1970 = std::time::Duration::from_nanos(nanoseconds);
            let time = std::time::UNIX_EPOCH + since_1970;
            Some(SystemTimeSpec::Absolute(
                cap_std::time::SystemTime::from_std(time),
            ))
        }
    }
}
