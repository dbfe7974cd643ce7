//! A namespace's budget, and the counter in which its guests count it down.

use super::namespace::{Namespace, Side};
use crate::control::{Checks, Mode, Stop};
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

impl Side {
    /// Takes units for work that the host has done for the guest. An error if the guest is to stop: its budget does not hold them.
    pub(super) fn charge(&self, units: u64) -> Result<()> {
        if self.control.checks() != Checks::Counted {
            return Ok(());
        }
        let counter = self.units.borrow();
        // Without one no guest's code counts yet.
        let Some(counter) = &*counter else {
            return Ok(());
        };
        let units = i64::try_from(units).unwrap_or(i64::MAX);
        let left = counter.get().as_i64().unwrap_or(-1).saturating_sub(units);
        // Also where the guest is stopped: it is owed then.
        counter.set(Val::i64(left));
        if left < 0 {
            let lent = self.control.ask(left).map_err(Stop::error)?;
            counter.set(Val::i64(lent));
        }
        Ok(())
    }

    /// Takes units for modules of so many bytes that a guest has had loaded. What the host loads itself is free.
    pub(super) fn charge_loading(&self, bytes: u64) -> Result<()> {
        match self.is_running() {
            true => self.charge(bytes),
            false => Ok(()),
        }
    }
}
