//! Lowers the maxima of memories and tables that a module has for itself, so that the guest's own growing ends where the host says.
//!
//! The namespace's memory and table are made with their bounds. Those that a module defines beside them are the engine's affair: what
//! bounds them is their maximum alone.

use wasm_encoder::Encode;
use wasmparser::{BinaryReader, RefType};

use super::fault;
use super::operators;
use super::section::{self, Section, Sections};
use crate::error::{Code, Error, Result};

/// How far a module's own may grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of a memory.
    pub memory: Option<u64>,
    /// Slots of a table.
    pub table: Option<u64>,
}

// Flags of limits in the binary format.
const HAS_MAX: u8 = 0x01;
const IS_64: u8 = 0x04;
const HAS_PAGE_SIZE: u8 = 0x08;

/// A table with an initial value begins so.
const WITH_VALUE: u8 = 0x40;

const PAGE_LOG2: u32 = 16;

/// The module with lower maxima, or `None` where they are low enough. An error if something is too large from the start. `bytes` have been
/// parsed.
pub fn clamp(bytes: &[u8], bounds: Bounds) -> Result<Option<Vec<u8>>> {
    let mut out = Vec::new();
    let mut copied = 0;
    for section in Sections::new(bytes) {
        let section = section?;
        let contents = match (section.id, bounds) {
            (
                section::MEMORY,
                Bounds {
                    memory: Some(bound),
                    ..
                },
            ) => memories(&section, bound)?,
            (
                section::TABLE,
                Bounds {
                    table: Some(bound), ..
                },
            ) => tables(&section, bound)?,
            _ => None,
        };
        let Some(contents) = contents else { continue };
        let end = section.offset.saturating_add(section.contents.len());
        let start = end.saturating_sub(section.whole.len());
        out.extend_from_slice(bytes.get(copied..start).unwrap_or_default());
        out.push(section.id);
        contents.encode(&mut out);
        copied = end;
    }
    if copied == 0 {
        return Ok(None);
    }
    out.extend_from_slice(bytes.get(copied..).unwrap_or_default());
    Ok(Some(out))
}

/// A copy of a section in which limits are others.
struct Copy<'a> {
    section: &'a Section<'a>,
    reader: BinaryReader<'a>,
    out: Vec<u8>,
    copied: usize,
    changed: bool,
}

impl<'a> Copy<'a> {
    fn new(section: &'a Section<'a>) -> Copy<'a> {
        Copy {
            section,
            reader: section.reader(),
            out: Vec::new(),
            copied: section.offset,
            changed: false,
        }
    }

    fn up_to(&mut self, end: usize) {
        let at = |place: usize| place.saturating_sub(self.section.offset);
        let piece = self.section.contents.get(at(self.copied)..at(end));
        self.out.extend_from_slice(piece.unwrap_or_default());
        self.copied = end;
    }

    /// Reads limits and writes them with a maximum of `bound` at the most, which is told by the size of a page.
    fn limits(&mut self, what: &str, bound: impl Fn(u32) -> u64) -> Result<()> {
        let start = self.reader.original_position();
        let limits = self.read_limits().map_err(fault::reader)?;
        let bound = bound(limits.page_log2.unwrap_or(PAGE_LOG2));
        if limits.min > bound {
            let why = format!(
                "at {start:#x}: a {what} of the module's own of {} at least; the limit is {bound}",
                limits.min
            );
            return Err(Error::new(Code::Limit, why));
        }
        if limits.max.is_some_and(|max| max <= bound) {
            return Ok(());
        }
        self.up_to(start);
        self.out.push(limits.flags | HAS_MAX);
        limits.min.encode(&mut self.out);
        bound.encode(&mut self.out);
        if let Some(log2) = limits.page_log2 {
            log2.encode(&mut self.out);
        }
        self.copied = self.reader.original_position();
        self.changed = true;
        Ok(())
    }

    fn read_limits(&mut self) -> wasmparser::Result<Limits> {
        let reader = &mut self.reader;
        let flags = reader.read_u8()?;
        let mut number = |is_64: bool| match is_64 {
            true => reader.read_var_u64(),
            false => reader.read_var_u32().map(u64::from),
        };
        let wide = flags & IS_64 != 0;
        let min = number(wide)?;
        let max = (flags & HAS_MAX != 0).then(|| number(wide)).transpose()?;
        let page_log2 = match flags & HAS_PAGE_SIZE {
            0 => None,
            _ => Some(reader.read_var_u32()?),
        };
        Ok(Limits {
            flags,
            min,
            max,
            page_log2,
        })
    }

    fn finish(mut self) -> Option<Vec<u8>> {
        let end = self
            .section
            .offset
            .saturating_add(self.section.contents.len());
        self.up_to(end);
        self.changed.then_some(self.out)
    }
}

struct Limits {
    flags: u8,
    min: u64,
    max: Option<u64>,
    page_log2: Option<u32>,
}

fn memories(section: &Section<'_>, bytes: u64) -> Result<Option<Vec<u8>>> {
    let mut copy = Copy::new(section);
    let count = copy.reader.read_var_u32().map_err(fault::reader)?;
    for _ in 0..count {
        copy.limits("memory", |page_log2| {
            bytes.checked_shr(page_log2).unwrap_or(0)
        })?;
    }
    Ok(copy.finish())
}

fn tables(section: &Section<'_>, slots: u64) -> Result<Option<Vec<u8>>> {
    let mut copy = Copy::new(section);
    let count = copy.reader.read_var_u32().map_err(fault::reader)?;
    for _ in 0..count {
        let with_value = copy.section.contents.get(
            copy.reader
                .original_position()
                .saturating_sub(section.offset),
        ) == Some(&WITH_VALUE);
        if with_value {
            copy.reader.read_bytes(2).map_err(fault::reader)?;
        }
        copy.reader.read::<RefType>().map_err(fault::reader)?;
        copy.limits("table", |_| slots)?;
        if with_value {
            operators::skip_expression(&mut copy.reader)?;
        }
    }
    Ok(copy.finish())
}
