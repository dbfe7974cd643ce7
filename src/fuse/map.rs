//! What lies where in a fused module.

use serde::Serialize;

use super::emit::Parts;
use super::rewrite::Numbers;
use super::targets::Func;
use crate::error::{Code, Error, Result};

/// The link map of a fused module.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Map {
    pub objects: Vec<Placed>,
    /// Functions that the host defines: module and name.
    pub imports: Vec<(String, String)>,
    pub exports: Vec<String>,
    /// Pages of memory and slots of the table at the start.
    pub memory_pages: u64,
    pub table_slots: u64,
}

/// An object's part.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Placed {
    pub name: String,
    /// Address and size of its data.
    pub memory: u64,
    pub memory_size: u64,
    /// First slot and number of its functions.
    pub table: u64,
    pub table_size: u64,
    /// Its functions: the number in the fused module, and in its own.
    pub functions: Vec<(u32, u32)>,
    /// How many functions it defines; those beyond `functions` were left out.
    pub defined: usize,
}

impl Map {
    /// The map as JSON, for programs.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let json = serde_json::to_vec_pretty(self);
        json.map_err(|error| Error::new(Code::Internal, error.to_string()))
    }

    pub(super) fn of(parts: &Parts<'_>, numbers: &Numbers<'_>) -> Map {
        let layout = &parts.world.plan.layout;
        let mut map = Map {
            memory_pages: layout.memory.after,
            table_slots: layout.table.after,
            exports: parts
                .exports
                .iter()
                .map(|export| export.name.clone())
                .collect(),
            ..Map::default()
        };
        for ((found, planned), module) in parts
            .world
            .request
            .fresh
            .iter()
            .zip(&parts.world.plan.objects)
            .zip(parts.objects.modules)
        {
            map.objects.push(Placed {
                name: found.name.to_string(),
                memory: planned.place.memory_base,
                memory_size: planned.place.memory_size,
                table: planned.place.table_base,
                table_size: planned.place.table_size,
                functions: Vec::new(),
                defined: module.bodies.len(),
            });
        }
        for &func in &parts.live.funcs {
            match func {
                Func::Host(position) => {
                    let host = parts.objects.targets.hosts.get(position as usize);
                    map.imports
                        .extend(host.map(|host| (host.module.to_string(), host.name.clone())));
                }
                Func::Own { object, index } => {
                    let number = numbers.funcs.get(&func).copied();
                    if let (Some(placed), Some(number)) =
                        (map.objects.get_mut(object as usize), number)
                    {
                        placed.functions.push((number, index));
                    }
                }
                Func::Absent(_) | Func::Nothing => {}
            }
        }
        map
    }
}
