//! Options that several subcommands have.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};
use wasmdyld::config::{Config, DEFAULT_STACK, MIN_STACK};
use wasmdyld::error::{Code, Error, Result};
use wasmdyld::plan::{Bind, Plt};
use wasmdyld::search::RuntimePath;
use wasmdyld::wasi::WasiConfig;

use crate::default_path;

/// Between folders in a variable, as the system has it: drives have colons.
pub const PATH_SEPARATOR: char = if cfg!(windows) { ';' } else { ':' };

#[derive(Clone, Copy, ValueEnum)]
enum RuntimePathArg {
    /// Ignore RUNTIME_PATH
    Off,
    /// Follow entries within $ORIGIN
    Origin,
    /// Follow every entry
    Any,
}

/// Where libraries come from.
#[derive(Args)]
pub struct SearchArgs {
    /// Folder to search for libraries; may be repeated
    #[arg(short = 'L', value_name = "DIR", value_hint = ValueHint::DirPath)]
    library_path: Vec<PathBuf>,
    /// Folder to search last, in the place of those that are searched by default: the toolchain's, as wasmdyld-cc finds it, then
    /// PREFIX/share/wasmdyld/lib; may be repeated; `off` is none
    #[arg(long, value_name = "DIR|off", value_hint = ValueHint::DirPath)]
    default_path: Vec<PathBuf>,
    /// Load a library before all others; may be repeated
    #[arg(long, value_name = "LIB", value_hint = ValueHint::FilePath)]
    preload: Vec<String>,
    /// How far RUNTIME_PATH entries in libraries are followed
    #[arg(long, value_enum, default_value = "origin")]
    runtime_path: RuntimePathArg,
}

#[derive(Clone, Copy, ValueEnum)]
enum BindArg {
    /// Every undefined symbol is an error at once
    Now,
    /// An undefined function is an error when it is called
    Lazy,
}

#[derive(Clone, Copy, ValueEnum)]
enum PltArg {
    /// Direct calls where possible, generated stubs elsewhere
    Auto,
    /// Generated stubs for every call between objects
    Wasm,
    /// Host functions for every call between objects (slow)
    Host,
}

/// How a program is linked.
#[derive(Args)]
pub struct LinkArgs {
    /// When undefined functions are an error
    #[arg(long, value_enum, default_value = "now")]
    bind: BindArg,
    /// How calls between objects are made
    #[arg(long, value_enum, default_value = "auto")]
    plt: PltArg,
    /// Bytes of stack for a position-independent program
    #[arg(long, value_name = "N", default_value_t = DEFAULT_STACK, value_parser = clap::value_parser!(u64).range(MIN_STACK..))]
    stack_size: u64,
}

/// The configuration that these and the environment ask for.
pub fn config(search: &SearchArgs, link: Option<&LinkArgs>) -> Result<Config> {
    let mut config = Config::default();
    config.search.library_paths.clone_from(&search.library_path);
    config.search.default_paths = default_path::folders(&search.default_path);
    config.search.runtime_path = match search.runtime_path {
        RuntimePathArg::Off => RuntimePath::Off,
        RuntimePathArg::Origin => RuntimePath::Origin,
        RuntimePathArg::Any => RuntimePath::Any,
    };
    config.preloads.clone_from(&search.preload);
    if let Some(link) = link {
        config.bind = match link.bind {
            BindArg::Now => Bind::Now,
            BindArg::Lazy => Bind::Lazy,
        };
        config.plt = match link.plt {
            PltArg::Auto => Plt::Auto,
            PltArg::Wasm => Plt::Wasm,
            PltArg::Host => Plt::Host,
        };
        config.stack_size = link.stack_size;
    }
    config.read_env()?;
    Ok(config)
}

/// Gives a program the variables that --env names.
pub fn grant_env(wasi: &mut WasiConfig, env: &[String]) -> Result<()> {
    for pair in env {
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            Error::new(
                Code::InvalidArgument,
                format!("--env {pair}: NAME=VALUE is expected"),
            )
        })?;
        wasi.env(name, value);
    }
    Ok(())
}

/// What a host of its own would define.
#[derive(Args)]
pub struct HostArgs {
    /// Assume that the host defines what is imported as this; may be repeated
    #[arg(long, value_name = "MODULE[.NAME]")]
    pub host_defines: Vec<String>,
}

/// How an answer is written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}
