//! WASI preview1, seen from the linker: a table of functions that work on the guest's memory.
//!
//! Nothing here knows an engine. The linker makes a host function of each [`Signature`], and in it fetches the
//! guest's memory and hands over the arguments as raw 64-bit values. What stands behind the trait can be replaced;
//! [`WasiConfig::build`] gives one of our own (`preview1/`) over files and sockets of the host (`host/`).

mod config;
mod descriptors;
mod errno;
mod guest_files;
mod host;
mod preview1;
mod price;
mod read_only;
mod stdio;
mod strings;
#[cfg(any(all(unix, any(test, feature = "fuzzing")), all(windows, test)))]
#[cfg_attr(
    not(test),
    allow(dead_code, unused_imports, reason = "fuzzers use a part of it")
)]
pub(crate) mod tests;
mod tree;

pub use config::{Preopen, Source, WasiConfig};
pub use errno::host_error;
pub use preview1::{ClockScale, HostClocks};
pub use stdio::{Input, Output, OutputBuffer};
pub use tree::{
    Access, ArchiveTree, Hosted, HostedKind, HostedStat, HostedTree, MemoryLimits, MemoryTree,
};

use std::time::SystemTime;

use crate::error::{Code, Error, Result};
use crate::object::{FuncType, ValType};
use crate::state::Descriptors;

/// The module name under which guests import these functions.
pub const MODULE: &str = "wasi_snapshot_preview1";

/// A function's name and type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    pub name: &'static str,
    /// `I32` and `I64` only.
    pub params: &'static [ValType],
    /// `[I32]`, the errno; empty for `proc_exit` alone.
    pub results: &'static [ValType],
}

impl Signature {
    pub fn ty(&self) -> FuncType {
        FuncType {
            params: self.params.to_vec(),
            results: self.results.to_vec(),
        }
    }
}

/// The functions of what [`WasiConfig::build`] gives.
pub fn functions() -> &'static [Signature] {
    preview1::SIGNATURES
}

/// Why a call does not return to the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The guest asked to end with this code. It is to travel beside the trap that unwinds the guest, not in its text.
    Exit(i32),
    /// The guest broke a rule (a pointer out of bounds, for instance) or something is wrong with the host.
    /// Never empty, and without NUL.
    Trap(String),
}

/// What tells one file of the host from another, whatever its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    pub device: u64,
    pub inode: u64,
    /// When the file was made, where the system knows: the number of a file that was deleted is given to another one.
    pub born: Option<SystemTime>,
}

/// A WASI implementation. No engine types.
pub trait Preview1: Descriptors {
    /// Every function there is. Always the same slice.
    fn functions(&self) -> &'static [Signature];

    /// Calls function `index` of [`functions`](Self::functions).
    ///
    /// `memory` is the guest's memory as it is now, its base aligned to 8 bytes at least. `args` are the raw values
    /// of the parameters, an `i32` in the low half (the high half is ignored). The result is `None` for a function
    /// without results.
    ///
    /// Whatever the guest passes leads to an errno or to a [`Stop`]. The caller guards against panics all the same,
    /// since callbacks of the host and a good deal of foreign code run in here.
    ///
    /// Until this returns **no guest code may run on `memory`**: the guest could grow it, which may move it while this
    /// call still holds the slice. A host callback for stdio runs inside this call, so whoever lets the host call
    /// guests has to refuse it there. (Calls nested in a callback are sound as far as this trait is concerned.)
    fn call(
        &self,
        index: usize,
        memory: &mut [u8],
        args: &[u64],
    ) -> std::result::Result<Option<i32>, Stop>;

    /// What a call costs of a guest's budget for what its arguments ask, told before it is made, in the units of the checks in modules. The same
    /// arguments, with as many bytes of memory, cost the same each time.
    fn units_asked(&self, index: usize, memory_size: u64, args: &[u64]) -> u64 {
        let _ = (index, memory_size, args);
        0
    }

    /// What the call that has just returned costs besides, for what it has moved and looked at. To be asked once after each.
    fn units_moved(&self) -> u64 {
        0
    }

    /// Reads the file that `guest_path` names, through the preopened directories alone. Of one that does not begin as a module its first bytes are enough.
    /// A module of more than `room` bytes is refused (`Code::Limit`) before it is read.
    fn open_file(&self, guest_path: &str, room: u64) -> Result<(Vec<u8>, FileIdentity)> {
        let _ = room;
        Err(Error::new(
            Code::Unsupported,
            format!(
                "cannot open `{guest_path}`: this WASI implementation gives the linker no access to files"
            ),
        ))
    }
}
