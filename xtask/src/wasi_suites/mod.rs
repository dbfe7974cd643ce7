//! `cargo xtask wasi-suites`: what others have written to test WASI and what stands on it, run on our WASI and on wasmtime's. None of it is part of this
//! project: each suite is a folder that the caller has. What comes out otherwise on ours needs a reason in `docs/WASI.md`.
//!
//! Everything is below `<target>/wasi-suites`.

mod cpython;
mod libc;
mod report;
mod sides;
mod testsuite;

use std::path::PathBuf;

use crate::util::{self, At, Result};
use sides::{Compiler, Sides};

pub const USAGE: &str = "\
usage: cargo xtask wasi-suites OPTIONS

  --wasi-testsuite DIR  WebAssembly/wasi-testsuite, of the branch prod/testsuite-base, which has its programs built
  --wasi-libc DIR       WebAssembly/wasi-libc, for its own tests; they want libc-test as well
  --libc-test DIR       libc-test, musl's or WebAssembly's copy of it
  --cpython-tests DIR   the folder Lib of CPython 3.14's sources, which has its tests

What is run is what was named. It wants python3, and fetches wasmtime's package from PyPI.";

#[derive(Debug, Default, PartialEq)]
struct Options {
    testsuite: Option<PathBuf>,
    wasi_libc: Option<PathBuf>,
    libc_test: Option<PathBuf>,
    cpython: Option<PathBuf>,
}

pub fn main(arguments: &[String]) -> Result<()> {
    let options = options(arguments)?;
    let root = util::target_dir().join("wasi-suites");
    util::create_dir(&root)?;
    // Two runs would take each other's folders away.
    let lock_file = root.join("lock");
    let lock = std::fs::File::create(&lock_file).at("create", &lock_file)?;
    lock.lock().at("lock", &lock_file)?;
    let sides = Sides::new(root)?;
    let mut rows = Vec::new();
    if let Some(folder) = &options.testsuite {
        util::step("wasi-testsuite");
        rows.extend(testsuite::run(&sides, folder)?);
    }
    if options.wasi_libc.is_some() || options.libc_test.is_some() {
        let compiler = Compiler::new(
            &sides,
            &[
                "libwasi-emulated-getpid.so",
                "libwasi-emulated-mman.so",
                "libwasi-emulated-process-clocks.so",
                "libwasi-emulated-signal.so",
            ],
        )?;
        if let Some(folder) = &options.wasi_libc {
            util::step("wasi-libc's tests");
            let libc_test = options.libc_test.as_deref();
            let libc_test = libc_test.ok_or(
                "--wasi-libc wants --libc-test too, by which its tests say what went wrong",
            )?;
            rows.extend(libc::wasi(&sides, &compiler, folder, libc_test)?);
        }
        if let Some(folder) = &options.libc_test {
            util::step("libc-test");
            rows.extend(libc::musl(&sides, &compiler, folder)?);
        }
    }
    if let Some(folder) = &options.cpython {
        let compiler = Compiler::new(&sides, &["libpython3.14.so"])?;
        util::step("CPython's tests");
        rows.extend(cpython::run(&sides, &compiler, folder)?);
    }
    let page = util::workspace().join("docs/WASI.md");
    let (details, without_reason) = report::details(&rows, &report::known(&util::read(&page)?));
    println!("\n{details}\n{}", report::totals(&rows));
    println!("wasmtime {}", sides.version);
    match without_reason {
        0 => Ok(()),
        count => Err(format!(
            "{count} tests come out otherwise, without a reason in {}",
            page.display()
        )),
    }
}

fn options(arguments: &[String]) -> Result<Options> {
    let mut options = Options::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let place = match argument.as_str() {
            "--wasi-testsuite" => &mut options.testsuite,
            "--wasi-libc" => &mut options.wasi_libc,
            "--libc-test" => &mut options.libc_test,
            "--cpython-tests" => &mut options.cpython,
            other => return Err(format!("`{other}` is no option\n\n{USAGE}")),
        };
        let folder = rest
            .next()
            .ok_or_else(|| format!("{argument} takes a folder"))?;
        let folder = PathBuf::from(folder);
        if !folder.is_dir() {
            return Err(format!(
                "{argument}: there is no folder {}",
                folder.display()
            ));
        }
        *place = Some(std::path::absolute(&folder).at("find", &folder)?);
    }
    match options == Options::default() {
        true => Err(format!("no suite was named\n\n{USAGE}")),
        false => Ok(options),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_folders() {
        let options =
            |words: &[&str]| options(&words.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert!(options(&[]).unwrap_err().contains("no suite was named"));
        assert!(
            options(&["--libc-test"])
                .unwrap_err()
                .contains("takes a folder")
        );
        assert!(
            options(&["--libc-test", "none/such"])
                .unwrap_err()
                .contains("there is no folder")
        );
        assert!(
            options(&["--other", "."])
                .unwrap_err()
                .contains("is no option")
        );
        let found = options(&["--libc-test", "."]).unwrap();
        assert!(found.libc_test.is_some_and(|folder| folder.is_absolute()));
    }
}
