//! Compiling and running C and C++ programs that use the library.

// Each of the test programs uses a part of this.
#![allow(dead_code, reason = "compiled into several programs")]

#[path = "machine.rs"]
pub mod machine;
#[path = "skip.rs"]
pub mod skip;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

pub const WARNINGS: &[&str] = &["-Wall", "-Wextra", "-Wpedantic", "-Werror"];
/// What C++ has to bear besides.
pub const CXX_WARNINGS: &[&str] = &["-Wshadow", "-Wconversion"];

/// The target folder with its profile: where the library is.
fn built() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let deps = test.parent().expect("the folder of the test");
    deps.parent().expect("the profile's folder").to_path_buf()
}

pub fn guests() -> PathBuf {
    let set = std::env::var_os("WASMDYLD_GUESTS").map(PathBuf::from);
    let guests = set.unwrap_or_else(|| built().join("../guests"));
    guests.canonicalize().unwrap_or_else(|e| {
        panic!(
            "{}: {e}; build the guests first, or set WASMDYLD_GUESTS",
            guests.display()
        )
    })
}

/// What all tests share, made once.
pub struct Setup {
    pub work: PathBuf,
    /// See [`unknown_engine`].
    pub unknown: PathBuf,
    pub wasm_h: PathBuf,
}

/// An engine that is not known by its own functions: a copy of one that was built, in which the names of these are others. They have the
/// hash of the old ones, which is what the system's linker finds a symbol by, before it compares the names: 33 times a letter and the next.
fn unknown_engine(work: &Path) -> PathBuf {
    let engines = std::env::var("WASMDYLD_TEST_ENGINES").unwrap_or_default();
    let wasmi = engines
        .split(':')
        .find_map(|entry| entry.strip_prefix("wasmi="));
    let mut bytes = std::fs::read(wasmi.map_or_else(library, PathBuf::from)).expect("an engine");
    for mark in [
        "wasmtime_error_message",
        "wasmer_last_error_length",
        "wasmi_engine_clone",
    ] {
        // As the symbol tables have it: a whole string.
        let name = [b"\0", mark.as_bytes(), b"\0"].concat();
        let mut from = 0;
        while let Some(at) = memchr::memmem::find(&bytes[from..], &name) {
            bytes[from + at + 2] += 1;
            bytes[from + at + 3] -= 33;
            from += at + name.len();
        }
    }
    // Other test programs may be using it.
    let path = work.join("libunknown.so");
    if !std::fs::read(&path).is_ok_and(|known| known == bytes) {
        let new = work.join(format!("libunknown-{}.so", std::process::id()));
        std::fs::write(&new, bytes).expect("a copy of an engine");
        std::fs::rename(new, &path).expect("a copy of an engine");
    }
    path
}

pub fn setup() -> &'static Setup {
    static SETUP: OnceLock<Setup> = OnceLock::new();
    SETUP.get_or_init(|| {
        let work = built().join("c-tests");
        std::fs::create_dir_all(work.join("lib")).expect("a folder for the tests");
        std::fs::create_dir_all(work.join("cache")).expect("a folder for compiled code");
        for name in ["libwasmdyld.so", "libwasmdyld.so.0"] {
            let link = work.join("lib").join(name);
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(library(), link).expect("a link to the library");
        }
        Setup {
            unknown: unknown_engine(&work),
            work,
            wasm_h: wasm_h(),
        }
    })
}

const COMPILERS: [&str; 2] = ["gcc", "clang"];
const CXX_COMPILERS: [&str; 2] = ["g++", "clang++"];

/// The compilers that programs are tested with; the test leaves out those that are not there.
pub fn compilers() -> Vec<String> {
    all_of(COMPILERS, false)
}

/// The same for C++.
pub fn cxx_compilers() -> Vec<String> {
    all_of(CXX_COMPILERS, true)
}

/// A compiler, for what only has to be compiled. One there always is: what is tested was built with it.
pub fn compiler() -> String {
    let other = machine::compiler();
    other.unwrap_or_else(|| any_of(COMPILERS, false).expect("a C compiler"))
}

/// The same for C++; without one the test leaves something out.
pub fn cxx_compiler() -> Option<String> {
    let compiler = any_of(CXX_COMPILERS, true);
    if compiler.is_none() {
        skip::skip_tool("c++");
    }
    compiler
}

fn all_of(known: [&str; 2], cxx: bool) -> Vec<String> {
    let left = left(&known, &skip::wanted_before());
    let found: Vec<String> = known
        .into_iter()
        .filter(|tool| left.contains(tool) && skip::has(tool))
        .map(str::to_string)
        .collect();
    match found.is_empty() {
        true => Vec::from_iter(default_compiler(cxx)),
        false => found,
    }
}

/// The compilers that a test has not been run with, if it is run again for want of some, and of nothing else.
pub fn left<'a>(known: &[&'a str], wanted: &[String]) -> Vec<&'a str> {
    let all = known.iter().copied();
    let wants = |tool: &&str| wanted.iter().any(|what| what == tool);
    match wanted.iter().all(|what| known.contains(&what.as_str())) && !wanted.is_empty() {
        true => all.filter(wants).collect(),
        false => all.collect(),
    }
}

fn any_of(known: [&str; 2], cxx: bool) -> Option<String> {
    let found = known.into_iter().find(|tool| skip::is_there(tool));
    found.map(str::to_string).or_else(|| default_compiler(cxx))
}

/// Other engines to test on, name and file; without any the test leaves something out.
pub fn engines() -> Vec<(String, PathBuf)> {
    let listed = std::env::var("WASMDYLD_TEST_ENGINES").unwrap_or_default();
    let entries = listed.split(':').filter(|entry| !entry.is_empty());
    let engines: Vec<(String, PathBuf)> = entries
        .map(|entry| {
            let (name, path) = entry.split_once('=').expect("name=path");
            let path = PathBuf::from(path);
            assert!(path.exists(), "{}: no such file", path.display());
            (name.to_string(), path)
        })
        .collect();
    if engines.is_empty() {
        skip::skip("other engines", "`cargo xtask test` builds them");
    }
    engines
}

/// The folder of the library without an engine; without it the test leaves something out.
pub fn neutral() -> Option<PathBuf> {
    let folder = std::env::var_os("WASMDYLD_TEST_NEUTRAL").map(PathBuf::from);
    if folder.is_none() {
        skip::skip(
            "the library without an engine",
            "`cargo xtask test` builds it",
        );
    }
    folder
}

/// The library of this build: cargo puts it beside the tests' folder for `cargo build`, into it for `cargo test`.
pub fn library() -> PathBuf {
    let candidates = [
        built().join("deps/libwasmdyld.so"),
        built().join("libwasmdyld.so"),
    ];
    let changed = |path: &PathBuf| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let newest = candidates
        .into_iter()
        .filter(|path| path.exists())
        .max_by_key(changed);
    newest.expect("libwasmdyld.so is built")
}

/// The compiler that build scripts would use here, if there is one.
fn default_compiler(cxx: bool) -> Option<String> {
    let target = env!("WASMDYLD_TARGET");
    let mut build = cc::Build::new();
    build
        .cargo_metadata(false)
        .cpp(cxx)
        .opt_level(0)
        .target(target)
        .host(target);
    let compiler = build.try_get_compiler().ok()?;
    let path = compiler.path();
    skip::is_there(path).then(|| path.display().to_string())
}

/// The folder of the engine's wasm.h, as the build script of its crate gave it to ours.
fn wasm_h() -> PathBuf {
    match option_env!("WASMDYLD_WASM_H") {
        Some(folder) => PathBuf::from(folder),
        None => panic!("built without the feature `wasmtime`, which brings wasm.h"),
    }
}

pub fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub fn show(what: &str, output: &Output) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    format!("{what}: {}\n{out}{err}", output.status)
}

pub fn succeed(what: &str, command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(output.status.success(), "{}", show(what, &output));
    output
}

/// Compiles a program, with nothing but `-lwasmdyld`.
pub fn compile(compiler: &str, file: &Path, standard: &str, label: &str) -> PathBuf {
    let lib = setup().work.join("lib");
    compile_with(compiler, file, standard, label, &lib, &["-lwasmdyld"])
        .unwrap_or_else(|why| panic!("{why}"))
}

/// A folder with the library that has no engine, and an engine beside it under the name that `-l` finds.
pub fn beside(neutral: &Path, name: &str, engine: &Path) -> PathBuf {
    // What is linked looks for the engine by its soname, which need not be the file's name.
    let lib = setup().work.join("lib").join(name);
    std::fs::create_dir_all(&lib).expect("a folder for libraries");
    let link = |to: &Path, name: &str| {
        let link = lib.join(name);
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(to, link).expect("a link to a library");
    };
    if machine::is_windows() {
        // Programs find them beside themselves.
        for file in std::fs::read_dir(neutral).expect("the folder of the library") {
            let file = file.expect("a library").path();
            let is_library = file
                .extension()
                .is_some_and(|end| end == "dll" || end == "a");
            if is_library {
                let name = file.file_name().expect("a name").to_string_lossy();
                link(&file, &name);
            }
        }
        return lib;
    }
    let library = neutral.join("libwasmdyld.so");
    assert!(library.exists(), "{}: no such file", library.display());
    link(&library, "libwasmdyld.so");
    link(&library, "libwasmdyld-neutral.so.0");
    link(engine, &format!("lib{name}.so"));
    lib
}

/// Compiles a program with libraries that lie in `lib`.
pub fn compile_with(
    compiler: &str,
    file: &Path,
    standard: &str,
    label: &str,
    lib: &Path,
    libraries: &[&str],
) -> Result<PathBuf, String> {
    build(compiler, file, &[standard], label, lib, libraries)
}

/// Compiles a C++ program as [`compile`] does a C program; more options may follow the standard.
pub fn compile_cxx(compiler: &str, file: &Path, options: &[&str], label: &str) -> PathBuf {
    let lib = setup().work.join("lib");
    // Templates take long to optimize.
    let all = [options, CXX_WARNINGS, &["-O0"]].concat();
    build(compiler, file, &all, label, &lib, &["-lwasmdyld"]).unwrap_or_else(|why| panic!("{why}"))
}

fn build(
    compiler: &str,
    file: &Path,
    options: &[&str],
    label: &str,
    lib: &Path,
    libraries: &[&str],
) -> Result<PathBuf, String> {
    let setup = setup();
    let name = file
        .file_stem()
        .and_then(|name| name.to_str())
        .expect("a name");
    let program = match machine::is_windows() {
        true => lib.join(format!("{name}.exe")),
        false => setup.work.join(format!("{name}-{label}")),
    };
    let object = object(compiler, file, options, &format!("{name}-{label}"))?;
    let mut command = Command::new(compiler);
    sanitized(&mut command)
        .arg(object)
        .arg("-o")
        .arg(&program)
        .arg("-L")
        .arg(lib);
    command
        .arg(format!("-Wl,-rpath,{}", lib.display()))
        .args(libraries);
    if machine::is_windows() {
        // Threads of POSIX, which it has in a library beside the system.
        command.arg("-l:libwinpthread.a");
    }
    finish(&mut command, compiler, file, options).map(|()| program)
}

/// An object file, or why there is none; compiled by whoever wants it first, while others wait.
type Object = Arc<OnceLock<Result<PathBuf, String>>>;

/// Compiles a file once for all programs that it is part of in the same way: to compile takes long, and to link does not.
fn object(compiler: &str, file: &Path, options: &[&str], name: &str) -> Result<PathBuf, String> {
    static OBJECTS: Mutex<BTreeMap<String, Object>> = Mutex::new(BTreeMap::new());
    let (standard, rest) = options.split_first().expect("a standard");
    let mut command = Command::new(compiler);
    command
        .arg(format!("-std={standard}"))
        .args(WARNINGS)
        .args(["-g", "-O1"])
        .args(rest);
    include(sanitized(&mut command)).arg("-c").arg(file);
    let objects = OBJECTS.lock();
    let one = objects
        .unwrap_or_else(PoisonError::into_inner)
        .entry(format!("{command:?}"))
        .or_default()
        .clone();
    one.get_or_init(|| {
        let object = setup().work.join(format!("{name}.o"));
        command.arg("-o").arg(&object);
        finish(&mut command, compiler, file, options).map(|()| object)
    })
    .clone()
}

/// Runs a compiler; what it says is the error.
fn finish(
    command: &mut Command,
    compiler: &str,
    file: &Path,
    options: &[&str],
) -> Result<(), String> {
    let standard = options.first().expect("a standard");
    let what = format!("{compiler} -std={standard} {}", file.display());
    let output = command.output().map_err(|e| format!("{what}: {e}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(show(&what, &output)),
    }
}

fn sanitized(command: &mut Command) -> &mut Command {
    if std::env::var_os("WASMDYLD_TEST_ASAN").is_some() {
        command.arg("-fsanitize=address");
    }
    command
}

/// The headers: the project's own, and the engine's.
pub fn include(command: &mut Command) -> &mut Command {
    command
        .arg("-I")
        .arg(source("include"))
        .arg("-isystem")
        .arg(&setup().wasm_h)
}

/// Runs a test program under valgrind, if that is there: the linker's own leaks and invalid accesses. `c-tests/valgrind.supp` has what
/// is not the linker's.
pub fn run_under_valgrind(name: &str, built: impl FnOnce() -> PathBuf) {
    if !skip::has("valgrind") {
        return;
    }
    let built = built();
    let suppressions = format!(
        "--suppressions={}",
        source("c-tests/valgrind.supp").display()
    );
    let arguments = [
        "valgrind",
        "--quiet",
        "--error-exitcode=9",
        "--leak-check=full",
        "--show-leak-kinds=definite",
        "--errors-for-leak-kinds=definite",
        &suppressions,
    ];
    let arguments: Vec<&std::ffi::OsStr> = arguments
        .iter()
        .map(|a| a.as_ref())
        .chain([built.as_os_str()])
        .collect();
    let mut command = program(&arguments, &format!("valgrind-{name}"));
    let output = command
        .env("WASMDYLD_TEST_CHECKER", "1")
        .output()
        .expect("valgrind");
    assert!(output.status.success(), "{}", show(name, &output));
}

/// A command for a program, in a folder of its own.
pub fn program(arguments: &[&std::ffi::OsStr], folder: &str) -> Command {
    let setup = setup();
    let folder = setup.work.join(folder);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder to run in");
    let (first, rest) = arguments.split_first().expect("a program");
    let mut command = machine::command(first);
    command.args(rest).current_dir(folder);
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WASMDYLD_"))
    {
        command.env_remove(name);
    }
    if let Some(engines) = std::env::var_os("WASMDYLD_TEST_ENGINES") {
        command.env("WASMDYLD_TEST_ENGINES", engines);
    }
    command
        .env("WASMDYLD_GUESTS", guests())
        .env("WASMDYLD_TEST_CACHE", setup.work.join("cache"))
        .env("WASMDYLD_TEST_UNKNOWN", &setup.unknown);
    command
}

/// A copy of a folder by hard links: what changes a file below puts another one into its place.
pub fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("the prefix") {
        let entry = entry.expect("an entry").path();
        let target = to.join(entry.file_name().expect("a name"));
        if let Ok(link) = entry.read_link() {
            std::os::unix::fs::symlink(link, target).expect("a link");
        } else if entry.is_dir() {
            copy_tree(&entry, &target);
        } else if std::fs::hard_link(&entry, &target).is_err() {
            std::fs::copy(&entry, &target).expect("a copy");
        }
    }
}
