//! `poll_oneoff`: waiting for descriptors and for time.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::descriptor::File;
use super::memory::Memory;
use super::types::{Clockid, Errno, Event, HANGUP, Rights, SubscribedTo, Subscription};
use super::{MAX_SUBSCRIPTIONS, Outcome, Wasi};
use crate::control::{Ready, WaitEntry, Waited};

/// How a guest's waiting is done.
pub trait Wait {
    /// Until one of `entries` is ready or `timeout` is over, or until the guest is to stop; as poll(2).
    fn wait(&self, entries: &mut [WaitEntry<'_>], timeout: Option<Duration>) -> io::Result<Waited>;
}

/// On the host's thread.
pub struct Waiting;

impl Wait for Waiting {
    fn wait(&self, entries: &mut [WaitEntry<'_>], timeout: Option<Duration>) -> io::Result<Waited> {
        crate::control::wait(entries, timeout)
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
        // One time for all: what is to take as long ends together.
        let start = self.given.clocks.now(Clockid::Monotonic)?;
        let mut awaited = Vec::with_capacity(count as usize);
        for index in 0..count {
            let at = place(subscriptions, index, Subscription::SIZE)?;
            let subscription = Subscription::load(memory, at)??;
            awaited.push((
                subscription.userdata,
                self.awaited(subscription.to, count, start)?,
            ));
        }
        let ready = self.wait_for(&awaited, start)?;
        let now = self.given.clocks.now(Clockid::Monotonic)?;
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

    fn awaited(&self, to: SubscribedTo, count: u32, start: u64) -> Result<Awaited, Errno> {
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
                    (Clockid::Monotonic, true) => timeout,
                    // As far from now as that is on the other clock.
                    (Clockid::Realtime, true) => {
                        let now = self.given.clocks.now(Clockid::Realtime)?;
                        start.saturating_add(timeout.saturating_sub(now))
                    }
                    // A sleep is one on any clock.
                    (Clockid::Cpu, false) if count > 1 => return Err(Errno::Inval),
                    (Clockid::Cpu, true) => return Err(Errno::Inval),
                    (_, false) => start.saturating_add(timeout),
                })
            }
        })
    }

    /// What became of each, nothing of a time. Streams of the host's that have no descriptor are always ready.
    fn wait_for(
        &self,
        awaited: &[(u64, Awaited)],
        start: u64,
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
        let earliest = awaited.iter().filter_map(|(_, awaited)| match awaited {
            Awaited::Time(until) => Some(*until),
            Awaited::File(..) => None,
        });
        let left = earliest
            .min()
            .map(|until| Duration::from_nanos(until.saturating_sub(start)));
        // Still time passes at once, once nothing else is ready.
        let timeout = match always || (clocks.is_still() && left.is_some()) {
            true => Some(Duration::ZERO),
            false => left,
        };
        match self
            .given
            .wait
            .wait(&mut entries, timeout)
            .map_err(|error| Errno::of(&error))?
        {
            Waited::Stopped(_) => return Err(Errno::Intr),
            Waited::TimedOut if !always => clocks.pass(left.unwrap_or_default()),
            Waited::TimedOut | Waited::Ready(_) => {}
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
