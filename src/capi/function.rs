//! Functions that were prepared to be called again and again.

#![allow(non_camel_case_types)]

use std::ffi::c_char;

use super::edge::{self, Handle, QuickHandle, edge, set};
use super::error::wasm_dyld_error_t;
use super::namespace::wasm_dyld_t;
use super::object::wasm_dyld_object_t;
use super::types::wasm_dyld_code_t;
use crate::engine::sys::{wasm_func_t, wasm_val_vec_t};
use crate::engine::{host_args, host_room};
use crate::error::{Code, Error, Result};
use crate::link::{Column, Function, SearchIn};
use crate::object::{self, FuncType};

/// A function of a namespace, prepared to be called again and again: what wasm_dyld_call finds out with every call, its type above all, is
/// found out once.
///
/// Made by wasm_dyld_func_new and wasm_dyld_func_at; the caller's, who deletes it with wasm_dyld_func_delete, before or after the namespace.
/// It keeps nothing alive: when the object that defines the function is unloaded, or the namespace deleted, its calls are
/// WASM_DYLD_INVALID_ARGUMENT. It is of its namespace's thread.
pub struct wasm_dyld_func_t(Function);

edge::quick_handle!(wasm_dyld_func_t, 7, "prepared function");

/// The bits of a number, for wasm_dyld_func_call_cells.
#[repr(C)]
#[derive(Clone, Copy)]
pub union wasm_dyld_cell_t {
    /// An i32.
    pub i32: i32,
    /// An i64.
    pub i64: i64,
    /// An f32.
    pub f32: f32,
    /// An f64.
    pub f64: f64,
}

const _: () = assert!(size_of::<wasm_dyld_cell_t>() == size_of::<u64>());

/// Where the values of a parameter or a result lie in the guest's memory, for wasm_dyld_func_call_rows: that of row n, counted from 0, at
/// `address` + n * `stride`, little-endian, in 4 bytes (i32, f32) or 8 (i64, f64). No alignment is asked for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wasm_dyld_column_t {
    /// Where the value of the first row is. Not 0, which is the guest's null pointer.
    pub address: u64,
    /// Bytes from one row's value to the next one's: the size of a value for an array, that of the structure for an array of structures, 0
    /// for one value that serves all rows.
    pub stride: u64,
}

fn give(made: Function, function: *mut *mut wasm_dyld_func_t) -> Result<()> {
    set(function, wasm_dyld_func_t(made).give()?);
    Ok(())
}

/// Prepares a function that wasm_dyld_dlsym or wasm_dyld_dlsym_next gave for this namespace; no other is taken
/// (WASM_DYLD_INVALID_ARGUMENT). As for wasm_dyld_call, its type has numbers and funcref only, else the error is WASM_DYLD_UNSUPPORTED. On
/// success `*prepared` is the caller's, see wasm_dyld_func_t; `function` stays the namespace's.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_func_new(
    namespace: *mut wasm_dyld_t,
    function: *const wasm_func_t,
    prepared: *mut *mut wasm_dyld_func_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        set(prepared, std::ptr::null_mut());
        let ns = wasm_dyld_t::lend(namespace)?.ns.clone();
        let function = edge::engine_function(ns.store().api(), function)?;
        give(ns.prepare_call(&function)?, prepared)
    })
}

/// Prepares what is in a table slot, which is what the guest knows as a pointer to a function. `kinds` has the numbers of wasm.h for the
/// types (WASM_I32), those of the `params` parameters first, then those of the `results` results; NULL if there are none.
///
/// A slot without a function, 0 among them, is WASM_DYLD_INVALID_ARGUMENT. If an object exports the function, its type is compared now
/// (WASM_DYLD_TYPE_MISMATCH); of others each call compares it, and traps where it is another one. The slot of an object goes with that
/// object. Of a slot that the guest gave out itself, calls find what is in it then.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_func_at(
    namespace: *mut wasm_dyld_t,
    slot: u64,
    kinds: *const u8,
    params: usize,
    results: usize,
    prepared: *mut *mut wasm_dyld_func_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        set(prepared, std::ptr::null_mut());
        let ns = wasm_dyld_t::lend(namespace)?.ns.clone();
        let sig = signature(kinds, params, results)?;
        give(ns.prepare_slot(slot, sig)?, prepared)
    })
}

/// More than any function has.
const MOST_VALUES: usize = 2_000;

fn signature(kinds: *const u8, params: usize, results: usize) -> Result<FuncType> {
    let invalid = |why: String| Error::new(Code::InvalidArgument, why);
    let count = params.saturating_add(results);
    if count > MOST_VALUES {
        let why = format!(
            "a type of {params} parameters and {results} results: {MOST_VALUES} in all are the most"
        );
        return Err(invalid(why));
    }
    let types = edge::bytes(kinds, count, "kinds")?.iter().map(|&kind| {
        let ty = crate::engine::type_of(kind);
        ty.ok_or_else(|| invalid(format!("{kind} is no kind of value (WASM_I32 and so on)")))
    });
    let mut all = types.collect::<Result<Vec<_>>>()?;
    Ok(FuncType {
        results: all.split_off(params.min(all.len())),
        params: all,
    })
}

/// Deletes a prepared function; the function itself stays. NULL is allowed. A call that is under way ends as it would.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_func_delete(function: *mut wasm_dyld_func_t) {
    edge::quiet((), || {
        drop(wasm_dyld_func_t::take(function));
        Some(())
    });
}

/// Calls a prepared function, as wasm_dyld_call does: `args` and `results` must fit its type, NULL stands for none; after a trap the guest's
/// stack pointer is as it was, and the error has the functions that were running.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_func_call(
    function: *const wasm_dyld_func_t,
    args: *const wasm_val_vec_t,
    results: *mut wasm_val_vec_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let function = wasm_dyld_func_t::lend(function)?;
        // SAFETY: the header says that the vectors are the host's for the call.
        let (args, results) = unsafe { (host_args(args), host_room(results)) };
        function.0.call_into(args, results)
    })
}

/// Calls a prepared function of numbers alone without telling their types again: the quickest way. `cells` has room for `count` values,
/// which are at least as many as the function takes, and as it gives; it begins with the arguments, in the field of their type, and after a call
/// that worked with the results. Fewer are WASM_DYLD_INVALID_ARGUMENT; a function with funcref is WASM_DYLD_UNSUPPORTED. Otherwise as
/// wasm_dyld_func_call.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_func_call_cells(
    function: *const wasm_dyld_func_t,
    cells: *mut wasm_dyld_cell_t,
    count: usize,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let function = wasm_dyld_func_t::lend(function)?;
        function.0.call_cells(edge::cells(cells, count)?)
    })
}

/// Calls a function of numbers by its name: what wasm_dyld_dlsym finds in `object` and what it needs, or in the global scope if `object` is
/// NULL. `signature` says what type it has to have, as for wasm_dyld_define_func ("(i32 i32) -> i32"). `cells` has room for `count` values, which are
/// at least as many as it has parameters, and as it has results; it begins with the arguments, in the field of their type, and after a call that worked
/// with the results.
///
/// Nothing is called if the function has another type (WASM_DYLD_TYPE_MISMATCH), if there is none (WASM_DYLD_NOT_FOUND), or too little room
/// (WASM_DYLD_INVALID_ARGUMENT); else it goes as wasm_dyld_call. The name is looked up with each call: for what is called often, see
/// wasm_dyld_func_new.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_call_args(
    namespace: *mut wasm_dyld_t,
    object: *const wasm_dyld_object_t,
    name: *const c_char,
    signature: *const c_char,
    cells: *mut wasm_dyld_cell_t,
    count: usize,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let namespace = wasm_dyld_t::lend(namespace)?;
        let from = match object.is_null() {
            true => SearchIn::Global,
            false => SearchIn::Object(namespace.id(object)?),
        };
        let name = edge::text(name, "symbol name")?;
        let ty = object::signature(edge::text(signature, "signature")?)?;
        let ns = namespace.ns.clone();
        let function = ns.find_function(from, name, &ty)?;
        function.call_cells(edge::cells(cells, count)?)
    })
}

/// Calls a prepared function once for each of `rows` rows: the arguments come out of the guest's memory, the results go there, and host and
/// guest are crossed once. `columns` has `count` entries: one for each parameter, then one for each result. Rows are done in order; a row's
/// arguments are read before its results are written, so that results may stand where arguments were.
///
/// Numbers only (WASM_DYLD_UNSUPPORTED). All columns are checked before anything runs: one that is null, or not all within the memory as it is
/// now, is WASM_DYLD_INVALID_ARGUMENT. `*done` (may be NULL) gets the number of rows that were done: all of them, or, where the function trapped
/// or the guest exited, those before; their results have been written. Each namespace makes one small module for each type, when it is first
/// needed, and gives the function a table slot if it has none.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_func_call_rows(
    function: *const wasm_dyld_func_t,
    columns: *const wasm_dyld_column_t,
    count: usize,
    rows: u64,
    done: *mut u64,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        set(done, 0);
        let function = wasm_dyld_func_t::lend(function)?;
        if count > MOST_VALUES {
            let why = format!("{count} columns: {MOST_VALUES} are the most");
            return Err(Error::new(Code::InvalidArgument, why));
        }
        let columns = edge::list(columns, count, "columns")?
            .iter()
            .map(|column| Column {
                address: column.address,
                stride: column.stride,
            });
        let (were_done, ran) = function.0.call_rows(&columns.collect::<Vec<_>>(), rows);
        set(done, were_done);
        ran
    })
}
