//! Files that a command writes: all of them whole, or none.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use wasmdyld::error::{Code, Error, Result};

/// Files that are to be written.
#[derive(Default)]
pub struct Outputs<'a> {
    all: Vec<(&'a Path, Vec<u8>)>,
}

impl<'a> Outputs<'a> {
    pub fn add(&mut self, path: &'a Path, bytes: Vec<u8>) {
        self.all.push((path, bytes));
    }

    /// Writes all of them beside their places, and puts them there when that has succeeded. On an error none has changed, unless putting them there
    /// itself has failed.
    pub fn write(self) -> Result<()> {
        let mut written = Vec::with_capacity(self.all.len());
        for (path, bytes) in &self.all {
            written.push(Written::new(path, bytes)?);
        }
        written.into_iter().try_for_each(Written::place)
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
    Bytes(&'a [u8]),
    Placed,
}

impl<'a> Written<'a> {
    fn new(path: &'a Path, bytes: &'a [u8]) -> Result<Written<'a>> {
        if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            let content = Content::Bytes(bytes);
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
        file.write_all(bytes)
            .map_err(|error| failed(path, &error))?;
        Ok(written)
    }

    fn place(mut self) -> Result<()> {
        let placed = match &self.content {
            Content::Beside(beside) => std::fs::rename(beside, self.path),
            Content::Bytes(bytes) => std::fs::write(self.path, bytes),
            Content::Placed => Ok(()),
        };
        placed.map_err(|error| failed(self.path, &error))?;
        self.content = Content::Placed;
        Ok(())
    }
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
