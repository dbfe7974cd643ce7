//! Sockets: those that listen, which the host gives, and the connections that come by them.
//!
//! The system never waits in them. A guest that is to wait does so here, where it can be stopped.

use std::cell::Cell;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::rc::Rc;

use super::system::{available, pollable};
use super::wait;
use crate::control::Pollable;
use crate::wasi::descriptors::{Descriptors, Taken};
use crate::wasi::preview1::descriptor::{File, Result};
use crate::wasi::preview1::types::{Errno, Fdflags, Filetype, Riflags, Sdflags};

struct Listener {
    socket: TcpListener,
    nonblock: Cell<bool>,
    descriptors: Descriptors,
}

/// A guest's own descriptor of `socket`, whose connections count among those of `descriptors`.
pub fn listener(socket: &TcpListener, descriptors: Descriptors) -> io::Result<Rc<dyn File>> {
    let socket = socket.try_clone()?;
    socket.set_nonblocking(true)?;
    Ok(Rc::new(Listener {
        socket,
        nonblock: Cell::new(false),
        descriptors,
    }))
}

impl File for Listener {
    fn filetype(&self) -> Filetype {
        Filetype::SocketStream
    }

    fn flags(&self) -> Result<Fdflags> {
        Ok(flags(&self.nonblock))
    }

    fn set_flags(&self, flags: Fdflags) -> Result<()> {
        set_flags(&self.nonblock, flags)
    }

    fn pollable(&self) -> Option<Pollable<'_>> {
        Some(pollable(&self.socket))
    }

    fn accept(&self, flags: Fdflags) -> Result<Rc<dyn File>> {
        let taken = self.descriptors.take()?;
        let (socket, _) = patiently(pollable(&self.socket), &self.nonblock, false, || {
            self.socket.accept()
        })?;
        socket.set_nonblocking(true)?;
        Ok(Rc::new(Connection {
            socket,
            nonblock: Cell::new(flags.has(Fdflags::NONBLOCK)),
            _taken: taken,
        }))
    }
}

struct Connection {
    socket: TcpStream,
    nonblock: Cell<bool>,
    /// Room among the guest's descriptors, until this one is closed.
    _taken: Taken,
}

/// What is received at a time where all is to be waited for.
const MOST: usize = 1 << 20;

impl File for Connection {
    fn filetype(&self) -> Filetype {
        Filetype::SocketStream
    }

    fn flags(&self) -> Result<Fdflags> {
        Ok(flags(&self.nonblock))
    }

    fn set_flags(&self, flags: Fdflags) -> Result<()> {
        set_flags(&self.nonblock, flags)
    }

    fn pollable(&self) -> Option<Pollable<'_>> {
        Some(pollable(&self.socket))
    }

    fn ready_bytes(&self) -> u64 {
        available(&self.socket).unwrap_or(1)
    }

    fn read(&self, to: &mut [u8]) -> Result<usize> {
        self.receive(to, Riflags::NONE)
    }

    fn write(&self, from: &[IoSlice<'_>]) -> Result<usize> {
        self.send(from)
    }

    fn receive(&self, to: &mut [u8], flags: Riflags) -> Result<usize> {
        let once = |to: &mut [u8]| {
            patiently(
                pollable(&self.socket),
                &self.nonblock,
                false,
                || match flags.has(Riflags::PEEK) {
                    true => self.socket.peek(to),
                    false => (&self.socket).read(to),
                },
            )
        };
        if !flags.has(Riflags::WAITALL) || flags.has(Riflags::PEEK) {
            return once(to);
        }
        let mut done = 0;
        let most = to.len().min(MOST);
        while let Some(left) = to.get_mut(done..most).filter(|left| !left.is_empty()) {
            match once(left) {
                Ok(0) => break,
                Ok(read) => done += read,
                // What came is the guest's. The error comes again with the next call.
                Err(_) if done > 0 => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok(done)
    }

    fn send(&self, from: &[IoSlice<'_>]) -> Result<usize> {
        // One part at a time: Rust's `write_vectored` raises a signal where the other side is gone, and `write` does not.
        let first = from.first().map_or(&[][..], |part| part);
        patiently(pollable(&self.socket), &self.nonblock, true, || {
            (&self.socket).write(first)
        })
    }

    fn shutdown(&self, how: Sdflags) -> Result<()> {
        let how = match (how.has(Sdflags::RD), how.has(Sdflags::WR)) {
            (true, true) => Shutdown::Both,
            (true, false) => Shutdown::Read,
            (false, true) => Shutdown::Write,
            (false, false) => return Err(Errno::Inval),
        };
        Ok(self.socket.shutdown(how)?)
    }
}

/// What the call gives once it does not have to wait; `EAGAIN` at once where the guest has asked for that.
fn patiently<T>(
    socket: Pollable<'_>,
    nonblock: &Cell<bool>,
    write: bool,
    mut call: impl FnMut() -> io::Result<T>,
) -> Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !nonblock.get() => {
                wait(socket, write)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return Ok(other?),
        }
    }
}

fn flags(nonblock: &Cell<bool>) -> Fdflags {
    match nonblock.get() {
        true => Fdflags::NONBLOCK,
        false => Fdflags::NONE,
    }
}

fn set_flags(nonblock: &Cell<bool>, flags: Fdflags) -> Result<()> {
    if !Fdflags::NONBLOCK.has(flags) {
        return Err(Errno::Notsup);
    }
    nonblock.set(flags.has(Fdflags::NONBLOCK));
    Ok(())
}
