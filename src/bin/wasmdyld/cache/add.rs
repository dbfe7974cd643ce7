//! `wasmdyld cache add`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum, ValueHint};
use serde::Serialize;
use wasmdyld::control::Mode;
use wasmdyld::engine::kept::{self, Disk};
use wasmdyld::engine::{Api, EngineCache, EngineOptions, OwnedEngine, shim};
use wasmdyld::error::{Code, Context, Error, Result};
use wasmdyld::link::{Flags, Namespace, Source};
use wasmdyld::survey::Survey;
use wasmdyld::wasi::WasiConfig;

use super::list::files;
use super::{Folder, bytes, count};
use crate::args::{self, Format, LinkArgs, SearchArgs};
use crate::{line, progress, style};

#[derive(Args)]
#[command(
    after_help = "What is compiled: each FILE, all that it needs, and what the linker generates for them, for the engine inside \
wasmdyld as `run` uses it with the same options, and for a processor like this one. Nothing of a FILE runs. What a program opens while it \
runs (dlopen) is to be named as a FILE of its own.

Use: a folder that was filled on a build machine and installed as /usr/lib/wasmdyld/cache, owned by root, is found by every user's `run`; \
one elsewhere by `run --prebuilt-cache DIR`.

Environment:
  WASMDYLD_LIBRARY_PATH  more folders to search, separated as in PATH
  WASMDYLD_DEFAULT_PATH  as --default-path, folders separated as in PATH, or `off`
  WASMDYLD_PRELOAD       more libraries to preload, separated as in PATH or by spaces
  XDG_CACHE_HOME         where the user's caches are, instead of ~/.cache

Exit status: 0; 127 if a FILE cannot be loaded, or a folder cannot be used; 2 for a wrong command line."
)]
pub struct Add {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    link: LinkArgs,
    /// Compile for runs with --timeout, or with --budget, which run other code than those without
    #[arg(long = "for", value_enum, value_name = "OPTION")]
    runs: Option<Runs>,
    /// When to show what is being compiled
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    progress: progress::When,
    /// How the answer is written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Programs or libraries
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
}

/// By which option of `run` its guests can be stopped.
#[derive(Clone, Copy, ValueEnum)]
enum Runs {
    Timeout,
    Budget,
}

#[derive(Serialize)]
struct Added {
    folder: String,
    /// Of files that are there and were not before.
    files: usize,
    bytes: u64,
}

impl Add {
    pub fn execute(&self) -> Result<ExitCode> {
        let path = self.folder.path()?;
        let disk = kept::folder_to_change(&path)?;
        let before = held(&disk)?;
        let api = Api::linked();
        let options = EngineOptions {
            cache: EngineCache::Dir(path.clone()),
            prebuilt: Some(Vec::new()),
            ..EngineOptions::default()
        };
        if shim::of(api).settings(&options).is_none() {
            let why = "the engine keeps no compiled code in folders";
            return Err(Error::new(Code::Unsupported, why));
        }
        let engine = shim::of(api).new_engine(api, &options)?;
        for file in &self.files {
            self.add(&engine, file)?;
        }
        let after = held(&disk)?;
        let added = Added {
            folder: path.display().to_string(),
            files: after.0.saturating_sub(before.0),
            bytes: after.1.saturating_sub(before.1),
        };
        style::written(self.write(&added))?;
        Ok(ExitCode::SUCCESS)
    }

    fn control(&self) -> Mode {
        match self.runs {
            None => Mode::Off,
            Some(Runs::Timeout) => Mode::Interrupt,
            Some(Runs::Budget) => Mode::Budget,
        }
    }

    fn add(&self, engine: &OwnedEngine, file: &Path) -> Result<()> {
        let mut config = args::config(&self.search, Some(&self.link))?;
        let survey = Survey::of(file, &config, &[])?;
        let main = survey.objects().first();
        let flags = Flags {
            main: main.is_some_and(|object| object.role.is_main()),
            ..Flags::default()
        };
        config.launch_closures = false;
        config.control = self.control();
        config.progress = progress::observer(self.progress);
        let store = engine.new_store()?;
        let ns = Namespace::new(store.store(), config);
        ns.define_wasi(WasiConfig::new().build()?)?;
        let compiled = ns.compile_ahead(Source::Path(file.into()), flags);
        compiled.context(|| format!("compiling {}", file.display()))
    }

    fn write(&self, added: &Added) -> io::Result<()> {
        let mut out = style::stdout();
        if self.format == Format::Json {
            return style::write_json(&mut out, added);
        }
        line!(
            out,
            "{} added to {}, {}",
            count(added.files, "file"),
            added.folder,
            bytes(added.bytes)
        )
    }
}

fn held(disk: &Disk) -> Result<(usize, u64)> {
    let files = files(disk)?;
    Ok((files.len(), files.iter().map(|file| file.size).sum()))
}
