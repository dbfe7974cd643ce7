//! What the library takes of JavaScript where it is a module itself: the time, for which Rust's library has nothing there.

use std::time::Duration;

unsafe extern "C" {
    /// Milliseconds since some moment, which stays the same (`performance.now()`).
    safe fn wasmdyld_now() -> f64;
}

/// As `std::time::Instant`, as far as it is used.
#[derive(Clone, Copy, Debug)]
pub struct Instant(Duration);

impl Instant {
    pub fn now() -> Instant {
        let seconds = wasmdyld_now() / 1000.0;
        Instant(Duration::try_from_secs_f64(seconds).unwrap_or_default())
    }

    pub fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(*self)
    }

    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// A module is in one process all its life, and Rust's library panics where there are no numbers of processes.
pub fn process() -> u32 {
    0
}
