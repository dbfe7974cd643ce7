//! Looking symbols up in a live namespace (dlsym(3)).

use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;

use super::host::HostValue;
use super::namespace::{Namespace, State};
use super::{export_getters, handed, slots};
use crate::abi;
use crate::engine::sys::wasm_func_t;
use crate::error::{Code, Error, Result};
use crate::object::{ExportItem, FuncType, Name};
use crate::plan::{Callee, Definition, FuncId, Kind, ObjectId};
use crate::text;

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
    /// A slot or an address that the main program gave for the name.
    Number(u64),
}

/// Where a symbol is looked up (dlsym(3)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchIn {
    /// RTLD_DEFAULT: the global scope.
    Global,
    /// An object and what it needs, breadth first.
    Object(ObjectId),
    /// RTLD_NEXT: behind an object in its scope.
    After(ObjectId),
}

impl Namespace {
    pub fn dlsym(&self, from: SearchIn, name: &str) -> Result<Symbol> {
        let state = self.state();
        let model = &state.model;
        let known = |id: ObjectId| {
            let node = model.nodes.get(&id);
            node.ok_or_else(|| Error::new(Code::InvalidArgument, "no such object"))
        };
        if let SearchIn::Object(id) | SearchIn::After(id) = from {
            known(id)?;
        }
        let names = [name].into_iter().chain(renamed(name).iter().copied());
        let found = names.into_iter().find_map(|name| find(&state, from, name));
        // As imports are bound: what overrides, objects, what the program gives, what else the host has.
        let host = host(&state, from, name, found.is_some());
        match (found, host) {
            (_, Some((symbol, true))) => Ok(symbol),
            (Some(symbol), _) => Ok(symbol),
            (None, _) if gives(&state, from, name) => {
                drop(state);
                export_getters::ask(self, name).map(Symbol::Number)
            }
            (None, Some((symbol, false))) => Ok(symbol),
            (None, None) => Err(not_found(&state, from, name)),
        }
    }

    /// The names that an object defines itself, each with whether it is a function: what [`dlsym`](Self::dlsym) finds in it and not in what it
    /// needs.
    pub fn defined(&self, id: ObjectId) -> Vec<(String, bool)> {
        let state = self.state();
        let Some(node) = state.model.nodes.get(&id) else {
            return Vec::new();
        };
        let exports = node.found.object.exports.iter();
        let symbols = exports.filter(|export| Kind::Symbol.finds(&export.name, export.item));
        symbols
            .map(|export| {
                let is_function = matches!(export.item, ExportItem::Func { .. });
                (export.name.to_string(), is_function)
            })
            .collect()
    }

    /// What [`dlsym`](Self::dlsym) and [`slot`](Self::slot) would give, where it is at hand: the first definition is an object's own,
    /// and has its slot. Programs ask for the same few symbols again and again.
    pub(crate) fn known_value(&self, from: SearchIn, name: &str) -> Option<u32> {
        let state = self.state();
        let model = &state.model;
        let overridden = model
            .host
            .get(abi::ENV, Name::new(name))
            .is_some_and(|(_, def)| def.overrides(None));
        let definition = match from {
            _ if overridden => return None,
            SearchIn::Object(object) => {
                let found = &model.nodes.get(&object)?.found;
                let export = Kind::Symbol.export_of(&found.object, Name::new(name))?;
                Definition { object, export }
            }
            SearchIn::Global => model.global.lookup(Name::new(name), Kind::Symbol).next()?,
            SearchIn::After(_) => return None,
        };
        let node = model.nodes.get(&definition.object)?;
        let object = &node.found.object;
        let value = match object.exports.get(definition.export as usize)?.item {
            ExportItem::Func { index, .. } if object.import_of_func(*index).is_none() => {
                let function = FuncId::Object {
                    object: definition.object,
                    index: *index,
                };
                *model.slots.get(&function)?
            }
            ExportItem::Data(datum) => node.place.address(datum.value()),
            _ => return None,
        };
        u32::try_from(value).ok()
    }

    /// The engine's function behind a symbol. Borrowed: it lives as long as the object that defines it.
    pub fn func_ptr(self: &Rc<Self>, callee: Callee) -> Result<NonNull<wasm_func_t>> {
        if let FuncId::Host(id) = callee.id() {
            self.make(id)?;
        }
        let state = self.state();
        let raw = match (callee.id(), callee.export()) {
            (FuncId::Host(id), _) => match state.hosts.get(id as usize) {
                Some(HostValue::Func(made, _) | HostValue::Service(made, _)) => {
                    made.get().map(|func| func.func().raw())
                }

                Some(HostValue::Extern(value)) => value.as_func().map(|f| f.raw()),
                None => None,
            },
            (_, Some(definition)) => state
                .export(definition)
                .and_then(|e| e.as_func().map(|f| f.raw())),
            _ => None,
        };
        let raw = raw
            .and_then(NonNull::new)
            .ok_or_else(|| Error::new(Code::Internal, "a symbol's function got lost"))?;
        let handed = &mut self.handed.borrow_mut();
        handed::note(&state, handed, raw.as_ptr().addr(), callee);
        Ok(raw)
    }

    /// The canonical table slot of a function, `&f` of every object.
    pub fn slot(self: &Rc<Self>, callee: Callee, sig: &Arc<FuncType>) -> Result<u32> {
        slots::slot_of(self, callee, sig)
    }
}

/// The host's function of a name, and whether it comes before those of objects. An object's handle covers it only if one of the
/// objects has the name.
fn host(state: &State, from: SearchIn, name: &str, found: bool) -> Option<(Symbol, bool)> {
    if matches!(from, SearchIn::Object(_)) && !found {
        return None;
    }
    let (callee, sig, def) = state.model.host_callee(abi::ENV, Name::new(name))?;
    Some((
        Symbol::Func {
            callee,
            sig: sig.clone(),
        },
        def.overrides(None),
    ))
}

/// Names that clang gives a function in the place of its own.
fn renamed(name: &str) -> &'static [&'static str] {
    match name {
        abi::MAIN => &[abi::MAIN_ARGC_ARGV, abi::MAIN_VOID],
        _ => &[],
    }
}

fn find(state: &State, from: SearchIn, name: &str) -> Option<Symbol> {
    let model = &state.model;
    match from {
        SearchIn::Object(object) => {
            let found = &model.nodes.get(&object)?.found;
            // What steers an object's own life is found on itself only.
            let own = Kind::Symbol.export_of(&found.object, Name::new(name));
            let own = own.and_then(|export| symbol(state, Definition { object, export }));
            own.or_else(|| {
                let group = state.groups.of_handle(model, object);
                group
                    .lookup(model, Name::new(name))
                    .find_map(|definition| symbol(state, definition))
            })
        }
        SearchIn::After(id) => after(state, id).into_iter().find_map(|object| {
            let found = &model.nodes.get(&object)?.found;
            let export = Kind::Symbol.export_of(&found.object, Name::new(name))?;
            symbol(state, Definition { object, export })
        }),
        SearchIn::Global => {
            let mut definitions = model.global.lookup(Name::new(name), Kind::Symbol);
            definitions.find_map(|definition| symbol(state, definition))
        }
    }
}

/// The objects behind `id` where it looks its own symbols up.
fn after(state: &State, id: ObjectId) -> Vec<ObjectId> {
    let local;
    let order = match state.model.nodes.get(&id) {
        Some(node) if node.global => state.model.global.order(),
        _ => {
            local = state.groups.of_object(&state.model, id);
            local.order()
        }
    };
    let behind = order.iter().skip_while(|&&o| o != id).skip(1);
    behind.copied().collect()
}

/// Whether the main program gives a name by a function, and is among those asked.
fn gives(state: &State, from: SearchIn, name: &str) -> bool {
    let asked = match from {
        SearchIn::Global => true,
        SearchIn::Object(id) => state.model.main == Some(id),
        SearchIn::After(_) => false,
    };
    asked && export_getters::provides(state, name)
}

fn symbol(state: &State, definition: Definition) -> Option<Symbol> {
    if let Some((callee, sig)) = state.model.callee(definition) {
        return Some(Symbol::Func {
            callee,
            sig: sig.clone(),
        });
    }
    let node = state.model.nodes.get(&definition.object)?;
    let exports = &node.found.object.exports;
    match exports.get(definition.export as usize)?.item {
        ExportItem::Data(datum) => Some(Symbol::Data {
            address: node.place.address(datum.value()),
            object: definition.object,
        }),
        _ => None,
    }
}

fn not_found(state: &State, from: SearchIn, name: &str) -> Error {
    let searched = match from {
        SearchIn::Object(id) => state.model.group(id),
        SearchIn::After(id) => after(state, id),
        SearchIn::Global => state.model.global.order().to_vec(),
    };
    let names: Vec<&str> = searched
        .iter()
        .filter_map(|id| state.model.nodes.get(id))
        .map(|node| node.found.name.as_ref())
        .collect();
    let after = |id: ObjectId| state.model.nodes.get(&id).map_or("?", |n| &n.found.name);
    let place = match (from, names.is_empty()) {
        (SearchIn::After(id), true) => format!("what comes after {}: nothing", after(id)),
        (_, true) => {
            "the global scope, which is empty (libraries enter it with the flag GLOBAL)".to_string()
        }
        (SearchIn::Object(_), _) => names.join(", "),
        (SearchIn::After(id), _) => format!("what comes after {}: {}", after(id), names.join(", ")),
        (SearchIn::Global, _) => format!("the global scope: {}", names.join(", ")),
    };
    let name = text::name(name);
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
    let host = model
        .host_callee(module, Name::new(name))
        .map(|(callee, sig, def)| (callee, sig.clone(), def.overrides(None)));
    if module != abi::ENV {
        return host.map(|(callee, sig, _)| (callee, sig));
    }
    if let Some((callee, sig, true)) = host {
        return Some((callee, sig));
    }
    let shared = |(callee, sig): (Callee, &Arc<FuncType>)| Some((callee, sig.clone()));
    let global = || {
        let mut definitions = model.global.lookup(Name::new(name), Kind::Symbol);
        definitions.find_map(|definition| shared(model.callee(definition)?))
    };
    let local = || {
        let scope = state.groups.of_object(model, importer);
        scope
            .lookup(model, Name::new(name))
            .find_map(|definition| shared(model.callee(definition)?))
    };
    let deepbind = model.nodes.get(&importer).is_some_and(|n| n.deepbind);
    let found = match deepbind {
        true => local().or_else(global),
        false => global().or_else(local),
    };
    found.or(host.map(|(callee, sig, _)| (callee, sig)))
}
