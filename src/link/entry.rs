//! The one way from the host into guest code: every call of the guest's functions passes [`Namespace::run_guest`].

use super::namespace::{Namespace, State, in_use};
use crate::abi;
use crate::engine::{self, Func, Global, Room, Trap, Val, shim};
use crate::error::{Code, Error, Result};
use crate::object::{ExportItem, STACK_POINTER_TYPE};
use crate::plan::Definition;

impl Namespace {
    /// Calls guest code: no borrow may be held.
    #[inline]
    pub(super) fn call(&self, func: &Func, args: &[Val], results: &mut [Val]) -> Result<()> {
        self.run_guest(|| func.call(args, results))
    }

    /// Runs guest code, which `run` calls. What is checked before, and put right after a trap, is here and nowhere else: the books are
    /// nobody's, nothing has stopped the guest, the native stack has room, guest and host are not too deep in each other; a trap leaves the guest's stack pointer as it
    /// was, and is told from the guest's exit and from what stopped it.
    #[inline]
    pub(super) fn run_guest(&self, run: impl FnOnce() -> Result<(), Trap>) -> Result<()> {
        let stack = {
            let state = self.state.try_borrow_mut().map_err(|_| in_use())?;
            stack_to_keep(&state)
        };
        // Where no object had the stack pointer when the call began, one may have come meanwhile.
        let first = || self.state().space.as_ref()?.first_stack.get();
        self.run_free(|| stack.or_else(first), run)
    }

    /// As [`run_guest`](Self::run_guest), where who calls has seen that the books are nobody's, and `stack` tells after a trap what the stack pointer was
    /// when the call began; `None`: nothing of the call has run.
    #[inline]
    pub(super) fn run_free(
        &self,
        stack: impl FnOnce() -> Option<Val>,
        run: impl FnOnce() -> Result<(), Trap>,
    ) -> Result<()> {
        let _entry = self.enter();
        self.side.control.check()?;
        self.check_stack()?;
        let _depth = self.side.enter(self.config.nesting)?;
        self.side.forget_exit();
        run().map_err(|trap| self.ended(&trap, stack))?;
        // A stop may have come, or a function of the host's have kept it to itself, and the guest have come to its end before the next
        // check.
        self.side.control.check()
    }

    #[cold]
    fn ended(&self, trap: &Trap, stack: impl FnOnce() -> Option<Val>) -> Error {
        // Before the stack pointer is put back: where it is tells of an overflow, and an exception is asked what it says below what threw it.
        let error = self.trapped(trap);
        self.unwind(stack());
        error
    }

    /// Whether the thread's stack has what the engine lets guests use, and what one call more needs.
    #[inline]
    pub(super) fn check_stack(&self) -> Result<()> {
        let asked = || shim::of(self.store.api()).guest_stack();
        let wanted = *self.guest_stack.get_or_init(asked);
        let depth = self.side.depth.get();
        match engine::room(depth, wanted) {
            Room::Enough => Ok(()),
            Room::NearEnd => Err(near_end(depth)),
            Room::TooSmall => Err(too_small(wanted)),
        }
    }

    /// The guest's stack pointer, as far as the linker can see it.
    pub(super) fn stack_pointer(&self) -> Option<Val> {
        with_stack_pointer(&self.state(), Global::get)
    }

    /// A trap leaves frames on the guest's stack; this takes them off.
    pub(super) fn unwind(&self, stack: Option<Val>) {
        if let Some(stack) = stack {
            with_stack_pointer(&self.state(), |global| global.set(stack));
        }
    }
}

/// A host that allows more than the native stack holds.
#[cold]
fn near_end(depth: u32) -> Error {
    Error::new(
        Code::Limit,
        format!(
            "guest and host call each other {depth} levels deep: the native stack is nearly full"
        ),
    )
}

#[cold]
fn too_small(wanted: usize) -> Error {
    Error::new(
        Code::Limit,
        format!(
            "the native stack of this thread is too small or nearly full: the engine lets guests use {} KiB of it; run them on a thread with 1 MiB or more",
            wanted / 1024
        ),
    )
}

/// What the stack pointer is to be again if a call traps. Asking an engine for it takes a tenth of a call, so it is not asked where no object
/// can change it.
#[inline]
fn stack_to_keep(state: &State) -> Option<Val> {
    let space = state.space.as_ref()?;
    match &space.stack_pointer {
        Some(global) => space.first_stack.get().map(|_| global.get()),
        None => with_stack_pointer(state, Global::get),
    }
}

fn with_stack_pointer<T>(state: &State, with: impl FnOnce(&Global) -> T) -> Option<T> {
    if let Some(global) = &state.space.as_ref()?.stack_pointer {
        return Some(with(global));
    }
    // A fixed main whose stack pointer could not be made by the linker exports it. What is no stack pointer is not touched, whatever
    // its name: its value may be one that wasm.h cannot carry.
    let main = state.model.main?;
    let object = &state.model.nodes.get(&main)?.found.object;
    let export = object.position(abi::STACK_POINTER)?;
    match object.exports.get(export as usize)?.item {
        ExportItem::Global { ty, .. } if **ty == STACK_POINTER_TYPE => {}
        _ => return None,
    }
    let export = state.export(Definition {
        object: main,
        export,
    })?;
    let global = export.as_global()?;
    Some(with(&global))
}
