//! Time-outs, and times to ask the host. Where checks in the modules ask the linker, these look at the clock themselves. An engine with means
//! of its own has to be told when it is time: one thread does that for all namespaces, started when the first one needs it.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::Signal;
use super::signal::clock;

/// How late the thread may be, in nanoseconds.
const LATE: u64 = 1_000_000_000;

/// The signals to look at, by time. Of equal times each has a number of its own.
#[derive(Default)]
struct Watch {
    by_time: BTreeMap<(u64, u64), Weak<Signal>>,
    number: u64,
    /// The process that has the thread: one that was forked off has none.
    thread_of: Option<u32>,
}

static WATCH: Mutex<Watch> = Mutex::new(Watch {
    by_time: BTreeMap::new(),
    number: 0,
    thread_of: None,
});
static EARLIER: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, Watch> {
    // No step of the thread leaves it half done.
    WATCH.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An entry begins in which the guest has to look at this time. Where no engine has to be told, the guest looks by itself.
#[inline]
pub(super) fn watch(signal: &Arc<Signal>, now: u64, at: u64) {
    if signal.has_kick() {
        watch_always(signal, now, at);
    }
}

/// The same, where another one has to be told.
pub(super) fn watch_always(signal: &Arc<Signal>, now: u64, at: u64) {
    // The thread looks by then anyway, and finds the later time: calls one after the other cost no lock. One that is long overdue was
    // for a thread that this process does not have: it was forked off.
    let watched = signal.watched.load(SeqCst);
    if watched > at || watched < now.saturating_sub(LATE) {
        lock().add(signal, at);
    }
}

impl Watch {
    fn add(&mut self, signal: &Arc<Signal>, at: u64) {
        signal.watched.store(at, SeqCst);
        self.number += 1;
        self.by_time
            .insert((at, self.number), Arc::downgrade(signal));
        let process = std::process::id();
        if self.thread_of != Some(process) {
            let thread = std::thread::Builder::new().name("wasm-dyld-timer".into());
            // Without a thread the guest runs on until WASI or the next entry looks at the clock.
            let started = thread.stack_size(64 << 10).spawn(run).is_ok();
            self.thread_of = started.then_some(process);
        }
        if self
            .by_time
            .first_key_value()
            .is_some_and(|((first, _), _)| *first == at)
        {
            EARLIER.notify_one();
        }
    }
}

fn run() {
    let mut watch = lock();
    loop {
        let now = clock();
        let Some(first) = watch.by_time.first_entry() else {
            watch = EARLIER.wait(watch).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let (at, _) = *first.key();
        if at > now {
            let wait = Duration::from_nanos(at - now);
            let waited = EARLIER.wait_timeout(watch, wait);
            (watch, _) = waited.unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        if let Some(signal) = first.remove().upgrade() {
            look(&mut watch, &signal, at, now);
        }
    }
}

/// It is time for one of them: its entry has to look, or another one is under way, or none.
fn look(watch: &mut Watch, signal: &Arc<Signal>, at: u64, now: u64) {
    if signal.watched.load(SeqCst) != at {
        // An earlier look has taken its place.
        return;
    }
    signal.watched.store(u64::MAX, SeqCst);
    match signal.next() {
        // A guest that is just on its way to the host and back may miss one look.
        Some(at) if at <= now => {
            signal.wake();
            watch.add(signal, now.saturating_add(1_000_000));
        }
        Some(at) => watch.add(signal, at),
        None => {}
    }
}
