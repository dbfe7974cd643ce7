//! Any bytes as an archive that guests read.

use crate::wasi::tests::archive;

/// An archive is opened or refused; what is read of a file is the same in whatever order it is read.
pub fn archive(bytes: &[u8]) {
    if let Err(error) = archive::led_by(bytes) {
        super::check_error(&error, bytes.len());
    }
}
