//! Executing plans: the imperative shell around [`crate::plan`], through the engine layer.

mod define;
mod glue;
mod init;
mod lazy;
mod load;
mod namespace;
mod order;
mod provider;
mod run;
mod slots;
mod space;
mod stats;
mod symbols;
mod transaction;
mod unload;
#[cfg(feature = "wasi")]
mod wasi;

pub use load::{Flags, Source};
pub use namespace::{HostValue, Namespace, ObjectInfo};
pub use stats::Statistics;
pub use symbols::Symbol;
