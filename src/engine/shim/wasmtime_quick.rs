//! Calls of the bundled engine's functions without what `wasm_func_call` does each time: it looks the function's type up behind a lock,
//! allocates, and compares each value's type.

use std::ptr::NonNull;

use wasmtime_c_api as c;
use wasmtime_c_api::wasmtime as w;

use super::QuickCall;
use super::wasmtime_exports::Order;
use crate::engine::externs::Func;
use crate::engine::store::Store;
use crate::engine::trap::Trap;
use crate::object::{FuncType, ValType};

/// Values that need no allocation.
const FEW: usize = 8;

struct QuickFunc {
    func: w::Func,
    results: Box<[ValType]>,
    /// How many values there are at most at a time.
    room: usize,
}

/// The quick way to `func`, if its type has numbers alone.
pub(super) fn of(store: Store, func: &Func, ty: &FuncType) -> Option<Box<dyn QuickCall>> {
    let mut all = ty.params.iter().chain(&ty.results);
    if !all.all(|&ty| engine_type(ty).is_some()) {
        return None;
    }
    let func = func_in(store, func)?;
    // SAFETY: our opaque type stands for this one, whose only field the second is; the store is alive.
    let real = unsafe { func.ty((*store.raw().cast::<c::WasmStoreRef>()).context()) };
    let same = real.params().len() == ty.params.len()
        && real.results().len() == ty.results.len()
        && (real.params().chain(real.results()))
            .zip(ty.params.iter().chain(&ty.results))
            .all(|(real, &ty)| engine_type(ty).is_some_and(|ty| w::ValType::eq(&real, &ty)));
    if !same {
        return None;
    }
    Some(Box::new(QuickFunc {
        func,
        results: ty.results.clone().into(),
        room: ty.params.len().max(ty.results.len()),
    }))
}

fn engine_type(ty: ValType) -> Option<w::ValType> {
    Some(match ty {
        ValType::I32 => w::ValType::I32,
        ValType::I64 => w::ValType::I64,
        ValType::F32 => w::ValType::F32,
        ValType::F64 => w::ValType::F64,
        ValType::V128 | ValType::Ref { .. } => return None,
    })
}

// A function of the C interface is an extern. What is called is a box of the error alone.
const _: () = {
    assert!(size_of::<c::wasm_func_t>() == size_of::<c::wasm_extern_t>());
    assert!(size_of::<c::wasm_trap_t>() == size_of::<w::Error>());
    assert!(align_of::<c::wasm_trap_t>() == align_of::<w::Error>());
};

/// The engine's function behind a handle.
fn func_in(store: Store, func: &Func) -> Option<w::Func> {
    let start = func.raw().cast::<u8>();
    // SAFETY: both handles are alive, and of these sizes.
    unsafe {
        let (_, at) = Order::of::<w::Extern>(store, start)?.offsets::<w::Extern>();
        match &*start.add(at).cast::<w::Extern>() {
            w::Extern::Func(func) => Some(*func),
            _ => None,
        }
    }
}

impl QuickCall for QuickFunc {
    unsafe fn call(&self, store: Store, cells: &mut [u64]) -> Result<(), Trap> {
        let mut few = [w::ValRaw::u64(0); FEW];
        let mut many;
        let values = match few.get_mut(..self.room) {
            Some(few) => few,
            None => {
                many = vec![w::ValRaw::u64(0); self.room];
                &mut many[..]
            }
        };
        for (value, &cell) in values.iter_mut().zip(&*cells) {
            *value = w::ValRaw::u64(cell);
        }
        // SAFETY: the store is alive and the function's. There is room for arguments and results, and the arguments are numbers, whose bits
        // are where the engine looks for those of a smaller type.
        let called = unsafe {
            let store = &mut *store.raw().cast::<c::WasmStoreRef>();
            self.func
                .call_unchecked(store.context_mut(), &raw mut *values)
        };
        if let Err(error) = called {
            let raw = NonNull::from(Box::leak(Box::new(error)));
            // SAFETY: laid out as a trap of the C interface, which is made in the same way.
            return Err(unsafe { Trap::from_raw_owned(store.api(), raw.cast()) });
        }
        for ((cell, value), ty) in cells.iter_mut().zip(values).zip(&self.results) {
            *cell = match ty {
                ValType::I32 => value.get_u32().into(),
                ValType::F32 => value.get_f32().into(),
                ValType::F64 => value.get_f64(),
                _ => value.get_u64(),
            };
        }
        Ok(())
    }
}
