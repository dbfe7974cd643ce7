//! Copying programs with their libraries into one folder.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use wasmdyld::error::{Code, Error, Result};
use wasmdyld::survey::Survey;

/// A file of the folder.
enum Entry {
    Copy(PathBuf),
    /// Another name of a file beside it: two copies would be two objects.
    Link(OsString),
}

/// Copies everything; gives the number of files. A file that is there already must be the same.
pub fn copy(surveys: &[Survey], folder: &Path) -> Result<usize> {
    let entries = entries(surveys)?;
    let failed = |what: &Path| {
        let what = what.display().to_string();
        move |e: io::Error| Error::new(Code::Io, format!("{what}: {e}"))
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    // All is looked at before anything is written.
    let mut todo = Vec::new();
    for (name, entry) in &entries {
        let to = folder.join(name);
        let same = match entry {
            Entry::Copy(from) if to.symlink_metadata().is_ok() => {
                same_content(from, &to).map_err(failed(&to))?
            }
            Entry::Link(other) if to.is_symlink() => {
                fs::read_link(&to).is_ok_and(|target| target.as_os_str() == other)
            }
            // What was made in the place of a link, where nobody may make any.
            Entry::Link(other) if to.symlink_metadata().is_ok() => match entries.get(other) {
                Some(Entry::Copy(from)) if cfg!(windows) => {
                    same_content(from, &to).map_err(failed(&to))?
                }
                _ => false,
            },
            _ => {
                todo.push((to, entry));
                continue;
            }
        };
        if !same {
            return Err(Error::new(
                Code::Io,
                format!(
                    "{} is there already and is another file; nothing was copied",
                    to.display()
                ),
            ));
        }
    }
    // Links last: what they lead to is there then.
    todo.sort_by_key(|(_, entry)| matches!(entry, Entry::Link(_)));
    for (to, entry) in todo {
        match entry {
            Entry::Copy(from) => {
                // A reader never sees half a file.
                let mut part = to.clone().into_os_string();
                part.push(".part");
                let part = PathBuf::from(part);
                let done = fs::copy(from, &part).and_then(|_| fs::rename(&part, &to));
                if done.is_err() {
                    let _ = fs::remove_file(&part);
                }
                done.map_err(failed(&to))?;
            }
            Entry::Link(other) => {
                link(other, &to).map_err(failed(&to))?;
            }
        }
    }
    Ok(entries.len())
}

#[cfg(unix)]
fn link(other: &OsStr, to: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(other, to)
}

/// There not everyone may make links: then it is a copy.
#[cfg(windows)]
fn link(other: &OsStr, to: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(other, to)
        .or_else(|_| fs::copy(to.with_file_name(other), to).map(drop))
}

fn entries(surveys: &[Survey]) -> Result<BTreeMap<OsString, Entry>> {
    let mut entries: BTreeMap<OsString, Entry> = BTreeMap::new();
    for survey in surveys {
        for (n, found) in survey.objects().iter().enumerate() {
            let Some(path) = found.path.as_deref() else {
                continue;
            };
            // Under the names by which others ask for it.
            let names = survey.closure.names.iter();
            let names = names.filter(|(_, id)| survey.number(*id) == n);
            let mut names: Vec<OsString> = names
                .map(|(name, _)| file_name(Path::new(name.as_ref())))
                .collect();
            names.dedup();
            let Some((first, others)) = names.split_first() else {
                continue;
            };
            add(&mut entries, first, Entry::Copy(path.to_path_buf()))?;
            for other in others.iter().filter(|other| *other != first) {
                add(&mut entries, other, Entry::Link(first.clone()))?;
            }
        }
    }
    Ok(entries)
}

fn file_name(path: &Path) -> OsString {
    path.file_name().unwrap_or(path.as_os_str()).to_os_string()
}

fn add(entries: &mut BTreeMap<OsString, Entry>, name: &OsString, entry: Entry) -> Result<()> {
    let clash = match (entries.get(name), &entry) {
        (None, _) => false,
        (Some(Entry::Copy(known)), Entry::Copy(path)) => !same_content(known, path)
            .map_err(|e| Error::new(Code::Io, format!("{}: {e}", path.display())))?,
        (Some(Entry::Link(known)), Entry::Link(other)) => known != other,
        (Some(_), _) => true,
    };
    if clash {
        return Err(Error::new(
            Code::InvalidArgument,
            format!(
                "two files are called {}; they cannot be in one folder",
                name.display()
            ),
        ));
    }
    entries.entry(name.clone()).or_insert(entry);
    Ok(())
}

fn same_content(a: &Path, b: &Path) -> io::Result<bool> {
    if fs::metadata(a)?.len() != fs::metadata(b)?.len() {
        return Ok(false);
    }
    Ok(fs::read(a)? == fs::read(b)?)
}
