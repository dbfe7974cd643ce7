//! Libraries of Windows. They are found by their path alone, or in the folders of the system and of the program: never in the current folder, nor by `PATH`.

use std::ffi::{CStr, OsString, c_void};
use std::fs::OpenOptions;
use std::io;
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsRawHandle;
use std::path::{Path, PathBuf};
use std::ptr::{NonNull, null_mut};

use windows_sys::Win32::Foundation::HMODULE;
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_FLAG_BACKUP_SEMANTICS, GetFileInformationByHandle,
};
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
    GetModuleFileNameW, GetModuleHandleExW, GetProcAddress, LOAD_LIBRARY_SEARCH_DEFAULT_DIRS,
    LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR, LoadLibraryExW,
};
use windows_sys::Win32::System::ProcessStatus::K32EnumProcessModules;
use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetCurrentThreadStackLimits};

use super::Holder;
use crate::error::{Code, Error, Result};

/// Opens a library by its path, or by a name that the system's own linker finds. It is never closed.
///
/// # Safety
/// Its initialisers run.
pub unsafe fn open_library(path: &Path) -> Result<NonNull<c_void>> {
    let shown = path.display();
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(Error::new(
            Code::InvalidArgument,
            format!("{shown:?} contains a NUL"),
        ));
    }
    let failed = |error: io::Error| Error::new(Code::NotFound, format!("{shown}: {error}"));
    let is_name = path
        .parent()
        .is_some_and(|folder| folder.as_os_str().is_empty());
    let mut flags = LOAD_LIBRARY_SEARCH_DEFAULT_DIRS;
    let path = match is_name {
        true => path.to_path_buf(),
        false => {
            // What it is linked with may lie beside it.
            flags |= LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR;
            std::path::absolute(path).map_err(failed)?
        }
    };
    let name: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
    // SAFETY: the name is NUL-terminated; the caller answers for the library.
    let handle = unsafe { LoadLibraryExW(name.as_ptr(), null_mut(), flags) };
    NonNull::new(handle).ok_or_else(|| failed(io::Error::last_os_error()))
}

/// A symbol of a library that was opened and is never closed, or of any that the process has, the program first.
pub fn symbol(library: Option<NonNull<c_void>>, name: &CStr) -> Option<NonNull<c_void>> {
    let in_one = |library: HMODULE| {
        // SAFETY: the handle is that of a library that stays; the name is NUL-terminated.
        let found = unsafe { GetProcAddress(library, name.as_ptr().cast()) };
        NonNull::new(found? as *mut c_void)
    };
    match library {
        Some(library) => in_one(library.as_ptr()),
        None => modules().into_iter().find_map(in_one),
    }
}

/// The program and its libraries, in the order in which they were loaded.
fn modules() -> Vec<HMODULE> {
    let mut modules: Vec<HMODULE> = vec![null_mut(); 256];
    loop {
        let mut needed = 0;
        let room = u32::try_from(size_of_val(modules.as_slice())).unwrap_or(u32::MAX);
        // SAFETY: there is room for as many bytes as are said.
        let told = unsafe {
            K32EnumProcessModules(
                GetCurrentProcess(),
                modules.as_mut_ptr(),
                room,
                &raw mut needed,
            )
        };
        if told == 0 {
            return Vec::new();
        }
        let count = needed as usize / size_of::<HMODULE>();
        if count <= modules.len() {
            modules.truncate(count);
            return modules;
        }
        modules.resize(count, null_mut());
    }
}

fn module_of(address: *const c_void) -> Option<HMODULE> {
    let flags =
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    let mut module = null_mut();
    // SAFETY: by this flag an address is taken in the place of a name, and looked up among those of modules.
    let found = unsafe { GetModuleHandleExW(flags, address.cast(), &raw mut module) };
    (found != 0 && !module.is_null()).then_some(module)
}

/// What the system knows of the program or library that holds `function`.
///
/// A program that calls a function of a library may have a jump to it for its address: that is followed.
pub fn holder(function: *const c_void) -> Option<Holder> {
    let module = module_of(imported(function))?;
    Some(Holder {
        base: module.addr(),
        file: file_of(module),
    })
}

/// Where a jump into another library leads, of those that a linker makes for functions of libraries; else the same.
#[cfg(target_arch = "x86_64")]
fn imported(function: *const c_void) -> *const c_void {
    // `jmp *table(%rip)`.
    const JUMP: [u8; 2] = [0xff, 0x25];
    const SIZE: usize = 6;
    // SAFETY: code, which can be read, and no function is as long as to end within it where a page does.
    let [first, second, distance @ ..] = unsafe { function.cast::<[u8; SIZE]>().read_unaligned() };
    if [first, second] != JUMP {
        return function;
    }
    let distance = i32::from_le_bytes(distance) as isize;
    let table = function
        .wrapping_byte_add(SIZE)
        .wrapping_byte_offset(distance);
    // SAFETY: the jump reads the same place.
    unsafe { table.cast::<*const c_void>().read_unaligned() }
}

#[cfg(not(target_arch = "x86_64"))]
fn imported(function: *const c_void) -> *const c_void {
    function
}

fn file_of(module: HMODULE) -> Option<PathBuf> {
    /// No path is longer.
    const MOST: usize = 1 << 15;
    let mut name = vec![0u16; 512];
    loop {
        let room = u32::try_from(name.len()).ok()?;
        // SAFETY: a module of this process, and as much room as is said.
        let length = unsafe { GetModuleFileNameW(module, name.as_mut_ptr(), room) };
        match usize::try_from(length).ok()? {
            0 => return None,
            length if length < name.len() => {
                name.truncate(length);
                return Some(OsString::from_wide(&name).into());
            }
            _ if name.len() >= MOST => return None,
            // It was cut off.
            _ => name.resize(name.len().saturating_mul(2), 0),
        }
    }
}

/// What is loaded of the program or library that holds `function`: not known.
pub fn loaded(_function: *const c_void) -> Option<Vec<&'static [u8]>> {
    None
}

/// Has folders be opened as well: the system has to be told.
pub fn maybe_folder(options: &mut OpenOptions) -> &OpenOptions {
    options.custom_flags(FILE_FLAG_BACKUP_SEMANTICS)
}

/// The numbers of the volume and of the file at `path`: the same as WASI tells guests.
pub fn numbers(path: &Path) -> Option<(u64, u64)> {
    let mut options = OpenOptions::new();
    // Nothing is read: nobody who has it open is in the way.
    let file = options
        .access_mode(0)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS)
        .open(path)
        .ok()?;
    let mut told = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: an open handle, and a structure to fill.
    let asked = unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut told) };
    let index = u64::from(told.nFileIndexHigh) << 32 | u64::from(told.nFileIndexLow);
    (asked != 0).then_some((told.dwVolumeSerialNumber.into(), index))
}

/// The lowest address of this thread's stack, and the one above its highest.
pub fn stack() -> (usize, usize) {
    let (mut low, mut high) = (0, 0);
    // SAFETY: two places for numbers.
    unsafe { GetCurrentThreadStackLimits(&raw mut low, &raw mut high) };
    (low, high)
}
