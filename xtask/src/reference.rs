//! `cargo xtask docs`: pages of the C API, by doxygen.

use crate::library;
use crate::util::{self, Result};
use std::process::Command;

/// Fails if anything public is not documented.
pub fn main() -> Result<()> {
    if !util::works("doxygen", &["--version"]) {
        return Err("doxygen is not installed (Debian: doxygen)".into());
    }
    let root = util::workspace();
    let output = util::target_dir().join("doc-api");
    util::remove(&output)?;
    util::create_dir(&output)?;
    let mut command = Command::new("doxygen");
    command
        .arg("docs/Doxyfile")
        .current_dir(&root)
        .env("WASMDYLD_VERSION", library::version()?)
        .env("WASMDYLD_DOC_OUTPUT", &output);
    util::run(&mut command)?;
    println!("{}", output.join("index.html").display());
    Ok(())
}
