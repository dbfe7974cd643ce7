//! The `dylink.0` custom section, and `dylink` as it was before LLVM 13.
//!
//! Written here and not taken from wasmparser, which has no limits on counts and lets bytes that
//! are left over pass.

use crate::hash_map::HashSet;
use std::sync::Arc;

use wasm_encoder::{CustomSection, Encode};
use wasmparser::BinaryReader;

use super::budget::{self, Budget};
#[cfg(any(test, target_family = "wasm"))]
use super::section::{CUSTOM, Sections};
use super::{Dylink, Object, ParseLimits, fault};
use crate::abi;
use crate::error::{Context, Result};

/// What the section says: the part that outlives parsing, and the notes on exports and imports,
/// which are applied once those are known.
#[derive(Default)]
pub(super) struct Notes<'a> {
    pub dylink: Dylink,
    /// Name and symbol flags.
    pub exports: Vec<(&'a str, u32)>,
    /// Module, name and symbol flags.
    pub imports: Vec<(&'a str, &'a str, u32)>,
}

impl Notes<'_> {
    /// Puts all of it into the object, whose imports and exports are complete.
    pub fn apply(self, object: &mut Object) {
        for &(name, flags) in &self.exports {
            let has = |flag: u32| flags & flag != 0;
            // What is noted of a name that is not exported, as after a strip, has no effect.
            object
                .exports
                .mark(name, has(abi::SYMBOL_TLS), has(abi::SYMBOL_BINDING_WEAK));
        }
        let weak: HashSet<(&str, &str)> = self
            .imports
            .iter()
            .filter(|(_, _, flags)| flags & abi::SYMBOL_BINDING_WEAK != 0)
            .map(|&(module, name, _)| (module, name))
            .collect();
        if !weak.is_empty() {
            object
                .imports
                .mark_weak(|module, name| is_weak(&weak, module, name));
        }
        object.dylink = Some(self.dylink);
    }
}

/// wasm-ld notes a symbol under module `env` also where it is imported through the GOT, or only
/// through the GOT.
fn is_weak(weak: &HashSet<(&str, &str)>, module: &str, name: &str) -> bool {
    let through_got = matches!(module, abi::GOT_MEM | abi::GOT_FUNC);
    weak.contains(&(module, name)) || through_got && weak.contains(&(abi::ENV, name))
}

/// Reads the contents of a `dylink.0` section.
pub(super) fn read<'a>(
    reader: BinaryReader<'a>,
    limits: &ParseLimits,
    budget: &mut Budget,
) -> Result<Notes<'a>> {
    sections(reader, State::new(limits, budget)).context(|| "reading the dylink.0 section")
}

impl Dylink {
    /// What a module says of itself, without reading the rest of it; nothing of what has no such section, and of what cannot be read, of which
    /// [`Object::parse`] tells more.
    #[cfg(any(test, target_family = "wasm"))]
    pub fn of(bytes: &[u8], limits: &ParseLimits) -> Option<Dylink> {
        let mut budget = Budget::for_module(bytes);
        for section in Sections::new(bytes) {
            let section = section.ok()?;
            if section.id != CUSTOM {
                continue;
            }
            let mut reader = section.reader();
            let notes = match reader.read_string() {
                Ok(abi::DYLINK_0) => read(reader, limits, &mut budget),
                Ok(abi::DYLINK_LEGACY) => read_legacy(reader, limits, &mut budget),
                _ => continue,
            };
            return notes.ok().map(|notes| notes.dylink);
        }
        None
    }
}

/// The section of a library that is made here: its data have so many bytes, at a multiple of 2 to the power of `p2align`, and it has no slots.
pub(crate) fn mem_info(size: u32, p2align: u32) -> CustomSection<'static> {
    let mut content = Vec::new();
    for number in [size, p2align, 0, 0] {
        number.encode(&mut content);
    }
    let mut data = vec![abi::DYLINK_MEM_INFO];
    content.as_slice().encode(&mut data);
    CustomSection {
        name: abi::DYLINK_0.into(),
        data: data.into(),
    }
}

/// Reads the contents of a legacy `dylink` section.
pub(super) fn read_legacy<'a>(
    mut reader: BinaryReader<'a>,
    limits: &ParseLimits,
    budget: &mut Budget,
) -> Result<Notes<'a>> {
    let mut state = State::new(limits, budget);
    let mut record = || {
        state.mem_info(&mut reader)?;
        // The first toolchains had no needed list yet.
        if reader.eof() {
            return Ok(());
        }
        state.needed(&mut reader)?;
        at_end(&reader)
    };
    record().context(|| "reading the dylink section")?;
    state.notes.dylink.legacy = true;
    Ok(state.notes)
}

fn sections<'a>(mut reader: BinaryReader<'a>, mut state: State<'a, '_>) -> Result<Notes<'a>> {
    let mut has_mem_info = false;
    while !reader.eof() {
        let at = reader.original_position();
        let kind = reader.read_u8().map_err(fault::reader)?;
        let mut contents = reader.read_reader().map_err(fault::reader)?;
        match kind {
            // The lists may come in pieces; two requests for memory contradict each other.
            abi::DYLINK_MEM_INFO if has_mem_info => {
                return Err(fault::malformed(at, "a second mem_info subsection"));
            }
            abi::DYLINK_MEM_INFO => {
                has_mem_info = true;
                state.mem_info(&mut contents)?;
            }
            abi::DYLINK_NEEDED => state.needed(&mut contents)?,
            abi::DYLINK_EXPORT_INFO => state.export_info(&mut contents)?,
            abi::DYLINK_IMPORT_INFO => state.import_info(&mut contents)?,
            abi::DYLINK_RUNTIME_PATH => state.runtime_path(&mut contents)?,
            // Subsections carry their length so that readers can pass over those they do not know.
            _ => continue,
        }
        at_end(&contents)?;
    }
    Ok(state.notes)
}

struct State<'a, 'l> {
    limits: &'l ParseLimits,
    budget: &'l mut Budget,
    notes: Notes<'a>,
    /// The needed names so far, so that many of them cost no quadratic search.
    needed: HashSet<&'a str>,
    /// Entries of the needed lists, duplicates included.
    needed_entries: usize,
}

impl<'a, 'l> State<'a, 'l> {
    fn new(limits: &'l ParseLimits, budget: &'l mut Budget) -> Self {
        State {
            limits,
            budget,
            notes: Notes::default(),
            needed: HashSet::new(),
            needed_entries: 0,
        }
    }

    fn mem_info(&mut self, reader: &mut BinaryReader<'a>) -> Result<()> {
        let dylink = &mut self.notes.dylink;
        dylink.memory_size = u64::from(number(reader)?);
        dylink.memory_p2align = number(reader)?;
        dylink.table_size = u64::from(number(reader)?);
        dylink.table_p2align = number(reader)?;
        Ok(())
    }

    fn needed(&mut self, reader: &mut BinaryReader<'a>) -> Result<()> {
        let count = count(
            reader,
            self.needed_entries,
            "needed libraries",
            self.limits.needed,
        )?;
        for _ in 0..count {
            let name = path(reader, self.limits, "a needed library's name")?;
            let needed = name.len().saturating_add(budget::NOTE);
            self.budget.take(reader.original_position(), 1, needed)?;
            self.needed_entries = self.needed_entries.saturating_add(1);
            if self.needed.insert(name) {
                self.notes.dylink.needed.push(Arc::from(name));
            }
        }
        Ok(())
    }

    fn runtime_path(&mut self, reader: &mut BinaryReader<'a>) -> Result<()> {
        let count = count(
            reader,
            self.notes.dylink.runtime_path.len(),
            "runtime paths",
            self.limits.runtime_paths,
        )?;
        for _ in 0..count {
            let entry = path(reader, self.limits, "a runtime path")?;
            let needed = entry.len().saturating_add(budget::NOTE);
            self.budget.take(reader.original_position(), 1, needed)?;
            self.notes.dylink.runtime_path.push(Arc::from(entry));
        }
        Ok(())
    }

    fn export_info(&mut self, reader: &mut BinaryReader<'a>) -> Result<()> {
        let count = count(
            reader,
            self.notes.exports.len(),
            "export_info entries",
            self.limits.exports,
        )?;
        for _ in 0..count {
            self.budget
                .take(reader.original_position(), 1, budget::NOTE)?;
            let name = string(reader, self.limits)?;
            let flags = number(reader)?;
            self.notes.exports.push((name, flags));
        }
        Ok(())
    }

    fn import_info(&mut self, reader: &mut BinaryReader<'a>) -> Result<()> {
        let count = count(
            reader,
            self.notes.imports.len(),
            "import_info entries",
            self.limits.imports,
        )?;
        for _ in 0..count {
            self.budget
                .take(reader.original_position(), 1, budget::NOTE)?;
            let module = string(reader, self.limits)?;
            let name = string(reader, self.limits)?;
            let flags = number(reader)?;
            self.notes.imports.push((module, name, flags));
        }
        Ok(())
    }
}

fn number(reader: &mut BinaryReader<'_>) -> Result<u32> {
    reader.read_var_u32().map_err(fault::reader)
}

/// A count of entries to come, held against the limit together with those already `there`.
fn count(reader: &mut BinaryReader<'_>, there: usize, what: &str, limit: u32) -> Result<u32> {
    let at = reader.original_position();
    let count = number(reader)?;
    let total = there.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
    fault::check_count(at, total, what, limit)?;
    Ok(count)
}

fn string<'a>(reader: &mut BinaryReader<'a>, limits: &ParseLimits) -> Result<&'a str> {
    let at = reader.original_position();
    let length = number(reader)?;
    if length > limits.name {
        return Err(fault::over_limit(
            at,
            length,
            "bytes in a name",
            limits.name,
        ));
    }
    let start = reader.original_position();
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let bytes = reader.read_bytes(length).map_err(fault::reader)?;
    std::str::from_utf8(bytes).map_err(|e| {
        fault::malformed(
            start.saturating_add(e.valid_up_to()),
            "a name is not valid UTF-8",
        )
    })
}

/// A string that will be part of a file name. NUL would cut it short in the operating system, and
/// an empty one would name a folder. Slashes and `..` are for the search to judge.
fn path<'a>(reader: &mut BinaryReader<'a>, limits: &ParseLimits, what: &str) -> Result<&'a str> {
    let at = reader.original_position();
    let text = string(reader, limits)?;
    if text.is_empty() {
        return Err(fault::malformed(at, format_args!("{what} is empty")));
    }
    if text.contains('\0') {
        return Err(fault::malformed(at, format_args!("{what} contains NUL")));
    }
    Ok(text)
}

fn at_end(reader: &BinaryReader<'_>) -> Result<()> {
    match reader.bytes_remaining() {
        0 => Ok(()),
        left => Err(fault::malformed(
            reader.original_position(),
            format_args!("{left} bytes are left over"),
        )),
    }
}
