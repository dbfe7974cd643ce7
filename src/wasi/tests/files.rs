//! What programs do with files in a preopened directory.

#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;

use super::*;
#[cfg(unix)]
use crate::skip::skip;

const APPEND: u64 = 1;

#[cfg(unix)]
const ELSEWHERE: &str = "set TMPDIR to a folder on another one";

#[test]
fn a_file_from_its_making_to_its_end() {
    let dir = TempDir::new();
    let mut guest = guest_in(&dir);
    let fd = guest.open(3, "a.txt", CREAT | EXCL, READ | WRITE).unwrap();
    assert_eq!(guest.write(fd, b"hello world"), Ok(11));
    guest.ok("fd_seek", &[fd, 6, 0, OUT]);
    assert_eq!(guest.u64(OUT), 6);
    assert_eq!(guest.read(fd, 100), Ok(b"world".to_vec()));
    assert_eq!(guest.read(fd, 100), Ok(Vec::new()));
    guest.ok("fd_seek", &[fd, (-5i64) as u64, 2, OUT]);
    guest.ok("fd_tell", &[fd, OUT]);
    assert_eq!(guest.u64(OUT), 6);
    guest.ok("fd_filestat_get", &[fd, OUT]);
    assert_eq!(guest.u64(OUT + 32), 11);
    guest.ok("fd_filestat_set_size", &[fd, 5]);
    guest.ok("fd_close", &[fd]);
    guest.expect(Errno::Badf, "fd_close", &[fd]);
    assert_eq!(std::fs::read(dir.join("a.txt")).unwrap(), b"hello");

    assert_eq!(
        guest.open(3, "a.txt", CREAT | EXCL, WRITE),
        Err(Errno::Exist as i32)
    );
    assert_eq!(guest.open(3, "none", 0, READ), Err(Errno::Noent as i32));

    let ([a, a_len], [b, b_len]) = (guest.string("a.txt"), guest.string("b.txt"));
    guest.ok("path_rename", &[3, a, a_len, 3, b, b_len]);
    assert!(!dir.join("a.txt").exists());
    for rights in [READ, READ | WRITE] {
        std::fs::write(dir.join("b.txt"), "text").unwrap();
        let fd = guest.open(3, "b.txt", TRUNC, rights).unwrap();
        assert_eq!(guest.read(fd, 100), Ok(Vec::new()));
        assert_eq!(guest.write(fd, b"x").is_ok(), rights != READ);
    }
    let fd = guest.open(3, "b.txt", TRUNC, READ | WRITE).unwrap();
    guest.ok("path_unlink_file", &[3, b, b_len]);
    assert!(!dir.join("b.txt").exists());
    // An unlinked file lives while it is open.
    assert_eq!(guest.write(fd, b"still"), Ok(5));
}

#[test]
fn positioned_and_vectored_access() {
    let dir = TempDir::new();
    let mut guest = guest_in(&dir);
    let fd = guest.open(3, "file", CREAT, READ | WRITE).unwrap();
    guest.put(DATA, b"abcdef");
    guest.vectors(&[(DATA, 2), (0, 0), (DATA + 2, 4)]);
    guest.ok("fd_write", &[fd, IOVS, 3, OUT]);
    assert_eq!(guest.u32(OUT), 6);
    guest.vectors(&[(DATA, 3)]);
    guest.ok("fd_pwrite", &[fd, IOVS, 1, 100, OUT]);
    guest.ok("fd_pread", &[fd, IOVS, 1, 4, OUT]);
    assert_eq!(guest.get(DATA, 2), b"ef");
    guest.ok("fd_tell", &[fd, OUT]);
    assert_eq!(guest.u64(OUT), 6, "positioned access leaves the position");
    assert_eq!(std::fs::metadata(dir.join("file")).unwrap().len(), 103);
}

#[test]
fn what_is_appended_goes_to_the_end_and_can_be_switched() {
    let dir = TempDir::new();
    std::fs::write(dir.join("log"), "old").unwrap();
    let mut guest = guest_in(&dir);
    let [at, length] = guest.string("log");
    guest.ok(
        "path_open",
        &[3, 1, at, length, 0, READ | WRITE, READ | WRITE, APPEND, OUT],
    );
    let fd = u64::from(guest.u32(OUT));
    assert_eq!(guest.write(fd, b"one"), Ok(3));
    guest.ok("fd_seek", &[fd, 0, 0, OUT]);
    assert_eq!(guest.write(fd, b"two"), Ok(3));
    assert_eq!(std::fs::read(dir.join("log")).unwrap(), b"oldonetwo");
    guest.ok("fd_filestat_set_size", &[fd, 6]);
    guest.ok("fd_fdstat_set_flags", &[fd, 0]);
    guest.ok("fd_seek", &[fd, 0, 0, OUT]);
    assert_eq!(guest.write(fd, b"new"), Ok(3));
    assert_eq!(std::fs::read(dir.join("log")).unwrap(), b"newone");
    guest.ok("fd_fdstat_set_flags", &[fd, APPEND]);
    guest.ok("fd_fdstat_get", &[fd, OUT]);
    assert_eq!(guest.get(OUT + 2, 1), [1]);
    guest.ok("fd_seek", &[fd, 0, 0, OUT]);
    assert_eq!(guest.write(fd, b"end"), Ok(3));
    assert_eq!(std::fs::read(dir.join("log")).unwrap(), b"newoneend");
}

#[test]
fn reading_and_writing_at_an_offset_leave_the_position() {
    let dir = TempDir::new();
    std::fs::write(dir.join("file"), "0123456789").unwrap();
    let mut guest = guest_in(&dir);
    let fd = guest.open(3, "file", 0, READ | WRITE).unwrap();
    assert_eq!(guest.read(fd, 2), Ok(b"01".to_vec()));
    guest.vectors(&[(DATA, 3)]);
    guest.ok("fd_pread", &[fd, IOVS, 1, 5, OUT]);
    assert_eq!(guest.get(DATA, 3), b"567");
    guest.put(DATA, b"ab");
    guest.vectors(&[(DATA, 2)]);
    guest.ok("fd_pwrite", &[fd, IOVS, 1, 8, OUT]);
    assert_eq!(guest.read(fd, 3), Ok(b"234".to_vec()));
    assert_eq!(std::fs::read(dir.join("file")).unwrap(), b"01234567ab");
}

#[test]
fn what_is_open_can_be_renamed_and_removed() {
    let dir = TempDir::new();
    let mut guest = guest_in(&dir);
    let fd = guest.open(3, "file", CREAT, READ | WRITE).unwrap();
    assert_eq!(guest.write(fd, b"text"), Ok(4));
    let [from, from_length] = guest.string("file");
    let [to, to_length] = guest.string("other");
    guest.ok("path_rename", &[3, from, from_length, 3, to, to_length]);
    guest.ok("path_unlink_file", &[3, to, to_length]);
    guest.ok("fd_seek", &[fd, 0, 0, OUT]);
    assert_eq!(guest.read(fd, 9), Ok(b"text".to_vec()));
    guest.ok("fd_close", &[fd]);
    assert_eq!(guest.list(3, 512), Vec::<String>::new());
}

#[test]
fn descriptors_are_checked_for_what_they_were_opened_for() {
    let dir = TempDir::new();
    std::fs::write(dir.join("file"), "x").unwrap();
    let mut guest = guest_in(&dir);
    let read = guest.open(3, "file", 0, READ).unwrap();
    assert_eq!(guest.write(read, b"y"), Err(Errno::Badf as i32));
    let write = guest.open(3, "file", 0, WRITE).unwrap();
    assert_eq!(guest.read(write, 1), Err(Errno::Badf as i32));
    assert_eq!(guest.read(3, 1), Err(Errno::Badf as i32), "a directory");
    assert_eq!(guest.read(99, 1), Err(Errno::Badf as i32));
}

#[test]
fn directories() {
    let dir = TempDir::new();
    let mut guest = guest_in(&dir);
    let [sub, sub_len] = guest.string("sub");
    guest.ok("path_create_directory", &[3, sub, sub_len]);
    guest.expect(Errno::Exist, "path_create_directory", &[3, sub, sub_len]);
    let fd = guest.open(3, "sub", DIRECTORY, READ).unwrap();
    guest.ok("fd_fdstat_get", &[fd, OUT]);
    assert!(is_type(guest.get(OUT, 1)[0], Filetype::Directory));
    guest.open(fd, "inner", CREAT, WRITE).unwrap();
    assert!(dir.join("sub/inner").exists());
    guest.expect(Errno::Notempty, "path_remove_directory", &[3, sub, sub_len]);
    guest.expect(Errno::Badf, "fd_prestat_get", &[99, OUT]);
    guest.expect(Errno::Notsup, "fd_prestat_get", &[fd, OUT]);
}

#[test]
fn preopens_are_found_by_asking() {
    let dir = TempDir::new();
    let mut config = WasiConfig::new();
    config.preopen(dir.path(), "/").preopen(dir.path(), "/lib");
    let mut guest = Guest::new(&config);
    for (fd, name) in [(3, "/"), (4, "/lib")] {
        guest.ok("fd_prestat_get", &[fd, OUT]);
        assert_eq!(guest.get(OUT, 1), [0]);
        assert_eq!(guest.u32(OUT + 4) as usize, name.len());
        guest.ok("fd_prestat_dir_name", &[fd, DATA, name.len() as u64]);
        assert_eq!(guest.get(DATA, name.len()), name.as_bytes());
        guest.expect(Errno::Nametoolong, "fd_prestat_dir_name", &[fd, DATA, 0]);
    }
    guest.expect(Errno::Badf, "fd_prestat_get", &[5, OUT]);
}

#[test]
fn a_folder_takes_the_place_of_one_that_was_given() {
    let dir = TempDir::new();
    let mut guest = guest_in(&dir);
    let [at, length] = guest.string("sub");
    guest.ok("path_create_directory", &[3, at, length]);
    let sub = guest.open(3, "sub", DIRECTORY, READ).unwrap();
    guest.ok("fd_filestat_get", &[sub, OUT]);
    let inode = guest.u64(OUT + 8);
    guest.ok("fd_renumber", &[sub, 3]);
    guest.ok("fd_filestat_get", &[3, OUT]);
    assert_eq!(guest.u64(OUT + 8), inode);
    guest.expect(Errno::Badf, "fd_fdstat_get", &[sub, OUT]);
    // It is none of those that were given, and what is above it is out of reach.
    guest.expect(Errno::Notsup, "fd_prestat_get", &[3, OUT]);
    assert_eq!(
        guest.open(3, "../sub", DIRECTORY, READ),
        Err(Errno::Perm as i32)
    );
    // Without its name it is open still, and nothing can be made in it.
    std::fs::remove_dir(dir.join("sub")).unwrap();
    assert_eq!(guest.list(3, 256), [""; 0]);
    assert_eq!(guest.open(3, "new", CREAT, WRITE), Err(Errno::Noent as i32));
}

#[test]
fn a_directory_is_listed_whole_in_small_pieces() {
    let dir = TempDir::new();
    let mut names: Vec<String> = (0..200).map(|i| format!("entry-{i:03}")).collect();
    // As long as a name may be.
    names.push("long".repeat(63));
    for name in &names {
        std::fs::write(dir.join(name), "").unwrap();
    }
    let mut guest = guest_in(&dir);
    for size in [40, 64, 300, 4096] {
        assert_eq!(guest.list(3, size), names, "buffer of {size}");
    }
    // A new start sees what is new.
    std::fs::write(dir.join("late"), "").unwrap();
    assert_eq!(guest.list(3, 256).len(), 202);
}

/// As `rm -r` does it: entries go while the listing is under way, and none may be passed over.
#[test]
fn entries_can_be_removed_while_listing() {
    let dir = TempDir::new();
    for i in 0..100 {
        std::fs::write(dir.join(&format!("entry-{i:03}")), "").unwrap();
    }
    let mut guest = guest_in(&dir);
    let mut cookie = 0;
    loop {
        guest.heap = HEAP;
        guest.ok("fd_readdir", &[3, DATA, 128, cookie, OUT]);
        let used = guest.u32(OUT);
        if used < 24 {
            break;
        }
        cookie = guest.u64(DATA);
        let length = guest.u32(DATA + 16) as usize;
        let name = String::from_utf8(guest.get(DATA + 24, length)).unwrap();
        if name.starts_with("entry") {
            let [at, length] = guest.string(&name);
            guest.ok("path_unlink_file", &[3, at, length]);
        }
    }
    assert_eq!(guest.list(3, 512), Vec::<String>::new());
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_not_utf8_does_not_hide_the_others() {
    use std::os::unix::ffi::OsStrExt;
    let dir = TempDir::new();
    let odd = std::ffi::OsStr::from_bytes(b"caf\xe9");
    if std::fs::write(dir.path().join(odd), "").is_err() {
        return skip("a file system for names that are not UTF-8", ELSEWHERE);
    }
    std::fs::write(dir.join("plain"), "").unwrap();
    assert_eq!(guest_in(&dir).list(3, 512), ["plain"]);
}

#[cfg(unix)]
#[test]
fn times_before_1970_are_1970() {
    let dir = TempDir::new();
    let file = std::fs::File::create(dir.join("old")).unwrap();
    let long_ago = std::time::UNIX_EPOCH - Duration::from_secs(86_400);
    if file.set_modified(long_ago).is_err() {
        return skip("a file system for times before 1970", ELSEWHERE);
    }
    let mut guest = guest_in(&dir);
    let fd = guest.open(3, "old", 0, READ).unwrap();
    guest.ok("fd_filestat_get", &[fd, OUT]);
    assert_eq!(guest.u64(OUT + 48), 0);
    let [at, length] = guest.string("old");
    guest.ok("path_filestat_get", &[3, 0, at, length, OUT]);
    assert_eq!(guest.u64(OUT + 48), 0);
}

#[test]
fn times_can_be_set() {
    let dir = TempDir::new();
    let mut guest = guest_in(&dir);
    let fd = guest.open(3, "file", CREAT, WRITE).unwrap();
    let stamp = 1_234_567_890_000_000_000;
    guest.ok("fd_filestat_set_times", &[fd, stamp, stamp, 1 | 4]);
    guest.ok("fd_filestat_get", &[fd, OUT]);
    assert_eq!(guest.u64(OUT + 40), stamp);
    assert_eq!(guest.u64(OUT + 48), stamp);
    // Both a time and "now".
    guest.expect(Errno::Inval, "fd_filestat_set_times", &[fd, 0, 0, 3]);
}

/// Sets the times of what has these names, and reads them.
fn times_are_set(guest: &mut Guest, names: &[&str]) {
    const AT: u64 = 1_234_567_890_000_000_000;
    for name in names {
        let [at, length] = guest.string(name);
        guest.ok(
            "path_filestat_set_times",
            &[3, 1, at, length, AT, AT, 1 | 4],
        );
        guest.ok("path_filestat_get", &[3, 1, at, length, OUT]);
        assert_eq!(guest.u64(OUT + 48), AT, "{name}");
    }
}

#[test]
fn times_are_set_of_files_that_are_read_and_of_folders() {
    let dir = TempDir::new();
    std::fs::write(dir.join("file"), "").unwrap();
    std::fs::create_dir(dir.join("folder")).unwrap();
    times_are_set(&mut guest_in(&dir), &["file", "folder"]);
}

#[test]
fn errors_are_those_of_posix() {
    let dir = TempDir::new();
    std::fs::write(dir.join("file"), "").unwrap();
    std::fs::create_dir_all(dir.join("folder/inner")).unwrap();
    let mut guest = guest_in(&dir);
    let failed = |errno: Errno| Err(errno as i32);
    assert_eq!(guest.open(3, "none", 0, READ), failed(Errno::Noent));
    assert_eq!(guest.open(3, "file/x", 0, READ), failed(Errno::Notdir));
    assert_eq!(
        guest.open(3, "file", CREAT | EXCL, WRITE),
        failed(Errno::Exist)
    );
    assert_eq!(
        guest.open(3, "file", DIRECTORY, READ),
        failed(Errno::Notdir)
    );
    assert_eq!(guest.open(3, "folder", 0, WRITE), failed(Errno::Isdir));
    assert_eq!(guest.open(3, "folder", CREAT, READ), failed(Errno::Isdir));
    assert_eq!(guest.open(3, "folder", TRUNC, WRITE), failed(Errno::Isdir));
    let mut call = |name: &str, path: &str| {
        let [at, length] = guest.string(path);
        guest.errno(name, &[3, at, length])
    };
    assert_eq!(
        call("path_remove_directory", "folder"),
        Errno::Notempty as i32
    );
    assert_eq!(call("path_remove_directory", "file"), Errno::Notdir as i32);
    assert_eq!(call("path_remove_directory", "none"), Errno::Noent as i32);
    assert_eq!(call("path_create_directory", "file"), Errno::Exist as i32);
    assert_ne!(call("path_unlink_file", "folder"), 0);
    assert_eq!(call("path_unlink_file", "none"), Errno::Noent as i32);
}

#[cfg(target_os = "linux")]
#[test]
fn a_system_error_of_the_rarer_kind_is_an_errno() {
    use std::os::linux::fs::MetadataExt;
    let device = |path: &std::path::Path| std::fs::metadata(path).map(|data| data.st_dev()).ok();
    let shm = device("/dev/shm".as_ref());
    if shm.is_none() || device(&std::env::temp_dir()) == shm {
        return skip("a second file system, /dev/shm", ELSEWHERE);
    }
    let dir = TempDir::new();
    std::fs::write(dir.join("file"), "").unwrap();
    let mut config = WasiConfig::new();
    config.preopen(dir.path(), "/").preopen("/dev/shm", "/shm");
    let mut guest = Guest::new(&config);
    let [at, length] = guest.string("file");
    guest.expect(Errno::Xdev, "path_rename", &[3, at, length, 4, at, length]);
}

/// Of what the system allows to be asked for together.
#[cfg(unix)]
#[test]
fn flags_that_go_together() {
    let dir = TempDir::new();
    let path = dir.path().to_path_buf();
    unprivileged(&dir, move || {
        let dir = |name: &str| path.join(name);
        std::fs::write(dir("log"), "old").unwrap();
        std::fs::write(dir("fixed"), "text").unwrap();
        let read_only = std::fs::Permissions::from_mode(0o444);
        std::fs::set_permissions(dir("fixed"), read_only).unwrap();
        std::fs::create_dir(dir("sub")).unwrap();
        let mut guest = Guest::new(WasiConfig::new().preopen(&path, "/"));
        let open = |guest: &mut Guest, name: &str, oflags: u64, rights: u64, fdflags: u64| {
            let [at, length] = guest.string(name);
            let args = [3, 1, at, length, oflags, rights, rights, fdflags, OUT];
            match guest.errno("path_open", &args) {
                0 => Ok(u64::from(guest.u32(OUT))),
                errno => Err(errno),
            }
        };
        let fd = open(&mut guest, "log", CREAT | TRUNC, WRITE, APPEND).unwrap();
        assert_eq!(guest.write(fd, b"one"), Ok(3));
        guest.ok("fd_seek", &[fd, 0, 0, OUT]);
        assert_eq!(guest.write(fd, b"two"), Ok(3));
        assert_eq!(std::fs::read(dir("log")).unwrap(), b"onetwo");
        for (oflags, fdflags) in [(0, 0), (0, APPEND), (CREAT, 0), (CREAT, APPEND)] {
            let fd = open(&mut guest, "fixed", oflags, READ, fdflags).unwrap();
            assert_eq!(guest.read(fd, 9), Ok(b"text".to_vec()));
            guest.ok("fd_fdstat_get", &[fd, OUT]);
            assert_eq!(guest.u32(OUT) >> 16, fdflags as u32);
        }
        let acces = Err(Errno::Acces as i32);
        assert_eq!(open(&mut guest, "fixed", CREAT, WRITE, 0), acces);
        assert_eq!(open(&mut guest, "fixed", CREAT | TRUNC, READ, 0), acces);
        assert_eq!(open(&mut guest, "fixed", TRUNC, READ, 0), acces);
        let isdir = Err(Errno::Isdir as i32);
        for path in ["sub", "sub/", "fixed/", "none/"] {
            assert_eq!(open(&mut guest, path, CREAT, READ, 0), isdir, "{path}");
        }
        open(&mut guest, "made", CREAT, READ, APPEND).unwrap();
        assert!(dir("made").exists());
    });
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_only_be_read_is_listed() {
    let dir = TempDir::new();
    let path = dir.path().to_path_buf();
    unprivileged(&dir, move || {
        let folder = path.join("folder");
        std::fs::create_dir_all(folder.join("inner")).unwrap();
        std::fs::write(folder.join("file"), "").unwrap();
        let set = |mode| {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&folder, mode).unwrap();
        };
        set(0o444);
        let mut guest = Guest::new(WasiConfig::new().preopen(&path, "/"));
        let fd = guest.open(3, "folder", DIRECTORY, READ).unwrap();
        let listed = [guest.list(fd, 4096), guest.list(fd, 4096)];
        assert_eq!(guest.open(fd, "file", 0, READ), Err(Errno::Acces as i32));
        set(0o755);
        assert_eq!(listed, [["file", "inner"], ["file", "inner"]]);
    });
}

#[cfg(unix)]
#[test]
fn times_are_set_without_waiting_for_the_other_end_of_a_pipe() {
    let dir = TempDir::new();
    limits::fifo(&dir, "pipe");
    for name in ["none", "writable", "readable"] {
        std::fs::write(dir.join(name), "").unwrap();
    }
    std::fs::create_dir(dir.join("closed")).unwrap();
    let path = dir.path().to_path_buf();
    for (name, mode) in [
        ("none", 0),
        ("writable", 0o200),
        ("readable", 0o400),
        ("closed", 0),
    ] {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path.join(name), mode).unwrap();
    }
    limits::soon(move || {
        unprivileged(&dir, move || {
            let mut guest = Guest::new(WasiConfig::new().preopen(&path, "/"));
            let names = ["pipe", "none", "writable", "readable", "closed"];
            times_are_set(&mut guest, &names);
        });
    });
}
