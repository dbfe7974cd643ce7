//! Checks put into a module, so that a host can stop, time out and budget a guest on any engine.
//!
//! [`Mode::Counted`]: the module counts units down in an imported global and calls an imported function where that falls below zero.
//! A unit is a function entered, a turn of a loop, 64 bytes or 4 elements of a bulk operation ([`bulk`]), or a stretch of
//! [`path::STRETCH`] instructions without any of these, slow ones counted as many ([`cost`]). Functions from whose entry it is not far to the next check, or to their end,
//! cost nothing themselves ([`entries`]). What a guest uses depends on its own bytes and input alone, so it is the same on all engines.
//!
//! [`Mode::Flag`]: the module looks at a word of an imported memory, which the host writes from whatever thread, and calls the
//! imported function where it is not zero. It looks where functions are entered, as above, where a loop begins its next turn ([`back`], [`tight`]), in
//! front of each bulk operation, and behind long stretches. Nothing is counted.
//!
//! With both, `memory.fill` and `memory.copy` of unknown length are calls of functions that do it in pieces ([`pieces`]); these stand behind the
//! module's own. Where nothing is counted, functions that are checked where they are entered ask in others beside them, if the engine has tail calls ([`asides`]), and what turns out to be short is done where it stands, and not looked in front of.
//!
//! [`Mode::Light`]: for engines that look for interrupts by themselves at function entries and loop heads. An empty loop is put in
//! front of each bulk operation, in functions that have many, and behind each long stretch of code without a loop. All other modules stay as they are.
//!
//! Operators are copied as they stand, and only those that name a function or a global are written anew: what is not touched cannot
//! change its meaning, and no encoder has to know the proposal that an operator comes from.
//!
//! The two imports come last. So functions, and globals or memories, that the module defines move by one; all that names them is
//! renumbered: code, constant expressions, exports, the start function, elements, data and the `name` section. Sections about places in the code are dropped
//! ([`custom`]). All others stay as they are.

mod access;
mod asides;
mod back;
mod body;
mod bulk;
mod check;
mod cost;
mod custom;
mod edit;
mod entries;
#[cfg(test)]
mod flag_tests;
mod hints;
mod light;
mod loops;
mod named;
mod path;
mod pieces;
mod sections;
mod survey;
#[cfg(test)]
mod tests;
mod tight;

use serde::{Deserialize, Serialize};
use wasmparser::{Validator, WasmFeatures};

pub use self::asides::Asides;
use super::fault;
use crate::abi;
use crate::aside::{self, is_lean};
use crate::error::{Code, Error, Result};

/// What is put into a module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Nothing.
    #[default]
    Off,
    /// Places for the engine's own checks, in front of many bulk operations and behind long stretches of code.
    Light,
    /// Checks that count units and ask the host.
    Counted,
    /// Checks that ask the host where it has raised a flag. `aside`: where functions are entered they ask in functions beside, by tail calls,
    /// which costs less and which not every engine has.
    Flag { aside: bool },
}

impl Mode {
    /// The names of the two imports, below [`abi::CONTROL`], in which a module with such checks ends.
    pub fn imports(self) -> Option<[&'static str; 2]> {
        match self {
            Mode::Off | Mode::Light => None,
            Mode::Counted => Some([abi::CONTROL_UNITS, abi::CONTROL_ASK]),
            Mode::Flag { .. } => Some([abi::CONTROL_FLAG, abi::CONTROL_ASK]),
        }
    }
}

/// A rewritten module.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metered {
    pub bytes: Vec<u8>,
    /// Functions of the checks' that stand for others while these are entered.
    pub asides: Asides,
}

/// The rewritten module, or `None` where it stays as it is.
///
/// `bytes` are a module that [`Object::parse`](super::Object::parse) has read. The time is in proportion to the module; so is the
/// memory, since what comes out has at most [`most`] bytes.
///
/// # Errors
/// The module is not valid; it imports from the reserved name by itself; it has no room for the checks; its code is damaged; or it waits on a shared
/// memory, in which no check can stop it.
pub fn meter(bytes: &[u8], mode: Mode) -> Result<Option<Metered>> {
    match mode {
        Mode::Off => Ok(None),
        _ if is_lean() => aside::metered(bytes, mode),
        Mode::Light => {
            let asides = Asides::default();
            Ok(light::rewrite(bytes)?.map(|bytes| Metered { bytes, asides }))
        }
        Mode::Counted | Mode::Flag { .. } => {
            // What is not valid must not become so by what is added: a local, a type, two imports.
            Validator::new_with_features(WasmFeatures::all())
                .validate_all(bytes)
                .map_err(fault::reader)?;
            sections::rewrite(bytes, mode)
        }
    }
}

/// The most bytes that a rewritten module of `bytes` may have: several times what any compiler's output comes to.
fn most(bytes: usize) -> usize {
    const ROOM: usize = 16 << 20;
    bytes.saturating_add(bytes / 2).saturating_add(ROOM)
}

fn too_large() -> Error {
    Error::new(
        Code::Limit,
        "the module has no room for checks: with them it would be half as large again and more; load it without interrupts, timeouts and budgets, or not at all",
    )
}

/// wasm's limits on a function, which engines share.
const MAX_BODY: usize = 7_654_321;
const MAX_LOCALS: u32 = 50_000;

fn no_room(offset: usize, what: &str) -> Error {
    fault::unsupported(
        offset,
        format_args!("a function that has no room for checks ({what})"),
    )
}
