//! The C API: each function checks, converts and calls the core. `include/wasmdyld.h` is generated from here, so comments
//! speak to the C programmer.

#[cfg(feature = "wasi")]
mod clocks;
mod config;
mod control;
mod edge;
mod engine;
mod error;
#[cfg(feature = "wasi")]
mod folder;
mod function;
mod handles;
mod host;
#[cfg(feature = "wasi")]
mod hosted;
mod kept;
mod link;
mod memory;
mod namespace;
mod object;
#[cfg(target_family = "wasm")]
mod page;
#[cfg(target_family = "wasm")]
mod page_apart;
#[cfg(target_family = "wasm")]
mod page_inspect;
mod quick;
mod renew;
mod snapshot;
mod symbol;
mod types;
#[cfg(feature = "wasi")]
mod wasi;
