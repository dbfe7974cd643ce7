//! The state of a namespace as a value: what a restore needs beside an engine. No engine, no files.
//!
//! ```text
//! Snapshot = Books      objects, scopes, slots, handles, exit handlers, values of globals
//!          + modules    the objects' bytes, as they were before the linker rewrote them
//!          + Image      the memory, without what is zero
//! ```

mod books;
mod bytes;
mod check;
mod descriptors;
mod image;

pub use books::{Batch, Books, ExitBook, ExitEntry, LibcBook, ObjectBook, TextBook, TextOf};
#[cfg(test)]
pub use bytes::sealed;
pub use bytes::{decode, encode};
pub use check::check;
pub use descriptors::{DescriptorBook, Descriptors, Held};
pub use image::Image;

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use crate::engine::ModuleKey;
use crate::object::{Bounds, Metering};
use crate::plan::Found;

/// A namespace's state. It never changes; threads share it.
pub struct Snapshot {
    pub books: Books,
    /// Of each of the books' objects, in their order.
    pub modules: Vec<Module>,
    pub memory: Image,
    /// The objects as the linker parsed them, by namespaces of this process.
    pub parsed: Mutex<Option<Arc<Parsed>>>,
    /// The snapshot as bytes, once it was asked for them.
    pub serialized: OnceLock<Vec<u8>>,
}

/// A module as it came.
#[derive(Clone)]
pub struct Module {
    pub bytes: Arc<[u8]>,
    pub key: ModuleKey,
    /// Of this machine. Bytes of a snapshot name no files: who wrote them might lead later searches anywhere.
    pub path: Option<Arc<Path>>,
    pub in_guest: bool,
}

impl Module {
    /// Of an object that lies in the program's module.
    pub fn none() -> Module {
        Module {
            bytes: Arc::default(),
            key: ModuleKey::of(&[]),
            path: None,
            in_guest: false,
        }
    }
}

/// What modules come to for namespaces with certain settings.
pub struct Parsed {
    pub metering: Metering,
    pub bounds: Bounds,
    pub objects: Vec<ParsedObject>,
}

pub struct ParsedObject {
    pub found: Found,
    /// The key of what the engine gets.
    pub key: ModuleKey,
}

const _: fn() = || {
    fn shared_by_threads<T: Send + Sync>() {}
    shared_by_threads::<Snapshot>();
};

impl Snapshot {
    pub fn new(books: Books, modules: Vec<Module>, memory: Image) -> Snapshot {
        Snapshot {
            books,
            modules,
            memory,
            parsed: Mutex::default(),
            serialized: OnceLock::new(),
        }
    }
}
