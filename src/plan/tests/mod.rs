//! The pure core, without an engine: folders of modules with the plan or the error that they must give (`tests/plans`),
//! plans of random objects checked against invariants and a naive linker, and damaged plans that `verify` must refuse.

mod check;
#[cfg(test)]
mod closure;
#[cfg(test)]
mod corrupt;
mod draft;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod keepers;
#[cfg(test)]
mod later;
#[cfg(test)]
mod lifecycle;
mod naive;
pub(crate) mod random;
#[cfg(test)]
mod scale;
#[cfg(test)]
mod scope;
#[cfg(test)]
mod segments;
#[cfg(test)]
mod symbols;
#[cfg(test)]
mod trace;
pub(crate) mod unload;
pub(crate) mod world;
