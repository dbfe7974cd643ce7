//! Exit handlers: what the guest registers with `atexit` and `__cxa_atexit`, with the object that each belongs to.
//!
//! The linker keeps the list, so that it can run one library's handlers when that is unloaded. libc's own list gets entries
//! that run what is left when the program ends: a single one if libc is a library, since then all registrations come by here.
//! A program with a libc of its own registers there without our seeing it; its libc gets an entry for each registration of a
//! library, so that all run in one order.

use std::rc::Rc;

use foldhash::HashSet;

use super::calls;
use super::namespace::{Namespace, State};
use super::order::lost;
use super::service::{Call, RUNNER, RUNNER_WITH};
use crate::abi;
use crate::engine::{HostTrap, Val};
use crate::error::Result;
use crate::object::{FuncType, ValType};
use crate::plan::{Definition, ObjectId, within};

/// More handlers than any program has. A guest that registers without end gets errors, not the host's memory.
const MAX_HANDLERS: usize = 1 << 20;

/// Entries without handlers that libc's list may have at its end.
const SPARE_ENTRIES: usize = 64;

#[derive(Clone, Copy, Debug)]
pub(super) struct Handler {
    /// Rises with each registration.
    number: u64,
    slot: u32,
    /// What it is called with; a function given to `atexit` takes nothing.
    argument: Option<u32>,
    pub owner: Option<ObjectId>,
}

#[derive(Debug, Default)]
pub(super) struct ExitList {
    /// In the order of registration.
    pub handlers: Vec<Handler>,
    registered: u64,
    /// The object whose libc has our entries.
    pub entered: Option<ObjectId>,
    /// No object before this one has a libc.
    searched: u32,
    /// For each entry of ours that libc has not run, in the order of registration: the first handler that it runs.
    pub entries: Vec<u64>,
}

impl ExitList {
    /// The handler registered last among those of some objects.
    pub fn take_last(&mut self, of: impl Fn(ObjectId) -> bool) -> Option<Handler> {
        let position = self
            .handlers
            .iter()
            .rposition(|handler| handler.owner.is_some_and(&of))?;
        Some(self.handlers.remove(position))
    }

    /// What objects that are gone have left.
    pub fn forget(&mut self, gone: &HashSet<ObjectId>) {
        let of_gone = |owner: Option<ObjectId>| owner.is_some_and(|id| gone.contains(&id));
        self.handlers.retain(|handler| !of_gone(handler.owner));
        if of_gone(self.entered) {
            self.entered = None;
            self.entries.clear();
        }
    }

    /// Whether an entry that libc has will run the handler registered last.
    fn covered(&mut self, by_one: bool) -> bool {
        if by_one {
            return !self.entries.is_empty();
        }
        let number = self.registered;
        let before = self.handlers.iter().rev().nth(1);
        let before = before.map_or(0, |handler| handler.number);
        // Of the newest entries all handlers may be gone. When these have become many, the oldest of them serves again, so that
        // libc's list does not grow with each library that comes and goes. Not before: a new entry stands behind what the program
        // has registered meanwhile, one that is used again does not.
        let last = self.entries.iter().rposition(|&first| first <= before);
        let free = self.entries.get_mut(last.map_or(0, |last| last + 1)..);
        let Some((first, rest)) = free.and_then(<[u64]>::split_first_mut) else {
            return false;
        };
        if rest.len() < SPARE_ENTRIES {
            return false;
        }
        *first = number;
        rest.fill(u64::MAX);
        true
    }
}

/// `__cxa_atexit(function, argument, dso)`.
pub(super) fn cxa_atexit(call: &Call<'_>, args: &[u32]) -> Result<u32, HostTrap> {
    let &[slot, argument, dso] = args else {
        return Err("__cxa_atexit takes three arguments".into());
    };
    let owner = owner(call, slot, Some(dso));
    Ok(register(call.ns, slot, Some(argument), owner))
}

/// `atexit(function)`: on behalf of the library that calls it, as where libc has a part in each library.
pub(super) fn atexit(call: &Call<'_>, args: &[u32]) -> Result<u32, HostTrap> {
    let &[slot] = args else {
        return Err("atexit takes one argument".into());
    };
    let owner = owner(call, slot, None);
    Ok(register(call.ns, slot, None, owner))
}

/// Whose handler it is. `__dso_handle` is an address in the object's data, which tells nothing if that is empty; the function
/// may be one that several objects have a copy of. The caller is the surest sign; a caller that is not known called by pointer.
fn owner(call: &Call<'_>, slot: u32, dso: Option<u32>) -> Option<ObjectId> {
    let state = call.ns.state();
    let nodes = &state.model.nodes;
    let by_dso = || {
        let dso = u64::from(dso?);
        let within = |base: u64, size: u64| dso.checked_sub(base).is_some_and(|n| n < size);
        let mut found = nodes
            .iter()
            .filter(|(_, node)| within(node.place.memory_base, node.place.memory_size));
        found.next().map(|(id, _)| *id)
    };
    // libc calls __cxa_atexit for others; whoever calls it with a handle of its own speaks for itself.
    let is_libc = |id| ENTRIES.iter().any(|entry| entry.of(&state, id).is_some());
    call.caller
        .filter(|&id| !is_libc(id) || by_dso() == Some(id))
        .or_else(by_dso)
        .or_else(|| {
            let mut found = nodes
                .iter()
                .filter(|(_, node)| within(&node.place, slot.into()));
            found.next().map(|(id, _)| *id)
        })
        .or(state.model.main)
}

fn register(ns: &Rc<Namespace>, slot: u32, argument: Option<u32>, owner: Option<ObjectId>) -> u32 {
    {
        let mut state = ns.state_mut();
        if state.exit.handlers.len() >= MAX_HANDLERS {
            return 1;
        }
        state.exit.registered += 1;
        let number = state.exit.registered;
        state.exit.handlers.push(Handler {
            number,
            slot,
            argument,
            owner,
        });
    }
    // Without a libc there is no exit to take part in; `finish` runs what is left.
    if let Err(error) = enter(ns) {
        let trace = &ns.config().trace;
        let what = "exit handlers will not run by themselves";
        trace.say_error(crate::trace::Category::Init, what, &error);
    }
    0
}

/// How libc takes an exit handler, and what it gets as the one that runs ours.
struct Entry {
    name: &'static str,
    params: usize,
    runner: &'static str,
}

/// A program may export only one of them to its libraries.
const ENTRIES: [Entry; 2] = [
    Entry {
        name: abi::CXA_ATEXIT,
        params: 3,
        runner: RUNNER_WITH,
    },
    Entry {
        name: abi::ATEXIT,
        params: 1,
        runner: RUNNER,
    },
];

impl Entry {
    /// An object's own function for it.
    fn of(&self, state: &State, id: ObjectId) -> Option<Definition> {
        state.own_function(id, self.name, self.params, 1)
    }
}

impl State {
    /// A function that an object itself defines and exports, of so many i32 parameters and results.
    fn own_function(
        &self,
        id: ObjectId,
        name: &str,
        params: usize,
        results: usize,
    ) -> Option<Definition> {
        let object = &self.model.nodes.get(&id)?.found.object;
        let export = *object.by_name.get(name)?;
        object.defined_func(export)?;
        let sig = object.func_type(export)?;
        let fits = *sig == ints(params, results);
        fits.then_some(Definition { object: id, export })
    }

    /// The first object that has something: in the global scope, or at all.
    fn first_with(
        &self,
        of: impl Fn(&State, ObjectId) -> Option<Definition>,
    ) -> Option<Definition> {
        let global = self.model.global.order().iter().copied();
        let mut others: Vec<ObjectId> = self.model.nodes.keys().copied().collect();
        others.sort_unstable();
        global.chain(others).find_map(|id| of(self, id))
    }
}

fn ints(params: usize, results: usize) -> FuncType {
    FuncType {
        params: vec![ValType::I32; params],
        results: vec![ValType::I32; results],
    }
}

/// Gives libc an entry that runs the handler registered last, unless it has one.
fn enter(ns: &Rc<Namespace>) -> Result<()> {
    let (entry, libc, runner) = {
        let mut state = ns.state_mut();
        let in_program = state.exit.entered == state.model.main;
        if state.exit.covered(!in_program) || state.exit.searched == state.model.next {
            return Ok(());
        }
        let found = ENTRIES.iter().find_map(|entry| {
            let libc = state.first_with(|state, id| entry.of(state, id));
            Some((entry, libc?))
        });
        let Some((entry, libc)) = found else {
            state.exit.searched = state.model.next;
            return Ok(());
        };
        let runner = state.model.host_callee(abi::LINKER, entry.runner);
        let runner = runner.map(|(callee, sig, _)| (callee, sig));
        (
            entry,
            libc,
            runner.ok_or_else(|| lost("the exit function"))?,
        )
    };
    let slot = ns.slot(runner.0, &runner.1)?;
    let all = [Val::u32(slot), Val::i32(0), Val::i32(0)];
    let args = all.get(..entry.params).unwrap_or_default();
    let mut results = [Val::i32(0)];
    calls::export(ns, libc, args, &mut results)?;
    if results.first().and_then(|v| v.as_u32()) == Some(0) {
        let mut state = ns.state_mut();
        let in_program = state.model.main == Some(libc.object);
        let exit = &mut state.exit;
        exit.entered = Some(libc.object);
        exit.entries
            .push(if in_program { exit.registered } else { 0 });
    }
    Ok(())
}

/// What libc calls when the program ends, once for each entry, the newest first.
pub(super) fn run_from_libc(call: &Call<'_>, _args: &[u32]) -> Result<u32, HostTrap> {
    let from = {
        let mut state = call.ns.state_mut();
        let from = state.exit.entries.pop();
        if state.exit.entries.is_empty() {
            state.exit.entered = None;
        }
        from.unwrap_or(u64::MAX)
    };
    run_from(call.ns, from).map_err(|error| call.ns.as_trap(&error))?;
    Ok(0)
}

/// At the end of a program: runs what its libc could not be told of, because the program shows libraries no way to it. (What libc
/// was told of and has not run, `_Exit` skipped.)
pub(super) fn run_homeless(ns: &Namespace) -> Result<()> {
    let told = ns.state().exit.entered.is_some();
    if told { Ok(()) } else { run_from(ns, 0) }
}

/// Runs what is left from a handler on, the last registered first, including what is registered meanwhile.
fn run_from(ns: &Namespace, number: u64) -> Result<()> {
    loop {
        let handler = {
            let handlers = &mut ns.state_mut().exit.handlers;
            handlers.pop_if(|handler| handler.number >= number)
        };
        match handler {
            Some(handler) => call(ns, &handler)?,
            None => return Ok(()),
        }
    }
}

pub(super) fn call(ns: &Namespace, handler: &Handler) -> Result<()> {
    match handler.argument {
        Some(argument) => calls::slot(ns, handler.slot, &[argument]),
        None => calls::slot(ns, handler.slot, &[]),
    }
    .map(drop)
}

impl Namespace {
    /// Ends the guest as its `exit` does: exit handlers, the last registered first, then libc's own end (stdio is flushed). What
    /// goes wrong in a handler is the error, after all is done; a guest that ends itself ends there.
    pub fn finish(&self) -> Result<()> {
        let mut outcome = Ok(());
        loop {
            let handler = self.state_mut().exit.handlers.pop();
            let Some(handler) = handler else { break };
            let ran = call(self, &handler);
            if ran.as_ref().is_err_and(|error| error.exit_code().is_some()) {
                return ran;
            }
            outcome = outcome.and(ran);
        }
        let libc = {
            let state = self.state();
            state.first_with(|state, id| state.own_function(id, abi::CALL_DTORS, 0, 0))
        };
        match libc {
            Some(libc) => outcome.and(end(self, libc)),
            None => outcome,
        }
    }
}

/// The libc among objects that go, to be ended first.
pub(super) fn libc_of(state: &State, gone: &HashSet<ObjectId>) -> Option<Definition> {
    let mut all = gone.iter();
    all.find_map(|&id| state.own_function(id, abi::CALL_DTORS, 0, 0))
}

/// A libc's own end. Our entries in it find nothing to run.
pub(super) fn end(ns: &Namespace, libc: Definition) -> Result<()> {
    {
        let mut state = ns.state_mut();
        state.exit.entered = None;
        state.exit.entries.clear();
    }
    calls::export(ns, libc, &[], &mut [])
}
