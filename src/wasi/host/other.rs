//! Where the library opens nothing of a system, as in pages: guests have folders in memory, of archives and behind callbacks, and streams.
//! What would be a folder or a socket of the system is refused.

use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::rc::Rc;

use super::Inherited;
use crate::wasi::descriptors::Descriptors;
use crate::wasi::preview1::descriptor::{File, Folder};
use crate::wasi::preview1::types::Clockid;

pub use crate::platform::{random, since_1970, variables};

/// What guests open is no descriptor of the process.
pub fn most_descriptors() -> Option<u32> {
    None
}

/// Nanoseconds between two times of a clock that can be told apart.
pub fn resolution(clock: Clockid) -> u64 {
    crate::platform::resolution(clock == Clockid::Realtime)
}

/// Nobody can say where they would lead.
pub fn inherited(_: Inherited) -> io::Result<Rc<dyn File>> {
    Err(io::ErrorKind::Unsupported.into())
}

pub fn folders(_: &Path, _: [&Descriptors; 2]) -> io::Result<[Rc<dyn Folder>; 2]> {
    Err(unsupported(
        "folders of this system are not opened for guests: give them one in memory, of an archive or behind callbacks",
    ))
}

pub fn listener(_: &TcpListener, _: Descriptors) -> io::Result<Rc<dyn File>> {
    Err(unsupported(
        "sockets of this system are not given to guests",
    ))
}

pub fn listening(_: i32) -> io::Result<TcpListener> {
    Err(unsupported(
        "sockets of this system are not given to guests",
    ))
}

fn unsupported(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, why)
}
