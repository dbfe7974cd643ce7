//! What a namespace knows, as it is written down: plain data, which nothing trusts that did not write it.

use serde::{Deserialize, Serialize};

use super::DescriptorBook;
use crate::plan::{Binding, Identity, KeptModel, KeptNode, ObjectId};

/// All of a snapshot but the bytes of modules and memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Books {
    /// Rising by their numbers.
    pub objects: Vec<ObjectBook>,
    /// The loads that brought them, in order.
    pub batches: Vec<Batch>,
    pub model: KeptModel,
    /// The host's definitions that are in use: number, module and name.
    pub hosts: Vec<(u32, String, String)>,
    pub memory_pages: u64,
    pub table_slots: u64,
    /// The value of the shared stack pointer, where there is one.
    pub stack_pointer: Option<u32>,
    pub exit: ExitBook,
    pub texts: TextBook,
    pub dl_error: Option<String>,
    /// Of each WASI that the namespace has had and objects may use, in the order in which they were set.
    pub descriptors: Vec<DescriptorBook>,
    /// Objects that were handed over as bytes so far.
    pub handed_over: u64,
    pub loads_made: u64,
    pub unloads: u64,
}

/// The objects of one load have numbers that follow one another. Some may be gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    pub first: ObjectId,
    /// All of them, in the order in which they were instantiated.
    pub order: Vec<ObjectId>,
    /// What was undefined waits until it is called.
    pub lazy: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectBook {
    pub name: String,
    /// It was loaded as the main program.
    pub main: bool,
    pub identity: Identity,
    pub needed: Vec<ObjectId>,
    pub node: KeptNode,
    pub bindings: Vec<Binding>,
    /// Bits of its own mutable globals, in the order of their indices.
    pub globals: Vec<u64>,
    /// GOT entries that it has changed: what they were made with, and what they are.
    pub numbers: Vec<(u64, u32)>,
}

/// Exit handlers, by number.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExitBook {
    pub handlers: Vec<(u64, ExitEntry)>,
    pub registered: u64,
    pub libc: Option<LibcBook>,
    pub searched: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExitEntry {
    /// It destroys a thread_local object.
    pub thread: bool,
    pub slot: u32,
    pub argument: Option<u32>,
    pub owner: Option<ObjectId>,
}

/// What libc's own list of exit handlers holds of the linker's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LibcBook {
    Shared { libc: ObjectId, entered: bool },
    OfProgram { libc: ObjectId, entries: Vec<u64> },
}

/// The linker's own pieces of the guest's memory: addresses and sizes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TextBook {
    pub error: Option<(u64, u64)>,
    pub objects: Vec<TextOf>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextOf {
    pub object: ObjectId,
    pub strings: Vec<(String, u64)>,
    pub link_map: Option<u64>,
    pub pieces: Vec<(u64, u64)>,
}
