//! Waiting by `WaitForMultipleObjects`, which the bells of the namespaces end. A socket tells an event of ours, a console its own handle. Of a pipe nobody
//! is told that something has come: it is looked at again and again.

use std::io;
use std::os::windows::io::{
    AsRawHandle, AsRawSocket, BorrowedHandle, BorrowedSocket, FromRawHandle, OwnedHandle,
};
use std::ptr::{null, null_mut};
use std::time::Duration;

use windows_sys::Win32::Foundation::{ERROR_BROKEN_PIPE, GetLastError, HANDLE, WAIT_FAILED};
use windows_sys::Win32::Networking::WinSock::{
    FD_ACCEPT, FD_CLOSE, FD_CONNECT, FD_READ, FD_WRITE, POLLERR, POLLHUP, POLLIN, POLLNVAL,
    POLLOUT, SOCKET, SOCKET_ERROR, WSAEventSelect, WSAGetLastError, WSAPOLLFD, WSAPoll,
};
use windows_sys::Win32::System::Console::{
    INPUT_RECORD, KEY_EVENT, PeekConsoleInputW, ReadConsoleInputW,
};
use windows_sys::Win32::System::Pipes::PeekNamedPipe;
use windows_sys::Win32::System::Threading::{
    CreateEventW, INFINITE, Sleep, WaitForMultipleObjects,
};

use super::{Entry, Mode, Ready, at_most_a_slice, each};

/// What can be waited for.
#[derive(Clone, Copy)]
pub enum Pollable<'a> {
    /// The input of a console, which is ready once somebody types.
    Console(BorrowedHandle<'a>),
    /// A pipe, which can always be written to as far as the system tells.
    Pipe(BorrowedHandle<'a>),
    Socket(BorrowedSocket<'a>),
}

/// As many handles the system waits for at a time (`MAXIMUM_WAIT_OBJECTS`).
const MOST_HANDLES: usize = 64;

/// What is looked at. Handles and sockets are borrowed for as long as the entries are, which is as long as this is used.
struct Looked {
    what: What,
    write: bool,
    ready: Option<Ready>,
}

#[derive(Clone, Copy)]
enum What {
    Nothing,
    Console(HANDLE),
    Pipe(HANDLE),
    Socket(SOCKET),
}

pub struct Poll {
    all: Vec<Looked>,
    bells: Vec<HANDLE>,
    /// A namespace that may want a stop has no bell.
    unheard: bool,
    /// Is set when something becomes of a socket.
    of_sockets: Option<OwnedHandle>,
}

impl Poll {
    pub fn new(entries: &[Entry<'_>]) -> Poll {
        let each = entries.iter().map(|entry| Looked {
            what: match entry.what {
                None => What::Nothing,
                Some(Pollable::Console(handle)) => What::Console(handle.as_raw_handle()),
                Some(Pollable::Pipe(handle)) => What::Pipe(handle.as_raw_handle()),
                Some(Pollable::Socket(socket)) => What::Socket(socket.as_raw_socket() as SOCKET),
            },
            write: entry.write,
            ready: None,
        });
        Poll {
            all: each.collect(),
            bells: Vec::new(),
            unheard: false,
            of_sockets: None,
        }
    }

    /// Has who asks for a stop from now on end the wait.
    pub fn listen(&mut self) {
        self.bells.clear();
        self.unheard = false;
        each(|control| {
            if control.mode == Mode::Off {
                return;
            }
            match control.signal.bell.heard() {
                Some(bell) => self.bells.push(bell),
                None => self.unheard = true,
            }
        });
    }

    /// Waits so long at most. Gives how many are ready.
    pub fn look(&mut self, left: Option<Duration>) -> io::Result<usize> {
        let ready = self.ready()?;
        if ready > 0 || left == Some(Duration::ZERO) {
            return Ok(ready);
        }
        let sockets = self.sockets();
        let event = match sockets.is_empty() {
            true => None,
            false => Some(self.event()?),
        };
        let consoles = self.all.iter().filter_map(|looked| match looked.what {
            What::Console(handle) if !looked.write => Some(handle),
            _ => None,
        });
        let bells = self.bells.iter().copied();
        let mut handles: Vec<HANDLE> = event.into_iter().chain(bells).chain(consoles).collect();
        let untold = self.unheard
            || handles.len() > MOST_HANDLES
            // With nothing to wait for, and without an end, a guest waits as long as it is let.
            || handles.is_empty() && left.is_none()
            || self.all.iter().any(|looked| matches!(looked.what, What::Pipe(_)));
        handles.truncate(MOST_HANDLES);
        let milliseconds = milliseconds(match untold {
            true => at_most_a_slice(left),
            false => left,
        });
        let told = Told::of(&sockets, event)?;
        let waited = wait_for(&handles, milliseconds);
        drop(told);
        waited?;
        self.ready()
    }

    /// Notes in `entries` what the last look has found.
    pub fn tell(&self, entries: &mut [Entry<'_>]) {
        for (entry, found) in entries.iter_mut().zip(&self.all) {
            entry.ready = found.ready;
        }
    }

    fn sockets(&self) -> Vec<SOCKET> {
        let each = self.all.iter().filter_map(|looked| match looked.what {
            What::Socket(socket) => Some(socket),
            _ => None,
        });
        each.collect()
    }

    fn event(&mut self) -> io::Result<HANDLE> {
        if self.of_sockets.is_none() {
            // SAFETY: no name and no attributes. It is reset by itself, and not set.
            let made = unsafe { CreateEventW(null(), 0, 0, null()) };
            if made.is_null() {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: just made, and nobody else's.
            self.of_sockets = Some(unsafe { OwnedHandle::from_raw_handle(made) });
        }
        let event = self.of_sockets.as_ref().map(AsRawHandle::as_raw_handle);
        event.ok_or_else(|| io::ErrorKind::Other.into())
    }

    /// Looks at all once, without waiting.
    fn ready(&mut self) -> io::Result<usize> {
        let mut count = 0;
        for looked in &mut self.all {
            looked.ready = match (looked.what, looked.write) {
                (What::Nothing, _) => None,
                (What::Console(_) | What::Pipe(_), true) => Some(Ready::default()),
                (What::Console(handle), false) => is_typed(handle).then(Ready::default),
                (What::Pipe(handle), false) => pipe(handle),
                (What::Socket(socket), write) => of_socket(socket, write)?,
            };
            count += usize::from(looked.ready.is_some());
        }
        Ok(count)
    }
}

/// Whether somebody has typed in a console, of whose other records nobody wants to know: the mouse, a window of another size, keys that come up again.
fn is_typed(handle: HANDLE) -> bool {
    loop {
        let (mut record, mut count) = (INPUT_RECORD::default(), 0);
        // SAFETY: a handle that is open as long as the entries are there, and places for a record and a number.
        let asked = unsafe { PeekConsoleInputW(handle, &raw mut record, 1, &raw mut count) };
        if asked == 0 {
            // Whoever reads is told what is wrong.
            return true;
        }
        if count == 0 {
            return false;
        }
        if u32::from(record.EventType) == KEY_EVENT {
            // SAFETY: records of this type have this.
            let key = unsafe { record.Event.KeyEvent };
            // SAFETY: all bits are a number.
            if key.bKeyDown != 0 && unsafe { key.uChar.UnicodeChar } != 0 {
                return true;
            }
        }
        // SAFETY: as above; it is there and does not have to be waited for.
        if unsafe { ReadConsoleInputW(handle, &raw mut record, 1, &raw mut count) } == 0 {
            return true;
        }
    }
}

/// How many bytes there are to read in a pipe. An error: its other end is gone, or it is none.
pub fn in_pipe(handle: BorrowedHandle<'_>) -> io::Result<u32> {
    peek(handle.as_raw_handle())
}

fn peek(handle: HANDLE) -> io::Result<u32> {
    let mut available = 0;
    // SAFETY: nothing is read; the number is written to a place for one.
    let asked = unsafe {
        PeekNamedPipe(
            handle,
            null_mut(),
            0,
            null_mut(),
            &raw mut available,
            null_mut(),
        )
    };
    match asked {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(available),
    }
}

fn pipe(handle: HANDLE) -> Option<Ready> {
    match peek(handle) {
        Ok(0) => None,
        Ok(_) => Some(Ready::default()),
        Err(error) => {
            let gone = error.raw_os_error() == i32::try_from(ERROR_BROKEN_PIPE).ok();
            // Whoever reads is told what is wrong.
            Some(Ready {
                hung_up: gone,
                ..Ready::default()
            })
        }
    }
}

fn of_socket(socket: SOCKET, write: bool) -> io::Result<Option<Ready>> {
    let mut asked = WSAPOLLFD {
        fd: socket,
        events: if write { POLLOUT } else { POLLIN },
        revents: 0,
    };
    // SAFETY: one structure, which is there.
    match unsafe { WSAPoll(&raw mut asked, 1, 0) } {
        SOCKET_ERROR => Err(socket_error()),
        0 => Ok(None),
        _ => {
            let has = |flag| asked.revents & flag != 0;
            Ok(Some(Ready {
                invalid: has(POLLNVAL),
                failed: has(POLLERR),
                hung_up: has(POLLHUP),
            }))
        }
    }
}

/// While it lives, an event is told of what becomes of sockets.
struct Told<'a>(&'a [SOCKET]);

impl<'a> Told<'a> {
    /// Whatever is so already is told at once.
    fn of(sockets: &'a [SOCKET], event: Option<HANDLE>) -> io::Result<Told<'a>> {
        let told = Told(sockets);
        if let Some(event) = event {
            let what = FD_READ | FD_WRITE | FD_ACCEPT | FD_CONNECT | FD_CLOSE;
            for &socket in sockets {
                // SAFETY: both are open as long as this lives.
                if unsafe { WSAEventSelect(socket, event.addr() as isize, what as i32) } != 0 {
                    return Err(socket_error());
                }
            }
        }
        Ok(told)
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        for &socket in self.0 {
            // SAFETY: open as long as this lives; nothing is to be told any more.
            unsafe { WSAEventSelect(socket, 0, 0) };
        }
    }
}

fn socket_error() -> io::Error {
    // SAFETY: no precondition.
    io::Error::from_raw_os_error(unsafe { WSAGetLastError() })
}

fn wait_for(handles: &[HANDLE], milliseconds: u32) -> io::Result<()> {
    let Ok(count @ 1..) = u32::try_from(handles.len()) else {
        // SAFETY: no precondition.
        unsafe { Sleep(milliseconds) };
        return Ok(());
    };
    // SAFETY: as many handles as are said, which are open.
    match unsafe { WaitForMultipleObjects(count, handles.as_ptr(), 0, milliseconds) } {
        // SAFETY: no precondition.
        WAIT_FAILED => Err(io::Error::from_raw_os_error(
            unsafe { GetLastError() } as i32
        )),
        _ => Ok(()),
    }
}

/// Rounded up, so that waiting does not turn into spinning just before the end.
fn milliseconds(left: Option<Duration>) -> u32 {
    let Some(left) = left else { return INFINITE };
    let all = left.as_nanos().div_ceil(1_000_000);
    u32::try_from(all).unwrap_or(INFINITE).min(INFINITE - 1)
}
