//! The `wasmdyld` command: runs programs made of shared libraries, shows what the linker sees in them, and tells which engines can.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod args;
mod bounds;
mod cache;
mod check;
mod default_path;
mod folders;
mod generate;
mod inspect;
mod ldd;
mod link;
#[cfg_attr(not(unix), path = "no_native.rs")]
mod native;
mod output;
mod plan;
mod progress;
mod run;
mod snapshot;
mod style;
mod symbols;

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
    /// Show which libraries a program needs, and where each is found
    Ldd(ldd::Ldd),
    /// Show what loading a program would do: bindings, memory and table
    Plan(plan::Show),
    /// Show who defines and who uses each symbol of a program
    Symbols(symbols::Symbols),
    /// Link a program and its libraries into one module
    Link(link::Link),
    /// Say what a module is and what it asks of a dynamic linker
    Inspect(inspect::Inspect),
    /// Look after the compiled code that is kept between runs
    Cache(cache::Cache),
    /// Tell what an engine can do for dynamic linking
    EngineCheck(check::Check),
    /// Write a script by which a shell completes the command's options
    Completions(generate::Completions),
    /// Write manual pages
    Man(generate::ManPages),
}

/// The command line of `run` alone: what starts programs does not set up the options of all other commands first.
#[derive(Parser)]
#[command(name = "wasmdyld", version, styles = style::HELP)]
struct RunAlone {
    #[command(subcommand)]
    command: JustRun,
}

#[derive(Subcommand)]
enum JustRun {
    /// Load a program with its libraries and run it
    Run(run::Run),
}

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|word| word == "run") {
        let JustRun::Run(run) = RunAlone::parse().command;
        return run.execute();
    }
    match Cli::parse().command {
        Command::Run(run) => run.execute(),
        Command::Ldd(ldd) => ldd.execute(),
        Command::Plan(plan) => plan.execute(),
        Command::Symbols(symbols) => symbols.execute(),
        Command::Link(link) => link.execute(),
        Command::Inspect(inspect) => inspect.execute(),
        Command::Cache(cache) => cache.execute(),
        Command::EngineCheck(check) => check.execute(),
        Command::Completions(completions) => completions.execute(),
        Command::Man(pages) => pages.execute(),
    }
}
