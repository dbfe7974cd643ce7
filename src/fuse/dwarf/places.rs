//! Where code lies in its object and in the fused module: what the rewriting of functions notes for their debug information.
//!
//! Places are counted as DWARF counts them: from the content of the code section on.

use std::ops::Range;

use super::bytes::leb_size;
use crate::error::{Code, Error, Result};

/// A function that is in the fused module.
struct Moved {
    /// Where its size stands before its body. Some tools let it begin there.
    head: u32,
    old: Range<u32>,
    new: Range<u32>,
    /// Instructions from which on the distance between the two places is another one, by both places: most keep their size.
    steps: Vec<(u32, u32)>,
}

impl Moved {
    /// The new place of one in the function.
    fn place(&self, old: u32) -> u32 {
        if old >= self.old.end {
            return self.new.end;
        }
        let behind = self.steps.partition_point(|step| step.0 <= old);
        let step = behind.checked_sub(1).and_then(|n| self.steps.get(n));
        let (from, to) = step.copied().unwrap_or((self.old.start, self.new.start));
        let next = self.steps.get(behind).map_or(self.new.end, |step| step.1);
        // What lies within an instruction stays before the next one.
        to.saturating_add(old.saturating_sub(from)).min(next)
    }
}

/// The functions of one object that are in the fused module, in their order.
#[derive(Default)]
pub(in crate::fuse) struct Places {
    moved: Vec<Moved>,
}

impl Places {
    /// Notes a function of the object, whose body lies at `old`, and gets `new` after what is noted before.
    pub fn function(&mut self, old: Range<u32>, new: Range<u32>, steps: Vec<(u32, u32)>) {
        let size = leb_size(old.end.saturating_sub(old.start));
        self.moved.push(Moved {
            head: old.start.saturating_sub(size),
            old,
            new,
            steps,
        });
    }

    /// Puts all functions behind the number of them, with which the section begins.
    pub fn finish(&mut self, functions: u32) {
        let size = leb_size(functions);
        for moved in &mut self.moved {
            let further = |place: u32| place.saturating_add(size);
            moved.new = further(moved.new.start)..further(moved.new.end);
            for step in &mut moved.steps {
                step.1 = further(step.1);
            }
        }
        self.moved.sort_by_key(|moved| moved.old.start);
    }

    /// The new place of an instruction, or of the end of a function. `None`: the function was left out.
    pub fn point(&self, old: u32) -> Option<u32> {
        let behind = self.moved.partition_point(|moved| moved.old.end <= old);
        let within = self.moved.get(behind).filter(|moved| moved.head <= old);
        let ended = behind.checked_sub(1).and_then(|n| self.moved.get(n));
        let ended = ended.filter(|moved| moved.old.end == old);
        within.or(ended).map(|moved| moved.place(old))
    }

    /// The new place of the first instruction from `old` on that is left.
    pub fn ceiling(&self, old: u32) -> Option<u32> {
        let first = self.moved.partition_point(|moved| moved.old.end <= old);
        self.moved.get(first).map(|moved| moved.place(old))
    }

    /// The new place of the end of something: of the last of what is left before `old`.
    pub fn end(&self, old: u32) -> Option<u32> {
        let behind = self.moved.partition_point(|moved| moved.old.start < old);
        let last = self.moved.get(behind.checked_sub(1)?)?;
        Some(last.place(old))
    }

    /// What is left of a range. No code is at 0, which some linkers put where code was left out.
    pub fn range(&self, old: Range<u32>) -> Option<Range<u32>> {
        if old.start == 0 {
            return None;
        }
        let (start, end) = (self.ceiling(old.start)?, self.end(old.end)?);
        (start < end).then_some(start..end)
    }
}

/// A place in a module, which has fewer than 4 GiB.
pub(in crate::fuse) fn place(place: usize) -> Result<u32> {
    u32::try_from(place).map_err(|_| Error::new(Code::Limit, "the code is too large"))
}
