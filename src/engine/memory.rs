//! Linear memory.

#[cfg_attr(target_family = "wasm", path = "memory/apart.rs")]
#[cfg_attr(not(target_family = "wasm"), path = "memory/near.rs")]
mod bytes;

use std::borrow::Cow;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

use super::handle::handle;
use super::store::Store;
use super::sys::*;
use super::types::{EngineMemoryType, read_limits};
use crate::abi::PAGE;
use crate::error::{Code, Error, Result};
use crate::object::{Limits, MemoryType};

handle! {
    /// A memory. Its base may move whenever the guest runs or the memory grows, so it is read afresh for every access.
    Memory(wasm_memory_t, wasm_memory_delete);
}

/// An access that does not lie within the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfBounds {
    pub address: u64,
    pub len: u64,
    /// Size of the memory in bytes.
    pub size: u64,
}

impl From<OutOfBounds> for Error {
    fn from(e: OutOfBounds) -> Error {
        Error::new(
            Code::InvalidArgument,
            format!(
                "{} bytes at address {:#x} are not within the memory of {:#x} bytes",
                e.len, e.address, e.size
            ),
        )
    }
}

impl Memory {
    pub fn new(store: Store, ty: MemoryType) -> Result<Memory> {
        let api = store.api();
        let engine_type = EngineMemoryType::new(api, ty)?;
        // SAFETY: the type is read during the call.
        let raw = unsafe { (api.wasm_memory_new)(store.raw(), engine_type.raw()) };
        match NonNull::new(raw) {
            Some(raw) => Ok(Memory { api, raw }),
            None => Err(Error::new(
                Code::Engine,
                format!("the engine refused a memory of {} pages", ty.limits),
            )),
        }
    }

    /// One page, and never more.
    pub fn page(store: Store) -> Result<Memory> {
        let limits = Limits {
            min: 1,
            max: Some(1),
        };
        let ty = MemoryType {
            limits,
            memory64: false,
            shared: false,
            page_log2: None,
        };
        Memory::new(store, ty)
    }

    /// Pages now.
    pub fn pages(&self) -> u64 {
        // SAFETY: the handle is alive.
        u64::from(unsafe { (self.api.wasm_memory_size)(self.raw.as_ptr()) })
    }

    /// The limits of its type. The minimum is the declared one or the current size (Q10).
    pub fn limits(&self) -> Limits {
        // SAFETY: the handle is alive; the type is ours and is deleted here, after the last use of its limits.
        unsafe {
            let ty = (self.api.wasm_memory_type)(self.raw.as_ptr());
            if ty.is_null() {
                return Limits::default();
            }
            let limits = read_limits((self.api.wasm_memorytype_limits)(ty));
            (self.api.wasm_memorytype_delete)(ty);
            limits
        }
    }

    /// Appends `delta` pages of zeros. Returns the number of pages before, which is the first new page.
    pub fn grow(&self, delta: u64) -> Option<u64> {
        let before = self.pages();
        let delta = u32::try_from(delta).ok()?;
        // SAFETY: the handle is alive.
        unsafe { (self.api.wasm_memory_grow)(self.raw.as_ptr(), delta) }.then_some(before)
    }

    /// Bytes now.
    pub fn size(&self) -> u64 {
        bytes::size(self)
    }

    /// Gives `look` all of the memory as a slice.
    ///
    /// # Safety
    /// Until it returns, the guest does not run, the memory does not grow, and nobody else writes to it, be it through another method of
    /// this type.
    pub unsafe fn read_all<R>(&self, look: impl FnOnce(&[u8]) -> R) -> R {
        // SAFETY: by the caller's promise.
        unsafe { bytes::read_all(self, look) }
    }

    /// Gives `change` all of the memory as a slice, whose bytes are the memory's when this returns.
    ///
    /// # Safety
    /// As of [`read_all`](Self::read_all), and nobody reads the memory meanwhile.
    pub unsafe fn change_all<R>(&self, change: impl FnOnce(&mut [u8]) -> R) -> R {
        // SAFETY: by the caller's promise.
        unsafe { bytes::change_all(self, change) }
    }

    /// The first word, where it has an address in this process that atomics can use.
    pub fn first_word(&self) -> Option<NonNull<AtomicU32>> {
        bytes::first_word(self)
    }

    /// Whether so many bytes from an address on are within the memory.
    pub fn holds(&self, address: u64, len: u64) -> Result<(), OutOfBounds> {
        self.check(address, len).map(drop)
    }

    /// Copies a C string with its NUL, and gives its length. Where it does not fit, nothing is copied.
    pub fn read_string(&self, address: u64, into: &mut [u8]) -> Result<usize> {
        self.holds(address, 0)?;
        match self.c_str_len(address, into.len()) {
            Ok(len) => {
                if let Some(into) = into.get_mut(..=len) {
                    self.read(address, into)?;
                }
                Ok(len)
            }
            Err(e) => {
                let end = match e.len > into.len() as u64 {
                    true => format!("{} bytes, for which there is room", into.len()),
                    false => format!("the {} bytes to the end of the memory", e.len - 1),
                };
                let why = format!("the string at address {address:#x} does not end within {end}");
                Err(Error::new(Code::InvalidArgument, why))
            }
        }
    }

    pub fn read(&self, address: u64, into: &mut [u8]) -> Result<(), OutOfBounds> {
        self.check(address, into.len() as u64)?;
        // SAFETY: checked; `into` cannot be in the guest's memory unless `change_all` was misused.
        unsafe { bytes::copy_out(self, address, into) };
        Ok(())
    }

    pub fn write(&self, address: u64, bytes: &[u8]) -> Result<(), OutOfBounds> {
        self.check(address, bytes.len() as u64)?;
        // SAFETY: as in `read`.
        unsafe { bytes::copy_in(self, address, bytes) };
        Ok(())
    }

    pub fn zero(&self, address: u64, len: u64) -> Result<(), OutOfBounds> {
        self.check(address, len)?;
        // SAFETY: checked, so `len` is within the address space.
        unsafe { bytes::zero(self, address, len) };
        Ok(())
    }

    pub fn read_u32(&self, address: u64) -> Result<u32, OutOfBounds> {
        let mut bytes = [0; 4];
        self.read(address, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    pub fn write_u32(&self, address: u64, value: u32) -> Result<(), OutOfBounds> {
        self.write(address, &value.to_le_bytes())
    }

    /// The bytes of the C string at `address`, without the NUL.
    ///
    /// Fails if there is no NUL within `limit` bytes or before the end of the memory.
    pub fn read_c_str(&self, address: u64, limit: usize) -> Result<Vec<u8>, OutOfBounds> {
        let mut text = vec![0; self.c_str_len(address, limit)?];
        self.read(address, &mut text)?;
        Ok(text)
    }

    /// As [`read_c_str`](Self::read_c_str); a short string, as names are, is copied to `room`.
    pub fn read_short_c_str<'a, const N: usize>(
        &self,
        address: u64,
        limit: usize,
        room: &'a mut [u8; N],
    ) -> Result<Cow<'a, [u8]>, OutOfBounds> {
        let len = self.c_str_len(address, limit)?;
        Ok(match room.get_mut(..len) {
            Some(room) => {
                self.read(address, room)?;
                Cow::Borrowed(room)
            }
            None => {
                let mut text = vec![0; len];
                self.read(address, &mut text)?;
                Cow::Owned(text)
            }
        })
    }

    /// How many bytes come before the NUL.
    fn c_str_len(&self, address: u64, limit: usize) -> Result<usize, OutOfBounds> {
        let size = self.check(address, 0)?;
        // `check` has made sure that `address` is at most `size`.
        let available = (limit as u64).min(size - address);
        // SAFETY: `available` bytes are within the memory.
        let found = unsafe { bytes::find_nul(self, address, available as usize) };
        found.ok_or(OutOfBounds {
            address,
            len: available + 1,
            size,
        })
    }

    /// The memory's size, if `len` bytes at `address` are within it.
    fn check(&self, address: u64, len: u64) -> Result<u64, OutOfBounds> {
        let size = self.size();
        match address.checked_add(len) {
            Some(end) if end <= size => Ok(size),
            _ => Err(OutOfBounds { address, len, size }),
        }
    }
}

/// Pages that hold `bytes`.
pub fn pages_for(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE)
}
