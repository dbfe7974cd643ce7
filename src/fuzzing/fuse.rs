//! Programs on a real engine, made as the bytes say, loaded and as one module.

use crate::link::tests::fused::round;
use crate::plan::tests::random::Random;

/// Both do the same, and what is linked is valid.
pub fn fuse(bytes: &[u8]) {
    round(Random::of(bytes));
}
