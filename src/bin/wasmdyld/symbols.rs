//! `wasmdyld symbols`: who defines and who uses each symbol of a program and its libraries.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};
use serde::Serialize;
use wasmdyld::error::{Result, plain};
use wasmdyld::plan::ObjectId;
use wasmdyld::survey::{Definer, State, Survey, Symbol, User, symbols};

use crate::args::{self, Format, HostArgs, SearchArgs};
use crate::ldd::complain;
use crate::style::{self, DIM, ERROR, OBJECT, SYMBOL, WARNING, paint};

#[derive(Args)]
#[command(
    after_help = "What is shown: of several definitions the first one wins, shown as `in`; those that it hides as `not`. Nothing is executed, no
engine is asked. WASI and the linker's own functions count as defined by the host.

Exit status: 0; 1 if a symbol is undefined or of the wrong type, or a library is missing; 127 if the file cannot be read;
2 for a wrong command line."
)]
pub struct Symbols {
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    host: HostArgs,
    /// Only symbols without a definition
    #[arg(long)]
    undefined: bool,
    /// Only symbols used and defined with different types
    #[arg(long)]
    clashes: bool,
    /// Only symbols with more than one definition
    #[arg(long)]
    shadowed: bool,
    /// Only weak symbols
    #[arg(long)]
    weak: bool,
    /// Only what this object defines; may be repeated
    #[arg(long, value_name = "OBJECT")]
    defined_by: Vec<String>,
    /// Only what this object uses; may be repeated
    #[arg(long, value_name = "OBJECT")]
    used_by: Vec<String>,
    /// Also symbols that nobody uses
    #[arg(long)]
    all: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// A program or library
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Only these symbols; * stands for anything
    #[arg(value_name = "SYMBOL")]
    names: Vec<String>,
}

impl Symbols {
    pub fn execute(self) -> ExitCode {
        style::exit_code(self.look())
    }

    fn look(&self) -> Result<ExitCode> {
        let config = args::config(&self.search, None)?;
        let survey = Survey::of(&self.file, &config, &self.host.host_defines)?;
        let all = symbols(&survey);
        let shown: Vec<&Symbol> = all.iter().filter(|s| self.wanted(&survey, s)).collect();
        let mut out = style::stdout();
        style::written(match self.format {
            Format::Text => text(&mut out, &survey, &shown),
            Format::Json => style::write_json(&mut out, &json(&survey, &shown)),
        })?;
        drop(out);
        let wrong = |s: &Symbol| matches!(s.state, State::Undefined | State::Clash);
        let wrong = all.iter().filter(|s| wrong(s)).count();
        if wrong > 0 {
            style::print_error(match wrong {
                1 => "1 symbol is undefined or of the wrong type".to_string(),
                n => format!("{n} symbols are undefined or of the wrong type"),
            });
        }
        let complete = complain(&survey);
        Ok(match complete && wrong == 0 {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }

    fn wanted(&self, survey: &Survey, symbol: &Symbol) -> bool {
        let named = |objects: &[String], id: Option<ObjectId>| {
            let name = id.map_or("host", |id| survey.name(id));
            objects.iter().any(|object| object == name)
        };
        let state = symbol.state;
        let asked = self.undefined || self.clashes;
        let in_state =
            (self.undefined && is_undefined(state)) || (self.clashes && state == State::Clash);
        let weak =
            symbol.users.iter().any(|user| user.weak) || symbol.definitions.iter().any(|d| d.weak);
        (!asked || in_state)
            && (!self.shadowed || symbol.definitions.len() > 1)
            && (!self.weak || weak)
            && (self.defined_by.is_empty()
                || symbol
                    .definitions
                    .iter()
                    .any(|d| named(&self.defined_by, d.object)))
            && (self.used_by.is_empty()
                || symbol
                    .users
                    .iter()
                    .any(|user| named(&self.used_by, Some(user.object))))
            && (self.names.is_empty() || self.names.iter().any(|p| matches(p, &symbol.name)))
            && (self.all || self.asks_for_definitions() || state != State::Unused)
    }

    /// Whether what is asked makes sense of symbols that nobody uses too.
    fn asks_for_definitions(&self) -> bool {
        !self.names.is_empty() || !self.defined_by.is_empty() || self.shadowed
    }
}

fn is_undefined(state: State) -> bool {
    matches!(state, State::Undefined | State::Lazy | State::WeakUndefined)
}

/// Whether `name` fits a pattern in which `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    true
}

fn word(state: State) -> &'static str {
    match state {
        State::Bound => "bound",
        State::Unused => "unused",
        State::WeakUndefined => "weak undefined",
        State::Lazy => "undefined until called",
        State::Undefined => "undefined",
        State::Clash => "wrong type",
    }
}

fn text(out: &mut impl Write, survey: &Survey, symbols: &[&Symbol]) -> io::Result<()> {
    for symbol in symbols {
        write!(out, "{}", paint(SYMBOL, plain(&symbol.name)))?;
        match symbol.state {
            State::Bound => writeln!(out)?,
            State::Undefined | State::Clash => {
                writeln!(out, " {}", paint(ERROR, word(symbol.state)))?;
            }
            State::WeakUndefined | State::Lazy => {
                writeln!(out, " {}", paint(WARNING, word(symbol.state)))?;
            }
            State::Unused => writeln!(out, " {}", paint(DIM, word(symbol.state)))?,
        }
        for (n, definer) in symbol.definitions.iter().enumerate() {
            let Definer { what, .. } = definer;
            let role = if n == 0 { "in " } else { "not" };
            let object = definer.object.map_or("the host", |id| survey.name(id));
            let mut more = String::new();
            if definer.weak {
                more.push_str(", weak");
            }
            if definer.alias {
                more.push_str(", exported again");
            }
            let object = match n {
                0 => paint(OBJECT, plain(object)),
                _ => plain(object).into_owned(),
            };
            writeln!(out, "  {} {object} {what}{more}", paint(DIM, role))?;
        }
        for user in &symbol.users {
            let User { what, .. } = user;
            let weak = if user.weak { ", weak" } else { "" };
            let object = plain(survey.name(user.object));
            writeln!(out, "  {} {object} {what}{weak}", paint(DIM, "for"))?;
            if let Some(fault) = user.fault.as_ref().filter(|_| symbol.state == State::Clash) {
                writeln!(out, "      {}", paint(ERROR, plain(fault)))?;
            }
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct Answer {
    complete: bool,
    symbols: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    state: &'static str,
    definitions: Vec<Definition>,
    uses: Vec<Use>,
}

#[derive(Serialize)]
struct Definition {
    /// `null`: the host
    object: Option<String>,
    #[serde(rename = "type")]
    ty: String,
    weak: bool,
    alias: bool,
}

#[derive(Serialize)]
struct Use {
    object: String,
    #[serde(rename = "as")]
    used_as: String,
    weak: bool,
    bound_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

fn json(survey: &Survey, symbols: &[&Symbol]) -> Answer {
    let name = |id: ObjectId| survey.name(id).to_string();
    let row = |symbol: &&Symbol| Row {
        name: symbol.name.clone(),
        state: word(symbol.state),
        definitions: symbol
            .definitions
            .iter()
            .map(|definer| Definition {
                object: definer.object.map(name),
                ty: definer.what.clone(),
                weak: definer.weak,
                alias: definer.alias,
            })
            .collect(),
        uses: symbol
            .users
            .iter()
            .map(|user| Use {
                object: name(user.object),
                used_as: user.what.clone(),
                weak: user.weak,
                bound_to: user.bound.map(name),
                fault: user.fault.clone(),
            })
            .collect(),
    };
    Answer {
        complete: survey.problems().next().is_none(),
        symbols: symbols.iter().map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        for (pattern, name) in [
            ("f", "f"),
            ("*", ""),
            ("sqlite3_*", "sqlite3_open"),
            ("*_open", "sqlite3_open"),
            ("s*3*n", "sqlite3_open"),
            ("a*b", "ab"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("f", "fg"), ("a*b*b", "ab"), ("x*", "yx"), ("", "f")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
