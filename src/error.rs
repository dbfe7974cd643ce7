//! The one error type of the library: a stable code, a message, and the chain of what was being done.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text;
pub use crate::text::plain;

/// Stable numbers; they are part of the C ABI and are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u32)]
pub enum Code {
    /// No error.
    Ok = 0,
    /// A NULL, freed, foreign or otherwise unusable argument.
    InvalidArgument = 1,
    /// A library, file or symbol was not found.
    NotFound = 2,
    /// The operating system failed to read or write something.
    Io = 3,
    /// The bytes are not a valid module.
    Malformed = 4,
    /// Valid, but not something that this linker or this engine can link.
    Unsupported = 5,
    /// One or more symbols have no definition.
    UndefinedSymbol = 6,
    /// A symbol's use and its definition have different types.
    TypeMismatch = 7,
    /// A limit of the configuration or of the engine was reached.
    Limit = 8,
    /// The engine refused a module, an instance or an object.
    Engine = 9,
    /// The guest trapped.
    Trap = 10,
    /// The guest exited (`proc_exit`) where it was expected to return.
    Exit = 11,
    /// The namespace is in the midst of something that excludes the request.
    Busy = 12,
    /// A defect of this library: an invariant did not hold, or it panicked.
    Internal = 13,
    /// The guest was interrupted by the host.
    Interrupted = 14,
    /// The guest took longer than the host lets it.
    TimedOut = 15,
    /// The guest has used up the budget that the host gave it.
    OutOfBudget = 16,
}

/// A symbol that no object and no host definition provides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undefined {
    /// The symbol's name, with its module where that is not `env`.
    pub symbol: String,
    /// The object that imports it.
    pub importer: String,
    /// What it is wanted as: `func (i32, i32) -> i32`, `data`, `tag (i32)`.
    pub wanted: String,
}

/// A function of the guest's that was running when it trapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The object's name. Several, joined by "or", where the engine tells too little to know them apart; `None`: a module that is
    /// no loaded object.
    pub object: Option<String>,
    /// The function's name as the object has it, demangled.
    pub function: Option<String>,
    /// Its index in the module.
    pub index: u32,
    /// Where the instruction stands in the module's file, and from the function's beginning on.
    pub offset: Option<u64>,
    pub in_function: Option<u64>,
    /// File and line of the source.
    pub source: Option<String>,
}

impl Frame {
    fn without_source(&self) -> Frame {
        Frame {
            source: None,
            ..self.clone()
        }
    }
}

impl fmt::Display for Frame {
    /// `libfoo.so: parse+0x1a2 (at foo.c:12)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = self.object.as_deref().unwrap_or("?");
        write!(f, "{}: ", text::line(object))?;
        match &self.function {
            Some(name) => write!(f, "{}", text::name(name))?,
            None => write!(f, "function {}", self.index)?,
        }
        if let Some(offset) = self.in_function {
            write!(f, "+{offset:#x}")?;
        }
        match &self.source {
            Some(source) => write!(f, " (at {})", text::name(source)),
            None => Ok(()),
        }
    }
}

/// Of more frames than this, some in the middle are left out: what recursed without end is told by less.
const MAX_FRAMES: usize = 64;
const LAST_FRAMES: usize = 16;

/// Of more undefined symbols than this, the rest is only counted: in the list, and in the text.
pub const MAX_UNDEFINED: usize = 1_000;
pub const MAX_SHOWN: usize = 100;
/// Bytes of a cause after which no more items are listed.
const MAX_LISTED: usize = 24 << 10;

#[derive(Debug)]
struct Inner {
    code: Code,
    /// Safe to show: it is only ever written by way of [`text::line`] and [`text::lines`].
    message: String,
    /// What guests get to see instead, and how much of the context belongs to the cause that is kept from them.
    for_guests: Option<(String, usize)>,
    /// Safe to show, a line each.
    context: Vec<String>,
    undefined: Vec<Undefined>,
    exit_code: Option<i32>,
    frames: Vec<Frame>,
    /// How many frames are left out in front of the last ones.
    left_out: usize,
}

/// An error with its chain of context, the innermost cause first.
#[derive(Debug)]
pub struct Error(Box<Inner>);

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// `message` is one line; what would break it, or would do other harm where it is shown, is escaped.
    pub fn new(code: Code, message: impl AsRef<str>) -> Self {
        Error::with(code, text::line(message.as_ref()).into_owned())
    }

    /// An error in the words of somebody else, an engine or a guest, which may have several lines.
    pub fn quoting(code: Code, words: impl AsRef<str>) -> Self {
        Error::with(code, text::lines(words.as_ref()))
    }

    fn with(code: Code, message: String) -> Self {
        Error(Box::new(Inner {
            code,
            message,
            for_guests: None,
            context: Vec::new(),
            undefined: Vec::new(),
            exit_code: None,
            frames: Vec::new(),
            left_out: 0,
        }))
    }

    /// The guest trapped: why, and in which functions, the innermost first.
    pub fn trap(why: impl AsRef<str>, frames: Vec<Frame>) -> Self {
        Error::quoting(Code::Trap, why).with_frames(frames)
    }

    #[must_use]
    pub fn with_frames(mut self, mut frames: Vec<Frame>) -> Self {
        if let Some(more) = frames.len().checked_sub(MAX_FRAMES).filter(|&n| n > 0) {
            let first = MAX_FRAMES - LAST_FRAMES;
            frames.drain(first..first + more);
            self.0.left_out = more;
        }
        // A name may be as long as its module, and be in every frame.
        let names = frames.iter_mut().flat_map(|frame| {
            let Frame {
                object,
                function,
                source,
                ..
            } = frame;
            [object, function, source].into_iter().flatten()
        });
        for name in names {
            *name = text::line(name).into_owned();
        }
        self.0.frames = frames;
        self
    }

    /// The error for undefined symbols, all of them at once: `undefined` has the first ones of `count`.
    pub fn undefined(mut undefined: Vec<Undefined>, count: usize) -> Self {
        let headline = match count {
            1 => "undefined symbol".to_string(),
            n => format!("{} undefined symbols", text::number(n)),
        };
        let lines = undefined.iter().map(|u| {
            let (symbol, importer) = (text::name(&u.symbol), text::name(&u.importer));
            format!("{symbol}: {}, needed by {importer}", u.wanted)
        });
        let mut error = Error::new(Code::UndefinedSymbol, headline).list(lines, count);
        let of_wasi = |u: &Undefined| u.symbol.starts_with("wasi_snapshot_preview1.");
        if undefined.iter().any(of_wasi) {
            error = error.line("(the host has not set up WASI)");
        }
        undefined.truncate(MAX_UNDEFINED);
        error.0.undefined = undefined;
        error
    }

    /// The guest asked to end with `exit_code` where a return was expected.
    pub fn exit(exit_code: i32) -> Self {
        let mut error = Error::new(
            Code::Exit,
            format!("the guest exited with code {exit_code}"),
        );
        error.0.exit_code = Some(exit_code);
        error
    }

    /// Adds what was being done when the error arose; the outermost is added last.
    #[must_use]
    pub fn context(mut self, context: impl AsRef<str>) -> Self {
        self.0
            .context
            .push(text::line(context.as_ref()).into_owned());
        self
    }

    /// Adds a line to the cause.
    #[must_use]
    pub fn line(mut self, line: impl AsRef<str>) -> Self {
        self.0.message.push('\n');
        self.0.message.push_str(&text::line(line.as_ref()));
        self
    }

    /// Adds a line for each item, of very many for the first ones, and how many of `count` there are beyond these.
    #[must_use]
    pub fn list<S: AsRef<str>>(self, items: impl IntoIterator<Item = S>, count: usize) -> Self {
        let (mut error, mut shown) = (self, 0);
        for item in items.into_iter().take(MAX_SHOWN) {
            if error.0.message.len() >= MAX_LISTED {
                break;
            }
            error = error.line(format!("  {}", item.as_ref()));
            shown += 1;
        }
        match count.saturating_sub(shown) {
            0 => error,
            more => error.line(format!("  and {} more", text::number(more))),
        }
    }

    /// What a guest is told in the place of the error so far, which holds more than the guest may know: it is about what stands in a
    /// file of the host's that the guest could not read.
    #[must_use]
    pub fn told_guests(mut self, cause: impl AsRef<str>) -> Self {
        let cause = text::line(cause.as_ref()).into_owned();
        self.0.for_guests = Some((cause, self.0.context.len()));
        self
    }

    /// The guest may know all of it: it is about a file of the guest's own.
    #[must_use]
    pub fn of_the_guest(mut self) -> Self {
        self.0.for_guests = None;
        self
    }

    /// The error as the guest may see it. Of its frames, where the source was when a library was built is the host's affair.
    pub fn to_guest(&self) -> String {
        match &self.0.for_guests {
            Some((cause, from)) => chained(self.0.context.get(*from..).unwrap_or_default(), cause),
            None => self.shown(Frame::without_source),
        }
    }

    fn shown<F: fmt::Display>(&self, frame: impl Fn(&Frame) -> F) -> String {
        use fmt::Write;
        let mut text = self.headline();
        let frames = &self.0.frames;
        for (n, one) in frames.iter().enumerate() {
            let behind = self.0.left_out > 0 && n >= MAX_FRAMES - LAST_FRAMES;
            let left_out = if behind { self.0.left_out } else { 0 };
            // Writing to a string cannot fail.
            if behind && n == MAX_FRAMES - LAST_FRAMES {
                let _ = write!(text, "\n     ... {left_out} more");
            }
            let _ = write!(text, "\n{:>4}: {}", n + left_out, frame(one));
        }
        text
    }

    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The cause alone, without its context.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What was being done, innermost first.
    pub fn chain(&self) -> &[String] {
        &self.0.context
    }

    pub fn undefined_symbols(&self) -> &[Undefined] {
        &self.0.undefined
    }

    pub fn exit_code(&self) -> Option<i32> {
        self.0.exit_code
    }

    /// The guest's functions in a trap, the innermost first.
    pub fn frames(&self) -> &[Frame] {
        &self.0.frames
    }

    /// What the error says before its frames.
    pub fn headline(&self) -> String {
        chained(&self.0.context, &self.0.message)
    }
}

/// The outermost context first.
fn chained(context: &[String], cause: &str) -> String {
    let mut text = String::new();
    for context in context.iter().rev() {
        text.push_str(context);
        text.push_str(": ");
    }
    text + cause
}

impl fmt::Display for Error {
    /// Outermost context first, the cause last: `loading a.wasm: needed libb.so: not found`. Then a line for each frame.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown(Frame::clone))
    }
}

impl std::error::Error for Error {}

/// `.context(..)` on results, computed only when there is an error.
pub trait Context<T> {
    fn context<S: AsRef<str>>(self, context: impl FnOnce() -> S) -> Result<T>;
}

impl<T> Context<T> for Result<T> {
    fn context<S: AsRef<str>>(self, context: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|e| e.context(context()))
    }
}

/// What a panic said. The payload is spent here: one of an unusual type may panic again in its destructor, which must not
/// happen on the way to C, so it is leaked.
pub fn panic_text(panic: Box<dyn std::any::Any + Send>) -> String {
    let panic = match panic.downcast::<String>() {
        Ok(text) => return *text,
        Err(panic) => panic,
    };
    match panic.downcast::<&str>() {
        Ok(text) => text.to_string(),
        Err(panic) => {
            std::mem::forget(panic);
            "no text".to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything in it was written by others.
    fn hostile() -> Error {
        let text = "x\n\x1b[2Jwasmdyld: all is well\u{202e}\u{2028}";
        let undefined = Undefined {
            symbol: text.into(),
            importer: text.into(),
            wanted: text.into(),
        };
        let frame = Frame {
            object: Some(text.into()),
            function: Some(text.into()),
            index: 0,
            offset: None,
            in_function: None,
            source: Some(text.into()),
        };
        Error::undefined(vec![undefined], 1)
            .line(text)
            .context(text)
            .with_frames(vec![frame])
    }

    #[test]
    fn nothing_in_an_error_forges_a_line_or_steers_a_terminal() {
        let quoted = Error::quoting(Code::Engine, "one\nwasmdyld: two\x1b[2J\u{2066}");
        for error in [hostile(), hostile().told_guests("a\nb"), quoted] {
            for text in [error.to_string(), error.to_guest(), error.headline()] {
                let harm = |c: char| c != '\n' && crate::text::is_unsafe(c);
                assert!(!text.contains(harm), "{text:?}");
                assert!(!text.contains("\nwasmdyld: "), "{text}");
            }
        }
    }

    #[test]
    fn guests_are_told_another_cause_with_the_same_context() {
        let error = Error::new(Code::Malformed, "text that begins with `KEY=`");
        let error = error.context("reading its section `TOKEN=`");
        let error = error.told_guests("not a module").context("loading x.so");
        assert_eq!(error.to_guest(), "loading x.so: not a module");
        assert!(error.to_string().contains("KEY="));
        assert!(error.of_the_guest().to_guest().contains("KEY="));
        let frame = Frame {
            object: Some("libfoo.so".into()),
            function: Some("parse".into()),
            index: 7,
            offset: None,
            in_function: Some(0x1a2),
            source: Some("/home/builder/foo.c:12".into()),
        };
        let trap = Error::trap("unreachable", vec![frame]);
        let shown = "unreachable\n   0: libfoo.so: parse+0x1a2";
        assert_eq!(trap.to_guest(), shown);
        assert_eq!(
            trap.to_string(),
            format!("{shown} (at /home/builder/foo.c:12)")
        );
    }

    #[test]
    fn of_very_many_undefined_symbols_the_first_are_listed() {
        let undefined = |n: usize| Undefined {
            symbol: format!("f{n}"),
            importer: "a.so".into(),
            wanted: "data".into(),
        };
        let list = (0..5_000).map(undefined).collect();
        let error = Error::undefined(list, 1_000_000);
        let text = error.to_string();
        assert!(
            text.starts_with("1,000,000 undefined symbols\n  f0: data"),
            "{text}"
        );
        assert!(
            text.ends_with("\n  f99: data, needed by a.so\n  and 999,900 more"),
            "{text}"
        );
        assert_eq!(error.undefined_symbols().len(), MAX_UNDEFINED);
        let long = std::iter::repeat_n("x".repeat(10_000), 100);
        let text = Error::new(Code::Limit, "long").list(long, 100).to_string();
        assert!(
            text.ends_with("and 97 more") && text.len() < 50_000,
            "{}",
            text.len()
        );
    }
}
