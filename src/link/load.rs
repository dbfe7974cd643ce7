//! A load as one value: what it takes, what it and the guest change while it is under way, and the one place that takes all of this
//! back.
//!
//! Loads nest, since constructors may open libraries: the namespace keeps those under way, the innermost last. A load notes how
//! an older object was when a guest first touched it, so what is noted is bounded by the objects, whatever the guest does.

use std::rc::Rc;

use crate::hash_map::{HashMap, HashSet};

use super::namespace::{Namespace, State};
use super::open::Party;
use super::prepare::Prepared;
use super::space::{clear, clear_place};
use super::unload::{self, Going, LastCall};
use crate::abi;
use crate::engine::Val;
use crate::error::{Code, Error, Result};
use crate::plan::{Binding, Changes, Extent, Layout, Model, ObjectId, Plan};
use crate::trace::Category;

/// Loads inside of constructors inside of loads. Each takes native stack and guest stack; wasmtime runs out of its own after 77 (Q24).
const MAX_NESTED: usize = 64;

/// How an older object was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub guest_opens: u32,
    pub nodelete: bool,
    pub global: bool,
    pub opened: bool,
}

/// What a load has taken of memory and table.
#[derive(Debug)]
struct Taken {
    layout: Layout,
    /// Slots outside of its objects' own.
    slots: Vec<u64>,
}

/// A load under way.
#[derive(Debug)]
pub(super) struct Load {
    /// No other load gets these numbers, whether this one succeeds or not.
    objects: Vec<ObjectId>,
    party: Party,
    /// Exit handlers up to this number are not its own.
    handlers: u64,
    stack: Option<Val>,
    taken: Option<Taken>,
    /// What it changed of older objects itself; there once it is committed.
    changes: Option<Changes>,
    touched: HashMap<ObjectId, Before>,
}

/// Tells that a load has been begun and is to be ended.
#[must_use]
pub(super) struct Begun;

impl Load {
    /// Reserves what the load needs of the books.
    pub fn begin(ns: &Namespace, prepared: &Prepared) -> Result<Begun> {
        let stack = ns.stack_pointer();
        let mut state = ns.state_mut();
        let fresh = &prepared.closure.fresh;
        if !fresh.is_empty() && state.loads.len() >= MAX_NESTED {
            let why = format!("constructors load libraries more than {MAX_NESTED} levels deep");
            return Err(Error::new(Code::Limit, why));
        }
        let first = state.model.next;
        let load = Load {
            objects: (first..).take(fresh.len()).map(ObjectId).collect(),
            party: prepared.party,
            handlers: state.exit.mark(),
            stack,
            taken: None,
            changes: None,
            touched: HashMap::new(),
        };
        ns.clock.count(|s| s.count_objects(fresh));
        state.loads.push(load);
        Ok(Begun)
    }

    /// Memory and table are about to be made or grown.
    pub fn takes(&mut self, plan: &Plan) {
        self.taken = Some(Taken {
            layout: plan.layout.clone(),
            slots: plan.fills.iter().map(|fill| fill.slot).collect(),
        });
    }

    /// The objects are part of the namespace.
    pub fn committed(&mut self, changes: Changes) {
        self.changes = Some(changes);
    }

    /// Objects that stay, whatever closes them: those of the load, and what a constructor closed that others had opened, since
    /// the constructor may fail yet.
    pub fn held<'a>(&'a self, model: &'a Model) -> impl Iterator<Item = ObjectId> + 'a {
        let closed = self.touched.iter().filter(|(id, before)| {
            let node = model.nodes.get(id);
            node.is_some_and(|node| node.opens.guest < before.guest_opens)
        });
        let closed = closed.map(|(id, _)| *id);
        self.objects.iter().copied().chain(closed)
    }

    /// Whether objects wait for its end to be closed.
    fn has_closed(&self, model: &Model) -> bool {
        self.held(model).nth(self.objects.len()).is_some()
    }

    /// How many objects it has noted.
    #[cfg(test)]
    pub fn notes(&self) -> usize {
        self.touched.len()
    }

    pub fn forget(&mut self, gone: &HashSet<ObjectId>) {
        self.touched.retain(|id, _| !gone.contains(id));
    }

    /// Takes back a load whose objects are part of the namespace.
    fn take_out(&self, ns: &Namespace) {
        let gone = {
            let mut state = ns.state_mut();
            state.restore(self);
            state.model.dependents(&self.objects)
        };
        let taken = self.taken.as_ref();
        let made_space = taken.is_some_and(|taken| taken.layout.memory.before.is_none());
        unload::remove(ns, &gone);
        // What the guest opened in its constructors is kept by nothing any more.
        if let Err(error) = unload::sweep(ns) {
            told(ns, &error);
        }
        if made_space {
            unload::unmake_if_empty(ns);
        }
        self.forget_tags(&mut ns.state_mut());
    }

    /// Tags that the load made are no others' to be measured by, unless something that stays uses them.
    fn forget_tags(&self, state: &mut State) {
        for name in self.changes.iter().flat_map(|changes| &changes.tags) {
            let uses = |binding: &Binding| matches!(binding, Binding::Tag(tag) if **tag == *name);
            let mut nodes = state.model.nodes.values();
            if !nodes.any(|node| node.bindings.iter().any(uses)) {
                state.model.tags.remove(name);
                state.tags.remove(name);
            }
        }
    }

    /// Takes back a load whose objects are not: slots null, memory zero, what was grown free for the next load, the exit handlers
    /// of its start functions forgotten, and its numbers used up.
    fn give_back(&self, ns: &Namespace) {
        let mut state = ns.state_mut();
        let state = &mut *state;
        let last = self.objects.last().map_or(0, |last| last.0 + 1);
        state.model.next = state.model.next.max(last);
        state.exit.forget_since(self.handlers);
        let Some(Taken { layout, slots }) = &self.taken else {
            return;
        };
        if layout.memory.before.is_none() {
            ns.drop_space(state);
            return;
        }
        let Some(space) = &state.space else { return };
        for place in &layout.placements {
            clear_place(space, place);
        }
        for &slot in slots {
            clear(space, 0, 0, slot, 1);
        }
        if state.model.landmarks.is_none() {
            // Nothing is loaded: all of it is there for the next load.
            return;
        }
        // Fresh pages and slots overlap nothing.
        if let Some((at, more)) = grown(&layout.memory, space.memory.pages()) {
            let _ = state.model.memory.give(at * abi::PAGE, more * abi::PAGE);
        }
        if let Some((at, more)) = grown(&layout.table, space.table.size().into()) {
            let _ = state.model.table.give(at, more);
        }
    }
}

impl Begun {
    /// Ends the innermost load: for good, or by taking all of it back. `open` counts the opening, for the outer load to note.
    pub fn end(self, ns: &Rc<Namespace>, outcome: Result<()>, open: impl FnOnce()) -> Result<()> {
        match &outcome {
            Ok(()) => {
                let closed = keep(ns);
                open();
                // Only what is open now, or needed, stays.
                if closed && let Err(error) = unload::sweep(ns) {
                    let trace = &ns.config().trace;
                    trace.say_error(Category::Init, "closed by a constructor", &error);
                }
            }
            Err(error) => roll_back(ns, error.exit_code().is_some()),
        }
        outcome
    }
}

impl State {
    /// Notes how an object is, before a guest changes it while constructors run.
    pub fn touch(&mut self, id: ObjectId) {
        let (Some(load), Some(node)) = (self.loads.last_mut(), self.model.nodes.get(&id)) else {
            return;
        };
        load.touched.entry(id).or_insert(Before {
            guest_opens: node.opens.guest,
            nodelete: node.nodelete,
            global: node.global,
            opened: node.opened,
        });
    }

    /// The host changes an object: no load takes that back.
    pub fn claim(&mut self, id: ObjectId, change: impl Fn(&mut Before)) {
        for load in &mut self.loads {
            load.touched.get_mut(&id).map(&change);
        }
    }

    /// Makes older objects what they were.
    fn restore(&mut self, load: &Load) {
        let mut demoted = Vec::new();
        for (id, before) in &load.touched {
            let Some(node) = self.model.nodes.get_mut(id) else {
                continue;
            };
            node.opens.guest = before.guest_opens;
            node.nodelete = before.nodelete;
            self.model.suspect(*id);
            if !before.global {
                demoted.push(*id);
            }
            if !before.opened {
                self.model.unopened(*id);
            }
        }
        self.model.demote(demoted.into_iter());
        if let Some(changes) = &load.changes {
            self.model.revert(changes);
        }
        self.epoch += 1;
    }
}

/// The load has succeeded. What a guest has changed meanwhile is for the outer load to take back, should that fail.
/// Tells whether something that it held was closed.
fn keep(ns: &Namespace) -> bool {
    let mut state = ns.state_mut();
    let Some(load) = state.loads.pop() else {
        return false;
    };
    state.epoch += 1;
    let closed = load.has_closed(&state.model);
    if load.party == Party::Guest {
        let changes = load.changes.unwrap_or_default();
        for id in changes.promoted.iter().copied().chain(changes.opened) {
            state.touch(id);
        }
        if let Some(outer) = state.loads.last_mut() {
            for id in changes.promoted {
                if let Some(before) = outer.touched.get_mut(&id) {
                    before.global = false;
                }
            }
            let opened = changes.opened;
            if let Some(before) = opened.and_then(|id| outer.touched.get_mut(&id)) {
                before.opened = false;
            }
        }
    }
    let Some(outer) = state.loads.last_mut() else {
        return closed;
    };
    for (id, before) in load.touched {
        outer.touched.entry(id).or_insert(before);
    }
    // What was closed and no outer load holds goes.
    closed
}

/// Takes back the innermost load. `exited`: the guest has ended itself, so no more of its code runs.
fn roll_back(ns: &Rc<Namespace>, exited: bool) {
    if !exited {
        destroy(ns);
    }
    let Some(load) = ns.state_mut().loads.pop() else {
        return;
    };
    if load.changes.is_some() {
        load.take_out(ns);
    } else {
        load.give_back(ns);
    }
    ns.unwind(load.stack);
}

/// Runs the exit handlers of what the innermost load has constructed. It stays under way meanwhile, so that nothing that these close
/// takes its objects away.
fn destroy(ns: &Namespace) {
    let mut ended = HashSet::default();
    let (mut going, mut seen) = (Going::default(), None);
    loop {
        {
            let state = ns.state();
            let load = state.loads.last();
            let Some(load) = load.filter(|load| load.changes.is_some()) else {
                return;
            };
            // Few handlers change what depends on it.
            if seen.replace(state.epoch) != Some(state.epoch) {
                let dependents = state.model.dependents(&load.objects);
                going = Going::new(state.model.dependents_first(&dependents));
            }
        }
        let Some(call) = LastCall::next(ns, &mut going, &mut ended) else {
            return;
        };
        if let Err(error) = call.run(ns) {
            told(ns, &error);
        }
    }
}

fn told(ns: &Namespace, error: &Error) {
    let trace = &ns.config().trace;
    trace.say_error(Category::Init, "while undoing a load", error);
}

/// Where memory or table has grown, and by how much, of what was planned. What the engine really gave is found by asking it.
fn grown(extent: &Extent, size: u64) -> Option<(u64, u64)> {
    let before = extent.before?;
    Some((before, size.min(extent.after).saturating_sub(before)))
}
