//! Looking symbols up, and back from an address to a symbol.

use std::ffi::c_char;

use super::edge::{self, Handle, edge, set};
use super::error::wasm_dyld_error_t;
use super::namespace::wasm_dyld_t;
use super::object::{StringKey, wasm_dyld_object_t};
use super::types::{self, SymbolKindNumber, wasm_dyld_code_t, wasm_dyld_symbol_kind_t};
use crate::engine::sys::wasm_func_t;
use crate::error::{Code, Error, Result};
use crate::link::{SearchIn, Symbol};

/// Where the results of a look-up go; each may be NULL.
struct Results {
    kind: *mut wasm_dyld_symbol_kind_t,
    function: *mut *mut wasm_func_t,
    value: *mut u64,
}

fn look_up(
    namespace: &wasm_dyld_t,
    from: SearchIn,
    name: *const c_char,
    to: Results,
) -> Result<()> {
    let name = edge::text(name, "symbol name")?;
    let (kind, number) = match namespace.ns.dlsym(from, name)? {
        Symbol::Func { callee, sig } => {
            if !to.function.is_null() {
                set(to.function, namespace.ns.func_ptr(callee)?.as_ptr());
            }
            let slot = match to.value.is_null() {
                true => 0,
                false => namespace.ns.slot(callee, &sig)?.into(),
            };
            (wasm_dyld_symbol_kind_t::WASM_DYLD_FUNC, slot)
        }
        Symbol::Data { address, .. } => (wasm_dyld_symbol_kind_t::WASM_DYLD_DATA, address),
        Symbol::Number(number) => (wasm_dyld_symbol_kind_t::WASM_DYLD_NUMBER, number),
    };
    set(to.value, number);
    set(to.kind, kind);
    Ok(())
}

/// Looks a symbol up: in `object` and what it needs, breadth first, or in the global scope if `object` is NULL (dlsym(3),
/// RTLD_DEFAULT).
///
/// Every out parameter may be NULL. `*kind` tells what it is. `*function` is the function to call, or NULL if it is none; it
/// belongs to the namespace and lives until the object that defines it is unloaded. `*value` is a function's table slot, which
/// is what the guest calls its address and the same wherever it is taken (it is given one now if it has none), or a datum's
/// address in memory.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_dlsym(
    namespace: *mut wasm_dyld_t,
    object: *const wasm_dyld_object_t,
    name: *const c_char,
    kind: *mut wasm_dyld_symbol_kind_t,
    function: *mut *mut wasm_func_t,
    value: *mut u64,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        set(function, std::ptr::null_mut());
        let namespace = wasm_dyld_t::lend(namespace)?;
        let from = match object.is_null() {
            true => SearchIn::Global,
            false => SearchIn::Object(namespace.id(object)?),
        };
        let to = Results {
            kind,
            function,
            value,
        };
        look_up(&namespace, from, name, to)
    })
}

/// Looks up the next definition of a symbol after `caller`, in the scope where `caller` finds its own (dlsym(3), RTLD_NEXT): what
/// a function that stands before another of its name calls. Otherwise as wasm_dyld_dlsym.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_dlsym_next(
    namespace: *mut wasm_dyld_t,
    caller: *const wasm_dyld_object_t,
    name: *const c_char,
    kind: *mut wasm_dyld_symbol_kind_t,
    function: *mut *mut wasm_func_t,
    value: *mut u64,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        set(function, std::ptr::null_mut());
        let namespace = wasm_dyld_t::lend(namespace)?;
        let from = SearchIn::After(namespace.id(caller)?);
        let to = Results {
            kind,
            function,
            value,
        };
        look_up(&namespace, from, name, to)
    })
}

/// The type of a function of the namespace: `*params` and `*results` are how many values it takes and gives, and `kinds` gets the numbers
/// that wasm.h has for their types (WASM_I32), those of the parameters first; 255 where it has none, for vectors for instance.
///
/// `kinds` has room for `room` numbers, and is not written beyond; it may be NULL if that is 0. Where a type has no number, engines end the
/// process in wasm_func_type and wasm_valtype_kind: ask here. wasm_dyld_call calls functions of numbers and funcref only.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_function_type(
    namespace: *mut wasm_dyld_t,
    function: *const wasm_func_t,
    kinds: *mut u8,
    room: usize,
    params: *mut usize,
    results: *mut usize,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    const NONE: u8 = 255;
    edge(error, || {
        let ns = wasm_dyld_t::lend(namespace)?.ns.clone();
        let function = edge::engine_function(ns.store().api(), function)?;
        let (all, params_count) = ns.kinds_of(&function)?;
        let room = edge::bytes_mut(kinds, room, "room for the kinds")?;
        for (place, kind) in room.iter_mut().zip(&all) {
            *place = kind.unwrap_or(NONE);
        }
        set(params, params_count);
        set(results, all.len().saturating_sub(params_count));
        Ok(())
    })
}

/// Tells which object a function's slot (`kind` WASM_DYLD_FUNC) or an address in memory (WASM_DYLD_DATA) belongs to (dladdr(3)).
///
/// Every out parameter may be NULL. `*symbol` is the exported symbol in the slot, or the nearest one at or below the address,
/// NULL if there is none; it belongs to the namespace and lives until the object is unloaded. `*symbol_value` is its own slot
/// or address.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_dladdr(
    namespace: *mut wasm_dyld_t,
    kind: SymbolKindNumber,
    value: u64,
    object: *mut *mut wasm_dyld_object_t,
    symbol: *mut *const c_char,
    symbol_value: *mut u64,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        set(object, std::ptr::null_mut());
        set(symbol, std::ptr::null());
        let namespace = wasm_dyld_t::lend(namespace)?;
        let found = match types::symbol_kind(kind) {
            Some(wasm_dyld_symbol_kind_t::WASM_DYLD_FUNC) => namespace.ns.at_slot(value)?,
            Some(wasm_dyld_symbol_kind_t::WASM_DYLD_DATA) => namespace.ns.at_address(value)?,
            _ => {
                let why = format!("there is no address of kind {kind}");
                return Err(Error::new(Code::InvalidArgument, why));
            }
        };
        let id = found.object;
        set(object, wasm_dyld_object_t::handle(namespace.serial, id));
        if let Some((name, at)) = found.symbol {
            let key = StringKey::Symbol(id, name.clone());
            set(symbol, namespace.string(key, name.as_bytes()));
            set(symbol_value, at);
        }
        Ok(())
    })
}
