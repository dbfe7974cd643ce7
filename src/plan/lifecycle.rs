//! Which of an object's exports the linker calls to bring it to life.

use super::model::Role;
use crate::abi;
use crate::object::{Brief, Object};

/// Exports by name; `None` where there is nothing to call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifecycle {
    /// Writes addresses into the object's data. Called for all objects of a load before any is constructed.
    pub relocate: Option<&'static str>,
    /// Runs the object's constructors, all of them.
    pub construct: Option<&'static str>,
}

/// Chooses by the names that an object exports. Both functions are of type `() -> ()` where the object is as it should be.
pub fn lifecycle(brief: &Brief, role: Role) -> Lifecycle {
    let first = |names: &[&'static str]| {
        let mut names = names.iter().copied();
        names.find(|name| brief.step(name).is_some())
    };
    if role.is_main() && brief.step(abi::START).is_some() {
        // `_start` runs the constructors itself.
        return Lifecycle {
            relocate: first(&[abi::APPLY_DATA_RELOCS]),
            construct: None,
        };
    }
    if !brief.legacy {
        return Lifecycle {
            relocate: first(&[abi::APPLY_DATA_RELOCS]),
            // `_initialize` calls `__wasm_call_ctors`, and traps when it is called twice.
            construct: first(&[abi::INITIALIZE, abi::CALL_CTORS]),
        };
    }
    Lifecycle {
        // `__post_instantiate`, and `__wasm_call_ctors` as the old linkers made it, write the same addresses once more.
        relocate: first(&[abi::APPLY_DATA_RELOCS, abi::APPLY_RELOCS]),
        construct: first(&[abi::POST_INSTANTIATE, abi::INITIALIZE, abi::CALL_CTORS]),
    }
}

/// Whether nobody would write the addresses into an object's data: a module with the legacy section that has data and exports
/// none of the functions that relocate.
pub fn lacks_relocations(object: &Object) -> bool {
    let Some(dylink) = &object.dylink else {
        return false;
    };
    dylink.legacy
        && dylink.memory_size > 0
        && lifecycle(&Brief::of(object), Role::Library) == Lifecycle::default()
}
