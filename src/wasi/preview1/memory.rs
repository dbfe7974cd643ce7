//! The guest's memory, by checked copies.
//!
//! An address that a call needs and that is out of bounds, or not aligned as its type is, stops the guest, as the specification says. No
//! reference into the memory outlives a step of a call, so nothing of the host's runs while there is one: what a callback gets is a copy.

use super::types::Errno;
use super::{Fail, MAX_VECTORS};
use crate::wasi::Stop;

pub struct Memory<'a>(&'a mut [u8]);

/// A vector of a call: where its bytes are, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vector {
    pub at: u32,
    pub length: u32,
}

impl<'a> Memory<'a> {
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Memory(bytes)
    }

    pub fn bytes(&self, at: u32, length: u32) -> Result<&[u8], Stop> {
        let (start, end) = range(at, length);
        self.0
            .get(start..end)
            .ok_or_else(|| out_of_bounds(at, length))
    }

    pub fn bytes_mut(&mut self, at: u32, length: u32) -> Result<&mut [u8], Stop> {
        let (start, end) = range(at, length);
        let bytes = self.0.get_mut(start..end);
        bytes.ok_or_else(|| out_of_bounds(at, length))
    }

    /// A structure of `N` bytes.
    pub fn at<const N: usize>(&self, at: u32, align: u32) -> Result<&[u8; N], Stop> {
        aligned(at, align)?;
        let bytes = self.0.get(at as usize..).and_then(<[u8]>::first_chunk);
        bytes.ok_or_else(|| out_of_bounds(at, N as u32))
    }

    /// Room for a structure of `N` bytes.
    pub fn place<const N: usize>(&mut self, at: u32, align: u32) -> Result<&mut [u8; N], Stop> {
        aligned(at, align)?;
        let bytes = self.0.get_mut(at as usize..);
        let bytes = bytes.and_then(<[u8]>::first_chunk_mut);
        bytes.ok_or_else(|| out_of_bounds(at, N as u32))
    }

    pub fn store_u16(&mut self, at: u32, value: u16) -> Result<(), Stop> {
        *self.place(at, 2)? = value.to_le_bytes();
        Ok(())
    }

    pub fn store_u32(&mut self, at: u32, value: u32) -> Result<(), Stop> {
        *self.place(at, 4)? = value.to_le_bytes();
        Ok(())
    }

    pub fn store_u64(&mut self, at: u32, value: u64) -> Result<(), Stop> {
        *self.place(at, 8)? = value.to_le_bytes();
        Ok(())
    }

    /// A path, which is UTF-8 or `EILSEQ`.
    pub fn path(&self, at: u32, length: u32) -> Result<String, Fail> {
        let bytes = self.bytes(at, length)?;
        let text = std::str::from_utf8(bytes).map_err(|_| Errno::Ilseq)?;
        Ok(text.to_owned())
    }

    /// Vector `index` of those at `at`.
    pub fn vector(&self, at: u32, index: u32) -> Result<Vector, Stop> {
        let at = u64::from(at) + u64::from(index) * 8;
        let at = u32::try_from(at).map_err(|_| out_of_bounds(u32::MAX, 8))?;
        let [a, b, c, d, e, f, g, h] = *self.at::<8>(at, 4)?;
        Ok(Vector {
            at: u32::from_le_bytes([a, b, c, d]),
            length: u32::from_le_bytes([e, f, g, h]),
        })
    }

    /// The first of the vectors that has any bytes. Reading into fewer than asked for is always allowed.
    pub fn first_vector(&self, at: u32, count: u32) -> Result<Option<Vector>, Stop> {
        for index in 0..count.min(MAX_VECTORS) {
            let vector = self.vector(at, index)?;
            if vector.length > 0 {
                return Ok(Some(vector));
            }
        }
        Ok(None)
    }

    /// The bytes of all vectors that have any, as far as 32 bits tell the guest how many they are. Writing fewer than asked for is always allowed.
    pub fn gather(&self, at: u32, count: u32) -> Result<Vec<&[u8]>, Stop> {
        let mut parts = Vec::new();
        let mut all = 0u32;
        for index in 0..count.min(MAX_VECTORS) {
            let Vector { at, length } = self.vector(at, index)?;
            let bytes = self.bytes(at, length)?;
            all = match all.checked_add(length) {
                Some(all) => all,
                None => break,
            };
            if !bytes.is_empty() {
                parts.push(bytes);
            }
        }
        Ok(parts)
    }
}

fn range(at: u32, length: u32) -> (usize, usize) {
    let start = at as usize;
    (start, start.saturating_add(length as usize))
}

fn aligned(at: u32, align: u32) -> Result<(), Stop> {
    match at.is_multiple_of(align) {
        true => Ok(()),
        false => Err(Stop::Trap(format!(
            "pointer {at:#x} not aligned to {align}"
        ))),
    }
}

fn out_of_bounds(at: u32, length: u32) -> Stop {
    Stop::Trap(format!("pointer out of bounds: {length} bytes at {at:#x}"))
}
