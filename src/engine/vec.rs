//! Vectors of `wasm.h`: borrowed views, buffers for engines to fill, and owned vectors.

use std::slice;

use super::api::Api;
use super::sys::*;

/// A vector of ours that an engine may write to.
///
/// WAMR appends three words (element count, element size, a lock) to `{size, data}` and writes them in every `*_vec_new` (Q7);
/// the spare words keep it from writing over its neighbours, and are zero as it expects of an empty vector.
#[repr(C)]
pub(crate) struct VecBuf<T> {
    head: wasm_vec_t<T>,
    spare: [usize; 4],
}

impl<T> VecBuf<T> {
    #[inline]
    pub(crate) const fn empty() -> Self {
        VecBuf {
            head: wasm_vec_t {
                size: 0,
                data: std::ptr::null_mut(),
            },
            spare: [0; 4],
        }
    }

    /// A view of `items` for a parameter that the engine only reads.
    #[inline]
    pub(crate) fn view(items: &[T]) -> Self {
        Self::from_parts(items.as_ptr().cast_mut(), items.len())
    }

    /// A view of `items` whose elements the engine overwrites.
    #[inline]
    pub(crate) fn view_mut(items: &mut [T]) -> Self {
        Self::from_parts(items.as_mut_ptr(), items.len())
    }

    #[inline]
    fn from_parts(data: *mut T, size: usize) -> Self {
        let mut buf = Self::empty();
        // An empty vector is {0, NULL} in the header; Rust's dangling pointer would mean something else to an engine.
        if size != 0 {
            buf.head = wasm_vec_t { size, data };
            // Where that engine keeps the number of elements in use.
            buf.spare[0] = size;
            buf.spare[1] = size_of::<T>();
        }
        buf
    }

    pub(crate) fn as_ptr(&self) -> *const wasm_vec_t<T> {
        (&raw const *self).cast()
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut wasm_vec_t<T> {
        (&raw mut *self).cast()
    }
}

/// The elements of a vector that an engine lends.
///
/// # Safety
/// `vec` is NULL or points to a vector that stays as it is for `'a`.
pub(crate) unsafe fn borrowed<'a, T>(vec: *const wasm_vec_t<T>) -> &'a [T] {
    // SAFETY: by the caller's promise; `data` may be NULL only where `size` is 0.
    unsafe {
        if vec.is_null() || (*vec).size == 0 || (*vec).data.is_null() {
            &[]
        } else {
            slice::from_raw_parts((*vec).data, (*vec).size)
        }
    }
}

/// As [`borrowed`], for elements that we overwrite.
///
/// # Safety
/// As for [`borrowed`], and nothing else reads or writes the elements for `'a`.
pub(crate) unsafe fn borrowed_mut<'a, T>(vec: *mut wasm_vec_t<T>) -> &'a mut [T] {
    // SAFETY: by the caller's promise.
    unsafe {
        if vec.is_null() || (*vec).size == 0 || (*vec).data.is_null() {
            &mut []
        } else {
            slice::from_raw_parts_mut((*vec).data, (*vec).size)
        }
    }
}

/// Element types whose vectors we own and delete.
pub(crate) trait Element: Sized {
    fn vec_delete(api: &Api) -> unsafe extern "C" fn(*mut wasm_vec_t<Self>);
}

macro_rules! element {
    ($($ty:ty => $delete:ident,)*) => {$(
        impl Element for $ty {
            fn vec_delete(api: &Api) -> unsafe extern "C" fn(*mut wasm_vec_t<Self>) {
                api.$delete
            }
        }
    )*};
}

element! {
    u8 => wasm_byte_vec_delete,
    *mut wasm_extern_t => wasm_extern_vec_delete,
    *mut wasm_importtype_t => wasm_importtype_vec_delete,
    *mut wasm_exporttype_t => wasm_exporttype_vec_delete,
}

/// A vector that an engine filled and that is ours to delete, elements included.
pub(crate) struct OwnedVec<T: Element> {
    api: &'static Api,
    buf: VecBuf<T>,
}

impl<T: Element> OwnedVec<T> {
    /// Has `fill` write a vector into its argument, and takes it over.
    ///
    /// # Safety
    /// `fill` leaves a valid owned vector behind, or the empty one as it was.
    pub(crate) unsafe fn filled(
        api: &'static Api,
        fill: impl FnOnce(*mut wasm_vec_t<T>),
    ) -> OwnedVec<T> {
        let mut vec = OwnedVec {
            api,
            buf: VecBuf::empty(),
        };
        fill(vec.buf.as_mut_ptr());
        vec
    }

    pub(crate) fn api(&self) -> &'static Api {
        self.api
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        // SAFETY: the vector is ours and is only changed through `&mut self`.
        unsafe { borrowed(self.buf.as_ptr()) }
    }
}

impl<T: Element> Drop for OwnedVec<T> {
    fn drop(&mut self) {
        // Nothing to free, and wasmtime and wasmi crash on a NULL `data` (Q20).
        if !self.buf.head.data.is_null() {
            // SAFETY: owned, and not used again.
            unsafe { T::vec_delete(self.api)(self.buf.as_mut_ptr()) }
        }
    }
}

const _: () = assert!(size_of::<VecBuf<u8>>() >= 5 * size_of::<usize>());
