//! A plain module, as far as a snapshot changes it.

use std::ops::Range;

use wasm_encoder::{CodeSection, SectionId};
use wasmparser::types::Types;
use wasmparser::{
    DataKind, Encoding, ExternalKind, FunctionBody, GlobalType, MemoryType, Operator, Parser,
    Payload, TypeRef, ValType, Validator, WasmFeatures,
};

use super::sections::Sections;
use crate::error::{Code, Error, Result};
use crate::fuse::module::reader;
use crate::fuse::targets::{lost, number};
use crate::object::changes_table;
use crate::text;

/// More than this, each told by a function of its own, is no program.
const MAX_GLOBALS: usize = 10_000;

pub(super) struct Plain<'a> {
    bytes: &'a [u8],
    types: Types,
    pub sections: Sections<'a>,
    bodies: Vec<FunctionBody<'a>>,
    imported_globals: usize,
    /// Its own, with where they are.
    pub globals: Vec<(Range<usize>, GlobalType)>,
    pub exports: Vec<wasmparser::Export<'a>>,
    pub memory: MemoryType,
    /// Segments that code names by their number, with their bytes in the module if they are passive.
    pub data: Vec<Option<Range<usize>>>,
}

/// A lane of a global that may have changed.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    pub global: u32,
    pub ty: ValType,
    pub lane: u8,
}

impl<'a> Plain<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Plain<'a>> {
        let types = Validator::new_with_features(WasmFeatures::all())
            .validate_all(bytes)
            .map_err(reader)?;
        let mut plain = Plain {
            bytes,
            types,
            sections: Sections::read(bytes)?,
            bodies: Vec::new(),
            imported_globals: 0,
            globals: Vec::new(),
            exports: Vec::new(),
            memory: MemoryType {
                memory64: false,
                shared: false,
                initial: 0,
                maximum: None,
                page_size_log2: None,
            },
            data: Vec::new(),
        };
        let mut memories = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(reader)? {
                Payload::Version {
                    encoding: Encoding::Component,
                    ..
                } => {
                    return Err(cannot("it is a component"));
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import.map_err(reader)?;
                        let name = text::name(import.name).to_string();
                        match import.ty {
                            TypeRef::Memory(_) => return Err(cannot("it imports its memory")),
                            TypeRef::Global(ty) if ty.mutable => {
                                let why = format!("it imports the global {name}, which may change");
                                return Err(cannot(&why));
                            }
                            TypeRef::Global(_) => plain.imported_globals += 1,
                            _ => {}
                        }
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        plain.memory = memory.map_err(reader)?;
                        memories += 1;
                    }
                }
                Payload::GlobalSection(section) => {
                    let end = section.range().end;
                    let mut starts = Vec::new();
                    for global in section.into_iter_with_offsets() {
                        let (start, global) = global.map_err(reader)?;
                        starts.push((start, global.ty));
                    }
                    let ends = starts.iter().skip(1).map(|(start, _)| *start);
                    let ends: Vec<usize> = ends.chain([end]).collect();
                    let both = starts.into_iter().zip(ends);
                    plain.globals = both.map(|((start, ty), end)| (start..end, ty)).collect();
                }
                Payload::ExportSection(section) => {
                    let exports: wasmparser::Result<_> = section.into_iter().collect();
                    plain.exports = exports.map_err(reader)?;
                }
                Payload::DataSection(section) => {
                    for data in section {
                        let data = data.map_err(reader)?;
                        let passive = matches!(data.kind, DataKind::Passive);
                        plain.data.push(passive.then_some(data.range));
                    }
                }
                Payload::CodeSectionEntry(body) => plain.bodies.push(body),
                _ => {}
            }
        }
        if memories != 1 || plain.memory.shared || plain.memory.memory64 {
            return Err(cannot("it has not one memory of 32 bits of its own"));
        }
        let named = plain.look()?;
        plain.data.truncate(named);
        Ok(plain)
    }

    /// Looks through the code for what a snapshot cannot keep, and gives how many segments it names.
    fn look(&self) -> Result<usize> {
        let mut named = 0;
        for body in &self.bodies {
            let mut operators = body.get_operators_reader().map_err(reader)?;
            while !operators.eof() {
                let operator = operators.read().map_err(reader)?;
                if changes_table(&operator).is_some() {
                    return Err(cannot("its code changes a table"));
                }
                match operator {
                    Operator::MemoryInit { data_index, .. }
                    | Operator::DataDrop { data_index }
                    | Operator::ArrayNewData {
                        array_data_index: data_index,
                        ..
                    }
                    | Operator::ArrayInitData {
                        array_data_index: data_index,
                        ..
                    } => named = named.max((data_index as usize).saturating_add(1)),
                    _ => {}
                }
            }
        }
        Ok(named)
    }

    /// Whether the module is valid with another body in the place of a function's.
    pub fn takes(&self, func: u32, body: Vec<u8>) -> Result<bool> {
        let mut sections = self.sections.clone();
        self.code(&mut sections, &[(func, body)], &[])?;
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        Ok(validator.validate_all(&sections.module()).is_ok())
    }

    pub fn bytes(&self, range: Range<usize>) -> Result<&'a [u8]> {
        self.bytes.get(range).ok_or_else(|| lost("code"))
    }

    pub fn type_count(&self) -> u32 {
        self.types.as_ref().core_type_count_in_module()
    }

    pub fn func_count(&self) -> u32 {
        self.types.as_ref().function_count()
    }

    pub fn global_count(&self) -> u32 {
        self.types.as_ref().global_count()
    }

    /// Parameters and results.
    pub fn signature(&self, func: u32) -> Option<(&[ValType], &[ValType])> {
        if func >= self.func_count() {
            return None;
        }
        let types = self.types.as_ref();
        let ty = types.get(types.core_function_at(func))?;
        let ty = ty.unwrap_func();
        Some((ty.params(), ty.results()))
    }

    /// Of type `() -> ()`.
    pub fn is_plain(&self, func: u32) -> bool {
        self.signature(func) == Some((&[], &[]))
    }

    /// Of the type of a main function that takes no arguments.
    pub fn is_main(&self, func: u32) -> bool {
        self.signature(func) == Some((&[], &[ValType::I32]))
    }

    fn imported_funcs(&self) -> Result<u32> {
        let own = number(self.bodies.len())?;
        self.func_count()
            .checked_sub(own)
            .ok_or_else(|| lost("a function"))
    }

    pub fn body(&self, func: u32) -> Result<&FunctionBody<'a>> {
        let own = func.checked_sub(self.imported_funcs()?);
        let body = own.and_then(|own| self.bodies.get(own as usize));
        body.ok_or_else(|| lost("a function's body"))
    }

    pub fn exported(&self, name: &str, kind: ExternalKind) -> Option<u32> {
        let mut exports = self.exports.iter();
        let found = exports.find(|export| export.name == name && export.kind == kind)?;
        Some(found.index)
    }

    /// Puts bodies into the place of others, and new ones behind all.
    pub fn code(
        &self,
        sections: &mut Sections<'_>,
        instead: &[(u32, Vec<u8>)],
        new: &[Vec<u8>],
    ) -> Result<()> {
        let mut code = CodeSection::new();
        for (body, func) in self.bodies.iter().zip(self.imported_funcs()?..) {
            match instead.iter().find(|(of, _)| *of == func) {
                Some((_, other)) => code.raw(other),
                None => code.raw(self.bytes(body.range())?),
            };
        }
        for body in new {
            code.raw(body);
        }
        sections.replace(&code)?;
        if code.is_empty() {
            sections.remove(SectionId::Code);
        }
        Ok(())
    }

    /// What of its globals may change, but for one that is left as it begins.
    pub fn cells(&self, left: Option<u32>) -> Result<Vec<Cell>> {
        let mut cells = Vec::new();
        for ((_, ty), global) in self.globals.iter().zip(number(self.imported_globals)?..) {
            if !ty.mutable || left == Some(global) {
                continue;
            }
            let lanes = match ty.content_type {
                ValType::V128 => 2,
                ValType::Ref(_) => {
                    return Err(cannot(
                        "it has a global that holds references and may change",
                    ));
                }
                _ => 1,
            };
            let ty = ty.content_type;
            cells.extend((0..lanes).map(|lane| Cell { global, ty, lane }));
        }
        if cells.len() > MAX_GLOBALS {
            let why = format!("a snapshot keeps at most {MAX_GLOBALS} globals");
            return Err(Error::new(Code::Limit, why));
        }
        Ok(cells)
    }

    /// The number of the first of its own globals.
    pub fn first_global(&self) -> Result<u32> {
        number(self.imported_globals)
    }
}

pub(super) fn cannot(why: &str) -> Error {
    Error::new(
        Code::Unsupported,
        format!("no snapshot can be made of this module: {why}"),
    )
}
