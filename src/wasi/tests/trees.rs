//! The same operations in every kind of folder: what a guest is told is the same as in a folder of the host.

use std::fmt::Write as _;

use super::hosted::Backed;
use super::*;
use crate::wasi::{HostedTree, MemoryLimits, MemoryTree, Source};

/// A folder of each kind, empty and writable.
pub(super) fn writable() -> [(&'static str, WasiConfig, Option<TempDir>); 3] {
    let dir = TempDir::new();
    let mut host = WasiConfig::new();
    host.preopen(dir.path(), "/");
    let mut memory = WasiConfig::new();
    let tree = MemoryTree::new(MemoryLimits::default());
    memory.preopen_source(Source::Memory(tree), "/", false);
    let mut hosted = WasiConfig::new();
    let tree = HostedTree::new(Box::new(Backed::default()));
    hosted.preopen_source(Source::Hosted(tree), "/", false);
    [
        ("host", host, Some(dir)),
        ("memory", memory, None),
        ("callbacks", hosted, None),
    ]
}

/// A guest in a folder of its own.
pub(super) struct Trial {
    guest: Guest,
    dir: u64,
    folders: u32,
}

impl std::ops::Deref for Trial {
    type Target = Guest;
    fn deref(&self) -> &Guest {
        &self.guest
    }
}

impl std::ops::DerefMut for Trial {
    fn deref_mut(&mut self) -> &mut Guest {
        &mut self.guest
    }
}

impl Trial {
    pub(super) fn new(config: &WasiConfig) -> Self {
        let mut guest = Guest::new(config);
        guest.resize(4 * SIZE);
        Trial {
            guest,
            dir: 3,
            folders: 0,
        }
    }

    /// Goes on in a folder that is laid out anew.
    pub(super) fn lay_out(&mut self) {
        if self.dir != 3 {
            let dir = self.dir;
            self.ok("fd_close", &[dir]);
        }
        self.folders += 1;
        let name = format!("{}", self.folders);
        self.heap = HEAP;
        let [at, length] = self.string(&name);
        self.ok("path_create_directory", &[3, at, length]);
        self.dir = self.open(3, &name, DIRECTORY, READ).unwrap();
        self.fill();
    }

    /// Makes what the operations find.
    fn fill(&mut self) {
        let dir = self.dir;
        for folder in ["dir", "dir/sub", "empty", "full", "full/sub"] {
            let [at, length] = self.string(folder);
            self.ok("path_create_directory", &[dir, at, length]);
        }
        for file in ["file", "other", "dir/inner", "full/file"] {
            let fd = self.open(dir, file, CREAT, WRITE).unwrap();
            self.write(fd, file.as_bytes()).unwrap();
            self.ok("fd_close", &[fd]);
        }
        for (contents, link) in LINKS {
            let ([to, to_len], [at, length]) = (self.string(contents), self.string(link));
            self.ok("path_symlink", &[to, to_len, dir, at, length]);
        }
    }
}

const LINKS: &[(&str, &str)] = &[
    ("file", "link"),
    ("dir", "dlink"),
    ("dir/", "slashed"),
    ("none", "dangling"),
    ("loop", "loop"),
    ("../out", "out"),
    ("../file", "dir/up"),
];

pub(super) fn paths() -> Vec<String> {
    let mut paths: Vec<String> = [
        "file",
        "file/",
        "file/.",
        "file/..",
        "file/x",
        "other",
        "none",
        "none/",
        "none/.",
        "none/x",
        "none/..",
        "dir",
        "dir/",
        "dir/.",
        "dir/..",
        "dir/sub",
        "dir/sub/..",
        "dir/inner",
        "dir/new",
        "dir/../new",
        "dir/up",
        "dir/up/",
        "empty",
        "empty/",
        "full",
        ".",
        "./",
        "..",
        "../x",
        "dir/../..",
        "",
        "/",
        "/file",
        "//",
        "link",
        "link/",
        "link/x",
        "dlink",
        "dlink/",
        "dlink/.",
        "dlink/inner",
        "dlink/new",
        "dlink/..",
        "slashed",
        "slashed/inner",
        "dangling",
        "dangling/",
        "dangling/x",
        "loop",
        "loop/",
        "loop/x",
        "out",
        "out/",
        "out/x",
        "a\0b",
        "full//file",
        "full/./sub",
        "\u{e9}",
    ]
    .map(String::from)
    .to_vec();
    paths.push("n".repeat(255));
    paths.push("n".repeat(256));
    paths.push("dir/../".repeat(584) + "file");
    paths.push("dir/../".repeat(600) + "file");
    paths
}

/// Those of which every pair is tried.
pub(super) const PAIRS: &[&str] = &[
    "file",
    "file/",
    "file/x",
    "other",
    "none",
    "none/",
    "none/x",
    "dir",
    "dir/",
    "dir/.",
    "dir/..",
    "dir/sub",
    "dir/new",
    "dir/sub/new",
    "dir/inner",
    "empty",
    "empty/",
    "full",
    ".",
    "..",
    "",
    "/x",
    "link",
    "dlink",
    "dlink/new",
    "dlink/",
    "dangling",
    "loop",
    "out",
    "out/x",
    "n/",
];

/// What a guest is told: the errno, and what comes with success.
fn told(guest: &mut Trial, name: &str, args: &[u64]) -> String {
    match guest.errno(name, args) {
        0 => "ok".into(),
        errno => format!("{errno}"),
    }
}

/// An operation on one path: a name for it, and how it is done.
pub(super) type One = (&'static str, fn(&mut Trial, &str) -> String);

fn open(guest: &mut Trial, path: &str, follow: u64, oflags: u64, rights: u64) -> String {
    let [at, length] = guest.string(path);
    let args = [
        guest.dir, follow, at, length, oflags, rights, rights, 0, OUT,
    ];
    let mut outcome = told(guest, "path_open", &args);
    if outcome == "ok" {
        let fd = guest.u32(OUT).into();
        guest.ok("fd_fdstat_get", &[fd, OUT]);
        let filetype = guest.get(OUT, 1)[0];
        guest.ok("fd_filestat_get", &[fd, OUT]);
        let size = if filetype == 4 {
            guest.u64(OUT + 32)
        } else {
            0
        };
        write!(outcome, " type {filetype} size {size}").unwrap();
        write!(outcome, " read {:?}", guest.read(fd, 3)).unwrap();
        write!(outcome, " write {:?}", guest.write(fd, b"12")).unwrap();
        for (name, args) in [
            ("fd_filestat_set_size", vec![fd, 1]),
            ("fd_filestat_set_size", vec![fd, 1 << 63]),
            ("fd_seek", vec![fd, 2, 1, OUT]),
            ("fd_seek", vec![fd, (-100i64) as u64, 2, OUT]),
            ("fd_seek", vec![fd, 1 << 40, 0, OUT]),
            ("fd_seek", vec![fd, i64::MAX as u64, 1, OUT]),
            ("fd_tell", vec![fd, OUT]),
            ("fd_advise", vec![fd, 0, 1, 0]),
            ("fd_advise", vec![fd, 1 << 63, 1, 0]),
            ("fd_allocate", vec![fd, 0, 1]),
            ("fd_sync", vec![fd]),
            ("fd_datasync", vec![fd]),
            ("fd_filestat_set_times", vec![fd, 0, 7_000_000_000, 4]),
            ("fd_fdstat_set_flags", vec![fd, 1]),
            ("fd_readdir", vec![fd, DATA, 24, 0, OUT]),
        ] {
            write!(outcome, " {}", told(guest, name, &args)).unwrap();
        }
        write!(outcome, " append {:?}", guest.write(fd, b"3")).unwrap();
        guest.vectors(&[(DATA, 8)]);
        for offset in [0, 1, 1 << 62, 1 << 63, u64::MAX] {
            let outcome_of = told(guest, "fd_pread", &[fd, IOVS, 1, offset, OUT]);
            write!(outcome, " {outcome_of}").unwrap();
            if outcome_of == "ok" {
                let read = guest.u32(OUT) as usize;
                write!(outcome, " {:?}", guest.get(DATA, read)).unwrap();
            }
        }
        guest.ok("fd_close", &[fd]);
    }
    outcome
}

fn stat(guest: &mut Trial, path: &str, follow: u64) -> String {
    let [at, length] = guest.string(path);
    let outcome = told(
        guest,
        "path_filestat_get",
        &[guest.dir, follow, at, length, OUT],
    );
    match outcome.as_str() {
        "ok" => {
            let filetype = guest.get(OUT + 16, 1)[0];
            let of_file = [guest.u64(OUT + 24), guest.u64(OUT + 32)];
            match filetype {
                3 => "folder".into(),
                _ => format!("{filetype} {of_file:?}"),
            }
        }
        _ => outcome,
    }
}

fn at(guest: &mut Trial, name: &str, path: &str) -> String {
    let [at, length] = guest.string(path);
    told(guest, name, &[guest.dir, at, length])
}

pub(super) const ONES: &[One] = &[
    ("open", |g, p| open(g, p, 1, 0, READ)),
    ("open no follow", |g, p| open(g, p, 0, 0, READ)),
    ("open no rights", |g, p| open(g, p, 1, 0, 0)),
    ("open write", |g, p| open(g, p, 1, 0, WRITE)),
    ("open folder", |g, p| open(g, p, 1, DIRECTORY, READ)),
    ("open folder no follow", |g, p| {
        open(g, p, 0, DIRECTORY, READ)
    }),
    ("open folder write", |g, p| open(g, p, 1, DIRECTORY, WRITE)),
    ("create", |g, p| open(g, p, 1, CREAT, READ | WRITE)),
    ("create to read", |g, p| open(g, p, 1, CREAT, READ)),
    ("create no follow", |g, p| open(g, p, 0, CREAT, WRITE)),
    ("create new", |g, p| {
        open(g, p, 1, CREAT | EXCL, READ | WRITE)
    }),
    ("create new no follow", |g, p| {
        open(g, p, 0, CREAT | EXCL, WRITE)
    }),
    ("exclusive alone", |g, p| open(g, p, 1, EXCL, READ)),
    ("truncate", |g, p| open(g, p, 1, TRUNC, READ | WRITE)),
    ("truncate no follow", |g, p| open(g, p, 0, TRUNC, WRITE)),
    ("truncate to read", |g, p| open(g, p, 1, TRUNC, READ)),
    ("create and truncate", |g, p| {
        open(g, p, 1, CREAT | TRUNC, READ | WRITE)
    }),
    ("create folder by open", |g, p| {
        open(g, p, 1, CREAT | DIRECTORY, READ)
    }),
    ("stat", |g, p| stat(g, p, 1)),
    ("stat no follow", |g, p| stat(g, p, 0)),
    ("create folder", |g, p| at(g, "path_create_directory", p)),
    ("remove folder", |g, p| at(g, "path_remove_directory", p)),
    ("remove file", |g, p| at(g, "path_unlink_file", p)),
    ("read link", |g, p| {
        let [at, length] = g.string(p);
        let outcome = told(g, "path_readlink", &[g.dir, at, length, DATA, 100, OUT]);
        let used = g.u32(OUT) as usize;
        match outcome.as_str() {
            "ok" => format!("{:?}", String::from_utf8(g.get(DATA, used))),
            _ => outcome,
        }
    }),
    ("set times", |g, p| {
        let [at, length] = g.string(p);
        let args = [g.dir, 1, at, length, 5_000_000_000, 6_000_000_000, 5];
        let outcome = told(g, "path_filestat_set_times", &args);
        if outcome == "ok" {
            let dir = g.dir;
            g.ok("path_filestat_get", &[dir, 1, at, length, OUT]);
            return format!("{} {}", g.u64(OUT + 40), g.u64(OUT + 48));
        }
        outcome
    }),
    ("set times no follow", |g, p| {
        let [at, length] = g.string(p);
        told(
            g,
            "path_filestat_set_times",
            &[g.dir, 0, at, length, 0, 6_000_000_000, 4],
        )
    }),
    ("list", |g, p| {
        let dir = g.dir;
        match g.open(dir, p, DIRECTORY, READ) {
            Ok(fd) => {
                let names = g.list(fd, 256);
                g.ok("fd_close", &[fd]);
                format!("{names:?}")
            }
            Err(errno) => format!("{errno}"),
        }
    }),
];

/// An operation on two.
pub(super) type Two = (&'static str, fn(&mut Trial, &str, &str) -> String);

pub(super) const TWOS: &[Two] = &[
    ("rename", |g, from, to| two(g, "path_rename", from, to)),
    ("link", |g, from, to| {
        let ([a, a_len], [b, b_len]) = (g.string(from), g.string(to));
        told(g, "path_link", &[g.dir, 0, a, a_len, g.dir, b, b_len])
    }),
    ("symlink", |g, contents, path| {
        let ([a, a_len], [b, b_len]) = (g.string(contents), g.string(path));
        told(g, "path_symlink", &[a, a_len, g.dir, b, b_len])
    }),
];

fn two(guest: &mut Trial, name: &str, from: &str, to: &str) -> String {
    let ([a, a_len], [b, b_len]) = (guest.string(from), guest.string(to));
    told(guest, name, &[guest.dir, a, a_len, guest.dir, b, b_len])
}

/// All that is in the folder, by paths.
pub(super) fn everything(guest: &mut Trial) -> String {
    let mut all = String::new();
    let mut left = vec![String::from(".")];
    while let Some(folder) = left.pop() {
        let dir = guest.dir;
        let fd = guest.open(dir, &folder, DIRECTORY, READ).unwrap();
        for name in guest.list(fd, 512) {
            let path = format!("{folder}/{name}");
            let what = stat(guest, &path, 0);
            writeln!(all, "{path} {what}").unwrap();
            if what == "folder" {
                left.push(path);
            }
        }
        guest.ok("fd_close", &[fd]);
    }
    all
}

/// What is told of each case, with what is there after those that change something.
fn outcomes(config: &WasiConfig) -> Vec<(String, String)> {
    let mut trial = Trial::new(config);
    trial.lay_out();
    let laid_out = everything(&mut trial);
    let mut outcomes = Vec::new();
    let mut note = |trial: &mut Trial, case: String, mut outcome: String| {
        trial.heap = HEAP;
        let after = everything(trial);
        if after != laid_out {
            write!(outcome, "\n{after}").unwrap();
            trial.lay_out();
        }
        trial.heap = HEAP;
        outcomes.push((case, outcome));
    };
    let paths = paths();
    for (name, run) in ONES {
        for path in &paths {
            let outcome = run(&mut trial, path);
            note(&mut trial, format!("{name} `{path}`"), outcome);
        }
    }
    for (name, run) in TWOS {
        for from in PAIRS {
            for to in PAIRS {
                let outcome = run(&mut trial, from, to);
                note(&mut trial, format!("{name} `{from}` `{to}`"), outcome);
            }
        }
    }
    outcomes
}

#[test]
fn every_folder_tells_what_one_of_the_host_does() {
    let mut kinds = writable().into_iter();
    let (_, host, _dir) = kinds.next().unwrap();
    let expected = outcomes(&host);
    assert!(expected.len() > 2_000);
    for (kind, config, _) in kinds {
        let mut different = Vec::new();
        for ((case, host), (_, other)) in expected.iter().zip(outcomes(&config)) {
            // Callbacks give nothing a second name.
            let second_name =
                kind == "callbacks" && case.starts_with("link ") && host.starts_with("ok");
            if second_name {
                assert_eq!(other, (Errno::Perm as i32).to_string(), "{case}");
            } else if *host != other {
                let brief = |told: &str| told.lines().next().map(str::to_string);
                match (brief(host), brief(&other)) {
                    (expected, got) if expected == got => {
                        different.push(format!("{case}: {host}\nin {kind}: {other}"));
                    }
                    (expected, got) => different.push(format!(
                        "{case}: {}, in {kind}: {}",
                        expected.unwrap_or_default(),
                        got.unwrap_or_default()
                    )),
                }
            }
        }
        let count = different.len();
        different.truncate(400);
        assert!(count == 0, "{count} differences:\n{}", different.join("\n"));
    }
}
