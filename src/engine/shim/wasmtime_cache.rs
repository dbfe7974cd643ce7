//! The bundled engine's cache of compiled code, on disk.
//!
//! The engine runs what it finds there as machine code, so a directory serves only if nobody else can write to it. It takes its
//! settings from a file of TOML and nothing else, hence the short-lived file below.

use std::ffi::CString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use wasmtime_c_api as c;

use super::EngineCache;
use super::wasmtime::error_text;
use crate::error::{Code, Error, Result};

/// Puts the cache into `config`. Only a directory that was asked for by name is worth an error.
pub(super) fn configure(config: &mut c::wasm_config_t, cache: &EngineCache) -> Result<()> {
    match cache {
        EngineCache::Off => {}
        EngineCache::Default => {
            if let Some(dir) = default_dir()
                && private_dir(&dir).is_ok()
            {
                // With NULL the engine follows the user's own settings, which may name another directory.
                // SAFETY: NULL is allowed.
                drop(unsafe { c::wasmtime_config_cache_config_load(config, ptr::null()) });
            }
        }
        EngineCache::Dir(dir) => use_dir(config, dir).map_err(|e| {
            let code = match e.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput => {
                    Code::InvalidArgument
                }
                _ => Code::Io,
            };
            Error::new(code, format!("cache directory {}: {e}", dir.display()))
        })?,
    }
    Ok(())
}

/// Where the engine keeps its cache if nothing else is said.
fn default_dir() -> Option<PathBuf> {
    let home = || {
        std::env::var_os("HOME")
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    if cfg!(target_vendor = "apple") {
        return Some(home()?.join("Library/Caches/BytecodeAlliance.wasmtime"));
    }
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|p| p.is_absolute())
        .or_else(|| Some(home()?.join(".cache")))?;
    Some(base.join("wasmtime"))
}

/// Makes `dir` if it is missing, for this user alone, and sees that it is this user's alone to write.
fn private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let meta = fs::metadata(dir)?;
    // SAFETY: no precondition.
    if meta.uid() != unsafe { libc::geteuid() } {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it belongs to another user",
        ));
    }
    if meta.mode() & 0o022 != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "others may write to it",
        ));
    }
    Ok(())
}

fn use_dir(config: &mut c::wasm_config_t, dir: &Path) -> io::Result<()> {
    private_dir(dir)?;
    let dir = fs::canonicalize(dir)?;
    let settings = Settings::write(&dir)?;
    let path = CString::new(settings.0.as_os_str().as_bytes())?;
    // SAFETY: a NUL-terminated path.
    match unsafe { c::wasmtime_config_cache_config_load(config, path.as_ptr()) } {
        None => Ok(()),
        Some(error) => Err(io::Error::other(error_text(&error))),
    }
}

/// The file with the settings. It stands in the directory itself, where nobody else can tamper with it, and is removed as soon as
/// it has been read.
struct Settings(PathBuf);

impl Settings {
    fn write(dir: &Path) -> io::Result<Settings> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = dir.join(format!(".wasmdyld-{}-{count}.toml", std::process::id()));
        let text = format!("[cache]\ndirectory = {}\n", toml_string(dir)?);
        // A file that a killed process with our number left behind would otherwise be in the way for ever.
        let _ = fs::remove_file(&path);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        let settings = Settings(path);
        file.write_all(text.as_bytes())?;
        Ok(settings)
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn toml_string(path: &Path) -> io::Result<String> {
    let text = path.to_str().ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "the engine takes only UTF-8 here",
        )
    })?;
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    Ok(quoted)
}
