//! Waiting: `poll_oneoff`, sleep and yield.
//!
//! wasi-common's own waiter calls every descriptor ready as soon as one is, refuses a poll as a whole when it names a
//! stream that has no descriptor (a host callback, a buffer), and panics if the system wakes it early.

use std::time::Duration;

use wasi_common::Error;
use wasi_common::sched::{Poll, WasiSched};

pub struct Sched;

#[wiggle::async_trait]
impl WasiSched for Sched {
    async fn poll_oneoff<'a>(&self, poll: &mut Poll<'a>) -> Result<(), Error> {
        #[cfg(unix)]
        return unix::wait(poll);
        #[cfg(not(unix))]
        return wasi_common::sync::sched::poll_oneoff(poll).await;
    }

    async fn sched_yield(&self) -> Result<(), Error> {
        std::thread::yield_now();
        Ok(())
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Error> {
        #[cfg(unix)]
        return unix::sleep(duration);
        #[cfg(not(unix))]
        {
            std::thread::sleep(duration);
            Ok(())
        }
    }
}

#[cfg(unix)]
mod unix {
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    use wasi_common::Error;
    use wasi_common::sched::{Poll, RwEventFlags, RwSubscription, Subscription};
    use wasi_common::snapshots::preview_1::types::Errno;

    use crate::control::{Waited, wait as wait_for};

    pub fn sleep(duration: Duration) -> Result<(), Error> {
        match wait_for(&mut Vec::new(), Some(duration))? {
            Waited::Stopped(_) => Err(Errno::Intr.into()),
            Waited::Ready(_) | Waited::TimedOut => Ok(()),
        }
    }

    /// Blocks until a descriptor is ready or the earliest deadline is past.
    pub fn wait(poll: &mut Poll<'_>) -> Result<(), Error> {
        // One entry for each subscription, in order. poll(2) skips negative descriptors: those of streams that
        // have none, which are always ready.
        let mut any_stream = false;
        let mut entries: Vec<libc::pollfd> = poll
            .rw_subscriptions()
            .filter_map(|subscription| {
                let (sub, events) = direction(subscription)?;
                let fd = sub.file.pollable().map_or(-1, |fd| fd.as_raw_fd());
                any_stream |= fd < 0;
                Some(libc::pollfd {
                    fd,
                    events,
                    revents: 0,
                })
            })
            .collect();

        let timeout = match any_stream {
            true => Some(Duration::ZERO),
            false => poll
                .earliest_clock_deadline()
                .map(|clock| clock.duration_until().unwrap_or_default()),
        };
        if let Waited::Stopped(_) = wait_for(&mut entries, timeout)? {
            return Err(Errno::Intr.into());
        }

        for (subscription, entry) in poll.rw_subscriptions().zip(&entries) {
            if let Some((sub, events)) = direction(subscription) {
                complete(sub, events == libc::POLLIN, entry);
            }
        }
        Ok(())
    }

    fn direction<'s, 'a>(
        subscription: &'s mut Subscription<'a>,
    ) -> Option<(&'s mut RwSubscription<'a>, libc::c_short)> {
        match subscription {
            Subscription::Read(sub) => Some((sub, libc::POLLIN)),
            Subscription::Write(sub) => Some((sub, libc::POLLOUT)),
            Subscription::MonotonicClock(_) => None,
        }
    }

    /// Tells the subscription what became of its descriptor; nothing if that is not ready.
    fn complete(sub: &mut RwSubscription<'_>, read: bool, entry: &libc::pollfd) {
        let has = |flag| entry.revents & flag != 0;
        if entry.fd >= 0 && entry.revents == 0 {
            return;
        }
        if has(libc::POLLNVAL) {
            sub.error(Errno::Badf.into());
        } else if has(libc::POLLERR) {
            sub.error(Errno::Io.into());
        } else {
            // Not every descriptor can say how much there is to read; "something" is true of all.
            let bytes = match read {
                true => sub.file.num_ready_bytes().unwrap_or(1).max(1),
                false => 0,
            };
            let flags = match has(libc::POLLHUP) {
                true => RwEventFlags::HANGUP,
                false => RwEventFlags::empty(),
            };
            sub.complete(bytes, flags);
        }
    }
}
