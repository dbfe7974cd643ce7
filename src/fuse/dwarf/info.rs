//! Units and their entries, each of which stays where it is in its unit: numbers are put over others of the same size.

use gimli::{
    Abbreviations, AttributeValue, DebugAbbrev, DebugInfo, EndianSlice, EntriesRaw, Format,
    LittleEndian, UnitHeader, constants,
};

use super::bytes::{Broken, Cursor, Read, put_leb, put_offset, put_word};
use super::expression;
use super::input::{GONE, Input, Sections, Unit};
use super::lists::{self, Kind};

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// What of a unit is known when all entries have been read: offsets that are put in when the sections that they lead to are written.
#[derive(Clone, Copy)]
pub(super) struct Fixup {
    /// Where in `.debug_info`.
    pub at: u32,
    pub to: To,
    /// The offset in the object.
    pub offset: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    Line,
    RangeList,
    LocationList,
}

/// What comes of entries.
#[derive(Default)]
pub(super) struct Units {
    pub units: Vec<Unit>,
    pub fixups: Vec<Fixup>,
    /// Lists of version 5 that entries name by their offsets, with the unit.
    pub range_lists: Vec<(u32, u32)>,
    pub location_lists: Vec<(u32, u32)>,
}

/// More attributes than bytes: abbreviations can have many that take no room.
const ATTRIBUTES_PER_BYTE: usize = 4;
/// Units share abbreviations, and those of different units do not overlap.
const ABBREVIATIONS_PER_BYTE: usize = 4;

/// Rewrites `.debug_info` and what hangs on its entries.
pub(super) fn rewrite(input: &Input<'_>, new: &mut Sections<Vec<u8>>) -> Read<Units> {
    let malformed = |_| Broken("an entry is malformed");
    let section = input.sections.info;
    let info = DebugInfo::new(section, LittleEndian);
    let abbrev = DebugAbbrev::new(input.sections.abbrev, LittleEndian);
    let mut headers = info.units();
    let mut units = Units::default();
    let mut seen = lists::Seen::new(input);
    let mut attributes = budget(section.len(), ATTRIBUTES_PER_BYTE);
    let mut abbreviated = budget(input.sections.abbrev.len(), ABBREVIATIONS_PER_BYTE);
    let mut last: Option<(usize, Abbreviations)> = None;
    while let Some(header) = headers.next().map_err(malformed)? {
        check(&header)?;
        let offset = header.debug_abbrev_offset().0;
        let abbreviations = match last.take() {
            Some((at, abbreviations)) if at == offset => abbreviations,
            _ => {
                let size = abbreviations_size(input.sections.abbrev, offset)?;
                spend(&mut abbreviated, size)?;
                abbrev
                    .abbreviations(header.debug_abbrev_offset())
                    .map_err(malformed)?
            }
        };
        let start = header.debug_info_offset().map_or(0, |offset| offset.0);
        let place = if header.version() >= 5 { 8 } else { 6 };
        let at = start.saturating_add(place);
        put_offset(&mut new.info, at, offset, input.bases.abbrev)?;
        let unit = unit(input, &header, &abbreviations)?;
        let number = word(units.units.len())?;
        units.units.push(unit);
        let mut entries = Entries {
            input,
            unit,
            number,
            start,
            units: &mut units,
            seen: &mut seen,
            new,
        };
        let mut raw = header
            .entries_raw(&abbreviations, None)
            .map_err(malformed)?;
        while !raw.is_empty() {
            if let Some(abbreviation) = raw.read_abbreviation().map_err(malformed)? {
                spend(&mut attributes, abbreviation.attributes().len())?;
                entries.entry(&mut raw, abbreviation.attributes())?;
            }
        }
        last = Some((offset, abbreviations));
    }
    Ok(units)
}

/// How much may be read of something.
fn budget(bytes: usize, per_byte: usize) -> usize {
    bytes.saturating_mul(per_byte).saturating_add(1 << 16)
}

fn spend(budget: &mut usize, amount: usize) -> Read<()> {
    let left = budget.checked_sub(amount);
    *budget = left.ok_or(Broken("its entries say more than they have bytes"))?;
    Ok(())
}

fn check(header: &UnitHeader<Slice<'_>>) -> Read<()> {
    match (header.format(), header.address_size(), header.version()) {
        (Format::Dwarf32, 4, 2..=5) => Ok(()),
        (Format::Dwarf64, ..) => Err(Broken("it is 64-bit DWARF")),
        (_, 4, _) => Err(Broken("it is of a version that is not known")),
        _ => Err(Broken(
            "its addresses have another size than those of the code",
        )),
    }
}

/// How many bytes the abbreviations of a unit take.
fn abbreviations_size(section: &[u8], offset: usize) -> Read<usize> {
    let mut cursor = Cursor::new(section, offset);
    while cursor.leb()? != 0 {
        cursor.leb()?;
        cursor.byte()?;
        loop {
            let (name, form) = (cursor.leb()?, cursor.leb()?);
            if form == u64::from(constants::DW_FORM_implicit_const.0) {
                cursor.leb()?;
            }
            if (name, form) == (0, 0) {
                break;
            }
        }
    }
    Ok(cursor.at.saturating_sub(offset))
}

/// What the first entry of a unit says of all.
fn unit(
    input: &Input<'_>,
    header: &UnitHeader<Slice<'_>>,
    abbreviations: &Abbreviations,
) -> Read<Unit> {
    let malformed = |_| Broken("an entry is malformed");
    let mut unit = Unit {
        encoding: header.encoding(),
        addr: None,
        rnglists: None,
        loclists: None,
        base: 0,
        new_base: 0,
    };
    let mut raw = header.entries_raw(abbreviations, None).map_err(malformed)?;
    let Some(root) = raw.read_abbreviation().map_err(malformed)? else {
        return Ok(unit);
    };
    let mut low = None;
    let mut high = None;
    for spec in root.attributes() {
        let attribute = raw.read_attribute(*spec).map_err(malformed)?;
        match attribute.value() {
            AttributeValue::DebugAddrBase(base) => unit.addr = Some(word(base.0)?),
            AttributeValue::DebugRngListsBase(base) => unit.rnglists = Some(word(base.0)?),
            AttributeValue::DebugLocListsBase(base) => unit.loclists = Some(word(base.0)?),
            value if attribute.name() == constants::DW_AT_low_pc => low = Some(value),
            value if attribute.name() == constants::DW_AT_high_pc => high = Some(value),
            _ => {}
        }
    }
    match low {
        Some(AttributeValue::Addr(low)) => {
            unit.base = word(low)?;
            unit.new_base = moved(input, unit.base, high_of(unit.base, high.as_ref())?).0;
        }
        Some(AttributeValue::DebugAddrIndex(index)) => {
            let place = unit.address_place(word(index.0)?)?;
            unit.base = input.address(place)?;
            unit.new_base = input.code(unit.base);
        }
        _ => {}
    }
    Ok(unit)
}

fn word<T: TryInto<u32>>(value: T) -> Read<u32> {
    let value = value.try_into();
    value.map_err(|_| Broken("a number is too large"))
}

/// The end of what begins at `low`.
fn high_of(low: u32, high: Option<&AttributeValue<Slice<'_>>>) -> Read<Option<u32>> {
    match high {
        None => Ok(None),
        Some(AttributeValue::Addr(high)) => word(*high).map(Some),
        Some(value) => {
            let size = value.udata_value().map(word).transpose()?;
            Ok(size.and_then(|size| low.checked_add(size)))
        }
    }
}

/// Where what lies at `low` has gone, and its size.
fn moved(input: &Input<'_>, low: u32, high: Option<u32>) -> (u32, u32) {
    let Some(high) = high.filter(|_| low != 0) else {
        return (input.code(low), 0);
    };
    match input.places.range(low..high) {
        Some(range) => (range.start, range.end.saturating_sub(range.start)),
        None => (GONE, 0),
    }
}

/// The entries of a unit.
struct Entries<'a, 'b> {
    input: &'a Input<'b>,
    unit: Unit,
    number: u32,
    /// Where the unit begins.
    start: usize,
    units: &'a mut Units,
    seen: &'a mut lists::Seen,
    new: &'a mut Sections<Vec<u8>>,
}

/// An attribute's value, and where it is.
type Placed<'a> = (AttributeValue<Slice<'a>>, usize, usize, constants::DwForm);

impl Entries<'_, '_> {
    fn entry<'a>(
        &mut self,
        raw: &mut EntriesRaw<'_, Slice<'a>>,
        specs: &[gimli::AttributeSpecification],
    ) -> Read<()> {
        let mut low: Option<Placed<'a>> = None;
        let mut high: Option<Placed<'a>> = None;
        for spec in specs {
            if spec.form() == constants::DW_FORM_indirect {
                return Err(Broken("a form is told with the value"));
            }
            let at = self.start.saturating_add(raw.next_offset().0);
            let attribute = raw.read_attribute(*spec);
            let attribute = attribute.map_err(|_| Broken("an entry is malformed"))?;
            let end = self.start.saturating_add(raw.next_offset().0);
            let placed = (attribute.value(), at, end.saturating_sub(at), spec.form());
            match attribute.name() {
                constants::DW_AT_low_pc => low = Some(placed),
                constants::DW_AT_high_pc => high = Some(placed),
                _ => self.attribute(placed)?,
            }
        }
        self.range(low, high)
    }

    /// Where the code of an entry begins, and its end or size.
    fn range(&mut self, low: Option<Placed<'_>>, high: Option<Placed<'_>>) -> Read<()> {
        let Some((low, low_at, ..)) = low else {
            return Ok(());
        };
        let begin = match low {
            AttributeValue::Addr(low) => word(low)?,
            AttributeValue::DebugAddrIndex(index) => {
                let place = self.unit.address_place(word(index.0)?)?;
                self.input.address(place)?
            }
            _ => return Err(Broken("code begins at what is no address")),
        };
        let end = high_of(begin, high.as_ref().map(|(value, ..)| value))?;
        let (new_begin, new_size) = moved(self.input, begin, end);
        match low {
            AttributeValue::Addr(_) => put_word(&mut self.new.info, low_at, new_begin)?,
            value => self.attribute((value, low_at, 0, constants::DW_FORM_addrx))?,
        }
        let Some((high, at, size, form)) = high else {
            return Ok(());
        };
        match high {
            AttributeValue::Addr(_) => {
                put_word(&mut self.new.info, at, new_begin.wrapping_add(new_size))
            }
            AttributeValue::DebugAddrIndex(_) => self.attribute((high, at, size, form)),
            _ if form == constants::DW_FORM_udata => {
                put_leb(&mut self.new.info, at, size, new_size.into())
            }
            _ => {
                let (word, rest) = (new_size.to_le_bytes(), [0; 4]);
                let bytes = [word, rest].concat();
                let fits = bytes.iter().skip(size).all(|byte| *byte == 0);
                match bytes.get(..size) {
                    Some(bytes) if fits && size > 0 && form != constants::DW_FORM_sdata => {
                        super::bytes::put(&mut self.new.info, at, bytes)
                    }
                    _ => Err(Broken("a size has no room to grow")),
                }
            }
        }
    }

    fn attribute(&mut self, (value, at, size, _): Placed<'_>) -> Read<()> {
        let (input, unit) = (self.input, self.unit);
        let info = &mut self.new.info;
        let bases = &input.bases;
        let is_new = unit.encoding.version >= 5;
        match value {
            AttributeValue::Addr(old) => put_word(info, at, input.code(word(old)?)),
            AttributeValue::DebugAddrIndex(index) => {
                let place = unit.address_place(word(index.0)?)?;
                let code = input.code(input.address(place)?);
                put_word(&mut self.new.addr, place, code)
            }
            AttributeValue::Exprloc(old) => {
                let end = at.saturating_add(size);
                let start = end.saturating_sub(old.0.len());
                let new = info.get_mut(start..end);
                let new = new.ok_or(Broken("an expression has no place"))?;
                expression::rewrite(input, &unit, old.0.slice(), new, &mut self.new.addr)
            }
            AttributeValue::DebugInfoRef(offset) => put_offset(info, at, offset.0, bases.info),
            AttributeValue::DebugStrRef(offset) => put_offset(info, at, offset.0, bases.str),
            AttributeValue::DebugLineStrRef(offset) => {
                put_offset(info, at, offset.0, bases.line_str)
            }
            AttributeValue::DebugAddrBase(base) => put_offset(info, at, base.0, bases.addr),
            AttributeValue::DebugStrOffsetsBase(base) => {
                put_offset(info, at, base.0, bases.str_offsets)
            }
            AttributeValue::DebugLineRef(offset) => self.fixup(at, To::Line, offset.0),
            AttributeValue::DebugRngListsBase(base) => self.fixup(at, To::RangeList, base.0),
            AttributeValue::DebugLocListsBase(base) => self.fixup(at, To::LocationList, base.0),
            AttributeValue::RangeListsRef(offset) if is_new => {
                let of = (word(offset.0)?, self.number);
                self.units.range_lists.push(of);
                self.fixup(at, To::RangeList, offset.0)
            }
            AttributeValue::LocationListsRef(offset) if is_new => {
                let of = (word(offset.0)?, self.number);
                self.units.location_lists.push(of);
                self.fixup(at, To::LocationList, offset.0)
            }
            AttributeValue::RangeListsRef(offset) => {
                put_offset(info, at, offset.0, bases.ranges)?;
                lists::pairs(input, &unit, Kind::Ranges, self.seen, offset.0, self.new)
            }
            AttributeValue::LocationListsRef(offset) => {
                put_offset(info, at, offset.0, bases.loc)?;
                lists::pairs(input, &unit, Kind::Locations, self.seen, offset.0, self.new)
            }
            _ => Ok(()),
        }
    }

    fn fixup(&mut self, at: usize, to: To, offset: usize) -> Read<()> {
        let (at, offset) = (word(at)?, word(offset)?);
        self.units.fixups.push(Fixup { at, to, offset });
        Ok(())
    }
}
