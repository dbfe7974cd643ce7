//! Active data segments: the memory that an object fills by itself when it is instantiated.

use foldhash::HashMap;
use wasmparser::{BinaryReader, Data, DataKind};

use super::constant::{Expression, Width};
use super::spaces::IndexSpaces;
use super::{Base, Filled, fault};
use crate::error::Result;

/// A module may have a segment for every few bytes, so only what they fill together is kept. Passive segments are copied by
/// code, empty ones fill nothing.
#[inline(never)]
pub(super) fn read(contents: &[u8], offset: usize, spaces: &IndexSpaces) -> Result<Vec<Filled>> {
    let mut reader = BinaryReader::new(contents, offset);
    let segments = reader.read_var_u32().map_err(fault::reader)?;
    let mut filled = Vec::new();
    let mut known: HashMap<(u32, Option<Base>), usize> = HashMap::default();
    for _ in 0..segments {
        let at = reader.original_position();
        let Some((memory, offset, len)) = active(&mut reader)? else {
            continue;
        };
        let ty = spaces.memory(memory, at)?;
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        if len == 0 {
            continue;
        }
        let width = if ty.memory64 { Width::I64 } else { Width::I32 };
        let offset = offset.evaluate(width, &spaces.globals);
        let start = offset.map_or(0, |offset| offset.offset);
        let one = Filled {
            memory,
            base: offset.map(|offset| offset.base),
            start,
            end: start.saturating_add(len),
        };
        let next = filled.len();
        let position = *known.entry((memory, one.base)).or_insert(next);
        match filled.get_mut(position) {
            Some(all) => {
                let all: &mut Filled = all;
                all.start = all.start.min(one.start);
                all.end = all.end.max(one.end);
            }
            None => filled.push(one),
        }
    }
    fault::at_end(&reader, "data")?;
    Ok(filled)
}

/// Memory, offset and length of the next segment, if it is an active one. wasmparser reads those that are not of the first memory: see
/// [`Expression::read`].
fn active<'a>(reader: &mut BinaryReader<'a>) -> Result<Option<(u32, Expression<'a>, usize)>> {
    let mut ahead = reader.clone();
    if matches!(ahead.read_var_u32(), Ok(0)) {
        let offset = Expression::read(&mut ahead)?;
        let data = ahead.read_reader().map_err(fault::reader)?;
        *reader = ahead;
        return Ok(Some((0, offset, data.bytes_remaining())));
    }
    let segment: Data<'_> = reader.read().map_err(fault::reader)?;
    let DataKind::Active {
        memory_index,
        offset_expr,
    } = segment.kind
    else {
        return Ok(None);
    };
    let offset = Expression::read(&mut offset_expr.get_binary_reader())?;
    Ok(Some((memory_index, offset, segment.data.len())))
}
