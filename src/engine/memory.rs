//! Linear memory.

use std::borrow::Cow;
use std::ptr::NonNull;

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
        self.parts().1 as u64
    }

    /// Base and size now. Valid until the guest runs, the memory grows, or the store goes.
    pub fn parts(&self) -> (*mut u8, usize) {
        // SAFETY: the handle is alive.
        unsafe {
            (
                (self.api.wasm_memory_data)(self.raw.as_ptr()),
                (self.api.wasm_memory_data_size)(self.raw.as_ptr()),
            )
        }
    }

    /// All of the memory as a slice.
    ///
    /// # Safety
    /// While the slice lives, the guest does not run, the memory does not grow, and nobody else reads or writes it, be it through
    /// another method of this type.
    #[allow(
        clippy::mut_from_ref,
        reason = "the bytes are the guest's, not the handle's; the caller promises to be alone with them"
    )]
    pub unsafe fn bytes_mut(&self) -> &mut [u8] {
        let (base, size) = self.parts();
        if size == 0 {
            return &mut [];
        }
        // SAFETY: the engine's memory, alive and exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(base, size) }
    }

    /// Whether so many bytes from an address on are within the memory.
    pub fn holds(&self, address: u64, len: u64) -> Result<(), OutOfBounds> {
        self.check(address, len).map(drop)
    }

    /// Copies a C string with its NUL, and gives its length. Where it does not fit, nothing is copied.
    pub fn read_string(&self, address: u64, into: &mut [u8]) -> Result<usize> {
        self.holds(address, 0)?;
        match self.c_str(address, into.len()) {
            Ok(text) => {
                // SAFETY: `c_str` has found a NUL behind the text, within `into.len()` bytes; `into` is not in the guest's memory, as in `read`.
                unsafe {
                    std::ptr::copy_nonoverlapping(text.as_ptr(), into.as_mut_ptr(), text.len() + 1);
                }
                Ok(text.len())
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
        let at = self.check(address, into.len() as u64)?;
        // SAFETY: checked; `into` cannot be in the guest's memory unless `bytes_mut` was misused.
        unsafe { std::ptr::copy_nonoverlapping(at, into.as_mut_ptr(), into.len()) };
        Ok(())
    }

    pub fn write(&self, address: u64, bytes: &[u8]) -> Result<(), OutOfBounds> {
        let at = self.check(address, bytes.len() as u64)?;
        // SAFETY: as in `read`.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), at, bytes.len()) };
        Ok(())
    }

    pub fn zero(&self, address: u64, len: u64) -> Result<(), OutOfBounds> {
        let at = self.check(address, len)?;
        // SAFETY: checked, so `len` is within the address space.
        unsafe { std::ptr::write_bytes(at, 0, len as usize) };
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
        self.c_str(address, limit).map(<[u8]>::to_vec)
    }

    /// As [`read_c_str`](Self::read_c_str); a short string, as names are, is copied to `room`.
    pub fn read_short_c_str<'a, const N: usize>(
        &self,
        address: u64,
        limit: usize,
        room: &'a mut [u8; N],
    ) -> Result<Cow<'a, [u8]>, OutOfBounds> {
        let bytes = self.c_str(address, limit)?;
        Ok(match room.get_mut(..bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                Cow::Borrowed(room)
            }
            None => Cow::Owned(bytes.to_vec()),
        })
    }

    /// To be copied before anything else happens: guest code may change or move it.
    fn c_str(&self, address: u64, limit: usize) -> Result<&[u8], OutOfBounds> {
        let (_, size) = self.parts();
        let start = self.check(address, 0)?;
        // `check` has made sure that `address` is at most `size`.
        let available = limit.min(size - address as usize);
        // SAFETY: `available` bytes from `start` are within the memory, and nothing runs meanwhile.
        let bytes = unsafe { std::slice::from_raw_parts(start, available) };
        match memchr::memchr(0, bytes) {
            Some(len) => Ok(&bytes[..len]),
            None => Err(OutOfBounds {
                address,
                len: available as u64 + 1,
                size: size as u64,
            }),
        }
    }

    /// The pointer to `address`, if `len` bytes there are within the memory.
    fn check(&self, address: u64, len: u64) -> Result<*mut u8, OutOfBounds> {
        let (base, size) = self.parts();
        let size = size as u64;
        match address.checked_add(len) {
            // An empty memory may have no base; then only nothing at 0 is within it.
            Some(_) if size == 0 && address == 0 && len == 0 => {
                Ok(NonNull::<u8>::dangling().as_ptr())
            }
            // SAFETY: at most one past the end of the engine's memory.
            Some(end) if end <= size => Ok(unsafe { base.add(address as usize) }),
            _ => Err(OutOfBounds { address, len, size }),
        }
    }
}

/// Pages that hold `bytes`.
pub fn pages_for(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE)
}
