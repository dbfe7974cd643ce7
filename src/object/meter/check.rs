//! The code of a check.

use wasm_encoder::{BlockType, Encode, Instruction, MemArg};

use super::asides::hand_on;
use super::bulk::{Bulk, Price};

/// How code of one module asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checks {
    pub when: When,
    /// Index of the function.
    pub ask: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    /// When the units in the global of this index are used up.
    Spent(u32),
    /// When the host has raised the flag in the memory of this index.
    Raised(u32),
}

impl Checks {
    pub fn count(self) -> bool {
        matches!(self.when, When::Spent(_))
    }

    /// Takes `cost` units, where checks count. `left` is an i64 local for the check's own use then. Gives where in `out` the branch stands
    /// that asks.
    pub fn fixed(self, out: &mut Vec<u8>, left: u32, cost: u32) -> usize {
        match self.when {
            When::Spent(units) => {
                emit(
                    out,
                    &[
                        Instruction::GlobalGet(units),
                        Instruction::I64Const(cost.into()),
                    ],
                );
                self.take(out, units, left)
            }
            When::Raised(memory) => self.look(out, memory),
        }
    }

    fn look(self, out: &mut Vec<u8>, memory: u32) -> usize {
        load(out, memory);
        self.ask_if(out)
    }

    /// Takes what a bulk operation costs, whose length is on top of the stack, and stays there. Gives what [`fixed`](Checks::fixed) gives.
    pub fn bulk(self, out: &mut Vec<u8>, left: u32, bulk: Bulk) -> usize {
        let units = match self.when {
            When::Spent(units) => units,
            When::Raised(memory) => return self.look(out, memory),
        };
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
            &[Instruction::GlobalGet(units), Instruction::LocalGet(left)],
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
        self.take(out, units, left)
    }

    /// Between two pieces of an operation that is paid for. Checks that count ask: whatever a piece costs, it takes as long as many units.
    pub fn between(self, out: &mut Vec<u8>) {
        match self.when {
            When::Spent(_) => emit(out, &[Instruction::Call(self.ask)]),
            When::Raised(memory) => {
                self.look(out, memory);
            }
        }
    }

    /// The units left and the cost are on the stack.
    fn take(self, out: &mut Vec<u8>, units: u32, left: u32) -> usize {
        emit(
            out,
            &[
                Instruction::I64Sub,
                Instruction::LocalTee(left),
                Instruction::GlobalSet(units),
                Instruction::LocalGet(left),
                Instruction::I64Const(0),
                Instruction::I64LtS,
            ],
        );
        self.ask_if(out)
    }

    /// Whether to ask is on the stack.
    fn ask_if(self, out: &mut Vec<u8>) -> usize {
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

/// Stands for a branch to a loop without parameters that is taken if the number on the stack is not zero: asks first if it is taken. Gives
/// what [`Checks::fixed`] gives.
pub(super) fn back_if(out: &mut Vec<u8>, checks: Checks, depth: u32) -> usize {
    emit(out, &[Instruction::If(BlockType::Empty)]);
    let branch = checks.fixed(out, 0, 0);
    let outside = depth.saturating_add(1);
    emit(out, &[Instruction::Br(outside), Instruction::End]);
    branch
}

/// Looks where a function with so many parameters is entered, and goes on in `aside` if the flag is raised. Gives what [`Checks::fixed`]
/// gives.
pub(super) fn enter(out: &mut Vec<u8>, checks: Checks, params: u32, aside: u32) -> usize {
    if let When::Raised(memory) = checks.when {
        load(out, memory);
    }
    let branch = out.len();
    emit(out, &[Instruction::If(BlockType::Empty)]);
    hand_on(out, params, aside);
    emit(out, &[Instruction::End]);
    branch
}

/// Another thread raises the flag: no engine takes what an atomic load gave before for what it gives.
fn load(out: &mut Vec<u8>, memory: u32) {
    emit(
        out,
        &[
            Instruction::I32Const(0),
            Instruction::I32AtomicLoad(MemArg {
                offset: 0,
                align: 2,
                memory_index: memory,
            }),
        ],
    );
}

/// Stands for what begins the next turn of a loop of this label, a `br` or, `on_condition`, a `br_if`: branches first to the block around it if
/// the flag is raised. Gives what [`Checks::fixed`] gives.
pub(super) fn turn(out: &mut Vec<u8>, checks: Checks, label: u32, on_condition: bool) -> usize {
    let inside = label.saturating_add(on_condition.into());
    if on_condition {
        emit(out, &[Instruction::If(BlockType::Empty)]);
    }
    if let When::Raised(memory) = checks.when {
        load(out, memory);
    }
    let place = out.len();
    emit(
        out,
        &[
            Instruction::BrIf(inside.saturating_add(1)),
            Instruction::Br(inside),
        ],
    );
    if on_condition {
        emit(out, &[Instruction::End]);
    }
    place
}

/// Bytes that are filled or copied without a look: what a stated length may be at most, too.
const SHORT: i32 = 4096;

/// Begins what stands for an operation whose last operand, an i32, is a length: `func`, of type `ty`, is called where that is long. The
/// operation for what is short comes next, then [`end`]. `length` is a local for the check's own use. Gives what [`Checks::fixed`] gives.
pub(super) fn call_if_long(out: &mut Vec<u8>, length: u32, ty: u32, func: u32) -> usize {
    emit(
        out,
        &[
            Instruction::LocalTee(length),
            Instruction::LocalGet(length),
            Instruction::I32Const(SHORT),
            Instruction::I32GtU,
        ],
    );
    let branch = out.len();
    emit(
        out,
        &[
            Instruction::If(BlockType::FunctionType(ty)),
            Instruction::Call(func),
            Instruction::Else,
        ],
    );
    branch
}

pub(super) fn end(out: &mut Vec<u8>) {
    emit(out, &[Instruction::End]);
}

pub(super) fn call(out: &mut Vec<u8>, func: u32) {
    emit(out, &[Instruction::Call(func)]);
}

pub(super) fn branch(out: &mut Vec<u8>, label: u32, on_condition: bool) {
    let branch = match on_condition {
        true => Instruction::BrIf(label),
        false => Instruction::Br(label),
    };
    emit(out, &[branch]);
}

pub(super) fn emit(out: &mut Vec<u8>, instructions: &[Instruction<'_>]) {
    for instruction in instructions {
        instruction.encode(out);
    }
}
