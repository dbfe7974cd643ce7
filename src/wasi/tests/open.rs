//! Files that the linker opens by a guest's path.

use super::*;
#[cfg(unix)]
use crate::error::Code;
use crate::state::Descriptors;
#[cfg(unix)]
use crate::wasi::FileIdentity;

fn world() -> (TempDir, Wasi) {
    let dir = TempDir::new();
    for (path, text) in [
        ("root/lib/libx.so", "root libx"),
        ("root/top", "top"),
        ("lib/libx.so", "lib libx"),
        ("lib/deep/liby.so", "lib liby"),
        ("deep/liby.so", "deep liby"),
        ("here/libz.so", "here libz"),
    ] {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let mut config = WasiConfig::new();
    config
        .preopen(dir.join("root"), "/")
        .preopen(dir.join("lib"), "/lib")
        .preopen(dir.join("deep"), "/lib/deep/")
        .preopen_read_only(dir.join("here"), ".");
    let common = config.build_with(Box::new(Awake::default())).unwrap();
    (dir, common)
}

fn text(wasi: &Wasi, path: &str) -> String {
    match wasi.open_file(path, u64::MAX) {
        Ok((bytes, _)) => String::from_utf8(bytes).unwrap(),
        Err(error) => {
            assert!(error.message().contains("cannot open"), "{error}");
            assert!(!error.message().contains('\0'));
            format!("{:?}", error.code())
        }
    }
}

#[test]
fn the_longest_preopen_holds_a_path() {
    let (_dir, wasi) = world();
    assert_eq!(text(&wasi, "/top"), "top");
    assert_eq!(text(&wasi, "/lib/libx.so"), "lib libx");
    assert_eq!(text(&wasi, "lib/libx.so"), "lib libx");
    assert_eq!(text(&wasi, "./lib//./libx.so"), "lib libx");
    assert_eq!(text(&wasi, "/lib/deep/liby.so"), "deep liby");
    // `.` and `/` are one place with two preopens: the form of the path decides.
    assert_eq!(text(&wasi, "libz.so"), "here libz");
    assert_eq!(text(&wasi, "/libz.so"), "NotFound");
    // A name only counts whole.
    assert_eq!(text(&wasi, "/libx/libx.so"), "NotFound");
}

#[test]
fn what_is_no_file_is_refused() {
    let (dir, wasi) = world();
    assert_eq!(text(&wasi, ""), "InvalidArgument");
    assert_eq!(text(&wasi, "/to\0p"), "InvalidArgument");
    assert_eq!(text(&wasi, "/lib"), "InvalidArgument");
    assert_eq!(text(&wasi, "/"), "InvalidArgument");
    assert_eq!(text(&wasi, "/none"), "NotFound");
    assert_eq!(text(&wasi, "/top/none"), "NotFound");
    assert_eq!(text(&wasi, "/lib/../../secret"), "Io");
    assert_eq!(text(&wasi, "/lib/../top"), "Io", "out of its preopen");
    assert_eq!(text(&wasi, "../lib/libx.so"), "Io");
    assert_eq!(text(&wasi, &("x/".repeat(100_000) + "x")), "Io");
    assert_eq!(
        text(&wasi, "/top/"),
        "InvalidArgument",
        "a slash says folder"
    );
    assert_eq!(text(&wasi, "/top/."), "InvalidArgument");
    let large = std::fs::File::create(dir.join("root/large")).unwrap();
    if large.set_len((1 << 30) + 1).is_ok() {
        assert_eq!(text(&wasi, "/large"), "Limit");
    }
    let nothing = WasiConfig::new()
        .build_with(Box::new(Awake::default()))
        .unwrap();
    assert_eq!(text(&nothing, "/top"), "NotFound");
}

#[cfg(unix)]
#[test]
fn links_within_are_followed_and_those_out_are_not() {
    use std::os::unix::fs::symlink;
    let (dir, wasi) = world();
    std::fs::write(dir.join("secret"), "secret").unwrap();
    symlink("../secret", dir.join("root/out")).unwrap();
    symlink(dir.join("secret"), dir.join("root/absolute")).unwrap();
    symlink("libx.so", dir.join("lib/libx.so.1")).unwrap();
    assert_eq!(text(&wasi, "/out"), "Io");
    assert_eq!(text(&wasi, "/absolute"), "Io");
    assert_eq!(text(&wasi, "/lib/libx.so.1"), "lib libx");

    // One file, whatever its names.
    let identity = |path: &str| -> FileIdentity { wasi.open_file(path, u64::MAX).unwrap().1 };
    assert_eq!(identity("/lib/libx.so.1"), identity("lib/libx.so"));
    assert_ne!(identity("/lib/libx.so"), identity("/top"));
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let (dir, wasi) = world();
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(dir.join("root/fifo").as_os_str().as_bytes()).unwrap();
    // SAFETY: the path is a C string.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    assert_eq!(text(&wasi, "/fifo"), "InvalidArgument");
}

#[test]
fn files_of_every_size_come_whole() {
    let (dir, wasi) = world();
    for size in [0, 1, 511, 512, 513, 4095, 4096, 100_000] {
        let mut bytes = b"\0asm".to_vec();
        bytes.extend((0..100_000).map(|i| i as u8));
        bytes.truncate(size);
        std::fs::write(dir.join("root/sized"), &bytes).unwrap();
        assert_eq!(
            wasi.open_file("/sized", u64::MAX).unwrap().0,
            bytes,
            "{size}"
        );
    }
}

/// The linker reads with the host's grant, not with the guest's descriptors.
#[test]
fn a_closed_descriptor_does_not_matter() {
    let (_dir, wasi) = world();
    wasi.close(3);
    assert_eq!(text(&wasi, "/top"), "top");
}

/// A file with a size and nothing in it is no reason to take as much memory.
#[test]
fn of_what_is_no_module_only_the_first_bytes_are_read() {
    let (dir, wasi) = world();
    let sparse = |name: &str, head: &[u8]| {
        let path = dir.join("root").join(name);
        std::fs::write(&path, head).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_len(3 << 20).unwrap();
    };
    sparse("none", b"");
    sparse("module", b"\0asm\x01\0\0\0");
    let (bytes, _) = wasi.open_file("/none", 1000).unwrap();
    assert!(bytes.len() < 1000, "{}", bytes.len());
    let (bytes, _) = wasi.open_file("/module", 3 << 20).unwrap();
    assert_eq!(bytes.len(), 3 << 20);
    assert!(bytes.starts_with(b"\0asm"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_module_that_there_is_no_room_for_is_not_read() {
    // What this thread has read so far.
    let read = || {
        let text = std::fs::read_to_string("/proc/thread-self/io").unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("rchar: "));
        line.map_or(0, |number| number.parse::<u64>().unwrap())
    };
    let (dir, wasi) = world();
    let path = dir.join("root/sparse");
    std::fs::write(&path, "\0asm").unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(100 << 20).unwrap();
    let before = read();
    let error = wasi.open_file("/sparse", 1 << 20).unwrap_err();
    assert!(read() - before < 1 << 20, "{}", read() - before);
    assert_eq!(error.code(), Code::Limit);
    assert!(error.message().contains("104857600 bytes"), "{error}");
    // As much as there is room for, and no more.
    file.set_len(10_000).unwrap();
    assert_eq!(wasi.open_file("/sparse", 10_000).unwrap().0.len(), 10_000);
    let error = wasi.open_file("/sparse", 9_999).unwrap_err();
    assert_eq!(error.code(), Code::Limit);
}

#[test]
fn what_the_guest_has_opened_is_known_by_its_paths() {
    let (dir, _) = world();
    let mut guest = guest_in(&dir);
    let opened = |guest: &Guest| guest.wasi.opened();
    assert_eq!(opened(&guest), [], "what is given is not opened");
    let top = guest.open(3, "root/top", 0, READ).unwrap();
    let lib = guest.open(3, "lib", DIRECTORY, READ).unwrap();
    guest.open(3, "none", 0, READ).unwrap_err();
    let both = [(top as u32, "root/top"), (lib as u32, "lib")];
    let both = both.map(|(fd, path)| (fd, path.to_string()));
    assert_eq!(opened(&guest), both);
    guest.ok("fd_renumber", &[lib, lib]);
    assert_eq!(opened(&guest), both);
    guest.ok("fd_renumber", &[lib, top]);
    assert_eq!(opened(&guest), [(top as u32, "lib".to_string())]);
    guest.ok("fd_close", &[top]);
    assert_eq!(opened(&guest), []);
    // What was given may not be where it was.
    guest.ok("fd_renumber", &[3, 1]);
    assert_eq!(opened(&guest), [(1, "descriptor 3".to_string())]);
}
