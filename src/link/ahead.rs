//! Compiling without running: what an engine that keeps code has then kept is all that a later load needs.

use std::rc::Rc;

use super::namespace::Namespace;
use super::open::{Flags, Source};
use crate::error::{Code, Error, Result};

/// Whether a load is to end before anything of the guest's runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ahead {
    #[default]
    No,
    Asked,
    /// It has ended so.
    Done,
}

impl Namespace {
    /// Compiles an object and all that it needs, and what the linker generates for them, as a load would. Nothing of theirs runs, and the
    /// namespace is as it was. The engine keeps what it compiles where its options say; one that keeps nothing compiles for nothing, which
    /// is an error.
    pub fn compile_ahead(self: &Rc<Self>, source: Source, flags: Flags) -> Result<()> {
        if self.keeper().is_none() {
            let why = "the engine keeps no compiled code: it has no form of it, or no place to keep it in";
            return Err(Error::new(Code::Unsupported, why));
        }
        self.ahead.set(Ahead::Asked);
        let outcome = self.open(source, flags);
        match self.ahead.replace(Ahead::No) {
            Ahead::Done => Ok(()),
            // It failed, or there was nothing to compile.
            _ => outcome.map(drop),
        }
    }
}
