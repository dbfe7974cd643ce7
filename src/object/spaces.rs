//! A module's index spaces: what an index of each kind stands for, imports first.

use std::sync::Arc;

use crate::hash_map::HashSet;
use wasmparser::{
    BinaryReader, CompositeInnerType, FunctionSectionReader, MemorySectionReader, RecGroup,
    TagSectionReader,
};

use super::budget::{self, Budget};
use super::constant::{Expression, Global, Width};
use super::{Features, FuncType, MemoryType, ParseLimits, TableType, convert, fault, operators};
use crate::error::Result;

/// The binary format's mark of an explicit recursion group.
const REC: u8 = 0x4e;
/// A structure without fields is the shortest type.
const SHORTEST_TYPE: usize = 2;

pub(super) struct IndexSpaces {
    pub budget: Budget,
    /// `None` for what is no function type; only a function type can stand in a signature.
    types: Vec<Option<Arc<FuncType>>>,
    /// Equal types are one: a module may have the same type any number of times, and others rely on it.
    distinct: HashSet<Arc<FuncType>>,
    /// The type index of each function, and of each tag.
    pub funcs: Vec<u32>,
    pub tags: Vec<u32>,
    pub tables: Vec<TableType>,
    pub memories: Vec<MemoryType>,
    pub globals: Vec<Global>,
    /// What the types and definitions use.
    pub used: Features,
}

impl IndexSpaces {
    pub fn new(budget: Budget) -> IndexSpaces {
        IndexSpaces {
            budget,
            types: Vec::new(),
            distinct: HashSet::default(),
            funcs: Vec::new(),
            tags: Vec::new(),
            tables: Vec::new(),
            memories: Vec::new(),
            globals: Vec::new(),
            used: Features::default(),
        }
    }

    /// `contents` are those of the type section, which begin at `offset`.
    #[inline(never)]
    pub fn read_types(
        &mut self,
        contents: &[u8],
        offset: usize,
        limits: &ParseLimits,
    ) -> Result<()> {
        let mut reader = BinaryReader::new(contents, offset);
        let count = reader.read_var_u32().map_err(fault::reader)?;
        let groups = usize::try_from(count).unwrap_or(usize::MAX);
        fault::check_count(offset, groups, "types", limits.types)?;
        let room = fault::room(count, contents.len(), SHORTEST_TYPE);
        self.budget.take(offset, room, budget::TYPE)?;
        self.types.reserve(room);
        for _ in 0..count {
            let at = reader.original_position();
            let size = self.group_size(&reader)?;
            let total = self.types.len().saturating_add(size);
            fault::check_count(at, total, "types", limits.types)?;
            let group: RecGroup = reader.read().map_err(fault::reader)?;
            self.used.gc |= group.is_explicit_rec_group();
            for ty in group.into_types() {
                self.add_type(ty, at)?;
            }
        }
        fault::at_end(&reader, "type")
    }

    /// How many types the group ahead claims to hold. The reader makes room for all of them
    /// before it reads the first, so the claim is held against the bytes that are there.
    fn group_size(&mut self, reader: &BinaryReader<'_>) -> Result<usize> {
        let mut ahead = reader.clone();
        let at = ahead.original_position();
        if ahead.read_u8().map_err(fault::reader)? != REC {
            return Ok(1);
        }
        let claimed = ahead.read_var_u32().map_err(fault::reader)?;
        let possible = fault::room(claimed, ahead.bytes_remaining(), SHORTEST_TYPE);
        if usize::try_from(claimed).is_ok_and(|claimed| claimed <= possible) {
            self.budget.take(at, possible, budget::GROUPED_TYPE)?;
            Ok(possible)
        } else {
            Err(fault::malformed(
                at,
                format_args!("a recursion group of {claimed} types in too few bytes"),
            ))
        }
    }

    fn add_type(&mut self, ty: wasmparser::SubType, at: usize) -> Result<()> {
        self.used.gc |= !ty.is_final || ty.supertype_idx.is_some();
        let func = match &ty.composite_type.inner {
            CompositeInnerType::Func(func) => Some(self.distinct(convert::func(func), at)?),
            _ => None,
        };
        self.used.gc |= func.is_none();
        self.types.push(func);
        Ok(())
    }

    /// The one type that is equal to `func`.
    fn distinct(&mut self, func: FuncType, at: usize) -> Result<Arc<FuncType>> {
        if let Some(known) = self.distinct.get(&func) {
            return Ok(Arc::clone(known));
        }
        let values = func.params.len().saturating_add(func.results.len());
        self.budget.take(at, 1, budget::DISTINCT_TYPE)?;
        self.budget.take(at, values, budget::VALUE)?;
        for &ty in func.params.iter().chain(&func.results) {
            self.used.note_operand(ty);
        }
        let func = Arc::new(func);
        self.distinct.insert(Arc::clone(&func));
        Ok(func)
    }

    #[inline(never)]
    pub fn read_functions(
        &mut self,
        section: FunctionSectionReader<'_>,
        limits: &ParseLimits,
    ) -> Result<()> {
        let start = section.range().start;
        let count = usize::try_from(section.count()).unwrap_or(usize::MAX);
        let total = self.funcs.len().saturating_add(count);
        fault::check_count(start, total, "functions", limits.functions)?;
        let room = fault::room(section.count(), section.range().len(), 1);
        self.funcs.reserve(room);
        for item in section.into_iter_with_offsets() {
            let (at, ty) = item.map_err(fault::reader)?;
            self.add_func(ty, at)?;
        }
        Ok(())
    }

    #[inline(never)]
    pub fn read_tags(&mut self, section: TagSectionReader<'_>) -> Result<()> {
        for item in section.into_iter_with_offsets() {
            let (at, tag) = item.map_err(fault::reader)?;
            self.add_tag(tag.func_type_idx, at)?;
        }
        Ok(())
    }

    #[inline(never)]
    pub fn read_tables(&mut self, contents: &[u8], offset: usize) -> Result<()> {
        let mut reader = BinaryReader::new(contents, offset);
        let count = reader.read_var_u32().map_err(fault::reader)?;
        for _ in 0..count {
            let at = reader.original_position();
            let (ty, has_value) = operators::table(&mut reader)?;
            self.add_table(convert::table(ty, at)?, at)?;
            // Initial values of tables came with typed function references.
            self.used.gc |= has_value;
        }
        fault::at_end(&reader, "table")
    }

    #[inline(never)]
    pub fn read_memories(&mut self, section: MemorySectionReader<'_>) -> Result<()> {
        for item in section.into_iter_with_offsets() {
            let (at, memory) = item.map_err(fault::reader)?;
            self.add_memory(convert::memory(memory, at)?, at)?;
        }
        Ok(())
    }

    #[inline(never)]
    pub fn read_globals(
        &mut self,
        contents: &[u8],
        offset: usize,
        limits: &ParseLimits,
    ) -> Result<()> {
        let mut reader = BinaryReader::new(contents, offset);
        let count = reader.read_var_u32().map_err(fault::reader)?;
        let globals = usize::try_from(count).unwrap_or(usize::MAX);
        let total = self.globals.len().saturating_add(globals);
        fault::check_count(offset, total, "globals", limits.globals)?;
        // A type, a mutability and an expression of two bytes is the least.
        let room = fault::room(count, contents.len(), 4);
        self.budget.take(offset, room, budget::GLOBAL)?;
        self.globals.reserve(room);
        for _ in 0..count {
            let at = reader.original_position();
            let ty: wasmparser::GlobalType = reader.read().map_err(fault::reader)?;
            let init = Expression::read(&mut reader)?;
            let ty = convert::global(ty, at)?;
            let value = match Width::of(ty.content) {
                Some(width) if !ty.mutable => init.evaluate(width, &self.globals),
                _ => None,
            };
            self.add_global(Global { ty, value });
        }
        fault::at_end(&reader, "global")
    }

    pub fn add_func(&mut self, ty: u32, at: usize) -> Result<&Arc<FuncType>> {
        let sig = signature(&self.types, ty, at)?;
        self.budget.take(at, 1, budget::INDEX)?;
        self.funcs.push(ty);
        Ok(sig)
    }

    pub fn add_tag(&mut self, ty: u32, at: usize) -> Result<&Arc<FuncType>> {
        let sig = signature(&self.types, ty, at)?;
        self.budget.take(at, 1, budget::INDEX)?;
        self.tags.push(ty);
        self.used.tags = true;
        Ok(sig)
    }

    pub fn add_table(&mut self, ty: TableType, at: usize) -> Result<()> {
        self.budget.take(at, 1, budget::TABLE)?;
        self.used.note_table(&ty);
        self.used.reference_types |= !self.tables.is_empty();
        self.tables.push(ty);
        Ok(())
    }

    pub fn add_memory(&mut self, ty: MemoryType, at: usize) -> Result<()> {
        self.budget.take(at, 1, budget::MEMORY)?;
        self.used.note_memory(&ty);
        self.used.multi_memory |= !self.memories.is_empty();
        self.memories.push(ty);
        Ok(())
    }

    pub fn add_global(&mut self, global: Global) {
        self.used.note_operand(global.ty.content);
        self.globals.push(global);
    }

    pub fn func(&self, index: u32, at: usize) -> Result<&Arc<FuncType>> {
        match get(&self.funcs, index) {
            Some(&ty) => signature(&self.types, ty, at),
            None => Err(fault::out_of_range(at, "function", index, self.funcs.len())),
        }
    }

    pub fn tag(&self, index: u32, at: usize) -> Result<&Arc<FuncType>> {
        match get(&self.tags, index) {
            Some(&ty) => signature(&self.types, ty, at),
            None => Err(fault::out_of_range(at, "tag", index, self.tags.len())),
        }
    }

    pub fn table(&self, index: u32, at: usize) -> Result<TableType> {
        get(&self.tables, index)
            .copied()
            .ok_or_else(|| fault::out_of_range(at, "table", index, self.tables.len()))
    }

    pub fn memory(&self, index: u32, at: usize) -> Result<MemoryType> {
        get(&self.memories, index)
            .copied()
            .ok_or_else(|| fault::out_of_range(at, "memory", index, self.memories.len()))
    }

    pub fn global(&self, index: u32, at: usize) -> Result<&Global> {
        get(&self.globals, index)
            .ok_or_else(|| fault::out_of_range(at, "global", index, self.globals.len()))
    }
}

/// The function type with index `ty`, for something at `at` that has this type.
fn signature(types: &[Option<Arc<FuncType>>], ty: u32, at: usize) -> Result<&Arc<FuncType>> {
    match get(types, ty) {
        Some(Some(sig)) => Ok(sig),
        Some(None) => Err(fault::malformed(
            at,
            format_args!("type {ty} is no function type"),
        )),
        None => Err(fault::out_of_range(at, "type", ty, types.len())),
    }
}

fn get<T>(items: &[T], index: u32) -> Option<&T> {
    items.get(usize::try_from(index).ok()?)
}
