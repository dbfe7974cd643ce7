//! What the benchmarks measure with.
#![allow(
    dead_code,
    reason = "shared by several programs, none of which uses all"
)]

use std::path::PathBuf;
use std::time::Duration;

/// The time that this thread has had the processor: others use it as well.
pub fn processor_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the system writes the time there.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The guests' folder, with this library: below the target folder that this program was built in.
pub fn guests(library: &str) -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let mut folders = program.ancestors().map(|folder| folder.join("guests/lib"));
    folders.find(|folder| folder.join(library).exists())
}
