//! Engines have their own order of a module's imports and exports; here it meets the module's.

use std::ptr::NonNull;

use crate::hash_map::HashMap;

use crate::abi;
use crate::engine::sys::wasm_extern_t;
use crate::engine::{ExternKind, ExternPtr, Module, shim};
use crate::error::{Code, Error, Result};
use crate::object::{ExternType, Metadata, Metering};

pub fn lost(what: &str) -> Error {
    Error::new(
        Code::Internal,
        format!("{what} got lost between plan and execution"),
    )
}

pub fn raw(pointer: ExternPtr<'_>) -> Result<NonNull<wasm_extern_t>> {
    NonNull::new(pointer.raw()).ok_or_else(|| lost("an extern"))
}

fn kind_of(ty: &ExternType) -> ExternKind {
    match ty {
        ExternType::Func(_) => ExternKind::Func,
        ExternType::Global(_) => ExternKind::Global,
        ExternType::Table(_) => ExternKind::Table,
        ExternType::Memory(_) => ExternKind::Memory,
        ExternType::Tag(_) => ExternKind::Tag,
    }
}

type Key<'a> = (&'a [u8], &'a [u8], ExternKind);

/// All imports of the module, those of its checks among them.
fn declared(object: &Metadata) -> impl Iterator<Item = Key<'_>> {
    let own = object.imports.iter().map(|import| {
        let (module, name) = (import.module.as_bytes(), import.name.text().as_bytes());
        (module, name, kind_of(import.ty))
    });
    let kinds = match object.metered {
        Metering::Flag { .. } => [ExternKind::Memory, ExternKind::Func],
        _ => [ExternKind::Global, ExternKind::Func],
    };
    let checks = object.metered.imports().into_iter().flatten().zip(kinds);
    let checks = checks.map(|(name, kind)| (abi::CONTROL.as_bytes(), name.as_bytes(), kind));
    own.chain(checks)
}

/// Import vectors are in the engine's order of imports, which is not always the module's (Q1).
pub fn in_engine_order<T: Copy>(
    module: &Module,
    object: &Metadata,
    in_module_order: Vec<T>,
) -> Result<Vec<T>> {
    if shim::of(module.api()).import_order_is_declared() {
        return Ok(in_module_order);
    }
    let imports = module.imports();
    let ours: Vec<Key<'_>> = declared(object).collect();
    let same = imports.len() == ours.len()
        && imports
            .iter()
            .zip(&ours)
            .all(|(theirs, ours)| (theirs.module, theirs.name) == (ours.0, ours.1));
    if same {
        return Ok(in_module_order);
    }
    let mut by_name: HashMap<Key<'_>, Vec<T>> = HashMap::new();
    for (key, value) in ours.iter().zip(&in_module_order).rev() {
        by_name.entry(*key).or_default().push(*value);
    }
    imports
        .iter()
        .map(|i| {
            by_name
                .get_mut(&(i.module, i.name, i.kind))
                .and_then(Vec::pop)
        })
        .collect::<Option<Vec<T>>>()
        .ok_or_else(|| lost("an import"))
}

pub fn export_order(module: &Module, object: &Metadata) -> Result<Option<Vec<u32>>> {
    if shim::of(module.api()).import_order_is_declared() {
        return Ok(None);
    }
    let exports = module.exports();
    let mut theirs = exports.iter().map(|e| e.name);
    if exports.len() == object.exports.len()
        && object
            .exports
            .iter()
            .all(|e| theirs.next() == Some(e.name.as_bytes()))
    {
        return Ok(None);
    }
    let position: HashMap<&[u8], u32> = exports.iter().zip(0..).map(|(e, n)| (e.name, n)).collect();
    let order = object
        .exports
        .iter()
        .map(|e| position.get(e.name.as_bytes()).copied());
    order
        .collect::<Option<Vec<u32>>>()
        .map(Some)
        .ok_or_else(|| lost("an export"))
}

/// Where in an engine's vector the exports of these names are. An empty name is none, and has a place beyond all.
pub fn named_exports(module: &Module, names: &[String]) -> Result<Vec<u32>> {
    let exports = module.exports();
    let position: HashMap<&[u8], u32> = exports.iter().zip(0..).map(|(e, n)| (e.name, n)).collect();
    let places = names.iter().map(|name| match name.is_empty() {
        true => Some(u32::MAX),
        false => position.get(name.as_bytes()).copied(),
    });
    let places: Option<Vec<u32>> = places.collect();
    places.ok_or_else(|| lost("an export"))
}
