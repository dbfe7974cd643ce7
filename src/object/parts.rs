//! What `wasmdyld link --dynamic` writes down of the objects that became one module ([`abi::OBJECTS`]): read, and compared with the module.
//!
//! The section is [postcard](https://postcard.jamesmunns.com/wire-format) of [`Parts`]. Nothing of it is trusted: each number is one of the
//! module's own, and no range overlaps another.

use crate::hash_map::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::section::{self, Sections};
use super::{
    Base, ConstValue, Datum, Dylink, ExportItem, Exports, GlobalType, Object, ParseLimits, ValType,
    fault,
};
use crate::abi;
use crate::error::{Code, Error, Result};

/// The objects of one module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// The program first, the others in the order in which they were found.
    pub objects: Vec<Part>,
    pub space: Space,
}

/// What lies in memory and table beside objects. All ranges are a start and a length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// Without one the program has its stack among its own data.
    pub stack: Option<(u64, u64)>,
    pub heap: (u64, u64),
    pub memory_free: Vec<(u64, u64)>,
    pub table_free: Vec<(u64, u64)>,
    /// For each imported function, the object that calls it, by its number among [`Parts::objects`].
    pub callers: Vec<u32>,
    /// Functions of the host's that have a slot: module, name, slot.
    pub host_slots: Vec<(String, String, u64)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub name: String,
    pub soname: Option<String>,
    pub needed: Vec<String>,
    pub runtime_path: Vec<String>,
    /// It was preloaded.
    pub preloaded: bool,
    /// Address and size of its data, and their alignment as a power of two.
    pub memory: (u64, u64, u32),
    /// First slot and number of slots.
    pub table: (u64, u64),
    pub exports: Vec<(String, Item)>,
    /// Slots that hold functions of this object.
    pub slots: Vec<u64>,
}

/// What a symbol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Item {
    /// A function, a global or a tag: the position of the module's export.
    Export(u32),
    /// An address, counted from where the object's data begin.
    Data(u64),
}

/// Larger sections are refused before they are read: what is read takes up to 24 times as much.
const MAX_SIZE: usize = 2 << 20;

/// The names of the exports that all symbols lead to have no more bytes than this: one with a long name may be many symbols.
const MAX_NAMES: usize = 16 << 20;

/// An object of several in one module, to be linked.
#[derive(Clone, Debug)]
pub struct Split {
    pub name: String,
    pub object: Object,
    /// The module's export behind each of the object's own; empty for an address.
    pub exports: Vec<String>,
    /// Its functions that have a slot, by their index in the module.
    pub slots: Vec<(u32, u64)>,
    /// Slots that the module fills: ranges, for the program.
    pub filled: Vec<(u64, u64)>,
    pub preloaded: bool,
    pub memory: (u64, u64),
    pub table: (u64, u64),
}

fn wrong(what: &str) -> Error {
    Error::new(
        Code::Malformed,
        format!("malformed module: its section {} {what}", abi::OBJECTS),
    )
}

impl Parts {
    /// What a module says of its objects, if it does. `object` is the result of parsing the same bytes.
    ///
    /// # Errors
    /// `Malformed`, where it is not true of the module. `Limit`, where it is too large.
    pub fn of(bytes: &[u8], object: &Object, limits: &ParseLimits) -> Result<Option<Parts>> {
        let mut found = None;
        for section in Sections::new(bytes) {
            let section = section?;
            if section.id != section::CUSTOM {
                continue;
            }
            let mut reader = section.reader();
            if reader.read_string().map_err(fault::reader)? == abi::OBJECTS {
                let left = reader.bytes_remaining();
                found = Some(reader.read_bytes(left).map_err(fault::reader)?);
            }
        }
        let Some(bytes) = found else { return Ok(None) };
        if object.dylink.is_some() {
            return Err(wrong("is in a module that has no fixed addresses"));
        }
        if bytes.len() > MAX_SIZE {
            let why = format!(
                "the section {} has {} bytes, the limit is {MAX_SIZE}",
                abi::OBJECTS,
                bytes.len()
            );
            return Err(Error::new(Code::Limit, why));
        }
        let parts: Parts =
            postcard::from_bytes(bytes).map_err(|_| wrong("is not what this version writes"))?;
        parts.check(object, limits)?;
        Ok(Some(parts))
    }

    fn check(&self, object: &Object, limits: &ParseLimits) -> Result<()> {
        let count = self.objects.len();
        if count == 0 || count > limits.needed as usize {
            return Err(wrong("has no objects, or too many"));
        }
        let total = |count: fn(&Part) -> usize| self.objects.iter().map(count).sum::<usize>();
        let entries = total(|part| part.needed.len().saturating_add(part.runtime_path.len()));
        let exports = total(|part| part.exports.len());
        if entries > limits.needed as usize || exports > limits.exports as usize {
            return Err(wrong("has too many symbols, or needs too many libraries"));
        }
        let mut names = HashSet::new();
        for part in &self.objects {
            let usable = !part.name.is_empty()
                && part.name.len() <= limits.name as usize
                && !part.name.contains(['/', '\0']);
            if !usable || !names.insert(&part.name) {
                return Err(wrong("has an object without a name of its own"));
            }
        }
        let callers = &self.space.callers;
        if callers.len() != object.func_imports.len()
            || callers.iter().any(|&caller| caller as usize >= count)
        {
            return Err(wrong("does not say who calls each imported function"));
        }
        self.check_spaces(object)
    }

    /// What lies in memory and table lies within the module's own, and apart.
    fn check_spaces(&self, object: &Object) -> Result<()> {
        let memory = object.memory.map_or(0, |memory| memory.limits.min);
        let memory = memory.saturating_mul(abi::PAGE);
        let table = object.table.as_ref().filter(|(index, _)| *index == 0);
        let table = table.map_or(0, |(_, table)| table.limits.min);
        let apart = |mut ranges: Vec<(u64, u64)>, end: u64| {
            let inside = ranges.iter().all(|(start, _)| *start <= end);
            ranges.retain(|(_, len)| *len > 0);
            ranges.sort_unstable();
            let mut cursor = 0;
            let apart = ranges.iter().all(|&(start, len)| {
                let apart = start >= cursor;
                cursor = start.saturating_add(len);
                apart && cursor <= end
            });
            inside && apart
        };
        let space = &self.space;
        let mut used: Vec<(u64, u64)> = space.memory_free.clone();
        used.extend(space.stack);
        used.push(space.heap);
        // A program at fixed addresses has all from the beginning on.
        let (first, rest) = self
            .objects
            .split_first()
            .ok_or_else(|| wrong("has no objects"))?;
        used.push((first.memory.0, first.memory.1));
        for part in rest {
            used.push((part.memory.0, part.memory.1));
            let align = 1u64.checked_shl(part.memory.2).unwrap_or(0);
            if part.memory.2 > abi::MAX_P2ALIGN || part.memory.0.checked_rem(align) != Some(0) {
                return Err(wrong("has data at an address that is not aligned"));
            }
        }
        let guarded = rest
            .iter()
            .all(|part| part.memory.1 == 0 || part.memory.0 >= abi::NULL_GUARD);
        if !guarded || !apart(used, memory) {
            return Err(wrong(
                "has objects that overlap, or lie outside of the memory",
            ));
        }
        let slots = self.objects.iter().map(|part| part.table);
        let slots = slots.chain(space.table_free.iter().copied()).collect();
        if !apart(slots, table) {
            return Err(wrong(
                "has objects that overlap, or lie outside of the table",
            ));
        }
        let mut slots: HashSet<u64> = HashSet::new();
        let own = self
            .objects
            .iter()
            .flat_map(|part| part.slots.iter().copied());
        let hosts = space.host_slots.iter().map(|(_, _, slot)| *slot);
        if !own
            .chain(hosts)
            .all(|slot| slot < table && slots.insert(slot))
        {
            return Err(wrong("has a slot of two functions, or beyond the table"));
        }
        let fixed = |base: Option<Base>| base == Some(Base::None);
        let data = object.data.iter();
        let mut data = data.filter(|filled| !fixed(filled.base) || filled.end > memory);
        let mut segments = object.segments.iter().filter(|segment| {
            let end = segment
                .offset
                .offset
                .checked_add(segment.funcs.len() as u64);
            !fixed(Some(segment.offset.base)) || end.is_none_or(|end| end > table)
        });
        match data.next().is_none() && segments.next().is_none() {
            true => Ok(()),
            false => Err(wrong(
                "is of a module whose segments lie outside of its own memory or table",
            )),
        }
    }

    /// The objects. `whole` is the module as it is to be compiled.
    pub fn split(self, whole: &Object) -> Result<(Vec<Split>, Space)> {
        let slots = self.objects.iter().flat_map(|part| &part.slots);
        let mut in_slot: HashMap<u64, Option<u32>> = slots.map(|slot| (*slot, None)).collect();
        for segment in whole.segments.iter().filter(|segment| segment.table == 0) {
            for (func, slot) in segment.funcs.iter().zip(segment.offset.offset..) {
                if let Some(there) = in_slot.get_mut(&slot) {
                    *there = *func;
                }
            }
        }
        let mut room = MAX_NAMES;
        let mut split = Vec::with_capacity(self.objects.len());
        for part in self.objects {
            split.push(one(part, whole, &in_slot, split.is_empty(), &mut room)?);
        }
        Ok((split, self.space))
    }
}

/// An address.
const ADDRESS: GlobalType = GlobalType {
    content: ValType::I32,
    mutable: false,
};

fn one(
    part: Part,
    whole: &Object,
    in_slot: &HashMap<u64, Option<u32>>,
    program: bool,
    room: &mut usize,
) -> Result<Split> {
    let shared = |names: Vec<String>| names.into_iter().map(Arc::from).collect();
    let mut object = match program {
        true => Object {
            exports: Exports::default(),
            // They lie where the objects do.
            segments: Vec::new(),
            data: Vec::new(),
            ..whole.clone()
        },
        false => Object::default(),
    };
    object.fused = true;
    object.footprint = whole.footprint;
    object.dylink = Some(Dylink {
        memory_size: part.memory.1,
        memory_p2align: part.memory.2,
        table_size: part.table.1,
        needed: shared(part.needed),
        runtime_path: shared(part.runtime_path),
        soname: part.soname.map(Arc::from),
        ..Dylink::default()
    });
    let mut exports = Vec::with_capacity(part.exports.len());
    for (name, item) in part.exports {
        let (item, behind) = match item {
            Item::Data(offset) => {
                if offset > u64::from(u32::MAX) {
                    return Err(wrong("has an address beyond the memory"));
                }
                let value = ConstValue {
                    base: Base::Memory,
                    offset,
                };
                let datum = Datum::new(value, ADDRESS);
                let datum = datum.ok_or_else(|| wrong("has an address that is none"))?;
                (ExportItem::Data(datum), String::new())
            }
            Item::Export(position) => {
                let export = whole.exports.get(position as usize);
                let export = export.filter(|export| match export.item {
                    // What the module imports is none of its objects'.
                    ExportItem::Func { index, .. } => *index >= whole.imported_funcs,
                    ExportItem::Global { .. } | ExportItem::Tag { .. } => true,
                    _ => false,
                });
                let export = export.ok_or_else(|| wrong("names an export that is not there"))?;
                let behind = export.name.text();
                let left = room.checked_sub(behind.len());
                *room = left.ok_or_else(|| wrong("has symbols of too long names"))?;
                (export.item.clone(), behind.to_string())
            }
        };
        object
            .exports
            .push(&name, item)
            .map_err(|_| wrong("has two symbols of one name"))?;
        exports.push(behind);
    }
    let slots = part.slots.iter().map(|slot| {
        let func = in_slot
            .get(slot)
            .copied()
            .flatten()
            .filter(|func| *func >= whole.imported_funcs);
        func.map(|func| (func, *slot))
            .ok_or_else(|| wrong("names a slot that is empty"))
    });
    if program {
        // What a snapshot needs of the module is no object's by name.
        for export in &whole.exports {
            let name = export.name.text();
            if name == abi::EXPOSED_START || name.starts_with(abi::EXPOSED_GLOBAL) {
                object
                    .exports
                    .push(name, export.item.clone())
                    .map_err(|_| wrong("has two symbols of one name"))?;
                exports.push(name.to_string());
            }
        }
    }
    Ok(Split {
        slots: slots.collect::<Result<_>>()?,
        filled: if program { filled(whole) } else { Vec::new() },
        name: part.name,
        object,
        exports,
        preloaded: part.preloaded,
        memory: (part.memory.0, part.memory.1),
        table: part.table,
    })
}

/// Slots that a module's segments fill, as ranges.
fn filled(whole: &Object) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for segment in whole.segments.iter().filter(|segment| segment.table == 0) {
        for (func, slot) in segment.funcs.iter().zip(segment.offset.offset..) {
            match ranges.last_mut() {
                _ if func.is_none() => {}
                Some((start, len)) if start.checked_add(*len) == Some(slot) => *len += 1,
                _ => ranges.push((slot, 1)),
            }
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program of two objects: the library has a function, in a slot, and a datum.
    const MODULE: &str = r#"(module
      (import "env" "dlopen" (func (param i32 i32) (result i32)))
      (func (export "_start"))
      (func (export "liba.so!twice") (param i32) (result i32) local.get 0)
      (table 4 funcref)
      (memory (export "memory") 1)
      (global $stack (export "__stack_pointer") (mut i32) (i32.const 2048))
      (elem (i32.const 2) func 2)
      (data (i32.const 2048) "abcd"))"#;

    fn parts() -> Parts {
        let program = Part {
            name: "main".to_string(),
            needed: vec!["liba.so".to_string()],
            exports: vec![("_start".to_string(), Item::Export(0))],
            memory: (2048, 0, 0),
            table: (1, 0),
            ..Part::default()
        };
        let library = Part {
            name: "liba.so".to_string(),
            memory: (2048, 64, 2),
            table: (2, 1),
            exports: vec![
                ("twice".to_string(), Item::Export(1)),
                ("number".to_string(), Item::Data(4)),
            ],
            slots: vec![2],
            ..Part::default()
        };
        Parts {
            objects: vec![program, library],
            space: Space {
                stack: Some((1024, 1024)),
                heap: (4096, 61440),
                callers: vec![1],
                ..Space::default()
            },
        }
    }

    /// What comes of the module with a section of these bytes.
    fn read(section: &[u8]) -> Result<Option<(Vec<Split>, Space)>> {
        let mut bytes = wat::parse_str(MODULE).expect("a module");
        let custom = wasm_encoder::CustomSection {
            name: abi::OBJECTS.into(),
            data: section.into(),
        };
        wasm_encoder::Section::append_to(&custom, &mut bytes);
        let limits = ParseLimits::default();
        let object = Object::parse(&bytes, &limits)?;
        let parts = Parts::of(&bytes, &object, &limits)?;
        parts.map(|parts| parts.split(&object)).transpose()
    }

    fn written(parts: &Parts) -> Vec<u8> {
        postcard::to_allocvec(parts).expect("parts")
    }

    #[test]
    fn objects_have_their_symbols_and_slots() {
        let (split, space) = read(&written(&parts())).unwrap().expect("objects");
        assert_eq!(space.callers, [1]);
        let library = &split[1];
        assert_eq!(library.slots, [(2, 2)]);
        assert_eq!(library.exports, ["liba.so!twice", ""]);
        let twice = library.object.export("twice").expect("a symbol");
        assert!(matches!(twice.item, ExportItem::Func { index: 2, .. }));
        assert!(library.object.export("_start").is_none());
        assert_eq!(split[0].object.exports.len(), 1);
    }

    #[test]
    fn what_is_not_true_of_the_module_is_refused() {
        type Change = (&'static str, fn(&mut Parts));
        let changes: [Change; 18] = [
            ("no objects", |parts| parts.objects.clear()),
            ("a name twice", |parts| {
                parts.objects[1].name = "main".to_string()
            }),
            ("a path", |parts| {
                parts.objects[1].name = "../liba.so".to_string()
            }),
            ("an export beyond", |parts| {
                parts.objects[1].exports[0].1 = Item::Export(99)
            }),
            ("the memory as a symbol", |parts| {
                parts.objects[1].exports[0].1 = Item::Export(2)
            }),
            ("data beyond the memory", |parts| {
                parts.objects[1].memory = (65_530, 64, 1)
            }),
            ("data on the stack", |parts| {
                parts.objects[1].memory = (1600, 64, 2)
            }),
            ("data without end", |parts| {
                parts.objects[1].memory = (u64::MAX - 3, 64, 0)
            }),
            ("slots beyond the table", |parts| {
                parts.objects[1].table = (3, 2)
            }),
            ("an empty slot", |parts| parts.objects[1].slots = vec![3]),
            ("a slot twice", |parts| parts.objects[0].slots = vec![2]),
            ("more libraries than there may be", |parts| {
                parts.objects[0].needed = vec![String::new(); 10_001]
            }),
            ("more folders than there may be", |parts| {
                parts.objects[1].runtime_path = vec![String::new(); 10_001]
            }),
            ("nothing, far beyond the memory", |parts| {
                parts.objects[0].memory = (u64::MAX, 0, 0)
            }),
            ("no heap, far beyond the memory", |parts| {
                parts.space.heap = (u64::MAX, 0)
            }),
            ("no slots, far beyond the table", |parts| {
                parts.objects[0].table = (u64::MAX, 0)
            }),
            ("an address beyond 32 bits", |parts| {
                parts.objects[1].exports[1].1 = Item::Data(1 << 32)
            }),
            ("a caller beyond", |parts| parts.space.callers = vec![2]),
        ];
        for (what, change) in changes {
            let mut wrong = parts();
            change(&mut wrong);
            let error = read(&written(&wrong)).err();
            let code = error.as_ref().map(Error::code);
            assert_eq!(code, Some(Code::Malformed), "{what}: {error:?}");
        }
    }

    #[test]
    fn a_name_that_many_symbols_share_takes_no_memory_out_of_proportion() {
        let long = "n".repeat(MAX_NAMES / 256);
        let module = MODULE.replace("liba.so!twice", &long);
        let bytes = wat::parse_str(module).expect("a module");
        let mut many = parts();
        let symbols = |count: usize| (0..count).map(|n| (format!("s{n}"), Item::Export(1)));
        let mut split = |count: usize| {
            many.objects[1].exports = symbols(count).collect();
            let object = Object::parse(&bytes, &ParseLimits::default())?;
            many.clone().split(&object).map(drop)
        };
        assert!(split(255).is_ok());
        assert_eq!(
            split(257).map_err(|error| error.code()),
            Err(Code::Malformed)
        );
    }

    #[test]
    fn the_program_of_a_module_with_dylink_has_no_parts() {
        let mut bytes = wat::parse_str(MODULE).expect("a module");
        let custom = wasm_encoder::CustomSection {
            name: abi::OBJECTS.into(),
            data: written(&parts()).into(),
        };
        wasm_encoder::Section::append_to(&custom, &mut bytes);
        let limits = ParseLimits::default();
        let mut object = Object::parse(&bytes, &limits).unwrap();
        assert!(Parts::of(&bytes, &object, &limits).unwrap().is_some());
        object.dylink = Some(Dylink::default());
        let error = Parts::of(&bytes, &object, &limits).err();
        assert_eq!(error.map(|error| error.code()), Some(Code::Malformed));
    }

    #[test]
    fn damage_is_no_more_than_an_error() {
        let bytes = written(&parts());
        let mut refused = 0;
        for at in 0..bytes.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = byte;
                refused += u32::from(read(&damaged).is_err());
            }
            refused += u32::from(read(&bytes[..at]).is_err());
        }
        assert!(refused as usize > bytes.len(), "{refused}");
    }
}
