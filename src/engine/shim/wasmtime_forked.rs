//! Compiling in a process that was forked off. The engine compiles on threads that are started once, for the whole process, and a child would
//! wait for them for ever. There it gets threads that are started for each module.
//!
//! Whether a parent had the threads cannot be known: its host may have compiled by the engine's own functions. So every process counts as a child
//! but the one that loaded the library, and forks are counted from then on.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use crate::control::{generation, notice};

/// [`at_load`] has run: a generation of 0 means that the library was loaded in this process.
static COUNTS_FORKS: AtomicBool = AtomicBool::new(false);

/// Has the loader of programs and libraries call [`at_load`].
#[cfg(unix)]
#[used]
#[cfg_attr(
    target_vendor = "apple",
    unsafe(link_section = "__DATA,__mod_init_func")
)]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
static AT_LOAD: extern "C" fn() = at_load;

#[cfg(unix)]
extern "C" fn at_load() {
    notice();
    COUNTS_FORKS.store(true, SeqCst);
}

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
    #[cfg(unix)]
    // Who takes this function from an archive takes the other with it.
    std::hint::black_box(&AT_LOAD);
    let is_child = generation() > 0 || !COUNTS_FORKS.load(SeqCst);
    if cfg!(unix) && is_child {
        return on_new_threads(compile);
    }
    compile();
}

fn on_new_threads(compile: &mut dyn FnMut()) {
    // Without threads there is no way: nothing is compiled, and the caller says that the engine has refused.
    if let Ok(threads) = rayon::ThreadPoolBuilder::new().build() {
        let lent = Lent(compile);
        threads.install(move || lent.run());
    }
}
