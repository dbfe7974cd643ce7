//! Tests of the linker against the bundled engine, from inside.

#[cfg(test)]
mod backtrace;
#[cfg(test)]
mod capable;
#[cfg(test)]
mod fault;
pub(crate) mod fused;
mod fused_guest;
mod guest;
mod inject;
#[cfg(all(test, unix))]
mod launch;
#[cfg(test)]
mod legacy;
mod limits;
pub(crate) mod random;
#[cfg(test)]
mod snapshot;
#[cfg(test)]
mod snapshot_parts;
#[cfg(test)]
mod stack;
#[cfg(test)]
mod state;
#[cfg(test)]
mod thrown;
mod world;
