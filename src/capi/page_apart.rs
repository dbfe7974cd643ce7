//! Calls that JavaScript makes by itself, so that guests can wait for promises: see `crate::link`'s `apart.rs`.

use std::cell::RefCell;

use super::edge::{self, Handle, edge, set};
use super::error::wasm_dyld_error_t;
use super::namespace::wasm_dyld_t;
use super::types::wasm_dyld_code_t;
use crate::engine::Trap;
use crate::engine::sys::{wasm_func_t, wasm_trap_t};
use crate::error::{Code, Error, Result};
use crate::link::Beginning;

/// How the function ended that a program began with.
const RETURNED: u32 = 0;
const EXITED: u32 = 1;

thread_local! {
    /// The program that is run, of which there is one in a namespace, and a namespace has a module of the linker's to itself.
    static PROGRAM: RefCell<Option<Beginning>> = const { RefCell::new(None) };
}

fn error_of(namespace: *mut wasm_dyld_t, trap: *mut wasm_trap_t) -> Result<()> {
    let ns = wasm_dyld_t::lend(namespace)?.ns.clone();
    // SAFETY: a trap of the engine's, which JavaScript gives up.
    let trap = unsafe { Trap::from_raw(ns.store().api(), trap) };
    let trap = trap.ok_or_else(|| Error::new(Code::InvalidArgument, "there is no trap"))?;
    Err(ns.ended_apart(&trap))
}

/// A stretch of guest code begins.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_begin_stretch(
    namespace: *mut wasm_dyld_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || wasm_dyld_t::lend(namespace)?.ns.begin_stretch())
}

/// It is over: an error if the guest is to stop.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_end_stretch(
    namespace: *mut wasm_dyld_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || wasm_dyld_t::lend(namespace)?.ns.end_stretch())
}

/// The guest's stack pointer; -1 where there is none.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_stack(namespace: *mut wasm_dyld_t) -> f64 {
    edge::quiet(-1.0, || {
        wasm_dyld_t::lend(namespace).ok()?.ns.stack().map(f64::from)
    })
}

#[unsafe(no_mangle)]
extern "C" fn wasmdyld_set_stack(namespace: *mut wasm_dyld_t, stack: u32) {
    edge::quiet((), || {
        wasm_dyld_t::lend(namespace).ok()?.ns.set_stack(stack);
        Some(())
    });
}

/// Takes units of the guest's budget for what JavaScript does for it: the trap in which it ends that has not so many; NULL if it has.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_charge(namespace: *mut wasm_dyld_t, units: u32) -> *mut wasm_trap_t {
    edge::quiet(std::ptr::null_mut(), || {
        let ns = wasm_dyld_t::lend(namespace).ok()?.ns.clone();
        let error = ns.charge(units.into()).err()?;
        Trap::new(ns.store(), &error.to_string()).map(Trap::into_raw)
    })
}

/// The error of a call that ended in this trap, which is taken.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_ended(
    namespace: *mut wasm_dyld_t,
    trap: *mut wasm_trap_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || error_of(namespace, trap))
}

/// The function that the main program begins with, which is the namespace's.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_beginning(
    namespace: *mut wasm_dyld_t,
    function: *mut *mut wasm_func_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let (beginning, func) = wasm_dyld_t::lend(namespace)?.ns.beginning()?;
        PROGRAM.set(Some(beginning));
        set(function, func);
        Ok(())
    })
}

/// As `wasm_dyld_run` goes on when that function has returned `value`, exited with it, or ended in a trap, which is taken.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_end_run(
    namespace: *mut wasm_dyld_t,
    how: u32,
    value: i32,
    trap: *mut wasm_trap_t,
    exit_code: *mut i32,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge(error, || {
        let beginning = PROGRAM.take();
        let beginning =
            beginning.ok_or_else(|| Error::new(Code::Busy, "no program is being run"))?;
        let outcome = match how {
            RETURNED => Ok(value),
            EXITED => Err(Error::exit(value)),
            _ => error_of(namespace, trap).map(|()| 0),
        };
        let ns = wasm_dyld_t::lend(namespace)?.ns.clone();
        set(exit_code, ns.end_run(&beginning, outcome)?);
        Ok(())
    })
}

/// Forgets the text that dlerror would give: of a try before what was asked for had been fetched.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_forget_dlerror(namespace: *mut wasm_dyld_t) {
    edge::quiet((), || {
        wasm_dyld_t::lend(namespace).ok()?.ns.dl_error.take();
        Some(())
    });
}
