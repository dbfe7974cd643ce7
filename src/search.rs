//! name -> file: the open callback, library paths, then RUNTIME_PATH of the object that needs it.
//!
//! A needed entry is text from an untrusted module, so it is only ever a bare file name, and RUNTIME_PATH reaches no
//! further than the host allows (dlopen(3) searches likewise: DT_RUNPATH after LD_LIBRARY_PATH).

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use crate::error::{Code, Context, Error, Result};
use crate::plan::{Found, Identity};
use crate::trace::{Category, Trace};

/// How far a module's own RUNTIME_PATH is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuntimePath {
    Off,
    /// Only entries within the folder of the object that holds them (`$ORIGIN`, `$ORIGIN/lib`).
    #[default]
    Origin,
    /// Any folder, `$ORIGIN/../lib` and absolute ones among them.
    Any,
}

/// What an open callback gives for a name.
pub struct Opened {
    pub bytes: Vec<u8>,
    /// Two names with the same identity are one object.
    pub identity: Vec<u8>,
}

/// `None`: not mine, search on.
pub type OpenCallback = Box<dyn Fn(&str, Option<&str>) -> Result<Option<Opened>>>;

#[derive(Default)]
pub struct SearchOptions {
    pub library_paths: Vec<PathBuf>,
    pub runtime_path: RuntimePath,
    pub open: Option<OpenCallback>,
}

/// Larger files are refused before they are read. The largest modules known are below 50 MB.
const MAX_FILE: u64 = 1 << 30;
/// NAME_MAX of Linux.
const MAX_NAME: usize = 255;

/// A file that was found and is open, so that what is read is what was identified.
#[derive(Debug)]
pub struct Located {
    pub name: String,
    pub path: Option<PathBuf>,
    pub identity: Identity,
    source: Source,
}

#[derive(Debug)]
enum Source {
    File(File),
    Bytes(Vec<u8>),
}

impl Located {
    pub fn read(self) -> Result<Vec<u8>> {
        match self.source {
            Source::Bytes(bytes) => Ok(bytes),
            Source::File(mut file) => {
                let mut bytes = Vec::new();
                let read = (&mut file).take(MAX_FILE + 1).read_to_end(&mut bytes);
                read.map_err(|e| Error::new(Code::Io, e.to_string()))
                    .context(|| format!("reading {}", display(self.path.as_deref(), &self.name)))?;
                if bytes.len() as u64 > MAX_FILE {
                    return Err(Error::new(
                        Code::Limit,
                        format!("{} is larger than 1 GiB", self.name),
                    ));
                }
                Ok(bytes)
            }
        }
    }
}

fn display(path: Option<&Path>, name: &str) -> String {
    path.map_or(name.to_string(), |p| p.display().to_string())
}

/// A needed name is one path component of reasonable length.
pub fn check_name(name: &str) -> Result<()> {
    let why = if name.is_empty() {
        "it is empty"
    } else if name.len() > MAX_NAME {
        "it is longer than a file name can be"
    } else if name.contains('\0') {
        "it contains a NUL"
    } else if name.chars().any(char::is_control) {
        "it contains a control character"
    } else if name.contains('/') || name.contains('\\') {
        "it contains a path separator; a needed library is named by its file name alone"
    } else if name == "." || name == ".." {
        "it is a folder"
    } else {
        return Ok(());
    };
    Err(Error::new(
        Code::InvalidArgument,
        format!("{name:?} is no name for a library: {why}"),
    ))
}

/// Opens a file that the host named by its path.
pub fn open_path(path: &Path) -> Result<Located> {
    let shown = path.display();
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(Error::new(
            Code::InvalidArgument,
            format!("{shown:?} contains a NUL"),
        ));
    }
    match try_open(path) {
        Ok(Some(located)) => Ok(located),
        Ok(None) => Err(Error::new(Code::NotFound, format!("{shown}: no such file"))),
        Err(why) => Err(Error::new(Code::Io, format!("{shown}: {why}"))),
    }
}

/// `None` where there is no such file; an error where there is one that cannot be used.
fn try_open(path: &Path) -> Result<Option<Located>, String> {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path);
    let file = match file {
        Ok(file) => file,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(e) => return Err(e.to_string()),
    };
    let metadata = file.metadata().map_err(|e| e.to_string())?;
    if !metadata.is_file() {
        return Err("not a regular file".to_string());
    }
    if metadata.len() > MAX_FILE {
        return Err("larger than 1 GiB".to_string());
    }
    let name = path.file_name().unwrap_or(path.as_os_str());
    Ok(Some(Located {
        name: name.to_string_lossy().into_owned(),
        path: Some(path.to_path_buf()),
        identity: Identity::File {
            device: metadata.dev(),
            inode: metadata.ino(),
        },
        source: Source::File(file),
    }))
}

/// Searches `name` for the object `by`. Not found: the error lists every place, with what was there.
pub fn find(
    options: &SearchOptions,
    name: &str,
    by: Option<&Found>,
    trace: &Trace,
) -> Result<Located> {
    check_name(name)?;
    let for_whom = by.map_or(String::new(), |by| format!(" for {}", by.name));
    trace.say(Category::Libs, || format!("find {name}{for_whom}"));
    let mut searched = Vec::new();
    if let Some(open) = &options.open {
        let opened =
            open(name, by.map(|by| by.name.as_ref())).context(|| "the host's open callback")?;
        if let Some(opened) = opened {
            trace.say(Category::Libs, || format!("  {name}: given by the host"));
            return Ok(Located {
                name: name.to_string(),
                path: None,
                identity: Identity::Host(opened.identity),
                source: Source::Bytes(opened.bytes),
            });
        }
        searched.push("the host's open callback does not have it".to_string());
    }
    for (folder, why) in folders(options, by, &mut searched) {
        let path = folder.join(name);
        match try_open(&path) {
            Ok(Some(located)) => {
                trace.say(Category::Libs, || {
                    format!("  {} found ({why})", path.display())
                });
                return Ok(located);
            }
            Ok(None) => {
                trace.say(Category::Libs, || {
                    format!("  {} not there ({why})", path.display())
                });
                searched.push(format!("{} ({why}): no such file", path.display()));
            }
            Err(problem) => {
                trace.say(Category::Libs, || {
                    format!("  {} unusable: {problem} ({why})", path.display())
                });
                searched.push(format!("{} ({why}): {problem}", path.display()));
            }
        }
    }
    if searched.is_empty() {
        searched.push("nowhere: there is no library path and no RUNTIME_PATH".to_string());
    }
    Err(Error::new(
        Code::NotFound,
        format!("library not found; searched:\n  {}", searched.join("\n  ")),
    ))
}

/// The folders to search, with why; entries that are not followed are added to `searched` with the reason.
fn folders(
    options: &SearchOptions,
    by: Option<&Found>,
    searched: &mut Vec<String>,
) -> Vec<(PathBuf, String)> {
    let mut folders: Vec<(PathBuf, String)> = options
        .library_paths
        .iter()
        .map(|path| (path.clone(), "library path".to_string()))
        .collect();
    let Some(by) = by else { return folders };
    let entries = by.object.dylink.iter().flat_map(|d| &d.runtime_path);
    // One entry may hold several, as DT_RUNPATH does.
    for entry in entries.flat_map(|e| e.split(':')).filter(|e| !e.is_empty()) {
        let why = format!("RUNTIME_PATH {entry} of {}", by.name);
        match expand(entry, by.path.as_deref(), options.runtime_path) {
            Ok(folder) => folders.push((folder, why)),
            Err(reason) => searched.push(format!("{why}: {reason}")),
        }
    }
    folders
}

fn expand(
    entry: &str,
    holder: Option<&Path>,
    allowed: RuntimePath,
) -> Result<PathBuf, &'static str> {
    if allowed == RuntimePath::Off {
        return Err("not followed, the host switched it off");
    }
    let rest = ["$ORIGIN", "${ORIGIN}"]
        .iter()
        .find_map(|o| entry.strip_prefix(o));
    let Some(rest) = rest.filter(|r| r.is_empty() || r.starts_with('/')) else {
        return match allowed {
            RuntimePath::Any if !entry.contains('$') => Ok(PathBuf::from(entry)),
            RuntimePath::Any => Err("not followed, it holds an unknown $ name"),
            _ => Err("not followed, it lies outside of $ORIGIN"),
        };
    };
    let rest = Path::new(rest.trim_start_matches('/'));
    let climbs = rest
        .components()
        .any(|c| !matches!(c, Component::Normal(_) | Component::CurDir));
    if climbs && allowed != RuntimePath::Any {
        return Err("not followed, it climbs out of $ORIGIN");
    }
    let origin = holder
        .and_then(Path::parent)
        .ok_or("the object has no origin, it came as bytes")?;
    let origin = if origin.as_os_str().is_empty() {
        Path::new(".")
    } else {
        origin
    };
    Ok(if rest.as_os_str().is_empty() {
        origin.to_path_buf()
    } else {
        origin.join(rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_reach_no_file_system() {
        for bad in [
            "",
            ".",
            "..",
            "a/b.so",
            "/etc/passwd",
            "../x.so",
            "a\0b",
            "a\\b",
            "a\x1b[31mb",
            &"x".repeat(256),
        ] {
            assert_eq!(
                check_name(bad).unwrap_err().code(),
                Code::InvalidArgument,
                "{bad:?}"
            );
        }
        check_name("libc.so").unwrap();
        check_name("..libc..so").unwrap();
    }

    #[test]
    fn origin_is_expanded_and_confined() {
        let holder = Some(Path::new("/opt/app/bin/main.wasm"));
        let expand = |entry, allowed| expand(entry, holder, allowed);
        assert_eq!(
            expand("$ORIGIN", RuntimePath::Origin).unwrap(),
            Path::new("/opt/app/bin")
        );
        assert_eq!(
            expand("${ORIGIN}/lib", RuntimePath::Origin).unwrap(),
            Path::new("/opt/app/bin/lib")
        );
        assert!(expand("$ORIGIN/../lib", RuntimePath::Origin).is_err());
        assert!(expand("/etc", RuntimePath::Origin).is_err());
        assert!(expand("$ORIGINAL", RuntimePath::Any).is_err());
        assert_eq!(
            expand("$ORIGIN/../lib", RuntimePath::Any).unwrap(),
            Path::new("/opt/app/bin/../lib")
        );
        assert_eq!(expand("/etc", RuntimePath::Any).unwrap(), Path::new("/etc"));
        assert!(expand("$ORIGIN", RuntimePath::Off).is_err());
        assert!(super::expand("$ORIGIN", None, RuntimePath::Origin).is_err());
        assert_eq!(
            super::expand("$ORIGIN", Some(Path::new("m.wasm")), RuntimePath::Origin).unwrap(),
            Path::new(".")
        );
    }
}
