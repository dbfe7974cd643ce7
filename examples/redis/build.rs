//! Links libwasmdyld.so, which lies in the folder WASMDYLD_LIB.

fn main() {
    println!("cargo::rerun-if-env-changed=WASMDYLD_LIB");
    if let Ok(folder) = std::env::var("WASMDYLD_LIB") {
        println!("cargo::rustc-link-search={folder}");
        println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
    }
    println!("cargo::rustc-link-lib=dylib=wasmdyld");
}
