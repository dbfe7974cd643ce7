//! What a guest gets of the host's system: files, folders, sockets, standard streams, variables. Only here does WASI know systems apart.
//!
//! `unix/` and `windows/` have what differs between these systems, and `folder.rs` and `socket.rs` are on top of it. Elsewhere, in pages,
//! `other.rs` stands for all of it: what a guest gets there is in memory, of an archive or behind callbacks.

#[cfg(any(unix, windows))]
mod folder;
#[cfg(any(unix, windows))]
mod socket;

#[cfg_attr(unix, path = "unix/mod.rs")]
#[cfg_attr(windows, path = "windows/mod.rs")]
#[cfg_attr(not(any(unix, windows)), path = "other.rs")]
mod system;

#[cfg(any(unix, windows))]
pub use folder::folders;
#[cfg(any(unix, windows))]
pub use socket::listener;
#[cfg(any(all(unix, any(test, feature = "fuzzing")), all(windows, test)))]
pub use system::HostFile;
#[cfg(not(any(unix, windows)))]
pub use system::{folders, listener, random, since_1970};
pub use system::{inherited, listening, most_descriptors, resolution, variables};

/// Sockets that a guest may be given: each is a descriptor of the process.
pub const MAX_LISTENERS: usize = 256;

/// A standard stream of the process.
#[derive(Clone, Copy)]
pub enum Inherited {
    Stdin,
    Stdout,
    Stderr,
}

/// Nanoseconds. What is before 1970 is 1970, and what no 64 bits hold (after 2554) the last that they do.
#[cfg(any(unix, windows))]
pub fn since_1970() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

/// Fills with random numbers of the system.
#[cfg(any(unix, windows))]
pub fn random(to: &mut [u8]) -> std::io::Result<()> {
    getrandom::fill(to).map_err(|_| std::io::ErrorKind::Other.into())
}

/// The bytes of a file behind its position.
#[cfg(any(unix, windows))]
fn left(mut file: &std::fs::File) -> u64 {
    use std::io::Seek;
    let end = file.metadata().map_or(0, |metadata| metadata.len());
    let at = file.stream_position().unwrap_or(0);
    end.saturating_sub(at)
}

/// Waits until a descriptor can be read or written (`write`), or until the guest is to stop.
#[cfg(any(unix, windows))]
fn wait(
    what: crate::control::Pollable<'_>,
    write: bool,
) -> super::preview1::descriptor::Result<()> {
    use super::preview1::types::Errno;
    use crate::control::{self, WaitEntry, Waited};
    let entry = WaitEntry {
        what: Some(what),
        write,
        ready: None,
    };
    match control::wait(&mut [entry], None) {
        Ok(Waited::Stopped(_)) => Err(Errno::Intr),
        Ok(Waited::Ready(_) | Waited::TimedOut) => Ok(()),
        Err(error) => Err(Errno::of(&error)),
    }
}
