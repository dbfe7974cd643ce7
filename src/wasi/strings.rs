//! `args_*` and `environ_*`.
//!
//! Done here and not by wasi-common, whose strings are UTF-8: arguments and variables of a POSIX host are bytes, and
//! a program that gets a file name as an argument must get exactly that name.

use super::Stop;

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
    pub fn sizes(&self, memory: &mut [u8], count: i32, size: i32) -> Result<(), Stop> {
        // Neither exceeds `bytes.len()`, which `push` keeps within 32 bits.
        write_u32(memory, count as u32, self.starts.len() as u32)?;
        write_u32(memory, size as u32, self.bytes.len() as u32)
    }

    /// Writes the strings to `buffer`, and their addresses to the array `heads`.
    pub fn get(&self, memory: &mut [u8], heads: i32, buffer: i32) -> Result<(), Stop> {
        let buffer = buffer as u32;
        if !self.bytes.is_empty() {
            slice(memory, buffer, self.bytes.len())?.copy_from_slice(&self.bytes);
        }
        let mut head = u64::from(heads as u32);
        for start in &self.starts {
            let at = u32::try_from(head).map_err(|_| out_of_bounds(u32::MAX, 4))?;
            // Cannot overflow: the buffer lies within a memory of at most 4 GiB.
            write_u32(memory, at, buffer.wrapping_add(*start))?;
            head += 4;
        }
        Ok(())
    }
}

fn slice(memory: &mut [u8], at: u32, length: usize) -> Result<&mut [u8], Stop> {
    let start = at as usize;
    start
        .checked_add(length)
        .and_then(|end| memory.get_mut(start..end))
        .ok_or_else(|| out_of_bounds(at, length))
}

fn write_u32(memory: &mut [u8], at: u32, value: u32) -> Result<(), Stop> {
    // As everywhere in preview1, a misaligned pointer traps.
    if !at.is_multiple_of(4) {
        return Err(Stop::Trap(format!("pointer {at:#x} not aligned to 4")));
    }
    slice(memory, at, 4)?.copy_from_slice(&value.to_le_bytes());
    Ok(())
}

fn out_of_bounds(at: u32, length: usize) -> Stop {
    Stop::Trap(format!("pointer out of bounds: {length} bytes at {at:#x}"))
}
