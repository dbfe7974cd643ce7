//! Objects, for introspection.

#![allow(non_camel_case_types)]

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

use super::edge::{Handle, edge, quiet, set};
use super::error::wasm_dyld_error_t;
use super::namespace::wasm_dyld_t;
use super::types::{wasm_dyld_code_t, wasm_dyld_symbol_kind_t};
use crate::error::{Code, Error, Result};
use crate::link::ObjectInfo;
use crate::plan::ObjectId;

/// An object of a namespace. The pointer is a name and points to nothing: it is never deleted. Using it after the object was
/// unloaded, or with another namespace, is an error; no object gets the name of an earlier one.
pub struct wasm_dyld_object_t {
    _unused: [u8; 0],
}

/// Gets a name that an object defines, and what it is: a function or a datum. The name is the callee's for the call only. It may call everything: see
/// the top of this file.
pub type wasm_dyld_symbol_callback_t = Option<
    unsafe extern "C" fn(env: *mut c_void, name: *const c_char, kind: wasm_dyld_symbol_kind_t),
>;

/// Strings handed to C, kept by the namespace.
#[derive(PartialEq, Eq, Hash)]
pub enum StringKey {
    Name(ObjectId),
    Path(ObjectId),
    Origin(ObjectId),
    Symbol(ObjectId, Arc<str>),
    LibraryPath(usize),
    LinkMap,
}

impl StringKey {
    /// The object that it goes with; those of the namespace stay.
    pub fn object(&self) -> Option<ObjectId> {
        match self {
            StringKey::Name(id) | StringKey::Path(id) | StringKey::Origin(id) => Some(*id),
            StringKey::Symbol(id, _) => Some(*id),
            StringKey::LibraryPath(_) | StringKey::LinkMap => None,
        }
    }
}

/// What a namespace's number adds to the handles of its objects. Where there is no room for both numbers, handles of two namespaces differ as long as neither has
/// loaded as many objects as the bits below have numbers, and fewer than 127 namespaces were made between them; and there they are never negative, as JavaScript
/// sees them.
fn mark(serial: u32, bits: u32) -> u64 {
    match bits {
        64.. => u64::from(serial) << 32,
        _ => u64::from(serial & 0x7f) << 24,
    }
}

/// One more than the object's number, behind the mark: so no handle is NULL, however many objects there have been.
fn number(serial: u32, id: ObjectId, bits: u32) -> u64 {
    mark(serial, bits) + u64::from(id.0) + 1
}

fn object(number: u64, serial: u32, bits: u32) -> Option<ObjectId> {
    let number = number.checked_sub(mark(serial, bits))?;
    u32::try_from(number).ok()?.checked_sub(1).map(ObjectId)
}

impl wasm_dyld_object_t {
    pub fn handle(serial: u32, id: ObjectId) -> *mut wasm_dyld_object_t {
        std::ptr::without_provenance_mut(number(serial, id, usize::BITS) as usize)
    }
}

impl wasm_dyld_t {
    /// The object that a handle names.
    pub fn id(&self, handle: *const wasm_dyld_object_t) -> Result<ObjectId> {
        let id = object(handle.addr() as u64, self.serial, usize::BITS);
        match id.filter(|&id| self.ns.contains(id)) {
            Some(id) => Ok(id),
            None => Err(Error::new(
                Code::InvalidArgument,
                "the object is NULL or not of this namespace, or it is gone",
            )),
        }
    }

    fn info(&self, handle: *const wasm_dyld_object_t) -> Result<ObjectInfo> {
        let info = self.ns.object(self.id(handle)?);
        info.ok_or_else(|| Error::new(Code::InvalidArgument, "the object is gone"))
    }

    /// Guests close libraries too, without coming by here: what is left of these goes when the collection has grown.
    pub fn string(&self, key: StringKey, text: &[u8]) -> *const c_char {
        const MANY: usize = 1024;
        let mut strings = self.strings.borrow_mut();
        if strings.len() % MANY == MANY - 1 {
            strings.retain(|key, _| key.object().is_none_or(|id| self.ns.contains(id)));
        }
        let string = strings
            .entry(key)
            .or_insert_with(|| CString::new(text).unwrap_or_default());
        string.as_ptr()
    }
}

/// What `read` finds of an object, `otherwise` if there is no such object or nothing of the kind.
fn of<T>(
    namespace: *const wasm_dyld_t,
    object: *const wasm_dyld_object_t,
    otherwise: T,
    read: impl FnOnce(&wasm_dyld_t, ObjectInfo) -> Option<T>,
) -> T {
    quiet(otherwise, || {
        let namespace = wasm_dyld_t::lend(namespace).ok()?;
        let info = namespace.info(object).ok()?;
        read(&namespace, info)
    })
}

/// How many objects there are.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_object_count(namespace: *const wasm_dyld_t) -> usize {
    quiet(0, || {
        Some(wasm_dyld_t::lend(namespace).ok()?.ns.object_count())
    })
}

/// The object at `index`, in the order in which they were loaded; NULL if there are not so many.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_object_at(
    namespace: *const wasm_dyld_t,
    index: usize,
) -> *mut wasm_dyld_object_t {
    quiet(std::ptr::null_mut(), || {
        let namespace = wasm_dyld_t::lend(namespace).ok()?;
        let object = namespace.ns.object_at(index)?;
        Some(wasm_dyld_object_t::handle(namespace.serial, object.id))
    })
}

/// The object's name: its file name, or what it was loaded under. Belongs to the namespace. NULL if there is no such object.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_object_name(
    namespace: *const wasm_dyld_t,
    object: *const wasm_dyld_object_t,
) -> *const c_char {
    of(namespace, object, std::ptr::null(), |namespace, info| {
        Some(namespace.string(StringKey::Name(info.id), info.name.as_bytes()))
    })
}

/// The path of the file that the object came from. Belongs to the namespace. NULL if it came from bytes, or if there is no
/// such object.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_object_path(
    namespace: *const wasm_dyld_t,
    object: *const wasm_dyld_object_t,
) -> *const c_char {
    of(namespace, object, std::ptr::null(), |namespace, info| {
        let path = info.path.as_ref()?;
        Some(namespace.string(
            StringKey::Path(info.id),
            path.as_os_str().as_encoded_bytes(),
        ))
    })
}

/// The folder of the object's path, `$ORIGIN` in its RUNTIME_PATH. Belongs to the namespace. NULL if it came from bytes, or if
/// there is no such object. A path that the guest opened is one of the guest's own.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_object_origin(
    namespace: *const wasm_dyld_t,
    object: *const wasm_dyld_object_t,
) -> *const c_char {
    of(namespace, object, std::ptr::null(), |namespace, info| {
        let folder = match info.path.as_ref()?.parent()?.as_os_str().as_encoded_bytes() {
            b"" => b".",
            folder => folder,
        };
        Some(namespace.string(StringKey::Origin(info.id), folder))
    })
}

/// How often the object is loaded: by the host, and by guests (dlopen). What only others need has zero for both. Either may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_object_opens(
    namespace: *const wasm_dyld_t,
    object: *const wasm_dyld_object_t,
    host: *mut u32,
    guest: *mut u32,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let opens = wasm_dyld_t::lend(namespace)?.info(object)?.opens;
        set(host, opens.host);
        set(guest, opens.guest);
        Ok(())
    })
}

/// Whether the object is never unloaded: it was loaded with WASM_DYLD_NODELETE, or is a preload, or holds in its code a number of
/// a host function's slot.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_object_is_nodelete(
    namespace: *const wasm_dyld_t,
    object: *const wasm_dyld_object_t,
) -> bool {
    of(namespace, object, false, |_, info| Some(info.nodelete))
}

/// Where the object's data and its own table slots are. Every out parameter may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_object_place(
    namespace: *const wasm_dyld_t,
    object: *const wasm_dyld_object_t,
    memory_base: *mut u64,
    memory_size: *mut u64,
    table_base: *mut u64,
    table_size: *mut u64,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let place = wasm_dyld_t::lend(namespace)?.info(object)?.place;
        set(memory_base, place.memory_base);
        set(memory_size, place.memory_size);
        set(table_base, place.table_base);
        set(table_size, place.table_size);
        Ok(())
    })
}

/// Whether the object is the main program.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_object_is_program(
    namespace: *const wasm_dyld_t,
    object: *const wasm_dyld_object_t,
) -> bool {
    of(namespace, object, false, |_, info| Some(info.main))
}

/// Whether the object's symbols are in the global scope.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_object_is_global(
    namespace: *const wasm_dyld_t,
    object: *const wasm_dyld_object_t,
) -> bool {
    of(namespace, object, false, |_, info| Some(info.global))
}

/// How many libraries the object needs itself.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_object_needed_count(
    namespace: *const wasm_dyld_t,
    object: *const wasm_dyld_object_t,
) -> usize {
    of(namespace, object, 0, |_, info| Some(info.needed.len()))
}

/// One of the libraries that the object needs itself; NULL if there are not so many.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_object_needed_at(
    namespace: *const wasm_dyld_t,
    object: *const wasm_dyld_object_t,
    index: usize,
) -> *mut wasm_dyld_object_t {
    of(
        namespace,
        object,
        std::ptr::null_mut(),
        |namespace, info| {
            let needed = info.needed.get(index).copied()?;
            Some(wasm_dyld_object_t::handle(namespace.serial, needed))
        },
    )
}

/// Calls `callback` with each name that the object defines itself, not with those of what it needs: what wasm_dyld_dlsym finds. They come in the
/// order in which the module exports them. What is loaded or unloaded meanwhile changes nothing about the names that come.
///
/// WASM_DYLD_INVALID_ARGUMENT: there is no such object, or no callback.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_object_symbols(
    namespace: *const wasm_dyld_t,
    object: *const wasm_dyld_object_t,
    callback: wasm_dyld_symbol_callback_t,
    env: *mut c_void,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let namespace = wasm_dyld_t::lend(namespace)?;
        let id = namespace.id(object)?;
        let Some(callback) = callback else {
            return Err(Error::new(
                Code::InvalidArgument,
                "the callback for symbols is NULL",
            ));
        };
        for (name, is_function) in namespace.ns.defined(id) {
            let kind = match is_function {
                true => wasm_dyld_symbol_kind_t::WASM_DYLD_FUNC,
                false => wasm_dyld_symbol_kind_t::WASM_DYLD_DATA,
            };
            // No C program can ask for a name with a NUL in it.
            if let Ok(name) = CString::new(name) {
                // SAFETY: the host's own pair; the name lives for the call.
                unsafe { callback(env, name.as_ptr(), kind) };
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_handle_is_null_and_each_names_its_object() {
        for bits in [32, 64] {
            for serial in [0u32, 1, 5, 127, 128, 129] {
                let marked = serial & 0x7f;
                for id in [
                    0,
                    1,
                    (1 << 24) - 1,
                    1 << 24,
                    (marked << 24).saturating_sub(1),
                ] {
                    let number = number(serial, ObjectId(id), bits);
                    assert_ne!(number, 0, "{serial} {id}");
                    let found = object(number, serial, bits);
                    assert_eq!(found, Some(ObjectId(id)), "{serial} {id}");
                    let of_next = object(number, serial + 1, bits);
                    assert_ne!(of_next, Some(ObjectId(id)), "{serial} {id}");
                }
                assert_eq!(object(0, serial, bits), None);
            }
        }
    }
}
