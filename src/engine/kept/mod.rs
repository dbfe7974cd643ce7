//! Compiled code that is kept between runs: in a folder that only this user can write to, in folders that root has filled, or where the
//! host keeps it.
//!
//! The engine runs it as machine code, so what is read has to be what was written. Each piece of a file has a hash (`form.rs`), which is
//! checked over the very memory that the engine gets; folders are such that nobody else can write to them (`folder.rs`). What is damaged,
//! cut short or another's is as if it was not there: the module is compiled anew and the file replaced. What cannot be written is not kept.
//! Nothing here ends a run.

mod blob;
mod choose;
mod disk;
mod folder;
mod form;
mod keeper;
mod key;
mod look;
mod memory;
mod place;
mod remote;
mod shared;

pub use blob::{Blob, Code, Mapping, page_size};
pub use choose::{places, user_folder};
pub use disk::{Bounds, Disk, Held, Listed};
pub use folder::{PrivateFolder, Unusable, prebuilt, private};
pub use form::Parts;
pub use keeper::Keeper;
pub use key::ModuleKey;
pub use look::{Contents, Kept, folder_to_change, folder_to_read, look};
pub use memory::Memory;
pub use place::{Name, Place};
pub use remote::{Get, MIN_SECRET, Put, Remote};
pub use shared::{SharedModule, Sharing};
