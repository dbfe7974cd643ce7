//! Constant expressions, reduced to `base + offset` where they are of that form.
//!
//! Extended constants (addition, subtraction, multiplication) are understood as long as the result
//! holds at most one of the two bases, once. Everything else has no value here, and only the
//! engine can say what it is.

use wasmparser::{BinaryReader, ConstExpr};

use super::{Base, ConstValue, GlobalType, operators};
use crate::error::Result;

/// A global as constant expressions see it.
pub(crate) struct Global {
    pub ty: GlobalType,
    /// Known only of immutable integers.
    pub value: Option<ConstValue>,
}

/// Operands that may wait at a time. LLVM emits expressions that need two.
const DEPTH: usize = 16;

/// The width of an integer type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    I32,
    I64,
}

impl Width {
    pub fn of(ty: super::ValType) -> Option<Width> {
        match ty {
            super::ValType::I32 => Some(Width::I32),
            super::ValType::I64 => Some(Width::I64),
            _ => None,
        }
    }

    /// Keeps an i32 zero-extended, so that equal values have equal bits.
    fn wrap(self, bits: u64) -> u64 {
        match self {
            Width::I32 => bits & u64::from(u32::MAX),
            Width::I64 => bits,
        }
    }
}

#[derive(Clone, Copy)]
struct Term {
    width: Width,
    value: ConstValue,
}

impl Term {
    fn new(width: Width, base: Base, bits: u64) -> Self {
        let offset = width.wrap(bits);
        Term {
            width,
            value: ConstValue { base, offset },
        }
    }
}

#[derive(Clone, Copy)]
enum Arithmetic {
    Add,
    Sub,
    Mul,
}

/// What of an expression has a value here.
enum Step {
    Number(Width, u64),
    Global(u32),
    Apply(Width, Arithmetic),
    Func(u32),
    End,
}

/// An expression as it stands in a module.
pub(super) enum Expression<'a> {
    /// Of [`Step`]s alone.
    Plain(BinaryReader<'a>),
    /// It has no value here.
    Other,
}

impl<'a> Expression<'a> {
    /// Reads an expression, up to its end.
    pub fn read(reader: &mut BinaryReader<'a>) -> Result<Expression<'a>> {
        let mut ahead = reader.clone();
        loop {
            match step(&mut ahead) {
                Some(Step::End) => {
                    return Ok(Expression::Plain(std::mem::replace(reader, ahead)));
                }
                Some(_) => {}
                None => break,
            }
        }
        operators::skip_expression(reader)?;
        Ok(Expression::Other)
    }

    /// The value, if it is an integer of `width` and of the form `base + offset`.
    pub fn evaluate(&self, width: Width, globals: &[Global]) -> Option<ConstValue> {
        let Expression::Plain(reader) = self else {
            return None;
        };
        let mut reader = reader.clone();
        let mut stack = Stack::default();
        loop {
            match step(&mut reader)? {
                Step::Number(width, bits) => stack.push(Term::new(width, Base::None, bits))?,
                Step::Global(index) => {
                    let global = globals.get(usize::try_from(index).ok()?)?;
                    stack.push(Term {
                        width: Width::of(global.ty.content)?,
                        value: global.value?,
                    })?;
                }
                Step::Apply(width, arithmetic) => stack.apply(width, arithmetic)?,
                Step::Func(_) => return None,
                Step::End => break,
            }
        }
        let result = stack.pop()?;
        (stack.is_empty() && result.width == width).then_some(result.value)
    }

    /// The number, if it is `i32.const` and nothing else.
    pub fn single_i32(&self) -> Option<u64> {
        let Expression::Plain(reader) = self else {
            return None;
        };
        let mut reader = reader.clone();
        match (step(&mut reader), step(&mut reader)) {
            (Some(Step::Number(Width::I32, value)), Some(Step::End)) => Some(value),
            _ => None,
        }
    }

    /// The function, if it is `ref.func` and nothing else.
    pub fn single_func(&self) -> Option<u32> {
        let Expression::Plain(reader) = self else {
            return None;
        };
        let mut reader = reader.clone();
        match (step(&mut reader), step(&mut reader)) {
            (Some(Step::Func(func)), Some(Step::End)) => Some(func),
            _ => None,
        }
    }
}

/// The next step; `None` for an instruction that is none.
fn step(reader: &mut BinaryReader<'_>) -> Option<Step> {
    use Arithmetic::{Add, Mul, Sub};
    Some(match reader.read_u8().ok()? {
        0x0b => Step::End,
        0x23 => Step::Global(reader.read_var_u32().ok()?),
        0x41 => {
            let bits = reader.read_var_i32().ok()?.cast_unsigned();
            Step::Number(Width::I32, u64::from(bits))
        }
        0x42 => Step::Number(Width::I64, reader.read_var_i64().ok()?.cast_unsigned()),
        0x6a => Step::Apply(Width::I32, Add),
        0x6b => Step::Apply(Width::I32, Sub),
        0x6c => Step::Apply(Width::I32, Mul),
        0x7c => Step::Apply(Width::I64, Add),
        0x7d => Step::Apply(Width::I64, Sub),
        0x7e => Step::Apply(Width::I64, Mul),
        0xd2 => Step::Func(reader.read_var_u32().ok()?),
        _ => return None,
    })
}

/// As [`Expression::evaluate`], of an expression of wasmparser's.
pub(crate) fn evaluate(
    expr: &ConstExpr<'_>,
    width: Width,
    globals: &[Global],
) -> Option<ConstValue> {
    let expression = Expression::read(&mut expr.get_binary_reader()).ok()?;
    expression.evaluate(width, globals)
}

/// A stack of fixed size: an expression that needs a larger one has no value.
struct Stack {
    terms: [Term; DEPTH],
    len: usize,
}

impl Default for Stack {
    fn default() -> Self {
        Stack {
            terms: [Term::new(Width::I32, Base::None, 0); DEPTH],
            len: 0,
        }
    }
}

impl Stack {
    fn push(&mut self, term: Term) -> Option<()> {
        *self.terms.get_mut(self.len)? = term;
        self.len = self.len.checked_add(1)?;
        Some(())
    }

    fn pop(&mut self) -> Option<Term> {
        self.len = self.len.checked_sub(1)?;
        self.terms.get(self.len).copied()
    }

    fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn apply(&mut self, width: Width, arithmetic: Arithmetic) -> Option<()> {
        let right = self.pop()?;
        let left = self.pop()?;
        if left.width != width || right.width != width {
            return None;
        }
        let (left, right) = (left.value, right.value);
        let bits = match arithmetic {
            Arithmetic::Add => left.offset.wrapping_add(right.offset),
            Arithmetic::Sub => left.offset.wrapping_sub(right.offset),
            Arithmetic::Mul => left.offset.wrapping_mul(right.offset),
        };
        let base = match (arithmetic, left.base, right.base) {
            (_, Base::None, Base::None) => Base::None,
            (Arithmetic::Add, base, Base::None) | (Arithmetic::Add, Base::None, base) => base,
            (Arithmetic::Sub, base, Base::None) => base,
            // The distance of two addresses in one region does not depend on where it lies.
            (Arithmetic::Sub, left, right) if left == right => Base::None,
            _ => return None,
        };
        self.push(Term::new(width, base, bits))
    }
}
