//! Custom sections of a rewritten module.

use wasm_encoder::Encode;
use wasmparser::{BinaryReader, Result};

use super::super::section::Section;
use super::edit::{Edit, Moves};

/// What becomes of a custom section.
pub(super) enum Fate {
    Stays,
    /// It tells of places in the code, which move: DWARF, source maps, branch hints, relocations.
    Goes,
    /// It holds indices of functions, globals and memories.
    Names,
}

pub(super) fn fate(section: &Section<'_>) -> Fate {
    let name = section.reader().read_string().unwrap_or_default();
    match name {
        "name" => Fate::Names,
        "linking" | "sourceMappingURL" | "external_debug_info" => Fate::Goes,
        name if name.starts_with(".debug_")
            || name.starts_with("reloc.")
            || name.starts_with("metadata.code.") =>
        {
            Fate::Goes
        }
        _ => Fate::Stays,
    }
}

// Subsections of `name` whose entries begin with the index of a function, a memory or a global.
const FUNCTIONS: u8 = 1;
const LOCALS: u8 = 2;
const LABELS: u8 = 3;
const MEMORIES: u8 = 6;
const GLOBALS: u8 = 7;

/// The contents of the section `name` with indices as the rewritten module has them. An error means that it is damaged: names only help
/// people, so that the module goes without.
pub(super) fn names(bytes: &[u8], section: &Section<'_>, moves: Moves) -> Result<Vec<u8>> {
    let mut reader = section.reader();
    reader.read_string()?;
    let mut out = bytes
        .get(section.offset..reader.original_position())
        .unwrap_or_default()
        .to_vec();
    while !reader.eof() {
        let id = reader.read_u8()?;
        let mut contents = reader.read_reader()?;
        let range = contents.range();
        let mut edit = Edit::new(bytes, range.start, moves);
        let mut subsection = Vec::with_capacity(range.len());
        if matches!(id, FUNCTIONS | LOCALS | LABELS | MEMORIES | GLOBALS) {
            indices(&mut subsection, &mut edit, &mut contents, id)?;
        }
        edit.copy(&mut subsection, range.end);
        out.push(id);
        subsection.encode(&mut out);
    }
    Ok(out)
}

fn indices(
    out: &mut Vec<u8>,
    edit: &mut Edit<'_>,
    reader: &mut BinaryReader<'_>,
    id: u8,
) -> Result<()> {
    for _ in 0..reader.read_var_u32()? {
        let start = reader.original_position();
        let index = reader.read_var_u32()?;
        let end = reader.original_position();
        match id {
            GLOBALS => edit.global(out, start, end, index),
            MEMORIES => edit.memory(out, start, end, index),
            _ => edit.func(out, start, end, index),
        }
        if matches!(id, FUNCTIONS | MEMORIES | GLOBALS) {
            reader.skip_string()?;
            continue;
        }
        for _ in 0..reader.read_var_u32()? {
            reader.read_var_u32()?;
            reader.skip_string()?;
        }
    }
    Ok(())
}
