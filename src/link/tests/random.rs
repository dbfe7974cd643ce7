//! Random guests, opened, used and closed on a real engine, whose calls fail now and then. A load that fails has changed nothing, and
//! the books agree with each other after everything.

use super::guest::{self, FUEL, FUNCS, Mood};
use super::inject;
use super::world::World;
use crate::abi;
use crate::config::Config;
use crate::engine::Val;
use crate::error::{Code, Error, Result};
use crate::link::{Flags, Party, SearchIn, Symbol};
use crate::plan::tests::random::Random;
use crate::plan::tests::unload::check_model;
use crate::plan::{Bind, ObjectId, Plt};

/// How many loads went well, and how many failed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub loaded: u32,
    pub failed: u32,
    pub injected: u32,
}

/// A world and what is done with it, as the decisions say.
pub fn round(mut random: Random) -> Tally {
    let random = &mut random;
    let mood = Mood {
        guests: 1 + random.below(5),
        handlers_open: random.one_in(4),
        grow: random.one_in(3),
        traps: random.one_in(2),
        beyond: random.one_in(8),
    };
    let plt = [Plt::Auto, Plt::Auto, Plt::Wasm, Plt::Host][random.below(4) as usize];
    // The memory is looked through before and after each load: the smaller it is, the more are made.
    let world = inject::world_with(Config {
        plt,
        stack_size: 4 << 10,
        ..Config::default()
    });
    for n in 0..mood.guests {
        let bytes = guest::guest(random, mood);
        world.shelf.borrow_mut().insert(guest::name(n), bytes);
    }
    world.ns.define_services().expect("functions of the host");
    let (mut tally, mut open) = (Tally::default(), Vec::new());
    for _ in 0..2 + random.below(8) {
        step(random, mood, &world, &mut open, &mut tally);
        check(&world);
    }
    for id in open {
        no_internal(world.ns.close(id, Party::Host));
        check(&world);
    }
    no_internal(world.ns.finish());
    check(&world);
    tally
}

fn step(
    random: &mut Random,
    mood: Mood,
    world: &World,
    open: &mut Vec<ObjectId>,
    tally: &mut Tally,
) {
    refuel(world);
    match random.below(6) {
        0..3 => {
            let name = guest::name(random.below(mood.guests));
            let fails = random.one_in(3).then(|| random.below(60) as u32);
            if let Some(id) = load(random, mood, world, &name, fails, tally) {
                open.push(id);
            }
        }
        3 if !open.is_empty() => {
            let id = open.swap_remove(random.below(open.len() as u64) as usize);
            no_internal(world.ns.close(id, Party::Host));
        }
        4 => {
            let name = format!("f{}", random.below(FUNCS));
            let from = match open.get(random.below(1 + open.len() as u64) as usize) {
                Some(id) => SearchIn::Object(*id),
                None => SearchIn::Global,
            };
            no_internal(call(world, from, &name));
        }
        _ => {
            let name = format!("f{}", random.below(FUNCS));
            if let Ok(Symbol::Func { callee, sig }) = world.ns.dlsym(SearchIn::Global, &name) {
                no_internal(world.ns.slot(callee, &sig));
            }
        }
    }
}

/// Opens a library, perhaps with an engine's call that fails. After a failure all is as before.
fn load(
    random: &mut Random,
    mood: Mood,
    world: &World,
    name: &str,
    fails: Option<u32>,
    tally: &mut Tally,
) -> Option<ObjectId> {
    let flags = Flags {
        global: random.one_in(2),
        deepbind: random.one_in(4),
        bind: Some(if random.one_in(3) {
            Bind::Lazy
        } else {
            Bind::Now
        }),
        nodelete: random.one_in(8),
        ..Flags::default()
    };
    let before = world.snapshot();
    if let Some(n) = fails {
        inject::begin(n);
    }
    let outcome = world.open(name, flags);
    let injected = fails.is_some() && inject::end();
    refuel(world);
    match outcome {
        Ok(id) => {
            tally.loaded += 1;
            Some(id)
        }
        Err(error) => {
            tally.failed += 1;
            if std::env::var_os("WASMDYLD_SHOW").is_some() {
                println!("{}: {error}", error.code() as u32);
            }
            tally.injected += u32::from(injected);
            let after = world.snapshot();
            assert_same(mood, &before, &after, &error);
            // An engine that gives no exports is told of as an invariant that does not hold.
            if !injected {
                no_internal::<()>(Err(error));
            }
            None
        }
    }
}

/// The lines of two snapshots that guests cannot have made different.
fn assert_same(mood: Mood, before: &str, after: &str, error: &Error) {
    let told = |text: &str| -> Vec<String> {
        let all = text.lines().filter(|line| !excused(mood, line, error));
        all.map(str::to_string).collect()
    };
    let (then, now) = (told(before), told(after));
    let differ = then.iter().zip(&now).find(|(then, now)| then != now);
    assert!(
        differ.is_none() && then.len() == now.len(),
        "a load has failed ({error}) and changed {differ:#?}\nbefore:\n{before}\nafter:\n{after}"
    );
}

/// What a guest that has run may have changed for good.
fn excused(mood: Mood, line: &str, error: &Error) -> bool {
    let starts = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
    // Memory and table do not shrink.
    if mood.grow && starts(&["memory", "table"]) {
        return true;
    }
    // A function that has got a slot keeps it: the pointer may have been passed on. So does one whose binding a constructor made, in
    // whatever way that constructor failed.
    let told = |name: &str| error.chain().iter().any(|step| step.starts_with(name));
    let ran = error.code() == Code::Trap || told(abi::CALL_CTORS) || told(abi::APPLY_DATA_RELOCS);
    ran && starts(&["slots", "filled", "table"])
}

/// The books agree with each other, and no load is under way.
fn check(world: &World) {
    let state = world.ns.state();
    check_model(&state.model);
    let nodes = state.model.nodes.len();
    assert_eq!(
        state.live.len(),
        nodes,
        "objects without instances, or the other way round"
    );
    assert!(
        state
            .live
            .keys()
            .all(|id| state.model.nodes.contains_key(id))
    );
    let handlers = state.exit.all();
    let owners = handlers.iter().filter_map(|handler| handler.owner);
    for owner in owners {
        assert!(
            state.model.nodes.contains_key(&owner),
            "a handler of {owner:?}, which is gone"
        );
    }
    // What is kept for the next load is still what it was made as.
    for ((value, _), global) in &state.numbers {
        assert_eq!(
            global.get().as_u32().map(u64::from),
            Some(*value),
            "a number that all share"
        );
    }
    drop(state);
    assert!(world.ns.begin().is_ok(), "the namespace stays busy");
}

fn refuel(world: &World) {
    if let Ok(memory) = world.ns.memory() {
        let _ = memory.write(FUEL.into(), &[0; 4]);
    }
}

fn call(world: &World, from: SearchIn, name: &str) -> Result<u32> {
    let ns = &world.ns;
    let Symbol::Func { callee, .. } = ns.dlsym(from, name)? else {
        return Err(Error::new(Code::NotFound, "no function"));
    };
    let raw = ns.func_ptr(callee)?;
    // SAFETY: the object is loaded.
    let func = unsafe { crate::engine::Func::lend(ns.store().api(), raw) };
    let mut results = [Val::i32(0)];
    ns.call_checked(&func, &[], &mut results)?;
    Ok(results[0].as_u32().unwrap_or_default())
}

/// Guests may fail in many ways, the linker's own faults are none of them.
fn no_internal<T>(outcome: Result<T>) {
    if let Err(error) = outcome {
        assert_ne!(error.code(), Code::Internal, "{error}");
        assert!(error.to_string().len() < 1 << 16, "{error}");
    }
}

#[test]
fn random_guests_leave_nothing_behind() {
    // An engine that compiles takes long for small modules; the fuzzer `load` makes many more rounds, on one that does not.
    let rounds: u64 = 24;
    let mut sum = Tally::default();
    for seed in 0..rounds {
        let ran = std::panic::catch_unwind(|| round(Random::new(seed)));
        let tally = ran.unwrap_or_else(|_| panic!("seed {seed}"));
        sum.loaded += tally.loaded;
        sum.failed += tally.failed;
        sum.injected += tally.injected;
    }
    println!("{sum:?}");
    // The generator must not drift to where nothing is tested.
    let least = rounds as u32 / 4;
    assert!(
        sum.loaded > least && sum.failed > least && sum.injected > least / 4,
        "{sum:?}"
    );
}
