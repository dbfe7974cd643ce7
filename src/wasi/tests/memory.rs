//! Folders in memory: what they hold, for how long, and how much.

use super::*;
use crate::error::Code;
use crate::wasi::tree::{MAX_PATH, Tree};
use crate::wasi::{MemoryLimits, MemoryTree, Source};

const LIMITS: MemoryLimits = MemoryLimits {
    bytes: 1 << 20,
    nodes: 100,
};

fn guest_of(tree: &MemoryTree, read_only: bool) -> Guest {
    let mut config = WasiConfig::new();
    config.preopen_source(Source::Memory(tree.clone()), "/", read_only);
    Guest::new(&config)
}

#[test]
fn what_the_host_puts_there_guests_find_and_what_they_write_the_host() {
    let tree = MemoryTree::new(LIMITS);
    tree.put("lib/a.txt", b"hello").unwrap();
    tree.put_folder("empty/").unwrap();
    let mut guest = guest_of(&tree, false);
    let fd = guest.open(3, "lib/a.txt", 0, READ).unwrap();
    assert_eq!(guest.read(fd, 100), Ok(b"hello".to_vec()));
    let fd = guest.open(3, "lib/b", CREAT, WRITE).unwrap();
    guest.write(fd, b"from the guest").unwrap();
    assert_eq!(tree.get("lib/b").unwrap(), b"from the guest");
    assert_eq!(tree.paths(), ["empty/", "lib/a.txt", "lib/b"]);
    // Another guest has the same one.
    let mut other = guest_of(&tree, false);
    let fd = other.open(3, "lib/b", 0, READ).unwrap();
    tree.put("lib/b", b"anew").unwrap();
    assert_eq!(other.read(fd, 100), Ok(b"anew".to_vec()));
    tree.delete("lib").unwrap();
    assert_eq!(other.open(3, "lib/b", 0, READ), Err(Errno::Noent as i32));
    assert_eq!(tree.paths(), ["empty/"]);
    for (outcome, code) in [
        (tree.put("", b""), Code::NotFound),
        (tree.put("/a", b""), Code::InvalidArgument),
        (tree.put("../a", b""), Code::InvalidArgument),
        (tree.put("empty", b""), Code::InvalidArgument),
        (tree.put("new/", b""), Code::InvalidArgument),
        (tree.put_folder("/x"), Code::InvalidArgument),
        (tree.get("none").map(drop), Code::NotFound),
        (tree.get("empty").map(drop), Code::InvalidArgument),
        (tree.delete("none"), Code::NotFound),
        (tree.put("big", &vec![0; 1 << 20]), Code::Limit),
    ] {
        assert_eq!(outcome.unwrap_err().code(), code);
    }
}

#[test]
fn bytes_and_nodes_are_bounded_and_come_back() {
    let tree = MemoryTree::new(LIMITS);
    let before = tree.used();
    let mut guest = guest_of(&tree, false);
    let nospc = Errno::Nospc as i32;
    let fd = guest.open(3, "a", CREAT, READ | WRITE).unwrap();
    guest.expect(Errno::Nospc, "fd_filestat_set_size", &[fd, 1 << 20]);
    guest.expect(Errno::Nospc, "fd_filestat_set_size", &[fd, 1 << 62]);
    guest.ok("fd_filestat_set_size", &[fd, (1 << 20) - 11]);
    // Ten are left beside the name: so many are written, and then none.
    guest.ok("fd_seek", &[fd, 0, 2, OUT]);
    assert_eq!(guest.write(fd, &[1; 20]), Ok(10));
    assert_eq!(guest.write(fd, &[1; 20]), Err(nospc));
    guest.vectors(&[(DATA, 4)]);
    guest.expect(Errno::Nospc, "fd_pwrite", &[fd, IOVS, 1, 1 << 40, OUT]);
    assert_eq!(guest.open(3, "b", CREAT, WRITE), Err(nospc));
    let ([to, to_len], [at, length]) = (guest.string("a"), guest.string("l"));
    guest.expect(Errno::Nospc, "path_symlink", &[to, to_len, 3, at, length]);
    guest.expect(
        Errno::Nospc,
        "path_link",
        &[3, 0, to, to_len, 3, at, length],
    );
    let [long, long_len] = guest.string("longer");
    guest.expect(
        Errno::Nospc,
        "path_rename",
        &[3, to, to_len, 3, long, long_len],
    );
    // What is open keeps its bytes, whatever its names.
    guest.ok("path_unlink_file", &[3, to, to_len]);
    assert_eq!(tree.used().bytes, (1 << 20) - 1);
    guest.ok("fd_close", &[fd]);
    assert_eq!(tree.used(), before);

    for name in 0..99 {
        let [at, length] = guest.string(&name.to_string());
        guest.ok("path_create_directory", &[3, at, length]);
    }
    let [at, length] = guest.string("more");
    guest.expect(Errno::Nospc, "path_create_directory", &[3, at, length]);
    let [at, length] = guest.string("7");
    guest.ok("path_remove_directory", &[3, at, length]);
    guest.ok("path_create_directory", &[3, at, length]);
}

/// An entry takes memory however short its name is.
#[test]
fn further_names_count_as_nodes_and_come_back() {
    let tree = MemoryTree::new(LIMITS);
    tree.put("file", b"1").unwrap();
    let mut guest = guest_of(&tree, false);
    let [at, length] = guest.string("file");
    let mut link = |name: &str| {
        let [to, to_len] = guest.string(name);
        guest.errno("path_link", &[3, 0, at, length, 3, to, to_len])
    };
    for name in 0..98 {
        assert_eq!(link(&name.to_string()), 0);
    }
    assert_eq!(link("more"), Errno::Nospc as i32);
    assert_eq!(tree.put("more", b"").unwrap_err().code(), Code::Limit);
    assert_eq!(tree.used().nodes, 100);
    tree.delete("7").unwrap();
    assert_eq!(link("more"), 0);
    assert_eq!(link("again"), Errno::Nospc as i32);
    // The file goes with the last of its names, of which the first is one like the others.
    for path in tree.paths() {
        tree.delete(&path).unwrap();
    }
    assert_eq!(tree.used().nodes, 1);
    tree.put("file", b"1").unwrap();
    assert_eq!(tree.used().nodes, 2);
}

/// What a caller found out before may no longer be so: other threads use the tree, too.
#[test]
fn what_is_there_is_looked_at_again_when_it_is_changed() {
    let tree = MemoryTree::new(LIMITS);
    tree.put("folder/file", b"1").unwrap();
    tree.put("file", b"2").unwrap();
    let root = tree.root();
    let (file, _) = tree.child(&root, "file").unwrap();
    let before = tree.used();
    let in_root = |name| (&root, name);
    for (outcome, errno) in [
        (tree.remove_file(&root, "folder", 0), Errno::Isdir),
        (tree.remove_folder(&root, "file", 0), Errno::Notdir),
        (tree.hard_link(&file, in_root("folder"), 0), Errno::Exist),
        (
            tree.rename(in_root("file"), in_root("folder"), 0),
            Errno::Isdir,
        ),
        (
            tree.rename(in_root("folder"), in_root("file"), 0),
            Errno::Notdir,
        ),
    ] {
        assert_eq!(outcome, Err(errno));
    }
    assert_eq!(tree.paths(), ["file", "folder/file"]);
    assert_eq!(tree.used(), before);
}

#[test]
fn the_host_empties_the_whole_folder() {
    let tree = MemoryTree::new(LIMITS);
    let before = tree.used();
    tree.put("a/b/file", b"1").unwrap();
    tree.put_folder("empty").unwrap();
    guest_of(&tree, false).make_link("none", "dangling");
    for path in [".", "a/.", "a/.."] {
        assert_eq!(tree.delete(path).unwrap_err().code(), Code::InvalidArgument);
    }
    tree.clear();
    assert!(tree.paths().is_empty());
    assert_eq!(tree.used(), before);
    tree.put("file", b"1").unwrap();
    assert_eq!(tree.delete("").unwrap_err().code(), Code::NotFound);
    assert_eq!(tree.paths(), ["file"]);
}

#[test]
fn links_that_lead_to_one_another_are_no_files() {
    let tree = MemoryTree::new(LIMITS);
    guest_of(&tree, false).make_link("round", "round");
    assert_eq!(tree.get("round").unwrap_err().code(), Code::InvalidArgument);
}

/// Folders that are open go on when they are moved, and end when they are removed.
#[test]
fn what_is_open_is_known_by_what_it_is() {
    let tree = MemoryTree::new(LIMITS);
    tree.put("a/file", b"1").unwrap();
    let mut guest = guest_of(&tree, false);
    let folder = guest.open(3, "a", DIRECTORY, READ).unwrap();
    let ([a, a_len], [b, b_len]) = (guest.string("a"), guest.string("b"));
    guest.ok("path_rename", &[3, a, a_len, 3, b, b_len]);
    for (name, oflags) in [("file", 0), ("new", CREAT)] {
        let fd = guest.open(folder, name, oflags, WRITE).unwrap();
        guest.ok("fd_close", &[fd]);
    }
    assert_eq!(tree.paths(), ["b/file", "b/new"]);
    tree.delete("b").unwrap();
    assert_eq!(
        guest.open(folder, "new", CREAT, WRITE),
        Err(Errno::Noent as i32)
    );
    assert!(guest.list(folder, 512).is_empty());
    guest.ok("fd_close", &[folder]);
    assert_eq!(tree.used().nodes, 1);
}

/// As deep as nodes go: nothing that is done with a tree goes down by calls of itself.
#[test]
fn deep_trees_need_no_stack() {
    const DEEP: u64 = 50_000;
    let tree = MemoryTree::new(MemoryLimits {
        bytes: 1 << 40,
        nodes: DEEP + 3,
    });
    let work = move || {
        let mut guest = guest_of(&tree, false);
        let [at, length] = guest.string("d");
        let mut folder = 3;
        for _ in 0..DEEP {
            guest.ok("path_create_directory", &[folder, at, length]);
            let next = guest.open(folder, "d", DIRECTORY, READ).unwrap();
            if folder != 3 {
                guest.ok("fd_close", &[folder]);
            }
            folder = next;
            guest.heap = HEAP + 1;
        }
        let [up, up_len] = guest.string("..");
        guest.expect(Errno::Perm, "path_create_directory", &[folder, up, up_len]);
        let file = guest.open(folder, "file", CREAT, WRITE).unwrap();
        guest.ok("fd_close", &[file]);
        // The sum of the lengths of all paths would grow with the square of the depth.
        tree.put("near", b"").unwrap();
        assert_eq!(tree.paths(), ["near"]);
        tree.delete("near").unwrap();
        drop(guest);
        tree.delete("d").unwrap();
        assert_eq!(tree.used().nodes, 1);
    };
    let thread = std::thread::Builder::new().stack_size(512 << 10);
    thread.spawn(work).unwrap().join().unwrap();
}

/// To the byte: the longest path that `get` takes is listed.
#[test]
fn paths_are_as_long_as_the_host_can_name() {
    let tree = MemoryTree::new(LIMITS);
    let folder = format!("{}/", "n".repeat(255)).repeat(15);
    let longest = format!("{folder}{}", "f".repeat(MAX_PATH - folder.len()));
    tree.put(&longest, b"1").unwrap();
    let mut guest = guest_of(&tree, false);
    let inner = guest.open(3, &folder, DIRECTORY, READ).unwrap();
    let [at, length] = guest.string("d");
    guest.ok("path_create_directory", &[inner, at, length]);
    let deeper = guest.open(inner, "d", DIRECTORY, READ).unwrap();
    let fd = guest.open(deeper, &"x".repeat(255), CREAT, WRITE).unwrap();
    guest.ok("fd_close", &[fd]);
    assert_eq!(tree.paths(), std::slice::from_ref(&longest));
    assert_eq!(tree.get(&longest).unwrap(), b"1");
}

#[test]
fn a_read_only_view_is_of_the_same_files() {
    let tree = MemoryTree::new(LIMITS);
    tree.put("file", b"1").unwrap();
    let mut guest = guest_of(&tree, true);
    let rofs = Errno::Rofs as i32;
    assert_eq!(guest.open(3, "file", 0, WRITE), Err(rofs));
    assert_eq!(guest.open(3, "new", CREAT, READ), Err(rofs));
    let fd = guest.open(3, "file", 0, READ).unwrap();
    guest.expect(Errno::Rofs, "fd_filestat_set_times", &[fd, 0, 0, 5]);
    let [at, length] = guest.string("file");
    guest.expect(Errno::Rofs, "path_unlink_file", &[3, at, length]);
    tree.put("file", b"22").unwrap();
    assert_eq!(guest.read(fd, 9), Ok(b"22".to_vec()));
}

/// Names and contents of one tree are no way into another.
#[test]
fn trees_are_apart() {
    let (one, two) = (MemoryTree::new(LIMITS), MemoryTree::new(LIMITS));
    one.put("file", b"1").unwrap();
    let dir = TempDir::new();
    let mut config = WasiConfig::new();
    config
        .preopen_source(Source::Memory(one.clone()), "/", false)
        .preopen_source(Source::Memory(two), "/two", false)
        .preopen_source(Source::Memory(one), "/again", false)
        .preopen(dir.path(), "/host");
    let mut guest = Guest::new(&config);
    let ([at, length], [to, to_len]) = (guest.string("file"), guest.string("new"));
    for other in [4, 6] {
        guest.expect(
            Errno::Xdev,
            "path_rename",
            &[3, at, length, other, to, to_len],
        );
        guest.expect(
            Errno::Xdev,
            "path_link",
            &[3, 0, at, length, other, to, to_len],
        );
        guest.expect(
            Errno::Xdev,
            "path_rename",
            &[other, at, length, 3, to, to_len],
        );
    }
    guest.ok("path_rename", &[3, at, length, 5, to, to_len]);
    assert!(guest.open(3, "new", 0, READ).is_ok());
}

#[test]
fn the_linker_finds_libraries_in_them() {
    let tree = MemoryTree::new(LIMITS);
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    module.resize(10_000, 7);
    tree.put("lib/libx.so", &module).unwrap();
    tree.put("lib/liby.so", &module).unwrap();
    let mut guest = guest_of(&tree, true);
    let ([to, to_len], [at, length]) = (guest.string("libx.so"), guest.string("lib/libx.so.1"));
    guest.expect(Errno::Rofs, "path_symlink", &[to, to_len, 3, at, length]);
    guest_of(&tree, false).make_link("libx.so", "lib/libx.so.1");
    let (bytes, x) = guest.wasi.open_file("/lib/libx.so", u64::MAX).unwrap();
    assert_eq!(bytes, module);
    assert_eq!(
        guest.wasi.open_file("lib/libx.so.1", u64::MAX).unwrap().1,
        x
    );
    assert_ne!(guest.wasi.open_file("lib/liby.so", u64::MAX).unwrap().1, x);
    let other = MemoryTree::new(LIMITS);
    other.put("lib/libx.so", &module).unwrap();
    let other = guest_of(&other, true);
    assert_ne!(other.wasi.open_file("lib/libx.so", u64::MAX).unwrap().1, x);
    for (path, code) in [
        ("/lib", Code::InvalidArgument),
        ("/lib/none", Code::NotFound),
        ("/../lib/libx.so", Code::Io),
    ] {
        assert_eq!(
            guest.wasi.open_file(path, u64::MAX).unwrap_err().code(),
            code
        );
    }
    // However many the guest has open, the linker has one of its own.
    let mut config = WasiConfig::new();
    config
        .preopen_source(Source::Memory(tree), "/", false)
        .max_files(1);
    let mut guest = Guest::new(&config);
    guest.open(3, "lib", 0, READ).unwrap();
    assert_eq!(guest.open(3, "lib", 0, READ), Err(Errno::Mfile as i32));
    assert!(guest.wasi.open_file("lib/libx.so", u64::MAX).is_ok());
}

/// Files bear the time of the clocks that the guest has.
#[test]
fn times_are_the_guests() {
    let tree = MemoryTree::new(LIMITS);
    tree.put("old", b"1").unwrap();
    let mut config = WasiConfig::new();
    config
        .preopen_source(Source::Memory(tree), "/", false)
        .deterministic(0);
    let mut guest = Guest::new(&config);
    let fd = guest.open(3, "new", CREAT, WRITE).unwrap();
    guest.ok("fd_filestat_get", &[fd, OUT]);
    let times = [OUT + 40, OUT + 48, OUT + 56].map(|at| guest.u64(at));
    assert_eq!(times, [1_000_000_000_000_000_000; 3]);
    let [at, length] = guest.string("old");
    guest.ok("path_filestat_get", &[3, 1, at, length, OUT]);
    assert_eq!(guest.u64(OUT + 48), 0);
}

/// Threads that change one tree at once leave it whole.
#[test]
fn several_threads_may_use_one() {
    let tree = MemoryTree::new(MemoryLimits {
        bytes: 1 << 20,
        nodes: 1000,
    });
    let threads = [0u8, 1, 2, 3].map(|id| {
        let tree = tree.clone();
        std::thread::spawn(move || {
            let mut guest = guest_of(&tree, false);
            for round in 0..300 {
                guest.heap = HEAP;
                let name = format!("d{}/f{}", round % 3, (round + u32::from(id)) % 5);
                let ([at, length], [dir, dir_len]) =
                    (guest.string(&name), guest.string(&name[..2]));
                let _ = guest.errno("path_create_directory", &[3, dir, dir_len]);
                if let Ok(fd) = guest.open(3, &name, CREAT, READ | WRITE) {
                    let _ = guest.write(fd, &[id; 100]);
                    guest.ok("fd_close", &[fd]);
                }
                let _ = guest.errno("path_unlink_file", &[3, at, length]);
                let ([a, a_len], [b, b_len]) = (guest.string("d0"), guest.string("d1/x"));
                let _ = guest.errno("path_rename", &[3, a, a_len, 3, b, b_len]);
                let _ = guest.errno("path_remove_directory", &[3, b, b_len]);
            }
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
    for path in ["d0", "d1", "d2"] {
        let _ = tree.delete(path);
    }
    let used = tree.used();
    assert_eq!((used.bytes, used.nodes), (0, 1), "{:?}", tree.paths());
}
