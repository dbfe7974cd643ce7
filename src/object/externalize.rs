//! Turns the memory, the function table and the stack pointer that a module defines into imports.
//!
//! A program linked without -pie makes its own memory and table, while the linker wants to have
//! both before any module is instantiated, so that libraries can come before the program. Sections
//! are rewritten as bytes; no code is decoded.
//!
//! No index changes its meaning: what is moved has the first index after the imports of its kind,
//! and becomes the last import of that kind. Exports of it become exports of an import.

use wasm_encoder::Encode;
use wasmparser::BinaryReader;

use super::constant::Expression;
use super::section::{self, Section, Sections};
use super::{
    ExportItem, ExternType, GlobalType, MemoryType, Object, TableType, ValType, convert, fault,
    operators,
};
use crate::abi;
use crate::error::Result;

/// What was moved out of a module, as the module defined it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Externalized {
    /// Now imported as `env.memory`, with the same limits.
    pub memory: Option<MemoryType>,
    /// Now imported as `env.__indirect_function_table`, with the same minimum and no maximum.
    pub table: Option<TableType>,
    /// Initial value of the stack pointer, now imported as `env.__stack_pointer`.
    pub stack_pointer: Option<u64>,
}

// Kinds of imports in the binary format.
const KIND_TABLE: u8 = 0x01;
const KIND_MEMORY: u8 = 0x02;
const KIND_GLOBAL: u8 = 0x03;

const FUNCREF: u8 = 0x70;
const TABLE64: u8 = 0x04;

/// The stack pointer that LLVM makes: a mutable i32.
pub const STACK_POINTER_TYPE: GlobalType = GlobalType {
    content: ValType::I32,
    mutable: true,
};
const MUTABLE_I32: [u8; 2] = [0x7f, 0x01];

/// Returns the rewritten module and what was moved, or `None` where there is nothing to move.
///
/// `object` is the result of parsing the same `bytes`.
pub fn externalize(bytes: &[u8], object: &Object) -> Result<Option<(Vec<u8>, Externalized)>> {
    let cuts = plan(bytes, object)?;
    if cuts.imports.is_empty() {
        return Ok(None);
    }
    Ok(Some((rewrite(bytes, &cuts)?, cuts.moved)))
}

/// What to put in the place of sections.
#[derive(Default)]
struct Cuts {
    moved: Externalized,
    /// Imports to be appended, encoded, and how many they are.
    imports: Vec<u8>,
    import_count: u32,
    /// New contents by section; empty contents mean that nothing is left of the section.
    replaced: Vec<(u8, Vec<u8>)>,
}

impl Cuts {
    fn import(&mut self, name: &str, kind: u8, ty: &[u8]) {
        abi::ENV.encode(&mut self.imports);
        name.encode(&mut self.imports);
        self.imports.push(kind);
        self.imports.extend_from_slice(ty);
        self.import_count = self.import_count.saturating_add(1);
    }

    /// Takes the first of `count` entries out of a section; `rest` holds the others.
    fn cut_first(&mut self, id: u8, count: u32, rest: &[u8]) {
        let mut contents = Vec::new();
        if let Some(left @ 1..) = count.checked_sub(1) {
            left.encode(&mut contents);
            contents.extend_from_slice(rest);
        }
        self.replaced.push((id, contents));
    }

    fn replacement(&self, id: u8) -> Option<&[u8]> {
        self.replaced
            .iter()
            .find(|(of, _)| *of == id)
            .map(|(_, contents)| contents.as_slice())
    }
}

/// Decides what moves. Sections come in the order table, memory, global; the imports are put in
/// the order memory, table, global, which is as good for the indices: they are counted by kind.
fn plan(bytes: &[u8], object: &Object) -> Result<Cuts> {
    let (mut memory, mut table, mut global) = (None, None, None);
    for section in Sections::new(bytes) {
        let section = section?;
        match section.id {
            section::MEMORY => memory = Some(section),
            section::TABLE => table = Some(section),
            section::GLOBAL => global = Some(section),
            _ => {}
        }
    }
    let mut cuts = Cuts::default();
    if let (Some(ty), Some(section)) = (movable_memory(object), memory) {
        move_memory(&mut cuts, ty, &section)?;
    }
    if let (Some(ty), Some(section)) = (movable_table(object), table) {
        move_table(&mut cuts, ty, &section)?;
    }
    if let (true, Some(section)) = (has_movable_stack_pointer(object), global) {
        move_stack_pointer(&mut cuts, &section)?;
    }
    Ok(cuts)
}

fn movable_memory(object: &Object) -> Option<MemoryType> {
    let imported = object
        .imports
        .iter()
        .any(|import| matches!(import.ty, ExternType::Memory(_)));
    (!imported && object.defined_memories == 1)
        .then_some(object.memory)
        .flatten()
}

/// Table 0 is the module's own only where no table is imported.
fn movable_table(object: &Object) -> Option<TableType> {
    match object.table {
        Some((0, ty)) if ty.element == ValType::FUNCREF => Some(ty),
        _ => None,
    }
}

fn has_movable_stack_pointer(object: &Object) -> bool {
    let imported = object
        .imports
        .iter()
        .any(|import| &**import.module == abi::ENV && &*import.name == abi::STACK_POINTER);
    let exported = object
        .export(abi::STACK_POINTER)
        .map(|export| export.item.clone());
    let first_defined = ExportItem::Global {
        index: object.imported_globals,
        ty: STACK_POINTER_TYPE.into(),
    };
    !imported && exported == Some(first_defined)
}

fn move_memory(cuts: &mut Cuts, ty: MemoryType, section: &Section<'_>) -> Result<()> {
    let mut reader = BinaryReader::new(section.contents, section.offset);
    let count = reader.read_var_u32().map_err(fault::reader)?;
    // A memory's type is written the same in an import.
    let encoded = rest(section, &reader);
    if count == 1 {
        cuts.import(abi::MEMORY, KIND_MEMORY, encoded);
        cuts.cut_first(section::MEMORY, count, &[]);
        cuts.moved.memory = Some(ty);
    }
    Ok(())
}

fn move_table(cuts: &mut Cuts, ty: TableType, section: &Section<'_>) -> Result<()> {
    let mut reader = BinaryReader::new(section.contents, section.offset);
    let count = reader.read_var_u32().map_err(fault::reader)?;
    let (_, has_value) = operators::table(&mut reader)?;
    // An import cannot say what a table is filled with.
    if has_value {
        return Ok(());
    }
    // Without a maximum, since the linker's table grows with every library.
    let mut encoded = vec![FUNCREF, if ty.table64 { TABLE64 } else { 0 }];
    ty.limits.min.encode(&mut encoded);
    cuts.import(abi::INDIRECT_FUNCTION_TABLE, KIND_TABLE, &encoded);
    cuts.cut_first(section::TABLE, count, rest(section, &reader));
    cuts.moved.table = Some(ty);
    Ok(())
}

fn move_stack_pointer(cuts: &mut Cuts, section: &Section<'_>) -> Result<()> {
    let mut reader = BinaryReader::new(section.contents, section.offset);
    let count = reader.read_var_u32().map_err(fault::reader)?;
    let at = reader.original_position();
    let ty: wasmparser::GlobalType = reader.read().map_err(fault::reader)?;
    let init = Expression::read(&mut reader)?;
    let (STACK_POINTER_TYPE, Some(value)) = (convert::global(ty, at)?, init.single_i32()) else {
        return Ok(());
    };
    cuts.import(abi::STACK_POINTER, KIND_GLOBAL, &MUTABLE_I32);
    cuts.cut_first(section::GLOBAL, count, rest(section, &reader));
    cuts.moved.stack_pointer = Some(value);
    Ok(())
}

fn rewrite(bytes: &[u8], cuts: &Cuts) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len().saturating_add(cuts.imports.len()));
    out.extend_from_slice(bytes.get(..section::HEADER).unwrap_or_default());
    let mut imports_written = false;
    for item in Sections::new(bytes) {
        let section = item?;
        match section.id {
            section::IMPORT => {
                append(&mut out, imports(Some(&section), cuts)?, section::IMPORT)?;
                imports_written = true;
                continue;
            }
            section::CUSTOM | section::TYPE => {}
            // Imports stand between the types and everything else.
            _ if !imports_written => {
                append(&mut out, imports(None, cuts)?, section::IMPORT)?;
                imports_written = true;
            }
            _ => {}
        }
        match cuts.replacement(section.id) {
            Some([]) => {}
            Some(contents) => append(&mut out, contents.to_vec(), section.id)?,
            None => out.extend_from_slice(section.whole),
        }
    }
    Ok(out)
}

/// Contents of the import section with the new imports at its end.
fn imports(section: Option<&Section<'_>>, cuts: &Cuts) -> Result<Vec<u8>> {
    let mut contents = Vec::new();
    let Some(section) = section else {
        cuts.import_count.encode(&mut contents);
        contents.extend_from_slice(&cuts.imports);
        return Ok(contents);
    };
    let mut reader = BinaryReader::new(section.contents, section.offset);
    let count = reader.read_var_u32().map_err(fault::reader)?;
    let total = count
        .checked_add(cuts.import_count)
        .ok_or_else(|| fault::over_limit(section.offset, count, "imports", u32::MAX))?;
    total.encode(&mut contents);
    contents.extend_from_slice(rest(section, &reader));
    contents.extend_from_slice(&cuts.imports);
    Ok(contents)
}

fn append(out: &mut Vec<u8>, contents: Vec<u8>, id: u8) -> Result<()> {
    let size = u32::try_from(contents.len())
        .map_err(|_| fault::over_limit(0, contents.len(), "bytes in a section", u32::MAX))?;
    out.push(id);
    size.encode(out);
    out.extend_from_slice(&contents);
    Ok(())
}

/// What `reader` has not read of the section yet.
fn rest<'a>(section: &Section<'a>, reader: &BinaryReader<'_>) -> &'a [u8] {
    section
        .contents
        .get(reader.current_position()..)
        .unwrap_or_default()
}
