//! Preview1 of our own: the 46 functions, a file for each group of them.
//!
//! A call takes its arguments apart, finds the descriptors that they name (`table.rs`) and asks what these are (`descriptor.rs`). What a
//! guest is told in numbers and structures is in `types.rs`, its memory in `memory.rs`.

mod args;
mod clocks;
pub mod descriptor;
mod descriptors;
mod memory;
mod paths;
mod polling;
mod process;
mod random;
mod sockets;
mod table;
pub mod types;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub use clocks::{ClockScale, ClockSource, Clocks, HostClocks};
pub use memory::Memory;
pub use polling::{Wait, Waiting};
pub use random::{Random, RandomSource};
pub use table::Slot;
use table::{Kind, Table};
use types::{Errno, Rights};

use self::descriptor::{File, Folder};
use super::guest_files::{self, Preopened};
use super::price::{self, Measure};
use super::strings::Strings;
use super::{FileIdentity, Preview1, Signature, Stop};
use crate::error::Result;
use crate::object::ValType;
use crate::state::{DescriptorBook, Descriptors};

/// As many vectors as a POSIX system takes at once (`IOV_MAX`). Reading or writing fewer than asked for is always
/// allowed, and so a guest cannot have the host list hundreds of millions.
pub const MAX_VECTORS: u32 = 1024;

/// Twice what `select` needs for 1,024 descriptors in both directions. Of a poll nothing can be left out.
pub const MAX_SUBSCRIPTIONS: u32 = 4096;

/// Why a call does not do what it should.
#[derive(Debug)]
pub enum Fail {
    /// The guest is told.
    Errno(Errno),
    /// The guest does not go on.
    Stop(Stop),
}

impl From<Errno> for Fail {
    fn from(errno: Errno) -> Self {
        Fail::Errno(errno)
    }
}

impl From<Stop> for Fail {
    fn from(stop: Stop) -> Self {
        Fail::Stop(stop)
    }
}

type Outcome = std::result::Result<(), Fail>;

/// An errno, nothing from a function without results, or no return.
type Called = std::result::Result<Option<i32>, Stop>;

type Call = fn(&Wasi, &mut Memory<'_>, &[u64]) -> Option<Outcome>;

/// What a guest is given, beside its descriptors.
pub struct Given {
    pub args: Strings,
    pub env: Strings,
    pub clocks: Rc<Clocks>,
    pub random: Random,
    pub preopened: Vec<Preopened>,
    pub wait: Box<dyn Wait>,
}

/// A guest's WASI.
pub struct Wasi {
    given: Given,
    table: RefCell<Table>,
    /// Bytes that calls have moved, and those that the entries stand for at which they have looked, since this was last asked.
    moved: Cell<u64>,
}

/// The one list of functions: name and parameters with their types. The method of [`Wasi`] of that name runs it.
///
/// An `i32` is called by what it says of the work that is to be paid for: a `length` in bytes, that of a `path`, a `count` of vectors,
/// `subs` of subscriptions.
macro_rules! functions {
    ($($name:ident($($param:ident: $ty:tt),*) $(-> $result:ident)?;)*) => {
        pub(super) static SIGNATURES: &[Signature] = &[$(Signature {
            name: stringify!($name),
            params: &[$(functions!(@type $ty)),*],
            results: &[$(functions!(@result $result))?],
        }),*];

        static MEASURES: &[&[Measure]] = &[$(&[$(functions!(@measure $ty)),*]),*];

        static CALLS: &[Call] = &[$(
            |wasi, memory, args| {
                let &[$($param),*] = args else { return None };
                Some(wasi.$name(memory, $(functions!(@arg $ty $param)),*))
            }
        ),*];
    };

    (@type i64) => { ValType::I64 };
    (@type $i32:ident) => { ValType::I32 };

    (@result errno) => { ValType::I32 };

    (@measure path) => { Measure::Path };
    (@measure length) => { Measure::Length };
    (@measure count) => { Measure::Vectors };
    (@measure subs) => { Measure::Subscriptions };
    (@measure $free:ident) => { Measure::None };

    (@arg i64 $raw:ident) => { $raw };
    (@arg $i32:ident $raw:ident) => { $raw as u32 };
}

functions! {
    args_get(argv: i32, argv_buf: i32) -> errno;
    args_sizes_get(argc: i32, argv_buf_size: i32) -> errno;
    environ_get(environ: i32, environ_buf: i32) -> errno;
    environ_sizes_get(environc: i32, environ_buf_size: i32) -> errno;
    clock_res_get(id: i32, resolution: i32) -> errno;
    clock_time_get(id: i32, precision: i64, time: i32) -> errno;
    fd_advise(fd: i32, offset: i64, len: i64, advice: i32) -> errno;
    fd_allocate(fd: i32, offset: i64, len: i64) -> errno;
    fd_close(fd: i32) -> errno;
    fd_datasync(fd: i32) -> errno;
    fd_fdstat_get(fd: i32, stat: i32) -> errno;
    fd_fdstat_set_flags(fd: i32, flags: i32) -> errno;
    fd_fdstat_set_rights(fd: i32, base: i64, inheriting: i64) -> errno;
    fd_filestat_get(fd: i32, stat: i32) -> errno;
    fd_filestat_set_size(fd: i32, size: i64) -> errno;
    fd_filestat_set_times(fd: i32, atim: i64, mtim: i64, flags: i32) -> errno;
    fd_pread(fd: i32, iovs: i32, iovs_len: count, offset: i64, nread: i32) -> errno;
    fd_prestat_get(fd: i32, prestat: i32) -> errno;
    fd_prestat_dir_name(fd: i32, path: i32, path_len: i32) -> errno;
    fd_pwrite(fd: i32, iovs: i32, iovs_len: count, offset: i64, nwritten: i32) -> errno;
    fd_read(fd: i32, iovs: i32, iovs_len: count, nread: i32) -> errno;
    fd_readdir(fd: i32, buf: i32, buf_len: i32, cookie: i64, used: i32) -> errno;
    fd_renumber(fd: i32, to: i32) -> errno;
    fd_seek(fd: i32, offset: i64, whence: i32, newoffset: i32) -> errno;
    fd_sync(fd: i32) -> errno;
    fd_tell(fd: i32, offset: i32) -> errno;
    fd_write(fd: i32, iovs: i32, iovs_len: count, nwritten: i32) -> errno;
    path_create_directory(fd: i32, path: i32, path_len: path) -> errno;
    path_filestat_get(fd: i32, flags: i32, path: i32, path_len: path, stat: i32) -> errno;
    path_filestat_set_times(fd: i32, flags: i32, path: i32, path_len: path, atim: i64, mtim: i64, fst_flags: i32)
        -> errno;
    path_link(old_fd: i32, old_flags: i32, old: i32, old_len: path, new_fd: i32, new: i32, new_len: path) -> errno;
    path_open(fd: i32, dirflags: i32, path: i32, path_len: path, oflags: i32, rights_base: i64,
        rights_inheriting: i64, fdflags: i32, opened: i32) -> errno;
    path_readlink(fd: i32, path: i32, path_len: path, buf: i32, buf_len: i32, used: i32) -> errno;
    path_remove_directory(fd: i32, path: i32, path_len: path) -> errno;
    path_rename(fd: i32, old: i32, old_len: path, new_fd: i32, new: i32, new_len: path) -> errno;
    path_symlink(old: i32, old_len: path, fd: i32, new: i32, new_len: path) -> errno;
    path_unlink_file(fd: i32, path: i32, path_len: path) -> errno;
    poll_oneoff(subscriptions: i32, events: i32, nsubscriptions: subs, nevents: i32) -> errno;
    proc_exit(code: i32);
    proc_raise(signal: i32) -> errno;
    sched_yield() -> errno;
    random_get(buf: i32, buf_len: length) -> errno;
    sock_accept(fd: i32, flags: i32, opened: i32) -> errno;
    sock_recv(fd: i32, iovs: i32, iovs_len: count, flags: i32, nread: i32, roflags: i32) -> errno;
    sock_send(fd: i32, iovs: i32, iovs_len: count, flags: i32, nwritten: i32) -> errno;
    sock_shutdown(fd: i32, how: i32) -> errno;
}

const SUCCESS: Option<i32> = Some(Errno::Success as i32);

impl Wasi {
    /// Its descriptors are `streams`, from 0 on, of which the process may have none to pass on, then the preopened folders, then
    /// `listeners`.
    pub fn new(given: Given, streams: [Option<Slot>; 3], listeners: Vec<Rc<dyn File>>) -> Self {
        let mut table = Table::default();
        for (fd, slot) in (0..).zip(streams) {
            if let Some(slot) = slot {
                table.put(fd, slot);
            }
        }
        let folders = given.preopened.iter().map(|preopened| {
            let name = Some(preopened.guest.clone());
            Slot::folder(preopened.folder.clone(), name)
        });
        let listeners = listeners
            .into_iter()
            .map(|listener| Slot::file(listener, Rights::OF_LISTENER));
        for (fd, slot) in (3..).zip(folders.chain(listeners)) {
            table.put(fd, slot);
        }
        Wasi {
            given,
            table: RefCell::new(table),
            moved: Cell::default(),
        }
    }

    /// Closes a descriptor, if it is open.
    #[cfg(any(test, feature = "fuzzing"))]
    #[cfg_attr(not(test), allow(dead_code, reason = "for tests"))]
    pub fn close(&self, fd: u32) {
        self.table.borrow_mut().take(fd);
    }

    /// Puts a file of the test's own at a descriptor.
    #[cfg(any(test, feature = "fuzzing"))]
    #[cfg_attr(not(test), allow(dead_code, reason = "for tests"))]
    pub fn insert(&self, fd: u32, slot: Slot) {
        self.table.borrow_mut().put(fd, slot);
    }

    /// Notes that a call has moved this much. The guest's memory does not tell: a guest chooses where a call writes what, and may have one result
    /// written over another.
    fn add_moved(&self, bytes: u64) {
        self.moved.set(self.moved.get().saturating_add(bytes));
    }

    /// What `fd` is, for what needs `right`. A handle: nothing stays borrowed, since a callback of the host may get here again.
    fn slot(&self, fd: u32, right: Rights) -> std::result::Result<Rc<Slot>, Errno> {
        let slot = self.table.borrow().get(fd).ok_or(Errno::Badf)?;
        match slot.dropped.get().meets(right) {
            true => Err(Errno::Notcapable),
            false => Ok(slot),
        }
    }

    fn file(&self, fd: u32, right: Rights) -> std::result::Result<Rc<dyn File>, Errno> {
        match &self.slot(fd, right)?.kind {
            Kind::File(file) => Ok(file.clone()),
            Kind::Folder { .. } => Err(Errno::Badf),
        }
    }

    fn folder(&self, fd: u32, right: Rights) -> std::result::Result<Rc<dyn Folder>, Errno> {
        match &self.slot(fd, right)?.kind {
            Kind::Folder { folder, .. } => Ok(folder.clone()),
            Kind::File(_) => Err(Errno::Badf),
        }
    }
}

impl Descriptors for Wasi {
    fn opened(&self) -> Vec<(u32, String)> {
        self.table.borrow().opened().collect()
    }

    fn kept(&self) -> DescriptorBook {
        self.table.borrow_mut().kept()
    }

    fn put_back(&self, book: &DescriptorBook) {
        let closed = self.table.borrow_mut().put_back(book);
        // What is closed may call the host, and that the table.
        drop(closed);
    }
}

impl Preview1 for Wasi {
    fn functions(&self) -> &'static [Signature] {
        SIGNATURES
    }

    fn call(&self, index: usize, memory: &mut [u8], args: &[u64]) -> Called {
        let measures = MEASURES.get(index).copied().unwrap_or_default();
        if price::has_long_path(measures, args) {
            return Ok(Some(Errno::Nametoolong as i32));
        }
        let Some(call) = CALLS.get(index) else {
            return Err(Stop::Trap(format!("no WASI function has index {index}")));
        };
        match call(self, &mut Memory::new(memory), args) {
            Some(Ok(())) => Ok(SUCCESS),
            Some(Err(Fail::Errno(errno))) => Ok(Some(errno as i32)),
            Some(Err(Fail::Stop(Stop::Trap(text)))) => {
                let name = SIGNATURES.get(index).map_or("", |function| function.name);
                Err(Stop::Trap(format!("{name}: {text}")))
            }
            Some(Err(Fail::Stop(stop))) => Err(stop),
            None => {
                let name = SIGNATURES.get(index).map_or("", |function| function.name);
                let text = format!("{name} called with {} arguments", args.len());
                Err(Stop::Trap(text))
            }
        }
    }

    fn units_asked(&self, index: usize, memory_size: u64, args: &[u64]) -> u64 {
        let measures = MEASURES.get(index).copied().unwrap_or_default();
        price::asked(measures, args, memory_size)
    }

    fn units_moved(&self) -> u64 {
        price::of_bytes(self.moved.take())
    }

    fn open_file(&self, guest_path: &str, room: u64) -> Result<(Vec<u8>, FileIdentity)> {
        guest_files::read(&self.given.preopened, guest_path, room)
    }
}
