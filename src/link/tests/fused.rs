//! Random programs with libraries, loaded and as one module, on a real engine: both tell the host the same in the same order, end in the same
//! way, and leave the same memory.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use wasmparser::{Validator, WasmFeatures};

use super::fused_guest::{Kind, MAIN, guest, name};
use super::world::World;
use crate::config::Config;
use crate::engine::{Api, HostFunc, Val};
use crate::error::{Code, Result};
use crate::fuse::tests::shelf::Shelf;
use crate::fuse::{Fused, Options, fuse};
use crate::link::{Flags, HostValue, Source};
use crate::object::{ExternType, FuncType, ValType};
use crate::plan::Precedence;
use crate::plan::tests::random::Random;

/// What became of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ran to its end, or trapped, in the same way.
    Ran,
    Trapped,
    /// There is no plan of it.
    NoPlan,
    /// One module cannot have it.
    Unsupported,
}

/// What a program has told, how it has ended, and what it has left.
struct Run {
    told: Vec<u32>,
    ended: Result<i32>,
    memory: Vec<u8>,
    filled: Vec<u32>,
}

/// Small, since all of memory is compared.
const STACK: u64 = 4 << 10;

pub fn round(mut random: Random) -> Outcome {
    let random = &mut random;
    let libraries = random.below(5);
    let fixed = random.one_in(3);
    let gc = random.one_in(2);
    let mut modules = vec![(
        MAIN.to_string(),
        guest(random, libraries, Kind::Main { fixed }),
    )];
    for n in 0..libraries {
        modules.push((name(n), guest(random, libraries, Kind::Library)));
    }
    let valid =
        |bytes: &[u8]| Validator::new_with_features(WasmFeatures::WASM2).validate_all(bytes);
    for (name, bytes) in &modules {
        valid(bytes).unwrap_or_else(|error| panic!("{name} is not valid: {error}"));
    }
    let loaded = run(&modules);
    let fused = match fused(&modules, gc) {
        Ok(fused) => fused,
        Err(error) => {
            assert_ne!(error.code(), Code::Internal, "{error}");
            if error.code() == Code::Unsupported && loaded.ended.is_ok() {
                return Outcome::Unsupported;
            }
            let other = loaded.ended.expect_err("a load without a plan");
            assert_ne!(
                other.code(),
                Code::Trap,
                "it is loaded, and not linked: {error}"
            );
            return Outcome::NoPlan;
        }
    };
    valid(&fused.bytes).unwrap_or_else(|error| panic!("what comes out is not valid: {error}"));
    let one = run(&[(MAIN.to_string(), fused.bytes)]);
    assert_eq!(loaded.told, one.told, "{:?}, {:?}", loaded.ended, one.ended);
    match (&loaded.ended, &one.ended) {
        (Ok(loaded), Ok(one)) => assert_eq!(loaded, one),
        (Err(loaded), Err(one)) => {
            assert_eq!(
                (loaded.code(), one.code()),
                (Code::Trap, Code::Trap),
                "{loaded}\n{one}"
            );
            return Outcome::Trapped;
        }
        (loaded, one) => panic!("{loaded:?} if loaded, {one:?} as one module"),
    }
    if !gc {
        let differs = loaded
            .memory
            .iter()
            .zip(&one.memory)
            .position(|(a, b)| a != b);
        assert_eq!(differs, None, "memory differs");
        assert_eq!(loaded.memory.len(), one.memory.len());
    }
    let extra: Vec<_> = one
        .filled
        .iter()
        .filter(|slot| !loaded.filled.contains(slot))
        .collect();
    assert!(extra.is_empty(), "slots {extra:?} are empty in a load");
    Outcome::Ran
}

fn config() -> Config {
    Config {
        stack_size: STACK,
        ..Config::default()
    }
}

fn fused(modules: &[(String, Vec<u8>)], gc: bool) -> Result<Fused> {
    let mut shelf = Shelf::default();
    for (name, bytes) in modules {
        shelf.put(name, bytes, name == MAIN)?;
    }
    shelf.model.host.define(
        HOST,
        TOLD,
        crate::plan::HostDef {
            ty: ExternType::Func(told_type()),
            precedence: Precedence::Behind,
        },
    );
    let options = Options {
        gc,
        ..Options::hosted()
    };
    shelf.plan_with(&config(), MAIN, |world| fuse(world, &options))
}

/// The host's one function.
pub const HOST: &str = "host";
pub const TOLD: &str = "told";

fn told_type() -> Arc<FuncType> {
    Arc::new(FuncType {
        params: vec![ValType::I32],
        results: Vec::new(),
    })
}

fn run(modules: &[(String, Vec<u8>)]) -> Run {
    let world = World::with(Api::linked(), config());
    for (name, bytes) in modules.iter().skip(1) {
        world.shelf.borrow_mut().insert(name.clone(), bytes.clone());
    }
    let told = Rc::new(RefCell::new(Vec::new()));
    let (log, store) = (told.clone(), world.ns.store());
    let make = move || {
        let log = log.clone();
        let body = move |args: &[Val], _: &mut [Val]| {
            log.borrow_mut()
                .extend(args.iter().filter_map(|value| value.as_u32()));
            Ok(())
        };
        HostFunc::new(store, &told_type(), Box::new(body))
    };
    let value = HostValue::Func(OnceCell::new(), Box::new(make));
    let ty = ExternType::Func(told_type());
    let defined = world.ns.define(HOST, TOLD, value, ty, Precedence::Behind);
    defined.expect("a function of the host's");
    let flags = Flags {
        main: true,
        ..Flags::default()
    };
    let program = Source::Bytes {
        name: MAIN.to_string(),
        bytes: modules[0].1.clone(),
    };
    let ended = world.ns.load(program, flags).and_then(|_| world.ns.run());
    let (mut memory, mut filled) = (Vec::new(), Vec::new());
    if let (Ok(_), Ok(space)) = (&ended, world.ns.state().space()) {
        memory.resize(space.memory.size() as usize, 0);
        space.memory.read(0, &mut memory).expect("all of memory");
        filled.extend((0..space.table.size()).filter(|&n| space.table.get(n).is_some()));
    }
    let told = told.borrow().clone();
    Run {
        told,
        ended,
        memory,
        filled,
    }
}

#[test]
fn random_programs_do_the_same_as_one_module() {
    // An engine that compiles takes long for small modules; the fuzzer `fuse` makes many more rounds, on one that does not.
    let rounds: u64 = 60;
    let mut counts = std::collections::BTreeMap::new();
    for seed in 0..rounds {
        let ran = std::panic::catch_unwind(|| round(Random::new(seed)));
        let outcome = ran.unwrap_or_else(|_| panic!("seed {seed}"));
        *counts.entry(format!("{outcome:?}")).or_insert(0) += 1;
    }
    println!("{counts:?}");
    // The generator must not drift to where nothing is tested.
    for (outcome, least) in [("Ran", rounds / 3), ("Trapped", 3)] {
        assert!(
            counts.get(outcome).is_some_and(|&n| n >= least),
            "{counts:?}"
        );
    }
}
