//! Closing objects, taking out what nothing keeps any more, and taking back loads that failed (dlclose(3)).
//!
//! ```text
//! close: one opening less -> sweep
//! sweep: what does nothing keep? -> run its exit handlers, one at a time -> ask again -> remove
//! ```
//! Exit handlers are guest code: they may open and close libraries. So what is dead is asked anew after each, and a sweep
//! inside a sweep leaves its work to the outer one.

use foldhash::{HashSet, HashSetExt};

use super::exit::{self, ExitList, Handler};
use super::lazy;
use super::namespace::{LoadedObject, Namespace, State};
use super::space::{clear, clear_place, wipe};
use crate::abi;
use crate::engine::{inside, shim};
use crate::error::{Code, Context, Error, Result};
use crate::plan::{Changes, Definition, ObjectId, Role};
use crate::trace::Category;

/// Who opens and closes: each only closes what it opened itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Party {
    #[default]
    Host,
    Guest,
}

/// What the guest did to older objects while constructors ran, to be taken back if these fail.
#[derive(Debug)]
pub(super) enum Undo {
    Opened(ObjectId),
    Closed(ObjectId),
    Changed(Changes),
    Pinned(ObjectId),
}

/// A load whose constructors are running.
#[derive(Debug, Default)]
pub(super) struct Frame {
    /// Not to be removed, whatever closes them.
    pub objects: Vec<ObjectId>,
    /// The load made the memory and the table.
    pub made_space: bool,
    pub undo: Vec<Undo>,
}

impl State {
    /// Notes something for the load whose constructors are running, if there is one.
    pub fn note(&mut self, undo: Undo) {
        if let Some(frame) = self.frames.last_mut() {
            frame.undo.push(undo);
        }
    }

    fn opens(&mut self, id: ObjectId, party: Party) -> Option<&mut u32> {
        self.epoch += 1;
        let opens = &mut self.model.nodes.get_mut(&id)?.opens;
        Some(match party {
            Party::Host => &mut opens.host,
            Party::Guest => &mut opens.guest,
        })
    }

    pub fn opened(&mut self, id: ObjectId, party: Party) {
        if let Some(opens) = self.opens(id, party) {
            // A guest that opens something four thousand million times has it open for good.
            *opens = opens.saturating_add(1);
        }
    }

    fn take_back(&mut self, undo: &Undo) {
        match undo {
            Undo::Opened(id) => {
                if let Some(opens) = self.opens(*id, Party::Guest) {
                    *opens = opens.saturating_sub(1);
                }
            }
            Undo::Closed(id) => self.opened(*id, Party::Guest),
            Undo::Changed(changes) => self.model.revert(changes),
            Undo::Pinned(id) => {
                if let Some(node) = self.model.nodes.get_mut(id) {
                    node.nodelete = false;
                }
            }
        }
    }
}

impl Namespace {
    /// One opening less. At zero the object goes, with what only it kept, unless something else keeps it.
    ///
    /// What goes wrong in exit handlers is the error; the objects are gone all the same.
    pub fn close(&self, id: ObjectId, party: Party) -> Result<()> {
        let busy = self.begin()?;
        let name = {
            let mut state = self.state_mut();
            let node = state.model.nodes.get(&id);
            let name = node.map(|node| node.found.name.clone());
            let opens = state.opens(id, party);
            let (Some(name), Some(opens)) = (name, opens) else {
                return Err(Error::new(Code::InvalidArgument, "no such object"));
            };
            if *opens == 0 {
                let why =
                    format!("{name} is not open: it has been closed as often as it was opened");
                return Err(Error::new(Code::InvalidArgument, why));
            }
            *opens -= 1;
            if party == Party::Guest {
                state.note_closed(id);
            }
            name
        };
        drop(busy);
        sweep(self).context(|| format!("closing {name}"))
    }
}

impl State {
    fn note_closed(&mut self, id: ObjectId) {
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        let opened = |undo: &Undo| matches!(undo, Undo::Opened(opened) if *opened == id);
        match frame.undo.iter().rposition(opened) {
            Some(position) => {
                frame.undo.remove(position);
            }
            None => frame.undo.push(Undo::Closed(id)),
        }
    }

    /// What nothing keeps. What a constructor closed that others had opened waits until the constructors are done: they may fail
    /// yet.
    fn dead(&self) -> HashSet<ObjectId> {
        let mut held = HashSet::new();
        for frame in &self.frames {
            held.extend(&frame.objects);
            held.extend(frame.undo.iter().filter_map(|undo| match undo {
                Undo::Closed(id) => Some(*id),
                _ => None,
            }));
        }
        self.model.unreachable(|id| held.contains(&id))
    }
}

impl Namespace {
    /// The constructors of the innermost load have run. What they closed goes when those of all loads have.
    pub(super) fn constructed(&self, frame: Frame) {
        let mut state = self.state_mut();
        state.epoch += 1;
        let closed = frame.undo.iter().any(|u| matches!(u, Undo::Closed(_)));
        match state.frames.last_mut() {
            Some(outer) => outer.undo.extend(frame.undo),
            None if closed => {
                drop(state);
                if let Err(error) = sweep(self) {
                    let trace = &self.config().trace;
                    trace.say_error(Category::Init, "closed by a constructor", &error);
                }
            }
            None => {}
        }
    }
}

/// Removes all that nothing keeps. The first error of an exit handler is given after all of it is done; if the guest ends itself
/// in one, the others do not run.
pub(super) fn sweep(ns: &Namespace) -> Result<()> {
    if ns.sweeping.replace(true) {
        return Ok(());
    }
    let outcome = sweep_all(ns);
    ns.sweeping.set(false);
    outcome
}

fn sweep_all(ns: &Namespace) -> Result<()> {
    let (mut outcome, mut ended) = (Ok(()), HashSet::new());
    let (mut dead, mut seen) = (HashSet::new(), None);
    loop {
        {
            let state = ns.state();
            // Few handlers change what is dead.
            if seen.replace(state.epoch) != Some(state.epoch) {
                dead = state.dead();
            }
        }
        if dead.is_empty() {
            return outcome;
        }
        match LastCall::next(ns, &dead, &mut ended).map(|call| call.run(ns)) {
            Some(Ok(())) => {}
            Some(Err(error)) if error.exit_code().is_some() => {
                // The program ends: its other handlers are not for here.
                remove(ns, &dead, false);
                return Err(error);
            }
            Some(error) => outcome = outcome.and(error),
            None => remove(ns, &dead, false),
        }
    }
}

/// What an object that goes has still to do.
enum LastCall {
    Handler(Handler),
    /// libc goes with all that used it: what is in its buffers would be lost.
    End(Definition),
}

impl LastCall {
    /// The next one: handlers, the last registered first, then libc, once.
    fn next(
        ns: &Namespace,
        gone: &HashSet<ObjectId>,
        ended: &mut HashSet<ObjectId>,
    ) -> Option<LastCall> {
        let mut state = ns.state_mut();
        if let Some(handler) = state.exit.take_last(|owner| gone.contains(&owner)) {
            return Some(LastCall::Handler(handler));
        }
        let libc = exit::libc_of(&state, gone)?;
        ended.insert(libc.object).then_some(LastCall::End(libc))
    }

    fn run(&self, ns: &Namespace) -> Result<()> {
        let (owner, what, ran) = match self {
            LastCall::Handler(handler) => {
                let owner = handler.owner.and_then(|id| ns.object(id));
                (owner, "an exit handler", exit::call(ns, handler))
            }
            LastCall::End(libc) => {
                let owner = ns.object(libc.object);
                (owner, abi::CALL_DTORS, exit::end(ns, *libc))
            }
        };
        ran.context(|| {
            let owner = owner.as_ref().map_or("?", |info| &info.name);
            format!("{what} of {owner}")
        })
    }
}

/// Takes back a load whose constructors failed: its objects go, and whatever came to depend on them, and older objects are as
/// they were. What had been constructed is destroyed first, unless the guest has ended itself.
pub(super) fn abandon(ns: &Namespace, frame: &Frame, own: &Changes, exited: bool) {
    let tell = |error: Error| {
        let trace = &ns.config().trace;
        trace.say_error(Category::Init, "while undoing a load", &error);
    };
    let mut ended = HashSet::new();
    loop {
        let gone = ns.state().model.dependents(&frame.objects);
        let call = LastCall::next(ns, &gone, &mut ended);
        let Some(call) = call.filter(|_| !exited) else {
            break;
        };
        call.run(ns).unwrap_or_else(tell);
    }
    let gone = {
        let mut state = ns.state_mut();
        for undo in frame.undo.iter().rev() {
            state.take_back(undo);
        }
        state.model.revert(own);
        state.model.dependents(&frame.objects)
    };
    remove(ns, &gone, frame.made_space);
    // What the guest opened in its constructors is kept by nothing now.
    sweep(ns).unwrap_or_else(tell);
}

/// Removes exactly `gone`. If nothing is left, memory and table stay for the next load, unless they are to be `unmade`. No guest
/// code runs.
fn remove(ns: &Namespace, gone: &HashSet<ObjectId>, unmade: bool) {
    let buried = {
        let mut state = ns.state_mut();
        let state = &mut *state;
        aim_away(state, gone);
        lazy::unbind(state, gone);
        for id in gone {
            if let Some(node) = state.model.nodes.get(id) {
                let trace = &ns.config().trace;
                trace.say(Category::Init, || format!("{}: unloaded", node.found.name));
            }
            state
                .texts
                .forget(*id, &mut state.model.memory, state.space.as_ref());
        }
        let fixed = gone.iter().any(|id| {
            let node = state.model.nodes.get(id);
            node.is_some_and(|node| node.found.role == Role::FixedMain)
        });
        let vacated = state.model.remove(gone);
        state.unloads += gone.len() as u64;
        state.epoch += 1;
        state.exit.forget(gone);
        if let Some(space) = &state.space {
            for place in &vacated.places {
                clear_place(space, place);
            }
            for &slot in &vacated.slots {
                clear(space, 0, 0, slot, 1);
            }
        }
        if state.model.nodes.is_empty() {
            empty(ns, state, fixed || unmade);
        }
        let buried: Vec<LoadedObject> =
            gone.iter().filter_map(|id| state.live.remove(id)).collect();
        let may_run = inside() && !shim::of(ns.store.api()).instance_outlives_handle();
        if may_run {
            state.buried.extend(buried);
            Vec::new()
        } else {
            buried
        }
    };
    // Outside of the borrow: engines run finalizers.
    drop(buried);
    let trace = &ns.config().trace;
    trace.say_lines(Category::Map, || ns.link_map());
}

/// Forwarders of objects that stay lead nowhere where they led to objects that go: nobody is bound to these any more, but a
/// reference to a forwarder may live on in the guest.
fn aim_away(state: &State, gone: &HashSet<ObjectId>) {
    for live in state.live.values() {
        let made = &live.linkage;
        for (forwarder, target) in made.forwarders.iter().zip(&made.targets) {
            if gone.contains(target) {
                // SAFETY: no target at all.
                unsafe { forwarder.set_target(None) };
            }
        }
    }
}

/// The last object is gone: memory and table are as new for the next load, or go too. Those of a fixed main are of no use to
/// others.
fn empty(ns: &Namespace, state: &mut State, unmade: bool) {
    state.texts.clear();
    state.exit = ExitList::default();
    if unmade {
        state.space = None;
        ns.side.memory.take();
        state.stubs.clear();
        state.tags.clear();
        state.model.tags.clear();
        return;
    }
    if let Some(space) = &state.space {
        wipe(space);
    }
}

/// Deletes what could not be deleted while the guest's code might have run in it.
pub(super) fn bury(ns: &Namespace) {
    if inside() || ns.state().buried.is_empty() {
        return;
    }
    let buried = std::mem::take(&mut ns.state_mut().buried);
    drop(buried);
}
