#![no_main]

use libfuzzer_sys::fuzz_target;
use wasmdyld_fuzz::memory;

#[global_allocator]
static COUNTING: memory::Counting = memory::Counting;

fuzz_target!(|bytes: &[u8]| memory::bounded(bytes.len(), 64, || wasmdyld::fuzzing::archive(bytes)));
