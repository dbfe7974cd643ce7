//! name -> file: the open callback, library paths, RUNTIME_PATH of the object that needs it, then default folders.
//!
//! A needed entry is text from an untrusted module, so it is only ever a bare file name, and RUNTIME_PATH reaches no
//! further than the host allows (dlopen(3) searches likewise: DT_RUNPATH after LD_LIBRARY_PATH).

use crate::hash_map::HashSet;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::abi;
use crate::error::{Code, Context, Error, Result};
use crate::launch::{Stamp, is_absent};
use crate::object::{Dylink, unfit_file_name};
use crate::plan::{Found, Identity};
use crate::platform;
use crate::text;
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
    /// The host has compiled these bytes: what [`crate::engine::Module::ready`] is asked for.
    pub ready: Option<u32>,
}

/// `None`: not mine, search on.
/// Shared by a namespace and those that are made in its place.
pub type OpenCallback = Arc<dyn Fn(&str, Option<&str>) -> Result<Option<Opened>>>;

/// What is at a path of the host's. `None`: no such file; an error says why there is one that cannot be used.
pub type HostFiles = Arc<dyn Fn(&Path) -> Result<Option<Opened>, String>>;

/// The bytes and the identity behind a path of the guest's. A module of more bytes than the number says is `Code::Limit`, and is not read.
pub type GuestFiles = dyn Fn(&str, u64) -> Result<(Vec<u8>, Identity)>;

/// On whose behalf a search is.
#[derive(Clone, Copy, Default)]
pub struct View<'a> {
    /// Files below the guest's preopened directories, for objects that came from there.
    pub files: Option<&'a GuestFiles>,
    /// How large one of these may be.
    pub room: u64,
    /// Errors go to the guest, which is not to learn the names of the host's folders.
    pub hidden: bool,
}

#[derive(Clone, Default)]
pub struct SearchOptions {
    pub library_paths: Vec<PathBuf>,
    /// Searched last, as `/usr/lib` is by ld.so.
    pub default_paths: Vec<PathBuf>,
    pub runtime_path: RuntimePath,
    pub open: Option<OpenCallback>,
    /// Gives the host's files in the place of the system, where paths are not the system's: addresses of the web, say.
    pub files: Option<HostFiles>,
}

/// Larger files are refused before they are read. The largest modules known are below 50 MB.
pub const MAX_FILE: u64 = 1 << 30;
/// PATH_MAX of Linux.
const MAX_PATH: usize = 4096;
/// Said where there is no place to search.
pub const NOWHERE: &str = "nowhere: there is no library path and no RUNTIME_PATH";
const CALLBACK: &str = "the host's open callback";
/// Why a file cannot be used that [`HostFiles`] could give at another time. It is not the system's to say, and guests may know it.
pub const NOT_AT_HAND: &str = "not fetched: `await prefetch` of it before";
const BY_PATH: &str = "given by its path";

/// A file that was found and is open, so that what is read is what was identified.
#[derive(Debug)]
pub struct Located {
    pub name: String,
    pub path: Option<PathBuf>,
    /// `path` is one of the guest's.
    pub in_guest: bool,
    pub identity: Identity,
    /// What tells the file from itself at another time; `None` for what is no file of the host's.
    pub stamp: Option<Stamp>,
    /// As of [`Opened::ready`].
    pub ready: Option<u32>,
    /// How the search came by it.
    pub why: String,
    /// How it is called in errors.
    shown: String,
    source: Source,
}

/// A place where a file was looked for in vain.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The file that was looked for; `None` where it came to none, or is not to be told.
    pub path: Option<PathBuf>,
    /// Why there.
    pub why: String,
    pub problem: String,
    /// There is no such file, rather than one that cannot be used.
    pub absent: bool,
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tried {
            path, why, problem, ..
        } = self;
        let why = text::line(why);
        match path {
            Some(path) => {
                let path = path.display().to_string();
                write!(f, "{} ({why}): {problem}", text::name(&path))
            }
            None => write!(f, "{why}: {problem}"),
        }
    }
}

/// What a search came to.
pub struct Searched {
    pub found: Option<Located>,
    /// Every place before that, in order.
    pub tried: Vec<Tried>,
    /// What the caller can do about it, where nothing was found.
    pub advice: Option<&'static str>,
}

#[derive(Debug)]
enum Source {
    File(File),
    Bytes(Vec<u8>),
}

impl Located {
    /// How large the file is.
    pub fn size(&self) -> u64 {
        match &self.source {
            Source::Bytes(bytes) => bytes.len() as u64,
            Source::File(file) => file.metadata().map_or(0, |metadata| metadata.len()),
        }
    }

    pub fn read(self) -> Result<Vec<u8>> {
        match self.source {
            Source::Bytes(bytes) => Ok(bytes),
            Source::File(mut file) => {
                // Room for all of it at once: growing would need as much again.
                let size = file.metadata().map_or(0, |metadata| metadata.len());
                let size = usize::try_from(size.min(MAX_FILE)).unwrap_or(0);
                let mut bytes = Vec::new();
                let room = bytes.try_reserve_exact(size.saturating_add(1));
                let read = room
                    .map_err(std::io::Error::from)
                    .and_then(|()| (&mut file).take(MAX_FILE + 1).read_to_end(&mut bytes));
                read.map_err(|e| Error::new(Code::Io, e.to_string()))
                    .context(|| format!("reading {}", self.shown))?;
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

/// A needed name is one path component of reasonable length.
pub fn check_name(name: &str) -> Result<()> {
    // There a path that begins so is of another drive, whatever folder it is added to.
    let of_drive = cfg!(windows) && name.contains(':');
    let why = match unfit_file_name(name) {
        None if of_drive => "it contains a colon",
        None => return Ok(()),
        Some(why) => why,
    };
    Err(Error::new(
        Code::InvalidArgument,
        format!("`{}` is no name for a library: {why}", text::name(name)),
    ))
}

/// Opens a file that the host named by its path.
pub fn open_path(options: &SearchOptions, path: &Path) -> Result<Located> {
    let shown = path.display();
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(Error::new(
            Code::InvalidArgument,
            format!("{shown} contains a NUL"),
        ));
    }
    match try_open(options, path) {
        Ok(Some(located)) => Ok(located),
        Ok(None) => Err(Error::new(Code::NotFound, format!("{shown}: no such file"))),
        Err(why) => Err(Error::new(Code::Io, format!("{shown}: {why}"))),
    }
}

/// `None` where there is no such file; an error where there is one that cannot be used.
fn try_open(options: &SearchOptions, path: &Path) -> Result<Option<Located>, String> {
    match &options.files {
        Some(files) => Ok(files(path)?.map(|opened| given(path, opened))),
        None => try_open_file(path),
    }
}

/// A file that the host gave.
fn given(path: &Path, opened: Opened) -> Located {
    let name = path.file_name().unwrap_or(path.as_os_str());
    Located {
        name: name.to_string_lossy().into_owned(),
        path: Some(path.to_path_buf()),
        why: BY_PATH.to_string(),
        shown: path.display().to_string(),
        in_guest: false,
        identity: Identity::Host(opened.identity),
        stamp: None,
        ready: opened.ready,
        source: Source::Bytes(opened.bytes),
    }
}

fn try_open_file(path: &Path) -> Result<Option<Located>, String> {
    let file = match platform::open(path) {
        Ok(file) => file,
        Err(e) if is_absent(&e) => return Ok(None),
        Err(e) => return Err(e.to_string()),
    };
    let metadata = file.metadata().map_err(|e| e.to_string())?;
    if !metadata.is_file() {
        return Err("not a regular file".to_string());
    }
    if metadata.len() > MAX_FILE {
        return Err("larger than 1 GiB".to_string());
    }
    let stamp = Stamp::of(path, &metadata);
    let name = path.file_name().unwrap_or(path.as_os_str());
    Ok(Some(Located {
        name: name.to_string_lossy().into_owned(),
        path: Some(path.to_path_buf()),
        why: BY_PATH.to_string(),
        shown: path.display().to_string(),
        in_guest: false,
        identity: Identity::File {
            device: stamp.device,
            inode: stamp.inode,
            born: stamp.born,
        },
        stamp: Some(stamp),
        ready: None,
        source: Source::File(file),
    }))
}

impl Searched {
    /// What was found, else an error that lists every place, with what was there.
    pub fn located(self) -> Result<Located> {
        let Searched {
            found,
            tried,
            advice,
        } = self;
        found.ok_or_else(|| {
            let error = Error::new(Code::NotFound, "library not found; searched:");
            let error = match tried.as_slice() {
                [] => error.line(format!("  {NOWHERE}")),
                tried => error.list(tried.iter().map(Tried::to_string), tried.len()),
            };
            match advice {
                Some(advice) => error.line(format!("  {advice}")),
                None => error,
            }
        })
    }
}

/// Searches `name` for the object `by`. An error is one of the name or of the host's callback.
pub fn search(
    options: &SearchOptions,
    name: &str,
    by: Option<&Found>,
    view: View<'_>,
    trace: &Trace,
) -> Result<Searched> {
    check_name(name)?;
    let for_whom = by.map_or(String::new(), |by| format!(" for {}", by.name));
    trace.say(Category::Libs, || format!("find {name}{for_whom}"));
    let mut tried = Vec::new();
    if options.open.is_some() {
        if let Some(located) = ask(options, name, by)? {
            trace.say(Category::Libs, || format!("  {name}: given by the host"));
            let found = Some(located);
            return Ok(Searched {
                found,
                tried,
                advice: None,
            });
        }
        tried.push(Tried {
            path: None,
            why: CALLBACK.to_string(),
            problem: "does not have it".to_string(),
            absent: false,
        });
    }
    for (folder, why) in folders(options, by, view, &mut tried) {
        let secret = view.hidden && matches!(folder, Folder::Host(_));
        let (path, found) = match folder {
            Folder::Host(folder) => {
                let path = folder.join(name);
                let found = try_open(options, &path);
                (path, found)
            }
            Folder::Guest(folder) => {
                let path = guest_path(&folder, name);
                let found = try_open_guest(view, &path);
                (path, found)
            }
        };
        let shown = path.display();
        let (said, problem, absent) = match found {
            Ok(Some(mut located)) => {
                trace.say(Category::Libs, || format!("  {shown} found ({why})"));
                if view.hidden && !located.in_guest {
                    located.shown.clone_from(&located.name);
                }
                let found = Some(Located { why, ..located });
                return Ok(Searched {
                    found,
                    tried,
                    advice: None,
                });
            }
            Ok(None) => ("not there", "no such file".to_string(), true),
            Err(problem) => ("unusable", problem, false),
        };
        trace.say(Category::Libs, || {
            format!("  {shown} {said}: {problem} ({why})")
        });
        tried.push(Tried {
            path: (!view.hidden).then_some(path),
            why,
            // What is wrong with a file of the host's is not the guest's to know.
            problem: match secret && problem != NOT_AT_HAND {
                true => "no such file".to_string(),
                false => problem,
            },
            absent,
        });
    }
    Ok(Searched {
        advice: advice(name, tried.len() <= options.default_paths.len()),
        found: None,
        tried,
    })
}

/// What to do about a library that is nowhere. `nowhere_else`: no place was searched but default folders.
fn advice(name: &str, nowhere_else: bool) -> Option<&'static str> {
    let of_the_toolchain = abi::TOOLCHAIN_LIBRARIES.contains(&name)
        || name.starts_with(abi::EMULATED) && name.ends_with(".so");
    if of_the_toolchain {
        return Some(
            "it comes with the toolchain for guests: `wasmdyld-cc --print-lib-dir` prints its folder, and `wasmdyld-cc --setup` makes one, \
             which `wasmdyld run` finds by itself",
        );
    }
    nowhere_else.then_some(
        "give its folder: -L of the command, WASMDYLD_LIBRARY_PATH, wasm_dyld_config_add_library_path; or link with -Wl,-rpath,'$ORIGIN'",
    )
}

/// Asks the host's open callback.
fn ask(options: &SearchOptions, name: &str, by: Option<&Found>) -> Result<Option<Located>> {
    let Some(open) = &options.open else {
        return Ok(None);
    };
    let by = by.map(|by| by.name.as_ref());
    let opened = open(name, by).context(|| CALLBACK)?;
    Ok(opened.map(|opened| Located {
        name: file_name(name).to_string(),
        path: None,
        why: CALLBACK.to_string(),
        shown: name.to_string(),
        in_guest: false,
        identity: Identity::Host(opened.identity),
        stamp: None,
        ready: opened.ready,
        source: Source::Bytes(opened.bytes),
    }))
}

fn file_name(path: &str) -> &str {
    path.trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(path)
}

/// Opens what the guest names by a path: given by the host's callback, or below one of the guest's own directories.
pub fn find_in_guest(
    options: &SearchOptions,
    path: &str,
    by: Option<&Found>,
    view: View<'_>,
    trace: &Trace,
) -> Result<Located> {
    check_name(file_name(path)).context(|| format!("`{}`", text::name(path)))?;
    if let Some(located) = ask(options, path, by)? {
        trace.say(Category::Libs, || format!("{path}: given by the host"));
        return Ok(located);
    }
    if path.starts_with("$ORIGIN/") || path.starts_with("${ORIGIN}/") {
        return find_beside(options, path, by, view, trace);
    }
    in_guest(path, view, trace)
}

/// Opens what the guest names by a path from the folder of the object that asks (ld.so(8), "$ORIGIN"). It leads as far as a
/// RUNTIME_PATH of that object would.
fn find_beside(
    options: &SearchOptions,
    name: &str,
    by: Option<&Found>,
    view: View<'_>,
    trace: &Trace,
) -> Result<Located> {
    let failed = |code, why: &str| {
        let name = text::name(name);
        Error::new(code, format!("cannot open `{name}`: {why}"))
    };
    let by = by.ok_or_else(|| failed(Code::NotFound, "nobody is known to have asked for it"))?;
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    let path = expand(folder, by.path.as_deref(), options.runtime_path)
        .map_err(|why| failed(Code::NotFound, why))?;
    let path = match by.in_guest {
        true => guest_path(&path, file),
        false => path.join(file),
    };
    if by.in_guest {
        let path = path.to_str();
        let path = path.ok_or_else(|| failed(Code::NotFound, "the path is not UTF-8"))?;
        return in_guest(path, view, trace);
    }
    let shown = path.display();
    match try_open(options, &path) {
        Ok(Some(mut located)) => {
            trace.say(Category::Libs, || {
                format!("{shown} found (beside {})", by.name)
            });
            located.why = format!("{} of {}", text::name(folder), by.name);
            if view.hidden {
                located.shown.clone_from(&located.name);
            }
            Ok(located)
        }
        Ok(None) => Err(failed(Code::NotFound, "no such file")),
        Err(why) => Err(failed(Code::Io, &why)),
    }
}

fn in_guest(path: &str, view: View<'_>, trace: &Trace) -> Result<Located> {
    let files = view.files.ok_or_else(|| {
        Error::new(
            Code::NotFound,
            format!(
                "cannot open `{}`: the guest has no files that the linker knows of",
                text::name(path)
            ),
        )
    })?;
    let (bytes, identity) = files(path, view.room)?;
    trace.say(Category::Libs, || {
        format!("{path} found (the guest's files)")
    });
    Ok(guest_located(Path::new(path), bytes, identity))
}

fn guest_path(folder: &Path, name: &str) -> PathBuf {
    of_guest(folder.join(name))
}

/// Paths of guests are separated by `/` on every system.
fn of_guest(path: PathBuf) -> PathBuf {
    match (cfg!(windows), path.to_str()) {
        (true, Some(text)) => text.replace('\\', "/").into(),
        _ => path,
    }
}

fn guest_located(path: &Path, bytes: Vec<u8>, identity: Identity) -> Located {
    Located {
        name: file_name(&path.to_string_lossy()).to_string(),
        path: Some(path.to_path_buf()),
        why: "the guest's files".to_string(),
        shown: path.display().to_string(),
        in_guest: true,
        identity,
        stamp: None,
        ready: None,
        source: Source::Bytes(bytes),
    }
}

/// As [`try_open`].
fn try_open_guest(view: View<'_>, path: &Path) -> Result<Option<Located>, String> {
    let files = view.files.ok_or("the guest has no files")?;
    let text = path.to_str().ok_or("the path is not UTF-8")?;
    match files(text, view.room) {
        Ok((bytes, identity)) => Ok(Some(guest_located(path, bytes, identity))),
        Err(error) if error.code() == Code::NotFound => Ok(None),
        Err(error) => Err(error.message().to_string()),
    }
}

enum Folder {
    Host(PathBuf),
    Guest(PathBuf),
}

/// The folders to search, with why; entries that are not followed are added to `tried` with the reason.
fn folders(
    options: &SearchOptions,
    by: Option<&Found>,
    view: View<'_>,
    tried: &mut Vec<Tried>,
) -> Vec<(Folder, String)> {
    let paths = options.library_paths.iter().enumerate();
    let mut folders: Vec<(Folder, String)> = paths
        .map(|(n, path)| {
            let why = match view.hidden {
                true => format!("library path {}", n + 1),
                false => "library path".to_string(),
            };
            (Folder::Host(path.clone()), why)
        })
        .collect();
    if let Some(by) = by {
        add_own(&mut folders, options, by, tried);
    }
    let paths = options.default_paths.iter().enumerate();
    folders.extend(paths.map(|(n, path)| {
        let why = match view.hidden {
            true => format!("default folder {}", n + 1),
            false => "default folder".to_string(),
        };
        (Folder::Host(path.clone()), why)
    }));
    folders
}

/// An object's own folders, as far as they are followed.
fn add_own(
    folders: &mut Vec<(Folder, String)>,
    options: &SearchOptions,
    by: &Found,
    tried: &mut Vec<Tried>,
) {
    let mut parts = runtime_path(by.object.dylink.as_ref());
    let mut seen = HashSet::new();
    for part in parts
        .by_ref()
        .take(MAX_PARTS)
        .filter(|part| !part.is_empty())
    {
        // What was searched once is not searched again.
        if !seen.insert(part) {
            continue;
        }
        let why = format!("RUNTIME_PATH {} of {}", text::name(part), by.name);
        match expand(part, by.path.as_deref(), options.runtime_path) {
            Ok(folder) if by.in_guest => {
                folders.push((Folder::Guest(of_guest(folder)), why));
            }
            Ok(folder) => folders.push((Folder::Host(folder), why)),
            Err(reason) => tried.push(Tried {
                path: None,
                why,
                problem: reason.to_string(),
                absent: false,
            }),
        }
    }
    if parts.next().is_some() {
        tried.push(Tried {
            path: None,
            why: format!(
                "RUNTIME_PATH of {} beyond its first {MAX_PARTS} folders",
                by.name
            ),
            problem: "not followed".to_string(),
            absent: false,
        });
    }
}

/// More folders of an object's own are not searched: each needed library is looked for in each of them.
const MAX_PARTS: usize = 64;

/// An object's own search path. One entry may hold several, as DT_RUNPATH does.
fn runtime_path(dylink: Option<&Dylink>) -> impl Iterator<Item = &str> {
    let entries = dylink.into_iter().flat_map(|d| &d.runtime_path);
    entries.flat_map(|e| e.split(':'))
}

/// The folders that an object at `path` adds to the search for what it needs, in order: for who fetches it ahead.
pub fn own_folders<'a>(
    dylink: &'a Dylink,
    path: &'a Path,
    allowed: RuntimePath,
) -> impl Iterator<Item = PathBuf> + 'a {
    let parts = runtime_path(Some(dylink)).take(MAX_PARTS);
    let parts = parts.filter(|part| !part.is_empty());
    parts.filter_map(move |part| expand(part, Some(path), allowed).ok())
}

/// The folders in which a name that `by` asks for is searched, as `by` may know them (dlinfo(3), RTLD_DI_SERINFO).
pub fn shown_folders(options: &SearchOptions, by: &Found, view: View<'_>) -> Vec<String> {
    let shown = |(folder, why): (Folder, String)| match folder {
        Folder::Guest(path) => path.display().to_string(),
        Folder::Host(_) if view.hidden => format!("<{why}>"),
        Folder::Host(path) => path.display().to_string(),
    };
    let all = folders(options, Some(by), view, &mut Vec::new());
    all.into_iter().map(shown).collect()
}

fn expand(
    entry: &str,
    holder: Option<&Path>,
    allowed: RuntimePath,
) -> Result<PathBuf, &'static str> {
    if allowed == RuntimePath::Off {
        return Err("not followed, the host switched it off");
    }
    if entry.len() > MAX_PATH {
        return Err("not followed, it is longer than a path can be");
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
mod tests;
