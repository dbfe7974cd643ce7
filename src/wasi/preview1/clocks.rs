//! Clocks and random numbers: the system's, or others that are the same in every run.

use std::cell::Cell;
use std::time::Duration;

use super::memory::Memory;
use super::types::{Clockid, Errno};
use super::{Outcome, Wasi};
use crate::control;
use crate::platform::Instant;
use crate::wasi::host;

/// What a guest's clocks show.
#[derive(Debug)]
pub enum Clocks {
    /// The system's time. The monotonic clock starts with the context.
    System(Instant),
    /// Time that passes only while the guest sleeps, and then at once: nanoseconds since 1970, and since the start.
    Still { since_1970: u64, passed: Cell<u64> },
}

impl Clocks {
    pub fn system() -> Self {
        Clocks::System(Instant::now())
    }

    pub fn still(since_1970: u64) -> Self {
        Clocks::Still {
            since_1970,
            passed: Cell::new(0),
        }
    }

    pub fn is_still(&self) -> bool {
        matches!(self, Clocks::Still { .. })
    }

    /// Nanoseconds.
    pub fn now(&self, id: Clockid) -> Result<u64, Errno> {
        match (self, id) {
            (_, Clockid::Cpu) => Err(Errno::Badf),
            (Clocks::System(_), Clockid::Realtime) => Ok(host::since_1970()),
            (Clocks::System(start), Clockid::Monotonic) => {
                Ok(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
            }
            (Clocks::Still { since_1970, passed }, Clockid::Realtime) => {
                Ok(since_1970.saturating_add(passed.get()))
            }
            (Clocks::Still { passed, .. }, Clockid::Monotonic) => Ok(passed.get()),
        }
    }

    /// What a file that is changed bears: nanoseconds since 1970, or 0 where no clock tells.
    pub fn file_time(&self) -> u64 {
        self.now(Clockid::Realtime).unwrap_or(0)
    }

    /// Nanoseconds between two times that can be told apart.
    fn resolution(&self, id: Clockid) -> Result<u64, Errno> {
        match (self, id) {
            (_, Clockid::Cpu) => Err(Errno::Badf),
            (Clocks::Still { .. }, _) => Ok(1),
            (Clocks::System(_), id) => Ok(host::resolution(id)),
        }
    }

    /// Lets time pass, where it does not by itself.
    pub fn pass(&self, time: Duration) {
        if let Clocks::Still { passed, .. } = self {
            let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            passed.set(passed.get().saturating_add(time));
        }
    }
}

/// Where random numbers come from.
#[derive(Debug)]
pub enum Random {
    System,
    /// The same numbers in every run (SplitMix64), which are no secret.
    Seeded(Cell<u64>),
}

impl Random {
    pub fn seeded(seed: u64) -> Self {
        Random::Seeded(Cell::new(seed))
    }

    fn fill(&self, to: &mut [u8]) -> Result<(), Errno> {
        match self {
            Random::System => Ok(host::random(to)?),
            Random::Seeded(state) => {
                for piece in to.chunks_mut(8) {
                    state.set(state.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
                    let mut mixed = state.get();
                    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                    mixed ^= mixed >> 31;
                    for (to, from) in piece.iter_mut().zip(mixed.to_le_bytes()) {
                        *to = from;
                    }
                }
                Ok(())
            }
        }
    }
}

/// Random bytes that are made at a time where the guest may be stopped.
const AT_A_TIME: usize = 1 << 20;

impl Wasi {
    pub(super) fn clock_res_get(&self, memory: &mut Memory<'_>, id: u32, to: u32) -> Outcome {
        let resolution = self.given.clocks.resolution(Clockid::parse(id)?)?;
        Ok(memory.store_u64(to, resolution)?)
    }

    /// The precision is what the system has, whatever the guest asks for.
    pub(super) fn clock_time_get(
        &self,
        memory: &mut Memory<'_>,
        id: u32,
        _precision: u64,
        to: u32,
    ) -> Outcome {
        let now = self.given.clocks.now(Clockid::parse(id)?)?;
        Ok(memory.store_u64(to, now)?)
    }

    pub(super) fn random_get(&self, memory: &mut Memory<'_>, at: u32, length: u32) -> Outcome {
        let to = memory.bytes_mut(at, length)?;
        for (index, piece) in to.chunks_mut(AT_A_TIME).enumerate() {
            if index > 0 && control::wanted().is_some() {
                return Err(Errno::Intr.into());
            }
            self.given.random.fill(piece)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_numbers_are_the_same_each_time_and_not_each_other() {
        let draw = |seed, pieces: &[usize]| {
            let random = Random::seeded(seed);
            let mut bytes = Vec::new();
            for &length in pieces {
                let mut piece = vec![0; length];
                random.fill(&mut piece).unwrap();
                bytes.extend(piece);
            }
            bytes
        };
        assert_eq!(draw(7, &[32]), draw(7, &[8, 24]));
        assert_ne!(draw(7, &[32]), draw(8, &[32]));
        let numbers = draw(7, &[4096]);
        let ones: u32 = numbers.iter().map(|byte| byte.count_ones()).sum();
        assert!((15_500..17_300).contains(&ones), "{ones} of 32768 bits");
    }

    #[test]
    fn still_time_passes_when_it_is_let() {
        let clocks = Clocks::still(1_000);
        assert_eq!(clocks.now(Clockid::Realtime), Ok(1_000));
        assert_eq!(clocks.now(Clockid::Monotonic), Ok(0));
        clocks.pass(Duration::from_nanos(5));
        assert_eq!(clocks.now(Clockid::Realtime), Ok(1_005));
        assert_eq!(clocks.now(Clockid::Monotonic), Ok(5));
        clocks.pass(Duration::MAX);
        assert_eq!(clocks.now(Clockid::Monotonic), Ok(u64::MAX));
    }
}
