//! A run that a snapshot is made of: what the guest has open beside what it was given, and random numbers that are the same each time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::preview1::in_pieces;
use super::preview1::types::Errno;
use super::{FileIdentity, Preview1, Signature, Stop};
use crate::error::Result;

/// Descriptors that the guest has opened and not closed, with the paths that it named.
#[derive(Clone, Debug, Default)]
pub struct Opened(Rc<RefCell<BTreeMap<u32, String>>>);

impl Opened {
    /// Notes what a guest opens and closes through `wasi`. The random numbers that it draws follow from `seed`: a snapshot shows them to all who have it, and
    /// so they may as well be the same whenever it is made.
    pub fn watch(&self, wasi: Box<dyn Preview1>, seed: &[u8]) -> Box<dyn Preview1> {
        Box::new(Watched {
            wasi,
            opened: self.clone(),
            random: RefCell::new(blake3::Hasher::new().update(seed).finalize_xof()),
        })
    }

    /// What is open: the number, and the path or what it is.
    pub fn list(&self) -> Vec<(u32, String)> {
        let opened = self.0.borrow();
        opened
            .iter()
            .map(|(fd, what)| (*fd, what.clone()))
            .collect()
    }
}

struct Watched {
    wasi: Box<dyn Preview1>,
    opened: Opened,
    random: RefCell<blake3::OutputReader>,
}

impl Watched {
    /// Fills a buffer, if it lies within the memory.
    fn random(&self, memory: &mut [u8], address: u64, length: u64) -> Option<Errno> {
        let start = low(address) as usize;
        let buffer = memory.get_mut(start..start.checked_add(low(length) as usize)?)?;
        let filled = in_pieces(buffer, |piece| {
            self.random.borrow_mut().fill(piece);
            Ok(())
        });
        Some(filled.err().unwrap_or(Errno::Success))
    }

    fn note(&self, index: usize, memory: &[u8], args: &[u64]) {
        let name = self.functions().get(index).map(|function| function.name);
        let mut opened = self.opened.0.borrow_mut();
        match (name, args) {
            (Some("path_open"), &[_, _, path, length, _, _, _, _, fd, ..]) => {
                let path = text(memory, path, length);
                opened.extend(word(memory, fd).map(|fd| (fd, path)));
            }
            (Some("sock_accept"), &[_, _, fd, ..]) => {
                opened.extend(word(memory, fd).map(|fd| (fd, "a connection".to_string())));
            }
            (Some("fd_close"), &[fd, ..]) => {
                opened.remove(&low(fd));
            }
            (Some("fd_renumber"), &[from, to, ..]) if low(from) != low(to) => {
                // What was given, under another number, is as good as opened.
                let what = opened.remove(&low(from));
                let what = what.unwrap_or_else(|| format!("descriptor {}", low(from)));
                opened.insert(low(to), what);
            }
            _ => {}
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "an i32 is in the low half")]
fn low(arg: u64) -> u32 {
    arg as u32
}

fn bytes(memory: &[u8], address: u64, length: u64) -> Option<&[u8]> {
    let start = low(address) as usize;
    memory.get(start..start.checked_add(low(length) as usize)?)
}

fn text(memory: &[u8], address: u64, length: u64) -> String {
    let path = bytes(memory, address, length).unwrap_or_default();
    String::from_utf8_lossy(path).into_owned()
}

fn word(memory: &[u8], address: u64) -> Option<u32> {
    Some(u32::from_le_bytes(
        bytes(memory, address, 4)?.try_into().ok()?,
    ))
}

impl Preview1 for Watched {
    fn functions(&self) -> &'static [Signature] {
        self.wasi.functions()
    }

    fn call(
        &self,
        index: usize,
        memory: &mut [u8],
        args: &[u64],
    ) -> std::result::Result<Option<i32>, Stop> {
        let name = self.functions().get(index).map(|function| function.name);
        if let (Some("random_get"), &[buffer, length, ..]) = (name, args)
            && let Some(errno) = self.random(memory, buffer, length)
        {
            return Ok(Some(errno as i32));
        }
        let done = self.wasi.call(index, memory, args);
        if let Ok(Some(0)) = done {
            self.note(index, memory, args);
        }
        done
    }

    fn units_asked(&self, index: usize, memory_size: u64, args: &[u64]) -> u64 {
        self.wasi.units_asked(index, memory_size, args)
    }

    fn units_moved(&self) -> u64 {
        self.wasi.units_moved()
    }

    fn open_file(&self, guest_path: &str) -> Result<(Vec<u8>, FileIdentity)> {
        self.wasi.open_file(guest_path)
    }
}
