//! Guests on a real engine, made as the bytes say.

use crate::link::tests::random::round;
use crate::plan::tests::random::Random;

/// Opens, calls and closes; a load that fails has changed nothing.
pub fn load(bytes: &[u8]) {
    round(Random::of(bytes));
}
