//! Clocks and random numbers for guests that are not the system's.

#![allow(non_camel_case_types)]

use std::ffi::c_void;
use std::io;
use std::sync::Arc;

use super::config::wasm_dyld_finalizer_t;
use super::edge::{self, Environment};
use super::error::wasm_dyld_error_t;
use super::hosted::done;
use super::types::wasm_dyld_code_t;
use super::wasi::{pair, wasm_dyld_wasi_t, with_replaced};
use crate::error::{Code, Error};
use crate::wasi::{ClockScale, HostClocks};

/// A clock of guests.
#[repr(u32)]
pub enum wasm_dyld_clock_t {
    /// Nanoseconds since 1970.
    WASM_DYLD_CLOCK_REALTIME = 0,
    /// Nanoseconds since a moment of the clock's own; it does not go back.
    WASM_DYLD_CLOCK_MONOTONIC = 1,
}

/// The functions behind the clocks of guests. `size` is to be given and at least one function; each of the others may be NULL.
///
/// Each gets `env` first and returns 0 or an errno of the host system (on WebAssembly: of WASI preview1), which is what the guest gets from the call of WASI that has asked. An
/// errno that WASI does not have is EIO.
///
/// They are called by the thread that runs the guest. They may look at the namespace, though not at its memory, and not change it: see the top of this
/// file. They must return: no C++ exception may leave them, and a guest that is to stop does so when they have returned.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wasm_dyld_clock_callbacks_t {
    /// sizeof of this structure, for later versions of it.
    pub size: usize,
    /// Tells the time in nanoseconds since 1970, also for files that guests change in folders that are none of the system; these bear the time 0 where it fails. NULL: the system's time.
    pub realtime: Option<unsafe extern "C" fn(env: *mut c_void, time: *mut u64) -> i32>,
    /// Tells the nanoseconds since any moment. What a guest sees does not go back, whatever this says: a clock that does so stands still for it meanwhile. NULL: the system's.
    pub monotonic: Option<unsafe extern "C" fn(env: *mut c_void, time: *mut u64) -> i32>,
    /// Tells how many nanoseconds are between two times of a clock, one of wasm_dyld_clock_t, that can be told apart. NULL: 1. So is 0.
    pub resolution:
        Option<unsafe extern "C" fn(env: *mut c_void, clock: u32, nanoseconds: *mut u64) -> i32>,
    /// Lets so many nanoseconds of the monotonic clock pass, at least 1, and returns then: how guests sleep, and how they wait with a time-out for descriptors of which none
    /// is ready, which are looked at once more after it. The monotonic clock of the guest shows at least the end of the sleep from then on, whatever `monotonic` says. With EINTR it ends
    /// the guest's waiting before. NULL: guests sleep as long in the system's time, which an interrupt or a time-out of the namespace ends at once.
    pub sleep: Option<unsafe extern "C" fn(env: *mut c_void, nanoseconds: u64) -> i32>,
}

/// Has the clocks of guests show what callbacks say, which are copied. `finalizer` (may be NULL) is called with `env` when they are no longer needed. Clocks that were asked for
/// before (wasm_dyld_wasi_set_deterministic, wasm_dyld_wasi_set_clock_scale) are not had.
/// Fails with WASM_DYLD_INVALID_ARGUMENT for a structure of another size, and for one without functions.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_set_clocks(
    wasi: *mut wasm_dyld_wasi_t,
    callbacks: *const wasm_dyld_clock_callbacks_t,
    env: *mut c_void,
    finalizer: wasm_dyld_finalizer_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with_replaced(wasi, error, |config| {
        let given = *edge::plain(callbacks, "callbacks")?;
        if given.size != size_of::<wasm_dyld_clock_callbacks_t>() {
            let why = format!("callbacks of {} bytes are of another version", given.size);
            return Err(Error::new(Code::InvalidArgument, why));
        }
        if given.realtime.is_none()
            && given.monotonic.is_none()
            && given.resolution.is_none()
            && given.sleep.is_none()
        {
            let why = "all callbacks are NULL: clocks of the host's want at least one";
            return Err(Error::new(Code::InvalidArgument, why));
        }
        let env = Environment::new(env, finalizer);
        config.host_clocks(Arc::new(Callbacks { given, env }));
        Ok(())
    })
}

/// Has time pass faster or slower for guests: `guest` nanoseconds in `host` of the system's. Both clocks do so from when the namespace is given this, the
/// real-time clock beginning with the system's time of then. Sleeps last as much shorter or longer. 1/1,000,000 to 1,000,000 times as fast is possible, anything else WASM_DYLD_INVALID_ARGUMENT.
/// Clocks that were asked for before are not had.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_set_clock_scale(
    wasi: *mut wasm_dyld_wasi_t,
    guest: u32,
    host: u32,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with_replaced(wasi, error, |config| {
        config.clock_scale(ClockScale::new(guest, host)?);
        Ok(())
    })
}

/// Gives a guest random bytes: fills all `size` bytes of `buffer` and returns 0, or an errno of the host system (on WebAssembly: of WASI preview1). It may look at the
/// namespace, though not at its memory, and not change it: see the top of this file.
pub type wasm_dyld_random_callback_t =
    Option<unsafe extern "C" fn(env: *mut c_void, buffer: *mut u8, size: usize) -> i32>;

/// Takes random numbers from a callback. `finalizer` (may be NULL) is called with `env` when it is no longer needed. A guest that asks for many bytes is given them in
/// pieces of at most 64 KiB.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_set_random(
    wasi: *mut wasm_dyld_wasi_t,
    callback: wasm_dyld_random_callback_t,
    env: *mut c_void,
    finalizer: wasm_dyld_finalizer_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with_replaced(wasi, error, |config| {
        let (callback, env) = pair(callback, env, finalizer)?;
        config.host_random(move |buffer| {
            let env = &env;
            // SAFETY: the host's own pair; the buffer is good for the call.
            done(unsafe { callback(env.env, buffer.as_mut_ptr(), buffer.len()) })
        });
        Ok(())
    })
}

/// Makes random numbers alone the same in every run: they come from `seed`, and are no secret then.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_dyld_wasi_set_random_seed(
    wasi: *mut wasm_dyld_wasi_t,
    seed: u64,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    with_replaced(wasi, error, |config| {
        config.seeded_random(seed);
        Ok(())
    })
}

struct Callbacks {
    given: wasm_dyld_clock_callbacks_t,
    env: Environment,
}

impl Callbacks {
    fn time(
        &self,
        function: Option<unsafe extern "C" fn(*mut c_void, *mut u64) -> i32>,
    ) -> Option<io::Result<u64>> {
        let function = function?;
        let mut time = 0;
        // SAFETY: the host's own pair; the room is good for the call.
        let told = done(unsafe { function(self.env.env, &raw mut time) });
        Some(told.map(|()| time))
    }
}

impl HostClocks for Callbacks {
    fn realtime(&self) -> Option<io::Result<u64>> {
        self.time(self.given.realtime)
    }

    fn monotonic(&self) -> Option<io::Result<u64>> {
        self.time(self.given.monotonic)
    }

    fn resolution(&self, realtime: bool) -> io::Result<u64> {
        let Some(function) = self.given.resolution else {
            return Ok(1);
        };
        let clock = match realtime {
            true => wasm_dyld_clock_t::WASM_DYLD_CLOCK_REALTIME,
            false => wasm_dyld_clock_t::WASM_DYLD_CLOCK_MONOTONIC,
        };
        let mut nanoseconds = 0;
        // SAFETY: the host's own pair; the room is good for the call.
        done(unsafe { function(self.env.env, clock as u32, &raw mut nanoseconds) })?;
        Ok(nanoseconds)
    }

    fn sleeps(&self) -> bool {
        self.given.sleep.is_some()
    }

    fn sleep(&self, nanoseconds: u64) -> io::Result<()> {
        match self.given.sleep {
            // SAFETY: the host's own pair.
            Some(function) => done(unsafe { function(self.env.env, nanoseconds) }),
            None => Ok(()),
        }
    }
}
