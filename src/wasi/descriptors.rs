//! How many files and folders a guest may have open.
//!
//! They are descriptors of the process, of which the host needs some as well: a guest that opens without end would keep it from opening
//! libraries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::host::most_descriptors;
use super::preview1::types::Errno;

/// What a guest may open at a time if nothing else is said, and if the process itself may open twice as many.
pub const MAX_FILES: u32 = 256;

/// The default: no more than half of what the process may open.
pub fn default_limit() -> u32 {
    most_descriptors().map_or(MAX_FILES, |most| MAX_FILES.min(most / 2))
}

/// The descriptors of one guest, beside those that it was given.
#[derive(Clone, Debug)]
pub struct Descriptors {
    limit: u32,
    open: Arc<AtomicU32>,
}

impl Descriptors {
    pub fn new(limit: u32) -> Self {
        Descriptors {
            limit,
            open: Arc::default(),
        }
    }

    /// Room for one more, which is taken until the result is dropped.
    pub fn take(&self) -> Result<Taken, Errno> {
        let more = |open| (open < self.limit).then(|| open + 1);
        let taken = self
            .open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.map_err(|_| Errno::Mfile)?;
        Ok(Taken(self.open.clone()))
    }
}

/// Room for a descriptor.
#[derive(Debug)]
pub struct Taken(Arc<AtomicU32>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
