//! Numbers for everything that is used, and what is imported of it.

use std::collections::HashMap;

use wasm_encoder::{EntityType, GlobalType, TagKind, TagType};

use super::emit::{Parts, Sections};
use super::rewrite::Numbers;
use super::targets::{Func, Global, HostKind, Table, Tag, fresh, lost, number};
use super::types::Types;
use crate::error::Result;
use crate::link::val_type;

/// Gives everything that is used its number, and makes the imports.
pub(super) fn numbers<'a>(
    parts: &Parts<'a>,
    types: &'a Types,
    host_types: &[u32],
    globals: &[Global],
    sections: &mut Sections,
) -> Result<Numbers<'a>> {
    let live = parts.live;
    let mut numbers = Numbers {
        targets: parts.objects.targets,
        types,
        funcs: HashMap::new(),
        globals: HashMap::new(),
        cells: HashMap::new(),
        tables: HashMap::new(),
        tags: HashMap::new(),
        elements: HashMap::new(),
        data: HashMap::new(),
    };
    let host = |position: u32| {
        let host = parts.objects.targets.hosts.get(position as usize);
        let host = host.zip(host_types.get(position as usize).copied());
        host.ok_or_else(|| lost("an import"))
    };
    // `BTreeSet`s have what is imported first: the host's functions are the first of `Func`, and so on.
    for &func in &live.funcs {
        if let Func::Host(position) = func {
            let (host, ty) = host(position)?;
            let ty = EntityType::Function(ty);
            sections.imports.import(&host.module, &host.name, ty);
        }
        let next = number(numbers.funcs.len())?;
        numbers.funcs.insert(func, next);
    }
    for &global in globals {
        if let Global::Host(position) = global {
            let (host, _) = host(position)?;
            let HostKind::Global(ty) = host.kind else {
                continue;
            };
            let val_type = val_type(ty.content)?;
            let ty = GlobalType {
                val_type,
                mutable: ty.mutable,
                shared: false,
            };
            sections
                .imports
                .import(&host.module, &host.name, EntityType::Global(ty));
        }
    }
    for (&global, n) in globals.iter().zip(0..) {
        numbers.globals.insert(global, n);
    }
    for &cell in &live.cells {
        let next = number(numbers.globals.len().saturating_add(numbers.cells.len()))?;
        numbers.cells.insert(cell, next);
    }
    numbers.tables.insert(Table::Shared, 0);
    for &table in &live.tables {
        let next = number(numbers.tables.len())?;
        numbers.tables.entry(table).or_insert(next);
    }
    let is_host = |tag: &&Tag| matches!(tag, Tag::Host(_));
    for &tag in live.tags.iter().filter(is_host) {
        let Tag::Host(position) = tag else { continue };
        let (host, func_type_idx) = host(position)?;
        let ty = TagType {
            kind: TagKind::Exception,
            func_type_idx,
        };
        sections
            .imports
            .import(&host.module, &host.name, EntityType::Tag(ty));
    }
    for &tag in live
        .tags
        .iter()
        .filter(is_host)
        .chain(live.tags.iter().filter(|tag| !is_host(tag)))
    {
        let next = number(numbers.tags.len())?;
        numbers.tags.insert(tag, next);
        let (object, ty) = match tag {
            Tag::Host(_) => continue,
            Tag::Named(position) => {
                let named = parts.objects.targets.tags.get(position as usize);
                let (_, object, ty) = named.ok_or_else(|| lost("a tag"))?;
                (*object, *ty)
            }
            Tag::Own { object, index } => (object, parts.objects.tag_type(object, index)?),
        };
        sections.tags.tag(TagType {
            kind: TagKind::Exception,
            func_type_idx: types.of(object, ty)?,
        });
    }
    for &segment in &live.data {
        let next = number(numbers.data.len())?;
        numbers.data.insert(segment, next);
    }
    for &segment in &live.elements {
        let next = number(numbers.elements.len())?;
        numbers.elements.insert(segment, next);
    }
    Ok(numbers)
}

/// The globals: what is imported, then the stack pointer, then those of the objects, so that each comes after those that it begins with.
pub(super) fn ordered(parts: &Parts<'_>) -> Result<Vec<Global>> {
    let mut rank = HashMap::new();
    for (&id, n) in parts.world.plan.order.iter().zip(0usize..) {
        rank.insert(fresh(parts.world, id)?, n);
    }
    let mut all: Vec<Global> = parts.live.globals.iter().copied().collect();
    all.sort_by_key(|global| match *global {
        Global::Host(n) => (0, 0, n),
        Global::Stack | Global::Number { .. } => (1, 0, 0),
        Global::Own { object, index } => (2, rank.get(&object).copied().unwrap_or(0), index),
    });
    Ok(all)
}
