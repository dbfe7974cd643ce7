//! Waiting by poll(2), which the bells of the namespaces end.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use super::super::bell::hush;
use super::super::forked::generation;
use super::{Entry, Mode, Ready, at_most_a_slice, each};

/// What poll(2) can look at.
pub type Pollable<'a> = BorrowedFd<'a>;

/// Descriptors to look at, and the bells after them.
pub struct Poll {
    all: Vec<libc::pollfd>,
    /// How many come before the bells.
    count: usize,
    /// The process whose bells they are.
    process: Option<u32>,
    /// A namespace that may want a stop has no bell.
    unheard: bool,
}

impl Poll {
    pub fn new(entries: &[Entry<'_>]) -> Poll {
        let each = entries.iter().map(|entry| libc::pollfd {
            // poll(2) skips negative ones.
            fd: entry.what.map_or(-1, |fd| fd.as_raw_fd()),
            events: match entry.write {
                true => libc::POLLOUT,
                false => libc::POLLIN,
            },
            revents: 0,
        });
        Poll {
            all: each.collect(),
            count: entries.len(),
            process: None,
            unheard: false,
        }
    }

    /// Has who asks for a stop from now on end the wait.
    pub fn listen(&mut self) {
        // A signal handler may have forked, and a child has bells of its own.
        if self.process.replace(generation()) == Some(generation()) {
            return;
        }
        self.all.truncate(self.count);
        self.unheard = false;
        each(|control| {
            if control.mode == Mode::Off {
                return;
            }
            match control.signal.bell.heard() {
                Some(bell) => self.all.push(libc::pollfd {
                    fd: bell,
                    events: libc::POLLIN,
                    revents: 0,
                }),
                None => self.unheard = true,
            }
        });
    }

    /// Waits so long at most. Gives how many are ready.
    pub fn look(&mut self, left: Option<Duration>) -> io::Result<usize> {
        let left = match self.unheard {
            true => at_most_a_slice(left),
            false => left,
        };
        let milliseconds = left.map_or(-1, milliseconds);
        let length = self.all.len() as libc::nfds_t;
        // SAFETY: the pointer and the length are those of a live vector of `pollfd`.
        let ready = unsafe { libc::poll(self.all.as_mut_ptr(), length, milliseconds) };
        if ready < 0 {
            return Err(io::Error::last_os_error());
        }
        let (own, bells) = self.all.split_at(self.count);
        for bell in bells.iter().filter(|bell| bell.revents != 0) {
            hush(bell.fd);
        }
        Ok(own.iter().filter(|entry| entry.revents != 0).count())
    }

    /// Notes in `entries` what the last look has found.
    pub fn tell(&self, entries: &mut [Entry<'_>]) {
        for (entry, found) in entries.iter_mut().zip(&self.all) {
            let has = |flag| found.revents & flag != 0;
            entry.ready = (found.revents != 0).then(|| Ready {
                invalid: has(libc::POLLNVAL),
                failed: has(libc::POLLERR),
                hung_up: has(libc::POLLHUP),
            });
        }
    }
}

/// Rounded up, so that waiting does not turn into spinning just before the end.
fn milliseconds(duration: Duration) -> libc::c_int {
    libc::c_int::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(libc::c_int::MAX)
}
