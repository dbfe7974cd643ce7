//! What a guest cannot do.

use super::*;
use crate::error::Code;

fn refused(outcome: Result<u64, i32>) -> bool {
    matches!(outcome, Err(errno) if [Errno::Perm, Errno::Notcapable, Errno::Acces].iter().any(|e| *e as i32 == errno))
}

/// A directory `secret` with a file, and beside it the directory that the guest gets.
fn prison() -> (TempDir, PathBuf) {
    let dir = TempDir::new();
    std::fs::create_dir(dir.join("secret")).unwrap();
    std::fs::write(dir.join("secret/key"), "42").unwrap();
    let cell = dir.join("cell");
    std::fs::create_dir_all(cell.join("sub")).unwrap();
    (dir, cell)
}

#[test]
fn paths_do_not_lead_out() {
    let (dir, cell) = prison();
    let mut guest = Guest::new(WasiConfig::new().preopen(&cell, "/"));
    let absolute = dir.join("secret/key");
    for path in [
        "../secret/key",
        "sub/../../secret/key",
        "sub/../../../etc/passwd",
        "..",
        "/",
        "/etc/passwd",
        absolute.to_str().unwrap(),
    ] {
        assert!(refused(guest.open(3, path, 0, READ)), "{path}");
        let [at, length] = guest.string(path);
        let stat = guest.errno("path_filestat_get", &[3, 1, at, length, OUT]);
        assert!(refused(Err(stat)), "{path}: {stat}");
        let unlink = guest.errno("path_unlink_file", &[3, at, length]);
        assert_ne!(unlink, 0, "{path}");
        let make = guest.errno("path_create_directory", &[3, at, length]);
        assert_ne!(make, 0, "{path}");
    }
    // Within the directory `..` is fine.
    std::fs::write(cell.join("own"), "").unwrap();
    assert!(guest.open(3, "sub/../own", 0, READ).is_ok());
    // A descriptor of a subdirectory is no way out either.
    let sub = guest.open(3, "sub", DIRECTORY, READ).unwrap();
    assert!(refused(guest.open(sub, "../own", 0, READ)));
    assert!(dir.join("secret/key").exists());
}

#[cfg(unix)]
#[test]
fn links_do_not_lead_out() {
    use std::os::unix::fs::symlink;
    let (dir, cell) = prison();
    symlink(dir.join("secret/key"), cell.join("absolute")).unwrap();
    symlink("../secret/key", cell.join("relative")).unwrap();
    symlink("../secret", cell.join("directory")).unwrap();
    let mut guest = Guest::new(WasiConfig::new().preopen(&cell, "/"));
    for path in ["absolute", "relative", "directory", "directory/key"] {
        assert!(refused(guest.open(3, path, 0, READ)), "{path}");
        assert!(refused(guest.open(3, path, CREAT | TRUNC, WRITE)), "{path}");
    }
    // One that the guest makes itself.
    let ([to, to_len], [at, length]) = (guest.string("../secret/key"), guest.string("mine"));
    let _ = guest.errno("path_symlink", &[to, to_len, 3, at, length]);
    assert!(guest.open(3, "mine", 0, READ).is_err());
    let [to, to_len] = guest.string("/etc/passwd");
    let _ = guest.errno("path_symlink", &[to, to_len, 3, at, length]);
    assert!(guest.open(3, "mine", 0, READ).is_err());
    // Two directories: a rename reaches no further than one.
    let [from, from_len] = guest.string("../secret/key");
    assert_ne!(
        guest.errno("path_rename", &[3, from, from_len, 3, at, length]),
        0
    );
    assert_ne!(
        guest.errno("path_link", &[3, 0, from, from_len, 3, at, length]),
        0
    );
    assert_eq!(std::fs::read(dir.join("secret/key")).unwrap(), b"42");
}

#[test]
fn without_a_preopened_directory_there_is_nothing() {
    let mut guest = Guest::new(&WasiConfig::new());
    for fd in [0, 1, 2, 3, 4, u64::from(u32::MAX)] {
        assert!(guest.open(fd, "etc", 0, READ).is_err());
        guest.expect(Errno::Badf, "fd_prestat_get", &[fd, OUT]);
    }
}

#[test]
fn read_only_means_read_only() {
    let dir = TempDir::new();
    let (locked, free) = (dir.join("locked"), dir.join("free"));
    std::fs::create_dir_all(locked.join("sub")).unwrap();
    std::fs::create_dir(&free).unwrap();
    std::fs::write(locked.join("file"), "content").unwrap();
    std::fs::write(locked.join("sub/inner"), "content").unwrap();
    let before = std::fs::metadata(locked.join("file")).unwrap();
    let mut config = WasiConfig::new();
    config
        .preopen_read_only(&locked, "/locked")
        .preopen(&free, "/");
    let mut guest = Guest::new(&config);
    let rofs = Errno::Rofs as i32;

    let file = guest.open(3, "file", 0, READ).unwrap();
    assert_eq!(guest.read(file, 100), Ok(b"content".to_vec()));
    assert_eq!(guest.list(3, 512), ["file", "sub"]);
    // Creating what is there is opening it.
    assert!(guest.open(3, "file", CREAT, READ).is_ok());
    assert_eq!(
        guest.open(3, "file", CREAT | EXCL, READ),
        Err(Errno::Exist as i32)
    );

    assert_eq!(guest.open(3, "file", 0, READ | WRITE), Err(rofs));
    assert_eq!(guest.open(3, "file", TRUNC, READ), Err(rofs));
    assert_eq!(guest.open(3, "new", CREAT, READ), Err(rofs));
    assert_eq!(guest.open(3, "new", CREAT | EXCL, WRITE), Err(rofs));
    assert_eq!(guest.open(3, "none", 0, READ), Err(Errno::Noent as i32));
    // Append asks for no right to write, and gets none.
    let [at, length] = guest.string("file");
    guest.ok("path_open", &[3, 0, at, length, 0, READ, 0, 1, OUT]);
    let append = u64::from(guest.u32(OUT));
    assert_eq!(guest.write(append, b"x"), Err(Errno::Badf as i32));

    guest.expect(Errno::Rofs, "fd_filestat_set_size", &[file, 0]);
    guest.expect(Errno::Rofs, "fd_filestat_set_times", &[file, 0, 0, 5]);
    guest.expect(Errno::Rofs, "fd_filestat_set_times", &[3, 0, 0, 5]);

    let [new, new_len] = guest.string("new");
    let calls: [(&str, Vec<u64>); 10] = [
        ("path_unlink_file", vec![3, at, length]),
        ("path_create_directory", vec![3, new, new_len]),
        ("path_remove_directory", vec![3, new, new_len]),
        ("path_symlink", vec![at, length, 3, new, new_len]),
        ("path_rename", vec![3, at, length, 3, new, new_len]),
        ("path_rename", vec![3, at, length, 4, new, new_len]),
        ("path_rename", vec![4, at, length, 3, new, new_len]),
        ("path_link", vec![3, 0, at, length, 4, new, new_len]),
        ("path_link", vec![4, 0, at, length, 3, new, new_len]),
        ("path_filestat_set_times", vec![3, 0, at, length, 0, 0, 5]),
    ];
    for (name, args) in calls {
        guest.expect(Errno::Rofs, name, &args);
    }
    // So is what lies below.
    let sub = guest.open(3, "sub", DIRECTORY, READ).unwrap();
    assert_eq!(guest.open(sub, "inner", 0, WRITE), Err(rofs));
    assert_eq!(guest.open(sub, "new", CREAT, READ), Err(rofs));

    assert_eq!(std::fs::read_dir(&locked).unwrap().count(), 2);
    assert_eq!(std::fs::read_dir(&free).unwrap().count(), 0);
    let after = std::fs::metadata(locked.join("file")).unwrap();
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
}

#[test]
fn a_preopened_directory_has_to_be_one() {
    let dir = TempDir::new();
    let file = dir.join("file");
    std::fs::write(&file, "").unwrap();
    let code = |host: &Path, guest: &str| {
        let error = WasiConfig::new()
            .preopen(host, guest)
            .build()
            .err()
            .unwrap();
        assert!(
            error.message().contains(&*host.to_string_lossy()),
            "{error}"
        );
        error.code()
    };
    assert_eq!(code(&dir.join("none"), "/"), Code::NotFound);
    assert_eq!(code(&file, "/"), Code::InvalidArgument);
    assert_eq!(code(Path::new(""), "/"), Code::NotFound);
    assert_eq!(code(dir.path(), ""), Code::InvalidArgument);
    assert_eq!(code(dir.path(), "/a\0b"), Code::InvalidArgument);
    let mut twice = WasiConfig::new();
    twice.preopen(dir.path(), "/").preopen(dir.path(), "/");
    assert_eq!(twice.build().err().unwrap().code(), Code::InvalidArgument);
}
