//! `wasmdyld engine-check`: what an engine can do for dynamic linking, found by trying it.
//!
//! An engine that cannot do something may well end the process, so each probe runs in a process of its own: this same command with
//! a hidden argument ([`child`]).

mod calls;
mod child;
mod features;
mod kit;
mod linker;
mod modules;
mod objects;
mod probes;
mod report;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use probes::{Need, PROBES};
use report::{Report, Row};

use crate::{line, style};

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table
    Text,
    /// One object
    Json,
}

#[derive(Args)]
#[command(after_help = "Exit status: 0 if the engine can host shared libraries, 1 if not.")]
pub struct Check {
    /// The engine: a shared library with the functions of wasm.h; without it, the engine that this command runs on
    lib: Option<PathBuf>,
    /// How the findings are written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Run one probe in this process, which may not survive it
    #[arg(long, hide = true)]
    probe: Option<String>,
}

impl Check {
    pub fn execute(self) -> ExitCode {
        if let Some(probe) = &self.probe {
            child::run(probe, self.lib.as_deref());
            return ExitCode::SUCCESS;
        }
        let lib = self.lib.as_deref();
        let about = match child::ask(child::ABOUT, lib) {
            child::Outcome::Yes(about) => about,
            child::Outcome::No(why) => return self.unusable(&why),
            ended => {
                let which = lib.map_or("the engine".into(), |lib| lib.display().to_string());
                return self.unusable(&format!("opening {which} ended the process: {ended}"));
            }
        };
        let rows = PROBES.iter().map(|probe| Row {
            probe,
            outcome: child::ask(probe.name, lib),
        });
        let report = Report {
            about: child::About::read(&about),
            rows: rows.collect(),
        };
        let mut out = style::stdout();
        let shown = match self.format {
            Format::Text => report
                .text()
                .lines()
                .try_for_each(|line| line!(out, "{line}")),
            Format::Json => writeln!(out.raw(), "{}", report.json()),
        };
        let code = ExitCode::from(u8::from(!report.can_host()));
        style::exit_code(style::written(shown).map(|()| code))
    }

    /// What cannot be opened, or is no engine.
    fn unusable(&self, why: &str) -> ExitCode {
        if self.format == Format::Json {
            // The reason comes on standard error as well, and the exit status tells.
            let _ = writeln!(style::stdout().raw(), "{}", report::unusable(why));
        }
        style::print_error(why);
        ExitCode::FAILURE
    }
}
