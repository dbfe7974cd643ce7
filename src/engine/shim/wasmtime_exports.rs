//! Exports of the bundled engine's instances, each made when it is asked for.
//!
//! `wasm_instance_exports` makes all of them. libc has 1,200, of which a program needs a few: the rest was a seventh of a start's
//! instructions.

use std::cell::OnceCell;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::OnceLock;

use wasmtime_c_api as c;
use wasmtime_c_api::wasmtime as w;

use crate::engine::externs::Extern;
use crate::engine::module::{ExportSource, ExternVec, Instance};
use crate::engine::store::Store;

/// Of fewer exports making all is quicker than finding one by its name.
const MANY: usize = 64;

struct Exports {
    store: Store,
    instance: w::Instance,
    module: w::Module,
    /// In the order of the module's exports. They are the module's, which lives as long as this.
    names: OnceCell<Box<[NonNull<str>]>>,
}

/// The exports of `instance`. `None` where they are few, or the C interface lays its handles out in a way that is not known.
pub(super) fn of(store: Store, instance: &Instance) -> Option<ExternVec> {
    let instance = instance_in(store, instance)?;
    // SAFETY: our opaque type stands for this one; the store is alive, and the instance is its own.
    let module = unsafe { instance.module((*store.raw().cast::<c::WasmStoreRef>()).context()) };
    if module.exports().len() < MANY {
        return None;
    }
    extern_order(store)?;
    Some(ExternVec::on_demand(Box::new(Exports {
        store,
        instance,
        module: module.clone(),
        names: OnceCell::new(),
    })))
}

impl ExportSource for Exports {
    fn len(&self) -> usize {
        self.module.exports().len()
    }

    fn make(&self, index: usize) -> Option<Extern> {
        let names = self.names.get_or_init(|| {
            let exports = self.module.exports();
            exports.map(|export| export.name().into()).collect()
        });
        // SAFETY: the module, which has the name, lives as long as `self`.
        let name = unsafe { names.get(index)?.as_ref() };
        // SAFETY: the store is alive, as for every handle, and nothing of the engine's runs in it meanwhile but what waits for the host.
        let which = unsafe {
            let store = &mut *self.store.raw().cast::<c::WasmStoreRef>();
            self.instance.get_export(store.context_mut(), name)?
        };
        extern_of(self.store, which)
    }
}

// A handle of the C interface is its store's reference and what it is. Of the size of both, it has nothing else, in one order or the other.
const _: () = {
    assert!(size_of::<c::wasm_extern_t>() == STORE + size_of::<w::Extern>());
    assert!(size_of::<c::wasm_global_t>() == size_of::<c::wasm_extern_t>());
    assert!(size_of::<c::wasm_instance_t>() == STORE + size_of::<w::Instance>());
    assert!(STORE == size_of::<usize>());
    assert!(align_of::<c::wasm_extern_t>() == align_of::<usize>());
    assert!(align_of::<c::wasm_instance_t>() == align_of::<usize>());
    assert!(align_of::<w::Extern>() <= align_of::<usize>());
    assert!(align_of::<w::Instance>() <= align_of::<usize>());
};
const STORE: usize = size_of::<c::WasmStoreRef>();

/// In which order a handle has its two fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    StoreFirst,
    StoreLast,
}

impl Order {
    /// Tells it by where the store's pointer is, since only that is the same as in the store itself.
    ///
    /// # Safety
    /// `handle` is alive, belongs to `store`, and consists of the store's reference and a `T`.
    pub(super) unsafe fn of<T>(store: Store, handle: *const u8) -> Option<Order> {
        // SAFETY: by the caller's promise both ends are whole words of the handle. One may be padding, in part: so both are read as
        // they are in memory.
        let (of_store, first, last) = unsafe {
            (
                *store.raw().cast::<usize>(),
                handle.cast::<usize>().read_volatile(),
                handle.add(size_of::<T>()).cast::<usize>().read_volatile(),
            )
        };
        match (first == of_store, last == of_store) {
            (true, false) => Some(Order::StoreFirst),
            (false, true) => Some(Order::StoreLast),
            _ => None,
        }
    }

    /// Where the store's reference and the `T` are.
    pub(super) fn offsets<T>(self) -> (usize, usize) {
        match self {
            Order::StoreFirst => (0, STORE),
            Order::StoreLast => (size_of::<T>(), 0),
        }
    }
}

/// The order in externs, looked up once in one that the C interface has made.
fn extern_order(store: Store) -> Option<Order> {
    static ORDER: OnceLock<Option<Order>> = OnceLock::new();
    *ORDER.get_or_init(|| {
        let ty = c::wasm_globaltype_new(c::wasm_valtype_new(c::WASM_I32), c::WASM_CONST)?;
        let value = c::wasm_val_t::from_val(w::Val::I32(0));
        // SAFETY: our opaque type stands for this one; the store is alive, and the value is of the type.
        let sample = unsafe {
            let store = &mut *store.raw().cast::<c::wasm_store_t>();
            c::wasm_global_new(store, &ty, &value)?
        };
        // SAFETY: a handle of this store, of the size of its two fields.
        unsafe { Order::of::<w::Extern>(store, (&raw const *sample).cast()) }
    })
}

/// A handle of the C interface, as that makes it.
fn extern_of(store: Store, which: w::Extern) -> Option<Extern> {
    let (of_store, of_which) = extern_order(store)?.offsets::<w::Extern>();
    let mut made = Box::new(MaybeUninit::<c::wasm_extern_t>::uninit());
    let start = made.as_mut_ptr().cast::<u8>();
    // SAFETY: the two fields, which fill all of it, lie where they do in the C interface's own handles, each at a multiple of its
    // alignment. The box is the handle's owner, as in C.
    let raw = unsafe {
        let reference = (*store.raw().cast::<c::WasmStoreRef>()).clone();
        start
            .add(of_store)
            .cast::<c::WasmStoreRef>()
            .write(reference);
        start.add(of_which).cast::<w::Extern>().write(which);
        Box::into_raw(made.assume_init())
    };
    let raw = NonNull::new(raw.cast())?;
    // SAFETY: a new handle, ours.
    Some(unsafe { Extern::from_raw(store.api(), raw) })
}

/// The engine's instance behind a handle.
fn instance_in(store: Store, instance: &Instance) -> Option<w::Instance> {
    let start = instance.raw().cast::<u8>();
    // SAFETY: the handle is alive and of this size. An instance is a number and may be copied.
    unsafe {
        let (_, at) = Order::of::<w::Instance>(store, start)?.offsets::<w::Instance>();
        Some(*start.add(at).cast::<w::Instance>())
    }
}
