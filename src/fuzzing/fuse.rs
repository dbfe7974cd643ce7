//! Programs on a real engine, made as the bytes say, loaded and as one module; and debug information.

use crate::link::tests::fused::round;
use crate::plan::tests::random::Random;

/// What inputs begin with that are sections of debug information.
const DEBUG: &[u8] = b"dwarf";

/// Both do the same, and what is linked is valid. What is rewritten of debug information stays in proportion to it.
pub fn fuse(bytes: &[u8]) {
    match bytes.strip_prefix(DEBUG) {
        Some(sections) => crate::fuse::dwarf::any(sections),
        None => drop(round(Random::of(bytes))),
    }
}
