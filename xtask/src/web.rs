//! What tests in node and in a browser need, in `target/web`: node itself, since exceptions take a newer one than most machines have, and WASI for pages.

use crate::util::{self, At, Result};
use std::path::PathBuf;
use std::process::Command;

const NODE_VERSION: &str = "26.10.0";
const SHIM: &str = "@bjorn3/browser_wasi_shim@0.4.2";

/// Fetches it where it is not there, and gives the folder: `node`, and `node_modules`.
pub fn fetch() -> Result<PathBuf> {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let node = format!("node-{system}-{machine}");
    let packages = [format!("{node}@{NODE_VERSION}"), SHIM.to_string()];
    let identity = packages.join("\n");
    let place = util::target_dir().join("web");
    let stamp = place.join("packages");
    if util::read(&stamp).is_ok_and(|known| known == identity) {
        return Ok(place);
    }
    util::step("node and WASI for browsers (once)");
    let scratch = util::beside(&place, "tmp");
    util::remove(&scratch)?;
    util::create_dir(&scratch)?;
    util::timed(packages.join(" "), || {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts"]);
        npm.arg("--prefix").arg(&scratch).args(&packages);
        util::run_quiet(&mut npm).map(drop)
    })?;
    let link = scratch.join("node");
    let program = format!("node_modules/{node}/bin/node");
    std::os::unix::fs::symlink(program, &link).at("link", &link)?;
    util::write(&scratch.join("packages"), identity)?;
    util::install_dir(&scratch, &place)?;
    Ok(place)
}
