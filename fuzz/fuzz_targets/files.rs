#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use wasmdyld_fuzz::{damage, memory};

#[global_allocator]
static COUNTING: memory::Counting = memory::Counting;

fuzz_target!(|bytes: &[u8]| memory::bounded(bytes.len(), 64, || wasmdyld::fuzzing::files(bytes)));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mutated = damage::modules(&data[..size], seed);
    damage::put(data, &mutated, max_size)
});
