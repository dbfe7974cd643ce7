//! `wasmdyld cache`: the compiled code that is kept between runs.

mod add;
mod list;
mod tend;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueHint};
use wasmdyld::engine::kept;
use wasmdyld::error::{Code, Error, Result};

use crate::style;

#[derive(Args)]
#[command(after_help = "Environment:
  XDG_CACHE_HOME  where the user's caches are, instead of ~/.cache
  NO_COLOR        if not empty, no colours

Exit status: 0; 1 if something is damaged; 127 if a folder or file cannot be used; 2 for a wrong command line.")]
pub struct Cache {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show what is kept
    List(list::List),
    /// Check that all that is kept is as it was written
    Verify(tend::Verify),
    /// Remove what was not used for longest
    Prune(tend::Prune),
    /// Compile programs and libraries ahead
    Add(add::Add),
}

impl Cache {
    pub fn execute(self) -> ExitCode {
        style::exit_code(match self.command {
            Command::List(list) => list.execute(),
            Command::Verify(verify) => verify.execute(),
            Command::Prune(prune) => prune.execute(),
            Command::Add(add) => add.execute(),
        })
    }
}

#[derive(Args)]
struct Folder {
    /// The folder, instead of `wasmdyld` among the user's caches
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

impl Folder {
    fn path(&self) -> Result<PathBuf> {
        let given = self.dir.clone().or_else(kept::user_folder);
        given.ok_or_else(|| {
            let why =
                "neither XDG_CACHE_HOME nor HOME names an absolute path: give a folder with --dir";
            Error::new(Code::InvalidArgument, why)
        })
    }
}

/// A number of bytes for people.
fn bytes(size: u64) -> String {
    match size {
        0..10_000 => format!("{size} B"),
        10_000..10_000_000 => format!("{} kB", size / 1000),
        _ => format!("{} MB", size / 1_000_000),
    }
}

/// `1 file`, `2 files`
fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        more => format!("{more} {what}s"),
    }
}
