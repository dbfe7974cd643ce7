//! Active data segments: the memory that an object fills by itself when it is instantiated.

use foldhash::HashMap;
use wasmparser::{DataKind, DataSectionReader};

use super::constant::{self, Width};
use super::spaces::IndexSpaces;
use super::{Base, Filled, fault};
use crate::error::Result;

/// A module may have a segment for every few bytes, so only what they fill together is kept. Passive segments are copied by
/// code, empty ones fill nothing.
pub(super) fn read(section: DataSectionReader<'_>, spaces: &IndexSpaces) -> Result<Vec<Filled>> {
    let mut filled = Vec::new();
    let mut known: HashMap<(u32, Option<Base>), usize> = HashMap::default();
    for item in section.into_iter_with_offsets() {
        let (at, segment) = item.map_err(fault::reader)?;
        let DataKind::Active {
            memory_index: memory,
            offset_expr,
        } = segment.kind
        else {
            continue;
        };
        let ty = spaces.memory(memory, at)?;
        let len = u64::try_from(segment.data.len()).unwrap_or(u64::MAX);
        if len == 0 {
            continue;
        }
        let width = if ty.memory64 { Width::I64 } else { Width::I32 };
        let offset = constant::evaluate(&offset_expr, width, &spaces.globals);
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
    Ok(filled)
}
