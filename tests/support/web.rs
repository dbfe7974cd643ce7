//! Node and what a browser's page needs, as `cargo xtask web` has fetched them.

// Each of the test programs uses a part of this.
#![allow(dead_code, reason = "compiled into several programs")]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::c::{self, skip};

/// The columns of tables.
pub const NODE: &str = "node";
pub const CHROMIUM: &str = "Chromium";
pub const FIREFOX: &str = "Firefox";

pub struct Web {
    /// The program.
    pub node: PathBuf,
    /// The modules of browser_wasi_shim.
    pub shim: PathBuf,
}

/// Without it the test leaves something out.
pub fn folder() -> Option<Web> {
    let Some(folder) = std::env::var_os("WASMDYLD_TEST_WEB").map(PathBuf::from) else {
        skip::skip("node of its own", "`cargo xtask test` fetches it");
        return None;
    };
    let modules = folder.join("node_modules");
    Some(Web {
        node: folder.join("node"),
        shim: modules.join("@bjorn3/browser_wasi_shim/dist"),
    })
}

impl Web {
    /// Node with a script of `tests/web`.
    pub fn node(&self, script: &str, arguments: &[&Path]) -> Command {
        let mut command = Command::new(&self.node);
        command.arg("--no-warnings");
        command.arg(c::source("tests/web").join(script));
        command.args(arguments);
        command
    }
}
