//! Unix.

use std::ffi::{CStr, CString, OsStr, c_void};
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::ptr::NonNull;

use super::{FileFacts, Holder, User};
use crate::error::{Code, Error, Result};

/// Where a distribution puts code that it has compiled, for all users.
pub const SYSTEM_CACHES: &[&str] = &["/usr/local/lib/wasmdyld/cache", "/usr/lib/wasmdyld/cache"];

/// The path that these bytes name, if they can name one.
pub fn path(bytes: &[u8]) -> Option<&Path> {
    Some(Path::new(OsStr::from_bytes(bytes)))
}

/// Opens a file for reading. O_NONBLOCK: opening a FIFO must not wait for a writer.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

/// The same, unless the name is a link's.
pub fn open_no_link(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Makes a new file for this user alone, and opens it for writing.
pub fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

/// Makes a folder, with those above it, for this user alone.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Of the file at `path`, which was opened, or looked at through links.
pub fn file_facts(_path: &Path, metadata: &Metadata) -> FileFacts {
    FileFacts {
        device: metadata.dev(),
        inode: metadata.ino(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    }
}

/// Why somebody who is neither this user nor root can change a file or what is in a folder; `above`: it is a folder above the one that matters.
pub fn open_to_others(metadata: &Metadata, above: bool) -> Option<&'static str> {
    const WRITABLE: u32 = 0o022;
    const STICKY: u32 = 0o1000;
    // SAFETY: no precondition.
    let user = unsafe { libc::geteuid() };
    if metadata.uid() != user && metadata.uid() != 0 {
        return Some("belongs to another user");
    }
    let mode = metadata.mode();
    let sticky = above && mode & STICKY != 0;
    (mode & WRITABLE != 0 && !sticky).then_some("can be written to by others")
}

/// How large a file this process may write (`ulimit -f`): a signal would end it at the first byte beyond.
pub fn largest_file() -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the call writes to the struct that it is given, and to nothing where it fails.
    unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) };
    limit.rlim_cur
}

pub fn user() -> User {
    // SAFETY: no precondition.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    // SAFETY: nothing is written where none are asked for.
    let count = unsafe { libc::getgroups(0, std::ptr::null_mut()) };
    let mut groups = vec![0; usize::try_from(count).unwrap_or(0)];
    // SAFETY: there is room for as many as are asked for.
    unsafe { libc::getgroups(count.max(0), groups.as_mut_ptr()) };
    (user, group, groups)
}

pub fn page_size() -> usize {
    // SAFETY: no precondition.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size)
        .ok()
        .filter(|size| size.is_power_of_two())
        .unwrap_or(4096)
}

/// A part of a file in memory, for reading. What the process writes there never reaches the file.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    size: usize,
    /// Device and inode of the file.
    file: (u64, u64),
}

// SAFETY: memory that is only read, and unmapped by whoever has it last.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `size` bytes of a file, which nobody is to write to any more.
    pub fn new(file: &File, size: usize) -> io::Result<Mapping> {
        let meta = file.metadata()?;
        // SAFETY: a new mapping at an address of the system's choice.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size,
                libc::PROT_READ,
                libc::MAP_PRIVATE,
                file.as_raw_fd(),
                0,
            )
        };
        match NonNull::new(start.cast::<u8>()) {
            Some(at) if start != libc::MAP_FAILED => Ok(Mapping {
                start: at,
                size,
                file: (meta.dev(), meta.ino()),
            }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// What tells its file from others that are there.
    pub fn file(&self) -> (u64, u64) {
        self.file
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for reading as long as this lives. Files of kept code are written under another name and never changed.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.size) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.size) };
    }
}

/// The library's own functions come first where it calls `wasm_` functions itself: the process may have those of another engine,
/// this library's bundled one for instance.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const OWN_FIRST: libc::c_int = libc::RTLD_DEEPBIND;
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const OWN_FIRST: libc::c_int = 0;

/// Opens a shared library by its path, or by a name that the system's own linker finds. It is never closed.
///
/// # Safety
/// Its initialisers run.
pub unsafe fn open_library(path: &Path) -> Result<NonNull<c_void>> {
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|_| {
        let shown = path.display();
        Error::new(Code::InvalidArgument, format!("{shown:?} contains a NUL"))
    })?;
    // RTLD_NOW: what is missing is told now, and not by the end of the process when it is called.
    let flags = libc::RTLD_NOW | libc::RTLD_LOCAL | OWN_FIRST;
    // SAFETY: the name is NUL-terminated; the caller answers for the library.
    let handle = unsafe { libc::dlopen(name.as_ptr(), flags) };
    NonNull::new(handle).ok_or_else(|| Error::new(Code::NotFound, system_error()))
}

fn system_error() -> String {
    // SAFETY: the text is the system's, good until the next call on this thread.
    unsafe {
        let text = libc::dlerror();
        match text.is_null() {
            true => "the system gives no reason".to_string(),
            false => CStr::from_ptr(text).to_string_lossy().into_owned(),
        }
    }
}

/// A symbol of a library that was opened and is never closed, or of the program with all that was linked with it.
pub fn symbol(library: Option<NonNull<c_void>>, name: &CStr) -> Option<NonNull<c_void>> {
    let handle = library.map_or(libc::RTLD_DEFAULT, NonNull::as_ptr);
    // SAFETY: the handle is that of a library that stays; the name is NUL-terminated.
    NonNull::new(unsafe { libc::dlsym(handle, name.as_ptr()) })
}

/// What the system knows of the program or shared library that holds `function`.
pub fn holder(function: *const c_void) -> Option<Holder> {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: all zeros are valid for the struct, which the call fills if it returns non-zero.
    let info =
        unsafe { (libc::dladdr(function, info.as_mut_ptr()) != 0).then(|| info.assume_init()) }?;
    let file = NonNull::new(info.dli_fname.cast_mut()).map(|name| {
        // SAFETY: a C string of the system's, which stays as long as what it names.
        let name = unsafe { CStr::from_ptr(name.as_ptr()) };
        OsStr::from_bytes(name.to_bytes()).into()
    });
    Some(Holder {
        base: info.dli_fbase.addr(),
        file,
    })
}

/// What is loaded of the program or shared library that holds `function`, as far as nobody writes to it: code, constants and notes, in the order
/// of its program headers. It must stay loaded for the rest of the process. `None` where the system does not tell.
#[cfg(target_os = "linux")]
pub fn loaded(function: *const c_void) -> Option<Vec<&'static [u8]>> {
    struct Search {
        address: usize,
        found: Option<Vec<&'static [u8]>>,
    }
    unsafe extern "C" fn look(
        info: *mut libc::dl_phdr_info,
        _size: libc::size_t,
        search: *mut c_void,
    ) -> libc::c_int {
        // SAFETY: the system's, for this call; the search is that of `loaded` below.
        let (info, search) = unsafe { (&*info, &mut *search.cast::<Search>()) };
        if info.dlpi_phnum == 0 {
            return 0;
        }
        // SAFETY: the object has as many headers as it says.
        let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
        let segments = headers
            .iter()
            .filter(|header| header.p_type == libc::PT_LOAD);
        // Numbers of the system's own width.
        let start = |header: &Header| (info.dlpi_addr + header.p_vaddr) as usize;
        let holds =
            |header: &Header| search.address.wrapping_sub(start(header)) < header.p_memsz as usize;
        if !segments.clone().any(holds) {
            return 0;
        }
        let read = |header: &Header| {
            let flags = header.p_flags & (libc::PF_R | libc::PF_W);
            (flags == libc::PF_R).then(|| {
                let start = std::ptr::with_exposed_provenance(start(header));
                // SAFETY: the segment is mapped for reading, nobody writes to it, and the object stays.
                unsafe { std::slice::from_raw_parts(start, header.p_memsz as usize) }
            })
        };
        search.found = Some(segments.filter_map(read).collect());
        1
    }
    #[cfg(target_pointer_width = "64")]
    type Header = libc::Elf64_Phdr;
    #[cfg(target_pointer_width = "32")]
    type Header = libc::Elf32_Phdr;

    let mut search = Search {
        address: function.addr(),
        found: None,
    };
    // SAFETY: the callback gets the search, which lives as long as the call.
    unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut search).cast()) };
    search.found.filter(|parts| !parts.is_empty())
}

#[cfg(not(target_os = "linux"))]
pub fn loaded(_function: *const c_void) -> Option<Vec<&'static [u8]>> {
    None
}
