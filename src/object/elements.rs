//! Active element segments: the table slots that an object fills by itself.

use wasmparser::{ConstExpr, ElementItems, ElementKind, ElementSectionReader, Operator};

use super::budget;
use super::constant::{self, Width};
use super::spaces::IndexSpaces;
use super::{HeapType, ParseLimits, Segment, ValType, fault};
use crate::error::Result;

/// Segments on tables of other things than functions are passed over, as are passive and declared
/// ones.
pub(super) fn read(
    section: ElementSectionReader<'_>,
    spaces: &mut IndexSpaces,
    limits: &ParseLimits,
) -> Result<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut entries = 0usize;
    for item in section.into_iter_with_offsets() {
        let (at, element) = item.map_err(fault::reader)?;
        if let ElementItems::Expressions(..) = element.items {
            spaces.used.reference_types = true;
        }
        let (table, offset_expr) = match element.kind {
            ElementKind::Active {
                table_index,
                offset_expr,
            } => (table_index.unwrap_or(0), offset_expr),
            ElementKind::Declared => {
                spaces.used.reference_types = true;
                continue;
            }
            ElementKind::Passive => continue,
        };
        let ty = spaces.table(table, at)?;
        if !of_functions(ty.element) {
            continue;
        }
        let width = if ty.table64 { Width::I64 } else { Width::I32 };
        let offset = constant::evaluate(&offset_expr, width, &spaces.globals);
        let Some(offset) = offset else {
            // Unknown slots would be handed out a second time.
            return Err(fault::unsupported(
                at,
                "an element segment that begins neither at a constant nor at __table_base",
            ));
        };
        let count = match &element.items {
            ElementItems::Functions(items) => items.count(),
            ElementItems::Expressions(_, items) => items.count(),
        };
        entries = entries.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
        fault::check_count(at, entries, "table entries", limits.segment_entries)?;
        let total = segments.len().saturating_add(1);
        fault::check_count(at, total, "element segments", limits.segments)?;
        let room = fault::room(count, element.range.len(), 1);
        spaces.budget.take(at, 1, budget::SEGMENT)?;
        spaces.budget.take(at, room, budget::ELEMENT)?;
        segments.push(Segment {
            table,
            offset,
            funcs: funcs(element.items, element.range.len(), spaces)?,
        });
    }
    Ok(segments)
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
                let func = match single_func(&expr) {
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

/// The function of an expression that is `ref.func` and nothing else.
fn single_func(expr: &ConstExpr<'_>) -> Option<u32> {
    let mut operators = expr.get_operators_reader();
    let Ok(Operator::RefFunc { function_index }) = operators.read() else {
        return None;
    };
    matches!(operators.read(), Ok(Operator::End)).then_some(function_index)
}
