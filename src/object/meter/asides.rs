//! Where a checked entry asks, if checks look at a flag: in a function beside, which calls the function anew.
//!
//! Engines keep no register across a call, and set aside at the entry what a call there would lose, though it is hardly ever made. A tail
//! call loses nothing: what is entered hands its parameters on and is gone. One such function stands behind the module's own for each that
//! is checked where it is entered.

use serde::{Deserialize, Serialize};
use wasm_encoder::{Encode, Instruction};

use super::check::emit;
use super::entries::Entries;
use super::survey::Survey;
use super::too_large;
use crate::error::Result;

/// The most functions that engines take in a module.
const MAX_FUNCTIONS: usize = 1_000_000;

/// The functions that ask for others, one behind the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asides {
    /// Those that they ask for, by their numbers among the functions that the module defines, in order.
    of: Vec<u32>,
    /// The index of the first that asks.
    first: u32,
}

impl Asides {
    /// `first`: the index that is free behind all other functions. None where the module has no room for so many.
    pub(super) fn of(entries: &Entries, survey: &Survey, first: u32) -> Asides {
        let checked = (0..survey.defined_funcs()).filter(|n| {
            let n = usize::try_from(*n).unwrap_or(usize::MAX);
            entries.is_checked(n)
        });
        let of: Vec<u32> = checked.collect();
        let before = usize::try_from(first).unwrap_or(usize::MAX);
        match before.saturating_add(of.len()) > MAX_FUNCTIONS {
            true => Asides::default(),
            false => Asides { of, first },
        }
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.of.len()).unwrap_or(u32::MAX)
    }

    /// The number of the function that the one of this index asks for, among those that the module defines.
    pub fn asks_for(&self, index: u32) -> Option<u32> {
        let position = index.checked_sub(self.first)?;
        self.of.get(usize::try_from(position).ok()?).copied()
    }

    /// The function where the n-th that the module defines asks.
    pub(super) fn index(&self, n: u32) -> Option<u32> {
        let position = self.of.binary_search(&n).ok()?;
        self.first.checked_add(u32::try_from(position).ok()?)
    }

    /// Appends their types.
    pub(super) fn types(&self, out: &mut Vec<u8>, survey: &Survey) {
        for ty in self.of.iter().filter_map(|n| survey.type_of(*n)) {
            ty.encode(out);
        }
    }

    /// Appends their bodies, with their sizes in front, up to `most` bytes in all. `ask` is called, and stands in front of what the module defines.
    pub(super) fn bodies(
        &self,
        out: &mut Vec<u8>,
        survey: &Survey,
        ask: u32,
        most: usize,
    ) -> Result<()> {
        for &n in &self.of {
            let params = usize::try_from(n).ok().and_then(|n| survey.params(n));
            // No locals.
            let mut body = vec![0];
            emit(&mut body, &[Instruction::Call(ask)]);
            let func = ask.saturating_add(1).saturating_add(n);
            hand_on(&mut body, params.unwrap_or(0), func);
            emit(&mut body, &[Instruction::End]);
            body.as_slice().encode(out);
            if out.len() > most {
                return Err(too_large());
            }
        }
        Ok(())
    }
}

/// Goes on in `func`, which has the parameters of the function at hand.
pub(super) fn hand_on(out: &mut Vec<u8>, params: u32, func: u32) {
    for param in 0..params {
        emit(out, &[Instruction::LocalGet(param)]);
    }
    emit(out, &[Instruction::ReturnCall(func)]);
}
