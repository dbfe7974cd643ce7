//! `wasmdyld cache list`.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use serde::Serialize;
use wasmdyld::engine::kept::{self, Contents, Disk, Listed};
use wasmdyld::engine::{Api, EngineCache, EngineOptions, shim};
use wasmdyld::error::{Code, Error, Result};

use super::{Folder, bytes, count};
use crate::args::Format;
use crate::{line, style};

#[derive(Args)]
#[command(
    after_help = "What is shown: files, those used last first. `this` has code for the engine inside wasmdyld as `run` uses it; \
`other` for another version, processor or configuration, or for another engine; `record` has no code, but what a program was linked of. A \
program is found by the BLAKE3 hashes of its modules, which only --format json shows."
)]
pub struct List {
    #[command(flatten)]
    folder: Folder,
    /// How the answer is written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Serialize)]
struct Answer {
    folder: String,
    bytes: u64,
    files: Vec<File>,
}

#[derive(Serialize)]
struct File {
    name: String,
    bytes: u64,
    /// Seconds since 1970, to the hour.
    used: u64,
    kind: Kind,
    modules: Vec<Module>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    This,
    Other,
    Record,
    Damaged,
}

#[derive(Serialize)]
struct Module {
    blake3: String,
    bytes: usize,
}

impl List {
    pub fn execute(&self) -> Result<ExitCode> {
        let path = self.folder.path()?;
        let answer = match kept::folder_to_read(&path)? {
            Some(disk) => answer(&disk)?,
            None => Answer {
                folder: path.display().to_string(),
                bytes: 0,
                files: Vec::new(),
            },
        };
        style::written(match self.format {
            Format::Json => style::write_json(&mut style::stdout(), &answer),
            Format::Text => write(&answer),
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

fn answer(disk: &Disk) -> Result<Answer> {
    let this = settings_of_run();
    let mut listed = files(disk)?;
    listed.reverse();
    let files: Vec<File> = listed
        .iter()
        .map(|file| {
            let contents = kept::look(disk, &file.name);
            let used = file.used.duration_since(UNIX_EPOCH);
            File {
                name: file.name.as_str().to_string(),
                bytes: file.size,
                used: used.map_or(0, |used| used.as_secs()),
                kind: kind(contents.as_ref(), this),
                modules: contents.map_or(Vec::new(), modules),
            }
        })
        .collect();
    Ok(Answer {
        folder: disk.folder().display().to_string(),
        bytes: files.iter().map(|file| file.bytes).sum(),
        files,
    })
}

/// The files of a folder, those used least recently first.
pub fn files(disk: &Disk) -> Result<Vec<Listed>> {
    disk.list().map_err(|error| {
        let why = format!("{}: {error}", disk.folder().display());
        Error::new(Code::Io, why)
    })
}

fn modules(contents: Contents) -> Vec<Module> {
    let modules = contents.modules.into_iter().map(|kept| Module {
        blake3: kept.key.to_string(),
        bytes: kept.size,
    });
    modules.collect()
}

fn kind(contents: Option<&Contents>, this: Option<[u8; 32]>) -> Kind {
    match contents {
        Some(contents) if !contents.is_whole() => Kind::Damaged,
        None => Kind::Damaged,
        Some(contents) => match contents.settings {
            None => Kind::Record,
            settings if settings == this => Kind::This,
            Some(_) => Kind::Other,
        },
    }
}

/// What `run` would look for.
fn settings_of_run() -> Option<[u8; 32]> {
    let api = Api::linked();
    let options = EngineOptions {
        cache: EngineCache::Off,
        ..EngineOptions::default()
    };
    shim::of(api).settings(&options)
}

fn write(answer: &Answer) -> io::Result<()> {
    let mut out = style::stdout();
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_secs());
    for file in &answer.files {
        let kind = match file.kind {
            Kind::This => style::paint(style::GOOD, "this   "),
            Kind::Other => "other  ".to_string(),
            Kind::Record => "record ".to_string(),
            Kind::Damaged => style::paint(style::ERROR, "damaged"),
        };
        line!(
            out,
            "{}  {kind}  {:>9}  {:>12}  used {}",
            file.name.get(..16).unwrap_or(&file.name),
            bytes(file.bytes),
            count(file.modules.len(), "module"),
            ago(now.saturating_sub(file.used)),
        )?;
    }
    line!(
        out,
        "{} in {}, {}",
        count(answer.files.len(), "file"),
        Path::new(&answer.folder).display(),
        bytes(answer.bytes)
    )
}

/// Use is noted to the hour.
fn ago(seconds: u64) -> String {
    match seconds / 3600 {
        0 => "within the hour".to_string(),
        hours @ 1..48 => format!("{} ago", count(hours as usize, "hour")),
        hours => format!("{} ago", count((hours / 24) as usize, "day")),
    }
}
