//! Folders behind functions of the host: these do as they should, and then what they should not.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::error::Code;
use crate::wasi::tree::{MAX_PATH, Tree};
use crate::wasi::{Access, Hosted, HostedKind, HostedStat, HostedTree, Source};

/// Files in a map, by paths.
#[derive(Default)]
pub struct Backed(Mutex<Files>);

#[derive(Default)]
struct Files {
    all: BTreeMap<String, Entry>,
    open: HashMap<u64, Shared>,
    next: u64,
}

type Shared = Arc<Mutex<Data>>;

#[derive(Default)]
struct Data {
    bytes: Vec<u8>,
    times: [u64; 2],
}

#[derive(Clone)]
enum Entry {
    Folder(Shared),
    File(Shared),
    Link(String),
}

fn none() -> io::Error {
    io::Error::from_raw_os_error(libc::ENOENT)
}

fn stat_of(kind: HostedKind, size: usize, [accessed, modified]: [u64; 2]) -> HostedStat {
    HostedStat {
        kind,
        size: size as u64,
        inode: 0,
        accessed,
        modified,
        changed: 0,
    }
}

fn of_file(file: &Shared) -> HostedStat {
    let data = file.lock().unwrap();
    stat_of(HostedKind::File, data.bytes.len(), data.times)
}

impl Backed {
    fn with<R>(&self, file: u64, change: impl FnOnce(&mut Data) -> R) -> io::Result<R> {
        let files = self.0.lock().unwrap();
        let file = files.open.get(&file);
        let file = file.ok_or(io::Error::from_raw_os_error(libc::EBADF))?;
        Ok(change(&mut file.lock().unwrap()))
    }

    fn insert(&self, path: &str, entry: Entry) -> io::Result<()> {
        let had = self.0.lock().unwrap().all.insert(path.into(), entry);
        assert!(had.is_none(), "`{path}` was there");
        Ok(())
    }
}

impl Hosted for Backed {
    fn stat(&self, path: &str) -> io::Result<HostedStat> {
        if path.is_empty() {
            return Ok(stat_of(HostedKind::Folder, 0, [0; 2]));
        }
        match self.0.lock().unwrap().all.get(path).ok_or_else(none)? {
            Entry::Folder(data) => {
                let times = data.lock().unwrap().times;
                Ok(stat_of(HostedKind::Folder, 0, times))
            }
            Entry::File(file) => Ok(of_file(file)),
            Entry::Link(contents) => Ok(stat_of(HostedKind::Link, contents.len(), [0; 2])),
        }
    }

    fn open(&self, path: &str, access: Access, create: bool) -> io::Result<u64> {
        if create {
            self.insert(path, Entry::File(Shared::default()))?;
        }
        let mut files = self.0.lock().unwrap();
        let Some(Entry::File(file)) = files.all.get(path).cloned() else {
            return Err(none());
        };
        if access.truncate {
            file.lock().unwrap().bytes.clear();
        }
        files.next += 1;
        let number = files.next;
        files.open.insert(number, file);
        Ok(number)
    }

    fn close(&self, file: u64) {
        let had = self.0.lock().unwrap().open.remove(&file);
        assert!(had.is_some(), "closed twice");
    }

    fn stat_open(&self, file: u64) -> Option<io::Result<HostedStat>> {
        Some(self.with(file, |data| {
            stat_of(HostedKind::File, data.bytes.len(), data.times)
        }))
    }

    fn read(&self, file: u64, to: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(file, |data| {
            let from = data.bytes.get(offset as usize..).unwrap_or_default();
            let read = from.len().min(to.len());
            to[..read].copy_from_slice(&from[..read]);
            read
        })
    }

    fn write(&self, file: u64, from: &[u8], offset: u64) -> io::Result<usize> {
        self.with(file, |data| {
            let end = offset as usize + from.len();
            data.bytes.resize(data.bytes.len().max(end), 0);
            data.bytes[offset as usize..end].copy_from_slice(from);
            from.len()
        })
    }

    fn set_size(&self, file: u64, size: u64) -> io::Result<()> {
        self.with(file, |data| data.bytes.resize(size as usize, 0))
    }

    fn entry(&self, folder: &str, number: u64) -> io::Result<Option<Vec<u8>>> {
        let files = self.0.lock().unwrap();
        let prefix = match folder {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        let below = files.all.range(prefix.clone()..);
        let below = below.map_while(|(path, _)| path.strip_prefix(&prefix));
        let mut names: Vec<&str> = below.filter(|name| !name.contains('/')).collect();
        names.splice(0..0, [".", ".."]);
        Ok(names
            .get(number as usize)
            .map(|name| name.as_bytes().to_vec()))
    }

    fn contents(&self, link: &str) -> io::Result<Vec<u8>> {
        match self.0.lock().unwrap().all.get(link) {
            Some(Entry::Link(contents)) => Ok(contents.clone().into()),
            _ => Err(none()),
        }
    }

    fn create_folder(&self, path: &str) -> io::Result<()> {
        self.insert(path, Entry::Folder(Shared::default()))
    }

    fn create_link(&self, contents: &str, path: &str) -> io::Result<()> {
        self.insert(path, Entry::Link(contents.into()))
    }

    fn remove_folder(&self, path: &str) -> io::Result<()> {
        self.remove_file(path)
    }

    fn remove_file(&self, path: &str) -> io::Result<()> {
        let had = self.0.lock().unwrap().all.remove(path);
        had.map(drop).ok_or_else(none)
    }

    fn rename(&self, path: &str, to: &str) -> io::Result<()> {
        let mut files = self.0.lock().unwrap();
        let entry = files.all.remove(path).ok_or_else(none)?;
        files.all.insert(to.into(), entry);
        let prefix = format!("{path}/");
        let below = files.all.keys().filter(|key| key.starts_with(&prefix));
        for key in below.cloned().collect::<Vec<_>>() {
            let entry = files.all.remove(&key).unwrap();
            let rest = &key[path.len()..];
            files.all.insert(format!("{to}{rest}"), entry);
        }
        Ok(())
    }

    fn set_times(
        &self,
        path: &str,
        accessed: Option<u64>,
        modified: Option<u64>,
    ) -> io::Result<()> {
        if let Some(Entry::File(file) | Entry::Folder(file)) = self.0.lock().unwrap().all.get(path)
        {
            let mut data = file.lock().unwrap();
            for (time, new) in data.times.iter_mut().zip([accessed, modified]) {
                *time = new.unwrap_or(*time);
            }
        }
        Ok(())
    }
}

/// Answers each question with what it was made with.
struct Wrong {
    stat: fn(&str) -> io::Result<HostedStat>,
    entry: fn(u64) -> io::Result<Option<Vec<u8>>>,
    read: fn(&mut [u8]) -> io::Result<usize>,
    closed: Arc<AtomicU64>,
}

impl Hosted for Wrong {
    fn stat(&self, path: &str) -> io::Result<HostedStat> {
        match path {
            "" => Ok(stat_of(HostedKind::Folder, 0, [0; 2])),
            path => (self.stat)(path),
        }
    }

    fn open(&self, _: &str, _: Access, _: bool) -> io::Result<u64> {
        Ok(7)
    }

    fn close(&self, file: u64) {
        assert_eq!(file, 7);
        self.closed.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self, _: u64, to: &mut [u8], _: u64) -> io::Result<usize> {
        (self.read)(to)
    }

    fn write(&self, _: u64, from: &[u8], _: u64) -> io::Result<usize> {
        Ok(from.len() + 1)
    }

    fn entry(&self, _: &str, number: u64) -> io::Result<Option<Vec<u8>>> {
        (self.entry)(number)
    }

    fn contents(&self, _: &str) -> io::Result<Vec<u8>> {
        Ok(vec![0xff])
    }
}

fn right() -> Wrong {
    Wrong {
        stat: |path| match path {
            "folder" => Ok(stat_of(HostedKind::Folder, 0, [0; 2])),
            "link" => Ok(stat_of(HostedKind::Link, 1, [0; 2])),
            _ => Ok(stat_of(HostedKind::File, 3, [0; 2])),
        },
        entry: |_| Ok(None),
        read: |_| Ok(0),
        closed: Arc::default(),
    }
}

fn guest_with(wrong: Wrong) -> Guest {
    let mut config = WasiConfig::new();
    let tree = HostedTree::new(Box::new(wrong));
    config.preopen_source(Source::Hosted(tree), "/", false);
    let mut guest = Guest::new(&config);
    guest.resize(8 * SIZE);
    guest
}

#[test]
fn nonsense_is_an_error_of_input() {
    let io = Errno::Io as i32;
    // More than there is room for, and errors that WASI does not know.
    for read in [
        (|to: &mut [u8]| Ok(to.len() + 1)) as fn(&mut [u8]) -> io::Result<usize>,
        |_| Ok(usize::MAX),
        |_| Err(io::Error::from_raw_os_error(-5)),
        |_| Err(io::Error::from_raw_os_error(123_456)),
        |_| Err(io::Error::other("x")),
    ] {
        let mut guest = guest_with(Wrong { read, ..right() });
        let fd = guest.open(3, "file", 0, READ | WRITE).unwrap();
        assert_eq!(guest.read(fd, 10), Err(io));
        assert_eq!(guest.write(fd, b"x"), Err(io));
        guest.ok("fd_tell", &[fd, OUT]);
        assert_eq!(guest.u64(OUT), 0);
        assert_eq!(
            guest.wasi.open_file("/file", u64::MAX).unwrap_err().code(),
            Code::Io
        );
    }
    // A size that no file has, which changes from one look to the next, and what is no file once it is open.
    let sizes: fn(&str) -> io::Result<HostedStat> = |path| match path {
        "huge" => Ok(stat_of(HostedKind::File, 1 << 63, [0; 2])),
        _ => Ok(stat_of(HostedKind::File, i64::MAX as usize, [u64::MAX; 2])),
    };
    let mut guest = guest_with(Wrong {
        stat: sizes,
        ..right()
    });
    assert_eq!(guest.open(3, "huge", 0, READ), Err(io));
    let fd = guest.open(3, "large", 0, READ | WRITE).unwrap();
    guest.expect(Errno::Inval, "fd_seek", &[fd, 1, 2, OUT]);
    guest.ok("fd_fdstat_set_flags", &[fd, 1]);
    assert_ne!(guest.write(fd, b"xx"), Ok(2));
    assert_eq!(
        guest.wasi.open_file("/large", u64::MAX).unwrap_err().code(),
        Code::Limit
    );
    let mut guest = guest_with(right());
    assert_eq!(guest.open(3, "link", 0, READ), Err(Errno::Ilseq as i32));
}

/// The linker tries again what a signal interrupted, but not for ever.
#[test]
fn interruptions_without_end_end() {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    let read: fn(&mut [u8]) -> io::Result<usize> = |to| {
        let asked = ASKED.fetch_add(1, Ordering::Relaxed);
        // One in between starts the count anew; what fails in the end is told from what goes on for ever.
        match asked {
            0..100 | 101..201 => Err(io::Error::from_raw_os_error(libc::EINTR)),
            100 => {
                to[0] = 0;
                Ok(1)
            }
            201 => Ok(0),
            202..400 => Err(io::Error::from_raw_os_error(libc::EINTR)),
            _ => panic!("asked for ever"),
        }
    };
    let guest = guest_with(Wrong { read, ..right() });
    let (bytes, _) = guest.wasi.open_file("/file", u64::MAX).unwrap();
    assert_eq!(bytes, [0]);
    let failed = guest.wasi.open_file("/file", u64::MAX).unwrap_err();
    assert_eq!(failed.code(), Code::Io);
    assert_eq!(ASKED.load(Ordering::Relaxed), 202 + 101);
}

/// A guest goes down by folders that it opens, so no path that it gives is long.
#[test]
fn no_path_is_longer_than_a_system_takes() {
    static LONGEST: AtomicU64 = AtomicU64::new(0);
    let stat: fn(&str) -> io::Result<HostedStat> = |path| {
        LONGEST.fetch_max(path.len() as u64, Ordering::Relaxed);
        Ok(stat_of(HostedKind::Folder, 0, [0; 2]))
    };
    let entry = |number| Ok((number == 0).then(|| vec![b'n'; 255]));
    let mut guest = guest_with(Wrong {
        stat,
        entry,
        ..right()
    });
    let name = "n".repeat(255);
    let mut folder = 3;
    // The names and the slashes between them: 16 * 255 + 15.
    for _ in 0..16 {
        folder = guest.open(folder, &name, DIRECTORY, READ).unwrap();
    }
    assert_eq!(LONGEST.load(Ordering::Relaxed), MAX_PATH as u64);
    let toolong = Errno::Nametoolong as i32;
    assert_eq!(guest.open(folder, "n", DIRECTORY, READ), Err(toolong));
    // Nor is it asked of what a listing has there.
    assert!(guest.list(folder, 4096).is_empty());
    assert_eq!(LONGEST.load(Ordering::Relaxed), MAX_PATH as u64);
    // And so of what is made.
    let tree = HostedTree::new(Box::new(right()));
    let deep = "n".repeat(MAX_PATH).into();
    let made = tree.create_folder(&deep, "n", 0);
    assert_eq!(made, Err(Errno::Nametoolong));
}

#[test]
fn names_that_cannot_be_end_a_listing() {
    for entry in [
        (|_| Ok(Some(b"a/b".to_vec()))) as fn(u64) -> io::Result<Option<Vec<u8>>>,
        |_| Ok(Some(b"a\0".to_vec())),
        |_| Ok(Some(vec![b'n'; 256])),
        |_| Ok(Some(Vec::new())),
        |_| Err(io::Error::other("x")),
    ] {
        let mut guest = guest_with(Wrong { entry, ..right() });
        guest.expect(Errno::Io, "fd_readdir", &[3, DATA, 4096, 0, OUT]);
    }
    // What no guest could name is passed over, and so are the two names that each folder has.
    let odd = |number| {
        let names: [&[u8]; 5] = [b"\xff", b".", b"..", b"a", b"b"];
        Ok(names.get(number as usize).map(|name: &&[u8]| name.to_vec()))
    };
    let mut guest = guest_with(Wrong {
        entry: odd,
        ..right()
    });
    assert_eq!(guest.list(3, 4096), ["a", "b"]);
}

/// As many as the listings of all folders may keep.
#[test]
fn a_listing_without_end_ends() {
    let endless = |number: u64| Ok(Some(number.to_string().into_bytes()));
    let mut guest = guest_with(Wrong {
        entry: endless,
        ..right()
    });
    guest.expect(Errno::Nomem, "fd_readdir", &[3, DATA, 4096, 0, OUT]);
}

#[test]
fn each_file_is_closed_once() {
    let wrong = right();
    let closed = wrong.closed.clone();
    let mut guest = guest_with(wrong);
    let a = guest.open(3, "a", 0, READ).unwrap();
    let b = guest.open(3, "b", 0, READ).unwrap();
    let c = guest.open(3, "c", 0, READ).unwrap();
    guest.ok("fd_close", &[a]);
    guest.expect(Errno::Badf, "fd_close", &[a]);
    assert_eq!(closed.load(Ordering::Relaxed), 1);
    guest.ok("fd_renumber", &[b, c]);
    assert_eq!(closed.load(Ordering::Relaxed), 2);
    drop(guest);
    assert_eq!(closed.load(Ordering::Relaxed), 3);
}

/// What the host does not give is as on a read-only file system.
#[test]
fn what_is_missing_is_read_only() {
    let rofs = Errno::Rofs as i32;
    let mut guest = guest_with(right());
    let ([at, length], [to, to_len]) = (guest.string("file"), guest.string("folder"));
    for (name, args) in [
        ("path_unlink_file", vec![3, at, length]),
        ("path_remove_directory", vec![3, to, to_len]),
        ("path_rename", vec![3, at, length, 3, at, length - 1]),
        ("path_filestat_set_times", vec![3, 0, at, length, 0, 0, 5]),
    ] {
        assert_eq!(guest.errno(name, &args), rofs, "{name}");
    }
    let fd = guest.open(3, "file", 0, WRITE).unwrap();
    guest.expect(Errno::Rofs, "fd_filestat_set_size", &[fd, 1]);
    guest.expect(Errno::Rofs, "fd_filestat_set_times", &[fd, 0, 0, 5]);
    guest.ok("fd_sync", &[fd]);
}
