//! The guest's memory: bytes and strings in and out, and its heap.

use std::ffi::c_char;

use super::edge::{self, Handle, edge, quiet, set};
use super::error::wasm_dyld_error_t;
use super::namespace::wasm_dyld_t;
use super::object::wasm_dyld_object_t;
use super::types::wasm_dyld_code_t;
use crate::error::{Code, Error};

/// Copies `size` bytes out of the memory, as it is now. Out of bounds is WASM_DYLD_INVALID_ARGUMENT, and nothing is copied.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_read(
    namespace: *mut wasm_dyld_t,
    address: u64,
    into: *mut u8,
    size: usize,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let memory = wasm_dyld_t::lend(namespace)?.ns.memory_to_use()?;
        memory.holds(address, size as u64)?;
        memory.read(address, edge::bytes_mut(into, size, "buffer")?)?;
        Ok(())
    })
}

/// Copies `size` bytes into the memory. Out of bounds is WASM_DYLD_INVALID_ARGUMENT, and nothing is copied.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_write(
    namespace: *mut wasm_dyld_t,
    address: u64,
    from: *const u8,
    size: usize,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let memory = wasm_dyld_t::lend(namespace)?.ns.memory_to_use()?;
        memory.holds(address, size as u64)?;
        memory.write(address, edge::bytes(from, size, "buffer")?)?;
        Ok(())
    })
}

/// Copies a string of the guest's, which ends with a NUL, and the NUL. `buffer` has room for `size` bytes, the NUL among them; it is the
/// caller's. `*length` (may be NULL) gets the bytes before the NUL. They are the guest's own: whether they are UTF-8 is for the caller to see.
///
/// A null `address`, one beyond the memory, and a string that does not end within `size` bytes or before the memory does, is
/// WASM_DYLD_INVALID_ARGUMENT: nothing is copied, and nothing beyond these bytes is looked at.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_read_string(
    namespace: *mut wasm_dyld_t,
    address: u64,
    buffer: *mut c_char,
    size: usize,
    length: *mut usize,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        set(length, 0);
        let memory = wasm_dyld_t::lend(namespace)?.ns.memory_to_use()?;
        if address == 0 {
            let why = "the address of the string is null";
            return Err(Error::new(Code::InvalidArgument, why));
        }
        let into = edge::bytes_mut(buffer.cast(), size, "buffer")?;
        set(length, memory.read_string(address, into)?);
        Ok(())
    })
}

/// Takes `size` bytes of the guest's heap, by a call of the guest's own malloc: the one of the global scope, else of the first object that
/// has malloc and free. The bytes are what they happen to be. `*address` is the guest's, for wasm_dyld_write and as an argument; give it
/// back with wasm_dyld_free, or leave it to a function of the guest's that frees it. It goes with the object whose malloc it is
/// (wasm_dyld_heap), and with the namespace.
///
/// WASM_DYLD_NOT_FOUND if no object has malloc and free, WASM_DYLD_LIMIT if malloc gives null or `size` is not below 4 GiB, and what a call
/// may end with (wasm_dyld_call). What malloc gives is checked to be within the memory, else the error is WASM_DYLD_INVALID_ARGUMENT; that it
/// is nobody else's is the guest's word. It may be called wherever wasm_dyld_call may, by functions that the guest calls, too.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_alloc(
    namespace: *mut wasm_dyld_t,
    size: u64,
    address: *mut u64,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        set(address, 0);
        if address.is_null() {
            let why = "there is nowhere to put the address";
            return Err(Error::new(Code::InvalidArgument, why));
        }
        let ns = wasm_dyld_t::lend(namespace)?.ns.clone();
        set(address, ns.alloc(size)?);
        Ok(())
    })
}

/// Gives memory back to the guest's heap, by a call of its free. A null address does nothing; one beyond the memory is
/// WASM_DYLD_INVALID_ARGUMENT. What is none of malloc's, or was freed before, does in the guest what it does there.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_free(
    namespace: *mut wasm_dyld_t,
    address: u64,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let ns = wasm_dyld_t::lend(namespace)?.ns.clone();
        ns.free(address)
    })
}

/// The object whose malloc wasm_dyld_alloc calls; NULL if there is none. It stays the same one until it is unloaded: then what was taken of
/// its heap is gone, and is not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_heap(namespace: *mut wasm_dyld_t) -> *mut wasm_dyld_object_t {
    quiet(std::ptr::null_mut(), || {
        let namespace = wasm_dyld_t::lend(namespace).ok()?;
        let owner = namespace.ns.heap_owner()?;
        Some(wasm_dyld_object_t::handle(namespace.serial, owner))
    })
}
