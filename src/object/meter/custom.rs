//! Custom sections of a rewritten module.

use wasm_encoder::Encode;
use wasmparser::{BinaryReader, Result};

use super::super::section::Section;
use super::asides::Asides;
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

/// The contents of the section `name` with indices as the rewritten module has them. A function that asks for another has that one's name, for
/// engines that tell functions by their names. An error means that it is damaged: names only help people, so that the module goes without.
pub(super) fn names(
    bytes: &[u8],
    section: &Section<'_>,
    moves: Moves,
    asides: &Asides,
) -> Result<Vec<u8>> {
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
        match id {
            FUNCTIONS => {
                let aside = |index: u32| asides.index(index.checked_sub(moves.func)?);
                functions(&mut subsection, &mut edit, &mut contents, aside)?;
            }
            LOCALS | LABELS | MEMORIES | GLOBALS => {
                indices(&mut subsection, &mut edit, &mut contents, id)?;
            }
            _ => {}
        }
        edit.copy(&mut subsection, range.end);
        out.push(id);
        subsection.encode(&mut out);
    }
    Ok(out)
}

/// `aside`: the function that asks for the one of an index.
fn functions(
    out: &mut Vec<u8>,
    edit: &mut Edit<'_>,
    reader: &mut BinaryReader<'_>,
    aside: impl Fn(u32) -> Option<u32>,
) -> Result<()> {
    let count = reader.read_var_u32()?;
    edit.skip(reader.original_position());
    let mut names = Vec::with_capacity(reader.bytes_remaining());
    // Behind all others, as their functions are: names stand in the order of indices.
    let (mut more, mut behind) = (0_u32, Vec::new());
    for _ in 0..count {
        let start = reader.original_position();
        let index = reader.read_var_u32()?;
        let name = reader.original_position();
        edit.func(&mut names, start, name, index);
        reader.skip_string()?;
        let end = reader.original_position();
        edit.copy(&mut names, end);
        if let Some(aside) = aside(index) {
            more = more.saturating_add(1);
            aside.encode(&mut behind);
            behind.extend_from_slice(edit.bytes(name, end));
        }
    }
    count.saturating_add(more).encode(out);
    out.extend_from_slice(&names);
    out.extend_from_slice(&behind);
    Ok(())
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
            // Of functions.
            _ => edit.func(out, start, end, index),
        }
        if matches!(id, MEMORIES | GLOBALS) {
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
