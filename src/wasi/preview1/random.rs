//! Random numbers: the system's, the host's, or some that are the same in every run.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::memory::Memory;
use super::types::Errno;
use super::{Outcome, Wasi};
use crate::control;
use crate::wasi::host;

type RandomFn = dyn Fn(&mut [u8]) -> io::Result<()> + Send + Sync;

/// The random numbers that guests are to have.
#[derive(Clone, Default)]
pub enum RandomSource {
    #[default]
    System,
    /// The same numbers in every run (SplitMix64), which are no secret.
    Seeded(u64),
    /// What a function of the host's fills in.
    Hosted(Arc<RandomFn>),
}

impl fmt::Debug for RandomSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RandomSource::System => f.write_str("System"),
            RandomSource::Seeded(seed) => write!(f, "Seeded({seed})"),
            RandomSource::Hosted(_) => f.write_str("Hosted"),
        }
    }
}

impl RandomSource {
    /// Numbers for one guest.
    pub fn start(&self) -> Random {
        match self {
            RandomSource::System => Random::System,
            RandomSource::Seeded(seed) => Random::Seeded(Cell::new(*seed)),
            RandomSource::Hosted(fill) => Random::Hosted(fill.clone()),
        }
    }
}

/// Where a guest's random numbers come from.
pub enum Random {
    System,
    Seeded(Cell<u64>),
    Hosted(Arc<RandomFn>),
}

/// Random bytes that are made at a time where the guest may be stopped.
const AT_A_TIME: usize = 1 << 20;

/// And those that a function of the host's is asked for. It gets a copy, not the guest's memory.
const ASKED_AT_A_TIME: usize = 64 << 10;

impl Random {
    fn at_a_time(&self) -> usize {
        match self {
            Random::System | Random::Seeded(_) => AT_A_TIME,
            Random::Hosted(_) => ASKED_AT_A_TIME,
        }
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
            Random::Hosted(fill) => {
                let mut copy = vec![0; to.len()];
                fill(&mut copy)?;
                to.copy_from_slice(&copy);
                Ok(())
            }
        }
    }
}

impl Wasi {
    pub(super) fn random_get(&self, memory: &mut Memory<'_>, at: u32, length: u32) -> Outcome {
        let random = &self.given.random;
        let to = memory.bytes_mut(at, length)?;
        for (index, piece) in to.chunks_mut(random.at_a_time()).enumerate() {
            if index > 0 && control::wanted().is_some() {
                return Err(Errno::Intr.into());
            }
            random.fill(piece)?;
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
            let random = RandomSource::Seeded(seed).start();
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
}
