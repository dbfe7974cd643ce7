//! A namespace's budget, and the counter in which its guests count it down.

use super::namespace::Namespace;
use crate::control::Mode;
use crate::engine::Val;
use crate::error::Result;

impl Namespace {
    /// Gives the guests so many units; `None`: no bound.
    pub fn set_budget(&self, units: Option<u64>) -> Result<()> {
        let control = self.control();
        control.need(Mode::Budget)?;
        let counter = control.budget.set(units);
        if let Some(units) = &*self.side.units.borrow() {
            units.set(Val::i64(counter));
        }
        Ok(())
    }

    /// What is left of it; `None` without a bound.
    pub fn budget_left(&self) -> Result<Option<u64>> {
        let control = self.control();
        control.need(Mode::Budget)?;
        let units = self.side.units.borrow();
        let counter = units.as_ref().and_then(|units| units.get().as_i64());
        Ok(control.budget.left(counter))
    }
}
