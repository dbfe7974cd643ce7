//! The `wasmdyld` command: runs programs made of shared libraries, and tells which engines can.

mod check;
mod generate;
mod progress;
mod run;
#[allow(dead_code, reason = "commands to come write tables and trees")]
mod style;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "wasmdyld",
    version,
    about = "A dynamic linker for WebAssembly programs made of shared libraries",
    styles = style::HELP
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Load a program with its libraries and run it
    Run(run::Run),
    /// Tell what an engine can do for dynamic linking
    EngineCheck(check::Check),
    /// Write a script by which a shell completes the command's options
    Completions(generate::Completions),
    /// Write manual pages
    Man(generate::ManPages),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(run) => run.execute(),
        Command::EngineCheck(check) => check.execute(),
        Command::Completions(completions) => completions.execute(),
        Command::Man(pages) => pages.execute(),
    }
}
