//! Preview1 backed by `wasi-common`, of which only the engine-neutral part is used: the functions that wiggle
//! generates, which take the guest's memory as a slice. They are `async` in form only; with the synchronous context
//! they finish when polled once.

use std::cell::RefCell;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wasi_common::WasiCtx;
use wasi_common::snapshots::preview_1::types::Errno;
use wasi_common::snapshots::preview_1::wasi_snapshot_preview1 as preview1;
use wiggle::GuestMemory;

use super::descriptors::Listed;
use super::errno::{Raw, finish, trap};
use super::paths::{self, Preopened};
use super::price::{self, Measure};
use super::strings::Strings;
use super::{FileIdentity, Preview1, Signature, Stop};
use crate::control;
use crate::error::Result;
use crate::object::ValType;

/// As many vectors as a POSIX system takes at once (`IOV_MAX`). Reading or writing fewer than asked for is always
/// allowed, and so a guest cannot have the host list hundreds of millions.
pub(super) const MAX_VECTORS: u32 = 1024;

/// Twice what `select` needs for 1,024 descriptors in both directions. Of a poll nothing can be left out.
pub(super) const MAX_SUBSCRIPTIONS: u32 = 4096;

/// A guest's WASI context.
pub struct Common {
    ctx: RefCell<WasiCtx>,
    args: Strings,
    env: Strings,
    preopened: Vec<Preopened>,
    /// What its folders count.
    listed: Listed,
}

/// An errno, nothing from a function without results, or no return.
type Called = std::result::Result<Option<i32>, Stop>;

type Call = fn(&Common, &mut [u8], &[u64]) -> Called;

/// The one list of functions: name, parameters with their types, and what runs them.
///
/// `wiggle` takes wasi-common's function of that name, whose Rust type checks the parameter list; `own` takes the
/// method of [`Common`]. An `i32` is called by what it says of the work that is to be paid for: a `length` in bytes, that of a `path`, a `count` of vectors,
/// `subs` of subscriptions, `moved` where the call writes how many bytes it has moved.
macro_rules! functions {
    ($($who:ident $name:ident($($param:ident: $ty:tt),*) $(-> $result:ident)?;)*) => {
        pub(super) static SIGNATURES: &[Signature] = &[$(Signature {
            name: stringify!($name),
            params: &[$(functions!(@type $ty)),*],
            results: &[$(functions!(@type $result))?],
        }),*];

        static MEASURES: &[&[Measure]] = &[$(&[$(functions!(@measure $ty)),*]),*];

        static CALLS: &[Call] = &[$(
            |common, memory, args| {
                let &[$($param),*] = args else {
                    return Err(trap(format!(concat!(stringify!($name), " called with {} arguments"), args.len())));
                };
                functions!(@call $who $name common memory [$(functions!(@arg $ty $param)),*])
            }
        ),*];
    };

    (@type i64) => { ValType::I64 };
    (@type $i32:ident) => { ValType::I32 };

    (@measure path) => { Measure::Path };
    (@measure length) => { Measure::Length };
    (@measure count) => { Measure::Vectors };
    (@measure subs) => { Measure::Subscriptions };
    (@measure moved) => { Measure::Moved };
    (@measure $free:ident) => { Measure::None };

    (@arg i64 $raw:ident) => { $raw as i64 };
    (@arg count $raw:ident) => { ($raw as u32).min(MAX_VECTORS) as i32 };
    (@arg $i32:ident $raw:ident) => { $raw as u32 as i32 };

    (@call own $name:ident $common:ident $memory:ident [$($arg:expr),*]) => {
        $common.$name($memory, $($arg),*)
    };
    (@call wiggle $name:ident $common:ident $memory:ident [$($arg:expr),*]) => {
        run(
            stringify!($name),
            preview1::$name(&mut $common.context()?, &mut GuestMemory::Unshared($memory), $($arg),*),
        )
    };
}

functions! {
    own args_get(argv: i32, argv_buf: i32) -> errno;
    own args_sizes_get(argc: i32, argv_buf_size: i32) -> errno;
    own environ_get(environ: i32, environ_buf: i32) -> errno;
    own environ_sizes_get(environc: i32, environ_buf_size: i32) -> errno;
    wiggle clock_res_get(id: i32, resolution: i32) -> errno;
    wiggle clock_time_get(id: i32, precision: i64, time: i32) -> errno;
    wiggle fd_advise(fd: i32, offset: i64, len: i64, advice: i32) -> errno;
    wiggle fd_allocate(fd: i32, offset: i64, len: i64) -> errno;
    wiggle fd_close(fd: i32) -> errno;
    wiggle fd_datasync(fd: i32) -> errno;
    wiggle fd_fdstat_get(fd: i32, stat: i32) -> errno;
    own fd_fdstat_set_flags(fd: i32, flags: i32) -> errno;
    wiggle fd_fdstat_set_rights(fd: i32, base: i64, inheriting: i64) -> errno;
    wiggle fd_filestat_get(fd: i32, stat: i32) -> errno;
    wiggle fd_filestat_set_size(fd: i32, size: i64) -> errno;
    wiggle fd_filestat_set_times(fd: i32, atim: i64, mtim: i64, flags: i32) -> errno;
    wiggle fd_pread(fd: i32, iovs: i32, iovs_len: count, offset: i64, nread: moved) -> errno;
    wiggle fd_prestat_get(fd: i32, prestat: i32) -> errno;
    wiggle fd_prestat_dir_name(fd: i32, path: i32, path_len: i32) -> errno;
    wiggle fd_pwrite(fd: i32, iovs: i32, iovs_len: count, offset: i64, nwritten: moved) -> errno;
    wiggle fd_read(fd: i32, iovs: i32, iovs_len: count, nread: moved) -> errno;
    wiggle fd_readdir(fd: i32, buf: i32, buf_len: i32, cookie: i64, used: moved) -> errno;
    wiggle fd_renumber(fd: i32, to: i32) -> errno;
    wiggle fd_seek(fd: i32, offset: i64, whence: i32, newoffset: i32) -> errno;
    wiggle fd_sync(fd: i32) -> errno;
    wiggle fd_tell(fd: i32, offset: i32) -> errno;
    wiggle fd_write(fd: i32, iovs: i32, iovs_len: count, nwritten: moved) -> errno;
    wiggle path_create_directory(fd: i32, path: i32, path_len: path) -> errno;
    wiggle path_filestat_get(fd: i32, flags: i32, path: i32, path_len: path, stat: i32) -> errno;
    wiggle path_filestat_set_times(fd: i32, flags: i32, path: i32, path_len: path, atim: i64, mtim: i64, fst_flags: i32)
        -> errno;
    wiggle path_link(old_fd: i32, old_flags: i32, old: i32, old_len: path, new_fd: i32, new: i32, new_len: path) -> errno;
    wiggle path_open(fd: i32, dirflags: i32, path: i32, path_len: path, oflags: i32, rights_base: i64,
        rights_inheriting: i64, fdflags: i32, opened: i32) -> errno;
    wiggle path_readlink(fd: i32, path: i32, path_len: path, buf: i32, buf_len: i32, used: moved) -> errno;
    wiggle path_remove_directory(fd: i32, path: i32, path_len: path) -> errno;
    wiggle path_rename(fd: i32, old: i32, old_len: path, new_fd: i32, new: i32, new_len: path) -> errno;
    wiggle path_symlink(old: i32, old_len: path, fd: i32, new: i32, new_len: path) -> errno;
    wiggle path_unlink_file(fd: i32, path: i32, path_len: path) -> errno;
    own poll_oneoff(subscriptions: i32, events: i32, nsubscriptions: subs, nevents: i32) -> errno;
    own proc_exit(code: i32);
    wiggle proc_raise(signal: i32) -> errno;
    wiggle sched_yield() -> errno;
    own random_get(buf: i32, buf_len: length) -> errno;
    wiggle sock_accept(fd: i32, flags: i32, opened: i32) -> errno;
    wiggle sock_recv(fd: i32, iovs: i32, iovs_len: count, flags: i32, nread: moved, roflags: i32) -> errno;
    wiggle sock_send(fd: i32, iovs: i32, iovs_len: count, flags: i32, nwritten: moved) -> errno;
    wiggle sock_shutdown(fd: i32, how: i32) -> errno;
}

/// Polls `future` once. `None` if it is not done then, which none of the synchronous kind does.
pub fn once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

fn run(function: &str, future: impl Future<Output = Raw>) -> Called {
    match once(future) {
        Some(raw) => finish(function, raw).map(Some),
        None => Err(trap(format!("{function} did not finish (internal error)"))),
    }
}

const SUCCESS: Option<i32> = Some(Errno::Success as i32);

impl Common {
    pub fn new(
        ctx: WasiCtx,
        args: Strings,
        env: Strings,
        preopened: Vec<Preopened>,
        listed: Listed,
    ) -> Self {
        Common {
            ctx: RefCell::new(ctx),
            args,
            env,
            preopened,
            listed,
        }
    }

    /// Closes a descriptor, if it is open.
    pub fn close(&self, fd: u32) {
        if let Ok(mut ctx) = self.context() {
            let mut no_memory = [];
            let memory = &mut GuestMemory::Unshared(&mut no_memory);
            // The only failure is that it is not open.
            let _ = once(preview1::fd_close(&mut ctx, memory, fd as i32));
        }
    }

    /// Puts a file of the test's own at a descriptor.
    #[cfg(test)]
    pub fn insert(
        &self,
        fd: u32,
        file: Box<dyn wasi_common::WasiFile>,
        mode: wasi_common::file::FileAccessMode,
    ) {
        self.ctx.borrow().insert_file(fd, file, mode);
    }

    /// A handle of the context for one call. Nothing stays borrowed, since a host callback may get here again.
    fn context(&self) -> std::result::Result<WasiCtx, Stop> {
        match self.ctx.try_borrow() {
            Ok(ctx) => Ok(ctx.clone()),
            Err(_) => Err(trap("WASI context in use (internal error)".into())),
        }
    }

    fn args_get(&self, memory: &mut [u8], argv: i32, argv_buf: i32) -> Called {
        self.args.get(memory, argv, argv_buf)?;
        Ok(SUCCESS)
    }

    fn args_sizes_get(&self, memory: &mut [u8], argc: i32, size: i32) -> Called {
        self.args.sizes(memory, argc, size)?;
        Ok(SUCCESS)
    }

    fn environ_get(&self, memory: &mut [u8], environ: i32, environ_buf: i32) -> Called {
        self.env.get(memory, environ, environ_buf)?;
        Ok(SUCCESS)
    }

    fn environ_sizes_get(&self, memory: &mut [u8], environc: i32, size: i32) -> Called {
        self.env.sizes(memory, environc, size)?;
        Ok(SUCCESS)
    }

    /// wasi-common needs the context to itself here: with the usual second handle it would say `ENOTSUP`. It still
    /// does in a call nested in a host callback.
    fn fd_fdstat_set_flags(&self, memory: &mut [u8], fd: i32, flags: i32) -> Called {
        let Ok(mut ctx) = self.ctx.try_borrow_mut() else {
            return Ok(Some(Errno::Notsup as i32));
        };
        run(
            "fd_fdstat_set_flags",
            preview1::fd_fdstat_set_flags(&mut *ctx, &mut GuestMemory::Unshared(memory), fd, flags),
        )
    }

    fn poll_oneoff(
        &self,
        memory: &mut [u8],
        subscriptions: i32,
        events: i32,
        nsubscriptions: i32,
        nevents: i32,
    ) -> Called {
        if nsubscriptions as u32 > MAX_SUBSCRIPTIONS {
            return Ok(Some(Errno::Inval as i32));
        }
        run(
            "poll_oneoff",
            preview1::poll_oneoff(
                &mut self.context()?,
                &mut GuestMemory::Unshared(memory),
                subscriptions,
                events,
                nsubscriptions,
                nevents,
            ),
        )
    }

    /// In pieces, between which the guest may be stopped.
    fn random_get(&self, memory: &mut [u8], buf: i32, len: i32) -> Called {
        const PIECE: u32 = 1 << 20;
        let (mut at, mut left) = (buf as u32, len as u32);
        loop {
            let piece = left.min(PIECE);
            let context = &mut self.context()?;
            let memory = &mut GuestMemory::Unshared(&mut *memory);
            let got = run(
                "random_get",
                preview1::random_get(context, memory, at as i32, piece as i32),
            )?;
            (at, left) = (at.wrapping_add(piece), left.saturating_sub(piece));
            if got != SUCCESS || left == 0 {
                return Ok(got);
            }
            if control::wanted().is_some() {
                return Ok(Some(Errno::Intr as i32));
            }
        }
    }

    /// wasi-common would trap on a code of 126 or more; C programs do exit with 127 and 255.
    fn proc_exit(&self, _: &mut [u8], code: i32) -> Called {
        Err(Stop::Exit(code))
    }
}

impl Preview1 for Common {
    fn functions(&self) -> &'static [Signature] {
        SIGNATURES
    }

    fn call(&self, index: usize, memory: &mut [u8], args: &[u64]) -> Called {
        let measures = MEASURES.get(index).copied().unwrap_or_default();
        if price::has_long_path(measures, args) {
            return Ok(Some(Errno::Nametoolong as i32));
        }
        match CALLS.get(index) {
            Some(call) => call(self, memory, args),
            None => Err(trap(format!("no WASI function has index {index}"))),
        }
    }

    fn units_asked(&self, index: usize, memory_size: u64, args: &[u64]) -> u64 {
        let measures = MEASURES.get(index).copied().unwrap_or_default();
        price::asked(measures, args, memory_size)
    }

    fn units_moved(&self, index: usize, memory: &[u8], args: &[u64], outcome: Option<i32>) -> u64 {
        let name = SIGNATURES.get(index).map_or("", |function| function.name);
        let untold = match name {
            "args_get" => self.args.size(),
            "environ_get" => self.env.size(),
            _ => self.listed.take().saturating_mul(price::ENTRY),
        };
        let measures = MEASURES.get(index).copied().unwrap_or_default();
        let moved = match outcome == SUCCESS {
            true => price::moved(measures, args, memory),
            false => 0,
        };
        price::of_bytes(untold.saturating_add(moved))
    }

    fn open_file(&self, guest_path: &str) -> Result<(Vec<u8>, FileIdentity)> {
        paths::read(&self.preopened, guest_path)
    }
}
