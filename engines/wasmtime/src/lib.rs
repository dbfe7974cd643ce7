//! All functions of the C interface, exported.

pub use wasmtime_c_api::*;
