//! What the command's output looks like on a terminal.
//!
//! Text is written line by line with the styles below to [`stdout`] or [`stderr`], which drop them where they are out of place: into
//! pipes and files, with `NO_COLOR`, on terminals that have none. `CLICOLOR_FORCE` keeps them. In a line, all that would steer the
//! terminal and is none of these styles is escaped, whoever wrote it.

use std::fmt::{self, Display};
use std::io::{self, Write};
use std::process::ExitCode;

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use clap::builder::Styles;
use serde::{Serialize, Serializer};
use serde_json::ser::{CharEscape, Formatter, PrettyFormatter};
use wasmdyld::error::{Code, Error, Result};
use wasmdyld::text;

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

/// All of them, as they are written.
const STYLES: [Style; 7] = [ERROR, WARNING, GOOD, HEADING, OBJECT, SYMBOL, DIM];

/// Where a command writes its answer.
pub struct Out(AutoStream<io::StdoutLock<'static>>);

impl Out {
    /// Writes a line; see [`line!`](crate::line).
    pub fn line(&mut self, line: fmt::Arguments<'_>) -> io::Result<()> {
        writeln!(self.0, "{}", harmless(&line.to_string()))
    }

    /// For formats that have escapes of their own.
    pub fn raw(&mut self) -> &mut impl Write {
        &mut self.0
    }
}

/// Writes a line to an [`Out`]: `line!(out, "{} is {what}", ...)`.
#[macro_export]
macro_rules! line {
    ($out:expr) => { $out.line(format_args!("")) };
    ($out:expr, $($arg:tt)*) => { $out.line(format_args!($($arg)*)) };
}

/// A line in which nothing but our own styles steers the terminal.
fn harmless(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('\x1b') {
        let (before, escape) = rest.split_at(at);
        out.push_str(&text::plain(before));
        let ours = STYLES
            .iter()
            .flat_map(|s| [s.render().to_string(), s.render_reset().to_string()]);
        let ours = ours.filter(|style| !style.is_empty() && escape.starts_with(style));
        let length = match ours.map(|style| style.len()).max() {
            Some(length) => {
                out.push_str(escape.get(..length).unwrap_or_default());
                length
            }
            None => {
                out.push_str(&text::plain("\x1b"));
                1
            }
        };
        rest = escape.get(length..).unwrap_or_default();
    }
    out.push_str(&text::plain(rest));
    out
}

pub fn stdout() -> Out {
    Out(anstream::stdout().lock())
}

fn stderr() -> AutoStream<io::StderrLock<'static>> {
    anstream::stderr().lock()
}

/// `text` in a style, whatever it is written to.
pub fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{}{style:#}", text::plain(&text.to_string()))
}

/// The command's one way to say what went wrong. Each of its lines is made harmless; what may hold a line break that is not ours is
/// to be made so before.
pub fn print_error(error: impl Display) {
    say(ERROR, error);
}

/// Something worth knowing that is no part of the output.
pub fn print_note(note: impl Display) {
    say(DIM, note);
}

fn say(style: Style, what: impl Display) {
    let what = what.to_string();
    let lines: Vec<_> = what.split('\n').map(text::line).collect();
    // Nobody is left to be told that standard error is closed.
    let _ = writeln!(
        stderr(),
        "{} {}",
        paint(style, "wasmdyld:"),
        lines.join("\n")
    );
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

/// A list of JSON whose items are made as they are written.
pub struct Each<F>(pub F);

impl<F, I> Serialize for Each<F>
where
    F: Fn() -> I,
    I: IntoIterator,
    I::Item: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

/// JSON in lines, with JSON's own escapes for all that must not reach a terminal: JSON asks for few of them.
#[derive(Default)]
struct Escaping(PrettyFormatter<'static>);

macro_rules! as_pretty {
    ($($name:ident($($arg:ident: $ty:ty),*);)*) => { $(
        fn $name<W: ?Sized + Write>(&mut self, out: &mut W, $($arg: $ty),*) -> io::Result<()> {
            self.0.$name(out, $($arg),*)
        }
    )* };
}

impl Formatter for Escaping {
    as_pretty! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        begin_object_value();
        end_object_value();
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|&(_, c)| text::is_unsafe(c)) {
            out.write_all(rest.get(..at).unwrap_or_default().as_bytes())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = rest.get(at + c.len_utf8()..).unwrap_or_default();
        }
        out.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        self.0.write_char_escape(out, escape)
    }
}

/// How programs read it.
pub fn write_json(out: &mut Out, value: &impl Serialize) -> io::Result<()> {
    json_to(out.raw(), value)
}

fn json_to(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    // Standard output is written at each end of a line; an answer has many.
    let mut out = io::BufWriter::new(out);
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut out,
        Escaping::default(),
    ))?;
    writeln!(out)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_our_styles_and_nothing_else_that_steers() {
        let line = format!(
            "{} \x1b[2J\x1b[31;1mx\nforged\u{202e}",
            paint(OBJECT, "a\x1b[2Jb")
        );
        assert_eq!(
            harmless(&line),
            "\x1b[1ma\\u{1b}[2Jb\x1b[0m \\u{1b}[2J\\u{1b}[31;1mx\\nforged\\u{202e}"
        );
        for style in STYLES {
            let painted = paint(style, "x");
            assert_eq!(harmless(&painted), painted);
        }
        assert_eq!(harmless("\x1b"), "\\u{1b}");
    }

    #[test]
    fn json_is_escaped_and_reads_as_it_was() {
        let text = "a\x1b\x7f\u{85}\u{202e}\u{2028}\u{e0041}\"\\\nü";
        let mut out = Vec::new();
        json_to(&mut out, &Each(|| [text])).unwrap();
        let written = String::from_utf8(out).unwrap();
        let harm = |c: char| c != '\n' && text::is_unsafe(c);
        assert!(!written.contains(harm), "{written:?}");
        let read: Vec<String> = serde_json::from_str(&written).unwrap();
        assert_eq!(read, [text]);
    }
}
