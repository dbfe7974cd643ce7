//! Where no library is opened at run time: the engine is linked.

use std::ffi::{CStr, c_void};
use std::fs::OpenOptions;
use std::path::Path;
use std::ptr::NonNull;

use super::Holder;
use crate::error::{Code, Error, Result};

/// Opens a shared library: an error here.
///
/// # Safety
/// None is opened.
pub unsafe fn open_library(path: &Path) -> Result<NonNull<c_void>> {
    let why = format!(
        "{}: engines are not opened at run time on this system; link one with the host, and use the default engine",
        path.display()
    );
    Err(Error::new(Code::Unsupported, why))
}

/// A symbol that is found at run time: none is.
pub fn symbol(_library: Option<NonNull<c_void>>, _name: &CStr) -> Option<NonNull<c_void>> {
    None
}

/// What the system knows of the program or shared library that holds `function`: nothing.
pub fn holder(_function: *const c_void) -> Option<Holder> {
    None
}

/// What is loaded of the program or shared library that holds `function`: not known.
pub fn loaded(_function: *const c_void) -> Option<Vec<&'static [u8]>> {
    None
}

/// What tells a file from others: not known.
pub fn numbers(_path: &Path) -> Option<(u64, u64)> {
    None
}

/// Has folders be opened as well, where the system has to be told.
pub fn maybe_folder(options: &mut OpenOptions) -> &OpenOptions {
    options
}
