//! How the drivers are called, in folders of their own, and what is asked of what they make.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub const LIBRARY: &str = "int twice(int x) { return 2 * x; }\n";
pub const PROGRAM: &str = "#include <stdio.h>\nint twice(int);\nint main(int n, char **a) { (void)a; printf(\"%d\\n\", twice(n)); }\n";

pub fn guests() -> PathBuf {
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("guests");
    let folder = std::env::var_os("WASMDYLD_GUESTS").map_or(built, PathBuf::from);
    folder.canonicalize().unwrap_or_else(|e| {
        panic!(
            "{}: {e}; build the guests first, or set WASMDYLD_GUESTS",
            folder.display()
        )
    })
}

pub fn tool(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("guests/tools")
        .join(name)
}

pub fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("guest-tools")
        .join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a scratch folder");
    folder
}

pub fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("writing a source");
}

/// A command that finds no toolchain but the one that is given.
pub fn command(program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WASMDYLD_") {
            command.env_remove(name);
        }
    }
    let data = folder.join("no-data");
    command.current_dir(folder).stdin(Stdio::null());
    command
        .env_remove("WASI_SDK_PATH")
        .env("XDG_DATA_HOME", data);
    command
}

/// The driver with the toolchain of the tests' guests.
pub fn driver(name: &str, folder: &Path) -> Command {
    let mut command = command(tool(name), folder);
    command.env("WASMDYLD_TOOLCHAIN", guests());
    command
}

/// Whether it ended well, and all that it printed.
pub fn ran(command: &mut Command) -> (bool, String) {
    let output = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

pub fn succeed(command: &mut Command) -> String {
    let (good, text) = ran(command);
    assert!(good, "{command:?}\n{text}");
    text
}

pub fn fail(command: &mut Command) -> String {
    let (good, text) = ran(command);
    assert!(!good, "{command:?} succeeded\n{text}");
    text
}

pub fn run(folder: &Path, program: &str) -> String {
    let mut wasmdyld = command(env!("CARGO_BIN_EXE_wasmdyld"), folder);
    wasmdyld
        .args(["run", "-L", ".", "-L"])
        .arg(guests().join("lib"));
    succeed(wasmdyld.arg(program))
}

/// What a module says of itself.
pub fn inspect(folder: &Path, file: &str) -> serde_json::Value {
    let mut wasmdyld = command(env!("CARGO_BIN_EXE_wasmdyld"), folder);
    let text = succeed(wasmdyld.args(["inspect", "--format", "json", file]));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// The library's name for itself, and those that it needs.
pub fn names(folder: &Path, file: &str) -> (Option<String>, Vec<String>) {
    let dylink = &inspect(folder, file)["dylink"];
    let text = |value: &serde_json::Value| value.as_str().map(str::to_string);
    let needed = dylink["needed"].as_array().expect("needed");
    (
        text(&dylink["soname"]),
        needed.iter().filter_map(text).collect(),
    )
}
