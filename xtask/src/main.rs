//! `cargo xtask TASK`: the development tasks of wasmdyld, in plain Rust, so that
//! they need nothing installed but what the task itself is about.

mod aarch64;
mod builds;
mod case;
mod debian;
mod demo;
mod elsewhere;
mod fuzz;
mod guests;
mod install;
mod js;
mod js_guests;
mod library;
mod portable;
mod ports;
mod python;
mod reference;
mod reproducible;
mod sanitize;
mod skipped;
mod start_order;
mod test;
mod util;
mod wasi_suites;
mod web;
mod windows;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask TASK [ARGUMENTS]

tasks:
  demo               build the library, the command and the guests, and show SQLite
                     as a shared library: in a program, and under a C host
  test [ARG...]      build everything and run all tests; arguments go to the test programs.
                     --skipped: only the tests that the last run left something out of
  stage              build and lay out target/wasmdyld: bin, lib, include
  install            build and install below a prefix (install --help)
  uninstall          remove what was installed there, and nothing else
  header             write include/wasmdyld.h anew
  docs               write the pages of the C API: target/doc-api (needs doxygen)
  guests [NAME...]   set up the guest toolchain and build the guest programs:
                     all, or the named cases (hello) and libraries (libz.so)
  ports [NAME...]    build other people's C projects by their own build systems for wasmdyld,
                     and run their tests (guests/ports)
  engines            build the engines that tests open at run time
  web                fetch node, and WASI for browsers, which tests of one module run in
  python [ARG...]    build the Python package's wheel around the library, and test it
                     in an environment of its own; arguments go to pytest
  js [--quick] [--bench]
                     build the package for JavaScript (needs Rust for wasm32-unknown-unknown), install
                     it in a fresh folder and test it, or measure what calls cost
  fuzz [TARGET...]   run the fuzzers, a minute each (--seconds N), from fuzz/corpus
  asan               run C tests and guests on wasmi under AddressSanitizer
  miri               run the tests of the pure core under Miri (needs nightly Rust)
  aarch64            run C tests and guests on wasmi for aarch64 Linux, under qemu
  windows            run C tests and guests on wasmi for Windows, under Wine
  portable [TARGET]  check that the library compiles for other machines
  reproducible       build twice in different folders and compare (reproducible bundled:
                     with the engine)
  debian             build and try packages of Debian (needs dpkg-dev, debhelper, lintian)
  start-order        write anew which functions starts of programs run, for the linker to lay
                     side by side (needs valgrind)
  wasi-suites        run others' tests of WASI on ours and on wasmtime's: each is a folder that
                     you name (wasi-suites --help)
  help               this text
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = match arguments.split_first() {
        Some((task, rest)) => (task.as_str(), rest),
        None => ("help", &[][..]),
    };
    let outcome = match task {
        "demo" => demo::main(),
        "test" => test::main(rest),
        "stage" => library::stage().map(drop),
        "install" => install::main(rest),
        "uninstall" => install::uninstall(rest),
        "header" => library::header(),
        "docs" => reference::main(),
        "js" => js::main(rest),
        "fuzz" => fuzz::main(rest),
        "asan" => sanitize::asan(rest),
        "miri" => sanitize::miri(rest),
        "aarch64" => aarch64::main(rest),
        "windows" => windows::main(rest),
        "debian" => debian::main(),
        "reproducible" => reproducible::main(rest),
        "portable" => portable::main(rest),
        "engines" => library::engines().map(drop),
        "web" => web::fetch().map(drop),
        "guests" => guests::main(rest),
        "ports" => ports::main(rest),
        "python" => python::main(rest),
        "start-order" => start_order::main(),
        "wasi-suites" => wasi_suites::main(rest),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        unknown => Err(format!("no task is called `{unknown}`\n\n{USAGE}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
