//! The bundled engine's C functions, all of them, so that a host that links this library finds `wasm.h` (and the engine's own
//! header) in it.

pub use wasmtime_c_api::*;
