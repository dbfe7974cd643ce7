//! Externs that the host defines.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use super::host::HostValue;
use super::namespace::Namespace;
use super::renew::Value;
use crate::control::{self, Checks};
use crate::engine::{Extern, ExternKind, Func, HostFunc, Val};
use crate::error::{Code, Context, Error, Result};
use crate::object::{ExternType, FuncType, Limits, MemoryType, TableType, ValType};
use crate::plan::Precedence;

/// Whether JavaScript answers by a promise: then nothing of this library may stand between it and the guest.
#[cfg(target_family = "wasm")]
fn waits(value: &Extern) -> bool {
    unsafe extern "C" {
        fn wasmdyld_waits(value: *const crate::engine::sys::wasm_extern_t) -> u32;
    }
    // SAFETY: the handle is alive.
    unsafe { wasmdyld_waits(value.as_extern().raw()) != 0 }
}

#[cfg(not(target_family = "wasm"))]
fn waits(_value: &Extern) -> bool {
    false
}

impl Namespace {
    /// Defines `module`.`name` as a copy of the host's handle.
    pub fn define_extern(
        &self,
        module: &str,
        name: &str,
        value: &Extern,
        overriding: bool,
    ) -> Result<()> {
        let ty = type_of(value).context(|| format!("defining {module}.{name}"))?;
        let own = value.duplicate();
        let own =
            own.ok_or_else(|| Error::new(Code::Engine, "the engine refused to copy a handle"))?;
        let precedence = Precedence::of_host(overriding);
        let noted = noted(value, &ty);
        let value = match (&ty, self.control().checks()) {
            (ExternType::Func(ty), Checks::Counted) if !waits(&own) => {
                self.watched(own, ty.clone(), format!("{module}.{name}"))
            }
            _ => HostValue::Extern(own),
        };
        self.define(module, name, value, ty, precedence)?;
        let mut all = self.definitions.borrow_mut();
        all.note(module, name, noted, overriding);
        Ok(())
    }

    /// A function of the host's from which no guest comes back that is to stop. Where the guest looks only when it has used what it was
    /// lent, it could call a slow function many times until then.
    fn watched(&self, own: Extern, ty: Arc<FuncType>, name: String) -> HostValue {
        let (own, store) = (Rc::new(own), self.store());
        let make = move || {
            let own = own.clone();
            let body = move |args: &[Val], results: &mut [Val]| {
                let func = own.as_func().ok_or("a function of the host's is none")?;
                func.call(args, results)?;
                match control::wanted() {
                    None => Ok(()),
                    Some(stop) => Err(stop.error().into()),
                }
            };
            HostFunc::new(store, &ty, Box::new(body)).context(|| format!("defining {name}"))
        };
        HostValue::Func(OnceCell::new(), Box::new(make))
    }

    /// Calls a function on behalf of the host, whose arguments may not fit it.
    pub fn call_checked(&self, func: &Func, args: &[Val], results: &mut [Val]) -> Result<()> {
        let ty = self.type_of(func)?;
        callable(&ty)?;
        fits(&ty, args, results)?;
        self.call(func, args, results)
    }
}

/// What of a definition can be made anew in another store.
fn noted(value: &Extern, ty: &ExternType) -> Value {
    let number = |ty| !matches!(ty, ValType::V128 | ValType::Ref { .. });
    match ty {
        ExternType::Global(global) if global.mutable => Value::OfStore("a global that changes"),
        ExternType::Global(global) if number(global.content) => match value.as_global() {
            Some(value) => Value::Constant(*global, value.get()),
            None => Value::OfStore("a global"),
        },
        ExternType::Global(_) => Value::OfStore("a global with a reference"),
        ExternType::Func(_) => Value::OfStore("a function of wasm.h"),
        ExternType::Table(_) => Value::OfStore("a table"),
        ExternType::Memory(_) => Value::OfStore("a memory"),
        ExternType::Tag(_) => Value::OfStore("a tag"),
    }
}

/// Whether these arguments and as many results are what a function of the type takes and gives.
#[inline]
pub(super) fn fits(ty: &FuncType, args: &[Val], results: &[Val]) -> Result<()> {
    let (params, wanted) = (ty.params.len(), ty.results.len());
    if args.len() == params
        && results.len() == wanted
        && args.iter().zip(&ty.params).all(|(arg, &ty)| arg.is(ty))
    {
        return Ok(());
    }
    Err(unfit(ty, args, results))
}

#[cold]
fn unfit(ty: &FuncType, args: &[Val], results: &[Val]) -> Error {
    let mut all = args.iter().zip(&ty.params).enumerate();
    let why = match all.find(|(_, (arg, ty))| !arg.is(**ty)) {
        Some((n, (arg, wanted)))
            if args.len() == ty.params.len() && results.len() == ty.results.len() =>
        {
            format!("argument {n} is {arg:?}, the function takes {wanted}")
        }
        _ => format!(
            "the function takes {} arguments and gives {} results; {} and {} were given",
            ty.params.len(),
            ty.results.len(),
            args.len(),
            results.len()
        ),
    };
    Error::new(Code::InvalidArgument, why)
}

/// What an importer may count on: the size now, which not every engine tells with the type (Q10).
fn at_least(limits: Limits, size: u64) -> Limits {
    Limits {
        min: limits.min.max(size),
        ..limits
    }
}

/// Whether a function of this type may be called through `wasm.h`: its results count as much as its parameters.
pub(super) fn callable(ty: &FuncType) -> Result<()> {
    if ty.has_c_form() {
        return Ok(());
    }
    let why = format!(
        "a function of type {ty} cannot be called from the host: wasm.h carries i32, i64, f32, f64 and funcref only"
    );
    Err(Error::new(Code::Unsupported, why))
}

/// What the host gives is passed on as it is, but the host's own functions get their values through `wasm.h`.
fn carried(carried: bool, ty: &dyn std::fmt::Display) -> Result<()> {
    if carried {
        return Ok(());
    }
    let why = format!("{ty}: wasm.h carries i32, i64, f32, f64 and funcref only");
    Err(Error::new(Code::Unsupported, why))
}

fn type_of(value: &Extern) -> Result<ExternType> {
    let unknown = || {
        Error::new(
            Code::Unsupported,
            "something whose type the engine does not tell",
        )
    };
    match value.kind() {
        ExternKind::Func => {
            let ty = value.as_func().and_then(|f| f.ty()).ok_or_else(unknown)?;
            carried(ty.has_c_form(), &ty)?;
            Ok(ExternType::Func(ty.into()))
        }
        ExternKind::Global => {
            let ty = value.as_global().and_then(|g| g.ty()).ok_or_else(unknown)?;
            carried(ty.content.has_c_form(), &ty)?;
            Ok(ExternType::Global(ty))
        }
        ExternKind::Memory => {
            let memory = value.as_memory().ok_or_else(unknown)?;
            let limits = at_least(memory.limits(), memory.pages());
            Ok(ExternType::Memory(Box::new(MemoryType {
                limits,
                shared: false,
                memory64: false,
                page_log2: None,
            })))
        }
        ExternKind::Table => {
            let table = value.as_table().ok_or_else(unknown)?;
            let ty = table.ty().ok_or_else(unknown)?;
            let limits = at_least(ty.limits, table.size().into());
            Ok(ExternType::Table(Box::new(TableType { limits, ..ty })))
        }
        ExternKind::Tag | ExternKind::Unknown(_) => Err(unknown()),
    }
}
