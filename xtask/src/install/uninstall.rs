//! `cargo xtask uninstall`: what the manifest of an installation lists goes, and nothing else.

use super::manifest::{self, Removed};
use super::options::{environment, place, placed, split, wanted};
use crate::util::Result;
use std::path::PathBuf;

pub const USAGE: &str = "\
usage: cargo xtask uninstall --prefix PREFIX [OPTIONS]

Removes what `cargo xtask install` has put there, as PREFIX/share/wasmdyld/manifest.sha256 lists it. Files that were changed since stay,
and so does all that is not listed.

options:
  --prefix PREFIX    where it is
  --destdir DIR      a folder in front of all paths [$DESTDIR]
";

pub fn main(arguments: &[String]) -> Result<()> {
    let (mut prefix, mut destdir) = (PathBuf::new(), environment());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let (name, value) = split(argument);
        match name {
            "--prefix" => prefix = wanted(name, value, &mut rest, USAGE)?.into(),
            "--destdir" => destdir = Some(wanted(name, value, &mut rest, USAGE)?),
            _ => return Err(format!("uninstall does not know `{argument}`\n\n{USAGE}")),
        }
    }
    let (prefix, destdir) = place(prefix, destdir, USAGE)?;
    let prefix = placed(&prefix, destdir.as_deref());
    let manifest = manifest::read(&prefix)?.ok_or_else(|| {
        format!(
            "nothing is installed in {}: there is no {}",
            prefix.display(),
            manifest::FILE
        )
    })?;
    let removed = manifest::remove(&prefix, manifest)?;
    print!("{}", report(&removed));
    println!("uninstalled: {}", prefix.display());
    Ok(())
}

/// A line for all that is not as expected.
fn report(removed: &Removed) -> String {
    let mut text = String::new();
    for (paths, what) in [
        (&removed.changed, "left, since it was changed"),
        (&removed.missing, "was gone already"),
        (&removed.folders, "left, since something else is in it"),
    ] {
        for path in paths {
            // The prefix itself.
            let path = if path.is_empty() { "." } else { path };
            text += &format!("    {path}: {what}\n");
        }
    }
    text + &format!("    {} files and links removed\n", removed.removed)
}
