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
fn directories_that_others_may_write_to_are_refused() {
    let dir = Dir::new("shared");
    fs::create_dir(&dir.0).unwrap();
    fs::set_permissions(&dir.0, fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(refusal(&options(&dir.0)), Code::InvalidArgument);
    fs::set_permissions(&dir.0, fs::Permissions::from_mode(0o755)).unwrap();
    Fixture::with(&options(&dir.0));
    fs::write(dir.0.join("file"), "").unwrap();
    assert_eq!(refusal(&options(&dir.0.join("file"))), Code::Io);
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
