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
mod tasks;
mod test;
mod util;
mod wasi_suites;
mod wasm32;
mod web;
mod windows;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = match arguments.split_first() {
        Some((task, rest)) => (task.as_str(), rest),
        None => ("help", &[][..]),
    };
    match tasks::run(task, rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
