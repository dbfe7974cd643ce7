//! `dlopen` and `dlsym` of WASIX: errors as errno, with the text in a buffer of the caller's.

use super::core;
use crate::engine::HostTrap;
use crate::error::{Code, Error, Result};
use crate::link::{Call, Flags, SearchIn, Service, cut};
use crate::plan::Bind;

const MODULE: &str = "wasix_32v1";
const LAZY: u32 = 1;
const NOW: u32 = 2;
const GLOBAL: u32 = 4;
const NOLOAD: u32 = 8;
const NODELETE: u32 = 16;
const DEEPBIND: u32 = 32;
/// RTLD_DEFAULT, and the main program.
const DEFAULT: u32 = 0;
const MAIN: u32 = 1;

pub const SERVICES: &[Service] = &[
    Service {
        module: MODULE,
        name: "dlopen",
        params: 8,
        result: true,
        body: dlopen,
    },
    Service {
        module: MODULE,
        name: "dlsym",
        params: 6,
        result: true,
        body: dlsym,
    },
    Service {
        module: MODULE,
        name: "dl_invalid_handle",
        params: 1,
        result: true,
        body: dl_invalid_handle,
    },
];

/// The errno of preview1 for an error.
pub fn errno(error: &Error) -> u32 {
    const INVAL: u32 = 28;
    const IO: u32 = 29;
    const NOENT: u32 = 44;
    const NOEXEC: u32 = 45;
    const NOMEM: u32 = 48;
    match error.code() {
        Code::InvalidArgument => INVAL,
        Code::Io => IO,
        Code::NotFound => NOENT,
        Code::Limit => NOMEM,
        _ => NOEXEC,
    }
}

/// Zero or an errno, with the text in `buffer`, cut to `size` with its NUL.
fn status(call: &Call<'_>, outcome: Result<()>, buffer: u32, size: u32) -> Result<u32, HostTrap> {
    let Err(error) = outcome else {
        return Ok(0);
    };
    if error.exit_code().is_some() {
        return Err(call.ns.as_trap(&error));
    }
    if let (Some(room), Ok(memory)) = (size.checked_sub(1), call.ns.memory()) {
        let text = error.to_guest();
        let mut bytes = cut(&text, room as usize).as_bytes().to_vec();
        bytes.push(0);
        // A buffer out of bounds gets no text.
        let _ = memory.write(buffer.into(), &bytes);
    }
    Ok(errno(&error))
}

fn flags(number: u32) -> Result<Flags> {
    let known = LAZY | NOW | GLOBAL | NOLOAD | NODELETE | DEEPBIND;
    if number & !known != 0 {
        let why = format!("invalid flags for dlopen: {number:#x}");
        return Err(Error::new(Code::InvalidArgument, why));
    }
    let has = |flag| number & flag != 0;
    Ok(Flags {
        bind: Bind::asked(has(NOW), has(LAZY)),
        global: has(GLOBAL),
        deepbind: has(DEEPBIND),
        noload: has(NOLOAD),
        nodelete: has(NODELETE),
        ..Flags::default()
    })
}

fn dlopen(call: &Call<'_>, args: &[u32]) -> Result<u32, HostTrap> {
    // The caller's library path, the sixth and seventh, is not followed: where libraries are found is the host's decision.
    let &[path, len, mode, buffer, size, _, _, result] = args else {
        return Err("dlopen takes eight arguments".into());
    };
    let open = || {
        let flags = flags(mode)?;
        let memory = call.ns.memory()?;
        // Found out before anything is loaded.
        memory.write_u32(result.into(), 0)?;
        let handle = match path {
            0 => MAIN,
            path => {
                let path = core::sized(call.ns, path, len, "name")?;
                let opened = core::open(call, Some(&path), flags)?;
                opened.ok_or_else(|| Error::new(Code::NotFound, format!("{path} is not loaded")))?
            }
        };
        memory.write_u32(result.into(), handle)?;
        Ok(())
    };
    status(call, open(), buffer, size)
}

fn target(call: &Call<'_>, handle: u32) -> Result<SearchIn> {
    Ok(match handle {
        DEFAULT => SearchIn::Global,
        MAIN => call.ns.main().map_or(SearchIn::Global, SearchIn::Object),
        handle => core::scope(call.ns, handle)?,
    })
}

fn dlsym(call: &Call<'_>, args: &[u32]) -> Result<u32, HostTrap> {
    let &[handle, symbol, len, buffer, size, result] = args else {
        return Err("dlsym takes six arguments".into());
    };
    let find = || {
        let from = target(call, handle)?;
        let name = core::sized(call.ns, symbol, len, "symbol name")?;
        let value = core::value(call, call.ns.dlsym(from, &name)?)?;
        call.ns.memory()?.write_u32(result.into(), value)?;
        Ok(())
    };
    status(call, find(), buffer, size)
}

fn dl_invalid_handle(call: &Call<'_>, args: &[u32]) -> Result<u32, HostTrap> {
    let &[handle] = args else {
        return Err("dl_invalid_handle takes one argument".into());
    };
    status(call, target(call, handle).map(drop), 0, 0)
}
