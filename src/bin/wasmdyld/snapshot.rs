//! `wasmdyld link --snapshot`: the module is run first, and what is written begins there.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use clap::Args;
use wasmdyld::abi;
use wasmdyld::config::Config;
use wasmdyld::engine::{Api, EngineCache, EngineOptions, shim};
use wasmdyld::error::{Code, Context, Error, Result};
use wasmdyld::fuse::Options;
use wasmdyld::fuse::snapshot::{Point, Snapshot};
use wasmdyld::link::Namespace;
use wasmdyld::survey::Survey;
use wasmdyld::wasi::{Input, Output, Preview1, WasiConfig};

use crate::args;
use crate::bounds::BoundArgs;

/// What can be done about functions that the program's own host would define.
const NO_HOST: &str = "  What --import leaves to the host is not there while the program runs for a snapshot. With --bind lazy it may be missing, as long as it is not called.";

#[derive(Args)]
pub struct SnapshotArgs {
    /// Run the program until everything is constructed, until FUNCTION, called after that, has returned, or until main calls
    /// wasmdyld_snapshot (`ready`). The module begins with the memory that the program has then, and goes on with main
    #[arg(long, value_name = "FUNCTION|ready", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    snapshot: Option<String>,
    /// Give the program a folder until the snapshot, under its own name or another; may be repeated
    #[arg(long, value_name = "HOST[::GUEST]", requires = "snapshot")]
    dir: Vec<String>,
    /// Set an environment variable of the program until the snapshot; may be repeated
    #[arg(long, value_name = "NAME=VALUE", requires = "snapshot")]
    env: Vec<String>,
    #[command(flatten)]
    bounds: BoundArgs,
    /// The program's arguments until the snapshot
    #[arg(last = true, value_name = "ARGS", requires = "snapshot")]
    args: Vec<OsString>,
}

impl SnapshotArgs {
    /// What is asked for. `None`: nothing is to be run.
    pub fn point(&self) -> Result<Option<Point>> {
        let Some(word) = self.snapshot.as_deref() else {
            return match self.bounds.is_any() {
                true => Err(Error::new(
                    Code::InvalidArgument,
                    "--timeout and --budget are bounds of what is run for --snapshot, which is not asked for",
                )),
                false => Ok(None),
            };
        };
        Ok(Some(match word {
            "" => Point::Constructed,
            "ready" => Point::Ready,
            name => Point::Called(name.to_string()),
        }))
    }

    /// Links the program as it is to be run, runs it, and gives the module that begins where that came to.
    pub fn taken(
        &self,
        file: &Path,
        survey: &Survey,
        options: &Options,
        point: Point,
        config: &Config,
    ) -> Result<wasmdyld::fuse::Fused> {
        let mut hidden = BTreeSet::from([abi::STACK_POINTER]);
        let helpers = abi::BEFORE_SNAPSHOT.into_iter().chain(abi::AFTER_SNAPSHOT);
        hidden.extend(helpers.filter(|name| survey.defines(name)));
        let mut with = Options {
            hosted: true,
            ..options.clone()
        };
        let symbol = point.symbol().map(str::to_string);
        if let Some(name) = &symbol {
            if !survey.defines(name) {
                let name = wasmdyld::text::name(name);
                let why = format!("nobody defines {name}, where the snapshot is to be made");
                let what = match point {
                    Point::Ready => {
                        "  Include <wasmdyld/snapshot.h>, and call wasmdyld_snapshot() in main."
                    }
                    _ => {
                        "  A function of the program itself has to be visible: compile it with __attribute__((export_name(\"...\")))."
                    }
                };
                return Err(Error::new(Code::NotFound, why).line(what));
            }
            hidden.insert(name);
        }
        with.exports.extend(
            hidden
                .iter()
                .filter(|name| **name != abi::STACK_POINTER)
                .map(|name| name.to_string()),
        );
        let exported: Vec<&str> = options.exports.iter().map(String::as_str).collect();
        hidden.retain(|name| !exported.contains(name));
        if options.library {
            // What a library defines itself is exported anyway.
            hidden.retain(|name| !survey.root_defines(name));
        }
        let mut fused = survey.fuse(&with)?;
        let snapshot = Snapshot::new(&fused.bytes, point)?;
        let bytes = self.run(file, &snapshot, &hidden, config, &fused.bytes);
        let bytes = bytes.context(|| format!("running {} for a snapshot", file.display()))?;
        drop(snapshot);
        fused.bytes = bytes;
        Ok(fused)
    }

    fn run(
        &self,
        file: &Path,
        snapshot: &Snapshot<'_>,
        hidden: &BTreeSet<&str>,
        config: &Config,
        seed: &[u8],
    ) -> Result<Vec<u8>> {
        let start = Instant::now();
        let api = Api::linked();
        let options = EngineOptions {
            // It runs once.
            cache: EngineCache::Off,
            ..EngineOptions::default()
        };
        let engine = shim::of(api).new_engine(api, &options)?;
        let store = engine.new_store()?;
        let config = Config {
            control: self.bounds.mode(),
            guest_dlopen: false,
            ..config.clone()
        };
        let ns = Namespace::new(store.store(), config);
        let wasi: Rc<dyn Preview1> = self.wasi(file, seed)?.build()?.into();
        ns.define_wasi(wasi.clone())?;
        self.bounds.set_budget(&ns)?;
        self.bounds.set_time_left(&ns, start)?;
        let name = file.file_name().unwrap_or(file.as_os_str());
        ns.capture(&name.to_string_lossy(), snapshot, |state| {
            let open = wasi.opened();
            if !open.is_empty() {
                let mut error = Error::new(
                    Code::Unsupported,
                    "the program has files open, which would not be open in the module: it has to close them before the snapshot",
                );
                for (fd, path) in open.iter().take(20) {
                    error = error.line(format!("  {fd}: {}", wasmdyld::text::name(path)));
                }
                return Err(error);
            }
            snapshot.resumed(state, hidden)
        })
        .map_err(|why| match why.undefined_symbols().is_empty() {
            true => self.bounds.explain(why),
            false => why.line(NO_HOST),
        })
    }

    /// Random numbers follow from `seed`: a snapshot shows them to all who have it, and so they may as well be the same whenever it is made.
    fn wasi(&self, file: &Path, seed: &[u8]) -> Result<WasiConfig> {
        let hash = blake3::hash(seed);
        let seed = hash.as_bytes().first_chunk().copied();
        let mut wasi = WasiConfig::new();
        wasi.seeded_random(u64::from_le_bytes(seed.unwrap_or_default()))
            .stdin(Input::Null)
            .stdout(Output::Inherit)
            .stderr(Output::Inherit)
            .arg(file.as_os_str().as_encoded_bytes());
        for arg in &self.args {
            wasi.arg(arg.as_encoded_bytes());
        }
        args::grant(&mut wasi, &self.env, &self.dir)?;
        Ok(wasi)
    }
}
