//! A load, from a name to running constructors.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::namespace::Namespace;
use super::provider::Files;
use super::stats::{Statistics, timed};
use super::transaction::{self, Done};
use super::{init, unload};
use crate::error::{Code, Context, Error, Result};
use crate::plan::needed::{Closure, Root, closure};
use crate::plan::{Bind, Found, ObjectId, Options, Plan, Request, Sizes, Supply, dump, plan};
use crate::search;
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
}

/// How it is loaded (dlopen(3)).
#[derive(Clone, Copy, Debug, Default)]
pub struct Flags {
    pub main: bool,
    /// What the configuration says if `None`.
    pub bind: Option<Bind>,
    pub global: bool,
    pub deepbind: bool,
}

impl Namespace {
    /// Loads an object with all that it needs: search, plan, execute, commit, construct. On failure everything is as before.
    pub fn load(self: &Rc<Self>, source: Source, flags: Flags) -> Result<ObjectId> {
        let what = match &source {
            Source::Path(path) => path.display().to_string(),
            Source::Name(name) | Source::Bytes { name, .. } => name.clone(),
        };
        let mut statistics = Statistics::default();
        let stack = self.stack_pointer();
        let loaded = self.load_with(source, flags, &mut statistics);
        if loaded.is_err() {
            self.unwind(stack);
        }
        self.config
            .trace
            .say(Category::Statistics, || statistics.to_string());
        loaded.context(|| format!("loading {what}"))
    }

    fn load_with(
        self: &Rc<Self>,
        source: Source,
        flags: Flags,
        statistics: &mut Statistics,
    ) -> Result<ObjectId> {
        let busy = self.begin()?;
        if flags.main && !self.state().model.nodes.is_empty() {
            return Err(Error::new(
                Code::Busy,
                "a main program must be the first object of its namespace",
            ));
        }
        let options = self.options(flags);

        let start = Instant::now();
        let mut files = Files::new(&self.config, statistics);
        let closure = self.collect(source, flags.main, &mut files)?;
        let bytes = std::mem::take(&mut files.bytes);
        statistics.search = start
            .elapsed()
            .saturating_sub(statistics.read + statistics.parse);
        let root = closure.roots.first().copied();
        let root = root.ok_or_else(|| Error::new(Code::Internal, "a load without a root"))?;

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
        let batch = timed(&mut statistics.link, || self.commit(closure, done, flags));
        // Beyond here the namespace is consistent and open: constructors may load.
        drop(busy);

        let mut time = Duration::ZERO;
        let constructed = timed(&mut time, || init::construct(self, &batch));
        statistics.init = time;
        self.state_mut().statistics = statistics.clone();
        if let Err(error) = constructed {
            unload::remove(self, &batch.all);
            return Err(error);
        }
        Ok(root)
    }

    fn options(&self, flags: Flags) -> Options {
        let config = &self.config;
        Options {
            bind: flags.bind.unwrap_or(config.bind),
            plt: config.plt,
            stack_size: config.stack_size,
            limits: config.limits.clone(),
            global: flags.global || flags.main,
            deepbind: flags.deepbind,
        }
    }

    /// Finds everything. Beyond here no object is added.
    fn collect(&self, source: Source, main: bool, files: &mut Files<'_>) -> Result<Closure> {
        let state = self.state();
        let name;
        let root = match source {
            Source::Name(given) => {
                name = given;
                Root::Name(&name)
            }
            Source::Path(path) => {
                let located = timed(&mut files.statistics.search, || search::open_path(&path))?;
                match state.model.by_identity(&located.identity) {
                    Some(id) => Root::Loaded(id),
                    None => {
                        let (name, identity) = (located.name.clone(), located.identity.clone());
                        let bytes = timed(&mut files.statistics.read, || located.read())?;
                        Root::Found(Box::new(files.parse(
                            &name,
                            Some(&path),
                            identity,
                            bytes,
                            main,
                        )?))
                    }
                }
            }
            Source::Bytes { name, bytes } => {
                search::check_name(&name)?;
                let identity = self.next_identity();
                Root::Found(Box::new(files.parse(&name, None, identity, bytes, main)?))
            }
        };
        let mut roots = vec![root];
        // Preloads come with the first load, whatever it is.
        if state.model.nodes.is_empty() {
            roots.extend(self.config.preloads.iter().map(|name| Root::Name(name)));
        }
        closure(&state.model, roots, files, self.config.limits.objects)
    }

    /// The new objects become part of the namespace.
    fn commit(&self, closure: Closure, done: Done, flags: Flags) -> init::Batch {
        let mut state = self.state_mut();
        let state = &mut *state;
        let Done { mut plan, made } = done;
        let first = ObjectId(state.model.next);
        state
            .model
            .commit(closure, &mut plan, flags.global || flags.main);
        state.made.insert(first, made);
        init::Batch {
            relocate: plan.order.clone(),
            construct: plan.init,
            all: plan.order,
        }
    }

    fn trace_plan(&self, request: &Request<'_>, plan: &Plan) {
        let trace = &self.config.trace;
        for warning in &plan.warnings {
            trace.say(Category::Libs, || format!("warning: {warning}"));
        }
        trace.say(Category::Plan, || dump(request, plan));
        if trace.on(Category::Bindings) {
            trace.say(Category::Bindings, || crate::plan::bindings(request, plan));
        }
        if trace.on(Category::Symbols) {
            trace.say(Category::Symbols, || crate::plan::symbols(request));
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
