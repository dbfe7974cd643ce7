//! Gives the shared library its soname, with the major version in it, and tells the tests what they are built for. For `cargo cinstall`,
//! the bundled engine's wasm.h is put where that looks for headers.

use std::path::Path;

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
    // Where the engine's wasm.h is.
    if let Ok(include) = std::env::var("DEP_WASMTIME_C_API_INCLUDE") {
        println!("cargo::rustc-env=WASMDYLD_WASM_H={include}");
    }
    println!("cargo::rerun-if-changed=build.rs");
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
