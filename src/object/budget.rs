//! How much memory a module's metadata may take: in proportion to the module.
//!
//! A few bytes of a module can ask for hundreds: an import, say, is a structure, a name and later a binding. Real modules have far
//! more bytes for each (its name, calls of it), so that only one that was made to do harm comes to the end of its budget.

use super::fault;
use crate::error::Result;

/// What every module may take, and how much more for each byte of it. While a module is read, its bytes and those of a rewritten
/// copy are there as well.
const BASE: usize = 32 << 20;
const FOR_EACH_BYTE: usize = 2;

// What an entry of each kind takes, with what a plan and the tools add to it.
pub(super) const IMPORT: usize = 220;
pub(super) const EXPORT: usize = 260;
pub(super) const GLOBAL: usize = 48;
pub(super) const TABLE: usize = 56;
pub(super) const MEMORY: usize = 56;
pub(super) const INDEX: usize = 4;
pub(super) const SEGMENT: usize = 72;
pub(super) const ELEMENT: usize = 8;
/// An entry of the types, a distinct type, and a parameter or result of it.
pub(super) const TYPE: usize = 16;
pub(super) const DISTINCT_TYPE: usize = 120;
pub(super) const VALUE: usize = 12;
/// A type of a recursion group, as the reader of sections has it.
pub(super) const GROUPED_TYPE: usize = 64;
/// An entry of dylink.0.
pub(super) const NOTE: usize = 120;

pub(super) struct Budget {
    left: usize,
    used: usize,
}

impl Budget {
    pub fn for_module(bytes: &[u8]) -> Budget {
        Budget {
            used: 0,
            left: bytes
                .len()
                .saturating_mul(FOR_EACH_BYTE)
                .saturating_add(BASE),
        }
    }

    /// What has been taken so far.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Takes what `count` entries of `each` bytes need, before these are allocated.
    pub fn take(&mut self, offset: usize, count: usize, each: usize) -> Result<()> {
        let needed = count.saturating_mul(each);
        match self.left.checked_sub(needed) {
            Some(left) => {
                self.left = left;
                self.used = self.used.saturating_add(needed);
                Ok(())
            }
            None => Err(fault::over_budget(offset)),
        }
    }
}
