//! Launch closures: what the first load of a namespace came to, kept for the next one like it (dyld of Apple calls it so).
//!
//! ```text
//! name     the hash of all that the host asked for: program, options, definitions, engine, user    (inputs.rs)
//! places   each file that was opened, and each place where none was, as they were                   (place.rs)
//! objects  what a load asks of each; the rest of their metadata apart, read when somebody asks      (object.rs)
//! plan     all decisions                                                                            (plan.rs)
//! code     keys of the objects' modules and of those that were generated
//! ```
//! A closure is used where its name is that of the load, every place is as it was, and all of the code is kept. Nothing is then searched,
//! read, parsed or planned. Else it is a miss, and the load is made as if there were no closures. What is here is pure but for looking
//! at places; [`crate::link`] asks for closures and keeps them.

mod form;
mod inputs;
mod object;
mod place;
mod plan;
#[cfg(test)]
mod tests;

pub use form::{Launch, decode, encode};
pub use inputs::Inputs;
pub use place::{Places, Stamp, is_absent};
