//! The bytes of a memory that this library, a module itself, cannot address: JavaScript, in which both live, copies them. `near.rs` has the same
//! for one that lies in this process.

use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

use super::Memory;
use crate::engine::sys::wasm_memory_t;

// In bindings/js. Addresses are below 4 GiB, since a memory is; the buffers are in this module's own memory.
unsafe extern "C" {
    fn wasmdyld_memory_read(memory: *const wasm_memory_t, at: u32, into: *mut u8, len: usize);
    fn wasmdyld_memory_write(memory: *mut wasm_memory_t, at: u32, from: *const u8, len: usize);
    fn wasmdyld_memory_zero(memory: *mut wasm_memory_t, at: u32, len: usize);
    /// `usize::MAX` if there is none.
    fn wasmdyld_memory_find_nul(memory: *const wasm_memory_t, at: u32, len: usize) -> usize;
}

pub fn size(memory: &Memory) -> u64 {
    memory.pages() * crate::abi::PAGE
}

/// # Safety
/// As of [`Memory::read_all`].
pub unsafe fn read_all<R>(memory: &Memory, look: impl FnOnce(&[u8]) -> R) -> R {
    look(&copy(memory))
}

/// # Safety
/// As of [`Memory::change_all`].
pub unsafe fn change_all<R>(memory: &Memory, change: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut bytes = copy(memory);
    let result = change(&mut bytes);
    // SAFETY: it is as large as it was.
    unsafe { copy_in(memory, 0, &bytes) };
    result
}

fn copy(memory: &Memory) -> Vec<u8> {
    let mut bytes = vec![0; size(memory) as usize];
    // SAFETY: all of the memory is within it.
    unsafe { copy_out(memory, 0, &mut bytes) };
    bytes
}

/// Atomics of this module are of its own memory.
pub fn first_word(_memory: &Memory) -> Option<NonNull<AtomicU32>> {
    None
}

/// # Safety
/// The bytes are within the memory.
pub unsafe fn copy_out(memory: &Memory, at: u64, into: &mut [u8]) {
    // SAFETY: the handle is alive, `into` is ours.
    unsafe {
        wasmdyld_memory_read(
            memory.raw.as_ptr(),
            at as u32,
            into.as_mut_ptr(),
            into.len(),
        )
    }
}

/// # Safety
/// The bytes are within the memory.
pub unsafe fn copy_in(memory: &Memory, at: u64, bytes: &[u8]) {
    // SAFETY: as in `copy_out`.
    unsafe { wasmdyld_memory_write(memory.raw.as_ptr(), at as u32, bytes.as_ptr(), bytes.len()) }
}

/// # Safety
/// The bytes are within the memory.
pub unsafe fn zero(memory: &Memory, at: u64, len: u64) {
    // SAFETY: the handle is alive.
    unsafe { wasmdyld_memory_zero(memory.raw.as_ptr(), at as u32, len as usize) }
}

/// Where the first NUL is, counted from `at`, among so many bytes.
///
/// # Safety
/// The bytes are within the memory.
pub unsafe fn find_nul(memory: &Memory, at: u64, available: usize) -> Option<usize> {
    // SAFETY: the handle is alive.
    let found = unsafe { wasmdyld_memory_find_nul(memory.raw.as_ptr(), at as u32, available) };
    (found != usize::MAX).then_some(found)
}
