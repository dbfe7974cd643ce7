//! All functions of the C interface, exported.

pub use wasmer::*;
