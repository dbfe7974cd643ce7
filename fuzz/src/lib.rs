//! What the fuzzers share: damage that a module survives, and a measure of the memory that an input takes.

pub mod damage;
pub mod memory;

// Its functions are linked into `load` and `fuse`.
#[cfg(feature = "engine")]
use wasmi_c_api as _;
