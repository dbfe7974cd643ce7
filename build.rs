//! Gives the shared library its soname, with the major version in it, and tells the tests what they are built for.

fn main() {
    let major = std::env::var("CARGO_PKG_VERSION_MAJOR").unwrap_or_default();
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libwasmdyld.so.{major}");
    }
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=WASMDYLD_TARGET={target}");
    println!("cargo::rerun-if-changed=build.rs");
}
