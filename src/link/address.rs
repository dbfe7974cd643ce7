//! From an address or a slot back to an object and a symbol (dladdr(3)).

use std::sync::Arc;

use super::namespace::{Namespace, State};
use crate::abi;
use crate::error::{Code, Error, Result};
use crate::object::{ExportItem, FuncType};
use crate::plan::{FuncId, Node, ObjectId, Role, function_in_own_segment};
use crate::search::{View, shown_folders};

/// What lies at an address or in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub object: ObjectId,
    /// The symbol whose value is nearest below an address, or is the slot, and its value.
    pub symbol: Option<(Arc<str>, u64)>,
}

impl Namespace {
    /// How many objects have been added and removed since the beginning.
    pub fn turnover(&self) -> (u64, u64) {
        let state = self.state();
        (state.loads_made, state.unloads)
    }

    /// The folders in which a name that an object asks for is searched, as the guest may know them.
    pub fn search_path(&self, id: ObjectId) -> Result<Vec<String>> {
        let state = self.state();
        let node = state.model.nodes.get(&id);
        let node = node.ok_or_else(|| Error::new(Code::InvalidArgument, "no such object"))?;
        let view = View {
            hidden: !self.config().guest_paths,
            ..View::default()
        };
        Ok(shown_folders(&self.config().search, &node.found, view))
    }

    /// The function in a slot, for slots that belong to an object.
    pub fn at_slot(&self, slot: u64) -> Result<Address> {
        let state = self.state();
        at_slot(&state, slot).ok_or_else(|| {
            Error::new(
                Code::NotFound,
                format!("slot {slot} holds no object's function"),
            )
        })
    }

    /// The name and the type of a function that lies in a slot, if its object exports it.
    pub(super) fn exported(&self, at: &Address) -> Option<(Arc<str>, Arc<FuncType>)> {
        let state = self.state();
        let object = &state.model.nodes.get(&at.object)?.found.object;
        let (name, _) = at.symbol.as_ref()?;
        let sig = object.func_type(object.position(name)?)?;
        Some((name.clone(), sig))
    }

    /// The datum at an address, for addresses in an object's data.
    pub fn at_address(&self, address: u64) -> Result<Address> {
        let state = self.state();
        let found = state.model.places.at_address(address);
        let found = found.and_then(|id| Some((id, state.model.nodes.get(&id)?)));
        let found = found.filter(|(_, node)| holds(node, address));
        let (object, node) = found.ok_or_else(|| {
            Error::new(
                Code::NotFound,
                format!("address {address:#x} lies in no object"),
            )
        })?;
        Ok(Address {
            object,
            symbol: datum(node, address),
        })
    }
}

/// The name and the address of the datum that an address is in: the one at or below it that is nearest.
fn datum(node: &Node, address: u64) -> Option<(Arc<str>, u64)> {
    let (metadata, place) = (&node.found.object, &node.place);
    let bases = (place.memory_base, place.table_base);
    let by_value = metadata.by_value();
    let below = by_value.data_below(address, bases, |at| holds(node, at));
    let named = below.filter_map(|(at, export)| {
        let export = metadata.exports.get(export as usize)?;
        Some((export.name.text(), at))
    });
    // Of several names for one address the first in order, so that the answer is always the same.
    let nearest = named.max_by(|a, b| (a.1, b.0).cmp(&(b.1, a.0)));
    nearest.map(|(name, at)| (name.into(), at))
}

/// Whether an address is one of an object's data. A fixed main has all from address 0 on for its own: of that, what lies in the
/// stack or the heap, as far as it tells where these are, is no datum.
fn holds(node: &Node, address: u64) -> bool {
    let offset = address.checked_sub(node.place.memory_base);
    let within = offset.is_some_and(|n| n < node.place.memory_size);
    if !within || node.found.role != Role::FixedMain {
        return within;
    }
    let object = &node.found.object;
    let landmark = |name: &str| match object.export(name)?.item {
        ExportItem::Data(datum) => Some(node.place.address(datum.value())),
        _ => None,
    };
    let in_stack = match (landmark(abi::STACK_LOW), landmark(abi::STACK_HIGH)) {
        (Some(low), Some(high)) => (low..high).contains(&address),
        _ => false,
    };
    let in_heap = landmark(abi::HEAP_BASE).is_some_and(|base| address >= base);
    address >= abi::NULL_GUARD && !in_stack && !in_heap
}

/// The object whose function is in a slot, and which of its functions that is.
pub(super) fn function_at(state: &State, slot: u64) -> Option<(ObjectId, u32)> {
    let model = &state.model;
    match model.slots.at(slot) {
        Some(FuncId::Object { object, index }) => Some((object, index)),
        Some(FuncId::Host(_)) => None,
        None => {
            let id = model.places.at_slot(slot)?;
            Some((id, function_in_own_segment(model.nodes.get(&id)?, slot)?))
        }
    }
}

fn at_slot(state: &State, slot: u64) -> Option<Address> {
    let model = &state.model;
    let (object, index) = function_at(state, slot)?;
    let defined = &model.nodes.get(&object)?.found.object;
    let export = defined.by_value().export_of(index);
    let name = export.and_then(|export| defined.exports.get(export as usize));
    let name = name.map(|export| Arc::from(export.name.text()));
    Some(Address {
        object,
        symbol: name.map(|name| (name, slot)),
    })
}
