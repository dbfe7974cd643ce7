//! One module as a component of WASI 0.2. The crates that make it are in the build with the feature `component`.

#[cfg(feature = "component")]
mod encode;

use std::path::PathBuf;

use crate::error::{Code, Context, Error, Result};
use crate::survey::Survey;

/// What a component imports and exports beside WASI. By default what the worlds say that are in its objects.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// A WIT file, or the folder of a package.
    pub wit: Option<PathBuf>,
    /// One of its worlds, if there are several.
    pub name: Option<String>,
}

/// Whether this library makes components.
///
/// # Errors
/// `Unsupported`: it does not, and which one does.
pub fn can_be_made() -> Result<()> {
    match cfg!(feature = "component") {
        true => Ok(()),
        false => Err(absent()),
    }
}

fn absent() -> Error {
    let why = "this library makes no components";
    let what = "  The library with an engine inside does, as `cargo xtask install` installs it and as it is in Python's wheel, and so does `wasmdyld link --component`. Cargo's feature `component` builds them into any other.";
    Error::new(Code::Unsupported, why).line(what)
}

/// A component of a module that was made of `survey`: a command of a program, of a library what its world says.
///
/// # Errors
/// `InvalidArgument`: a library without a world. `Limit`: worlds of more than 1 MiB. `Unsupported`: what the encoder or the reader of WIT refuses, with their
/// reasons: a file that is missing, a world that is not there, a function that the module lacks; or that of [`can_be_made`].
pub fn component(module: Vec<u8>, survey: &Survey, world: &World) -> Result<Vec<u8>> {
    made(module, survey, world).context(|| "making a component")
}

#[cfg(feature = "component")]
use encode::encode as made;

#[cfg(not(feature = "component"))]
fn made(_: Vec<u8>, _: &Survey, _: &World) -> Result<Vec<u8>> {
    Err(absent())
}
