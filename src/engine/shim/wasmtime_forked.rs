//! Compiling in a process that was forked off. The engine compiles on threads that are started once, for the whole process, and a child would
//! wait for them for ever. There it gets threads that are started for each module.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use crate::control::{generation, notice};

/// In which process the engine has started its threads; `NOT_YET`: in none that this one knows of.
static STARTED_IN: AtomicU32 = AtomicU32::new(NOT_YET);
const NOT_YET: u32 = u32::MAX;

/// What one thread gives another one to run while it waits.
struct Lent<'a>(&'a mut dyn FnMut());

// SAFETY: see `compiling`, which alone makes one.
unsafe impl Send for Lent<'_> {}

impl Lent<'_> {
    fn run(self) {
        (self.0)();
    }
}

/// Runs `compile`, which has the engine compile something, on whatever thread it can.
///
/// # Safety
/// `compile` does nothing that is for this thread alone.
pub(super) unsafe fn compiling(compile: &mut dyn FnMut()) {
    notice();
    let process = generation();
    let started = STARTED_IN.compare_exchange(NOT_YET, process, SeqCst, SeqCst);
    if started.unwrap_or_else(|started| started) == NOT_YET || started == Err(process) {
        return compile();
    }
    // Without threads there is no way: nothing is compiled, and the caller says that the engine has refused.
    if let Ok(threads) = rayon::ThreadPoolBuilder::new().build() {
        let lent = Lent(compile);
        threads.install(move || lent.run());
    }
}
