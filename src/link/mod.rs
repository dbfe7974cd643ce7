//! Executing plans: the imperative shell around [`crate::plan`], through the engine layer.

mod address;
mod ahead;
mod allowance;
#[cfg(target_family = "wasm")]
mod apart;
mod backtrace;
mod budget;
mod caller;
mod calls;
mod capture;
mod carrier;
mod carry;
mod define;
mod demand;
mod entry;
mod exit;
mod exit_list;
mod export_getters;
mod files;
mod flag;
mod function;
mod generated;
mod given;
mod glue;
mod handed;
mod heap;
mod host;
mod init;
mod launch;
mod lazy;
mod load;
mod meter;
mod modules;
mod namespace;
mod open;
mod order;
mod parts;
mod pointer;
mod prelink;
mod prepare;
mod reason;
mod refused;
mod renew;
mod restore;
mod rows;
mod run;
mod service;
mod slots;
mod snapshot;
mod space;
mod started;
mod stats;
mod symbols;
#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(
    not(test),
    allow(dead_code, unused_imports, reason = "fuzzers use a part of it")
)]
pub(crate) mod tests;
mod texts;
mod thrown;
mod transaction;
mod unload;
#[cfg(feature = "wasi")]
mod wasi;

pub use address::Address;
pub use allowance::Allowance;
#[cfg(target_family = "wasm")]
pub use apart::Beginning;
pub use files::Files;
pub use function::Function;
pub use given::{Failure, GivenBody};
pub(crate) use glue::val_type;
pub use host::HostValue;
pub use namespace::{Ask, Namespace, ObjectInfo};
pub use open::{Flags, Party, Source};
pub use rows::Column;
pub use service::{Call, Service, definitions};
pub use started::Start;
pub use stats::{Clock, Launched, Statistics};
pub use symbols::{SearchIn, Symbol};
pub use texts::cut;
