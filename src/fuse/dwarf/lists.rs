//! Lists of ranges and of locations.
//!
//! Up to version 4 their entries have one size, and stay in their place. Those of version 5 are written anew, each with its whole address: what they
//! count from may have been left out.

use std::collections::HashMap;
use std::ops::Range;

use super::bytes::{Broken, Cursor, Read, push_leb, put_word};
use super::expression;
use super::info::Units;
use super::input::{GONE_IN_LIST, Input, Sections, Unit};

/// Entries of lists that are rewritten: many lists may have one end.
pub(super) struct Seen {
    ranges: Vec<bool>,
    locations: Vec<bool>,
    /// Bytes of expressions that may be read: those of entries that begin within others are read once more, and valid ones do not.
    expressions: usize,
}

impl Seen {
    pub fn new(input: &Input<'_>) -> Seen {
        Seen {
            ranges: vec![false; input.sections.ranges.len()],
            locations: vec![false; input.sections.loc.len()],
            expressions: input.sections.loc.len().saturating_mul(2),
        }
    }
}

/// A range that counts from a base. Beyond the last address there is none: then the base stands for code that was left out before.
fn from(base: u32, begin: u32, end: u32) -> Option<Range<u32>> {
    Some(base.checked_add(begin)?..base.checked_add(end)?)
}

/// Whether it is so for the first time.
fn first(seen: &mut [bool], at: usize) -> bool {
    let seen = seen.get_mut(at);
    seen.is_some_and(|seen| !std::mem::replace(seen, true))
}

/// The word that says that the other one is what the next entries count from.
const BASE: u32 = u32::MAX;

/// A pair of places in a list, and what is written for it.
struct Pairs {
    base: u32,
    new_base: u32,
}

enum Pair {
    End,
    Base(u32),
    Range(u32, u32),
}

impl Pairs {
    fn of(unit: &Unit) -> Pairs {
        Pairs {
            base: unit.base,
            new_base: unit.new_base,
        }
    }

    fn next(&mut self, input: &Input<'_>, cursor: &mut Cursor<'_>) -> Read<Pair> {
        Ok(match (cursor.word()?, cursor.word()?) {
            (0, 0) => Pair::End,
            (BASE, base) => {
                self.base = base;
                self.new_base = match base {
                    0 => 0,
                    _ => input.places.ceiling(base).unwrap_or(0),
                };
                Pair::Base(self.new_base)
            }
            (begin, end) => {
                let old = from(self.base, begin, end);
                match old.and_then(|old| input.places.range(old)) {
                    Some(range) => Pair::Range(
                        range.start.wrapping_sub(self.new_base),
                        range.end.wrapping_sub(self.new_base),
                    ),
                    None => Pair::Range(GONE_IN_LIST, GONE_IN_LIST),
                }
            }
        })
    }
}

/// Rewrites a list of `.debug_ranges` or `.debug_loc`.
pub(super) fn pairs(
    input: &Input<'_>,
    unit: &Unit,
    kind: Kind,
    seen: &mut Seen,
    offset: usize,
    new: &mut Sections<Vec<u8>>,
) -> Read<()> {
    let (old, entries, section) = match kind {
        Kind::Ranges => (input.sections.ranges, &mut seen.ranges, &mut new.ranges),
        Kind::Locations => (input.sections.loc, &mut seen.locations, &mut new.loc),
    };
    let mut cursor = Cursor::new(old, offset);
    let mut pairs = Pairs::of(unit);
    loop {
        let at = cursor.at;
        let (begin, end) = match pairs.next(input, &mut cursor)? {
            Pair::End => return Ok(()),
            _ if !first(entries, at) => return Ok(()),
            Pair::Base(base) => (BASE, base),
            Pair::Range(begin, end) => {
                if kind == Kind::Locations {
                    let size = cursor.half()?.into();
                    let left = seen.expressions.checked_sub(size);
                    seen.expressions = left.ok_or(Broken("its lists overlap"))?;
                    let start = cursor.at;
                    let old = cursor.take(size)?;
                    let place = section.get_mut(start..cursor.at);
                    let place = place.ok_or(Broken("an expression has no place"))?;
                    expression::rewrite(input, unit, old, place, &mut new.addr)?;
                }
                (begin, end)
            }
        };
        put_word(section, at, begin)?;
        put_word(section, at.saturating_add(4), end)?;
    }
}

/// What kind of lists.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ranges,
    Locations,
}

/// Where parts of a section have gone: offsets in the object, in their order, and in what is written.
#[derive(Default)]
pub(super) struct Gone(Vec<(u32, u32)>);

impl Gone {
    /// Notes a part that begins behind all that are noted before.
    pub fn add(&mut self, old: usize, new: usize) -> Read<()> {
        self.0.push((offset(old)?, offset(new)?));
        Ok(())
    }

    pub fn get(&self, old: u32) -> Option<usize> {
        let n = self.0.partition_point(|part| part.0 < old);
        let part = self.0.get(n).filter(|part| part.0 == old)?;
        Some(part.1 as usize)
    }
}

fn offset(offset: usize) -> Read<u32> {
    u32::try_from(offset).map_err(|_| Broken("a section is too large"))
}

/// Writes `.debug_rnglists` or `.debug_loclists` anew, behind nothing, and says where everything is that an entry may name.
pub(super) fn rewrite(
    input: &Input<'_>,
    units: &mut Units,
    kind: Kind,
    new: &mut Vec<u8>,
    addr: &mut [u8],
) -> Read<Gone> {
    let (section, named) = match kind {
        Kind::Ranges => (input.sections.rnglists, &mut units.range_lists),
        Kind::Locations => (input.sections.loclists, &mut units.location_lists),
    };
    let mut named = std::mem::take(named);
    named.sort_unstable();
    named.dedup_by_key(|list| list.0);
    // The unit of each part, by where its lists are numbered from.
    let mut based = HashMap::new();
    for (unit, n) in units.units.iter().zip(0u32..) {
        let base = match kind {
            Kind::Ranges => unit.rnglists,
            Kind::Locations => unit.loclists,
        };
        based.extend(base.map(|base| (base, n)));
    }
    let mut gone = Gone::default();
    let mut parts = Cursor::new(section, 0);
    while !parts.is_at_end() {
        let mut part = parts.unit()?;
        let start = new.len();
        let header = part.clone().take(8)?;
        let (version, address, segment) = (part.half()?, part.byte()?, part.byte()?);
        if (version, address, segment) != (5, 4, 0) {
            return Err(Broken("its lists are of a version that is not known"));
        }
        let count = part.word()? as usize;
        let base = offset(part.at)?;
        new.extend([0; 4]);
        new.extend(header);
        let new_base = new.len();
        let size = count.checked_mul(4);
        let table = part.take(size.ok_or(Broken("a table is too long"))?)?;
        new.extend(std::iter::repeat_n(0, table.len()));
        // The lists that any unit names by their places, and those that the part's own one names by their numbers.
        let range = offset(part.at)?..offset(part.bytes.len())?;
        let first = named.partition_point(|list| list.0 < range.start);
        let behind = named.partition_point(|list| list.0 < range.end);
        let mut lists = named.get(first..behind).unwrap_or_default().to_vec();
        let mut numbered = Vec::new();
        if let Some(&unit) = based.get(&base) {
            let mut entries = Cursor::new(table, 0);
            while !entries.is_at_end() {
                let list = entries.word()?.checked_add(base);
                let list = list.filter(|list| range.contains(list));
                let list = list.ok_or(Broken("a list has no place"))?;
                numbered.push(list);
                lists.push((list, unit));
            }
        }
        lists.sort_unstable();
        lists.dedup_by_key(|list| list.0);
        // The place that numbers count from may be that of the first list, where there are no numbers.
        if lists.first().is_none_or(|list| list.0 != base) {
            gone.add(base as usize, new_base)?;
        }
        // Lists that begin within others are written once more, and valid ones do not: what is read in all has a bound.
        let mut left = part.bytes.len().saturating_sub(part.at).saturating_mul(2);
        for (list, unit) in lists {
            let unit = units.units.get(unit as usize);
            let unit = unit.ok_or(Broken("a list has no unit"))?;
            gone.add(list as usize, new.len())?;
            let mut cursor = Cursor::new(part.bytes, list as usize);
            write(input, unit, kind, &mut cursor, new, addr, &mut left)?;
        }
        for (list, n) in numbered.into_iter().zip(0usize..) {
            let place = gone.get(list).and_then(|place| place.checked_sub(new_base));
            let place = place.ok_or(Broken("a list has no place"))?;
            let at = n.saturating_mul(4).saturating_add(new_base);
            put_word(new, at, offset(place)?)?;
        }
        let size = new.len().saturating_sub(start).saturating_sub(4);
        put_word(new, start, offset(size)?)?;
    }
    Ok(gone)
}

// Entries of lists: the numbers are those of ranges. Of locations all from 5 on are one more, and 5 is the default.
const END: u8 = 0;
const BASE_ADDRESSX: u8 = 1;
const STARTX_ENDX: u8 = 2;
const STARTX_LENGTH: u8 = 3;
const OFFSET_PAIR: u8 = 4;
const BASE_ADDRESS: u8 = 5;
const START_END: u8 = 6;
const START_LENGTH: u8 = 7;

/// `DW_LLE_default_location`
const DEFAULT_LOCATION: u8 = 5;

fn write(
    input: &Input<'_>,
    unit: &Unit,
    kind: Kind,
    cursor: &mut Cursor<'_>,
    new: &mut Vec<u8>,
    addr: &mut [u8],
    left: &mut usize,
) -> Read<()> {
    let indexed = |index: u32| input.address(unit.address_place(index)?);
    let mut base = unit.base;
    let (more, is_location) = match kind {
        Kind::Ranges => (0, false),
        Kind::Locations => (1, true),
    };
    let mut counted = cursor.at;
    loop {
        // What the entry before took, of whatever kind it was.
        let read = cursor.at.saturating_sub(counted);
        *left = left.checked_sub(read).ok_or(Broken("its lists overlap"))?;
        counted = cursor.at;
        let code = cursor.byte()?;
        let is_default = is_location && code == DEFAULT_LOCATION;
        let plain = match code {
            _ if is_default => None,
            5.. => code.checked_sub(more),
            _ => Some(code),
        };
        let old = match plain {
            None => None,
            Some(END) => {
                new.push(END);
                return Ok(());
            }
            Some(BASE_ADDRESSX) => {
                base = indexed(cursor.leb32()?)?;
                continue;
            }
            Some(BASE_ADDRESS) => {
                base = cursor.word()?;
                continue;
            }
            Some(STARTX_ENDX) => Some(indexed(cursor.leb32()?)?..indexed(cursor.leb32()?)?),
            Some(STARTX_LENGTH) => {
                let start = indexed(cursor.leb32()?)?;
                from(start, 0, cursor.leb32()?)
            }
            Some(OFFSET_PAIR) => {
                let (start, end) = (cursor.leb32()?, cursor.leb32()?);
                from(base, start, end)
            }
            Some(START_END) => Some(cursor.word()?..cursor.word()?),
            Some(START_LENGTH) => {
                let start = cursor.word()?;
                from(start, 0, cursor.leb32()?)
            }
            Some(_) => return Err(Broken("a list has an entry of a kind that is not known")),
        };
        let expression = match is_location {
            true => Some(cursor.take_counted()?),
            false => None,
        };
        if is_default {
            new.push(DEFAULT_LOCATION);
        } else if let Some(range) = old.and_then(|old| input.places.range(old)) {
            new.push(START_LENGTH.saturating_add(more));
            new.extend(range.start.to_le_bytes());
            push_leb(new, range.end.saturating_sub(range.start));
        } else {
            continue;
        }
        if let Some(old) = expression {
            let size = u32::try_from(old.len()).map_err(|_| Broken("an expression is too long"))?;
            push_leb(new, size);
            let start = new.len();
            new.extend(old);
            let place = new.get_mut(start..).unwrap_or_default();
            expression::rewrite(input, unit, old, place, addr)?;
        }
    }
}
