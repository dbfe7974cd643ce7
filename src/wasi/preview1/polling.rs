//! `poll_oneoff`: waiting for descriptors and for time.

use std::cell::OnceCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::clocks::Passing;
use super::descriptor::File;
use super::memory::Memory;
use super::types::{Clockid, Errno, Event, HANGUP, Rights, SubscribedTo, Subscription};
use super::{Clocks, MAX_SUBSCRIPTIONS, Outcome, Wasi};
use crate::control::{self, Ready, WaitEntry, Waited};

/// How a guest's waiting is done.
pub trait Wait {
    /// Until one of `entries` is ready or `timeout` is over, or until the guest is to stop; as poll(2).
    fn wait(&self, entries: &mut [WaitEntry<'_>], timeout: Option<Duration>) -> io::Result<Waited>;
}

/// On the host's thread.
pub struct Waiting;

impl Wait for Waiting {
    fn wait(&self, entries: &mut [WaitEntry<'_>], timeout: Option<Duration>) -> io::Result<Waited> {
        control::wait(entries, timeout)
    }
}

/// What a guest waits for.
enum Awaited {
    /// Until the monotonic clock shows this.
    Time(u64),
    /// For reading or for writing.
    File(Rc<dyn File>, bool),
}

impl Wasi {
    pub(super) fn poll_oneoff(
        &self,
        memory: &mut Memory<'_>,
        subscriptions: u32,
        events: u32,
        count: u32,
        to: u32,
    ) -> Outcome {
        if count == 0 || count > MAX_SUBSCRIPTIONS {
            return Err(Errno::Inval.into());
        }
        let start = Start::default();
        let mut awaited = Vec::with_capacity(count as usize);
        for index in 0..count {
            let at = place(subscriptions, index, Subscription::SIZE)?;
            let subscription = Subscription::load(memory, at)??;
            awaited.push((
                subscription.userdata,
                self.awaited(subscription.to, count, &start)?,
            ));
        }
        let ready = self.wait_for(&awaited, &start)?;
        let now = match start.0.get() {
            Some(_) => self.given.clocks.now(Clockid::Monotonic)?,
            None => 0,
        };
        let mut told = 0;
        for ((userdata, awaited), ready) in awaited.iter().zip(ready) {
            let event = match awaited {
                Awaited::Time(until) => (*until <= now).then_some(Event {
                    userdata: *userdata,
                    error: Errno::Success,
                    kind: 0,
                    bytes: 0,
                    flags: 0,
                }),
                Awaited::File(file, write) => event(*userdata, &**file, *write, ready),
            };
            if let Some(event) = event {
                event.store(memory, place(events, told, Event::SIZE)?)?;
                told += 1;
            }
        }
        Ok(memory.store_u32(to, told)?)
    }

    /// How many are ready; none if the time is over.
    fn wait(
        &self,
        entries: &mut [WaitEntry<'_>],
        timeout: Option<Duration>,
    ) -> Result<usize, Errno> {
        match self.given.wait.wait(entries, timeout) {
            Ok(Waited::Ready(ready)) => Ok(ready),
            Ok(Waited::TimedOut) => Ok(0),
            Ok(Waited::Stopped(_)) => Err(Errno::Intr),
            Err(error) => Err(Errno::of(&error)),
        }
    }

    fn awaited(&self, to: SubscribedTo, count: u32, start: &Start) -> Result<Awaited, Errno> {
        let clocks = &self.given.clocks;
        Ok(match to {
            SubscribedTo::Read(fd) => {
                Awaited::File(self.file(fd, Rights::POLL_FD_READWRITE)?, false)
            }
            SubscribedTo::Write(fd) => {
                Awaited::File(self.file(fd, Rights::POLL_FD_READWRITE)?, true)
            }
            SubscribedTo::Clock {
                id,
                timeout,
                absolute,
            } => {
                Awaited::Time(match (id, absolute) {
                    (Clockid::Monotonic, true) => {
                        start.get(clocks)?;
                        timeout
                    }
                    // As far from now as that is on the other clock.
                    (Clockid::Realtime, true) => {
                        let start = start.get(clocks)?;
                        let now = clocks.now(Clockid::Realtime)?;
                        start.saturating_add(timeout.saturating_sub(now))
                    }
                    // A sleep is one on any clock.
                    (Clockid::Cpu, false) if count > 1 => return Err(Errno::Inval),
                    (Clockid::Cpu, true) => return Err(Errno::Inval),
                    (_, false) => start.get(clocks)?.saturating_add(timeout),
                })
            }
        })
    }

    /// What became of each, nothing of a time. Streams of the host's that have no descriptor are always ready.
    fn wait_for(
        &self,
        awaited: &[(u64, Awaited)],
        start: &Start,
    ) -> Result<Vec<Option<Ready>>, Errno> {
        let mut always = false;
        let mut entries = Vec::new();
        for (_, awaited) in awaited {
            if let Awaited::File(file, write) = awaited {
                let what = file.pollable();
                always |= what.is_none();
                entries.push(WaitEntry {
                    what,
                    write: *write,
                    ready: None,
                });
            }
        }
        let clocks = &self.given.clocks;
        let until = awaited.iter().filter_map(|(_, awaited)| match awaited {
            Awaited::Time(until) => Some(*until),
            Awaited::File(..) => None,
        });
        let until = until.min();
        let left = match until {
            Some(until) => Some(until.saturating_sub(start.get(clocks)?)),
            None => None,
        };
        let let_pass = clocks.passing() == Passing::Let;
        // Time that does not pass by itself does so once nothing else is ready.
        let timeout = match always || (let_pass && left.is_some()) {
            true => Some(Duration::ZERO),
            false => left.map(|left| clocks.to_host(left)),
        };
        let timed_out = self.wait(&mut entries, timeout)? == 0 && !always;
        if let (true, Some(left), Some(until)) = (timed_out, left, until) {
            if let_pass && clocks.pass(left)? {
                self.wait(&mut entries, Some(Duration::ZERO))?;
            }
            clocks.reach(until);
        }
        let mut looked_at = entries.iter();
        let each = awaited.iter().map(|(_, awaited)| match awaited {
            Awaited::Time(_) => None,
            Awaited::File(..) => looked_at.next().and_then(|entry| match entry.what {
                None => Some(Ready::default()),
                Some(_) => entry.ready,
            }),
        });
        Ok(each.collect())
    }
}

/// When a poll began: one time for all that it waits for, so that what is to take as long ends together. No clock is asked where nothing waits for one.
#[derive(Default)]
struct Start(OnceCell<u64>);

impl Start {
    fn get(&self, clocks: &Clocks) -> Result<u64, Errno> {
        if let Some(&start) = self.0.get() {
            return Ok(start);
        }
        let now = clocks.now(Clockid::Monotonic)?;
        Ok(*self.0.get_or_init(|| now))
    }
}

/// What became of a descriptor; nothing if it is not ready.
fn event(userdata: u64, file: &dyn File, write: bool, ready: Option<Ready>) -> Option<Event> {
    let ready = ready?;
    let error = if ready.invalid {
        Errno::Badf
    } else if ready.failed {
        Errno::Io
    } else {
        Errno::Success
    };
    Some(Event {
        userdata,
        error,
        kind: if write { 2 } else { 1 },
        // Not every descriptor can say how much there is to read; "something" is true of all.
        bytes: match error == Errno::Success && !write {
            true => file.ready_bytes().max(1),
            false => 0,
        },
        flags: if ready.hung_up && error == Errno::Success {
            HANGUP
        } else {
            0
        },
    })
}

/// Where element `index` of an array lies.
fn place(array: u32, index: u32, size: u32) -> Result<u32, crate::wasi::Stop> {
    let at = u64::from(array) + u64::from(index) * u64::from(size);
    u32::try_from(at)
        .map_err(|_| crate::wasi::Stop::Trap(format!("an array at {array:#x} leads out of memory")))
}
