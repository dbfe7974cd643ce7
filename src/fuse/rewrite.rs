//! Operators and expressions of an object with the fused module's numbers.

use std::collections::HashMap;
use std::fmt;

use wasm_encoder::reencode::{Error as Encoding, Reencode, utils};
use wasm_encoder::{CodeSection, ConstExpr, Instruction};
use wasmparser::Operator;

use super::dwarf::{Places, place};
use super::fold::{Fold, Sets};
use super::module::reader;
use super::targets::{Func, Global, Number, Table, Tag, Targets, lost};
use super::types::Types;
use crate::error::{Code, Error};

/// What everything is called in the fused module.
pub(super) struct Numbers<'a> {
    pub targets: &'a Targets,
    pub types: &'a Types,
    pub funcs: HashMap<Func, u32>,
    pub globals: HashMap<Global, u32>,
    /// Numbers that their importer writes to, by object and index there.
    pub cells: HashMap<(u32, u32), u32>,
    pub tables: HashMap<Table, u32>,
    pub tags: HashMap<Tag, u32>,
    /// By object and index.
    pub elements: HashMap<(u32, u32), u32>,
    pub data: HashMap<(u32, u32), u32>,
}

impl Numbers<'_> {
    /// The number of an object's global, if it is one.
    pub fn global_number(&self, object: u32, index: u32) -> Option<u32> {
        let global = || self.globals.get(&self.targets.global_at(object, index));
        let cell = self.cells.get(&(object, index));
        cell.or_else(global).copied()
    }

    pub fn func(&self, func: Func) -> Result<u32, Error> {
        let number = self.funcs.get(&func).copied();
        number.ok_or_else(|| lost("a function that is called"))
    }
}

/// Something without a number: the fused module was taken to do without it.
#[derive(Debug)]
pub(super) struct Gone(&'static str);

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} that is used was left out", self.0)
    }
}

impl std::error::Error for Gone {}

/// Rewrites what belongs to one object.
pub(super) struct Rewrite<'a> {
    pub numbers: &'a Numbers<'a>,
    pub object: u32,
}

type Rewritten<T> = Result<T, Encoding<Gone>>;

fn known(number: Option<&u32>, what: &'static str) -> Rewritten<u32> {
    number.copied().ok_or(Encoding::UserError(Gone(what)))
}

impl Rewrite<'_> {
    /// The number that a global stands for, where it is none.
    fn constant(&self, index: u32) -> Option<Instruction<'static>> {
        if self.numbers.cells.contains_key(&(self.object, index)) {
            return None;
        }
        match self.numbers.targets.global_at(self.object, index) {
            Global::Number { value, ty } => Some(number(value, ty)),
            _ => None,
        }
    }

    pub fn expression(
        &mut self,
        expression: &wasmparser::ConstExpr<'_>,
    ) -> Result<ConstExpr, Error> {
        self.const_expr(expression.clone()).map_err(failed)
    }

    pub fn body(
        &mut self,
        code: &mut CodeSection,
        body: &wasmparser::FunctionBody<'_>,
    ) -> Result<(), Error> {
        self.parse_function_body(code, body.clone()).map_err(failed)
    }

    /// A body whose new constants are folded into what uses them, if there are any.
    pub fn folded(
        &mut self,
        code: &mut CodeSection,
        body: &wasmparser::FunctionBody<'_>,
    ) -> Result<(), Error> {
        let operators = || body.get_operators_reader().map_err(reader);
        let (mut sets, mut constants) = (Sets::default(), false);
        for (operator, position) in operators()?.into_iter().zip(0..) {
            let operator = operator.map_err(reader)?;
            sets.note(position, &operator);
            if let Operator::GlobalGet { global_index } = operator {
                constants |= self.constant(global_index).is_some();
            }
        }
        if !constants {
            return self.body(code, body);
        }
        let function = self.new_function_with_parsed_locals(body).map_err(failed)?;
        let mut fold = Fold::new(function, sets);
        for operator in operators()? {
            let operator = operator.map_err(reader)?;
            let instruction = self.instruction(operator.clone()).map_err(failed)?;
            fold.step(&operator, instruction);
        }
        code.function(&fold.finish());
        Ok(())
    }

    /// A body as it is, with a note of where everything goes. `start` is where the content of the object's code section begins.
    pub fn noted_body(
        &mut self,
        code: &mut CodeSection,
        body: &wasmparser::FunctionBody<'_>,
        start: usize,
        places: &mut Places,
    ) -> Result<(), Error> {
        let old = |at: usize| place(at.saturating_sub(start));
        let mut function = self.new_function_with_parsed_locals(body).map_err(failed)?;
        let mut reader = body.get_operators_reader().map_err(super::module::reader)?;
        let mut steps: Vec<(u32, u32)> = Vec::new();
        let mut distance = None;
        while !reader.eof() {
            let at = (
                old(reader.original_position())?,
                place(function.byte_len())?,
            );
            if distance.replace(at.1.wrapping_sub(at.0)) != Some(at.1.wrapping_sub(at.0)) {
                steps.push(at);
            }
            let instruction = self.parse_instruction(&mut reader).map_err(failed)?;
            function.instruction(&instruction);
        }
        code.function(&function);
        let end = place(code.byte_len())?;
        let begin = end.saturating_sub(place(function.byte_len())?);
        for step in &mut steps {
            step.1 = step.1.saturating_add(begin);
        }
        steps.shrink_to_fit();
        let range = body.range();
        places.function(old(range.start)?..old(range.end)?, begin..end, steps);
        Ok(())
    }
}

/// The constant of a known number.
#[allow(
    clippy::cast_possible_truncation,
    reason = "an i32 is kept in its low half"
)]
pub(super) fn number(value: u64, ty: Number) -> Instruction<'static> {
    match ty {
        Number::I32 => Instruction::I32Const((value as u32).cast_signed()),
        Number::I64 => Instruction::I64Const(value.cast_signed()),
    }
}

impl Reencode for Rewrite<'_> {
    type Error = Gone;

    fn type_index(&mut self, ty: u32) -> Rewritten<u32> {
        let found = self.numbers.types.of(self.object, ty);
        found.map_err(|_| Encoding::UserError(Gone("a type")))
    }

    fn function_index(&mut self, func: u32) -> Rewritten<u32> {
        let func = self.numbers.targets.func_of(self.object, func);
        known(self.numbers.funcs.get(&func), "a function")
    }

    fn global_index(&mut self, global: u32) -> Rewritten<u32> {
        let number = self.numbers.global_number(self.object, global);
        known(number.as_ref(), "a global")
    }

    fn table_index(&mut self, table: u32) -> Rewritten<u32> {
        let table = self.numbers.targets.table_at(self.object, table);
        known(self.numbers.tables.get(&table), "a table")
    }

    /// All memories that an object imports are the one that there is.
    fn memory_index(&mut self, _memory: u32) -> Rewritten<u32> {
        Ok(0)
    }

    fn tag_index(&mut self, tag: u32) -> Rewritten<u32> {
        let tag = self.numbers.targets.tag_at(self.object, tag);
        known(self.numbers.tags.get(&tag), "a tag")
    }

    fn element_index(&mut self, element: u32) -> Rewritten<u32> {
        known(
            self.numbers.elements.get(&(self.object, element)),
            "an element segment",
        )
    }

    fn data_index(&mut self, data: u32) -> Rewritten<u32> {
        known(
            self.numbers.data.get(&(self.object, data)),
            "a data segment",
        )
    }

    fn instruction<'a>(&mut self, operator: Operator<'a>) -> Rewritten<Instruction<'a>> {
        if let Operator::GlobalGet { global_index } = operator
            && let Some(constant) = self.constant(global_index)
        {
            return Ok(constant);
        }
        utils::instruction(self, operator)
    }
}

/// What an encoder's error means here: the input has been validated.
pub(super) fn failed<E: fmt::Display + fmt::Debug>(error: Encoding<E>) -> Error {
    match error {
        Encoding::ParseError(error) => reader(error),
        Encoding::UserError(error) => Error::new(Code::Internal, format!("linking: {error}")),
        other => Error::new(Code::Unsupported, format!("linking: {other:?}")),
    }
}
