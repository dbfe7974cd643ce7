//! What `cargo xtask install` is asked for.

use super::strip::{self, Kind};
use crate::library::Build;
use crate::util::{At, Result};
use std::path::{Component, Path, PathBuf};

pub const USAGE: &str = "\
usage: cargo xtask install --prefix PREFIX [OPTIONS]

Builds what is not up to date and installs it. The result can be moved. `cargo xtask uninstall` takes it back.

options:
  --prefix PREFIX    where it is to be: /usr/local, $HOME/.local
  --destdir DIR      a folder to put in front of all paths, for packages [$DESTDIR]
  --libdir DIR       for libraries, below PREFIX [lib]
  --includedir DIR   for headers, below PREFIX [include]
  --only VARIANT     bundled: the library with an engine inside, and the command
                     neutral: the library without one
                     [both]
  --no-wasi          libraries without WASI, for hosts that have their own; no command
  --no-strip         leave the symbols for debuggers in, for packagers who take them out themselves
  --target TRIPLE    build for another machine; CARGO_TARGET_TRIPLE_LINKER and STRIP name its tools
  --command FILE     a wasmdyld that runs here, to write manual pages and completions
  --force            replace files that are there and that were not installed by this
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
    pub strip: bool,
    pub force: bool,
    pub build: Build,
    pub command: Option<PathBuf>,
}

/// The folders of an installation.
pub struct Installed {
    pub prefix: PathBuf,
    pub bin: PathBuf,
    pub lib: PathBuf,
    pub include: PathBuf,
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
            strip: true,
            force: false,
            build: Build::default(),
            command: None,
        }
    }

    pub fn installed(&self) -> Installed {
        let prefix = placed(&self.prefix, self.destdir.as_deref());
        Installed {
            bin: prefix.join("bin"),
            lib: prefix.join(&self.libdir),
            include: prefix.join(&self.includedir),
            prefix,
        }
    }

    /// What is installed of a built file.
    pub fn stripped(&self, built: &Path, kind: Kind) -> Result<PathBuf> {
        match self.strip {
            true => strip::stripped(built, kind),
            false => Ok(built.to_path_buf()),
        }
    }
}

/// A prefix below the folder of a package.
pub fn placed(prefix: &Path, destdir: Option<&Path>) -> PathBuf {
    match destdir {
        Some(destdir) => destdir.join(prefix.strip_prefix("/").unwrap_or(prefix)),
        None => prefix.to_path_buf(),
    }
}

pub fn parse(arguments: &[String]) -> Result<Options> {
    parse_with(arguments, environment().as_deref())
}

/// `DESTDIR`, as make's users set it.
pub fn environment() -> Option<String> {
    std::env::var("DESTDIR")
        .ok()
        .filter(|folder| !folder.is_empty())
}

fn parse_with(arguments: &[String], destdir: Option<&str>) -> Result<Options> {
    let mut options = Options::new(PathBuf::new());
    let mut destdir = destdir.map(str::to_string);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let (name, value) = split(argument);
        let mut value = || wanted(name, value, &mut rest, USAGE);
        match name {
            "--prefix" => options.prefix = value()?.into(),
            "--destdir" => destdir = Some(value()?),
            "--libdir" => options.libdir = value()?.into(),
            "--includedir" => options.includedir = value()?.into(),
            "--only" => match value()?.as_str() {
                "bundled" => options.neutral = false,
                "neutral" => options.bundled = false,
                other => return Err(format!("--only {other}: bundled or neutral?\n\n{USAGE}")),
            },
            "--target" => options.build.target = Some(value()?),
            "--command" => options.command = Some(value()?.into()),
            "--no-wasi" => options.build.wasi = false,
            "--no-strip" => options.strip = false,
            "--force" => options.force = true,
            _ => return Err(format!("install does not know `{argument}`\n\n{USAGE}")),
        }
    }
    if !options.bundled && !options.neutral {
        return Err("--only bundled and --only neutral exclude each other".to_string());
    }
    (options.prefix, options.destdir) = place(options.prefix, destdir, USAGE)?;
    options.libdir = below(&options.prefix, &options.libdir)?;
    options.includedir = below(&options.prefix, &options.includedir)?;
    Ok(options)
}

/// An option and the value that is joined to it.
pub fn split(argument: &str) -> (&str, Option<&str>) {
    match argument.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (argument, None),
    }
}

/// The value of an option, which may be the next argument.
pub fn wanted<'a>(
    name: &str,
    value: Option<&str>,
    rest: &mut impl Iterator<Item = &'a String>,
    usage: &str,
) -> Result<String> {
    value
        .map(str::to_string)
        .or_else(|| rest.next().cloned())
        .filter(|value| !value.is_empty())
        .ok_or_else(|| format!("{name} wants a value\n\n{usage}"))
}

/// Prefix and destination as whole paths. A package's prefix is where the files will be, which is no matter of the folder that it is made in.
pub fn place(
    prefix: PathBuf,
    destdir: Option<String>,
    usage: &str,
) -> Result<(PathBuf, Option<PathBuf>)> {
    if prefix.as_os_str().is_empty() {
        return Err(format!("a --prefix is wanted\n\n{usage}"));
    }
    let Some(destdir) = destdir else {
        return Ok((std::path::absolute(&prefix).at("find", &prefix)?, None));
    };
    if prefix.is_relative() {
        return Err(format!(
            "--prefix {}: below a destination ({destdir}) it has to begin with /",
            prefix.display()
        ));
    }
    let destdir = PathBuf::from(destdir);
    let whole = std::path::absolute(&destdir).at("find", &destdir)?;
    Ok((prefix, Some(whole)))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str, destdir: Option<&str>) -> Result<Options> {
        let words: Vec<String> = line.split(' ').map(str::to_string).collect();
        parse_with(&words, destdir)
    }

    #[test]
    fn destdir_is_taken_from_the_environment() {
        let of = |line, destdir| {
            parsed(line, destdir).map(|options| options.installed().lib.display().to_string())
        };
        let line = "--prefix /usr --libdir lib/deep";
        assert_eq!(of(line, None).as_deref(), Ok("/usr/lib/deep"));
        assert_eq!(of(line, Some("/pkg")).as_deref(), Ok("/pkg/usr/lib/deep"));
        let named = format!("{line} --destdir /other");
        assert_eq!(
            of(&named, Some("/pkg")).as_deref(),
            Ok("/other/usr/lib/deep")
        );
        let here = std::env::current_dir().expect("a folder");
        let below = format!("{}/pkg/usr/lib/deep", here.display());
        assert_eq!(of(line, Some("pkg")), Ok(below));
    }

    #[test]
    fn a_relative_prefix_is_made_whole_or_refused() {
        let here = std::env::current_dir().expect("a folder");
        let options = parsed("--prefix out", None).expect("options");
        assert_eq!(options.prefix, here.join("out"));
        let error = parsed("--prefix usr", Some("/pkg")).err();
        assert!(error.is_some_and(|e| e.contains("has to begin with /")));
        for line in ["--libdir lib", "--prefix=", "--prefix /usr --libdir ../lib"] {
            assert!(parsed(line, None).is_err(), "{line}");
        }
    }
}
