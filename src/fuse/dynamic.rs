//! What a module says of its objects, so that they are still known where it is loaded, and more can be loaded beside them.

use std::collections::{BTreeMap, HashMap, HashSet};

use wasm_encoder::{CustomSection, ExportKind};

use super::emit::{Parts as Emitted, Sections};
use super::exports::{self, Exported};
use super::image::Image;
use super::reach::{Live, Reach};
use super::rewrite::Numbers;
use super::targets::{Func, Global, Tag, Targets, fresh, lost};
use super::values::Values;
use super::{Options, World};
use crate::abi;
use crate::error::{Code, Error, Result};
use crate::object::{ExportItem, PartItem, PartOf, Parts, Space, ValType};
use crate::plan::FuncId;
use crate::text;

/// The symbols of each object that are found by their names.
pub(super) struct Dynamic {
    symbols: Vec<Vec<(String, Symbol)>>,
    /// What is not found by its name, for people.
    pub warnings: Vec<String>,
}

enum Symbol {
    Export(Exported),
    /// Counted from where the object's data begin.
    Data(u64),
}

impl Dynamic {
    /// What the objects define themselves. `relocated` are functions that nobody calls any more, by object.
    pub fn new(
        world: &World<'_>,
        targets: &Targets,
        values: &Values,
        options: &Options,
        relocated: &[Option<Func>],
    ) -> Result<Dynamic> {
        let mut names = HashSet::new();
        let mut symbols = Vec::with_capacity(world.request.fresh.len());
        let mut warnings = Vec::new();
        for (found, object) in world.request.fresh.iter().zip(0u32..) {
            if !names.insert(&*found.name) || found.name.contains('!') {
                let name = text::name(&found.name);
                let why = format!(
                    "two objects are called {name}, or its name has a `!`: --dynamic tells objects by their names"
                );
                return Err(Error::new(Code::Unsupported, why));
            }
            let mut own = Vec::new();
            for export in &found.object.exports {
                let name = export.name.text();
                let asked = options.exports.is_empty()
                    || abi::LIFECYCLE.contains(&name)
                    || options.exports.iter().any(|asked| asked == name);
                if !asked {
                    continue;
                }
                let symbol = symbol(world, targets, values, object, export.item)?;
                let done = relocated.get(object as usize).copied().flatten();
                match symbol {
                    Some(Symbol::Export(Exported::Func(func))) if Some(func) == done => {}
                    Some(symbol) => own.push((name.to_string(), symbol)),
                    None if is_symbol(export.item) => {
                        let (by, name) = (text::name(&found.name), text::name(name));
                        warnings.push(format!("{by} exports {name}, which it does not define itself: who looks for it in {by} does not find it"));
                    }
                    None => {}
                }
            }
            symbols.push(own);
        }
        Ok(Dynamic { symbols, warnings })
    }

    pub fn reach(&self, world: &World<'_>, reach: &mut Reach<'_>) {
        for (symbols, object) in self.symbols.iter().zip(0..) {
            reach.object(object);
            for (_, symbol) in symbols {
                if let Symbol::Export(what) = symbol {
                    what.reach(reach);
                }
            }
        }
        // What is loaded later uses the same stack.
        if world.plan.layout.landmarks.stack_pointer.is_some() {
            reach.live.globals.insert(Global::Stack);
        }
    }

    /// Exports what the symbols stand for, each once, and gives the section that names them.
    pub fn write(
        &self,
        parts: &Emitted<'_>,
        numbers: &Numbers<'_>,
        sections: &mut Sections,
    ) -> Result<CustomSection<'static>> {
        let world = parts.world;
        let table = abi::INDIRECT_FUNCTION_TABLE;
        sections.exports.export(table, ExportKind::Table, 0);
        let mut known: HashMap<(u8, u32), u32> = HashMap::new();
        let mut put = |sections: &mut Sections, kind: ExportKind, index: u32, name: String| {
            let at = sections.exports.len();
            *known.entry((kind as u8, index)).or_insert_with(|| {
                sections.exports.export(&name, kind, index);
                at
            })
        };
        let mut slots = canonical_slots(world, parts.image, parts.live)?;
        let mut objects = Vec::with_capacity(self.symbols.len());
        for ((found, symbols), object) in world.request.fresh.iter().zip(&self.symbols).zip(0..) {
            let mut exports = Vec::with_capacity(symbols.len());
            for (name, symbol) in symbols {
                let item = match symbol {
                    Symbol::Data(offset) => PartItem::Data(*offset),
                    Symbol::Export(what) => {
                        let (kind, index) = exports::number_of(what, parts, numbers)?;
                        let exported = format!("{}!{name}", found.name);
                        PartItem::Export(put(sections, kind, index, exported))
                    }
                };
                exports.push((name.clone(), item));
            }
            if object == 0 {
                for &tag in &parts.live.tags {
                    let Tag::Named(position) = tag else { continue };
                    let (name, ..) = parts
                        .objects
                        .targets
                        .tags
                        .get(position as usize)
                        .ok_or_else(|| lost("a tag"))?;
                    let index = numbers
                        .tags
                        .get(&tag)
                        .copied()
                        .ok_or_else(|| lost("a tag"))?;
                    if !exports.iter().any(|(known, _)| **known == **name) {
                        let exported = format!("{}!{name}", found.name);
                        let at = put(sections, ExportKind::Tag, index, exported);
                        exports.push((name.to_string(), PartItem::Export(at)));
                    }
                }
            }
            let dylink = found.object.dylink.as_ref();
            let place = world
                .plan
                .objects
                .get(object as usize)
                .ok_or_else(|| lost("a place"))?
                .place;
            let shared =
                |names: &[std::sync::Arc<str>]| names.iter().map(|name| name.to_string()).collect();
            objects.push(PartOf {
                name: found.name.to_string(),
                soname: found.soname().map(|soname| soname.to_string()),
                needed: dylink.map_or_else(Vec::new, |dylink| shared(&dylink.needed)),
                runtime_path: dylink.map_or_else(Vec::new, |dylink| shared(&dylink.runtime_path)),
                preloaded: object > 0
                    && world
                        .request
                        .roots
                        .iter()
                        .any(|&root| world.request.fresh_index(root) == Some(object as usize)),
                memory: (
                    place.memory_base,
                    place.memory_size,
                    dylink.map_or(0, |dylink| dylink.memory_p2align),
                ),
                table: (place.table_base, place.table_size),
                exports,
                slots: slots.remove(&object).unwrap_or_default(),
            });
        }
        let parts = Parts {
            objects,
            space: space(parts)?,
        };
        let data = postcard::to_allocvec(&parts)
            .map_err(|error| Error::new(Code::Internal, error.to_string()))?;
        Ok(CustomSection {
            name: abi::OBJECTS.into(),
            data: data.into(),
        })
    }
}

/// Whether others could use it, beside tags, which all objects of one name share.
fn is_symbol(item: &ExportItem) -> bool {
    !matches!(
        item,
        ExportItem::Memory { .. } | ExportItem::Table { .. } | ExportItem::Tag { .. }
    )
}

/// What a definition of an object is to others. `None`: it is another object's, or nothing that others could use.
fn symbol(
    world: &World<'_>,
    targets: &Targets,
    values: &Values,
    object: u32,
    item: &ExportItem,
) -> Result<Option<Symbol>> {
    let what = exports::exported(world, targets, values, object, item)?;
    Ok(match (what, item) {
        (Some(Exported::Func(func)), _) => {
            super::is_own(func, object).then_some(Symbol::Export(Exported::Func(func)))
        }
        (
            Some(Exported::Number(value, _)),
            item @ (ExportItem::Data(_) | ExportItem::Global { .. }),
        ) => {
            let planned = world.plan.objects.get(object as usize);
            let base = planned.ok_or_else(|| lost("a place"))?.place.memory_base;
            let address = item
                .global_type()
                .is_some_and(|ty| ty.content == ValType::I32 && !ty.mutable);
            address.then_some(Symbol::Data(value.wrapping_sub(base) & 0xffff_ffff))
        }
        (Some(Exported::Global(of, index)), _) => {
            let global = targets.global_at(of, index);
            let own = matches!(global, Global::Own { object: by, .. } if by == object);
            own.then_some(Symbol::Export(Exported::Global(of, index)))
        }
        (Some(Exported::Tag(tag)), _) => {
            let own = matches!(tag, Tag::Own { object: by, .. } if by == object);
            own.then_some(Symbol::Export(Exported::Tag(tag)))
        }
        _ => None,
    })
}

/// For each object, the slots of its functions: of each function the one that is its address everywhere.
fn canonical_slots(
    world: &World<'_>,
    image: &Image<'_>,
    live: &Live,
) -> Result<BTreeMap<u32, Vec<u64>>> {
    let mut of: HashMap<Func, u64> = HashMap::new();
    for (id, slot) in &world.plan.slots {
        if let FuncId::Object { object, index } = *id {
            of.insert(
                Func::Own {
                    object: fresh(world, object)?,
                    index,
                },
                *slot,
            );
        }
    }
    for (&slot, entry) in &image.table {
        if super::is_own(entry.func, entry.object) {
            of.entry(entry.func).or_insert(slot);
        }
    }
    let mut slots: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for (func, slot) in of {
        let there = image
            .table
            .get(&slot)
            .is_some_and(|entry| entry.func == func);
        if let Func::Own { object, .. } = func
            && there
            && live.funcs.contains(&func)
            && emitted(image, live, slot)
        {
            slots.entry(object).or_default().push(slot);
        }
    }
    slots.values_mut().for_each(|slots| slots.sort_unstable());
    Ok(slots)
}

/// Whether a slot is among those that are filled.
fn emitted(image: &Image<'_>, live: &Live, slot: u64) -> bool {
    image.table.get(&slot).is_some_and(|entry| {
        live.objects.contains(&entry.object) || live.slots.contains(&entry.func)
    })
}

/// What is in memory and table beside objects, and who calls what is imported.
fn space(parts: &Emitted<'_>) -> Result<Space> {
    let layout = &parts.world.plan.layout;
    let landmarks = &layout.landmarks;
    let range = |from: u64, to: u64| (from, to.saturating_sub(from));
    let mut space = Space {
        stack: landmarks
            .stack_low
            .zip(landmarks.stack_high)
            .map(|(low, high)| range(low, high)),
        heap: range(landmarks.heap_base, landmarks.heap_end),
        memory_free: layout.memory_free.iter().collect(),
        table_free: layout.table_free.iter().collect(),
        ..Space::default()
    };
    let hosts = &parts.objects.targets.hosts;
    let host = |position: u32| {
        hosts
            .get(position as usize)
            .ok_or_else(|| lost("an import"))
    };
    for func in &parts.live.funcs {
        if let Func::Host(position) = *func {
            space.callers.push(host(position)?.by.unwrap_or(0));
        }
    }
    for (&slot, entry) in &parts.image.table {
        if let Func::Host(position) = entry.func
            && emitted(parts.image, parts.live, slot)
        {
            let host = host(position)?;
            space
                .host_slots
                .push((host.module.to_string(), host.name.clone(), slot));
        }
    }
    Ok(space)
}
