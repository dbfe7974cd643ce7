//! `wasmdyld ldd`: which libraries a program needs, and why each was found where it is, or every place that was tried.

mod collect;
mod dot;
mod graph;
mod json;
mod layout;
mod svg;
mod tree;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum, ValueHint};
use wasmdyld::error::{Code, Error, Result};
use wasmdyld::survey::Survey;
use wasmdyld::text;

use crate::args::{self, SearchArgs};
use crate::style;
use graph::Graph;
pub use graph::size;
pub use json::role;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A tree for people
    Tree,
    /// For programs
    Json,
    /// For Graphviz
    Dot,
    /// A picture
    Svg,
}

#[derive(Args)]
#[command(
    after_help = "What is read: files are found as `run` finds them. Nothing is executed, no engine is asked.

Environment:
  WASMDYLD_LIBRARY_PATH  more folders to search, separated as in PATH
  WASMDYLD_DEFAULT_PATH  as --default-path, folders separated as in PATH, or `off`
  WASMDYLD_PRELOAD       more libraries to preload, separated as in PATH or by spaces
  NO_COLOR               if not empty, no colours

Exit status: 0; 1 if something is missing or unusable; 127 if a file cannot be read at all; 2 for a wrong command line."
)]
pub struct Ldd {
    #[command(flatten)]
    search: SearchArgs,
    /// How the answer is written
    #[arg(long, value_enum, default_value = "tree")]
    format: Format,
    /// Show needed libraries down to this depth only; 1 shows what FILE itself needs
    #[arg(long, value_name = "N")]
    max_depth: Option<usize>,
    /// Copy FILE and all its libraries into a folder, to be run from there
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    copy: Option<PathBuf>,
    /// Programs or libraries
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
}

impl Ldd {
    pub fn execute(self) -> ExitCode {
        style::exit_code(self.look())
    }

    fn look(&self) -> Result<ExitCode> {
        if self.files.len() > 1 && matches!(self.format, Format::Dot | Format::Svg) {
            return Err(Error::new(
                Code::InvalidArgument,
                "a graph is of one FILE; give one at a time",
            ));
        }
        let config = args::config(&self.search, None)?;
        let surveys: Vec<Survey> = self
            .files
            .iter()
            .map(|file| Survey::of(file, &config, &[]))
            .collect::<Result<_>>()?;
        style::written(self.write(&surveys))?;
        let complete = surveys
            .iter()
            .all(|survey| survey.problems().next().is_none());
        if !complete {
            let missing: Vec<String> = surveys.iter().flat_map(names_of_problems).collect();
            let nothing = self.copy.as_ref().map_or("", |_| "; nothing was copied");
            style::print_error(format!("{} missing or unusable{nothing}", list(&missing)));
            return Ok(ExitCode::FAILURE);
        }
        if let Some(folder) = &self.copy {
            let copied = collect::copy(&surveys, folder)?;
            style::print_note(format!("{copied} files in {}", folder.display()));
        }
        Ok(ExitCode::SUCCESS)
    }

    fn write(&self, surveys: &[Survey]) -> io::Result<()> {
        let mut out = style::stdout();
        let graph = |survey| Graph::new(survey, self.max_depth);
        match (self.format, surveys) {
            (Format::Tree, _) => {
                for survey in surveys {
                    tree::write(&mut out, survey, self.max_depth)?;
                }
                Ok(())
            }
            (Format::Json, _) => json::write(&mut out, surveys.iter().map(graph)),
            (Format::Dot, [survey, ..]) => {
                let text = dot::text(&graph(survey));
                out.raw().write_all(text.as_bytes())
            }
            (Format::Svg, [survey, ..]) => {
                let picture = svg::picture(&graph(survey));
                out.raw().write_all(picture.as_bytes())
            }
            (Format::Dot | Format::Svg, []) => Ok(()),
        }
    }
}

fn names_of_problems(survey: &Survey) -> Vec<String> {
    let problems = survey.problems();
    problems
        .map(|(found, _)| text::name(&found.name).into_owned())
        .collect()
}

/// Of more names than this, the first ones are shown.
const MAX_LISTED: usize = 20;

/// `liba.so is`, `liba.so and libb.so are`
fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("{one} is"),
        [most @ .., last] if names.len() <= MAX_LISTED => {
            format!("{} and {last} are", most.join(", "))
        }
        all => format!("{} are", text::list(all.iter(), MAX_LISTED, ", ")),
    }
}

/// Bytes of complaints after which the rest is only counted.
const MAX_COMPLAINTS: usize = 24 << 10;

/// Says what is missing, with the places that were searched; whether nothing is.
pub fn complain(survey: &Survey) -> bool {
    let mut said = 0;
    let mut problems = survey.problems();
    for (found, problem) in problems.by_ref() {
        let what = graph::in_short(problem);
        let mut text = format!("{} is {what}:", text::name(&found.name));
        let mut lines = graph::in_full(problem).into_iter();
        for line in lines.by_ref() {
            text.push_str(&format!("\n  {line}"));
            if said + text.len() > MAX_COMPLAINTS {
                break;
            }
        }
        match lines.len() {
            0 => {}
            more => text.push_str(&format!("\n  and {more} more")),
        }
        said += text.len();
        style::print_error(text);
        if said > MAX_COMPLAINTS {
            break;
        }
    }
    match problems.count() {
        0 => {}
        more => style::print_error(format!("{more} more are missing or unusable")),
    }
    survey.problems().next().is_none()
}
