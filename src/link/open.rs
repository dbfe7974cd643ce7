//! Opening an object, from a name to running constructors: the driver of a load.
//!
//! ```text
//! prepare -> plan -> execute -> commit -> construct
//! ```
//! [`Load`] is what all this changes, and takes it back if a step fails.

use std::path::PathBuf;
use std::rc::Rc;

use super::init;
use super::load::Load;
use super::namespace::{Busy, Namespace};
use super::prepare::Prepared;
use super::renew::Origin;
use super::stats::Phase;
use super::transaction;
use crate::error::{Code, Context, Error, Result};
use crate::plan::{Bind, ObjectId, Plan};
use crate::trace::Category;

/// Where the object asked for comes from.
pub enum Source {
    Path(PathBuf),
    /// A name without a slash is searched as a needed entry is.
    Name(String),
    Bytes {
        name: String,
        bytes: Vec<u8>,
    },
    /// What a guest asks for: a name without a slash is searched as a needed entry of the caller is, one with a slash is a path
    /// of the guest's.
    Guest {
        name: String,
        caller: Option<ObjectId>,
    },
}

impl Source {
    fn name(&self) -> String {
        match self {
            Source::Path(path) => path.display().to_string(),
            Source::Name(name) | Source::Bytes { name, .. } | Source::Guest { name, .. } => {
                crate::text::name(name).into_owned()
            }
        }
    }
}

/// Who opens and closes: each only closes what it opened itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Party {
    #[default]
    Host,
    Guest,
}

/// How it is loaded (dlopen(3)).
#[derive(Clone, Copy, Debug, Default)]
pub struct Flags {
    pub main: bool,
    /// What the configuration says if `None`.
    pub bind: Option<Bind>,
    pub global: bool,
    pub deepbind: bool,
    /// Only if it is there already.
    pub noload: bool,
    /// It is never unloaded.
    pub nodelete: bool,
    /// Whose opening it is.
    pub party: Party,
}

impl Namespace {
    /// Loads an object; see [`open`](Self::open).
    pub fn load(self: &Rc<Self>, source: Source, flags: Flags) -> Result<ObjectId> {
        let found = self.open(source, flags)?;
        found.ok_or_else(|| Error::new(Code::NotFound, "the object is not loaded"))
    }

    /// Opens an object, with all that it needs. On failure everything is as before. `None`: it is not loaded and `flags` say not to.
    pub fn open(self: &Rc<Self>, source: Source, flags: Flags) -> Result<Option<ObjectId>> {
        let what = source.name();
        let origin = Origin::of(&source);
        let _entry = self.enter();
        let outer = self.clock.set_aside();
        let opened = self.open_with(source, flags);
        let statistics = self.clock.set_aside().statistics();
        self.clock.resume(outer);
        let trace = &self.config.trace;
        if opened.is_ok() && statistics.objects > 0 {
            trace.say_lines(Category::Map, || self.link_map());
        }
        trace.say_lines(Category::Statistics, || statistics.lines());
        if statistics.objects > 0 {
            self.statistics.replace(statistics);
        }
        if let (Ok(Some(object)), Some(origin)) = (&opened, origin) {
            self.note_opening(*object, origin, flags);
        }
        opened.context(|| format!("loading {what}"))
    }

    fn open_with(self: &Rc<Self>, source: Source, flags: Flags) -> Result<Option<ObjectId>> {
        self.check_stack()?;
        let busy = self.begin()?;
        let Some(prepared) = self.prepare(source, flags)? else {
            return Ok(None);
        };
        let root = prepared.root;
        let load = Load::begin(self, &prepared)?;
        let outcome = self.carry_out(prepared, busy);
        load.end(self, outcome, || self.count_opening(root, flags))?;
        Ok(Some(root))
    }

    fn carry_out(self: &Rc<Self>, prepared: Box<Prepared>, busy: Busy<'_>) -> Result<()> {
        let shows_errors = prepared.shows_errors();
        let pending = self.link(prepared)?;
        // Beyond here the namespace is consistent and open: constructors may load.
        drop(busy);
        self.clock
            .time(Phase::Init, || init::construct(self, &pending))?;
        if shows_errors {
            self.reserve_error_text();
        }
        Ok(())
    }

    /// The plan, executed and committed. Gives the objects whose constructors are to run, in order.
    ///
    /// A frame of its own, since constructors load libraries one inside the other: what is needed here is not on the stack meanwhile.
    #[inline(never)]
    fn link(self: &Rc<Self>, mut prepared: Box<Prepared>) -> Result<Vec<ObjectId>> {
        if prepared.closure.fresh.is_empty() {
            return Ok(self.commit(*prepared, None));
        }
        let plan = match prepared.plan.take() {
            Some(kept) => kept,
            None => self.clock.time(Phase::Plan, || self.plan(&prepared))?,
        };
        self.trace_plan(&prepared, &plan);
        let (plan, keys) = self
            .clock
            .time(Phase::Link, || transaction::execute(self, &prepared, plan))?;
        self.clock
            .time(Phase::Keep, || self.keep_launch(&prepared, &plan, &keys));
        Ok(self.commit(*prepared, Some(plan)))
    }

    /// The new objects become part of the namespace. Gives the objects whose constructors are to run, in order. Cannot fail.
    fn commit(&self, prepared: Prepared, plan: Option<Plan>) -> Vec<ObjectId> {
        let Prepared {
            closure,
            options,
            party,
            ..
        } = prepared;
        let roots = closure.roots.clone();
        let mut state = self.state_mut();
        if party == Party::Host {
            for &root in roots.iter().take(1) {
                state.claim(root, |before| before.opened = true);
            }
        }
        if party == Party::Host && options.global {
            for &id in &closure.group {
                state.claim(id, |before| before.global = true);
            }
        }
        let changes = match plan {
            Some(mut plan) => {
                state.loads_made += plan.order.len() as u64;
                state.epoch += 1;
                self.clock.count(|s| s.count_plan(&plan));
                state.model.commit(closure, &mut plan, &options)
            }
            None => state.model.reopen(closure, options.global),
        };
        if let Some(load) = state.loads.last_mut() {
            load.committed(changes);
        }
        state.model.unconstructed(&roots)
    }

    /// The object is open once more. What a guest does so in a constructor goes with it if that fails.
    fn count_opening(&self, root: ObjectId, flags: Flags) {
        let mut state = self.state_mut();
        if flags.party == Party::Guest {
            state.touch(root);
        }
        state.opened(root, flags.party);
        if flags.nodelete {
            if flags.party == Party::Host {
                state.claim(root, |before| before.nodelete = true);
            }
            if let Some(node) = state.model.nodes.get_mut(&root) {
                node.nodelete = true;
            }
        }
    }
}
