//! `cargo xtask js`: the package for JavaScript, in `target/js/package`, and its tests.

use crate::guests;
use crate::js_guests;
use crate::library;
use crate::util::{self, At, Result};
use crate::web;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
/// The compiler of types, what makes one file of many, and what the sources take of others' types.
const PACKAGES: [&str; 3] = ["typescript@5.9.3", "esbuild@0.25.12", SHIM];
const SHIM: &str = "@bjorn3/browser_wasi_shim@0.4.2";
/// Node and browsers take each file of modules on its own, which lasts four times as long as one with all of them. Stacks show the names of the sources by
/// the map beside it: browsers' tools read it, and node with --enable-source-maps.
const ONE_FILE: [&str; 6] = [
    "--bundle",
    "--format=esm",
    "--external:@bjorn3/browser_wasi_shim",
    "--minify",
    "--sourcemap",
    "--log-level=warning",
];
/// Names the Rust that builds the package, where the one that is found is not the one that is wanted.
const CHOSEN_RUSTC: &str = "WASMDYLD_JS_RUSTC";
/// Where Debian puts another Rust beside rustup's: its `rustc-web`, `cargo-web` and `rust-web-src`.
const SYSTEM_RUSTC: &str = "/usr/bin/rustc";
/// The linker's own stack, the table that callbacks are in, and what JavaScript has to put in order after an exception.
const LINK: [&str; 8] = [
    "--no-entry",
    "--gc-sections",
    "--stack-first",
    "-zstack-size=1048576",
    "--import-undefined",
    "--export-table",
    "--export=__stack_pointer",
    "--strip-all",
];
/// What makes modules smaller, the same as Debian's binaryen.
const OPTIMIZER: &str = "binaryen@132.0.0";
/// Functions that are called in one place stay: engines compile a function whole when it is called first, also what few calls come to, and take longer for a
/// large one than for its parts. What is alike in small functions is compressed better besides.
/// The lowest kilobyte of the memory is the far end of the stack: no address of what the program has is so low that an offset would make it another one.
const SMALLER: [&str; 4] = [
    "-Oz",
    "--one-caller-inline-max-function-size",
    "1",
    "--low-memory-unused",
];
/// What Rust's code for the target uses. With others the optimizer would write modules that few engines read.
const FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];
/// Of the second module: see `src/aside.rs`.
const ASIDE: [&str; 2] = ["wasmdyld_alloc", "wasmdyld_answer"];

/// Where the compiled sources are, each for itself: tests reach parts of the package there that it does not export.
const MODULES: &str = "modules";

/// The folder of the sources that want the full module: it has what these name, and what the other one has.
const FULL: &str = "full";

/// `--quick`: for tests, larger and slower, and built in a fraction of the time. `--bench`: measures, and does not test. Other arguments go to the tests.
pub fn main(arguments: &[String]) -> Result<()> {
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let (quick, bench) = (has("--quick"), has("--bench"));
    let rest = arguments
        .iter()
        .filter(|argument| !matches!(argument.as_str(), "--quick" | "--bench"));
    let rest: Vec<&String> = rest.collect();
    let build = Build {
        rust: Rust::find()?,
        quick,
    };
    let installed = build.installed()?;
    if bench {
        return measure(&installed);
    }
    test(&installed, build.is_small(), &rest)
}

/// What `cargo xtask test` tests: the installed package's folder, or nothing where no Rust here makes modules. It has what its tests use besides.
pub fn for_tests() -> Result<Option<PathBuf>> {
    match Rust::find() {
        Ok(rust) => Build { rust, quick: true }.installed().map(Some),
        Err(_) => Ok(None),
    }
}

/// The library with these features, as it is built for tests.
pub fn library_with(features: &[&str]) -> Result<PathBuf> {
    let rust = Rust::find()?;
    Build { rust, quick: true }.library(features)
}

/// The folder of the compiler of types, and of what else makes the package.
fn tools() -> Result<PathBuf> {
    installed("tools", &PACKAGES)
}

/// The compiler of types.
pub fn tsc() -> Result<Command> {
    let mut tsc = Command::new("node");
    tsc.arg(tools()?.join("node_modules/typescript/bin/tsc"));
    Ok(tsc)
}

/// The C functions that the sources call: what they name, and what they make of a word and the name that functions of configurations begin with. No
/// more of the library is linked. A word that is none of its functions does no harm.
fn used(sources: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for file in files(sources)? {
        let text = util::read(&file)?;
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        for word in words.filter(|word| !word.is_empty()) {
            if word.starts_with("wasm_dyld_") || word.starts_with("wasmdyld_") {
                names.insert(word.to_string());
            } else {
                names.insert(format!("wasm_dyld_config_{word}"));
            }
        }
    }
    Ok(names)
}

/// The files of a folder, without those in folders of its own.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = util::list(folder)?.into_iter();
    Ok(entries.filter(|entry| entry.is_file()).collect())
}

/// A Rust that has a standard library for the target, or its sources.
struct Rust {
    rustc: PathBuf,
    sources: bool,
    /// There is no standard library for the target but these.
    must_build: bool,
    lld: PathBuf,
}

impl Rust {
    fn find() -> Result<Rust> {
        let candidates = match std::env::var_os(CHOSEN_RUSTC) {
            Some(chosen) => vec![PathBuf::from(chosen)],
            None => vec![library::rustc().into(), SYSTEM_RUSTC.into()],
        };
        let mut lld = None;
        let mut found = None;
        for rustc in candidates {
            let Ok(sysroot) = util::run_quiet(Command::new(&rustc).args(["--print", "sysroot"]))
            else {
                continue;
            };
            let folder = PathBuf::from(sysroot.trim()).join("lib/rustlib");
            // Any Rust's will do.
            lld = lld.or_else(|| linker(&folder));
            let is_built = folder.join(TARGET).join("lib").is_dir();
            let has_sources = folder.join("src/rust/library/std/Cargo.toml").is_file();
            if found.is_none() && (is_built || has_sources) {
                found = Some((rustc, has_sources, !is_built));
            }
        }
        let (rustc, sources, must_build) = found.ok_or_else(|| {
            format!(
                "no Rust here has a standard library for {TARGET}: `rustup target add {TARGET}`; or its sources, \
                 `rustup component add rust-src` (Debian: apt-get install rustc-web cargo-web rust-web-src)"
            )
        })?;
        let lld = lld.ok_or(
            "no linker for WebAssembly is here: rustup's Rust has rust-lld (Debian: apt-get install lld)",
        )?;
        Ok(Rust {
            rustc,
            sources,
            must_build,
            lld,
        })
    }
}

/// A linker for modules: the Rust's own, or the machine's.
fn linker(rustlib: &Path) -> Option<PathBuf> {
    let hosts = util::list(rustlib).ok()?;
    let mut own = hosts.iter().map(|host| host.join("bin/rust-lld"));
    own.find(|file| file.is_file()).or_else(|| {
        let found = util::works("wasm-ld", &["--version"]);
        found.then(|| "wasm-ld".into())
    })
}

/// What a module has in itself.
#[derive(Clone, Copy)]
enum Kind {
    /// See `src/aside.rs`.
    Lean,
    Whole,
}

struct Build {
    rust: Rust,
    quick: bool,
}

impl Build {
    /// Whether the standard library is built as well, for size.
    fn is_small(&self) -> bool {
        !self.quick && self.rust.sources
    }

    /// Builds the package, and installs it.
    fn installed(&self) -> Result<PathBuf> {
        let sources = util::workspace().join("bindings/js/src");
        let lean = used(&sources)?;
        let mut full = used(&sources.join(FULL))?;
        full.extend(lean.iter().cloned());
        let aside = ASIDE.map(String::from).into();
        let modules = [
            self.module("wasmdyld.wasm", Kind::Lean, &lean)?,
            self.module("wasmdyld-aside.wasm", Kind::Whole, &aside)?,
            self.module("wasmdyld-full.wasm", Kind::Whole, &full)?,
        ];
        install(&package(&modules, !self.quick)?)
    }

    /// Builds a module of the library with these exports, and gives its file. The exports that are there are chosen when it is linked, by hand, since
    /// `rustc` exports the whole C API.
    fn module(&self, name: &str, kind: Kind, exports: &BTreeSet<String>) -> Result<PathBuf> {
        util::step(name);
        let archive = self.library(match (self.quick, kind) {
            (true, _) => &["--features", "lean-when-linked"],
            (false, Kind::Lean) => &["--features", "lean"],
            (false, Kind::Whole) => &[],
        })?;
        let module = util::target_dir().join("js").join(name);
        let mut lld = Command::new(&self.rust.lld);
        if self.rust.lld.ends_with("rust-lld") {
            lld.args(["-flavor", "wasm"]);
        }
        lld.args(LINK).arg("--export=wasmdyld_alloc");
        lld.args(
            exports
                .iter()
                .map(|name| format!("--export-if-defined={name}")),
        );
        if self.quick {
            lld.arg(self.told(kind)?);
        }
        util::run(lld.arg(&archive).arg("-o").arg(&module))?;
        if !self.quick {
            optimize(&module)?;
        }
        Ok(module)
    }

    /// An object that tells one library of two kinds what it is part of. To compile it for each takes longer than all else.
    fn told(&self, kind: Kind) -> Result<PathBuf> {
        let (name, text) = match kind {
            Kind::Lean => (
                "lean",
                "#[unsafe(no_mangle)] extern \"C\" fn wasmdyld_is_lean() -> bool { true }",
            ),
            Kind::Whole => (
                "whole",
                "#[unsafe(no_mangle)] extern \"C\" fn wasmdyld_is_lean() -> bool { false }\n\
                 #[unsafe(no_mangle)] extern \"C\" fn wasmdyld_ask(_: *const u8, _: usize) -> usize { usize::MAX }\n\
                 #[unsafe(no_mangle)] extern \"C\" fn wasmdyld_take_answer(_: *mut u8) {}",
            ),
        };
        let folder = util::target_dir().join("js");
        let [source, object] = ["rs", "o"].map(|end| folder.join(format!("{name}.{end}")));
        util::write(&source, format!("#![no_std]\n{text}\n"))?;
        let mut rustc = Command::new(&self.rust.rustc);
        rustc.args(["--edition", "2024", "--crate-type", "lib", "--emit", "obj"]);
        rustc.args(["--target", TARGET, "-O", "-Cpanic=abort"]);
        rustc.env_remove("RUSTUP_TOOLCHAIN");
        util::run(rustc.arg(&source).arg("-o").arg(&object))?;
        Ok(object)
    }

    fn library(&self, features: &[&str]) -> Result<PathBuf> {
        let profile = if self.quick { "js-quick" } else { "js" };
        let target = util::target_dir().join("js");
        // The cargo of that Rust.
        let cargo = self.rust.rustc.with_file_name("cargo");
        let mut command = match self.rust.rustc.is_absolute() && cargo.is_file() {
            true => Command::new(cargo),
            false => Command::new("cargo"),
        };
        command.current_dir(util::workspace());
        command.args(["rustc", "--lib", "--crate-type", "staticlib"]);
        command.args(["--profile", profile, "--target", TARGET]);
        command.arg("--no-default-features").args(features);
        command.env("RUSTC", &self.rust.rustc);
        command.env("CARGO_TARGET_DIR", &target);
        // Variables of the cargo that runs this, which may be another one.
        for name in [
            "CARGO_MANIFEST_DIR",
            "RUSTUP_TOOLCHAIN",
            "CARGO",
            "RUSTFLAGS",
        ] {
            command.env_remove(name);
        }
        if self.rust.must_build || self.is_small() {
            command.env("RUSTC_BOOTSTRAP", "1");
            command.arg("-Zbuild-std=std,panic_abort");
        }
        if self.is_small() {
            command.arg("-Zbuild-std-features=optimize_for_size");
            // Texts of panics, which only defects have, and what makes them are a tenth of the module. A trap tells of those as well.
            command.env("RUSTFLAGS", "-Cpanic=immediate-abort -Zunstable-options");
        }
        util::timed(format!("cargo rustc --profile {profile}"), || {
            util::run(&mut command)
        })?;
        Ok(target.join(TARGET).join(profile).join("libwasmdyld.a"))
    }
}

/// Makes a module smaller, where it is.
fn optimize(module: &Path) -> Result<()> {
    let place = installed("optimizer", &[OPTIMIZER])?;
    util::timed("wasm-opt -Oz", || {
        let mut optimizer = Command::new(place.join("node_modules/.bin/wasm-opt"));
        optimizer.args(SMALLER).args(FEATURES).arg(module);
        util::run(optimizer.arg("-o").arg(module))
    })
}

/// Packages of npm in a folder of their own, installed once.
fn installed(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let place = util::target_dir().join("js").join(name);
    let stamp = place.join("packages");
    let identity = packages.join("\n");
    if !util::read(&stamp).is_ok_and(|known| known == identity) {
        util::timed(packages.join(" "), || {
            util::remove(&place)?;
            npm_install(&place, packages)?;
            util::write(&stamp, &identity)
        })?;
    }
    Ok(place)
}

/// Compiles the sources beside the modules, and packs them: the archive's file.
fn package(wasm: &[PathBuf], tell_sizes: bool) -> Result<PathBuf> {
    util::step("the package");
    let sources = util::workspace().join("bindings/js");
    let place = util::target_dir().join("js/package");
    let tools = tools()?;
    util::remove(&place)?;
    util::create_dir(&place)?;
    for name in ["package.json", "tsconfig.json", "README.md"] {
        copy(&sources.join(name), &place.join(name))?;
    }
    copy(&util::workspace().join("LICENSE"), &place.join("LICENSE"))?;
    for folder in [PathBuf::from("src"), Path::new("src").join(FULL)] {
        util::create_dir(&place.join(&folder))?;
        for file in files(&sources.join(&folder))? {
            let name = file.file_name().ok_or("a source without a name")?;
            copy(&file, &place.join(&folder).join(name))?;
        }
    }
    let modules = place.join("node_modules");
    std::os::unix::fs::symlink(tools.join("node_modules"), &modules).at("link", &modules)?;
    util::timed("tsc", || util::run(tsc()?.arg("-p").arg(&place)))?;
    util::timed("esbuild", || {
        let mut esbuild = Command::new(tools.join("node_modules/.bin/esbuild"));
        esbuild
            .arg(place.join(MODULES).join("index.js"))
            .args(ONE_FILE);
        let file = place.join("dist/index.js");
        util::run(esbuild.arg(format!("--outfile={}", file.display())))
    })?;
    for module in wasm {
        let name = module.file_name().ok_or("a module without a name")?;
        copy(module, &place.join("dist").join(name))?;
    }
    let packed = util::run_quiet(
        Command::new("npm")
            .args(["pack", "--silent", "--pack-destination"])
            .arg(&place)
            .arg(&place)
            .current_dir(&place),
    )?;
    let archive = place.join(packed.trim());
    println!("    {}", archive.display());
    if tell_sizes {
        let mut sizes = Command::new("node");
        sizes.arg(sources.join("tests/sizes.mjs"));
        util::run(
            sizes
                .args(wasm)
                .arg(place.join("dist/index.js"))
                .arg(&archive),
        )?;
    }
    Ok(archive)
}

/// Installs the archive as users do, in a folder with nothing else: the installed package's folder.
fn install(archive: &Path) -> Result<PathBuf> {
    let place = util::target_dir().join("js/installed");
    util::timed("npm install, in a fresh folder", || {
        util::remove(&place)?;
        npm_install(&place, &[&archive.display().to_string()])
    })?;
    Ok(place.join("node_modules/wasmdyld"))
}

pub fn npm_install(prefix: &Path, packages: &[&str]) -> Result<()> {
    util::create_dir(prefix)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts"]);
    npm.arg("--prefix").arg(prefix).args(packages);
    util::run_quiet(&mut npm).map(drop)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).at("copy", from).map(drop)
}

/// What calls between libraries cost, and how long libraries take to load.
fn measure(installed: &Path) -> Result<()> {
    let layout = guests::Layout::new();
    util::create_dir(&layout.root)?;
    guests::toolchain::set_up(&layout)?;
    let node = web::fetch()?.join("node");
    for bench in ["calls", "load"] {
        util::step(bench);
        let mut node = Command::new(&node);
        let script = format!("bindings/js/bench/{bench}.mjs");
        node.arg("--no-warnings")
            .arg(util::workspace().join(script));
        node.env("WASMDYLD_BENCH_CC", layout.wasm_cc());
        node.env("WASMDYLD_BENCH_FOLDER", util::target_dir().join("js/load"));
        util::run(node.env("WASMDYLD_TEST_JS", installed))?;
    }
    Ok(())
}

/// The package's own tests, and every guest program in it, with what `cargo xtask test` leaves out of them.
fn test(installed: &Path, is_small: bool, arguments: &[&String]) -> Result<()> {
    guests::main(&[])?;
    let web = web::fetch()?;
    let others = js_guests::fetch()?;
    util::step("tests");
    let mut cargo = library::cargo()?;
    cargo.args(["test", "--release", "--features", "cli"]);
    cargo.args(["--test", "javascript", "--", "--include-ignored"]);
    cargo.args(arguments);
    cargo.env("WASMDYLD_TEST_WEB", &web);
    cargo.envs(variables(installed));
    cargo.env("WASMDYLD_TEST_JS_OTHERS", others);
    // What is larger is built for tests alone, or for want of the sources of Rust's library.
    cargo.env("WASMDYLD_JS_SMALL", if is_small { "1" } else { "" });
    util::timed("cargo test", || util::run(&mut cargo))
}

/// Where tests find the package and what it was made with.
pub fn variables(installed: &Path) -> [(&'static str, PathBuf); 3] {
    let package = util::target_dir().join("js/package");
    [
        ("WASMDYLD_TEST_JS", installed.to_path_buf()),
        ("WASMDYLD_JS_MODULES", package.join(MODULES)),
        ("WASMDYLD_JS_TOOLS", util::target_dir().join("js/tools")),
    ]
}
