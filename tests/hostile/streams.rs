//! Standard output and error that are closed or full: nobody is left to be told, and no command ends in a panic for that.

use std::fs::OpenOptions;
use std::process::Stdio;

use crate::command::{self, wasmdyld};
use crate::kit::Case;

/// Where a stream goes.
#[derive(Clone, Copy, Debug)]
enum To {
    Nowhere,
    /// A disk without room: writing gives ENOSPC.
    Full,
    /// A pipe that nobody reads: writing gives EPIPE.
    Closed,
}

impl To {
    fn stream(self) -> Stdio {
        match self {
            To::Nowhere => Stdio::null(),
            To::Full => {
                let full = OpenOptions::new().write(true).open("/dev/full");
                full.expect("/dev/full").into()
            }
            To::Closed => {
                let (reader, writer) = std::io::pipe().expect("a pipe");
                drop(reader);
                writer.into()
            }
        }
    }
}

#[test]
fn no_command_panics_for_a_stream() {
    let mut case = Case::new("streams");
    case.wat("main.wasm", &command::program(""));
    case.wat(
        "liba.so",
        "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))))",
    );
    let commands: &[&[&str]] = &[
        &["run", "main.wasm"],
        &["run", "--map", "-", "--progress", "always", "main.wasm"],
        &["run", "none.wasm"],
        &["ldd", "main.wasm"],
        &["ldd", "none.wasm"],
        &["plan", "main.wasm"],
        &["symbols", "main.wasm"],
        &["inspect", "main.wasm"],
        &["inspect", "--format", "json", "liba.so"],
        &["man"],
        &["completions", "bash"],
        &["engine-check", "none.so"],
        &["engine-check", "--format", "json", "none.so"],
        &["--help"],
        &["--version"],
        &["nonsense"],
    ];
    let ways = [To::Nowhere, To::Full, To::Closed];
    for arguments in commands {
        for debug in [None, Some("all"), Some("help"), Some("nonsense")] {
            // Debug output is of commands that load.
            if debug.is_some() && !matches!(arguments[0], "run" | "ldd") {
                continue;
            }
            let mut alone = wasmdyld();
            alone.args(*arguments).current_dir(case.folder());
            alone.envs(debug.map(|list| ("WASMDYLD_DEBUG", list)));
            let usual = alone.output().expect("it runs").status.code();
            for (out, err) in ways.iter().flat_map(|out| ways.map(|err| (*out, err))) {
                let mut command = wasmdyld();
                command.args(*arguments).current_dir(case.folder());
                command.envs(debug.map(|list| ("WASMDYLD_DEBUG", list)));
                let status = command.stdout(out.stream()).stderr(err.stream()).status();
                let status = status.expect("it runs");
                let what =
                    format!("{arguments:?}, {debug:?}, output {out:?}, error {err:?}: {status}");
                // Output that cannot be written is an error, unless its reader has seen enough.
                let code = status.code().unwrap_or_else(|| panic!("{what}"));
                assert_ne!(code, 101, "{what}");
                if !matches!(out, To::Full) {
                    assert_eq!(Some(code), usual, "{what}");
                }
            }
        }
    }
}
