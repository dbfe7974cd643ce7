//! The function that a program starts with, taken apart at its call of main.

use std::collections::BTreeSet;
use std::ops::Range;

use wasmparser::{BlockType, Operator};

use super::plain::Plain;
use crate::error::{Code, Error, Result};
use crate::fuse::module::reader;
use crate::fuse::targets::lost;

/// A body, by where its parts are in the module's bytes.
pub(super) struct Start {
    pub func: u32,
    /// The function that is called as main: `() -> i32`.
    pub main: u32,
    locals: Range<usize>,
    /// The blocks that are open at the call.
    blocks: Vec<Range<usize>>,
    call: Range<usize>,
    end: usize,
}

const IN_PROGRESS: &str = "has work in progress where it calls main";

/// What is open: blocks, and what code cannot begin in.
type Blocks = Vec<Option<Range<usize>>>;

impl Start {
    /// Takes apart what the entry of a program comes to.
    pub fn of(plain: &Plain<'_>, entry: u32) -> Result<Start> {
        let func = match calls_alone(plain, entry)?[..] {
            [.., _, last] => last,
            _ => entry,
        };
        let body = plain.body(func)?;
        let mut operators = body.get_operators_reader().map_err(reader)?;
        let locals = body.range().start..operators.original_position();
        let mut open: Blocks = Vec::new();
        let mut found: Vec<(u32, Range<usize>, Blocks)> = Vec::new();
        let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
        let mut unset = false;
        while !operators.eof() {
            let start = operators.original_position();
            let operator = operators.read().map_err(reader)?;
            let range = start..operators.original_position();
            match operator {
                Operator::Block {
                    blockty: BlockType::Empty | BlockType::Type(_),
                } => open.push(Some(range)),
                Operator::Block { .. }
                | Operator::Loop { .. }
                | Operator::If { .. }
                | Operator::Try { .. }
                | Operator::TryTable { .. } => open.push(None),
                Operator::End | Operator::Delegate { .. } => {
                    open.pop();
                }
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    match found.is_empty() {
                        true => before.insert(local_index),
                        false => after.insert(local_index),
                    };
                }
                Operator::LocalGet { local_index } => {
                    let passed = before.contains(&local_index) && !after.contains(&local_index);
                    unset |= !found.is_empty() && passed;
                }
                Operator::Call { function_index } if plain.is_main(function_index) => {
                    found.push((function_index, range, open.clone()));
                }
                _ => {}
            }
        }
        let unknown = |why: &str| {
            let why = format!("the program's _start {why}: no snapshot can go on with main");
            let what = "  Link a program whose _start is that of the C library (crt1-command.o), before any wasm-opt.";
            Error::new(Code::Unsupported, why).line(what)
        };
        let mut found = found.into_iter();
        let (main, call, blocks) = match (found.next(), found.next()) {
            (Some(found), None) => found,
            (None, _) => return Err(unknown("calls no function of type () -> i32, as main is")),
            _ => return Err(unknown("calls several functions of type () -> i32")),
        };
        let blocks: Option<Vec<_>> = blocks.into_iter().collect();
        let blocks = blocks.filter(|_| !unset);
        let blocks = blocks.ok_or_else(|| unknown(IN_PROGRESS))?;
        let start = Start {
            func,
            main,
            locals,
            blocks,
            call,
            end: body.range().end,
        };
        // Operands that lie below the call are missing where the rest is all there is.
        match plain.takes(func, start.rest(plain, &[])?)? {
            true => Ok(start),
            false => Err(unknown(IN_PROGRESS)),
        }
    }

    /// The body with other code in the place of the call.
    pub fn instead(&self, plain: &Plain<'_>, code: &[u8]) -> Result<Vec<u8>> {
        let mut body = plain.bytes(self.locals.start..self.call.start)?.to_vec();
        body.extend_from_slice(code);
        body.extend_from_slice(plain.bytes(self.call.end..self.end)?);
        Ok(body)
    }

    /// The body from the call on, after other code.
    pub fn rest(&self, plain: &Plain<'_>, code: &[u8]) -> Result<Vec<u8>> {
        let mut body = plain.bytes(self.locals.clone())?.to_vec();
        body.extend_from_slice(code);
        for block in &self.blocks {
            body.extend_from_slice(plain.bytes(block.clone())?);
        }
        body.extend_from_slice(plain.bytes(self.call.start..self.end)?);
        Ok(body)
    }
}

/// What a function calls that does nothing but call functions of type `() -> ()`: the entry that linking makes where there are several
/// steps, of which the program's own `_start` is the last. Of others nothing.
fn calls_alone(plain: &Plain<'_>, func: u32) -> Result<Vec<u32>> {
    let mut operators = plain.body(func)?.get_operators_reader().map_err(reader)?;
    let mut calls = Vec::new();
    loop {
        match operators.read().map_err(reader)? {
            Operator::Call { function_index } if plain.is_plain(function_index) => {
                calls.push(function_index);
            }
            Operator::End if operators.eof() => return Ok(calls),
            _ => return Ok(Vec::new()),
        }
    }
}

/// The body of a new function: no locals, and code.
pub(super) fn body(code: &[u8]) -> Result<Vec<u8>> {
    let mut function = wasm_encoder::Function::new([]);
    function.raw(code.iter().copied());
    function.instruction(&wasm_encoder::Instruction::End);
    let bytes = function.into_raw_body();
    (!bytes.is_empty())
        .then_some(bytes)
        .ok_or_else(|| lost("a function"))
}
