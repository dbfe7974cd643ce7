//! Owned and borrowed handles.
//!
//! A handle is not the object: the store owns that. `Func`, `Global`, `Table`, `Memory` and `Extern` own a handle and delete it when
//! dropped. NULL is never deleted, since WAMR aborts then (Q20). What an engine only lends comes as [`Borrowed`], which has the same methods and deletes nothing.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;

/// A handle that belongs to something else for `'a`.
pub struct Borrowed<'a, T> {
    handle: ManuallyDrop<T>,
    owner: PhantomData<&'a T>,
}

impl<T> Deref for Borrowed<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.handle
    }
}

/// Wraps a handle that is not ours, so that it is never deleted.
pub(crate) fn lend<'a, T>(handle: T) -> Borrowed<'a, T> {
    Borrowed {
        handle: ManuallyDrop::new(handle),
        owner: PhantomData,
    }
}

/// What all owned handles have in common.
macro_rules! handle {
    ($($(#[$doc:meta])* $name:ident($raw:ident, $delete:ident);)*) => {$(
        $(#[$doc])*
        pub struct $name {
            api: &'static $crate::engine::api::Api,
            raw: std::ptr::NonNull<$raw>,
        }

        impl $name {
            /// # Safety
            /// `raw` is such a handle of the engine behind `api`, and ours to delete.
            pub unsafe fn from_raw(api: &'static $crate::engine::api::Api, raw: std::ptr::NonNull<$raw>) -> $name {
                $name { api, raw }
            }

            /// # Safety
            /// `raw` is such a handle of the engine behind `api`, and lives for `'a`.
            pub unsafe fn lend<'a>(api: &'static $crate::engine::api::Api, raw: std::ptr::NonNull<$raw>) -> $crate::engine::Borrowed<'a, $name> {
                $crate::engine::handle::lend($name { api, raw })
            }

            pub fn raw(&self) -> *mut $raw {
                self.raw.as_ptr()
            }

            pub fn api(&self) -> &'static $crate::engine::api::Api {
                self.api
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: owned, and not used again; the store is still there, as for every handle.
                unsafe { (self.api.$delete)(self.raw.as_ptr()) }
            }
        }
    )*};
}

pub(crate) use handle;
