//! `wasmdyld cache verify` and `wasmdyld cache prune`.

use std::io;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use wasmdyld::engine::kept::{self, Bounds};
use wasmdyld::error::{Code, Error, Result};

use super::list::files;
use super::{Folder, bytes, count};
use crate::args::Format;
use crate::{line, style};

#[derive(Args)]
#[command(
    after_help = "What is damaged does no harm: `run` compiles it anew and replaces it. In a folder that users only read, that has to be done \
here."
)]
pub struct Verify {
    #[command(flatten)]
    folder: Folder,
    /// Remove what is damaged
    #[arg(long)]
    remove: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Serialize)]
struct Verified {
    folder: String,
    files: usize,
    damaged: Vec<String>,
    removed: bool,
}

impl Verify {
    pub fn execute(&self) -> Result<ExitCode> {
        let path = self.folder.path()?;
        let disk = match self.remove {
            true => Some(kept::folder_to_change(&path)?),
            false => kept::folder_to_read(&path)?,
        };
        let mut verified = Verified {
            folder: path.display().to_string(),
            files: 0,
            damaged: Vec::new(),
            removed: self.remove,
        };
        if let Some(disk) = &disk {
            for file in files(disk)? {
                verified.files += 1;
                let contents = kept::look(disk, &file.name);
                if contents.is_some_and(|contents| contents.is_whole()) {
                    continue;
                }
                verified.damaged.push(file.name.as_str().to_string());
                if self.remove {
                    disk.remove(&file.name);
                }
            }
        }
        style::written(self.write(&verified))?;
        Ok(match verified.damaged.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }

    fn write(&self, verified: &Verified) -> io::Result<()> {
        let mut out = style::stdout();
        if self.format == Format::Json {
            return style::write_json(&mut out, verified);
        }
        let end = if self.remove { ", removed" } else { "" };
        for name in &verified.damaged {
            line!(out, "{name} is damaged{end}")?;
        }
        let files = count(verified.files, "file");
        line!(
            out,
            "{files} in {}, {} damaged",
            verified.folder,
            verified.damaged.len()
        )
    }
}

#[derive(Args)]
#[command(
    after_help = "Sizes are bytes, or a number with k, M or G. A little more goes than has to, so that the next run that compiles something \
does not prune again. What a killed process left half written goes once it is an hour old. Without an option the bounds are those that `run` \
keeps to itself."
)]
pub struct Prune {
    #[command(flatten)]
    folder: Folder,
    /// Keep at most so much [default: 512M]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<u64>,
    /// Keep at most so many files [default: 4096]
    #[arg(long, value_name = "N")]
    max_files: Option<usize>,
    /// Keep nothing
    #[arg(long, conflicts_with_all = ["max_size", "max_files"])]
    all: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Serialize)]
struct Pruned {
    folder: String,
    removed: Held,
    left: Held,
}

#[derive(Serialize)]
struct Held {
    files: usize,
    bytes: u64,
}

impl Prune {
    pub fn execute(&self) -> Result<ExitCode> {
        let path = self.folder.path()?;
        if kept::folder_to_read(&path)?.is_none() {
            let why = format!("{}: there is no such folder", path.display());
            return Err(Error::new(Code::NotFound, why));
        }
        let disk = kept::folder_to_change(&path)?;
        let before = files(&disk)?;
        let defaults = Bounds::default();
        let bounds = match self.all {
            true => Bounds {
                bytes: 0,
                entries: 0,
            },
            false => Bounds {
                bytes: self.max_size.unwrap_or(defaults.bytes),
                entries: self.max_files.unwrap_or(defaults.entries),
            },
        };
        disk.prune(bounds);
        let after = files(&disk)?;
        let held = |files: &[kept::Listed]| Held {
            files: files.len(),
            bytes: files.iter().map(|file| file.size).sum(),
        };
        let (had, left) = (held(&before), held(&after));
        let pruned = Pruned {
            folder: path.display().to_string(),
            removed: Held {
                files: had.files.saturating_sub(left.files),
                bytes: had.bytes.saturating_sub(left.bytes),
            },
            left,
        };
        style::written(self.write(&pruned))?;
        Ok(ExitCode::SUCCESS)
    }

    fn write(&self, pruned: &Pruned) -> io::Result<()> {
        let mut out = style::stdout();
        if self.format == Format::Json {
            return style::write_json(&mut out, pruned);
        }
        line!(
            out,
            "{} removed ({}), {} left in {} ({})",
            count(pruned.removed.files, "file"),
            bytes(pruned.removed.bytes),
            pruned.left.files,
            pruned.folder,
            bytes(pruned.left.bytes)
        )
    }
}

fn size(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.char_indices().last() {
        Some((at, 'k')) => (text.get(..at), 1000),
        Some((at, 'M')) => (text.get(..at), 1_000_000),
        Some((at, 'G')) => (text.get(..at), 1_000_000_000),
        _ => (Some(text), 1),
    };
    let number = digits.and_then(|digits| digits.parse::<u64>().ok());
    let size = number.and_then(|number| number.checked_mul(unit));
    size.ok_or_else(|| "a number of bytes is expected, or one with k, M or G".to_string())
}
