//! Text of others made fit to be shown.
//!
//! Names of modules, guests and files, and what engines say, go into errors, traces and the output of tools. None of it may forge a
//! line, steer a terminal or turn the order of letters round, and none may be longer than a person reads. [`crate::error::Error`],
//! [`crate::trace::Trace`] and the tools' writers pass everything through [`line()`], so that no caller has to think of it; a
//! caller cuts names itself, by [`name`], where several stand in a line.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Bytes of a name that are shown, escapes included.
const MAX_NAME: usize = 400;
/// Bytes of a line that are shown.
const MAX_LINE: usize = 16 << 10;
/// Lines of a text of others that are shown.
const MAX_LINES: usize = 200;

/// Whether a character would do more than be seen: control characters (NEL among them), what separates lines, what changes the
/// direction of writing, and invisible ones that spell a second text. Joiners and variation selectors stay, which scripts and emoji need.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// `text` with a visible escape for each character that is not safe to show.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        push(&mut out, c);
    }
    out.into()
}

/// As [`plain`], and cut: of a name that is longer than anybody reads, the beginning and how much more there is.
pub fn name(text: &str) -> Cow<'_, str> {
    cut(text, MAX_NAME)
}

fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most && !text.contains(is_unsafe) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len().min(most) + 32);
    for (at, c) in text.char_indices() {
        if out.len() >= most {
            let more = number(text.len() - at);
            // Writing to a string cannot fail.
            let _ = write!(out, "... ({more} more bytes)");
            break;
        }
        push(&mut out, c);
    }
    out.into()
}

fn push(out: &mut String, c: char) {
    if is_unsafe(c) {
        out.extend(c.escape_default());
    } else {
        out.push(c);
    }
}

/// One line of text: as [`plain`], and cut where it would fill a screen.
pub fn line(text: &str) -> Cow<'_, str> {
    cut(text, MAX_LINE)
}

/// A text of several lines from elsewhere, such as an engine's: each is a [`line()`], and all but the first are indented, so that
/// none passes for one that another has written.
pub fn lines(text: &str) -> String {
    let mut out = String::new();
    for (n, one) in text.lines().enumerate() {
        if n == MAX_LINES {
            out.push_str("\n    ... more lines");
            break;
        }
        if n > 0 {
            out.push('\n');
            if !one.starts_with("  ") {
                out.push_str("    ");
            }
        }
        out.push_str(&line(one));
    }
    out
}

/// `1,234,567`
pub fn number(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A text that is written line by line, in which only [`Lines::end`] and [`Lines::line`] break a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines(String);

impl Lines {
    /// A whole line.
    pub fn line(&mut self, text: fmt::Arguments<'_>) {
        self.part(text);
        self.end();
    }

    /// A part of a line.
    pub fn part(&mut self, text: fmt::Arguments<'_>) {
        match text.as_str() {
            Some(text) => self.0.push_str(&plain(text)),
            None => self.0.push_str(&plain(&text.to_string())),
        }
    }

    pub fn end(&mut self) {
        self.0.push('\n');
    }

    pub fn append(&mut self, other: &Lines) {
        self.0.push_str(&other.0);
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

impl std::ops::Deref for Lines {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A list of which the first few are shown: `a, b, ... 1,000 in all`.
pub fn list<T: fmt::Display>(
    items: impl ExactSizeIterator<Item = T>,
    shown: usize,
    between: &str,
) -> String {
    let count = items.len();
    let mut out = String::new();
    for (n, item) in items.take(shown).enumerate() {
        if n > 0 {
            out.push_str(between);
        }
        // Writing to a string cannot fail.
        let _ = write!(out, "{item}");
    }
    if count > shown {
        let _ = write!(out, "{between}... {} in all", number(count));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that must not reach a terminal, by the numbers of the Unicode standard.
    fn hostile() -> impl Iterator<Item = char> {
        let ranges = [
            0x00..=0x1f,
            0x7f..=0x9f,
            0x61c..=0x61c,
            0x200e..=0x200f,
            0x2028..=0x202e,
            0x2066..=0x2069,
        ];
        ranges.into_iter().flatten().filter_map(char::from_u32)
    }

    #[test]
    fn no_hostile_character_is_left_and_each_is_seen() {
        for c in hostile() {
            let text = format!("a{c}b");
            for shown in [plain(&text), name(&text), line(&text)] {
                assert!(!shown.contains(c), "{:x}", c as u32);
                assert!(shown.starts_with("a\\") && shown.ends_with('b'), "{shown}");
            }
            assert!(!lines(&text).contains(|of: char| of == c && c != '\n'));
        }
        assert_eq!(plain("\x1b[31m\u{202e}"), "\\u{1b}[31m\\u{202e}");
    }

    #[test]
    fn letters_of_all_scripts_stay() {
        for text in ["grün", "日本語", "שלום", "عربي", "a\u{301}", "👩‍🚀", "\\n"]
        {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn escaping_twice_changes_nothing() {
        let once = plain("a\nb\u{2028}\\").into_owned();
        assert_eq!(plain(&once), once);
    }

    #[test]
    fn long_names_and_lines_are_cut_between_characters() {
        let long = "ü".repeat(100_000);
        assert!(name(&long).len() < 1_000, "{}", name(&long).len());
        assert!(name(&long).ends_with("... (199,600 more bytes)"));
        assert!(name(&"\u{e0041}".repeat(1_000)).len() < 500);
        assert!(line(&long).len() < 20_000);
        assert_eq!(name("short"), "short");
        assert!(lines(&"x\n".repeat(100_000)).len() < 2_000);
    }

    #[test]
    fn a_line_of_others_cannot_begin_one() {
        assert_eq!(lines("one\ntwo\n  three"), "one\n    two\n  three");
        let mut text = Lines::default();
        text.line(format_args!("name {}", "x\nwasmdyld: all is well"));
        assert_eq!(&*text, "name x\\nwasmdyld: all is well\n");
    }

    #[test]
    fn numbers_and_lists() {
        assert_eq!(number(7), "7");
        assert_eq!(number(999_900), "999,900");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(list([1, 2].iter(), 2, ", "), "1, 2");
        assert_eq!(list([1, 2, 3].iter(), 2, ", "), "1, 2, ... 3 in all");
    }
}
