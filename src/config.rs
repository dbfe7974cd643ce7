//! What a host sets before it makes a namespace.

use std::sync::Arc;

use crate::abi;
use crate::control;
use crate::error::{Context, Result};
use crate::object::{Bounds, ParseLimits};
use crate::plan::{Bind, LoadLimits, Options, Plt};
use crate::platform;
use crate::search::SearchOptions;
use crate::trace::{self, Trace};

/// wasm-ld's own default is 64 KiB, which real programs overflow; musl's threads get 128 KiB, ELF mains 8 MiB. Nothing in
/// `dylink.0` says what a program needs.
pub const DEFAULT_STACK: u64 = 1 << 20;

/// Less than this holds no frame worth having.
pub const MIN_STACK: u64 = 1024;

/// More than any program known by a factor of a thousand; 16 bytes a slot on most engines.
const DEFAULT_SLOTS: u64 = 10_000_000;

#[derive(Clone)]
pub struct Config {
    pub search: SearchOptions,
    /// Loaded after the main program (or before the first library), their symbols before those of any library.
    pub preloads: Vec<String>,
    pub bind: Bind,
    pub plt: Plt,
    /// Bytes of stack for a position-independent program, or for libraries alone. A fixed main brings its own.
    pub stack_size: u64,
    pub limits: LoadLimits,
    pub parse: ParseLimits,
    /// Calls from guest to host to guest, one inside the other.
    pub nesting: u32,
    /// Whether and how guests can be stopped.
    pub control: control::Mode,
    /// Guests may open libraries (dlopen).
    pub guest_dlopen: bool,
    /// Guests see the names of the host's folders, in errors and where they ask.
    pub guest_paths: bool,
    /// What the first load of a namespace comes to is kept beside compiled code, and used while everything is as it was.
    pub launch_closures: bool,
    /// Snapshots are taken of the namespace: its objects' bytes are kept, and what they keep to themselves is laid open.
    pub snapshots: bool,
    /// A program that opens no libraries is loaded as one module with all that it needs, where the load is kept as a launch closure. Only for hosts
    /// that run the program and ask for nothing else: it is one object then.
    pub prelink: bool,
    pub trace: Trace,
    /// Told what a load is busy with, where that may take long. It must not call the namespace.
    pub progress: Option<Observer>,
}

pub type Observer = Arc<dyn Fn(Progress<'_>)>;

/// How far a load has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// The engine is about to compile an object of so many bytes, or to find it in its cache.
    Compiling {
        name: &'a str,
        size: usize,
        /// From 1 on, of so many in this load.
        number: usize,
        of: usize,
    },
    /// All of the load's objects are compiled, or one could not be.
    Compiled,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            search: SearchOptions::default(),
            preloads: Vec::new(),
            bind: Bind::Now,
            plt: Plt::Auto,
            stack_size: DEFAULT_STACK,
            limits: LoadLimits {
                memory_pages: abi::MAX_PAGES,
                table_slots: DEFAULT_SLOTS,
                // wasmtime makes 10,000 instances in a store (Q14), and generated modules need some.
                objects: 8_000,
                host_memory: u64::MAX,
            },
            parse: ParseLimits::default(),
            // Half of what wasmtime stands with its own stack (Q24); wasmi and wasmer do not guard theirs (Q15).
            nesting: 128,
            control: control::Mode::default(),
            guest_dlopen: true,
            guest_paths: false,
            launch_closures: true,
            snapshots: false,
            prelink: false,
            trace: Trace::default(),
            progress: None,
        }
    }
}

impl Config {
    /// How far memories and tables may grow that a module has for itself: as far as the namespace's, where the host has said how far.
    pub fn bounds(&self) -> Bounds {
        let LoadLimits {
            memory_pages,
            table_slots,
            ..
        } = self.limits;
        let memory = Some(memory_pages.saturating_mul(abi::PAGE));
        Bounds {
            memory: memory.filter(|_| memory_pages < abi::MAX_PAGES),
            table: Some(table_slots).filter(|&slots| slots < DEFAULT_SLOTS),
        }
    }

    /// Options of a load for which nothing else is said.
    pub fn options(&self) -> Options {
        Options {
            bind: self.bind,
            plt: self.plt,
            stack_size: self.stack_size,
            limits: self.limits.clone(),
            global: false,
            deepbind: false,
        }
    }

    pub(crate) fn tell(&self, progress: Progress<'_>) {
        if let Some(observer) = &self.progress {
            observer(progress);
        }
    }

    /// Adds what the environment says: `WASMDYLD_LIBRARY_PATH`, `WASMDYLD_PRELOAD`, `WASMDYLD_BIND_NOW`,
    /// `WASMDYLD_NO_LAUNCH_CLOSURE` and `WASMDYLD_DEBUG` (to standard error).
    pub fn read_env(&mut self) -> Result<()> {
        let paths = std::env::var_os("WASMDYLD_LIBRARY_PATH").unwrap_or_default();
        let paths = platform::split_paths(&paths).filter(|p| !p.as_os_str().is_empty());
        self.search.library_paths.extend(paths);
        if let Ok(preload) = std::env::var("WASMDYLD_PRELOAD") {
            // As folders are separated.
            let separator = if cfg!(windows) { ';' } else { ':' };
            let names = preload.split([separator, ' ']).filter(|n| !n.is_empty());
            self.preloads.extend(names.map(str::to_string));
        }
        if std::env::var_os("WASMDYLD_BIND_NOW").is_some_and(|v| !v.is_empty()) {
            self.bind = Bind::Now;
        }
        if std::env::var_os("WASMDYLD_NO_LAUNCH_CLOSURE").is_some_and(|v| !v.is_empty()) {
            self.launch_closures = false;
        }
        if let Ok(list) = std::env::var("WASMDYLD_DEBUG") {
            self.trace = Trace::stderr(trace::parse(&list).context(|| "WASMDYLD_DEBUG")?);
        }
        Ok(())
    }
}
