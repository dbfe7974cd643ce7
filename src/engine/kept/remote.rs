//! A place of the host's for kept code: an object store, a cache server. It is asked by the names of files and gives their bytes.
//!
//! Code is run as machine code, and the hashes in a file tell damage, not forgery: whoever can put something into such a place can run what
//! he likes in each process that reads from it. Where that may be somebody else, a secret that the honest processes share tells their files
//! from others': each file then has a keyed BLAKE3 hash of its name and bytes behind it.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::blob::Blob;
use super::form::Parts;
use super::place::{Name, Place};

/// Larger files are neither taken nor given.
pub const MAX_BYTES: usize = 1 << 30;

/// Bytes of a secret, at least.
pub const MIN_SECRET: usize = 16;

/// Names that are known to be there: so many, then they are forgotten.
const MAX_KNOWN: usize = 4096;

/// Gives the file of a name.
pub type Get = Box<dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync>;
/// Keeps a file under a name.
pub type Put = Box<dyn Fn(&str, &[u8]) + Send + Sync>;

/// A place behind two functions of the host's, which several threads call at once.
pub struct Remote {
    get: Get,
    put: Option<Put>,
    secret: Option<[u8; 32]>,
    /// What was given or put by this process, so that it is not put again.
    known: Mutex<HashSet<String>>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}

impl Remote {
    /// Without `put` nothing is kept there. `secret` has at least [`MIN_SECRET`] bytes that nobody can guess.
    pub fn new(get: Get, put: Option<Put>, secret: Option<&[u8]>) -> Remote {
        Remote {
            get,
            put,
            secret: secret
                .map(|secret| blake3::derive_key("wasmdyld 2026 files of kept code", secret)),
            known: Mutex::default(),
        }
    }

    fn know(&self, name: &Name) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(name.as_str().to_string());
    }

    fn seal(&self, name: &Name, file: &[u8]) -> Option<blake3::Hash> {
        let mut hash = blake3::Hasher::new_keyed(self.secret.as_ref()?);
        Some(
            hash.update(name.as_str().as_bytes())
                .update(file)
                .finalize(),
        )
    }
}

impl Place for Remote {
    fn get(&self, name: &Name) -> Option<Blob> {
        let mut file = (self.get)(name.as_str())?;
        if file.len() > MAX_BYTES {
            return None;
        }
        if self.secret.is_some() {
            let end = file.len().checked_sub(blake3::OUT_LEN)?;
            let seal = blake3::Hash::from_slice(file.get(end..)?).ok()?;
            file.truncate(end);
            // Compared in a time that tells nothing.
            if self.seal(name, &file)? != seal {
                return None;
            }
        }
        self.know(name);
        Some(Blob::owned(file))
    }

    fn has(&self, name: &Name) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        self.put.is_none() || known.contains(name.as_str())
    }

    fn put(&self, name: &Name, file: &Parts<'_>) {
        let Some(put) = &self.put else { return };
        if file.size() > MAX_BYTES as u64 {
            return;
        }
        let mut bytes = Vec::with_capacity(file.size() as usize + blake3::OUT_LEN);
        file.iter().for_each(|part| bytes.extend_from_slice(part));
        if let Some(seal) = self.seal(name, &bytes) {
            bytes.extend_from_slice(seal.as_bytes());
        }
        put(name.as_str(), &bytes);
        self.know(name);
    }

    fn is_far(&self) -> bool {
        true
    }

    fn discard(&self, name: &Name) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(name.as_str());
    }
}
