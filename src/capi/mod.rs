//! The C API: each function checks, converts and calls the core. `include/wasmdyld.h` is generated from here, so comments
//! speak to the C programmer.

pub mod config;
mod edge;
pub mod error;
pub mod namespace;
pub mod object;
pub mod types;
#[cfg(feature = "wasi")]
pub mod wasi;
