//! The guest toolchain. What it is made of and how is in guests/tools/toolchain.py, which users run too (`wasmdyld-cc --setup`).

use super::Layout;
use crate::util::{self, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Identifies the toolchain: part of what each built file depends on.
pub fn identity() -> Result<String> {
    util::run_quiet(script()?.arg("identity"))
}

/// Makes sure that the toolchain is there.
pub fn set_up(layout: &Layout) -> Result<()> {
    util::run(script()?.arg("c").arg(&layout.root))
}

/// Makes sure that it has the C++ runtime, in the sysroot's folder of libraries.
pub fn set_up_cxx(layout: &Layout) -> Result<()> {
    util::run(script()?.arg("cxx").arg(&layout.root))
}

/// Fetches a package from PyPI and unpacks it below `scratch`, without installing anything.
pub fn pypi(scratch: &Path, package: &str) -> Result<PathBuf> {
    let unpacked = scratch.join("unpacked");
    util::run_quiet(script()?.arg("wheel").arg(package).arg(&unpacked))?;
    Ok(unpacked)
}

fn script() -> Result<Command> {
    let recent = ["-c", "import sys; assert sys.version_info >= (3, 9)"];
    let python = ["python3", "python"]
        .into_iter()
        .find(|name| util::works(name, &recent))
        .ok_or(
            "python3 (3.9 or later, with pip or venv) is needed (Debian: python3 python3-venv)",
        )?;
    let mut command = Command::new(python);
    command.arg(util::workspace().join("guests/tools/toolchain.py"));
    Ok(command)
}

pub fn make_executable(file: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use crate::util::At;
        use std::fs;
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).at("make executable", file)?;
    }
    let _ = file;
    Ok(())
}
