//! `cargo xtask wasm32`: C tests where the library, with WASI in it, and the program are one module, which node runs, and guests on node's own engine by the
//! package for JavaScript. So WASI is seen to run where no system is: the library has the time, random numbers and a way to wait of `tests/web/wasm32.mjs`,
//! and nothing else. What cannot come out as on this machine is in `tests/wasm32.txt`, with the reason.
//!
//! It takes another build of the library, so that it is no part of the gate. Everything is below `<target>/wasm32`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::guests::{self, Layout};
use crate::util::{self, Result};
use crate::{js, library, web};

const LIST: &str = "tests/wasm32.txt";

/// What is linked with each program, and what runs it.
const BESIDE: &str = "tests/web/wasm32.c";
const RUNNER: &str = "tests/web/wasm32.mjs";

/// What the runner and the engine call, and what a program that was linked with Rust's library for this target takes.
const LINK: [&str; 10] = [
    "--wrap=wasm_dyld_config_new",
    "--import-undefined",
    "--export-table",
    "--export=__stack_pointer",
    "--export=wasmdyld_alloc",
    "--export=wasmdyld_release",
    "--export=wasmdyld_exports",
    "--export=wasmdyld_buffer",
    "--export=wasmdyld_start",
    "-zstack-size=1048576",
];

/// What all programs are made with.
struct Kit {
    place: PathBuf,
    node: PathBuf,
    engine: PathBuf,
    library: PathBuf,
    wasm_h: PathBuf,
    layout: Layout,
}

/// All tests, or those that are named.
pub fn main(names: &[String]) -> Result<()> {
    let all = tests()?;
    if let Some(unknown) = names.iter().find(|name| !all.contains(name)) {
        return Err(format!("no C test is called `{unknown}`"));
    }
    let list = util::read(&util::workspace().join(LIST))?;
    let listed: BTreeMap<&str, &str> = list.lines().filter_map(row).collect();
    let kit = Kit::new()?;
    util::step("C tests");
    let mut wrong = Vec::new();
    for name in all {
        if !names.is_empty() && !names.contains(&name) {
            continue;
        }
        match (kit.test(&name), listed.get(name.as_str())) {
            (Ok(()), None) => println!("    {name}"),
            (Err(_), Some(why)) => println!("    {name}: otherwise, {why}"),
            (Err(error), None) => wrong.push(format!("{name}: {error}")),
            (Ok(()), Some(_)) => wrong.push(format!("{name} passes, although {LIST} has it")),
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n")),
    }
}

/// A test that comes out otherwise, and why.
fn row(line: &str) -> Option<(&str, &str)> {
    let (name, why) = line.split_once(" -- ")?;
    Some((name.trim(), why.trim()))
}

/// The programs of `c-tests`.
fn tests() -> Result<Vec<String>> {
    let files = util::list(&util::workspace().join("c-tests"))?;
    let programs = files
        .iter()
        .filter(|file| file.extension().is_some_and(|end| end == "c"));
    let name = |file: &PathBuf| Some(file.file_stem()?.to_str()?.to_string());
    // The header alone has nothing to run.
    let mut names: Vec<String> = programs
        .filter_map(name)
        .filter(|name| name != "header")
        .collect();
    names.sort();
    Ok(names)
}

impl Kit {
    fn new() -> Result<Kit> {
        let library = js::library_with(&["--features", "wasi"])?;
        guests::main(&[])?;
        let place = util::target_dir().join("wasm32");
        util::create_dir(&place)?;
        Ok(Kit {
            node: web::fetch()?.join("node"),
            engine: engine(&place)?,
            library,
            wasm_h: library::wasm_h()?,
            layout: Layout::new(),
            place,
        })
    }

    fn test(&self, name: &str) -> Result<()> {
        let module = self.place.join(format!("{name}.wasm"));
        let mut compiler = Command::new(self.layout.wasm_cc());
        compiler.current_dir(util::workspace());
        compiler.args(["-O1", "-Wall", "-Wextra", "-Werror", "-Iinclude", "-I"]);
        compiler.arg(&self.wasm_h);
        compiler.arg(format!("c-tests/{name}.c")).arg(BESIDE);
        compiler.arg(&self.library).arg("-o").arg(&module);
        compiler.args(LINK.iter().map(|option| format!("-Wl,{option}")));
        util::run_quiet(&mut compiler)?;
        let mut node = Command::new(&self.node);
        node.arg("--no-warnings")
            .arg(util::workspace().join(RUNNER));
        node.arg(&self.engine).arg(&module).current_dir(&self.place);
        node.env("WASMDYLD_GUESTS", &self.layout.root);
        let said = util::run_quiet(&mut node)?;
        match said.starts_with("ok 1 ") {
            true => Ok(()),
            false => Err(format!("it says nothing of what it has tested: {said}")),
        }
    }
}

/// The package's engine as JavaScript.
fn engine(place: &Path) -> Result<PathBuf> {
    let folder = place.join("engine");
    let mut tsc = js::tsc()?;
    tsc.args(["--target", "es2022", "--module", "nodenext"]);
    tsc.args(["--lib", "es2023,dom,esnext.disposable", "--strict"]);
    tsc.args(["--rootDir", "bindings/js/src", "--outDir"])
        .arg(&folder);
    tsc.arg("bindings/js/src/engine.ts")
        .current_dir(util::workspace());
    util::timed("tsc", || util::run_quiet(&mut tsc))?;
    util::write(&folder.join("package.json"), "{ \"type\": \"module\" }\n")?;
    Ok(folder.join("engine.js"))
}
