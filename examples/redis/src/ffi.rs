//! What the example uses of wasm.h and wasmdyld.h.

use std::ffi::{c_char, c_void};

pub type Code = u32;
pub type Give = Option<unsafe extern "C" fn(to: *mut c_void, bytes: *const u8, size: usize)>;
pub type Get = unsafe extern "C" fn(*mut c_void, *const c_char, Give, *mut c_void) -> i32;
pub type Put = unsafe extern "C" fn(*mut c_void, *const c_char, *const u8, usize);
pub type Finalizer = unsafe extern "C" fn(*mut c_void);

/// Stands for all that is only ever behind a pointer.
pub enum Opaque {}

pub const PROGRAM: u32 = 65536;

unsafe extern "C" {
    pub fn wasm_store_new(engine: *mut Opaque) -> *mut Opaque;
    pub fn wasm_store_delete(store: *mut Opaque);
    pub fn wasm_engine_delete(engine: *mut Opaque);

    pub fn wasm_dyld_config_new() -> *mut Opaque;
    pub fn wasm_dyld_config_add_library_path(
        config: *mut Opaque,
        path: *const c_char,
        error: *mut *mut Opaque,
    ) -> Code;
    pub fn wasm_dyld_config_set_code_store(
        config: *mut Opaque,
        get: Option<Get>,
        put: Option<Put>,
        secret: *const u8,
        secret_size: usize,
        env: *mut c_void,
        finalizer: Option<Finalizer>,
        error: *mut *mut Opaque,
    ) -> Code;
    pub fn wasm_dyld_engine_new(
        config: *const Opaque,
        engine: *mut *mut Opaque,
        error: *mut *mut Opaque,
    ) -> Code;
    pub fn wasm_dyld_new(
        store: *mut Opaque,
        config: *mut Opaque,
        namespace: *mut *mut Opaque,
        error: *mut *mut Opaque,
    ) -> Code;
    pub fn wasm_dyld_delete(namespace: *mut Opaque);
    pub fn wasm_dyld_wasi_new() -> *mut Opaque;
    pub fn wasm_dyld_wasi_inherit_stdio(wasi: *mut Opaque, error: *mut *mut Opaque) -> Code;
    pub fn wasm_dyld_set_wasi(
        namespace: *mut Opaque,
        wasi: *mut Opaque,
        error: *mut *mut Opaque,
    ) -> Code;
    pub fn wasm_dyld_load(
        namespace: *mut Opaque,
        path: *const c_char,
        flags: u32,
        object: *mut *mut Opaque,
        error: *mut *mut Opaque,
    ) -> Code;
    pub fn wasm_dyld_run(namespace: *mut Opaque, code: *mut i32, error: *mut *mut Opaque) -> Code;
    pub fn wasm_dyld_error_message(error: *const Opaque) -> *const c_char;
}
