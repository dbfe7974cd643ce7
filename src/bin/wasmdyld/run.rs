//! `wasmdyld run`.

use std::ffi::OsString;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Instant;

use clap::{Args, ValueHint};
use wasmdyld::config::Config;
use wasmdyld::engine::{
    Api, EngineCache, EngineLibrary, EngineOptions, OwnedEngine, OwnedStore, shim,
};
use wasmdyld::error::{Code, Error, Result};
use wasmdyld::link::{Flags, Namespace, Source};
use wasmdyld::search::RuntimePath;
use wasmdyld::trace;
use wasmdyld::wasi::{ClockScale, Input, Output, WasiConfig};

use crate::args::{self, LinkArgs, PATH_SEPARATOR, SearchArgs};
use crate::bounds::BoundArgs;
use crate::folders::FolderArgs;
use crate::{native, progress, style};

/// The program was stopped: what timeout(1) exits with.
const STOPPED: u8 = 124;
/// The program could not be loaded; ld.so and shells use the same number.
const CANNOT_LOAD: u8 = 127;
/// The program trapped: what a shell shows for SIGABRT.
const TRAPPED: u8 = 134;

#[derive(Args)]
#[command(after_help = "Environment:
  WASMDYLD_LIBRARY_PATH  more folders to search, separated as in PATH
  WASMDYLD_DEFAULT_PATH  as --default-path, folders separated as in PATH, or `off`
  WASMDYLD_PRELOAD       more libraries to preload, separated as in PATH or by spaces
  WASMDYLD_BIND_NOW      if not empty, overrides --bind lazy
  WASMDYLD_ENGINE        as --engine
  WASMDYLD_PREBUILT_CACHE  as --prebuilt-cache, folders separated as in PATH
  WASMDYLD_NO_LAUNCH_CLOSURE  if not empty, as --no-launch-closure
  WASMDYLD_DEBUG         categories of debug output; `help` lists them

Exit status: the program's own; 124 if --timeout or --budget stopped it; 127 if it cannot be loaded; 134 if it traps; 2 for a wrong command line.")]
pub struct Run {
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    folders: FolderArgs,
    /// Files and folders that the program may have open at a time, beside those given [default: 256, at most half of what the system
    /// allows]
    #[arg(long, value_name = "N")]
    max_files: Option<u32>,
    /// Let the program accept connections at an address, by its next descriptor after those of its folders (the first of all is 3); may
    /// be repeated. Of port 0 the system chooses one, which is told
    #[arg(long, value_name = "HOST:PORT")]
    listen: Vec<String>,
    /// Make runs the same each time, as far as clocks and random numbers go: these come from SEED, and clocks stand still but for sleeps,
    /// which pass at once
    #[arg(long, value_name = "SEED", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    deterministic: Option<u64>,
    /// Have time pass FACTOR times as fast for the program: 2, 0.25, 1/3. Its clocks show so, and its sleeps last so long
    #[arg(long, value_name = "FACTOR", conflicts_with = "deterministic")]
    clock_scale: Option<ClockScale>,
    /// Make random numbers alone the same each time: they come from SEED
    #[arg(long, value_name = "SEED", conflicts_with = "deterministic")]
    random_seed: Option<u64>,
    /// Set an environment variable of the program; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    #[command(flatten)]
    bounds: BoundArgs,
    #[command(flatten)]
    link: LinkArgs,
    /// Run the program as one of this machine, for builds that test what they have built: it has all files, this folder, all
    /// environment variables, and a stack of up to 2 MiB for calls. Its libraries are in LD_LIBRARY_PATH and where its RUNTIME_PATH says, too. What is no module is executed, and
    /// of libtool's scripts the program that they are for is run
    #[arg(long)]
    native: bool,
    /// Do not let the program open libraries itself
    #[arg(long)]
    no_dlopen: bool,
    /// Show the program the names of the host's folders, where it asks where libraries come from
    #[arg(long)]
    show_paths: bool,
    /// Run on another engine: a shared library with the functions of wasm.h
    #[arg(long, value_name = "LIB", env = "WASMDYLD_ENGINE", value_hint = ValueHint::FilePath)]
    engine: Option<PathBuf>,
    /// Where the engine keeps compiled code between runs
    #[arg(long, value_name = "DIR|off", value_hint = ValueHint::DirPath)]
    engine_cache: Option<PathBuf>,
    /// A folder of compiled code that somebody has filled (`wasmdyld cache add`), to be read only; may be repeated. Without it, those of the
    /// system: /usr/local/lib/wasmdyld/cache and /usr/lib/wasmdyld/cache
    #[arg(long, value_name = "DIR", env = "WASMDYLD_PREBUILT_CACHE", value_delimiter = PATH_SEPARATOR, value_hint = ValueHint::DirPath)]
    prebuilt_cache: Vec<PathBuf>,
    /// Search, read and plan, also where what the program needs is known from an earlier run and has not changed
    #[arg(long)]
    no_launch_closure: bool,
    /// Keep the program and its libraries apart, also where they would start faster as one module
    #[arg(long)]
    no_prelink: bool,
    /// Write what lies where, once everything is loaded; `-` is standard error
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    map: Option<PathBuf>,
    /// When to show what is being compiled
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    progress: progress::When,
    /// The program and its arguments; what follows the program is not looked at
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_names = ["PROGRAM", "ARGS"], value_hint = ValueHint::FilePath)]
    command: Vec<OsString>,
}

impl Run {
    pub fn execute(self) -> ExitCode {
        match self.run() {
            // WASI's exit codes are 32 bits, a process's are 8.
            Ok(code) => ExitCode::from(code as u8),
            Err(error) => {
                style::print_error(&error);
                ExitCode::from(match (error.code(), error.exit_code()) {
                    (_, Some(code)) => code as u8,
                    (Code::TimedOut | Code::OutOfBudget, _) => STOPPED,
                    (Code::Trap, _) => TRAPPED,
                    _ => CANNOT_LOAD,
                })
            }
        }
    }

    fn run(mut self) -> Result<i32> {
        let library_paths = match self.native {
            true => self.as_native()?,
            false => Vec::new(),
        };
        let api = match &self.engine {
            None => Api::linked(),
            // SAFETY: the user names a library whose code is to run.
            Some(path) => unsafe { EngineLibrary::open(path)? }.api(),
        };
        let cache = match &self.engine_cache {
            None => EngineCache::Default,
            Some(off) if off.as_os_str() == "off" => EngineCache::Off,
            Some(dir) => EngineCache::Dir(dir.clone()),
        };
        let options = EngineOptions {
            cache,
            prebuilt: (!self.prebuilt_cache.is_empty()).then(|| self.prebuilt_cache.clone()),
            max_wasm_stack: self.native.then(native::stack).flatten(),
            ..EngineOptions::default()
        };
        let start = Instant::now();
        let engine = shim::of(api).new_engine(api, &options)?;
        let store = engine.new_store()?;
        let ns = Namespace::new(store.store(), self.config(&library_paths)?);
        ns.define_wasi(self.wasi()?.build()?)?;
        let main = Flags {
            main: true,
            ..Flags::default()
        };
        let (bounds, native) = (self.bounds, self.native);
        let allowance = bounds.allowance();
        allowance.set_budget(&ns)?;
        allowance.set_time_left(&ns, start)?;
        let program = self.command.into_iter().next().unwrap_or_default();
        ns.load(Source::Path(program.into()), main)
            .map_err(|why| bounds.explain(why))?;
        if native {
            native::enter_folder(&ns).map_err(|why| bounds.explain(why))?;
        }
        if let Some(file) = &self.map {
            write_map(file, &ns.link_map())?;
        }
        allowance.set_time_left(&ns, start)?;
        let outcome = ns.run().map_err(|why| bounds.explain(why));
        // The process is about to end, and all of this with it. Leak checkers find it here.
        static LIVES_ON: AtomicPtr<(Rc<Namespace>, OwnedStore, OwnedEngine)> =
            AtomicPtr::new(std::ptr::null_mut());
        let all = Box::into_raw(Box::new((ns, store, engine)));
        LIVES_ON.store(all, Ordering::Relaxed);
        outcome
    }

    /// Puts the program in the place of what the command names, and gives the folders where its libraries are.
    fn as_native(&mut self) -> Result<Vec<PathBuf>> {
        let program = native::program(&self.command)?;
        if let Some(first) = self.command.first_mut() {
            *first = program.file;
        }
        Ok(program.library_paths)
    }

    fn config(&self, library_paths: &[PathBuf]) -> Result<Config> {
        if std::env::var("WASMDYLD_DEBUG")
            .is_ok_and(|list| list.split(',').any(|w| w.trim() == "help"))
        {
            style::written(write!(style::stdout().raw(), "{}", trace::help()))?;
            std::process::exit(0);
        }
        let mut config = args::config(&self.search, Some(&self.link))?;
        config.search.library_paths.extend_from_slice(library_paths);
        if self.native {
            config.search.runtime_path = RuntimePath::Any;
        }
        config.guest_dlopen = !self.no_dlopen;
        config.guest_paths = self.show_paths;
        config.control = self.bounds.allowance().mode();
        config.launch_closures &= !self.no_launch_closure;
        // What a program of this machine is given needs libc's own functions. Where no code is kept, one module would be made anew at each start.
        let kept = self
            .engine_cache
            .as_ref()
            .is_none_or(|dir| dir.as_os_str() != "off");
        config.prelink = !self.no_prelink && self.map.is_none() && !self.native && kept;
        config.progress = progress::observer(self.progress);
        Ok(config)
    }

    fn wasi(&self) -> Result<WasiConfig> {
        let mut wasi = WasiConfig::new();
        wasi.stdin(Input::Inherit)
            .stdout(Output::Inherit)
            .stderr(Output::Inherit);
        for arg in &self.command {
            wasi.arg(arg.as_encoded_bytes());
        }
        if self.native {
            wasi.inherit_env(true).preopen("/", "/");
        }
        args::grant_env(&mut wasi, &self.env)?;
        self.folders.grant(&mut wasi)?;
        if let Some(limit) = self.max_files {
            wasi.max_files(limit);
        }
        for address in &self.listen {
            wasi.listener(listen(address)?);
        }
        if let Some(seed) = self.deterministic {
            wasi.deterministic(seed);
        }
        if let Some(scale) = self.clock_scale {
            wasi.clock_scale(scale);
        }
        if let Some(seed) = self.random_seed {
            wasi.seeded_random(seed);
        }
        Ok(wasi)
    }
}

/// Of a port that the system chooses the user is told.
fn listen(address: &str) -> Result<TcpListener> {
    let fail = |error| Error::new(Code::Io, format!("--listen {address}: {error}"));
    let socket = TcpListener::bind(address).map_err(fail)?;
    if address.ends_with(":0") {
        let chosen = socket.local_addr().map_err(fail)?;
        style::print_note(format_args!("listening on {chosen}"));
    }
    Ok(socket)
}

fn write_map(file: &Path, map: &str) -> Result<()> {
    if file.as_os_str() == "-" {
        // Nobody is left to be told that standard error is closed.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), map.as_bytes());
        return Ok(());
    }
    let why = |error| Error::new(Code::Io, format!("--map {}: {error}", file.display()));
    std::fs::write(file, map).map_err(why)
}
