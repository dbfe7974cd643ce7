//! What WASI needs of a system that is neither Unix nor a page, by Rust's own library.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

pub use std::env::vars_os as variables;
pub use std::thread::sleep;

/// Nanoseconds. What is before 1970 is 1970, and what no 64 bits hold (after 2554) the last that they do.
pub fn since_1970() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

/// Nanoseconds between two times that can be told apart: what Windows counts in.
pub fn resolution(_realtime: bool) -> u64 {
    100
}

/// Fills with random numbers of the system.
pub fn random(to: &mut [u8]) -> io::Result<()> {
    getrandom::fill(to).map_err(|_| io::ErrorKind::Other.into())
}
