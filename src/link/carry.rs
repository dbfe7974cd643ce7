//! Calls through generated code that carries the numbers of a call, for engines without a quicker way of their own: see [`carrier`].
//!
//! Each function that is called often has a carrier, which goes with the object that defines the function. They all use the same words:
//! arguments are read before anything else runs, and results are the last that is written.

use std::cell::Cell;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;

use super::caller::has_rows;
use super::carrier::{self, FIRST, UNTOLD};
use super::namespace::Namespace;
use super::order::{lost, raw};
use crate::engine::sys::wasm_func_t;
use crate::engine::{ExternVec, Func, Instance, Val, Words};
use crate::error::Result;
use crate::object::FuncType;
use crate::platform;

/// Of the instances that an engine makes in the life of a store, so many in ten are left to libraries.
const LEFT_IN_TEN: u64 = 9;

/// Calls one function.
pub(super) struct Carrier {
    words: Rc<Words>,
    _exports: ExternVec,
    call: NonNull<wasm_func_t>,
    _instance: Instance,
}

impl Namespace {
    /// Makes a carrier for a function; `None`: there is none for its type, or not on this engine, or not where a program has a stack pointer
    /// of its own.
    ///
    /// # Safety
    /// `func` is a live function of the store, of the type `sig`.
    pub(super) unsafe fn carrier(
        &self,
        func: NonNull<wasm_func_t>,
        sig: &Arc<FuncType>,
    ) -> Result<Option<Rc<Carrier>>> {
        if !has_rows(sig) || !self.may_have_carriers() {
            return Ok(None);
        }
        let (words, tells_stack) = {
            let state = self.change()?;
            let space = state.space()?;
            (space.words(self.store), space.stack_pointer.is_some())
        };
        let enough = |words: &Rc<Words>| carrier::words(sig) <= words.all().len();
        let Some(words) = words.filter(|words| tells_stack && enough(words)) else {
            return Ok(None);
        };
        let module = self.compile_generated(&carrier::carrier(sig)?)?;
        let state = self.change()?;
        let stack_pointer = state.space()?.stack_pointer.as_ref();
        // SAFETY: by the caller's promise.
        let func = unsafe { Func::lend(self.store.api(), func) };
        let imports = [
            raw(words.memory().as_extern())?,
            raw(func.as_extern())?,
            raw(stack_pointer
                .ok_or_else(|| lost("the stack pointer"))?
                .as_extern())?,
        ];
        // SAFETY: all of them live beyond this function, which holds the books.
        let instance = unsafe { self.instantiate_generated(&module, &imports)? };
        let exports = instance.exports();
        let call = exports
            .get(0)
            .and_then(|call| NonNull::new(call.as_func()?.raw()));
        Ok(Some(Rc::new(Carrier {
            call: call.ok_or_else(|| lost("a generated function"))?,
            words,
            _exports: exports,
            _instance: instance,
        })))
    }

    /// Whether memories stay where they are is asked when one is made.
    fn may_have_carriers(&self) -> bool {
        // Not every engine compiles in a child process.
        let same_process = self.made_in == platform::process();
        let most = self.store.shim().most_instances();
        let left = most.is_none_or(|most| self.instances_left() >= most / 10 * LEFT_IN_TEN);
        same_process && left
    }
}

impl Carrier {
    /// Calls the function with the arguments that `put` writes into cells. The results are in [`cells`](Self::cells) until something else is
    /// called. Who calls has seen that the books are nobody's.
    #[inline(always)]
    pub fn run(&self, ns: &Namespace, put: impl FnOnce(&[Cell<u64>])) -> Result<()> {
        let Some((stack, cells)) = self.words.all().split_first() else {
            return Err(lost("the word of the stack pointer"));
        };
        // That of the call in which a function of the host makes this one.
        let outer = stack.replace(UNTOLD.to_le());
        // A trap before the first instruction tells nothing, and has changed nothing.
        let told = || match u64::from_le(stack.get()) {
            UNTOLD => None,
            told => Some(Val::u32(told as u32)),
        };
        let ran = ns.run_free(told, || {
            put(cells);
            // SAFETY: the exports keep it, and the namespace its store.
            unsafe { Func::lend(ns.store.api(), self.call) }.call_nothing()
        });
        stack.set(outer);
        ran
    }

    /// The words of arguments and results.
    #[inline]
    pub fn cells(&self) -> &[Cell<u64>] {
        self.words.all().get(FIRST..).unwrap_or_default()
    }
}
