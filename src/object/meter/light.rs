//! Places for an engine's own checks.
//!
//! Engines with interrupts of their own look for them at function entries and loop heads. Between two of these a function may fill
//! gigabytes any number of times, so an empty loop is put in front of each bulk operation, where there are many. It may also be long: where
//! functions return to their callers, a whole stack of such ends may run, so that one is put behind each long stretch of code.

use wasm_encoder::Encode;
use wasmparser::{BinaryReader, FunctionBody, Operator};

use super::super::fault;
use super::super::section::{self, Section, Sections};
use super::body::refuse_waiting;
use super::bulk::Bulk;
use super::custom::{self, Fate};
use super::edit::Edit;
use super::path::{Bounds, Path};
use super::survey::Survey;
use super::{MAX_BODY, check, cost, most, no_room, too_large};
use crate::error::Result;

/// A function with more bulk operations gets the loops: more than compilers make of nearly all functions.
pub(super) const FEW: usize = 64;

/// Instructions without a loop after which there is one: more than compilers make of nearly all functions, and little enough that a stack
/// full of returns to such ends takes a second at the most.
pub(super) const STRETCH: u32 = 30_000;

/// Engines look where functions are entered, so that a stretch may begin with a call.
const BOUNDS: Bounds = Bounds {
    stretch: STRETCH,
    tail: STRETCH,
    caught: STRETCH / 2,
};

/// First bytes of the operators that work on memories and tables, and on arrays.
const PREFIXES: (u8, u8) = (0xfc, 0xfb);

/// Whether a function of these bytes may need a loop, or has to be read to find out.
fn may_need_loops(body: &[u8]) -> bool {
    memchr::memchr2_iter(PREFIXES.0, PREFIXES.1, body).count() > FEW
        || cost::bound(body) >= STRETCH.into()
}

pub(super) fn rewrite(bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let survey = Survey::of(bytes)?;
    let mut code = None;
    for section in Sections::new(bytes) {
        let section = section?;
        if section.id == section::CODE {
            code = with_loops(bytes, &section, &survey)?;
        }
    }
    let Some(code) = code else { return Ok(None) };
    let mut out = Vec::with_capacity(bytes.len().saturating_add(bytes.len() / 8));
    out.extend_from_slice(bytes.get(..section::HEADER).unwrap_or_default());
    for section in Sections::new(bytes) {
        let section = section?;
        let goes = section.id == section::CUSTOM && matches!(custom::fate(&section), Fate::Goes);
        if section.id == section::CODE {
            out.push(section::CODE);
            code.as_slice().encode(&mut out);
        } else if !goes {
            out.extend_from_slice(section.whole);
        }
    }
    Ok(Some(out))
}

/// The contents of the code section, or `None` where they stay as they are.
fn with_loops(bytes: &[u8], section: &Section<'_>, survey: &Survey) -> Result<Option<Vec<u8>>> {
    let shared = survey.memories.iter().any(|memory| memory.shared);
    let mut reader = section.reader();
    let count = reader.read_var_u32().map_err(fault::reader)?;
    let mut out = Vec::new();
    // How much of the section is in `out`.
    let mut copied = section.offset;
    for _ in 0..count {
        let at = reader.original_position();
        let body = reader.read_reader().map_err(fault::reader)?;
        let range = body.range();
        let contents = bytes.get(range.clone()).unwrap_or_default();
        if !shared && !may_need_loops(contents) {
            continue;
        }
        let Some(body) = body_with_loops(bytes, body, survey)? else {
            continue;
        };
        if body.len() > MAX_BODY && contents.len() <= MAX_BODY {
            return Err(no_room(at, "as many bytes as a function may have"));
        }
        out.extend_from_slice(bytes.get(copied..at).unwrap_or_default());
        body.as_slice().encode(&mut out);
        copied = range.end;
        if out.len() > most(bytes.len()) {
            return Err(too_large());
        }
    }
    if out.is_empty() {
        return Ok(None);
    }
    let end = section.reader().range().end;
    out.extend_from_slice(bytes.get(copied..end).unwrap_or_default());
    Ok(Some(out))
}

/// `None`: the function needs none.
fn body_with_loops(
    bytes: &[u8],
    body: BinaryReader<'_>,
    survey: &Survey,
) -> Result<Option<Vec<u8>>> {
    let range = body.range();
    let places = Places::of(bytes, body, survey)?;
    if places.stretches.is_empty() && places.bulk.len() <= FEW {
        return Ok(None);
    }
    let mut all = places.stretches;
    if places.bulk.len() > FEW {
        all.extend(places.bulk);
        all.sort_unstable();
        all.dedup();
    }
    let mut edit = Edit::unmoved(bytes, range.start);
    let mut out = Vec::new();
    for place in all {
        edit.copy(&mut out, place);
        check::empty_loop(&mut out);
    }
    edit.copy(&mut out, range.end);
    Ok(Some(out))
}

/// Where a function may get empty loops: in front of these offsets.
#[derive(Default)]
struct Places {
    /// Where a long stretch of code lies behind.
    stretches: Vec<usize>,
    bulk: Vec<usize>,
}

impl Places {
    fn of(bytes: &[u8], body: BinaryReader<'_>, survey: &Survey) -> Result<Places> {
        let mut places = Places::default();
        let mut path = Path::new(BOUNDS);
        let code = FunctionBody::new(body).get_operators_reader();
        let mut operators = code.map_err(fault::reader)?;
        while !operators.eof() {
            let (operator, start) = operators.read_with_offset().map_err(fault::reader)?;
            refuse_waiting(&operator, survey, start)?;
            if path.is_due(&operator) {
                places.stretches.push(start);
                path.checked();
            }
            if Bulk::of(&operator, survey).is_some() {
                places.bulk.push(start);
            }
            // What is called looks for itself where it is entered.
            let first = bytes.get(start).copied().unwrap_or_default();
            path.pass(&operator, cost::of(&operator, first, survey));
            if matches!(operator, Operator::Loop { .. }) {
                path.checked();
            }
        }
        operators.finish().map_err(fault::reader)?;
        Ok(places)
    }
}
