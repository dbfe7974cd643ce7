//! Reading a packed file at any place.
//!
//! Packed bytes can only be read from the beginning on. So a reader stands somewhere, goes on from there, and begins anew for what lies
//! before; of large files it keeps some places on the way, from which it can go on as well.

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};
use rawzip::{Crc32, ReaderAt};

use crate::control;
use crate::wasi::preview1::descriptor::Result;
use crate::wasi::preview1::types::Errno;

/// Where the packed bytes are, and what they should come to.
#[derive(Clone, Copy)]
pub struct Whole {
    pub from: u64,
    pub to: u64,
    pub size: u64,
    pub crc: u32,
}

/// Bytes that are read from the archive at a time.
const INPUT: usize = 16 << 10;

/// Bytes that are unpacked at a time where they are passed over.
const PASSED: usize = 64 << 10;

/// Bytes after which a guest may be stopped, and between two places that are kept at least.
const STEP: u64 = 1 << 20;

/// Packed bytes for which nothing need have come out yet: twice what a decoder holds back.
const PENDING: u64 = 64 << 10;

/// How many unpacked bytes one of further ones stands for: it may be most of a block, for which the decoder makes tables.
const EMPTY: u64 = 1024;

/// Places that a file keeps, of some 43 KiB each.
const MAX_PLACES: usize = 4;

/// A state from which unpacking goes on.
#[derive(Clone)]
struct Place {
    state: Box<InflateState>,
    /// The next byte in the archive.
    input: u64,
    /// The next byte of the file.
    at: u64,
    /// Of all bytes before that.
    crc: Crc32,
}

impl Place {
    fn start(whole: &Whole) -> Self {
        Place {
            state: InflateState::new_boxed(DataFormat::Raw),
            input: whole.from,
            at: 0,
            crc: Crc32::new(),
        }
    }
}

/// A packed file that is open.
pub struct Inflating {
    whole: Whole,
    here: Place,
    /// In the order of the file.
    kept: Vec<Place>,
    /// What was read of the archive last, and where that begins.
    input: Vec<u8>,
    input_at: u64,
    /// Bytes that were unpacked and not given, since this was last asked.
    passed: u64,
    /// Packed bytes for which nothing has come out so far.
    fruitless: u64,
}

impl Inflating {
    pub fn new(whole: Whole) -> Self {
        Inflating {
            here: Place::start(&whole),
            whole,
            kept: Vec::new(),
            input: Vec::new(),
            input_at: 0,
            passed: 0,
            fruitless: 0,
        }
    }

    /// Bytes that were unpacked beside those that were given.
    pub fn take_passed(&mut self) -> u64 {
        std::mem::take(&mut self.passed)
    }

    /// Reads as much as there is at `offset`, or a part of that if the guest is to stop. Fails with `EIO` where the packed bytes are not
    /// what they should be, with `EINTR` where the guest is to stop before there is anything.
    pub fn read_at(
        &mut self,
        archive: &impl ReaderAt,
        to: &mut [u8],
        offset: u64,
    ) -> Result<usize> {
        let left = self.whole.size.saturating_sub(offset);
        let most = usize::try_from(left).map_or(to.len(), |left| left.min(to.len()));
        let to = to.get_mut(..most).unwrap_or_default();
        if to.is_empty() {
            return Ok(0);
        }
        let read = self
            .go_to(archive, offset)
            .and_then(|()| self.give(archive, to));
        if read.is_err() {
            self.here = Place::start(&self.whole);
        }
        read
    }

    fn go_to(&mut self, archive: &impl ReaderAt, offset: u64) -> Result<()> {
        let before = self.kept.iter().rev().find(|place| place.at <= offset);
        let start = before.map_or(0, |place| place.at);
        if self.here.at > offset || start > self.here.at {
            self.here = match before {
                Some(place) => place.clone(),
                None => Place::start(&self.whole),
            };
        }
        if self.here.at == offset {
            return Ok(());
        }
        let mut room = vec![0; PASSED];
        let mut until_look = STEP;
        while self.here.at < offset {
            let left = usize::try_from(offset - self.here.at).unwrap_or(PASSED);
            let piece = room.get_mut(..left.min(PASSED)).unwrap_or_default();
            self.fill(archive, piece)?;
            self.passed = self.passed.saturating_add(piece.len() as u64);
            until_look = until_look.saturating_sub(piece.len() as u64);
            if until_look == 0 {
                until_look = STEP;
                if control::wanted().is_some() {
                    return Err(Errno::Intr);
                }
            }
        }
        Ok(())
    }

    fn give(&mut self, archive: &impl ReaderAt, to: &mut [u8]) -> Result<usize> {
        let mut given = 0;
        for piece in to.chunks_mut(STEP as usize) {
            if given > 0 && control::wanted().is_some() {
                break;
            }
            self.fill(archive, piece)?;
            given += piece.len();
        }
        Ok(given)
    }

    /// Unpacks as much as there is room for, which the file has.
    fn fill(&mut self, archive: &impl ReaderAt, to: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        while let Some(room) = to.get_mut(filled..).filter(|room| !room.is_empty()) {
            self.refill(archive)?;
            let input = usize::try_from(self.here.input.saturating_sub(self.input_at)).ok();
            let input = input
                .and_then(|at| self.input.get(at..))
                .unwrap_or_default();
            let done = inflate(&mut self.here.state, input, room, MZFlush::None);
            self.here.input += done.bytes_consumed as u64;
            filled += done.bytes_written;
            self.look_at_fruitless(done.bytes_consumed as u64, done.bytes_written as u64)?;
            let goes_on = done.bytes_consumed + done.bytes_written > 0;
            match done.status {
                Ok(MZStatus::Ok) if goes_on => {}
                Ok(MZStatus::StreamEnd) if filled == to.len() => {}
                _ => return Err(Errno::Io),
            }
        }
        self.here.crc.update(to);
        self.here.at += to.len() as u64;
        if self.here.at == self.whole.size && self.here.crc.checksum() != self.whole.crc {
            return Err(Errno::Io);
        }
        self.keep();
        Ok(())
    }

    /// Blocks may have nothing in them, so that input alone takes time: it is counted, and the guest can be stopped meanwhile.
    fn look_at_fruitless(&mut self, consumed: u64, written: u64) -> Result<()> {
        self.fruitless = (self.fruitless + consumed).saturating_sub(written);
        let beyond = self.fruitless.saturating_sub(PENDING);
        if beyond == 0 {
            return Ok(());
        }
        self.fruitless = PENDING;
        self.passed = self.passed.saturating_add(beyond.saturating_mul(EMPTY));
        match control::wanted() {
            Some(_) => Err(Errno::Intr),
            None => Ok(()),
        }
    }

    /// Has the next packed byte lie in `input`, if there is one.
    fn refill(&mut self, archive: &impl ReaderAt) -> Result<()> {
        let at = self.here.input;
        let end = self.input_at + self.input.len() as u64;
        if (self.input_at..end).contains(&at) || at >= self.whole.to {
            return Ok(());
        }
        let left = usize::try_from(self.whole.to - at).unwrap_or(INPUT);
        self.input.resize(left.min(INPUT), 0);
        self.input_at = at;
        let read = archive.read_at(&mut self.input, at);
        self.input.truncate(*read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => Err(Errno::Io),
            Ok(_) => Ok(()),
            Err(error) => Err(Errno::from(error)),
        }
    }

    fn keep(&mut self) {
        let apart = STEP.max(self.whole.size / (MAX_PLACES as u64 + 1));
        let last = self.kept.last().map_or(0, |place| place.at);
        if self.kept.len() < MAX_PLACES && self.here.at.saturating_sub(last) >= apart {
            self.kept.push(self.here.clone());
        }
    }
}
