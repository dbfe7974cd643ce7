//! Tests of the linker against the bundled engine, from inside.

mod fault;
mod world;
