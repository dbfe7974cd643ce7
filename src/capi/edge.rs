//! Where C meets Rust: the only place that turns C's pointers into references and back. Panics end here.

use std::any::TypeId;
use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::HashMap;
use once_cell::sync::Lazy;

use super::error::wasm_dyld_error_t;
use super::types::wasm_dyld_code_t;
use crate::error::{Code, Error, Result, panic_text};

/// Every handle that C holds, by its address. A pointer that is not here (NULL, freed, foreign, of another type) gets an
/// error instead of undefined behaviour.
static HANDLES: Lazy<Mutex<HashMap<usize, TypeId>>> = Lazy::new(Mutex::default);

fn handles() -> MutexGuard<'static, HashMap<usize, TypeId>> {
    // Nothing panics while it is locked; a poisoned lock is as good.
    HANDLES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Types that C holds by pointer.
pub trait Handle: Sized + 'static {
    const NAME: &'static str;

    /// Gives the object to C.
    fn give(self) -> *mut Self {
        let raw = Box::into_raw(Box::new(self));
        handles().insert(raw as usize, TypeId::of::<Self>());
        raw
    }

    /// Borrows what C holds. C must not delete it, nor use it on another thread, during the call: the header says so.
    fn lend<'a>(raw: *const Self) -> Result<&'a Self> {
        check::<Self>(&handles(), raw)?;
        // SAFETY: `give` made it and `take` has not ended it.
        Ok(unsafe { &*raw })
    }

    fn lend_mut<'a>(raw: *mut Self) -> Result<&'a mut Self> {
        check::<Self>(&handles(), raw)?;
        // SAFETY: as in `lend`; only for types whose functions call nothing back.
        Ok(unsafe { &mut *raw })
    }

    /// Takes the object back from C.
    fn take(raw: *mut Self) -> Result<Box<Self>> {
        let mut handles = handles();
        check::<Self>(&handles, raw)?;
        handles.remove(&(raw as usize));
        // SAFETY: `give` made it from a box, and it leaves the list once.
        Ok(unsafe { Box::from_raw(raw) })
    }

    /// For `_delete` functions: NULL and pointers that are no handles are ignored.
    fn delete(raw: *mut Self) {
        quiet((), || {
            drop(Self::take(raw));
            Some(())
        });
    }
}

/// Whether `raw` is a handle of this type that C holds.
fn check<T: Handle>(handles: &HashMap<usize, TypeId>, raw: *const T) -> Result<()> {
    if handles.get(&(raw as usize)) == Some(&TypeId::of::<T>()) {
        return Ok(());
    }
    let what = if raw.is_null() {
        "is NULL"
    } else {
        "is no live handle of that type"
    };
    let why = format!("the {} {what}", T::NAME);
    Err(Error::new(Code::InvalidArgument, why))
}

/// Runs the body of a C function: its error goes to `*error` (if wanted), its panic becomes an error.
pub fn edge(
    error: *mut *mut wasm_dyld_error_t,
    body: impl FnOnce() -> Result<()>,
) -> wasm_dyld_code_t {
    let outcome = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        Err(Error::new(
            Code::Internal,
            format!("wasmdyld panicked: {}", panic_text(panic)),
        ))
    });
    match outcome {
        Ok(()) => {
            set(error, std::ptr::null_mut());
            wasm_dyld_code_t::WASM_DYLD_OK
        }
        Err(e) => {
            let code = e.code().into();
            if !error.is_null() {
                set(error, wasm_dyld_error_t::new(&e).give());
            }
            code
        }
    }
}

/// Runs the body of a C function that cannot report errors.
pub fn quiet<T>(otherwise: T, body: impl FnOnce() -> Option<T>) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Some(value)) => value,
        Ok(None) => otherwise,
        Err(panic) => {
            panic_text(panic);
            otherwise
        }
    }
}

/// Writes a result, if C wants it.
pub fn set<T>(out: *mut T, value: T) {
    if !out.is_null() {
        // SAFETY: the header says that out parameters are NULL or point to room for a result.
        unsafe { out.write(value) };
    }
}

/// A C string, in UTF-8.
pub fn text<'a>(raw: *const c_char, what: &str) -> Result<&'a str> {
    let bytes = c_bytes(raw, what)?;
    std::str::from_utf8(bytes).map_err(|e| {
        Error::new(
            Code::InvalidArgument,
            format!("the {what} is not UTF-8: {e}"),
        )
    })
}

/// A C string without its NUL, in whatever encoding.
pub fn c_bytes<'a>(raw: *const c_char, what: &str) -> Result<&'a [u8]> {
    if raw.is_null() {
        return Err(Error::new(
            Code::InvalidArgument,
            format!("the {what} is NULL"),
        ));
    }
    // SAFETY: the header says that strings are NUL-terminated and stay as they are during the call.
    Ok(unsafe { CStr::from_ptr(raw) }.to_bytes())
}

/// A pointer and a length; (NULL, 0) is empty.
pub fn bytes<'a>(raw: *const u8, len: usize, what: &str) -> Result<&'a [u8]> {
    match (raw.is_null(), len) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Error::new(
            Code::InvalidArgument,
            format!("the {what} is NULL"),
        )),
        // SAFETY: the header says that `raw` points to `len` bytes that stay as they are during the call.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(raw, len) }),
    }
}

/// As [`bytes`], to be written to.
pub fn bytes_mut<'a>(raw: *mut u8, len: usize, what: &str) -> Result<&'a mut [u8]> {
    match (raw.is_null(), len) {
        (_, 0) => Ok(&mut []),
        (true, _) => Err(Error::new(
            Code::InvalidArgument,
            format!("the {what} is NULL"),
        )),
        // SAFETY: the header says that `raw` points to `len` bytes that are the caller's during the call.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts_mut(raw, len) }),
    }
}

/// A structure of plain values.
pub fn plain<'a, T>(raw: *const T, what: &str) -> Result<&'a T> {
    if raw.is_null() {
        return Err(Error::new(
            Code::InvalidArgument,
            format!("the {what} is NULL"),
        ));
    }
    // SAFETY: the header says that it points to one, which stays as it is during the call.
    Ok(unsafe { &*raw })
}

/// A function pointer of whatever type, for C to cast.
pub fn function(raw: NonNull<c_void>) -> unsafe extern "C" fn() {
    // SAFETY: the symbol of a function; calling it needs a cast, and knowledge, on the other side.
    unsafe { std::mem::transmute::<NonNull<c_void>, unsafe extern "C" fn()>(raw) }
}

/// What a host's callback gets back with each call, and how it is given up.
pub struct Environment {
    pub env: *mut c_void,
    finalizer: Option<unsafe extern "C" fn(*mut c_void)>,
}

impl Environment {
    pub fn new(env: *mut c_void, finalizer: Option<unsafe extern "C" fn(*mut c_void)>) -> Self {
        Environment { env, finalizer }
    }
}

// SAFETY: the header says that a callback runs on the thread that entered the namespace, which the host chooses.
unsafe impl Send for Environment {}
// SAFETY: those that are shared are of callbacks that the header says any thread may call.
unsafe impl Sync for Environment {}

impl Drop for Environment {
    fn drop(&mut self) {
        if let Some(finalizer) = self.finalizer {
            // SAFETY: the host's own pair, called once.
            unsafe { finalizer(self.env) };
        }
    }
}
