//! Tests of the linker against the bundled engine, from inside.

mod backtrace;
mod capable;
mod fault;
mod legacy;
mod state;
mod world;
