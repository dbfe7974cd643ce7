//! Folders in archives: what guests find there, and archives that were made to do harm.

use super::zip::{Entry, behind, text, zip, zip64};
use super::*;
use crate::error::Code;
use crate::wasi::tree::{Contents, Tree};
use crate::wasi::{Access, ArchiveTree, Source};

fn tree(bytes: Vec<u8>) -> ArchiveTree {
    ArchiveTree::from_bytes(bytes, 1000).unwrap()
}

/// A guest with the archive as descriptor 3.
fn guest(tree: &ArchiveTree) -> Guest {
    let mut config = WasiConfig::new();
    // The right to write is of no use in an archive.
    config.preopen_source(Source::Archive(tree.clone()), "/", false);
    let mut guest = Guest::new(&config);
    guest.resize(64 * SIZE);
    guest
}

fn whole(guest: &mut Guest, path: &str) -> Result<Vec<u8>, i32> {
    guest.heap = HEAP + DATA_ROOM;
    let fd = guest.open(3, path, 0, READ)?;
    let mut bytes = Vec::new();
    let read = loop {
        match guest.read(fd, DATA_ROOM as u64) {
            Ok(piece) if piece.is_empty() => break Ok(bytes),
            Ok(piece) => bytes.extend(piece),
            Err(errno) => break Err(errno),
        }
    };
    guest.ok("fd_close", &[fd]);
    read
}

/// Between `DATA` and the strings of these tests.
const DATA_ROOM: usize = 40 * SIZE;

fn read_at(guest: &mut Guest, fd: u64, offset: u64, length: u64) -> Result<Vec<u8>, i32> {
    guest.vectors(&[(DATA, length)]);
    match guest.errno("fd_pread", &[fd, IOVS, 1, offset, OUT]) {
        0 => {
            let read = guest.u32(OUT) as usize;
            Ok(guest.get(DATA, read))
        }
        errno => Err(errno),
    }
}

/// Bytes of all files of an archive that are looked at together, so that an input is soon done.
const LOOKED_AT: usize = 1 << 20;

/// Reads what there is in any bytes as an archive: each file in order, and then at places of it, which has to come to the same.
pub fn led_by(bytes: &[u8]) -> crate::error::Result<()> {
    let tree = ArchiveTree::from_bytes(bytes.to_vec(), 2048)?;
    let access = Access {
        read: true,
        write: false,
        truncate: false,
    };
    let mut left = LOOKED_AT;
    let mut folders = vec![tree.root()];
    while let Some(folder) = folders.pop() {
        for entry in tree.list(&folder, &mut || Ok(())).unwrap() {
            let (node, filetype) = tree.child(&folder, &entry.name).unwrap();
            assert_eq!(filetype, entry.filetype);
            assert_eq!(tree.stat(&node).unwrap().inode, entry.inode);
            assert!(tree.is_below(&folder, &tree.root()).unwrap());
            match filetype {
                Filetype::Directory => folders.push(node),
                Filetype::SymbolicLink => drop(tree.contents(&node)),
                _ => {
                    let open = || tree.open(&node, access, 0);
                    let (Ok(one), Ok(other)) = (open(), open()) else {
                        continue;
                    };
                    let whole = in_order(&*one, &mut left);
                    if let Some(middle) = whole.get(whole.len() / 2..) {
                        for at in [whole.len() / 2, 0] {
                            let mut piece = vec![0; middle.len().min(3000)];
                            let Ok(read) = other.read_at(&mut piece, at as u64) else {
                                continue;
                            };
                            assert_eq!(whole.get(at..at + read), piece.get(..read));
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

fn in_order(file: &dyn Contents, left: &mut usize) -> Vec<u8> {
    let mut whole = Vec::new();
    let mut piece = vec![0; 1000];
    while *left > 0 {
        match file.read_at(&mut piece, whole.len() as u64) {
            Ok(0) | Err(_) => break,
            Ok(read) => {
                whole.extend_from_slice(&piece[..read]);
                *left = left.saturating_sub(read);
            }
        }
    }
    whole
}

/// Why an archive of these entries is none.
fn refused(entries: &[Entry]) -> String {
    let error = ArchiveTree::from_bytes(zip(entries), 1000).unwrap_err();
    assert_eq!(error.code(), Code::Malformed, "{error}");
    error.to_string()
}

#[test]
fn files_of_an_archive_are_read() {
    let long = text(300_000);
    let mut guest = guest(&tree(zip(&[
        Entry::stored("stored", b"as it is"),
        Entry::deflated("lib/deflated", &long),
        Entry::stored("empty/", b""),
        Entry::deflated("nothing", b""),
        Entry::link("link", "lib/deflated"),
        Entry::link("lib/up", "../stored"),
        Entry::link("out", "../../etc/passwd"),
        Entry::link("absolute", "/etc/passwd"),
    ])));
    assert_eq!(whole(&mut guest, "stored"), Ok(b"as it is".to_vec()));
    assert_eq!(whole(&mut guest, "lib/deflated"), Ok(long.clone()));
    assert_eq!(whole(&mut guest, "link"), Ok(long));
    assert_eq!(whole(&mut guest, "lib/up"), Ok(b"as it is".to_vec()));
    assert_eq!(whole(&mut guest, "nothing"), Ok(Vec::new()));
    for (path, errno) in [
        ("none", Errno::Noent),
        ("stored/x", Errno::Notdir),
        ("out", Errno::Perm),
        ("absolute", Errno::Perm),
        ("../stored", Errno::Perm),
    ] {
        assert_eq!(whole(&mut guest, path), Err(errno as i32), "{path}");
    }
    let names = [
        "absolute", "empty", "lib", "link", "nothing", "out", "stored",
    ];
    assert_eq!(guest.list(3, 4096), names);
    for path in ["lib", "empty"] {
        let fd = guest.open(3, path, DIRECTORY, 0).unwrap();
        assert_eq!(
            guest.list(fd, 4096).len(),
            if path == "lib" { 2 } else { 0 }
        );
    }
}

#[test]
fn nothing_in_an_archive_is_changed() {
    let mut guest = guest(&tree(zip(&[
        Entry::stored("file", b"1"),
        Entry::stored("dir/", b""),
    ])));
    let rofs = Err(Errno::Rofs as i32);
    assert_eq!(guest.open(3, "file", 0, WRITE), rofs);
    assert_eq!(guest.open(3, "new", CREAT, READ), rofs);
    assert_eq!(guest.open(3, "file", TRUNC, READ), rofs);
    let [at, length] = guest.string("dir");
    guest.expect(Errno::Rofs, "path_remove_directory", &[3, at, length]);
    let [at, length] = guest.string("file");
    let [to, to_length] = guest.string("to");
    guest.expect(Errno::Rofs, "path_unlink_file", &[3, at, length]);
    guest.expect(
        Errno::Rofs,
        "path_rename",
        &[3, at, length, 3, to, to_length],
    );
    guest.expect(
        Errno::Rofs,
        "path_link",
        &[3, 0, at, length, 3, to, to_length],
    );
    guest.expect(Errno::Rofs, "path_create_directory", &[3, to, to_length]);
    assert_eq!(whole(&mut guest, "file"), Ok(b"1".to_vec()));
}

#[test]
fn any_place_is_read() {
    let bytes = text(7 << 20);
    let tree = tree(zip(&[
        Entry::deflated("deflated", &bytes),
        Entry::stored("stored", &bytes),
    ]));
    let mut guest = guest(&tree);
    for path in ["deflated", "stored"] {
        let fd = guest.open(3, path, 0, READ).unwrap();
        let mut at = 5_000_000_u64;
        for _ in 0..40 {
            // Places before and behind, near and far.
            at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (offset, length) = ((at >> 40) % (8 << 20), 1 + (at >> 20) % 100_000);
            let from = (offset as usize).min(bytes.len());
            let to = (from + length as usize).min(bytes.len());
            let read = read_at(&mut guest, fd, offset, length);
            assert!(
                read.as_deref() == Ok(&bytes[from..to]),
                "{length} at {offset}"
            );
        }
        guest.ok("fd_close", &[fd]);
    }
}

/// What is passed over is work as well: the budget counts it, the same each time.
#[test]
fn the_way_to_a_place_has_a_price() {
    let tree = tree(zip(&[Entry::deflated("file", &text(900_000))]));
    let units = |offset| {
        let mut guest = guest(&tree);
        let fd = guest.open(3, "file", 0, READ).unwrap();
        guest.wasi.units_moved();
        read_at(&mut guest, fd, offset, 64).unwrap();
        guest.wasi.units_moved()
    };
    assert_eq!(units(0), 1);
    assert_eq!(units(640_000), 10_001);
}

/// Blocks with nothing in them take time for no byte of the file.
#[test]
fn empty_blocks_have_a_price() {
    // Four of them, with the fixed code.
    let four = [0x02, 0x08, 0x20, 0x80, 0x00];
    let units = |times: usize| {
        let mut entry = Entry::deflated("file", b"x");
        entry.packed = [four.repeat(times), entry.packed].concat();
        entry.sizes[0] = entry.packed.len() as u64;
        let tree = tree(zip(&[entry]));
        let mut guest = guest(&tree);
        let fd = guest.open(3, "file", 0, READ).unwrap();
        guest.wasi.units_moved();
        assert_eq!(read_at(&mut guest, fd, 0, 64).unwrap(), b"x");
        guest.wasi.units_moved()
    };
    assert_eq!(units(10), 0);
    let (packed, pending) = (5 * 20_000, 64 << 10);
    assert!(units(20_000) > (packed - pending) * 1024 / 64);
}

#[test]
fn a_file_says_what_the_archive_says() {
    let stamp = 1_600_000_001_u32;
    let mut extra = vec![b'U', b'T', 5, 0, 1];
    extra.extend(stamp.to_le_bytes());
    let mut guest = guest(&tree(zip(&[
        Entry {
            extra,
            ..Entry::stored("utc", b"12345")
        },
        // 2001-09-09T01:46:40
        Entry {
            time: [1 << 11 | 46 << 5 | 20, 21 << 9 | 9 << 5 | 9],
            ..Entry::deflated("dos", b"12345")
        },
        // DOS knows no time before 1980.
        Entry {
            time: [0, 0],
            ..Entry::deflated("none", b"12345")
        },
    ])));
    for (path, seconds) in [
        ("utc", stamp),
        ("dos", 1_000_000_000),
        ("none", 315_532_800),
    ] {
        let [at, length] = guest.string(path);
        guest.ok("path_filestat_get", &[3, 0, at, length, DATA]);
        assert_eq!(guest.get(DATA + 16, 1), [4], "a file");
        assert_eq!(guest.u64(DATA + 32), 5);
        assert_eq!(guest.u64(DATA + 48), u64::from(seconds) * 1_000_000_000);
    }
}

#[test]
fn other_forms_are_archives_too() {
    let bytes = text(1000);
    let mut descriptor = Entry::deflated("file", &bytes);
    descriptor.flags = 8;
    descriptor.behind = [b"PK\x07\x08".as_slice(), &[0; 12]].concat();
    let mut large = Entry::deflated("file", &bytes);
    large.extra = zip64(&[large.sizes[1], large.sizes[0]]);
    large.sizes = [u64::MAX; 2];
    let script = [b"#!/bin/sh\n".as_slice(), &[b'x'; 500]].concat();
    let plain = Entry::deflated("file", &bytes);
    let dos = Entry {
        mode: 0,
        ..plain.clone()
    };
    for archive in [
        zip(&[descriptor]),
        zip(&[large]),
        zip(&[dos]),
        behind(script, &[plain]),
    ] {
        assert_eq!(whole(&mut guest(&tree(archive)), "file"), Ok(bytes.clone()));
    }
    assert_eq!(guest(&tree(zip(&[]))).list(3, 4096), [""; 0]);
}

#[test]
fn names_lead_nowhere_else() {
    for name in [
        "/etc/passwd",
        "../up",
        "a/../b",
        "a/..",
        "./a",
        ".",
        "..",
        "a//b",
        "",
        "/",
        "a\0b",
        "a/./b",
        &"n".repeat(256),
        &"d/".repeat(2100),
    ] {
        let why = refused(&[Entry::stored(name, b"")]);
        assert!(why.contains("its entry `"), "{why}");
    }
    let mut latin = Entry::stored("", b"");
    latin.name = b"caf\xe9".to_vec();
    assert!(refused(&[latin]).contains("UTF-8"));
}

#[test]
fn a_name_has_one_meaning() {
    let file = |name: &str| Entry::stored(name, b"1");
    for (entries, why) in [
        ([file("a"), file("a")], "same name"),
        ([file("a/"), file("a/")], "same name"),
        ([file("a"), file("a/")], "same name"),
        ([file("a/"), file("a")], "same name"),
        ([file("a/b"), file("a")], "same name"),
        ([file("a"), file("a/b")], "on the way"),
        ([Entry::link("a", "b"), file("a/b")], "on the way"),
    ] {
        let text = refused(&entries);
        assert!(text.contains(why), "{text}");
    }
    // A folder may be said before and behind what is in it.
    tree(zip(&[file("a/b/c"), file("a/"), file("a/b/"), file("a/d")]));
}

#[test]
fn devices_and_impossible_sizes_are_refused() {
    let mut fifo = Entry::stored("fifo", b"");
    fifo.mode = 0o010_644;
    assert!(refused(&[fifo]).contains("no file, folder or link"));
    let mut two = Entry::stored("two", b"12");
    two.sizes[1] = 3;
    assert!(refused(&[two]).contains("two sizes"));
    let mut large = Entry::deflated("large", b"12");
    large.extra = zip64(&[u64::MAX, 2]);
    large.sizes = [u64::MAX; 2];
    assert!(refused(&[large.clone()]).contains("larger than files"));
    large.extra = zip64(&[1, u64::MAX]);
    assert!(refused(&[large]).contains("beyond"));
}

/// By bytes that entries share, a small archive would have any number of large files.
#[test]
fn entries_do_not_overlap() {
    let one = Entry::deflated("one", &text(1000));
    let size = (30 + one.name.len() + one.packed.len()) as i64;
    let two = |shift| Entry {
        shift,
        ..Entry::deflated("two", &text(1000))
    };
    assert!(refused(&[one.clone(), two(-size)]).contains("longer than its place"));
    assert!(refused(&[one.clone(), two(-1)]).contains("longer than its place"));
    assert!(refused(&[one.clone(), two(1)]).contains("longer than its place"));
    tree(zip(&[one, two(0)]));
}

#[test]
fn a_header_that_says_otherwise_is_an_error_of_the_file() {
    let sound = zip(&[Entry::stored("one", b"1234"), Entry::stored("two", b"5678")]);
    let mut longer = sound.clone();
    // The extra field of the first local header: what is packed would begin later, and end in the second.
    longer[28] = 1;
    let mut none = sound.clone();
    none[0] = b'X';
    for bytes in [longer, none] {
        let mut guest = guest(&tree(bytes));
        assert_eq!(whole(&mut guest, "one"), Err(Errno::Io as i32));
        assert_eq!(whole(&mut guest, "two"), Ok(b"5678".to_vec()));
    }
}

#[test]
fn damage_is_an_error_of_the_file() {
    let bytes = text(100_000);
    let io = Err(Errno::Io as i32);
    for entry in [
        Entry::deflated("file", &bytes),
        Entry::stored("file", &bytes),
    ] {
        let sound = zip(std::slice::from_ref(&entry));
        for at in [40, 1000, 30_000] {
            let mut damaged = sound.clone();
            damaged[at] ^= 0x10;
            assert_eq!(whole(&mut guest(&tree(damaged)), "file"), io, "byte {at}");
        }
        let mut wrong = entry.clone();
        wrong.crc ^= 1;
        assert_eq!(whole(&mut guest(&tree(zip(&[wrong]))), "file"), io);
    }
    // More and less than what is packed.
    for size in [99_999, 100_001, 1 << 20] {
        let mut wrong = Entry::deflated("file", &bytes);
        wrong.sizes[1] = size;
        assert_eq!(
            whole(&mut guest(&tree(zip(&[wrong]))), "file"),
            io,
            "{size}"
        );
    }
    let mut short = Entry::deflated("file", &bytes);
    short.packed.truncate(1000);
    short.sizes[0] = 1000;
    let mut guest = guest(&tree(zip(&[short])));
    assert_eq!(whole(&mut guest, "file"), io);
    // What can be read is read, though a place behind it could not.
    let fd = guest.open(3, "file", 0, READ).unwrap();
    assert_eq!(read_at(&mut guest, fd, 90_000, 10), Err(Errno::Io as i32));
    assert_eq!(read_at(&mut guest, fd, 10, 10), Ok(bytes[10..20].to_vec()));
}

#[test]
fn what_is_packed_in_other_ways_is_named_and_not_read() {
    let mut encrypted = Entry::stored("encrypted", b"secret");
    encrypted.flags = 1;
    let mut method = Entry::deflated("bzip2", b"bytes");
    method.method = 12;
    let mut guest = guest(&tree(zip(&[
        encrypted,
        method,
        Entry::stored("plain", b"1"),
    ])));
    for path in ["encrypted", "bzip2"] {
        assert_eq!(whole(&mut guest, path), Err(Errno::Notsup as i32));
    }
    assert_eq!(whole(&mut guest, "plain"), Ok(b"1".to_vec()));
    assert_eq!(guest.list(3, 4096).len(), 3);
}

#[test]
fn a_bomb_is_too_large() {
    let zeros = Entry::deflated("bomb", &vec![0; 65 << 20]);
    assert!(zeros.packed.len() < 100_000);
    let mut guest = guest(&tree(zip(&[zeros])));
    assert_eq!(whole(&mut guest, "bomb"), Err(Errno::Fbig as i32));
    // One that says less than it comes to ends where it said.
    let mut liar = Entry::deflated("bomb", &vec![0; 65 << 20]);
    liar.sizes[1] = 1 << 20;
    let mut guest = self::guest(&tree(zip(&[liar])));
    assert_eq!(whole(&mut guest, "bomb"), Err(Errno::Io as i32));
}

#[test]
fn an_archive_has_no_more_nodes_than_it_may() {
    let deep = Entry::stored(&"d/".repeat(600), b"");
    let files: Vec<Entry> = (0..600)
        .map(|n| Entry::stored(&n.to_string(), b""))
        .collect();
    for entries in [vec![deep], files] {
        let bytes = zip(&entries);
        let error = ArchiveTree::from_bytes(bytes.clone(), 600).unwrap_err();
        assert_eq!(error.code(), Code::Limit, "{error}");
        ArchiveTree::from_bytes(bytes, 601).unwrap();
    }
}

#[test]
fn what_is_no_archive_is_told() {
    let sound = zip(&[Entry::stored("a", b"1"), Entry::stored("b", b"2")]);
    let mut count = sound.clone();
    let at = count.len() - 12;
    count[at] = 1;
    let cut: Vec<Vec<u8>> = (0..sound.len()).map(|at| sound[..at].to_vec()).collect();
    for bytes in [vec![b"\0asm\x01\0\0\0".to_vec(), count], cut].concat() {
        let error = ArchiveTree::from_bytes(bytes, 10).unwrap_err();
        assert_eq!(error.code(), Code::Malformed, "{error}");
    }
    let dir = TempDir::new();
    let open = |name: &str| ArchiveTree::open(&dir.join(name), 10).unwrap_err();
    assert_eq!(open("none").code(), Code::NotFound);
    assert_eq!(open(".").code(), Code::InvalidArgument);
    std::fs::write(dir.join("text"), "no archive").unwrap();
    let error = open("text");
    assert!(error.code() == Code::Malformed && error.to_string().contains("text"));
}

#[test]
fn a_file_that_becomes_shorter_is_an_error() {
    let dir = TempDir::new();
    let path = dir.join("a.zip");
    let bytes = zip(&[
        Entry::deflated("deflated", &text(200_000)),
        Entry::stored("stored", &text(200_000)),
    ]);
    std::fs::write(&path, bytes).unwrap();
    let mut guest = guest(&ArchiveTree::open(&path, 10).unwrap());
    let files = ["deflated", "stored"].map(|name| guest.open(3, name, 0, READ).unwrap());
    std::fs::write(&path, b"").unwrap();
    for fd in files {
        assert_eq!(guest.read(fd, 1000), Err(Errno::Io as i32));
    }
    assert_eq!(whole(&mut guest, "stored"), Err(Errno::Io as i32));
}

#[test]
fn threads_read_one_archive() {
    let bytes = text(3 << 20);
    let tree = tree(zip(&[Entry::deflated("file", &bytes)]));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut guest = guest(&tree);
                assert!(whole(&mut guest, "file").as_deref() == Ok(&bytes));
            });
        }
    });
}
