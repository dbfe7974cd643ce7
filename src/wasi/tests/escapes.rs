//! Random sequences of path calls over trees with links, `..` and renames: nothing outside is read or changed, and what a path leads to is what
//! a model says, which knows nothing but the system's own view of each single name. A fuzzer leads them as well (`fuzzing::sandbox`).

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::atomic::AtomicBool;

use super::garbage::Numbers;
use super::*;

/// Where decisions come from.
pub(crate) trait Choices {
    fn below(&mut self, bound: usize) -> usize;

    /// There are more decisions than those that were made.
    fn go_on(&self) -> bool {
        true
    }
}

impl Choices for Numbers {
    fn below(&mut self, bound: usize) -> usize {
        Numbers::below(self, bound)
    }
}

/// A byte a decision; when none are left it is always the last choice.
impl Choices for std::slice::Iter<'_, u8> {
    fn below(&mut self, bound: usize) -> usize {
        self.next()
            .map_or(bound - 1, |byte| usize::from(*byte) % bound)
    }

    fn go_on(&self) -> bool {
        !self.as_slice().is_empty()
    }
}

const SECRET: &str = "nobody reads this";

/// The folder that the guest gets, in one that it must not notice, with links that lead out.
fn world() -> (TempDir, PathBuf) {
    let dir = TempDir::new();
    for folder in ["outside/deep", "cell/sub/deeper", "cell/a"] {
        std::fs::create_dir_all(dir.join(folder)).unwrap();
    }
    for canary in ["outside/b", "outside/deep/b", "b"] {
        std::fs::write(dir.join(canary), SECRET).unwrap();
    }
    let cell = dir.join("cell");
    std::fs::write(cell.join("b"), "own").unwrap();
    for (contents, link) in [
        ("..", "up"),
        ("../outside", "out"),
        ("../../outside/b", "sub/leak"),
        ("sub/../a", "in"),
        ("loop", "loop"),
        ("../cell/b", "back"),
        ("in/../b", "round"),
    ] {
        symlink(contents, cell.join(link)).unwrap();
    }
    symlink(dir.join("outside"), cell.join("whole")).unwrap();
    (dir, cell)
}

/// What something is, what it holds, when it was changed and how many names it has.
type Seen = BTreeMap<PathBuf, (String, i64, i64, u64)>;

/// All that is outside. Of the folder that holds the cell no time.
fn outside(dir: &TempDir) -> Seen {
    below(dir.path())
}

/// All that is below a folder, but for the cell.
fn below(folder: &Path) -> Seen {
    let mut seen = BTreeMap::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let data = std::fs::symlink_metadata(&path).unwrap();
            if path.ends_with("cell") {
                seen.insert(path, ("the cell".into(), 0, 0, 0));
                continue;
            }
            let text = if data.is_dir() {
                left.push(path.clone());
                "a folder".into()
            } else if data.is_symlink() {
                format!("{:?}", std::fs::read_link(&path).unwrap())
            } else {
                std::fs::read_to_string(&path).unwrap()
            };
            seen.insert(path, (text, data.mtime(), data.mtime_nsec(), data.nlink()));
        }
    }
    seen
}

/// Where a path leads that starts in `root`: nowhere, with the system's errno for that, out of it, or to something.
#[derive(Debug, PartialEq)]
enum Leads {
    Nowhere(Errno),
    Out,
    To(u64),
}

fn leads(root: &Path, path: &str, follow: bool) -> Leads {
    let mut at: Vec<String> = Vec::new();
    let mut left: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    if path.starts_with('/') {
        return Leads::Out;
    }
    let mut links = 0;
    while let Some(part) = left.pop() {
        let here = root.join(at.join("/"));
        match std::fs::symlink_metadata(&here) {
            Ok(data) if data.is_dir() => {}
            _ => return Leads::Nowhere(Errno::Notdir),
        }
        match part.as_str() {
            "" | "." => continue,
            ".." if at.pop().is_none() => return Leads::Out,
            ".." => continue,
            _ => {}
        }
        let Ok(data) = std::fs::symlink_metadata(here.join(&part)) else {
            return Leads::Nowhere(Errno::Noent);
        };
        let last = left.is_empty();
        if !data.is_symlink() || (last && !follow) {
            at.push(part);
            continue;
        }
        links += 1;
        if links > 40 {
            return Leads::Nowhere(Errno::Loop);
        }
        let contents = std::fs::read_link(here.join(&part)).unwrap();
        let contents = contents.to_str().unwrap();
        if contents.starts_with('/') {
            return Leads::Out;
        }
        left.extend(contents.split('/').rev().map(str::to_owned));
    }
    let data = std::fs::symlink_metadata(root.join(at.join("/"))).unwrap();
    Leads::To(data.ino())
}

fn path(numbers: &mut impl Choices) -> String {
    const PARTS: [&str; 16] = [
        "a", "b", "sub", "deeper", "up", "out", "leak", "in", "loop", "whole", "back", "round",
        "new", "..", "..", ".",
    ];
    let count = 1 + numbers.below(4);
    let parts: Vec<&str> = (0..count)
        .map(|_| PARTS[numbers.below(PARTS.len())])
        .collect();
    parts.join("/")
}

/// The folder, and a view of it in which nothing can be changed.
const CELL: u64 = 3;
const VIEW: u64 = 4;

fn guest_in_cell(cell: &Path) -> Guest {
    let mut config = WasiConfig::new();
    Guest::new(config.preopen(cell, "/").preopen_read_only(cell, "/view"))
}

/// Mostly the folder itself.
fn dir(numbers: &mut impl Choices) -> u64 {
    match numbers.below(3) {
        0 => VIEW,
        _ => CELL,
    }
}

/// One path, and what is done with it, of which the model knows nothing: it may fail. Through the view it has to. Gives whether a view was used, and
/// nothing else that changes something.
fn step(guest: &mut Guest, numbers: &mut impl Choices, path_of: &str, other: &str) -> bool {
    let ([at, length], [to, to_length]) = (guest.string(path_of), guest.string(other));
    let oflags = [0, CREAT, CREAT | TRUNC, CREAT | EXCL, TRUNC][numbers.below(5)];
    let [from_dir, to_dir] = [dir(numbers), dir(numbers)];
    let of_one = [from_dir, at, length];
    let (name, args) = match numbers.below(9) {
        0 => ("path_create_directory", of_one.to_vec()),
        1 => ("path_remove_directory", of_one.to_vec()),
        2 => ("path_unlink_file", of_one.to_vec()),
        3 => (
            "path_rename",
            [&of_one[..], &[to_dir, to, to_length]].concat(),
        ),
        4 => (
            "path_link",
            vec![from_dir, 0, at, length, to_dir, to, to_length],
        ),
        5 => ("path_symlink", vec![at, length, to_dir, to, to_length]),
        6 => (
            "path_filestat_set_times",
            vec![from_dir, 1, at, length, 5, 5, 5],
        ),
        _ => {
            open(guest, from_dir, path_of, oflags);
            return from_dir == VIEW;
        }
    };
    let dirs: &[u64] = match name {
        "path_rename" | "path_link" => &[from_dir, to_dir],
        "path_symlink" => &[to_dir],
        _ => &[from_dir],
    };
    let viewed = dirs.contains(&VIEW);
    let errno = guest.errno(name, &args);
    assert!(!viewed || errno != 0, "{name} `{path_of}` `{other}`");
    viewed
}

fn open(guest: &mut Guest, dir: u64, path: &str, oflags: u64) {
    let rights = match dir {
        // It may be opened for reading alone.
        VIEW if oflags == 0 => READ,
        _ => READ | WRITE,
    };
    if let Ok(fd) = guest.open(dir, path, oflags, rights) {
        let read = guest.read(fd, 100).unwrap_or_default();
        assert_ne!(read, SECRET.as_bytes(), "{path}");
        let written = guest.write(fd, b"written");
        assert!(dir != VIEW || written.is_err(), "{path}");
        guest.ok("fd_close", &[fd]);
    }
}

/// What the path leads to is what the model says, by its errno if that is nothing, through the view as well, while nobody changes the tree.
fn check_with_model(guest: &mut Guest, cell: &Path, path: &str) {
    for (dir, follow) in [(CELL, false), (CELL, true), (VIEW, false), (VIEW, true)] {
        let [at, length] = guest.string(path);
        let errno = guest.errno(
            "path_filestat_get",
            &[dir, u64::from(follow), at, length, OUT],
        );
        let led = leads(cell, path, follow);
        // `link/.` is the link itself for cap-std, and what it leads to for the system: both are within.
        let dotted = !follow && path.ends_with("/.");
        match errno {
            0 if dotted => {}
            0 => assert_eq!(Leads::To(guest.u64(OUT + 8)), led, "{path}"),
            _ => match led {
                Leads::Nowhere(why) => assert_eq!(errno, why as i32, "{path}"),
                Leads::Out => assert_eq!(errno, Errno::Perm as i32, "{path}"),
                Leads::To(_) => panic!("{path}: {errno}"),
            },
        }
    }
}

fn sequence(numbers: &mut impl Choices, steps: usize) {
    let (dir, cell) = world();
    let before = outside(&dir);
    let mut guest = guest_in_cell(&cell);
    for _ in 0..steps {
        if !numbers.go_on() {
            break;
        }
        guest.heap = HEAP;
        let (one, other) = (path(numbers), path(numbers));
        check_with_model(&mut guest, &cell, &one);
        let cell_before = below(&cell);
        if step(&mut guest, numbers, &one, &other) {
            assert_eq!(below(&cell), cell_before, "`{one}` `{other}`");
        }
    }
    assert_eq!(outside(&dir), before);
}

/// The same while somebody else changes names in the same tree, as the host's user may: the model cannot say then what a path leads to.
fn race(numbers: &mut impl Choices, steps: usize) {
    // In the folder itself: by a path through one of its links it would be this thread that leaves it.
    const NAMES: [&str; 8] = ["a", "sub", "up", "out", "in", "whole", "new", "b"];
    let (dir, cell) = world();
    let before = outside(&dir);
    let done = AtomicBool::new(false);
    let swaps: Vec<(&str, &str)> = (0..4)
        .map(|_| (NAMES[numbers.below(8)], NAMES[numbers.below(8)]))
        .collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for (one, other) in &swaps {
                    // There and back. It fails where the guest was faster.
                    let (one, other) = (cell.join(one), cell.join(other));
                    let _ = std::fs::rename(&one, cell.join("aside"));
                    let _ = std::fs::rename(&other, &one);
                    let _ = std::fs::rename(cell.join("aside"), &other);
                }
            }
        });
        let _end = End(&done);
        let mut guest = guest_in_cell(&cell);
        for _ in 0..steps {
            if !numbers.go_on() {
                break;
            }
            guest.heap = HEAP;
            let (one, other) = (path(numbers), path(numbers));
            step(&mut guest, numbers, &one, &other);
        }
    });
    assert_eq!(outside(&dir), before);
}

/// Ends the other thread also where an assertion ends this one.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The first decision is whether somebody else changes names meanwhile, or whether folders that are none of the system answer as that one does.
pub(crate) fn led_by(bytes: &[u8]) {
    let mut bytes = bytes.iter();
    match bytes.below(4) {
        0 => race(&mut bytes, 200),
        1 => sequences::sequence(&mut bytes, 60),
        _ => sequence(&mut bytes, 200),
    }
}

/// Names its number if it fails.
fn seeded(seed: u64) {
    let ran = std::panic::catch_unwind(|| sequence(&mut Numbers(seed), 60));
    assert!(ran.is_ok(), "sequence {seed}");
}

#[test]
fn no_sequence_of_paths_leads_out() {
    (1..=60).for_each(seeded);
}

/// `cargo test --release -- --ignored no_sequence_of_paths`, with `WASMDYLD_SEED` from the environment.
#[test]
#[ignore = "takes minutes"]
fn no_sequence_of_paths_leads_out_for_long() {
    let seed = std::env::var("WASMDYLD_SEED").ok();
    let seed: u64 = seed.and_then(|seed| seed.parse().ok()).unwrap_or(1_000);
    (seed..seed + 20_000).for_each(seeded);
}

#[test]
fn nor_does_one_while_names_change() {
    (1..=20).for_each(|seed| race(&mut Numbers(seed), 60));
}

/// A folder that becomes a link to the outside and is one again, while the guest opens what is in it.
#[test]
fn what_changes_under_way_leads_nowhere_else() {
    let (dir, cell) = world();
    std::fs::create_dir(cell.join("folder")).unwrap();
    std::fs::write(cell.join("folder/b"), "own").unwrap();
    symlink("../outside", cell.join("link")).unwrap();
    let before = outside(&dir);
    let done = AtomicBool::new(false);
    let swap = |one: &str, other: &str| std::fs::rename(cell.join(one), cell.join(other)).unwrap();
    let mut read = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                swap("folder", "at");
                swap("at", "folder");
                swap("link", "at");
                swap("at", "link");
            }
        });
        let _end = End(&done);
        let mut guest = Guest::new(WasiConfig::new().preopen(&cell, "/"));
        let mut tries = 0;
        // Where one processor has to do, the other thread may be between two names for all of a turn.
        while tries < 3_000 || read == 0 {
            tries += 1;
            guest.heap = HEAP;
            if let Ok(fd) = guest.open(3, "at/b", CREAT, READ | WRITE) {
                let text = guest.read(fd, 100).unwrap();
                assert_ne!(text, SECRET.as_bytes());
                read += 1;
                guest.ok("fd_close", &[fd]);
            }
        }
    });
    assert_eq!(outside(&dir), before);
}
