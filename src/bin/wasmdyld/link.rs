//! `wasmdyld link`: a program and its libraries as one module.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueHint};
use wasmdyld::error::{Code, Context, Error, Result};
use wasmdyld::fuse::Options;
use wasmdyld::survey::Survey;

use crate::args::{self, LinkArgs, SearchArgs};
use crate::ldd::complain;
use crate::style;

#[derive(Args)]
#[command(
    after_help = "What is linked: the program and all libraries that it needs, found and bound as `run` does it. The module imports what the host
defines (WASI, and what --import names) and runs on any engine. A program keeps its `_start`, a library gets an `_initialize`, to be called first, if it has something to construct.

Environment:
  WASMDYLD_LIBRARY_PATH  more folders to search, separated by colons
  WASMDYLD_DEFAULT_PATH  as --default-path, folders separated by colons, or `off`
  WASMDYLD_PRELOAD       more libraries to preload, separated by colons or spaces

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
    /// Keep what nothing reaches
    #[arg(long)]
    no_gc: bool,
    /// Leave out names of functions
    #[arg(long)]
    strip: bool,
    /// Write what lies where, as JSON, to this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    map: Option<PathBuf>,
    /// A program or library
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
}

impl Link {
    pub fn execute(self) -> ExitCode {
        style::exit_code(self.link())
    }

    fn link(&self) -> Result<ExitCode> {
        let config = args::config(&self.search, Some(&self.link))?;
        let survey = Survey::to_link(&self.file, &config, &self.import)?;
        if !complain(&survey) {
            return Ok(ExitCode::FAILURE);
        }
        let options = Options {
            exports: self.export.clone(),
            library: !survey.options.global,
            gc: !self.no_gc,
            hosted: false,
            names: !self.strip,
        };
        let fused = survey
            .fuse(&options)
            .context(|| format!("linking {}", self.file.display()))?;
        for warning in &fused.warnings {
            style::print_note(format!("warning: {warning}"));
        }
        write(&self.output, &fused.bytes)?;
        if let Some(path) = &self.map {
            let map = serde_json::to_vec_pretty(&fused.map);
            let map = map.map_err(|error| Error::new(Code::Internal, error.to_string()))?;
            write(path, &map)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes a file that is there whole or as it was.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |error: io::Error| {
        Error::new(
            Code::Io,
            format!("cannot write {}: {error}", path.display()),
        )
    };
    // What is no regular file is written to: a rename would put a file into its place.
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return std::fs::write(path, bytes).map_err(failed);
    }
    let mut beside = OsString::from(path);
    beside.push(format!(".{}.tmp", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = File::create_new(&beside)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&beside);
        failed(error)
    })
}
