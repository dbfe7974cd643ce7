//! From an exported table or memory to the one that it is, behind imports that are exported again.
//!
//! What an object's segments fill is checked by binding, so each import of the namespace's own table or memory has to be bound
//! to that, under whatever name and from whatever object it comes.

use super::Request;
use super::resolve::{Binding, linker_provided};
use super::scope::{Definition, Kind, Lookup};
use crate::abi;
use crate::object::{ExportItem, ExternType, Import, Object};

/// More re-exports than this on the way are taken for a loop.
const MAX_ALIASES: usize = 64;

/// What to bind to where the first definition is `definition`. `None`: it leads back to itself.
pub fn original<'a>(
    request: &Request<'a>,
    lookup: Lookup<'a>,
    mut definition: Definition,
) -> Option<Binding> {
    for _ in 0..MAX_ALIASES {
        let found = request.found(definition.object)?;
        let Some(position) = import_behind(&found.object, definition.export) else {
            return Some(Binding::Export(definition));
        };
        if let Some(node) = request.model.nodes.get(&definition.object) {
            return node.bindings.get(position as usize).cloned();
        }
        let import = found.object.imports.get(position as usize)?;
        match step(request, lookup, &import) {
            Step::There(binding) => return Some(binding),
            Step::Export(next) => definition = next,
            // That import is undefined, which is reported where it stands.
            Step::Nowhere => return Some(Binding::Export(definition)),
        }
    }
    None
}

/// The import that an export is.
fn import_behind(object: &Object, export: u32) -> Option<u32> {
    match object.exports.get(export as usize)?.item {
        ExportItem::Table { index, .. } => object.table_imports.get(*index as usize).copied(),
        ExportItem::Memory { index, .. } => object.memory_imports.get(*index as usize).copied(),
        _ => None,
    }
}

enum Step {
    There(Binding),
    Export(Definition),
    Nowhere,
}

/// As [`super::resolve`] binds an import, up to the first definition.
fn step<'a>(request: &Request<'a>, lookup: Lookup<'a>, import: &Import<'a>) -> Step {
    let host = request.model.host.get(import.module, import.name);
    let same = |ty: &ExternType| Kind::of_import(ty) == Kind::of_import(import.ty);
    let host = host.filter(|(_, def)| same(&def.ty));
    if import.module.as_ref() != abi::ENV {
        return host.map_or(Step::Nowhere, |(id, _)| Step::There(Binding::Host(id)));
    }
    if let Some(binding) = linker_provided(&import.name, import.ty) {
        return Step::There(binding);
    }
    if let Some((id, _)) = host.filter(|(_, def)| def.overrides(Some(import.ty))) {
        return Step::There(Binding::Host(id));
    }
    match (lookup.first(import.name, Kind::of_import(import.ty)), host) {
        (Some(first), _) => Step::Export(first.definition),
        (None, Some((id, _))) => Step::There(Binding::Host(id)),
        (None, None) => Step::Nowhere,
    }
}
