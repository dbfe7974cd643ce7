//! Names of functions, for people: `libc.so!malloc`.

use std::collections::BTreeMap;

use wasm_encoder::{NameMap, NameSection};

use super::World;
use super::objects::Objects;
use super::rewrite::Numbers;
use super::targets::Func;
use crate::object::ExportItem;
use crate::text;

/// The names of all functions, by their numbers in the fused module.
pub(super) fn section(
    world: &World<'_>,
    objects: Objects<'_>,
    numbers: &Numbers<'_>,
    entry: Option<(u32, &str)>,
) -> NameSection {
    let mut all: BTreeMap<u32, String> = BTreeMap::new();
    for ((module, found), object) in objects.modules.iter().zip(world.request.fresh).zip(0..) {
        let owner = found.name.replace('!', "_");
        let exports = found.object.exports.iter();
        let exported = exports.filter_map(|export| match export.item {
            ExportItem::Func { index, .. } => Some((*index, export.name.text())),
            _ => None,
        });
        // A module may give a function any number of names: the first is it.
        for (index, name) in module.names.iter().copied().chain(exported) {
            let func = objects.targets.func_of(object, index);
            if super::is_own(func, object)
                && let Some(&number) = numbers.funcs.get(&func)
            {
                all.entry(number)
                    .or_insert_with(|| format!("{owner}!{name}"));
            }
        }
    }
    for (&func, &number) in &numbers.funcs {
        let name = match func {
            Func::Host(position) => {
                let host = objects.targets.hosts.get(position as usize);
                host.map(|host| format!("{}.{}", host.module, host.name))
            }
            Func::Absent(position) => {
                let absent = objects.targets.absent.get(position as usize);
                absent.map(|absent| format!("undefined!{}", absent.name))
            }
            Func::Own { object, index } => {
                let found = world.request.fresh.get(object as usize);
                let owner = found.map_or("?", |found| &*found.name).replace('!', "_");
                all.entry(number)
                    .or_insert_with(|| format!("{owner}!function {index}"));
                None
            }
            Func::Nothing => None,
        };
        all.extend(name.map(|name| (number, name)));
    }
    if let Some((number, name)) = entry {
        all.entry(number).or_insert_with(|| name.to_string());
    }
    let mut map = NameMap::new();
    for (number, name) in &all {
        map.append(*number, name);
    }
    let mut section = NameSection::new();
    if let Some(found) = world.request.fresh.first() {
        section.module(&text::name(&found.name));
    }
    section.functions(&map);
    section
}
