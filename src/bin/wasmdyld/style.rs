//! What the command's output looks like on a terminal.
//!
//! Text is written with the styles below to [`stdout`] or [`stderr`], which drop them where they are out of place: into pipes and
//! files, with `NO_COLOR`, on terminals that have none. `CLICOLOR_FORCE` keeps them.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use clap::builder::Styles;
use serde::Serialize;
use wasmdyld::error::{Code, Error, Result};

const fn color(color: AnsiColor) -> Style {
    color.on_default()
}

/// What is wrong: errors, what is missing.
pub const ERROR: Style = color(AnsiColor::Red).bold();
/// What is legal but unwise, or weak.
pub const WARNING: Style = color(AnsiColor::Yellow).bold();
/// What is well.
pub const GOOD: Style = color(AnsiColor::Green);
/// Headings.
pub const HEADING: Style = Style::new().bold().underline();
/// Names of objects.
pub const OBJECT: Style = Style::new().bold();
/// Names of symbols.
pub const SYMBOL: Style = color(AnsiColor::Cyan);
/// What is there for completeness: branches of a tree, reasons, addresses.
pub const DIM: Style = Style::new().dimmed();

/// How clap writes help and errors.
pub const HELP: Styles = Styles::styled()
    .header(HEADING)
    .usage(HEADING)
    .literal(color(AnsiColor::Cyan).bold())
    .placeholder(color(AnsiColor::Cyan))
    .valid(GOOD)
    .invalid(WARNING)
    .error(ERROR);

pub fn stdout() -> AutoStream<io::StdoutLock<'static>> {
    anstream::stdout().lock()
}

pub fn stderr() -> AutoStream<io::StderrLock<'static>> {
    anstream::stderr().lock()
}

/// `text` in a style, whatever it is written to.
pub fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// The command's one way to say what went wrong.
pub fn print_error(error: impl Display) {
    // Nobody is left to be told that standard error is closed.
    let _ = writeln!(stderr(), "{} {error}", paint(ERROR, "wasmdyld:"));
}

/// Something worth knowing that is no part of the output.
pub fn print_note(note: impl Display) {
    let _ = writeln!(stderr(), "{} {note}", paint(DIM, "wasmdyld:"));
}

/// What became of writing the output. A reader that has seen enough (`| head`) is no error.
pub fn written(result: io::Result<()>) -> Result<()> {
    match result {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Error::new(
            Code::Io,
            format!("cannot write the output: {e}"),
        )),
        _ => Ok(()),
    }
}

/// The exit status of a command that looks at files: that of `run` for a file that cannot be used.
pub fn exit_code(result: Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        print_error(&error);
        match error.code() {
            Code::InvalidArgument => ExitCode::from(2),
            _ => ExitCode::from(127),
        }
    })
}

/// How programs read it.
pub fn write_json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}
