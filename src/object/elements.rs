//! Active element segments: the table slots that an object fills by itself.

use wasmparser::{BinaryReader, Element, ElementItems, ElementKind};

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
        match plain(&reader) {
            Some(behind) => found.plain(&mut reader, behind)?,
            None => {
                let at = reader.original_position();
                let element = reader.read().map_err(fault::reader)?;
                found.other(at, element)?;
            }
        }
    }
    fault::at_end(&reader, "element")?;
    Ok(found.segments)
}

/// Behind the flags of a segment of indices of functions in the first table, which almost all are. wasmparser reads the others: see
/// [`Expression::read`].
fn plain<'a>(reader: &BinaryReader<'a>) -> Option<BinaryReader<'a>> {
    let mut ahead = reader.clone();
    matches!(ahead.read_var_u32(), Ok(0)).then_some(ahead)
}

struct Found<'s, 'l> {
    spaces: &'s mut IndexSpaces,
    limits: &'l ParseLimits,
    segments: Vec<Segment>,
    entries: usize,
}

impl Found<'_, '_> {
    fn plain<'a>(
        &mut self,
        reader: &mut BinaryReader<'a>,
        mut behind: BinaryReader<'a>,
    ) -> Result<()> {
        let at = reader.original_position();
        let offset = Expression::read(&mut behind)?;
        let count = behind.read_var_u32().map_err(fault::reader)?;
        let mut items = behind.clone();
        for _ in 0..count {
            behind.read_var_u32().map_err(fault::reader)?;
        }
        *reader = behind;
        let room = items.bytes_remaining();
        let Some(offset) = self.start(at, 0, &offset, count, room)? else {
            return Ok(());
        };
        let mut funcs = Vec::with_capacity(fault::room(count, room, 1));
        for _ in 0..count {
            let at = items.original_position();
            let func = items.read_var_u32().map_err(fault::reader)?;
            funcs.push(Some(known(func, at, self.spaces)?));
        }
        self.segments.push(Segment {
            table: 0,
            offset,
            funcs,
        });
        Ok(())
    }

    fn other(&mut self, at: usize, element: Element<'_>) -> Result<()> {
        if let ElementItems::Expressions(..) = element.items {
            self.spaces.used.reference_types = true;
        }
        let (table, offset) = match element.kind {
            ElementKind::Active {
                table_index,
                offset_expr,
            } => (table_index.unwrap_or(0), offset_expr),
            ElementKind::Declared => {
                self.spaces.used.reference_types = true;
                return Ok(());
            }
            ElementKind::Passive => return Ok(()),
        };
        let count = match &element.items {
            ElementItems::Functions(items) => items.count(),
            ElementItems::Expressions(_, items) => items.count(),
        };
        let offset = Expression::read(&mut offset.get_binary_reader())?;
        let room = element.range.len();
        if let Some(offset) = self.start(at, table, &offset, count, room)? {
            let funcs = funcs(element.items, room, self.spaces)?;
            self.segments.push(Segment {
                table,
                offset,
                funcs,
            });
        }
        Ok(())
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

fn funcs(items: ElementItems<'_>, bytes: usize, spaces: &IndexSpaces) -> Result<Vec<Option<u32>>> {
    let mut funcs = Vec::new();
    match items {
        ElementItems::Functions(items) => {
            funcs.reserve(fault::room(items.count(), bytes, 1));
            for item in items.into_iter_with_offsets() {
                let (at, func) = item.map_err(fault::reader)?;
                funcs.push(Some(known(func, at, spaces)?));
            }
        }
        ElementItems::Expressions(_, items) => {
            funcs.reserve(fault::room(items.count(), bytes, 2));
            for item in items.into_iter_with_offsets() {
                let (at, expr) = item.map_err(fault::reader)?;
                let expr = Expression::read(&mut expr.get_binary_reader())?;
                let func = match expr.single_func() {
                    Some(func) => Some(known(func, at, spaces)?),
                    None => None,
                };
                funcs.push(func);
            }
        }
    }
    Ok(funcs)
}

fn known(func: u32, at: usize, spaces: &IndexSpaces) -> Result<u32> {
    let count = spaces.funcs.len();
    if usize::try_from(func).is_ok_and(|func| func < count) {
        Ok(func)
    } else {
        Err(fault::out_of_range(at, "function", func, count))
    }
}
