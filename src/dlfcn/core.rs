//! What all adapters share: handles, names, and the three operations.

use crate::engine::{HostTrap, Memory};
use crate::error::{Code, Error, Result};
use crate::link::{Call, Flags, Namespace, Party, SearchIn, Source, Symbol};
use crate::plan::ObjectId;

/// PATH_MAX of Linux, with the NUL.
const MAX_PATH: usize = 4096;
/// Mangled names of templates grow long; nobody has seen one of this length.
const MAX_SYMBOL: usize = 1 << 20;

/// Most names are no longer.
const SHORT: usize = 128;

/// What the guest holds for the global scope (`dlopen(NULL)`). Objects' handles are above it.
const GLOBAL: u32 = 8;
/// Handles are this far apart, so that a number picked at random is rarely one.
const STEP: u32 = 16;

/// The guest's number for an object. `None` after 268 million objects.
pub fn handle(id: ObjectId) -> Option<u32> {
    id.0.checked_add(1)?.checked_mul(STEP)?.checked_add(GLOBAL)
}

/// The object that a number from the guest stands for, which must be open by a guest; `None`: the global scope.
pub fn object(ns: &Namespace, handle: u32) -> Result<Option<ObjectId>> {
    if handle == GLOBAL {
        return Ok(None);
    }
    let number = handle.checked_sub(GLOBAL).filter(|n| n % STEP == 0);
    let id = number.and_then(|n| (n / STEP).checked_sub(1)).map(ObjectId);
    let open = id.filter(|&id| ns.opens(id).guest > 0);
    open.map(Some).ok_or_else(|| {
        Error::new(
            Code::InvalidArgument,
            format!("{handle:#x} is no handle that dlopen gave, or it has been closed"),
        )
    })
}

/// Where a symbol is looked up for a handle.
pub fn scope(ns: &Namespace, handle: u32) -> Result<SearchIn> {
    Ok(object(ns, handle)?.map_or(SearchIn::Global, SearchIn::Object))
}

/// dlopen(3). `None` as name: the global scope. `None` as answer: it is not loaded, and is not to be.
pub fn open(call: &Call<'_>, name: Option<&str>, flags: Flags) -> Result<Option<u32>> {
    let Some(name) = name else {
        return Ok(Some(GLOBAL));
    };
    if !call.ns.config().guest_dlopen {
        let why = "the host does not let guests open libraries";
        return Err(Error::new(Code::Unsupported, why));
    }
    let source = Source::Guest {
        name: name.to_string(),
        caller: call.caller,
    };
    let flags = Flags {
        party: Party::Guest,
        ..flags
    };
    let Some(id) = call.ns.open(source, flags)? else {
        return Ok(None);
    };
    let handle = handle(id);
    let handle = handle.ok_or_else(|| Error::new(Code::Limit, "handles are used up"))?;
    Ok(Some(handle))
}

/// dlsym(3): a slot or an address.
pub fn symbol(call: &Call<'_>, from: SearchIn, address: u32) -> Result<u32> {
    let memory = call.ns.memory()?;
    with_string(
        &memory,
        address,
        MAX_SYMBOL,
        "symbol name",
        |name| match call.ns.known_value(from, name) {
            Some(known) => Ok(known),
            None => value(call, call.ns.dlsym(from, name)?),
        },
    )
}

/// What the guest holds for a symbol: a slot or an address, of 32 bits both.
pub fn value(call: &Call<'_>, symbol: Symbol) -> Result<u32> {
    Ok(match symbol {
        Symbol::Func { callee, sig } => call.ns.slot(callee, &sig)?,
        Symbol::Data { address, .. } => address as u32,
        Symbol::Number(value) => value as u32,
    })
}

/// dlclose(3).
pub fn close(call: &Call<'_>, handle: u32) -> Result<()> {
    match object(call.ns, handle)? {
        None => Ok(()),
        Some(id) => call.ns.close(id, Party::Guest),
    }
}

/// The C string that the guest names as a file.
pub fn path(ns: &Namespace, address: u32) -> Result<String> {
    let memory = ns.memory()?;
    with_string(&memory, address, MAX_PATH, "name", |name| {
        Ok(name.to_string())
    })
}

/// Bytes of a given length, as a name.
pub fn sized(ns: &Namespace, address: u32, len: u32, what: &str) -> Result<String> {
    let limit = MAX_PATH.max(MAX_SYMBOL);
    if len as usize > limit {
        return Err(Error::new(
            Code::InvalidArgument,
            format!("a {what} of {len} bytes is too long"),
        ));
    }
    let mut bytes = vec![0; len as usize];
    ns.memory()?.read(address.into(), &mut bytes)?;
    // Some pass the length with the NUL.
    if bytes.last() == Some(&0) {
        bytes.pop();
    }
    String::from_utf8(bytes).map_err(|_| not_text(what))
}

fn not_text(what: &str) -> Error {
    Error::new(Code::InvalidArgument, format!("the {what} is not UTF-8"))
}

fn with_string<T>(
    memory: &Memory,
    address: u32,
    limit: usize,
    what: &str,
    with: impl FnOnce(&str) -> Result<T>,
) -> Result<T> {
    if address == 0 {
        return Err(Error::new(
            Code::InvalidArgument,
            format!("the {what} is NULL"),
        ));
    }
    let mut room = [0; SHORT];
    let bytes = memory.read_short_c_str(address.into(), limit, &mut room);
    let bytes = bytes.map_err(|_| {
        Error::new(
            Code::InvalidArgument,
            format!(
                "the {what} at {address:#x} does not end within the memory, or within {limit} bytes"
            ),
        )
    })?;
    with(std::str::from_utf8(&bytes).map_err(|_| not_text(what))?)
}

/// An answer for the guest: an error becomes `otherwise`, with its text for dlerror. A guest that ended itself ends.
pub fn answer(call: &Call<'_>, outcome: Result<u32>, otherwise: u32) -> Result<u32, HostTrap> {
    match outcome {
        Ok(value) => Ok(value),
        Err(error) if error.exit_code().is_some() => Err(call.ns.as_trap(&error)),
        Err(error) => {
            *call.ns.dl_error.borrow_mut() = Some(error.to_guest());
            Ok(otherwise)
        }
    }
}
