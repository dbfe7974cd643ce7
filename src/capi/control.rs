//! Guests that are stopped: interrupts, time-outs, budgets.
//!
//! A namespace that is made with a control (wasm_dyld_config_set_control) can stop its guests wherever they are: in a load (start functions,
//! relocations, constructors), in wasm_dyld_run, wasm_dyld_call, wasm_dyld_unload and wasm_dyld_finish, in calls nested in host functions,
//! and where they wait in WASI. What runs then ends with WASM_DYLD_INTERRUPTED, WASM_DYLD_TIMED_OUT or WASM_DYLD_OUT_OF_BUDGET. None of the
//! guest's code runs any more until the outermost call of the host has returned: exit handlers that would run are left out. A load is
//! undone, an object that is being unloaded goes. The namespace is used on afterwards; what the guest had in its own data is as it was at
//! that moment.
//!
//! A host function that the guest called is not broken off. The guest is stopped when it returns, at its next check at the latest, or at once
//! if the function calls the guest. So a host function may stop its own guest, by wasm_dyld_interrupt or by taking the budget.

#![allow(non_camel_case_types)]

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use super::config::{wasm_dyld_config_t, wasm_dyld_finalizer_t, with};
use super::edge::{Environment, Handle, edge, set};
use super::error::wasm_dyld_error_t;
use super::namespace::wasm_dyld_t;
use super::types::{self, ControlNumber, wasm_dyld_code_t};
use crate::control::{Mode, interrupt};
use crate::error::{Code, Error};
use crate::link::Ask;

/// Tells whether the guest is to stop. Called on the thread that the guest runs on, while that waits for the answer. It may look at the
/// namespace, though not at its memory, and not change it: see the top of this file.
pub type wasm_dyld_watcher_callback_t = Option<unsafe extern "C" fn(env: *mut c_void) -> bool>;

/// Sets whether guests of the namespace can be stopped, and whether they can be given a budget.
///
/// Not at all is the default, and costs nothing. Otherwise guests look again and again, at function entries and loops, whether they
/// are to stop: by checks that the linker puts into the modules as it loads them, on any engine. Such modules are rewritten: traces tell no
/// places in them, and a load takes longer, unless it is one that the cache keeps whole.
///
/// With WASM_DYLD_CONTROL_INTERRUPT_BY_ENGINE, said before wasm_dyld_engine_new with this configuration, the bundled engine checks by itself:
/// nearly all modules stay as they are, and run more slowly than with checks of their own, and one memory.fill or memory.copy is not broken off. So it does in namespaces with WASM_DYLD_CONTROL_INTERRUPT, where
/// the engine was made so, or by a host that has switched epochs on. Where the engine has no such means, the modules get checks.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_config_set_control(
    config: *mut wasm_dyld_config_t,
    control: ControlNumber,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with(config, error, |parts| {
        let (mode, by_engine) = types::control(control).ok_or_else(|| {
            let why = format!("there is no control {control}");
            Error::new(Code::InvalidArgument, why)
        })?;
        parts.config.control = mode;
        parts.engine.interruptible = by_engine;
        Ok(())
    })
}

/// Interrupts what runs in the namespace: it ends with WASM_DYLD_INTERRUPTED, soon. Nothing happens if nothing runs: the next call is not
/// interrupted.
///
/// May be called by any thread at any time, by callbacks and by signal handlers: it takes no lock and no memory. A handle that was
/// deleted is WASM_DYLD_INVALID_ARGUMENT, a namespace made without a control WASM_DYLD_UNSUPPORTED.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_interrupt(namespace: *const wasm_dyld_t) -> wasm_dyld_code_t {
    // No catch_unwind, no `lend`: neither is for signal handlers. Nothing here panics.
    let Some(position) = wasm_dyld_t::position(namespace) else {
        return wasm_dyld_code_t::WASM_DYLD_INVALID_ARGUMENT;
    };
    match interrupt(namespace.addr(), position) {
        None => wasm_dyld_code_t::WASM_DYLD_INVALID_ARGUMENT,
        Some(false) => wasm_dyld_code_t::WASM_DYLD_UNSUPPORTED,
        Some(true) => wasm_dyld_code_t::WASM_DYLD_OK,
    }
}

/// Sets how long each outermost call of the host may take from then on, in nanoseconds of wall time: a load, a run, a call, an unloading. What
/// takes longer ends with WASM_DYLD_TIMED_OUT. 0: as long as it likes. The time that a call has left is not changed by calls inside of it.
///
/// A namespace made without a control answers WASM_DYLD_UNSUPPORTED.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_set_timeout(
    namespace: *mut wasm_dyld_t,
    nanoseconds: u64,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let timeout = Some(Duration::from_nanos(nanoseconds)).filter(|_| nanoseconds > 0);
        wasm_dyld_t::lend(namespace)?
            .ns
            .control()
            .set_timeout(timeout)
    })
}

/// Has `callback` asked again and again, while guests of the namespace run or wait in WASI, whether they are to stop: each time that about
/// so many nanoseconds have gone by (a millisecond at least), from the next outermost call of the host on. If it answers true, what runs
/// ends with WASM_DYLD_INTERRUPTED. NULL: nobody is asked.
///
/// For hosts that have something to look after meanwhile on the same thread: the signals of an interpreter, a loop of events. Nobody is
/// asked in calls that are shorter. Where a guest calls the host and that enters another namespace, the callback of the inner one is
/// asked. On failure `env` stays the caller's.
///
/// A namespace made without a control answers WASM_DYLD_UNSUPPORTED.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_set_watcher(
    namespace: *mut wasm_dyld_t,
    nanoseconds: u64,
    callback: wasm_dyld_watcher_callback_t,
    env: *mut c_void,
    finalizer: wasm_dyld_finalizer_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let namespace = wasm_dyld_t::lend(namespace)?;
        namespace.ns.control().need(Mode::Interrupt)?;
        let env = Environment::new(env, finalizer);
        let ask = callback.map(|callback| -> Ask {
            Arc::new(move || {
                let env = &env;
                // SAFETY: the host's own pair, on the namespace's thread.
                unsafe { callback(env.env) }
            })
        });
        // The one before goes at the end, when nothing is in use: its finalizer may call anything.
        namespace
            .ns
            .set_watcher(Duration::from_nanos(nanoseconds), ask)
            .map(drop)
    })
}

/// Gives the guests of the namespace a budget: so many units, for all that follows. One unit is a check at a function's entry or a loop's
/// head. Operations on many bytes at once cost a unit more for each 64 bytes, on elements of tables and arrays for each 4. A call of WASI or
/// of the linker (dlsym, for instance) costs 100, and one for each 64 bytes that it moves or that its paths have; an entry of a folder that is
/// listed costs 16; a module that a guest has loaded, one for each byte. What the host loads is free, but for the guest's code that runs in it.
/// UINT64_MAX: no bound.
///
/// What is beyond the budget ends with WASM_DYLD_OUT_OF_BUDGET, at the same check on every engine and every time. Until there is another
/// budget, so does whatever comes to a check: loops, chains of calls, calls of WASI. A function that has no check, since it does little and
/// calls nothing, runs all the same.
///
/// Needs WASM_DYLD_CONTROL_BUDGET, else WASM_DYLD_UNSUPPORTED. May be called while the guest runs, by a host function that it called.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_set_budget(
    namespace: *mut wasm_dyld_t,
    units: u64,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let budget = Some(units).filter(|&units| units != u64::MAX);
        wasm_dyld_t::lend(namespace)?.ns.set_budget(budget)
    })
}

/// How many units of the budget are left: UINT64_MAX where there is no bound. Needs WASM_DYLD_CONTROL_BUDGET, else
/// WASM_DYLD_UNSUPPORTED.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_budget_left(
    namespace: *const wasm_dyld_t,
    units: *mut u64,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let left = wasm_dyld_t::lend(namespace)?.ns.budget_left()?;
        set(units, left.unwrap_or(u64::MAX));
        Ok(())
    })
}
