//! What the benchmarks measure with.
#![allow(
    dead_code,
    reason = "shared by several programs, none of which uses all"
)]

use std::io::{Error, Result};
use std::path::PathBuf;
use std::process::{Command, Stdio};
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

/// What one run of a program took: seconds, and megabytes at the peak.
#[derive(Clone, Copy)]
pub struct Cost {
    pub user: f64,
    pub system: f64,
    pub peak: f64,
}

impl Cost {
    /// User and system time.
    pub fn time(&self) -> f64 {
        self.user + self.system
    }
}

/// Runs a command, which reads nothing and has to succeed. What it writes to standard output is thrown away.
pub fn cost(command: &mut Command) -> Result<Cost> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let pid = libc::pid_t::try_from(child.id()).map_err(Error::other)?;
    let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: the child is ours and nobody else waits for it; both places are good for the call, and zeros are a valid `rusage`.
    let usage = unsafe {
        if libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) != pid {
            return Err(Error::last_os_error());
        }
        usage.assume_init()
    };
    if status != 0 {
        return Err(Error::other(format!("{command:?} ended with {status}")));
    }
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    // In KiB, but for Apple's systems.
    let unit = match cfg!(target_vendor = "apple") {
        true => 1e6,
        false => 1e3,
    };
    Ok(Cost {
        user: seconds(usage.ru_utime),
        system: seconds(usage.ru_stime),
        peak: usage.ru_maxrss as f64 / unit,
    })
}
