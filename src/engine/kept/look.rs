//! Folders of kept code as people look at them.

use std::path::Path;

use super::disk::{Bounds, Disk};
use super::folder::{PrivateFolder, Unusable, prebuilt, private};
use super::form;
use super::keeper::RECORDS;
use super::key::ModuleKey;
use super::place::{Name, Place};
use crate::error::{Code, Error, Result};

/// What is in a file of kept code.
#[derive(Debug)]
pub struct Contents {
    /// Whose code it is; `None`: a record of the linker's own.
    pub settings: Option<[u8; 32]>,
    pub modules: Vec<Kept>,
}

/// A module's code, or a record.
#[derive(Debug)]
pub struct Kept {
    pub key: ModuleKey,
    pub size: usize,
    /// It is as it was written.
    pub whole: bool,
}

impl Contents {
    pub fn is_whole(&self) -> bool {
        self.modules.iter().all(|kept| kept.whole)
    }
}

/// Reads a file, and checks all of it. `None` if it cannot be read, or not even its header is what was written.
pub fn look(disk: &Disk, name: &Name) -> Option<Contents> {
    let blob = disk.get(name)?;
    let file = blob.bytes();
    let contents = form::read(file)?;
    let pieces = contents.pieces().iter().map(|piece| Kept {
        key: piece.key,
        size: piece.length,
        whole: contents.bytes(file, *piece).is_some(),
    });
    Some(Contents {
        modules: pieces.collect(),
        settings: (contents.settings != *RECORDS).then_some(contents.settings),
    })
}

/// A folder to look at, which others may have filled. `None` if it is missing. Looking at it changes nothing.
pub fn folder_to_read(path: &Path) -> Result<Option<Disk>> {
    opened(path, prebuilt(path))
}

/// A folder to be written to, and made if it is missing.
pub fn folder_to_change(path: &Path) -> Result<Disk> {
    let missing = || Error::new(Code::Io, format!("{}: cannot be made", path.display()));
    opened(path, private(path))?.ok_or_else(missing)
}

fn opened(path: &Path, folder: Result<PrivateFolder, Unusable>) -> Result<Option<Disk>> {
    let folder = super::choose::named(path, folder)?;
    Ok(folder.map(|folder| Disk::new(folder, Bounds::default())))
}
