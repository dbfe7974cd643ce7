//! What to say of a call by a bad function pointer: which type the caller takes the function for, and which function is where the pointer
//! leads.
//!
//! No engine tells either. The type stands in the module's code, at the place that the trap tells; its bytes are read again from the
//! module's file, if that is still what was loaded. The slot is what the code around it comes to ([`crate::object::PointerCall`]).
//! What does not agree with the trap is not said.

use std::sync::Arc;

use super::address::function_at;
use super::namespace::{Namespace, State};
use crate::demangle::demangle;
use crate::object::{
    ExportItem, ExternType, FuncType, Guest, Metering, PointerCall, Seen, bodies, function_type,
    pointer_call,
};
use crate::plan::{Binding, Found, FuncId, Node, ObjectId};
use crate::search::{self, SearchOptions};
use crate::text;

/// Larger files are not read again for a message.
const MAX_FILE: u64 = 64 << 20;

/// A place in a module's file.
pub(super) struct Site {
    pub found: Found,
    /// `None`: it is being loaded.
    pub object: Option<ObjectId>,
    pub offset: u64,
}

/// How the core specification calls what is wrong with a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Null,
    Type,
    NoSlot,
}

impl Namespace {
    /// What more there is to say, in words that go on from "call of a function pointer": `None` where nothing is known.
    pub(super) fn bad_pointer(&self, site: &Site, wrong: Wrong) -> Option<String> {
        let bytes = file_of(&self.config().search, &site.found)?;
        let call = pointer_call(&bytes, usize::try_from(site.offset).ok()?)?;
        let wanted = &call.wanted;
        let slot = site.object.and_then(|object| self.slot_of(object, &call));
        let what = slot.and_then(|slot| self.in_slot(slot, wrong, wanted));
        let caller = format!("the caller takes it for a function of type {wanted}");
        Some(match what {
            Some(what) => format!("{what}; {caller}"),
            None => caller,
        })
    }

    fn slot_of(&self, object: ObjectId, call: &PointerCall) -> Option<u32> {
        let pointer = self.stack_pointer().and_then(|value| value.as_u32());
        let state = self.state();
        let guest = Inside {
            node: state.model.nodes.get(&object)?,
            pointer,
            state: &state,
        };
        call.slot(&guest)
    }

    /// What is in a slot, if that is what such a trap is about.
    fn in_slot(&self, slot: u32, wrong: Wrong, wanted: &FuncType) -> Option<String> {
        let table = self.table().ok()?;
        let size = table.size();
        match wrong {
            Wrong::NoSlot => (slot >= size).then(|| {
                let size = text::number(usize::try_from(size).unwrap_or(usize::MAX));
                format!("its value is {slot}, and there are {size} slots")
            }),
            Wrong::Null if slot == 0 => Some("its value is 0".to_string()),
            Wrong::Null => (slot < size && table.get(slot).is_none())
                .then(|| format!("its value is {slot}, a slot that is empty")),
            Wrong::Type => {
                let (what, sig) = self.function_in(slot)?;
                (sig != *wanted).then(|| format!("in slot {slot} is {what}, of type {sig}"))
            }
        }
    }

    /// Name and type of the function in a slot.
    fn function_in(&self, slot: u32) -> Option<(String, FuncType)> {
        let state = self.state();
        if let Some(FuncId::Host(id)) = state.model.slots.at(slot.into()) {
            let def = state.model.host.defs.get(id as usize)?;
            let ExternType::Func(sig) = &def.ty else {
                return None;
            };
            return Some(("a function of the host's".to_string(), (**sig).clone()));
        }
        let (object, index) = function_at(&state, slot.into())?;
        let found = &state.model.nodes.get(&object)?.found;
        let mut exports = found.object.exports.iter();
        let exported = exports.find_map(|export| match export.item {
            ExportItem::Func { index: of, sig } if *of == index => {
                Some((export.name.text(), Arc::clone(sig)))
            }
            _ => None,
        });
        let library = text::name(&found.name).into_owned();
        if let Some((name, sig)) = exported {
            let name = demangle(name);
            let what = format!("{} of {library}", text::name(&name));
            return Some((what, (*sig).clone()));
        }
        let sig = function_type(&file_of(&self.config().search, found)?, index)?;
        Some((format!("function {index} of {library}"), sig))
    }
}

/// The bytes that a module was loaded from, if its file still has them.
fn file_of(options: &SearchOptions, found: &Found) -> Option<Vec<u8>> {
    let object = &found.object;
    if found.in_guest || object.code_rewritten || object.metered != Metering::Off {
        return None;
    }
    let located = search::open_path(options, found.path.as_deref()?).ok()?;
    let is_small = located.stamp.as_ref()?.size <= MAX_FILE;
    if !is_small || located.identity != found.identity {
        return None;
    }
    let bytes = located.read().ok()?;
    let same = bodies(&bytes)?
        .into_iter()
        .map(|start| i64::from(start) - object.code_moved)
        .eq(object.bodies.iter().map(|&start| i64::from(start)));
    same.then_some(bytes)
}

/// The guest as the function sees it that made the call.
struct Inside<'a> {
    node: &'a Node,
    state: &'a State,
    /// The stack pointer, when it trapped.
    pointer: Option<u32>,
}

impl Guest for Inside<'_> {
    fn global(&self, index: u32) -> Option<Seen> {
        let object = &self.node.found.object;
        let position = object.global_imports.get(index as usize)?;
        let known = |value: u64| u32::try_from(value).ok().map(Seen::Always);
        match self.node.bindings.get(*position as usize)? {
            Binding::StackPointer => self.pointer.map(Seen::Then),
            Binding::MemoryBase => known(self.node.place.memory_base),
            Binding::TableBase => known(self.node.place.table_base),
            Binding::Number(value) => known(*value),
            Binding::Null => known(0),
            Binding::Slot(callee) => known(*self.state.model.slots.get(&callee.id())?),
            Binding::Data(definition) => {
                let node = self.state.model.nodes.get(&definition.object)?;
                let export = node.found.object.exports.get(definition.export as usize)?;
                match export.item {
                    ExportItem::Data(datum) => known(node.place.address(datum.value())),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn load(&self, address: u64) -> Option<u32> {
        let space = self.state.space.as_ref()?;
        space.memory.read_u32(address).ok()
    }
}
