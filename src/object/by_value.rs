//! An object's exports and element segments by what they stand for: from numbers back to names.

use std::cmp::Reverse;

use super::{Base, ExportItem, Object};

/// Made when somebody asks for the first time.
#[derive(Debug)]
pub struct ByValue {
    /// Function indices with the exports that they have, in the module's order.
    functions: Vec<(u32, u32)>,
    /// Offsets of data from the memory's base, with their exports; of several at one place the first by name comes last.
    data: Vec<(u32, u32)>,
    /// Those that count from the table's base.
    numbers: Vec<(u32, u32)>,
    /// Function indices with the segments and the places in them where they stand.
    entries: Vec<(u32, u32, u32)>,
}

impl ByValue {
    pub fn of(object: &Object) -> ByValue {
        let (mut functions, mut data, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        for (export, position) in object.exports.iter().zip(0..) {
            match export.item {
                ExportItem::Func { index, .. } => functions.push((*index, position)),
                ExportItem::Data(datum) => {
                    let value = datum.value();
                    // Addresses have 32 bits.
                    let address = (value.offset as u32, position);
                    match value.base {
                        Base::None | Base::Memory => data.push(address),
                        Base::Table => numbers.push(address),
                    }
                }
                _ => {}
            }
        }
        functions.sort_unstable();
        let name = |position: u32| {
            let export = object.exports.get(position as usize);
            Reverse(export.map_or("", |export| export.name.text()))
        };
        for list in [&mut data, &mut numbers] {
            list.sort_unstable_by_key(|&(offset, position)| (offset, name(position)));
        }
        let segments = object.segments.iter().zip(0..);
        let entries = segments.flat_map(|(segment, n)| {
            let funcs = segment.funcs.iter().zip(0..);
            funcs.filter_map(move |(func, place)| Some(((*func)?, n, place)))
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort_unstable();
        ByValue {
            functions,
            data,
            numbers,
            entries,
        }
    }

    /// The first export of a function.
    pub fn export_of(&self, function: u32) -> Option<u32> {
        let at = self.functions.partition_point(|&(of, _)| of < function);
        let &(of, export) = self.functions.get(at)?;
        (of == function).then_some(export)
    }

    /// The data at or below an address, with their addresses, as the object lies with its bases: of those that count from either
    /// base the nearest that `counts`.
    pub fn data_below(
        &self,
        address: u64,
        (memory_base, table_base): (u64, u64),
        counts: impl Fn(u64) -> bool,
    ) -> impl Iterator<Item = (u64, u32)> {
        let lists = [(&self.data, memory_base), (&self.numbers, table_base)];
        let nearest = lists.map(|(list, base)| {
            let mut below = below(list, base, address);
            below.find(|(at, _)| counts(*at))
        });
        nearest.into_iter().flatten()
    }

    /// Where a function stands in the object's element segments: number of the segment, and place in it.
    pub fn entries_of(&self, function: u32) -> impl Iterator<Item = (usize, u64)> {
        let at = self.entries.partition_point(|&(of, ..)| of < function);
        let entries = self.entries.get(at..).unwrap_or_default().iter();
        let entries = entries.take_while(move |&&(of, ..)| of == function);
        entries.map(|&(_, segment, place)| (segment as usize, u64::from(place)))
    }
}

fn below(list: &[(u32, u32)], base: u64, address: u64) -> impl Iterator<Item = (u64, u32)> {
    let offset = address.checked_sub(base);
    let count = offset.map_or(0, |offset| {
        list.partition_point(|&(of, _)| u64::from(of) <= offset)
    });
    let list = list.get(..count).unwrap_or_default().iter().rev();
    list.map(move |&(offset, export)| (base.saturating_add(offset.into()), export))
}
