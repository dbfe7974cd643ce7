//! The memory that an input takes, by an allocator that counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// Counts what it hands out.
pub struct Counting;

// SAFETY: all is done by the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller's own promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's own promise.
        unsafe { System.dealloc(at, layout) }
    }
}

/// Runs `work` and asserts that it took no more than `times` the input and a constant beside. Small inputs show an amplification by
/// its factor alone, so that this is stricter than what is promised of large ones is in its constant, and laxer in its factor.
pub fn bounded(input: usize, times: usize, work: impl FnOnce()) {
    let before = NOW.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    work();
    let took = MOST.load(Ordering::Relaxed).saturating_sub(before);
    let allowed = (1 << 20) + times * input;
    assert!(
        took <= allowed,
        "{took} bytes of memory for {input} bytes of input"
    );
}
