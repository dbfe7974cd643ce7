//! `cargo xtask install`: the build, laid out below a prefix as C programmers and packagers expect it.
//!
//! ```text
//! bin/            wasmdyld, and the guests' compilers
//! LIB/            libwasmdyld.so -> .so.0 -> .so.0.1.0, libwasmdyld.a; libwasmdyld-neutral.* have no engine inside
//! LIB/cmake/WasmDyld, LIB/pkgconfig
//! INCLUDE/        wasmdyld.h, wasmdyld.hh with wasmdyld/*.hh, wasm.h (the bundled engine's), wasmdyld/dlfcn.h (for guests)
//! share/          doc, man, completions, and what building guests with CMake needs
//! ```
//!
//! Nothing in it names the prefix, so that it can be moved. Files that are up to date are left alone, so that what depends on them is not
//! built anew.

use crate::library;
use crate::util::{self, At, Result};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::process::Command;

const USAGE: &str = "\
usage: cargo xtask install --prefix PREFIX [OPTIONS]

Builds what is not up to date and installs it. The result can be moved.

options:
  --prefix PREFIX    where it is to be: /usr/local, $HOME/.local
  --destdir DIR      a folder to put in front of all paths, for packages
  --libdir DIR       for libraries, below PREFIX [lib]
  --includedir DIR   for headers, below PREFIX [include]
  --only VARIANT     bundled: the library with an engine inside, and the command
                     neutral: the library without one
                     [both]
";

/// What to install, and where.
pub struct Options {
    pub prefix: PathBuf,
    pub destdir: Option<PathBuf>,
    /// Below the prefix, as is the next.
    pub libdir: PathBuf,
    pub includedir: PathBuf,
    pub bundled: bool,
    pub neutral: bool,
}

impl Options {
    pub fn new(prefix: PathBuf) -> Options {
        Options {
            prefix,
            destdir: None,
            libdir: "lib".into(),
            includedir: "include".into(),
            bundled: true,
            neutral: true,
        }
    }
}

pub fn main(arguments: &[String]) -> Result<()> {
    if arguments.iter().any(|a| a == "--help" || a == "-h") {
        print!("{USAGE}");
        return Ok(());
    }
    let prefix = install(&parse(arguments)?)?.prefix;
    println!("installed: {}", prefix.display());
    Ok(())
}

fn parse(arguments: &[String]) -> Result<Options> {
    let mut options = Options::new(PathBuf::new());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (argument.as_str(), None),
        };
        let mut value = || {
            value
                .or_else(|| rest.next().map(String::as_str))
                .filter(|value| !value.is_empty())
                .ok_or(format!("{name} wants a value\n\n{USAGE}"))
        };
        match name {
            "--prefix" => {
                options.prefix = std::path::absolute(value()?).at("find", "prefix".as_ref())?
            }
            "--destdir" => {
                options.destdir =
                    Some(std::path::absolute(value()?).at("find", "destdir".as_ref())?);
            }
            "--libdir" => options.libdir = value()?.into(),
            "--includedir" => options.includedir = value()?.into(),
            "--only" => match value()? {
                "bundled" => options.neutral = false,
                "neutral" => options.bundled = false,
                other => return Err(format!("--only {other}: bundled or neutral?\n\n{USAGE}")),
            },
            _ => return Err(format!("install does not know `{argument}`\n\n{USAGE}")),
        }
    }
    if options.prefix.as_os_str().is_empty() {
        return Err(format!("install wants a --prefix\n\n{USAGE}"));
    }
    if !options.bundled && !options.neutral {
        return Err("--only bundled and --only neutral exclude each other".to_string());
    }
    options.libdir = below(&options.prefix, &options.libdir)?;
    options.includedir = below(&options.prefix, &options.includedir)?;
    Ok(options)
}

/// The files that are installed find each other by relative paths, counted in folders.
fn below(prefix: &Path, folder: &Path) -> Result<PathBuf> {
    let relative = folder.strip_prefix(prefix).unwrap_or(folder);
    let mut components = relative.components();
    match components.all(|part| matches!(part, Component::Normal(_))) {
        // As components, so that no slash too many is left.
        true => Ok(relative.components().collect()),
        false => Err(format!(
            "{}: not a folder below {}",
            folder.display(),
            prefix.display()
        )),
    }
}

/// The folders of an installation.
pub struct Installed {
    pub prefix: PathBuf,
    pub bin: PathBuf,
    pub lib: PathBuf,
    pub include: PathBuf,
}

/// Builds what is not up to date, then installs.
pub fn install(options: &Options) -> Result<Installed> {
    let prefix = match &options.destdir {
        Some(destdir) => destdir.join(options.prefix.strip_prefix("/").unwrap_or(&options.prefix)),
        None => options.prefix.clone(),
    };
    let installed = Installed {
        bin: prefix.join("bin"),
        lib: prefix.join(&options.libdir),
        include: prefix.join(&options.includedir),
        prefix,
    };
    let texts = Texts::new(options)?;
    if options.bundled {
        let built = library::build()?;
        let command = built.folder.join("wasmdyld");
        put(&command, &installed.bin.join("wasmdyld"), 0o755)?;
        put(&built.wasm_h, &installed.include.join("wasm.h"), 0o644)?;
        variant(&BUNDLED, &built.folder, &texts, &installed)?;
        from_command(&command, &installed)?;
    }
    if options.neutral {
        variant(&NEUTRAL, &library::neutral()?, &texts, &installed)?;
    }
    let cmake = installed.lib.join("cmake/WasmDyld");
    for name in ["WasmDyldConfig.cmake", "WasmDyldConfigVersion.cmake"] {
        text(&cmake.join(name), &texts.fill(&format!("{name}.in"), &[])?)?;
    }
    let targets = "WasmDyldTargets.cmake";
    put(
        &util::workspace().join("cmake").join(targets),
        &cmake.join(targets),
        0o644,
    )?;
    put_tree(&util::workspace().join("include"), &installed.include)?;
    documents(&installed.prefix.join("share/doc/wasmdyld"))?;
    guest_tools(&installed)?;
    Ok(installed)
}

/// The library with or without an engine inside.
struct Variant {
    label: &'static str,
    /// `lib` before it is the name that it is installed by; cargo calls both variants libwasmdyld.
    name: &'static str,
    /// The components that CMake knows.
    shared: &'static str,
    archive: &'static str,
    description: &'static str,
}

const BUNDLED: Variant = Variant {
    label: "bundled",
    name: "wasmdyld",
    shared: "shared",
    archive: "static",
    description: "Dynamic linker for WebAssembly programs made of shared libraries, with an engine inside",
};

const NEUTRAL: Variant = Variant {
    label: "neutral",
    name: "wasmdyld-neutral",
    shared: "neutral",
    archive: "neutral-static",
    description: "Dynamic linker for WebAssembly programs made of shared libraries, for the engine that is linked beside it",
};

/// The files of one variant alone.
fn variant(variant: &Variant, built: &Path, texts: &Texts, installed: &Installed) -> Result<()> {
    let (name, version, lib) = (variant.name, &texts.version, &installed.lib);
    let major = version.split('.').next().unwrap_or(version);
    let [plain, soname, file] = [
        format!("lib{name}.so"),
        // As build.rs has it.
        format!("lib{name}.so.{major}"),
        format!("lib{name}.so.{version}"),
    ];
    put(&built.join("libwasmdyld.so"), &lib.join(&file), 0o755)?;
    link(&file, &lib.join(&soname))?;
    link(&soname, &lib.join(&plain))?;
    put(
        &built.join("libwasmdyld.a"),
        &lib.join(format!("lib{name}.a")),
        0o644,
    )?;

    let libraries = library::native_libraries(built)?;
    let values = [
        ("NAME", name),
        ("DESCRIPTION", variant.description),
        ("LIBRARIES", &libraries),
    ];
    text(
        &lib.join(format!("pkgconfig/{name}.pc")),
        &texts.fill("wasmdyld.pc.in", &values)?,
    )?;
    let libraries = libraries.replace(' ', ";");
    let values = [
        ("NAME", name),
        ("SHARED", variant.shared),
        ("STATIC", variant.archive),
        ("LIBRARIES", &libraries),
    ];
    let file = format!("cmake/WasmDyld/WasmDyld-{}.cmake", variant.label);
    text(
        &lib.join(file),
        &texts.fill("WasmDyldVariant.cmake.in", &values)?,
    )
}

/// What the command itself writes: completions and manual pages.
fn from_command(command: &Path, installed: &Installed) -> Result<()> {
    let share = installed.prefix.join("share");
    let completions = [
        ("bash", "bash-completion/completions/wasmdyld"),
        ("fish", "fish/vendor_completions.d/wasmdyld.fish"),
        ("zsh", "zsh/site-functions/_wasmdyld"),
    ];
    for (shell, file) in completions {
        let script = util::run_quiet(Command::new(command).args(["completions", shell]))?;
        text(&share.join(file), &script)?;
    }
    let pages = share.join("man/man1");
    util::create_dir(&pages)?;
    util::run_quiet(Command::new(command).args(["man", "--dir"]).arg(&pages)).map(drop)
}

/// The licence has to go with every copy; the rest is for reading.
fn documents(doc: &Path) -> Result<()> {
    let root = util::workspace();
    for name in ["LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md"] {
        let file = root.join(name);
        if file.exists() {
            put(&file, &doc.join(name), 0o644)?;
        }
    }
    put_tree(&root.join("docs"), &doc.join("docs"))?;
    put_tree(&root.join("examples"), &doc.join("examples"))
}

/// For building guests: commands, and what these and CMake use.
fn guest_tools(installed: &Installed) -> Result<()> {
    let folder = util::workspace().join("guests/tools");
    let data = installed.prefix.join("share/wasmdyld");
    if !folder.exists() {
        return Ok(());
    }
    // Not the headers of hosts, which lie beside the other copy.
    put(
        &util::workspace().join("include/wasmdyld/dlfcn.h"),
        &data.join("include/wasmdyld/dlfcn.h"),
        0o644,
    )?;
    for entry in util::list(&folder)? {
        let name = entry.file_name().unwrap_or_default();
        if entry.is_dir() {
            put_tree(&entry, &data.join(name))?;
        } else if entry.extension().is_some() {
            put(&entry, &data.join(name), 0o644)?;
        } else {
            put(&entry, &installed.bin.join(name), 0o755)?;
        }
    }
    Ok(())
}

/// The templates in `cmake`, and what `@NAME@` in all of them stands for.
struct Texts {
    version: String,
    values: Vec<(&'static str, String)>,
}

impl Texts {
    fn new(options: &Options) -> Result<Texts> {
        let version = library::version()?;
        let values = vec![
            ("VERSION", version.clone()),
            // From LIBDIR to the prefix.
            (
                "UP",
                vec![".."; options.libdir.components().count()].join("/"),
            ),
            ("LIBDIR", options.libdir.display().to_string()),
            ("INCLUDEDIR", options.includedir.display().to_string()),
            ("POINTER", size_of::<usize>().to_string()),
        ];
        Ok(Texts { version, values })
    }

    fn fill(&self, template: &str, more: &[(&str, &str)]) -> Result<String> {
        let mut text = util::read(&util::workspace().join("cmake").join(template))?;
        let values = self
            .values
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        for (name, value) in values.chain(more.iter().copied()) {
            text = text.replace(&format!("@{name}@"), value);
        }
        match text.find('@') {
            None => Ok(text),
            Some(at) => {
                let rest = text.get(at..).unwrap_or_default().lines().next();
                Err(format!(
                    "cmake/{template}: nothing stands for {}",
                    rest.unwrap_or_default()
                ))
            }
        }
    }
}

/// Copies a file, unless it is there already: then its size and its time, which is copied too, are the same.
fn put(from: &Path, to: &Path, mode: u32) -> Result<()> {
    let source = fs::metadata(from).at("read", from)?;
    let modified = source.modified().at("read", from)?;
    let there = fs::symlink_metadata(to).is_ok_and(|there| {
        there.is_file()
            && there.len() == source.len()
            && there.modified().is_ok_and(|time| time == modified)
            && there.permissions().mode() & 0o7777 == mode
    });
    if there {
        return Ok(());
    }
    replace(to, |new| {
        fs::copy(from, new).at("copy", from)?;
        // First: the source may be read-only, and so its copy.
        fs::set_permissions(new, fs::Permissions::from_mode(mode)).at("set the mode of", new)?;
        let file = fs::File::options().append(true).open(new).at("open", new)?;
        file.set_modified(modified).at("set the time of", new)
    })
}

fn put_tree(from: &Path, to: &Path) -> Result<()> {
    for entry in util::list(from)? {
        let target = to.join(entry.file_name().unwrap_or_default());
        if entry.is_dir() {
            put_tree(&entry, &target)?;
        } else {
            put(&entry, &target, 0o644)?;
        }
    }
    Ok(())
}

fn text(to: &Path, content: &str) -> Result<()> {
    if fs::read(to).is_ok_and(|old| old == content.as_bytes()) {
        return Ok(());
    }
    replace(to, |new| {
        fs::write(new, content).at("write", new)?;
        fs::set_permissions(new, fs::Permissions::from_mode(0o644)).at("set the mode of", new)
    })
}

fn link(target: &str, to: &Path) -> Result<()> {
    match fs::read_link(to) {
        Ok(old) if old == Path::new(target) => Ok(()),
        _ => replace(to, |new| symlink(target, new).at("link", new)),
    }
}

/// Makes a file beside its place, then moves it there: what runs keeps the old file, and nobody sees half of the new one.
fn replace(to: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if let Some(folder) = to.parent() {
        util::create_dir(folder)?;
    }
    let new = util::beside(to, "new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).at("remove", &new),
        _ => {}
    }
    make(&new)?;
    fs::rename(&new, to).at("rename", &new)
}
