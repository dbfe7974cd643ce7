//! The functions of `wasm.h` that the linker calls, as a table.
//!
//! All calls go through an [`Api`], so that the same code serves an engine that is bundled, one that the host program links, and
//! (from the same list of names) one that is opened at run time. Only functions that work on every engine stand here: no `*_as_ref`,
//! `ref_as_*`, `*_same`, host info, trap frames or `*_const` casts, each of which ends the process or is missing somewhere
//! (Q2, Q3, Q17).

use std::ffi::{CStr, c_void};
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::OnceLock;

use super::shim::{LibraryCode, Shim};
use super::sys::*;
use crate::error::{Code, Error};
use crate::platform;

/// Generates the table, its `extern` declarations and the lists of names from one list.
macro_rules! wasm_api {
    (
        required { $( fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)?; )* }
        optional { $( fn $oname:ident($($oarg:ident: $oty:ty),* $(,)?) $(-> $oret:ty)?; )* }
    ) => {
        /// Function pointers of one engine.
        #[derive(Clone)]
        pub struct Api {
            $( pub $name: unsafe extern "C" fn($($arg: $ty),*) $(-> $ret)?, )*
            $( pub $oname: Option<unsafe extern "C" fn($($oarg: $oty),*) $(-> $oret)?>, )*
            /// Where functions beyond `wasm.h` are found.
            pub(crate) symbols: Symbols,
            /// What is known of this engine, once asked.
            pub(crate) shim: OnceLock<&'static dyn Shim>,
            /// It has been seen to do what linking stands on.
            pub(crate) capable: OnceLock<()>,
            /// What its engines have of compiled code in common, where no function of the engine's tells them apart.
            pub(crate) code: OnceLock<LibraryCode>,
        }

        /// Nothing is linked: for fuzzers that run no engine.
        #[cfg(feature = "no-engine")]
        mod symbols {
            use super::*;
            $( pub unsafe extern "C" fn $name($(_: $ty),*) $(-> $ret)? {
                std::process::abort()
            } )*
        }

        #[cfg(not(feature = "no-engine"))]
        mod symbols {
            use super::*;
            unsafe extern "C" {
                $( pub fn $name($($arg: $ty),*) $(-> $ret)?; )*
                $( #[cfg(any(feature = "wasmtime", target_arch = "wasm32"))] pub fn $oname($($oarg: $oty),*) $(-> $oret)?; )*
            }
        }

        impl Api {
            /// Functions without which an engine cannot be used.
            pub const REQUIRED: &'static [&'static CStr] = &[$( name_of(concat!(stringify!($name), "\0")) ),*];
            /// Functions that are used where they exist.
            pub const OPTIONAL: &'static [&'static CStr] = &[$( name_of(concat!(stringify!($oname), "\0")) ),*];

            /// Those of [`OPTIONAL`](Api::OPTIONAL) that this engine lacks.
            pub fn lacks(&self) -> Vec<&'static CStr> {
                let there = [$( self.$oname.is_some() ),*];
                let all = Api::OPTIONAL.iter().zip(there);
                all.filter(|(_, there)| !there).map(|(name, _)| *name).collect()
            }

            /// The functions that this library was linked with: those of the bundled engine, or those of the program's own.
            fn of_linked_symbols() -> Api {
                Api {
                    $( $name: symbols::$name, )*
                    $(
                    #[cfg(any(feature = "wasmtime", target_arch = "wasm32"))]
                    $oname: Some(symbols::$oname),
                    #[cfg(not(any(feature = "wasmtime", target_arch = "wasm32")))]
                    $oname: {
                        let symbol = Symbols::Program.find(name_of(concat!(stringify!($oname), "\0")));
                        // SAFETY: a symbol of this name is this function of wasm.h.
                        unsafe {
                            std::mem::transmute::<
                                Option<NonNull<c_void>>,
                                Option<unsafe extern "C" fn($($oarg: $oty),*) $(-> $oret)?>,
                            >(symbol)
                        }
                    }, )*
                    symbols: Symbols::Program,
                    shim: OnceLock::new(),
                    capable: OnceLock::new(),
 code: OnceLock::new(),
                }
            }

            /// The functions of a library that was opened. `Err`: the names of those that it has to have and has not.
            pub(crate) fn of_library(symbols: Symbols) -> Result<Api, Vec<&'static CStr>> {
                let missing: Vec<&CStr> = Api::REQUIRED
                    .iter()
                    .copied()
                    .filter(|name| symbols.find(name).is_none())
                    .collect();
                if !missing.is_empty() {
                    return Err(missing);
                }
                Ok(Api {
                    // SAFETY: a symbol of this name is this function of wasm.h, and it was there just now.
                    $( $name: unsafe {
                        let found = symbols.find(name_of(concat!(stringify!($name), "\0")));
                        std::mem::transmute::<Option<NonNull<c_void>>, Option<unsafe extern "C" fn($($arg: $ty),*) $(-> $ret)?>>(found)
                    }.ok_or_else(|| vec![name_of(concat!(stringify!($name), "\0"))])?, )*
                    // SAFETY: as above; it may be missing.
                    $( $oname: unsafe {
                        let found = symbols.find(name_of(concat!(stringify!($oname), "\0")));
                        std::mem::transmute::<Option<NonNull<c_void>>, Option<unsafe extern "C" fn($($oarg: $oty),*) $(-> $oret)?>>(found)
                    }, )*
                    symbols,
                    shim: OnceLock::new(),
                    capable: OnceLock::new(),
 code: OnceLock::new(),
                })
            }
        }
    };
}

/// The file of the program or shared library that holds `function`.
fn file_of(function: *const c_void) -> Option<PathBuf> {
    platform::holder(function)?.file
}

/// Where the program or shared library that holds `function` is loaded.
pub(crate) fn origin(function: *const c_void) -> Option<usize> {
    platform::holder(function).map(|holder| holder.base)
}

/// Where an engine's functions come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Symbols {
    /// Linked: this library's own, or those of the program that loaded it.
    Program,
    /// A library that was opened, and is never closed.
    Library(NonNull<c_void>),
}

// SAFETY: a handle of dlopen, which any thread may use.
unsafe impl Send for Symbols {}
// SAFETY: as above.
unsafe impl Sync for Symbols {}

impl Symbols {
    pub(crate) fn find(self, name: &CStr) -> Option<NonNull<c_void>> {
        let library = match self {
            Symbols::Program => None,
            Symbols::Library(handle) => Some(handle),
        };
        platform::symbol(library, name)
    }
}

wasm_api! {
    required {
        // Configuration, engine, store.
        fn wasm_engine_new() -> *mut wasm_engine_t;
        fn wasm_engine_delete(engine: *mut wasm_engine_t);
        fn wasm_store_new(engine: *mut wasm_engine_t) -> *mut wasm_store_t;
        fn wasm_store_delete(store: *mut wasm_store_t);

        // Vectors. `delete` also deletes the elements.
        fn wasm_byte_vec_new(out: *mut wasm_byte_vec_t, size: usize, data: *const u8);
        fn wasm_byte_vec_delete(vec: *mut wasm_byte_vec_t);
        fn wasm_valtype_vec_new(out: *mut wasm_valtype_vec_t, size: usize, data: *const *mut wasm_valtype_t);
        fn wasm_extern_vec_delete(vec: *mut wasm_extern_vec_t);
        fn wasm_importtype_vec_delete(vec: *mut wasm_importtype_vec_t);
        fn wasm_exporttype_vec_delete(vec: *mut wasm_exporttype_vec_t);

        // Types.
        fn wasm_valtype_new(kind: wasm_valkind_t) -> *mut wasm_valtype_t;
        fn wasm_valtype_delete(ty: *mut wasm_valtype_t);
        fn wasm_valtype_kind(ty: *const wasm_valtype_t) -> wasm_valkind_t;
        fn wasm_functype_new(params: *mut wasm_valtype_vec_t, results: *mut wasm_valtype_vec_t) -> *mut wasm_functype_t;
        fn wasm_functype_delete(ty: *mut wasm_functype_t);
        fn wasm_functype_params(ty: *const wasm_functype_t) -> *const wasm_valtype_vec_t;
        fn wasm_functype_results(ty: *const wasm_functype_t) -> *const wasm_valtype_vec_t;
        fn wasm_globaltype_new(content: *mut wasm_valtype_t, mutability: wasm_mutability_t) -> *mut wasm_globaltype_t;
        fn wasm_globaltype_delete(ty: *mut wasm_globaltype_t);
        fn wasm_globaltype_content(ty: *const wasm_globaltype_t) -> *const wasm_valtype_t;
        fn wasm_globaltype_mutability(ty: *const wasm_globaltype_t) -> wasm_mutability_t;
        fn wasm_tabletype_new(element: *mut wasm_valtype_t, limits: *const wasm_limits_t) -> *mut wasm_tabletype_t;
        fn wasm_tabletype_delete(ty: *mut wasm_tabletype_t);
        fn wasm_tabletype_element(ty: *const wasm_tabletype_t) -> *const wasm_valtype_t;
        fn wasm_tabletype_limits(ty: *const wasm_tabletype_t) -> *const wasm_limits_t;
        fn wasm_memorytype_new(limits: *const wasm_limits_t) -> *mut wasm_memorytype_t;
        fn wasm_memorytype_delete(ty: *mut wasm_memorytype_t);
        fn wasm_memorytype_limits(ty: *const wasm_memorytype_t) -> *const wasm_limits_t;
        fn wasm_externtype_kind(ty: *const wasm_externtype_t) -> wasm_externkind_t;
        fn wasm_importtype_module(ty: *const wasm_importtype_t) -> *const wasm_byte_vec_t;
        fn wasm_importtype_name(ty: *const wasm_importtype_t) -> *const wasm_byte_vec_t;
        fn wasm_importtype_type(ty: *const wasm_importtype_t) -> *const wasm_externtype_t;
        fn wasm_exporttype_name(ty: *const wasm_exporttype_t) -> *const wasm_byte_vec_t;
        fn wasm_exporttype_type(ty: *const wasm_exporttype_t) -> *const wasm_externtype_t;

        // Modules and instances.
        fn wasm_module_new(store: *mut wasm_store_t, bytes: *const wasm_byte_vec_t) -> *mut wasm_module_t;
        fn wasm_module_delete(module: *mut wasm_module_t);
        fn wasm_module_validate(store: *mut wasm_store_t, bytes: *const wasm_byte_vec_t) -> bool;
        fn wasm_module_imports(module: *const wasm_module_t, out: *mut wasm_importtype_vec_t);
        fn wasm_module_exports(module: *const wasm_module_t, out: *mut wasm_exporttype_vec_t);
        fn wasm_instance_new(
            store: *mut wasm_store_t,
            module: *const wasm_module_t,
            imports: *const wasm_extern_vec_t,
            trap: *mut *mut wasm_trap_t,
        ) -> *mut wasm_instance_t;
        fn wasm_instance_delete(instance: *mut wasm_instance_t);
        fn wasm_instance_exports(instance: *const wasm_instance_t, out: *mut wasm_extern_vec_t);

        // Functions.
        fn wasm_func_new_with_env(
            store: *mut wasm_store_t,
            ty: *const wasm_functype_t,
            callback: wasm_func_callback_with_env_t,
            env: *mut c_void,
            finalizer: Option<wasm_finalizer_t>,
        ) -> *mut wasm_func_t;
        fn wasm_func_delete(func: *mut wasm_func_t);
        fn wasm_func_type(func: *const wasm_func_t) -> *mut wasm_functype_t;
        fn wasm_func_param_arity(func: *const wasm_func_t) -> usize;
        fn wasm_func_result_arity(func: *const wasm_func_t) -> usize;
        fn wasm_func_call(
            func: *const wasm_func_t,
            args: *const wasm_val_vec_t,
            results: *mut wasm_val_vec_t,
        ) -> *mut wasm_trap_t;

        // Globals.
        fn wasm_global_new(
            store: *mut wasm_store_t,
            ty: *const wasm_globaltype_t,
            value: *const wasm_val_t,
        ) -> *mut wasm_global_t;
        fn wasm_global_delete(global: *mut wasm_global_t);
        fn wasm_global_type(global: *const wasm_global_t) -> *mut wasm_globaltype_t;
        fn wasm_global_get(global: *const wasm_global_t, out: *mut wasm_val_t);
        fn wasm_global_set(global: *mut wasm_global_t, value: *const wasm_val_t);

        // Tables.
        fn wasm_table_new(
            store: *mut wasm_store_t,
            ty: *const wasm_tabletype_t,
            init: *mut wasm_ref_t,
        ) -> *mut wasm_table_t;
        fn wasm_table_delete(table: *mut wasm_table_t);
        fn wasm_table_type(table: *const wasm_table_t) -> *mut wasm_tabletype_t;
        fn wasm_table_get(table: *const wasm_table_t, index: u32) -> *mut wasm_ref_t;
        fn wasm_table_set(table: *mut wasm_table_t, index: u32, value: *mut wasm_ref_t) -> bool;
        fn wasm_table_size(table: *const wasm_table_t) -> u32;
        fn wasm_table_grow(table: *mut wasm_table_t, delta: u32, init: *mut wasm_ref_t) -> bool;

        // Memories.
        fn wasm_memory_new(store: *mut wasm_store_t, ty: *const wasm_memorytype_t) -> *mut wasm_memory_t;
        fn wasm_memory_delete(memory: *mut wasm_memory_t);
        fn wasm_memory_type(memory: *const wasm_memory_t) -> *mut wasm_memorytype_t;
        fn wasm_memory_data(memory: *mut wasm_memory_t) -> *mut u8;
        fn wasm_memory_data_size(memory: *const wasm_memory_t) -> usize;
        fn wasm_memory_size(memory: *const wasm_memory_t) -> u32;
        fn wasm_memory_grow(memory: *mut wasm_memory_t, delta: u32) -> bool;

        // Externs.
        fn wasm_extern_delete(item: *mut wasm_extern_t);
        fn wasm_extern_copy(item: *const wasm_extern_t) -> *mut wasm_extern_t;
        fn wasm_extern_kind(item: *const wasm_extern_t) -> wasm_externkind_t;
        fn wasm_func_as_extern(func: *mut wasm_func_t) -> *mut wasm_extern_t;
        fn wasm_global_as_extern(global: *mut wasm_global_t) -> *mut wasm_extern_t;
        fn wasm_table_as_extern(table: *mut wasm_table_t) -> *mut wasm_extern_t;
        fn wasm_memory_as_extern(memory: *mut wasm_memory_t) -> *mut wasm_extern_t;
        fn wasm_extern_as_func(item: *mut wasm_extern_t) -> *mut wasm_func_t;
        fn wasm_extern_as_global(item: *mut wasm_extern_t) -> *mut wasm_global_t;
        fn wasm_extern_as_table(item: *mut wasm_extern_t) -> *mut wasm_table_t;
        fn wasm_extern_as_memory(item: *mut wasm_extern_t) -> *mut wasm_memory_t;

        // Traps.
        fn wasm_trap_new(store: *mut wasm_store_t, message: *const wasm_byte_vec_t) -> *mut wasm_trap_t;
        fn wasm_trap_delete(trap: *mut wasm_trap_t);
        fn wasm_trap_message(trap: *const wasm_trap_t, out: *mut wasm_byte_vec_t);
    }
    optional {
        // `wasm_val_delete` would be the standard way to free a reference among results, but WAMR frees the value's own
        // storage with it (Q18).
        fn wasm_ref_delete(reference: *mut wasm_ref_t);
    }
}

impl Api {
    /// All functions must come from one engine: a program that links two, or one that lacks some beside the bundled one, would mix
    /// them.
    pub fn check_one_engine(&self) -> Result<(), Error> {
        let first = self.file();
        for name in Api::REQUIRED {
            let Some(found) = self.symbols.find(name) else {
                // Linked into a program that does not show its symbols: then it is one file.
                continue;
            };
            let file = file_of(found.as_ptr());
            if file != first {
                let shown = |file: &Option<PathBuf>| {
                    file.as_ref()
                        .map_or("?".to_string(), |f| f.display().to_string())
                };
                let why = format!(
                    "the functions of wasm.h come from two engines: wasm_engine_new from {}, {} from {}; link one engine only, or open one with wasm_dyld_engine_open",
                    shown(&first),
                    name.to_string_lossy(),
                    shown(&file)
                );
                return Err(Error::new(Code::Unsupported, why));
            }
        }
        Ok(())
    }

    /// Whether the library that `wasm.h` comes from has a function of this name.
    pub(crate) fn has_own(&self, name: &CStr) -> bool {
        let own = origin(self.wasm_engine_new as *const c_void);
        let found = self.symbols.find(name);
        found.is_some_and(|found| own.is_some() && origin(found.as_ptr()) == own)
    }

    /// The program or shared library that `wasm.h` comes from.
    pub fn file(&self) -> Option<PathBuf> {
        file_of(self.wasm_engine_new as *const c_void)
    }

    /// The linked functions as those of an engine of which nothing is known.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn linked_but_unknown() -> Api {
        Api {
            shim: OnceLock::new(),
            capable: OnceLock::new(),
            code: OnceLock::new(),
            ..Api::linked().clone()
        }
    }

    /// The table of the linked symbols; always the same reference, so that it can be compared.
    pub fn linked() -> &'static Api {
        static LINKED: OnceLock<Api> = OnceLock::new();
        LINKED.get_or_init(Api::of_linked_symbols)
    }
}

const fn name_of(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(name) => name,
        Err(_) => panic!("a name in the list of functions is not a C string"),
    }
}
