//! What the host defines for imports.

use std::cell::OnceCell;
use std::rc::Rc;

use super::namespace::Namespace;
use super::service::Service;
use crate::engine::{Extern, ExternPtr, HostFunc};
use crate::error::Result;
use crate::object::ExternType;
use crate::plan::{HostDef, Precedence};

/// What the host gives for an import.
pub enum HostValue {
    /// Something of the host's own, our handle to it.
    Extern(Extern),
    /// A function of ours, made when first used: wasmtime looks at every function that it was given and nothing imports, each
    /// time that it instantiates something (Q22).
    Func(OnceCell<HostFunc>, MakeFunc),
    /// A function of the linker that knows its caller: each importer gets one of its own, this one serves calls by pointer.
    Service(OnceCell<HostFunc>, &'static Service),
}

pub type MakeFunc = Box<dyn Fn() -> Result<HostFunc>>;

impl HostValue {
    /// The engine's object; `None` for a function that has not been made, see [`Namespace::make`].
    pub(super) fn as_extern(&self) -> Option<ExternPtr<'_>> {
        match self {
            HostValue::Extern(own) => Some(own.as_extern()),
            HostValue::Func(made, _) | HostValue::Service(made, _) => {
                made.get().map(HostFunc::as_extern)
            }
        }
    }
}

impl Namespace {
    /// Defines an import for all objects loaded from now on.
    pub fn define(
        &self,
        module: &str,
        name: &str,
        value: HostValue,
        ty: ExternType,
        precedence: Precedence,
    ) -> Result<u32> {
        let mut state = self.change()?;
        state.hosts.push(value);
        let def = HostDef { ty, precedence };
        Ok(state.model.host.define(module, name, def))
    }

    /// Sees to it that there is an engine's function for a definition of the host's.
    pub(super) fn make(self: &Rc<Self>, id: u32) -> Result<()> {
        let state = self.state();
        let (made, func) = match state.hosts.get(id as usize) {
            Some(HostValue::Func(made, make)) if made.get().is_none() => (made, make()?),
            Some(HostValue::Service(made, service)) if made.get().is_none() => {
                (made, service.bind(self, None)?)
            }
            _ => return Ok(()),
        };
        // It was empty just now.
        let _ = made.set(func);
        Ok(())
    }
}
