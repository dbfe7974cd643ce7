//! `cargo xtask guests`: the toolchain for guest programs, common shared
//! libraries, and the guest programs of the tests, all below `<target>/guests`:
//!
//! ```text
//! tools/     compiler (zig's), tools/bin/{wasm-cc,wasm-c++,wasm-ld}
//! sysroot/   wasi headers, start files, static libc
//! sources/   C sources of SQLite, Lua, zlib, tree-sitter
//! include/   their headers
//! lib/       libc.so, libc++.so, libsqlite3.so, ...
//! python/    CPython: its library, and its modules in python/lib
//! cases/     one folder for each folder of guests/cases
//! obj/       object files and what they were made from
//! ```

mod cases;
mod graph;
mod libraries;
mod python;
pub mod toolchain;

use crate::util::{self, At, Result};
use std::path::PathBuf;
use std::time::Instant;

/// Where everything is.
pub struct Layout {
    /// `<target>/guests`
    pub root: PathBuf,
    /// `guests` in the source tree
    pub source: PathBuf,
}

impl Layout {
    pub fn new() -> Layout {
        Layout {
            root: util::target_dir().join("guests"),
            source: util::workspace().join("guests"),
        }
    }

    pub fn tools(&self) -> PathBuf {
        self.root.join("tools")
    }

    /// Where libc.a, libc.so and their like are in the sysroot.
    pub fn sysroot_lib(&self) -> PathBuf {
        self.root.join("sysroot/lib/wasm32-wasip1")
    }

    pub fn wasm_cc(&self) -> PathBuf {
        self.tools().join("bin/wasm-cc")
    }

    pub fn wasm_cxx(&self) -> PathBuf {
        self.tools().join("bin/wasm-c++")
    }

    /// What is installed: the headers for guests are in a folder of their own there.
    pub fn headers(&self) -> PathBuf {
        util::workspace().join("include")
    }

    /// A common shared library.
    pub fn library(&self, name: &str) -> PathBuf {
        self.root.join("lib").join(name)
    }

    pub fn objects(&self) -> PathBuf {
        self.root.join("obj")
    }

    /// Where a case's files are built.
    pub fn case(&self, name: &str) -> PathBuf {
        self.root.join("cases").join(name)
    }
}

pub fn main(names: &[String]) -> Result<()> {
    if let Some(option) = names.iter().find(|name| name.starts_with('-')) {
        return Err(format!(
            "guests takes names of cases and libraries, not `{option}`"
        ));
    }
    let start = Instant::now();
    let layout = Layout::new();
    util::create_dir(&layout.root)?;
    // Two builds in the same folder would take each other's temporary files away.
    let lock_file = layout.root.join("lock");
    let lock = std::fs::File::create(&lock_file).at("create", &lock_file)?;
    lock.lock().at("lock", &lock_file)?;
    let all = cases::read_all(&layout)?;
    let (libraries, cases) = select(&layout, names, all)?;

    toolchain::set_up(&layout)?;
    let mut graph = graph::Graph::new(&layout);
    for name in &libraries {
        libraries::add(&layout, &mut graph, name)?;
    }
    for case in &cases {
        cases::add(&layout, &mut graph, case)?;
    }
    let summary = graph.run()?;
    for case in &cases {
        graph.sweep(&layout.case(&case.name))?;
    }
    println!(
        "guests: {} cases and {} libraries in {}: {} files built, {} up to date, {}",
        cases.len(),
        libraries.len(),
        layout.root.display(),
        summary.built,
        summary.up_to_date,
        util::seconds(start.elapsed()),
    );
    Ok(())
}

/// The libraries and cases to build: the named ones with all they need, or all.
fn select(
    layout: &Layout,
    names: &[String],
    all: Vec<crate::case::Case>,
) -> Result<(Vec<&'static str>, Vec<crate::case::Case>)> {
    if names.is_empty() {
        return Ok((libraries::NAMES.to_vec(), all));
    }
    let known =
        |name: &str| all.iter().any(|case| case.name == name) || libraries::find(name).is_some();
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        return Err(format!(
            "no case in {} and no library is called `{unknown}`",
            layout.source.join("cases").display()
        ));
    }
    let libraries = names
        .iter()
        .filter_map(|name| libraries::find(name))
        .collect();
    Ok((
        libraries,
        all.into_iter()
            .filter(|case| names.contains(&case.name))
            .collect(),
    ))
}
