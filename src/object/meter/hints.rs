//! The section `metadata.code.branch_hint` (the branch hinting proposal): which way branches hardly ever go.
//!
//! An engine that reads it puts what asks the host out of the way of what runs, and saves no registers where nothing is asked.

use wasm_encoder::Encode;

pub(super) const NAME: &str = "metadata.code.branch_hint";

#[derive(Default)]
pub(super) struct Hints {
    functions: u32,
    entries: Vec<u8>,
}

/// The size of a hint, and that its branch is not taken.
const UNLIKELY: [u8; 2] = [1, 0];

impl Hints {
    /// The branches at these offsets in the body of a function. Functions come in the order of their indices, and so do offsets.
    pub fn unlikely(&mut self, func: u32, branches: &[usize]) {
        self.functions = self.functions.saturating_add(1);
        func.encode(&mut self.entries);
        number(branches.len()).encode(&mut self.entries);
        for &branch in branches {
            number(branch).encode(&mut self.entries);
            self.entries.extend_from_slice(&UNLIKELY);
        }
    }

    /// Appends the contents of the section.
    pub fn write(&self, out: &mut Vec<u8>) {
        NAME.encode(out);
        self.functions.encode(out);
        out.extend_from_slice(&self.entries);
    }
}

/// Bodies are smaller than 32 bits count.
fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
