//! The C++ runtime as shared libraries, with exceptions in the exnref form: no
//! published sysroot has one, so it is built from the sources in zig's package.

use super::Layout;
use super::libraries::{Recipe, THIRD_PARTY_FLAGS, UNDEFINED_FLAG, c_files};
use crate::util::Result;
use std::ffi::OsString;
use std::path::PathBuf;

/// Parts of libc++abi that are for builds without exceptions or with threads.
const NOT_IN_LIBCXXABI: [&str; 2] = ["cxa_noexception.cpp", "cxa_thread_atexit.cpp"];
/// operator new and delete: libc++abi has them, and its are the ones that its exceptions use.
const NOT_IN_LIBCXX: [&str; 1] = ["new.cpp"];

fn flags(layout: &Layout, words: &[&str], includes: &[&str]) -> Vec<OsString> {
    let mut flags: Vec<OsString> = THIRD_PARTY_FLAGS
        .iter()
        .chain(words)
        .map(OsString::from)
        .collect();
    for include in includes {
        flags.push("-I".into());
        flags.push(layout.zig().join("lib").join(include).into());
    }
    flags
}

fn sources(layout: &Layout, folders: &[&str], without: &[&str]) -> Result<Vec<PathBuf>> {
    let mut sources = Vec::new();
    for folder in folders {
        sources.extend(c_files(&layout.zig().join("lib").join(folder), "cpp")?);
    }
    sources.retain(|source| !without.iter().any(|name| source.ends_with(name)));
    Ok(sources)
}

pub fn libunwind(layout: &Layout) -> Recipe {
    // Its one exported function says __declspec(dllexport), which clang takes for Windows only.
    let words = [
        "-D__declspec(x)=",
        "-D_LIBUNWIND_HAS_NO_THREADS",
        "-fwasm-exceptions",
        "-mllvm",
        "-wasm-use-legacy-eh=false",
    ];
    Recipe {
        name: "libunwind.so",
        compiler: layout.wasm_cc(),
        sources: vec![layout.zig().join("lib/libunwind/src/Unwind-wasm.c")],
        includes: vec![],
        cflags: flags(layout, &words, &["libunwind/include"]),
        // The personality function is in libc++abi, which needs this library in turn.
        ldflags: vec![UNDEFINED_FLAG],
        needs: vec![],
    }
}

pub fn libcxxabi(layout: &Layout) -> Result<Recipe> {
    let words = [
        "-std=c++23",
        "-D_LIBCPP_BUILDING_LIBRARY",
        "-D_LIBCXXABI_BUILDING_LIBRARY",
    ];
    Ok(Recipe {
        name: "libc++abi.so",
        compiler: layout.wasm_cxx(),
        sources: sources(layout, &["libcxxabi/src"], &NOT_IN_LIBCXXABI)?,
        includes: vec![],
        cflags: flags(layout, &words, &["libcxx/src", "libunwind/include"]),
        ldflags: vec![UNDEFINED_FLAG],
        needs: vec!["libunwind.so"],
    })
}

pub fn libcxx(layout: &Layout) -> Result<Recipe> {
    let words = [
        "-std=c++23",
        "-D_LIBCPP_BUILDING_LIBRARY",
        "-DLIBCXX_BUILDING_LIBCXXABI",
    ];
    Ok(Recipe {
        name: "libc++.so",
        compiler: layout.wasm_cxx(),
        sources: sources(
            layout,
            &["libcxx/src", "libcxx/src/ryu", "libcxx/src/filesystem"],
            &NOT_IN_LIBCXX,
        )?,
        includes: vec![],
        cflags: flags(layout, &words, &["libcxx/src", "libcxx/libc"]),
        ldflags: vec![UNDEFINED_FLAG],
        needs: vec!["libc++abi.so", "libunwind.so"],
    })
}
