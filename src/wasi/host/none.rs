//! No system at all, as where the library is a module in a page: guests have folders in memory and behind callbacks, and streams that the
//! host reads and writes. What would be of a system is refused.

use std::ffi::OsString;
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::rc::Rc;

use super::Inherited;
use crate::wasi::descriptors::Descriptors;
use crate::wasi::preview1::descriptor::{File, Folder};
use crate::wasi::preview1::types::Clockid;

pub use crate::platform::{random, since_1970};

/// Nobody counts them.
pub fn most_descriptors() -> Option<u32> {
    None
}

/// Nanoseconds between two times of a clock that can be told apart: what pages are given at best.
pub fn resolution(clock: Clockid) -> u64 {
    match clock {
        Clockid::Realtime => 1_000_000,
        Clockid::Monotonic | Clockid::Cpu => 5_000,
    }
}

/// There are none.
pub fn variables() -> impl Iterator<Item = (OsString, OsString)> {
    std::iter::empty()
}

pub fn folders(_: &Path, _: [&Descriptors; 2]) -> io::Result<[Rc<dyn Folder>; 2]> {
    Err(unsupported(
        "there are no folders of a system here: give guests one in memory or behind callbacks",
    ))
}

pub fn inherited(_: Inherited) -> io::Result<Rc<dyn File>> {
    Err(io::ErrorKind::Unsupported.into())
}

pub fn listener(_: &TcpListener, _: Descriptors) -> io::Result<Rc<dyn File>> {
    Err(unsupported("there are no sockets here"))
}

pub fn listening(_: i32) -> io::Result<TcpListener> {
    Err(unsupported("there are no sockets here"))
}

fn unsupported(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, why)
}
