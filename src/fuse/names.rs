//! Names of functions, for people: `libc.so!malloc`.

use wasm_encoder::{NameMap, NameSection};

use super::World;
use super::module::Module;
use super::rewrite::Numbers;
use super::targets::{Func, Targets};
use crate::text;

/// The names of all functions, by their numbers in the fused module.
pub(super) fn section(
    world: &World<'_>,
    modules: &[Module<'_>],
    targets: &Targets,
    numbers: &Numbers<'_>,
    entry: Option<(u32, &str)>,
) -> NameSection {
    let mut all: Vec<(u32, String)> = Vec::with_capacity(numbers.funcs.len());
    for ((module, found), object) in modules.iter().zip(world.request.fresh).zip(0..) {
        for &(index, name) in &module.names {
            let func = targets.func_of(object, index);
            if super::is_own(func, object)
                && let Some(&number) = numbers.funcs.get(&func)
            {
                all.push((number, format!("{}!{name}", found.name)));
            }
        }
    }
    for (&func, &number) in &numbers.funcs {
        match func {
            Func::Host(position) => {
                let host = targets.hosts.get(position as usize);
                all.extend(host.map(|host| (number, format!("{}.{}", host.module, host.name))));
            }
            Func::Absent(position) => {
                let absent = targets.absent.get(position as usize);
                all.extend(absent.map(|absent| (number, format!("undefined!{}", absent.name))));
            }
            Func::Own { .. } | Func::Nothing => {}
        }
    }
    all.extend(entry.map(|(number, name)| (number, name.to_string())));
    all.sort();
    all.dedup_by_key(|(number, _)| *number);
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
