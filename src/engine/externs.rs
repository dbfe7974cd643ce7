//! Functions, globals and tables, and externs, the form in which they are imported and exported.

//!
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use super::api::Api;
use super::handle::{Borrowed, handle};
use super::memory::Memory;
use super::store::Store;
use super::sys::*;
use super::trap::Trap;
use super::types::{EngineGlobalType, EngineTableType, func_type, global_type, table_type};
use super::val::Val;
use super::vec::VecBuf;
use crate::error::{Code, Error, Result};
use crate::object::{FuncType, GlobalType, TableType};

/// A borrowed extern as the engine's import vector wants it: a slice of these is such a vector.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct ExternPtr<'a> {
    raw: NonNull<wasm_extern_t>,
    owner: PhantomData<&'a wasm_extern_t>,
}

impl ExternPtr<'_> {
    /// # Safety
    /// The extern behind `raw` lives as long as `'a`.
    pub unsafe fn from_raw(raw: NonNull<wasm_extern_t>) -> Self {
        ExternPtr {
            raw,
            owner: PhantomData,
        }
    }

    pub fn raw(self) -> *mut wasm_extern_t {
        self.raw.as_ptr()
    }
}

const _: () = assert!(size_of::<ExternPtr<'_>>() == size_of::<*mut wasm_extern_t>());

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExternKind {
    Func,
    Global,
    Table,
    Memory,
    /// Exception tags. The header has no object for them; they are passed on as opaque externs.
    Tag,
    Unknown(u8),
}

impl ExternKind {
    pub(crate) fn from_raw(raw: wasm_externkind_t) -> ExternKind {
        match raw {
            WASM_EXTERN_FUNC => ExternKind::Func,
            WASM_EXTERN_GLOBAL => ExternKind::Global,
            WASM_EXTERN_TABLE => ExternKind::Table,
            WASM_EXTERN_MEMORY => ExternKind::Memory,
            WASM_EXTERN_TAG => ExternKind::Tag,
            other => ExternKind::Unknown(other),
        }
    }
}

/// The way from each kind of object to the extern that it is.
macro_rules! as_extern {
    ($($name:ty, $as_extern:ident;)*) => {$(
        impl $name {
            /// This object as an import of an instance. The engine's view of the same handle: nothing is made.
            pub fn as_extern(&self) -> ExternPtr<'_> {
                // SAFETY: the handle is alive; the view lives as long as it, and is never NULL.
                unsafe {
                    ExternPtr::from_raw(NonNull::new_unchecked((self.api().$as_extern)(self.raw())))
                }
            }
        }
    )*};
}

handle! {
    /// An extern of any kind.
    Extern(wasm_extern_t, wasm_extern_delete);
    /// A function.
    Func(wasm_func_t, wasm_func_delete);
    /// A global.
    Global(wasm_global_t, wasm_global_delete);
    /// A table.
    Table(wasm_table_t, wasm_table_delete);
}

as_extern! {
    Func, wasm_func_as_extern;
    Global, wasm_global_as_extern;
    Table, wasm_table_as_extern;
    Memory, wasm_memory_as_extern;
}

impl Extern {
    pub fn kind(&self) -> ExternKind {
        // SAFETY: the handle is alive.
        ExternKind::from_raw(unsafe { (self.api.wasm_extern_kind)(self.raw.as_ptr()) })
    }

    pub fn as_extern(&self) -> ExternPtr<'_> {
        ExternPtr {
            raw: self.raw,
            owner: PhantomData,
        }
    }

    /// A handle of its own to the same object.
    pub fn duplicate(&self) -> Option<Extern> {
        // SAFETY: the handle is alive; the copy is ours.
        let raw = unsafe { (self.api.wasm_extern_copy)(self.raw.as_ptr()) };
        NonNull::new(raw).map(|raw| Extern { api: self.api, raw })
    }

    pub fn as_func(&self) -> Option<Borrowed<'_, Func>> {
        // SAFETY: the handle is alive; the result is a view of it, or NULL if it is of another kind.
        let raw = unsafe { (self.api.wasm_extern_as_func)(self.raw.as_ptr()) };
        NonNull::new(raw).map(|raw| unsafe { Func::lend(self.api, raw) })
    }

    pub fn as_global(&self) -> Option<Borrowed<'_, Global>> {
        // SAFETY: as in `as_func`.
        let raw = unsafe { (self.api.wasm_extern_as_global)(self.raw.as_ptr()) };
        NonNull::new(raw).map(|raw| unsafe { Global::lend(self.api, raw) })
    }

    pub fn as_table(&self) -> Option<Borrowed<'_, Table>> {
        // SAFETY: as in `as_func`.
        let raw = unsafe { (self.api.wasm_extern_as_table)(self.raw.as_ptr()) };
        NonNull::new(raw).map(|raw| unsafe { Table::lend(self.api, raw) })
    }

    pub fn as_memory(&self) -> Option<Borrowed<'_, Memory>> {
        // SAFETY: as in `as_func`.
        let raw = unsafe { (self.api.wasm_extern_as_memory)(self.raw.as_ptr()) };
        NonNull::new(raw).map(|raw| unsafe { Memory::lend(self.api, raw) })
    }
}

impl Func {
    /// Calls the function. Nothing is allocated here: the slices are the engine's vectors.
    ///
    /// The function's type must have a [form in C](FuncType::has_c_form), and `args` and `results` must be as many and of the kinds that
    /// it says: wasmer does not notice every mistake (Q6). References among the results are the caller's, to free with
    /// [`Ref::from_val`].
    #[inline]
    pub fn call(&self, args: &[Val], results: &mut [Val]) -> Result<(), Trap> {
        let args = VecBuf::view(args);
        let mut results = VecBuf::view_mut(results);
        // SAFETY: the handle is alive; a `Val` is a `wasm_val_t`; both slices are borrowed for the call.
        let trap = unsafe {
            (self.api.wasm_func_call)(
                self.raw.as_ptr(),
                args.as_ptr().cast(),
                results.as_mut_ptr().cast(),
            )
        };
        // SAFETY: a trap is ours.
        match unsafe { Trap::from_raw(self.api, trap) } {
            None => Ok(()),
            Some(trap) => Err(trap),
        }
    }

    /// As [`call`](Self::call), of a function that takes and gives nothing.
    #[inline]
    pub fn call_nothing(&self) -> Result<(), Trap> {
        let nothing = || wasm_val_vec_t {
            size: 0,
            data: ptr::null_mut(),
        };
        let (args, mut results) = (nothing(), nothing());
        // SAFETY: the handle is alive; the vectors are empty, and no engine makes them anew.
        let trap = unsafe {
            (self.api.wasm_func_call)(self.raw.as_ptr(), &raw const args, &raw mut results)
        };
        // SAFETY: a trap is ours.
        match unsafe { Trap::from_raw(self.api, trap) } {
            None => Ok(()),
            Some(trap) => Err(trap),
        }
    }

    /// The function's type; `None` where it cannot be expressed. For functions that came from no object of ours alone: engines end the
    /// process on types that `wasm.h` has no form for (Q5).
    pub fn ty(&self) -> Option<FuncType> {
        // SAFETY: the handle is alive; the type is ours and is deleted here.
        unsafe {
            let raw = (self.api.wasm_func_type)(self.raw.as_ptr());
            if raw.is_null() {
                return None;
            }
            let ty = func_type(self.api, raw);
            (self.api.wasm_functype_delete)(raw);
            ty
        }
    }

    pub fn param_arity(&self) -> usize {
        // SAFETY: the handle is alive.
        unsafe { (self.api.wasm_func_param_arity)(self.raw.as_ptr()) }
    }

    pub fn result_arity(&self) -> usize {
        // SAFETY: the handle is alive.
        unsafe { (self.api.wasm_func_result_arity)(self.raw.as_ptr()) }
    }
}

impl Global {
    /// A global of ours. Take one [`EngineGlobalType`] for all globals of a type.
    pub fn new(store: Store, ty: &EngineGlobalType, value: Val) -> Result<Global> {
        let api = store.api();
        // SAFETY: type and value are read during the call.
        let raw = unsafe { (api.wasm_global_new)(store.raw(), ty.raw(), value.raw()) };
        match NonNull::new(raw) {
            Some(raw) => Ok(Global { api, raw }),
            None => Err(Error::new(
                Code::Engine,
                format!("the engine refused a global with the value {value:?}"),
            )),
        }
    }

    /// One for each of these values.
    pub fn all(store: Store, ty: &EngineGlobalType, values: &[u32]) -> Result<Vec<Global>> {
        if let Some(made) = store.shim().globals(store, ty, values) {
            return Ok(made);
        }
        let each = values.iter();
        each.map(|&value| Global::new(store, ty, Val::u32(value)))
            .collect()
    }

    /// The value of a global whose type [passes through `wasm.h`](crate::object::ValType::has_c_form), which the caller knows from the
    /// module that defines it: engines end the process on others (Q4), or when they are asked for the type (Q5).
    #[inline]
    pub fn get(&self) -> Val {
        let mut value = *Val::zero(WASM_I32).as_raw();
        // SAFETY: the handle is alive; the engine writes a whole value.
        unsafe { (self.api.wasm_global_get)(self.raw.as_ptr(), &raw mut value) };
        Val::from_raw(value)
    }

    /// Sets a mutable global. Kind and mutability must fit: engines ignore a mistake.
    pub fn set(&self, value: Val) {
        // SAFETY: the handle is alive; the value is read during the call.
        unsafe { (self.api.wasm_global_set)(self.raw.as_ptr(), value.raw()) }
    }

    pub fn ty(&self) -> Option<GlobalType> {
        // SAFETY: the handle is alive; the type is ours and is deleted here.
        unsafe {
            let raw = (self.api.wasm_global_type)(self.raw.as_ptr());
            if raw.is_null() {
                return None;
            }
            let ty = global_type(self.api, raw);
            (self.api.wasm_globaltype_delete)(raw);
            ty
        }
    }
}

impl Table {
    /// A table with null in every slot.
    pub fn new(store: Store, ty: TableType) -> Result<Table> {
        let api = store.api();
        let engine_type = EngineTableType::new(api, ty)?;
        // SAFETY: the type is read during the call; NULL is the null reference.
        let raw = unsafe { (api.wasm_table_new)(store.raw(), engine_type.raw(), ptr::null_mut()) };
        match NonNull::new(raw) {
            Some(raw) => Ok(Table { api, raw }),
            None => Err(Error::new(
                Code::Engine,
                format!("the engine refused a table of {} entries", ty.limits),
            )),
        }
    }

    /// The table's type. The minimum is the declared one or the current size (Q10).
    pub fn ty(&self) -> Option<TableType> {
        // SAFETY: the handle is alive; the type is ours and is deleted here.
        unsafe {
            let raw = (self.api.wasm_table_type)(self.raw.as_ptr());
            if raw.is_null() {
                return None;
            }
            let ty = table_type(self.api, raw);
            (self.api.wasm_tabletype_delete)(raw);
            ty
        }
    }

    pub fn size(&self) -> u32 {
        // SAFETY: the handle is alive.
        unsafe { (self.api.wasm_table_size)(self.raw.as_ptr()) }
    }

    /// Appends `delta` null slots. Returns the size before, which is the first new slot.
    pub fn grow(&self, delta: u32) -> Option<u32> {
        let before = self.size();
        // SAFETY: the handle is alive; NULL is the null reference.
        let grown =
            unsafe { (self.api.wasm_table_grow)(self.raw.as_ptr(), delta, ptr::null_mut()) };
        grown.then_some(before)
    }

    /// Makes a slot null. False if there is no such slot.
    pub fn set_null(&self, slot: u32) -> bool {
        // SAFETY: the handle is alive; NULL is the null reference.
        unsafe { (self.api.wasm_table_set)(self.raw.as_ptr(), slot, ptr::null_mut()) }
    }

    /// What a slot holds; `None` for a null slot, and for one beyond the end.
    pub fn get(&self, slot: u32) -> Option<Ref> {
        // SAFETY: the handle is alive; the reference is ours.
        let raw = unsafe { (self.api.wasm_table_get)(self.raw.as_ptr(), slot) };
        NonNull::new(raw).map(|raw| Ref { api: self.api, raw })
    }

    /// Puts into a slot what [`Table::get`] gave (of this or another table): the only references that every engine takes (Q2).
    pub fn set(&self, slot: u32, value: &Ref) -> bool {
        // SAFETY: both handles are alive; the engine copies the reference.
        unsafe { (self.api.wasm_table_set)(self.raw.as_ptr(), slot, value.raw.as_ptr()) }
    }
}

/// An owned reference, out of a table.
pub struct Ref {
    api: &'static Api,
    raw: NonNull<wasm_ref_t>,
}

impl Ref {
    /// Takes over a reference among the results of a call.
    ///
    /// # Safety
    /// `value` is a result of [`Func::call`] on an engine behind `api`, not taken over before.
    pub unsafe fn from_val(api: &'static Api, value: Val) -> Option<Ref> {
        NonNull::new(value.as_ref_ptr()?).map(|raw| Ref { api, raw })
    }
}

impl Drop for Ref {
    fn drop(&mut self) {
        // An engine without the function keeps the few bytes.
        if let Some(delete) = self.api.wasm_ref_delete {
            // SAFETY: owned, and not used again.
            unsafe { delete(self.raw.as_ptr()) }
        }
    }
}
