//! `wasmdyld link --snapshot`: the module is run first, and what is written begins there.

use std::ffi::OsString;
use std::path::Path;

use clap::Args;
use wasmdyld::config::Config;
use wasmdyld::engine::Api;
use wasmdyld::error::{Code, Context, Error, Result};
use wasmdyld::fuse::snapshot::Point;
use wasmdyld::fuse::{Fused, Options};
use wasmdyld::link::Start;
use wasmdyld::survey::Survey;
use wasmdyld::wasi::{Input, Output, WasiConfig};

use crate::args;
use crate::bounds::BoundArgs;
use crate::folders::FolderArgs;

#[derive(Args)]
pub struct SnapshotArgs {
    /// Run the program until everything is constructed, until FUNCTION, called after that, has returned, or until main calls
    /// wasmdyld_snapshot (`ready`). The module begins with the memory that the program has then, and goes on with main
    #[arg(long, value_name = "FUNCTION|ready", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    snapshot: Option<String>,
    #[command(flatten)]
    folders: FolderArgs,
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
            let why = match (self.bounds.is_any(), self.folders.is_any()) {
                (true, _) => {
                    "--timeout and --budget are bounds of what is run for --snapshot, which is not asked for"
                }
                (_, true) => {
                    "--dir and its like give folders to what is run for --snapshot, which is not asked for"
                }
                _ => return Ok(None),
            };
            return Err(Error::new(Code::InvalidArgument, why));
        };
        Ok(Some(Point::named(word)))
    }

    /// Links the program, runs it, and gives the module that begins where that came to.
    pub fn taken(
        &self,
        file: &Path,
        survey: &Survey,
        options: &Options,
        point: Point,
        config: &Config,
    ) -> Result<Fused> {
        let start = Start {
            name: file.display().to_string(),
            point,
            wasi: self.wasi(file)?,
            allowance: self.bounds.allowance(),
        };
        let fused = start.fuse(survey, options, config, Api::linked());
        fused.or_else(|error| match error.code() {
            Code::TimedOut | Code::OutOfBudget => {
                let explained = Err(self.bounds.explain(error));
                explained.context(|| format!("running {} for a snapshot", file.display()))
            }
            _ => Err(error),
        })
    }

    fn wasi(&self, file: &Path) -> Result<WasiConfig> {
        let mut wasi = WasiConfig::new();
        wasi.stdin(Input::Null)
            .stdout(Output::Inherit)
            .stderr(Output::Inherit)
            .arg(file.as_os_str().as_encoded_bytes());
        for arg in &self.args {
            wasi.arg(arg.as_encoded_bytes());
        }
        args::grant_env(&mut wasi, &self.env)?;
        self.folders.grant(&mut wasi)?;
        Ok(wasi)
    }
}
