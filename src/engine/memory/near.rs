//! The bytes of a memory that lies in this process: by pointers. `apart.rs` has the same for one that does not.

use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

use super::Memory;

/// Base and size now. Valid until the guest runs, the memory grows, or the store goes. An empty memory may have no base.
fn parts(memory: &Memory) -> (*mut u8, usize) {
    // SAFETY: the handle is alive.
    unsafe {
        (
            (memory.api.wasm_memory_data)(memory.raw.as_ptr()),
            (memory.api.wasm_memory_data_size)(memory.raw.as_ptr()),
        )
    }
}

pub fn size(memory: &Memory) -> u64 {
    parts(memory).1 as u64
}

/// # Safety
/// As of [`Memory::read_all`].
pub unsafe fn read_all<R>(memory: &Memory, look: impl FnOnce(&[u8]) -> R) -> R {
    // SAFETY: by the caller's promise.
    unsafe { change_all(memory, |bytes| look(bytes)) }
}

/// # Safety
/// As of [`Memory::change_all`].
pub unsafe fn change_all<R>(memory: &Memory, change: impl FnOnce(&mut [u8]) -> R) -> R {
    let (base, size) = parts(memory);
    if size == 0 {
        return change(&mut []);
    }
    // SAFETY: the engine's memory, alive and exclusive by the caller's promise.
    change(unsafe { std::slice::from_raw_parts_mut(base, size) })
}

pub fn first_word(memory: &Memory) -> Option<NonNull<AtomicU32>> {
    let (base, size) = parts(memory);
    let word = NonNull::new(base.cast::<AtomicU32>())?;
    (word.is_aligned() && size >= size_of::<AtomicU32>()).then_some(word)
}

/// # Safety
/// The bytes are within the memory, and `into` is not in it.
pub unsafe fn copy_out(memory: &Memory, at: u64, into: &mut [u8]) {
    if into.is_empty() {
        return;
    }
    // SAFETY: by the caller's promise; a memory that holds something has a base.
    unsafe {
        let from = parts(memory).0.add(at as usize);
        std::ptr::copy_nonoverlapping(from, into.as_mut_ptr(), into.len());
    }
}

/// # Safety
/// As of [`copy_out`].
pub unsafe fn copy_in(memory: &Memory, at: u64, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    // SAFETY: as in `copy_out`.
    unsafe {
        let to = parts(memory).0.add(at as usize);
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
    }
}

/// # Safety
/// The bytes are within the memory.
pub unsafe fn zero(memory: &Memory, at: u64, len: u64) {
    if len == 0 {
        return;
    }
    // SAFETY: as in `copy_out`.
    unsafe { std::ptr::write_bytes(parts(memory).0.add(at as usize), 0, len as usize) };
}

/// Where the first NUL is, counted from `at`, among so many bytes.
///
/// # Safety
/// The bytes are within the memory.
pub unsafe fn find_nul(memory: &Memory, at: u64, available: usize) -> Option<usize> {
    if available == 0 {
        return None;
    }
    // SAFETY: by the caller's promise, and nothing runs meanwhile.
    let bytes = unsafe { std::slice::from_raw_parts(parts(memory).0.add(at as usize), available) };
    memchr::memchr(0, bytes)
}
