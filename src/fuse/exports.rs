//! What the module exports.

use std::collections::{BTreeMap, BTreeSet};

use wasm_encoder::{ConstExpr, ExportKind, GlobalType, ValType};

use super::emit::{Parts, Sections};
use super::reach::Reach;
use super::rewrite::{self, Numbers};
use super::targets::{Func, Global, Number, Tag, Targets, fresh, lost, number};
use super::values::Values;
use super::{Options, World};
use crate::abi;
use crate::error::{Code, Error, Result};
use crate::object::{ExportItem, Name};
use crate::plan::Kind;
use crate::text;

/// A symbol that the fused module exports.
pub(super) struct Export {
    pub name: String,
    what: Exported,
}

pub(super) enum Exported {
    Func(Func),
    /// An address, and the object in whose memory it is.
    Number(u64, u32),
    Global(u32, u32),
    Tag(Tag),
}

impl Export {
    pub fn reach(&self, reach: &mut Reach<'_>) {
        self.what.reach(reach);
    }
}

impl Exported {
    pub fn reach(&self, reach: &mut Reach<'_>) {
        match *self {
            Exported::Func(func) => reach.func(func),
            Exported::Number(_, object) => reach.object(object),
            Exported::Global(object, index) => reach.global(object, index),
            Exported::Tag(tag) => {
                reach.live.tags.insert(tag);
            }
        }
    }
}

/// What the module exports of its objects' symbols.
pub(super) fn exports(
    world: &World<'_>,
    targets: &Targets,
    values: &Values,
    options: &Options,
) -> Result<Vec<Export>> {
    let mut names: BTreeSet<&str> = options.exports.iter().map(String::as_str).collect();
    if options.library {
        let root = world
            .request
            .roots
            .first()
            .and_then(|&root| world.request.found(root));
        let root = root.ok_or_else(|| lost("the library"))?;
        let symbols = root.object.exports.iter().map(|export| export.name.text());
        names.extend(symbols.filter(|name| !abi::LIFECYCLE.contains(name) && *name != abi::MEMORY));
    }
    // It is exported anyway.
    names.remove(abi::MEMORY);
    let mut exports = Vec::new();
    for name in names {
        let (object, item) = definition(world, name, "exported")?;
        let Some(what) = exported(world, targets, values, object, item)? else {
            if !options.exports.iter().any(|asked| asked == name) {
                continue;
            }
            return Err(no_symbol(name));
        };
        exports.push(Export {
            name: name.to_string(),
            what,
        });
    }
    Ok(exports)
}

/// What is kept whether anything reaches it or not.
pub(super) fn kept(
    world: &World<'_>,
    targets: &Targets,
    values: &Values,
    options: &Options,
) -> Result<Vec<Exported>> {
    let mut kept = Vec::with_capacity(options.keep.len());
    for name in &options.keep {
        let (object, item) = definition(world, name, "kept")?;
        let what = exported(world, targets, values, object, item)?;
        kept.push(what.ok_or_else(|| no_symbol(name))?);
    }
    Ok(kept)
}

/// The definition of a symbol: the first in scope order. `purpose` says for errors what is to become of it.
fn definition<'a>(world: &World<'a>, name: &str, purpose: &str) -> Result<(u32, &'a ExportItem)> {
    let found = world.request.group.iter().find_map(|&id| {
        let object = &world.request.found(id)?.object;
        let position = Kind::Symbol
            .export_of(object, Name::new(name))
            .or_else(|| object.position(name))?;
        Some((id, object.exports.get(position as usize)?.item))
    });
    let (id, item) = found.ok_or_else(|| {
        let name = text::name(name);
        let why = format!("no object defines {name}, which is to be {purpose}");
        Error::new(Code::NotFound, why)
    })?;
    Ok((fresh(world, id)?, item))
}

/// What a definition is in one module. `None`: a table or a memory, which is no symbol there.
pub(super) fn exported(
    world: &World<'_>,
    targets: &Targets,
    values: &Values,
    object: u32,
    item: &ExportItem,
) -> Result<Option<Exported>> {
    Ok(Some(match item {
        ExportItem::Func { index, .. } => Exported::Func(targets.func_of(object, *index)),
        ExportItem::Data(datum) => {
            let planned = world.plan.objects.get(object as usize);
            let place = planned.ok_or_else(|| lost("a place"))?.place;
            Exported::Number(place.address(datum.value()), object)
        }
        ExportItem::Global { index, .. } => match values.global(object, *index) {
            Some(value) => Exported::Number(value, object),
            None => Exported::Global(object, *index),
        },
        ExportItem::Tag { index, .. } => Exported::Tag(targets.tag_at(object, *index)),
        ExportItem::Table { .. } | ExportItem::Memory { .. } => return Ok(None),
    }))
}

fn no_symbol(name: &str) -> Error {
    let name = text::name(name);
    let why = format!(
        "{name} is a table or a memory: one module exports functions, data, globals and tags"
    );
    Error::new(Code::Unsupported, why)
}

/// What a function, a global or a tag is called in the module.
pub(super) fn number_of(
    what: &Exported,
    parts: &Parts<'_>,
    numbers: &Numbers<'_>,
) -> Result<(ExportKind, u32)> {
    let (kind, index) = match what {
        Exported::Func(func) => (ExportKind::Func, numbers.funcs.get(func)),
        Exported::Number(..) => (ExportKind::Global, None),
        Exported::Global(object, index) => {
            let global = parts.objects.targets.global_at(*object, *index);
            (ExportKind::Global, numbers.globals.get(&global))
        }
        Exported::Tag(tag) => (ExportKind::Tag, numbers.tags.get(tag)),
    };
    let index = index.copied().ok_or_else(|| lost("an export"))?;
    Ok((kind, index))
}

/// Exports the memory, the entry and the symbols.
pub(super) fn write(
    parts: &Parts<'_>,
    numbers: &Numbers<'_>,
    sections: &mut Sections,
    entry: Option<(u32, &str)>,
    hosted: bool,
) -> Result<()> {
    sections.exports.export(abi::MEMORY, ExportKind::Memory, 0);
    if let Some((number, name)) = entry {
        sections.exports.export(name, ExportKind::Func, number);
    }
    let mut taken = vec![abi::START, abi::INITIALIZE, abi::MEMORY];
    let stack = numbers.globals.get(&Global::Stack);
    if let Some(&stack) = stack.filter(|_| hosted) {
        sections
            .exports
            .export(abi::STACK_POINTER, ExportKind::Global, stack);
        taken.push(abi::STACK_POINTER);
    }
    let mut addresses: BTreeMap<u64, u32> = BTreeMap::new();
    let mut next = number(numbers.globals.len().saturating_add(numbers.cells.len()))?;
    for export in parts.exports {
        if taken.contains(&export.name.as_str()) {
            continue;
        }
        let (kind, index) = match &export.what {
            Exported::Number(value, _) => {
                let index = *addresses.entry(*value).or_insert_with(|| {
                    let ty = GlobalType {
                        val_type: ValType::I32,
                        mutable: false,
                        shared: false,
                    };
                    let value = rewrite::number(*value, Number::I32);
                    sections.globals.global(ty, &ConstExpr::extended([value]));
                    next += 1;
                    next - 1
                });
                (ExportKind::Global, index)
            }
            other => number_of(other, parts, numbers)?,
        };
        sections.exports.export(&export.name, kind, index);
    }
    Ok(())
}
