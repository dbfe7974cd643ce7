//! `wasmdyld run --native`, where no program of the system can be told to give its place to a guest.

use std::ffi::OsString;
use std::path::PathBuf;
use std::rc::Rc;

use wasmdyld::error::{Code, Error, Result};
use wasmdyld::link::Namespace;

/// What is to be run, and where its libraries are.
pub struct Program {
    pub file: OsString,
    pub library_paths: Vec<PathBuf>,
}

fn unsupported() -> Error {
    Error::new(
        Code::Unsupported,
        "--native is for systems that are Unix: here a guest has its folders by --dir alone",
    )
}

pub fn program(_: &[OsString]) -> Result<Program> {
    Err(unsupported())
}

pub fn stack() -> Option<usize> {
    None
}

pub fn enter_folder(_: &Rc<Namespace>) -> Result<()> {
    Err(unsupported())
}
