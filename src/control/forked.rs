//! fork(2): a child has one thread, and a copy of what the others were at. What counts them, or is shared with the parent, is of one process.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

/// How many forks lie between this process and the one that loaded the library.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// The number of this process among its ancestors. For signal handlers as well.
pub fn generation() -> u32 {
    GENERATION.load(SeqCst)
}

/// Has [`generation`] rise in children from now on.
pub fn notice() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        #[cfg(unix)]
        // SAFETY: the function is for children: it touches one atomic. Without memory for it children are not told apart, as before.
        unsafe {
            libc::pthread_atfork(None, None, Some(in_child));
        }
    });
}

#[cfg(unix)]
unsafe extern "C" fn in_child() {
    GENERATION.fetch_add(1, SeqCst);
}

/// Counts those who look at something that is about to go: threads and signal handlers of this process. Those whom a fork has left behind
/// never come back, and do not count.
#[derive(Default)]
pub(super) struct Readers(AtomicU64);

/// Somebody looks, until this is dropped.
pub(super) struct Reading<'a> {
    readers: &'a AtomicU64,
    generation: u32,
}

/// The generation, and how many of it there are.
fn parts(packed: u64) -> (u32, u32) {
    ((packed >> 32) as u32, packed as u32)
}

fn pack(generation: u32, count: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(count)
}

impl Readers {
    pub fn enter(&self) -> Reading<'_> {
        let mut process = 0;
        change(&self.0, |known, count| {
            process = generation();
            let others = if known == process { count } else { 0 };
            Some((process, others.saturating_add(1)))
        });
        Reading {
            readers: &self.0,
            generation: process,
        }
    }

    /// Until nobody looks any more who began before. A signal handler of this thread is done before this goes on.
    pub fn wait(&self) {
        loop {
            let (known, count) = parts(self.0.load(SeqCst));
            if known != generation() || count == 0 {
                return;
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        // A signal handler may have forked meanwhile. Then the count is another process's, or one of those who are left behind.
        change(self.readers, |known, count| {
            (known == self.generation && generation() == known)
                .then(|| (known, count.saturating_sub(1)))
        });
    }
}

/// Without a lock. What a fork finds read here, and not yet written, is written for the parent's generation, which does not count in the
/// child.
fn change(readers: &AtomicU64, mut next: impl FnMut(u32, u32) -> Option<(u32, u32)>) {
    let _ = readers.fetch_update(SeqCst, SeqCst, |packed| {
        let (known, count) = parts(packed);
        next(known, count).map(|(generation, count)| pack(generation, count))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_of_another_process_do_not_count() {
        let left_behind = Readers(AtomicU64::new(pack(generation() + 1, 5)));
        left_behind.wait();
        let reading = left_behind.enter();
        assert_eq!(parts(left_behind.0.load(SeqCst)), (generation(), 1));
        let other = left_behind.enter();
        drop(reading);
        assert_eq!(parts(left_behind.0.load(SeqCst)), (generation(), 1));
        drop(other);
        left_behind.wait();
        // Forked within a signal handler's look: what is counted then is the child's own.
        let reading = left_behind.enter();
        left_behind.0.store(pack(generation() + 1, 1), SeqCst);
        drop(reading);
        assert_eq!(parts(left_behind.0.load(SeqCst)), (generation() + 1, 1));
    }

    #[test]
    fn who_waits_sees_all_of_them_gone() {
        let readers = Readers::default();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..10_000).for_each(|_| drop(readers.enter())));
            }
        });
        readers.wait();
        assert_eq!(parts(readers.0.load(SeqCst)).1, 0);
    }
}
