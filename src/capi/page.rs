//! What `bindings/js` needs of this library beyond its C API, where it is a module that JavaScript runs.

use std::alloc::{Layout, alloc, dealloc};
use std::cell::RefCell;
use std::ffi::{c_char, c_void};
use std::path::Path;
use std::sync::Arc;

use super::config::{self, wasm_dyld_config_t, wasm_dyld_trace_callback_t};
use super::control::wasm_dyld_watcher_callback_t;
use super::edge::{self, Handle};
use super::error::wasm_dyld_error_t;
use super::link::wasm_dyld_warning_callback_t;
use super::namespace::wasm_dyld_t;
use super::object::wasm_dyld_symbol_callback_t;
use super::types::{self, RuntimePathNumber, wasm_dyld_code_t, wasm_dyld_symbol_kind_t};
#[cfg(not(feature = "lean"))]
use crate::aside;
use crate::engine::sys::wasm_trap_t;
use crate::engine::{HostTrap, Trap, number_of};
use crate::error::{Code, Error};
use crate::object::{Dylink, Exported, ParseLimits, ValType, exported, has_mangled_names, slim};
use crate::plan::Identity;
use crate::search::{self, Opened};

// Callbacks are pointers to functions of this module; these are JavaScript's.
unsafe extern "C" {
    /// Says what is at a path: 0 for nothing, 1 for what it has written to `answer`, 2 for something that is not at hand.
    fn wasmdyld_on_file(whose: Whose, path: *const u8, size: usize, answer: *mut Answer) -> u32;
    fn wasmdyld_on_trace(env: *mut c_void, category: *const c_char, text: *const c_char);
    fn wasmdyld_on_symbol(env: *mut c_void, name: *const c_char, kind: wasm_dyld_symbol_kind_t);
    fn wasmdyld_on_watch(env: *mut c_void) -> bool;
    fn wasmdyld_on_warning(env: *mut c_void, text: *const c_char);
    /// Defines what has been promised; whether it could.
    safe fn wasmdyld_on_demand() -> bool;
    fn wasmdyld_panicked(text: *const u8, size: usize);
}

/// Whose a path is.
#[repr(u32)]
enum Whose {
    Host,
    Guest,
}

/// What is at a path, in memory of [`wasmdyld_buffer`] that is this library's from then on.
#[repr(C)]
struct Answer {
    bytes: *mut u8,
    /// 0 where the file cannot be used.
    size: usize,
    /// Behind it: the identity, or why the file cannot be used.
    text_size: usize,
    /// The number of the module that has been compiled of these bytes; 0 if none has.
    ready: u32,
}

fn file(whose: Whose, path: &str) -> Result<Option<Opened>, String> {
    let mut answer = Answer {
        bytes: std::ptr::null_mut(),
        size: 0,
        text_size: 0,
        ready: 0,
    };
    // SAFETY: both pointers are good for the call.
    match unsafe { wasmdyld_on_file(whose, path.as_ptr(), path.len(), &raw mut answer) } {
        0 => return Ok(None),
        1 => {}
        _ => return Err(search::NOT_AT_HAND.to_string()),
    }
    let length = answer.size.saturating_add(answer.text_size);
    if answer.bytes.is_null() {
        return Err(format!("no room for {length} bytes"));
    }
    // SAFETY: it is a buffer of that size, all of it written, and nothing else refers to it.
    let mut bytes = unsafe { Vec::from_raw_parts(answer.bytes, length, length) };
    let text = bytes.split_off(answer.size.min(bytes.len()));
    match bytes.is_empty() {
        true => Err(String::from_utf8_lossy(&text).into_owned()),
        false => Ok(Some(Opened {
            bytes,
            identity: text,
            ready: (answer.ready != 0).then_some(answer.ready),
        })),
    }
}

/// The files of the host's are JavaScript's to give.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_give_files(
    config: *mut wasm_dyld_config_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    config::with(config, error, |parts| {
        let files = |path: &Path| file(Whose::Host, &path.to_string_lossy());
        Ok(parts.config.search.files.replace(Arc::new(files)))
    })
}

/// And those of the guest's.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_give_guest_files(
    namespace: *mut wasm_dyld_t,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge::edge(error, || {
        let ns = wasm_dyld_t::lend(namespace)?;
        ns.ns.set_guest_files(|path, room| {
            let found = file(Whose::Guest, path).map_err(|why| Error::new(Code::Io, why))?;
            let found = found.ok_or_else(|| {
                let why = format!("cannot open `{}`: no such file", crate::text::name(path));
                Error::new(Code::NotFound, why)
            })?;
            if found.bytes.len() as u64 > room {
                let why = format!("{} takes more memory than is left", crate::text::name(path));
                return Err(Error::new(Code::Limit, why));
            }
            Ok((found.bytes, Identity::Host(found.identity)))
        });
        Ok(())
    })
}

/// What objects import from this module is JavaScript's to define, when the first of them is loaded.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_define_on_demand(
    namespace: *mut wasm_dyld_t,
    module: *const c_char,
    error: *mut *mut wasm_dyld_error_t,
) -> wasm_dyld_code_t {
    edge::edge(error, || {
        let module = edge::text(module, "module")?;
        let ns = wasm_dyld_t::lend(namespace)?;
        ns.ns
            .define_on_demand(module, || match wasmdyld_on_demand() {
                true => Ok(()),
                false => Err(Error::new(Code::Io, "WASI cannot be set up")),
            });
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn wasmdyld_trace_callback() -> wasm_dyld_trace_callback_t {
    Some(wasmdyld_on_trace)
}

#[unsafe(no_mangle)]
extern "C" fn wasmdyld_watcher_callback() -> wasm_dyld_watcher_callback_t {
    Some(wasmdyld_on_watch)
}

#[unsafe(no_mangle)]
extern "C" fn wasmdyld_warning_callback() -> wasm_dyld_warning_callback_t {
    Some(wasmdyld_on_warning)
}

#[unsafe(no_mangle)]
extern "C" fn wasmdyld_symbol_callback() -> wasm_dyld_symbol_callback_t {
    Some(wasmdyld_on_symbol)
}

/// To be called first: a panic, which ends in a trap here, is told before.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_start() {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.to_string();
        // SAFETY: the text is ours for the call.
        unsafe { wasmdyld_panicked(text.as_ptr(), text.len()) }
    }));
}

fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size.max(1), 16).ok()
}

/// Bytes of this module's memory; NULL if there are not so many.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_alloc(size: usize) -> *mut u8 {
    // SAFETY: the size is not 0.
    layout(size).map_or(std::ptr::null_mut(), |layout| unsafe { alloc(layout) })
}

/// Memory for an [`Answer`], as a `Vec` has it; NULL if there is not so much.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_buffer(size: usize) -> *mut u8 {
    match Layout::array::<u8>(size) {
        // SAFETY: the size is not 0.
        Ok(layout) if size > 0 => unsafe { alloc(layout) },
        _ => std::ptr::null_mut(),
    }
}

/// Gives back what [`wasmdyld_alloc`] gave for this size. NULL is allowed.
///
/// # Safety
/// It is that, and is not used again.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasmdyld_release(bytes: *mut u8, size: usize) {
    if let (false, Some(layout)) = (bytes.is_null(), layout(size)) {
        // SAFETY: by the caller's promise.
        unsafe { dealloc(bytes, layout) }
    }
}

thread_local! {
    /// The answer that was given last.
    static TOLD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Tells JavaScript something of a module, in bytes that live until the next such answer. NULL: it is no module, of which a load tells more.
pub(super) fn tell(
    bytes: *const u8,
    size: usize,
    length: *mut usize,
    answer: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> *const u8 {
    edge::quiet(std::ptr::null(), || {
        let answer = answer(edge::module(bytes, size, "module").ok()?)?;
        edge::set(length, answer.len());
        TOLD.with_borrow_mut(|told| {
            *told = answer;
            Some(told.as_ptr())
        })
    })
}

/// What a module at a path needs: texts, each with a NUL behind it. A number tells how many names follow; behind them are the folders that the module adds to the
/// search for these, as far as a `wasm_dyld_runtime_path_t` allows.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_needed(
    bytes: *const u8,
    size: usize,
    path: *const c_char,
    allowed: RuntimePathNumber,
    length: *mut usize,
) -> *const u8 {
    tell(bytes, size, length, |bytes| {
        let path = Path::new(edge::text(path, "path").ok()?);
        let allowed = types::runtime_path(allowed)?;
        let dylink = Dylink::of(bytes, &ParseLimits::default())?;
        let folders = search::own_folders(&dylink, path, allowed);
        let folders = folders.map(|folder| folder.to_string_lossy().into_owned());
        // A NUL is in no file's name.
        let fit = |text: &String| !text.contains('\0');
        let needed: Vec<String> = dylink
            .needed
            .iter()
            .map(|name| name.to_string())
            .filter(fit)
            .collect();
        let count = needed.len().to_string();
        let texts = [count].into_iter().chain(needed).chain(folders.filter(fit));
        Some(
            texts
                .flat_map(|text| text.into_bytes().into_iter().chain([0]))
                .collect(),
        )
    })
}

/// The module that an engine of JavaScript's gets in the place of this one (`object::slim`), in as many bytes. NULL: this one.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_slim(bytes: *const u8, size: usize, length: *mut usize) -> *const u8 {
    tell(bytes, size, length, slim)
}

/// Whether a module has names of C++ or Rust, or is none.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_has_mangled_names(bytes: *const u8, size: usize) -> bool {
    edge::quiet(true, || {
        has_mangled_names(edge::module(bytes, size, "module").ok()?)
    })
}

/// The types of a module's exports, which JavaScript does not tell. For each, in order: 0 for a function, then how many values it takes and gives
/// (16 bits each, little-endian) and the numbers that wasm.h has for their types, 255 for none; 1 for a global, then that number and
/// whether it is mutable; 2 for all others.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_exports(bytes: *const u8, size: usize, length: *mut usize) -> *const u8 {
    let number = |ty: &ValType| number_of(*ty).unwrap_or(u8::MAX);
    tell(bytes, size, length, |bytes| {
        let mut told = Vec::new();
        for export in exported(bytes)? {
            match export {
                Exported::Func(Some(ty)) => {
                    told.push(0);
                    for values in [&ty.params, &ty.results] {
                        told.extend_from_slice(&u16::try_from(values.len()).ok()?.to_le_bytes());
                    }
                    told.extend(ty.params.iter().chain(&ty.results).map(number));
                }
                Exported::Global(ty) => told.extend([1, number(&ty.content), ty.mutable.into()]),
                _ => told.push(2),
            }
        }
        Some(told)
    })
}

/// The trap by which a guest of the namespace ends itself with this code: what JavaScript's `proc_exit` throws.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_exit(namespace: *mut wasm_dyld_t, code: i32) -> *mut wasm_trap_t {
    edge::quiet(std::ptr::null_mut(), || {
        let ns = wasm_dyld_t::lend(namespace).ok()?.ns.clone();
        let HostTrap::Message(text) = ns.exit_trap(code) else {
            return None;
        };
        Trap::new(ns.store(), &text).map(Trap::into_raw)
    })
}

/// What the linker's own module is answered by the one beside it (`crate::aside`). NULL: it was no question.
#[cfg(not(feature = "lean"))]
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_answer(question: *const u8, size: usize, length: *mut usize) -> *const u8 {
    tell(question, size, length, aside::answer)
}
