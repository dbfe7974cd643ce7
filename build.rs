//! Gives the shared library its soname, with the major version in it, has the command's code laid out for quick starts, and tells the tests
//! what they are built for. For `cargo cinstall`, the bundled engine's wasm.h is put where that looks for headers.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

fn main() {
    let major = std::env::var("CARGO_PKG_VERSION_MAJOR").unwrap_or_default();
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // Without an engine inside it is another library to those who need it: `cargo xtask install` gives it this name.
        let engine = std::env::var_os("CARGO_FEATURE_WASMTIME").is_some();
        let name = if engine {
            "wasmdyld"
        } else {
            "wasmdyld-neutral"
        };
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,lib{name}.so.{major}");
    }
    if std::env::var_os("CARGO_FEATURE_CAPI").is_some() {
        headers().expect("wasm.h for cargo cinstall");
    }
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=WASMDYLD_TARGET={target}");
    let ordered = is_ordered(&target);
    println!("cargo::rustc-env=WASMDYLD_START_ORDER={ordered}");
    if ordered {
        let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
        println!("cargo::rustc-link-arg-bin=wasmdyld=-T{folder}/src/bin/wasmdyld/start.ld");
    }
    // Where the engine's wasm.h is.
    if let Ok(include) = std::env::var("DEP_WASMTIME_C_API_INCLUDE") {
        println!("cargo::rustc-env=WASMDYLD_WASM_H={include}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=Cargo.toml");
    let sources = sources().expect("the sources of this package");
    println!("cargo::rustc-env=WASMDYLD_SOURCES={sources:016x}");
}

/// Whether the functions that a start of the command runs are laid side by side (`cargo xtask start-order`). GNU ld and LLVM's lld, one of
/// which Rust has by default, can do it; others may not know such a script, so a build that names a linker or has flags of its own is
/// left alone.
fn is_ordered(target: &str) -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    target == "x86_64-unknown-linux-gnu"
        && is_set("CARGO_FEATURE_CLI")
        && !["RUSTC_LINKER", "CARGO_ENCODED_RUSTFLAGS"]
            .into_iter()
            .any(is_set)
        && std::env::var("OPT_LEVEL").is_ok_and(|level| level != "0")
}

/// A hash of all that this library decides by: what one build has planned and kept, another one does not use.
fn sources() -> std::io::Result<u64> {
    let mut open = vec![PathBuf::from("src"), PathBuf::from("Cargo.toml")];
    let mut files = Vec::new();
    while let Some(path) = open.pop() {
        if !path.is_dir() {
            // The order of the code decides nothing.
            if path.extension().is_none_or(|kind| kind != "ld") {
                files.push((path.clone(), std::fs::read(path)?));
            }
            continue;
        }
        for entry in std::fs::read_dir(path)? {
            open.push(entry?.path());
        }
    }
    files.sort_unstable();
    let mut hash = DefaultHasher::new();
    files.hash(&mut hash);
    Ok(hash.finish())
}

fn headers() -> std::io::Result<()> {
    let (Some(engine), Some(out)) = (
        std::env::var_os("DEP_WASMTIME_C_API_INCLUDE"),
        std::env::var_os("OUT_DIR"),
    ) else {
        return Ok(());
    };
    let include = Path::new(&out).join("capi/include");
    std::fs::create_dir_all(&include)?;
    std::fs::copy(Path::new(&engine).join("wasm.h"), include.join("wasm.h"))?;
    Ok(())
}
