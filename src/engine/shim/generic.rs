//! The shim for engines of which nothing is known but that they have `wasm.h`.

use std::ptr::NonNull;

use super::{EngineOptions, Shim, Stage};
use crate::engine::api::Api;
use crate::engine::store::OwnedEngine;
use crate::engine::sys::{wasm_engine_t, wasm_valtype_t};
use crate::engine::trap::Trap;
use crate::engine::types::plain_value_type;
use crate::error::{Code, Error, Result};
use crate::object::ValType;

pub(super) struct Generic;

impl Shim for Generic {
    fn name(&self) -> &'static str {
        "wasm.h"
    }

    fn version(&self) -> Option<&'static str> {
        None
    }

    fn serialization(&self) -> bool {
        false
    }

    fn import_order_is_declared(&self) -> bool {
        false
    }

    fn validation_is_final(&self) -> bool {
        false
    }

    unsafe fn explain_compile_failure(
        &self,
        _engine: Option<NonNull<wasm_engine_t>>,
        _bytes: &[u8],
    ) -> Option<String> {
        None
    }

    fn trap_cause(&self, text: &str) -> String {
        text.to_owned()
    }

    fn failed_stage(&self, _trap: &Trap) -> Stage {
        Stage::Unknown
    }

    fn instance_outlives_handle(&self) -> bool {
        false
    }

    fn instance_limit(&self, _text: &str) -> Option<u64> {
        None
    }

    unsafe fn value_type(&self, api: &'static Api, ty: *const wasm_valtype_t) -> Option<ValType> {
        // SAFETY: by the caller's promise.
        unsafe { plain_value_type(api, ty) }
    }

    fn new_engine(&self, api: &'static Api, options: &EngineOptions) -> Result<OwnedEngine> {
        new_engine(api, options)
    }
}

/// The engine's defaults: the header has no options.
pub(super) fn new_engine(api: &'static Api, _options: &EngineOptions) -> Result<OwnedEngine> {
    // SAFETY: no precondition.
    match NonNull::new(unsafe { (api.wasm_engine_new)() }) {
        // SAFETY: a new engine, ours.
        Some(raw) => Ok(unsafe { OwnedEngine::from_raw(api, raw) }),
        None => Err(Error::new(Code::Engine, "the engine made no engine")),
    }
}
