//! Types, ours and the engine's.

use std::ptr::NonNull;

use super::api::Api;
use super::handle::handle;
use super::shim;
use super::sys::*;
use super::val::{kind_of, type_of};
use super::vec::{VecBuf, borrowed};
use crate::error::{Code, Error, Result};
use crate::object::{FuncType, GlobalType, Limits, MemoryType, TableType, ValType};

// Owned type objects of the engine. Worth keeping where many externs of one type are made.
handle! {
    /// The engine's own form of a [`FuncType`].
    EngineFuncType(wasm_functype_t, wasm_functype_delete);
    /// The engine's own form of a [`GlobalType`].
    EngineGlobalType(wasm_globaltype_t, wasm_globaltype_delete);
    /// The engine's own form of a [`MemoryType`].
    EngineMemoryType(wasm_memorytype_t, wasm_memorytype_delete);
    /// The engine's own form of a [`TableType`].
    EngineTableType(wasm_tabletype_t, wasm_tabletype_delete);
}

fn refused(what: &str) -> Error {
    Error::new(Code::Engine, format!("the engine refused a {what}"))
}

fn kind(ty: ValType) -> Result<wasm_valkind_t> {
    kind_of(ty).ok_or_else(|| {
        Error::new(
            Code::Unsupported,
            format!("values of type {ty} cannot pass through wasm.h"),
        )
    })
}

impl EngineFuncType {
    /// Fails for types whose values cannot pass through `wasm.h`.
    pub fn new(api: &'static Api, ty: &FuncType) -> Result<EngineFuncType> {
        // Check all of it before making anything.
        let kinds = |types: &[ValType]| types.iter().copied().map(kind).collect::<Result<Vec<_>>>();
        let (params, results) = (kinds(&ty.params)?, kinds(&ty.results)?);
        let (params, results) = (ValTypes::new(api, &params)?, ValTypes::new(api, &results)?);
        let (mut params, mut results) = (params.into_vec(), results.into_vec());
        // SAFETY: both vectors are valid; the call consumes them. V8 and WAMR do not empty them (Q9), so they must not be
        // deleted here, and a `VecBuf` is never deleted.
        let raw = unsafe { (api.wasm_functype_new)(params.as_mut_ptr(), results.as_mut_ptr()) };
        let raw = NonNull::new(raw).ok_or_else(|| refused("function type"))?;
        Ok(EngineFuncType { api, raw })
    }
}

fn val_type(api: &'static Api, kind: wasm_valkind_t) -> Result<*mut wasm_valtype_t> {
    // SAFETY: the kinds are those of `kind_of`.
    let raw = unsafe { (api.wasm_valtype_new)(kind) };
    if raw.is_null() {
        return Err(refused("value type"));
    }
    Ok(raw)
}

/// New value types, ours until a call consumes them.
struct ValTypes {
    api: &'static Api,
    types: Vec<*mut wasm_valtype_t>,
}

impl ValTypes {
    fn new(api: &'static Api, kinds: &[wasm_valkind_t]) -> Result<ValTypes> {
        let mut made = ValTypes {
            api,
            types: Vec::with_capacity(kinds.len()),
        };
        for &kind in kinds {
            made.types.push(val_type(api, kind)?);
        }
        Ok(made)
    }

    /// For a call that consumes them.
    fn into_vec(mut self) -> VecBuf<*mut wasm_valtype_t> {
        let mut vec = VecBuf::empty();
        let types = std::mem::take(&mut self.types);
        if !types.is_empty() {
            // SAFETY: `types` holds that many owned value types, which the vector takes over.
            unsafe {
                (self.api.wasm_valtype_vec_new)(vec.as_mut_ptr(), types.len(), types.as_ptr());
            }
        }
        vec
    }
}

impl Drop for ValTypes {
    fn drop(&mut self) {
        for &raw in &self.types {
            // SAFETY: owned, and in no vector.
            unsafe { (self.api.wasm_valtype_delete)(raw) };
        }
    }
}

impl EngineGlobalType {
    pub fn new(api: &'static Api, ty: GlobalType) -> Result<EngineGlobalType> {
        let kind = kind(ty.content)?;
        let mutability = if ty.mutable { WASM_VAR } else { WASM_CONST };
        let content = val_type(api, kind)?;
        // SAFETY: the value type is consumed.
        let raw = unsafe { (api.wasm_globaltype_new)(content, mutability) };
        let raw = NonNull::new(raw).ok_or_else(|| refused("global type"))?;
        Ok(EngineGlobalType { api, raw })
    }
}

impl EngineMemoryType {
    pub fn new(api: &'static Api, ty: MemoryType) -> Result<EngineMemoryType> {
        let odd = if ty.shared {
            Some("a shared memory")
        } else if ty.memory64 {
            Some("a 64-bit memory")
        } else if ty.page_log2.is_some_and(|log2| log2 != 16) {
            Some("a memory with pages of its own size")
        } else {
            None
        };
        if let Some(what) = odd {
            return Err(inexpressible(what));
        }
        let limits = limits(ty.limits)?;
        // SAFETY: `limits` is read during the call.
        let raw = unsafe { (api.wasm_memorytype_new)(&raw const limits) };
        let raw = NonNull::new(raw).ok_or_else(|| refused("memory type"))?;
        Ok(EngineMemoryType { api, raw })
    }
}

impl EngineTableType {
    pub fn new(api: &'static Api, ty: TableType) -> Result<EngineTableType> {
        if ty.table64 {
            return Err(inexpressible("a 64-bit table"));
        }
        let kind = kind(ty.element)?;
        let limits = limits(ty.limits)?;
        let element = val_type(api, kind)?;
        // SAFETY: the value type is consumed, `limits` is read during the call.
        let raw = unsafe { (api.wasm_tabletype_new)(element, &raw const limits) };
        let raw = NonNull::new(raw).ok_or_else(|| refused("table type"))?;
        Ok(EngineTableType { api, raw })
    }
}

fn inexpressible(what: &str) -> Error {
    Error::new(
        Code::Unsupported,
        format!("wasm.h has no way to make {what}"),
    )
}

fn limits(limits: Limits) -> Result<wasm_limits_t> {
    let too_large = |_| Error::new(Code::Limit, format!("limits {limits} are beyond 32 bits"));
    Ok(wasm_limits_t {
        min: u32::try_from(limits.min).map_err(too_large)?,
        max: match limits.max {
            // The largest maximum and none at all are the same number in the header, and mean the same.
            Some(max) => u32::try_from(max).map_err(too_large)?,
            None => WASM_LIMITS_MAX_DEFAULT,
        },
    })
}

/// Reads an engine's function type. `None` where a part of it has no counterpart here.
///
/// # Safety
/// `raw` is a live function type of the engine behind `api`.
pub unsafe fn func_type(api: &'static Api, raw: *const wasm_functype_t) -> Option<FuncType> {
    // SAFETY: by the caller's promise; the vectors live as long as the type.
    unsafe {
        let types = |vec: *const wasm_valtype_vec_t| {
            borrowed(vec)
                .iter()
                .map(|&ty| shim::of(api).value_type(api, ty))
                .collect::<Option<Vec<_>>>()
        };
        Some(FuncType {
            params: types((api.wasm_functype_params)(raw))?,
            results: types((api.wasm_functype_results)(raw))?,
        })
    }
}

/// Reads an engine's global type.
///
/// # Safety
/// `raw` is a live global type of the engine behind `api`.
pub unsafe fn global_type(api: &'static Api, raw: *const wasm_globaltype_t) -> Option<GlobalType> {
    // SAFETY: by the caller's promise.
    unsafe {
        Some(GlobalType {
            content: shim::of(api).value_type(api, (api.wasm_globaltype_content)(raw))?,
            mutable: (api.wasm_globaltype_mutability)(raw) == WASM_VAR,
        })
    }
}

/// Reads an engine's table type. Whether it is a 64-bit table does not show.
///
/// # Safety
/// `raw` is a live table type of the engine behind `api`.
pub unsafe fn table_type(api: &'static Api, raw: *const wasm_tabletype_t) -> Option<TableType> {
    // SAFETY: by the caller's promise.
    unsafe {
        Some(TableType {
            element: shim::of(api).value_type(api, (api.wasm_tabletype_element)(raw))?,
            limits: read_limits((api.wasm_tabletype_limits)(raw)),
            table64: false,
        })
    }
}

/// Limits as the header gives them. Their minimum is the declared one or the current size (Q10).
///
/// # Safety
/// `raw` is NULL or points to limits.
pub(crate) unsafe fn read_limits(raw: *const wasm_limits_t) -> Limits {
    // SAFETY: by the caller's promise.
    let Some(raw) = (unsafe { raw.as_ref() }) else {
        return Limits::default();
    };
    Limits {
        min: u64::from(raw.min),
        max: (raw.max != WASM_LIMITS_MAX_DEFAULT).then_some(u64::from(raw.max)),
    }
}

/// What the header alone can tell of a value type. Engines that abort on types unknown to the header override it in their shim.
///
/// # Safety
/// `raw` is a live value type of the engine behind `api`.
pub(crate) unsafe fn plain_value_type(
    api: &'static Api,
    raw: *const wasm_valtype_t,
) -> Option<ValType> {
    // SAFETY: by the caller's promise.
    type_of(unsafe { (api.wasm_valtype_kind)(raw) })
}
