//! Launch closures around the first load of a namespace: asked for before it, kept after it.

use super::namespace::Namespace;
use super::open::{Flags, Party, Source};
use super::prepare::{Given, Prepared};
use super::stats::{Launched, Phase};
use crate::engine::ModuleKey;
use crate::launch::{Inputs, Launch, Places, decode, encode};
use crate::plan::{Options, Plan, Request, verify};
use crate::trace::Category;

/// What has to be known of a load to keep it.
pub(super) struct Record {
    /// The closure's.
    name: ModuleKey,
    pub places: Places,
}

/// The keys of a load's modules, as the engine got them.
#[derive(Default)]
pub(super) struct Keys {
    pub objects: Vec<ModuleKey>,
    /// In the order in which they were instantiated.
    pub generated: Vec<ModuleKey>,
}

/// What a closure could do for a load.
pub(super) enum Recalled {
    Hit(Box<Prepared>),
    /// There is none that holds, and the load can be kept.
    Miss(Box<Record>),
    /// The load is not of a kind that is kept.
    Unfit,
}

impl Namespace {
    /// The load as it was prepared and planned once, if all of it holds.
    pub(super) fn recall(&self, source: &Source, flags: Flags, options: &Options) -> Recalled {
        let name = match self.launch_name(source, flags, options) {
            Ok(name) => name,
            Err(why) => {
                self.launched(Launched::Unfit(why));
                return Recalled::Unfit;
            }
        };
        // What is looked at from here on is as it was when this was made, or later.
        let places = Places::new();
        match self.kept_launch(name, options) {
            Ok(launch) => {
                self.launched(Launched::Hit);
                Recalled::Hit(Box::new(launch))
            }
            Err(why) => {
                self.launched(Launched::Miss(why));
                Recalled::Miss(Box::new(Record { name, places }))
            }
        }
    }

    fn launched(&self, how: Launched) {
        self.clock.count(|statistics| statistics.launched = how);
    }

    /// The name of a load's closure; else why it has none.
    pub(super) fn launch_name(
        &self,
        source: &Source,
        flags: Flags,
        options: &Options,
    ) -> Result<ModuleKey, &'static str> {
        let state = self.state();
        let model = &state.model;
        let config = &self.config;
        let (source, is_path) = match source {
            Source::Path(path) => (path.as_os_str().as_encoded_bytes(), true),
            Source::Name(name) => (name.as_bytes(), false),
            Source::Bytes { .. } => return Err("the object came as bytes"),
            Source::Guest { .. } => return Err("a guest opened it"),
        };
        if !config.launch_closures {
            return Err("they are switched off");
        }
        if model.next > 0 || state.space.is_some() || flags.party != Party::Host || flags.noload {
            return Err("it is not the first load of its namespace");
        }
        if config.snapshots {
            return Err("snapshots are taken, which want the objects' bytes");
        }
        if config.search.open.is_some() {
            return Err("the host's open callback is asked for files");
        }
        if config.search.files.is_some() {
            return Err("a function of the host's gives its files");
        }
        if config.trace.on(Category::Libs) {
            return Err("debug output tells of searches, which are made for that");
        }
        let keeper = self.keeper().ok_or("the engine keeps no code")?;
        Ok(Inputs {
            engine: keeper.settings(),
            source,
            is_path,
            main: flags.main,
            prelink: self.prelinks(),
            checks: self.side.control.checks(),
            options,
            search: &config.search,
            preloads: &config.preloads,
            parse: &config.parse,
            host: &model.host,
        }
        .name())
    }

    /// The load that was kept under a name; else why it cannot be used.
    fn kept_launch(&self, name: ModuleKey, options: &Options) -> Result<Prepared, String> {
        let (clock, keeper) = (&self.clock, self.keeper());
        let record = clock.time(Phase::Read, || keeper.and_then(|k| k.record(name)));
        let record = record.ok_or("none is kept")?;
        let Launch {
            closure,
            plan,
            modules,
            generated,
        } = clock.time(Phase::Search, || decode(record))?;
        {
            let state = self.state();
            let request = Request {
                model: &state.model,
                fresh: &closure.fresh,
                group: &closure.group,
                roots: &closure.roots,
                options,
                now: None,
            };
            clock
                .time(Phase::Plan, || verify(&request, &plan))
                .map_err(|error| error.message().to_string())?;
        }
        let root = *closure.roots.first().ok_or("it has no root")?;
        let known = |keys: &[ModuleKey]| {
            let found = clock.time(Phase::Compile, || self.known_modules(keys));
            let all: Option<Vec<_>> = found.into_iter().collect();
            all.ok_or("code of its modules is not kept")
        };
        // Objects that are parts of the program's module have its code.
        let both = closure.fresh.iter().zip(&modules);
        let own = both.filter(|(found, _)| !found.is_part());
        let own: Vec<ModuleKey> = own.map(|(_, key)| *key).collect();
        let mut own = known(&own)?.into_iter();
        let mut objects = Vec::with_capacity(modules.len());
        for found in &closure.fresh {
            let module = match found.is_part() {
                true => objects.first().cloned(),
                false => own.next(),
            };
            objects.push(module.ok_or("it has no program")?);
        }
        Ok(Prepared {
            root,
            given: Given::Compiled {
                objects,
                generated: known(&generated)?,
            },
            options: options.clone(),
            party: Party::Host,
            closure,
            plan: Some(plan),
            record: None,
            modules: Default::default(),
            restoring: false,
        })
    }

    /// Keeps a load that has been carried out, for the next one like it.
    pub(super) fn keep_launch(&self, prepared: &Prepared, plan: &Plan, keys: &Keys) {
        let (Some(record), Some(keeper)) = (&prepared.record, self.keeper()) else {
            return;
        };
        let closure = &prepared.closure;
        let written = record.places.settled().and_then(|places| {
            let written = encode(places, closure, plan, &keys.objects, &keys.generated);
            written.ok_or_else(|| "it is too large, or has times before 1970".to_string())
        });
        match written {
            Ok(written) => keeper.keep_record(record.name, &written),
            Err(why) => self
                .clock
                .count(|statistics| statistics.not_kept = Some(why)),
        }
    }
}
