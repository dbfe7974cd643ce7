//! Clocks and random numbers of the host's, and time that passes at another speed: what guests see, and how they wait by them.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};

use super::waiting::{Sub, poll, waiting};
use super::*;
use crate::wasi::{ClockScale, HostClocks};

const SECOND: u64 = 1_000_000_000;

/// Clocks that show what they are told to; `EACCES` for what is `NEVER`.
#[derive(Default)]
struct Told {
    realtime: AtomicU64,
    monotonic: AtomicU64,
    asked: AtomicUsize,
    /// How guests sleep, if not in the system's time.
    sleep: Option<Sleep>,
}

type Sleep = Box<dyn Fn(&Told, u64) -> io::Result<()> + Send + Sync>;

const NEVER: u64 = u64::MAX - 1;

impl Told {
    fn tell(&self, time: &AtomicU64) -> Option<io::Result<u64>> {
        self.asked.fetch_add(1, SeqCst);
        Some(match time.load(SeqCst) {
            NEVER => Err(io::Error::from_raw_os_error(libc::EACCES)),
            time => Ok(time),
        })
    }
}

impl HostClocks for Told {
    fn realtime(&self) -> Option<io::Result<u64>> {
        self.tell(&self.realtime)
    }

    fn monotonic(&self) -> Option<io::Result<u64>> {
        self.tell(&self.monotonic)
    }

    fn sleeps(&self) -> bool {
        self.sleep.is_some()
    }

    fn sleep(&self, nanoseconds: u64) -> io::Result<()> {
        self.sleep
            .as_ref()
            .map_or(Ok(()), |sleep| sleep(self, nanoseconds))
    }
}

fn sleeping(sleep: impl Fn(&Told, u64) -> io::Result<()> + Send + Sync + 'static) -> Arc<Told> {
    Arc::new(Told {
        sleep: Some(Box::new(sleep)),
        ..Told::default()
    })
}

/// A guest by these clocks, that only notes how long it would wait.
fn told(clocks: &Arc<Told>) -> Guest {
    Guest::new(WasiConfig::new().host_clocks(clocks.clone()))
}

fn now(guest: &mut Guest, clock: u64) -> u64 {
    guest.ok("clock_time_get", &[clock, 0, OUT]);
    guest.u64(OUT)
}

fn slept(guest: &Guest) -> Vec<Duration> {
    guest.slept.0.lock().unwrap().clone()
}

#[test]
fn a_clock_that_stands_still_ends_a_sleep_all_the_same() {
    let clocks = Arc::new(Told::default());
    clocks.realtime.store(50 * SECOND, SeqCst);
    clocks.monotonic.store(10, SeqCst);
    let mut guest = told(&clocks);
    let hour = 3_600 * SECOND;
    assert_eq!(
        poll(&mut guest, &[Sub::Clock(1, hour, 0)]),
        Ok(vec![(100, 0, 0)])
    );
    assert_eq!(now(&mut guest, 1), hour + 10);
    // The next one begins where the last has ended, and one until a time that has passed waits for nothing.
    let subs = [Sub::Clock(1, hour + 15, 1), Sub::Clock(1, 3 * hour, 1)];
    assert_eq!(poll(&mut guest, &subs), Ok(vec![(100, 0, 0)]));
    assert_eq!(
        poll(&mut guest, &[Sub::Clock(1, hour, 1)]),
        Ok(vec![(100, 0, 0)])
    );
    assert_eq!(
        poll(&mut guest, &[Sub::Clock(0, 52 * SECOND, 1)]),
        Ok(vec![(100, 0, 0)])
    );
    let waits = [hour, 5, 0, 2 * SECOND].map(Duration::from_nanos);
    assert_eq!(slept(&guest), waits);
    assert_eq!(now(&mut guest, 1), hour + 15 + 2 * SECOND);
    assert_eq!(now(&mut guest, 0), 50 * SECOND, "as the host says");
}

#[test]
fn the_greatest_times_are_waited_for() {
    let clocks = Arc::new(Told::default());
    clocks.monotonic.store(10, SeqCst);
    for (id, flags) in [(0, 0), (1, 0), (0, 1), (1, 1), (2, 0)] {
        let mut guest = told(&clocks);
        assert_eq!(
            poll(&mut guest, &[Sub::Clock(id, u64::MAX, flags)]),
            Ok(vec![(100, 0, 0)])
        );
        assert_eq!(now(&mut guest, 1), u64::MAX);
        assert_eq!(
            poll(&mut guest, &[Sub::Clock(id, 1, 0)]),
            Ok(vec![(100, 0, 0)])
        );
    }
    for (guest_part, host_part) in [(1, 1_000_000), (1_000_000, 1)] {
        let scale = ClockScale::new(guest_part, host_part).unwrap();
        let mut guest = Guest::new(WasiConfig::new().clock_scale(scale));
        let _ = poll(&mut guest, &[Sub::Clock(1, u64::MAX, 0)]);
        assert!(slept(&guest)[0] > Duration::from_secs(3_600));
    }
}

#[test]
fn scaled_sleeps_last_as_much_longer_or_shorter() {
    for (scale, lasts) in [("4", SECOND / 4), ("0.25", 4 * SECOND), ("3", 333_333_334)] {
        let mut guest = Guest::new(WasiConfig::new().clock_scale(scale.parse().unwrap()));
        let _ = poll(&mut guest, &[Sub::Clock(1, SECOND, 0)]);
        assert_eq!(slept(&guest), [Duration::from_nanos(lasts)], "{scale}");
    }
    let mut guest = waiting(WasiConfig::new().clock_scale("1000000".parse().unwrap()));
    let (real, begun) = (now(&mut guest, 0), now(&mut guest, 1));
    let start = std::time::Instant::now();
    let subs = [
        Sub::Clock(1, 3_600 * SECOND, 0),
        Sub::Clock(0, real + 7_200 * SECOND, 1),
    ];
    assert_eq!(poll(&mut guest, &subs), Ok(vec![(100, 0, 0)]));
    assert!(start.elapsed() >= Duration::from_micros(3_600));
    assert!(now(&mut guest, 1) - begun >= 3_600 * SECOND);
    assert!(now(&mut guest, 0) - real >= 3_600 * SECOND);
}

#[test]
fn the_host_sleeps_for_its_guests_and_descriptors_are_looked_at_after_it() {
    use crate::wasi::host::HostFile;
    use crate::wasi::preview1::Slot;
    use crate::wasi::preview1::types::Rights;
    let (reader, writer) = io::pipe().unwrap();
    let clocks = sleeping(move |told, nanoseconds| {
        told.monotonic.fetch_add(nanoseconds / 2, SeqCst);
        (&writer).write_all(b"x")
    });
    let mut guest = waiting(WasiConfig::new().host_clocks(clocks.clone()));
    let file = HostFile::inherited(reader.into()).unwrap();
    guest
        .wasi
        .insert(5, Slot::stream(std::rc::Rc::new(file), Rights::FD_READ));
    let subs = [
        Sub::Clock(1, 10 * SECOND, 0),
        Sub::Read(5),
        Sub::Clock(1, 11 * SECOND, 0),
    ];
    assert_eq!(poll(&mut guest, &subs), Ok(vec![(100, 0, 0), (101, 0, 1)]));
    assert_eq!(clocks.monotonic.load(SeqCst), 5 * SECOND);
    assert_eq!(now(&mut guest, 1), 10 * SECOND);
    // What is ready needs no sleep.
    assert_eq!(poll(&mut guest, &subs), Ok(vec![(101, 0, 1)]));
    assert_eq!(clocks.monotonic.load(SeqCst), 5 * SECOND);
    // Nor does what takes no time.
    assert_eq!(
        poll(&mut guest, &[Sub::Clock(1, 0, 0)]),
        Ok(vec![(100, 0, 0)])
    );
    assert_eq!(clocks.monotonic.load(SeqCst), 5 * SECOND);
}

#[test]
fn what_a_clock_fails_with_the_guest_gets() {
    let clocks = sleeping(|_, _| Err(io::Error::from_raw_os_error(libc::EINTR)));
    let mut guest = told(&clocks);
    assert_eq!(
        poll(&mut guest, &[Sub::Clock(1, 5, 0)]),
        Err(Errno::Intr as i32)
    );
    assert_eq!(now(&mut guest, 1), 0, "no sleep has ended");
    clocks.realtime.store(NEVER, SeqCst);
    guest.expect(Errno::Acces, "clock_time_get", &[0, 0, OUT]);
    assert_eq!(
        poll(&mut guest, &[Sub::Clock(0, 5, 1)]),
        Err(Errno::Acces as i32)
    );
    clocks.monotonic.store(NEVER, SeqCst);
    guest.expect(Errno::Acces, "clock_time_get", &[1, 0, OUT]);
    assert_eq!(
        poll(&mut guest, &[Sub::Clock(1, 5, 0)]),
        Err(Errno::Acces as i32)
    );
}

#[test]
fn no_clock_is_asked_where_nothing_waits_for_one() {
    let clocks = Arc::new(Told::default());
    clocks.monotonic.store(NEVER, SeqCst);
    let mut guest = told(&clocks);
    let subs = [Sub::Read(0), Sub::Write(1)];
    assert_eq!(poll(&mut guest, &subs), Ok(vec![(100, 0, 1), (101, 0, 2)]));
    assert_eq!(clocks.asked.load(SeqCst), 0);
}

#[test]
fn files_in_memory_bear_the_hosts_time() {
    use crate::wasi::{MemoryLimits, MemoryTree, Source};
    let clocks = Arc::new(Told::default());
    clocks.realtime.store(77, SeqCst);
    let tree = MemoryTree::new(MemoryLimits::default());
    let mut config = WasiConfig::new();
    config
        .host_clocks(clocks.clone())
        .preopen_source(Source::Memory(tree), "/", false);
    let mut guest = Guest::new(&config);
    let modified = |guest: &mut Guest, name| {
        guest.open(3, name, CREAT, READ | WRITE).unwrap();
        let [at, length] = guest.string(name);
        guest.ok("path_filestat_get", &[3, 0, at, length, DATA]);
        guest.u64(DATA + 48)
    };
    assert_eq!(modified(&mut guest, "a"), 77);
    clocks.realtime.store(NEVER, SeqCst);
    assert_eq!(modified(&mut guest, "b"), 0);
}

#[test]
fn random_numbers_of_the_hosts_come_in_pieces() {
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let asked = sizes.clone();
    let mut config = WasiConfig::new();
    config.host_random(move |to| {
        let mut sizes = asked.lock().unwrap();
        sizes.push(to.len());
        to.fill(sizes.len() as u8);
        match sizes.len() {
            4.. => Err(io::Error::from_raw_os_error(libc::EACCES)),
            _ => Ok(()),
        }
    });
    // A seed that nobody asked for takes nothing from the host's.
    let mut guest = Guest::new(config.else_seeded_random(1));
    guest.resize(200_000);
    guest.ok("random_get", &[1, 131_073]);
    assert_eq!(*sizes.lock().unwrap(), [65_536, 65_536, 1]);
    assert_eq!(guest.get(65_536, 2), [1, 2]);
    assert_eq!(guest.get(131_072, 3), [2, 3, 0]);
    guest.expect(Errno::Acces, "random_get", &[DATA, 8]);
    guest.ok("random_get", &[DATA, 0]);
    assert_eq!(sizes.lock().unwrap().len(), 4);
}

/// What was asked for last is had.
#[test]
fn of_several_clocks_the_last_counts() {
    let clocks = Arc::new(Told::default());
    clocks.realtime.store(5, SeqCst);
    let mut config = WasiConfig::new();
    let shows = |config: &WasiConfig| now(&mut Guest::new(config), 0);
    assert_eq!(
        shows(config.deterministic(1).host_clocks(clocks.clone())),
        5
    );
    assert_eq!(shows(config.deterministic(1)), 1_000_000_000 * SECOND);
    assert!(shows(config.clock_scale("2".parse().unwrap())) > 1_600_000_000 * SECOND);
    drop(config);
    assert_eq!(Arc::strong_count(&clocks), 1);
}
