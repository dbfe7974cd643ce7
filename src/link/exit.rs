//! Exit handlers: what the guest registers with `atexit`, `__cxa_atexit` and `__cxa_thread_atexit`, whose they are, and running them.
//!
//! The linker keeps the list ([`exit_list`](super::exit_list)), so that it can run one library's handlers when that is unloaded.
//! libc's own list gets entries that run what is left when the program ends.

use std::rc::Rc;

use super::calls;
use super::exit_list::{Handler, Kind, LibcList};
use super::namespace::{Namespace, State};
use super::order::lost;
use super::service::{Call, RUNNER, RUNNER_WITH};
use super::unload;
use crate::abi;
use crate::engine::{HostTrap, Val};
use crate::error::Result;
use crate::object::{FuncType, Name, ValType};
use crate::plan::{Definition, ObjectId};

/// `__cxa_atexit(function, argument, dso)`.
pub(super) fn cxa_atexit(call: &Call<'_>, args: &[u32]) -> Result<u32, HostTrap> {
    for_dso(call, Kind::Exit, args)
}

/// `__cxa_thread_atexit(function, argument, dso)`: there is one thread, which ends with the program.
pub(super) fn cxa_thread_atexit(call: &Call<'_>, args: &[u32]) -> Result<u32, HostTrap> {
    for_dso(call, Kind::Thread, args)
}

fn for_dso(call: &Call<'_>, kind: Kind, args: &[u32]) -> Result<u32, HostTrap> {
    let &[slot, argument, dso] = args else {
        return Err("__cxa_atexit takes three arguments".into());
    };
    let handler = Handler {
        kind,
        slot,
        argument: Some(argument),
        owner: owner(call, slot, Some(dso)),
    };
    Ok(register(call.ns, handler))
}

/// `atexit(function)`: on behalf of the library that calls it, as where libc has a part in each library.
pub(super) fn atexit(call: &Call<'_>, args: &[u32]) -> Result<u32, HostTrap> {
    let &[slot] = args else {
        return Err("atexit takes one argument".into());
    };
    let handler = Handler {
        kind: Kind::Exit,
        slot,
        argument: None,
        owner: owner(call, slot, None),
    };
    Ok(register(call.ns, handler))
}

/// Whose handler it is (Itanium C++ ABI 3.3.6: that of the object whose `__dso_handle` is given).
///
/// `__dso_handle` is the address where an object's data begin, which are empty in some, so that the address is also another
/// object's. A caller that gives its own base therefore speaks for itself. Where the handle tells nothing, the caller is the best
/// sign, unless that is libc, which registers for others; a caller that is not known called by pointer.
fn owner(call: &Call<'_>, slot: u32, dso: Option<u32>) -> Option<ObjectId> {
    let state = call.ns.state();
    let nodes = &state.model.nodes;
    let dso = dso.map(u64::from);
    let own_base = |id: &ObjectId| {
        let node = nodes.get(id);
        node.is_some_and(|node| Some(node.place.memory_base) == dso)
    };
    let is_libc = |id: ObjectId| ENTRIES.iter().any(|entry| entry.of(&state, id).is_some());
    let places = &state.model.places;
    let in_data = || places.at_address(dso?);
    call.caller
        .filter(own_base)
        .or_else(in_data)
        .or(call.caller.filter(|&id| !is_libc(id)))
        .or_else(|| places.at_slot(slot.into()))
        .or(state.model.main)
}

/// What `atexit` answers: 0, or 1 if there is no room.
fn register(ns: &Rc<Namespace>, handler: Handler) -> u32 {
    if !ns.state_mut().exit.register(handler) {
        return 1;
    }
    let reached = ns.state_mut().exit.is_reached();
    let from = ns.state().exit.mark();
    // Without a libc there is no exit to take part in; `finish` runs what is left.
    if !reached && let Err(error) = enter(ns, from) {
        let trace = &ns.config().trace;
        let what = "exit handlers will not run by themselves";
        trace.say_error(crate::trace::Category::Init, what, &error);
    }
    0
}

/// How libc takes an exit handler, and what it gets as the one that runs ours.
struct LibcEntry {
    name: &'static str,
    params: usize,
    runner: &'static str,
}

/// A program may export only one of them to its libraries.
const ENTRIES: [LibcEntry; 2] = [
    LibcEntry {
        name: abi::CXA_ATEXIT,
        params: 3,
        runner: RUNNER_WITH,
    },
    LibcEntry {
        name: abi::ATEXIT,
        params: 1,
        runner: RUNNER,
    },
];

impl LibcEntry {
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
        let export = object.position(name)?;
        object.defined_func(export)?;
        let sig = object.func_type(export)?;
        let fits = *sig == ints(params, results);
        fits.then_some(Definition { object: id, export })
    }

    /// The first object that has something, of those from a number on: in the global scope, or at all.
    fn first_with(
        &self,
        from: u32,
        of: impl Fn(&State, ObjectId) -> Option<Definition>,
    ) -> Option<Definition> {
        let global = self.model.global.order().iter();
        let global = global.filter(|id| id.0 >= from);
        // By number, since numbers rise.
        let loaded = &self.model.loaded;
        let older = loaded.partition_point(|id| id.0 < from);
        let others = loaded.get(older..).unwrap_or_default();
        global.chain(others).find_map(|&id| of(self, id))
    }
}

fn ints(params: usize, results: usize) -> FuncType {
    FuncType {
        params: vec![ValType::I32; params],
        results: vec![ValType::I32; results],
    }
}

/// Gives libc one more entry, which runs the handlers from `first` on. Calls the guest's libc, if there is one.
fn enter(ns: &Rc<Namespace>, first: u64) -> Result<()> {
    let (entry, libc, (callee, sig)) = {
        let mut state = ns.state_mut();
        if state.exit.searched == state.model.next {
            return Ok(());
        }
        let found = ENTRIES.iter().find_map(|entry| {
            let from = state.exit.searched;
            let libc = state.first_with(from, |state, id| entry.of(state, id));
            Some((entry, libc?))
        });
        let Some((entry, libc)) = found else {
            state.exit.searched = state.model.next;
            return Ok(());
        };
        let runner = state
            .model
            .host_callee(abi::LINKER, Name::new(entry.runner));
        let runner = runner.map(|(callee, sig, _)| (callee, sig.clone()));
        (
            entry,
            libc,
            runner.ok_or_else(|| lost("the exit function"))?,
        )
    };
    let slot = ns.slot(callee, &sig)?;
    let all = [Val::u32(slot), Val::i32(0), Val::i32(0)];
    let args = all.get(..entry.params).unwrap_or_default();
    let mut results = [Val::i32(0)];
    calls::export(ns, libc, args, &mut results)?;
    if results.first().and_then(|v| v.as_u32()) == Some(0) {
        let mut state = ns.state_mut();
        let in_program = state.model.main == Some(libc.object);
        let list = &mut state.exit.libc;
        if list.as_ref().map(LibcList::object) != Some(libc.object) {
            *list = Some(LibcList::new(libc.object, in_program));
        }
        if let Some(list) = list {
            list.entered(first);
        }
    }
    Ok(())
}

/// What libc calls when the program ends, once for each entry, the newest first.
pub(super) fn run_from_libc(call: &Call<'_>, _args: &[u32]) -> Result<u32, HostTrap> {
    let first = {
        let mut state = call.ns.state_mut();
        state.exit.libc.as_mut().map(LibcList::left)
    };
    // An entry of a libc that is ended, or that a failed load gave, runs nothing.
    if let Some(first) = first {
        run_from(call.ns, first).map_err(|error| call.ns.as_trap(&error))?;
    }
    Ok(0)
}

/// Runs what is left from a handler on, including what is registered meanwhile.
fn run_from(ns: &Rc<Namespace>, first: u64) -> Result<()> {
    loop {
        let (handler, reached) = {
            let exit = &mut ns.state_mut().exit;
            let handler = exit.take_next(first);
            (
                handler,
                !exit.has_next(first) || exit.is_left_reached(first),
            )
        };
        let Some(handler) = handler else {
            return Ok(());
        };
        // A handler may call exit (exit(3) in POSIX leaves open what happens; in glibc the rest of the handlers run, then
        // the process ends with the later code). That goes through libc's list, which needs an entry for what is left.
        if !reached {
            let _ = enter(ns, first);
        }
        run(ns, &handler)?;
    }
}

/// At the end of a program: runs what its libc could not be told of, because the program shows libraries no way to it. (What libc
/// was told of and has not run, `_Exit` skipped.)
pub(super) fn run_homeless(ns: &Namespace) -> Result<()> {
    if ns.state().exit.libc.is_some() {
        return Ok(());
    }
    while let Some(handler) = ns.take_next_handler() {
        run(ns, &handler)?;
    }
    Ok(())
}

/// Runs a handler. Its object stays while it runs, whatever the handler closes: what nothing keeps goes after it.
pub(super) fn run(ns: &Namespace, handler: &Handler) -> Result<()> {
    let epoch = {
        let mut state = ns.state_mut();
        state.exit.running.extend(handler.owner);
        state.epoch
    };
    let argument = handler.argument;
    let ran = calls::slot(ns, handler.slot, argument.as_slice()).map(drop);
    let changed = {
        let mut state = ns.state_mut();
        if handler.owner.is_some() {
            state.exit.running.pop();
        }
        state.epoch != epoch
    };
    match ran {
        Ok(()) if changed => unload::sweep(ns),
        ran => ran,
    }
}

impl Namespace {
    fn take_next_handler(&self) -> Option<Handler> {
        self.state_mut().exit.take_next(0)
    }

    /// Ends the guest as its `exit` does: exit handlers, the last registered first, then libc's own end (stdio is flushed). What
    /// goes wrong in a handler is the error, after all is done; a guest that ends itself ends there.
    pub fn finish(&self) -> Result<()> {
        drop(self.change()?);
        let _entry = self.enter();
        let mut outcome = Ok(());
        while let Some(handler) = self.take_next_handler() {
            let ran = run(self, &handler);
            if ran.as_ref().is_err_and(|error| error.exit_code().is_some()) {
                return ran;
            }
            outcome = outcome.and(ran);
        }
        let libc = {
            let state = self.state();
            state.first_with(0, |state, id| state.own_function(id, abi::CALL_DTORS, 0, 0))
        };
        match libc {
            Some(libc) => outcome.and(end(self, libc)),
            None => outcome,
        }
    }
}

/// The libc among objects that go, to be ended last.
pub(super) fn libc_of(state: &State, gone: &[ObjectId]) -> Option<Definition> {
    let mut all = gone.iter();
    all.find_map(|&id| state.own_function(id, abi::CALL_DTORS, 0, 0))
}

/// A libc's own end. Our entries in it find nothing to run.
pub(super) fn end(ns: &Namespace, libc: Definition) -> Result<()> {
    ns.state_mut().exit.libc = None;
    calls::export(ns, libc, &[], &mut [])
}
