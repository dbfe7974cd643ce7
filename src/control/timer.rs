//! Time-outs. Where checks in the modules ask the linker, these look at the clock themselves. An engine with means of its own has to be
//! told when time is over: one thread does that for all namespaces, started when the first time-out needs it.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::Signal;
use super::signal::clock;

/// The signals to look at, by time. Of equal times each has a number of its own.
#[derive(Default)]
struct Watch {
    by_time: BTreeMap<(u64, u64), Weak<Signal>>,
    number: u64,
    started: bool,
}

static WATCH: Mutex<Watch> = Mutex::new(Watch {
    by_time: BTreeMap::new(),
    number: 0,
    started: false,
});
static EARLIER: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, Watch> {
    // No step of the thread leaves it half done.
    WATCH.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An entry begins that may take so long.
pub(super) fn watch(signal: &Arc<Signal>, timeout: Duration) {
    let at = signal.set_deadline(timeout);
    // The thread looks by then anyway, and finds the later deadline: calls one after the other cost no lock.
    if signal.has_kick() && signal.watched.load(SeqCst) > at {
        lock().add(signal, at);
    }
}

impl Watch {
    fn add(&mut self, signal: &Arc<Signal>, at: u64) {
        signal.watched.store(at, SeqCst);
        self.number += 1;
        self.by_time
            .insert((at, self.number), Arc::downgrade(signal));
        if !self.started {
            let thread = std::thread::Builder::new().name("wasm-dyld-timer".into());
            // Without a thread the guest runs on until WASI or the next entry looks at the clock.
            self.started = thread.stack_size(64 << 10).spawn(run).is_ok();
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

/// It is time for one of them: its entry's time is over, or another one is under way, or none.
fn look(watch: &mut Watch, signal: &Arc<Signal>, at: u64, now: u64) {
    if signal.watched.load(SeqCst) != at {
        // An earlier look has taken its place.
        return;
    }
    signal.watched.store(u64::MAX, SeqCst);
    match signal.deadline() {
        // A guest that is just on its way to the host and back may miss one look.
        Some(deadline) if deadline <= now => {
            signal.wake();
            watch.add(signal, now.saturating_add(1_000_000));
        }
        Some(deadline) => watch.add(signal, deadline),
        None => {}
    }
}
