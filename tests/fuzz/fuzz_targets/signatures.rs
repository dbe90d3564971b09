//! See `cabi_tests::fuzzing::signatures`.
#![no_main]

use cabi_tests::fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzzing::signatures(bytes).unwrap_or_else(|why| panic!("{why}"));
});
