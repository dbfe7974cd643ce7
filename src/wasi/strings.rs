//! Arguments and variables. On a POSIX host they are bytes: a program that gets a file name as an argument must get exactly that name.

use super::Stop;
use super::preview1::Memory;

/// A list of NUL-terminated strings, laid out as the guest is to see it.
#[derive(Debug, Default)]
pub struct Strings {
    bytes: Vec<u8>,
    /// Where each string starts in `bytes`.
    starts: Vec<u32>,
}

impl Strings {
    /// Adds a string, given in parts. False if it holds a NUL or if the whole would not fit a 32-bit guest.
    #[must_use]
    pub fn push(&mut self, parts: &[&[u8]]) -> bool {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let Ok(start) = u32::try_from(self.bytes.len()) else {
            return false;
        };
        if parts.iter().any(|part| part.contains(&0))
            || u32::try_from(self.bytes.len().saturating_add(length).saturating_add(1)).is_err()
        {
            return false;
        }
        self.starts.push(start);
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.bytes.push(0);
        true
    }

    /// Bytes that a guest is given with them.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64 + self.starts.len() as u64 * 4
    }

    /// Writes the number of strings to `count` and the bytes that they take to `size`.
    pub fn sizes(&self, memory: &mut Memory<'_>, count: u32, size: u32) -> Result<(), Stop> {
        // Neither exceeds `bytes.len()`, which `push` keeps within 32 bits.
        memory.store_u32(count, self.starts.len() as u32)?;
        memory.store_u32(size, self.bytes.len() as u32)
    }

    /// Writes the strings to `buffer`, and their addresses to the array `heads`.
    pub fn get(&self, memory: &mut Memory<'_>, heads: u32, buffer: u32) -> Result<(), Stop> {
        if !self.bytes.is_empty() {
            let to = memory.bytes_mut(buffer, self.bytes.len() as u32)?;
            to.copy_from_slice(&self.bytes);
        }
        for (start, index) in self.starts.iter().zip(0u32..) {
            // Neither overflows in a memory of at most 4 GiB that holds all of them; if it does, it is out of bounds.
            let head = heads.saturating_add(index.saturating_mul(4));
            memory.store_u32(head, buffer.wrapping_add(*start))?;
        }
        Ok(())
    }
}
