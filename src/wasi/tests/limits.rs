//! What a guest could keep its host from by opening: its thread, and its descriptors.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::sync::mpsc;
use std::thread;

use super::*;

const NONBLOCK: u64 = 4;

fn fifo(dir: &TempDir, name: &str) {
    let path = CString::new(dir.join(name).as_os_str().as_bytes()).unwrap();
    // SAFETY: a C string.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

/// What `work` gives, unless it takes for ever.
fn soon<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
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
            assert!(guest.wasi.open_file("/pipe").is_err());
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
    assert_eq!(guest.wasi.open_file("/file").unwrap().0, b"text");
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
    let outcome = guest.call(name, args).unwrap();
    let memory = &aligned(&mut guest.backing)[..SIZE];
    asked + guest.wasi.units_moved(index, memory, args, outcome)
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
