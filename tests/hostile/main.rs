//! Input that was made to do harm, given to the command: no host process ends by it, nothing takes more than its share, and no text
//! carries what a terminal would obey. `kit.rs` asserts these laws on every run; each module here is a subject.
#![cfg(all(feature = "cli", target_os = "linux"))]

#[path = "../support/command.rs"]
mod command;
mod kit;
#[path = "../support/skip.rs"]
mod skip;

mod amplification;
mod cache;
mod cut;
mod planner;
mod streams;
mod texts;
mod values;
mod wasi;
