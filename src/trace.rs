//! Named categories of debug output, as `LD_DEBUG` of ld.so has them.

use std::io::Write;
use std::sync::Arc;

use crate::error::{Code, Error, Result};
use crate::text::{self, Lines};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Category {
    Libs = 1,
    Symbols = 2,
    Bindings = 4,
    Plan = 8,
    Reloc = 16,
    Init = 32,
    Statistics = 64,
    Map = 128,
}

const CATEGORIES: &[(&str, Category, &str)] = &[
    (
        "libs",
        Category::Libs,
        "where libraries are searched and found",
    ),
    (
        "symbols",
        Category::Symbols,
        "the definitions of each symbol, the one that wins first",
    ),
    (
        "bindings",
        Category::Bindings,
        "what each import is bound to, and how",
    ),
    ("plan", Category::Plan, "the whole plan of each load"),
    (
        "reloc",
        Category::Reloc,
        "data relocations as they are applied",
    ),
    ("init", Category::Init, "constructors as they are called"),
    ("statistics", Category::Statistics, "the time of each phase"),
    (
        "map",
        Category::Map,
        "what lies where, after each load and unload",
    ),
];

impl Category {
    pub fn name(self) -> &'static str {
        CATEGORIES
            .iter()
            .find(|(_, category, _)| *category == self)
            .map_or("", |(name, _, _)| name)
    }
}

/// The categories as a table for people.
pub fn help() -> String {
    let mut text = String::from("WASMDYLD_DEBUG takes a comma-separated list of:\n");
    for (name, _, what) in CATEGORIES {
        text.push_str(&format!("  {name:<11} {what}\n"));
    }
    text.push_str("  all         everything above\n  help        this list\n");
    text
}

/// Turns `libs,bindings` into a set of categories. A wrong name is an error that lists the right ones.
pub fn parse(list: &str) -> Result<u32> {
    let mut mask = 0;
    for word in list.split(',').map(str::trim).filter(|w| !w.is_empty()) {
        mask |= match CATEGORIES.iter().find(|(name, _, _)| *name == word) {
            Some((_, category, _)) => *category as u32,
            None if word == "all" => u32::MAX,
            None => {
                let error = Error::new(
                    Code::InvalidArgument,
                    format!("unknown debug category {word:?}"),
                );
                return Err(help().lines().fold(error, Error::line));
            }
        };
    }
    Ok(mask)
}

/// Takes what is said.
pub type Sink = Arc<dyn Fn(Category, &str)>;

/// Where debug output goes. Nothing is formatted for a category that is off.
#[derive(Clone, Default)]
pub struct Trace {
    mask: u32,
    sink: Option<Sink>,
}

impl Trace {
    pub fn new(mask: u32, sink: Sink) -> Self {
        Trace {
            mask,
            sink: Some(sink),
        }
    }

    /// One line each to standard error: `wasmdyld: libs: ...`.
    pub fn stderr(mask: u32) -> Self {
        Trace::new(
            mask,
            Arc::new(|category, text| {
                let mut stderr = std::io::stderr().lock();
                for line in text.lines() {
                    // Nobody is left to be told that standard error is closed.
                    let _ = writeln!(stderr, "wasmdyld: {}: {line}", category.name());
                }
            }),
        )
    }

    /// Puts something around the sink.
    pub fn wrap(&mut self, around: impl FnOnce(Sink) -> Sink) {
        self.sink = self.sink.take().map(around);
    }

    pub fn is_set(&self) -> bool {
        self.sink.is_some()
    }

    pub fn on(&self, category: Category) -> bool {
        self.mask & category as u32 != 0 && self.sink.is_some()
    }

    /// Whether any of the output is about single objects.
    pub fn shows_objects(&self) -> bool {
        self.mask & !(Category::Statistics as u32) != 0 && self.sink.is_some()
    }

    /// Says a line. What would break it, or would do other harm where it is shown, is escaped.
    pub fn say(&self, category: Category, line: impl FnOnce() -> String) {
        if let (true, Some(sink)) = (self.on(category), &self.sink) {
            sink(category, &text::line(&line()));
        }
    }

    /// Says several lines at once.
    pub fn say_lines(&self, category: Category, lines: impl FnOnce() -> Lines) {
        if let (true, Some(sink)) = (self.on(category), &self.sink) {
            sink(category, &lines());
        }
    }

    /// Says the text of an error, whose lines are fit to be shown.
    pub fn say_error(&self, category: Category, what: &str, error: &Error) {
        if let (true, Some(sink)) = (self.on(category), &self.sink) {
            sink(category, &format!("{}: {error}", text::line(what)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_one_line() {
        let said = std::rc::Rc::new(std::cell::RefCell::new(String::new()));
        let heard = said.clone();
        let sink = move |_, text: &str| *heard.borrow_mut() = text.to_string();
        let trace = Trace::new(u32::MAX, Arc::new(sink));
        trace.say(Category::Libs, || {
            "x\nwasmdyld: libs: forged\x1b[2J".to_string()
        });
        assert_eq!(*said.borrow(), "x\\nwasmdyld: libs: forged\\u{1b}[2J");
    }

    #[test]
    fn lists_of_categories() {
        assert_eq!(parse("libs, plan").unwrap(), 1 | 8);
        assert_eq!(parse("all").unwrap(), u32::MAX);
        assert_eq!(parse("").unwrap(), 0);
        let error = parse("libs,nonsense").unwrap_err().to_string();
        assert!(
            error.contains("nonsense") && error.contains("bindings"),
            "{error}"
        );
    }
}
