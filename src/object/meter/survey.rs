//! What rewriting needs to know of a module beforehand.

use wasmparser::{
    BinaryReader, CompositeInnerType, FunctionSectionReader, ImportSectionReader, Imports,
    MemorySectionReader, TableSectionReader, TypeRef, TypeSectionReader,
};

use super::super::fault;
use super::super::section::{self, Section, Sections};
use crate::abi;
use crate::error::Result;

/// A memory, as far as bulk operations depend on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub wide: bool,
    pub shared: bool,
    pub page_log2: u32,
}

#[derive(Default)]
pub(super) struct Survey {
    /// How many types there are, those in recursion groups each counted.
    pub types: u32,
    pub imported_funcs: u32,
    pub imported_globals: u32,
    pub imported_memories: u32,
    pub memories: Vec<Memory>,
    /// Which tables have 64-bit indices.
    pub tables: Vec<bool>,
    /// Parameters of each type; none for what is no function's.
    params: Vec<u32>,
    /// Fields of each type that is a structure's, else parameters and results.
    widths: Vec<u32>,
    /// The type of each function that the module defines.
    funcs: Vec<u32>,
}

impl Survey {
    pub fn of(bytes: &[u8]) -> Result<Survey> {
        let mut survey = Survey::default();
        for section in Sections::new(bytes) {
            let section = section?;
            let reader = section.reader();
            let read = match section.id {
                section::TYPE => survey.types(reader),
                section::IMPORT => {
                    survey.imports(&section)?;
                    Ok(())
                }
                section::FUNCTION => survey.functions(reader),
                section::TABLE => survey.tables(reader),
                section::MEMORY => survey.memories(reader),
                _ => Ok(()),
            };
            read.map_err(fault::reader)?;
        }
        Ok(survey)
    }

    /// The type of the n-th function that fills or copies in pieces: they come behind the module's, and that of the function that asks.
    pub fn piece_type(&self, n: u32) -> u32 {
        self.types.saturating_add(1).saturating_add(n)
    }

    pub fn defined_funcs(&self) -> u32 {
        u32::try_from(self.funcs.len()).unwrap_or(u32::MAX)
    }

    /// Parameters of the n-th function that the module defines.
    pub fn params(&self, n: usize) -> Option<u32> {
        let ty = *self.funcs.get(n)?;
        self.params.get(usize::try_from(ty).ok()?).copied()
    }

    /// The type of the n-th function that the module defines.
    pub fn type_of(&self, n: u32) -> Option<u32> {
        self.funcs.get(usize::try_from(n).ok()?).copied()
    }

    /// Fields of a type, or parameters and results.
    pub fn width(&self, ty: u32) -> u32 {
        let ty = usize::try_from(ty).unwrap_or(usize::MAX);
        self.widths.get(ty).copied().unwrap_or(0)
    }

    /// Parameters and results of the n-th function that the module defines.
    pub fn passes(&self, n: usize) -> u32 {
        self.funcs.get(n).map_or(0, |ty| self.width(*ty))
    }

    pub fn memory(&self, index: u32) -> Option<Memory> {
        self.memories.get(usize::try_from(index).ok()?).copied()
    }

    pub fn is_wide_table(&self, index: u32) -> bool {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        self.tables.get(index).copied().unwrap_or(false)
    }

    fn types(&mut self, reader: BinaryReader<'_>) -> wasmparser::Result<()> {
        for group in TypeSectionReader::new(reader)? {
            for ty in group?.into_types() {
                let (params, width) = match &ty.composite_type.inner {
                    CompositeInnerType::Func(func) => {
                        let params = func.params().len();
                        (params, params.saturating_add(func.results().len()))
                    }
                    CompositeInnerType::Struct(fields) => (0, fields.fields.len()),
                    _ => (0, 0),
                };
                self.params.push(u32::try_from(params).unwrap_or(u32::MAX));
                self.widths.push(u32::try_from(width).unwrap_or(u32::MAX));
                self.types = self.types.saturating_add(1);
            }
        }
        Ok(())
    }

    fn imports(&mut self, section: &Section<'_>) -> Result<()> {
        let imports = ImportSectionReader::new(section.reader()).map_err(fault::reader)?;
        for item in imports {
            match item.map_err(fault::reader)? {
                Imports::Single(at, import) => self.import(at, &import)?,
                group => {
                    for item in group {
                        let (at, import) = item.map_err(fault::reader)?;
                        self.import(at, &import)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn import(&mut self, at: usize, import: &wasmparser::Import<'_>) -> Result<()> {
        if import.module == abi::CONTROL {
            let what = format_args!(
                "an import from {}, which is for the checks that the linker puts in itself (was the module written by it?),",
                abi::CONTROL
            );
            return Err(fault::unsupported(at, what));
        }
        match import.ty {
            TypeRef::Func(_) | TypeRef::FuncExact(_) => {
                self.imported_funcs = self.imported_funcs.saturating_add(1);
            }
            TypeRef::Global(_) => self.imported_globals = self.imported_globals.saturating_add(1),
            TypeRef::Table(ty) => self.tables.push(ty.table64),
            TypeRef::Memory(ty) => {
                self.imported_memories = self.imported_memories.saturating_add(1);
                self.memories.push(Memory::from(ty));
            }
            TypeRef::Tag(_) => {}
        }
        Ok(())
    }

    fn functions(&mut self, reader: BinaryReader<'_>) -> wasmparser::Result<()> {
        for ty in FunctionSectionReader::new(reader)? {
            self.funcs.push(ty?);
        }
        Ok(())
    }

    fn tables(&mut self, reader: BinaryReader<'_>) -> wasmparser::Result<()> {
        for table in TableSectionReader::new(reader)? {
            self.tables.push(table?.ty.table64);
        }
        Ok(())
    }

    fn memories(&mut self, reader: BinaryReader<'_>) -> wasmparser::Result<()> {
        for memory in MemorySectionReader::new(reader)? {
            self.memories.push(Memory::from(memory?));
        }
        Ok(())
    }
}

impl From<wasmparser::MemoryType> for Memory {
    fn from(ty: wasmparser::MemoryType) -> Memory {
        Memory {
            wide: ty.memory64,
            shared: ty.shared,
            page_log2: ty.page_size_log2.unwrap_or(abi::PAGE.trailing_zeros()),
        }
    }
}
