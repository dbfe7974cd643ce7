//! Functions of the guest that the host calls by their names, and the guest's heap: its own malloc and free.

use std::rc::Rc;

use super::function::Function;
use super::namespace::Namespace;
use super::symbols::{SearchIn, Symbol};
use crate::abi;
use crate::engine::{Func, Val};
use crate::error::{Code, Context, Error, Result};
use crate::object::{FuncType, ValType};
use crate::plan::ObjectId;
use crate::text;

/// Malloc and free of one object of the guest's, or of two.
pub(super) struct Heap {
    malloc: Function,
    free: Function,
}

impl Heap {
    fn is_there(&self) -> bool {
        self.malloc.here().is_ok() && self.free.here().is_ok()
    }
}

impl Namespace {
    /// Prepares the function of a name, which is to have this type.
    pub fn find_function(
        self: &Rc<Self>,
        from: SearchIn,
        name: &str,
        wanted: &FuncType,
    ) -> Result<Function> {
        let shown = text::name(name);
        let (callee, real) = match self.dlsym(from, name)? {
            Symbol::Func { callee, sig } => (callee, sig),
            Symbol::Data { .. } | Symbol::Number(_) => {
                let why = format!("{shown} is no function");
                return Err(Error::new(Code::TypeMismatch, why));
            }
        };
        if *real != *wanted {
            let why = format!("{shown} is {real}, the host asks for {wanted}");
            return Err(Error::new(Code::TypeMismatch, why));
        }
        let func = self.func_ptr(callee)?;
        // SAFETY: it lives as long as its object, beyond this function.
        let func = unsafe { Func::lend(self.store().api(), func) };
        self.prepare_call(&func)
    }

    /// Memory for `size` bytes, of the guest's malloc.
    pub fn alloc(self: &Rc<Self>, size: u64) -> Result<u64> {
        // Of nothing, malloc may give null.
        let wanted = u32::try_from(size.max(1)).map_err(|_| {
            let why =
                format!("the guest has no memory for {size} bytes: its addresses have 32 bits");
            Error::new(Code::Limit, why)
        })?;
        let heap = self.heap()?;
        let mut result = [Val::u32(0)];
        let called = heap.malloc.call(&[Val::u32(wanted)], &mut result);
        called.context(|| "calling the guest's malloc")?;
        let address = result.first().and_then(|v| v.as_u32()).unwrap_or(0);
        if address == 0 {
            let why = format!("the guest has no memory for {size} bytes: its malloc gave null");
            return Err(Error::new(Code::Limit, why));
        }
        let address = u64::from(address);
        let within = self.memory_to_use()?.holds(address, wanted.into());
        within.map_err(Error::from).context(
            || "the guest's malloc is not to be trusted: what it gave is not in the memory",
        )?;
        Ok(address)
    }

    /// Gives memory back to the guest's free. Null is nothing.
    pub fn free(self: &Rc<Self>, address: u64) -> Result<()> {
        if address == 0 {
            return Ok(());
        }
        self.memory_to_use()?.holds(address, 1)?;
        let number = u32::try_from(address).map_err(|_| {
            let why = format!("{address:#x} is no address of the guest's");
            Error::new(Code::InvalidArgument, why)
        })?;
        let called = self.heap()?.free.call(&[Val::u32(number)], &mut []);
        called.context(|| "calling the guest's free")
    }

    /// The object whose malloc serves [`alloc`](Self::alloc), if there is one.
    pub fn heap_owner(self: &Rc<Self>) -> Option<ObjectId> {
        self.heap().ok()?.malloc.owner()
    }

    /// It stays the same one as long as the objects that have it are there.
    fn heap(self: &Rc<Self>) -> Result<Rc<Heap>> {
        let known = self.heap.borrow().clone();
        if let Some(known) = known.filter(|heap| heap.is_there()) {
            return Ok(known);
        }
        let objects = self.object_ids();
        let objects = objects.into_iter().map(SearchIn::Object);
        let mut places = [SearchIn::Global].into_iter().chain(objects);
        let found = places.find_map(|from| self.heap_of(from)).ok_or_else(|| {
            let why = "no object of the guest exports malloc and free: load its libc.so, or link the program with -Wl,--export=malloc,--export=free";
            Error::new(Code::NotFound, why)
        })?;
        let found = Rc::new(found);
        self.heap.replace(Some(found.clone()));
        Ok(found)
    }

    fn heap_of(self: &Rc<Self>, from: SearchIn) -> Option<Heap> {
        let malloc = FuncType {
            params: vec![ValType::I32],
            results: vec![ValType::I32],
        };
        let free = FuncType {
            results: Vec::new(),
            ..malloc.clone()
        };
        Some(Heap {
            malloc: self.find_function(from, abi::MALLOC, &malloc).ok()?,
            free: self.find_function(from, abi::FREE, &free).ok()?,
        })
    }
}
