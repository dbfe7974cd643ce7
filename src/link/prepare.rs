//! The first two steps of a load: finding all files, and the plan. Nothing of the namespace changes here.

use std::rc::Rc;

use crate::hash_map::HashMap;

use super::export_getters;
use super::files::Files;
use super::launch::{Recalled, Record};
use super::namespace::Namespace;
use super::open::{Flags, Party, Source};
use super::stats::Phase;
use super::unload;
use crate::engine::{Module, ModuleKey, can_link};
use crate::error::{Code, Error, Result};
use crate::plan::needed::{Closure, Provider, Root, closure};
use crate::plan::{
    Identity, Model, ObjectId, Options, Plan, Request, Sizes, dump, plan, program_refused,
};
use crate::search::{self, Located, View};
use crate::state;
use crate::trace::Category;

/// A load whose files have all been found.
pub(super) struct Prepared {
    pub closure: Closure,
    /// The object asked for.
    pub root: ObjectId,
    pub given: Given,
    pub options: Options,
    pub party: Party,
    /// Where it is known from a launch closure.
    pub plan: Option<Plan>,
    /// What is needed to keep the load as a launch closure, if it is of a kind that is kept.
    pub record: Option<Box<Record>>,
    /// The new objects' modules as they came, where snapshots are taken.
    pub modules: HashMap<Identity, state::Module>,
    /// All has run already: no start function runs.
    pub restoring: bool,
}

/// The new objects as the engine is to get them.
pub(super) enum Given {
    Bytes {
        bytes: HashMap<Identity, Vec<u8>>,
        /// As of [`Files::ready`].
        ready: HashMap<Identity, u32>,
    },
    /// All that the load instantiates, by number and in order, from a launch closure.
    Compiled {
        objects: Vec<Rc<Module>>,
        generated: Vec<Rc<Module>>,
    },
    /// The objects, by number; what is generated is not known.
    Restored(Vec<(ModuleKey, Rc<Module>)>),
}

impl Prepared {
    /// The load as the planner sees it.
    pub fn request<'a>(&'a self, model: &'a Model, now: Option<Sizes>) -> Request<'a> {
        let Prepared {
            closure, options, ..
        } = self;
        Request {
            model,
            fresh: &closure.fresh,
            group: &closure.group,
            roots: &closure.roots,
            options,
            now,
        }
    }

    /// One of the new objects calls dlerror.
    pub fn shows_errors(&self) -> bool {
        let mut fresh = self.closure.fresh.iter();
        fresh.any(|found| found.object.brief().calls_dlerror)
    }
}

impl Namespace {
    /// `None`: what is asked for is not loaded, and is not to be. On the heap, since it waits while constructors load other libraries.
    #[inline(never)]
    pub(super) fn prepare(
        self: &Rc<Self>,
        source: Source,
        flags: Flags,
    ) -> Result<Option<Box<Prepared>>> {
        unload::bury(self);
        self.define_services()?;
        // Told here, an engine that cannot do it is named; later it would fail in some odd way.
        can_link(self.store)?;
        if flags.main && !self.state().model.nodes.is_empty() {
            return Err(Error::new(
                Code::Busy,
                "a main program must be the first object of its namespace",
            ));
        }
        let guest_files = self.guest_files.borrow().clone();
        let view = View {
            files: guest_files.as_deref(),
            room: self.config.limits.host_memory,
            hidden: flags.party == Party::Guest && !self.config.guest_paths,
        };
        let options = self.options(flags);
        let record = match self.recall(&source, flags, &options) {
            Recalled::Hit(prepared) => return Ok(Some(prepared)),
            Recalled::Miss(record) => Some(record),
            Recalled::Unfit => None,
        };
        let mut files = Files::new(&self.config, view, &self.clock, self.metering());
        files.taken = self.state().model.footprint();
        files.record = record;
        let found = self
            .clock
            .time(Phase::Search, || self.collect(source, flags, &mut files));
        // Before the engine compiles them, which takes longer.
        self.side.charge_loading(files.read)?;
        let Some(mut closure) = found? else {
            return Ok(None);
        };
        if files.record.is_some() {
            let prelinked = self.prelink(&mut closure, &mut files, flags, &options);
            self.clock
                .count(|statistics| statistics.not_prelinked = prelinked.err());
        }
        let root = closure.roots.first().copied();
        let root = root.ok_or_else(|| Error::new(Code::Internal, "a load without a root"))?;
        self.demanded_by(&closure.fresh)?;
        export_getters::provide(self, &closure)?;
        Ok(Some(Box::new(Prepared {
            given: Given::Bytes {
                bytes: files.bytes,
                ready: files.ready,
            },
            options,
            party: flags.party,
            closure,
            root,
            plan: None,
            record: files.record,
            modules: files.modules,
            restoring: false,
        })))
    }

    fn options(&self, flags: Flags) -> Options {
        let options = self.config.options();
        Options {
            bind: flags.bind.unwrap_or(options.bind),
            global: flags.global || flags.main,
            deepbind: flags.deepbind,
            ..options
        }
    }

    /// Finds everything. Beyond here no object is added. The books are borrowed while callbacks of the host run: what these ask to
    /// change is refused.
    fn collect(
        &self,
        mut source: Source,
        flags: Flags,
        files: &mut Files<'_>,
    ) -> Result<Option<Closure>> {
        let state = self.state();
        let model = &state.model;
        let by = match &source {
            Source::Guest { caller, .. } => caller.or(model.main),
            _ => None,
        };
        let by = by.and_then(|id| model.nodes.get(&id));
        let by = by.map(|node| &node.found);
        let root = match &mut source {
            Source::Path(path) => by_file(model, files.open_path(path), flags, files)?,
            Source::Guest { name, .. } if name.contains('/') => {
                by_file(model, files.find_in_guest(name, by), flags, files)?
            }
            Source::Name(name) | Source::Guest { name, .. } if flags.noload => {
                let known = model.names.get(name.as_str()).copied();
                let same_file = || model.by_identity(&files.locate(name, by).ok()?.identity);
                known.or_else(same_file).map(Root::Loaded)
            }
            Source::Name(name) | Source::Guest { name, .. } => Some(Root::Name(name, by)),
            Source::Bytes { .. } if flags.noload => None,
            Source::Bytes { name, bytes } => {
                search::check_name(name)?;
                let (identity, bytes) = (self.next_identity(), std::mem::take(bytes));
                let (found, _) = files.parse(name, None, identity, bytes, flags.main)?;
                Some(Root::Found(Box::new(found)))
            }
        };
        let Some(root) = root else { return Ok(None) };
        let mut roots = vec![root];
        // Preloads come with the first load, whatever it is.
        if model.nodes.is_empty() {
            roots.extend(
                self.config
                    .preloads
                    .iter()
                    .map(|name| Root::Name(name, None)),
            );
        }
        let closure = closure(model, roots, files, self.config.limits.objects)?;
        // The program itself, by its own name or path.
        if model.main.is_some() && closure.roots.first() == model.main.as_ref() {
            return match flags.noload {
                true => Ok(None),
                false => Err(program_refused()),
            };
        }
        Ok(Some(closure))
    }

    /// The plan of a load that brings new objects.
    pub(super) fn plan(&self, prepared: &Prepared) -> Result<Plan> {
        let state = self.state();
        let now = state.space.as_ref().map(|space| Sizes {
            memory_pages: space.memory.pages(),
            table_slots: space.table.size().into(),
        });
        plan(&prepared.request(&state.model, now))
    }

    /// Shows what debug output is to show of a plan.
    pub(super) fn trace_plan(&self, prepared: &Prepared, plan: &Plan) {
        let trace = &self.config.trace;
        let state = self.state();
        let request = &prepared.request(&state.model, None);
        for warning in &plan.warnings {
            trace.say(Category::Libs, || format!("warning: {warning}"));
        }
        trace.say_lines(Category::Plan, || dump(request, plan));
        if trace.on(Category::Bindings) {
            trace.say_lines(Category::Bindings, || crate::plan::bindings(request, plan));
        }
        if trace.on(Category::Symbols) {
            trace.say_lines(Category::Symbols, || crate::plan::symbols(request));
        }
    }
}

/// The object of a file: loaded, or new. `None`: neither, and not to be loaded.
fn by_file(
    model: &Model,
    located: Result<Located>,
    flags: Flags,
    files: &mut Files<'_>,
) -> Result<Option<Root<'static>>> {
    let located = match located {
        // What is not even there cannot be loaded.
        Err(_) if flags.noload => return Ok(None),
        other => other?,
    };
    Ok(match model.by_identity(&located.identity) {
        Some(id) => Some(Root::Loaded(id)),
        None if flags.noload => None,
        None => Some(Root::Found(Box::new(files.take(located, flags.main)?))),
    })
}
