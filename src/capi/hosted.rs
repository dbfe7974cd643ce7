//! Folders for guests whose files the host has behind callbacks.

#![allow(non_camel_case_types)]

use std::ffi::{CString, c_char, c_void};
use std::io;

use super::config::wasm_dyld_finalizer_t;
use super::edge::{self, Environment, edge};
use super::error::wasm_dyld_error_t;
use super::folder::{give_new, wasm_dyld_folder_t};
use super::types::wasm_dyld_code_t;
use crate::error::{Code, Error};
use crate::wasi::{Access, Hosted, HostedKind, HostedStat, HostedTree, Source, host_error};

/// What something in a folder is.
#[repr(u32)]
pub enum wasm_dyld_file_kind_t {
    /// A file.
    WASM_DYLD_KIND_FILE = 1,
    /// A folder.
    WASM_DYLD_KIND_FOLDER = 2,
    /// A symbolic link.
    WASM_DYLD_KIND_LINK = 3,
}

/// What a file is opened for. To read it says none of these.
#[repr(u32)]
pub enum wasm_dyld_open_flag_t {
    /// To write to it.
    WASM_DYLD_OPEN_WRITE = 1,
    /// It is not there and has to be made. Without this flag it is there.
    WASM_DYLD_OPEN_CREATE = 2,
    /// Nothing of what is in it stays.
    WASM_DYLD_OPEN_TRUNCATE = 4,
}

/// What a host says of something in a folder. It is all zeros before.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct wasm_dyld_file_stat_t {
    /// One of wasm_dyld_file_kind_t.
    pub kind: u32,
    /// Bytes of a file or of a link's contents.
    pub size: u64,
    /// A number that no other file, folder or link of this folder has. 0: one that follows from the path. Guests that open libraries have one library for each number.
    pub inode: u64,
    /// When it was last read, in nanoseconds since 1970.
    pub accessed: u64,
    /// When its contents were last changed.
    pub modified: u64,
    /// When it itself was last changed.
    pub changed: u64,
}

/// The functions behind a folder for guests. `size` and the first four functions are to be given; each of the others may be NULL, and guests then get EROFS for what
/// it would do, but for `close` and `sync`, which then do nothing, `stat_open`, in whose stead `stat` is asked by the path that was opened, and `read_link`, without which there are no links.
///
/// Each gets `env` first. A path begins in the folder, without a slash, has at most 4,095 bytes, and has no part that is `.` or `..`; "" is the folder itself. Of a longer path nothing is asked:
/// a guest that goes so deep gets ENAMETOOLONG. What is above the last part of a
/// path has been said by `stat` to be a folder: links, and whether a path leads out of the folder, are looked after before. Each returns 0 or an errno of the host system; those whose result is 64 bits wide return a
/// number of bytes, or an errno, negated. In a host that is WebAssembly itself, these numbers are the errnos of WASI preview1 (ENOENT is 44), whatever its C library has. What cannot be (more bytes than there was room for, a name with a
/// slash) is the guest's EIO, and so is an errno that WASI does not have.
///
/// They are called by whichever threads run guests that have the folder, and by several at once if these are several. They may look at the namespace, though not at its memory, and not
/// change it: see the top of this file. They must return: no C++ exception may leave them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wasm_dyld_folder_callbacks_t {
    /// sizeof of this structure, for later versions of it.
    pub size: usize,
    /// Tells what is at a path, of a link itself. ENOENT: nothing.
    pub stat: Option<
        unsafe extern "C" fn(
            env: *mut c_void,
            path: *const c_char,
            stat: *mut wasm_dyld_file_stat_t,
        ) -> i32,
    >,
    /// Opens a file with flags of wasm_dyld_open_flag_t. `*file`, 0 before, is what names it in other calls until it is closed.
    pub open: Option<
        unsafe extern "C" fn(
            env: *mut c_void,
            path: *const c_char,
            flags: u32,
            file: *mut u64,
        ) -> i32,
    >,
    /// Reads up to `size` bytes of a file from `offset` on. 0: that is behind its end.
    pub read: Option<
        unsafe extern "C" fn(
            env: *mut c_void,
            file: u64,
            buffer: *mut u8,
            size: usize,
            offset: u64,
        ) -> i64,
    >,
    /// Writes the name of entry `number` of a folder, from 0 on, to `name`, where there is room for `size` bytes, and returns its length without a NUL; 0: there are no more. `.` and `..` may
    /// be among them. A guest that lists a folder asks for all, one after the other.
    pub entry: Option<
        unsafe extern "C" fn(
            env: *mut c_void,
            folder: *const c_char,
            number: u64,
            name: *mut c_char,
            size: usize,
        ) -> i64,
    >,
    /// Closes a file. It is called once for each that was opened.
    pub close: Option<unsafe extern "C" fn(env: *mut c_void, file: u64)>,
    /// As `stat`, of a file that is open.
    pub stat_open: Option<
        unsafe extern "C" fn(env: *mut c_void, file: u64, stat: *mut wasm_dyld_file_stat_t) -> i32,
    >,
    /// Writes up to `size` bytes to a file at `offset`, and returns how many. What lies between its end and `offset` becomes zeros.
    pub write: Option<
        unsafe extern "C" fn(
            env: *mut c_void,
            file: u64,
            bytes: *const u8,
            size: usize,
            offset: u64,
        ) -> i64,
    >,
    /// Gives a file another size.
    pub set_size: Option<unsafe extern "C" fn(env: *mut c_void, file: u64, size: u64) -> i32>,
    /// Has what was written to a file lie where it stays.
    pub sync: Option<unsafe extern "C" fn(env: *mut c_void, file: u64) -> i32>,
    /// Makes a folder, where there is nothing.
    pub create_folder: Option<unsafe extern "C" fn(env: *mut c_void, path: *const c_char) -> i32>,
    /// Removes a folder that has no entries.
    pub remove_folder: Option<unsafe extern "C" fn(env: *mut c_void, path: *const c_char) -> i32>,
    /// Removes a file or a link.
    pub remove_file: Option<unsafe extern "C" fn(env: *mut c_void, path: *const c_char) -> i32>,
    /// Gives something another path, in the stead of what is there: a file or a link in that of such, a folder in that of one without entries.
    pub rename: Option<
        unsafe extern "C" fn(env: *mut c_void, path: *const c_char, to: *const c_char) -> i32,
    >,
    /// Writes the contents of a link to `contents`, where there is room for `size` bytes, and returns their length without a NUL.
    pub read_link: Option<
        unsafe extern "C" fn(
            env: *mut c_void,
            path: *const c_char,
            contents: *mut c_char,
            size: usize,
        ) -> i64,
    >,
    /// Makes a link, where there is nothing.
    pub make_link: Option<
        unsafe extern "C" fn(env: *mut c_void, contents: *const c_char, path: *const c_char) -> i32,
    >,
    /// Sets when a file or folder was last read and changed, in nanoseconds since 1970. UINT64_MAX: it stays as it is.
    pub set_times: Option<
        unsafe extern "C" fn(
            env: *mut c_void,
            path: *const c_char,
            accessed: u64,
            modified: u64,
        ) -> i32,
    >,
}

/// A new folder for guests behind callbacks, which are copied. `finalizer` (may be NULL) is called with `env` when nothing has the folder any more, or at once if the
/// call fails. Fails with WASM_DYLD_INVALID_ARGUMENT for a structure of another size, for a function that is missing, and where
/// `folder` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_folder_new_callbacks(
    callbacks: *const wasm_dyld_folder_callbacks_t,
    env: *mut c_void,
    finalizer: wasm_dyld_finalizer_t,
    folder: *mut *mut wasm_dyld_folder_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let env = Environment::new(env, finalizer);
        give_new(folder, || {
            let given = *edge::plain(callbacks, "callbacks")?;
            if given.size != size_of::<wasm_dyld_folder_callbacks_t>() {
                let why = format!("callbacks of {} bytes are of another version", given.size);
                return Err(Error::new(Code::InvalidArgument, why));
            }
            for (is_there, name) in [
                (given.stat.is_some(), "stat"),
                (given.open.is_some(), "open"),
                (given.read.is_some(), "read"),
                (given.entry.is_some(), "entry"),
            ] {
                if !is_there {
                    let why =
                        format!("the callback `{name}` is NULL: a folder cannot do without it");
                    return Err(Error::new(Code::InvalidArgument, why));
                }
            }
            let tree = HostedTree::new(Box::new(Callbacks { given, env }));
            Ok(Source::Hosted(tree))
        })
    })
}

struct Callbacks {
    given: wasm_dyld_folder_callbacks_t,
    env: Environment,
}

/// The longest contents of a link, and a byte more, by which a longer one is told.
const LINK_ROOM: usize = 4096;

/// The longest name, likewise.
const NAME_ROOM: usize = 256;

fn c_path(path: &str) -> io::Result<CString> {
    CString::new(path).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// The function that is given for what would change the folder.
fn given<F>(function: Option<F>) -> io::Result<F> {
    function.ok_or_else(|| io::ErrorKind::ReadOnlyFilesystem.into())
}

pub(super) fn done(errno: i32) -> io::Result<()> {
    match errno {
        0 => Ok(()),
        errno => Err(host_error(errno)),
    }
}

/// A number of bytes for which there was this much room.
fn bytes(answer: i64, room: usize) -> io::Result<usize> {
    match usize::try_from(answer) {
        Ok(count) if count <= room => Ok(count),
        Ok(_) => Err(io::Error::other("more than there was room for")),
        Err(_) => {
            let errno = answer.checked_neg().and_then(|raw| i32::try_from(raw).ok());
            // A number that no errno has is EIO.
            Err(host_error(errno.unwrap_or(-1)))
        }
    }
}

fn stat(said: wasm_dyld_file_stat_t) -> io::Result<HostedStat> {
    const FILE: u32 = wasm_dyld_file_kind_t::WASM_DYLD_KIND_FILE as u32;
    const FOLDER: u32 = wasm_dyld_file_kind_t::WASM_DYLD_KIND_FOLDER as u32;
    const LINK: u32 = wasm_dyld_file_kind_t::WASM_DYLD_KIND_LINK as u32;
    Ok(HostedStat {
        kind: match said.kind {
            FILE => HostedKind::File,
            FOLDER => HostedKind::Folder,
            LINK => HostedKind::Link,
            _ => return Err(io::Error::other("an unknown kind of file")),
        },
        size: said.size,
        inode: said.inode,
        accessed: said.accessed,
        modified: said.modified,
        changed: said.changed,
    })
}

impl Callbacks {
    fn env(&self) -> *mut c_void {
        self.env.env
    }

    /// Calls one that takes nothing but a path.
    fn by_path(
        &self,
        function: Option<unsafe extern "C" fn(*mut c_void, *const c_char) -> i32>,
        path: &str,
    ) -> io::Result<()> {
        let (function, path) = (given(function)?, c_path(path)?);
        // SAFETY: the host's own pair; the path is good for the call.
        done(unsafe { function(self.env(), path.as_ptr()) })
    }

    /// Calls one that takes two.
    fn by_paths(
        &self,
        function: Option<unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char) -> i32>,
        first: &str,
        second: &str,
    ) -> io::Result<()> {
        let (function, first, second) = (given(function)?, c_path(first)?, c_path(second)?);
        // SAFETY: the host's own pair; the texts are good for the call.
        done(unsafe { function(self.env(), first.as_ptr(), second.as_ptr()) })
    }
}

impl Hosted for Callbacks {
    fn stat(&self, path: &str) -> io::Result<HostedStat> {
        let (function, path) = (given(self.given.stat)?, c_path(path)?);
        let mut said = wasm_dyld_file_stat_t::default();
        // SAFETY: the host's own pair; path and room are good for the call.
        done(unsafe { function(self.env(), path.as_ptr(), &raw mut said) })?;
        stat(said)
    }

    fn open(&self, path: &str, access: Access, create: bool) -> io::Result<u64> {
        const WRITE: u32 = wasm_dyld_open_flag_t::WASM_DYLD_OPEN_WRITE as u32;
        const CREATE: u32 = wasm_dyld_open_flag_t::WASM_DYLD_OPEN_CREATE as u32;
        const TRUNCATE: u32 = wasm_dyld_open_flag_t::WASM_DYLD_OPEN_TRUNCATE as u32;
        let (function, path) = (given(self.given.open)?, c_path(path)?);
        let mut flags = 0;
        for (set, flag) in [
            (access.write, WRITE),
            (create, CREATE),
            (access.truncate, TRUNCATE),
        ] {
            if set {
                flags |= flag;
            }
        }
        // One that cannot be written to is not made or emptied by its `open` either.
        if flags != 0 {
            given(self.given.write)?;
        }
        let mut file = 0;
        // SAFETY: the host's own pair; path and room are good for the call.
        done(unsafe { function(self.env(), path.as_ptr(), flags, &raw mut file) })?;
        Ok(file)
    }

    fn close(&self, file: u64) {
        if let Some(function) = self.given.close {
            // SAFETY: the host's own pair.
            unsafe { function(self.env(), file) };
        }
    }

    fn stat_open(&self, file: u64) -> Option<io::Result<HostedStat>> {
        let function = self.given.stat_open?;
        let mut said = wasm_dyld_file_stat_t::default();
        // SAFETY: the host's own pair; the room is good for the call.
        let told = done(unsafe { function(self.env(), file, &raw mut said) });
        Some(told.and_then(|()| stat(said)))
    }

    fn read(&self, file: u64, to: &mut [u8], offset: u64) -> io::Result<usize> {
        let function = given(self.given.read)?;
        // SAFETY: the host's own pair; the room is good for the call.
        let read = unsafe { function(self.env(), file, to.as_mut_ptr(), to.len(), offset) };
        bytes(read, to.len())
    }

    fn write(&self, file: u64, from: &[u8], offset: u64) -> io::Result<usize> {
        let function = given(self.given.write)?;
        // SAFETY: the host's own pair; the bytes are good for the call.
        let written = unsafe { function(self.env(), file, from.as_ptr(), from.len(), offset) };
        bytes(written, from.len())
    }

    fn set_size(&self, file: u64, size: u64) -> io::Result<()> {
        let function = given(self.given.set_size)?;
        // SAFETY: the host's own pair.
        done(unsafe { function(self.env(), file, size) })
    }

    fn sync(&self, file: u64) -> io::Result<()> {
        match self.given.sync {
            // SAFETY: the host's own pair.
            Some(function) => done(unsafe { function(self.env(), file) }),
            None => Ok(()),
        }
    }

    fn entry(&self, folder: &str, number: u64) -> io::Result<Option<Vec<u8>>> {
        let (function, folder) = (given(self.given.entry)?, c_path(folder)?);
        let mut name = vec![0u8; NAME_ROOM];
        let room = name.as_mut_ptr().cast::<c_char>();
        // SAFETY: the host's own pair; path and room are good for the call.
        let length = unsafe { function(self.env(), folder.as_ptr(), number, room, NAME_ROOM) };
        name.truncate(bytes(length, NAME_ROOM)?);
        Ok((!name.is_empty()).then_some(name))
    }

    fn contents(&self, link: &str) -> io::Result<Vec<u8>> {
        let function = self.given.read_link;
        let function = function.ok_or(io::Error::from(io::ErrorKind::InvalidInput))?;
        let link = c_path(link)?;
        let mut contents = vec![0u8; LINK_ROOM];
        let room = contents.as_mut_ptr().cast::<c_char>();
        // SAFETY: the host's own pair; path and room are good for the call.
        let length = unsafe { function(self.env(), link.as_ptr(), room, LINK_ROOM) };
        contents.truncate(bytes(length, LINK_ROOM)?);
        Ok(contents)
    }

    fn create_folder(&self, path: &str) -> io::Result<()> {
        self.by_path(self.given.create_folder, path)
    }

    fn create_link(&self, contents: &str, path: &str) -> io::Result<()> {
        self.by_paths(self.given.make_link, contents, path)
    }

    fn remove_folder(&self, path: &str) -> io::Result<()> {
        self.by_path(self.given.remove_folder, path)
    }

    fn remove_file(&self, path: &str) -> io::Result<()> {
        self.by_path(self.given.remove_file, path)
    }

    fn rename(&self, path: &str, to: &str) -> io::Result<()> {
        self.by_paths(self.given.rename, path, to)
    }

    fn set_times(
        &self,
        path: &str,
        accessed: Option<u64>,
        modified: Option<u64>,
    ) -> io::Result<()> {
        let (function, path) = (given(self.given.set_times)?, c_path(path)?);
        let [accessed, modified] = [accessed, modified].map(|time| time.unwrap_or(u64::MAX));
        // SAFETY: the host's own pair; the path is good for the call.
        done(unsafe { function(self.env(), path.as_ptr(), accessed, modified) })
    }
}
