//! Branches of a function that may lead back: where a loop begins its next turn.
//!
//! An exception that is caught in a loop's head comes out of a `try_table` that is entered anew in each turn, and so does what a handler of
//! `resume` gets: these operators count as branches themselves.

use wasmparser::{BlockType, Catch, Handle, Operator};

/// What an operator is to a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Back {
    /// It leads to none.
    No,
    /// It may lead to one.
    May,
    /// It is a `br_if` with this label to one without parameters: where it is not taken, nothing has to be asked.
    If(u32),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    Block,
    Loop,
    /// It may take values from the stack.
    LoopOfType,
}

/// Calls `each` with the labels that an operator may branch to.
pub(super) fn labels(operator: &Operator<'_>, mut each: impl FnMut(u32)) {
    match operator {
        Operator::Br { relative_depth }
        | Operator::BrIf { relative_depth }
        | Operator::BrOnNull { relative_depth }
        | Operator::BrOnNonNull { relative_depth }
        | Operator::BrOnCast { relative_depth, .. }
        | Operator::BrOnCastFail { relative_depth, .. }
        | Operator::BrOnCastDescEq { relative_depth, .. }
        | Operator::BrOnCastDescEqFail { relative_depth, .. } => each(*relative_depth),
        Operator::BrTable { targets } => {
            let labels = targets.targets().flatten();
            labels.chain([targets.default()]).for_each(each);
        }
        Operator::TryTable { try_table } => {
            for catch in &try_table.catches {
                let (Catch::One { label, .. }
                | Catch::OneRef { label, .. }
                | Catch::All { label }
                | Catch::AllRef { label }) = catch;
                each(*label);
            }
        }
        Operator::Resume { resume_table, .. }
        | Operator::ResumeThrow { resume_table, .. }
        | Operator::ResumeThrowRef { resume_table, .. } => {
            for handle in &resume_table.handlers {
                if let Handle::OnLabel { label, .. } = handle {
                    each(*label);
                }
            }
        }
        _ => {}
    }
}

/// The blocks that are open, the innermost last; the first is the function itself.
pub(super) struct Labels {
    frames: Vec<Frame>,
}

impl Labels {
    pub fn new() -> Labels {
        Labels {
            frames: vec![Frame::Block],
        }
    }

    /// What an operator is that stands here.
    pub fn back(&self, operator: &Operator<'_>) -> Back {
        if let Operator::BrIf { relative_depth } = operator
            && self.target(*relative_depth) == Frame::Loop
        {
            return Back::If(*relative_depth);
        }
        let mut may = false;
        labels(operator, |label| may |= self.target(label) != Frame::Block);
        match may {
            true => Back::May,
            false => Back::No,
        }
    }

    pub fn pass(&mut self, operator: &Operator<'_>) {
        match operator {
            Operator::Block { .. }
            | Operator::If { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. } => self.frames.push(Frame::Block),
            Operator::Loop { blockty } => self.frames.push(match blockty {
                BlockType::FuncType(_) => Frame::LoopOfType,
                BlockType::Empty | BlockType::Type(_) => Frame::Loop,
            }),
            Operator::End | Operator::Delegate { .. } => {
                self.frames.pop();
            }
            _ => {}
        }
    }

    fn target(&self, depth: u32) -> Frame {
        let depth = usize::try_from(depth).unwrap_or(usize::MAX);
        let frame = self.frames.iter().rev().nth(depth);
        frame.copied().unwrap_or(Frame::Block)
    }
}
