//! What the library takes from the operating system beyond Rust's own library. `unix.rs` has it for Unix; `other.rs` has the same names for
//! every other system, where each is a plain substitute or says that there is none, but for libraries that are opened at run time: `windows.rs` opens
//! them on Windows. What is in none of these (waiting, signals, forks) is left out there by whoever has it.

#[cfg(not(target_family = "wasm"))]
pub use std::env::split_paths;
use std::path::PathBuf;
#[cfg(not(target_family = "wasm"))]
pub use std::time::Instant;

#[cfg(not(any(unix, windows)))]
mod linked;
#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(target_family = "wasm")]
mod page;

#[cfg(not(any(unix, windows)))]
pub use linked::*;
#[cfg(not(unix))]
pub use other::*;
#[cfg(all(
    target_family = "wasm",
    any(feature = "lean", feature = "lean-when-linked")
))]
pub use page::ask_second;
#[cfg(all(target_family = "wasm", feature = "lean-when-linked"))]
pub use page::is_lean;
#[cfg(target_family = "wasm")]
pub use page::{Instant, process, split_paths};
#[cfg(all(target_family = "wasm", feature = "wasi"))]
pub use page::{random, resolution, since_1970, sleep, variables};
#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;

/// The number of this process.
#[cfg(not(target_family = "wasm"))]
pub fn process() -> u32 {
    std::process::id()
}

/// What tells a file from all others, and from itself at another time.
pub struct FileFacts {
    pub device: u64,
    pub inode: u64,
    /// Seconds and nanoseconds since 1970.
    pub modified: (i64, i64),
    /// The last change of the file or of what belongs to it: links, owner, permissions.
    pub changed: (i64, i64),
}

/// Who runs this process: user, group, and all further groups.
pub type User = (u32, u32, Vec<u32>);

/// The program or shared library that holds an address.
pub struct Holder {
    /// Where it is loaded.
    pub base: usize,
    pub file: Option<PathBuf>,
}
