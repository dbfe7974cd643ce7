//! What the host grants a guest, and the making of a context from it.

use std::fmt;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::Preview1;
use super::descriptors::{Descriptors, default_limit};
use super::guest_files::Preopened;
use super::host::{self, Inherited, MAX_LISTENERS};
use super::preview1::descriptor::{File, Folder};
use super::preview1::types::Rights;
use super::preview1::{
    ClockScale, ClockSource, Clocks, Given, HostClocks, RandomSource, Slot, Wait, Waiting, Wasi,
};
use super::read_only::ReadOnly;
use super::stdio::{Input, Output, Stream};
use super::strings::Strings;
use super::tree::{ArchiveTree, HostedTree, MemoryTree, Tree, TreeFolder};
use crate::error::{Code, Error, Result};

/// Where the files of a directory are that a guest is given.
#[derive(Clone, Debug)]
pub enum Source {
    /// In a directory of the host.
    Host(PathBuf),
    /// In memory, in one tree for all guests that are given it.
    Memory(MemoryTree),
    /// Behind functions of the host.
    Hosted(HostedTree),
    /// In an archive, which guests read only, whatever they may do in other folders.
    Archive(ArchiveTree),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Host(path) => path.display().fmt(f),
            Source::Memory(_) => f.write_str("in memory"),
            Source::Hosted(_) => f.write_str("of callbacks"),
            Source::Archive(_) => f.write_str("of an archive"),
        }
    }
}

/// A directory that a guest may use.
#[derive(Clone, Debug)]
pub struct Preopen {
    pub source: Source,
    /// The name by which the guest knows it: `/`, `/data`, `.`
    pub guest: String,
    pub read_only: bool,
}

/// What a guest gets. By default nothing: no arguments, no variables, empty streams, no directories.
///
/// Plain data: nothing is opened or checked before [`build`](Self::build), which may be used any number of times.
#[derive(Clone, Debug, Default)]
pub struct WasiConfig {
    args: Vec<Vec<u8>>,
    env: Vec<(Vec<u8>, Vec<u8>)>,
    inherit_env: bool,
    stdin: Input,
    stdout: Output,
    stderr: Output,
    preopens: Vec<Preopen>,
    max_files: Option<u32>,
    listeners: Vec<Arc<TcpListener>>,
    clocks: ClockSource,
    random: RandomSource,
}

/// What still clocks show at the start: 2001-09-09, a round number that programs take for a time.
const STILL_SINCE_1970: u64 = 1_000_000_000_000_000_000;

impl WasiConfig {
    pub fn new() -> Self {
        WasiConfig::default()
    }

    /// Adds an argument; the first is the program's name.
    pub fn arg(&mut self, arg: impl Into<Vec<u8>>) -> &mut Self {
        self.args.push(arg.into());
        self
    }

    /// Sets a variable. The last value of a name counts.
    pub fn env(&mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> &mut Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Whether to pass on the process's variables, as they are when the context is built. Those set by
    /// [`env`](Self::env) win.
    pub fn inherit_env(&mut self, inherit: bool) -> &mut Self {
        self.inherit_env = inherit;
        self
    }

    pub fn stdin(&mut self, stdin: Input) -> &mut Self {
        self.stdin = stdin;
        self
    }

    pub fn stdout(&mut self, stdout: Output) -> &mut Self {
        self.stdout = stdout;
        self
    }

    pub fn stderr(&mut self, stderr: Output) -> &mut Self {
        self.stderr = stderr;
        self
    }

    /// Lets the guest use the directory `host` by the name `guest`. The guest finds them in this order, from
    /// descriptor 3 on.
    pub fn preopen(&mut self, host: impl Into<PathBuf>, guest: impl Into<String>) -> &mut Self {
        self.preopen_source(Source::Host(host.into()), guest, false)
    }

    /// As [`preopen`](Self::preopen); whatever would change the directory or something in it fails with `EROFS`.
    pub fn preopen_read_only(
        &mut self,
        host: impl Into<PathBuf>,
        guest: impl Into<String>,
    ) -> &mut Self {
        self.preopen_source(Source::Host(host.into()), guest, true)
    }

    /// The same with a directory that need not be the host's.
    pub fn preopen_source(
        &mut self,
        source: Source,
        guest: impl Into<String>,
        read_only: bool,
    ) -> &mut Self {
        self.preopens.push(Preopen {
            source,
            guest: guest.into(),
            read_only,
        });
        self
    }

    /// How many files and folders the guest may have open at a time, beside those that it is given: each is a descriptor of the
    /// process. By default 256, or half of what the process may open if that is less.
    pub fn max_files(&mut self, limit: u32) -> &mut Self {
        self.max_files = Some(limit);
        self
    }

    /// Lets the guest accept connections on `socket`. The guest finds its sockets in this order, after the preopened directories; their
    /// connections count as files. While a guest has it, the socket does not block, for the host either.
    pub fn listener(&mut self, socket: TcpListener) -> &mut Self {
        self.listeners.push(Arc::new(socket));
        self
    }

    /// The same with a descriptor of the process, which is duplicated. Fails with `InvalidArgument` for what is no TCP socket that listens.
    pub fn listener_of(&mut self, descriptor: i32) -> Result<&mut Self> {
        let socket = host::listening(descriptor).map_err(|error| {
            if error.kind() == ErrorKind::Unsupported {
                return Error::new(Code::Unsupported, error.to_string());
            }
            invalid(format!(
                "descriptor {descriptor} is no TCP socket that listens: {error}"
            ))
        })?;
        Ok(self.listener(socket))
    }

    /// Makes runs repeatable: random numbers come from `seed`, and clocks stand still, at 2001-09-09T01:46:40Z and at 0, but for sleeps,
    /// which pass at once. Random numbers are no secret then.
    pub fn deterministic(&mut self, seed: u64) -> &mut Self {
        self.clocks = ClockSource::Still(STILL_SINCE_1970);
        self.seeded_random(seed)
    }

    /// Has time pass faster or slower than it does, from when the context is built. Clocks that were asked for before are not had.
    pub fn clock_scale(&mut self, scale: ClockScale) -> &mut Self {
        self.clocks = ClockSource::Scaled(scale);
        self
    }

    /// Has clocks show what the host says. Those that were asked for before are not had.
    pub fn host_clocks(&mut self, clocks: Arc<dyn HostClocks>) -> &mut Self {
        self.clocks = ClockSource::Hosted(clocks);
        self
    }

    /// Makes random numbers repeatable alone: they come from `seed`, and are no secret then.
    pub fn seeded_random(&mut self, seed: u64) -> &mut Self {
        self.random = RandomSource::Seeded(seed);
        self
    }

    /// [`seeded_random`](Self::seeded_random), where random numbers would be the system's.
    pub fn else_seeded_random(&mut self, seed: u64) -> &mut Self {
        match self.random {
            RandomSource::System => self.seeded_random(seed),
            RandomSource::Seeded(_) | RandomSource::Hosted(_) => self,
        }
    }

    /// Has a function fill in random bytes: all of them, or it fails. Guests are told of its error. It is called by the threads that run guests.
    pub fn host_random(
        &mut self,
        fill: impl Fn(&mut [u8]) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> &mut Self {
        self.random = RandomSource::Hosted(Arc::new(fill));
        self
    }

    pub fn preopens(&self) -> &[Preopen] {
        &self.preopens
    }

    /// Opens the directories and makes a context of its own, with its own descriptors.
    ///
    /// Fails with `InvalidArgument` for a string that a guest cannot be given and for a preopened path that is no
    /// directory, `NotFound` if there is none, `Io` if it cannot be opened.
    pub fn build(&self) -> Result<Box<dyn Preview1>> {
        Ok(Box::new(self.build_with(Box::new(Waiting))?))
    }

    /// [`build`](Self::build) with another way to wait.
    pub(super) fn build_with(&self, wait: Box<dyn Wait>) -> Result<Wasi> {
        let descriptors = Descriptors::new(self.max_files.unwrap_or_else(default_limit));
        let streams = [
            input(&self.stdin)?,
            output(&self.stdout, Inherited::Stdout)?,
            output(&self.stderr, Inherited::Stderr)?,
        ];
        let listeners = self.open_listeners(&descriptors)?;
        let clocks = Rc::new(self.clocks.start());
        let given = Given {
            args: self.build_args()?,
            env: self.build_env()?,
            random: self.random.start(),
            preopened: self.open_preopens(&clocks, &descriptors)?,
            clocks,
            wait,
        };
        Ok(Wasi::new(given, streams, listeners))
    }

    fn open_listeners(&self, descriptors: &Descriptors) -> Result<Vec<Rc<dyn File>>> {
        if self.listeners.len() > MAX_LISTENERS {
            return Err(Error::new(
                Code::Limit,
                format!("more than {MAX_LISTENERS} listening sockets for a guest"),
            ));
        }
        let each = self.listeners.iter().map(|socket| {
            host::listener(socket, descriptors.clone()).map_err(|error| {
                Error::new(Code::Io, format!("a listening socket for a guest: {error}"))
            })
        });
        each.collect()
    }

    fn build_args(&self) -> Result<Strings> {
        let mut strings = Strings::default();
        for (i, arg) in self.args.iter().enumerate() {
            if !strings.push(&[arg]) {
                return Err(invalid(format!(
                    "argument {i} holds a NUL byte or is too long"
                )));
            }
        }
        Ok(strings)
    }

    fn build_env(&self) -> Result<Strings> {
        for (name, _) in &self.env {
            if name.is_empty() || name.contains(&b'=') {
                return Err(invalid(format!(
                    "`{}` is no name for an environment variable",
                    printable(name)
                )));
            }
        }
        // What the process has need not be well-formed, and is passed on as it is.
        let inherited = self.inherit_env.then(host::variables);
        let inherited = inherited.into_iter().flatten().map(|(name, value)| {
            (
                name.as_encoded_bytes().to_vec(),
                value.as_encoded_bytes().to_vec(),
            )
        });
        let mut vars: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for (name, value) in inherited.chain(self.env.iter().cloned()) {
            match vars.iter_mut().find(|(known, _)| *known == name) {
                Some(known) => known.1 = value,
                None => vars.push((name, value)),
            }
        }
        let mut strings = Strings::default();
        for (name, value) in &vars {
            if !strings.push(&[name, b"=", value]) {
                return Err(invalid(format!(
                    "environment variable `{}` holds a NUL byte or is too long",
                    printable(name)
                )));
            }
        }
        Ok(strings)
    }

    fn open_preopens(
        &self,
        clocks: &Rc<Clocks>,
        descriptors: &Descriptors,
    ) -> Result<Vec<Preopened>> {
        let mut opened: Vec<Preopened> = Vec::with_capacity(self.preopens.len());
        for preopen in &self.preopens {
            let guest = &preopen.guest;
            if guest.is_empty() || guest.contains('\0') {
                return Err(invalid(format!(
                    "preopened directory `{}`: its name for the guest is empty or holds a NUL byte",
                    preopen.source
                )));
            }
            if opened.iter().any(|other| other.guest == *guest) {
                return Err(invalid(format!(
                    "two preopened directories have the guest name `{guest}`"
                )));
            }
            let [folder, own] = open_source(&preopen.source, clocks, descriptors)?;
            opened.push(Preopened {
                guest: guest.clone(),
                folder: match preopen.read_only || matches!(preopen.source, Source::Archive(_)) {
                    true => Rc::new(ReadOnly(folder)),
                    false => folder,
                },
                own,
            });
        }
        Ok(opened)
    }
}

/// A directory as the guest gets it, and as the linker reads files in it.
fn open_source(
    source: &Source,
    clocks: &Rc<Clocks>,
    descriptors: &Descriptors,
) -> Result<[Rc<dyn Folder>; 2]> {
    // One file at a time is read for the linker.
    let for_linker = Descriptors::new(1);
    Ok(match source {
        Source::Host(path) => {
            let opened = host::folders(path, [descriptors, &for_linker]);
            opened.map_err(|error| not_opened(path, &error))?
        }
        Source::Memory(tree) => roots(tree, clocks, [descriptors, &for_linker]),
        Source::Hosted(tree) => roots(tree, clocks, [descriptors, &for_linker]),
        Source::Archive(tree) => roots(tree, clocks, [descriptors, &for_linker]),
    })
}

fn roots<T: Tree>(tree: &T, clocks: &Rc<Clocks>, each: [&Descriptors; 2]) -> [Rc<dyn Folder>; 2] {
    each.map(|descriptors| {
        let folder = TreeFolder::root(tree.clone(), clocks.clone(), descriptors.clone());
        Rc::new(folder) as Rc<dyn Folder>
    })
}

/// For messages, which C hosts read.
fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}")
}

fn invalid(message: String) -> Error {
    Error::new(Code::InvalidArgument, message)
}

fn not_opened(host: &Path, error: &std::io::Error) -> Error {
    let code = match error.kind() {
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::NotADirectory | ErrorKind::InvalidInput => Code::InvalidArgument,
        ErrorKind::Unsupported => Code::Unsupported,
        _ => Code::Io,
    };
    Error::new(
        code,
        format!("preopened directory `{}`: {error}", host.display()),
    )
}

/// The guest's standard input; nothing if the process has none to pass on.
fn input(input: &Input) -> Result<Option<Slot>> {
    let stream = match input {
        Input::Null => Stream::End,
        Input::Inherit => return inherited(Inherited::Stdin, Rights::FD_READ),
        Input::Bytes(bytes) => Stream::Bytes(std::io::Cursor::new(bytes.clone()).into()),
        Input::Callback(read) => Stream::Read(read.clone()),
    };
    let rights = Rights::OF_STREAM.without(Rights::FD_WRITE);
    Ok(Some(Slot::file(Rc::new(stream), rights)))
}

fn output(output: &Output, own: Inherited) -> Result<Option<Slot>> {
    let stream = match output {
        Output::Null => Stream::Sink,
        Output::Inherit => return inherited(own, Rights::FD_WRITE),
        Output::Buffer(buffer) => Stream::Buffer(buffer.clone()),
        Output::Callback(write) => Stream::Write(write.clone()),
    };
    let rights = Rights::OF_STREAM.without(Rights::FD_READ);
    Ok(Some(Slot::file(Rc::new(stream), rights)))
}

fn inherited(own: Inherited, right: Rights) -> Result<Option<Slot>> {
    match host::inherited(own) {
        Ok(stream) => Ok(Some(Slot::stream(stream, right))),
        Err(error) if error.kind() == ErrorKind::Unsupported => Err(Error::new(
            Code::Unsupported,
            "there are no standard streams on this system: give guests bytes, buffers or callbacks (wasm_dyld_wasi_set_stdout)",
        )),
        // The process was started without.
        Err(_) => Ok(None),
    }
}
