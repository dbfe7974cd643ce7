//! Modules together: each is read as a file of its own, and all are linked.

use super::check_error;
use crate::plan::tests::random::Random;
use crate::plan::tests::unload;
use crate::plan::tests::world::{Flags, World};
use crate::plan::{Bind, Plt, map};

/// More files than this are not looked at.
const MOST: usize = 8;

/// A file of the input: its name and its bytes.
pub type File = (String, Vec<u8>);

/// What decides about the loads, and the files: a byte that counts the decisions, the decisions, then for each file its name behind a
/// byte with its length, and its bytes behind their length in two bytes. What is too short is cut.
pub fn split(bytes: &[u8]) -> (Vec<u8>, Vec<File>) {
    let mut rest = bytes;
    let decisions = take(&mut rest, 1).to_vec();
    let mut files = Vec::new();
    while !rest.is_empty() && files.len() < MOST {
        let name = String::from_utf8_lossy(take(&mut rest, 1)).into_owned();
        files.push((name, take(&mut rest, 2).to_vec()));
    }
    (decisions, files)
}

/// Bytes behind their length in `width` bytes.
fn take<'a>(rest: &mut &'a [u8], width: usize) -> &'a [u8] {
    let (length, behind) = rest.split_at(rest.len().min(width));
    let length = length
        .iter()
        .rev()
        .fold(0, |n, byte| n << 8 | usize::from(*byte));
    let (taken, behind) = behind.split_at(behind.len().min(length));
    *rest = behind;
    taken
}

/// The inverse of [`split`].
pub fn join(decisions: &[u8], files: &[File]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut put = |part: &[u8], width: usize| {
        let part = &part[..part.len().min((1 << (8 * width)) - 1)];
        bytes.extend(&part.len().to_le_bytes()[..width]);
        bytes.extend(part);
    };
    put(decisions, 1);
    for (name, file) in files {
        put(name.as_bytes(), 1);
        put(file, 2);
    }
    bytes
}

/// Puts the files on a shelf, the first as a program if it is to be one, and opens and closes some.
pub fn files(bytes: &[u8]) {
    let (decisions, files) = split(bytes);
    let mut random = Random::of(&decisions);
    let mut world = World::default();
    world.limits.memory_pages = 1 << 10;
    world.limits.table_slots = 1 << 16;
    world.plt = [Plt::Auto, Plt::Wasm, Plt::Host][random.below(3) as usize];
    let main = random.one_in(2);
    let mut names = Vec::new();
    for (n, (name, file)) in files.iter().enumerate() {
        match world.shelf.put_bytes(name, file, main && n == 0) {
            Ok(()) => names.push(name.clone()),
            Err(error) => check_error(&error, file.len()),
        }
    }
    loads(&mut random, &mut world, &names, bytes.len());
}

fn loads(random: &mut Random, world: &mut World, names: &[String], input: usize) {
    let mut open = Vec::new();
    for n in 0..2 + random.below(6) {
        if names.is_empty() {
            return;
        }
        let name = match n {
            0 => &names[0],
            _ => &names[random.below(names.len() as u64) as usize],
        };
        let flags = Flags {
            global: random.one_in(3),
            deepbind: random.one_in(4),
            bind: if random.one_in(3) {
                Bind::Lazy
            } else {
                Bind::Now
            },
        };
        // A program is the first or none.
        if n > 0 && world.shelf.files[name].role.is_main() {
            continue;
        }
        match unload::open(world, name, flags) {
            Ok(id) => open.push(id),
            Err(error) => check_error(&error, input),
        }
        let _ = map(&world.model, None);
        if !open.is_empty() && random.one_in(3) {
            let id = open.swap_remove(random.below(open.len() as u64) as usize);
            unload::close(world, id);
        }
    }
    for id in open {
        unload::close(world, id);
    }
}
