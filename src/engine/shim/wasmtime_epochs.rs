//! Stopping guests by the bundled engine's epochs: its code compares a counter of the engine with the store's deadline, at every function
//! entry and loop head, and asks us when that is past.
//!
//! The counter is the engine's: every store of it asks when one is to stop. The deadline is always the next tick, so that a store that is
//! not meant goes on.

use std::sync::{Mutex, MutexGuard, PoisonError};

use wasmtime_c_api::wasmtime as w;

use crate::control::{self, Control, Mode};

/// Whether engines have been made with epochs, as long as they live. The engine does not tell.
static KNOWN: Mutex<Vec<(w::EngineWeak, bool)>> = Mutex::new(Vec::new());

fn all() -> MutexGuard<'static, Vec<(w::EngineWeak, bool)>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An engine was made with epochs, or without.
pub(super) fn known(engine: &w::Engine, has: bool) {
    let mut all = all();
    all.retain(|(known, _)| known.upgrade().is_some());
    all.push((engine.weak(), has));
}

/// Lets guests of the store run, and stop when they are to, if the engine was made so. A host's own engine may count epochs or fuel: without
/// deadline and fuel every call in its stores would trap.
pub(super) fn watch(store: &mut w::Store<()>, control: &Control) -> bool {
    store.epoch_deadline_callback(|_| match control::wanted() {
        Some(_) => Ok(w::UpdateDeadline::Interrupt),
        None => Ok(w::UpdateDeadline::Continue(1)),
    });
    store.set_epoch_deadline(1);
    // An error where fuel is off.
    let _ = store.set_fuel(u64::MAX);
    if control.mode() != Mode::Interrupt || !has_epochs(store.engine()) {
        return false;
    }
    let engine = store.engine().clone();
    let kick = move || engine.increment_epoch();
    control.signal().set_kick(Box::new(kick));
    true
}

/// `(module (func (export "")))`
const NOTHING: &[u8] =
    b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x04\x01\0\0\0\x0a\x04\x01\x02\0\x0b";

fn has_epochs(engine: &w::Engine) -> bool {
    let found = all().iter().find_map(|(known, has)| {
        let known = known.upgrade()?;
        w::Engine::same(&known, engine).then_some(*has)
    });
    found.unwrap_or_else(|| {
        let has = try_epochs(engine).unwrap_or(false);
        known(engine, has);
        has
    })
}

/// Whether a function stops in a store whose deadline is past: that of a new store is.
fn try_epochs(engine: &w::Engine) -> w::Result<bool> {
    let module = w::Module::new(engine, NOTHING)?;
    let mut store = w::Store::new(engine, ());
    let _ = store.set_fuel(u64::MAX);
    let instance = w::Instance::new(&mut store, &module, &[])?;
    let nothing = instance.get_typed_func::<(), ()>(&mut store, "")?;
    let outcome = nothing.call(&mut store, ());
    Ok(outcome.is_err_and(|error| error.downcast_ref() == Some(&w::Trap::Interrupt)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_of_the_hosts_is_known_by_what_it_does() {
        for has in [true, false] {
            let mut config = w::Config::new();
            config.epoch_interruption(has);
            let engine = w::Engine::new(&config).unwrap();
            assert_eq!(has_epochs(&engine), has);
            assert_eq!(has_epochs(&engine), has);
        }
    }

    #[test]
    fn a_store_that_is_not_meant_goes_on() {
        let mut config = w::Config::new();
        config.epoch_interruption(true).consume_fuel(true);
        let engine = w::Engine::new(&config).unwrap();
        let mut store = w::Store::new(&engine, ());
        let control = Control::new(Mode::Interrupt);
        assert!(watch(&mut store, &control));
        let module = w::Module::new(&engine, NOTHING).unwrap();
        let instance = w::Instance::new(&mut store, &module, &[]).unwrap();
        let f = instance.get_typed_func::<(), ()>(&mut store, "").unwrap();
        let other = Control::new(Mode::Interrupt);
        let _entry = control.enter();
        for _ in 0..5 {
            engine.increment_epoch();
            other.signal().interrupt();
            f.call(&mut store, ()).unwrap();
        }
        control.signal().interrupt();
        let error = f.call(&mut store, ()).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&w::Trap::Interrupt));
    }
}
