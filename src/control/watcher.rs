//! A host that looks up from time to time while its guest runs: an interpreter with signals of its own, a loop of events.

use std::time::Duration;

/// Less is no use: engines and threads are not told sooner.
const LEAST: Duration = Duration::from_millis(1);

/// What the host is asked, on the namespace's own thread.
pub struct Watcher {
    pub(super) every: Duration,
    /// Whether the guest is to stop.
    pub(super) ask: Box<dyn Fn() -> bool>,
}

impl Watcher {
    pub fn new(every: Duration, ask: Box<dyn Fn() -> bool>) -> Watcher {
        let every = every.max(LEAST);
        Watcher { every, ask }
    }
}
