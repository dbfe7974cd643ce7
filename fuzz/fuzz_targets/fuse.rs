#![no_main]

// The engine's functions, to be linked in.
use wasmdyld_fuzz as _;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wasmdyld::fuzzing::fuse(bytes));
