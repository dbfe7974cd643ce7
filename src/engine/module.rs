//! Compiled modules, and their instances.

use crate::hash_map::Entry;
use std::cell::RefCell;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use crate::hash_map::HashMap;

use super::api::Api;
use super::externs::{Extern, ExternKind, ExternPtr};
use super::handle::{Borrowed, handle};
use super::kept::{ModuleKey, SharedModule};
use super::shim::{self, Stage};
use super::store::Store;
use super::sys::*;
use super::trap::Trap;
use super::vec::{OwnedVec, VecBuf, borrowed};
use crate::object::Metadata;

/// A compiled module.
pub struct Module {
    api: &'static Api,
    raw: NonNull<wasm_module_t>,
    /// Keeps the module known to the other stores of its engine.
    shared: Option<Arc<SharedModule>>,
}

handle! {
    /// An instance. Dropping it frees the handle; the engines keep the instance itself until the store goes.
    Instance(wasm_instance_t, wasm_instance_delete);
}

impl Module {
    /// # Safety
    /// `raw` is a module of the engine behind `api`, and ours to delete.
    pub unsafe fn from_raw(api: &'static Api, raw: NonNull<wasm_module_t>) -> Module {
        Module {
            api,
            raw,
            shared: None,
        }
    }

    pub fn raw(&self) -> *mut wasm_module_t {
        self.raw.as_ptr()
    }

    pub fn api(&self) -> &'static Api {
        self.api
    }

    /// Holds what others have the module from.
    pub(super) fn hold(&mut self, shared: Arc<SharedModule>) {
        self.shared = Some(shared);
    }

    /// Compiles `bytes`. No engine says through `wasm.h` why it refuses: [`shim::Shim::explain_compile_failure`] may know.
    ///
    /// An engine that keeps code between runs may have it from there.
    pub fn new(store: Store, bytes: &[u8]) -> Option<Module> {
        let Some(keeper) = store.shim().keeper(store) else {
            return Module::compile(store, bytes);
        };
        let key = ModuleKey::of(bytes);
        let kept = keeper.find(store, &[key]).pop().flatten();
        kept.or_else(|| keeper.compile(store, key, bytes))
    }

    /// The module that whoever gave its bytes has compiled, by a number of theirs.
    pub(crate) fn ready(store: Store, number: u32) -> Option<Module> {
        store.shim().ready(store, number)
    }

    /// Compiles `bytes`, whatever is kept.
    pub(crate) fn compile(store: Store, bytes: &[u8]) -> Option<Module> {
        let api = store.api();
        let mut raw = ptr::null_mut();
        // SAFETY: the vector views `bytes`, which the call reads only. Of the store it uses no more than the engine, which is for all threads.
        unsafe {
            store.shim().compiling(&mut || {
                raw = (api.wasm_module_new)(store.raw(), VecBuf::view(bytes).as_ptr());
            });
        }
        // SAFETY: a new module, ours.
        NonNull::new(raw).map(|raw| unsafe { Module::from_raw(api, raw) })
    }

    /// Whether the engine would take `bytes`; cheap, since nothing is compiled. wasmer accepts here what it cannot compile (Q12).
    pub fn validate(store: Store, bytes: &[u8]) -> bool {
        let (api, mut is_valid) = (store.api(), false);
        // SAFETY: as in `compile`. Engines validate on the threads that they compile on.
        unsafe {
            store.shim().compiling(&mut || {
                is_valid = (api.wasm_module_validate)(store.raw(), VecBuf::view(bytes).as_ptr());
            });
        }
        is_valid
    }

    /// Tells the module from others that are alive, where the engine can say the same of the module of a [`super::Frame`].
    pub fn identity(&self) -> Option<usize> {
        shim::of(self.api).module_identity(self)
    }

    /// The imports in the **engine's** order, which is the order that [`Instance::new`] wants and not always that of the module.
    ///
    /// Not to be asked of a module with tags, unless [`shim::Shim::lists_tags`].
    pub fn imports(&self) -> Imports {
        // SAFETY: the module is alive; the call fills an owned vector.
        Imports(unsafe {
            OwnedVec::filled(self.api, |out| {
                (self.api.wasm_module_imports)(self.raw.as_ptr(), out);
            })
        })
    }

    /// The exports in the engine's order, which is that of [`Instance::exports`]. The same holds of tags.
    pub fn exports(&self) -> Exports {
        // SAFETY: the module is alive; the call fills an owned vector.
        Exports(unsafe {
            OwnedVec::filled(self.api, |out| {
                (self.api.wasm_module_exports)(self.raw.as_ptr(), out);
            })
        })
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // SAFETY: owned, and not used again; the store is still there, as for every handle.
        unsafe { (self.api.wasm_module_delete)(self.raw.as_ptr()) }
    }
}

/// A module's imports. Names are read on demand, without copying them.
pub struct Imports(OwnedVec<*mut wasm_importtype_t>);

/// One import as the engine reports it.
#[derive(Clone, Copy)]
pub struct ImportName<'a> {
    pub module: &'a [u8],
    pub name: &'a [u8],
    pub kind: ExternKind,
}

impl Imports {
    pub fn len(&self) -> usize {
        self.0.as_slice().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Module and name of an import, as the engine gives them.
    fn raw_names(&self, ty: *mut wasm_importtype_t) -> [&[u8]; 2] {
        let api = self.0.api();
        // SAFETY: the import types and their names live as long as the vector.
        unsafe {
            [
                borrowed((api.wasm_importtype_module)(ty)),
                borrowed((api.wasm_importtype_name)(ty)),
            ]
        }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = ImportName<'_>> {
        let api = self.0.api();
        let types = self.0.as_slice();
        let nul = counts_nul(api, || types.iter().flat_map(|&ty| self.raw_names(ty)));
        types.iter().map(move |&ty| {
            let [module, name] = self.raw_names(ty).map(|name| without(nul, name));
            ImportName {
                module,
                name,
                // SAFETY: as in `raw_names`.
                kind: ExternKind::from_raw(unsafe {
                    (api.wasm_externtype_kind)((api.wasm_importtype_type)(ty))
                }),
            }
        })
    }
}

/// A module's exports. Names are read on demand, without copying them.
pub struct Exports(OwnedVec<*mut wasm_exporttype_t>);

/// One export as the engine reports it.
#[derive(Clone, Copy)]
pub struct ExportName<'a> {
    pub name: &'a [u8],
    pub kind: ExternKind,
}

impl Exports {
    pub fn len(&self) -> usize {
        self.0.as_slice().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of an export, as the engine gives it.
    fn raw_name(&self, ty: *mut wasm_exporttype_t) -> &[u8] {
        // SAFETY: the export types and their names live as long as the vector.
        unsafe { borrowed((self.0.api().wasm_exporttype_name)(ty)) }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = ExportName<'_>> {
        let api = self.0.api();
        let types = self.0.as_slice();
        let nul = counts_nul(api, || types.iter().map(|&ty| self.raw_name(ty)));
        types.iter().map(move |&ty| {
            ExportName {
                name: without(nul, self.raw_name(ty)),
                // SAFETY: as in `raw_name`.
                kind: ExternKind::from_raw(unsafe {
                    (api.wasm_externtype_kind)((api.wasm_exporttype_type)(ty))
                }),
            }
        })
    }
}

/// Whether the engine has counted the NUL that it keeps behind each of these names (Q13). A module may have names that end in one, too; that
/// all of them do is not to be expected.
fn counts_nul<'a, Names: Iterator<Item = &'a [u8]>>(
    api: &'static Api,
    names: impl FnOnce() -> Names,
) -> bool {
    shim::of(api).may_count_nul() && names().all(|name| name.ends_with(&[0]))
}

fn without(nul: bool, name: &[u8]) -> &[u8] {
    match name {
        [name @ .., 0] if nul => name,
        name => name,
    }
}

/// Why an instance was not made.
#[derive(Debug)]
pub struct InstantiateError {
    /// Whether the imports did not fit or code that ran during instantiation trapped, as far as the engine tells.
    pub stage: Stage,
    /// wasmer gives no reason for a link error (Q11).
    pub trap: Option<Trap>,
}

impl Instance {
    /// Instantiates `module` with `imports`, as many and in the order of [`Module::imports`].
    ///
    /// The types must have been checked: on a mismatch V8 ends the process and WAMR goes on (Q11).
    pub fn new(
        store: Store,
        module: &Module,
        imports: &[ExternPtr<'_>],
    ) -> Result<Instance, InstantiateError> {
        let api = store.api();
        let mut trap: *mut wasm_trap_t = ptr::null_mut();
        let raw = {
            // The same memory seen as the header has it: `ExternPtr` is a transparent non-null pointer.
            let view = VecBuf::<ExternPtr<'_>>::view(imports);
            // SAFETY: the vector views `imports`, borrowed for the call, which reads only; each element is alive.
            unsafe {
                (api.wasm_instance_new)(
                    store.raw(),
                    module.raw.as_ptr(),
                    view.as_ptr().cast(),
                    &raw mut trap,
                )
            }
        };
        // SAFETY: a trap is ours, also in the odd case that there is an instance as well.
        let trap = unsafe { Trap::from_raw(api, trap) };
        match NonNull::new(raw) {
            Some(raw) => Ok(Instance { api, raw }),
            None => Err(InstantiateError {
                stage: trap
                    .as_ref()
                    .map_or(Stage::Link, |trap| shim::of(api).failed_stage(trap)),
                trap,
            }),
        }
    }

    /// The exports, in the order of [`Module::exports`]. Each call makes new handles: call it once and keep the result.
    pub fn exports(&self) -> ExternVec {
        // SAFETY: the instance is alive; the call fills an owned vector.
        ExternVec(Externs::All(unsafe {
            OwnedVec::filled(self.api, |out| {
                (self.api.wasm_instance_exports)(self.raw.as_ptr(), out);
            })
        }))
    }

    /// The exports as [`exports`](Self::exports) gives them, but each made when it is asked for, where the engine can do that. `store` is
    /// the instance's, and `of` are the module's metadata, where they are at hand.
    pub fn exports_on_demand(&self, store: Store, of: Option<&Metadata>) -> ExternVec {
        let exports = store.shim().exports(store, self, of);
        exports.unwrap_or_else(|| self.exports())
    }
}

/// Owned externs in a row; they live as long as this, also without their instance.
pub struct ExternVec(Externs);

enum Externs {
    All(OwnedVec<*mut wasm_extern_t>),
    OnDemand {
        source: Box<dyn ExportSource>,
        /// Nothing is taken out of it.
        made: RefCell<HashMap<usize, Extern>>,
    },
}

/// What makes the exports of an instance, one at a time.
pub trait ExportSource {
    fn len(&self) -> usize;

    /// A handle of the export in this place; `None` if there is none.
    fn make(&self, index: usize) -> Option<Extern>;
}

impl ExternVec {
    pub fn on_demand(source: Box<dyn ExportSource>) -> ExternVec {
        ExternVec(Externs::OnDemand {
            source,
            made: RefCell::default(),
        })
    }

    pub fn len(&self) -> usize {
        match &self.0 {
            Externs::All(all) => all.as_slice().len(),
            Externs::OnDemand { source, .. } => source.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, index: usize) -> Option<Borrowed<'_, Extern>> {
        let (api, raw) = match &self.0 {
            Externs::All(all) => (all.api(), NonNull::new(*all.as_slice().get(index)?)?),
            Externs::OnDemand { source, made } => {
                let mut made = made.borrow_mut();
                let found = match made.entry(index) {
                    Entry::Occupied(found) => found.into_mut(),
                    Entry::Vacant(place) => place.insert(source.make(index)?),
                };
                (found.api(), NonNull::new(found.raw())?)
            }
        };
        // SAFETY: the extern lives as long as the vector.
        Some(unsafe { Extern::lend(api, raw) })
    }
}
