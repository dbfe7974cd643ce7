//! Turns the cases of guests/cases into jobs. The command lines here are the
//! ones that docs/guide/guests.md lists: change both.

use super::graph::{Action, Graph, Job};
use super::{Layout, libraries};
use crate::case::{Build, Case, Library, Program, Variant};
use crate::util::{self, Result};
use std::ffi::OsString;
use std::path::PathBuf;

const COMPILER_FLAGS: [&str; 4] = ["-O1", "-fPIC", "-Wall", "-Wextra"];

const LIBRARY_FLAGS: [&str; 2] = ["-shared", "-Wl,--experimental-pic"];
/// A library without libc of its own. Without the start file nothing would run its constructors.
const LIBRARY_OF_STATIC_FLAGS: [&str; 5] = [
    "-shared",
    "-nostdlib",
    "-Wl,--experimental-pic",
    "-Wl,--no-entry",
    "-Wl,--export-if-defined=__wasm_call_ctors",
];

/// libc.so calls main through a weak import; hence the export.
const MAIN_EXPORT: &str = "-Wl,--export-if-defined=__main_argc_argv";
const PIE_FLAGS: [&str; 3] = ["-Wl,-pie", "-Wl,--experimental-pic", "-Wl,--import-memory"];
/// What libraries and libc need of a program that brings memory, table and stack.
const HOST_FLAGS: [&str; 7] = [
    "-Wl,--export-table",
    "-Wl,--growable-table",
    "-Wl,--export=__stack_pointer",
    "-Wl,--export=__heap_base",
    "-Wl,--export=__heap_end",
    "-Wl,--export=__stack_low",
    "-Wl,--export=__stack_high",
];
const EXPORT_ALL_DYNAMIC: &str = "-Wl,--export-dynamic";

pub fn read_all(layout: &Layout) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for folder in util::list(&layout.source.join("cases"))? {
        if folder.is_dir() {
            let name = folder
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            cases.push(Case::parse(&name, &util::read(&folder.join("case.txt"))?)?);
        }
    }
    Ok(cases)
}

/// Adds the jobs for a case, and for the common libraries that it needs.
pub fn add(layout: &Layout, graph: &mut Graph, case: &Case) -> Result<()> {
    let mut builder = Builder {
        layout,
        graph,
        case,
    };
    let programs = case.programs();
    let has_static = programs
        .iter()
        .any(|program| program.variant == Variant::Static);
    let has_others = programs.is_empty()
        || programs
            .iter()
            .any(|program| program.variant != Variant::Static);
    for lib in &case.libs {
        if has_others {
            builder.library(lib, false)?;
        }
        if has_static {
            builder.library(lib, true)?;
        }
    }
    for program in programs {
        builder.program(program)?;
    }
    Ok(())
}

/// A linker's command line.
#[derive(Clone, Default)]
struct Line {
    before: Vec<&'static str>,
    files: Vec<PathBuf>,
    after: Vec<OsString>,
}

struct Builder<'a> {
    layout: &'a Layout,
    graph: &'a mut Graph,
    case: &'a Case,
}

impl Builder<'_> {
    fn common(&mut self, name: &str) -> Result<PathBuf> {
        libraries::add(self.layout, self.graph, name)
            .map_err(|error| format!("case {}: {error}", self.case.name))?;
        Ok(self.layout.library(name))
    }

    fn is_cxx(source: &str) -> bool {
        source.ends_with(".cpp")
    }

    fn driver(&self, cxx: bool) -> OsString {
        if cxx {
            self.layout.wasm_cxx().into()
        } else {
            self.layout.wasm_cc().into()
        }
    }

    /// Compiles the sources of a library or program; gives the object files.
    fn compile(&mut self, owner: &str, build: &Build) -> Vec<PathBuf> {
        let mut objects = Vec::new();
        for source in &build.sources {
            let file = self
                .layout
                .source
                .join("cases")
                .join(&self.case.name)
                .join(source);
            let output = self
                .layout
                .objects()
                .join("cases")
                .join(&self.case.name)
                .join(owner)
                .join(format!("{}.o", source.replace("..", "up")));
            let mut command = vec![self.driver(Self::is_cxx(source))];
            command.extend(COMPILER_FLAGS.map(OsString::from));
            if self.case.setjmp {
                command.extend(libraries::SETJMP_FLAGS.map(OsString::from));
            }
            command.extend(["-I".into(), self.layout.headers().into()]);
            command.extend(build.cflags.iter().map(OsString::from));
            command.extend(["-c".into(), file.clone().into()]);
            self.job(Action::Compile(command), vec![file], output.clone());
            objects.push(output);
        }
        objects
    }

    fn job(&mut self, action: Action, inputs: Vec<PathBuf>, output: PathBuf) {
        self.graph.add(Job {
            group: format!("case {}", self.case.name),
            action,
            inputs,
            output,
        });
    }

    /// Links objects and libraries.
    fn link(&mut self, build: &Build, line: Line, output: PathBuf) -> Result<()> {
        let cxx = build.sources.iter().any(|source| Self::is_cxx(source));
        let mut command = vec![self.driver(cxx)];
        command.extend(line.before.iter().map(OsString::from));
        command.extend(line.files.iter().map(OsString::from));
        command.extend(line.after);
        let rpath = |entry| format!("-Wl,-rpath,{entry}").into();
        command.extend(build.rpath.iter().map(rpath));
        command.extend(build.ldflags.iter().map(OsString::from));
        if build.undefined || self.case.setjmp {
            // The tag __c_longjmp is an import that no library defines.
            command.push(libraries::UNDEFINED_FLAG.into());
        }
        let mut inputs = line.files;
        // What the driver links by itself.
        inputs.push(self.common("libc.so")?);
        if cxx {
            for name in ["libc++.so", "libc++abi.so", "libunwind.so"] {
                inputs.push(self.common(name)?);
            }
        }
        self.job(Action::Run(command), inputs, output);
        Ok(())
    }

    fn library(&mut self, lib: &Library, of_static: bool) -> Result<()> {
        let build = &lib.build;
        let output = self.place(lib, of_static);
        let mut line = Line {
            files: self.compile(&lib.file, build),
            ..Line::default()
        };
        if of_static {
            for needed in &build.needs {
                line.files.push(self.needed(needed, true)?);
            }
            line.before.extend(LIBRARY_OF_STATIC_FLAGS);
            line.before.push(libraries::UNDEFINED_FLAG);
            return self.link(build, line, output);
        }
        line.before.extend(LIBRARY_FLAGS);
        // Of libraries that need each other, none can be linked first. Each is linked without
        // the others to have something of its name with its symbols, and then properly.
        if self.depends(lib, lib) {
            let mut stand_in = line.clone();
            stand_in.before.push(libraries::UNDEFINED_FLAG);
            self.link(build, stand_in, self.stand_in(lib))?;
        }
        for needed in &build.needs {
            line.files.push(match self.case.lib(needed) {
                Some(other) if self.depends(other, lib) => self.stand_in(other),
                _ => self.needed(needed, false)?,
            });
        }
        line.files.extend(self.setjmp_library()?);
        self.link(build, line, output)
    }

    fn program(&mut self, program: Program) -> Result<()> {
        let (main, variant) = (program.main, program.variant);
        let build = &main.build;
        let is_static = variant == Variant::Static;
        let mut line = Line {
            files: self.compile(&main.name, build),
            ..Line::default()
        };
        match variant {
            Variant::Pie => line.before.extend(PIE_FLAGS),
            Variant::NonPie | Variant::Static => {
                line.before.push("-Wl,-Bdynamic");
                line.before.extend(HOST_FLAGS);
            }
            Variant::Plain => {}
        }
        if variant != Variant::Plain {
            line.before.push(MAIN_EXPORT);
        }
        if main.dynamic {
            line.before.push(EXPORT_ALL_DYNAMIC);
        }
        for needed in &build.needs {
            line.files.push(self.needed(needed, is_static)?);
        }
        if matches!(variant, Variant::Pie | Variant::NonPie) {
            line.files.extend(self.setjmp_library()?);
        }
        if is_static {
            // The libraries use any part of libc, so all of it has to be there.
            let libc = self.layout.sysroot_lib().join("libc.a");
            let words = ["-Wl,-Bstatic", "-Wl,--whole-archive"].map(OsString::from);
            line.after.extend(words);
            line.after
                .extend([libc.into(), "-Wl,--no-whole-archive".into()]);
        }
        let folder = self.layout.case(&self.case.name).join(variant.folder());
        self.link(build, line, folder.join(program.file()))
    }

    fn setjmp_library(&mut self) -> Result<Option<PathBuf>> {
        self.case
            .setjmp
            .then(|| self.common("libsetjmp.so"))
            .transpose()
    }

    /// The file of a library that something needs.
    fn needed(&mut self, name: &str, of_static: bool) -> Result<PathBuf> {
        match self.case.lib(name) {
            Some(lib) => Ok(self.place(lib, of_static)),
            None if of_static => Err(format!(
                "case {}: {name} needs libc.so, which a static program does not go with",
                self.case.name
            )),
            None => self.common(name),
        }
    }

    fn place(&self, lib: &Library, of_static: bool) -> PathBuf {
        let variant = if of_static {
            Variant::Static
        } else {
            Variant::Pie
        };
        self.layout
            .case(&self.case.name)
            .join(variant.folder())
            .join(&lib.folder)
            .join(&lib.file)
    }

    fn stand_in(&self, lib: &Library) -> PathBuf {
        self.layout
            .objects()
            .join("cases")
            .join(&self.case.name)
            .join("stand-in")
            .join(&lib.file)
    }

    /// Whether `lib` needs `target`, directly or not.
    fn depends(&self, lib: &Library, target: &Library) -> bool {
        let mut seen = vec![];
        let mut open: Vec<&Library> = lib
            .build
            .needs
            .iter()
            .filter_map(|name| self.case.lib(name))
            .collect();
        while let Some(next) = open.pop() {
            if next.file == target.file {
                return true;
            }
            if !seen.contains(&&next.file) {
                seen.push(&next.file);
                open.extend(
                    next.build
                        .needs
                        .iter()
                        .filter_map(|name| self.case.lib(name)),
                );
            }
        }
        false
    }
}
