//! The errors of reading a module: they say what is wrong, and at which byte.

use std::fmt::Display;

use crate::error::{Code, Error};

/// The bytes break the binary format, or contradict themselves.
pub(super) fn malformed(offset: usize, what: impl Display) -> Error {
    Error::new(
        Code::Malformed,
        format!("malformed module: {what} at offset {offset:#x}"),
    )
}

/// Valid as far as it goes, but nothing that can be linked.
pub(super) fn unsupported(offset: usize, what: impl Display) -> Error {
    Error::new(
        Code::Unsupported,
        format!("unsupported module: {what} at offset {offset:#x}"),
    )
}

/// A count is above its limit. Raised before anything is allocated for the count.
pub(super) fn over_limit(offset: usize, count: impl Display, what: &str, limit: u32) -> Error {
    Error::new(
        Code::Limit,
        format!("{count} {what} at offset {offset:#x}, the limit is {limit}"),
    )
}

/// The module's lists would take more memory than a module of its size may.
pub(super) fn over_budget(offset: usize) -> Error {
    Error::new(
        Code::Limit,
        format!(
            "the module declares more than a module of its size can use, the limit is reached at offset {offset:#x}"
        ),
    )
}

/// An index that nothing stands behind.
pub(super) fn out_of_range(offset: usize, what: &str, index: u32, count: usize) -> Error {
    malformed(
        offset,
        format_args!("{what} index {index} is out of range (there are {count})"),
    )
}

/// An error of the section readers. Their offsets are absolute already.
pub(super) fn reader(error: wasmparser::Error) -> Error {
    malformed(error.offset(), error.message())
}

/// Refuses what stands behind the last item of a section.
pub(super) fn at_end(reader: &wasmparser::BinaryReader<'_>, section: &str) -> Result<(), Error> {
    match reader.eof() {
        true => Ok(()),
        false => Err(malformed(
            reader.original_position(),
            format_args!("unexpected data at the end of the {section} section"),
        )),
    }
}

/// Refuses `count` items where `limit` are allowed.
pub(super) fn check_count(
    offset: usize,
    count: usize,
    what: &str,
    limit: u32,
) -> Result<(), Error> {
    if u32::try_from(count).is_ok_and(|count| count <= limit) {
        Ok(())
    } else {
        Err(over_limit(offset, count, what, limit))
    }
}

/// How many items to make room for: never more than the bytes at hand can hold, whatever the
/// module claims.
pub(super) fn room(count: u32, bytes: usize, least_bytes_each: usize) -> usize {
    let possible = bytes.checked_div(least_bytes_each).unwrap_or(bytes);
    usize::try_from(count).unwrap_or(usize::MAX).min(possible)
}

/// A name out of a module, made safe for a one-line message: escaped, and not longer than a line.
pub(super) fn quote(name: &str) -> String {
    const LONGEST: usize = 120;
    let mut quoted = String::from("`");
    for (position, c) in name.chars().enumerate() {
        if position >= LONGEST {
            quoted.push_str("...");
            break;
        }
        // Letters beyond ASCII stay readable; what would break the line or the terminal does not.
        if crate::text::is_unsafe(c) || c == '`' {
            quoted.extend(c.escape_default());
        } else {
            quoted.push(c);
        }
    }
    quoted.push('`');
    quoted
}
