//! `wasmdyld symbols`: who defines and who uses each symbol of a program and its libraries.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use wasmdyld::error::Result;
use wasmdyld::plan::ObjectId;
use wasmdyld::survey::{Definer, Survey, SymbolState, SymbolUses, Symbols as Table, User};
use wasmdyld::text::name;

use crate::args::{self, Format, HostArgs, SearchArgs};
use crate::ldd::complain;
use crate::line;
use crate::style::{self, DIM, ERROR, Each, OBJECT, Out, SYMBOL, WARNING, paint};

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
        let all = Table::of(&survey);
        let shown = || all.iter().filter(|s| self.wanted(&survey, s));
        let mut out = style::stdout();
        style::written(match self.format {
            Format::Text => shown().try_for_each(|symbol| text(&mut out, &survey, &symbol)),
            Format::Json => {
                let answer = Answer {
                    complete: survey.problems().next().is_none(),
                    symbols: Each(|| {
                        shown().map(|symbol| Row {
                            survey: &survey,
                            symbol,
                        })
                    }),
                };
                style::write_json(&mut out, &answer)
            }
        })?;
        drop(out);
        let wrong =
            |s: &SymbolUses<'_>| matches!(s.state(), SymbolState::Undefined | SymbolState::Clash);
        let wrong = all.iter().filter(wrong).count();
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

    fn wanted(&self, survey: &Survey, symbol: &SymbolUses<'_>) -> bool {
        let named = |objects: &[String], id: Option<ObjectId>| {
            let name = id.map_or("host", |id| survey.name(id));
            objects.iter().any(|object| object == name)
        };
        let state = symbol.state();
        let asked = self.undefined || self.clashes;
        let in_state = (self.undefined && is_undefined(state))
            || (self.clashes && state == SymbolState::Clash);
        let weak = || symbol.users().any(|user| user.weak) || symbol.definitions().any(|d| d.weak);
        let defined = || {
            let mut definitions = symbol.definitions();
            definitions.any(|d| named(&self.defined_by, d.object))
        };
        let used = || {
            let mut users = symbol.users();
            users.any(|user| named(&self.used_by, Some(user.object)))
        };
        (!asked || in_state)
            && (!self.shadowed || symbol.definitions().nth(1).is_some())
            && (!self.weak || weak())
            && (self.defined_by.is_empty() || defined())
            && (self.used_by.is_empty() || used())
            && (self.names.is_empty() || self.names.iter().any(|p| matches(p, &symbol.name())))
            && (self.all || self.asks_for_definitions() || state != SymbolState::Unused)
    }

    /// Whether what is asked makes sense of symbols that nobody uses too.
    fn asks_for_definitions(&self) -> bool {
        !self.names.is_empty() || !self.defined_by.is_empty() || self.shadowed
    }
}

fn is_undefined(state: SymbolState) -> bool {
    matches!(
        state,
        SymbolState::Undefined | SymbolState::Lazy | SymbolState::WeakUndefined
    )
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

fn word(state: SymbolState) -> &'static str {
    match state {
        SymbolState::Bound => "bound",
        SymbolState::Unused => "unused",
        SymbolState::WeakUndefined => "weak undefined",
        SymbolState::Lazy => "undefined until called",
        SymbolState::Undefined => "undefined",
        SymbolState::Clash => "wrong type",
    }
}

fn text(out: &mut Out, survey: &Survey, symbol: &SymbolUses<'_>) -> io::Result<()> {
    let state = symbol.state();
    let shown = match state {
        SymbolState::Bound => String::new(),
        SymbolState::Undefined | SymbolState::Clash => format!(" {}", paint(ERROR, word(state))),
        SymbolState::WeakUndefined | SymbolState::Lazy => {
            format!(" {}", paint(WARNING, word(state)))
        }
        SymbolState::Unused => format!(" {}", paint(DIM, word(state))),
    };
    line!(out, "{}{shown}", paint(SYMBOL, name(&symbol.name())))?;
    for (n, definer) in symbol.definitions().enumerate() {
        let Definer { what, .. } = &definer;
        let role = if n == 0 { "in " } else { "not" };
        let object = definer.object.map_or("the host", |id| survey.name(id));
        let weak = if definer.weak { ", weak" } else { "" };
        let alias = if definer.alias {
            ", exported again"
        } else {
            ""
        };
        let object = match n {
            0 => paint(OBJECT, name(object)),
            _ => name(object).into_owned(),
        };
        line!(out, "  {} {object} {what}{weak}{alias}", paint(DIM, role))?;
    }
    // An object may import a symbol any number of times; what is the same of them is said once.
    let mut users = symbol.users().peekable();
    while let Some(user) = users.next() {
        let mut times = 1;
        while users.next_if(|next| next.is_as(&user)).is_some() {
            times += 1;
        }
        let User { what, .. } = &user;
        let weak = if user.weak { ", weak" } else { "" };
        let times = match times {
            1 => String::new(),
            n => format!(", {n} times"),
        };
        let object = name(survey.name(user.object));
        line!(out, "  {} {object} {what}{weak}{times}", paint(DIM, "for"))?;
        if let (SymbolState::Clash, Some(fault)) = (state, symbol.fault(&user)) {
            line!(out, "      {}", paint(ERROR, fault))?;
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct Answer<S: Serialize> {
    complete: bool,
    symbols: S,
}

struct Row<'a> {
    survey: &'a Survey,
    symbol: SymbolUses<'a>,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Row { survey, symbol } = self;
        let name = |id: ObjectId| survey.name(id).to_string();
        let definition = |definer: Definer<'_>| Definition {
            object: definer.object.map(name),
            ty: definer.what.to_string(),
            weak: definer.weak,
            alias: definer.alias,
        };
        let used = |user: User<'_>| Use {
            object: name(user.object),
            used_as: user.what.to_string(),
            weak: user.weak,
            bound_to: user.bound.map(name),
            fault: symbol.fault(&user),
        };
        let mut row = serializer.serialize_struct("Row", 4)?;
        row.serialize_field("name", &symbol.name())?;
        row.serialize_field("state", word(symbol.state()))?;
        row.serialize_field(
            "definitions",
            &Each(|| symbol.definitions().map(definition)),
        )?;
        row.serialize_field("uses", &Each(|| symbol.users().map(used)))?;
        row.end()
    }
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
