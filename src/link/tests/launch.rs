//! Launch closures: each thing that a load depends on is changed in turn, and what comes of it has to be what comes of a load without.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::world::World;
use crate::config::{Config, Progress};
use crate::control::Mode;
use crate::engine::{EngineCache, EngineOptions, Val};
use crate::error::Result;
use crate::launch;
use crate::link::stats::Launched;
use crate::link::{Flags, SearchIn, Source, Symbol, calls};
use crate::plan::{Bind, Plt};
use crate::search::RuntimePath;

/// A folder of its own for a test, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let name = format!("wasmdyld-launch-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Dir(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A library whose function gives a number.
fn library(number: u32) -> Vec<u8> {
    let text = format!(
        r#"(module
  (@dylink.0 (mem-info (memory 16 4) (table 1 0)))
  (import "env" "memory" (memory 0))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__table_base" (global $slots i32))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (elem (table 0) (global.get $slots) func $value)
  (global (export "datum") i32 (i32.const 4))
  (func (export "__wasm_call_ctors")
    (i32.store (global.get $base) (i32.const 9)))
  (func $value (export "value") (result i32) (i32.const {number})))"#
    );
    wat::parse_str(text).unwrap()
}

/// A program that calls it, through a stub and by its address, and imports what nobody need have.
fn program(needed: &str, runtime_path: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
  (@dylink.0 (mem-info (memory 32 4) (table 0 0)) (needed "{needed}") (runtime-path "{runtime_path}")
    (import-info "env" "absent" binding-weak))
  (import "env" "memory" (memory 0))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__memory_base" (global i32))
  (import "env" "__table_base" (global i32))
  (import "env" "__stack_pointer" (global (mut i32)))
  (import "env" "value" (func $value (result i32)))
  (import "env" "absent" (func (result i32)))
  (import "GOT.func" "value" (global $slot (mut i32)))
  (import "GOT.mem" "datum" (global $datum (mut i32)))
  (type $gives (func (result i32)))
  (func (export "_start"))
  (func (export "result") (result i32)
    (i32.add
      (i32.add (call $value) (i32.mul (i32.const 1000) (call_indirect (type $gives) (global.get $slot))))
      (i32.mul (i32.const 1000000) (i32.load (i32.sub (global.get $datum) (i32.const 4)))))))"#
    );
    wat::parse_str(text).unwrap()
}

/// Folders `a` (empty) and `b` with the library, the program, and a folder for what is kept.
struct Place {
    at: PathBuf,
}

const NEEDED: &str = "libvalue.so";

impl Place {
    fn new(dir: &Dir, name: &str) -> Place {
        let at = dir.0.join(name);
        for folder in ["a", "b", "lib"] {
            fs::create_dir_all(at.join(folder)).unwrap();
        }
        fs::write(at.join("b").join(NEEDED), library(1)).unwrap();
        fs::write(at.join("main.wasm"), program(NEEDED, "$ORIGIN/lib")).unwrap();
        Place { at }
    }

    fn config(&self) -> Config {
        let mut config = Config::default();
        config.search.library_paths = ["a", "b"].map(|folder| self.at.join(folder)).into();
        config
    }

    fn engine(&self) -> EngineOptions {
        EngineOptions {
            cache: EngineCache::Dir(self.at.join("kept")),
            ..EngineOptions::default()
        }
    }

    fn run(&self, config: Config, flags: Flags) -> (Launched, String) {
        run(&self.engine(), config, &self.at.join("main.wasm"), flags)
    }

    fn usual(&self) -> (Launched, String) {
        self.run(self.config(), MAIN)
    }

    fn without(&self) -> String {
        let mut config = self.config();
        config.launch_closures = false;
        let (launched, outcome) = self.run(config, MAIN);
        let failed = launched == Launched::Nothing;
        assert!(failed || launched == Launched::Unfit("they are switched off"));
        outcome
    }

    /// The second of two loads is by a closure.
    fn launch_twice(&self) {
        let (first, outcome) = self.usual();
        assert_eq!(first, Launched::Miss("none is kept".to_string()));
        let (second, again) = self.usual();
        assert_eq!(second, Launched::Hit, "{}", self.at.display());
        assert_eq!(outcome, again);
        assert_eq!(outcome, self.without());
        assert!(outcome.contains("result 9001001"), "{outcome}");
    }
}

const MAIN: Flags = Flags {
    main: true,
    bind: None,
    global: false,
    deepbind: false,
    noload: false,
    nodelete: false,
    party: crate::link::Party::Host,
};

/// Loads the program in a namespace of its own: what a closure did, and all that is to be compared of it, or the error.
fn run(engine: &EngineOptions, config: Config, program: &Path, flags: Flags) -> (Launched, String) {
    let world = World::of_files(engine, config);
    match load(&world, program, flags) {
        Ok(outcome) => (world.ns.statistics().launched, outcome),
        Err(error) => (Launched::Nothing, error.to_string()),
    }
}

fn load(world: &World, program: &Path, flags: Flags) -> Result<String> {
    let id = world.ns.load(Source::Path(program.into()), flags)?;
    let Symbol::Func { callee, .. } = world.ns.dlsym(SearchIn::Object(id), "result")? else {
        panic!("no function");
    };
    let mut results = [Val::u32(0)];
    calls::export(&world.ns, callee.export().unwrap(), &[], &mut results)?;
    let state = world.ns.state();
    let nodes = &state.model.nodes;
    let mut ids: Vec<_> = nodes.keys().copied().collect();
    ids.sort_unstable();
    // Identities and metadata are the files'; what was read must be what would have been parsed.
    let found: Vec<String> = ids
        .iter()
        .map(|id| format!("{:?}", known(&nodes[id])))
        .collect();
    Ok(format!(
        "result {}\n{}{}\n{}",
        results[0].as_u32().unwrap(),
        world.snapshot(),
        world.ns.link_map().as_ref() as &str,
        found.join("\n")
    ))
}

/// What is comparable of an object.
fn known(node: &crate::plan::Node) -> impl std::fmt::Debug {
    let found = &node.found;
    let object = &*found.object;
    let names = object.exports.iter();
    let names: Vec<_> = names.map(|export| object.position(&export.name)).collect();
    (
        (
            found.name.clone(),
            found.path.clone(),
            found.identity.clone(),
            found.role,
        ),
        (
            object.imports.clone(),
            object.exports.clone(),
            object.segments.clone(),
            object.dylink.clone(),
        ),
        (
            object.bodies.clone(),
            object.data.clone(),
            object.features,
            names,
        ),
        (node.bindings.clone(), node.global, node.init),
    )
}

/// Waits until files that were just written are trusted.
fn settle() {
    std::thread::sleep(Duration::from_millis(2_100));
}

/// Writes a file anew, of the same size and with the time that it had.
fn write_over(path: &Path, bytes: &[u8]) {
    let before = fs::metadata(path).unwrap();
    assert_eq!(before.len(), bytes.len() as u64);
    fs::write(path, bytes).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
    let after = fs::metadata(path).unwrap();
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
}

#[test]
fn files_that_change() {
    type Change = (&'static str, &'static str, fn(&Path));
    let changes: [Change; 14] = [
        ("in-place", "has changed", |at| {
            write_over(&at.join("b/libvalue.so"), &library(2))
        }),
        ("renamed", "has changed", |at| {
            fs::write(at.join("new"), library(2)).unwrap();
            fs::rename(at.join("new"), at.join("b/libvalue.so")).unwrap();
        }),
        ("program", "has changed", |at| {
            fs::write(at.join("main.wasm"), program(NEEDED, "$ORIGIN/other")).unwrap();
        }),
        ("earlier", "is there", |at| {
            fs::write(at.join("a/libvalue.so"), library(2)).unwrap()
        }),
        ("removed", "is gone", |at| {
            fs::remove_file(at.join("b/libvalue.so")).unwrap()
        }),
        ("moved", "is gone", |at| {
            fs::rename(at.join("b/libvalue.so"), at.join("lib/libvalue.so")).unwrap();
        }),
        ("folder", "has changed", |at| {
            fs::remove_file(at.join("b/libvalue.so")).unwrap();
            fs::create_dir(at.join("b/libvalue.so")).unwrap();
        }),
        ("other-folder", "has changed", |at| {
            fs::rename(at.join("b"), at.join("old")).unwrap();
            fs::create_dir(at.join("b")).unwrap();
            fs::write(at.join("b/libvalue.so"), library(2)).unwrap();
        }),
        ("no-folder", "is gone", |at| {
            fs::rename(at.join("b"), at.join("old")).unwrap()
        }),
        ("linked-over", "has changed", |at| {
            fs::write(at.join("two.so"), library(2)).unwrap();
            fs::remove_file(at.join("b/libvalue.so")).unwrap();
            symlink(at.join("two.so"), at.join("b/libvalue.so")).unwrap();
        }),
        ("permissions", "has changed", |at| {
            let path = at.join("b/libvalue.so");
            fs::set_permissions(path, fs::Permissions::from_mode(0o400)).unwrap();
        }),
        ("truncated", "has changed", |at| {
            let path = at.join("b/libvalue.so");
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_len(20).unwrap();
        }),
        ("dangling", "is gone", |at| {
            fs::remove_file(at.join("b/libvalue.so")).unwrap();
            symlink("nowhere", at.join("b/libvalue.so")).unwrap();
        }),
        ("code", "code of its modules is not kept", |at| {
            // All but the closure itself, which is the only file without code.
            let kept = fs::read_dir(at.join("kept")).unwrap();
            for entry in kept.map(|entry| entry.unwrap().path()) {
                if fs::read(&entry).is_ok_and(|bytes| bytes.windows(4).any(|w| w == b"\x7fELF")) {
                    fs::remove_file(entry).unwrap();
                }
            }
        }),
    ];
    let dir = Dir::new("files");
    let places = changes.map(|(name, why, change)| (Place::new(&dir, name), why, change));
    settle();
    for (place, why, change) in places {
        place.launch_twice();
        change(&place.at);
        let (launched, outcome) = place.usual();
        let at = place.at.display();
        match launched {
            Launched::Miss(said) => assert!(said.ends_with(why), "{at}: {said}"),
            // The load failed.
            Launched::Nothing => {}
            other => panic!("{at}: {other}"),
        }
        assert_eq!(outcome, place.without(), "{at}");
    }
}

#[test]
fn a_symlink_that_is_redirected() {
    let dir = Dir::new("symlink");
    let place = Place::new(&dir, "here");
    for n in 1..=2 {
        fs::write(place.at.join(format!("{n}.so")), library(n)).unwrap();
    }
    let link = place.at.join("b/libvalue.so");
    fs::remove_file(&link).unwrap();
    symlink(place.at.join("1.so"), &link).unwrap();
    settle();
    place.launch_twice();
    fs::remove_file(&link).unwrap();
    symlink(place.at.join("2.so"), &link).unwrap();
    let (launched, outcome) = place.usual();
    assert!(matches!(launched, Launched::Miss(why) if why.ends_with("libvalue.so has changed")));
    assert!(outcome.contains("result 9002002"), "{outcome}");
    // Both targets are old enough: the new closure holds.
    assert_eq!(place.usual(), (Launched::Hit, outcome));
}

#[test]
fn what_was_written_just_now_is_not_trusted() {
    let dir = Dir::new("granule");
    let place = Place::new(&dir, "here");
    let (first, _) = place.usual();
    assert_eq!(first, Launched::Miss("none is kept".to_string()));
    // Nothing was kept, since the files may change once more within the same step of the file system's clock.
    assert_eq!(place.usual().0, Launched::Miss("none is kept".to_string()));
    settle();
    place.launch_twice();
    write_over(&place.at.join("b/libvalue.so"), &library(2));
    assert!(matches!(place.usual().0, Launched::Miss(why) if why.ends_with("has changed")));
    assert_eq!(place.usual().0, place.usual().0);
}

#[test]
fn files_that_change_while_they_are_loaded() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 3] = [
        ("in-place", |at| {
            write_over(&at.join("b/libvalue.so"), &library(2))
        }),
        ("earlier", |at| {
            fs::write(at.join("a/libvalue.so"), library(2)).unwrap()
        }),
        ("program", |at| {
            write_over(&at.join("main.wasm"), &program(NEEDED, "$ORIGIN/lid"))
        }),
    ];
    let dir = Dir::new("under-way");
    let places = changes.map(|(name, change)| (Place::new(&dir, name), change));
    settle();
    for (place, change) in places {
        let mut config = place.config();
        let (at, done) = (place.at.clone(), Rc::new(Cell::new(false)));
        config.progress = Some(std::sync::Arc::new(move |progress| {
            // All files have been read.
            if progress == Progress::Compiled && !done.replace(true) {
                change(&at);
            }
        }));
        // The load goes by what it read.
        let (launched, outcome) = place.run(config, MAIN);
        assert_eq!(launched, Launched::Miss("none is kept".to_string()));
        assert!(outcome.contains("result 9001001"), "{outcome}");
        let (next, outcome) = place.usual();
        assert_eq!(
            next,
            Launched::Miss("none is kept".to_string()),
            "{}",
            place.at.display()
        );
        assert_eq!(outcome, place.without());
    }
}

#[test]
fn options_that_change() {
    type Change = (&'static str, fn(&Path, &mut Config, &mut Flags));
    let changes: &[Change] = &[
        ("an earlier folder", |at, config, _| {
            config.search.library_paths.insert(0, at.join("c"))
        }),
        ("fewer folders", |_, config, _| {
            config.search.library_paths.remove(0);
        }),
        ("a default folder", |at, config, _| {
            config.search.default_paths.push(at.join("c"))
        }),
        ("the library in a default folder alone", |at, config, _| {
            config.search.library_paths.clear();
            config.search.default_paths.push(at.join("c"))
        }),
        ("RUNTIME_PATH", |_, config, _| {
            config.search.runtime_path = RuntimePath::Any
        }),
        ("no RUNTIME_PATH", |_, config, _| {
            config.search.runtime_path = RuntimePath::Off
        }),
        ("a preload", |at, config, _| {
            config
                .preloads
                .push(at.join("c/libvalue.so").display().to_string());
        }),
        ("binding", |_, config, _| config.bind = Bind::Lazy),
        ("calls through stubs", |_, config, _| config.plt = Plt::Wasm),
        ("calls through the host", |_, config, _| {
            config.plt = Plt::Host
        }),
        ("the stack", |_, config, _| config.stack_size *= 2),
        ("pages", |_, config, _| config.limits.memory_pages = 100),
        ("slots", |_, config, _| config.limits.table_slots = 100),
        ("too few slots", |_, config, _| {
            config.limits.table_slots = 1
        }),
        ("objects", |_, config, _| config.limits.objects = 2),
        ("too few objects", |_, config, _| config.limits.objects = 1),
        ("too few exports", |_, config, _| config.parse.exports = 1),
        ("a library with global symbols", |_, _, flags| {
            (flags.main, flags.global) = (false, true)
        }),
        ("own symbols first", |_, _, flags| flags.deepbind = true),
        ("no program", |_, _, flags| flags.main = false),
        ("interrupts", |_, config, _| {
            config.control = Mode::Interrupt
        }),
    ];
    let dir = Dir::new("options");
    let place = Place::new(&dir, "here");
    fs::create_dir(place.at.join("c")).unwrap();
    fs::write(place.at.join("c/libvalue.so"), library(3)).unwrap();
    settle();
    place.launch_twice();
    for (what, change) in changes {
        let made = |closures| {
            let (mut config, mut flags) = (place.config(), MAIN);
            config.launch_closures = closures;
            change(&place.at, &mut config, &mut flags);
            place.run(config, flags)
        };
        let (launched, outcome) = made(true);
        let fails = launched == Launched::Nothing;
        assert!(
            fails || launched == Launched::Miss("none is kept".to_string()),
            "{what}: {launched}"
        );
        assert_eq!(outcome, made(false).1, "{what}");
        // By a closure of its own it comes out the same.
        let (launched, again) = made(true);
        assert!(fails || launched == Launched::Hit, "{what}: {launched}");
        assert_eq!(outcome, again, "{what}");
    }
    // Of all these none has touched the first.
    assert_eq!(place.usual().0, Launched::Hit);
}

#[test]
fn definitions_of_the_host_that_change() {
    use crate::link::host::HostValue;
    use crate::object::{ExternType, FuncType, ValType};
    use crate::plan::Precedence;
    let dir = Dir::new("host");
    let place = Place::new(&dir, "here");
    settle();
    place.launch_twice();
    let sig = |results: &[ValType]| FuncType {
        params: Vec::new(),
        results: results.to_vec(),
    };
    let with = |name: &str, ty: FuncType, precedence, closures| {
        let mut config = place.config();
        config.launch_closures = closures;
        let world = World::of_files(&place.engine(), config);
        let (store, of) = (world.ns.store(), ty.clone());
        let make = move || {
            let seven = |_: &[Val], results: &mut [Val]| {
                if let Some(result) = results.first_mut() {
                    *result = Val::i32(7);
                }
                Ok(())
            };
            crate::engine::HostFunc::new(store, &of, Box::new(seven))
        };
        let value = HostValue::Func(Default::default(), Box::new(make));
        let ty = ExternType::Func(ty.into());
        world.ns.define("env", name, value, ty, precedence).unwrap();
        match load(&world, &place.at.join("main.wasm"), MAIN) {
            Ok(outcome) => (world.ns.statistics().launched, outcome),
            Err(error) => (Launched::Nothing, error.to_string()),
        }
    };
    let i32 = sig(&[ValType::I32]);
    for (name, ty, precedence, result) in [
        ("other", i32.clone(), Precedence::Behind, "result 9001001"),
        ("other", sig(&[]), Precedence::Behind, "result 9001001"),
        ("value", i32.clone(), Precedence::Behind, "result 9001001"),
        ("value", i32.clone(), Precedence::Before, "result 9007007"),
        ("value", sig(&[]), Precedence::Before, "value"),
        ("absent", i32, Precedence::Behind, "result 9001001"),
    ] {
        let (launched, outcome) = with(name, ty.clone(), precedence, true);
        let fails = launched == Launched::Nothing;
        assert!(
            fails || matches!(launched, Launched::Miss(_)),
            "{name}: {launched}"
        );
        assert!(outcome.contains(result), "{name}: {outcome}");
        assert_eq!(outcome, with(name, ty.clone(), precedence, false).1);
        let (launched, again) = with(name, ty, precedence, true);
        assert!(fails || launched == Launched::Hit, "{name}: {launched}");
        assert_eq!(outcome, again);
    }
}

#[test]
fn loads_that_are_not_kept() {
    let dir = Dir::new("unfit");
    let place = Place::new(&dir, "here");
    settle();
    place.launch_twice();
    let unfit = |change: &dyn Fn(&mut Config)| {
        let mut config = place.config();
        change(&mut config);
        match place.run(config, MAIN).0 {
            Launched::Unfit(why) => why,
            other => panic!("{other}"),
        }
    };
    let asked = unfit(&|config| config.search.open = Some(std::sync::Arc::new(|_, _| Ok(None))));
    assert!(asked.contains("open callback"), "{asked}");
    let libs = |config: &mut Config| {
        let mask = crate::trace::parse("libs").unwrap();
        config.trace = crate::trace::Trace::new(mask, std::sync::Arc::new(|_, _| {}));
    };
    assert!(unfit(&libs).contains("debug output"));
    // Without a folder each engine remembers its own.
    let no_cache = EngineOptions::default();
    let (launched, _) = run(&no_cache, place.config(), &place.at.join("main.wasm"), MAIN);
    assert_eq!(launched, Launched::Miss("none is kept".to_string()));
    // Later loads, and bytes.
    let world = World::of_files(&place.engine(), place.config());
    load(&world, &place.at.join("main.wasm"), MAIN).unwrap();
    let more = place.at.join("more.so");
    fs::write(&more, library(5)).unwrap();
    world.ns.load(Source::Path(more), Flags::default()).unwrap();
    let launched = world.ns.statistics().launched;
    assert_eq!(
        launched,
        Launched::Unfit("it is not the first load of its namespace")
    );
    let world = World::of_files(&place.engine(), place.config());
    let (name, bytes) = ("x.so".to_string(), library(5));
    world
        .ns
        .load(Source::Bytes { name, bytes }, Flags::default())
        .unwrap();
    assert_eq!(
        world.ns.statistics().launched,
        Launched::Unfit("the object came as bytes")
    );
}

#[test]
fn what_nobody_asks_for_is_not_read() {
    let dir = Dir::new("unread");
    let place = Place::new(&dir, "here");
    settle();
    place.launch_twice();
    let world = World::of_files(&place.engine(), place.config());
    let id = world
        .ns
        .load(Source::Path(place.at.join("main.wasm")), MAIN)
        .unwrap();
    world.ns.run().unwrap();
    let unread = |world: &World| {
        let state = world.ns.state();
        let nodes = state.model.nodes.values();
        nodes.filter(|node| !node.found.object.is_read()).count()
    };
    assert_eq!(world.ns.statistics().launched, Launched::Hit);
    assert_eq!(unread(&world), 2, "the load and the run have read metadata");
    // A later load binds to what was not read.
    let user = r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "value" (func (result i32))) (export "value_of" (func 0)))"#;
    let path = place.at.join("user.so");
    fs::write(&path, wat::parse_str(user).unwrap()).unwrap();
    world.ns.load(Source::Path(path), Flags::default()).unwrap();
    assert_eq!(unread(&world), 0);
    world.ns.dlsym(SearchIn::Object(id), "value").unwrap();
}

#[test]
fn what_is_damaged_or_foreign_is_a_miss() {
    let dir = Dir::new("damage");
    let place = Place::new(&dir, "here");
    settle();
    place.launch_twice();
    let kept = place.at.join("kept");
    let entries = fs::read_dir(&kept)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let records: Vec<PathBuf> = entries
        .filter(|path| {
            let bytes = fs::read(path).unwrap_or_default();
            bytes.windows(9).any(|w| w == b"main.wasm")
        })
        .collect();
    assert_eq!(records.len(), 1, "one file a launch");
    let record = &records[0];
    let whole = fs::read(record).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 40 + 1) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        fs::write(record, &flipped).unwrap();
        let (launched, outcome) = place.usual();
        assert!(
            matches!(launched, Launched::Miss(_)),
            "byte {at}: {launched}"
        );
        assert_eq!(outcome, place.without());
    }
    for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
        fs::write(record, &whole[..cut]).unwrap();
        assert!(matches!(place.usual().0, Launched::Miss(_)), "cut at {cut}");
    }
    // Each miss has kept it anew.
    assert_eq!(place.usual().0, Launched::Hit);
}

/// What a closure consists of is not trusted either: any bytes are refused or give a launch whose numbers name something.
#[test]
fn any_bytes_end_in_an_answer() {
    let dir = Dir::new("bytes");
    let place = Place::new(&dir, "here");
    settle();
    place.launch_twice();
    let world = World::of_files(&place.engine(), place.config());
    let source = Source::Path(place.at.join("main.wasm"));
    let options = crate::plan::Options {
        global: true,
        ..world.ns.config().options()
    };
    world.ns.define_services().unwrap();
    let name = world.ns.launch_name(&source, MAIN, &options).unwrap();
    let record = world.ns.keeper().unwrap().record(name).unwrap();
    let record = record.bytes().to_vec();
    assert!(launch::decode(record.clone()).is_ok());
    for at in 0..record.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut changed = record.to_vec();
            changed[at] = value;
            if let Ok(launch) = launch::decode(changed) {
                let count = launch.closure.fresh.len();
                for found in &launch.closure.fresh {
                    let _ = found.object.exports.len();
                    assert!(found.needed.iter().all(|id| (id.0 as usize) < count));
                }
            }
        }
        let _ = launch::decode(record[..at].to_vec());
    }
}
