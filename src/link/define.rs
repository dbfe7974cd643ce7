//! Externs that the host defines.

use super::host::HostValue;
use super::namespace::Namespace;
use crate::engine::{Extern, ExternKind, Func, Val};
use crate::error::{Code, Context, Error, Result};
use crate::object::{ExternType, Limits, MemoryType, TableType};
use crate::plan::Precedence;

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
        let precedence = match overriding {
            true => Precedence::Before,
            false => Precedence::Behind,
        };
        self.define(module, name, HostValue::Extern(own), ty, precedence);
        Ok(())
    }

    /// Calls a function on behalf of the host, whose arguments may not fit it.
    pub fn call_checked(&self, func: &Func, args: &[Val], results: &mut [Val]) -> Result<()> {
        let (params, wanted) = (func.param_arity(), func.result_arity());
        if args.len() != params || results.len() != wanted {
            return Err(Error::new(
                Code::InvalidArgument,
                format!(
                    "the function takes {params} arguments and gives {wanted} results; {} and {} were given",
                    args.len(),
                    results.len()
                ),
            ));
        }
        let ty = func.ty().ok_or_else(|| {
            Error::new(
                Code::Unsupported,
                "the function's type cannot be expressed in wasm.h",
            )
        })?;
        for (n, (arg, wanted)) in args.iter().zip(&ty.params).enumerate() {
            if !arg.is(*wanted) {
                return Err(Error::new(
                    Code::InvalidArgument,
                    format!("argument {n} is {arg:?}, the function takes {wanted}"),
                ));
            }
        }
        self.call(func, args, results)
    }
}

/// What an importer may count on: the size now, which some engines do not tell with the type.
fn at_least(limits: Limits, size: u64) -> Limits {
    Limits {
        min: limits.min.max(size),
        ..limits
    }
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
            Ok(ExternType::Func(ty.into()))
        }
        ExternKind::Global => {
            let ty = value.as_global().and_then(|g| g.ty()).ok_or_else(unknown)?;
            Ok(ExternType::Global(ty))
        }
        ExternKind::Memory => {
            let memory = value.as_memory().ok_or_else(unknown)?;
            let limits = at_least(memory.limits(), memory.pages());
            Ok(ExternType::Memory(MemoryType {
                limits,
                shared: false,
                memory64: false,
                page_log2: None,
            }))
        }
        ExternKind::Table => {
            let table = value.as_table().ok_or_else(unknown)?;
            let ty = table.ty().ok_or_else(unknown)?;
            let limits = at_least(ty.limits, table.size().into());
            Ok(ExternType::Table(TableType { limits, ..ty }))
        }
        ExternKind::Tag | ExternKind::Unknown(_) => Err(unknown()),
    }
}
