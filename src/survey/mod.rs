//! A program and its libraries, looked at without an engine: what is found where and why, and what a load would do.
//!
//! It is the same search, closure and plan as a load's, with one difference: what is missing or unusable does not end it, but
//! stands in the closure as an object without symbols, so that all of it is seen at once.

mod link;
pub mod module;
mod symbols;
mod thread_exit;

use crate::hash_map::HashMap;
use std::path::Path;
use std::sync::Arc;

pub use link::{Linking, Program};
pub use symbols::{Definer, SymbolState, SymbolUses, Symbols, User, What};

use crate::abi;
use crate::config::Config;
use crate::error::{Code, Context, Error, Result};
use crate::link::{Clock, Files, definitions};
use crate::object::{Metadata, Metering, Name, Object};
use crate::plan::needed::{Closure, Provider, Root, closure};
use crate::plan::{
    Found, HostDef, HostDefs, Identity, Model, Now, ObjectId, Options, Plan, Precedence, Request,
    Role, Sizes, Spaces, plan, spaces,
};
use crate::search::{self, Located, Tried, View};

/// Why an object is not to be had.
#[derive(Debug)]
pub enum Problem {
    /// It is nowhere: the first places where it was looked for, and how many there are beyond them.
    Missing {
        tried: Vec<Tried>,
        more: usize,
        /// What to do about it.
        advice: Option<&'static str>,
    },
    /// Its name is none, or the file is no library.
    Unusable(Error),
}

/// How the survey came by an object.
#[derive(Debug)]
pub struct Origin {
    pub why: String,
    /// Size of the file.
    pub size: u64,
    pub problem: Option<Problem>,
}

pub struct Survey {
    pub closure: Closure,
    by_name: HashMap<Arc<str>, ObjectId>,
    /// One for each object of the closure.
    pub sources: Vec<Origin>,
    pub options: Options,
    /// One for each object, where it is [to be linked](Survey::to_link).
    bytes: Vec<Vec<u8>>,
    model: Model,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Look,
    Link {
        /// What is missing or unusable ends it, as it ends a load.
        strict: bool,
        /// Functions of dlfcn.h are defined, and fail.
        no_dlopen: bool,
        /// The linker is there when it runs.
        dynamic: bool,
    },
}

/// A name that an object needs, and the object's number.
pub type Needed<'a> = (&'a str, usize);

impl Survey {
    /// Looks at the file at `path` and all that it needs. What exports `_start` is taken as a main program.
    ///
    /// `host` names what the host defines beside WASI and the linker's own functions, as `MODULE` or `MODULE.NAME`.
    pub fn of(path: &Path, config: &Config, host: &[String]) -> Result<Survey> {
        let program = Program::Path(path);
        Survey::made(&program, config, host, Purpose::Look)
    }

    fn made(
        program: &Program<'_>,
        config: &Config,
        host: &[String],
        purpose: Purpose,
    ) -> Result<Survey> {
        let shown = || format!("reading {}", program.shown());
        let clock = Clock::default();
        let mut surveyor = Surveyor {
            config,
            files: Files::new(config, View::default(), &clock, Metering::Off),
            sources: Vec::new(),
            bytes: Vec::new(),
            keep: purpose != Purpose::Look,
            strict: matches!(purpose, Purpose::Link { strict: true, .. }),
            room: MAX_TRIED,
        };
        let root = surveyor.root(program).context(shown)?;
        let main = root.role.is_main();
        let mut roots = vec![Root::Found(Box::new(root))];
        if let Purpose::Link {
            no_dlopen: true, ..
        } = purpose
        {
            roots.push(Root::Found(Box::new(surveyor.no_dlopen()?)));
        }
        let preloads = config.preloads.iter();
        roots.extend(preloads.map(|name| Root::Name(name, None)));
        let mut model = Model::default();
        let objects = config.limits.objects;
        let mut closure = closure(&model, roots, &mut surveyor, objects).context(shown)?;
        model.host = host_defs(host, &closure.fresh, purpose);
        let given = Name::new(abi::CXA_THREAD_ATEXIT);
        let given = model.host.get(abi::ENV, given).is_some();
        if purpose != Purpose::Look && !given && thread_exit::is_wanted(&closure.fresh) {
            closure.append(&model, surveyor.thread_exit()?);
        }
        let (sources, bytes) = (surveyor.sources, surveyor.bytes);
        let options = Options {
            global: main,
            ..config.options()
        };
        let mut by_name = HashMap::new();
        for (name, id) in &closure.names {
            by_name.entry(name.clone()).or_insert(*id);
        }
        Ok(Survey {
            closure,
            by_name,
            sources,
            bytes,
            options,
            model,
        })
    }

    pub fn objects(&self) -> &[Found] {
        &self.closure.fresh
    }

    /// Number of the object with an id.
    pub fn number(&self, id: ObjectId) -> usize {
        id.0 as usize
    }

    pub fn name(&self, id: ObjectId) -> &str {
        let found = self.objects().get(self.number(id));
        found.map_or("?", |found| &found.name)
    }

    /// What an object needs, in order, each once.
    pub fn needed(&self, number: usize) -> Vec<Needed<'_>> {
        let found = self.objects().get(number);
        let dylink = found.and_then(|found| found.object.dylink.as_ref());
        let names = dylink.map_or(&[][..], |dylink| &dylink.needed);
        let object =
            |name: &'_ Arc<str>| -> Option<usize> { Some(self.number(*self.by_name.get(name)?)) };
        let both = names.iter().map(|name| (name.as_ref(), object(name)));
        both.filter_map(|(name, object)| Some((name, object?)))
            .collect()
    }

    /// The objects that are missing or unusable, with why.
    pub fn problems(&self) -> impl Iterator<Item = (&Found, &Problem)> {
        let both = self.objects().iter().zip(&self.sources);
        both.filter_map(|(found, source)| Some((found, source.problem.as_ref()?)))
    }

    pub fn request(&self) -> Request<'_> {
        Request {
            model: &self.model,
            fresh: &self.closure.fresh,
            group: &self.closure.group,
            roots: &self.closure.roots,
            options: &self.options,
            now: None,
        }
    }

    /// What loading it as the first object of a namespace would do.
    pub fn plan(&self) -> Result<Plan> {
        plan(&self.request())
    }

    /// What memory and table would hold.
    pub fn spaces(&self, plan: &Plan) -> Option<Spaces> {
        let (mut model, mut plan) = (self.model.clone(), plan.clone());
        let sizes = Sizes {
            memory_pages: plan.layout.memory.after,
            table_slots: plan.layout.table.after,
        };
        model.commit(self.closure.clone(), &mut plan, &self.options);
        spaces(&model, &Now { sizes, texts: &[] })
    }
}

/// What the host defines, as far as it is known without one.
fn host_defs(assumed: &[String], objects: &[Found], purpose: Purpose) -> HostDefs {
    let mut host = HostDefs::default();
    #[cfg(feature = "wasi")]
    for function in crate::wasi::functions() {
        let def = HostDef {
            ty: crate::object::ExternType::Func(Arc::new(function.ty())),
            precedence: Precedence::Behind,
        };
        host.define(crate::wasi::MODULE, function.name, def);
    }
    if matches!(purpose, Purpose::Look | Purpose::Link { dynamic: true, .. }) {
        for (module, name, def) in definitions() {
            host.define(module, name, def);
        }
    }
    // The type of what is assumed is the first importer's.
    for import in objects.iter().flat_map(|found| &found.object.imports) {
        let (module, name) = (import.module.as_ref(), import.name.text());
        let meant = |assumed: &String| match assumed.strip_prefix(module) {
            Some(rest) => rest.is_empty() || rest.strip_prefix('.') == Some(name),
            None => false,
        };
        if host.get(module, import.name).is_none() && assumed.iter().any(meant) {
            let def = HostDef {
                ty: import.ty.clone(),
                precedence: Precedence::Behind,
            };
            host.define(module, name, def);
        }
    }
    host
}

/// Finds files as a load does, and goes on where a load ends.
struct Surveyor<'a> {
    config: &'a Config,
    files: Files<'a>,
    /// One for each object opened so far.
    sources: Vec<Origin>,
    /// The same, where they are kept.
    bytes: Vec<Vec<u8>>,
    keep: bool,
    /// What is missing or unusable is an error.
    strict: bool,
    /// How many more places are kept.
    room: usize,
}

/// Of the places where missing libraries were looked for, so many are kept: any number of libraries may be missing, each looked for
/// in any number of places.
const MAX_TRIED: usize = 200;

/// What a search came to.
enum Spot {
    Located(Box<Located>),
    Nothing {
        name: String,
        identity: Identity,
        problem: Problem,
    },
}

impl Surveyor<'_> {
    fn root(&mut self, program: &Program<'_>) -> Result<Found> {
        let (search, trace) = (&self.config.search, &self.config.trace);
        let located = match *program {
            Program::Path(path) => search::open_path(search, path)?,
            Program::Name(name) => {
                search::search(search, name, None, View::default(), trace)?.located()?
            }
            Program::Bytes { name, bytes } => {
                // No other bytes are handed over here.
                let identity = Identity::Bytes(u64::MAX);
                return self.add_root(name, None, identity, bytes.to_vec(), "given by its bytes");
            }
        };
        let (name, path, why) = (
            located.name.clone(),
            located.path.clone(),
            located.why.clone(),
        );
        let identity = located.identity.clone();
        let bytes = located.read()?;
        self.add_root(&name, path.as_deref(), identity, bytes, &why)
    }

    fn add_root(
        &mut self,
        name: &str,
        path: Option<&Path>,
        identity: Identity,
        bytes: Vec<u8>,
        why: &str,
    ) -> Result<Found> {
        let size = bytes.len() as u64;
        let object = Object::parse(&bytes, &self.config.parse)?;
        let main = object.export(abi::START).is_some();
        let (found, _) = self
            .files
            .parse(name, path, identity.clone(), bytes, main)?;
        self.keep(&identity);
        self.sources.push(Origin {
            why: why.to_string(),
            size,
            problem: None,
        });
        if self.keep && !found.parts.is_empty() {
            let name = crate::text::name(name);
            let why = format!(
                "{name} is one module already, of {} objects",
                1 + found.parts.len()
            );
            return Err(Error::new(Code::Unsupported, why));
        }
        self.sources.extend(found.parts.iter().map(|_| Origin {
            why: format!("part of {name}"),
            size: 0,
            problem: None,
        }));
        Ok(found)
    }

    /// Puts an object's bytes aside, and gives their number.
    fn keep(&mut self, identity: &Identity) -> u64 {
        let bytes = self.files.bytes.remove(identity).unwrap_or_default();
        let size = bytes.len() as u64;
        if self.keep {
            self.bytes.push(bytes);
        }
        size
    }

    /// An object without symbols in the place of one that is not to be had.
    fn stand_in(
        &mut self,
        name: &str,
        path: Option<&Path>,
        identity: Identity,
        source: Origin,
    ) -> Found {
        self.sources.push(source);
        if self.keep {
            self.bytes.push(Vec::new());
        }
        Found {
            name: name.into(),
            path: path.map(Arc::from),
            in_guest: false,
            identity,
            object: Metadata::default(),
            role: Role::Library,
            needed: Vec::new(),
            stack_pointer: None,
            within: None,
            parts: Vec::new(),
        }
    }
}

impl Provider for Surveyor<'_> {
    type Located = Spot;

    fn locate(&mut self, name: &str, by: Option<&Found>) -> Result<Spot> {
        let (search, trace) = (&self.config.search, &self.config.trace);
        let problem = match by {
            None if name.contains('/') => match search::open_path(search, Path::new(name)) {
                Ok(located) => return Ok(Spot::Located(Box::new(located))),
                Err(error) if self.strict => return Err(error),
                Err(error) => Problem::Unusable(error),
            },
            _ => match search::search(search, name, by, View::default(), trace) {
                Ok(searched) => match searched.found {
                    Some(located) => return Ok(Spot::Located(Box::new(located))),
                    None if self.strict => {
                        return searched.located().map(Box::new).map(Spot::Located);
                    }
                    None => {
                        let mut tried = searched.tried;
                        let more = tried.len().saturating_sub(self.room);
                        tried.truncate(self.room);
                        tried.shrink_to_fit();
                        self.room -= tried.len();
                        Problem::Missing {
                            tried,
                            more,
                            advice: searched.advice,
                        }
                    }
                },
                Err(error) if self.strict => return Err(error),
                Err(error) => Problem::Unusable(error),
            },
        };
        Ok(Spot::Nothing {
            name: name.to_string(),
            // No bytes are handed over here, so that these numbers are free.
            identity: Identity::Bytes(self.sources.len() as u64),
            problem,
        })
    }

    fn identity(&self, spot: &Spot) -> Identity {
        match spot {
            Spot::Located(located) => located.identity.clone(),
            Spot::Nothing { identity, .. } => identity.clone(),
        }
    }

    fn open(&mut self, spot: Spot) -> Result<Found> {
        let (located, why) = match spot {
            Spot::Nothing {
                name,
                identity,
                problem,
            } => {
                let source = Origin {
                    why: String::new(),
                    size: 0,
                    problem: Some(problem),
                };
                return Ok(self.stand_in(&name, None, identity, source));
            }
            Spot::Located(located) => {
                let why = located.why.clone();
                (*located, why)
            }
        };
        let (name, path, identity) = (
            located.name.clone(),
            located.path.clone(),
            located.identity.clone(),
        );
        let source = |size, problem| Origin { why, size, problem };
        match self.files.take(located, false) {
            Ok(found) => {
                let size = self.keep(&identity);
                self.sources.push(source(size, None));
                Ok(found)
            }
            Err(error) if self.strict => Err(error),
            Err(error) => {
                let source = source(0, Some(Problem::Unusable(error)));
                Ok(self.stand_in(&name, path.as_deref(), identity, source))
            }
        }
    }
}
