//! Mapped code as the bundled engine takes it: where it is, without a copy.
//!
//! The engine takes memory of ours as it is (`Module::deserialize_raw`), never writes to it, and leaves it to a [`CustomCodeMemory`] of ours
//! to make the machine code in it executable. The memory has to live as long as the module, which many things of the engine's hold. Each of
//! the engine's modules holds our `CustomCodeMemory`, and drops it after the last use of its memory. So that is what owns the mappings: they
//! go with the last module of an engine that is gone.

use std::ptr::NonNull;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use wasmtime_c_api::wasmtime as w;

use crate::engine::kept::{Code, Keeper, Mapping};

/// Mappings that one engine holds: each takes some of the few (65,530) that Linux lets a process have, and none goes before the engine. What
/// comes beyond is copied.
const MAX_MAPPINGS: usize = 4096;

/// Mappings of one file that an engine holds: a host whose namespaces come one after the other maps the same code for each, and never lets go
/// of it. What comes beyond is copied, and goes with its namespace.
const MAX_OF_FILE: usize = 4;

/// The mappings of one engine.
#[derive(Debug, Default)]
pub(super) struct MappedCode {
    mappings: Mutex<Vec<Arc<Mapping>>>,
    /// What the engine's code is kept by: it goes when the engine goes.
    pub(super) keeper: OnceLock<Arc<Keeper>>,
}

impl MappedCode {
    /// Whether machine code needs nothing but to be made executable: elsewhere caches of instructions have to be told.
    pub(super) const WORKS_HERE: bool = cfg!(all(target_arch = "x86_64", target_os = "linux"));

    /// The module of mapped code. `None` where it lies in no mapping, there are too many, or the engine does not take it.
    ///
    /// # Safety
    /// This is the `CustomCodeMemory` of `engine`. The code came from an engine of the same build and configuration, unchanged, and no other
    /// module was made of this very memory.
    pub(super) unsafe fn module(&self, engine: &w::Engine, code: &Code) -> Option<w::Module> {
        let mapping = code.mapping()?;
        {
            let mut mappings = self.mappings.lock().unwrap_or_else(PoisonError::into_inner);
            if !mappings
                .iter()
                .rev()
                .any(|known| Arc::ptr_eq(known, mapping))
            {
                let of_file = mappings
                    .iter()
                    .filter(|known| known.file() == mapping.file());
                if mappings.len() >= MAX_MAPPINGS || of_file.count() >= MAX_OF_FILE {
                    return None;
                }
                mappings.push(mapping.clone());
            }
        }
        let memory = NonNull::from(code.bytes());
        // SAFETY: by the caller's promise; the memory lives until the last of the engine's modules has dropped `self`.
        unsafe { w::Module::deserialize_raw(engine, memory) }.ok()
    }
}

impl w::CustomCodeMemory for MappedCode {
    fn required_alignment(&self) -> usize {
        crate::engine::kept::page_size()
    }

    /// Of mapped code and of what the engine has compiled into memory of its own.
    fn publish_executable(&self, start: *const u8, length: usize) -> w::Result<()> {
        protect(start, length, libc::PROT_READ | libc::PROT_EXEC)
    }

    fn unpublish_executable(&self, start: *const u8, length: usize) -> w::Result<()> {
        protect(start, length, libc::PROT_READ)
    }
}

fn protect(start: *const u8, length: usize, to: libc::c_int) -> w::Result<()> {
    // SAFETY: the engine's own memory, or a mapping of ours that it was given: whole pages of machine code, which nothing writes to.
    match unsafe { libc::mprotect(start.cast_mut().cast(), length, to) } {
        0 => Ok(()),
        _ => Err(w::Error::from(std::io::Error::last_os_error())),
    }
}
