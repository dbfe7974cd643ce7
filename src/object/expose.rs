//! Gives the linker what a module keeps to itself and a snapshot needs: its own mutable globals become exports, and its start function an
//! export that the linker calls itself, once.
//!
//! Sections are rewritten as bytes; code is only read. What a snapshot cannot take is refused here, where it has a name.

use wasm_encoder::Encode;
use wasmparser::{
    ExportSectionReader, FunctionBody, GlobalType, ImportSectionReader, Operator, TypeRef, ValType,
};

use super::fault;
use super::section::{self, Section, Sections};
use crate::abi;
use crate::aside::{self, is_lean};
use crate::error::{Code, Error, Result};
use crate::text;

const KIND_FUNC: u8 = 0x00;
const KIND_GLOBAL: u8 = 0x03;

/// What is to be exported besides.
#[derive(Default)]
struct More {
    /// Indices of mutable globals.
    globals: Vec<u32>,
    start: Option<u32>,
}

/// The module with its mutable globals and its start function as exports ([`abi::EXPOSED_GLOBAL`], [`abi::EXPOSED_START`]), or `None` where
/// it has neither. An error if it has a state that is out of reach. `bytes` have been parsed.
pub fn expose(bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    if is_lean() {
        return Err(aside::without("namespaces have no snapshots"));
    }
    let more = survey(bytes)?;
    if more.globals.is_empty() && more.start.is_none() {
        return Ok(None);
    }
    let mut out = Vec::with_capacity(bytes.len().saturating_add(more.globals.len() * 24));
    out.extend_from_slice(bytes.get(..section::HEADER).unwrap_or_default());
    let mut written = false;
    for section in Sections::new(bytes) {
        let section = section?;
        match section.id {
            section::EXPORT => {
                append(&mut out, &exports(Some(&section), &more)?)?;
                written = true;
                continue;
            }
            // Exports stand before these.
            section::START
            | section::ELEMENT
            | section::CODE
            | section::DATA
            | section::DATA_COUNT
                if !written =>
            {
                append(&mut out, &exports(None, &more)?)?;
                written = true;
            }
            _ => {}
        }
        if section.id != section::START {
            out.extend_from_slice(section.whole);
        }
    }
    if !written {
        append(&mut out, &exports(None, &more)?)?;
    }
    Ok(Some(out))
}

/// Looks at what the module has of its own.
fn survey(bytes: &[u8]) -> Result<More> {
    let mut more = More::default();
    let mut imported = 0u32;
    for section in Sections::new(bytes) {
        let section = section?;
        match section.id {
            section::IMPORT => imported = imported_globals(&section)?,
            section::MEMORY if own(&section)? > 0 => {
                return Err(refused("has a memory of its own besides the namespace's"));
            }
            section::GLOBAL => more.globals = mutable(&section, imported)?,
            section::EXPORT => names(&section)?,
            section::START => {
                let start = section.reader().read_var_u32().map_err(fault::reader)?;
                more.start = Some(start);
            }
            section::CODE => code(&section)?,
            _ => {}
        }
    }
    Ok(more)
}

fn refused(what: &str) -> Error {
    let why = format!(
        "it {what}, which a snapshot cannot take: load it into a namespace without snapshots (wasm_dyld_config_set_snapshots)"
    );
    Error::new(Code::Unsupported, why)
}

fn own(section: &Section<'_>) -> Result<u32> {
    section.reader().read_var_u32().map_err(fault::reader)
}

fn imported_globals(section: &Section<'_>) -> Result<u32> {
    let imports = ImportSectionReader::new(section.reader()).map_err(fault::reader)?;
    let mut count = 0u32;
    for import in imports.into_imports() {
        let import = import.map_err(fault::reader)?;
        if matches!(import.ty, TypeRef::Global(_)) {
            count = count.saturating_add(1);
        }
    }
    Ok(count)
}

/// Refuses exports that would be taken for those that are added here.
fn names(section: &Section<'_>) -> Result<()> {
    for export in ExportSectionReader::new(section.reader()).map_err(fault::reader)? {
        let name = export.map_err(fault::reader)?.name;
        if name == abi::EXPOSED_START || name.starts_with(abi::EXPOSED_GLOBAL) {
            return Err(refused(&format!("exports {}", text::name(name))));
        }
    }
    Ok(())
}

/// The indices of the mutable globals.
fn mutable(section: &Section<'_>, imported: u32) -> Result<Vec<u32>> {
    let mut reader = section.reader();
    let count = reader.read_var_u32().map_err(fault::reader)?;
    let mut found = Vec::new();
    for index in imported..imported.saturating_add(count) {
        let global: wasmparser::Global<'_> = reader.read().map_err(fault::reader)?;
        match global.ty {
            GlobalType { mutable: false, .. } => {}
            GlobalType {
                content_type: ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64,
                ..
            } => found.push(index),
            other => {
                let what = format!(
                    "has a mutable global (number {index}) of type {}",
                    other.content_type
                );
                return Err(refused(&what));
            }
        }
    }
    Ok(found)
}

/// The name of an instruction that changes a table.
pub(crate) fn changes_table(operator: &Operator<'_>) -> Option<&'static str> {
    match operator {
        Operator::TableSet { .. } => Some("table.set"),
        Operator::TableGrow { .. } => Some("table.grow"),
        Operator::TableFill { .. } => Some("table.fill"),
        Operator::TableCopy { .. } => Some("table.copy"),
        Operator::TableInit { .. } => Some("table.init"),
        _ => None,
    }
}

/// Refuses code that changes tables: no engine tells which function is in a slot.
fn code(section: &Section<'_>) -> Result<()> {
    let mut reader = section.reader();
    let count = reader.read_var_u32().map_err(fault::reader)?;
    for _ in 0..count {
        let body = FunctionBody::new(reader.read_reader().map_err(fault::reader)?);
        let mut operators = body.get_operators_reader().map_err(fault::reader)?;
        while !operators.eof() {
            if let Some(what) = changes_table(&operators.read().map_err(fault::reader)?) {
                return Err(refused(&format!("changes tables by itself ({what})")));
            }
        }
    }
    Ok(())
}

/// Contents of the export section with the new exports at its end.
fn exports(section: Option<&Section<'_>>, more: &More) -> Result<Vec<u8>> {
    let (mut count, mut rest): (u32, &[u8]) = (0, &[]);
    if let Some(section) = section {
        let mut reader = section.reader();
        count = reader.read_var_u32().map_err(fault::reader)?;
        let at = reader.current_position();
        rest = section.contents.get(at..).unwrap_or_default();
    }
    let new = more.globals.len() + usize::from(more.start.is_some());
    let total = u32::try_from(new)
        .ok()
        .and_then(|new| count.checked_add(new));
    let total = total.ok_or_else(|| fault::over_limit(0, new, "exports", u32::MAX))?;
    let mut contents = Vec::new();
    total.encode(&mut contents);
    contents.extend_from_slice(rest);
    for global in &more.globals {
        // Numbers of fixed width: an engine may hand exports out in alphabetical order (Q1).
        format!("{}{global:08}", abi::EXPOSED_GLOBAL).encode(&mut contents);
        contents.push(KIND_GLOBAL);
        global.encode(&mut contents);
    }
    if let Some(start) = more.start {
        abi::EXPOSED_START.encode(&mut contents);
        contents.push(KIND_FUNC);
        start.encode(&mut contents);
    }
    Ok(contents)
}

fn append(out: &mut Vec<u8>, contents: &[u8]) -> Result<()> {
    let size = u32::try_from(contents.len());
    let size =
        size.map_err(|_| fault::over_limit(0, contents.len(), "bytes in a section", u32::MAX))?;
    out.push(section::EXPORT);
    size.encode(out);
    out.extend_from_slice(contents);
    Ok(())
}
