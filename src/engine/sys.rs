//! The standard `wasm.h`, as far as it is used here: types and numbers only, no functions (those are in [`super::api`]).
//!
//! Written by hand so that no engine's own header decides the layout; the assertions below pin what all engines agree on.

#![allow(
    non_camel_case_types,
    reason = "the names are those of the C header, so that either side can be searched for"
)]

use std::ffi::c_void;
use std::marker::{PhantomData, PhantomPinned};
use std::mem::{align_of, offset_of, size_of};

macro_rules! opaque {
    ($($name:ident)*) => {$(
        /// Opaque: only ever behind a pointer; not `Send`, not `Sync`, not `Unpin`.
        #[repr(C)]
        pub struct $name {
            opaque: [u8; 0],
            marker: PhantomData<(*mut u8, PhantomPinned)>,
        }
    )*};
}

opaque! {
    wasm_config_t wasm_engine_t wasm_store_t
    wasm_valtype_t wasm_functype_t wasm_globaltype_t wasm_tabletype_t wasm_memorytype_t wasm_externtype_t
    wasm_importtype_t wasm_exporttype_t
    wasm_ref_t wasm_trap_t wasm_frame_t wasm_module_t wasm_instance_t wasm_extern_t
    wasm_func_t wasm_global_t wasm_table_t wasm_memory_t
}

pub type wasm_valkind_t = u8;
pub const WASM_I32: wasm_valkind_t = 0;
pub const WASM_I64: wasm_valkind_t = 1;
pub const WASM_F32: wasm_valkind_t = 2;
pub const WASM_F64: wasm_valkind_t = 3;
pub const WASM_EXTERNREF: wasm_valkind_t = 128;
pub const WASM_FUNCREF: wasm_valkind_t = 129;

pub type wasm_externkind_t = u8;
pub const WASM_EXTERN_FUNC: wasm_externkind_t = 0;
pub const WASM_EXTERN_GLOBAL: wasm_externkind_t = 1;
pub const WASM_EXTERN_TABLE: wasm_externkind_t = 2;
pub const WASM_EXTERN_MEMORY: wasm_externkind_t = 3;
pub const WASM_EXTERN_TAG: wasm_externkind_t = 4;

pub type wasm_mutability_t = u8;
pub const WASM_CONST: wasm_mutability_t = 0;
pub const WASM_VAR: wasm_mutability_t = 1;

/// "No maximum" in [`wasm_limits_t`].
pub const WASM_LIMITS_MAX_DEFAULT: u32 = 0xffff_ffff;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct wasm_limits_t {
    pub min: u32,
    pub max: u32,
}

/// The payload of a value. Which field holds is said by [`wasm_val_t::kind`].
#[repr(C)]
#[derive(Clone, Copy)]
pub union wasm_val_union {
    pub i32: i32,
    pub i64: i64,
    pub f32: f32,
    pub f64: f64,
    pub r#ref: *mut wasm_ref_t,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct wasm_val_t {
    pub kind: wasm_valkind_t,
    pub of: wasm_val_union,
}

/// The part of a vector that every engine has. Vectors that *we* hand out as `out` parameters must be a
/// [`super::vec::VecBuf`] instead, since WAMR's vectors are longer than this (Q7).
#[repr(C)]
pub struct wasm_vec_t<T> {
    pub size: usize,
    pub data: *mut T,
}

pub type wasm_byte_vec_t = wasm_vec_t<u8>;
pub type wasm_val_vec_t = wasm_vec_t<wasm_val_t>;
pub type wasm_valtype_vec_t = wasm_vec_t<*mut wasm_valtype_t>;
pub type wasm_extern_vec_t = wasm_vec_t<*mut wasm_extern_t>;
pub type wasm_importtype_vec_t = wasm_vec_t<*mut wasm_importtype_t>;
pub type wasm_exporttype_vec_t = wasm_vec_t<*mut wasm_exporttype_t>;

/// `wasm_func_callback_with_env_t`.
pub type wasm_func_callback_with_env_t = unsafe extern "C" fn(
    env: *mut c_void,
    args: *const wasm_val_vec_t,
    results: *mut wasm_val_vec_t,
) -> *mut wasm_trap_t;

pub type wasm_finalizer_t = unsafe extern "C" fn(env: *mut c_void);

// Measured on five engines. If one of these fails, the header has changed under us and nothing else here holds.
const _: () = {
    assert!(size_of::<wasm_val_t>() == 16);
    assert!(align_of::<wasm_val_t>() == 8);
    assert!(offset_of!(wasm_val_t, kind) == 0);
    assert!(offset_of!(wasm_val_t, of) == 8);
    assert!(size_of::<wasm_val_union>() == 8);
    assert!(size_of::<wasm_limits_t>() == 8);
    assert!(offset_of!(wasm_limits_t, max) == 4);
    assert!(size_of::<wasm_byte_vec_t>() == 2 * size_of::<usize>());
    assert!(offset_of!(wasm_byte_vec_t, data) == size_of::<usize>());
    assert!(size_of::<wasm_store_t>() == 0);
};
