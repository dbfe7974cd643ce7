//! Files that a command writes: all of them whole, or none.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use wasmdyld::error::{Code, Error, Result};

/// Files that are to be written.
#[derive(Default)]
pub struct Outputs<'a> {
    all: Vec<Output<'a>>,
}

struct Output<'a> {
    path: &'a Path,
    bytes: Vec<u8>,
    /// Who may execute this file may execute the new one.
    like: Option<&'a Path>,
}

impl<'a> Outputs<'a> {
    pub fn add(&mut self, path: &'a Path, bytes: Vec<u8>) {
        let like = None;
        self.all.push(Output { path, bytes, like });
    }

    /// A program made of another one: a new file is executable where that one is.
    pub fn add_program(&mut self, path: &'a Path, bytes: Vec<u8>, like: &'a Path) {
        let like = Some(like);
        self.all.push(Output { path, bytes, like });
    }

    /// Writes all of them beside their places, and puts them there when that has succeeded. On an error none has changed, unless putting them there
    /// itself has failed. A file that is replaced keeps its permissions.
    pub fn write(self) -> Result<()> {
        let mut places = BTreeSet::new();
        let mut written = Vec::with_capacity(self.all.len());
        for output in &self.all {
            if !is_special(output.path) && !places.insert(place(output.path)) {
                let why = format!("{} is to be two files", output.path.display());
                return Err(Error::new(Code::InvalidArgument, why)
                    .line("  Give each output a file of its own."));
            }
            written.push(Written::new(output)?);
        }
        // Writing directly may fail still, after which the others have to be as they were.
        written.sort_by_key(|written| matches!(written.content, Content::Beside(_)));
        written.into_iter().try_for_each(Written::place)
    }
}

/// What is there and is no regular file: a device, a pipe, a folder.
fn is_special(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|there| !there.is_file())
}

/// One path for all that name the same entry of a folder.
fn place(path: &Path) -> PathBuf {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match (folder.canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_path_buf(),
    }
}

/// A file that is complete, and is not in its place. It goes if it does not come there.
struct Written<'a> {
    path: &'a Path,
    content: Content<'a>,
}

enum Content<'a> {
    Beside(PathBuf),
    /// For what is no regular file, and is written to: a rename would put a file into its place.
    Direct(File, &'a [u8]),
    Placed,
}

impl<'a> Written<'a> {
    fn new(output: &'a Output<'_>) -> Result<Written<'a>> {
        let path = output.path;
        if is_special(path) {
            // A folder fails here.
            let file = File::options().write(true).open(path);
            let file = file.map_err(|error| failed(path, &error))?;
            let content = Content::Direct(file, &output.bytes);
            return Ok(Written { path, content });
        }
        let mut beside = OsString::from(path);
        beside.push(format!(".{}.tmp", std::process::id()));
        let beside = PathBuf::from(beside);
        let mut file = File::create_new(&beside).map_err(|error| failed(path, &error))?;
        // From here on it is ours to remove.
        let written = Written {
            path,
            content: Content::Beside(beside),
        };
        file.write_all(&output.bytes)
            .and_then(|()| permit(&file, path, output.like))
            .map_err(|error| failed(path, &error))?;
        Ok(written)
    }

    fn place(mut self) -> Result<()> {
        let placed = match &mut self.content {
            Content::Beside(beside) => std::fs::rename(beside, self.path),
            Content::Direct(file, bytes) => file.write_all(bytes),
            Content::Placed => Ok(()),
        };
        placed.map_err(|error| failed(self.path, &error))?;
        self.content = Content::Placed;
        Ok(())
    }
}

/// Gives a new file the permissions of the one that it replaces. Where there is none, those who may read it may execute it if they may do that with `like`.
#[cfg(unix)]
fn permit(file: &File, replaced: &Path, like: Option<&Path>) -> io::Result<()> {
    use std::fs::{Metadata, Permissions, metadata};
    use std::os::unix::fs::PermissionsExt;
    let bits = |there: Metadata| there.permissions().mode() & 0o777;
    let wanted = match (metadata(replaced), like.map(metadata)) {
        (Ok(there), _) => bits(there),
        (Err(_), Some(Ok(like))) => {
            let new = bits(file.metadata()?);
            new | (bits(like) & (new >> 2) & 0o111)
        }
        _ => return Ok(()),
    };
    file.set_permissions(Permissions::from_mode(wanted))
}

#[cfg(not(unix))]
fn permit(_: &File, _: &Path, _: Option<&Path>) -> io::Result<()> {
    Ok(())
}

impl Drop for Written<'_> {
    fn drop(&mut self) {
        if let Content::Beside(beside) = &self.content {
            // Nobody is left to be told.
            let _ = std::fs::remove_file(beside);
        }
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    let why = format!("cannot write {}: {error}", path.display());
    Error::new(Code::Io, why)
}
