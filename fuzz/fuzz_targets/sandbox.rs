#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wasmdyld::fuzzing::sandbox(bytes));
