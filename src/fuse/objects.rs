//! What objects define themselves, by the indices of their own spaces, in which what they import comes first.

use wasmparser::{Data, Element, FunctionBody, Global, Table};

use super::module::Module;
use super::targets::{Spaces, Targets, lost};
use crate::error::Result;

/// The modules of all objects, with what their imports stand for.
#[derive(Clone, Copy)]
pub(super) struct Objects<'a> {
    pub modules: &'a [Module<'a>],
    pub targets: &'a Targets,
}

impl<'a> Objects<'a> {
    pub fn of(self, object: u32) -> Result<(&'a Module<'a>, &'a Spaces)> {
        let module = self.modules.get(object as usize);
        let both = module.zip(self.targets.spaces.get(object as usize));
        both.ok_or_else(|| lost("an object"))
    }

    pub fn body(self, object: u32, index: u32) -> Result<&'a FunctionBody<'a>> {
        let (module, spaces) = self.of(object)?;
        behind(&module.bodies, spaces.funcs.len(), index)
    }

    /// Where the content of an object's code section begins.
    pub fn code(self, object: u32) -> Result<usize> {
        Ok(self.of(object)?.0.code)
    }

    pub fn global(self, object: u32, index: u32) -> Result<&'a Global<'a>> {
        let (module, spaces) = self.of(object)?;
        behind(&module.globals, spaces.globals.len(), index)
    }

    pub fn table(self, object: u32, index: u32) -> Result<&'a Table<'a>> {
        let (module, spaces) = self.of(object)?;
        behind(&module.tables, spaces.tables.len(), index)
    }

    pub fn element(self, object: u32, n: u32) -> Result<&'a Element<'a>> {
        behind(&self.of(object)?.0.elements, 0, n)
    }

    pub fn data(self, object: u32, n: u32) -> Result<&'a Data<'a>> {
        behind(&self.of(object)?.0.data, 0, n)
    }

    /// The type of a function, by its index among the object's types.
    pub fn func_type(self, object: u32, index: u32) -> Result<u32> {
        behind(&self.of(object)?.0.func_types, 0, index).copied()
    }

    pub fn tag_type(self, object: u32, index: u32) -> Result<u32> {
        behind(&self.of(object)?.0.tag_types, 0, index).copied()
    }
}

/// An item of a list that begins behind `imported` others.
fn behind<T>(all: &[T], imported: usize, index: u32) -> Result<&T> {
    let found = (index as usize)
        .checked_sub(imported)
        .and_then(|own| all.get(own));
    found.ok_or_else(|| lost("a definition"))
}
