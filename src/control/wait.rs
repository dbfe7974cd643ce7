//! Waiting of a guest for descriptors or time, that an interrupt ends.

use std::io;
use std::time::{Duration, Instant};

use super::forked::generation;
use super::signal::hush;
use super::{Mode, Stop, each, wanted};

/// What a wait came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Waited {
    /// So many descriptors are ready.
    Ready(usize),
    TimedOut,
    /// The guest is to stop.
    Stopped(Stop),
}

/// As poll(2): until one of `entries` is ready or `timeout` is over, or until the guest is to stop. Signals that the process handles do
/// not end it.
pub fn wait(entries: &mut Vec<libc::pollfd>, timeout: Option<Duration>) -> io::Result<Waited> {
    let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let count = entries.len();
    let outcome = wait_with_bells(entries, count, until, timeout.is_some());
    entries.truncate(count);
    outcome
}

fn wait_with_bells(
    entries: &mut Vec<libc::pollfd>,
    count: usize,
    until: Option<Instant>,
    bounded: bool,
) -> io::Result<Waited> {
    let mut process = None;
    loop {
        // A signal handler may have forked, and a child has bells of its own.
        if process.replace(generation()) != Some(generation()) {
            entries.truncate(count);
            add_bells(entries);
        }
        // After the bells are there: who asks later rings one.
        if let Some(stop) = wanted() {
            return Ok(Waited::Stopped(stop));
        }
        let own = until.map(|until| until.saturating_duration_since(Instant::now()));
        let mut left = own.or(bounded.then_some(Duration::MAX));
        each(|control| left = left.into_iter().chain(control.signal.time_left()).min());
        let milliseconds = left.map_or(-1, milliseconds);
        let length = entries.len() as libc::nfds_t;
        // SAFETY: the pointer and the length are those of a live vector of `pollfd`.
        let ready = unsafe { libc::poll(entries.as_mut_ptr(), length, milliseconds) };
        if ready < 0 {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return Err(error);
        }
        let (own_entries, bells) = entries.split_at(count);
        for bell in bells.iter().filter(|bell| bell.revents != 0) {
            hush(bell.fd);
        }
        let ready = own_entries
            .iter()
            .filter(|entry| entry.revents != 0)
            .count();
        if ready > 0 {
            return Ok(Waited::Ready(ready));
        }
        // The clock decides: poll(2) takes no longer times than it can count.
        if own.is_some_and(|own| own <= Duration::ZERO) && wanted().is_none() {
            return Ok(Waited::TimedOut);
        }
    }
}

fn add_bells(entries: &mut Vec<libc::pollfd>) {
    each(|control| {
        if control.mode == Mode::Off {
            return;
        }
        if let Some(bell) = control.signal.bell() {
            entries.push(libc::pollfd {
                fd: bell,
                events: libc::POLLIN,
                revents: 0,
            });
        }
    });
}

/// Rounded up, so that waiting does not turn into spinning just before the end.
fn milliseconds(duration: Duration) -> libc::c_int {
    libc::c_int::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(libc::c_int::MAX)
}
