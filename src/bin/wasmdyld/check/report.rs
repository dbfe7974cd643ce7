//! The findings, for people and for programs.

use std::fmt::Write;

use wasmdyld::text::{Lines, is_unsafe, line};

use super::Need;
use super::child::{About, Outcome};
use super::probes::Probe;

pub struct Row {
    pub probe: &'static Probe,
    pub outcome: Outcome,
}

pub struct Report {
    pub about: About,
    pub rows: Vec<Row>,
}

impl Row {
    fn good(&self) -> bool {
        matches!(self.outcome, Outcome::Yes(_))
    }

    /// What is to be said beside the result.
    fn note(&self) -> String {
        let why = match &self.outcome {
            Outcome::Yes(note) => return note.clone(),
            Outcome::No(why) => why.as_str(),
            Outcome::Crashed { said, .. } => said.as_str(),
            Outcome::Hung => "no end within 30 seconds",
        };
        match self.probe.need {
            Need::May(lost) if why.is_empty() => lost.to_string(),
            Need::May(lost) => format!("{why}; {lost}"),
            Need::Must(_) => why.to_string(),
        }
    }
}

impl Report {
    /// What is missing of what linking stands on, and why it matters.
    fn missing(&self) -> impl Iterator<Item = (&Row, &'static str)> {
        self.rows.iter().filter_map(|row| match row.probe.need {
            Need::Must(why) if !row.good() => Some((row, why)),
            _ => None,
        })
    }

    pub fn can_host(&self) -> bool {
        self.missing().next().is_none()
    }

    fn verdict(&self) -> String {
        let missing: Vec<String> = self
            .missing()
            .map(|(row, why)| {
                let outcome = row.outcome.to_string();
                format!("{} ({}): {why}", row.probe.title, line(&outcome))
            })
            .collect();
        match missing.as_slice() {
            [] => "can host shared libraries".to_string(),
            [one] => format!("cannot: {one}"),
            many => format!("cannot:\n  {}", many.join("\n  ")),
        }
    }

    pub fn text(&self) -> Lines {
        let About {
            name,
            version,
            path,
        } = &self.about;
        let mut out = Lines::default();
        let space = if version.is_empty() { "" } else { " " };
        out.line(format_args!("engine  {name}{space}{version}"));
        out.line(format_args!("file    {path}"));
        out.end();
        let results: Vec<String> = self.rows.iter().map(|r| r.outcome.to_string()).collect();
        let width = |texts: &mut dyn Iterator<Item = &str>| {
            texts.map(|text| text.chars().count()).max().unwrap_or(0)
        };
        let first = width(&mut self.rows.iter().map(|row| row.probe.title));
        let second = width(&mut results.iter().map(String::as_str));
        for (row, result) in self.rows.iter().zip(&results) {
            let (title, note) = (row.probe.title, row.note());
            let text = format!("{title:first$}  {result:second$}  {note}");
            out.line(format_args!("{}", text.trim_end()));
        }
        out.end();
        for text in self.verdict().lines() {
            out.line(format_args!("{text}"));
        }
        out
    }

    pub fn json(&self) -> String {
        let About {
            name,
            version,
            path,
        } = &self.about;
        let mut out = format!(
            "{{\"engine\":{},\"version\":{},\"file\":{},\"probes\":[",
            quoted(name),
            match version.is_empty() {
                true => "null".to_string(),
                false => quoted(version),
            },
            quoted(path)
        );
        for (n, row) in self.rows.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            let required = matches!(row.probe.need, Need::Must(_));
            let (result, signal) = match &row.outcome {
                Outcome::Yes(_) => ("yes", None),
                Outcome::No(_) => ("no", None),
                Outcome::Crashed { how, .. } => ("crashed", Some(how)),
                Outcome::Hung => ("hung", None),
            };
            let _ = write!(
                out,
                "{comma}{{\"probe\":{},\"title\":{},\"required\":{required},\"result\":\"{result}\",",
                quoted(row.probe.name),
                quoted(row.probe.title)
            );
            if let Some(signal) = signal {
                let _ = write!(out, "\"how\":{},", quoted(signal));
            }
            let _ = write!(out, "\"note\":{}}}", quoted(&row.note()));
        }
        let _ = write!(
            out,
            "],\"can_host\":{},\"verdict\":{}}}",
            self.can_host(),
            quoted(&self.verdict())
        );
        out
    }
}

/// The object for what is no engine.
pub fn unusable(why: &str) -> String {
    format!("{{\"can_host\":false,\"verdict\":{}}}", quoted(why))
}

/// A string of JSON.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if is_unsafe(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a string does not fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_json() {
        let text = "a\"b\\c\n\u{7f}\u{202e}é";
        assert_eq!(quoted(text), r#""a\"b\\c\u000a\u007f\u202eé""#);
    }
}
