//! Compiled modules of engines that are opened or linked: what their C functions can do with them.
//!
//! No such function leads from a store to its engine, and none tells when an engine goes. So all engines of a library have this in common,
//! and the library's own functions tell the modules of one engine from those of another: a module is not obtained in a store of another
//! engine, and code is kept under what the engine makes of a module of ours.
//!
//! Between processes it is kept under the library's build as well: a version does not tell two builds apart, and code calls into the library
//! that made it. What the system has loaded of the library and nobody writes to is the build, whatever its file has become meanwhile.

use std::collections::HashMap;
use std::ffi::{CStr, c_void};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use twox_hash::XxHash3_128;
use wasm_encoder as w;

use crate::engine::api::Api;
use crate::engine::kept::{self, Keeper, Memory, Place, SharedModule, Sharing};
use crate::engine::module::Module;
use crate::engine::store::{OwnedEngine, Store};
use crate::engine::sys::{wasm_byte_vec_t, wasm_module_t, wasm_store_t};
use crate::engine::vec::{OwnedVec, VecBuf};
use crate::error::Result;
use crate::platform;

use super::EngineOptions;

type Share = unsafe extern "C" fn(*const wasm_module_t) -> *mut c_void;
type Obtain = unsafe extern "C" fn(*mut wasm_store_t, NonNull<c_void>) -> *mut wasm_module_t;
type Delete = unsafe extern "C" fn(NonNull<c_void>);
type Serialize = unsafe extern "C" fn(*const wasm_module_t, *mut wasm_byte_vec_t);
type Deserialize =
    unsafe extern "C" fn(*mut wasm_store_t, *const wasm_byte_vec_t) -> *mut wasm_module_t;

/// What the engines of one library have in common. It stays, as the library does.
#[derive(Clone)]
pub(crate) struct LibraryCode {
    sharing: Arc<Sharing>,
    memory: Arc<Memory>,
    share: Option<(Share, Obtain, Delete)>,
    serialize: Option<(Serialize, Deserialize)>,
    /// Tells this build of the library from all others; `None` where the system does not show what it has loaded.
    build: Arc<OnceLock<Option<u128>>>,
    /// Where engines that we made keep code between processes, by the settings under which they do.
    places: Arc<Mutex<Kept>>,
}

/// Places by settings.
type Kept = HashMap<[u8; 32], Vec<Arc<dyn Place>>>;

impl LibraryCode {
    fn places(&self) -> MutexGuard<'_, Kept> {
        // Whole between any two steps.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn build(&self) -> Option<u128> {
        let (_, deserialize) = self.serialize?;
        *self.build.get_or_init(|| {
            let mut hash = XxHash3_128::new();
            for part in platform::loaded(deserialize as *const c_void)? {
                hash.write(part);
            }
            Some(hash.finish_128())
        })
    }

    fn of(api: &'static Api) -> &'static LibraryCode {
        api.code.get_or_init(|| {
            // A linked engine may lack what another library of the process has.
            let own = |name: &CStr| api.symbols.find(name).filter(|_| api.has_own(name));
            // SAFETY: the engine's functions of these names have these types (wasm.h).
            let (share, serialize) = unsafe {
                (
                    own(c"wasm_module_share").and_then(|share| {
                        Some((
                            std::mem::transmute::<NonNull<c_void>, Share>(share),
                            std::mem::transmute::<NonNull<c_void>, Obtain>(own(
                                c"wasm_module_obtain",
                            )?),
                            std::mem::transmute::<NonNull<c_void>, Delete>(own(
                                c"wasm_shared_module_delete",
                            )?),
                        ))
                    }),
                    own(c"wasm_module_serialize").and_then(|serialize| {
                        Some((
                            std::mem::transmute::<NonNull<c_void>, Serialize>(serialize),
                            std::mem::transmute::<NonNull<c_void>, Deserialize>(own(
                                c"wasm_module_deserialize",
                            )?),
                        ))
                    }),
                )
            };
            LibraryCode {
                sharing: Arc::default(),
                memory: Arc::default(),
                share,
                serialize,
                build: Arc::default(),
                places: Arc::default(),
            }
        })
    }
}

/// See [`super::Shim::sharing`].
pub(super) fn sharing(store: Store) -> Arc<Sharing> {
    LibraryCode::of(store.api()).sharing.clone()
}

/// See [`super::Shim::share`]. Only for engines whose modules may be used and deleted on any thread, and that do not give a module to a store
/// of another engine.
pub(super) fn share(module: &Module) -> Option<SharedModule> {
    let (share, _, delete) = LibraryCode::of(module.api()).share?;
    // SAFETY: the module is alive. What comes of it is ours.
    unsafe {
        Some(SharedModule::new(
            NonNull::new(share(module.raw()))?,
            delete,
        ))
    }
}

/// See [`super::Shim::obtain`].
pub(super) fn obtain(store: Store, shared: &SharedModule) -> Option<Module> {
    let (_, obtain, _) = LibraryCode::of(store.api()).share?;
    // SAFETY: both are alive, and of one library. A new module, ours.
    unsafe {
        let raw = obtain(store.raw(), shared.raw());
        NonNull::new(raw).map(|raw| Module::from_raw(store.api(), raw))
    }
}

/// Where the code of the store's engine is kept: in memory, and where [`keep`] was told. `None` if the engine cannot write it.
pub(super) fn keeper(store: Store) -> Option<Arc<Keeper>> {
    let code = LibraryCode::of(store.api());
    let settings = settings(store)?;
    let mut places: Vec<Arc<dyn Place>> = vec![code.memory.clone()];
    places.extend(code.places().get(&settings).into_iter().flatten().cloned());
    Some(Arc::new(Keeper::new(settings, places)))
}

/// What the engine makes of a module of ours, and its build where that is known.
fn settings(store: Store) -> Option<[u8; 32]> {
    let code = serialize(&Module::compile(store, &sample())?)?;
    let build = LibraryCode::of(store.api()).build();
    let mut hash = blake3::Hasher::new();
    hash.update(&build.unwrap_or_default().to_le_bytes());
    hash.update(&code);
    Some(hash.finalize().into())
}

/// Has an engine that we made keep code where its options say. Stores cannot be told by their engines, so this holds for all engines of the
/// library that compile alike; the one that was made last counts.
pub(super) fn keep(api: &'static Api, engine: &OwnedEngine, options: &EngineOptions) -> Result<()> {
    let code = LibraryCode::of(api);
    let places = kept::places(options)?;
    if code.serialize.is_none() || (places.is_empty() && code.places().is_empty()) {
        return Ok(());
    }
    if code.build().is_some()
        && let Some(settings) = settings(engine.new_store()?.store())
    {
        code.places().insert(settings, places);
    }
    Ok(())
}

/// See [`super::Shim::serialize`].
pub(super) fn serialize(module: &Module) -> Option<Vec<u8>> {
    let (serialize, _) = LibraryCode::of(module.api()).serialize?;
    // SAFETY: the module is alive; the call fills an owned vector, or leaves it empty.
    let code = unsafe { OwnedVec::filled(module.api(), |out| serialize(module.raw(), out)) };
    let code = code.as_slice();
    (!code.is_empty()).then(|| code.to_vec())
}

/// See [`super::Shim::take_up`].
///
/// # Safety
/// As there.
pub(super) unsafe fn take_up(store: Store, code: &kept::Code) -> Option<Module> {
    let (_, deserialize) = LibraryCode::of(store.api()).serialize?;
    // SAFETY: by the caller's promise. The vector views the code, which the call reads only. A new module, ours.
    unsafe {
        let raw = deserialize(store.raw(), VecBuf::view(code.bytes()).as_ptr());
        NonNull::new(raw).map(|raw| Module::from_raw(store.api(), raw))
    }
}

/// A module with something of most that functions are made of: engines that differ in how they compile differ in what they make of it.
fn sample() -> Vec<u8> {
    let mut types = w::TypeSection::new();
    let ty = [w::ValType::I32, w::ValType::I64, w::ValType::F64];
    types.ty().function(ty, [w::ValType::I32]);
    let mut functions = w::FunctionSection::new();
    functions.function(0).function(0);
    let mut tables = w::TableSection::new();
    tables.table(w::TableType {
        element_type: w::RefType::FUNCREF,
        table64: false,
        minimum: 4,
        maximum: None,
        shared: false,
    });
    let mut memories = w::MemorySection::new();
    memories.memory(w::MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut globals = w::GlobalSection::new();
    let global = w::GlobalType {
        val_type: w::ValType::I32,
        mutable: true,
        shared: false,
    };
    globals.global(global, &w::ConstExpr::i32_const(7));
    let mut exports = w::ExportSection::new();
    exports
        .export("f", w::ExportKind::Func, 1)
        .export("m", w::ExportKind::Memory, 0);
    let mut code = w::CodeSection::new();
    code.function(&calls()).function(&loops());
    let mut module = w::Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&tables)
        .section(&memories)
        .section(&globals)
        .section(&exports)
        .section(&code);
    module.finish()
}

/// Calls the other function, and what is in a slot.
fn calls() -> w::Function {
    let mut f = w::Function::new([]);
    f.instructions()
        .local_get(0)
        .local_get(1)
        .local_get(2)
        .call(1)
        .local_get(1)
        .local_get(2)
        .global_get(0)
        .call_indirect(0, 0)
        .end();
    f
}

/// Counts down, with numbers, memory and branches.
fn loops() -> w::Function {
    let mut f = w::Function::new([(1, w::ValType::I32)]);
    let at = |align| w::MemArg {
        offset: 8,
        align,
        memory_index: 0,
    };
    f.instructions()
        .block(w::BlockType::Empty)
        .loop_(w::BlockType::Empty)
        .local_get(0)
        .i32_eqz()
        .br_if(1)
        .local_get(0)
        .local_get(1)
        .local_get(0)
        .i64_extend_i32_u()
        .i64_div_s()
        .i64_store(at(3))
        .local_get(0)
        .local_get(2)
        .f64_sqrt()
        .f64_store(at(3))
        .local_get(0)
        .i32_const(1)
        .i32_sub()
        .local_tee(0)
        .i32_load8_u(at(0))
        .local_get(3)
        .i32_add()
        .local_set(3)
        .br(0)
        .end()
        .end()
        .i32_const(1)
        .memory_grow(0)
        .if_(w::BlockType::Empty)
        .unreachable()
        .end()
        .global_get(0)
        .local_get(3)
        .i32_mul()
        .global_set(0)
        .local_get(3)
        .end();
    f
}
