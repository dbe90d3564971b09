//! See `cabi_tests::fuzzing::toy`.
#![no_main]

use cabi_tests::fuzzing;

libfuzzer_sys::fuzz_target!(|text: &str| fuzzing::toy(text).unwrap_or_else(|why| panic!("{why}")));
