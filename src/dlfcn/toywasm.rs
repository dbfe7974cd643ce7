//! The module `dyld` of toywasm: objects by number, functions and data told apart by the caller.

use super::core::{self, answer};
use super::wasix::errno;
use crate::engine::HostTrap;
use crate::error::{Code, Error, Result};
use crate::link::{Call, Flags, Service, Symbol};

const MODULE: &str = "dyld";
/// Kinds of symbols.
const FUNC: u32 = 1;
const MEMORY: u32 = 2;

pub const SERVICES: &[Service] = &[
    Service {
        module: MODULE,
        name: "load_object",
        params: 4,
        result: true,
        body: load_object,
    },
    Service {
        module: MODULE,
        name: "resolve_symbol",
        params: 5,
        result: true,
        body: resolve_symbol,
    },
];

/// Zero, or an errno of preview1; the text is for dlerror.
fn status(call: &Call<'_>, outcome: Result<()>) -> Result<u32, HostTrap> {
    let code = outcome.as_ref().err().map_or(0, errno);
    answer(call, outcome.map(|()| 0), code)
}

fn load_object(call: &Call<'_>, args: &[u32]) -> Result<u32, HostTrap> {
    let &[name, len, flags, result] = args else {
        return Err("load_object takes four arguments".into());
    };
    let load = || {
        if flags != 0 {
            let why = format!("invalid flags for load_object: {flags:#x}");
            return Err(Error::new(Code::InvalidArgument, why));
        }
        let memory = call.ns.memory()?;
        // Found out before anything is loaded.
        memory.write_u32(result.into(), 0)?;
        let name = core::sized(call.ns, name, len, "name")?;
        let handle = core::open(call, Some(&name), Flags::default())?.unwrap_or(0);
        memory.write_u32(result.into(), handle)?;
        Ok(())
    };
    status(call, load())
}

fn resolve_symbol(call: &Call<'_>, args: &[u32]) -> Result<u32, HostTrap> {
    let &[handle, kind, name, len, result] = args else {
        return Err("resolve_symbol takes five arguments".into());
    };
    let resolve = || {
        let ns = call.ns;
        let from = core::scope(ns, handle)?;
        let name = core::sized(ns, name, len, "symbol name")?;
        let value = match (ns.dlsym(from, &name)?, kind) {
            (Symbol::Func { callee, sig }, FUNC) => ns.slot(callee, &sig)?,
            (Symbol::Data { address, .. }, MEMORY) => address as u32,
            (Symbol::Number(value), FUNC | MEMORY) => value as u32,
            (_, FUNC | MEMORY) => {
                let (is, wanted) = match kind {
                    FUNC => ("data", "a function"),
                    _ => ("a function", "data"),
                };
                let why = format!("{name} is {is}, not {wanted}");
                return Err(Error::new(Code::TypeMismatch, why));
            }
            _ => {
                let why = format!("there is no kind {kind} of symbols");
                return Err(Error::new(Code::InvalidArgument, why));
            }
        };
        ns.memory()?.write_u32(result.into(), value)?;
        Ok(())
    };
    status(call, resolve())
}
