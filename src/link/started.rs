//! One module that is started ahead of time: linked as it is to be run, run up to a point in a namespace of its own, and written as it is there.

use std::collections::BTreeSet;
use std::path::Path;

use super::allowance::Allowance;
use super::namespace::Namespace;
use super::snapshot::none_open;
use crate::abi;
use crate::config::Config;
use crate::engine::{Api, EngineCache, EngineOptions, shim};
use crate::error::{Code, Context, Error, Result};
use crate::fuse::snapshot::{Point, Snapshot, State};
use crate::fuse::{Fused, Options};
use crate::platform::Instant;
use crate::survey::Survey;
use crate::text;
#[cfg(feature = "wasi")]
use crate::wasi::WasiConfig;

/// What can be done about functions that the program's own host would define.
const NO_HOST: &str = "  What --import leaves to the host is not there while the program runs for a snapshot. With --bind lazy it may be missing, as long as it is not called.";

const OPEN: &str = "the program has files open, which would not be open in the module: it has to close them before the snapshot";

/// What is run for a snapshot, and for how long.
pub struct Start {
    /// What the program is called: a path, or a name.
    pub name: String,
    pub point: Point,
    /// What it sees. Random numbers follow from the module, if they do not follow from something else: a snapshot shows them to all who have it, and so
    /// they may as well be the same whenever it is made.
    #[cfg(feature = "wasi")]
    pub wasi: WasiConfig,
    pub allowance: Allowance,
}

impl Start {
    /// Links the program as it is to be run, runs it on an engine of its own, and gives the module that begins where that came to. `config` is what the
    /// survey was made by.
    ///
    /// # Errors
    /// Those of [`Survey::fuse`], [`Snapshot::new`] and [`Namespace::capture`]. `NotFound`: nobody defines the function where the snapshot is to be made.
    /// `Unsupported`: the program has files open there.
    pub fn fuse(
        self,
        survey: &Survey,
        options: &Options,
        config: &Config,
        api: &'static Api,
    ) -> Result<Fused> {
        let hidden = self.hidden(survey)?;
        let mut with = Options {
            hosted: true,
            ..options.clone()
        };
        let helpers = hidden.iter().filter(|name| **name != abi::STACK_POINTER);
        with.exports.extend(helpers.map(|name| name.to_string()));
        let mut hidden: BTreeSet<&str> = hidden.iter().map(String::as_str).collect();
        hidden.retain(|name| !options.exports.iter().any(|export| export == name));
        if options.library {
            // What a library defines itself is exported anyway.
            hidden.retain(|name| !survey.root_defines(name));
        }
        let mut fused = survey.fuse(&with)?;
        let name = self.name.clone();
        let snapshot = Snapshot::new(&fused.bytes, self.point.clone())?;
        let bytes = self.run(&snapshot, &hidden, config, api, &fused.bytes);
        let bytes = bytes.context(|| format!("running {name} for a snapshot"))?;
        drop(snapshot);
        fused.bytes = bytes;
        Ok(fused)
    }

    /// Symbols that are exported until the snapshot.
    fn hidden(&self, survey: &Survey) -> Result<BTreeSet<String>> {
        let helpers = abi::BEFORE_SNAPSHOT.into_iter().chain(abi::AFTER_SNAPSHOT);
        let helpers = helpers.filter(|name| survey.defines(name));
        let own = helpers.chain([abi::STACK_POINTER]);
        let mut hidden: BTreeSet<String> = own.map(str::to_string).collect();
        let Some(symbol) = self.point.symbol() else {
            return Ok(hidden);
        };
        if !survey.defines(symbol) {
            let name = text::name(symbol);
            let why = format!("nobody defines {name}, where the snapshot is to be made");
            let what = match self.point {
                Point::Ready => {
                    "  Include <wasmdyld/snapshot.h>, and call wasmdyld_snapshot() in main."
                }
                _ => {
                    "  A function of the program itself has to be visible: compile it with __attribute__((export_name(\"...\")))."
                }
            };
            return Err(Error::new(Code::NotFound, why).line(what));
        }
        hidden.insert(symbol.to_string());
        Ok(hidden)
    }

    fn run(
        self,
        snapshot: &Snapshot<'_>,
        hidden: &BTreeSet<&str>,
        config: &Config,
        api: &'static Api,
        module: &[u8],
    ) -> Result<Vec<u8>> {
        let start = Instant::now();
        let options = EngineOptions {
            // It runs once.
            cache: EngineCache::Off,
            ..EngineOptions::default()
        };
        let engine = shim::of(api).new_engine(api, &options)?;
        let store = engine.new_store()?;
        let ns = Namespace::new(store.store(), self.config(config));
        self.define_wasi(&ns, module)?;
        self.allowance.set_budget(&ns)?;
        self.allowance.set_time_left(&ns, start)?;
        let resumed = |state: &State<'_>| {
            none_open(&ns.opened(), OPEN)?;
            snapshot.resumed(state, hidden)
        };
        let name = Path::new(&self.name).file_name().unwrap_or_default();
        let done = ns.capture(&name.to_string_lossy(), snapshot, resumed);
        done.map_err(explained)
    }

    /// That of a namespace in which one module runs to a point, and does no more.
    fn config(&self, config: &Config) -> Config {
        Config {
            control: self.allowance.mode(),
            guest_dlopen: false,
            snapshots: false,
            ..config.clone()
        }
    }

    #[cfg(feature = "wasi")]
    fn define_wasi(&self, ns: &Namespace, module: &[u8]) -> Result<()> {
        let hash = blake3::hash(module);
        let seed = hash.as_bytes().first_chunk().copied();
        let mut wasi = self.wasi.clone();
        wasi.else_seeded_random(u64::from_le_bytes(seed.unwrap_or_default()));
        ns.define_wasi(wasi.build()?)
    }

    #[cfg(not(feature = "wasi"))]
    fn define_wasi(&self, _: &Namespace, _: &[u8]) -> Result<()> {
        Ok(())
    }
}

/// An error of the run with what can be done about it here.
fn explained(error: Error) -> Error {
    let why = match error.code() {
        Code::TimedOut => {
            "the program has taken longer than it may until the snapshot: give it more time"
        }
        Code::OutOfBudget => "the program has used up its budget before the snapshot: give it more",
        _ if error.undefined_symbols().is_empty() => return error,
        _ => return error.line(NO_HOST),
    };
    Error::new(error.code(), why).with_frames(error.frames().to_vec())
}
