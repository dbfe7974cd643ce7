//! What others have built and `cargo xtask js` tries in the package for JavaScript, in `target/js/others`: grammars of tree-sitter by emscripten, and
//! cowasm's Python with NumPy.

use crate::js;
use crate::util::{self, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

const GRAMMARS: &str = "tree-sitter-wasms@0.1.13";
/// With it comes `@cowasm/kernel`, the program that it is a library of.
const PYTHON: &str = "python-wasm@0.28.1";

/// Fetches them where they are not there, and gives the folder: `node_modules`, and `root`, the folder that is `/` for Python.
pub fn fetch() -> Result<PathBuf> {
    let place = util::target_dir().join("js/others");
    let packages = [GRAMMARS, PYTHON];
    let stamp = place.join("packages");
    let identity = packages.join("\n");
    if util::read(&stamp).is_ok_and(|known| known == identity) {
        return Ok(place);
    }
    util::step("guests that others have built (once)");
    util::timed(packages.join(" "), || {
        util::remove(&place)?;
        js::npm_install(&place, &packages)?;
        unpack(&place)?;
        util::write(&stamp, &identity)
    })?;
    Ok(place)
}

/// Python's library and NumPy, as they lie for the guest.
fn unpack(place: &Path) -> Result<()> {
    let dist = place.join("node_modules/python-wasm/dist");
    for (form, file, to) in [
        ("zipfile", "python-stdlib.zip", "usr/lib/python3.11"),
        ("tarfile", "numpy.tar.xz", "numpy"),
    ] {
        let to = place.join("root").join(to);
        util::create_dir(&to)?;
        let mut python = Command::new("python3");
        python.args(["-m", form, "-e"]).arg(dist.join(file)).arg(to);
        util::run_quiet(&mut python)?;
    }
    Ok(())
}
