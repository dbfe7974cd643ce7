//! A copy of a module's bytes in which some pieces are others.

use wasm_encoder::Encode;
use wasmparser::{BinaryReader, ConstExpr, Operator, OperatorsReader};

use super::super::fault;
use super::survey::Survey;
use crate::error::Result;

/// Copies a range of a module from front to back. Places are offsets in the module.
pub(super) struct Edit<'a> {
    bytes: &'a [u8],
    /// How far the range has been copied.
    at: usize,
    first_func: u32,
    first_global: u32,
}

impl<'a> Edit<'a> {
    /// Functions and globals from those that the module defines on move by one.
    pub fn new(bytes: &'a [u8], at: usize, survey: &Survey) -> Edit<'a> {
        Edit {
            bytes,
            at,
            first_func: survey.imported_funcs,
            first_global: survey.imported_globals,
        }
    }

    /// Nothing moves.
    pub fn unmoved(bytes: &'a [u8], at: usize) -> Edit<'a> {
        Edit {
            bytes,
            at,
            first_func: u32::MAX,
            first_global: u32::MAX,
        }
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
        if let Some(index) = moved(index, self.first_func) {
            self.number(out, start, end, index);
        }
    }

    pub fn global(&mut self, out: &mut Vec<u8>, start: usize, end: usize, index: u32) {
        if let Some(index) = moved(index, self.first_global) {
            self.number(out, start, end, index);
        }
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
            _ => {}
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

fn moved(index: u32, first: u32) -> Option<u32> {
    if index < first {
        return None;
    }
    index.checked_add(1)
}
