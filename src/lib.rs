//! A dynamic linker for WebAssembly programs made of shared libraries. `docs/DESIGN.md` has the map.

// `print!` and `eprint!` panic where a stream is closed or full: output is written, and errors of that are handled or ignored.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub mod abi;
mod aside;
mod capi;
pub mod component;
pub mod config;
pub mod control;
pub mod demangle;
mod dlfcn;
pub mod engine;
pub mod error;
pub mod fuse;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod hash_map;
mod launch;
pub mod link;
pub mod object;
pub mod plan;
mod platform;
pub mod search;
#[cfg(any(test, feature = "fuzzing"))]
#[path = "../tests/support/skip.rs"]
mod skip;
pub mod state;
pub mod survey;
pub mod text;
pub mod trace;
#[cfg(feature = "wasi")]
pub mod wasi;
