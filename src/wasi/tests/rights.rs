//! What a guest may do with a descriptor, and what it gives up. Cases that WebAssembly/wasi-testsuite teaches, and some of our own.

use super::*;
use crate::wasi::preview1::types::Rights;

const SEEK: u64 = Rights::FD_SEEK.bits();
const TELL: u64 = Rights::FD_TELL.bits();

/// Base and inheriting.
fn rights(guest: &mut Guest, fd: u64) -> (u64, u64) {
    guest.ok("fd_fdstat_get", &[fd, OUT]);
    (guest.u64(OUT + 8), guest.u64(OUT + 16))
}

#[test]
fn rights_are_given_up_for_good() {
    let dir = TempDir::new();
    let mut guest = guest_in(&dir);
    let fd = guest.open(3, "file", CREAT, READ | WRITE).unwrap();
    assert_eq!(guest.write(fd, b"text"), Ok(4));
    let (base, inheriting) = rights(&mut guest, fd);
    guest.ok(
        "fd_fdstat_set_rights",
        &[fd, base & !(READ | WRITE), inheriting],
    );
    assert_eq!(rights(&mut guest, fd), (base & !(READ | WRITE), inheriting));
    assert_eq!(guest.read(fd, 4), Err(Errno::Notcapable as i32));
    assert_eq!(guest.write(fd, b"more"), Err(Errno::Notcapable as i32));
    guest.ok("fd_seek", &[fd, 0, 0, OUT]);
    for back in [base, READ, base | READ] {
        guest.expect(Errno::Notcapable, "fd_fdstat_set_rights", &[fd, back, 0]);
    }
    guest.ok("fd_fdstat_set_rights", &[fd, TELL, 0]);
    guest.expect(Errno::Notcapable, "fd_seek", &[fd, 0, 0, OUT]);
    guest.ok("fd_tell", &[fd, OUT]);
    guest.expect(
        Errno::Notcapable,
        "fd_fdstat_set_rights",
        &[fd, TELL | SEEK, 0],
    );
}

#[test]
fn what_a_folder_passes_on_is_given_up_for_all_below() {
    let dir = TempDir::new();
    std::fs::create_dir(dir.join("sub")).unwrap();
    std::fs::write(dir.join("sub/file"), "text").unwrap();
    let mut guest = guest_in(&dir);
    let (base, inheriting) = rights(&mut guest, 3);
    guest.ok(
        "fd_fdstat_set_rights",
        &[3, base, inheriting & !(WRITE | SEEK)],
    );
    let refused = Err(Errno::Notcapable as i32);
    assert_eq!(guest.open(3, "sub/file", 0, READ | WRITE), refused);
    let sub = guest.open(3, "sub", DIRECTORY, READ).unwrap();
    assert_eq!(guest.open(sub, "file", 0, WRITE), refused);
    let file = guest.open(sub, "file", 0, READ).unwrap();
    guest.expect(Errno::Notcapable, "fd_seek", &[file, 1, 0, OUT]);
    assert_eq!(guest.read(file, 9), Ok(b"text".to_vec()));
    // A folder that makes nothing any more.
    let create = Rights::PATH_CREATE_FILE.bits();
    guest.ok(
        "fd_fdstat_set_rights",
        &[3, base & !create, inheriting & !(WRITE | SEEK)],
    );
    assert_eq!(guest.open(3, "new", CREAT, READ), refused);
    assert!(!dir.join("new").exists());
}

#[test]
fn rights_are_those_of_what_it_is() {
    let dir = TempDir::new();
    let mut guest = guest_in(&dir);
    // wasi-libc takes for a terminal what cannot be sought.
    let file = guest.open(3, "file", CREAT, WRITE).unwrap();
    let (base, _) = rights(&mut guest, file);
    assert_eq!(base & (READ | WRITE | SEEK | TELL), WRITE | SEEK | TELL);
    let (base, _) = rights(&mut guest, 0);
    assert_eq!(base & (READ | WRITE | SEEK | TELL), READ);
    let (base, inheriting) = rights(&mut guest, 3);
    assert_eq!(base & (SEEK | Rights::FD_FILESTAT_SET_SIZE.bits()), 0);
    assert_eq!(inheriting & (READ | WRITE | SEEK), READ | WRITE | SEEK);
}

/// Numbers that no flag has.
#[test]
fn unknown_flags_are_invalid() {
    let dir = TempDir::new();
    let mut guest = guest_in(&dir);
    let fd = guest.open(3, "file", CREAT, READ | WRITE).unwrap();
    let [at, length] = guest.string("file");
    let inval = Errno::Inval;
    guest.expect(inval, "path_open", &[3, 2, at, length, 0, READ, 0, 0, OUT]);
    guest.expect(inval, "path_open", &[3, 0, at, length, 16, READ, 0, 0, OUT]);
    guest.expect(
        inval,
        "path_open",
        &[3, 0, at, length, 0, 1 << 40, 0, 0, OUT],
    );
    guest.expect(inval, "path_open", &[3, 0, at, length, 0, READ, 0, 32, OUT]);
    guest.expect(inval, "path_open", &[3, 0, at, length, 3, READ, 0, 0, OUT]);
    guest.expect(inval, "fd_advise", &[fd, 0, 0, 6]);
    guest.expect(inval, "fd_seek", &[fd, 0, 3, OUT]);
    guest.expect(inval, "fd_seek", &[fd, -1i64 as u64, 0, OUT]);
    guest.expect(inval, "fd_fdstat_set_flags", &[fd, 2]);
    guest.expect(inval, "fd_fdstat_set_flags", &[fd, 1 << 16]);
    guest.expect(inval, "fd_filestat_set_times", &[fd, 0, 0, 16]);
    guest.expect(
        inval,
        "path_filestat_set_times",
        &[3, 0, at, length, 0, 0, 12],
    );
    guest.expect(inval, "path_link", &[3, 1, at, length, 3, at, length]);
    guest.expect(
        Errno::Notsup,
        "path_open",
        &[3, 0, at, length, 0, READ, 0, 16, OUT],
    );
}

/// A number that is free is given again, the lowest first.
#[test]
fn descriptors_are_the_lowest_that_are_free() {
    let dir = TempDir::new();
    std::fs::write(dir.join("file"), "").unwrap();
    let mut guest = guest_in(&dir);
    let open = |guest: &mut Guest| guest.open(3, "file", 0, READ).unwrap();
    assert_eq!(
        [open(&mut guest), open(&mut guest), open(&mut guest)],
        [4, 5, 6]
    );
    guest.ok("fd_close", &[5]);
    guest.ok("fd_close", &[0]);
    assert_eq!(
        [open(&mut guest), open(&mut guest), open(&mut guest)],
        [0, 5, 7]
    );
    guest.expect(Errno::Badf, "fd_renumber", &[7, 99]);
    guest.ok("fd_renumber", &[7, 7]);
    guest.ok("fd_renumber", &[7, 3]);
    guest.expect(Errno::Badf, "fd_prestat_get", &[3, OUT]);
    assert_eq!(guest.open(3, "file", 0, READ), Err(Errno::Notdir as i32));
}

#[test]
fn what_is_no_folder_or_no_file_says_so() {
    let dir = TempDir::new();
    let mut guest = guest_in(&dir);
    let file = guest.open(3, "file", CREAT, READ | WRITE).unwrap();
    assert_eq!(guest.open(file, "file", 0, READ), Err(Errno::Notdir as i32));
    let [at, length] = guest.string("file");
    let badf = Errno::Badf;
    guest.expect(badf, "path_filestat_get", &[file, 0, at, length, OUT]);
    guest.expect(badf, "fd_readdir", &[file, DATA, 64, 0, OUT]);
    guest.expect(Errno::Notdir, "fd_prestat_dir_name", &[file, DATA, 64]);
    for (name, args) in [
        ("fd_advise", vec![3, 0, 0, 0]),
        ("fd_allocate", vec![3, 0, 1]),
        ("fd_datasync", vec![3]),
        ("fd_fdstat_set_flags", vec![3, 0]),
        ("fd_filestat_set_size", vec![3, 0]),
        ("fd_pread", vec![3, IOVS, 0, 0, OUT]),
        ("fd_seek", vec![3, 0, 1, OUT]),
        ("fd_sync", vec![3]),
        ("fd_tell", vec![3, OUT]),
        ("fd_write", vec![3, IOVS, 0, OUT]),
        ("sock_accept", vec![3, 0, OUT]),
    ] {
        guest.expect(badf, name, &args);
    }
    let slash = |guest: &mut Guest| guest.open(3, "file/", 0, READ);
    assert_eq!(slash(&mut guest), Err(Errno::Notdir as i32));
}

#[test]
fn to_empty_a_file_is_to_write() {
    let dir = TempDir::new();
    std::fs::write(dir.join("file"), "text").unwrap();
    let mut guest = guest_in(&dir);
    // The system has to open for writing what it is to make, or to empty; the guest has not asked for it.
    for fdflags in [0, 1] {
        let [at, length] = guest.string("file");
        guest.ok(
            "path_open",
            &[3, 1, at, length, CREAT, READ, READ, fdflags, OUT],
        );
        let fd = u64::from(guest.u32(OUT));
        guest.expect(Errno::Inval, "fd_filestat_set_size", &[fd, 0]);
        guest.ok("fd_close", &[fd]);
    }
    let fd = guest.open(3, "new", CREAT, READ).unwrap();
    guest.expect(Errno::Inval, "fd_filestat_set_size", &[fd, 10]);
    let fd = guest.open(3, "file", 0, READ | WRITE).unwrap();
    let (base, _) = rights(&mut guest, fd);
    guest.ok("fd_fdstat_set_rights", &[fd, base & !WRITE, 0]);
    guest.expect(Errno::Notcapable, "fd_filestat_set_size", &[fd, 0]);
    let refused = Err(Errno::Notcapable as i32);
    let (base, inheriting) = rights(&mut guest, 3);
    guest.ok("fd_fdstat_set_rights", &[3, base, inheriting & !WRITE]);
    assert_eq!(guest.open(3, "file", CREAT | TRUNC, READ), refused);
    assert_eq!(guest.open(3, "file", TRUNC, READ), refused);
    guest.open(3, "file", CREAT, READ).unwrap();
    assert_eq!(std::fs::read(dir.join("file")).unwrap(), b"text");
}
