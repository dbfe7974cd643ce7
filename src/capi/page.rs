//! What `bindings/js` needs of this library beyond its C API, where it is a module that JavaScript runs.

use std::alloc::{Layout, alloc, dealloc};
use std::cell::RefCell;
use std::ffi::{c_char, c_void};

use super::config::{wasm_dyld_open_callback_t, wasm_dyld_trace_callback_t};
use super::edge::{self, Handle};
use super::namespace::wasm_dyld_t;
use super::object::wasm_dyld_symbol_callback_t;
use super::types::wasm_dyld_symbol_kind_t;
use crate::engine::sys::wasm_trap_t;
use crate::engine::{HostTrap, Trap, number_of};
use crate::object::{Exported, Object, ParseLimits, ValType, exported};

// Callbacks are pointers to functions of this module; these are JavaScript's.
unsafe extern "C" {
    fn wasmdyld_on_open(
        env: *mut c_void,
        name: *const c_char,
        needed_by: *const c_char,
        bytes: *mut *const u8,
        size: *mut usize,
        identity: *mut *const u8,
        identity_size: *mut usize,
    ) -> i32;
    fn wasmdyld_on_trace(env: *mut c_void, category: *const c_char, text: *const c_char);
    fn wasmdyld_on_symbol(env: *mut c_void, name: *const c_char, kind: wasm_dyld_symbol_kind_t);
    fn wasmdyld_panicked(text: *const u8, size: usize);
}

#[unsafe(no_mangle)]
extern "C" fn wasmdyld_open_callback() -> wasm_dyld_open_callback_t {
    Some(wasmdyld_on_open)
}

#[unsafe(no_mangle)]
extern "C" fn wasmdyld_trace_callback() -> wasm_dyld_trace_callback_t {
    Some(wasmdyld_on_trace)
}

#[unsafe(no_mangle)]
extern "C" fn wasmdyld_symbol_callback() -> wasm_dyld_symbol_callback_t {
    Some(wasmdyld_on_symbol)
}

/// To be called first: a panic, which ends in a trap here, is told before.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_start() {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.to_string();
        // SAFETY: the text is ours for the call.
        unsafe { wasmdyld_panicked(text.as_ptr(), text.len()) }
    }));
}

fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size.max(1), 16).ok()
}

/// Bytes of this module's memory; NULL if there are not so many.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_alloc(size: usize) -> *mut u8 {
    // SAFETY: the size is not 0.
    layout(size).map_or(std::ptr::null_mut(), |layout| unsafe { alloc(layout) })
}

/// Gives back what [`wasmdyld_alloc`] gave for this size. NULL is allowed.
///
/// # Safety
/// It is that, and is not used again.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasmdyld_release(bytes: *mut u8, size: usize) {
    if let (false, Some(layout)) = (bytes.is_null(), layout(size)) {
        // SAFETY: by the caller's promise.
        unsafe { dealloc(bytes, layout) }
    }
}

thread_local! {
    /// The answer that was given last.
    static TOLD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Tells JavaScript something of a module, in bytes that live until the next such answer. NULL: it is no module, of which a load tells more.
fn tell(
    bytes: *const u8,
    size: usize,
    length: *mut usize,
    answer: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> *const u8 {
    edge::quiet(std::ptr::null(), || {
        let answer = answer(edge::module(bytes, size, "module").ok()?)?;
        edge::set(length, answer.len());
        TOLD.with_borrow_mut(|told| {
            *told = answer;
            Some(told.as_ptr())
        })
    })
}

/// The names of the libraries that a module needs, each with a NUL behind it.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_needed(bytes: *const u8, size: usize, length: *mut usize) -> *const u8 {
    tell(bytes, size, length, |bytes| {
        let object = Object::parse(bytes, &ParseLimits::default()).ok()?;
        let needed = object.dylink.iter().flat_map(|dylink| &dylink.needed);
        Some(needed.flat_map(|name| name.bytes().chain([0])).collect())
    })
}

/// The types of a module's exports, which JavaScript does not tell. For each, in order: 0 for a function, then how many values it takes and gives
/// (16 bits each, little-endian) and the numbers that wasm.h has for their types, 255 for none; 1 for a global, then that number and
/// whether it is mutable; 2 for all others.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_exports(bytes: *const u8, size: usize, length: *mut usize) -> *const u8 {
    let number = |ty: &ValType| number_of(*ty).unwrap_or(u8::MAX);
    tell(bytes, size, length, |bytes| {
        let mut told = Vec::new();
        for export in exported(bytes)? {
            match export {
                Exported::Func(Some(ty)) => {
                    told.push(0);
                    for values in [&ty.params, &ty.results] {
                        told.extend_from_slice(&u16::try_from(values.len()).ok()?.to_le_bytes());
                    }
                    told.extend(ty.params.iter().chain(&ty.results).map(number));
                }
                Exported::Global(ty) => told.extend([1, number(&ty.content), ty.mutable.into()]),
                _ => told.push(2),
            }
        }
        Some(told)
    })
}

/// The trap by which a guest of the namespace ends itself with this code: what JavaScript's `proc_exit` throws.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_exit(namespace: *mut wasm_dyld_t, code: i32) -> *mut wasm_trap_t {
    edge::quiet(std::ptr::null_mut(), || {
        let ns = wasm_dyld_t::lend(namespace).ok()?.ns.clone();
        let HostTrap::Message(text) = ns.exit_trap(code) else {
            return None;
        };
        Trap::new(ns.store(), &text).map(Trap::into_raw)
    })
}
