//! Clocks: the system's, faster or slower ones, those of the host's functions, or some that stand still.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::memory::Memory;
use super::types::{Clockid, Errno};
use super::{Outcome, Wasi};
use crate::error::{Code, Error};
use crate::platform::Instant;
use crate::wasi::host;

/// How fast time passes for a guest: so many of its nanoseconds in so many of the host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockScale {
    guest: u32,
    host: u32,
}

impl ClockScale {
    /// Time passes at most so many times as fast, or as slowly.
    pub const MOST: u32 = 1_000_000;

    /// `guest` nanoseconds of the guest's in `host` of the host's.
    pub fn new(guest: u32, host: u32) -> crate::error::Result<Self> {
        let within = |one: u32, other: u32| {
            one != 0 && u64::from(one) <= u64::from(other) * u64::from(Self::MOST)
        };
        match within(guest, host) && within(host, guest) {
            true => Ok(ClockScale { guest, host }),
            false => Err(Error::new(
                Code::InvalidArgument,
                format!(
                    "clocks cannot be {guest}/{host} times as fast: from 1/{most} to {most} times is possible",
                    most = Self::MOST
                ),
            )),
        }
    }

    /// Rounded down: what has not passed is not shown.
    fn to_guest(self, time: Duration) -> u64 {
        // A duration has less than 94 bits of nanoseconds.
        let scaled =
            time.as_nanos().saturating_mul(self.guest.into()) / u128::from(self.host.max(1));
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }

    /// Rounded up: when that is over, so is the guest's time.
    fn to_host(self, time: u64) -> Duration {
        let scaled = (u128::from(time) * u128::from(self.host)).div_ceil(self.guest.max(1).into());
        Duration::from_nanos(u64::try_from(scaled).unwrap_or(u64::MAX))
    }
}

/// As a decimal number (`0.25`) or as a fraction (`1/3`).
impl FromStr for ClockScale {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts = match text.split_once('/') {
            Some((guest, host)) => whole(guest).zip(whole(host)),
            None => {
                let (whole_part, fraction) = text.split_once('.').unwrap_or((text, ""));
                let unit = u32::try_from(fraction.len())
                    .ok()
                    .and_then(|digits| 10u32.checked_pow(digits));
                let dotted = text.contains('.');
                whole(&format!("{whole_part}{fraction}"))
                    .filter(|_| !dotted || !(whole_part.is_empty() || fraction.is_empty()))
                    .zip(unit)
            }
        };
        let (guest, host) = parts.ok_or_else(|| {
            let why = "a factor is a number of at most nine digits, such as 2 or 0.25, or a fraction, such as 1/3";
            Error::new(Code::InvalidArgument, why)
        })?;
        ClockScale::new(guest, host)
    }
}

fn whole(digits: &str) -> Option<u32> {
    let only_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    only_digits.then(|| digits.parse().ok()).flatten()
}

/// Clocks that a host has. They are asked by the threads that run guests. What is not overridden is as on the system.
pub trait HostClocks: Send + Sync {
    /// Nanoseconds since 1970; `None`: the system's time.
    fn realtime(&self) -> Option<io::Result<u64>> {
        None
    }

    /// Nanoseconds since any moment; `None`: those since the guest's WASI was made, by the system's clock.
    fn monotonic(&self) -> Option<io::Result<u64>> {
        None
    }

    /// Nanoseconds between two times of a clock that can be told apart.
    fn resolution(&self, _realtime: bool) -> io::Result<u64> {
        Ok(1)
    }

    /// Whether [`sleep`](Self::sleep) is how guests sleep. Otherwise they do so in the system's time.
    fn sleeps(&self) -> bool {
        false
    }

    /// Lets so many nanoseconds of the monotonic clock pass.
    fn sleep(&self, _nanoseconds: u64) -> io::Result<()> {
        Ok(())
    }
}

/// The clocks that guests are to have.
#[derive(Clone, Default)]
pub enum ClockSource {
    #[default]
    System,
    /// Standing still but for sleeps, from this moment on: nanoseconds since 1970.
    Still(u64),
    Scaled(ClockScale),
    Hosted(Arc<dyn HostClocks>),
}

impl fmt::Debug for ClockSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClockSource::System => f.write_str("System"),
            ClockSource::Still(since_1970) => write!(f, "Still({since_1970})"),
            ClockSource::Scaled(scale) => write!(f, "Scaled({}/{})", scale.guest, scale.host),
            ClockSource::Hosted(_) => f.write_str("Hosted"),
        }
    }
}

impl ClockSource {
    /// Clocks for one guest, which begin now.
    pub fn start(&self) -> Clocks {
        let start = Instant::now();
        match self {
            ClockSource::System => Clocks::System(start),
            ClockSource::Still(since_1970) => Clocks::Still {
                since_1970: *since_1970,
                passed: Cell::new(0),
            },
            ClockSource::Scaled(scale) => Clocks::Scaled {
                since_1970: host::since_1970(),
                start,
                scale: *scale,
            },
            ClockSource::Hosted(hosted) => Clocks::Hosted {
                hosted: hosted.clone(),
                start,
                shown: Cell::new(0),
            },
        }
    }
}

/// What a guest's clocks show.
pub enum Clocks {
    /// The system's time. The monotonic clock starts with the context.
    System(Instant),
    /// Time that passes only while the guest sleeps, and then at once: nanoseconds since 1970, and since the start.
    Still { since_1970: u64, passed: Cell<u64> },
    /// The system's time, faster or slower from the start on, when it was this since 1970.
    Scaled {
        since_1970: u64,
        start: Instant,
        scale: ClockScale,
    },
    /// What the host says.
    Hosted {
        hosted: Arc<dyn HostClocks>,
        start: Instant,
        /// The guest's monotonic clock shows no less: what it has shown, and the ends of sleeps.
        shown: Cell<u64>,
    },
}

/// How time passes while a guest waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// By itself.
    Alone,
    /// When it is let ([`Clocks::pass`]).
    Let,
}

impl Clocks {
    /// Nanoseconds.
    pub fn now(&self, id: Clockid) -> Result<u64, Errno> {
        match (self, id) {
            (_, Clockid::Cpu) => Err(Errno::Badf),
            (Clocks::System(_), Clockid::Realtime) => Ok(host::since_1970()),
            (Clocks::System(start), Clockid::Monotonic) => Ok(since(*start)),
            (Clocks::Still { since_1970, passed }, Clockid::Realtime) => {
                Ok(since_1970.saturating_add(passed.get()))
            }
            (Clocks::Still { passed, .. }, Clockid::Monotonic) => Ok(passed.get()),
            (
                Clocks::Scaled {
                    since_1970,
                    start,
                    scale,
                },
                Clockid::Realtime,
            ) => Ok(since_1970.saturating_add(scale.to_guest(start.elapsed()))),
            (Clocks::Scaled { start, scale, .. }, Clockid::Monotonic) => {
                Ok(scale.to_guest(start.elapsed()))
            }
            (Clocks::Hosted { hosted, .. }, Clockid::Realtime) => {
                let said = hosted.realtime();
                Ok(said.unwrap_or_else(|| Ok(host::since_1970()))?)
            }
            (
                Clocks::Hosted {
                    hosted,
                    start,
                    shown,
                },
                Clockid::Monotonic,
            ) => {
                let said = hosted.monotonic().unwrap_or_else(|| Ok(since(*start)))?;
                // The host may have been asked again meanwhile, by what it called.
                shown.set(said.max(shown.get()));
                Ok(shown.get())
            }
        }
    }

    /// What a file that is changed bears: nanoseconds since 1970, or 0 where no clock tells.
    pub fn file_time(&self) -> u64 {
        self.now(Clockid::Realtime).unwrap_or(0)
    }

    /// Nanoseconds between two times that can be told apart.
    fn resolution(&self, id: Clockid) -> Result<u64, Errno> {
        let nanoseconds = match (self, id) {
            (_, Clockid::Cpu) => return Err(Errno::Badf),
            (Clocks::Still { .. }, _) => 1,
            (Clocks::System(_), id) => host::resolution(id),
            (Clocks::Scaled { scale, .. }, id) => {
                scale.to_guest(Duration::from_nanos(host::resolution(id)))
            }
            (Clocks::Hosted { hosted, .. }, id) => hosted.resolution(id == Clockid::Realtime)?,
        };
        Ok(nanoseconds.max(1))
    }

    pub fn passing(&self) -> Passing {
        match self {
            Clocks::Still { .. } => Passing::Let,
            Clocks::Hosted { hosted, .. } if hosted.sleeps() => Passing::Let,
            _ => Passing::Alone,
        }
    }

    /// How long the host waits for so many nanoseconds of the guest's to pass by themselves.
    pub fn to_host(&self, nanoseconds: u64) -> Duration {
        match self {
            Clocks::Scaled { scale, .. } => scale.to_host(nanoseconds),
            _ => Duration::from_nanos(nanoseconds),
        }
    }

    /// Lets time pass, where it does not by itself. Tells whether it did so for the host as well, for whom other things may have happened meanwhile.
    pub fn pass(&self, nanoseconds: u64) -> Result<bool, Errno> {
        match self {
            Clocks::Still { passed, .. } => {
                passed.set(passed.get().saturating_add(nanoseconds));
                Ok(false)
            }
            Clocks::Hosted { hosted, .. } if nanoseconds > 0 => {
                hosted.sleep(nanoseconds)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// A sleep has ended that was to last until the monotonic clock shows this: it shows no less from now on, whatever the host says.
    pub fn reach(&self, until: u64) {
        if let Clocks::Hosted { shown, .. } = self {
            shown.set(shown.get().max(until));
        }
    }
}

fn since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

impl Wasi {
    pub(super) fn clock_res_get(&self, memory: &mut Memory<'_>, id: u32, to: u32) -> Outcome {
        let resolution = self.given.clocks.resolution(Clockid::parse(id)?)?;
        Ok(memory.store_u64(to, resolution)?)
    }

    /// The precision is what the clock has, whatever the guest asks for.
    pub(super) fn clock_time_get(
        &self,
        memory: &mut Memory<'_>,
        id: u32,
        _precision: u64,
        to: u32,
    ) -> Outcome {
        let now = self.given.clocks.now(Clockid::parse(id)?)?;
        Ok(memory.store_u64(to, now)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn still_time_passes_when_it_is_let() {
        let clocks = ClockSource::Still(1_000).start();
        assert_eq!(clocks.passing(), Passing::Let);
        assert_eq!(clocks.now(Clockid::Realtime), Ok(1_000));
        assert_eq!(clocks.now(Clockid::Monotonic), Ok(0));
        assert_eq!(clocks.pass(5), Ok(false));
        assert_eq!(clocks.now(Clockid::Realtime), Ok(1_005));
        assert_eq!(clocks.now(Clockid::Monotonic), Ok(5));
        assert_eq!(clocks.pass(u64::MAX), Ok(false));
        assert_eq!(clocks.now(Clockid::Monotonic), Ok(u64::MAX));
        assert_eq!(clocks.now(Clockid::Realtime), Ok(u64::MAX));
    }

    #[test]
    fn scales_are_within_bounds() {
        for (guest, host) in [
            (0, 1),
            (1, 0),
            (0, 0),
            (1, 1_000_001),
            (1_000_001, 1),
            (u32::MAX, 4_294),
        ] {
            let error = ClockScale::new(guest, host).unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument, "{error}");
        }
        for (guest, host) in [
            (1, 1_000_000),
            (1_000_000, 1),
            (u32::MAX, u32::MAX),
            (u32::MAX, 4_295),
        ] {
            assert!(ClockScale::new(guest, host).is_ok(), "{guest}/{host}");
        }
    }

    #[test]
    fn scales_are_read_as_numbers_and_as_fractions() {
        let read = |text: &str| text.parse::<ClockScale>().ok().map(|s| (s.guest, s.host));
        assert_eq!(read("2"), Some((2, 1)));
        assert_eq!(read("0.25"), Some((25, 100)));
        assert_eq!(read("1.000001"), Some((1_000_001, 1_000_000)));
        assert_eq!(read("1/3"), Some((1, 3)));
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e3",
            "0",
            "0.0",
            "1/0",
            "0/1",
            "1/",
            "/3",
            "1/2/3",
            "1.5/2",
            "nan",
            "inf",
            "2000000",
            "0.0000001",
            "0.0000000001",
            "99999999999",
            " 1",
            "1 ",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_a_guest_has_waited_for_is_over_when_the_host_has_waited() {
        for (guest, host) in [
            (1, 1),
            (3, 7),
            (7, 3),
            (1, 1_000_000),
            (1_000_000, 1),
            (u32::MAX, u32::MAX - 1),
        ] {
            let scale = ClockScale::new(guest, host).unwrap();
            for began in [0u64, 1, 999, 123_456_789] {
                for time in [0u64, 1, 2, 1_000, 999_999_999, u64::from(u32::MAX)] {
                    let shown = scale.to_guest(Duration::from_nanos(began));
                    let then = scale.to_guest(Duration::from_nanos(began) + scale.to_host(time));
                    assert!(
                        then >= shown + time,
                        "{guest}/{host}: {time} from {began} on"
                    );
                }
            }
            assert!(scale.to_host(u64::MAX) > Duration::from_secs(3600));
            let _ = scale.to_guest(Duration::MAX);
        }
        assert_eq!(
            ClockScale::new(1_000, 1)
                .unwrap()
                .to_guest(Duration::from_secs(u64::MAX)),
            u64::MAX
        );
        assert_eq!(
            ClockScale::new(1, 4)
                .unwrap()
                .to_guest(Duration::from_secs(4)),
            1_000_000_000
        );
        assert_eq!(
            ClockScale::new(1, 4).unwrap().to_host(1_000_000_000),
            Duration::from_secs(4)
        );
    }

    /// Shows what it is told to, and keeps what was slept.
    #[derive(Default)]
    struct Told {
        times: std::sync::Mutex<Vec<u64>>,
        resolution: u64,
    }

    impl HostClocks for Told {
        fn realtime(&self) -> Option<io::Result<u64>> {
            Some(Err(io::ErrorKind::PermissionDenied.into()))
        }

        fn monotonic(&self) -> Option<io::Result<u64>> {
            Some(Ok(self.times.lock().unwrap().pop().unwrap_or(0)))
        }

        fn resolution(&self, realtime: bool) -> io::Result<u64> {
            match realtime {
                true => Err(io::ErrorKind::Unsupported.into()),
                false => Ok(self.resolution),
            }
        }
    }

    #[test]
    fn a_clock_of_the_hosts_does_not_go_back() {
        let told = Told::default();
        told.times.lock().unwrap().extend([30, 7, 20, 10]);
        let clocks = ClockSource::Hosted(Arc::new(told)).start();
        assert_eq!(clocks.passing(), Passing::Alone);
        let now = || clocks.now(Clockid::Monotonic);
        assert_eq!([now(), now(), now()], [Ok(10), Ok(20), Ok(20)]);
        clocks.reach(25);
        clocks.reach(5);
        assert_eq!([now(), now()], [Ok(30), Ok(30)]);
        clocks.reach(u64::MAX);
        assert_eq!(now(), Ok(u64::MAX));
        assert_eq!(clocks.now(Clockid::Realtime), Err(Errno::Perm));
        assert_eq!(clocks.file_time(), 0);
        assert_eq!(clocks.resolution(Clockid::Realtime), Err(Errno::Notsup));
        assert_eq!(
            clocks.resolution(Clockid::Monotonic),
            Ok(1),
            "none is not said"
        );
        assert_eq!(clocks.now(Clockid::Cpu), Err(Errno::Badf));
    }
}
