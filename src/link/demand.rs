//! What the host defines only when something imports it: many functions that few programs need take time to define.

use super::namespace::Namespace;
use crate::error::Result;
use crate::plan::Found;

/// A module's name, and what defines what is imported from it.
pub(super) type Demand = (String, Box<dyn Fn() -> Result<()>>);

impl Namespace {
    /// `give` defines what objects import from `module`. It is called at the first load that brings an object with such an import, and again at the next one
    /// if it fails.
    #[cfg(any(test, target_family = "wasm"))]
    pub fn define_on_demand(&self, module: &str, give: impl Fn() -> Result<()> + 'static) {
        *self.demand.borrow_mut() = Some((module.to_string(), Box::new(give)));
    }

    /// Has defined what these objects are the first to import.
    pub(super) fn demanded_by(&self, fresh: &[Found]) -> Result<()> {
        let wants = |module: &str| {
            let mut imports = fresh.iter().flat_map(|found| found.object.imports.iter());
            imports.any(|import| import.module.as_ref() == module)
        };
        let demand = self
            .demand
            .borrow_mut()
            .take_if(|(module, _)| wants(module));
        let Some(demand) = demand else { return Ok(()) };
        let given = (demand.1)();
        if given.is_err() {
            // Unless the host has said something else meanwhile.
            self.demand.borrow_mut().get_or_insert(demand);
        }
        given
    }
}
