//! The name by which others are to need a library ([`crate::abi::SONAME`]), and what such a name may be.

use std::sync::Arc;

use wasmparser::BinaryReader;

use super::budget::{self, Budget};
use super::fault;
use crate::error::{Context, Result};
use crate::text;

/// NAME_MAX of Linux.
const MAX_NAME: usize = 255;

/// Why a text cannot be what a library is needed by, which is one part of a path.
pub fn unfit_file_name(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > MAX_NAME {
        Some("it is longer than a file name can be")
    } else if name.contains('\0') {
        Some("it contains a NUL")
    } else if name.contains(text::is_unsafe) {
        Some("it contains a character that cannot be shown")
    } else if name.contains('/') || name.contains('\\') {
        Some("it contains a path separator; a needed library is named by its file name alone")
    } else if name == "." || name == ".." {
        Some("it is a folder")
    } else {
        None
    }
}

/// Reads the contents of the section.
pub(super) fn read(reader: BinaryReader<'_>, budget: &mut Budget) -> Result<Arc<str>> {
    one_name(reader, budget).context(|| "reading the wasmdyld.soname section")
}

fn one_name(mut reader: BinaryReader<'_>, budget: &mut Budget) -> Result<Arc<str>> {
    let at = reader.original_position();
    // The reader's own limit on strings is above ours.
    let name = reader.read_string().map_err(fault::reader)?;
    if let Some(why) = unfit_file_name(name) {
        let name = fault::quote(name);
        return Err(fault::malformed(
            at,
            format_args!("{name} is no name for a library: {why}"),
        ));
    }
    if !reader.eof() {
        let left = reader.bytes_remaining();
        return Err(fault::malformed(
            reader.original_position(),
            format_args!("{left} bytes are left over"),
        ));
    }
    budget.take(at, 1, name.len().saturating_add(budget::NOTE))?;
    Ok(Arc::from(name))
}
