//! The console, by Rust's own streams, which turn its UTF-16 into UTF-8 and back. The end of a line is `\n` for guests, as a terminal of Unix has it.

use std::cell::RefCell;
use std::io::{self, IoSlice, Read, Write};
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle};

use windows_sys::Win32::System::Console::GetConsoleMode;

use super::super::{Inherited, wait};
use crate::control::{self, Pollable};
use crate::wasi::preview1::descriptor::{File, Result};
use crate::wasi::preview1::types::{Errno, Fdflags, Filetype};

pub struct Console {
    own: Inherited,
    handle: OwnedHandle,
    /// What was typed and not read yet.
    left: RefCell<Vec<u8>>,
}

/// A console gives a line at a time, and this much of a long one.
const AT_A_TIME: usize = 8 << 10;

pub fn is_one(handle: BorrowedHandle<'_>) -> bool {
    let mut mode = 0;
    // SAFETY: an open handle, and a place for the mode.
    unsafe { GetConsoleMode(handle.as_raw_handle(), &raw mut mode) != 0 }
}

impl Console {
    pub fn new(own: Inherited, handle: BorrowedHandle<'_>) -> io::Result<Console> {
        Ok(Console {
            own,
            handle: handle.try_clone_to_owned()?,
            left: RefCell::default(),
        })
    }

    /// Moves what is left to the guest.
    fn take(&self, to: &mut [u8]) -> usize {
        let mut left = self.left.borrow_mut();
        let length = left.len().min(to.len());
        for (to, from) in to.iter_mut().zip(left.drain(..length)) {
            *to = from;
        }
        length
    }
}

impl File for Console {
    fn filetype(&self) -> Filetype {
        Filetype::CharacterDevice
    }

    fn flags(&self) -> Result<Fdflags> {
        Ok(Fdflags::NONE)
    }

    fn read(&self, to: &mut [u8]) -> Result<usize> {
        if !matches!(self.own, Inherited::Stdin) {
            return Err(Errno::Badf);
        }
        let read = self.take(to);
        if read > 0 || to.is_empty() {
            return Ok(read);
        }
        // Until somebody types. From then on the system waits for the end of the line.
        if control::is_watched() {
            wait(Pollable::Console(self.handle.as_handle()), false)?;
        }
        loop {
            let mut line = vec![0; AT_A_TIME];
            let read = io::stdin().lock().read(&mut line)?;
            line.truncate(read);
            // The system ends lines by both.
            line.retain(|&byte| byte != b'\r');
            // Nothing is left of a piece that was the first of both: it was not the end.
            if read == 0 || !line.is_empty() {
                *self.left.borrow_mut() = line;
                return Ok(self.take(to));
            }
        }
    }

    fn write(&self, from: &[IoSlice<'_>]) -> Result<usize> {
        let mut done = 0usize;
        for part in from {
            let written = match self.own {
                Inherited::Stdin => return Err(Errno::Badf),
                Inherited::Stdout => {
                    let mut stdout = io::stdout().lock();
                    stdout.write_all(part).and_then(|()| stdout.flush())
                }
                Inherited::Stderr => io::stderr().lock().write_all(part),
            };
            match written {
                Ok(()) => done = done.saturating_add(part.len()),
                // What is out is out: the error comes again with the next write.
                Err(_) if done > 0 => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(done)
    }

    fn pollable(&self) -> Option<Pollable<'_>> {
        let typed = matches!(self.own, Inherited::Stdin) && self.left.borrow().is_empty();
        typed.then(|| Pollable::Console(self.handle.as_handle()))
    }

    fn ready_bytes(&self) -> u64 {
        self.left.borrow().len() as u64
    }
}
