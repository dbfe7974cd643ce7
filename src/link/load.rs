//! A load, from a name to running constructors.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::files::Files;
use super::namespace::Namespace;
use super::stats::{Statistics, timed};
use super::transaction::{self, Done};
use super::unload::{self, Frame, Party, Undo};
use super::{export_getters, init};
use crate::abi;
use crate::engine::can_link;
use crate::error::{Code, Context, Error, Result};
use crate::plan::needed::{Closure, Provider, Root, closure};
use crate::plan::{
    Bind, Changes, Found, Model, ObjectId, Options, Plan, Request, Sizes, Supply, dump, plan,
};
use crate::search::{self, Located, View};
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

/// Loads inside of constructors inside of loads. Each takes native stack and guest stack; one engine runs out of its own after 77.
const MAX_NESTED: usize = 64;

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

    /// Opens an object, with all that it needs: search, plan, execute, commit, construct. On failure everything is as before.
    /// `None`: it is not loaded and `flags` say not to.
    pub fn open(self: &Rc<Self>, source: Source, flags: Flags) -> Result<Option<ObjectId>> {
        let what = match &source {
            Source::Path(path) => path.display().to_string(),
            Source::Name(name) | Source::Bytes { name, .. } | Source::Guest { name, .. } => {
                crate::text::name(name).into_owned()
            }
        };
        let mut statistics = Statistics::default();
        let stack = self.stack_pointer();
        let loaded = self.open_with(source, flags, &mut statistics);
        if loaded.is_err() {
            self.unwind(stack);
        }
        if loaded.is_ok() && statistics.objects > 0 {
            let trace = &self.config.trace;
            trace.say_lines(Category::Map, || self.link_map());
        }
        self.config
            .trace
            .say(Category::Statistics, || statistics.to_string());
        loaded.context(|| format!("loading {what}"))
    }

    fn open_with(
        self: &Rc<Self>,
        source: Source,
        flags: Flags,
        statistics: &mut Statistics,
    ) -> Result<Option<ObjectId>> {
        let busy = self.begin()?;
        unload::bury(self);
        self.prepare();
        // Told here, an engine that cannot do it is named; later it would fail in some odd way.
        can_link(self.store)?;
        if flags.main && !self.state().model.nodes.is_empty() {
            return Err(Error::new(
                Code::Busy,
                "a main program must be the first object of its namespace",
            ));
        }
        let options = self.options(flags);

        let start = Instant::now();
        let guest_files = self.guest_files.borrow().clone();
        let view = View {
            files: guest_files.as_deref(),
            hidden: flags.party == Party::Guest && !self.config.guest_paths,
        };
        let mut files = Files::new(&self.config, view, statistics);
        let Some(closure) = self.collect(source, flags, &mut files)? else {
            return Ok(None);
        };
        let bytes = std::mem::take(&mut files.bytes);
        statistics.search = start
            .elapsed()
            .saturating_sub(statistics.read + statistics.parse);
        let root = closure.roots.first().copied();
        let root = root.ok_or_else(|| Error::new(Code::Internal, "a load without a root"))?;
        if closure.fresh.is_empty() {
            let changes = self.state_mut().model.reopen(closure, options.global);
            self.count_opening(root, flags, changes);
            return Ok(Some(root));
        }
        if self.state().frames.len() >= MAX_NESTED {
            let why = format!("constructors load libraries more than {MAX_NESTED} levels deep");
            return Err(Error::new(Code::Limit, why));
        }
        export_getters::provide(self, &closure)?;

        let done = {
            let state = self.state();
            let now = state.space.as_ref().map(|space| Sizes {
                memory_pages: space.memory.pages(),
                table_slots: space.table.size().into(),
            });
            let request = Request {
                model: &state.model,
                fresh: &closure.fresh,
                group: &closure.group,
                roots: &closure.roots,
                options: &options,
                now,
            };
            let plan = timed(&mut statistics.plan, || plan(&request))?;
            self.trace_plan(&request, &plan);
            drop(state);
            let start = Instant::now();
            let done = transaction::execute(self, &closure, plan, &bytes, statistics)?;
            statistics.link = start
                .elapsed()
                .saturating_sub(statistics.compile + statistics.instantiate);
            done
        };
        count(&closure.fresh, &done.plan, statistics);
        let (batch, changes) = timed(&mut statistics.link, || {
            self.commit(closure, done, &options)
        });
        // Beyond here the namespace is consistent and open: constructors may load.
        drop(busy);

        let mut time = Duration::ZERO;
        let constructed = timed(&mut time, || init::construct(self, &batch));
        statistics.init = time;
        self.state_mut().statistics = statistics.clone();
        let frame = self.state_mut().frames.pop().unwrap_or_default();
        if let Err(error) = constructed {
            unload::abandon(self, &frame, &changes, error.exit_code().is_some());
            return Err(error);
        }
        self.count_opening(root, flags, changes);
        self.constructed(frame);
        if batch.shows_errors {
            self.reserve_error_text();
        }
        Ok(Some(root))
    }

    /// The object is open once more. What a guest did so in a constructor goes with it if that fails.
    fn count_opening(&self, root: ObjectId, flags: Flags, changes: Changes) {
        let mut state = self.state_mut();
        state.opened(root, flags.party);
        let node = state.model.nodes.get_mut(&root);
        let pinned =
            flags.nodelete && node.is_some_and(|n| !std::mem::replace(&mut n.nodelete, true));
        if flags.party == Party::Guest {
            state.note(Undo::Changed(changes));
            state.note(Undo::Opened(root));
            if pinned {
                state.note(Undo::Pinned(root));
            }
        }
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

    /// Finds everything. Beyond here no object is added. `None`: what is asked for is not loaded, and is not to be.
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
            Source::Path(path) => {
                let located = timed(&mut files.statistics.search, || search::open_path(path));
                by_file(model, located, flags, files)?
            }
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
                let found = files.parse(name, None, identity, bytes, flags.main)?;
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
        closure(model, roots, files, self.config.limits.objects).map(Some)
    }

    /// The new objects become part of the namespace, their constructors to be run.
    fn commit(&self, closure: Closure, done: Done, options: &Options) -> (init::Batch, Changes) {
        let mut state = self.state_mut();
        let state = &mut *state;
        let mut plan = done.plan;
        let mut imports = closure.fresh.iter().flat_map(|found| &found.object.imports);
        let shows_errors = imports.any(|import| import.name.as_ref() == abi::DLERROR);
        let changes = state.model.commit(closure, &mut plan, options);
        state.loads += plan.order.len() as u64;
        state.epoch += 1;
        state.frames.push(Frame {
            objects: plan.order.clone(),
            made_space: plan.layout.memory.before.is_none(),
            undo: Vec::new(),
        });
        let batch = init::Batch {
            relocate: plan.order,
            construct: plan.init,
            shows_errors,
        };
        (batch, changes)
    }

    fn trace_plan(&self, request: &Request<'_>, plan: &Plan) {
        let trace = &self.config.trace;
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

fn count(fresh: &[Found], plan: &Plan, statistics: &mut Statistics) {
    statistics.objects = fresh.len();
    statistics.imports = fresh.iter().map(|f| f.object.imports.len()).sum();
    statistics.exports = fresh.iter().map(|f| f.object.exports.len()).sum();
    statistics.stubs = plan.stubs.len();
    let supplies = plan.objects.iter().flat_map(|o| &o.imports);
    statistics.direct = supplies.filter(|s| matches!(s, Supply::Export(_))).count();
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
