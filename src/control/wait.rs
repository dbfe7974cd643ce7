//! Waiting of a guest for descriptors or time, that an interrupt ends.

#[cfg_attr(unix, path = "wait/unix.rs")]
#[cfg_attr(windows, path = "wait/windows.rs")]
#[cfg_attr(not(any(unix, windows)), path = "wait/time.rs")]
mod system;

use std::io;
use std::time::Duration;

use system::Poll;
pub use system::Pollable;
#[cfg(all(windows, feature = "wasi"))]
pub use system::in_pipe;

use super::{Mode, Stop, each, wanted};
use crate::platform::Instant;

/// How often a wait looks for a stop by itself, where nothing wakes it.
const SLICE: Duration = Duration::from_millis(10);

/// What a wait came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Waited {
    /// So many descriptors are ready.
    Ready(usize),
    TimedOut,
    /// The guest is to stop.
    Stopped(Stop),
}

/// A descriptor that is waited for.
pub struct Entry<'a> {
    /// `None` is passed over, and never ready.
    pub what: Option<Pollable<'a>>,
    /// Until it can be written to, else until it can be read.
    pub write: bool,
    /// What became of it.
    pub ready: Option<Ready>,
}

/// Reading or writing does not wait, though it may fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// There is no such descriptor.
    pub invalid: bool,
    pub failed: bool,
    /// The other end is gone.
    pub hung_up: bool,
}

/// As poll(2): until one of `entries` is ready or `timeout` is over, or until the guest is to stop. Signals that the process handles do
/// not end it.
pub fn wait(entries: &mut [Entry<'_>], timeout: Option<Duration>) -> io::Result<Waited> {
    let start = Instant::now();
    let mut poll = Poll::new(entries);
    loop {
        poll.listen();
        // After that: who asks later is heard.
        if let Some(stop) = wanted() {
            return Ok(Waited::Stopped(stop));
        }
        let own = timeout.map(|timeout| timeout.saturating_sub(start.elapsed()));
        let mut left = own;
        each(|control| left = left.into_iter().chain(control.signal.time_left()).min());
        let ready = match poll.look(left) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if ready > 0 {
            poll.tell(entries);
            return Ok(Waited::Ready(ready));
        }
        // The clock decides: a system takes no longer times than it can count.
        if own.is_some_and(|own| own.is_zero()) && wanted().is_none() {
            return Ok(Waited::TimedOut);
        }
    }
}

/// The time for which a call of the system waits where somebody may want a stop that it does not hear of.
fn at_most_a_slice(left: Option<Duration>) -> Option<Duration> {
    Some(left.map_or(SLICE, |left| left.min(SLICE)))
}

/// Whether a guest on this thread may be stopped while it waits.
#[cfg(not(any(unix, windows)))]
fn may_stop() -> bool {
    let mut may = false;
    each(|control| may |= control.mode != Mode::Off);
    may
}
