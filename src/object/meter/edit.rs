//! A copy of a module's bytes in which some pieces are others.

use wasm_encoder::Encode;
use wasmparser::{BinaryReader, ConstExpr, Operator, OperatorsReader};

use super::super::fault;
use super::access;
use crate::error::Result;

/// The first function, global and memory that moves by one. Those of a kind stay where nothing is imported of that kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moves {
    pub func: u32,
    pub global: u32,
    pub memory: u32,
}

/// Nothing of a kind moves.
pub(super) const STAYS: u32 = u32::MAX;

/// Copies a range of a module from front to back. Places are offsets in the module.
pub(super) struct Edit<'a> {
    bytes: &'a [u8],
    /// How far the range has been copied.
    at: usize,
    moves: Moves,
}

impl<'a> Edit<'a> {
    pub fn new(bytes: &'a [u8], at: usize, moves: Moves) -> Edit<'a> {
        Edit { bytes, at, moves }
    }

    /// Nothing moves.
    pub fn unmoved(bytes: &'a [u8], at: usize) -> Edit<'a> {
        let moves = Moves {
            func: STAYS,
            global: STAYS,
            memory: STAYS,
        };
        Edit { bytes, at, moves }
    }

    /// Another copy, from `at` on.
    pub fn again(&self, at: usize) -> Edit<'a> {
        Edit::new(self.bytes, at, self.moves)
    }

    /// The module's bytes in this range.
    pub fn bytes(&self, start: usize, end: usize) -> &'a [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Copies up to `end`.
    pub fn copy(&mut self, out: &mut Vec<u8>, end: usize) {
        out.extend_from_slice(self.bytes.get(self.at..end).unwrap_or_default());
        self.at = self.at.max(end);
    }

    /// What stands up to `end` is left out.
    pub fn skip(&mut self, end: usize) {
        self.at = self.at.max(end);
    }

    fn number(&mut self, out: &mut Vec<u8>, start: usize, end: usize, number: u32) {
        self.copy(out, start);
        number.encode(out);
        self.skip(end);
    }

    /// A function's index that stands from `start` to `end`.
    pub fn func(&mut self, out: &mut Vec<u8>, start: usize, end: usize, index: u32) {
        if let Some(index) = moved(index, self.moves.func) {
            self.number(out, start, end, index);
        }
    }

    pub fn global(&mut self, out: &mut Vec<u8>, start: usize, end: usize, index: u32) {
        if let Some(index) = moved(index, self.moves.global) {
            self.number(out, start, end, index);
        }
    }

    pub fn memory(&mut self, out: &mut Vec<u8>, start: usize, end: usize, index: u32) {
        if let Some(index) = moved(index, self.moves.memory) {
            self.number(out, start, end, index);
        }
    }

    /// An active data segment that begins at `start`, of this memory. The first memory need not be named there; any other must.
    pub fn segment(
        &mut self,
        out: &mut Vec<u8>,
        start: usize,
        end: usize,
        memory: u32,
    ) -> Result<()> {
        const OF_MEMORY: u32 = 2;
        let Some(index) = moved(memory, self.moves.memory) else {
            return Ok(());
        };
        let mut reader = self.reader(start, end);
        if reader.read_var_u32().map_err(fault::reader)? == OF_MEMORY {
            reader.read_var_u32().map_err(fault::reader)?;
        }
        self.copy(out, start);
        OF_MEMORY.encode(out);
        index.encode(out);
        self.skip(reader.original_position());
        Ok(())
    }

    /// Reads a range of the module; positions are those in it.
    pub fn reader(&self, start: usize, end: usize) -> BinaryReader<'a> {
        BinaryReader::new(self.bytes.get(start..end).unwrap_or_default(), start)
    }

    /// As [`func`](Edit::func), of an index that is read next.
    pub fn read_func(&mut self, out: &mut Vec<u8>, reader: &mut BinaryReader<'_>) -> Result<()> {
        let start = reader.original_position();
        let index = reader.read_var_u32().map_err(fault::reader)?;
        self.func(out, start, reader.original_position(), index);
        Ok(())
    }

    pub fn read_global(&mut self, out: &mut Vec<u8>, reader: &mut BinaryReader<'_>) -> Result<()> {
        let start = reader.original_position();
        let index = reader.read_var_u32().map_err(fault::reader)?;
        self.global(out, start, reader.original_position(), index);
        Ok(())
    }

    pub fn read_memory(&mut self, out: &mut Vec<u8>, reader: &mut BinaryReader<'_>) -> Result<()> {
        let start = reader.original_position();
        let index = reader.read_var_u32().map_err(fault::reader)?;
        self.memory(out, start, reader.original_position(), index);
        Ok(())
    }

    /// An operator that stands from `start` to `end`.
    pub fn operator(&mut self, out: &mut Vec<u8>, op: &Operator<'_>, start: usize, end: usize) {
        match *op {
            Operator::Call { function_index }
            | Operator::ReturnCall { function_index }
            | Operator::RefFunc { function_index } => {
                self.func(out, start.saturating_add(1), end, function_index);
            }
            Operator::GlobalGet { global_index } | Operator::GlobalSet { global_index } => {
                self.global(out, start.saturating_add(1), end, global_index);
            }
            Operator::GlobalAtomicGet { global_index, .. }
            | Operator::GlobalAtomicSet { global_index, .. }
            | Operator::GlobalAtomicRmwAdd { global_index, .. }
            | Operator::GlobalAtomicRmwSub { global_index, .. }
            | Operator::GlobalAtomicRmwAnd { global_index, .. }
            | Operator::GlobalAtomicRmwOr { global_index, .. }
            | Operator::GlobalAtomicRmwXor { global_index, .. }
            | Operator::GlobalAtomicRmwXchg { global_index, .. }
            | Operator::GlobalAtomicRmwCmpxchg { global_index, .. } => {
                self.global(out, self.last_number(end), end, global_index);
            }
            Operator::MemorySize { mem }
            | Operator::MemoryGrow { mem }
            | Operator::MemoryFill { mem }
            | Operator::MemoryDiscard { mem }
            | Operator::MemoryInit { mem, .. } => {
                self.memory(out, self.last_number(end), end, mem);
            }
            Operator::MemoryCopy { dst_mem, src_mem } => {
                let source = self.last_number(end);
                self.memory(out, self.last_number(source), source, dst_mem);
                self.memory(out, source, end, src_mem);
            }
            _ => self.access(out, op, start, end),
        }
    }

    /// An operator that reads or writes a memory: what it says of the place begins with flags, and with the memory's index unless that is 0.
    fn access(&mut self, out: &mut Vec<u8>, op: &Operator<'_>, start: usize, end: usize) {
        const HAS_INDEX: u32 = 1 << 6;
        if self.moves.memory == STAYS {
            return;
        }
        let memory = access::memory(op);
        let Some(index) = memory.and_then(|memory| moved(memory, self.moves.memory)) else {
            return;
        };
        let mut reader = self.reader(start, end);
        let mut read = || -> wasmparser::Result<_> {
            if matches!(reader.read_u8()?, 0xfc..=0xfe) {
                reader.read_var_u32()?;
            }
            let at = reader.original_position();
            let flags = reader.read_var_u32()?;
            if flags & HAS_INDEX != 0 {
                reader.read_var_u32()?;
            }
            Ok((at, flags, reader.original_position()))
        };
        // It has been read before.
        if let Ok((at, flags, rest)) = read() {
            self.copy(out, at);
            (flags | HAS_INDEX).encode(out);
            index.encode(out);
            self.skip(rest);
        }
    }

    /// Where the number begins that ends at `end`, behind a byte below 0x80.
    fn last_number(&self, end: usize) -> usize {
        let before = self.bytes.get(..end.saturating_sub(1)).unwrap_or_default();
        let more = before.iter().rev().take_while(|byte| **byte >= 0x80);
        before.len().saturating_sub(more.count())
    }

    pub fn expression(&mut self, out: &mut Vec<u8>, expression: &ConstExpr<'_>) -> Result<()> {
        let mut operators: OperatorsReader<'_> = expression.get_operators_reader();
        while !operators.eof() {
            let (operator, start) = operators.read_with_offset().map_err(fault::reader)?;
            self.operator(out, &operator, start, operators.original_position());
        }
        Ok(())
    }
}

/// Where what stands at `index` moves to, if all moves by one from `first` on.
pub(super) fn moved(index: u32, first: u32) -> Option<u32> {
    if index < first {
        return None;
    }
    index.checked_add(1)
}
