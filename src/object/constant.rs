//! Constant expressions, reduced to `base + offset` where they are of that form.
//!
//! Extended constants (addition, subtraction, multiplication) are understood as long as the result
//! holds at most one of the two bases, once. Everything else has no value here, and only the
//! engine can say what it is.

use wasmparser::{ConstExpr, Operator};

use super::{Base, ConstValue, GlobalType};

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

/// The value of `expr` if it is an integer of `width` and of the form `base + offset`.
pub(crate) fn evaluate(
    expr: &ConstExpr<'_>,
    width: Width,
    globals: &[Global],
) -> Option<ConstValue> {
    let mut operators = expr.get_operators_reader();
    let mut stack = Stack::default();
    loop {
        let operator = operators.read().ok()?;
        match operator {
            Operator::I32Const { value } => {
                stack.push(Term::new(
                    Width::I32,
                    Base::None,
                    u64::from(value.cast_unsigned()),
                ))?;
            }
            Operator::I64Const { value } => {
                stack.push(Term::new(Width::I64, Base::None, value.cast_unsigned()))?;
            }
            Operator::GlobalGet { global_index } => {
                let global = globals.get(usize::try_from(global_index).ok()?)?;
                stack.push(Term {
                    width: Width::of(global.ty.content)?,
                    value: global.value?,
                })?;
            }
            Operator::I32Add => stack.apply(Width::I32, Arithmetic::Add)?,
            Operator::I32Sub => stack.apply(Width::I32, Arithmetic::Sub)?,
            Operator::I32Mul => stack.apply(Width::I32, Arithmetic::Mul)?,
            Operator::I64Add => stack.apply(Width::I64, Arithmetic::Add)?,
            Operator::I64Sub => stack.apply(Width::I64, Arithmetic::Sub)?,
            Operator::I64Mul => stack.apply(Width::I64, Arithmetic::Mul)?,
            Operator::End => break,
            _ => return None,
        }
    }
    let result = stack.pop()?;
    (stack.is_empty() && result.width == width).then_some(result.value)
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
