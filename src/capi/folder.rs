//! Folders for guests that are no folders of the system.

#![allow(non_camel_case_types)]

use std::ffi::c_char;

use super::config;
use super::edge::{self, Handle, Settings, edge, set};
use super::error::wasm_dyld_error_t;
use super::types::{self, wasm_dyld_code_t};
use super::wasi::{wasm_dyld_wasi_t, with};
use crate::error::{Code, Error, Result};
use crate::wasi::{ArchiveTree, MemoryLimits, MemoryTree, Source};

/// A folder for guests that is none of the system: in memory, in an archive, or behind callbacks. Several WASI configurations may have it, and so several namespaces
/// on several threads; all find the same files. The caller deletes it, at any time after it was given to them.
pub struct wasm_dyld_folder_t {
    source: Source,
    /// What the host was given last.
    given: Settings<Vec<u8>>,
}

edge::handle!(wasm_dyld_folder_t, 8, "folder");

impl wasm_dyld_folder_t {
    fn memory(&self) -> Result<&MemoryTree> {
        match &self.source {
            Source::Memory(tree) => Ok(tree),
            _ => Err(Error::new(
                Code::InvalidArgument,
                "the folder is not in memory: only such folders are changed and read by the host itself",
            )),
        }
    }
}

/// A new empty folder in memory, of at most `max_bytes` (0: 256 MiB) in files, names and links, and at most `max_nodes` files, links, folders and further names of files (0: 65,536). What
/// would be more fails with the guest's ENOSPC. NULL if there are too many handles.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_folder_new_memory(
    max_bytes: u64,
    max_nodes: u64,
) -> *mut wasm_dyld_folder_t {
    edge::quiet(std::ptr::null_mut(), || {
        let default = MemoryLimits::default();
        let tree = MemoryTree::new(MemoryLimits {
            bytes: or(max_bytes, default.bytes),
            nodes: or(max_nodes, default.nodes),
        });
        let folder = wasm_dyld_folder_t {
            source: Source::Memory(tree),
            given: Settings::default(),
        };
        folder.give().ok()
    })
}

/// A limit, if the caller says one.
fn or(limit: u64, otherwise: u64) -> u64 {
    match limit {
        0 => otherwise,
        limit => limit,
    }
}

/// A new folder that a zip archive in a file is, for reading alone. The file stays open until nothing has the folder any more, and has to stay as it is. `max_nodes` are the files, folders and links that
/// it may have (0: 65,536). Only its directory is read here; guests that read a file unpack as much as they read. What is neither stored nor deflated, or encrypted, is ENOTSUP for guests, a file of more than
/// 64 MiB that is packed to less than a hundredth EFBIG, damage EIO.
/// Fails with WASM_DYLD_NOT_FOUND and WASM_DYLD_IO as files do, with WASM_DYLD_LIMIT, and with WASM_DYLD_MALFORMED for what is no archive and for one with entries that overlap, have one name, a name that
/// leads elsewhere, or are neither files, folders nor links.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_folder_new_archive(
    path: *const c_char,
    max_nodes: u64,
    folder: *mut *mut wasm_dyld_folder_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    new_archive(max_nodes, folder, error, |most| {
        ArchiveTree::open(&config::path(path, "archive")?, most)
    })
}

/// As wasm_dyld_folder_new_archive, with an archive in memory, whose bytes are copied.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_folder_new_archive_bytes(
    bytes: *const u8,
    size: usize,
    max_nodes: u64,
    folder: *mut *mut wasm_dyld_folder_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    new_archive(max_nodes, folder, error, |most| {
        let bytes = edge::bytes(bytes, size, "archive")?;
        ArchiveTree::from_bytes(bytes.to_vec(), most)
    })
}

fn new_archive(
    max_nodes: u64,
    folder: *mut *mut wasm_dyld_folder_t,
    error: *mut *mut wasm_dyld_error_t,
    open: impl FnOnce(u64) -> Result<ArchiveTree>,
) -> wasm_dyld_code_t {
    edge(error, || {
        give_new(folder, || {
            let most = or(max_nodes, MemoryLimits::default().nodes);
            Ok(Source::Archive(open(most)?))
        })
    })
}

/// Gives the caller a folder that is made where there is a place for its handle: nobody could delete it else.
pub(super) fn give_new(
    folder: *mut *mut wasm_dyld_folder_t,
    make: impl FnOnce() -> Result<Source>,
) -> Result<()> {
    if folder.is_null() {
        let why = "the place for the new folder is NULL";
        return Err(Error::new(Code::InvalidArgument, why));
    }
    let source = make()?;
    let given = Settings::default();
    set(folder, wasm_dyld_folder_t { source, given }.give()?);
    Ok(())
}

/// Deletes the caller's handle. NULL is allowed. What is in the folder goes when no WASI configuration and no namespace has it.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_folder_delete(folder: *mut wasm_dyld_folder_t) {
    wasm_dyld_folder_t::delete(folder);
}

/// Puts a file into a folder in memory, with the folders on the way; a file that is there gets these contents. `path` begins in the folder, without a slash;
/// the bytes are copied. What the host makes bears the time 0 (1970), so that guests see the same in every run. Fails with WASM_DYLD_LIMIT where there is no room.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_folder_write(
    folder: *mut wasm_dyld_folder_t,
    path: *const c_char,
    bytes: *const u8,
    size: usize,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let folder = wasm_dyld_folder_t::lend(folder)?;
        let bytes = edge::bytes(bytes, size, "contents")?;
        folder.memory()?.put(edge::text(path, "path")?, bytes)
    })
}

/// Makes a folder in one in memory, with those on the way. One that is there is as good.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_folder_make(
    folder: *mut wasm_dyld_folder_t,
    path: *const c_char,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let folder = wasm_dyld_folder_t::lend(folder)?;
        folder.memory()?.put_folder(edge::text(path, "path")?)
    })
}

/// Reads a file of a folder in memory. `*bytes` is not NUL-terminated and lives until the next call of this or of wasm_dyld_folder_list with this
/// folder, or until it is deleted. Fails with WASM_DYLD_NOT_FOUND if there is no such file.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_folder_read(
    folder: *mut wasm_dyld_folder_t,
    path: *const c_char,
    bytes: *mut *const u8,
    size: *mut usize,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let folder = wasm_dyld_folder_t::lend(folder)?;
        let found = folder.memory()?.get(edge::text(path, "path")?)?;
        edge::give_kept(&folder.given, found, bytes, size)
    })
}

/// Removes from a folder in memory a file, a link, or a folder with all that is in it. The folder itself cannot be removed (WASM_DYLD_INVALID_ARGUMENT); wasm_dyld_folder_clear empties it. What guests have open of it stays until they close it. Fails with
/// WASM_DYLD_NOT_FOUND if there is nothing.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_folder_remove(
    folder: *mut wasm_dyld_folder_t,
    path: *const c_char,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let folder = wasm_dyld_folder_t::lend(folder)?;
        folder.memory()?.delete(edge::text(path, "path")?)
    })
}

/// Removes all that is in a folder in memory. What guests have open of it stays until they close it.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_folder_clear(
    folder: *mut wasm_dyld_folder_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        wasm_dyld_folder_t::lend(folder)?.memory()?.clear();
        Ok(())
    })
}

/// Lists all that is in a folder in memory: the paths of files and links, and of folders that are empty, each of these with a slash at its end. What lies
/// deeper than a path of 4,095 bytes is left out. A NUL follows each path; `*size` is the bytes of all together. `*paths` lives as what wasm_dyld_folder_read gives.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_folder_list(
    folder: *mut wasm_dyld_folder_t,
    paths: *mut *const u8,
    size: *mut usize,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let folder = wasm_dyld_folder_t::lend(folder)?;
        let mut all = Vec::new();
        for path in folder.memory()?.paths() {
            all.extend_from_slice(path.as_bytes());
            all.push(0);
        }
        edge::give_kept(&folder.given, all, paths, size)
    })
}

/// Lets guests use a folder as `guest`, in the order of wasm_dyld_wasi_add_folder and with the same `flags`. `folder` stays the caller's. Libraries in it are found by
/// guests that open them by a path, as in folders of the system.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_add_virtual_folder(
    wasi: *mut wasm_dyld_wasi_t,
    folder: *mut wasm_dyld_folder_t,
    guest: *const c_char,
    flags: u32,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(wasi, error, |config| {
        let read_only = types::read_only(flags)?;
        let source = wasm_dyld_folder_t::lend(folder)?.source.clone();
        let guest = edge::text(guest, "name of the folder for guests")?;
        config.preopen_source(source, guest, read_only);
        Ok(())
    })
}
