//! Where libraries are looked for last, without being told: what guests are compiled against (`/usr/lib` of ld.so).
//!
//! The toolchain is found as wasmdyld-cc finds it (`guests/tools/guest_tools.py`).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Below a toolchain's sysroot.
const LIB: &str = "lib/wasm32-wasip1";
/// What tells that a folder is one of a guest's libc.
const LIBC: &str = "libc.so";
/// Below the prefix of an installation: for distributions to fill.
const INSTALLED: &str = "share/wasmdyld/lib";
/// In the place of a folder: none.
const OFF: &str = "off";

/// In the place of the option. Empty, it is no folder either.
const VARIABLE: &str = "WASMDYLD_DEFAULT_PATH";

/// The folders that are asked for, else those that there are.
pub fn folders(asked: &[PathBuf]) -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name);
    match (asked, variable(VARIABLE)) {
        ([], None) => found(variable, std::env::current_exe().ok()),
        ([], Some(paths)) => named(std::env::split_paths(&paths)),
        (asked, _) => named(asked.iter().cloned()),
    }
}

fn named(folders: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let is_one = |folder: &PathBuf| !folder.as_os_str().is_empty() && folder.as_os_str() != OFF;
    folders.filter(is_one).collect()
}

fn found(variable: impl Fn(&str) -> Option<OsString>, command: Option<PathBuf>) -> Vec<PathBuf> {
    let installed = command.and_then(|command| Some(command.parent()?.parent()?.join(INSTALLED)));
    let installed = installed.filter(|folder| folder.is_dir());
    toolchain(variable).into_iter().chain(installed).collect()
}

/// The folder with libc.so of the toolchain that wasmdyld-cc would use.
fn toolchain(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| {
        let value = variable(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    let has_libc = |folder: &PathBuf| folder.join(LIBC).is_file();
    if let Some(own) = set("WASMDYLD_TOOLCHAIN") {
        return of_own(&own).into_iter().find(has_libc);
    }
    if let Some(sdk) = set("WASI_SDK_PATH") {
        return Some(sdk.join("share/wasi-sysroot").join(LIB)).filter(has_libc);
    }
    let home = || {
        let profile = cfg!(windows).then(|| set("USERPROFILE")).flatten();
        profile.or_else(|| set("HOME"))
    };
    let data = set("XDG_DATA_HOME").or_else(|| Some(home()?.join(".local/share")))?;
    let own = data.join("wasmdyld/toolchain");
    of_own(&own).into_iter().find(has_libc)
}

/// Of a toolchain that `wasmdyld-cc --setup` or `cargo xtask guests` has made: the latter collects all libraries in one folder.
fn of_own(folder: &Path) -> [PathBuf; 2] {
    [folder.join("lib"), folder.join("sysroot").join(LIB)]
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::fs;

    use super::*;

    #[test]
    fn the_first_toolchain_that_is_named_counts() {
        let root = std::env::temp_dir().join(format!("wasmdyld-default-{}", std::process::id()));
        let put = |folder: &str| {
            let folder = root.join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(LIBC), "").unwrap();
            folder
        };
        let of_user = put("home/.local/share/wasmdyld/toolchain/sysroot/lib/wasm32-wasip1");
        let of_data = put("data/wasmdyld/toolchain/sysroot/lib/wasm32-wasip1");
        let sdk = put("sdk/share/wasi-sysroot/lib/wasm32-wasip1");
        let made = put("made/sysroot/lib/wasm32-wasip1");
        let look = |variables: &[(&str, &str)]| {
            let variables: HashMap<_, _> = variables
                .iter()
                .map(|&(name, value)| (name, root.join(value).into_os_string()))
                .collect();
            let command = Some(root.join("prefix/bin/wasmdyld"));
            found(|name| variables.get(name).cloned(), command)
        };
        let mut all = vec![("HOME", "home")];
        assert_eq!(look(&all), [&*of_user]);
        all.push(("XDG_DATA_HOME", "data"));
        assert_eq!(look(&all), [&*of_data]);
        all.push(("WASI_SDK_PATH", "sdk"));
        assert_eq!(look(&all), [&*sdk]);
        all.push(("WASMDYLD_TOOLCHAIN", "made"));
        assert_eq!(look(&all), [&*made]);
        // As for wasmdyld-cc, what is named and is none hides the others.
        assert_eq!(
            look(&[("HOME", "home"), ("WASMDYLD_TOOLCHAIN", "sdk")]),
            Vec::<PathBuf>::new()
        );
        // What a distribution has installed comes behind.
        let collected = put("made/lib");
        let installed = put("prefix/share/wasmdyld/lib");
        assert_eq!(look(&all), [&*collected, &*installed]);
        assert_eq!(look(&[]), [&*installed]);
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn what_is_asked_for_counts_alone() {
        assert_eq!(
            folders(&["a".into(), "b".into()]),
            [Path::new("a"), Path::new("b")]
        );
        assert_eq!(folders(&["off".into()]), Vec::<PathBuf>::new());
        let split = |text: &str| named(std::env::split_paths(text));
        assert_eq!(split(":a::b:"), [Path::new("a"), Path::new("b")]);
        assert_eq!(split(""), Vec::<PathBuf>::new());
    }
}
