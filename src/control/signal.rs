//! The part of a control that other threads and signal handlers reach: atomics alone, no lock, no memory taken or given back.

use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

use super::Stop;
use super::bell::Bell;
use super::forked::Readers;
use crate::platform::Instant;

/// Has an engine look soon whether its guests are to stop. Called by any thread and by signal handlers.
pub type Kick = Box<dyn Fn() + Send + Sync>;

/// Nobody runs, or without a bound on time.
const NEVER: u64 = u64::MAX;

pub struct Signal {
    stops: bool,
    /// How many outermost entries there have been.
    entries: AtomicU64,
    /// The number of the one that is under way; 0: none is.
    running: AtomicU64,
    /// The number of the one that was interrupted last. A later one is not meant.
    asked: AtomicU64,
    /// When the entry's time is over: nanoseconds on [`clock`].
    deadline: AtomicU64,
    /// When the host is to be asked again.
    look: AtomicU64,
    /// The time that the timer's thread will look here.
    pub(super) watched: AtomicU64,
    /// The number that the timer has given it.
    pub(super) watched_as: AtomicU64,
    /// The process in which both hold.
    pub(super) watched_in: AtomicU32,
    /// Wakes who waits in WASI.
    pub(super) bell: Bell,
    kick: OnceLock<Kick>,
    /// What the guests' own code looks at: not zero where it is to ask. Others write it while they are counted below.
    flag: AtomicPtr<AtomicU32>,
    /// That of the namespace which a function of the host's has entered, called by a guest of this one. Others read it while they are
    /// counted here.
    inner: AtomicPtr<Signal>,
    readers: Readers,
}

/// Nanoseconds since the process first asked.
pub(super) fn clock() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let passed = START.get_or_init(Instant::now).elapsed();
    // 584 years.
    u64::try_from(passed.as_nanos()).unwrap_or(NEVER - 1)
}

fn later(now: u64, duration: Duration) -> u64 {
    now.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(NEVER))
}

impl Signal {
    /// `stops`: the namespace can stop its guests.
    pub fn new(stops: bool) -> Signal {
        Signal {
            stops,
            entries: AtomicU64::new(0),
            running: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            deadline: AtomicU64::new(NEVER),
            look: AtomicU64::new(NEVER),
            watched: AtomicU64::new(NEVER),
            watched_as: AtomicU64::new(0),
            watched_in: AtomicU32::new(0),
            bell: Bell::new(),
            kick: OnceLock::new(),
            flag: AtomicPtr::new(ptr::null_mut()),
            inner: AtomicPtr::new(ptr::null_mut()),
            readers: Readers::default(),
        }
    }

    /// How the engine is told, where it has means of its own.
    pub fn set_kick(&self, kick: Kick) {
        let _ = self.kick.set(kick);
    }

    /// Whether somebody else has to tell the engine when time is over.
    pub(super) fn has_kick(&self) -> bool {
        self.kick.get().is_some() || !self.flag.load(Relaxed).is_null()
    }

    /// Where guests look whether they are to ask.
    ///
    /// # Safety
    /// The word stays there until [`take_flag`](Self::take_flag), and guests read it by atomic loads alone.
    pub unsafe fn set_flag(&self, flag: NonNull<AtomicU32>) {
        self.flag.store(flag.as_ptr(), SeqCst);
    }

    /// Nobody writes it any more.
    pub fn take_flag(&self) {
        self.flag.store(ptr::null_mut(), SeqCst);
        // Those who have seen it are done soon.
        self.readers.wait();
    }

    fn write_flag(&self, value: u32) -> bool {
        let _reading = self.readers.enter();
        // SAFETY: by the promise of `set_flag`; whoever takes it away waits until nobody is counted any more.
        let flag = unsafe { self.flag.load(SeqCst).as_ref() };
        if let Some(flag) = flag {
            flag.store(value, SeqCst);
        }
        flag.is_some()
    }

    /// Guests that look at the flag ask.
    pub fn raise(&self) {
        self.write_flag(1);
    }

    /// They do not ask, until it is raised again. False: there is no flag.
    pub(super) fn lower(&self) -> bool {
        self.write_flag(0)
    }

    /// What runs is to stop. Nothing, if nothing runs. False: it cannot be stopped.
    pub fn interrupt(&self) -> bool {
        let running = self.running.load(SeqCst);
        if self.stops && running > 0 {
            self.mean(running);
            self.wake();
        }
        self.stops
    }

    /// The entry of this number is to stop. Another thread may have meant a later one meanwhile.
    fn mean(&self, entry: u64) {
        self.asked.fetch_max(entry, SeqCst);
    }

    /// Has whoever runs or waits look whether a stop is wanted.
    pub(super) fn wake(&self) {
        if let Some(kick) = self.kick.get() {
            kick();
        }
        self.raise();
        self.bell.ring();
        let _reading = self.readers.enter();
        // SAFETY: whoever takes it away waits until nobody is counted any more.
        if let Some(inner) = unsafe { self.inner.load(SeqCst).as_ref() } {
            inner.wake();
        }
    }

    /// Another namespace is entered while a guest of this one waits: it is woken as well, until [`left`](Self::left).
    pub(super) fn entered(&self, inner: &Signal) {
        self.inner.store(ptr::from_ref(inner).cast_mut(), SeqCst);
        // Who came just before has not seen it.
        if self.wants().is_some() {
            inner.wake();
        }
    }

    /// The other namespace is left.
    pub(super) fn left(&self) {
        self.inner.store(ptr::null_mut(), SeqCst);
        // Those who have seen it are done soon.
        self.readers.wait();
    }

    #[inline]
    pub(super) fn begin(&self) {
        // Written by the namespace's own thread alone. An interrupt at the same time may find the entry or miss it.
        let number = self.entries.load(Relaxed).wrapping_add(1);
        self.entries.store(number, Relaxed);
        self.running.store(number, Relaxed);
    }

    #[inline]
    pub(super) fn end(&self) {
        self.running.store(0, Relaxed);
        self.deadline.store(NEVER, Relaxed);
        self.look.store(NEVER, Relaxed);
    }

    pub(super) fn set_deadline(&self, now: u64, after: Duration) -> u64 {
        let at = later(now, after);
        self.deadline.store(at, SeqCst);
        at
    }

    fn deadline(&self) -> Option<u64> {
        Some(self.deadline.load(SeqCst)).filter(|&at| at != NEVER)
    }

    pub(super) fn set_look(&self, now: u64, after: Duration) -> u64 {
        let at = later(now, after);
        self.look.store(at, SeqCst);
        at
    }

    /// Whether it is time to ask the host. Then it is not, until there is another time.
    pub(super) fn begin_look(&self) -> bool {
        let due = self.look.load(SeqCst) <= clock();
        if due {
            self.look.store(NEVER, SeqCst);
        }
        due
    }

    /// When the guest has to look whether it is to stop: its time is over, or the host is to be asked.
    pub(super) fn next(&self) -> Option<u64> {
        let next = self.deadline.load(SeqCst).min(self.look.load(SeqCst));
        Some(next).filter(|&at| at != NEVER)
    }

    /// How long it is until then.
    #[cfg(any(unix, windows, feature = "wasi"))]
    pub(super) fn time_left(&self) -> Option<Duration> {
        let at = self.next()?;
        Some(Duration::from_nanos(at.saturating_sub(clock())))
    }

    pub(super) fn wants(&self) -> Option<Stop> {
        let running = self.running.load(Relaxed);
        if running > 0 && self.asked.load(SeqCst) == running {
            return Some(Stop::Interrupted);
        }
        let over = self.deadline().is_some_and(|at| at <= clock());
        over.then_some(Stop::TimedOut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn who_comes_late_takes_no_stop_back() {
        let signal = Signal::new(true);
        signal.begin();
        signal.end();
        signal.begin();
        assert!(signal.interrupt());
        signal.mean(1);
        assert_eq!(signal.wants(), Some(Stop::Interrupted));
        signal.end();
        signal.begin();
        assert_eq!(signal.wants(), None);
    }

    #[test]
    fn a_flag_is_written_until_it_is_taken_away() {
        let (signal, done) = (Signal::new(true), AtomicBool::new(false));
        assert!(!signal.has_kick() && !signal.lower());
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !done.load(SeqCst) {
                        signal.wake();
                    }
                });
            }
            for _ in 0..2_000 {
                let flag = AtomicU32::new(0);
                // SAFETY: it stays there until it is taken away below.
                unsafe { signal.set_flag(NonNull::from(&flag)) };
                assert!(signal.has_kick() && signal.lower());
                signal.begin();
                signal.interrupt();
                assert!(flag.load(SeqCst) == 1 && signal.wants().is_some());
                signal.end();
                signal.take_flag();
                flag.store(7, SeqCst);
                std::thread::yield_now();
                assert_eq!(flag.load(SeqCst), 7);
            }
            done.store(true, SeqCst);
        });
    }
}
