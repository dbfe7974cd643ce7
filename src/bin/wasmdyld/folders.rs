//! The folders that a program is given, as the command line names them.

use std::path::PathBuf;

use clap::Args;
use wasmdyld::error::Result;
use wasmdyld::wasi::{ArchiveTree, MemoryLimits, MemoryTree, Source, WasiConfig};

#[derive(Args)]
pub struct FolderArgs {
    /// Give the program a folder, under its own name or another; may be repeated
    #[arg(long, value_name = "HOST[::GUEST]")]
    dir: Vec<String>,
    /// The same with a folder in which it can change nothing
    #[arg(long, value_name = "HOST[::GUEST]")]
    dir_ro: Vec<String>,
    /// Give the program an empty folder that is in memory, of at most 256 MiB, and goes with it; may be repeated
    #[arg(long, value_name = "GUEST")]
    dir_memory: Vec<String>,
    /// Give the program what is in a zip archive, as a folder in which it can change nothing; may be repeated
    #[arg(long, value_name = "FILE::GUEST", value_parser = archive)]
    dir_zip: Vec<(PathBuf, String)>,
}

impl FolderArgs {
    pub fn is_any(&self) -> bool {
        let all = [&self.dir, &self.dir_ro, &self.dir_memory];
        all.iter().any(|given| !given.is_empty()) || !self.dir_zip.is_empty()
    }

    /// Gives a program what they name, in the order of the options above.
    pub fn grant(&self, wasi: &mut WasiConfig) -> Result<()> {
        for dir in &self.dir {
            let (host, guest) = names(dir);
            wasi.preopen(host, guest);
        }
        for dir in &self.dir_ro {
            let (host, guest) = names(dir);
            wasi.preopen_read_only(host, guest);
        }
        for guest in &self.dir_memory {
            let tree = MemoryTree::new(MemoryLimits::default());
            wasi.preopen_source(Source::Memory(tree), guest, false);
        }
        for (file, guest) in &self.dir_zip {
            let tree = ArchiveTree::open(file, MemoryLimits::default().nodes)?;
            wasi.preopen_source(Source::Archive(tree), guest, true);
        }
        Ok(())
    }
}

/// The host's name of a folder, and the program's. Programs separate paths by `/` on every system.
fn names(dir: &str) -> (&str, String) {
    match dir.split_once("::") {
        Some((host, guest)) => (host, guest.to_string()),
        None if cfg!(windows) => (dir, dir.replace('\\', "/")),
        None => (dir, dir.to_string()),
    }
}

/// An archive's file, and the program's name for the folder.
fn archive(given: &str) -> std::result::Result<(PathBuf, String), &'static str> {
    let (file, guest) = given
        .split_once("::")
        .ok_or("the program's name for the folder is missing")?;
    Ok((file.into(), guest.into()))
}
