//! The format of `guests/cases/NAME/case.txt`: what a case builds, runs and expects.
//!
//! One directive a line. A line that is not indented opens a block or speaks of the whole
//! case; indented lines belong to the block above. `#` at the start of a line is a comment;
//! a word with spaces stands in double quotes.
//!
//! ```text
//! about   what is tested, in one line
//! uses    exceptions              # setjmp and c++ imply it
//!
//! lib libb.so: b.c other.c        # a shared library and its sources
//!     needs liba.so libz.so       # libraries of this case or common ones; libc.so goes without saying
//!     cflags -DX=1                # for the compiler
//!     ldflags -Wl,--whole-archive # for the linker driver
//!     rpath $ORIGIN/deps          # entries of RUNTIME_PATH
//!     folder deps                 # where it lies, below the program's folder
//!     undefined                   # undefined symbols become imports
//!
//! main pie nonpie: main.c         # a program called `main`, in two variants
//!     needs libb.so
//!     dynamic                     # exports its symbols to the libraries
//! main tool static: tool.c        # one called `tool`
//!
//! run                             # every program
//! run tool                        # those of this name
//! run nonpie                      # those of this variant
//!     args one "two words"
//!     env KEY=VALUE
//!     dir data::/data             # a folder of the case as /data; {tmp}: a new empty one for each program;
//!                                 # {built}: where the program and its libraries lie; {tmp}/a, {built}/a: in it
//!     preload libx.so
//!     stack-size 65536
//!     exit 3                      # 134: it traps
//!     stderr some text            # a part of what goes to standard error
//!     > a line of standard output, exactly
//! ```
//!
//! A run without `exit` expects 0, one without `>` lines expects no output.

// The task that builds the cases and the test that runs them each use a part of this.
#![allow(dead_code, reason = "compiled into two programs")]

/// A case, as its case.txt tells.
#[derive(Debug, Default)]
pub struct Case {
    /// The name of its folder.
    pub name: String,
    pub about: String,
    pub setjmp: bool,
    pub cxx: bool,
    /// Whether the engine has to have wasm exceptions.
    pub exceptions: bool,
    pub libs: Vec<Library>,
    pub mains: Vec<Main>,
    pub runs: Vec<Run>,
}

/// What libraries and programs have in common.
#[derive(Debug, Default)]
pub struct Build {
    pub sources: Vec<String>,
    pub needs: Vec<String>,
    pub cflags: Vec<String>,
    pub ldflags: Vec<String>,
    pub rpath: Vec<String>,
    pub undefined: bool,
}

#[derive(Debug, Default)]
pub struct Library {
    pub file: String,
    pub folder: String,
    pub build: Build,
}

#[derive(Debug, Default)]
pub struct Main {
    pub name: String,
    pub variants: Vec<Variant>,
    pub dynamic: bool,
    pub build: Build,
}

/// The kinds of main programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Position-independent: the loader places it.
    Pie,
    /// At fixed addresses, with a shared libc.
    NonPie,
    /// At fixed addresses, with a static libc, which it exports to its libraries.
    Static,
    /// An ordinary command that knows nothing of shared libraries.
    Plain,
}

#[derive(Clone, Debug, Default)]
pub struct Run {
    /// The line of case.txt, for messages.
    pub line: usize,
    /// Names of programs or variants; none means all.
    pub only: Vec<String>,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    /// Host folder (of the case, or in `{tmp}` or `{built}`) and guest folder.
    pub dirs: Vec<(String, String)>,
    pub preload: Vec<String>,
    pub stack_size: Option<u64>,
    pub exit: i32,
    pub stdout: String,
    pub stderr: Vec<String>,
}

/// A program that a case builds.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    pub main: &'a Main,
    pub variant: Variant,
}

impl Variant {
    pub const ALL: [Variant; 4] = [
        Variant::Pie,
        Variant::NonPie,
        Variant::Static,
        Variant::Plain,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Variant::Pie => "pie",
            Variant::NonPie => "nonpie",
            Variant::Static => "static",
            Variant::Plain => "plain",
        }
    }

    fn parse(word: &str) -> Option<Variant> {
        Variant::ALL
            .into_iter()
            .find(|variant| variant.word() == word)
    }

    /// The folder, below the case's, of the program and its libraries. A library that takes
    /// libc from the main program is not the one that needs libc.so, though it has the same name.
    pub fn folder(self) -> &'static str {
        if self == Variant::Static {
            "static"
        } else {
            ""
        }
    }
}

impl Program<'_> {
    pub fn file(self) -> String {
        format!("{}-{}.wasm", self.main.name, self.variant.word())
    }

    fn is_among(&self, only: &[String]) -> bool {
        only.is_empty()
            || only
                .iter()
                .any(|word| *word == self.main.name || word == self.variant.word())
    }
}

impl Case {
    pub fn parse(name: &str, text: &str) -> Result<Case, String> {
        let mut case = Case {
            name: name.into(),
            ..Case::default()
        };
        let mut block = Block::None;
        for (index, line) in text.lines().enumerate() {
            case.line(&mut block, line, index + 1)
                .map_err(|error| format!("{name}/case.txt:{}: {error}", index + 1))?;
        }
        case.check()
            .map_err(|error| format!("{name}/case.txt: {error}"))?;
        Ok(case)
    }

    /// All programs that the case builds.
    pub fn programs(&self) -> Vec<Program<'_>> {
        let of = |main| move |&variant: &Variant| Program { main, variant };
        self.mains
            .iter()
            .flat_map(|main| main.variants.iter().map(of(main)))
            .collect()
    }

    /// The programs that `run` is about.
    pub fn programs_of(&self, run: &Run) -> Vec<Program<'_>> {
        let mut programs = self.programs();
        programs.retain(|program| program.is_among(&run.only));
        programs
    }

    pub fn lib(&self, file: &str) -> Option<&Library> {
        self.libs.iter().find(|lib| lib.file == file)
    }

    fn line(&mut self, block: &mut Block, line: &str, number: usize) -> Result<(), String> {
        let text = line.trim_start();
        if text.trim_end().is_empty() || text.starts_with('#') {
            return Ok(());
        }
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        if text.len() == line.len() {
            return self.open(block, word, rest, number);
        }
        if let Some(output) = text.strip_prefix('>') {
            let run = self
                .runs
                .last_mut()
                .filter(|_| *block == Block::Run)
                .ok_or("output belongs to a run")?;
            run.stdout
                .push_str(output.strip_prefix(' ').unwrap_or(output));
            run.stdout.push('\n');
            return Ok(());
        }
        let known = match block {
            Block::None => return Err("an indented line belongs to a lib, main or run".into()),
            Block::Lib => self
                .libs
                .last_mut()
                .is_some_and(|lib| lib.directive(word, rest)),
            Block::Main => self
                .mains
                .last_mut()
                .is_some_and(|main| main.directive(word, rest)),
            Block::Run => match self.runs.last_mut() {
                Some(run) => run.directive(word, rest)?,
                None => false,
            },
        };
        if known {
            Ok(())
        } else {
            Err(format!("no `{word}` in this block"))
        }
    }

    fn open(
        &mut self,
        block: &mut Block,
        word: &str,
        rest: &str,
        number: usize,
    ) -> Result<(), String> {
        let sources = |rest: &str| -> Result<(Vec<String>, Build), String> {
            let (head, sources) = rest
                .split_once(':')
                .ok_or("after the name come a colon and the sources")?;
            Ok((
                words(head),
                Build {
                    sources: words(sources),
                    ..Build::default()
                },
            ))
        };
        match word {
            "about" => self.about = rest.into(),
            "uses" => {
                for feature in words(rest) {
                    match feature.as_str() {
                        "exceptions" => {}
                        "setjmp" => self.setjmp = true,
                        "c++" => self.cxx = true,
                        _ => return Err(format!("no feature is called `{feature}`")),
                    }
                    self.exceptions = true;
                }
            }
            "lib" => {
                let (head, build) = sources(rest)?;
                let [file] = head.try_into().map_err(|_| "a library has one name")?;
                self.libs.push(Library {
                    file,
                    folder: String::new(),
                    build,
                });
                *block = Block::Lib;
            }
            "main" => {
                let (head, build) = sources(rest)?;
                let mut main = Main {
                    name: "main".into(),
                    build,
                    ..Main::default()
                };
                for word in head {
                    match Variant::parse(&word) {
                        Some(variant) => main.variants.push(variant),
                        None => main.name = word,
                    }
                }
                self.mains.push(main);
                *block = Block::Main;
            }
            "run" => {
                self.runs.push(Run {
                    line: number,
                    only: words(rest),
                    ..Run::default()
                });
                *block = Block::Run;
            }
            _ => return Err(format!("`{word}` is not about, uses, lib, main or run")),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        if self.about.is_empty() {
            return Err("`about` is missing".into());
        }
        for run in &self.runs {
            if self.programs_of(run).is_empty() {
                return Err(format!("no program for `run {}`", run.only.join(" ")));
            }
        }
        for main in &self.mains {
            if main.variants.is_empty() {
                return Err(format!(
                    "program `{}` has no variant: pie, nonpie, static or plain",
                    main.name
                ));
            }
        }
        Ok(())
    }
}

#[derive(PartialEq)]
enum Block {
    None,
    Lib,
    Main,
    Run,
}

impl Build {
    fn directive(&mut self, word: &str, rest: &str) -> bool {
        match word {
            "needs" => self.needs.extend(words(rest)),
            "cflags" => self.cflags.extend(words(rest)),
            "ldflags" => self.ldflags.extend(words(rest)),
            "rpath" => self.rpath.extend(words(rest)),
            "undefined" => self.undefined = true,
            _ => return false,
        }
        true
    }
}

impl Library {
    fn directive(&mut self, word: &str, rest: &str) -> bool {
        match word {
            "folder" => self.folder = rest.into(),
            _ => return self.build.directive(word, rest),
        }
        true
    }
}

impl Main {
    fn directive(&mut self, word: &str, rest: &str) -> bool {
        match word {
            "dynamic" => self.dynamic = true,
            _ => return self.build.directive(word, rest),
        }
        true
    }
}

impl Run {
    fn directive(&mut self, word: &str, rest: &str) -> Result<bool, String> {
        let pair = |separator: &str, meaning: &str| -> Result<(String, String), String> {
            let (left, right) = rest
                .split_once(separator)
                .ok_or_else(|| format!("expected {meaning}"))?;
            Ok((left.into(), right.into()))
        };
        match word {
            "args" => self.args.extend(words(rest)),
            "env" => self.env.push(pair("=", "KEY=VALUE")?),
            "dir" => self.dirs.push(pair("::", "FOLDER::GUEST-FOLDER")?),
            "preload" => self.preload.extend(words(rest)),
            "stack-size" => {
                self.stack_size = Some(
                    rest.parse()
                        .map_err(|_| "stack-size takes a number of bytes")?,
                )
            }
            "exit" => self.exit = rest.parse().map_err(|_| "exit takes a number")?,
            "stderr" => self.stderr.push(rest.into()),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Words between white space; double quotes keep a word with spaces together.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
