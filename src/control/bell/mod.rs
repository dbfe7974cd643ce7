//! What wakes a guest that waits in a call of the system: rung by other threads, and by signal handlers.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
#[cfg_attr(not(any(unix, windows)), path = "none.rs")]
mod system;

pub use system::Bell;
#[cfg(unix)]
pub use system::hush;
