//! Kept code as an engine has it: by keys alone, many in one file, from a folder that somebody else has filled, and shared in memory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::Fixture;
use crate::engine::kept::{Blob, Bounds, Disk, Name, Parts, Place, private};
use crate::engine::*;
use crate::error::Code;

/// A folder of its own for a test, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("wasmdyld-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Dir(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A folder of which it is counted how often it is asked, and how much is put into it.
#[derive(Debug)]
struct Counting {
    disk: Disk,
    asked: AtomicUsize,
    put: AtomicUsize,
}

impl Counting {
    fn new(folder: &Path) -> Arc<Counting> {
        Arc::new(Counting {
            disk: Disk::new(private(folder).unwrap(), Bounds::default()),
            asked: AtomicUsize::new(0),
            put: AtomicUsize::new(0),
        })
    }

    /// How often it was asked, and how much put, since the last time.
    fn since(&self) -> (usize, usize) {
        (
            self.asked.swap(0, Ordering::Relaxed),
            self.put.swap(0, Ordering::Relaxed),
        )
    }
}

impl Place for Counting {
    fn get(&self, name: &Name) -> Option<Blob> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.disk.get(name)
    }

    fn has(&self, name: &Name) -> bool {
        self.disk.has(name)
    }

    fn put(&self, name: &Name, file: &Parts<'_>) {
        self.put.fetch_add(1, Ordering::Relaxed);
        self.disk.put(name, file);
    }

    fn discard(&self, name: &Name) {
        self.disk.discard(name);
    }
}

fn with(place: &Arc<Counting>) -> Fixture {
    Fixture::with(&EngineOptions {
        places: vec![place.clone()],
        ..EngineOptions::default()
    })
}

/// Modules, each with a function that gives its number.
fn modules(count: i32) -> Vec<(ModuleKey, Vec<u8>)> {
    let text = |n| format!("(module (func (export \"f\") (result i32) (i32.const {n})))");
    let modules = (0..count).map(|n| wat::parse_str(text(n)).unwrap());
    modules
        .map(|bytes| (ModuleKey::of(&bytes), bytes))
        .collect()
}

fn result(f: &Fixture, module: &Module) -> i32 {
    let exports = Instance::new(f.store(), module, &[]).unwrap().exports();
    let mut result = [Val::i32(-1)];
    exports
        .get(0)
        .unwrap()
        .as_func()
        .unwrap()
        .call(&[], &mut result)
        .unwrap();
    result[0].as_i32().unwrap()
}

fn keeper(f: &Fixture) -> Arc<Keeper> {
    f.store().shim().keeper(f.store()).unwrap()
}

fn all(f: &Fixture, keys: &[ModuleKey]) -> Vec<i32> {
    let found = keeper(f).find(f.store(), keys);
    let found = found
        .iter()
        .map(|module| module.as_ref().map_or(-1, |module| result(f, module)));
    found.collect()
}

#[test]
fn many_modules_are_one_file() {
    let dir = Dir::new("together");
    let place = Counting::new(&dir.0);
    let modules = modules(40);
    let keys: Vec<ModuleKey> = modules.iter().map(|(key, _)| *key).collect();
    let right: Vec<i32> = (0..40).collect();
    {
        let f = with(&place);
        assert_eq!(all(&f, &keys), [-1; 40]);
        for (key, bytes) in &modules {
            let module = keeper(&f).compile(f.store(), *key, bytes).unwrap();
            assert!(result(&f, &module) >= 0);
        }
        keeper(&f).keep_together(&keys);
        assert_eq!(place.since().1, 41);
        // What is there is not written again.
        keeper(&f).keep_together(&keys);
        assert_eq!(place.since(), (0, 0));
    }
    let f = with(&place);
    assert_eq!(all(&f, &keys), right);
    assert_eq!(place.since(), (1, 0), "opened, written");
    // In another order, and one twice: given once.
    let mut turned: Vec<ModuleKey> = keys.iter().rev().copied().collect();
    turned.push(keys[5]);
    let f = with(&place);
    let found = all(&f, &turned);
    assert_eq!(found[..40], right.iter().rev().copied().collect::<Vec<_>>());
    assert_eq!(found[40], -1);
    assert_eq!(place.since().0, 1);
    // A few of them come from their own files, and so do all without the one.
    assert_eq!(all(&with(&place), &keys[3..6]), [3, 4, 5]);
    let largest = fs::read_dir(&dir.0).unwrap().map(|e| e.unwrap().path());
    let largest = largest
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .unwrap();
    let whole = fs::read(&largest).unwrap();
    fs::remove_file(&largest).unwrap();
    assert_eq!(all(&with(&place), &keys), right);
    // Damage in one piece: that one comes from its own file, the others from this, which goes and is written anew.
    for at in [whole.len() - 5000, whole.len() / 2, 3000, 10] {
        let mut damaged = whole.clone();
        damaged[at] ^= 4;
        fs::write(&largest, &damaged).unwrap();
        let f = with(&place);
        assert_eq!(all(&f, &keys), right, "damaged at {at}");
        assert!(!largest.exists(), "damaged at {at}");
        keeper(&f).keep_together(&keys);
        assert_eq!(fs::read(&largest).unwrap(), whole);
    }
}

/// Modules whose code was mapped outlive what they were found by, and several engines have the same file.
#[test]
fn mapped_code_lives_as_long_as_its_modules() {
    let dir = Dir::new("mapped");
    let place = Counting::new(&dir.0);
    let modules = modules(10);
    let keys: Vec<ModuleKey> = modules.iter().map(|(key, _)| *key).collect();
    let f = with(&place);
    for (key, bytes) in &modules {
        keeper(&f).compile(f.store(), *key, bytes).unwrap();
    }
    keeper(&f).keep_together(&keys);
    drop(f);
    let work = |_| {
        for _ in 0..20 {
            let f = with(&place);
            let (first, second) = (
                keeper(&f).find(f.store(), &keys),
                keeper(&f).find(f.store(), &keys),
            );
            // Nobody has the files any more, but for what is mapped.
            drop(first);
            for (n, module) in second.iter().enumerate() {
                assert_eq!(result(&f, module.as_ref().unwrap()), n as i32);
            }
            let store = f.engine().new_store().unwrap();
            drop(f);
            // The store keeps the engine, and the engine what is mapped.
            drop(second);
            drop(store);
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|n| drop(scope.spawn(move || work(n)))));
}

#[test]
fn a_prebuilt_folder_is_read_and_never_written() {
    let (built, own) = (Dir::new("built"), Dir::new("own"));
    let modules = modules(2);
    let keys = [modules[0].0, modules[1].0];
    let options = |prebuilt: &Path, own: &Path| EngineOptions {
        cache: EngineCache::Dir(own.to_owned()),
        prebuilt: Some(vec![prebuilt.to_owned()]),
        ..EngineOptions::default()
    };
    let missing = built.0.join("missing");
    let f = Fixture::with(&options(&missing, &built.0));
    assert!(!missing.exists());
    keeper(&f)
        .compile(f.store(), keys[0], &modules[0].1)
        .unwrap();
    let count = |folder: &Path| fs::read_dir(folder).unwrap().count();
    let f = Fixture::with(&options(&built.0, &own.0));
    assert_eq!(all(&f, &keys), [0, -1]);
    keeper(&f)
        .compile(f.store(), keys[1], &modules[1].1)
        .unwrap();
    assert_eq!((count(&built.0), count(&own.0)), (1, 1));
    // What is damaged in it is compiled into the user's own, and left alone.
    let file = fs::read_dir(&built.0)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut damaged = fs::read(&file).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&file, &damaged).unwrap();
    let f = Fixture::with(&options(&built.0, &own.0));
    assert_eq!(all(&f, &keys), [-1, 1]);
    assert!(file.exists());
    keeper(&f)
        .compile(f.store(), keys[0], &modules[0].1)
        .unwrap();
    assert_eq!(
        all(&Fixture::with(&options(&built.0, &own.0)), &keys),
        [0, 1]
    );
    // One that others can write to is an error where it is named.
    fs::set_permissions(&built.0, fs::Permissions::from_mode(0o777)).unwrap();
    let api = Api::linked();
    let refused = shim::of(api).new_engine(api, &options(&built.0, &own.0));
    assert_eq!(refused.err().unwrap().code(), Code::InvalidArgument);
}

#[test]
fn a_file_that_others_can_write_to_is_not_there() {
    let dir = Dir::new("loose");
    let place = Counting::new(&dir.0);
    let modules = modules(1);
    let f = with(&place);
    keeper(&f)
        .compile(f.store(), modules[0].0, &modules[0].1)
        .unwrap();
    let file = fs::read_dir(&dir.0)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    assert_eq!(all(&with(&place), &[modules[0].0]), [0]);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(all(&with(&place), &[modules[0].0]), [-1]);
}

/// Without any folder, a namespace that comes when the first has gone compiles nothing either.
#[test]
fn an_engine_remembers_what_it_has_compiled() {
    let f = Fixture::new();
    let (key, bytes) = modules(8).pop().unwrap();
    assert_eq!(keeper(&f).find(f.store(), &[key]).len(), 1);
    assert!(keeper(&f).find(f.store(), &[key])[0].is_none());
    drop(keeper(&f).compile(f.store(), key, &bytes).unwrap());
    assert!(keeper(&f).find(f.store(), &[key])[0].is_some());
    let other = Fixture::new();
    assert!(keeper(&other).find(other.store(), &[key])[0].is_none());
}

/// Without any folder: stores of one engine have one module, which is compiled once, and goes with the last of them.
#[test]
fn stores_of_an_engine_share_what_is_compiled() {
    let f = Fixture::new();
    let sharing = f.store().shim().sharing(f.store()).unwrap();
    let (key, bytes) = modules(8).pop().unwrap();
    let compiled = AtomicUsize::new(0);
    let identities = Mutex::new(Vec::new());
    let barrier = std::sync::Barrier::new(8);
    struct Engine<'a>(&'a OwnedEngine);
    // SAFETY: several threads may make stores of an engine.
    unsafe impl Sync for Engine<'_> {}
    impl Engine<'_> {
        fn store(&self) -> OwnedStore {
            self.0.new_store().unwrap()
        }
    }
    let engine = Engine(f.engine());
    let engine = &engine;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let store = engine.store();
                barrier.wait();
                let module = sharing.find_or_make(store.store(), key, |_| {
                    compiled.fetch_add(1, Ordering::Relaxed);
                    Module::compile(store.store(), &bytes)
                });
                identities
                    .lock()
                    .unwrap()
                    .push(module.as_ref().unwrap().identity().unwrap());
                barrier.wait();
            });
        }
    });
    let identities = identities.into_inner().unwrap();
    assert!(identities.iter().all(|one| *one == identities[0]));
    assert_eq!(compiled.into_inner(), 1);
    // All have let go of it.
    assert!(sharing.find(f.store(), key).is_none());
    // Another engine's is another's.
    let module = sharing.find_or_make(f.store(), key, |_| Module::compile(f.store(), &bytes));
    let other = Fixture::new();
    assert!(sharing.find(other.store(), key).is_none());
    assert!(sharing.find(f.store(), key).is_some());
    drop(module);
    // What has gone is swept out.
    for n in 0..1000u32 {
        let module = sharing.find_or_make(f.store(), ModuleKey::of(&n.to_le_bytes()), |_| {
            Module::compile(f.store(), &bytes)
        });
        drop(module);
    }
    assert!(sharing.slots() <= 128, "{}", sharing.slots());
}
