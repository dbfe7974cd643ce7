//! Programs as text, and the one module that comes out, byte for byte.

mod cases;
mod compare;
mod guests;
mod plans;
mod shelf;
