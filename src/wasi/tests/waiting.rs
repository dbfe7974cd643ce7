//! Clocks, and waiting for them and for descriptors.

use super::*;
use crate::wasi::preview1::Waiting;

const SUBS: u64 = 1024;
const EVENTS: u64 = 8192;

/// A subscription's tag and what follows it; `Clock` with the id, the time and the flags.
pub(super) enum Sub {
    Clock(u32, u64, u16),
    Read(u32),
    Write(u32),
}

/// A guest whose waiting is real.
pub(super) fn waiting(config: &WasiConfig) -> Guest {
    Guest::on(
        config.build_with(Box::new(Waiting)).unwrap(),
        Awake::default(),
    )
}

/// The events: user data (the subscription's number, from 100), errno, type.
pub(super) fn poll(guest: &mut Guest, subs: &[Sub]) -> Result<Vec<(u64, u16, u8)>, i32> {
    for (i, sub) in subs.iter().enumerate() {
        let at = SUBS + 48 * i as u64;
        guest.put(at, &[0; 48]);
        guest.put(at, &(100 + i as u64).to_le_bytes());
        match *sub {
            Sub::Clock(id, time, flags) => {
                guest.put(at + 16, &id.to_le_bytes());
                guest.put(at + 24, &time.to_le_bytes());
                guest.put(at + 40, &flags.to_le_bytes());
            }
            Sub::Read(fd) => {
                guest.put(at + 8, &[1]);
                guest.put(at + 16, &fd.to_le_bytes());
            }
            Sub::Write(fd) => {
                guest.put(at + 8, &[2]);
                guest.put(at + 16, &fd.to_le_bytes());
            }
        }
    }
    match guest.errno("poll_oneoff", &[SUBS, EVENTS, subs.len() as u64, OUT]) {
        0 => {
            let count = u64::from(guest.u32(OUT));
            let events = (0..count).map(|i| {
                let at = EVENTS + 32 * i;
                let errno = u16::from_le_bytes(guest.get(at + 8, 2).try_into().unwrap());
                (guest.u64(at), errno, guest.get(at + 10, 1)[0])
            });
            Ok(events.collect())
        }
        errno => Err(errno),
    }
}

#[test]
fn clocks_go_forward() {
    let mut guest = Guest::new(&WasiConfig::new());
    guest.ok("clock_time_get", &[0, 1, OUT]);
    let now = guest.u64(OUT);
    assert!(now > 1_600_000_000_000_000_000, "after 2020: {now}");
    guest.ok("clock_time_get", &[1, 1, OUT]);
    let first = guest.u64(OUT);
    guest.ok("clock_time_get", &[1, 1, OUT]);
    assert!(guest.u64(OUT) >= first);
    for id in [0, 1] {
        guest.ok("clock_res_get", &[id, OUT]);
        assert!(guest.u64(OUT) > 0);
    }
    guest.expect(Errno::Inval, "clock_time_get", &[9, 0, OUT]);
    guest.expect(Errno::Badf, "clock_time_get", &[2, 0, OUT]);
}

#[test]
fn random_bytes_differ() {
    let draw = || {
        let mut guest = Guest::new(&WasiConfig::new());
        guest.ok("random_get", &[DATA, 32]);
        guest.get(DATA, 32)
    };
    assert_ne!(draw(), draw());
    let mut guest = Guest::new(&WasiConfig::new());
    guest.ok("random_get", &[SIZE as u64, 0]);
}

#[test]
fn a_sleep_ends() {
    let mut guest = waiting(&WasiConfig::new());
    // Alone it is a sleep, with another a poll.
    assert_eq!(
        poll(&mut guest, &[Sub::Clock(1, 1, 0)]),
        Ok(vec![(100, 0, 0)])
    );
    let two = [Sub::Clock(1, 1, 0), Sub::Clock(1, 3_600_000_000_000_000, 0)];
    assert_eq!(poll(&mut guest, &two), Ok(vec![(100, 0, 0)]));
    // A time on the clock that is past.
    assert_eq!(
        poll(&mut guest, &[Sub::Clock(1, 0, 1)]),
        Ok(vec![(100, 0, 0)])
    );
    // The greatest times there are: accepted or refused, beside something that is ready at once.
    for id in 0..4 {
        for flags in [0, 1] {
            let _ = poll(
                &mut guest,
                &[Sub::Clock(id, u64::MAX, flags), Sub::Write(1)],
            );
        }
    }
}

#[test]
fn streams_of_the_host_are_always_ready() {
    let mut guest = waiting(&WasiConfig::new());
    let hour = 3_600_000_000_000;
    let subs = [Sub::Read(0), Sub::Write(1), Sub::Clock(1, hour, 0)];
    assert_eq!(poll(&mut guest, &subs), Ok(vec![(100, 0, 1), (101, 0, 2)]));
}

#[test]
fn files_are_always_ready() {
    let dir = TempDir::new();
    std::fs::write(dir.join("file"), "text").unwrap();
    let mut guest = waiting(WasiConfig::new().preopen(dir.path(), "/"));
    let fd = guest.open(3, "file", 0, READ | WRITE).unwrap() as u32;
    assert_eq!(
        poll(&mut guest, &[Sub::Read(fd), Sub::Write(fd)]),
        Ok(vec![(100, 0, 1), (101, 0, 2)])
    );
    assert_eq!(poll(&mut guest, &[Sub::Read(99)]), Err(Errno::Badf as i32));
}

#[test]
fn only_what_is_ready_is_called_ready() {
    use crate::wasi::host::HostFile;
    use crate::wasi::preview1::Slot;
    use crate::wasi::preview1::types::{HANGUP, Rights};
    use std::io::Write;
    let (idle, _keep) = std::io::pipe().unwrap();
    let (full, mut writer) = std::io::pipe().unwrap();
    let (ended, gone) = std::io::pipe().unwrap();
    writer.write_all(b"abc").unwrap();
    drop(gone);
    let mut guest = waiting(&WasiConfig::new());
    for (fd, end) in (5..).zip([idle, full, ended]) {
        let file = HostFile::inherited(end.into()).unwrap();
        guest
            .wasi
            .insert(fd, Slot::stream(std::rc::Rc::new(file), Rights::FD_READ));
    }
    let subs = [Sub::Read(5), Sub::Read(6), Sub::Read(7)];
    assert_eq!(poll(&mut guest, &subs), Ok(vec![(101, 0, 1), (102, 0, 1)]));
    let mut told = |at| (guest.u64(at + 16), guest.u64(at + 24));
    assert_eq!(told(EVENTS), (3, 0));
    assert_eq!(told(EVENTS + 32), (1, u64::from(HANGUP)));
}

/// What a call costs without an engine: `cargo test --release -- --ignored --nocapture cost_of_calls`.
#[test]
#[ignore = "a measurement"]
fn cost_of_calls() {
    let dir = TempDir::new();
    let mut guest = guest_in(&dir);
    let file = guest.open(3, "file", CREAT, READ | WRITE).unwrap();
    guest.put(DATA, b"0123456789abcdef");
    guest.vectors(&[(DATA, 16)]);
    let calls: [(&str, &str, Vec<u64>); 7] = [
        ("sched_yield", "sched_yield (no wait)", vec![]),
        ("args_sizes_get", "args_sizes_get (own)", vec![OUT, OUT + 4]),
        ("clock_time_get", "clock_time_get", vec![1, 0, OUT]),
        (
            "fd_write",
            "fd_write, 16 bytes to Null",
            vec![1, IOVS, 1, OUT],
        ),
        (
            "fd_read",
            "fd_read at the end of Null",
            vec![0, IOVS, 1, OUT],
        ),
        (
            "fd_pwrite",
            "fd_pwrite, 16 bytes to a file",
            vec![file, IOVS, 1, 0, OUT],
        ),
        (
            "fd_filestat_get",
            "fd_filestat_get of a file",
            vec![file, OUT],
        ),
    ];
    for (name, label, args) in calls {
        let index = guest
            .wasi
            .functions()
            .iter()
            .position(|f| f.name == name)
            .unwrap();
        let rounds = 200_000;
        let best = (0..5)
            .map(|_| {
                let start = std::time::Instant::now();
                for _ in 0..rounds {
                    let memory = &mut aligned(&mut guest.backing)[..SIZE];
                    assert_eq!(guest.wasi.call(index, memory, &args), Ok(Some(0)));
                }
                start.elapsed().as_nanos() / rounds
            })
            .min();
        println!("{label}: {} ns", best.unwrap_or_default());
    }
}

/// As many as there may be at a time. Each step has twice as many; the times are printed (`--release -- --nocapture`).
#[test]
fn many_subscriptions() {
    let mut guest = waiting(&WasiConfig::new());
    for count in [512u64, 1_024, 2_048, 4_096] {
        let events = SUBS + 48 * count;
        guest.resize((events + 32 * count) as usize);
        for n in 0..count {
            let at = SUBS + 48 * n;
            guest.put(at, &n.to_le_bytes());
            // The monotonic clock, some time that has come at once.
            guest.put(at + 16, &1u32.to_le_bytes());
        }
        let start = std::time::Instant::now();
        guest.ok("poll_oneoff", &[SUBS, events, count, OUT]);
        println!("{count} subscriptions: {:?}", start.elapsed());
        assert_eq!(u64::from(guest.u32(OUT)), count);
    }
}
