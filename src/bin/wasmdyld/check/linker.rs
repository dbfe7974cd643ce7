//! The linker itself, on the engine: libraries from memory, loaded, called and unloaded.

use std::rc::Rc;

use wasmdyld::config::Config;
use wasmdyld::engine::{Feature, Func, Val};
use wasmdyld::link::{Flags, Namespace, Party, SearchIn, Source, Symbol};
use wasmdyld::plan::{Bind, ObjectId, Plt};
use wasmdyld::search::Opened;

use super::kit::{Answer, Kit, bytes, fine, same};

/// A namespace whose libraries are these texts.
struct World {
    ns: Rc<Namespace>,
    shelf: Rc<Vec<(&'static str, Vec<u8>)>>,
}

impl World {
    fn new(kit: &Kit, plt: Plt, libraries: &[(&'static str, &str)]) -> Answer<World> {
        let shelf = libraries
            .iter()
            .map(|(name, text)| Ok((*name, bytes(text)?)));
        let shelf = Rc::new(shelf.collect::<Answer<Vec<_>>>()?);
        let mut config = Config {
            plt,
            ..Config::default()
        };
        let books = shelf.clone();
        config.search.open = Some(std::sync::Arc::new(move |name, _| {
            let book = books.iter().find(|(known, _)| *known == name);
            Ok(book.map(|(name, bytes)| Opened {
                bytes: bytes.clone(),
                identity: name.as_bytes().to_vec(),
                ready: None,
            }))
        }));
        Ok(World {
            ns: Namespace::new(kit.store(), config),
            shelf,
        })
    }

    fn open(&self, name: &str, flags: Flags) -> Answer<ObjectId> {
        Ok(self.ns.load(Source::Name(name.to_string()), flags)?)
    }

    /// The same bytes once more, as another object.
    fn open_bytes(&self, name: &str) -> Answer<ObjectId> {
        let book = self.shelf.iter().find(|(known, _)| *known == name);
        let (_, bytes) = book.ok_or("there is no such library")?;
        let source = Source::Bytes {
            name: name.to_string(),
            bytes: bytes.clone(),
        };
        Ok(self.ns.load(source, Flags::default())?)
    }

    fn call(&self, object: ObjectId, name: &str, args: &[i32]) -> Answer<i32> {
        let Symbol::Func { callee, .. } = self.ns.dlsym(SearchIn::Object(object), name)? else {
            return Err(format!("{name} is no function").into());
        };
        let raw = self.ns.func_ptr(callee)?;
        // SAFETY: the function's object is loaded and stays so during the call.
        let func = unsafe { Func::lend(self.ns.store().api(), raw) };
        let args: Vec<Val> = args.iter().map(|&arg| Val::i32(arg)).collect();
        let mut results = [Val::i32(0)];
        self.ns.call_checked(&func, &args, &mut results)?;
        let [result] = results;
        result
            .as_i32()
            .ok_or_else(|| format!("{name} gives no i32").into())
    }

    fn datum(&self, object: ObjectId, name: &str) -> Answer<u32> {
        let Symbol::Data { address, .. } = self.ns.dlsym(SearchIn::Object(object), name)? else {
            return Err(format!("{name} is no datum").into());
        };
        Ok(self.ns.memory()?.read_u32(address)?)
    }
}

/// Two libraries that need each other: data, GOT entries, constructors, a pointer to a function, calls both ways.
const CIRCLE: [(&str, &str); 2] = [
    (
        "a.so",
        r#"(module
          (@dylink.0 (mem-info (memory 16 2) (table 1 0)) (needed "b.so"))
          (import "env" "memory" (memory 1))
          (import "env" "__indirect_function_table" (table 1 funcref))
          (import "env" "__memory_base" (global $base i32))
          (import "env" "__table_base" (global $slots i32))
          (import "GOT.mem" "counter" (global $counter (mut i32)))
          (import "GOT.func" "work" (global $work (mut i32)))
          (import "env" "work" (func $call_work (result i32)))
          (func $back (export "back") (result i32) (i32.const 3))
          (elem (global.get $slots) $back)
          (data (global.get $base) "\07\00\00\00")
          (func (export "__wasm_call_ctors")
            (i32.store (global.get $counter)
              (i32.add (i32.load (global.get $counter)) (call $call_work))))
          (func (export "run") (result i32)
            (i32.add
              (i32.add
                (i32.mul (i32.load (global.get $base)) (i32.const 10000))
                (i32.mul (call $call_work) (i32.const 1000)))
              (i32.add
                (i32.mul (call_indirect (result i32) (global.get $work)) (i32.const 100))
                (i32.load (global.get $counter))))))"#,
    ),
    (
        "b.so",
        r#"(module
          (@dylink.0 (mem-info (memory 32 3) (table 0 0)) (needed "a.so"))
          (import "env" "memory" (memory 1))
          (import "env" "__memory_base" (global $base i32))
          (import "env" "back" (func $back (result i32)))
          (global (export "counter") i32 (i32.const 16))
          (data (global.get $base) "................\09\00\00\00")
          (func (export "work") (result i32) (i32.add (call $back) (i32.const 1)))
          (func (export "__wasm_call_ctors")
            (i32.store offset=16 (global.get $base)
              (i32.add (i32.load offset=16 (global.get $base)) (i32.const 20)))))"#,
    ),
];

/// 7 of a's data, 4 by a call, 4 by a pointer, and 9 + 20 + 4 of both constructors.
const CIRCLE_RUNS: i32 = 7 * 10000 + 4 * 1000 + 4 * 100 + 33;

pub fn circle(kit: &Kit) -> Answer {
    for plt in [Plt::Auto, Plt::Wasm, Plt::Host] {
        let world = World::new(kit, plt, &CIRCLE)?;
        let id = world.open("a.so", Flags::default())?;
        same(
            "what the libraries reckon",
            world.call(id, "run", &[])?,
            CIRCLE_RUNS,
        )?;
    }
    fine()
}

pub fn lazy_binding(kit: &Kit) -> Answer {
    let lazy = r#"(module
      (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
      (import "env" "work" (func $work (result i32)))
      (func (export "ask") (result i32) (call $work)))"#;
    let [a, b] = CIRCLE;
    let world = World::new(kit, Plt::Auto, &[a, b, ("lazy.so", lazy)])?;
    let flags = Flags {
        bind: Some(Bind::Lazy),
        ..Flags::default()
    };
    let id = world.open("lazy.so", flags)?;
    match world.call(id, "ask", &[]) {
        Ok(_) => return Err("a call of what is undefined comes back".into()),
        Err(why) if !why.as_str().contains("undefined symbol work") => {
            return Err(format!("a call of what is undefined says: {}", why.as_str()).into());
        }
        Err(_) => {}
    }
    let global = Flags {
        global: true,
        ..Flags::default()
    };
    world.open("b.so", global)?;
    same(
        "a call of what is defined by now",
        world.call(id, "ask", &[])?,
        4,
    )?;
    same("the next call", world.call(id, "ask", &[])?, 4)?;
    fine()
}

/// A library that stays, with a datum for another to change, which registers an exit handler.
const GOING: [(&str, &str); 2] = [
    (
        "home.so",
        r#"(module
          (@dylink.0 (mem-info (memory 4 2) (table 0 0)))
          (import "env" "memory" (memory 1))
          (import "env" "__memory_base" (global $base i32))
          (global (export "flag") i32 (i32.const 0))
          (data (global.get $base) "\05\00\00\00"))"#,
    ),
    (
        "guest.so",
        r#"(module
          (@dylink.0 (mem-info (memory 16 2) (table 1 0)) (needed "home.so"))
          (import "env" "memory" (memory 1))
          (import "env" "__indirect_function_table" (table 1 funcref))
          (import "env" "__memory_base" (global $base i32))
          (import "env" "__table_base" (global $slots i32))
          (import "GOT.mem" "flag" (global $flag (mut i32)))
          (import "env" "__cxa_atexit" (func $cxa_atexit (param i32 i32 i32) (result i32)))
          (func $handler (param i32)
            (i32.store (global.get $flag) (i32.add (i32.load (global.get $flag)) (local.get 0))))
          (elem (global.get $slots) $handler)
          (func (export "calls") (result i32)
            (i32.store (global.get $base) (i32.add (i32.load (global.get $base)) (i32.const 1)))
            (i32.load (global.get $base)))
          (func (export "__wasm_call_ctors")
            (drop (call $cxa_atexit (global.get $slots) (i32.const 100) (global.get $base)))))"#,
    ),
];

pub fn unloading(kit: &Kit) -> Answer {
    let world = World::new(kit, Plt::Auto, &GOING)?;
    let home = world.open("home.so", Flags::default())?;
    for n in 1..=20 {
        let guest = world.open("guest.so", Flags::default())?;
        same("its data are fresh", world.call(guest, "calls", &[])?, 1)?;
        same("objects", world.ns.objects().len(), 2)?;
        world.ns.close(guest, Party::Host)?;
        same("objects after closing", world.ns.objects().len(), 1)?;
        same(
            "runs of its exit handler",
            world.datum(home, "flag")?,
            5 + 100 * n,
        )?;
    }
    let pages = world.ns.memory()?.pages();
    let (first, second) = (world.open_bytes("guest.so")?, world.open_bytes("guest.so")?);
    same("calls of one copy", world.call(first, "calls", &[])?, 1)?;
    same("calls of another", world.call(second, "calls", &[])?, 1)?;
    same("pages", world.ns.memory()?.pages(), pages)?;
    fine()
}

const HOPS: i32 = 1_000_000;

pub fn tail_calls(kit: &Kit) -> Answer {
    if !kit.has(Feature::TailCalls) {
        return Err("it has no tail calls".into());
    }
    let object = |own: &str, other: &str| {
        format!(
            r#"(module
              (@dylink.0 (mem-info (memory 0 0) (table 0 0)) (needed "{other}.so"))
              (import "env" "{other}" (func $other (param i32) (result i32)))
              (func (export "{own}") (param i32) (result i32)
                (if (result i32) (i32.eqz (local.get 0))
                  (then (i32.const 91))
                  (else (return_call $other (i32.sub (local.get 0) (i32.const 1)))))))"#
        )
    };
    let (ping, pong) = (object("ping", "pong"), object("pong", "ping"));
    let libraries = [("ping.so", ping.as_str()), ("pong.so", pong.as_str())];
    // Of two in a circle one call at least goes through a stub; then all do.
    for plt in [Plt::Auto, Plt::Wasm] {
        let world = World::new(kit, plt, &libraries)?;
        let id = world.open("ping.so", Flags::default())?;
        same("the end of the chain", world.call(id, "ping", &[HOPS])?, 91)?;
    }
    Ok(format!("{HOPS} hops"))
}

const TAG: &str = r#"(import "env" "__cpp_exception" (tag $tag (param i32)))"#;
const CATCHING: &str = "(block $caught (result i32) (try_table (catch $tag $caught) (call $throw (i32.const 42))) (i32.const 0))";
const CATCHING_LEGACY: &str =
    "try (result i32) i32.const 42 call $throw i32.const 0 catch $tag end";

fn catcher(catching: &str) -> String {
    format!(
        r#"(module
          (@dylink.0 (mem-info (memory 0 0) (table 0 0)) (needed "throw.so"))
          {TAG}
          (import "env" "throw" (func $throw (param i32)))
          (func (export "run") (result i32) {catching}))"#
    )
}

pub fn exceptions(kit: &Kit) -> Answer {
    let catching = if kit.has(Feature::Exceptions) {
        CATCHING
    } else if kit.has(Feature::LegacyExceptions) {
        CATCHING_LEGACY
    } else {
        return Err("it has no exceptions".into());
    };
    let catcher = catcher(catching);
    let thrower = format!(
        r#"(module
          (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
          {TAG}
          (func (export "throw") (param i32) (throw $tag (local.get 0))))"#
    );
    let libraries = [
        ("catch.so", catcher.as_str()),
        ("throw.so", thrower.as_str()),
    ];
    let mut ways = Vec::new();
    for (plt, way) in [
        (Plt::Auto, "a direct call"),
        (Plt::Wasm, "a stub"),
        (Plt::Host, "a host function"),
    ] {
        let world = World::new(kit, plt, &libraries)?;
        let id = world.open("catch.so", Flags::default())?;
        match (world.call(id, "run", &[]), plt) {
            (Ok(42), _) => ways.push(way),
            // The slow way is asked for by name only.
            (_, Plt::Host) => {}
            (Ok(other), _) => return Err(format!("through {way}: {other} in place of 42").into()),
            (Err(why), _) => return Err(format!("through {way}: {}", why.as_str()).into()),
        }
    }
    Ok(format!("through {}", ways.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::{Validator, WasmFeatures};

    /// No engine of the tests has the legacy ones, so that this text is seen by nobody else.
    #[test]
    fn what_catches_is_a_module() {
        for catching in [CATCHING, CATCHING_LEGACY] {
            let module = wat::parse_str(catcher(catching)).unwrap();
            let mut validator = Validator::new_with_features(WasmFeatures::all());
            validator.validate_all(&module).unwrap();
        }
    }
}
