//! Loops that call nothing and have no loop in them, where checks look at a flag.
//!
//! The call of the function that asks stands outside of such a loop, since a call anywhere in it would cost it the engine's registers, and
//! small ones look once in several turns: their code is there as often.
//!
//! ```text
//! block $out
//!   loop $again
//!     block $ask
//!       loop $turn
//!         block $next  …  br $out  end     ;; a turn that does not look; what began the next turn leads to the block's end
//!         …                                ;; a turn that looks: br_if $ask, in front of what leads back to $turn
//!         br $out
//!       end
//!     end
//!     call $ask
//!     br $again
//!   end
//! end
//! ```

use wasm_encoder::{BlockType, Instruction};
use wasmparser::{Operator, OperatorsReader};

use super::super::fault;
use super::check::{self, Checks, emit};
use super::edit::Edit;
use super::loops::Shape;
use crate::error::Result;

/// Blocks around a turn that looks, and around one that does not: labels of what lies outside are larger by so many.
const AROUND: u32 = 3;
const AROUND_COPY: u32 = 4;

const BLOCK: u8 = 0x02;
const LOOP: u8 = 0x03;

/// How often the code of a loop is there.
pub(super) fn turns(shape: Shape) -> u32 {
    match shape.operators {
        0..=16 => 8,
        17..=32 => 4,
        _ => 1,
    }
}

/// Rewrites a tight loop that begins at `start`, whose operators come next, up to its end. `branches` get where checks branch;
/// `pass` is called for each operator.
pub(super) fn rewrite<'a>(
    out: &mut Vec<u8>,
    edit: &mut Edit<'a>,
    (start, operators): (usize, &mut OperatorsReader<'a>),
    (shape, checks): (Shape, Checks),
    branches: &mut Vec<usize>,
    mut pass: impl FnMut(&Operator<'_>, usize),
) -> Result<()> {
    let end = operators.original_position();
    let ty = edit.bytes(start.saturating_add(1), end);
    edit.copy(out, start);
    for first in [BLOCK, LOOP] {
        out.push(first);
        out.extend_from_slice(ty);
    }
    emit(
        out,
        &[
            Instruction::Block(BlockType::Empty),
            Instruction::Loop(BlockType::Empty),
        ],
    );
    for _ in 1..turns(shape) {
        emit(out, &[Instruction::Block(BlockType::Empty)]);
        let mut turn = Turn::new(AROUND_COPY);
        turn.copy(out, &mut edit.again(end), &mut operators.clone(), |_, _| {})?;
        emit(out, &[Instruction::Br(AROUND_COPY), Instruction::End]);
    }
    edit.skip(end);
    let mut turn = Turn::new(AROUND);
    turn.looks = Some((checks, branches));
    turn.copy(out, edit, operators, &mut pass)?;
    emit(
        out,
        &[
            Instruction::Br(AROUND),
            Instruction::End,
            Instruction::End,
            Instruction::Call(checks.ask),
            Instruction::Br(0),
            Instruction::End,
            Instruction::End,
        ],
    );
    Ok(())
}

/// The code of one turn.
struct Turn<'b> {
    around: u32,
    looks: Option<(Checks, &'b mut Vec<usize>)>,
    /// Blocks in it that are open.
    open: u32,
}

impl Turn<'_> {
    fn new(around: u32) -> Self {
        Turn {
            around,
            looks: None,
            open: 0,
        }
    }

    /// Copies the operators, without the end of the loop, which is read.
    fn copy(
        &mut self,
        out: &mut Vec<u8>,
        edit: &mut Edit<'_>,
        operators: &mut OperatorsReader<'_>,
        mut pass: impl FnMut(&Operator<'_>, usize),
    ) -> Result<()> {
        loop {
            let (operator, start) = operators.read_with_offset().map_err(fault::reader)?;
            let end = operators.original_position();
            pass(&operator, start);
            match operator {
                Operator::Block { .. } | Operator::If { .. } => {
                    self.open = self.open.saturating_add(1);
                }
                Operator::End => match self.open.checked_sub(1) {
                    Some(open) => self.open = open,
                    None => {
                        edit.copy(out, start);
                        edit.skip(end);
                        return Ok(());
                    }
                },
                Operator::Br { relative_depth } => {
                    self.branch(out, edit, (start, end), (relative_depth, false));
                }
                Operator::BrIf { relative_depth } => {
                    self.branch(out, edit, (start, end), (relative_depth, true));
                }
                _ => {}
            }
            edit.operator(out, &operator, start, end);
        }
    }

    /// A `br` or, `on_condition`, a `br_if`.
    fn branch(
        &mut self,
        out: &mut Vec<u8>,
        edit: &mut Edit<'_>,
        (start, end): (usize, usize),
        (label, on_condition): (u32, bool),
    ) {
        if label > self.open {
            let label = label.saturating_add(self.around);
            edit.copy(out, start);
            check::branch(out, label, on_condition);
            edit.skip(end);
        } else if label == self.open
            && let Some((checks, branches)) = &mut self.looks
        {
            edit.copy(out, start);
            branches.push(check::turn(out, *checks, label, on_condition));
            edit.skip(end);
        }
    }
}
