//! The shared libraries that guest programs have in common: wasi-libc's, copied
//! from the sysroot as the C++ runtime is, SQLite, Lua, zlib and tree-sitter from their C sources, and CPython.

use super::graph::{Action, Graph, Job};
use super::{Layout, python, toolchain};
use crate::util::{self, At, Result};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const NAMES: [&str; 17] = [
    "libc.so",
    "libdl.so",
    "libsetjmp.so",
    "libwasi-emulated-getpid.so",
    "libwasi-emulated-mman.so",
    "libwasi-emulated-process-clocks.so",
    "libwasi-emulated-signal.so",
    "libsqlite3.so",
    "liblua.so",
    "libz.so",
    "libtree-sitter.so",
    "libtree-sitter-python.so",
    "libunwind.so",
    "libc++abi.so",
    "libc++.so",
    "libemscripten-compat.so",
    python::LIBRARY,
];

/// The toolchain builds these, where they are wanted.
const CXX: [&str; 4] = [
    "libunwind.so",
    "libc++abi.so",
    "libc++.so",
    "libemscripten-compat.so",
];

/// These come as crates with C sources.
const OF_SOURCES: [&str; 5] = [
    "libsqlite3.so",
    "liblua.so",
    "libz.so",
    "libtree-sitter.so",
    "libtree-sitter-python.so",
];

/// Functions of setjmp.h as the exnref form of wasm exceptions; clang's default is the legacy form.
pub const SETJMP_FLAGS: [&str; 4] = [
    "-mllvm",
    "-wasm-enable-sjlj",
    "-mllvm",
    "-wasm-use-legacy-eh=false",
];
/// Lets a library or program have undefined symbols, which become imports.
pub const UNDEFINED_FLAG: &str = "-Wl,--unresolved-symbols=import-dynamic";
/// Others wrote these, so their warnings are not for us.
const THIRD_PARTY_FLAGS: [&str; 4] = ["-fPIC", "-Os", "-DNDEBUG", "-w"];

pub fn find(name: &str) -> Option<&'static str> {
    NAMES.into_iter().find(|known| *known == name)
}

/// A shared library and how it is built.
struct Recipe {
    name: &'static str,
    compiler: PathBuf,
    sources: Vec<PathBuf>,
    /// What the sources include that is big: big jobs start first.
    includes: Vec<PathBuf>,
    cflags: Vec<OsString>,
    ldflags: Vec<&'static str>,
    needs: Vec<&'static str>,
}

/// Adds the jobs that make a library and those that it needs.
pub fn add(layout: &Layout, graph: &mut Graph, name: &str) -> Result<()> {
    if graph.makes(&layout.library(name)) {
        return Ok(());
    }
    if OF_SOURCES.contains(&name) {
        set_up_sources(layout)?;
    }
    if CXX.contains(&name) {
        toolchain::set_up_cxx(layout)?;
    }
    if name == python::LIBRARY {
        python::set_up(layout)?;
        for needed in python::NEEDS {
            add(layout, graph, needed)?;
        }
        graph.add(copy(
            "CPython",
            python::folder(layout).join(name),
            layout.library(name),
        ));
        return Ok(());
    }
    let crates = Crates::new(layout);
    let recipe = match name {
        "libsqlite3.so" => sqlite(layout, &crates),
        "liblua.so" => lua(layout, &crates)?,
        "libz.so" => zlib(layout, &crates)?,
        "libtree-sitter.so" => tree_sitter(layout, &crates),
        "libtree-sitter-python.so" => grammar(layout, &crates)?,
        _ => {
            let name = find(name).ok_or_else(|| format!("no common library is called {name}"))?;
            let file = layout.sysroot_lib().join(name);
            graph.add(copy("toolchain", file, layout.library(name)));
            return Ok(());
        }
    };
    for needed in &recipe.needs {
        add(layout, graph, needed)?;
    }
    add_recipe(layout, graph, recipe);
    Ok(())
}

fn copy(group: &str, from: PathBuf, to: PathBuf) -> Job {
    Job {
        group: group.into(),
        action: Action::Copy,
        inputs: vec![from],
        output: to,
    }
}

fn add_recipe(layout: &Layout, graph: &mut Graph, recipe: Recipe) {
    let mut objects = Vec::new();
    for source in recipe.sources {
        // The whole name, since libc++ has an ios.cpp and an ios.instantiations.cpp.
        let output = layout
            .objects()
            .join("lib")
            .join(recipe.name)
            .join(source.file_name().unwrap_or_default());
        let output = util::beside(&output, "o");
        let mut command = vec![recipe.compiler.clone().into_os_string()];
        command.extend(recipe.cflags.iter().cloned());
        command.extend(["-c".into(), source.clone().into_os_string()]);
        let action = Action::Compile(command);
        objects.push(output.clone());
        let mut inputs = vec![source];
        inputs.extend(recipe.includes.iter().cloned());
        graph.add(Job {
            group: recipe.name.into(),
            action,
            inputs,
            output,
        });
    }
    let mut command: Vec<OsString> = vec![layout.wasm_cc().into()];
    command.extend(["-shared", "-Wl,--experimental-pic"].map(OsString::from));
    let mut inputs = objects;
    inputs.extend(recipe.needs.iter().map(|name| layout.library(name)));
    command.extend(inputs.iter().map(OsString::from));
    command.extend(recipe.ldflags.iter().map(OsString::from));
    graph.add(Job {
        group: recipe.name.into(),
        action: Action::Run(command),
        inputs,
        output: layout.library(recipe.name),
    });
}

/// Where the C sources are.
struct Crates {
    sqlite: PathBuf,
    lua: PathBuf,
    zlib: PathBuf,
    tree_sitter: PathBuf,
    grammar: PathBuf,
}

impl Crates {
    fn new(layout: &Layout) -> Crates {
        let sources = layout.root.join("sources");
        Crates {
            sqlite: sources.join("libsqlite3-sys-0.39.1/sqlite3"),
            lua: sources.join("lua-src-551.1.0/lua-5.4.9"),
            zlib: sources.join("libz-sys-1.1.31/src/zlib"),
            tree_sitter: sources.join("tree-sitter-0.26.3"),
            grammar: sources.join("tree-sitter-python-0.25.0/src"),
        }
    }
}

/// Unpacks the crates that hold C sources and collects the headers that programs include.
fn set_up_sources(layout: &Layout) -> Result<()> {
    let manifest = layout.source.join("sources/Cargo.toml");
    let lock = util::read(&layout.source.join("sources/Cargo.lock"))?;
    let stamp = layout.root.join("sources/complete.txt");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == lock) {
        return Ok(());
    }
    util::step("C sources of SQLite, Lua, zlib and tree-sitter (once)");
    util::timed("crates with C sources", || {
        let unpacked = layout.root.join("sources.tmp");
        util::remove(&unpacked)?;
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .args(["vendor", "--locked", "--versioned-dirs", "--manifest-path"])
            .arg(&manifest)
            .arg(&unpacked);
        util::run_quiet(&mut command)?;
        util::install_dir(&unpacked, &layout.root.join("sources"))?;

        let crates = Crates::new(layout);
        let headers = [
            (&crates.sqlite, &["sqlite3.h", "sqlite3ext.h"][..]),
            (
                &crates.lua,
                &["lua.h", "luaconf.h", "lualib.h", "lauxlib.h"],
            ),
            (&crates.zlib, &["zlib.h", "zconf.h"]),
            (&crates.tree_sitter.join("include/tree_sitter"), &["api.h"]),
        ];
        util::create_dir(&layout.root.join("include"))?;
        for (folder, names) in headers {
            for name in names {
                let from = folder.join(name);
                fs::copy(&from, layout.root.join("include").join(name)).at("copy", &from)?;
            }
        }
        util::write(&stamp, lock)
    })
}

fn flags(words: &[&str]) -> Vec<OsString> {
    THIRD_PARTY_FLAGS
        .iter()
        .chain(words)
        .map(OsString::from)
        .collect()
}

fn c_files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let all = util::list(folder)?.into_iter();
    Ok(all
        .filter(|file| file.extension().is_some_and(|found| found == extension))
        .collect())
}

fn sqlite(layout: &Layout, crates: &Crates) -> Recipe {
    // The wrapper in guests/sources includes sqlite3.c, see there for why.
    let mut cflags = flags(&[
        "-DSQLITE_THREADSAFE=0",
        "-DSQLITE_ENABLE_FTS5",
        "-DSQLITE_ENABLE_MATH_FUNCTIONS",
    ]);
    cflags.extend(["-I".into(), crates.sqlite.clone().into()]);
    Recipe {
        name: "libsqlite3.so",
        compiler: layout.wasm_cc(),
        sources: vec![layout.source.join("sources/sqlite3-wasi.c")],
        includes: vec![crates.sqlite.join("sqlite3.c")],
        cflags,
        ldflags: vec![],
        needs: vec!["libdl.so"],
    }
}

fn lua(layout: &Layout, crates: &Crates) -> Result<Recipe> {
    let mut cflags = flags(&SETJMP_FLAGS);
    // wasi has neither system() nor signals.
    cflags.extend([
        "-DLUA_USE_DLOPEN".into(),
        "-Dl_signalT=int".into(),
        "-Dl_system(command)=((command) == NULL ? 0 : -1)".into(),
    ]);
    Ok(Recipe {
        name: "liblua.so",
        compiler: layout.wasm_cc(),
        sources: c_files(&crates.lua, "c")?,
        includes: vec![],
        cflags,
        ldflags: vec![UNDEFINED_FLAG],
        needs: vec!["libdl.so", "libsetjmp.so"],
    })
}

fn zlib(layout: &Layout, crates: &Crates) -> Result<Recipe> {
    Ok(Recipe {
        name: "libz.so",
        compiler: layout.wasm_cc(),
        sources: c_files(&crates.zlib, "c")?,
        includes: vec![],
        cflags: flags(&["-DHAVE_UNISTD_H"]),
        ldflags: vec![],
        needs: vec![],
    })
}

fn tree_sitter(layout: &Layout, crates: &Crates) -> Recipe {
    let mut cflags = flags(&["-std=c11", "-D_DEFAULT_SOURCE"]);
    for folder in ["include", "src"] {
        cflags.extend(["-I".into(), crates.tree_sitter.join(folder).into()]);
    }
    Recipe {
        name: "libtree-sitter.so",
        compiler: layout.wasm_cc(),
        // It includes the others.
        sources: vec![crates.tree_sitter.join("src/lib.c")],
        includes: vec![],
        cflags,
        ldflags: vec![],
        needs: vec![],
    }
}

/// Python's, with a scanner of its own.
fn grammar(layout: &Layout, crates: &Crates) -> Result<Recipe> {
    let mut cflags = flags(&["-std=c11"]);
    cflags.extend(["-I".into(), crates.grammar.clone().into()]);
    Ok(Recipe {
        name: "libtree-sitter-python.so",
        compiler: layout.wasm_cc(),
        sources: c_files(&crates.grammar, "c")?,
        includes: vec![],
        cflags,
        ldflags: vec![],
        needs: vec![],
    })
}
