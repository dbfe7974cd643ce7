//! Active element segments: the table slots that an object fills by itself.

use wasmparser::{BinaryReader, ExternalKind, RefType};

use super::budget;
use super::constant::{Expression, Width};
use super::spaces::IndexSpaces;
use super::{ConstValue, HeapType, ParseLimits, Segment, ValType, fault};
use crate::error::Result;

/// Segments on tables of other things than functions are passed over, as are passive and declared
/// ones.
#[inline(never)]
pub(super) fn read(
    contents: &[u8],
    offset: usize,
    spaces: &mut IndexSpaces,
    limits: &ParseLimits,
) -> Result<Vec<Segment>> {
    let mut reader = BinaryReader::new(contents, offset);
    let elements = reader.read_var_u32().map_err(fault::reader)?;
    let mut found = Found {
        spaces,
        limits,
        segments: Vec::new(),
        entries: 0,
    };
    for _ in 0..elements {
        found.segment(&mut reader)?;
    }
    fault::at_end(&reader, "element")?;
    Ok(found.segments)
}

// What the flags of a segment say.
const NOT_ACTIVE: u32 = 1;
/// Of an active one that it names its table; of others that it is declared only.
const NAMES_TABLE: u32 = 2;
const DECLARED: u32 = NOT_ACTIVE | NAMES_TABLE;
const EXPRESSIONS: u32 = 4;
const ALL_FLAGS: u32 = DECLARED | EXPRESSIONS;

struct Found<'s, 'l> {
    spaces: &'s mut IndexSpaces,
    limits: &'l ParseLimits,
    segments: Vec<Segment>,
    entries: usize,
}

impl Found<'_, '_> {
    fn segment<'a>(&mut self, reader: &mut BinaryReader<'a>) -> Result<()> {
        let at = reader.original_position();
        let flags = reader.read_var_u32().map_err(fault::reader)?;
        let wrong = |reader: &BinaryReader<'_>, what| {
            fault::malformed(reader.original_position().saturating_sub(1), what)
        };
        if flags & !ALL_FLAGS != 0 {
            return Err(wrong(reader, "invalid flags byte in element segment"));
        }
        let mut active = None;
        if flags & NOT_ACTIVE == 0 {
            let table = match flags & NAMES_TABLE {
                0 => 0,
                _ => reader.read_var_u32().map_err(fault::reader)?,
            };
            active = Some((table, Expression::read(reader)?));
        }
        let of_expressions = flags & EXPRESSIONS != 0;
        if flags & DECLARED == 0 {
            // It is of functions.
        } else if of_expressions {
            reader.read::<RefType>().map_err(fault::reader)?;
        } else if reader.read::<ExternalKind>().map_err(fault::reader)? != ExternalKind::Func {
            let what = "only the function external type is supported in elem segment";
            return Err(wrong(reader, what));
        }
        let count = reader.read_var_u32().map_err(fault::reader)?;
        let items = reader.clone();
        for _ in 0..count {
            if of_expressions {
                Expression::read(reader)?;
            } else {
                reader.read_var_u32().map_err(fault::reader)?;
            }
        }
        self.spaces.used.reference_types |= of_expressions || flags & DECLARED == DECLARED;
        let Some((table, offset)) = active else {
            return Ok(());
        };
        let room = reader.original_position().saturating_sub(at);
        if let Some(offset) = self.start(at, table, &offset, count, room)? {
            let funcs = self.funcs(items, count, of_expressions)?;
            self.segments.push(Segment {
                table,
                offset,
                funcs,
            });
        }
        Ok(())
    }

    /// The functions of a segment, of which `None` is any other value.
    fn funcs(
        &self,
        mut items: BinaryReader<'_>,
        count: u32,
        of_expressions: bool,
    ) -> Result<Vec<Option<u32>>> {
        let least = if of_expressions { 2 } else { 1 };
        let mut funcs = Vec::with_capacity(fault::room(count, items.bytes_remaining(), least));
        for _ in 0..count {
            let at = items.original_position();
            let func = match of_expressions {
                true => Expression::read(&mut items)?.single_func(),
                false => Some(items.read_var_u32().map_err(fault::reader)?),
            };
            let known = func.map(|func| known(func, at, self.spaces));
            funcs.push(known.transpose()?);
        }
        Ok(funcs)
    }

    /// Where an active segment starts; `None` for one that is passed over.
    fn start(
        &mut self,
        at: usize,
        table: u32,
        offset: &Expression<'_>,
        count: u32,
        bytes: usize,
    ) -> Result<Option<ConstValue>> {
        let ty = self.spaces.table(table, at)?;
        if !of_functions(ty.element) {
            return Ok(None);
        }
        let width = if ty.table64 { Width::I64 } else { Width::I32 };
        let Some(offset) = offset.evaluate(width, &self.spaces.globals) else {
            // Unknown slots would be handed out a second time.
            return Err(fault::unsupported(
                at,
                "an element segment that begins neither at a constant nor at __table_base",
            ));
        };
        let more = usize::try_from(count).unwrap_or(usize::MAX);
        self.entries = self.entries.saturating_add(more);
        fault::check_count(
            at,
            self.entries,
            "table entries",
            self.limits.segment_entries,
        )?;
        let total = self.segments.len().saturating_add(1);
        fault::check_count(at, total, "element segments", self.limits.segments)?;
        let room = fault::room(count, bytes, 1);
        self.spaces.budget.take(at, 1, budget::SEGMENT)?;
        self.spaces.budget.take(at, room, budget::ELEMENT)?;
        Ok(Some(offset))
    }
}

fn of_functions(element: ValType) -> bool {
    /// The binary format's `nofunc`, the bottom of the function types.
    const NO_FUNC: u8 = 0x73;
    matches!(
        element,
        ValType::Ref {
            // What a module may put in a table under an index is a function type in all but
            // GC programs, and those do not link.
            heap: HeapType::Func | HeapType::Concrete(_) | HeapType::Other(NO_FUNC),
            ..
        }
    )
}

fn known(func: u32, at: usize, spaces: &IndexSpaces) -> Result<u32> {
    let count = spaces.funcs.len();
    if usize::try_from(func).is_ok_and(|func| func < count) {
        Ok(func)
    } else {
        Err(fault::out_of_range(at, "function", func, count))
    }
}
