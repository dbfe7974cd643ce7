//! Random namespaces: a load is either refused for a reason that the naive linker sees too, or its plan holds every
//! invariant of `check`. Deterministic: a failure names its seed, or is led by the bytes that a fuzzer gives.

use super::draft::{Draft, I32, sig};
use super::unload;
use super::world::{Flags, World};
use crate::abi;
use crate::error::Code;
use crate::object::*;
use crate::plan::*;

/// Where decisions come from.
pub enum Random {
    /// xorshift64*
    Seed(u64),
    /// A byte a decision; none are left: always the last choice.
    Bytes(std::vec::IntoIter<u8>),
}

impl Random {
    pub fn new(seed: u64) -> Random {
        Random::Seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn of(bytes: &[u8]) -> Random {
        Random::Bytes(Vec::from(bytes).into_iter())
    }

    /// Below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        match self {
            Random::Seed(state) => {
                *state ^= *state >> 12;
                *state ^= *state << 25;
                *state ^= *state >> 27;
                (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
            }
            Random::Bytes(bytes) => {
                let mut next = || bytes.next().map_or(n - 1, u64::from);
                let low = next();
                let value = if n > 256 {
                    low | next() << 8 | next() << 16
                } else {
                    low
                };
                value % n
            }
        }
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

const FUNCS: u64 = 8;
const DATA: u64 = 4;

fn library(n: u64) -> String {
    format!("lib{n}.so")
}

/// How wild the objects of a round are.
#[derive(Clone, Copy)]
struct Mood {
    objects: u64,
    clashes: bool,
    undefined: bool,
    aliases: bool,
    globals: bool,
}

fn imports(random: &mut Random, draft: &mut Draft, mood: Mood) {
    for _ in 0..random.below(6) {
        let f = random.below(FUNCS);
        let kind = if mood.clashes && random.one_in(20) {
            f + 1
        } else {
            f
        };
        draft.import_func(&format!("f{f}"), sig(kind as usize % 3));
        if !mood.undefined || random.one_in(2) {
            draft.weak();
        }
    }
    for _ in 0..random.below(4) {
        match random.below(3) {
            0 => draft.got_mem(&format!("d{}", random.below(DATA))),
            1 => draft.got_mem("__heap_base"),
            _ => draft.got_func(&format!("f{}", random.below(FUNCS))),
        }
        if !mood.undefined || random.one_in(2) {
            draft.weak();
        }
    }
    if random.one_in(4) {
        draft.import(abi::ENV, abi::CPP_EXCEPTION, ExternType::Tag(sig(1)));
    }
    if mood.globals && random.one_in(3) {
        let name = format!("g{}", random.below(3));
        draft.import(abi::ENV, &name, ExternType::Global(I32));
    }
}

fn definitions(random: &mut Random, draft: &mut Draft, mood: Mood, imported: u32) -> u32 {
    let mut funcs = imported;
    let mut names = std::collections::HashSet::new();
    for _ in 0..random.below(6) {
        let f = random.below(FUNCS);
        let name = format!("f{f}");
        if !names.insert(name.clone()) {
            continue;
        }
        let sig = sig(f as usize % 3);
        if mood.aliases && imported > 0 && random.one_in(2) {
            let index = random.below(imported.into()) as u32;
            let sig = draft.imported_type(index);
            let name = format!("f{}", sig.params.len() as u64 + 3 * random.below(FUNCS / 3));
            if name == format!("f{f}") || names.insert(name.clone()) {
                draft.export(&name, ExportItem::Func { index, sig });
            }
        } else if mood.clashes && random.one_in(20) {
            draft.data(&name, 0);
        } else {
            draft.func(&name, sig);
            funcs += 1;
        }
    }
    for d in 0..DATA {
        if random.one_in(3) {
            draft.data(&format!("d{d}"), random.below(100));
        }
    }
    for g in 0..3 {
        if mood.globals && random.one_in(3) {
            draft.data(&format!("g{g}"), 7);
        }
    }
    if random.one_in(30) {
        let tag = ExportItem::Tag {
            index: 0,
            sig: sig(1),
        };
        draft.export(abi::CPP_EXCEPTION, tag);
    }
    funcs
}

fn object(random: &mut Random, mood: Mood) -> Object {
    let mut draft = Draft::library();
    imports(random, &mut draft, mood);
    let mut object = draft.done();
    let imported = object.imported_funcs;
    let mut draft = Draft::go_on(object);
    let funcs = definitions(random, &mut draft, mood, imported);
    for _ in 0..random.below(4) {
        draft.needs(&library(random.below(mood.objects)));
    }
    let dylink = draft.dylink();
    dylink.memory_size = [0, 1, 7, 64, 1000, 70_000][random.below(6) as usize];
    dylink.memory_p2align = [0, 0, 2, 4, 12, 16][random.below(6) as usize];
    dylink.table_p2align = [0, 0, 0, 1, 3][random.below(5) as usize];
    if funcs > 0 && random.one_in(2) {
        let entry = |random: &mut Random| {
            let index = random.below(u64::from(funcs) + 1) as u32;
            (index < funcs).then_some(index)
        };
        let len = random.below(6);
        let held = (0..len).map(|_| entry(random)).collect();
        draft.segment(held);
        draft.dylink().table_size += random.below(2);
    }
    object = draft.done();
    object
}

fn world(random: &mut Random) -> World {
    let objects = 1 + random.below(8);
    let mood = Mood {
        objects,
        clashes: random.one_in(8),
        undefined: random.one_in(4),
        aliases: random.one_in(3),
        globals: random.one_in(6),
    };
    let mut world = World::default();
    for n in 0..objects {
        let object = object(random, mood);
        world.shelf.put(&library(n), object);
    }
    if random.one_in(2) {
        let file = world.shelf.files.get_mut(&library(0)).expect("the first");
        file.role = Role::Main;
        if random.one_in(2) {
            file.role = Role::FixedMain;
            file.stack_pointer = random.one_in(2).then_some(1 << 16);
            // Its segment begins at an absolute slot, and its memory holds its data.
            let mut object = (*file.object).clone();
            let slots = object.dylink.take().map_or(0, |d| d.table_size);
            for segment in &mut object.segments {
                (segment.offset.base, segment.offset.offset) = (Base::None, 1);
            }
            for ty in object.imports.types_mut() {
                match ty {
                    ExternType::Memory(memory) => memory.limits.min = 2,
                    ExternType::Table(table) => table.limits.min = 1 + slots,
                    _ => {}
                }
            }
            file.object = object.into();
        }
    }
    if random.one_in(3) {
        world.shelf.link(&library(0), "alias.so");
        world.preloads.push("alias.so".to_string());
    }
    for _ in 0..random.below(3) {
        world.preloads.push(library(random.below(objects)));
    }
    for _ in 0..random.below(3) {
        let f = random.below(FUNCS);
        let def = HostDef {
            ty: ExternType::Func(sig(f as usize % 3)),
            precedence: if random.one_in(2) {
                Precedence::Before
            } else {
                Precedence::Behind
            },
        };
        world.model.host.define(abi::ENV, &format!("f{f}"), def);
    }
    world.plt = [Plt::Auto, Plt::Auto, Plt::Wasm, Plt::Host][random.below(4) as usize];
    world.stack_size = random.below(100_000);
    if random.one_in(10) {
        world.limits.memory_pages = 1 + random.below(8);
        world.limits.table_slots = 1 + random.below(16);
    }
    world
}

fn flags(random: &mut Random) -> Flags {
    Flags {
        global: random.one_in(3),
        deepbind: random.one_in(4),
        bind: if random.one_in(3) {
            Bind::Lazy
        } else {
            Bind::Now
        },
    }
}

/// What became of the loads of one namespace.
pub(crate) fn round(mut random: Random) -> Vec<Result<usize, Code>> {
    let mut world = world(&mut random);
    let objects = world.shelf.files.len() as u64;
    let (mut results, mut open) = (Vec::new(), Vec::new());
    for n in 0..1 + random.below(4) {
        let name = if n == 0 {
            library(0)
        } else {
            library(random.below(objects))
        };
        let known = world
            .shelf
            .files
            .get(&name)
            .is_some_and(|f| !f.role.is_main());
        if !known && (n > 0 || !world.shelf.files.contains_key(&name)) {
            continue;
        }
        let flags = flags(&mut random);
        let loaded = world.load(&name, flags);
        if loaded.is_ok() {
            let id = world.id(&name);
            world.model.nodes.get_mut(&id).unwrap().opens.host += 1;
            open.push(id);
        }
        let failed = loaded.is_err();
        results.push(
            loaded
                .map(|(plan, _)| plan.objects.len())
                .map_err(|e| e.code()),
        );
        // A program that is not there cannot be needed: its file would be refused as a library.
        if n == 0 && failed && !known {
            break;
        }
        if let (true, Some(now)) = (random.one_in(4), &mut world.now) {
            now.memory_pages += random.below(3);
            now.table_slots += random.below(3);
        }
        if !open.is_empty() && random.one_in(3) {
            let id = open.swap_remove(random.below(open.len() as u64) as usize);
            unload::close(&mut world, id);
        }
    }
    for id in open {
        unload::close(&mut world, id);
    }
    results
}

#[test]
fn random_loads_keep_every_invariant_or_are_refused_for_a_reason() {
    let rounds = if cfg!(debug_assertions) {
        4_000
    } else {
        40_000
    };
    let (mut plans, mut several) = (0, 0);
    let mut refused = std::collections::BTreeMap::new();
    for seed in 0..rounds {
        let round = std::panic::catch_unwind(|| round(Random::new(seed)))
            .unwrap_or_else(|_| panic!("seed {seed}"));
        for result in round {
            match result {
                Ok(objects) => {
                    plans += 1;
                    several += usize::from(objects > 2);
                }
                Err(code) => *refused.entry(code as u32).or_insert(0) += 1,
            }
        }
    }
    println!("{plans} plans, {several} of several objects, refused by code: {refused:?}");
    // The generator must not drift to where nothing is tested.
    assert!(plans > rounds as usize && several > rounds as usize / 4);
    for code in [
        Code::UndefinedSymbol,
        Code::TypeMismatch,
        Code::Limit,
        Code::Unsupported,
    ] {
        assert!(
            refused.get(&(code as u32)).is_some_and(|&n| n > 10),
            "{code:?}: {refused:?}"
        );
    }
}
