//! `wasmdyld link`: a program and its libraries as one module.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};
use wasmdyld::component::{World, component};
use wasmdyld::error::{Context, Result};
use wasmdyld::fuse::Options;
use wasmdyld::survey::{Linking, Program, Survey};

use crate::args::{self, LinkArgs, SearchArgs};
use crate::ldd::complain;
use crate::output::Outputs;
use crate::snapshot::SnapshotArgs;
use crate::style;

#[derive(Args)]
#[command(
    after_help = "What is linked: the program and all libraries that it needs, found and bound as `run` does it. The module imports what the host
defines (WASI, and what --import names) and runs on any engine. A program keeps its `_start`, a library gets an `_initialize`, to be called first, if it has something to construct.

Environment:
  WASMDYLD_LIBRARY_PATH  more folders to search, separated as in PATH
  WASMDYLD_DEFAULT_PATH  as --default-path, folders separated as in PATH, or `off`
  WASMDYLD_PRELOAD       more libraries to preload, separated as in PATH or by spaces

Exit status: 0; 1 if a library is missing; 127 if there is no plan, or a module cannot have what the program wants; 2 for a wrong command line."
)]
pub struct Link {
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    link: LinkArgs,
    /// The file to write
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: PathBuf,
    /// Leave undefined what is imported as this, for the host to define; may be repeated
    #[arg(long, value_name = "MODULE[.NAME]")]
    import: Vec<String>,
    /// Export this symbol; may be repeated
    #[arg(long, value_name = "SYMBOL")]
    export: Vec<String>,
    /// Keep this symbol, whether anything reaches it or not, without exporting it; may be repeated
    #[arg(long, value_name = "SYMBOL")]
    keep: Vec<String>,
    /// Keep all that nothing reaches
    #[arg(long)]
    no_gc: bool,
    /// FILE is a library, and is to become a reactor; a program is an error
    #[arg(long)]
    library: bool,
    /// Let dlopen and its like fail when they are called: otherwise a program that calls them is an error
    #[arg(long)]
    no_dlopen: bool,
    /// Leave out names of functions
    #[arg(long)]
    strip: bool,
    /// Keep the debug information of the objects (DWARF), for the code as it is in the module
    #[arg(short = 'g', long, conflicts_with = "snapshot")]
    debug: bool,
    /// Write a component of WASI 0.2 rather than a module: a command of a program, of a library what --wit says
    #[arg(long)]
    component: bool,
    /// The component's imports and exports beside WASI: a WIT file, or a folder of a package
    #[arg(long, value_name = "PATH", requires = "component", value_hint = ValueHint::AnyPath)]
    wit: Option<PathBuf>,
    /// The world of --wit, if there are several
    #[arg(long, value_name = "NAME", requires = "wit")]
    world: Option<String>,
    /// Write what lies where, as JSON, to this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    map: Option<PathBuf>,
    /// Keep what is known of the objects, so that `wasmdyld run` loads the module as these, and the program can open more
    #[arg(long, conflicts_with_all = ["no_dlopen", "library", "snapshot", "component"])]
    dynamic: bool,
    /// A program or library
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    #[command(flatten)]
    snapshot: SnapshotArgs,
}

impl Link {
    pub fn execute(self) -> ExitCode {
        style::exit_code(self.link())
    }

    fn link(&self) -> Result<ExitCode> {
        let config = args::config(&self.search, Some(&self.link))?;
        let linking = Linking {
            imports: &self.import,
            no_dlopen: self.no_dlopen,
            dynamic: self.dynamic,
            strict: false,
        };
        let survey = Survey::to_link(&Program::Path(&self.file), &config, &linking)?;
        if !complain(&survey) {
            return Ok(ExitCode::FAILURE);
        }
        let library = survey.is_library();
        if self.library && !library {
            return Err(survey.is_a_program());
        }
        let options = Options {
            exports: self.export.clone(),
            keep: self.keep.clone(),
            library,
            gc: !self.no_gc,
            hosted: false,
            fold: true,
            dynamic: self.dynamic,
            names: !self.strip,
            debug: self.debug,
        };
        let fused = match self.snapshot.point()? {
            None => survey.fuse(&options),
            Some(point) => (self.snapshot).taken(&self.file, &survey, &options, point, &config),
        };
        let fused = fused.context(|| format!("linking {}", self.file.display()))?;
        for warning in &fused.warnings {
            style::print_note(format!("warning: {warning}"));
        }
        let world = World {
            wit: self.wit.clone(),
            name: self.world.clone(),
        };
        let module = match self.component {
            true => component(fused.bytes, &survey, &world)?,
            false => fused.bytes,
        };
        let mut outputs = Outputs::default();
        outputs.add_program(&self.output, module, &self.file);
        if let Some(path) = &self.map {
            outputs.add(path, fused.map.to_json()?);
        }
        outputs.write()?;
        Ok(ExitCode::SUCCESS)
    }
}
