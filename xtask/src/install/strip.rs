//! Libraries and the command without what only a debugger wants: binutils' strip, once for each build.

use crate::util::{self, At, Result};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Clone, Copy)]
pub enum Kind {
    Shared,
    Program,
    Archive,
}

/// The stripped copy of a built file, which lies in a folder beside it and has its time. Programs that link the archive may want its local
/// symbols for their own backtraces; of the rest nothing is used but what is exported.
pub fn stripped(built: &Path, kind: Kind) -> Result<PathBuf> {
    let folder = built.parent().unwrap_or(built).join("stripped");
    let copy = folder.join(built.file_name().unwrap_or_default());
    let time = |path: &Path| fs::metadata(path).and_then(|data| data.modified());
    let made = time(built).at("read", built)?;
    if time(&copy).is_ok_and(|there| there == made) {
        return Ok(copy);
    }
    util::create_dir(&folder)?;
    let new = util::beside(&copy, "new");
    let mut command = Command::new(program());
    command.args(match kind {
        Kind::Shared => &["--strip-unneeded", "--remove-section=.comment"][..],
        Kind::Program => &["--strip-all", "--remove-section=.comment"][..],
        // Without times and owners of its members.
        Kind::Archive => &["--strip-debug", "--enable-deterministic-archives"][..],
    });
    util::run_quiet(command.arg("-o").arg(&new).arg(built)).map_err(|error| {
        format!(
            "{error}\nIt comes with the C compiler (binutils); STRIP names another one, and --no-strip does without."
        )
    })?;
    let file = fs::File::options()
        .append(true)
        .open(&new)
        .at("open", &new)?;
    file.set_modified(made).at("set the time of", &new)?;
    fs::rename(&new, &copy).at("rename", &new)?;
    Ok(copy)
}

fn program() -> OsString {
    let named = std::env::var_os("STRIP").filter(|name| !name.is_empty());
    named.unwrap_or_else(|| "strip".into())
}
