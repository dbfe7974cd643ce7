//! Time-outs, and times to ask the host. Where checks in the modules ask the linker, these look at the clock themselves. An engine with means
//! of its own has to be told when it is time: one thread does that for all namespaces, started when the first one needs it.

use std::collections::BTreeMap;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::Signal;
use super::forked::generation;
use super::signal::clock;

/// Where there are no threads nobody tells an engine.
const HAS_THREADS: bool = !cfg!(target_family = "wasm");

/// How late the thread may be, in nanoseconds.
const LATE: u64 = 1_000_000_000;

/// The signals to look at, each once, by time. Of equal times each has a number of its own.
#[derive(Default)]
struct Watch {
    by_time: BTreeMap<(u64, u64), Weak<Signal>>,
    number: u64,
    has_thread: bool,
}

/// What a process watches. A child begins anew: it has no such thread, and the lock may be held by one that it has not either.
struct OfProcess {
    generation: u32,
    watch: Mutex<Watch>,
    earlier: Condvar,
}

static OF_PROCESS: AtomicPtr<OfProcess> = AtomicPtr::new(ptr::null_mut());

fn of_process() -> &'static OfProcess {
    let process = generation();
    let known = OF_PROCESS.load(SeqCst);
    // SAFETY: NULL, or what was leaked below.
    if let Some(of) = unsafe { known.as_ref() }
        && of.generation == process
    {
        return of;
    }
    let made = Box::into_raw(Box::new(OfProcess {
        generation: process,
        watch: Mutex::default(),
        earlier: Condvar::new(),
    }));
    // Of two threads that come here one is first. What was the parent's stays behind.
    let chosen = match OF_PROCESS.compare_exchange(known, made, SeqCst, SeqCst) {
        Ok(_) => made,
        Err(first) => {
            // SAFETY: made above, and nobody else has seen it.
            drop(unsafe { Box::from_raw(made) });
            first
        }
    };
    // SAFETY: never given back.
    unsafe { &*chosen }
}

impl OfProcess {
    fn lock(&self) -> MutexGuard<'_, Watch> {
        // No step of the thread leaves it half done.
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    if !HAS_THREADS {
        return;
    }
    // The thread looks by then anyway, and finds the later time: calls one after the other cost no lock. One that is long overdue was for
    // a thread that could not be started.
    let watched = signal.watched.load(SeqCst);
    let is_ours = signal.watched_in.load(SeqCst) == generation();
    if !is_ours || watched > at || watched < now.saturating_sub(LATE) {
        let of = of_process();
        of.add(&mut of.lock(), signal, at);
    }
}

/// The signal goes: what it was to be looked at for, in an hour perhaps, is forgotten.
pub(super) fn forget(signal: &Signal) {
    let is_watched = signal.watched.load(SeqCst) != u64::MAX;
    if HAS_THREADS && is_watched && signal.watched_in.load(SeqCst) == generation() {
        of_process().lock().remove(signal);
    }
}

impl Watch {
    fn remove(&mut self, signal: &Signal) {
        let (at, number) = (&signal.watched, &signal.watched_as);
        self.by_time.remove(&(at.load(SeqCst), number.load(SeqCst)));
    }
}

impl OfProcess {
    fn add(&'static self, watch: &mut Watch, signal: &Arc<Signal>, at: u64) {
        if signal.watched_in.load(SeqCst) == self.generation {
            watch.remove(signal);
        }
        watch.number += 1;
        signal.watched.store(at, SeqCst);
        signal.watched_as.store(watch.number, SeqCst);
        signal.watched_in.store(self.generation, SeqCst);
        watch
            .by_time
            .insert((at, watch.number), Arc::downgrade(signal));
        if !watch.has_thread {
            let thread = std::thread::Builder::new().name("wasm-dyld-timer".into());
            // Without a thread the guest runs on until WASI or the next entry looks at the clock.
            let thread = thread.stack_size(64 << 10);
            let started = without_signals(|| thread.spawn(|| self.run()));
            watch.has_thread = started.is_ok();
        }
        if watch
            .by_time
            .first_key_value()
            .is_some_and(|((first, _), _)| *first == at)
        {
            self.earlier.notify_one();
        }
    }

    fn run(&'static self) {
        let mut watch = self.lock();
        loop {
            let now = clock();
            let Some(first) = watch.by_time.first_entry() else {
                let waited = self.earlier.wait(watch);
                watch = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let (at, _) = *first.key();
            if at > now {
                let wait = Duration::from_nanos(at - now);
                let waited = self.earlier.wait_timeout(watch, wait);
                (watch, _) = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            if let Some(signal) = first.remove().upgrade() {
                self.look(&mut watch, &signal, now);
            }
        }
    }

    /// It is time for one of them: its entry has to look, or another one is under way, or none.
    fn look(&'static self, watch: &mut Watch, signal: &Arc<Signal>, now: u64) {
        signal.watched.store(u64::MAX, SeqCst);
        match signal.next() {
            // A guest that is just on its way to the host and back may miss one look.
            Some(at) if at <= now => {
                signal.wake();
                self.add(watch, signal, now.saturating_add(1_000_000));
            }
            Some(at) => self.add(watch, signal, at),
            None => {}
        }
    }
}

/// A thread that `start` starts gets no signals: those that the process handles are for its own threads, whose stacks have room.
#[cfg(unix)]
fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    // SAFETY: both sets are filled by these calls before they are read; the mask is this thread's, and put back.
    unsafe {
        let (mut all, mut before) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let started = start();
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut());
        started
    }
}

#[cfg(not(unix))]
fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    start()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(signal: &Arc<Signal>) -> usize {
        let of = of_process();
        let watch = of.lock();
        let is_it = |other: &&Weak<Signal>| ptr::eq(other.as_ptr(), Arc::as_ptr(signal));
        watch.by_time.values().filter(is_it).count()
    }

    #[test]
    fn a_signal_is_watched_once_and_forgotten_with_its_namespace() {
        let signal = Arc::new(Signal::new(true));
        let now = clock();
        let hour = 3_600_000_000_000;
        for at in [now + 3 * hour, now + 2 * hour, now + hour, now + 4 * hour] {
            watch_always(&signal, now, at);
            assert_eq!(watched(&signal), 1);
        }
        forget(&signal);
        assert_eq!(watched(&signal), 0);
        assert_eq!(Arc::weak_count(&signal), 0);
    }

    #[test]
    #[cfg(unix)]
    fn threads_of_ours_get_no_signals() {
        let blocked = || unsafe {
            let mut mask = std::mem::zeroed();
            libc::pthread_sigmask(libc::SIG_SETMASK, ptr::null(), &raw mut mask);
            libc::sigismember(&raw const mask, libc::SIGUSR1) == 1
        };
        assert!(!blocked());
        let thread = without_signals(|| std::thread::spawn(blocked));
        assert!(!blocked() && thread.join().unwrap());
    }
}
