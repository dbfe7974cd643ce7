//! Active data segments: the memory that an object fills by itself when it is instantiated.

use crate::hash_map::HashMap;
use wasmparser::BinaryReader;

use super::constant::{Expression, Width};
use super::spaces::IndexSpaces;
use super::{Base, Filled, fault};
use crate::error::Result;

// How segments begin in the binary format.
const FIRST_MEMORY: u32 = 0;
const PASSIVE: u32 = 1;
const ANY_MEMORY: u32 = 2;

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

/// Memory, offset and length of the next segment, if it is an active one.
fn active<'a>(reader: &mut BinaryReader<'a>) -> Result<Option<(u32, Expression<'a>, usize)>> {
    let start = reader.original_position();
    let active = match reader.read_var_u32().map_err(fault::reader)? {
        PASSIVE => None,
        FIRST_MEMORY => Some((0, Expression::read(reader)?)),
        ANY_MEMORY => {
            let memory = reader.read_var_u32().map_err(fault::reader)?;
            Some((memory, Expression::read(reader)?))
        }
        _ => {
            return Err(fault::malformed(
                start,
                "invalid flags byte in data segment",
            ));
        }
    };
    let data = reader.read_reader().map_err(fault::reader)?;
    Ok(active.map(|(memory, offset)| (memory, offset, data.bytes_remaining())))
}
