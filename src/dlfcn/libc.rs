//! `<dlfcn.h>` of wasi-libc. These override the stubs of its libdl.so.

use super::core::{self, answer};
use crate::abi;
use crate::engine::HostTrap;
use crate::error::{Code, Error, Result};
use crate::link::{Call, Flags, SearchIn, Service};
use crate::plan::Bind;

const RTLD_LAZY: u32 = 1;
const RTLD_NOW: u32 = 2;
const RTLD_NOLOAD: u32 = 4;
const RTLD_LOCAL: u32 = 8;
const RTLD_GLOBAL: u32 = 256;
const RTLD_NODELETE: u32 = 4096;
const RTLD_DEEPBIND: u32 = 16384;
const RTLD_DEFAULT: u32 = 0;
const RTLD_NEXT: u32 = u32::MAX;

pub const SERVICES: &[Service] = &[
    service("dlopen", 2, dlopen),
    service("dlsym", 2, dlsym),
    service("dlclose", 1, dlclose),
    service(abi::DLERROR, 0, dlerror),
];

type Body = fn(&Call<'_>, &[u32]) -> Result<u32, HostTrap>;

pub const fn service(name: &'static str, params: usize, body: Body) -> Service {
    Service {
        module: abi::ENV,
        name,
        params,
        result: true,
        body,
    }
}

fn flags(number: u32) -> Result<Flags> {
    let known = RTLD_LAZY
        | RTLD_NOW
        | RTLD_NOLOAD
        | RTLD_LOCAL
        | RTLD_GLOBAL
        | RTLD_NODELETE
        | RTLD_DEEPBIND;
    let has = |flag| number & flag != 0;
    if number & !known != 0 || has(RTLD_LOCAL) && has(RTLD_GLOBAL) {
        return Err(Error::new(
            Code::InvalidArgument,
            format!("invalid mode for dlopen: {number:#x}"),
        ));
    }
    Ok(Flags {
        bind: Bind::asked(has(RTLD_NOW), has(RTLD_LAZY)),
        global: has(RTLD_GLOBAL),
        deepbind: has(RTLD_DEEPBIND),
        noload: has(RTLD_NOLOAD),
        nodelete: has(RTLD_NODELETE),
        ..Flags::default()
    })
}

fn dlopen(call: &Call<'_>, args: &[u32]) -> Result<u32, HostTrap> {
    let &[name, mode] = args else {
        return Err("dlopen takes two arguments".into());
    };
    let open = || {
        let flags = flags(mode)?;
        let name = match name {
            0 => None,
            name => Some(core::path(call.ns, name)?),
        };
        // What is not loaded under NOLOAD is no error: NULL alone, and dlerror keeps what it had.
        Ok(core::open(call, name.as_deref(), flags)?.unwrap_or(0))
    };
    answer(call, open(), 0)
}

fn dlsym(call: &Call<'_>, args: &[u32]) -> Result<u32, HostTrap> {
    let &[handle, name] = args else {
        return Err("dlsym takes two arguments".into());
    };
    let find = || {
        let from = match handle {
            RTLD_DEFAULT => SearchIn::Global,
            RTLD_NEXT => {
                let caller = call.caller.ok_or_else(|| {
                    let why = "RTLD_NEXT needs a direct call of dlsym: by pointer, the caller is not known";
                    Error::new(Code::Unsupported, why)
                })?;
                SearchIn::After(caller)
            }
            handle => core::scope(call.ns, handle)?,
        };
        core::symbol(call, from, name)
    };
    answer(call, find(), 0)
}

fn dlclose(call: &Call<'_>, args: &[u32]) -> Result<u32, HostTrap> {
    let &[handle] = args else {
        return Err("dlclose takes one argument".into());
    };
    let closed = core::close(call, handle);
    answer(call, closed.map(|()| 0), u32::MAX)
}

fn dlerror(call: &Call<'_>, _args: &[u32]) -> Result<u32, HostTrap> {
    let Some(text) = call.ns.dl_error.borrow_mut().take() else {
        return Ok(0);
    };
    // Without memory for it there is still an error to be told of.
    let address = call.ns.error_text(&text);
    address
        .map(|address| address as u32)
        .map_err(|error| HostTrap::Message(format!("dlerror: {error}; the text was: {text}")))
}
