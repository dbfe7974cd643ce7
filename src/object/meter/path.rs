//! How far code runs without a check, on the longest way through a function's blocks.
//!
//! A way leads forward only, since each loop begins with a check. At the end of a block, the longest of the ways that lead there
//! counts; an exception may come from anywhere in a block, so what catches it begins as if a good part of a stretch lay behind.

use wasmparser::{Catch, Handle, Operator, ResumeTable};

/// Instructions that may run without a check.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// On any way, those of called functions that have none among them.
    pub stretch: u32,
    /// From a call on. What was called may have called this function again, and so on: the way back leads through as many of these as
    /// there are frames on the stack.
    pub tail: u32,
    /// From where an exception is caught.
    pub caught: u32,
}

/// Where checks count.
pub(super) const COUNTED: Bounds = Bounds {
    stretch: STRETCH,
    tail: STRETCH / 2,
    caught: 0,
};
pub(super) const STRETCH: u32 = 10_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Loop,
    /// An `if` that has had no `else`.
    If,
    Other,
}

struct Frame {
    kind: Kind,
    /// The longest way to its beginning.
    before: u32,
    /// The longest way by a branch to its end.
    branches: u32,
}

pub(super) struct Path {
    now: u32,
    bounds: Bounds,
    /// The innermost last; the first is the function itself.
    frames: Vec<Frame>,
}

impl Path {
    /// Right behind a check, at the beginning of a function.
    pub fn new(bounds: Bounds) -> Path {
        let mut path = Path {
            now: 0,
            bounds,
            frames: Vec::new(),
        };
        path.push(Kind::Other);
        path
    }

    /// Whether a check is due in front of `operator`. None is put in front of what only ends a block, since the block may have a longer
    /// way to its end.
    pub fn is_due(&self, operator: &Operator<'_>) -> bool {
        let ends = matches!(
            operator,
            Operator::End
                | Operator::Else
                | Operator::Catch { .. }
                | Operator::CatchAll
                | Operator::Delegate { .. }
        );
        self.now >= self.bounds.stretch && !ends
    }

    pub fn checked(&mut self) {
        self.now = 0;
    }

    /// `more`: what the operator counts for beyond one.
    pub fn pass(&mut self, operator: &Operator<'_>, more: u32) {
        self.now = self.now.saturating_add(1).saturating_add(more);
        match operator {
            Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::CallRef { .. } => {
                self.now = self
                    .now
                    .max(self.bounds.stretch.saturating_sub(self.bounds.tail));
            }
            Operator::Block { .. } | Operator::Try { .. } => self.push(Kind::Other),
            Operator::Loop { .. } => self.push(Kind::Loop),
            Operator::If { .. } => self.push(Kind::If),
            Operator::Else => self.otherwise(),
            Operator::End | Operator::Delegate { .. } => self.end(),
            Operator::Catch { .. } | Operator::CatchAll => {
                self.branch(0, self.now);
                self.now = self.caught();
            }
            Operator::TryTable { try_table } => {
                for catch in &try_table.catches {
                    let (Catch::One { label, .. }
                    | Catch::OneRef { label, .. }
                    | Catch::All { label }
                    | Catch::AllRef { label }) = catch;
                    self.branch(*label, self.caught());
                }
                self.push(Kind::Other);
            }
            Operator::Resume { resume_table, .. }
            | Operator::ResumeThrow { resume_table, .. }
            | Operator::ResumeThrowRef { resume_table, .. } => self.handlers(resume_table),
            Operator::BrTable { targets } => {
                for label in targets.targets().flatten() {
                    self.branch(label, self.now);
                }
                self.branch(targets.default(), self.now);
            }
            Operator::Br { relative_depth }
            | Operator::BrIf { relative_depth }
            | Operator::BrOnNull { relative_depth }
            | Operator::BrOnNonNull { relative_depth }
            | Operator::BrOnCast { relative_depth, .. }
            | Operator::BrOnCastFail { relative_depth, .. }
            | Operator::BrOnCastDescEq { relative_depth, .. }
            | Operator::BrOnCastDescEqFail { relative_depth, .. } => {
                self.branch(*relative_depth, self.now);
            }
            _ => {}
        }
    }

    /// Where what catches begins. The exception may come from what stands last.
    fn caught(&self) -> u32 {
        let Bounds {
            stretch, caught, ..
        } = self.bounds;
        self.now.max(stretch.saturating_sub(caught))
    }

    fn push(&mut self, kind: Kind) {
        self.frames.push(Frame {
            kind,
            before: self.now,
            branches: 0,
        });
    }

    fn otherwise(&mut self) {
        let now = self.now;
        if let Some(frame) = self.frames.last_mut() {
            frame.branches = frame.branches.max(now);
            frame.kind = Kind::Other;
            self.now = frame.before;
        }
    }

    fn end(&mut self) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        self.now = match frame.kind {
            // Branches to a loop lead to its beginning.
            Kind::Loop => self.now,
            Kind::If => self.now.max(frame.branches).max(frame.before),
            Kind::Other => self.now.max(frame.branches),
        };
    }

    fn branch(&mut self, depth: u32, way: u32) {
        let depth = usize::try_from(depth).unwrap_or(usize::MAX);
        let inside = self.frames.len().checked_sub(1);
        let n = inside.and_then(|last| last.checked_sub(depth));
        if let Some(frame) = n.and_then(|n| self.frames.get_mut(n)) {
            frame.branches = frame.branches.max(way);
        }
    }

    fn handlers(&mut self, table: &ResumeTable) {
        for handle in &table.handlers {
            if let Handle::OnLabel { label, .. } = handle {
                self.branch(*label, self.caught());
            }
        }
    }
}

/// Whether it leads into code that is not known, other than by the call of an imported function.
pub(super) fn leads_away(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
            | Operator::Resume { .. }
            | Operator::ResumeThrow { .. }
            | Operator::ResumeThrowRef { .. }
            | Operator::Suspend { .. }
            | Operator::Switch { .. }
    )
}
