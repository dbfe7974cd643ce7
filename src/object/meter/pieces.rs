//! `memory.fill` and `memory.copy` in pieces, with a check between two of them: a memory of gigabytes takes many seconds.
//!
//! They become calls of functions that stand behind those of the module, one for each memory, or pair of these, that is filled or copied by
//! an unknown length. Such a function checks first, as in front of any operation on a length. What reaches out of bounds is then done as it is,
//! and so traps before anything is written; so is what is short. A copy to a higher address begins with the last piece: what it overwrites
//! has been copied then, whether or not both memories are the same one.

use std::collections::BTreeMap;

use wasm_encoder::{BlockType, Encode, Instruction};
use wasmparser::Operator;

use super::bulk::Bulk;
use super::check::{Checks, emit};
use super::edit::moved;
use super::survey::{Memory, Survey};
use super::too_large;
use crate::error::Result;

/// Bytes that are filled or copied at once: some milliseconds' work, where the system has to give the memory first.
const PIECE: u32 = 16 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piecemeal {
    Fill(u32),
    Copy { dst: u32, src: u32 },
}

impl Piecemeal {
    fn of(operator: &Operator<'_>) -> Option<Piecemeal> {
        match *operator {
            Operator::MemoryFill { mem } => Some(Piecemeal::Fill(mem)),
            Operator::MemoryCopy { dst_mem, src_mem } => Some(Piecemeal::Copy {
                dst: dst_mem,
                src: src_mem,
            }),
            _ => None,
        }
    }

    fn memories(self) -> (u32, Option<u32>) {
        match self {
            Piecemeal::Fill(memory) => (memory, None),
            Piecemeal::Copy { dst, src } => (dst, Some(src)),
        }
    }
}

/// The functions that a module gets.
#[derive(Default)]
pub(super) struct Pieces {
    /// With their positions.
    functions: BTreeMap<Piecemeal, u32>,
    /// In the order of their positions.
    kinds: Vec<Piecemeal>,
}

impl Pieces {
    /// The module does what `operator` is by an unknown length.
    pub fn need(&mut self, operator: &Operator<'_>) {
        let Some(kind) = Piecemeal::of(operator) else {
            return;
        };
        let next = self.count();
        self.functions.entry(kind).or_insert_with(|| {
            self.kinds.push(kind);
            next
        });
    }

    pub fn count(&self) -> u32 {
        u32::try_from(self.kinds.len()).unwrap_or(u32::MAX)
    }

    /// The position of the function that does what `operator` is.
    pub fn position(&self, operator: &Operator<'_>) -> Option<u32> {
        let kind = Piecemeal::of(operator)?;
        self.functions.get(&kind).copied()
    }

    /// Appends their types.
    pub fn types(&self, out: &mut Vec<u8>, survey: &Survey) {
        for kind in &self.kinds {
            Shape::of(*kind, survey).ty(out);
        }
    }

    /// Appends their bodies, with their sizes in front, up to `most` bytes in all. `first` is the first memory that moves by one.
    pub fn bodies(
        &self,
        out: &mut Vec<u8>,
        survey: &Survey,
        (checks, first): (Checks, u32),
        most: usize,
    ) -> Result<()> {
        for kind in &self.kinds {
            let mut body = Vec::new();
            Shape::of(*kind, survey).body(&mut body, checks, first);
            body.as_slice().encode(out);
            if out.len() > most {
                return Err(too_large());
            }
        }
        Ok(())
    }
}

const FUNC: u8 = 0x60;
const I32: u8 = 0x7f;
const I64: u8 = 0x7e;

/// Parameters: where to; from where, or the value; the length.
const TO: u32 = 0;
const FROM: u32 = 1;
const LENGTH: u32 = 2;
/// Locals of 64 bits: what is left, where it goes, where it comes from, and one for the check.
const LEFT: u32 = 3;
const AT: u32 = 4;
const SOURCE: u32 = 5;
const SPARE: u32 = 6;

#[derive(Clone, Copy)]
struct Shape {
    kind: Piecemeal,
    dst: Memory,
    src: Option<Memory>,
}

impl Shape {
    fn of(kind: Piecemeal, survey: &Survey) -> Shape {
        let memory = |index| {
            survey.memory(index).unwrap_or(Memory {
                wide: false,
                shared: false,
                page_log2: 0,
            })
        };
        let (dst, src) = kind.memories();
        Shape {
            kind,
            dst: memory(dst),
            src: src.map(memory),
        }
    }

    fn wide_source(self) -> bool {
        self.src.is_some_and(|memory| memory.wide)
    }

    fn wide_length(self) -> bool {
        self.dst.wide && self.src.is_none_or(|memory| memory.wide)
    }

    fn ty(self, out: &mut Vec<u8>) {
        let number = |wide| if wide { I64 } else { I32 };
        let params = [self.dst.wide, self.wide_source(), self.wide_length()];
        out.extend_from_slice(&[FUNC, 3]);
        out.extend(params.map(number));
        out.push(0);
    }

    /// The operator, by the indices that memories have then.
    fn operator(self, first: u32) -> Instruction<'static> {
        let moved = |index| moved(index, first).unwrap_or(index);
        match self.kind {
            Piecemeal::Fill(memory) => Instruction::MemoryFill(moved(memory)),
            Piecemeal::Copy { dst, src } => Instruction::MemoryCopy {
                src_mem: moved(src),
                dst_mem: moved(dst),
            },
        }
    }

    fn body(self, out: &mut Vec<u8>, checks: Checks, first: u32) {
        // One group of four locals.
        out.extend_from_slice(&[1, 4, I64]);
        let as_it_is = [
            Instruction::LocalGet(TO),
            Instruction::LocalGet(FROM),
            Instruction::LocalGet(LENGTH),
            self.operator(first),
            Instruction::Return,
            Instruction::End,
        ];
        emit(out, &[Instruction::LocalGet(LENGTH)]);
        checks.bulk(out, SPARE, self.bulk());
        extend(out, self.wide_length());
        emit(
            out,
            &[
                Instruction::LocalTee(LEFT),
                Instruction::I64Const(PIECE.into()),
                Instruction::I64LeU,
                Instruction::If(BlockType::Empty),
            ],
        );
        emit(out, &as_it_is);
        emit(out, &[Instruction::LocalGet(TO)]);
        extend(out, self.dst.wide);
        emit(out, &[Instruction::LocalSet(AT)]);
        let (dst, src) = self.kind.memories();
        reaches_out(out, (AT, dst, self.dst), first);
        if let (Some(index), Some(memory)) = (src, self.src) {
            emit(out, &[Instruction::LocalGet(FROM)]);
            extend(out, memory.wide);
            emit(out, &[Instruction::LocalSet(SOURCE)]);
            reaches_out(out, (SOURCE, index, memory), first);
            emit(out, &[Instruction::I32Or]);
        }
        emit(out, &[Instruction::If(BlockType::Empty)]);
        emit(out, &as_it_is);
        if self.src.is_some() {
            emit(
                out,
                &[
                    Instruction::LocalGet(AT),
                    Instruction::LocalGet(SOURCE),
                    Instruction::I64GtU,
                    Instruction::If(BlockType::Empty),
                ],
            );
            self.backwards(out, checks, first);
            emit(out, &[Instruction::Else]);
            self.forwards(out, checks, first);
            emit(out, &[Instruction::End]);
        } else {
            self.forwards(out, checks, first);
        }
        emit(out, &[Instruction::End]);
    }

    fn bulk(self) -> Bulk {
        Bulk::bytes(self.wide_length())
    }

    fn forwards(self, out: &mut Vec<u8>, checks: Checks, first: u32) {
        let places: &[u32] = match self.src {
            Some(_) => &[AT, SOURCE],
            None => &[AT],
        };
        emit(out, &[Instruction::Loop(BlockType::Empty)]);
        self.piece(out, first, false);
        for place in places {
            step(out, *place, Instruction::I64Add);
        }
        step(out, LEFT, Instruction::I64Sub);
        self.turn(out, checks);
        self.rest(out, first);
    }

    fn backwards(self, out: &mut Vec<u8>, checks: Checks, first: u32) {
        emit(out, &[Instruction::Loop(BlockType::Empty)]);
        step(out, LEFT, Instruction::I64Sub);
        self.piece(out, first, true);
        self.turn(out, checks);
        self.rest(out, first);
    }

    /// Ends the loop: it turns while more than a piece is left.
    fn turn(self, out: &mut Vec<u8>, checks: Checks) {
        checks.between(out);
        emit(
            out,
            &[
                Instruction::LocalGet(LEFT),
                Instruction::I64Const(PIECE.into()),
                Instruction::I64GtU,
                Instruction::BrIf(0),
                Instruction::End,
            ],
        );
    }

    /// A whole piece: at the places, or behind what is left from there.
    fn piece(self, out: &mut Vec<u8>, first: u32, behind: bool) {
        self.places(out, behind);
        emit(
            out,
            &[
                match self.wide_length() {
                    true => Instruction::I64Const(PIECE.into()),
                    false => Instruction::I32Const(PIECE.cast_signed()),
                },
                self.operator(first),
            ],
        );
    }

    fn rest(self, out: &mut Vec<u8>, first: u32) {
        self.places(out, false);
        emit(out, &[Instruction::LocalGet(LEFT)]);
        wrap(out, self.wide_length());
        emit(out, &[self.operator(first)]);
    }

    fn places(self, out: &mut Vec<u8>, behind: bool) {
        place(out, (AT, self.dst.wide), behind);
        match self.src {
            Some(memory) => place(out, (SOURCE, memory.wide), behind),
            None => emit(out, &[Instruction::LocalGet(FROM)]),
        }
    }
}

fn place(out: &mut Vec<u8>, (local, wide): (u32, bool), behind: bool) {
    emit(out, &[Instruction::LocalGet(local)]);
    if behind {
        emit(out, &[Instruction::LocalGet(LEFT), Instruction::I64Add]);
    }
    wrap(out, wide);
}

/// A place or what is left, one piece further.
fn step(out: &mut Vec<u8>, local: u32, by: Instruction<'_>) {
    emit(
        out,
        &[
            Instruction::LocalGet(local),
            Instruction::I64Const(PIECE.into()),
            by,
            Instruction::LocalSet(local),
        ],
    );
}

/// Whether what is left, from a place on, reaches out of a memory.
fn reaches_out(out: &mut Vec<u8>, (at, index, memory): (u32, u32, Memory), first: u32) {
    let index = moved(index, first).unwrap_or(index);
    emit(out, &[Instruction::MemorySize(index)]);
    extend(out, memory.wide);
    emit(
        out,
        &[
            Instruction::I64Const(memory.page_log2.into()),
            Instruction::I64Shl,
            Instruction::LocalTee(SPARE),
            Instruction::LocalGet(LEFT),
            Instruction::I64LtU,
            Instruction::LocalGet(at),
            Instruction::LocalGet(SPARE),
            Instruction::LocalGet(LEFT),
            Instruction::I64Sub,
            Instruction::I64GtU,
            Instruction::I32Or,
        ],
    );
}

fn extend(out: &mut Vec<u8>, wide: bool) {
    if !wide {
        emit(out, &[Instruction::I64ExtendI32U]);
    }
}

fn wrap(out: &mut Vec<u8>, wide: bool) {
    if !wide {
        emit(out, &[Instruction::I32WrapI64]);
    }
}
