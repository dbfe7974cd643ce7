//! A guest without an engine: a memory, and calls by name.

pub(crate) mod archive;
mod calls;
mod clocks;
#[cfg(unix)]
pub(crate) mod escapes;
mod files;
mod garbage;
mod given;
#[cfg(unix)]
mod hosted;
mod javascript;
#[cfg(unix)]
mod limits;
mod memory;
mod open;
mod rights;
mod sandbox;
#[cfg(unix)]
mod sequences;
mod stdio;
#[cfg(unix)]
mod trees;
mod waiting;
#[cfg(windows)]
mod windows;
mod zip;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::preview1::types::{Errno, Filetype};
use super::preview1::{Wait, Wasi};
use super::{Preview1, Stop, WasiConfig};
use crate::control::{Ready, WaitEntry, Waited};

/// One wasm page: the guest's memory.
const SIZE: usize = 65536;

/// Addresses that tests use by convention: a result, vectors, a second result, and the heap for strings.
const OUT: u64 = 64;
const IOVS: u64 = 256;
const DATA: u64 = 4096;
const HEAP: usize = 16384;

/// The rights that wasi-libc asks for when it opens for reading and writing.
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 6;

const CREAT: u64 = 1;
const DIRECTORY: u64 = 2;
const EXCL: u64 = 4;
const TRUNC: u64 = 8;

/// Waits for nothing, and keeps for how long it should have slept.
#[derive(Clone, Default)]
struct Awake(Arc<Mutex<Vec<Duration>>>);

impl Wait for Awake {
    fn wait(
        &self,
        entries: &mut [WaitEntry<'_>],
        timeout: Option<Duration>,
    ) -> std::io::Result<Waited> {
        for entry in &mut *entries {
            entry.ready = Some(Ready::default());
        }
        match entries.is_empty() {
            true => {
                self.0.lock().unwrap().extend(timeout);
                Ok(Waited::TimedOut)
            }
            false => Ok(Waited::Ready(entries.len())),
        }
    }
}

struct Guest {
    wasi: Wasi,
    backing: Vec<u8>,
    size: usize,
    heap: usize,
    slept: Awake,
}

impl Guest {
    fn new(config: &WasiConfig) -> Self {
        let slept = Awake::default();
        let wasi = config.build_with(Box::new(slept.clone())).unwrap();
        Guest::on(wasi, slept)
    }

    fn on(wasi: Wasi, slept: Awake) -> Self {
        Guest {
            wasi,
            backing: vec![0; SIZE + 16],
            size: SIZE,
            heap: HEAP,
            slept,
        }
    }

    fn memory(&mut self) -> &mut [u8] {
        let size = self.size;
        &mut aligned(&mut self.backing)[..size]
    }

    /// Makes the memory anew, of this size.
    fn resize(&mut self, size: usize) {
        self.size = size;
        self.backing = vec![0; size + 16];
    }

    fn call(&mut self, name: &str, args: &[u64]) -> Result<Option<i32>, Stop> {
        let index = self
            .wasi
            .functions()
            .iter()
            .position(|f| f.name == name)
            .unwrap_or_else(|| panic!("no function {name}"));
        let memory = &mut aligned(&mut self.backing)[..self.size];
        self.wasi.call(index, memory, args)
    }

    /// A call that must return.
    fn errno(&mut self, name: &str, args: &[u64]) -> i32 {
        match self.call(name, args) {
            Ok(Some(errno)) => errno,
            other => panic!("{name}{args:?}: {other:?}"),
        }
    }

    fn ok(&mut self, name: &str, args: &[u64]) {
        self.expect(Errno::Success, name, args);
    }

    fn expect(&mut self, errno: Errno, name: &str, args: &[u64]) {
        assert_eq!(self.errno(name, args), errno as i32, "{name}{args:?}");
    }

    fn put(&mut self, at: u64, bytes: &[u8]) {
        let at = at as usize;
        self.memory()[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn get(&mut self, at: u64, length: usize) -> Vec<u8> {
        self.memory()[at as usize..at as usize + length].to_vec()
    }

    fn u32(&mut self, at: u64) -> u32 {
        u32::from_le_bytes(self.get(at, 4).try_into().unwrap())
    }

    fn u64(&mut self, at: u64) -> u64 {
        u64::from_le_bytes(self.get(at, 8).try_into().unwrap())
    }

    /// Places a string; gives its address and its length.
    fn string(&mut self, text: &str) -> [u64; 2] {
        let at = self.heap as u64;
        self.put(at, text.as_bytes());
        self.heap += text.len();
        [at, text.len() as u64]
    }

    /// Writes vectors at `IOVS`.
    fn vectors(&mut self, parts: &[(u64, u64)]) {
        for (i, (at, length)) in parts.iter().enumerate() {
            let iov = IOVS + 8 * i as u64;
            self.put(iov, &(*at as u32).to_le_bytes());
            self.put(iov + 4, &(*length as u32).to_le_bytes());
        }
    }

    fn open(&mut self, dir: u64, path: &str, oflags: u64, rights: u64) -> Result<u64, i32> {
        let [at, length] = self.string(path);
        let args = [dir, 1, at, length, oflags, rights, rights, 0, OUT];
        match self.errno("path_open", &args) {
            0 => Ok(u64::from(self.u32(OUT))),
            errno => Err(errno),
        }
    }

    fn write(&mut self, fd: u64, bytes: &[u8]) -> Result<u32, i32> {
        self.put(DATA, bytes);
        self.vectors(&[(DATA, bytes.len() as u64)]);
        match self.errno("fd_write", &[fd, IOVS, 1, OUT]) {
            0 => Ok(self.u32(OUT)),
            errno => Err(errno),
        }
    }

    fn read(&mut self, fd: u64, length: u64) -> Result<Vec<u8>, i32> {
        self.vectors(&[(DATA, length)]);
        match self.errno("fd_read", &[fd, IOVS, 1, OUT]) {
            0 => {
                let read = self.u32(OUT) as usize;
                Ok(self.get(DATA, read))
            }
            errno => Err(errno),
        }
    }

    fn make_link(&mut self, contents: &str, path: &str) {
        let ([to, to_len], [at, length]) = (self.string(contents), self.string(path));
        self.ok("path_symlink", &[to, to_len, 3, at, length]);
    }

    /// The names in a directory, sorted, `.` and `..` left out; with a buffer of `size` bytes as a program would, and a larger one where an entry is longer than that.
    fn list(&mut self, fd: u64, mut size: u64) -> Vec<String> {
        let mut names = Vec::new();
        let mut cookie = 0;
        loop {
            let count = names.len();
            self.ok("fd_readdir", &[fd, DATA, size, cookie, OUT]);
            let used = u64::from(self.u32(OUT));
            let mut at = DATA;
            while at + 24 <= DATA + used {
                let length = u64::from(self.u32(at + 16));
                if at + 24 + length > DATA + used {
                    break;
                }
                names.push(String::from_utf8(self.get(at + 24, length as usize)).unwrap());
                cookie = self.u64(at);
                at += 24 + length;
            }
            if used < size {
                break;
            }
            if names.len() == count {
                size *= 2;
                assert!(size < HEAP as u64 - DATA, "no entry is so long");
            }
        }
        names.retain(|name| !matches!(name.as_str(), "." | ".."));
        names.sort();
        names
    }
}

/// A directory that goes with the test.
struct TempDir(PathBuf);

impl TempDir {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "wasmdyld-wasi-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        TempDir(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Does `work` as somebody who owns what is in `dir`, and to whom its permissions apply: root looks at none.
#[cfg(unix)]
fn unprivileged(dir: &TempDir, work: impl FnOnce() + Send + 'static) {
    const NOBODY: u32 = 65534;
    // SAFETY: the call only tells.
    let is_root = unsafe { libc::geteuid() } == 0;
    if is_root {
        let entries = std::fs::read_dir(dir.path()).unwrap();
        for path in entries.map(|entry| entry.unwrap().path()) {
            std::os::unix::fs::lchown(path, Some(NOBODY), None).unwrap();
        }
        std::os::unix::fs::chown(dir.path(), Some(NOBODY), None).unwrap();
    }
    let worker = std::thread::spawn(move || {
        #[cfg(target_os = "linux")]
        if is_root {
            // SAFETY: it is for this thread alone, which ends after the work.
            unsafe { libc::setfsuid(NOBODY) };
        }
        work();
    });
    if let Err(panic) = worker.join() {
        std::panic::resume_unwind(panic);
    }
}

/// A guest with `dir` as descriptor 3, `/`.
fn guest_in(dir: &TempDir) -> Guest {
    Guest::new(WasiConfig::new().preopen(dir.path(), "/"))
}

/// The part of `bytes` that begins as a wasm memory does.
fn aligned(bytes: &mut [u8]) -> &mut [u8] {
    let base = bytes.as_ptr().align_offset(16);
    &mut bytes[base..]
}

fn is_trap(outcome: &Result<Option<i32>, Stop>) -> bool {
    matches!(outcome, Err(Stop::Trap(text)) if !text.is_empty() && !text.contains('\0'))
}

/// The file type in an fdstat.
fn is_type(raw: u8, expected: Filetype) -> bool {
    raw == match expected {
        Filetype::Unknown => 0,
        Filetype::CharacterDevice => 2,
        Filetype::Directory => 3,
        Filetype::RegularFile => 4,
        _ => 255,
    }
}
