//! Looking symbols up in a live namespace (dlsym(3)).

use std::ptr::NonNull;
use std::sync::Arc;

use super::namespace::{HostValue, Namespace, State};
use super::slots;
use crate::abi;
use crate::engine::sys::wasm_func_t;
use crate::error::{Code, Error, Result};
use crate::object::{ExportItem, FuncType};
use crate::plan::{Callee, Definition, FuncId, ObjectId};

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Symbol {
    Func {
        callee: Callee,
        sig: Arc<FuncType>,
    },
    /// An address in the namespace's memory.
    Data {
        address: u64,
        object: ObjectId,
    },
}

impl Namespace {
    /// Looks `name` up in an object and what it needs, breadth first, or in the global scope.
    pub fn dlsym(&self, object: Option<ObjectId>, name: &str) -> Result<Symbol> {
        let state = self.state();
        let found = match object {
            Some(id) => {
                let node = state.model.nodes.get(&id);
                let node =
                    node.ok_or_else(|| Error::new(Code::InvalidArgument, "no such object"))?;
                match node.found.object.by_name.get(name) {
                    Some(&export) => symbol(&state, Definition { object: id, export }),
                    None => in_group(&state, id, name),
                }
            }
            None => state
                .model
                .global
                .lookup(name)
                .iter()
                .find_map(|&d| symbol(&state, d)),
        };
        found.ok_or_else(|| not_found(&state, object, name))
    }

    /// The engine's function behind a symbol. Borrowed: it lives as long as the object that defines it.
    pub fn func_ptr(&self, callee: Callee) -> Result<NonNull<wasm_func_t>> {
        let state = self.state();
        let raw = match (callee.id, callee.export) {
            (FuncId::Host(id), _) => match state.hosts.get(id as usize) {
                Some(HostValue::Func(func)) => Some(func.func().raw()),
                Some(HostValue::Extern(value)) => value.as_func().map(|f| f.raw()),
                None => None,
            },
            (_, Some(definition)) => state
                .export(definition)
                .and_then(|e| e.as_func().map(|f| f.raw())),
            _ => None,
        };
        raw.and_then(NonNull::new)
            .ok_or_else(|| Error::new(Code::Internal, "a symbol's function got lost"))
    }

    /// The canonical table slot of a function, `&f` of every object.
    pub fn slot(&self, callee: Callee, sig: &Arc<FuncType>) -> Result<u32> {
        slots::slot_of(self, callee, sig)
    }
}

fn in_group(state: &State, root: ObjectId, name: &str) -> Option<Symbol> {
    state.model.group(root).into_iter().find_map(|id| {
        let object = &state.model.nodes.get(&id)?.found.object;
        let export = *object.by_name.get(name)?;
        // What steers a library's own life is found on itself only.
        if abi::LIFECYCLE.contains(&name) {
            return None;
        }
        symbol(state, Definition { object: id, export })
    })
}

fn symbol(state: &State, definition: Definition) -> Option<Symbol> {
    let node = state.model.nodes.get(&definition.object)?;
    match &node
        .found
        .object
        .exports
        .get(definition.export as usize)?
        .item
    {
        ExportItem::Func { .. } => {
            let (callee, sig) = state.model.callee(definition)?;
            Some(Symbol::Func { callee, sig })
        }
        ExportItem::Data { value, .. } => Some(Symbol::Data {
            address: node.place.address(*value),
            object: definition.object,
        }),
        _ => None,
    }
}

fn not_found(state: &State, object: Option<ObjectId>, name: &str) -> Error {
    let searched = match object {
        Some(id) => state.model.group(id),
        None => state.model.global.order().to_vec(),
    };
    let names: Vec<&str> = searched
        .iter()
        .filter_map(|id| state.model.nodes.get(id))
        .map(|node| node.found.name.as_ref())
        .collect();
    let place = match (object, names.is_empty()) {
        (_, true) => {
            "the global scope, which is empty (libraries enter it with the flag GLOBAL)".to_string()
        }
        (Some(_), _) => names.join(", "),
        (None, _) => format!("the global scope: {}", names.join(", ")),
    };
    Error::new(
        Code::NotFound,
        format!("symbol {name} not found in {place}"),
    )
}

/// The function that an import of `importer` would be bound to now.
pub fn function(
    state: &State,
    module: &str,
    name: &str,
    importer: ObjectId,
) -> Option<(Callee, Arc<FuncType>)> {
    let model = &state.model;
    let host = model.host.get(module, name).and_then(|(id, def)| {
        let callee = Callee {
            id: FuncId::Host(id),
            export: None,
        };
        Some((callee, model.host_func(id)?, def.overriding))
    });
    if module != abi::ENV {
        return host.map(|(callee, sig, _)| (callee, sig));
    }
    if let Some((callee, sig, true)) = host {
        return Some((callee, sig));
    }
    let global = model
        .global
        .lookup(name)
        .iter()
        .find_map(|&d| model.callee(d));
    let own = || {
        model.group(importer).into_iter().find_map(|id| {
            let export = *model.nodes.get(&id)?.found.object.by_name.get(name)?;
            model.callee(Definition { object: id, export })
        })
    };
    global
        .or_else(own)
        .or(host.map(|(callee, sig, _)| (callee, sig)))
}
