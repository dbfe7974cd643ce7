//! What a guest could keep its host from by opening: its thread, and its descriptors.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::wasi::preview1::Slot;
use crate::wasi::preview1::descriptor::{Entry, File, Folder, How, Opened};
use crate::wasi::preview1::types::{Filestat, NewTime, Riflags, Rights};

const NONBLOCK: u64 = 4;

pub(super) fn fifo(dir: &TempDir, name: &str) {
    let path = CString::new(dir.join(name).as_os_str().as_bytes()).unwrap();
    // SAFETY: a C string.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

/// What `work` gives, unless it takes for ever.
pub(super) fn soon<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, outcome) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    outcome
        .recv_timeout(Duration::from_secs(20))
        .expect("it waits for ever")
}

#[test]
fn opening_a_pipe_does_not_wait_for_its_other_end() {
    let dir = TempDir::new();
    fifo(&dir, "pipe");
    let path = dir.path().to_path_buf();
    soon(move || {
        for read_only in [false, true] {
            let mut config = WasiConfig::new();
            match read_only {
                true => config.preopen_read_only(&path, "/"),
                false => config.preopen(&path, "/"),
            };
            let mut guest = Guest::new(&config);
            let fd = guest.open(3, "pipe", 0, READ).unwrap();
            // No writer: its end.
            assert_eq!(guest.read(fd, 10), Ok(Vec::new()));
            let for_writing = guest.open(3, "pipe", 0, WRITE);
            match read_only {
                true => assert_eq!(for_writing, Err(Errno::Rofs as i32)),
                false => assert_eq!(guest.write(for_writing.unwrap(), b"x"), Ok(1)),
            }
            guest.ok("fd_close", &[fd]);
            if !read_only {
                // Nobody reads any more.
                assert_eq!(guest.open(3, "pipe", 0, WRITE), Err(Errno::Nxio as i32));
                assert_eq!(
                    guest.open(3, "pipe", CREAT | TRUNC, WRITE),
                    Err(Errno::Nxio as i32)
                );
            }
            assert_eq!(
                guest.open(3, "pipe", DIRECTORY, READ),
                Err(Errno::Notdir as i32)
            );
            assert!(guest.wasi.open_file("/pipe", u64::MAX).is_err());
        }
    });
}

#[test]
fn what_is_open_waits_as_the_guest_has_asked() {
    let dir = TempDir::new();
    fifo(&dir, "pipe");
    std::fs::write(dir.join("file"), "text").unwrap();
    let path = dir.path().to_path_buf();
    soon(move || {
        let mut guest = Guest::new(WasiConfig::new().preopen(&path, "/"));
        let open = |guest: &mut Guest, name: &str, flags: u64| {
            let [at, length] = guest.string(name);
            guest.ok("path_open", &[3, 1, at, length, 0, READ, READ, flags, OUT]);
            u64::from(guest.u32(OUT))
        };
        let flags = |guest: &mut Guest, fd: u64| {
            guest.ok("fd_fdstat_get", &[fd, OUT]);
            guest.u32(OUT) >> 16
        };
        for name in ["pipe", "file"] {
            let (waits, asks) = (open(&mut guest, name, 0), open(&mut guest, name, NONBLOCK));
            assert_eq!(flags(&mut guest, waits), 0, "{name}");
            assert_eq!(flags(&mut guest, asks), NONBLOCK as u32, "{name}");
        }
        let (waits, asks) = (
            open(&mut guest, "pipe", 0),
            open(&mut guest, "pipe", NONBLOCK),
        );
        let writer = std::fs::File::options()
            .write(true)
            .open(path.join("pipe"))
            .unwrap();
        // There is a writer, which has written nothing yet.
        assert_eq!(guest.read(asks, 10), Err(Errno::Again as i32));
        let later = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            std::io::Write::write_all(&mut &writer, b"late").unwrap();
        });
        assert_eq!(guest.read(waits, 10), Ok(b"late".to_vec()));
        later.join().unwrap();
    });
}

#[test]
fn a_guest_opens_no_more_than_it_may() {
    let dir = TempDir::new();
    std::fs::write(dir.join("file"), "text").unwrap();
    std::fs::create_dir(dir.join("folder")).unwrap();
    let full = Err(Errno::Mfile as i32);
    let mut guest = Guest::new(WasiConfig::new().preopen(dir.path(), "/").max_files(4));
    let file = guest.open(3, "file", 0, READ).unwrap();
    let folder = guest.open(3, "folder", DIRECTORY, READ).unwrap();
    guest.open(folder, "new", CREAT, WRITE).unwrap();
    // What cannot be opened takes no room.
    for _ in 0..10 {
        assert_eq!(guest.open(3, "none", 0, READ), Err(Errno::Noent as i32));
    }
    let last = guest.open(3, "file", 0, READ).unwrap();
    assert_eq!(guest.open(3, "file", 0, READ), full);
    assert_eq!(guest.open(folder, "newer", CREAT, WRITE), full);
    assert!(!dir.join("folder/newer").exists());
    // The linker reads files on the guest's behalf nevertheless, and what is closed is room, by either way of closing.
    assert_eq!(guest.wasi.open_file("/file", u64::MAX).unwrap().0, b"text");
    guest.ok("fd_close", &[file]);
    let again = guest.open(3, "file", 0, READ).unwrap();
    assert_eq!(guest.open(3, "file", 0, READ), full);
    guest.ok("fd_renumber", &[again, last]);
    guest.open(3, "file", 0, READ).unwrap();
    assert_eq!(guest.open(3, "file", 0, READ), full);
    assert_eq!(guest.list(folder, 4096), ["new"]);
    // Each guest has its own.
    let mut none = Guest::new(WasiConfig::new().preopen(dir.path(), "/").max_files(0));
    assert_eq!(none.open(3, "file", 0, READ), full);
    let mut other = Guest::new(WasiConfig::new().preopen(dir.path(), "/"));
    for _ in 0..200 {
        other.open(3, "file", 0, READ).unwrap();
    }
    assert_eq!(
        (0..200).find_map(|_| other.open(3, "file", 0, READ).err()),
        Some(Errno::Mfile as i32)
    );
}

/// What a call costs a guest that has a budget.
fn cost(guest: &mut Guest, name: &str, args: &[u64]) -> u64 {
    let functions = guest.wasi.functions();
    let index = functions.iter().position(|f| f.name == name).unwrap();
    let asked = guest.wasi.units_asked(index, SIZE as u64, args);
    guest.call(name, args).unwrap();
    asked + guest.wasi.units_moved()
}

/// They are refused before anything is read, be it in the memory or not.
#[test]
fn paths_without_end_are_not_looked_at() {
    let dir = TempDir::new();
    let mut guest = guest_in(&dir);
    let errno = Errno::Nametoolong;
    for length in [u32::MAX.into(), 65_537] {
        guest.expect(errno, "path_filestat_get", &[3, 0, DATA, length, OUT]);
        let opening = [3, 0, DATA, length, 0, 2, 2, 0, OUT];
        guest.expect(errno, "path_open", &opening);
        guest.expect(errno, "path_rename", &[3, DATA, 1, 3, DATA, length]);
        guest.expect(errno, "path_symlink", &[DATA, length, 3, DATA, 1]);
    }
}

#[test]
fn what_the_host_does_for_a_guest_has_a_price() {
    let dir = TempDir::new();
    let mut guest = guest_in(&dir);
    for n in 0..40 {
        std::fs::write(dir.join(&format!("file{n:02}")), [7; 1000]).unwrap();
    }
    // An entry, those of the folder itself and of the one above included, is looked at whether it is told or not.
    let none_told = cost(&mut guest, "fd_readdir", &[3, DATA, 0, 0, OUT]);
    assert_eq!(none_told, 100 + 42 * 16);
    assert_eq!(
        cost(&mut guest, "fd_readdir", &[3, DATA, 640, 1, OUT]),
        100 + 10
    );
    let fd = guest.open(3, "file07", 0, 2).unwrap();
    guest.vectors(&[(DATA, 4000)]);
    let vectors = 2048;
    guest.put(vectors, &(DATA as u32).to_le_bytes());
    guest.put(vectors + 4, &4000u32.to_le_bytes());
    // What came, and not what was asked for.
    assert_eq!(
        cost(&mut guest, "fd_read", &[fd, vectors, 1, OUT]),
        100 + (1000 + 8) / 64
    );
    assert_eq!(cost(&mut guest, "fd_read", &[fd, vectors, 1, OUT]), 100);
    assert_eq!(
        cost(&mut guest, "random_get", &[DATA, 6400]),
        100 + 6400 / 64
    );
}

/// Stands for a file and for a folder of any size.
struct Vast(usize);

impl File for Vast {
    fn filetype(&self) -> Filetype {
        Filetype::RegularFile
    }

    fn write(&self, from: &[std::io::IoSlice<'_>]) -> Result<usize, Errno> {
        Ok(from.iter().map(|part| part.len()).sum())
    }

    fn receive(&self, to: &mut [u8], _: Riflags) -> Result<usize, Errno> {
        Ok(to.len().min(self.0))
    }
}

impl Folder for Vast {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn open(&self, _: &str, _: How) -> Result<Opened, Errno> {
        Err(Errno::Noent)
    }

    fn list(
        &self,
        looked_at: &mut dyn FnMut() -> Result<(), Errno>,
    ) -> Result<Arc<[Entry]>, Errno> {
        let entries = (0..self.0).map(|_| {
            looked_at()?;
            Ok(Entry {
                name: String::new(),
                inode: 0,
                filetype: Filetype::RegularFile,
            })
        });
        entries.collect()
    }

    fn stat(&self) -> Result<Filestat, Errno> {
        Err(Errno::Notsup)
    }

    fn stat_at(&self, _: &str, _: bool) -> Result<Filestat, Errno> {
        Err(Errno::Notsup)
    }

    fn set_times(&self, _: &str, _: bool, _: NewTime, _: NewTime) -> Result<(), Errno> {
        Err(Errno::Notsup)
    }

    fn create_folder(&self, _: &str) -> Result<(), Errno> {
        Err(Errno::Notsup)
    }

    fn remove_folder(&self, _: &str) -> Result<(), Errno> {
        Err(Errno::Notsup)
    }

    fn remove_file(&self, _: &str) -> Result<(), Errno> {
        Err(Errno::Notsup)
    }

    fn read_link(&self, _: &str) -> Result<String, Errno> {
        Err(Errno::Notsup)
    }

    fn make_link(&self, _: &str, _: &str) -> Result<(), Errno> {
        Err(Errno::Notsup)
    }

    fn rename(&self, _: &str, _: &dyn Folder, _: &str) -> Result<(), Errno> {
        Err(Errno::Notsup)
    }

    fn hard_link(&self, _: &str, _: &dyn Folder, _: &str) -> Result<(), Errno> {
        Err(Errno::Notsup)
    }
}

#[test]
fn what_is_kept_of_folders_is_bounded_for_all_of_them_together() {
    let dir = TempDir::new();
    let mut guest = guest_in(&dir);
    for fd in [10, 11] {
        guest
            .wasi
            .insert(fd, Slot::folder(Rc::new(Vast(600_000)), None));
    }
    let list = |guest: &mut Guest, fd: u64| guest.errno("fd_readdir", &[fd, DATA, 0, 0, OUT]);
    assert_eq!(list(&mut guest, 10), 0);
    // Another listing takes the place of the one before.
    assert_eq!(list(&mut guest, 10), 0);
    assert_eq!(list(&mut guest, 11), Errno::Nomem as i32);
    assert_eq!(list(&mut guest, 10), 0);
    guest.ok("fd_close", &[10]);
    assert_eq!(list(&mut guest, 11), 0);
}

/// More than 4 GiB: the guest could not be told how much was written.
#[test]
fn a_write_is_no_longer_than_can_be_told() {
    const PART: usize = 8 << 20;
    let dir = TempDir::new();
    let mut guest = guest_in(&dir);
    let file = || -> Rc<dyn File> { Rc::new(Vast(0)) };
    guest.wasi.insert(10, Slot::file(file(), Rights::OF_FILE));
    guest.resize(PART + (1 << 16));
    for index in 0..1024u64 {
        let at = PART as u64 + 8 * index;
        guest.put(at + 4, &(PART as u32).to_le_bytes());
    }
    guest.ok("fd_write", &[10, PART as u64, 1024, PART as u64 + 32_768]);
    assert_eq!(guest.u32(PART as u64 + 32_768), (511 * PART) as u32);
    assert_eq!(guest.wasi.units_moved(), (511 * PART / 64) as u64);
}

#[test]
fn a_guest_does_not_write_its_own_bill() {
    let dir = TempDir::new();
    let mut guest = guest_in(&dir);
    let file: Rc<dyn File> = Rc::new(Vast(6400));
    guest
        .wasi
        .insert(10, Slot::file(file, Rights::OF_CONNECTION));
    guest.vectors(&[(DATA, 6400)]);
    // The flags that come out are written over how much has come.
    let args = [10, IOVS, 1, 0, OUT, OUT];
    assert_eq!(cost(&mut guest, "sock_recv", &args), 200);
    // What comes lies where its length is written.
    let args = [10, IOVS, 1, 0, DATA, OUT];
    assert_eq!(cost(&mut guest, "sock_recv", &args), 200);
}

/// A signal that is caught is counted, if it comes to this thread.
#[cfg(target_os = "linux")]
#[test]
fn a_pipe_that_nobody_reads_sends_no_signal() {
    use std::cell::Cell;
    thread_local!(static SENT: Cell<u32> = const { Cell::new(0) });
    extern "C" fn count(_: libc::c_int) {
        SENT.set(SENT.get() + 1);
    }
    let handler = count as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: the handler touches nothing but a number of its thread's.
    let before = unsafe { libc::signal(libc::SIGPIPE, handler) };
    let dir = TempDir::new();
    fifo(&dir, "pipe");
    let mut guest = guest_in(&dir);
    let reader = guest.open(3, "pipe", 0, READ).unwrap();
    let writer = guest.open(3, "pipe", 0, WRITE).unwrap();
    assert_eq!(guest.write(writer, b"x"), Ok(1));
    guest.ok("fd_close", &[reader]);
    assert_eq!(guest.write(writer, b"x"), Err(Errno::Pipe as i32));
    assert_eq!(SENT.get(), 0);
    // Where nothing was in the way before, nothing is after it.
    // SAFETY: it comes to this thread.
    unsafe { libc::raise(libc::SIGPIPE) };
    assert_eq!(SENT.get(), 1);
    // SAFETY: as it was.
    unsafe { libc::signal(libc::SIGPIPE, before) };
}
