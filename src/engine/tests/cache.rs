//! The engine's cache on disk, and the options of an engine.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Fixture;
use crate::engine::*;
use crate::error::Code;

/// A directory of its own for a test, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("wasmdyld-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Dir(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn files(dir: &Path) -> usize {
    fs::read_dir(dir).map_or(0, |entries| {
        entries
            .map(|entry| entry.unwrap().path())
            .map(|path| if path.is_dir() { files(&path) } else { 1 })
            .sum()
    })
}

fn options(dir: &Path) -> EngineOptions {
    EngineOptions {
        cache: EngineCache::Dir(dir.to_owned()),
        ..EngineOptions::default()
    }
}

fn compile(dir: &Path, bytes: &[u8]) -> Duration {
    let f = Fixture::with(&options(dir));
    let start = Instant::now();
    assert!(Module::new(f.store(), bytes).is_some());
    start.elapsed()
}

fn refusal(options: &EngineOptions) -> Code {
    let api = Api::linked();
    shim::of(api).new_engine(api, options).err().unwrap().code()
}

#[test]
fn the_second_compilation_is_read_from_the_cache() {
    // A quote and a backslash would break out of an unquoted setting.
    let dir = Dir::new("cache \"q\" \\");
    let mut text = String::from("(module");
    for i in 0..2000 {
        text.push_str(&format!(
            "(func (export \"f{i}\") (param i32) (result i32) (i32.mul (i32.add (local.get 0) (i32.const {i})) (local.get 0)))"
        ));
    }
    text.push(')');
    let bytes = wat::parse_str(&text).unwrap();
    let first = compile(&dir.0, &bytes);
    assert!(files(&dir.0) > 0);
    assert_eq!(fs::metadata(&dir.0).unwrap().mode() & 0o777, 0o700);
    assert!(
        !fs::read_dir(&dir.0).unwrap().any(|e| e
            .unwrap()
            .path()
            .extension()
            .is_some_and(|x| x == "toml"))
    );
    let second = compile(&dir.0, &bytes);
    println!("compiled in {first:?}, read in {second:?}");
    assert!(second < first / 3, "{first:?}, then {second:?}");
}

#[test]
fn folders_that_others_may_write_to_are_refused() {
    let dir = Dir::new("shared");
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::create_dir(&dir.0).unwrap();
    for open in [0o777, 0o770, 0o707, 0o1777] {
        mode(&dir.0, open);
        assert_eq!(refusal(&options(&dir.0)), Code::InvalidArgument, "{open:o}");
    }
    mode(&dir.0, 0o755);
    Fixture::with(&options(&dir.0));
    fs::write(dir.0.join("file"), "").unwrap();
    assert_eq!(refusal(&options(&dir.0.join("file"))), Code::Io);
}

#[test]
fn folders_above_count_and_links_are_resolved_first() {
    let dir = Dir::new("above");
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let (above, inner) = (dir.0.join("above"), dir.0.join("above/inner/kept"));
    fs::create_dir_all(&inner).unwrap();
    mode(&inner, 0o700);
    Fixture::with(&options(&inner));
    // Whoever can write to a folder above can put another one in its place.
    mode(&above, 0o777);
    assert_eq!(refusal(&options(&inner)), Code::InvalidArgument);
    mode(&above, 0o770);
    assert_eq!(refusal(&options(&inner)), Code::InvalidArgument);
    // As /tmp: nobody renames what is another's.
    mode(&above, 0o1777);
    Fixture::with(&options(&inner));
    // The link lies in a folder of this user's alone, and leads through one that is open to all.
    mode(&above, 0o777);
    let link = dir.0.join("link");
    std::os::unix::fs::symlink(&inner, &link).unwrap();
    assert_eq!(refusal(&options(&link)), Code::InvalidArgument);
    mode(&above, 0o755);
    Fixture::with(&options(&link));
}

/// A module whose function gives `number`, and the number that the compiled module then gives.
fn run(dir: &Path, number: i32) -> i32 {
    let f = Fixture::with(&options(dir));
    let text = format!("(module (func (export \"f\") (result i32) (i32.const {number})))");
    let instance = f.instance(&text, &[]);
    let exports = instance.exports();
    let mut result = [Val::i32(0)];
    let item = exports.get(0).unwrap();
    item.as_func().unwrap().call(&[], &mut result).unwrap();
    result[0].as_i32().unwrap()
}

fn only_file(dir: &Path) -> PathBuf {
    let all: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

#[test]
fn what_is_damaged_is_compiled_anew_and_replaced() {
    let dir = Dir::new("damaged");
    assert_eq!(run(&dir.0, 42), 42);
    let file = only_file(&dir.0);
    let whole = fs::read(&file).unwrap();
    let mut damaged: Vec<Vec<u8>> = Vec::new();
    // A bit in each part of the file, the header included: a step that meets bytes of all kinds.
    for at in (0..whole.len()).step_by(whole.len() / 150) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        damaged.push(bytes);
    }
    damaged.push(Vec::new());
    damaged.push(whole[..whole.len() - 1].to_vec());
    damaged.push([&whole[..], b"x"].concat());
    for bytes in damaged {
        fs::write(&file, bytes).unwrap();
        assert_eq!(run(&dir.0, 42), 42);
        assert_eq!(fs::read(&file).unwrap(), whole, "it was not replaced");
    }
}

#[test]
fn what_is_anothers_is_not_run() {
    let dir = Dir::new("foreign");
    assert_eq!(run(&dir.0, 1), 1);
    let one = only_file(&dir.0);
    let code = fs::read(&one).unwrap();
    fs::remove_file(&one).unwrap();
    assert_eq!(run(&dir.0, 2), 2);
    let two = only_file(&dir.0);
    // The code of another module, whole, under this one's name: by copy, and by link.
    fs::write(&two, &code).unwrap();
    assert_eq!(run(&dir.0, 2), 2);
    fs::write(&one, &code).unwrap();
    fs::remove_file(&two).unwrap();
    std::os::unix::fs::symlink(&one, &two).unwrap();
    assert_eq!(run(&dir.0, 2), 2);
    // What is kept is used: its file is read, not written again.
    let before = fs::metadata(&one).unwrap().modified().unwrap();
    assert_eq!(run(&dir.0, 1), 1);
    assert_eq!(fs::metadata(&one).unwrap().modified().unwrap(), before);
}

#[test]
fn a_pipe_in_the_place_of_code_is_not_waited_for() {
    let dir = Dir::new("pipe");
    assert_eq!(run(&dir.0, 7), 7);
    let file = only_file(&dir.0);
    fs::remove_file(&file).unwrap();
    let path = std::ffi::CString::new(file.to_str().unwrap()).unwrap();
    // SAFETY: a C string.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    assert_eq!(run(&dir.0, 7), 7);
}

#[test]
fn several_at_once() {
    let dir = Dir::new("at-once");
    let work = || (0..20).for_each(|n| assert_eq!(run(&dir.0, n), n));
    std::thread::scope(|scope| {
        (0..4).for_each(|_| drop(scope.spawn(work)));
    });
    assert_eq!(files(&dir.0), 20, "nothing half written is left");
}

#[test]
fn what_is_kept_has_bounds() {
    use crate::engine::kept::{Bounds, Disk, Keeper, ModuleKey, Name, Parts, Place, private};
    let dir = Dir::new("bounds");
    let name = |n: u32| Name::new(*ModuleKey::of(&n.to_le_bytes()).as_bytes());
    let bounds = Bounds {
        bytes: 20_000,
        entries: 16,
    };
    let disk = || Disk::new(private(&dir.0).unwrap(), bounds);
    let total = || -> u64 {
        let all = fs::read_dir(&dir.0).unwrap();
        all.map(|e| e.unwrap().metadata().unwrap().len()).sum()
    };
    let kept = disk();
    let keep = |n: u32, code: &[u8]| {
        let parts = Parts::new(&[0; 32], 16, vec![(ModuleKey::of(b""), code)]);
        kept.put(&name(n), &parts.unwrap());
    };
    for n in 0..100 {
        keep(n, &[1; 10]);
        assert!(files(&dir.0) <= 16);
        // The newest is always there.
        assert!(kept.get(&name(n)).is_some() && kept.has(&name(n)));
    }
    for n in 100..200 {
        keep(n, &[2; 5000]);
        assert!(total() <= 20_000, "{}", total());
    }
    assert!(kept.has(&name(199)) && kept.get(&name(100)).is_none());
    // More than there is room for: not kept, and nothing goes for it.
    let before = files(&dir.0);
    keep(1000, &vec![0; 30_000]);
    assert_eq!(files(&dir.0), before);
    // What a process left half written goes, what one writes now stays.
    let old = dir.0.join(".new-1-2-3");
    fs::write(&old, "half").unwrap();
    let day = Duration::from_secs(86_400);
    let file = fs::File::options().write(true).open(&old).unwrap();
    file.set_modified(std::time::SystemTime::now() - day)
        .unwrap();
    let young = dir.0.join(".new-4-5-6");
    fs::write(&young, "half").unwrap();
    let keeper = Keeper::new([0; 32], vec![std::sync::Arc::new(disk())]);
    keeper.keep_record(ModuleKey::of(b"record"), b"x");
    assert!(!old.exists() && young.exists());
    assert_eq!(
        keeper.record(ModuleKey::of(b"record")).unwrap().bytes(),
        b"x"
    );
}

#[test]
fn stacks() {
    let deep = r#"(module (func $f (export "f") (param i32) (result i32)
        (if (result i32) (local.get 0)
            (then (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1)))))
            (else (i32.const 0)))))"#;
    let dive = |stack, depth| {
        let f = Fixture::with(&EngineOptions {
            max_wasm_stack: stack,
            ..EngineOptions::default()
        });
        let instance = f.instance(deep, &[]);
        let mut result = [Val::i32(0)];
        let exports = instance.exports();
        let item = exports.get(0).unwrap();
        let func = item.as_func().unwrap();
        func.call(&[Val::i32(depth)], &mut result)
            .map_err(|trap| trap.cause())
    };
    let depths = move || {
        assert_eq!(dive(None, 1_000_000), Err("call stack exhausted".into()));
        let limit = |stack| {
            let (mut low, mut high) = (0, 1 << 20);
            while high - low > 1 {
                let middle = (low + high) / 2;
                match dive(stack, middle) {
                    Ok(()) => low = middle,
                    Err(_) => high = middle,
                }
            }
            low
        };
        let (small, large) = (limit(None), limit(Some(2_000_000)));
        println!("{small} calls deep by default, {large} with 2 MB");
        assert!(large > 3 * small);
    };
    // On a stack that is larger than what the guest may use of it.
    std::thread::Builder::new()
        .stack_size(8 << 20)
        .spawn(depths)
        .unwrap()
        .join()
        .unwrap();
    for bytes in [0, (2 << 20) + 1] {
        let options = EngineOptions {
            max_wasm_stack: Some(bytes),
            ..EngineOptions::default()
        };
        assert_eq!(refusal(&options), Code::InvalidArgument);
    }
}
