//! `dladdr`, `dlinfo` and `dl_iterate_phdr`, as musl and glibc have them. `include/wasmdyld/dlfcn.h` declares them for guests.
//!
//! Structures are those of wasm32: pointers, `long` and `size_t` have 4 bytes.

use super::core::{self, answer};
use super::libc::service;
use crate::engine::HostTrap;
use crate::error::{Code, Error, Result};
use crate::link::{Call, Namespace, ObjectInfo, Service, cut};
use crate::plan::ObjectId;

const RTLD_DI_LMID: u32 = 1;
const RTLD_DI_LINKMAP: u32 = 2;
const RTLD_DI_SERINFO: u32 = 4;
const RTLD_DI_SERINFOSIZE: u32 = 5;
const RTLD_DI_ORIGIN: u32 = 6;

const LINK_MAP_SIZE: u64 = 20;
pub const PHDR_INFO_SIZE: u64 = 40;
/// `Dl_serinfo` without its paths, and one of these.
const SERINFO_SIZE: u64 = 8;
const SERPATH_SIZE: u64 = 8;
/// `dls_flags`: where a path comes from is not told apart.
const SERPATH_FLAGS: u32 = 0;

pub const SERVICES: &[Service] = &[
    service("dladdr", 2, dladdr),
    service("dlinfo", 3, dlinfo),
    service("dl_iterate_phdr", 2, dl_iterate_phdr),
];

/// What the guest may know of where an object came from: a path of its own, or the name; of the host's folders only if told so.
fn shown_name(ns: &Namespace, info: &ObjectInfo) -> String {
    match &info.path {
        Some(path) if info.in_guest || ns.config().guest_paths => path.display().to_string(),
        _ => info.name.to_string(),
    }
}

fn gone() -> Error {
    Error::new(Code::InvalidArgument, "the object is gone")
}

/// Fills `Dl_info`. A number may be a function's slot or the address of data: functions come first, since these are what is asked for.
fn dladdr(call: &Call<'_>, args: &[u32]) -> Result<u32, HostTrap> {
    let &[address, result] = args else {
        return Err("dladdr takes two arguments".into());
    };
    let ns = call.ns;
    let find = || -> Result<u32> {
        let found = ns
            .at_slot(address.into())
            .or_else(|_| ns.at_address(address.into()))?;
        let info = ns.object(found.object).ok_or_else(gone)?;
        let name = ns.string_of(info.id, &shown_name(ns, &info))?;
        let (symbol, value) = match &found.symbol {
            Some((symbol, value)) => (ns.string_of(info.id, symbol)?, *value),
            None => (0, 0),
        };
        put(ns, result, &[name, info.place.memory_base, symbol, value])?;
        Ok(1)
    };
    // Like others', it fails without a text for dlerror.
    match find() {
        Ok(found) => Ok(found),
        Err(error) if error.exit_code().is_some() => Err(ns.as_trap(&error)),
        Err(_) => Ok(0),
    }
}

/// Writes 32-bit words.
fn put(ns: &Namespace, at: u32, words: &[u64]) -> Result<()> {
    let bytes: Vec<u8> = words
        .iter()
        .flat_map(|&word| (word as u32).to_le_bytes())
        .collect();
    ns.memory()?.write(at.into(), &bytes)?;
    Ok(())
}

fn dlinfo(call: &Call<'_>, args: &[u32]) -> Result<u32, HostTrap> {
    let &[handle, request, result] = args else {
        return Err("dlinfo takes three arguments".into());
    };
    let ns = call.ns;
    let tell = || {
        let id = core::object(ns, handle)?.or_else(|| first(ns));
        let id = id.ok_or_else(gone)?;
        let info = ns.object(id).ok_or_else(gone)?;
        match request {
            // One namespace is all that a guest sees.
            RTLD_DI_LMID => put(ns, result, &[0])?,
            RTLD_DI_LINKMAP => put(ns, result, &[link_map(ns, id)?])?,
            RTLD_DI_SERINFOSIZE => {
                let (count, size) = search_size(&ns.search_path(id)?);
                put(ns, result, &[size, count])?;
            }
            RTLD_DI_SERINFO => search_info(ns, id, result)?,
            RTLD_DI_ORIGIN => origin(ns, &info, result)?,
            _ => {
                let why = format!("dlinfo: unsupported request {request}");
                return Err(Error::new(Code::Unsupported, why));
            }
        }
        Ok(0)
    };
    answer(call, tell(), u32::MAX)
}

fn first(ns: &Namespace) -> Option<ObjectId> {
    ns.main()
        .or_else(|| ns.objects().first().map(|info| info.id))
}

/// Writes the chain of all objects and gives the link of one.
fn link_map(ns: &Namespace, wanted: ObjectId) -> Result<u64> {
    let objects = in_order(ns);
    let mut links = Vec::with_capacity(objects.len());
    for info in &objects {
        links.push(ns.link_map_of(info.id, LINK_MAP_SIZE)?);
    }
    let mut found = None;
    for (n, (info, &link)) in objects.iter().zip(&links).enumerate() {
        let name = ns.string_of(info.id, &shown_name(ns, info))?;
        let next = links.get(n + 1).copied().unwrap_or(0);
        let previous = n.checked_sub(1).and_then(|n| links.get(n)).copied();
        let words = [info.place.memory_base, name, 0, next, previous.unwrap_or(0)];
        put(ns, link as u32, &words)?;
        if info.id == wanted {
            found = Some(link);
        }
    }
    found.ok_or_else(gone)
}

/// The main program first, then the others as they were loaded.
fn in_order(ns: &Namespace) -> Vec<ObjectInfo> {
    let mut objects = ns.objects();
    objects.sort_by_key(|info| (!info.main, info.id));
    objects
}

/// How many paths, and how much room they and their texts need.
fn search_size(paths: &[String]) -> (u64, u64) {
    let count = paths.len() as u64;
    let texts: u64 = paths.iter().map(|path| path.len() as u64 + 1).sum();
    (count, SERINFO_SIZE + count * SERPATH_SIZE + texts)
}

/// Fills the structure, which the caller made as large as `dls_size` says and told so there.
fn search_info(ns: &Namespace, id: ObjectId, result: u32) -> Result<()> {
    let paths = ns.search_path(id)?;
    let (count, size) = search_size(&paths);
    let memory = ns.memory()?;
    let given = memory.read_u32(result.into())?;
    if u64::from(given) < size {
        let why = format!("dlinfo: {given} bytes for a search path that needs {size}");
        return Err(Error::new(Code::InvalidArgument, why));
    }
    let start = u64::from(result);
    put(ns, result, &[size, count])?;
    let mut text = start + SERINFO_SIZE + count * SERPATH_SIZE;
    for (n, path) in paths.iter().enumerate() {
        let entry = start + SERINFO_SIZE + n as u64 * SERPATH_SIZE;
        memory.write_u32(entry, text as u32)?;
        memory.write_u32(entry + 4, SERPATH_FLAGS)?;
        memory.write(text, path.as_bytes())?;
        memory.write(text + path.len() as u64, &[0])?;
        text += path.len() as u64 + 1;
    }
    Ok(())
}

/// The folder of an object, where the guest may know it: as glibc does, into room that the caller vouches for.
fn origin(ns: &Namespace, info: &ObjectInfo, result: u32) -> Result<()> {
    let path = info.path.as_deref();
    let known = path.filter(|_| info.in_guest || ns.config().guest_paths);
    let folder = known.and_then(|path| path.parent()).ok_or_else(|| {
        let why = format!(
            "dlinfo: the folder of {} is not the guest's to know",
            info.name
        );
        Error::new(Code::Unsupported, why)
    })?;
    let text = folder.display().to_string();
    let text = if text.is_empty() {
        "."
    } else {
        cut(&text, 4095)
    };
    let memory = ns.memory()?;
    memory.write(result.into(), text.as_bytes())?;
    memory.write(u64::from(result) + text.len() as u64, &[0])?;
    Ok(())
}

/// Calls `callback(info, size, data)` for each object until it answers other than zero, which is the answer then.
fn dl_iterate_phdr(call: &Call<'_>, args: &[u32]) -> Result<u32, HostTrap> {
    let &[callback, data] = args else {
        return Err("dl_iterate_phdr takes two arguments".into());
    };
    let ns = call.ns;
    let iterate = |at: u64| {
        for info in in_order(ns) {
            // A callback may close what is yet to come.
            if !ns.contains(info.id) {
                continue;
            }
            let name = ns.string_of(info.id, &shown_name(ns, &info))?;
            let (added, removed) = ns.turnover();
            let (added, removed) = (split(added), split(removed));
            let words = [
                info.place.memory_base,
                name,
                0,
                0,
                added.0,
                added.1,
                removed.0,
                removed.1,
                0,
                0,
            ];
            put(ns, at as u32, &words)?;
            let answer = ns.call_slot(callback, &[at as u32, PHDR_INFO_SIZE as u32, data])?;
            if answer != 0 {
                return Ok(answer);
            }
        }
        Ok(0)
    };
    // What goes wrong in the callback is the caller's, not an answer.
    ns.with_piece(PHDR_INFO_SIZE, iterate)
        .map_err(|error| ns.as_trap(&error))
}

fn split(value: u64) -> (u64, u64) {
    (value & 0xffff_ffff, value >> 32)
}
