//! Closing objects, and taking out what nothing keeps any more (dlclose(3)).
//!
//! ```text
//! close: one opening less -> sweep
//! sweep: what does nothing keep? -> run its exit handlers, one at a time -> ask again -> remove
//! ```
//! Exit handlers are guest code: they may open and close libraries. So what is dead is asked anew after each, and a sweep
//! inside a sweep leaves its work to the outer one.

use std::rc::Weak;
use std::sync::Arc;

use crate::hash_map::{HashMap, HashSet};

use super::exit;
use super::exit_list::{ExitList, Handler};
use super::lazy;
use super::namespace::{Linkage, LoadedObject, Namespace, State};
use super::open::Party;
use super::space::{clear, clear_place, wipe};
use crate::abi;
use crate::engine::{inside, shim};
use crate::error::{Code, Context, Error, Result};
use crate::plan::{Definition, ObjectId, Role};
use crate::trace::Category;

impl State {
    fn opens(&mut self, id: ObjectId, party: Party) -> Option<&mut u32> {
        self.epoch += 1;
        self.model.suspect(id);
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

    /// What nothing keeps. The objects of running handlers stay, and what loads under way hold.
    fn dead(&mut self) -> HashSet<ObjectId> {
        let mut held: HashSet<ObjectId> = self.exit.running.iter().copied().collect();
        for load in &self.loads {
            held.extend(load.held(&self.model));
        }
        let dead = self.model.unkept(&held);
        #[cfg(any(test, feature = "fuzzing"))]
        assert_eq!(dead, self.model.unreachable(|id| held.contains(&id)));
        dead
    }

    /// What is dead, dependents first. What a handler of those before has closed comes after them: an object whose handlers run
    /// is done with them before others begin.
    fn in_order_of_death(&mut self, mut before: Vec<ObjectId>) -> Vec<ObjectId> {
        let mut dead = self.dead();
        before.retain(|id| dead.remove(id));
        before.extend(self.model.dependents_first(&dead));
        before
    }
}

impl Namespace {
    /// One opening less. At zero the object goes, with what only it kept, unless something else keeps it.
    ///
    /// What goes wrong in exit handlers is the error; the objects are gone all the same.
    pub fn close(&self, id: ObjectId, party: Party) -> Result<()> {
        let _entry = self.enter();
        let busy = self.begin()?;
        let name = {
            let mut state = self.state_mut();
            if party == Party::Guest {
                state.touch(id);
            }
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
            name
        };
        drop(busy);
        sweep(self).context(|| format!("closing {name}"))
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
    let (mut going, mut seen) = (Going::default(), None);
    loop {
        {
            let mut state = ns.state_mut();
            // Few handlers change what is dead.
            if seen.replace(state.epoch) != Some(state.epoch) {
                going = Going::new(state.in_order_of_death(going.order));
            }
        }
        if going.order.is_empty() {
            return outcome;
        }
        match LastCall::next(ns, &mut going, &mut ended).map(|call| call.run(ns)) {
            Some(Ok(())) => {}
            Some(Err(error)) if error.exit_code().is_some() => {
                // The program has ended, and run the other handlers as it did. What is dead is asked anew: a handler may have
                // opened some of it.
                let dead = ns.state_mut().dead();
                remove(ns, &dead);
                return Err(error);
            }
            Some(error) => outcome = outcome.and(error),
            None => remove(ns, &going.order.iter().copied().collect()),
        }
    }
}

/// Objects in the order in which they go.
#[derive(Default)]
pub(super) struct Going {
    order: Vec<ObjectId>,
    /// The first ones, which have no handlers left as long as none is registered.
    done: usize,
    registered: u64,
}

impl Going {
    pub fn new(order: Vec<ObjectId>) -> Going {
        Going {
            order,
            ..Going::default()
        }
    }

    fn next_handler(&mut self, exit: &mut ExitList) -> Option<Handler> {
        if self.registered != exit.mark() {
            self.registered = exit.mark();
            self.done = 0;
        }
        while let Some(&id) = self.order.get(self.done) {
            if let Some(handler) = exit.take_next_of(id) {
                return Some(handler);
            }
            self.done += 1;
        }
        None
    }
}

/// What an object that goes has still to do.
pub(super) enum LastCall {
    Handler(Handler),
    /// libc goes with all that used it: what is in its buffers would be lost.
    End(Definition),
}

impl LastCall {
    /// The next one of objects in the order in which they go: their handlers, then a libc's own end, once.
    pub fn next(
        ns: &Namespace,
        going: &mut Going,
        ended: &mut HashSet<ObjectId>,
    ) -> Option<LastCall> {
        let mut state = ns.state_mut();
        if let Some(handler) = going.next_handler(&mut state.exit) {
            return Some(LastCall::Handler(handler));
        }
        let libc = exit::libc_of(&state, &going.order)?;
        ended.insert(libc.object).then_some(LastCall::End(libc))
    }

    pub fn run(&self, ns: &Namespace) -> Result<()> {
        let (owner, what, ran) = match self {
            LastCall::Handler(handler) => {
                let owner = handler.owner.and_then(|id| ns.object(id));
                (owner, "an exit handler", exit::run(ns, handler))
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

/// Removes exactly `gone`. If nothing is left, memory and table stay for the next load. No guest code runs.
pub(super) fn remove(ns: &Namespace, gone: &HashSet<ObjectId>) {
    let trace = &ns.config().trace;
    let told = gone.iter().filter(|_| trace.on(Category::Init));
    let names: Vec<Arc<str>> = told.filter_map(|&id| Some(ns.object(id)?.name)).collect();
    let buried = {
        let mut state = ns.state_mut();
        let state = &mut *state;
        let aimed = gone.iter().filter_map(|id| state.aimed.remove(id));
        let aimed: HashMap<u32, Weak<Linkage>> = aimed.flatten().collect();
        for linkage in aimed.values().filter_map(Weak::upgrade) {
            aim_away(&linkage, gone);
            lazy::unbind(&linkage, gone);
        }
        for id in gone {
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
        for load in &mut state.loads {
            load.forget(gone);
        }
        if let Some(space) = &state.space {
            for place in &vacated.places {
                clear_place(space, place);
            }
            for &slot in &vacated.slots {
                clear(space, 0, 0, slot, 1);
            }
        }
        if state.model.nodes.is_empty() {
            empty(ns, state, fixed);
        }
        let buried: Vec<LoadedObject> =
            gone.iter().filter_map(|&id| state.leave_live(id)).collect();
        let may_run = inside() && !shim::of(ns.store.api()).instance_outlives_handle();
        if may_run {
            state.buried.extend(buried);
            Vec::new()
        } else {
            buried
        }
    };
    // Outside of the borrow: engines run finalizers, and the host's callback may look at the namespace.
    drop(buried);
    for name in names {
        trace.say(Category::Init, || format!("{name}: unloaded"));
    }
    trace.say_lines(Category::Map, || ns.link_map());
}

/// Forwarders of objects that stay lead nowhere where they led to objects that go: nobody is bound to these any more, but a
/// reference to a forwarder may live on in the guest.
fn aim_away(linkage: &Linkage, gone: &HashSet<ObjectId>) {
    for (forwarder, target) in linkage.forwarders.iter().zip(&linkage.targets) {
        if gone.contains(target) {
            // SAFETY: no target at all.
            unsafe { forwarder.set_target(None) };
        }
    }
}

/// Gives memory and table up if nothing is loaded: the load that made them has failed.
pub(super) fn unmake_if_empty(ns: &Namespace) {
    let state = &mut *ns.state_mut();
    if state.model.nodes.is_empty() && state.space.is_some() {
        empty(ns, state, true);
    }
}

/// The last object is gone: memory and table are as new for the next load, or go too. Those of a fixed main are of no use to
/// others.
fn empty(ns: &Namespace, state: &mut State, unmade: bool) {
    state.texts.clear();
    state.exit = ExitList::default();
    state.layouts += 1;
    if unmade {
        ns.drop_space(state);
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
