//! From a name to the function behind it, through imports that are exported again.

use std::sync::Arc;

use super::Request;
use super::callee::Callee;
use super::scope::{Defined, Definition, Kind, Lookup};
use crate::abi;
use crate::object::{ExportItem, FuncType, Import, Name};

/// More re-exports than this on the way to one function are taken for a loop.
const MAX_ALIASES: usize = 64;

/// What a name stands for where a function is wanted.
pub enum Target<'a> {
    Func(Callee, &'a Arc<FuncType>),
    /// The first definition is no function.
    Other(Definition),
    None,
}

enum Step<'a> {
    Func(Callee, &'a Arc<FuncType>),
    /// An alias: the import that is exported again.
    Import(Import<'a>),
    Other,
    None,
}

/// The first function of a name, behind all re-exports. An alias that leads nowhere, or back to itself, is no definition. `first` is the first
/// definition of the name.
pub fn function<'a>(
    request: &Request<'a>,
    lookup: Lookup<'a>,
    name: Name<'a>,
    first: Option<Defined<'a>>,
) -> Target<'a> {
    let Some(first) = first else {
        return Target::None;
    };
    // Nearly always that is it.
    if let Some((callee, sig)) = own(&first) {
        return Target::Func(callee, sig);
    }
    let mut passed: Vec<Definition> = Vec::new();
    // One entry for each name on the way: its definitions still to be tried, and the host's.
    let mut open = vec![(lookup.all(name, Kind::Symbol), None)];
    while let Some((definitions, host)) = open.last_mut() {
        let Some(definition) = definitions.next() else {
            if let Some((callee, sig)) = host.take() {
                return Target::Func(callee, sig);
            }
            open.pop();
            continue;
        };
        match step(request, definition) {
            Step::Func(callee, sig) => return Target::Func(callee, sig),
            Step::Other => return Target::Other(definition),
            Step::None => {}
            Step::Import(_) if passed.contains(&definition) => {}
            Step::Import(_) if passed.len() == MAX_ALIASES => return Target::None,
            Step::Import(import) => {
                passed.push(definition);
                let (host, only) = host_function(request, &import);
                match (only, host) {
                    (true, Some((callee, sig))) => return Target::Func(callee, sig),
                    (true, None) => {}
                    (false, host) => open.push((lookup.all(import.name, Kind::Symbol), host)),
                }
            }
        }
    }
    Target::None
}

/// The function of a definition that is no import exported again.
#[inline]
pub(super) fn own<'a>(defined: &Defined<'a>) -> Option<(Callee, &'a Arc<FuncType>)> {
    let ExportItem::Func { index, sig } = defined.item else {
        return None;
    };
    if *index < defined.object.imported_funcs {
        return None;
    }
    Some((Callee::exported(defined.definition, *index), sig))
}

fn step<'a>(request: &Request<'a>, definition: Definition) -> Step<'a> {
    let export = request
        .found(definition.object)
        .and_then(|found| found.object.exports.get(definition.export as usize));
    let (Some(found), Some(export)) = (request.found(definition.object), export) else {
        return Step::None;
    };
    let ExportItem::Func { index, sig } = export.item else {
        return Step::Other;
    };
    if request.fresh_index(definition.object).is_none() {
        // What it is bound to was decided when it was loaded.
        return match request.model.callee(definition) {
            Some((callee, sig)) => Step::Func(callee, sig),
            None => Step::None,
        };
    }
    let import = found.object.import_of_func(*index);
    match import.and_then(|position| found.object.imports.get(position as usize)) {
        Some(import) => Step::Import(import),
        None => Step::Func(Callee::exported(definition, *index), sig),
    }
}

/// The host's function for an import, and whether no object's function can come before it.
fn host_function<'a>(
    request: &Request<'a>,
    import: &Import<'_>,
) -> (Option<(Callee, &'a Arc<FuncType>)>, bool) {
    let model = request.model;
    let host = model.host.get(import.module, import.name);
    let only = import.module.as_ref() != abi::ENV
        || host.is_some_and(|(_, def)| def.overrides(Some(import.ty)));
    let callee = model.host_callee(import.module, import.name);
    (callee.map(|(callee, sig, _)| (callee, sig)), only)
}
