//! What the checks in modules use ([`object::meter`](crate::object::meter)): one counter, or the store's flag, and one function of each
//! namespace, whose answers are those of its [`Control`](crate::control::Control).

use std::ptr::NonNull;
use std::rc::Rc;

use super::flag::Flag;
use super::namespace::Namespace;
use super::order::{lost, raw};
use crate::control::{Budget, Checks};
use crate::engine::sys::wasm_extern_t;
use crate::engine::{EngineGlobalType, Global, HostFunc, HostTrap, Val};
use crate::error::Result;
use crate::object::{FuncType, GlobalType, Metering, ValType};

pub(super) struct Meter {
    /// The units left until the guest asks; `None` where it looks at the flag.
    units: Option<Rc<Global>>,
    ask: HostFunc,
}

impl Namespace {
    /// What is put into the modules of this namespace.
    pub(super) fn metering(&self) -> Metering {
        match self.side.control.checks() {
            Checks::None => Metering::Off,
            Checks::Between => Metering::Light,
            Checks::Counted => Metering::Counted,
            Checks::Flag => Metering::Flag {
                aside: self.flag.as_ref().is_some_and(Flag::asks_aside),
            },
        }
    }

    /// Made when first used.
    fn meter(&self) -> Result<&Meter> {
        if let Some(meter) = self.meter.get() {
            return Ok(meter);
        }
        let meter = match self.flag {
            Some(_) => self.make_looking()?,
            None => self.make_counting()?,
        };
        Ok(self.meter.get_or_init(|| meter))
    }

    fn make_counting(&self) -> Result<Meter> {
        let ty = GlobalType {
            content: ValType::I64,
            mutable: true,
        };
        let ty = EngineGlobalType::new(self.store.api(), ty)?;
        let lent = Val::i64(self.side.control.budget.lent());
        let units = Rc::new(Global::new(self.store, &ty, lent)?);
        let side = self.side.clone();
        let body = move |_: &[Val], _: &mut [Val]| -> std::result::Result<(), HostTrap> {
            let units = side.units.borrow();
            let units = units.as_ref().ok_or("the namespace is gone")?;
            let counter = units.get().as_i64().unwrap_or(-1);
            match side.control.ask(counter) {
                Ok(lent) => {
                    units.set(Val::i64(lent));
                    Ok(())
                }
                Err(stop) => Err(stop.error().into()),
            }
        };
        let ask = HostFunc::new(self.store, &FuncType::default(), Box::new(body))?;
        self.side.units.replace(Some(units.clone()));
        let counter = units.clone();
        let recall = move |budget: &Budget| {
            budget.recall(counter.get().as_i64().unwrap_or(0));
            counter.set(Val::i64(0));
        };
        self.side.control.set_recall(Some(Box::new(recall)));
        let units = Some(units);
        Ok(Meter { units, ask })
    }

    fn make_looking(&self) -> Result<Meter> {
        let side = self.side.clone();
        let body = move |_: &[Val], _: &mut [Val]| -> std::result::Result<(), HostTrap> {
            let asked = side.control.ask_for_flag();
            let asked = asked.ok_or("the namespace is gone")?;
            asked.map_err(|stop| stop.error().into())
        };
        let ask = HostFunc::new(self.store, &FuncType::default(), Box::new(body))?;
        let signal = self.side.control.signal().clone();
        let recall = move |_: &Budget| signal.raise();
        self.side.control.set_recall(Some(Box::new(recall)));
        Ok(Meter { units: None, ask })
    }

    /// The imports of the checks, in the order in which modules end in them.
    pub(super) fn meter_imports(&self) -> Result<[NonNull<wasm_extern_t>; 2]> {
        let meter = self.meter()?;
        let first = match (&meter.units, &self.flag) {
            (Some(units), _) => units.as_extern(),
            (None, Some(flag)) => flag.memory().as_extern(),
            (None, None) => return Err(lost("the flag")),
        };
        Ok([raw(first)?, raw(meter.ask.as_extern())?])
    }
}
