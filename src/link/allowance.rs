//! What a program may use before it is stopped.

use std::time::Duration;

use super::namespace::Namespace;
use crate::control::Mode;
use crate::error::Result;
use crate::platform::Instant;

/// Bounds of one run. Nothing is bounded by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowance {
    /// All the time that it may take, loading included.
    pub timeout: Option<Duration>,
    /// In units of checks.
    pub budget: Option<u64>,
}

impl Allowance {
    /// What the namespace has to be able to do.
    pub fn mode(self) -> Mode {
        match (self.budget, self.timeout) {
            (Some(_), _) => Mode::Budget,
            (None, Some(_)) => Mode::Interrupt,
            (None, None) => Mode::Off,
        }
    }

    pub fn set_budget(self, ns: &Namespace) -> Result<()> {
        match self.budget {
            Some(_) => ns.set_budget(self.budget),
            None => Ok(()),
        }
    }

    /// What the next call may take of the time that has begun at `start`.
    pub fn set_time_left(self, ns: &Namespace, start: Instant) -> Result<()> {
        let Some(timeout) = self.timeout else {
            return Ok(());
        };
        let left = timeout.saturating_sub(start.elapsed());
        ns.control().set_timeout(Some(left))
    }
}
