//! The code of a check.

use wasm_encoder::{BlockType, Encode, Instruction};

use super::bulk::{Bulk, Price};

/// How code of one module counts and asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checks {
    /// Index of the global.
    pub units: u32,
    /// Index of the function.
    pub ask: u32,
}

impl Checks {
    /// Takes `cost` units. `left` is an i64 local for the check's own use. Gives where in `out` the branch stands that asks.
    pub fn fixed(self, out: &mut Vec<u8>, left: u32, cost: u32) -> usize {
        emit(
            out,
            &[
                Instruction::GlobalGet(self.units),
                Instruction::I64Const(cost.into()),
            ],
        );
        self.take(out, left)
    }

    /// Takes what a bulk operation costs, whose length is on top of the stack, and stays there. Gives what [`fixed`](Checks::fixed) gives.
    pub fn bulk(self, out: &mut Vec<u8>, left: u32, bulk: Bulk) -> usize {
        if bulk.wide {
            emit(out, &[Instruction::LocalTee(left)]);
        } else {
            emit(
                out,
                &[
                    Instruction::I64ExtendI32U,
                    Instruction::LocalTee(left),
                    Instruction::I32WrapI64,
                ],
            );
        }
        emit(
            out,
            &[
                Instruction::GlobalGet(self.units),
                Instruction::LocalGet(left),
            ],
        );
        match bulk.price {
            Price::Less(shift) => emit(
                out,
                &[Instruction::I64Const(shift.into()), Instruction::I64ShrU],
            ),
            Price::More(shift) => emit(
                out,
                &[
                    Instruction::I64Const(u32::MAX.into()),
                    Instruction::I64And,
                    Instruction::I64Const(shift.into()),
                    Instruction::I64Shl,
                ],
            ),
        }
        self.take(out, left)
    }

    /// The units left and the cost are on the stack.
    fn take(self, out: &mut Vec<u8>, left: u32) -> usize {
        emit(
            out,
            &[
                Instruction::I64Sub,
                Instruction::LocalTee(left),
                Instruction::GlobalSet(self.units),
                Instruction::LocalGet(left),
                Instruction::I64Const(0),
                Instruction::I64LtS,
            ],
        );
        let branch = out.len();
        emit(
            out,
            &[
                Instruction::If(BlockType::Empty),
                Instruction::Call(self.ask),
                Instruction::End,
            ],
        );
        branch
    }
}

/// A place where an engine looks for interrupts by itself: the head of a loop.
pub(super) fn empty_loop(out: &mut Vec<u8>) {
    emit(
        out,
        &[Instruction::Loop(BlockType::Empty), Instruction::End],
    );
}

fn emit(out: &mut Vec<u8>, instructions: &[Instruction<'_>]) {
    for instruction in instructions {
        instruction.encode(out);
    }
}
