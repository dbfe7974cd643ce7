//! What the loops of a function are like, found before its code is rewritten.

use wasmparser::{BlockType, Operator, OperatorsReader, Result};

use super::back;

/// A loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// A branch leads back to it.
    turns: bool,
    /// Its operators, with its end and without those of loops in it.
    pub operators: u32,
    /// It takes values from the stack, has other loops in it, calls something, or branches other than by `br` and `br_if` to itself and out
    /// of all loops.
    wide: bool,
}

/// The most operators of a tight loop.
const MOST: u32 = 1000;

impl Shape {
    /// Nothing that its turns do takes the engine's registers, and all its branches are easily written anew.
    pub fn is_tight(self) -> bool {
        !self.wide && self.turns && self.operators <= MOST
    }
}

/// The loops of a function, in the order in which they begin.
#[derive(Default)]
pub(super) struct Loops {
    shapes: std::vec::IntoIter<Shape>,
}

/// Whether operators that begin with this byte have no label, call nothing, and need no call of the engine's: locals, globals, memory,
/// numbers and vectors.
fn is_plain(first: u8) -> bool {
    matches!(first, 0x00 | 0x01 | 0x05 | 0x0b | 0x0f | 0x1a..=0x1c | 0x20..=0x24 | 0x28..=0x3f | 0x41..=0xc4 | 0xfd)
}

impl Loops {
    /// `bytes` are the module's.
    pub fn of(bytes: &[u8], mut operators: OperatorsReader<'_>) -> Result<Loops> {
        let mut found = Found::default();
        while !operators.eof() {
            let (operator, start) = operators.read_with_offset()?;
            let first = bytes.get(start).copied().unwrap_or_default();
            found.pass(&operator, first);
        }
        Ok(Loops {
            shapes: found.shapes.into_iter(),
        })
    }

    /// The loop that begins next.
    pub fn begin(&mut self) -> Shape {
        self.shapes.next().unwrap_or_default()
    }
}

#[derive(Default)]
struct Found {
    shapes: Vec<Shape>,
    /// The blocks that are open, the innermost last: of loops, their places among the shapes.
    blocks: Vec<Option<usize>>,
    /// The loops that are open.
    open: Vec<usize>,
}

impl Found {
    fn innermost(&mut self) -> Option<&mut Shape> {
        let last = self.open.last()?;
        self.shapes.get_mut(*last)
    }

    fn pass(&mut self, operator: &Operator<'_>, first: u8) {
        let simple = match operator {
            Operator::Br { .. } | Operator::BrIf { .. } => true,
            Operator::Block { .. } | Operator::If { .. } => true,
            _ => is_plain(first),
        };
        if let Some(shape) = self.innermost() {
            shape.operators = shape.operators.saturating_add(1);
            shape.wide |= !simple;
        }
        back::labels(operator, |label| self.branch(label));
        match operator {
            Operator::Block { .. }
            | Operator::If { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. } => self.blocks.push(None),
            Operator::Loop { blockty } => {
                let place = self.shapes.len();
                self.blocks.push(Some(place));
                self.open.push(place);
                self.shapes.push(Shape {
                    wide: matches!(blockty, BlockType::FuncType(_)),
                    ..Shape::default()
                });
            }
            Operator::End | Operator::Delegate { .. } => {
                if let Some(Some(_)) = self.blocks.pop() {
                    self.open.pop();
                }
            }
            _ => {}
        }
    }

    fn branch(&mut self, label: u32) {
        let label = usize::try_from(label).unwrap_or(usize::MAX);
        let Some(Some(place)) = self.blocks.iter().rev().nth(label).copied() else {
            return;
        };
        if let Some(shape) = self.shapes.get_mut(place) {
            shape.turns = true;
        }
        if self.open.last() != Some(&place)
            && let Some(shape) = self.innermost()
        {
            shape.wide = true;
        }
    }
}
