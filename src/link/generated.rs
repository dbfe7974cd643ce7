//! Compiling and instantiating the modules of [`glue`].

use std::ptr::NonNull;
use std::rc::Rc;

use super::glue;
use super::namespace::Namespace;
use super::order::lost;
use crate::abi;
use crate::engine::sys::wasm_extern_t;
use crate::engine::{ExternPtr, Instance, Module, ModuleKey, shim};
use crate::error::{Code, Error, Result};

impl Namespace {
    pub(super) fn compile_generated(&self, bytes: &[u8]) -> Result<Rc<Module>> {
        self.compile_generated_as(ModuleKey::of(bytes), bytes)
    }

    /// As [`compile_generated`](Self::compile_generated), with the key of the bytes.
    pub(super) fn compile_generated_as(&self, key: ModuleKey, bytes: &[u8]) -> Result<Rc<Module>> {
        let module = self.compile_as(key, bytes);
        module.ok_or_else(|| Error::new(Code::Engine, "the engine refused a generated module"))
    }

    /// `imports` are in the module's order.
    ///
    /// # Safety
    /// They are externs of this store and live during the call.
    pub(super) unsafe fn instantiate_generated(
        &self,
        module: &Module,
        imports: &[NonNull<wasm_extern_t>],
    ) -> Result<Instance> {
        let imports: Vec<ExternPtr<'_>> = in_engine_order(module, imports)?
            .into_iter()
            // SAFETY: by the caller's promise.
            .map(|raw| unsafe { ExternPtr::from_raw(raw) })
            .collect();
        self.instantiate(module, &imports).map_err(|error| {
            self.used_up(&error).unwrap_or_else(|| {
                let text = error.trap.map_or(String::new(), |t| t.message());
                Error::new(
                    Code::Engine,
                    format!("the engine refused to instantiate a generated module: {text}"),
                )
            })
        })
    }
}

/// Imports in the engine's order (Q1), given in that of the module: the table, `resolve`, `slot` or the memory, then numbers.
fn in_engine_order<T: Copy>(module: &Module, given: &[T]) -> Result<Vec<T>> {
    if shim::of(module.api()).import_order_is_declared() {
        return Ok(given.to_vec());
    }
    let imports = module.imports();
    let named = [glue::TABLE, glue::RESOLVE, glue::SLOT, glue::MEMORY];
    let checks = [abi::CONTROL_UNITS.as_bytes(), abi::CONTROL_FLAG.as_bytes()];
    let declared: usize = imports
        .iter()
        .filter(|i| named.iter().any(|n| n.as_bytes() == i.name))
        .count();
    imports
        .iter()
        .map(|i| {
            let n = match std::str::from_utf8(i.name)
                .ok()
                .and_then(|n| n.parse::<usize>().ok())
            {
                Some(n) => n + declared,
                None if i.name == glue::TABLE.as_bytes() => 0,
                // Those of checks come last.
                None if checks.contains(&i.name) => given.len().wrapping_sub(2),
                None if i.name == abi::CONTROL_ASK.as_bytes() => given.len().wrapping_sub(1),
                None => 1,
            };
            given.get(n).copied()
        })
        .collect::<Option<Vec<T>>>()
        .ok_or_else(|| lost("an import of a generated module"))
}
