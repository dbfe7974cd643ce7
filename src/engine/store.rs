//! Engines and stores.

use std::ptr::NonNull;

use super::api::Api;
use super::shim::{self, Shim};
use super::sys::*;
use crate::error::{Code, Error, Result};

/// A store, borrowed from whoever owns it. Everything of one namespace lives in one store.
///
/// `Copy` and without a lifetime, because the owner is often the host program, on the other side of the C interface. All handles
/// made from a store must be dropped before it is: WAMR frees a store's contents with the store (Q23).
#[derive(Clone, Copy)]
pub struct Store {
    api: &'static Api,
    raw: NonNull<wasm_store_t>,
}

impl Store {
    /// # Safety
    /// `raw` is a store of the engine behind `api`, and outlives every handle made from the result.
    pub unsafe fn from_raw(api: &'static Api, raw: NonNull<wasm_store_t>) -> Store {
        Store { api, raw }
    }

    pub fn api(self) -> &'static Api {
        self.api
    }

    pub fn raw(self) -> *mut wasm_store_t {
        self.raw.as_ptr()
    }

    pub fn shim(self) -> &'static dyn Shim {
        shim::of(self.api)
    }
}

/// An engine of ours: for the command and the tests, and for hosts that leave the choice to us.
pub struct OwnedEngine {
    api: &'static Api,
    raw: NonNull<wasm_engine_t>,
}

impl OwnedEngine {
    /// # Safety
    /// `raw` is an engine made with `api`, and ours to delete.
    pub unsafe fn from_raw(api: &'static Api, raw: NonNull<wasm_engine_t>) -> OwnedEngine {
        OwnedEngine { api, raw }
    }

    pub fn raw(&self) -> NonNull<wasm_engine_t> {
        self.raw
    }

    /// Gives the engine away, to a host that deletes it with `wasm_engine_delete`.
    pub fn into_raw(self) -> NonNull<wasm_engine_t> {
        std::mem::ManuallyDrop::new(self).raw
    }

    pub fn new_store(&self) -> Result<OwnedStore> {
        // SAFETY: the engine is alive.
        let raw = unsafe { (self.api.wasm_store_new)(self.raw.as_ptr()) };
        match NonNull::new(raw) {
            Some(raw) => Ok(OwnedStore { api: self.api, raw }),
            None => Err(Error::new(Code::Engine, "the engine made no store")),
        }
    }
}

impl Drop for OwnedEngine {
    fn drop(&mut self) {
        // SAFETY: owned, and not used again.
        unsafe { (self.api.wasm_engine_delete)(self.raw.as_ptr()) }
    }
}

/// A store of ours. Declare it before its engine in a struct, so that it goes first.
pub struct OwnedStore {
    api: &'static Api,
    raw: NonNull<wasm_store_t>,
}

impl OwnedStore {
    pub fn store(&self) -> Store {
        Store {
            api: self.api,
            raw: self.raw,
        }
    }
}

impl Drop for OwnedStore {
    fn drop(&mut self) {
        // SAFETY: owned, and not used again.
        unsafe { (self.api.wasm_store_delete)(self.raw.as_ptr()) }
    }
}
