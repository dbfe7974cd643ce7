//! Engines opened at run time.
//!
//! Each is opened with its symbols to itself (RTLD_LOCAL), so that two engines serve in one process: all export the same names.
//! An engine is never closed again: it may have threads and handlers of signals.

use std::ffi::{CStr, c_void};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use super::api::{Api, Symbols};
use crate::error::{Code, Error, Result};
use crate::platform;

/// An engine in a shared library of its own.
#[derive(Clone, Debug)]
pub struct EngineLibrary {
    api: &'static Api,
    path: PathBuf,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api")
            .field("symbols", &self.symbols)
            .finish_non_exhaustive()
    }
}

/// Missing functions that an error names.
const NAMED: usize = 8;

/// The tables of all that were opened: a second opening gives the same one, so that tables can be compared.
static OPENED: Mutex<Vec<(usize, &'static Api)>> = Mutex::new(Vec::new());

impl EngineLibrary {
    /// Opens the library at `path`, or of a name that the system's own linker finds.
    ///
    /// # Safety
    /// The library's initialisers run, and what it calls `wasm_...` is taken for `wasm.h`.
    pub unsafe fn open(path: &Path) -> Result<EngineLibrary> {
        let shown = path.display();
        // SAFETY: the caller answers for the library.
        let handle = unsafe { platform::open_library(path) };
        let handle = handle.map_err(|why| match why.code() {
            Code::NotFound => why.context(format!("opening the engine {shown}")),
            _ => why,
        })?;
        let api = table(handle).map_err(|missing| {
            let why = format!("{shown} is no engine that can be used: {}", lacks(&missing));
            Error::new(Code::Unsupported, why)
        })?;
        Ok(EngineLibrary {
            api,
            path: path.to_path_buf(),
        })
    }

    pub fn api(&self) -> &'static Api {
        self.api
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A function of the engine, for the host's own use; `None` if it has none of that name.
    pub fn function(&self, name: &CStr) -> Option<NonNull<c_void>> {
        self.api.symbols.find(name)
    }
}

fn table(handle: NonNull<c_void>) -> Result<&'static Api, Vec<&'static CStr>> {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let key = handle.as_ptr().addr();
    if let Some((_, api)) = opened.iter().find(|(known, _)| *known == key) {
        return Ok(api);
    }
    // Kept for good, as the library is.
    let api: &'static Api = Box::leak(Box::new(Api::of_library(Symbols::Library(handle))?));
    opened.push((key, api));
    Ok(api)
}

/// Not all names: a library that is no engine lacks every one.
fn lacks(missing: &[&CStr]) -> String {
    if missing.len() == Api::REQUIRED.len() {
        return "it has none of the functions of wasm.h".to_string();
    }
    let named = missing.get(..NAMED).unwrap_or(missing);
    let named: Vec<_> = named.iter().map(|name| name.to_string_lossy()).collect();
    let more = match missing.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more functions of wasm.h"),
    };
    format!("it lacks {}{more}", named.join(", "))
}
