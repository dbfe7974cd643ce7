//! `cargo xtask install`: the build, laid out below a prefix as C programmers and packagers expect it.
//!
//! ```text
//! bin/            wasmdyld, and the guests' compilers
//! LIB/            libwasmdyld.so -> .so.0 -> .so.0.1.0, libwasmdyld.a; libwasmdyld-neutral.* have no engine inside
//! LIB/cmake/WasmDyld, LIB/pkgconfig
//! INCLUDE/        wasmdyld.h, wasmdyld.hh with wasmdyld/*.hh, wasm.h (the bundled engine's), wasmdyld/dlfcn.h and snapshot.h (for guests)
//! INCLUDE/wasmdyld/engine   the bundled engine's own headers
//! share/          doc, man, completions, what building guests with CMake needs, and the list of all this
//! ```
//!
//! Nothing in it names the prefix, so that it can be moved. Files that are up to date are left alone, so that what depends on them is not
//! built anew.

mod licences;
mod manifest;
mod options;
mod record;
mod strip;
mod uninstall;

pub use options::{Installed, Options, USAGE};
pub use uninstall::{USAGE as UNINSTALL_USAGE, main as uninstall};

use crate::library::{self, Build};
use crate::util::{self, Result};
use record::Record;
use std::path::Path;
use std::process::Command;
use strip::Kind;

pub fn main(arguments: &[String]) -> Result<()> {
    let prefix = install(&options::parse(arguments)?)?.prefix;
    println!("installed: {}", prefix.display());
    Ok(())
}

/// Builds what is not up to date, then installs.
pub fn install(options: &Options) -> Result<Installed> {
    let installed = options.installed();
    let mut record = Record::new(&installed.prefix, options.force)?;
    let outcome = lay_out(options, &installed, &mut record);
    // Half an installation can be taken back too.
    let saved = match outcome.is_err() && record.is_empty() {
        true => Ok(()),
        false => record.save(),
    };
    outcome.and(saved).map(|()| installed)
}

fn lay_out(options: &Options, installed: &Installed, record: &mut Record) -> Result<()> {
    let texts = Texts::new(options)?;
    let build = &options.build;
    if options.bundled {
        let built = library::build(build)?;
        let headers = &built.headers;
        record.put(
            &headers.join("wasm.h"),
            &installed.include.join("wasm.h"),
            0o644,
        )?;
        engine_headers(record, headers, &installed.include.join("wasmdyld/engine"))?;
        variant(record, &BUNDLED, &built.folder, options, &texts, installed)?;
        if build.wasi {
            let command = built.folder.join("wasmdyld");
            let file = options.stripped(&command, Kind::Program)?;
            record.put(&file, &installed.bin.join("wasmdyld"), 0o755)?;
            let writer = options.command.as_deref().unwrap_or(&command);
            from_command(record, writer, &built.folder, installed)?;
        }
    }
    if options.neutral {
        let built = library::neutral(build)?;
        variant(record, &NEUTRAL, &built, options, &texts, installed)?;
    }
    let cmake = installed.lib.join("cmake/WasmDyld");
    for name in ["WasmDyldConfig.cmake", "WasmDyldConfigVersion.cmake"] {
        record.text(&cmake.join(name), &texts.fill(&format!("{name}.in"), &[])?)?;
    }
    let targets = "WasmDyldTargets.cmake";
    record.put(
        &util::workspace().join("cmake").join(targets),
        &cmake.join(targets),
        0o644,
    )?;
    record.put_tree(&util::workspace().join("include"), &installed.include)?;
    documents(record, build, &installed.prefix.join("share/doc/wasmdyld"))?;
    guest_tools(record, installed)
}

/// Headers for the functions beyond wasm.h that the library with an engine inside exports. They lie in a folder of their own, since another
/// package may have other ones of the same names.
fn engine_headers(record: &mut Record, from: &Path, to: &Path) -> Result<()> {
    for name in ["wasm.h", "wasi.h", "wasmtime.h", "wasmtime"] {
        let (file, to) = (from.join(name), to.join(name));
        if file.is_dir() {
            record.put_tree(&file, &to)?;
        } else {
            record.put(&file, &to, 0o644)?;
        }
    }
    Ok(())
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
fn variant(
    record: &mut Record,
    variant: &Variant,
    built: &Path,
    options: &Options,
    texts: &Texts,
    installed: &Installed,
) -> Result<()> {
    let (name, version, lib) = (variant.name, &texts.version, &installed.lib);
    let major = version.split('.').next().unwrap_or(version);
    let [plain, soname, file] = [
        format!("lib{name}.so"),
        // As build.rs has it.
        format!("lib{name}.so.{major}"),
        format!("lib{name}.so.{version}"),
    ];
    let shared = options.stripped(&built.join("libwasmdyld.so"), Kind::Shared)?;
    record.put(&shared, &lib.join(&file), 0o755)?;
    record.link(&file, &lib.join(&soname))?;
    record.link(&soname, &lib.join(&plain))?;
    let archive = options.stripped(&built.join("libwasmdyld.a"), Kind::Archive)?;
    record.put(&archive, &lib.join(format!("lib{name}.a")), 0o644)?;

    let libraries = library::native_libraries(built, &options.build)?;
    let values = [
        ("NAME", name),
        ("DESCRIPTION", variant.description),
        ("LIBRARIES", &libraries),
    ];
    record.text(
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
    record.text(
        &lib.join(file),
        &texts.fill("WasmDyldVariant.cmake.in", &values)?,
    )
}

/// What the command itself writes: completions and manual pages.
fn from_command(
    record: &mut Record,
    command: &Path,
    built: &Path,
    installed: &Installed,
) -> Result<()> {
    let share = installed.prefix.join("share");
    let completions = [
        ("bash", "bash-completion/completions/wasmdyld"),
        ("fish", "fish/vendor_completions.d/wasmdyld.fish"),
        ("zsh", "zsh/site-functions/_wasmdyld"),
    ];
    let run = |arguments: &[&str]| {
        util::run_quiet(Command::new(command).args(arguments)).map_err(|error| {
            format!(
                "{error}\nThe command writes its manual pages and completions. One for another machine does not run here: \
                 --command names one of the same version that does."
            )
        })
    };
    for (shell, file) in completions {
        let script = run(&["completions", shell])?;
        record.text(&share.join(file), &script)?;
    }
    let scratch = built.join("man");
    util::remove(&scratch)?;
    run(&["man", "--dir", &scratch.display().to_string()])?;
    for page in util::list(&scratch)? {
        let name = page.file_name().unwrap_or_default();
        record.text(&share.join("man/man1").join(name), &util::read(&page)?)?;
    }
    Ok(())
}

/// The licences have to go with every copy; the rest is for reading.
fn documents(record: &mut Record, build: &Build, doc: &Path) -> Result<()> {
    let root = util::workspace();
    for name in ["LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md"] {
        record.put(&root.join(name), &doc.join(name), 0o644)?;
    }
    record.text(
        &doc.join("LICENSES-THIRD-PARTY.txt"),
        &licences::collect(build)?,
    )?;
    if let Some(page) = licences::standard_notices()? {
        record.put(&page, &doc.join("LICENSES-RUST.html"), 0o644)?;
    }
    record.put_tree(&root.join("docs"), &doc.join("docs"))?;
    record.put_tree(&root.join("examples"), &doc.join("examples"))
}

/// For building guests: commands, and what these and CMake use.
fn guest_tools(record: &mut Record, installed: &Installed) -> Result<()> {
    let folder = util::workspace().join("guests/tools");
    let data = installed.prefix.join("share/wasmdyld");
    if !folder.exists() {
        return Ok(());
    }
    // Not the headers of hosts, which lie beside the other copy.
    for header in ["dlfcn.h", "snapshot.h"] {
        let header = Path::new("include/wasmdyld").join(header);
        let source = util::workspace().join(&header);
        record.put(&source, &data.join(&header), 0o644)?;
    }
    for entry in util::list(&folder)? {
        let name = entry.file_name().unwrap_or_default();
        if name == "man" {
            record.put_tree(&entry, &installed.prefix.join("share/man/man1"))?;
        } else if name == "completions" {
            guest_completions(record, &entry, &installed.prefix.join("share"))?;
        } else if entry.is_dir() {
            record.put_tree(&entry, &data.join(name))?;
        } else if entry.extension().is_some() {
            record.put(&entry, &data.join(name), 0o644)?;
        } else {
            record.put(&entry, &installed.bin.join(name), 0o755)?;
        }
    }
    Ok(())
}

/// Of the compilers: one script for both names, which bash and fish find by the name of the command.
fn guest_completions(record: &mut Record, scripts: &Path, share: &Path) -> Result<()> {
    for (script, file) in [
        (
            "wasmdyld-cc.bash",
            "bash-completion/completions/wasmdyld-cc",
        ),
        (
            "wasmdyld-cc.bash",
            "bash-completion/completions/wasmdyld-c++",
        ),
        (
            "wasmdyld-cc.fish",
            "fish/vendor_completions.d/wasmdyld-cc.fish",
        ),
        (
            "wasmdyld-cc.fish",
            "fish/vendor_completions.d/wasmdyld-c++.fish",
        ),
        ("wasmdyld-cc.zsh", "zsh/site-functions/_wasmdyld-cc"),
    ] {
        record.put(&scripts.join(script), &share.join(file), 0o644)?;
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
            (
                "POINTER",
                library::pointer_size(&options.build)?.to_string(),
            ),
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
