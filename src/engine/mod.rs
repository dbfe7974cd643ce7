//! The engine, through the standard `wasm.h`: a table of its functions, handles that own what they hold, host functions, and a shim
//! for what the header leaves open or an engine does in its own way.
//!
//! Nothing outside this module calls an engine, and nothing outside [`shim`] knows one by name.

mod api;
#[cfg(feature = "wasmtime")]
#[doc(hidden)]
pub mod bundled;
mod capable;
mod externs;
mod features;
mod frame;
mod handle;
mod hostfunc;
pub mod kept;
mod library;
mod memory;
mod module;
mod nesting;
pub mod shim;
mod store;
pub mod sys;
#[cfg(all(test, feature = "wasmtime"))]
mod tests;
mod trap;
mod types;
mod val;
mod vec;
mod words;

pub use api::Api;
pub use capable::can_link;
pub use externs::{Extern, ExternKind, ExternPtr, Func, Global, Ref, Table};
pub use features::{EngineFeatures, Feature};
pub use frame::{EngineFrame, ModuleName};
pub use handle::Borrowed;
pub use hostfunc::{Forwarder, HostBody, HostFunc, HostTrap};
pub use kept::{Keeper, ModuleKey, Sharing};
pub use library::EngineLibrary;
pub use memory::{Memory, OutOfBounds, pages_for};
pub use module::{
    ExportName, Exports, ExternVec, ImportName, Imports, Instance, InstantiateError, Module,
};
pub(crate) use nesting::{Room, inside, room};
pub use shim::{EngineCache, EngineOptions, QuickCall, Shim, Stage};
pub use store::{OwnedEngine, OwnedStore, Store};
pub use sys::wasm_valkind_t as ValKind;
pub use trap::Trap;
pub use types::{
    EngineFuncType, EngineGlobalType, EngineMemoryType, EngineTableType, func_type, global_type,
    table_type,
};
pub use val::{Val, host_args, host_results, host_room};
pub(crate) use val::{number_of, type_of, zeroed};
pub use words::Words;
