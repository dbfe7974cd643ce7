//! Which signal a namespace's handle stands for, told without a lock, since signal handlers ask.
//!
//! There is a line for each position of a handle. Lines are made as they are needed and stay for the rest of the process, as many as
//! there were namespaces at a time.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::SeqCst};

use super::Signal;
use super::forked::Readers;
use crate::error::{Code, Error, Result};

/// Lines of the first block; each further block has twice as many.
const FIRST: usize = 64;
const BLOCKS: usize = 20;

#[derive(Default)]
struct Line {
    /// The handle that the line serves; 0: none.
    handle: AtomicUsize,
    signal: AtomicPtr<Signal>,
    /// Those who are looking at it.
    readers: Readers,
}

static LINES: [AtomicPtr<Line>; BLOCKS] = [const { AtomicPtr::new(ptr::null_mut()) }; BLOCKS];

/// The block of a position, its length, and the position in it.
fn place(position: usize) -> Option<(usize, usize, usize)> {
    let number = position / FIRST + 1;
    let block = number.checked_ilog2()? as usize;
    let length = FIRST.checked_shl(block as u32)?;
    (block < BLOCKS).then_some((block, length, position + FIRST - length))
}

fn line(position: usize) -> Option<&'static Line> {
    let (block, length, at) = place(position)?;
    let first = ptr::NonNull::new(LINES.get(block)?.load(SeqCst))?;
    // SAFETY: a block has that many lines and is never given back.
    let lines = unsafe { std::slice::from_raw_parts(first.as_ptr(), length) };
    lines.get(at)
}

fn make_line(position: usize) -> Option<&'static Line> {
    if let Some(known) = line(position) {
        return Some(known);
    }
    let (block, length, _) = place(position)?;
    let lines: Box<[Line]> = (0..length).map(|_| Line::default()).collect();
    let made = Box::into_raw(lines);
    let slot = LINES.get(block)?;
    if slot
        .compare_exchange(ptr::null_mut(), made.cast(), SeqCst, SeqCst)
        .is_err()
    {
        // SAFETY: made above, and nobody else has seen it.
        drop(unsafe { Box::from_raw(made) });
    }
    line(position)
}

/// A handle's signal is known, until this is dropped.
pub struct Registered(&'static Line);

impl Registered {
    /// `position` is that of the handle, which no other one has meanwhile.
    pub fn new(handle: usize, position: usize, signal: Arc<Signal>) -> Result<Registered> {
        let line = make_line(position)
            .ok_or_else(|| Error::new(Code::Limit, "there are too many namespaces: delete some"))?;
        line.signal.store(Arc::into_raw(signal).cast_mut(), SeqCst);
        line.handle.store(handle, SeqCst);
        Ok(Registered(line))
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let Registered(line) = *self;
        line.handle.store(0, SeqCst);
        // Whoever has seen the handle is done soon: it writes a few words.
        line.readers.wait();
        let signal = line.signal.swap(ptr::null_mut(), SeqCst);
        // SAFETY: from `Arc::into_raw`, taken back once; no reader has it any more, since those that come see that the handle is gone.
        drop(unsafe { Arc::from_raw(signal) });
    }
}

/// What runs in the namespace of this handle is to stop. Any thread and any signal handler may ask. `None`: there is no such namespace;
/// false: it cannot stop its guests.
pub fn interrupt(handle: usize, position: usize) -> Option<bool> {
    let line = line(position).filter(|_| handle != 0)?;
    let _reading = line.readers.enter();
    if line.handle.load(SeqCst) != handle {
        return None;
    }
    // SAFETY: the signal lives as long as the line has its handle, and whoever takes the handle away waits for us.
    let signal = unsafe { line.signal.load(SeqCst).as_ref() };
    signal.map(Signal::interrupt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn every_position_has_a_place_of_its_own() {
        let mut seen = std::collections::HashSet::new();
        for position in 0..10_000 {
            let (block, length, at) = place(position).unwrap();
            assert!(at < length && seen.insert((block, at)), "{position}");
        }
        assert!(place((1 << 24) - 1).is_some());
        assert!(place(usize::MAX).is_none());
    }

    #[test]
    fn only_a_live_handle_is_interrupted() {
        let position = 5_000;
        let signal = Arc::new(Signal::new(true));
        assert_eq!(interrupt(77, position), None);
        let registered = Registered::new(77, position, signal.clone()).unwrap();
        assert_eq!(
            (interrupt(78, position), interrupt(0, position)),
            (None, None)
        );
        assert_eq!(interrupt(77, position), Some(true));
        assert!(signal.wants().is_none(), "nothing runs");
        signal.begin();
        assert_eq!(interrupt(77, position), Some(true));
        assert!(signal.wants().is_some());
        drop(registered);
        assert_eq!(interrupt(77, position), None);
        assert_eq!(Arc::strong_count(&signal), 1);
    }

    #[test]
    fn handles_go_while_others_interrupt_them() {
        let position = 6_000;
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !done.load(SeqCst) {
                        for handle in 1..50 {
                            interrupt(handle, position);
                        }
                    }
                });
            }
            for handle in (1..50).cycle().take(2_000) {
                let signal = Arc::new(Signal::new(true));
                signal.begin();
                let registered = Registered::new(handle, position, signal.clone()).unwrap();
                assert_eq!(interrupt(handle, position), Some(true));
                assert!(signal.wants().is_some());
                drop(registered);
                assert_eq!(Arc::strong_count(&signal), 1);
            }
            done.store(true, SeqCst);
        });
    }
}
