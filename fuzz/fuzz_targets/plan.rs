#![no_main]

use libfuzzer_sys::fuzz_target;
use wasmdyld_fuzz::memory;

#[global_allocator]
static COUNTING: memory::Counting = memory::Counting;

fuzz_target!(
    |bytes: &[u8]| memory::bounded(bytes.len(), 4 << 10, || wasmdyld::fuzzing::plan(bytes))
);
