//! Snapshots: the state of a namespace taken, put back, and as bytes.

#![allow(non_camel_case_types)]

use super::config::{wasm_dyld_config_t, with};
use super::edge::{self, Handle, edge, set};
use super::error::wasm_dyld_error_t;
use super::namespace::wasm_dyld_t;
use super::types::{self, wasm_dyld_code_t, wasm_dyld_snapshot_flag_t};
use crate::error::{Code, Error, Result};
use crate::state::{Snapshot, decode, encode};

/// The state of a namespace: its guest's memory, table and globals, its objects, and what the linker knows of them. It belongs to no
/// namespace, store or engine, and outlives them. It never changes, and any number of threads may use it at once.
pub struct wasm_dyld_snapshot_t {
    state: Snapshot,
}

edge::handle!(wasm_dyld_snapshot_t, 0, "snapshot");

/// Sets whether snapshots can be taken of the namespace and restored into it (wasm_dyld_snapshot, wasm_dyld_restore); not by default.
///
/// Such a namespace keeps the bytes of its objects, does without launch closures, and gives modules exports for what they keep to themselves: their mutable
/// globals and their start function. A module whose state is out of reach is refused when it is loaded: one that has a memory of its own,
/// a mutable global of a reference or vector type, or code that changes tables.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_set_snapshots(
    config: *mut wasm_dyld_config_t,
    enabled: bool,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(config, error, |c| {
        c.config.snapshots = enabled;
        Ok(())
    })
}

/// Takes the state of a namespace whose configuration has wasm_dyld_config_set_snapshots. Something has been loaded, and no guest code is running:
/// a callback that a guest calls gets WASM_DYLD_BUSY. Nothing of the namespace changes. On success
/// `*snapshot` is the caller's, to be deleted with wasm_dyld_snapshot_delete.
///
/// The state is the memory, the table, all mutable globals of objects, the objects with their handles and scopes, their exit handlers, and the text for dlerror.
/// It is not what the host holds: WASI's files, clocks and streams, budgets and time-outs, globals and memories that the host has defined.
///
/// Of WASI's descriptors it is which are open, of those that the guest was given (streams, folders, sockets that listen). Where the guest has opened others,
/// WASM_DYLD_UNSUPPORTED names them, unless `flags` (of wasm_dyld_snapshot_flag_t) has WASM_DYLD_SNAPSHOT_OPEN_FILES.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_snapshot(
    namespace: *mut wasm_dyld_t,
    flags: u32,
    snapshot: *mut *mut wasm_dyld_snapshot_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        place(snapshot)?;
        const OPEN_FILES: u32 = wasm_dyld_snapshot_flag_t::WASM_DYLD_SNAPSHOT_OPEN_FILES as u32;
        let flags = types::flags(flags, &[OPEN_FILES], "snapshot")?;
        let open_files = flags & OPEN_FILES != 0;
        let state = wasm_dyld_t::lend(namespace)?.ns.snapshot(open_files)?;
        set(snapshot, wasm_dyld_snapshot_t { state }.give()?);
        Ok(())
    })
}

/// Puts a namespace into the state of a snapshot, also after a trap of its guest. No guest code runs: neither constructors nor exit handlers. The snapshot stays
/// the caller's. On failure nothing has changed.
///
/// The namespace is the one that the snapshot was taken of, or one that has its objects at the same places. What was loaded since is unloaded, its handles are
/// errors; handles of what was there, prepared functions and addresses stay good. Memory that the guest
/// has grown since stays, and is zero. What the guest has opened since by WASI is closed, and what it was given and has closed since is open again; rights that it has
/// given up stay given up. If an object of the snapshot has been unloaded since, restore into a new namespace.
///
/// Or it is a new one, in any store, engine, thread or process, whose configuration has wasm_dyld_config_set_snapshots, and into which nothing has been loaded.
/// Its limits are its own. What the host had defined for the objects it has to define in the new one first, by the same names and
/// types, WASI among it. The objects come from the snapshot, no file is read; wasm_dyld_object_at names them. Compiled code is shared with other namespaces of the engine. Such a namespace cannot be renewed
/// (wasm_dyld_renew): restore the snapshot into another one.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_restore(
    namespace: *mut wasm_dyld_t,
    snapshot: *const wasm_dyld_snapshot_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let snapshot = wasm_dyld_snapshot_t::lend(snapshot)?;
        wasm_dyld_t::lend(namespace)?.ns.restore(&snapshot.state)
    })
}

/// Gives a snapshot as bytes, for a file or another process. `*bytes` are the snapshot's and live as long as it; they are made once, when they
/// are first asked for. They hold the objects' modules, and name no file of this machine: what objects have in RUNTIME_PATH as `$ORIGIN` is not
/// found for what a namespace made of them opens later, library paths and open callbacks are.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_snapshot_serialize(
    snapshot: *const wasm_dyld_snapshot_t,
    bytes: *mut *const u8,
    size: *mut usize,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        if bytes.is_null() || size.is_null() {
            let why = "there is nowhere to put the bytes or their number";
            return Err(Error::new(Code::InvalidArgument, why));
        }
        set(bytes, std::ptr::null());
        set(size, 0);
        let snapshot = wasm_dyld_snapshot_t::lend(snapshot)?;
        let made = &snapshot.state.serialized;
        let all = match made.get() {
            Some(all) => all,
            None => {
                let all = encode(&snapshot.state)?;
                made.get_or_init(|| all)
            }
        };
        set(bytes, all.as_ptr());
        set(size, all.len());
        Ok(())
    })
}

/// Makes a snapshot of the bytes of wasm_dyld_snapshot_serialize, which are copied. On success `*snapshot` is the caller's. Damage is found; a
/// forger is not: bytes are as trusted as the guest that they bring. Whatever they say, they harm none but that guest, and bring no code that could not have been
/// loaded as a module. Bytes of another version of their form are an error (WASM_DYLD_UNSUPPORTED).
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_snapshot_deserialize(
    bytes: *const u8,
    size: usize,
    snapshot: *mut *mut wasm_dyld_snapshot_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        place(snapshot)?;
        let state = decode(edge::bytes(bytes, size, "snapshot")?)?;
        set(snapshot, wasm_dyld_snapshot_t { state }.give()?);
        Ok(())
    })
}

/// Deletes a snapshot. Namespaces that were made of it stay. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_snapshot_delete(snapshot: *mut wasm_dyld_snapshot_t) {
    wasm_dyld_snapshot_t::delete(snapshot);
}

fn place(snapshot: *mut *mut wasm_dyld_snapshot_t) -> Result<()> {
    if snapshot.is_null() {
        let why = "there is nowhere to put the snapshot";
        return Err(Error::new(Code::InvalidArgument, why));
    }
    set(snapshot, std::ptr::null_mut());
    Ok(())
}
