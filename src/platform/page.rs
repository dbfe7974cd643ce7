//! What the library takes of JavaScript where it is a module itself, and Rust's library has nothing there: the time, for WASI random
//! numbers and a way to wait, and answers of a second module.

use std::ffi::OsStr;
#[cfg(feature = "wasi")]
use std::ffi::OsString;
#[cfg(feature = "wasi")]
use std::io;
use std::path::PathBuf;
use std::time::Duration;

unsafe extern "C" {
    /// Milliseconds since some moment, which stays the same (`performance.now()`).
    safe fn wasmdyld_now() -> f64;
}

/// As `std::time::Instant`, as far as it is used.
#[derive(Clone, Copy, Debug)]
pub struct Instant(Duration);

impl Instant {
    pub fn now() -> Instant {
        let seconds = wasmdyld_now() / 1000.0;
        Instant(Duration::try_from_secs_f64(seconds).unwrap_or_default())
    }

    pub fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(*self)
    }

    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// A module is in one process all its life, and Rust's library panics where there are no numbers of processes.
pub fn process() -> u32 {
    0
}

/// There are no variables that would list folders, and Rust's library panics where nothing says how they are separated.
pub fn split_paths(_: &OsStr) -> impl Iterator<Item = PathBuf> {
    std::iter::empty()
}

#[cfg(feature = "wasi")]
unsafe extern "C" {
    /// Milliseconds since 1970 (`Date.now()`).
    safe fn wasmdyld_time() -> f64;
    /// Fills memory of this module with random numbers (`crypto.getRandomValues`). 0, or else there are none.
    fn wasmdyld_random(to: *mut u8, len: usize) -> i32;
    /// Returns once so many milliseconds are over (`Atomics.wait`, where that is allowed).
    safe fn wasmdyld_sleep(milliseconds: f64);
}

/// Nanoseconds between two times that can be told apart: what pages are given at best.
#[cfg(feature = "wasi")]
pub fn resolution(realtime: bool) -> u64 {
    match realtime {
        true => 1_000_000,
        false => 5_000,
    }
}

/// There are no variables.
#[cfg(feature = "wasi")]
pub fn variables() -> impl Iterator<Item = (OsString, OsString)> {
    std::iter::empty()
}

/// Nanoseconds.
#[cfg(feature = "wasi")]
pub fn since_1970() -> u64 {
    // A time before 1970 becomes 1970, and what is no number as well.
    (wasmdyld_time() * 1e6) as u64
}

#[cfg(feature = "wasi")]
pub fn random(to: &mut [u8]) -> io::Result<()> {
    // SAFETY: it writes within what it is given.
    match unsafe { wasmdyld_random(to.as_mut_ptr(), to.len()) } {
        0 => Ok(()),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

#[cfg(feature = "wasi")]
pub fn sleep(time: Duration) {
    wasmdyld_sleep(time.as_secs_f64() * 1e3);
}

#[cfg(any(feature = "lean", feature = "lean-when-linked"))]
unsafe extern "C" {
    /// Asks the second module: the size of its answer, or `usize::MAX` if it is not at hand.
    fn wasmdyld_ask(question: *const u8, size: usize) -> usize;
    /// Writes that answer, whose size was told.
    fn wasmdyld_take_answer(into: *mut u8);
}

/// What the second module (`crate::aside`) answers.
#[cfg(any(feature = "lean", feature = "lean-when-linked"))]
pub fn ask_second(question: &[u8]) -> Option<Vec<u8>> {
    // SAFETY: the question is there for the call.
    let size = unsafe { wasmdyld_ask(question.as_ptr(), question.len()) };
    if size == usize::MAX {
        return None;
    }
    let mut answer = vec![0; size];
    // SAFETY: there is room for the answer.
    unsafe { wasmdyld_take_answer(answer.as_mut_ptr()) };
    Some(answer)
}

#[cfg(feature = "lean-when-linked")]
unsafe extern "C" {
    safe fn wasmdyld_is_lean() -> bool;
}

/// What a module is that is linked of this library: the object that it is linked with says so.
#[cfg(feature = "lean-when-linked")]
pub fn is_lean() -> bool {
    wasmdyld_is_lean()
}
