//! The one error type of the library: a stable code, a message, and the chain of what was being done.

use std::fmt;

/// Stable numbers; they are part of the C ABI and are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

impl fmt::Display for Frame {
    /// `libfoo.so: parse+0x1a2 (at foo.c:12)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", plain(self.object.as_deref().unwrap_or("?")))?;
        match &self.function {
            Some(name) => write!(f, "{}", plain(name))?,
            None => write!(f, "function {}", self.index)?,
        }
        if let Some(offset) = self.in_function {
            write!(f, "+{offset:#x}")?;
        }
        match &self.source {
            Some(source) => write!(f, " (at {})", plain(source)),
            None => Ok(()),
        }
    }
}

/// Of more frames than this, some in the middle are left out: what recursed without end is told by less.
const MAX_FRAMES: usize = 64;
const LAST_FRAMES: usize = 16;

#[derive(Debug)]
struct Inner {
    code: Code,
    message: String,
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
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            code,
            message: message.into(),
            context: Vec::new(),
            undefined: Vec::new(),
            exit_code: None,
            frames: Vec::new(),
            left_out: 0,
        }))
    }

    /// The guest trapped: why, and in which functions, the innermost first.
    pub fn trap(why: impl Into<String>, frames: Vec<Frame>) -> Self {
        Error::new(Code::Trap, why).with_frames(frames)
    }

    #[must_use]
    pub fn with_frames(mut self, mut frames: Vec<Frame>) -> Self {
        if let Some(more) = frames.len().checked_sub(MAX_FRAMES).filter(|&n| n > 0) {
            let first = MAX_FRAMES - LAST_FRAMES;
            frames.drain(first..first + more);
            self.0.left_out = more;
        }
        self.0.frames = frames;
        self
    }

    /// The error for a list of undefined symbols, all of them at once.
    pub fn undefined(undefined: Vec<Undefined>) -> Self {
        let mut message = match undefined.len() {
            1 => "undefined symbol".to_string(),
            n => format!("{n} undefined symbols"),
        };
        for u in &undefined {
            let (symbol, importer) = (plain(&u.symbol), plain(&u.importer));
            message.push_str(&format!("\n  {symbol}: {}, needed by {importer}", u.wanted));
        }
        if undefined
            .iter()
            .any(|u| u.symbol.starts_with("wasi_snapshot_preview1."))
        {
            message.push_str("\n(the host has not set up WASI)");
        }
        let mut error = Error::new(Code::UndefinedSymbol, message);
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
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.0.context.push(context.into());
        self
    }

    /// Adds to the cause itself.
    #[must_use]
    pub fn note(mut self, note: impl AsRef<str>) -> Self {
        self.0.message.push_str(note.as_ref());
        self
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
        let mut text = String::new();
        for context in self.0.context.iter().rev() {
            text.push_str(context);
            text.push_str(": ");
        }
        text + &self.0.message
    }
}

impl fmt::Display for Error {
    /// Outermost context first, the cause last: `loading a.wasm: needed libb.so: not found`. Then a line for each frame.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        let frames = &self.0.frames;
        for (n, frame) in frames.iter().enumerate() {
            let behind = self.0.left_out > 0 && n >= MAX_FRAMES - LAST_FRAMES;
            let left_out = if behind { self.0.left_out } else { 0 };
            if behind && n == MAX_FRAMES - LAST_FRAMES {
                write!(f, "\n     ... {left_out} more")?;
            }
            write!(f, "\n{:>4}: {frame}", n + left_out)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// `.context(..)` on results, computed only when there is an error.
pub trait Context<T> {
    fn context<S: Into<String>>(self, context: impl FnOnce() -> S) -> Result<T>;
}

impl<T> Context<T> for Result<T> {
    fn context<S: Into<String>>(self, context: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|e| e.context(context()))
    }
}

/// A name from a module, fit for a message: without control characters, which could forge lines or steer a terminal.
pub fn plain(name: &str) -> std::borrow::Cow<'_, str> {
    match name.contains(char::is_control) {
        true => name.escape_debug().to_string().into(),
        false => name.into(),
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
