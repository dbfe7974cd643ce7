//! The engine of the JavaScript that this library runs in, a module itself. `bindings/js/src/engine` has the functions of `wasm.h` there.

use std::ptr::{self, NonNull};

use super::{Shim, Stage, page_text};
use crate::engine::api::Api;
use crate::engine::externs::{Extern, Func, Global};
use crate::engine::frame::EngineFrame;
use crate::engine::module::{ExportSource, ExternVec, Instance, Module};
use crate::engine::store::Store;
use crate::engine::sys::*;
use crate::engine::trap::Trap;
use crate::engine::types::EngineGlobalType;
use crate::engine::vec::OwnedVec;
use crate::object::{ExportItem, Metadata};

// What JavaScript tells beyond `wasm.h`. Vectors are filled as that has it.
unsafe extern "C" {
    fn wasmdyld_trap_stack(trap: *const wasm_trap_t, out: *mut wasm_byte_vec_t);
    fn wasmdyld_trap_is_link_error(trap: *const wasm_trap_t) -> bool;
    /// Whether it is an exception of a single i32, which is written.
    fn wasmdyld_trap_exception(trap: *const wasm_trap_t, number: *mut u32) -> bool;
    fn wasmdyld_last_error(out: *mut wasm_byte_vec_t);
    safe fn wasmdyld_opens(func: *const wasm_func_t, way: u32);
    /// A handle of a module that was compiled ahead; NULL if there is none of this number.
    safe fn wasmdyld_ready(number: u32) -> *mut wasm_module_t;
    /// Makes a global of a 32-bit type for each value; none if it cannot make all.
    fn wasmdyld_globals(
        ty: *const wasm_globaltype_t,
        values: *const u32,
        count: usize,
        out: *mut *mut wasm_global_t,
    );
    /// Another handle of the instance.
    fn wasmdyld_instance_copy(instance: *const wasm_instance_t) -> *mut wasm_instance_t;
    fn wasmdyld_export_count(instance: *const wasm_instance_t) -> usize;
    /// A handle of the export in this place; NULL if there is none.
    fn wasmdyld_export(instance: *const wasm_instance_t, index: usize) -> *mut wasm_extern_t;
    /// The same where its kind and its name are known.
    fn wasmdyld_named_export(
        instance: *const wasm_instance_t,
        index: usize,
        kind: wasm_externkind_t,
        name: *const u8,
        size: usize,
    ) -> *mut wasm_extern_t;
}

pub(super) struct Page;

impl Shim for Page {
    fn name(&self) -> &'static str {
        "JavaScript"
    }

    /// The interface says that memories and globals are shared by all that import them.
    fn known_to_link(&self) -> bool {
        true
    }

    /// The interface says so (WebAssembly JavaScript Interface, `Module.imports`).
    fn import_order_is_declared(&self) -> bool {
        true
    }

    fn may_count_nul(&self) -> bool {
        false
    }

    fn ready(&self, store: Store, number: u32) -> Option<Module> {
        let raw = NonNull::new(wasmdyld_ready(number))?;
        // SAFETY: a new handle, ours.
        Some(unsafe { Module::from_raw(store.api(), raw) })
    }

    fn globals(&self, store: Store, ty: &EngineGlobalType, values: &[u32]) -> Option<Vec<Global>> {
        let mut raw = vec![ptr::null_mut(); values.len()];
        // SAFETY: the type is alive; both vectors are as long as is said. It writes all handles, which are new and ours, or none.
        unsafe { wasmdyld_globals(ty.raw(), values.as_ptr(), values.len(), raw.as_mut_ptr()) };
        let each = raw.into_iter().map(NonNull::new);
        // SAFETY: as above.
        each.map(|raw| raw.map(|raw| unsafe { Global::from_raw(store.api(), raw) }))
            .collect()
    }

    fn exports(
        &self,
        store: Store,
        instance: &Instance,
        of: Option<&Metadata>,
    ) -> Option<ExternVec> {
        // SAFETY: the instance is alive; the handle is new, and ours.
        let raw = unsafe { wasmdyld_instance_copy(instance.raw()) };
        let raw = NonNull::new(raw)?;
        // SAFETY: as above.
        let instance = unsafe { Instance::from_raw(store.api(), raw) };
        let of = of.cloned();
        Some(ExternVec::on_demand(Box::new(Exports { instance, of })))
    }

    fn validation_is_final(&self) -> bool {
        true
    }

    fn opens(&self, func: &Func, way: u32) {
        wasmdyld_opens(func.raw(), way);
    }

    /// Whatever refers to it keeps it.
    fn instance_outlives_handle(&self) -> bool {
        true
    }

    fn last_error(&self, api: &'static Api) -> Option<String> {
        // SAFETY: the call fills a vector of ours.
        let text = text(api, |out| unsafe { wasmdyld_last_error(out) });
        (!text.is_empty()).then_some(text)
    }

    fn trap_cause(&self, text: &str) -> String {
        page_text::cause(text)
    }

    fn frames(&self, trap: &Trap) -> Vec<EngineFrame> {
        // SAFETY: the trap is alive; the call fills a vector of ours.
        page_text::frames(&text(trap.api(), |out| unsafe {
            wasmdyld_trap_stack(trap.raw(), out);
        }))
    }

    fn with_thrown(&self, _store: Store, trap: &Trap, tell: &mut dyn FnMut(u32)) {
        let mut number = 0;
        // SAFETY: the trap is alive; the number is ours.
        if unsafe { wasmdyld_trap_exception(trap.raw(), &raw mut number) } {
            tell(number);
        }
    }

    fn failed_stage(&self, trap: &Trap) -> Stage {
        // SAFETY: the trap is alive.
        match unsafe { wasmdyld_trap_is_link_error(trap.raw()) } {
            true => Stage::Link,
            false => Stage::Run,
        }
    }
}

/// The exports of an instance, each made when it is asked for: of what libraries export others use little, and each is an object of JavaScript's.
struct Exports {
    instance: Instance,
    /// Where it is at hand, JavaScript need not list what the module exports.
    of: Option<Metadata>,
}

impl ExportSource for Exports {
    fn len(&self) -> usize {
        match &self.of {
            Some(object) => object.brief().exports as usize,
            // SAFETY: the instance is alive.
            None => unsafe { wasmdyld_export_count(self.instance.raw()) },
        }
    }

    fn make(&self, index: usize) -> Option<Extern> {
        let instance = self.instance.raw();
        let raw = match &self.of {
            Some(object) => {
                let export = object.exports.get(index)?;
                let (kind, name) = (kind(export.item), export.name.text());
                // SAFETY: the instance is alive, and so is the name; the handle is new, and ours.
                unsafe { wasmdyld_named_export(instance, index, kind, name.as_ptr(), name.len()) }
            }
            // SAFETY: as above.
            None => unsafe { wasmdyld_export(instance, index) },
        };
        // SAFETY: as above.
        NonNull::new(raw).map(|raw| unsafe { Extern::from_raw(self.instance.api(), raw) })
    }
}

fn kind(item: &ExportItem) -> wasm_externkind_t {
    match item {
        ExportItem::Func { .. } => WASM_EXTERN_FUNC,
        ExportItem::Data(_) | ExportItem::Global { .. } => WASM_EXTERN_GLOBAL,
        ExportItem::Table { .. } => WASM_EXTERN_TABLE,
        ExportItem::Memory { .. } => WASM_EXTERN_MEMORY,
        ExportItem::Tag { .. } => WASM_EXTERN_TAG,
    }
}

fn text(api: &'static Api, fill: impl FnOnce(*mut wasm_byte_vec_t)) -> String {
    // SAFETY: `fill` leaves an owned vector behind.
    let bytes = unsafe { OwnedVec::filled(api, fill) };
    String::from_utf8_lossy(bytes.as_slice()).into_owned()
}
