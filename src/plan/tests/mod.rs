//! The pure core, without an engine: folders of modules with the plan or the error that they must give (`tests/plans`),
//! plans of random objects checked against invariants and a naive linker, and damaged plans that `verify` must refuse.

mod check;
mod closure;
mod corrupt;
mod draft;
mod fixture;
mod golden;
mod hostile;
mod later;
mod lifecycle;
mod naive;
mod random;
mod scale;
mod trace;
mod unload;
mod world;
