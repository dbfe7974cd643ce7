//! Waiting where there are no descriptors: for time alone, which passes as the host lets it.

use std::convert::Infallible;
use std::io;
use std::marker::PhantomData;
use std::time::Duration;

use super::{Entry, at_most_a_slice, may_stop};
use crate::platform;

/// There is no value of this.
#[derive(Clone, Copy)]
pub struct Pollable<'a>(Infallible, PhantomData<&'a ()>);

pub struct Poll;

impl Poll {
    pub fn new(_: &[Entry<'_>]) -> Poll {
        Poll
    }

    /// Nothing ends a wait here.
    pub fn listen(&mut self) {}

    pub fn look(&mut self, left: Option<Duration>) -> io::Result<usize> {
        let left = match may_stop() {
            true => at_most_a_slice(left),
            false => left,
        };
        match left {
            Some(Duration::ZERO) => {}
            Some(left) => platform::sleep(left),
            // What never ends by itself, and by nobody else.
            None => return Err(io::ErrorKind::Deadlock.into()),
        }
        Ok(0)
    }

    pub fn tell(&self, _: &mut [Entry<'_>]) {}
}
