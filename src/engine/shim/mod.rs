//! What `wasm.h` leaves open, or an engine does in its own way, behind one trait.

mod described;
mod frames;
mod library_code;
#[cfg(target_family = "wasm")]
mod page;
#[cfg(any(test, target_family = "wasm"))]
mod page_text;
mod wasmer;
mod wasmi;
#[cfg(feature = "wasmtime")]
mod wasmtime;
#[cfg(feature = "wasmtime")]
mod wasmtime_cache;
#[cfg(feature = "wasmtime")]
mod wasmtime_epochs;
#[cfg(feature = "wasmtime")]
mod wasmtime_exports;
#[cfg(feature = "wasmtime")]
mod wasmtime_forked;
#[cfg(feature = "wasmtime")]
mod wasmtime_heap;
mod wasmtime_library;
#[cfg(feature = "wasmtime")]
mod wasmtime_mapped;
#[cfg(feature = "wasmtime")]
mod wasmtime_quick;
mod wasmtime_text;
#[cfg(feature = "wasmtime")]
mod wasmtime_thrown;

pub use described::{Description, TextOf};
pub(crate) use library_code::LibraryCode;

use std::any::Any;
use std::ffi::CStr;
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::Arc;

use super::api::Api;
use super::externs::{Func, Global};
use super::frame::EngineFrame;
use super::kept::{self, Keeper, Place, SharedModule, Sharing};
use super::module::{ExternVec, Instance, Module};
use super::store::{OwnedEngine, Store};
use super::sys::{wasm_engine_t, wasm_valtype_t};
use super::trap::Trap;
use super::types::{EngineGlobalType, plain_value_type};
use crate::abi;
use crate::control::Control;
use crate::error::{Code, Error, Result};
use crate::object::{FuncType, Metadata, ValType};

/// One engine's ways. What a shim does not say is as the header leaves it: right for every engine, if terse.
pub trait Shim: Send + Sync {
    fn name(&self) -> &'static str;

    /// The engine's version, where it can be known.
    fn version(&self) -> Option<&'static str> {
        None
    }

    /// Whether this very engine is known to do what linking stands on, so that it need not be asked.
    fn known_to_link(&self) -> bool {
        false
    }

    /// Where the store's engine keeps compiled code, if it does.
    fn keeper(&self, _store: Store) -> Option<Arc<Keeper>> {
        None
    }

    /// The settings under which an engine that is made with these options keeps its code; `None` if it keeps none.
    fn settings(&self, _options: &EngineOptions) -> Option<[u8; 32]> {
        None
    }

    /// What stores of the same engine share of their compiled modules; `None` where modules cannot be shared.
    fn sharing(&self, _store: Store) -> Option<Arc<Sharing>> {
        None
    }

    /// The module in a form that other stores of its engine, also on other threads, can have it from.
    fn share(&self, _module: &Module) -> Option<SharedModule> {
        None
    }

    /// A module that was shared. `None` if it is of another engine than the store.
    fn obtain(&self, _store: Store, _shared: &SharedModule) -> Option<Module> {
        None
    }

    /// The module's code, to be kept; `None` from engines that have no form of it.
    fn serialize(&self, _module: &Module) -> Option<Vec<u8>> {
        None
    }

    /// The module of code that [`serialize`](Shim::serialize) gave. `None` if the engine does not take it.
    ///
    /// # Safety
    /// The code came from an engine of this build and configuration, unchanged. Where it is mapped, it is given once only.
    unsafe fn take_up(&self, _store: Store, _code: &kept::Code) -> Option<Module> {
        None
    }

    /// The module of this number of those that the engine was given compiled, where it is given any.
    fn ready(&self, _store: Store, _number: u32) -> Option<Module> {
        None
    }

    /// The exports of an instance, each made when it is asked for. `None` where the engine has only the header's way, which makes all. Where the
    /// module's metadata are known, they say what it exports.
    fn exports(
        &self,
        _store: Store,
        _instance: &Instance,
        _of: Option<&Metadata>,
    ) -> Option<ExternVec> {
        None
    }

    /// A global for each of these values of a 32-bit type, where the engine makes many at once.
    fn globals(
        &self,
        _store: Store,
        _ty: &EngineGlobalType,
        _values: &[u32],
    ) -> Option<Vec<Global>> {
        None
    }

    /// Whether the engine lists imports and exports in the order in which the module declares them. Where not, the linker goes by
    /// the names that the engine gives.
    fn import_order_is_declared(&self) -> bool {
        false
    }

    /// Whether the engine can be asked for the imports and exports of a module with tags. Where not, it lists them as they are declared (Q29).
    fn lists_tags(&self) -> bool {
        true
    }

    /// Whether the engine may count the NUL at the end of names (Q13). One that does, does so with all names.
    fn may_count_nul(&self) -> bool {
        true
    }

    /// Whether a module that validates always compiles.
    fn validation_is_final(&self) -> bool {
        false
    }

    /// Why the engine does not compile `bytes`; `None` if it does not say. With an engine, in that engine's configuration.
    ///
    /// # Safety
    /// The engine, if there is one, is a live one of this kind.
    unsafe fn explain_compile_failure(
        &self,
        _engine: Option<NonNull<wasm_engine_t>>,
        _bytes: &[u8],
    ) -> Option<String> {
        None
    }

    /// What the engine says of the last thing that it refused on this thread, where it says it apart.
    fn last_error(&self, _api: &'static Api) -> Option<String> {
        None
    }

    /// A trap's text as it is shown: for engines that give a program's form of it.
    fn trap_text(&self, raw: String) -> String {
        raw
    }

    /// Bytes of native stack that guest code may use before it traps, where the engine does not see to it that the thread has them.
    fn guest_stack(&self) -> usize {
        0
    }

    /// The reason in a trap's text, without backtrace and decoration.
    fn trap_cause(&self, text: &str) -> String {
        text.to_owned()
    }

    /// The guest's functions that were running when a trap arose, the innermost first.
    fn frames(&self, _trap: &Trap) -> Vec<EngineFrame> {
        Vec::new()
    }

    /// Calls `tell` with the number that the exception carries in which the trap consists, where nobody caught one of a single i32 and the
    /// engine tells (Q28). Meanwhile the guest may be called; afterwards the trap can be handed on, and is the exception that it was.
    fn with_thrown(&self, _store: Store, _trap: &Trap, _tell: &mut dyn FnMut(u32)) {}

    /// What a frame of this module has as its `module`, as long as the module lives.
    fn module_identity(&self, _module: &Module) -> Option<usize> {
        None
    }

    /// What an instantiation was at when it ended in this trap.
    fn failed_stage(&self, _trap: &Trap) -> Stage {
        Stage::Unknown
    }

    /// Has the engine ask [`control::wanted`](crate::control::wanted) again and again while a guest of the store runs, and stop the guest
    /// then. False: the engine cannot, or the store's was made without.
    ///
    /// Called for every namespace, also where nothing is to be stopped: an engine may need to be told that.
    fn watch(&self, _store: Store, _control: &Control) -> bool {
        false
    }

    /// Whether a memory that cannot grow stays where it is as long as its store lives, and other threads may write to it meanwhile, so that code
    /// which reads it by an atomic load sees that soon.
    fn memory_stays(&self) -> bool {
        false
    }

    /// Whether a memory that cannot grow stays where it is as long as its store lives.
    fn memory_is_still(&self) -> bool {
        self.memory_stays()
    }

    /// Runs `compile`, which has the engine compile or validate something. Engines that have threads for that may need help in a process that was forked
    /// off.
    ///
    /// # Safety
    /// `compile` does nothing that is for this thread alone.
    unsafe fn compiling(&self, compile: &mut dyn FnMut()) {
        compile();
    }

    /// Has what guests of the store keep beside their memories and tables, exceptions and other objects, take no more than so many bytes in all,
    /// as long as the result is there. Nothing where the engine has no way.
    fn bound_objects(&self, _store: Store, _bytes: u64) -> Option<Box<dyn Any>> {
        None
    }

    /// The largest maximum, in pages, of a memory that [`Self::bound_objects`] does not bind.
    fn largest_memory(&self) -> u64 {
        abi::MAX_PAGES
    }

    /// Tells that guests open libraries by this function of the linker's, where the host may have to fetch these first: as dlopen of C does (1), as
    /// `load_object` of toywasm (2), or as dlopen of WASIX (3).
    fn opens(&self, _func: &Func, _way: u32) {}

    /// Whether an instance lives on in its store when its handle is deleted, so that this may be done while its code runs.
    fn instance_outlives_handle(&self) -> bool {
        false
    }

    /// How many instances a store makes in its life, if the text of an instantiation that failed before any code ran says that these are
    /// used up.
    fn instance_limit(&self, _text: &str) -> Option<u64> {
        None
    }

    /// How many instances a store makes in its life, where that is bounded.
    fn most_instances(&self) -> Option<u64> {
        None
    }

    /// Reads a value type; `None` for one that is unknown here.
    ///
    /// # Safety
    /// `ty` is a live value type of the engine behind `api`.
    unsafe fn value_type(&self, api: &'static Api, ty: *const wasm_valtype_t) -> Option<ValType> {
        // SAFETY: by the caller's promise.
        unsafe { plain_value_type(api, ty) }
    }

    /// A quicker way to call a function again and again than `wasm_func_call`, where the engine has a public one. `ty` is the function's type;
    /// the way is given for numbers alone.
    fn quick_call(
        &self,
        _store: Store,
        _func: &Func,
        _ty: &FuncType,
    ) -> Option<Box<dyn QuickCall>> {
        None
    }

    /// A new engine with the defaults that dynamic linking wants. The header itself has no options.
    fn new_engine(&self, api: &'static Api, _options: &EngineOptions) -> Result<OwnedEngine> {
        plain_engine(api)
    }
}

/// An engine as the header makes one.
fn plain_engine(api: &'static Api) -> Result<OwnedEngine> {
    // SAFETY: no precondition.
    match NonNull::new(unsafe { (api.wasm_engine_new)() }) {
        // SAFETY: a new engine, ours.
        Some(raw) => Ok(unsafe { OwnedEngine::from_raw(api, raw) }),
        None => Err(Error::new(Code::Engine, "the engine made no engine")),
    }
}

/// A function in the engine's own form.
pub trait QuickCall {
    /// Calls the function.
    ///
    /// # Safety
    /// `store` is the one that the function was made for, and alive. `cells` has room for the arguments and for the results, of which there
    /// may be more; it begins with the arguments' bits as [`Val::bits`](crate::engine::Val::bits) has them, and afterwards with the results'.
    unsafe fn call(&self, store: Store, cells: &mut [u64]) -> Result<(), Trap>;
}

/// Engines of which nothing is known but that they have `wasm.h`.
struct Generic;

impl Shim for Generic {
    fn name(&self) -> &'static str {
        "wasm.h"
    }
}

/// The shim for the engine behind `api`: known by functions that only it has, or described by the host.
#[inline]
pub fn of(api: &'static Api) -> &'static dyn Shim {
    if let Some(only) = only() {
        return only;
    }
    *api.shim.get_or_init(|| of_known(api).unwrap_or(&Generic))
}

/// Where this library is a module itself, there is one engine.
#[inline]
fn only() -> Option<&'static dyn Shim> {
    #[cfg(target_family = "wasm")]
    return Some(&page::Page);
    #[cfg(not(target_family = "wasm"))]
    None
}

/// The shim for the engine behind `api`, if it is known or has been described. Does not settle the matter, as [`of`] does.
pub fn known(api: &'static Api) -> Option<&'static dyn Shim> {
    let settled = api.shim.get().copied();
    settled.or_else(|| of_known(api))
}

fn of_known(api: &'static Api) -> Option<&'static dyn Shim> {
    if let Some(only) = only() {
        return Some(only);
    }
    #[cfg(feature = "wasmtime")]
    if std::ptr::eq(api, Api::linked()) && wasmtime::is_linked() {
        return Some(&wasmtime::Wasmtime);
    }
    let marks: [(&CStr, &'static dyn Shim); 3] = [
        // In wasmtime 15, and in all since.
        (
            c"wasmtime_error_message",
            &wasmtime_library::WasmtimeLibrary,
        ),
        (c"wasmer_last_error_length", &wasmer::Wasmer),
        (c"wasmi_engine_clone", &wasmi::Wasmi),
    ];
    let known = marks.into_iter().find(|(mark, _)| api.has_own(mark));
    known.map(|(_, shim)| shim)
}

/// Takes the host's word for what the engine behind `api` is like. An error once the engine is in use, and for one that is known.
pub fn describe(api: &'static Api, says: Description) -> Result<()> {
    let busy = |why: &str| Err(Error::new(Code::Busy, why));
    if of_known(api).is_some() {
        return busy("the engine is known by its own functions, it needs no description");
    }
    let mut is_first = false;
    // Kept for ever, as the library is.
    api.shim.get_or_init(|| {
        is_first = true;
        Box::leak(Box::new(described::Described::new(says)))
    });
    match is_first {
        true => Ok(()),
        false => busy("the engine is in use or has been described already"),
    }
}

/// How far an instantiation got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The imports did not fit, or a limit of the engine was reached: no code ran, nothing was written.
    Link,
    /// A segment did not fit into memory or table, or the start function trapped: what ran before has had its effect.
    Run,
    /// The engine does not tell.
    Unknown,
}

/// Options for an engine that we make. Those that an engine does not have are without effect.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    pub cache: EngineCache,
    /// Folders with code that somebody has compiled before, to be read only. `None`: where distributions put it, unless `cache` is off. An
    /// error if others can change what is in one; one that is missing is passed over.
    pub prebuilt: Option<Vec<PathBuf>>,
    /// Where else code is looked for and kept, after the folders.
    pub places: Vec<Arc<dyn Place>>,
    /// Bytes of native stack that guest code may use, host functions that it calls included. More than the thread's stack has, less
    /// what host functions need, is a crash: leave the engine's default unless the thread is known.
    pub max_wasm_stack: Option<usize>,
    /// Guests are to be stopped by the engine's own means, where it has some. Their code is a little slower then.
    pub interruptible: bool,
}

/// Where compiled code is kept between runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EngineCache {
    /// Compile every time.
    #[default]
    Off,
    /// In `wasmdyld` among this user's caches (`XDG_CACHE_HOME`, `~/.cache`). Nowhere if that cannot be used.
    Default,
    /// In this folder, which is made if missing. An error if others can change what is in it, since that is run as machine code, or if
    /// it is no folder. Nowhere if it is missing and cannot be made.
    Dir(PathBuf),
}
