//! Turns the cases of guests/cases into jobs. The command lines here are the
//! ones of guests/README.md: change both.

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
    builder.common("libc.so")?;
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
                .join(format!("{source}.o"));
            let mut command = vec![self.driver(Self::is_cxx(source))];
            command.extend(COMPILER_FLAGS.map(OsString::from));
            if self.case.setjmp {
                command.extend(libraries::SETJMP_FLAGS.map(OsString::from));
            }
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
    fn link(&mut self, build: &Build, flags: Vec<OsString>, files: Vec<PathBuf>, output: PathBuf) {
        self.link_with(build, flags, files, Vec::new(), output);
    }

    /// The same with flags that come after the files.
    fn link_with(
        &mut self,
        build: &Build,
        flags: Vec<OsString>,
        files: Vec<PathBuf>,
        last: Vec<OsString>,
        output: PathBuf,
    ) {
        let cxx = build.sources.iter().any(|source| Self::is_cxx(source));
        let mut command = vec![self.driver(cxx)];
        command.extend(flags);
        command.extend(files.iter().map(OsString::from));
        command.extend(last);
        command.extend(
            build
                .rpath
                .iter()
                .map(|entry| format!("-Wl,-rpath,{entry}").into()),
        );
        command.extend(build.ldflags.iter().map(OsString::from));
        if build.undefined || self.case.setjmp {
            // The tag __c_longjmp is an import that no library defines.
            command.push(libraries::UNDEFINED_FLAG.into());
        }
        self.job(Action::Run(command), files, output);
    }

    fn library(&mut self, lib: &Library, of_static: bool) -> Result<()> {
        let mut files = self.compile(&lib.file, &lib.build);
        let output = self.place(lib, of_static);
        if of_static {
            for needed in &lib.build.needs {
                files.push(self.needed(needed, true)?);
            }
            let mut flags: Vec<OsString> = LIBRARY_OF_STATIC_FLAGS.map(OsString::from).into();
            flags.push(libraries::UNDEFINED_FLAG.into());
            self.link(&lib.build, flags, files, output);
            return Ok(());
        }
        // Of libraries that need each other, none can be linked first. Each is linked without
        // the others to have something of its name with its symbols, and then properly.
        if self.depends(lib, lib) {
            let flags = LIBRARY_FLAGS
                .into_iter()
                .chain([libraries::UNDEFINED_FLAG])
                .map(OsString::from)
                .collect();
            self.link(&lib.build, flags, files.clone(), self.stand_in(lib));
        }
        for needed in &lib.build.needs {
            files.push(match self.case.lib(needed) {
                Some(other) if self.depends(other, lib) => self.stand_in(other),
                _ => self.needed(needed, false)?,
            });
        }
        files.extend(self.runtime(&lib.build)?);
        self.link(
            &lib.build,
            LIBRARY_FLAGS.map(OsString::from).into(),
            files,
            output,
        );
        Ok(())
    }

    fn program(&mut self, program: Program) -> Result<()> {
        let main = program.main;
        let build = &main.build;
        let mut files = self.compile(&main.name, build);
        let mut flags: Vec<OsString> = Vec::new();
        let mut add = |words: &[&str]| flags.extend(words.iter().map(OsString::from));
        match program.variant {
            Variant::Pie => add(&PIE_FLAGS),
            Variant::NonPie => {
                add(&["-Wl,-Bdynamic"]);
                add(&HOST_FLAGS);
            }
            Variant::Static => {
                add(&["-Wl,-Bdynamic"]);
                add(&HOST_FLAGS);
            }
            Variant::Plain => {}
        }
        if program.variant != Variant::Plain {
            add(&[MAIN_EXPORT]);
        }
        if main.dynamic {
            add(&[EXPORT_ALL_DYNAMIC]);
        }
        let is_static = program.variant == Variant::Static;
        let output = self
            .layout
            .case(&self.case.name)
            .join(program.variant.folder())
            .join(program.file());
        for needed in &build.needs {
            files.push(self.needed(needed, is_static)?);
        }
        if matches!(program.variant, Variant::Pie | Variant::NonPie) {
            files.extend(self.runtime(build)?);
        }
        let mut last: Vec<OsString> = Vec::new();
        if is_static {
            // The libraries use any part of libc, so all of it has to be there.
            let libc = self.layout.sysroot_lib().join("libc.a");
            last.extend([
                "-Wl,-Bstatic".into(),
                "-Wl,--whole-archive".into(),
                libc.into(),
                "-Wl,--no-whole-archive".into(),
            ]);
        }
        self.link_with(build, flags, files, last, output);
        Ok(())
    }

    /// Libraries that come with the language and are linked against unasked.
    fn runtime(&mut self, build: &Build) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        if self.case.setjmp {
            files.push(self.common("libsetjmp.so")?);
        }
        if build.sources.iter().any(|source| Self::is_cxx(source)) {
            for name in ["libc++.so", "libc++abi.so", "libunwind.so"] {
                files.push(self.common(name)?);
            }
        }
        Ok(files)
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
