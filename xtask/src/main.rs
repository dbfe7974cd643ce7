//! `cargo xtask TASK`: the development tasks of wasmdyld, in plain Rust, so that
//! they need nothing installed but what the task itself is about.

mod case;
mod guests;
mod util;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask TASK [ARGUMENTS]

tasks:
  guests [NAME...]   set up the guest toolchain and build the guest programs:
                     all, or the named cases (hello) and libraries (libz.so)
  help               this text
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = match arguments.split_first() {
        Some((task, rest)) => (task.as_str(), rest),
        None => ("help", &[][..]),
    };
    let outcome = match task {
        "guests" => guests::main(rest),
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
