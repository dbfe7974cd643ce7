//! Where the library opens nothing of a system, as on Windows and in pages: guests have folders in memory, of archives and behind callbacks, and streams.
//! What would be a folder or a socket of the system is refused.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use super::Inherited;
use crate::wasi::descriptors::Descriptors;
use crate::wasi::preview1::descriptor::{File, Folder};
use crate::wasi::preview1::types::Clockid;
use crate::wasi::stdio::Stream;

pub use crate::platform::{random, since_1970, variables};

/// What guests open is no descriptor of the process.
pub fn most_descriptors() -> Option<u32> {
    None
}

/// Nanoseconds between two times of a clock that can be told apart.
pub fn resolution(clock: Clockid) -> u64 {
    crate::platform::resolution(clock == Clockid::Realtime)
}

/// By Rust's own streams, which a poll finds always ready. In a page they lead nowhere.
pub fn inherited(own: Inherited) -> io::Result<Rc<dyn File>> {
    if cfg!(target_family = "wasm") {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Ok(Rc::new(match own {
        Inherited::Stdin => Stream::Read(Arc::new(Mutex::new(|to: &mut [u8]| {
            io::stdin().lock().read(to)
        }))),
        Inherited::Stdout => Stream::Write(Arc::new(Mutex::new(|from: &[u8]| {
            write(io::stdout().lock(), from)
        }))),
        Inherited::Stderr => Stream::Write(Arc::new(Mutex::new(|from: &[u8]| {
            write(io::stderr().lock(), from)
        }))),
    }))
}

fn write(mut to: impl Write, from: &[u8]) -> io::Result<()> {
    to.write_all(from)?;
    to.flush()
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
