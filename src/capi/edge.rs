//! Where C meets Rust: the only place that turns C's pointers into references and back. Panics end here.

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use super::error::wasm_dyld_error_t;
use super::function::wasm_dyld_cell_t;
use super::handles::{Handles, MOST};
use super::quick::QuickHandles;
use super::types::wasm_dyld_code_t;
use crate::engine::sys::{wasm_byte_vec_t, wasm_func_t};
use crate::engine::{Api, Borrowed, Func};
use crate::error::{Code, Error, Result, panic_text};
use crate::search::MAX_FILE;

/// The handles of a type, for all threads.
pub struct Shared<T>(Handles<T>);

// SAFETY: the table itself is locked. For what is in it, the header says by which threads it may be used.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub const fn new(kind: usize) -> Self {
        Shared(Handles::new(kind))
    }
}

/// Types that C holds by a handle. A pointer that is none of theirs (NULL, freed, foreign, of another type) gets an error instead of
/// undefined behaviour, since handles are looked up and never followed.
pub trait Handle: Sized + 'static {
    const NAME: &'static str;

    fn table() -> &'static Shared<Self>;

    /// Gives the object to C.
    fn give(self) -> Result<*mut Self> {
        let handle = Self::table().0.insert(self);
        let handle = handle.ok_or_else(|| {
            let why = format!("there are {MOST} handles of a {}: delete some", Self::NAME);
            Error::new(Code::Limit, why)
        })?;
        Ok(std::ptr::without_provenance_mut(handle))
    }

    /// What C holds. It is the caller's, too: a callback may delete the handle while it is used.
    fn lend(raw: *const Self) -> Result<Arc<Self>> {
        let found = Self::table().0.get(raw.addr());
        found.ok_or_else(|| none::<Self>(raw))
    }

    /// Ends the handle. What it named goes when nobody uses it any more.
    fn take(raw: *mut Self) -> Result<Arc<Self>> {
        let found = Self::table().0.remove(raw.addr());
        found.ok_or_else(|| none::<Self>(raw))
    }

    /// Where the object of a handle is in the table, if it is a handle of this type. Takes no lock.
    fn position(raw: *const Self) -> Option<usize> {
        Self::table().0.position(raw.addr())
    }

    /// For `_delete` functions: NULL and pointers that are no handles are ignored.
    fn delete(raw: *mut Self) {
        quiet((), || {
            drop(Self::take(raw));
            Some(())
        });
    }
}

fn none<T: Handle>(raw: *const T) -> Error {
    no_handle(T::NAME, raw.is_null())
}

#[cold]
fn no_handle(name: &str, is_null: bool) -> Error {
    let what = match is_null {
        true => "is NULL",
        false => "is no live handle of that type",
    };
    Error::new(Code::InvalidArgument, format!("the {name} {what}"))
}

/// Types that C holds by a handle which is looked up without a lock, with every call. As [`Handle`], but what is found is of one thread at a
/// time, as the header says of it.
pub trait QuickHandle: Sized + 'static {
    const NAME: &'static str;

    fn table() -> &'static QuickHandles<Self>;

    /// Gives the object to C.
    fn give(self) -> Result<*mut Self> {
        let handle = Self::table().insert(Rc::new(self)).map_err(|_| {
            let why = format!("there are {MOST} handles of a {}: delete some", Self::NAME);
            Error::new(Code::Limit, why)
        })?;
        Ok(std::ptr::without_provenance_mut(handle))
    }

    /// What C holds. It is the caller's, too: a callback may delete the handle while it is used.
    #[inline]
    fn lend(raw: *const Self) -> Result<Rc<Self>> {
        let found = Self::table().get(raw.addr());
        found.ok_or_else(|| no_handle(Self::NAME, raw.is_null()))
    }

    /// Ends the handle. What it named goes when nobody uses it any more.
    fn take(raw: *mut Self) -> Option<Rc<Self>> {
        Self::table().remove(raw.addr())
    }
}

/// Makes a type one that C holds in this way; the number is one of those of [`handle`].
macro_rules! quick_handle {
    ($type:ident, $number:literal, $name:literal) => {
        impl $crate::capi::edge::QuickHandle for $type {
            const NAME: &'static str = $name;

            fn table() -> &'static $crate::capi::quick::QuickHandles<Self> {
                static TABLE: $crate::capi::quick::QuickHandles<$type> =
                    $crate::capi::quick::QuickHandles::new($number);
                &TABLE
            }
        }
    };
}
pub(super) use quick_handle;

/// Makes a type one that C holds. Each has a number of its own, below 16.
macro_rules! handle {
    ($type:ident, $number:literal, $name:literal) => {
        impl $crate::capi::edge::Handle for $type {
            const NAME: &'static str = $name;

            fn table() -> &'static $crate::capi::edge::Shared<Self> {
                static TABLE: $crate::capi::edge::Shared<$type> =
                    $crate::capi::edge::Shared::new($number);
                &TABLE
            }
        }
    };
}
pub(super) use handle;

/// What C changes step by step.
#[derive(Default)]
pub struct Settings<T>(Mutex<T>);

impl<T: Default> Settings<T> {
    /// Changes it, or reads it. What `change` gives back is dropped when nothing is locked: a callback that was replaced has a finalizer,
    /// which may call anything, this as well.
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> Result<R>) -> Result<R> {
        let mut value = match self.0.try_lock() {
            Ok(value) => value,
            // The values are whole between any two steps of a setter.
            Err(TryLockError::Poisoned(value)) => value.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let why = "it is in use by another call: one thread at a time may use it";
                return Err(Error::new(Code::Busy, why));
            }
        };
        change(&mut value)
    }

    /// All of it, for a function that takes it.
    pub fn take(&self) -> T {
        let mut value = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut value)
    }
}

/// Gives bytes to the caller, which `place` keeps until it gets the next.
#[cfg(feature = "wasi")]
pub fn give_kept(
    place: &Settings<Vec<u8>>,
    given: Vec<u8>,
    bytes: *mut *const u8,
    size: *mut usize,
) -> Result<()> {
    place.change(|kept| {
        *kept = given;
        set(bytes, kept.as_ptr());
        set(size, kept.len());
        Ok(())
    })
}

/// Runs the body of a C function: its error goes to `*error` (if wanted), its panic becomes an error.
#[inline]
pub fn edge(
    error: *mut *mut wasm_dyld_error_t,
    body: impl FnOnce() -> Result<()>,
) -> wasm_dyld_code_t {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => {
            set(error, std::ptr::null_mut());
            wasm_dyld_code_t::WASM_DYLD_OK
        }
        Ok(Err(e)) => failed(error, e),
        Err(panic) => {
            let why = format!("wasmdyld panicked: {}", panic_text(panic));
            failed(error, Error::new(Code::Internal, why))
        }
    }
}

#[cold]
fn failed(error: *mut *mut wasm_dyld_error_t, e: Error) -> wasm_dyld_code_t {
    let code = e.code().into();
    if !error.is_null() {
        let given = wasm_dyld_error_t::new(e).give();
        set(error, given.unwrap_or(std::ptr::null_mut()));
    }
    code
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

/// Empties a vector, if C wants one.
pub fn no_bytes(out: *mut wasm_byte_vec_t) {
    let empty = wasm_byte_vec_t {
        size: 0,
        data: std::ptr::null_mut(),
    };
    set(out, empty);
}

/// Has the engine copy bytes into a vector, which C deletes, if it wants one.
pub fn give_bytes(api: &Api, out: *mut wasm_byte_vec_t, bytes: &[u8]) {
    if !out.is_null() {
        // SAFETY: the header says that out parameters are NULL or point to room for a result; the engine copies `bytes` during the call.
        unsafe { (api.wasm_byte_vec_new)(out, bytes.len(), bytes.as_ptr()) };
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

/// A text for C. A NUL in it ends nothing.
pub fn c_string(text: &str) -> CString {
    match text.contains('\0') {
        false => CString::new(text),
        true => CString::new(text.replace('\0', "\u{fffd}")),
    }
    .unwrap_or_default()
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
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(raw, no_more(len, what)?) }),
    }
}

/// No object of C's has more bytes than half of the address space.
fn no_more(len: usize, what: &str) -> Result<usize> {
    match isize::try_from(len) {
        Ok(_) => Ok(len),
        Err(_) => Err(Error::new(
            Code::InvalidArgument,
            format!("the {what} is said to have {len} bytes"),
        )),
    }
}

/// As [`bytes`], to be copied: no more than a file may have.
pub fn module<'a>(raw: *const u8, len: usize, what: &str) -> Result<&'a [u8]> {
    if len as u64 > MAX_FILE {
        let why = format!("the {what} is said to have {len} bytes; 1 GiB is the most");
        return Err(Error::new(Code::Limit, why));
    }
    bytes(raw, len, what)
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
        (false, _) => Ok(unsafe { std::slice::from_raw_parts_mut(raw, no_more(len, what)?) }),
    }
}

/// As [`bytes`], of structures of plain values.
pub fn list<'a, T: Copy>(raw: *const T, len: usize, what: &str) -> Result<&'a [T]> {
    match (raw.is_null(), len) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Error::new(
            Code::InvalidArgument,
            format!("the {what} is NULL"),
        )),
        // SAFETY: the header says that `raw` points to `len` of them, which stay as they are during the call.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(raw, len) }),
    }
}

/// Numbers of a call, as their bits.
#[inline]
pub fn cells<'a>(raw: *mut wasm_dyld_cell_t, len: usize) -> Result<&'a mut [u64]> {
    match (raw.is_null(), len) {
        (_, 0) => Ok(&mut []),
        (true, _) => Err(Error::new(Code::InvalidArgument, "the cells are NULL")),
        (false, _) if len > isize::MAX as usize / size_of::<u64>() => Err(Error::new(
            Code::InvalidArgument,
            format!("there are said to be {len} cells"),
        )),
        // SAFETY: the header says that `raw` points to `len` cells that are the caller's during the call. Each is of the size of its bits; what
        // a smaller number leaves open of them is as the host's memory has it, and is not looked at.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts_mut(raw.cast::<u64>(), len) }),
    }
}

/// A list of C strings, in UTF-8.
pub fn texts(raw: *const *const c_char, len: usize, what: &str) -> Result<Vec<String>> {
    let all = list(raw, len, what)?.iter();
    all.map(|&raw| text(raw, what).map(str::to_string))
        .collect()
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

/// A function of the namespace's store, the caller's for the call.
pub fn engine_function<'a>(
    api: &'static Api,
    raw: *const wasm_func_t,
) -> Result<Borrowed<'a, Func>> {
    let raw = NonNull::new(raw.cast_mut());
    let raw = raw.ok_or_else(|| Error::new(Code::InvalidArgument, "the function is NULL"))?;
    // SAFETY: the header says that it is a function of this store, which lives for the call.
    Ok(unsafe { Func::lend(api, raw) })
}

/// A function pointer of whatever type, for C to cast.
pub fn function(raw: NonNull<c_void>) -> unsafe extern "C" fn() {
    // SAFETY: the symbol of a function; calling it needs a cast, and knowledge, on the other side.
    unsafe { std::mem::transmute::<NonNull<c_void>, unsafe extern "C" fn()>(raw) }
}

/// Where a callback puts bytes that it gives, while it runs.
#[derive(Default)]
pub struct Given(Option<Vec<u8>>);

impl Given {
    /// What the callback is to call [`give`](Given::give) with.
    pub fn to(&mut self) -> *mut c_void {
        std::ptr::from_mut(self).cast()
    }

    /// Copies the bytes. Those that were given last count.
    ///
    /// # Safety
    /// `to` is what [`to`](Given::to) gave, and the callback runs; there are `size` bytes.
    pub unsafe extern "C" fn give(to: *mut c_void, bytes: *const u8, size: usize) {
        quiet((), || {
            let found = self::bytes(bytes, size, "code").ok()?.to_vec();
            // SAFETY: by the caller's promise.
            unsafe { to.cast::<Given>().as_mut() }?.0 = Some(found);
            Some(())
        });
    }

    pub fn take(self) -> Option<Vec<u8>> {
        self.0
    }
}

/// What a host's callback gets back with each call, and how it is given up.
pub struct Environment {
    pub env: *mut c_void,
    finalizer: Cell<Option<Finalizer>>,
}

type Finalizer = unsafe extern "C" fn(*mut c_void);

impl Environment {
    pub fn new(env: *mut c_void, finalizer: Option<Finalizer>) -> Self {
        Environment {
            env,
            finalizer: Cell::new(finalizer),
        }
    }

    /// How it is given up, for one that was the host's to keep until now, and that no other thread has.
    pub fn ends_with(&self, finalizer: Option<Finalizer>) {
        self.finalizer.set(finalizer);
    }
}

// SAFETY: the header says that a callback runs on the thread that entered the namespace, which the host chooses.
unsafe impl Send for Environment {}
// SAFETY: those that are shared are of callbacks that the header says any thread may call.
unsafe impl Sync for Environment {}

impl Drop for Environment {
    fn drop(&mut self) {
        if let Some(finalizer) = self.finalizer.take() {
            // SAFETY: the host's own pair, called once.
            unsafe { finalizer(self.env) };
        }
    }
}
