//! Guest code that JavaScript calls by itself, since it may wait for a promise there: nothing of this library may be on the stack then
//! (JavaScript Promise Integration). What [`Namespace::run_guest`] does in one function is done here in pieces. A stretch is what runs between two
//! such waits: it is entered as a call of the host's, and so it can be stopped.

use std::mem::ManuallyDrop;
use std::rc::Rc;

use super::namespace::{Namespace, in_use};
use super::run::Entry;
use crate::engine::sys::wasm_func_t;
use crate::engine::{Func, Trap, Val};
use crate::error::{Error, Result};

/// Where a program begins, and what it is called.
pub struct Beginning {
    pub entry: Entry,
    pub name: String,
}

impl Namespace {
    /// A stretch begins.
    pub fn begin_stretch(&self) -> Result<()> {
        drop(self.state.try_borrow_mut().map_err(|_| in_use())?);
        let entry = self.enter();
        self.side.control.check()?;
        // `end_stretch` takes it back.
        let _entry = ManuallyDrop::new(entry);
        Ok(())
    }

    /// The stretch that began last is over.
    ///
    /// # Errors
    /// The guest is to stop, or has been stopped.
    pub fn end_stretch(&self) -> Result<()> {
        let stopped = self.side.control.check();
        self.side.control.end_entry();
        stopped
    }

    /// Takes units for work that JavaScript has done for the guest. An error if the guest is to stop.
    pub fn charge(&self, units: u64) -> Result<()> {
        self.side.charge(units)
    }

    /// What the trap means that a call ended in. The stretch in which it came is not over yet.
    pub fn ended_apart(&self, trap: &Trap) -> Error {
        self.trapped(trap)
    }

    /// The guest's stack pointer, if there is one.
    pub fn stack(&self) -> Option<u32> {
        self.stack_pointer()?.as_u32()
    }

    pub fn set_stack(&self, stack: u32) {
        self.unwind(Some(Val::u32(stack)));
    }

    /// The function that the main program begins with.
    pub fn beginning(&self) -> Result<(Beginning, *mut wasm_func_t)> {
        drop(self.change()?);
        let (entry, name) = self.entry()?;
        let state = self.state();
        let export = state.export(entry.definition());
        let func = export.as_ref().and_then(|export| export.as_func());
        let func = func.as_deref().map(Func::raw);
        let func = func.ok_or_else(|| super::order::lost("a function"))?;
        Ok((Beginning { entry, name }, func))
    }

    /// As the end of [`run`](Namespace::run): `outcome` is what the function gave that the program began with.
    pub fn end_run(self: &Rc<Self>, beginning: &Beginning, outcome: Result<i32>) -> Result<i32> {
        let outcome = match (&beginning.entry, outcome) {
            (Entry::Main(_), Ok(code)) => self.finish().map(|()| code),
            (Entry::Start(_), Ok(_)) => Ok(0),
            (_, failed) => failed,
        };
        self.after_run(outcome, &beginning.name)
    }
}
